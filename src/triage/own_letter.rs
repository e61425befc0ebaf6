//! Whether a reported message is this service's own answer to its reporter.
//!
//! A letter's id is drawn at random and stands in its Message-ID; only who got it knows
//! it. That alone proves nothing, for whoever got one could send harm under its id: it
//! is ours only if it was written to the mailbox that reports it, and says word for
//! word what we say.

use crate::{
    app::App,
    domain::{Assessment, LetterId, MailboxRef, Signal, Verdict},
    message::{self, Fingerprint, Limits, ParsedMessage},
    notify,
    store::StoreError,
};

use super::judge::exact_key;

/// The reason shown, by its id.
const SIGNAL: &str = "own.letter";

/// Whether an assessment says so.
pub(super) fn is_one(assessment: &Assessment) -> bool {
    assessment.signals.iter().any(|signal| signal.id == SIGNAL)
}

/// Says so: nothing is pulled for it, and nobody is thanked for it again.
pub(super) fn say_so(assessment: &mut Assessment) {
    assessment.verdict = Verdict::Benign;
    assessment.may_pull = false;
    assessment.hold_reason = None;
    let reason = Signal {
        id: SIGNAL.to_owned(),
        class: "organisation".to_owned(),
        evidence: "this service's own answer to this person".to_owned(),
        place: "header:Message-ID".to_owned(),
        weight: 0.0,
    };
    assessment.signals.insert(0, reason);
}

/// Whether a message is text and nothing else, as our letters are: a file or a picture
/// beside our words is somebody else's.
pub(super) fn plain(parsed: &ParsedMessage) -> bool {
    parsed.attachments.is_empty()
        && parsed.nested.is_empty()
        && parsed.invites.is_empty()
        && parsed.view.as_ref().is_none_or(|view| view.images == 0)
}

/// Whether a message in a mailbox is a letter of ours to its owner.
pub(super) async fn recognised(
    app: &App,
    mailbox: &MailboxRef,
    print: &Fingerprint,
) -> Result<bool, StoreError> {
    let name = print
        .message_id
        .as_deref()
        .and_then(|id| id.split_once('@'));
    let Some(id) = name.and_then(|(id, _)| id.parse::<LetterId>().ok()) else {
        return Ok(false);
    };
    let rows = app.store.read(app.tenant);
    let Some(letter) = rows.letter(id).await? else {
        return Ok(false);
    };
    if letter.address.as_ref() != Some(&mailbox.address) {
        return Ok(false);
    }
    let answered = rows.submission(letter.submission).await?;
    let subject = answered.and_then(|submission| submission.subject);
    let reference = letter.report.to_string();
    // Whether the copy was held may have changed since.
    Ok([true, false].into_iter().any(|held| {
        let text = notify::Letter {
            name: "",
            message_id: &letter.message_id,
            outcome: letter.outcome,
            held,
            reference: &reference,
            reported_subject: subject.as_deref(),
        };
        let ours = app
            .notifier
            .compose(&text, &mailbox.address, letter.created_at);
        ours.is_ok_and(|raw| {
            let parsed = message::parse(&raw, &Limits::default());
            exact_key(&Fingerprint::of(&parsed)) == exact_key(print)
        })
    }))
}

//! Whether a hit is what is looked for: by content, against the confirmed seed,
//! before it counts as found.

use crate::{
    domain::{HitOutcome, Sighting, Way},
    mailbox::{Content, MailReader, MailboxError, ReplyState, Seen},
    message::{self, Fingerprint, Likeness, Limits, ParsedMessage},
};

use super::target::Target;
use crate::remediation::reconcile::fingerprint_of;

/// What a look at a message gave: its fingerprint, and those of messages attached.
pub(in crate::remediation) struct Read {
    pub(in crate::remediation) print: Fingerprint,
    pub(in crate::remediation) nested: Vec<Fingerprint>,
    pub(in crate::remediation) parsed: Option<Box<ParsedMessage>>,
}

/// How a message relates to the seed.
pub(in crate::remediation) enum Relation {
    Same(Vec<String>),
    Forward(Vec<String>),
    Variant(f64, Vec<String>),
    Different(String),
}

impl Read {
    /// Of a message that was looked at; `None` when it holds no content.
    pub(in crate::remediation) fn of(seen: &Seen) -> Option<Self> {
        match &seen.content {
            Content::Raw(raw) => Some(Self::of_raw(raw)),
            _ => Some(Self {
                print: fingerprint_of(seen)?,
                nested: Vec::new(),
                parsed: None,
            }),
        }
    }

    fn of_raw(raw: &[u8]) -> Self {
        let parsed = message::parse(raw, &Limits::default());
        Self {
            print: Fingerprint::of(&parsed),
            nested: parsed
                .nested
                .iter()
                .map(|nested| Fingerprint::of(&nested.message))
                .collect(),
            parsed: Some(Box::new(parsed)),
        }
    }

    /// Compares with the seed: the message itself, then what is attached to it.
    pub(in crate::remediation) fn relation(&self, seed: &Fingerprint) -> Relation {
        let different = match message::compare(seed, &self.print) {
            Likeness::Same { reasons } => return Relation::Same(reasons),
            Likeness::Forward { reasons } => return Relation::Forward(reasons),
            Likeness::Different { reason } => reason,
        };
        for inner in &self.nested {
            match message::compare(seed, inner) {
                Likeness::Same { mut reasons } | Likeness::Forward { mut reasons } => {
                    reasons.insert(0, "the message is attached".to_owned());
                    return Relation::Forward(reasons);
                }
                Likeness::Different { .. } => {}
            }
        }
        match message::variant(seed, &self.print) {
            Some(variant) => Relation::Variant(variant.score, variant.reasons),
            None => Relation::Different(different),
        }
    }
}

/// Reads what a search gave together with what is attached to it: a message known
/// by its fields is fetched whole where an attachment may hold the seed.
///
/// # Errors
/// [`MailboxError`] when the whole message could not be had for now.
pub(in crate::remediation) async fn read(
    reader: &dyn MailReader,
    seed: &Fingerprint,
    seen: &Seen,
) -> Result<Option<Read>, MailboxError> {
    let Some(read) = Read::of(seen) else {
        return Ok(None);
    };
    let may_be_attached = seen.has_attachments && matches!(seen.content, Content::Fields(_));
    if !may_be_attached || !matches!(read.relation(seed), Relation::Different(_)) {
        return Ok(Some(read));
    }
    match reader.fetch_raw(&seen.locator).await {
        Ok(raw) => Ok(Some(Read::of_raw(&raw))),
        // What is too large to be fetched is judged by its fields.
        Err(MailboxError::Rejected { status: 413, .. }) => Ok(Some(read)),
        Err(error) => Err(error),
    }
}

/// The sighting of a message that was read.
pub(super) fn sighting(
    target: &Target,
    seen: &Seen,
    read: &Read,
    way: Way,
    depth: u32,
) -> Sighting {
    let (outcome, score, reasons) = match target.print.as_ref().map(|seed| read.relation(seed)) {
        // A typed query has no seed: what the platform says fits, fits.
        None => (
            HitOutcome::Copy,
            1.0,
            vec!["fits the query as the platform understands it".to_owned()],
        ),
        Some(Relation::Same(reasons)) => (HitOutcome::Copy, 1.0, reasons),
        Some(Relation::Forward(reasons)) => (HitOutcome::Forward, 1.0, reasons),
        Some(Relation::Variant(score, reasons)) => (HitOutcome::Variant, score, reasons),
        Some(Relation::Different(reason)) => (HitOutcome::Decoy, 0.0, vec![reason]),
    };
    of_outcome(seen, read, outcome, score, reasons, (way, depth))
}

pub(in crate::remediation) fn of_outcome(
    seen: &Seen,
    read: &Read,
    outcome: HitOutcome,
    score: f64,
    reasons: Vec<String>,
    (way, depth): (Way, u32),
) -> Sighting {
    let depth = if outcome == HitOutcome::Forward {
        depth.max(1)
    } else {
        depth
    };
    Sighting {
        outcome,
        way,
        depth,
        score,
        reasons,
        place: seen.place.clone(),
        received: seen.received,
        reply: seen.reply_state.map(|state| {
            match state {
                ReplyState::Replied => "replied",
                ReplyState::Forwarded => "forwarded",
            }
            .to_owned()
        }),
        network_message_id: seen.network_message_id.clone(),
        subject: Some(read.print.subject.chars().take(300).collect()),
        sender: read.print.from.clone(),
    }
}

//! The judgement of a message, with reasons that can be read.
//!
//! Pure: a parsed message, its observables and facts in, an
//! [`Assessment`](crate::domain::Assessment) out, by an [`Engine`] that holds a policy
//! and a model. Each rule finds one thing and says it in plain words; its weight is a
//! log-odds (see `weights.rs`). The model speaks of what mail can teach, the rules
//! beside it of what no collection of mail holds. What a sender can write at will
//! (list headers, references) can lower the score only so far. The room may use
//! `file`, `message`, `config`, `clock` and `domain`.

mod brands;
mod case;
mod contrast;
mod engine;
mod exercise;
mod hosts;
mod kind;
mod lookalike;
mod lure;
pub mod model;
mod names;
mod own;
mod rules;
mod weights;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    config::policy::{EVIDENCE_CLASSES, Policy},
    domain::{Reputation, Signal, SourceAnswer, Verdict},
    file::{FileKind, FileReport, NoteKind, Stop},
    message::{Border, Defect, Observable, ParsedMessage},
};
use case::Case;
pub use engine::Engine;
use model::{Class, Features, Group, Opinion};
pub use names::{name_key, name_key_of_directory};

/// Version of the rules and weights; changes with either.
pub const RULES_VERSION: &str = "2026.11-3";

/// The most that marks of ordinary mail can take off the score, log-odds.
const MOST_RELIEF: f64 = -3.5;
/// Log-odds from which the reasons of one class count as evidence of their own.
const CLASS_COUNTS_FROM: f64 = 0.3;
/// The finding that an authenticated sender is wanted: it may take off more.
const ALLOWED: &str = "policy.allowed";
/// The finding that a source calls something in it bad.
const BAD: &str = "source.bad";
/// The finding that a sender is unwanted: such mail is never closed without a person.
const DENIED: &str = "policy.denied";
/// Log-odds from which the model's opinion of a group is told.
const MODEL_TOLD_FROM: f64 = 0.3;
/// Log-odds from which it counts as evidence: likeness alone is a weak witness.
const MODEL_COUNTS_FROM: f64 = 1.0;

/// What the message itself cannot tell.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The organisation's mail domains, lower case. Empty when judging offline.
    pub organisation_domains: Vec<String>,
    /// Servers whose `Authentication-Results` are believed; see
    /// [`ParsedMessage::authentication`].
    pub trusted_authserv_ids: Vec<String>,
    /// When the mailbox received it; `None` when that is unknown.
    pub received: Option<DateTime<Utc>>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Whether the provider says that the sender is one of the organisation's own,
    /// signed in.
    pub internal_sender: bool,
    /// People of the organisation whom the message is known to have reached; `None` when
    /// that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u32>,
    /// The message's files, taken apart. Not kept: they follow from the message.
    #[serde(skip)]
    pub files: Vec<FileReport>,
    /// What sources outside say of its observables.
    pub answers: Vec<SourceAnswer>,
    /// The organisation's own mail servers, whose `Received` lines are believed.
    pub border: Border,
    /// Addresses of the people in the directory who bear the author's name exactly
    /// (see [`name_key`]), small letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namesakes: Vec<String>,
    /// What became of earlier reports of the author's address; `None` when that is
    /// unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correspondent: Option<Correspondent>,
}

/// How earlier messages of one address were judged in this organisation. An address
/// can be forged: what condemned it holds for its owner only where both messages were
/// proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correspondent {
    /// Decided to be benign or bulk by an analyst.
    pub cleared: u64,
    /// Judged malicious, by whomever.
    pub malicious: u64,
    /// Decided to be malicious by an analyst.
    pub condemned: u64,
    /// As many of those whose sender the own border had proven.
    pub condemned_proven: u64,
}

/// What the statistical model sees of a message: its features and the rules that find
/// something in it.
#[must_use]
pub fn seen_by_model(
    message: &ParsedMessage,
    observables: &[Observable],
    facts: &Facts,
) -> Features {
    let mut case = Case::new(message, observables, facts);
    rules::run(&mut case);
    features(&case, observables)
}

/// Rules about things that no collection of mail holds (an organisation, a border's
/// records, sources) say nothing to the model: they are weighed beside it.
fn features(case: &Case<'_>, observables: &[Observable]) -> Features {
    let ids = case.findings.iter().map(|finding| finding.id.as_ref());
    Features::of(
        case.message,
        observables,
        ids.filter(|id| !beside_model(id)),
    )
}

/// Whether a rule's finding is weighed beside the model's opinion.
fn beside_model(id: &str) -> bool {
    let measured = [
        "file.archive",
        "file.calendar",
        "file.document",
        "file.html",
    ];
    id.starts_with("auth.")
        || id.starts_with("source.")
        || id.starts_with("policy.")
        || id.starts_with("own.")
        || id.contains(".org_")
        || id.contains(".vip_")
        || id.starts_with("fraud.")
        || id.starts_with("sender.person_name")
        || id.contains(".new_domain")
        || (id.starts_with("file.") && !measured.contains(&id))
        || matches!(
            id,
            "form.password"
                | "link.shows_own"
                | "lure.callback"
                | "sender.known"
                | "sender.own_domain_unproven"
                | "sender.reply_lookalike"
                | "sender.was_malicious"
                | "thread.lookalike_party"
        )
}

/// Log-odds of malice: the model's opinion, and the weights of what it cannot know.
fn joined(case: &Case<'_>, opinion: &Opinion) -> f64 {
    odds_without(case, Some(opinion), None)
}

/// Log-odds of malice as if one rule had found nothing.
fn odds_without(case: &Case<'_>, opinion: Option<&Opinion>, without: Option<&str>) -> f64 {
    let mut odds = opinion.map_or(weights::MALICE_BIAS, |opinion| {
        let malice = opinion.malice().clamp(1e-6, 1.0 - 1e-6);
        (malice / (1.0 - malice)).ln()
    });
    let mut relief = 0.0;
    let weighed = case
        .findings
        .iter()
        .filter(|f| opinion.is_none() || beside_model(&f.id))
        .filter(|f| without != Some(f.id.as_ref()));
    for finding in weighed {
        let weight = finding.weight();
        if weight > 0.0 || finding.id == ALLOWED {
            odds += weight;
        } else {
            relief += weight;
        }
    }
    odds + f64::max(relief, MOST_RELIEF)
}

/// Log-odds of malice by rules alone, and of spam among what is not malicious.
fn log_odds(case: &Case<'_>) -> (f64, f64) {
    let spam: f64 = case
        .findings
        .iter()
        .map(|finding| weights::of(&finding.id).1)
        .sum();
    (odds_without(case, None, None), weights::SPAM_BIAS + spam)
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Whether the organisation itself or a source that speaks of harm calls something in it
/// bad: such mail is never closed without a person, however harmless it looks. Blocklists
/// and spam filters speak of unwanted mail as well: they only weigh.
fn is_called_bad(case: &Case<'_>) -> bool {
    let of_spam = |source: &str| source.starts_with("dnsbl_") || source == "rspamd";
    let mut answers = case.facts.answers.iter();
    answers.any(|answer| answer.reputation == Reputation::Bad && !of_spam(&answer.source))
}

/// The verdict that a probability stands for, as if one rule had found nothing.
fn conclude(
    case: &Case<'_>,
    malice: f64,
    spam: f64,
    opinion: Option<&Opinion>,
    policy: &Policy,
    without: Option<&str>,
) -> Verdict {
    let message = case.message;
    let nothing = case.word_count < 3
        && case.ways.is_empty()
        && message.attachments.is_empty()
        && message.nested.is_empty();
    if message.defects.contains(&Defect::NotMail) || nothing {
        return Verdict::Unknown;
    }
    if malice >= policy.malicious_from {
        return Verdict::Malicious;
    }
    let denied = without != Some(DENIED) && case.findings.iter().any(|f| f.id == DENIED);
    let known_bad = without != Some(BAD) && is_called_bad(case);
    if denied || known_bad || malice >= policy.suspicious_from {
        return Verdict::Suspicious;
    }
    if message.ambiguous() || unread(&case.facts.files).is_some() {
        return Verdict::Unknown;
    }
    if let Some(opinion) = opinion {
        return match opinion.likeliest_harmless() {
            Class::Spam => Verdict::Spam,
            Class::Bulk => Verdict::Bulk,
            Class::Malicious | Class::Ham => Verdict::Benign,
        };
    }
    let found = |id: &str| case.findings.iter().any(|f| f.id == id);
    if spam >= 0.5 {
        return Verdict::Spam;
    }
    let mass = found("list.bulk") || found("sales.unsubscribe") || found("sales.newsletter");
    if mass && !found("thread.reply") && !(found("list.discussion") && message.view.is_none()) {
        return Verdict::Bulk;
    }
    Verdict::Benign
}

/// The evidence class of a rule, by the first part of its id.
fn class(id: &str) -> &'static str {
    match id {
        "sender.was_malicious" => return "reputation",
        "thread.lookalike_party" => return "sender",
        _ => {}
    }
    match id.split('.').next().unwrap_or_default() {
        "auth" => "authentication",
        "sender" => "sender",
        "link" => "links",
        "lure" | "subject" | "sales" | "fraud" => "language",
        "file" => "attachments",
        "source" | "policy" => "reputation",
        _ => "structure",
    }
}

/// What the model says of each group of features, in words; small voices and the
/// rules, which speak for themselves, are left out.
fn of_model(opinion: &Opinion) -> impl Iterator<Item = Signal> {
    Group::ALL.into_iter().filter_map(|group| {
        let weight = opinion.speaks_for_malice(group);
        let (class, what, place) = match group {
            Group::Subject => ("language", "the subject", "header:Subject"),
            Group::Body => ("language", "the wording", "body"),
            Group::Links => ("links", "the form of its links", "body"),
            Group::Sender => ("sender", "the sender's name and address", "header:From"),
            Group::Structure => ("structure", "the form of the body", "body"),
            Group::Files => ("attachments", "its files' names and types", "attachment"),
            Group::Rules => return None,
        };
        let like = if weight > 0.0 {
            "malicious"
        } else {
            "harmless"
        };
        (weight.abs() >= MODEL_TOLD_FROM).then(|| Signal {
            id: format!("model.{}", group.name()),
            class: class.to_owned(),
            evidence: format!("{what} resembles that of {like} mail"),
            place: place.to_owned(),
            weight: (weight * 100.0).round() / 100.0,
        })
    })
}

fn signals(case: &Case<'_>, opinion: Option<&Opinion>) -> Vec<Signal> {
    let mut signals: Vec<Signal> = case
        .findings
        .iter()
        .map(|finding| Signal {
            id: finding.id.clone().into_owned(),
            class: finding
                .own
                .as_ref()
                .map_or_else(|| class(&finding.id).to_owned(), |own| own.class.clone()),
            evidence: finding.evidence.clone(),
            place: finding.place.clone(),
            weight: finding.weight(),
        })
        .chain(opinion.into_iter().flat_map(of_model))
        .collect();
    signals.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    signals
}

/// Classes whose reasons, added up, speak for malice.
fn evidence_classes(signals: &[Signal]) -> usize {
    EVIDENCE_CLASSES
        .iter()
        .filter(|class| {
            let sum: f64 = signals
                .iter()
                .filter(|s| s.class == **class && s.weight > 0.0)
                .filter(|s| !s.id.starts_with("model.") || s.weight >= MODEL_COUNTS_FROM)
                .map(|s| s.weight)
                .sum();
            sum >= CLASS_COUNTS_FROM
        })
        .count()
}

/// Why a message is not condemned however heavy the evidence; `None` when it is.
///
/// A form that programs may read differently and one kind of evidence alone are no
/// ground: a person looks. Neither is a message with too little in it to be
/// recognised where it was forwarded: a clean-up that cannot be complete is not
/// begun without a person.
fn doubt(case: &Case<'_>, signals: &[Signal], policy: &Policy) -> Option<String> {
    if case.message.ambiguous() {
        return Some(AMBIGUOUS.to_owned());
    }
    let classes = evidence_classes(signals);
    if classes < policy.evidence_classes as usize {
        return Some(format!(
            "only {classes} independent kind of evidence, {} are needed",
            policy.evidence_classes
        ));
    }
    (!case.can_be_followed())
        .then(|| "it holds too little text to be recognised where it was forwarded".to_owned())
}

/// The first file that was not looked into, in words: it may hold anything, so a
/// message with it is never called clean.
fn unread(files: &[FileReport]) -> Option<String> {
    files.iter().flat_map(FileReport::all).find_map(|file| {
        let stop = file.stops.iter().find(|stop| {
            // more of the same than is kept, or a picture that holds a code at most
            let picture = **stop == Stop::Unsupported && file.kind == FileKind::Pdf;
            !picture && !matches!(stop, Stop::Kept | Stop::Pixels | Stop::Pictures)
        });
        let locked = file.notes.iter().any(|n| n.kind == NoteKind::Encrypted);
        let why = match stop {
            Some(stop) => stop.words(),
            None if locked => "it is encrypted",
            None => return None,
        };
        Some(format!("{} is not fully analysed: {why}", file.place))
    })
}

const AMBIGUOUS: &str = "its form is ambiguous: mail programs may show something else";

/// Why policy may not pull by itself; `None` when it may.
fn hold(
    message: &ParsedMessage,
    verdict: Verdict,
    internal: bool,
    facts: &Facts,
    policy: &Policy,
) -> Option<String> {
    if message.ambiguous() {
        return Some(AMBIGUOUS.to_owned());
    }
    if verdict == Verdict::Unknown
        && let Some(why) = unread(&facts.files)
    {
        return Some(why);
    }
    if verdict != Verdict::Malicious {
        return Some(format!("judged {verdict}, not malicious"));
    }
    if !policy.automatic_pull {
        return Some("pulling without a person is switched off".to_owned());
    }
    if internal {
        return Some("sent by an authenticated sender of the organisation".to_owned());
    }
    let Some(received) = facts.received else {
        return Some("it is not known when it was received".to_owned());
    };
    if facts.now - received > TimeDelta::days(i64::from(policy.max_age_days)) {
        return Some(format!(
            "received more than {} days ago",
            policy.max_age_days
        ));
    }
    None
}

#[cfg(test)]
mod tests;

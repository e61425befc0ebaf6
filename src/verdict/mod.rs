//! A first judgement of a message, by rules that can be read.
//!
//! Pure: a parsed message, its observables, facts and a policy in, an
//! [`Assessment`] out. Each rule finds one thing and says it in plain words; its
//! weight is a log-odds measured on labelled mail (see `weights.rs`). What a
//! sender can write at will (list headers, references) can lower the score only so
//! far. The room may use `file`, `message`, `config`, `clock` and `domain`.

mod brands;
mod case;
mod hosts;
mod lookalike;
mod lure;
pub mod model;
mod rules;
mod weights;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    config::policy::Policy,
    domain::{Assessment, Signal, SourceAnswer, Verdict},
    file::{FileKind, FileReport, NoteKind, Stop},
    message::{Defect, Fingerprint, Observable, ParsedMessage},
};
use case::Case;
use model::{Class, Features, Group, Model, Opinion};

/// Version of the rules and weights; changes with either.
pub const RULES_VERSION: &str = "2026.11-1";

/// The most that marks of ordinary mail can take off the score, log-odds.
const MOST_RELIEF: f64 = -3.5;
/// Log-odds from which the reasons of one class count as evidence of their own.
const CLASS_COUNTS_FROM: f64 = 0.3;
/// Log-odds from which the model's opinion of a group is told.
const MODEL_TOLD_FROM: f64 = 0.3;
/// Log-odds from which it counts as evidence: likeness alone is a weak witness.
const MODEL_COUNTS_FROM: f64 = 1.0;

/// What the message itself cannot tell.
#[derive(Debug, Clone, Default)]
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
    /// The message's files, taken apart.
    pub files: Vec<FileReport>,
    /// What sources outside say of its observables.
    pub answers: Vec<SourceAnswer>,
}

/// Judges a message with the model that comes with Unhook. On anything it cannot
/// read the outcome is a person's look, never "malicious" and never "benign".
#[must_use]
pub fn assess(
    message: &ParsedMessage,
    observables: &[Observable],
    facts: &Facts,
    policy: &Policy,
) -> Assessment {
    let case = judged_by_rules(message, observables, facts);
    let opinion = Model::shipped()
        .ok()
        .map(|(model, _)| (model.judge(&features(&case, observables)), model.version()));
    let opinion = opinion
        .as_ref()
        .map(|(opinion, version)| (opinion, *version));
    concluded(&case, opinion, policy)
}

/// Judges a message with the opinion of a model that was asked elsewhere: a version
/// of its own, or one that has not seen the message.
#[must_use]
pub fn assess_with(
    message: &ParsedMessage,
    observables: &[Observable],
    facts: &Facts,
    policy: &Policy,
    opinion: (&Opinion, &str),
) -> Assessment {
    let case = judged_by_rules(message, observables, facts);
    concluded(&case, Some(opinion), policy)
}

fn judged_by_rules<'m>(
    message: &'m ParsedMessage,
    observables: &'m [Observable],
    facts: &'m Facts,
) -> Case<'m> {
    let mut case = Case::new(message, observables, facts);
    rules::run(&mut case);
    case
}

fn concluded(case: &Case<'_>, opinion: Option<(&Opinion, &str)>, policy: &Policy) -> Assessment {
    let (message, facts) = (case.message, case.facts);
    let (opinion, model_version) = opinion.unzip();
    let (malice, spam) = log_odds(case);
    let score = probability(opinion.map_or(malice, |opinion| joined(case, opinion)));
    let verdict = conclude(case, score, probability(spam), opinion, policy);
    let internal = facts.internal_sender || (case.is_proven() && case.is_own(&case.domain));
    let signals = signals(case, opinion);
    let doubt = (verdict == Verdict::Malicious)
        .then(|| doubt(message, &signals, policy))
        .flatten();
    let verdict = if doubt.is_some() {
        Verdict::Suspicious
    } else {
        verdict
    };
    let hold_reason = doubt.or_else(|| hold(message, verdict, internal, facts, policy));
    Assessment {
        verdict,
        score,
        signals,
        rules_version: RULES_VERSION.to_owned(),
        model_version: model_version.map(str::to_owned),
        probabilities: opinion.map(Opinion::by_name).unwrap_or_default(),
        may_pull: hold_reason.is_none(),
        hold_reason,
        awaited: Vec::new(),
    }
}

/// What the statistical model sees of a message: its features and the rules that find
/// something in it.
#[must_use]
pub fn seen_by_model(
    message: &ParsedMessage,
    observables: &[Observable],
    facts: &Facts,
) -> Features {
    features(&judged_by_rules(message, observables, facts), observables)
}

/// Rules about things that no collection of mail holds (an organisation, a border's
/// records, sources) say nothing to the model: they are weighed beside it.
fn features(case: &Case<'_>, observables: &[Observable]) -> Features {
    let ids = case.findings.iter().map(|finding| finding.id);
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
        || id.contains(".org_")
        || (id.starts_with("file.") && !measured.contains(&id))
        || matches!(
            id,
            "link.shows_own" | "sender.own_domain_unproven" | "form.password"
        )
}

/// Log-odds of malice: the model's opinion, and the weights of what it cannot know.
fn joined(case: &Case<'_>, opinion: &Opinion) -> f64 {
    let malice = opinion.malice().clamp(1e-6, 1.0 - 1e-6);
    let (mut against, mut relief) = (0.0, 0.0);
    for finding in case.findings.iter().filter(|f| beside_model(f.id)) {
        let (weight, _) = weights::of(finding.id);
        if weight > 0.0 {
            against += weight;
        } else {
            relief += weight;
        }
    }
    (malice / (1.0 - malice)).ln() + against + f64::max(relief, MOST_RELIEF)
}

fn log_odds(case: &Case<'_>) -> (f64, f64) {
    let mut against = weights::MALICE_BIAS;
    let mut relief = 0.0;
    let mut spam = weights::SPAM_BIAS;
    for finding in &case.findings {
        let (malice, unwanted) = weights::of(finding.id);
        if malice > 0.0 {
            against += malice;
        } else {
            relief += malice;
        }
        spam += unwanted;
    }
    (against + f64::max(relief, MOST_RELIEF), spam)
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn conclude(
    case: &Case<'_>,
    malice: f64,
    spam: f64,
    opinion: Option<&Opinion>,
    policy: &Policy,
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
    if malice >= policy.suspicious_from {
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
    match id.split('.').next().unwrap_or_default() {
        "auth" => "authentication",
        "sender" => "sender",
        "link" => "links",
        "lure" | "subject" | "sales" => "language",
        "file" => "attachments",
        "source" => "reputation",
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
            id: finding.id.to_owned(),
            class: class(finding.id).to_owned(),
            evidence: finding.evidence.clone(),
            place: finding.place.clone(),
            weight: weights::of(finding.id).0,
        })
        .chain(opinion.into_iter().flat_map(of_model))
        .collect();
    signals.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    signals
}

/// Classes whose reasons, added up, speak for malice.
fn evidence_classes(signals: &[Signal]) -> usize {
    [
        "authentication",
        "sender",
        "links",
        "language",
        "attachments",
        "structure",
        "reputation",
    ]
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
fn doubt(message: &ParsedMessage, signals: &[Signal], policy: &Policy) -> Option<String> {
    if message.ambiguous() {
        return Some(AMBIGUOUS.to_owned());
    }
    let classes = evidence_classes(signals);
    if classes < policy.evidence_classes as usize {
        return Some(format!(
            "only {classes} independent kind of evidence, {} are needed",
            policy.evidence_classes
        ));
    }
    (!Fingerprint::of(message).can_be_followed())
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

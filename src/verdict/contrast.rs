//! What would have changed a verdict: each reason taken away, and what could still be
//! learned.

use super::{
    DENIED, MODEL_TOLD_FROM,
    case::Case,
    conclude, doubt, evidence_classes, log_odds,
    model::{Group, Opinion},
    odds_without, probability,
};
use crate::{
    config::policy::Policy,
    domain::{Signal, Verdict},
};

/// Sentences that are told.
const MOST: usize = 6;
/// What one source that condemns adds, log-odds.
const A_SOURCE: f64 = 2.5;
/// What a proof of the sender takes away, log-odds.
const A_PROOF: f64 = -1.0;

/// Sentences that say what would have made another verdict.
pub(super) fn changes(
    case: &Case<'_>,
    opinion: Option<&Opinion>,
    signals: &[Signal],
    policy: &Policy,
    verdict: Verdict,
) -> Vec<String> {
    let mut told = Vec::new();
    if verdict == Verdict::Simulation {
        told.push(
            "without the proof that it is an exercise it would be judged as any other".into(),
        );
        return told;
    }
    let spam = probability(log_odds(case).1);
    let judged = |odds: f64, opinion: Option<&Opinion>, without: &str| {
        let likely = conclude(
            case,
            probability(odds),
            spam,
            opinion,
            policy,
            Some(without),
        );
        let left: Vec<Signal> = signals
            .iter()
            .filter(|s| s.id != without)
            .cloned()
            .collect();
        if likely == Verdict::Malicious && doubt(case, &left, policy).is_some() {
            Verdict::Suspicious
        } else {
            likely
        }
    };
    let mut tell = |what: String, other: Verdict| {
        if other != verdict && told.len() < MOST {
            told.push(format!("{what} it would be {other}"));
        }
    };
    let all = odds_without(case, opinion, None);
    for signal in signals {
        if let Some(name) = signal.id.strip_prefix("model.") {
            let group = Group::ALL.into_iter().find(|group| group.name() == name);
            let (Some(group), Some(opinion)) = (group, opinion) else {
                continue;
            };
            if signal.weight.abs() < MODEL_TOLD_FROM {
                continue;
            }
            let rest = opinion.without(group);
            let odds = odds_without(case, Some(&rest), None);
            let other = judged(odds, Some(&rest), &signal.id);
            tell(format!("if {} spoke neither way", words_of(group)), other);
        } else if signal.weight != 0.0 || signal.id == DENIED {
            let odds = odds_without(case, opinion, Some(&signal.id));
            let other = judged(odds, opinion, &signal.id);
            tell(
                format!("without \u{201c}{}\u{201d}", signal.evidence),
                other,
            );
        }
    }
    if verdict != Verdict::Malicious {
        let other = conclude(
            case,
            probability(all + A_SOURCE),
            spam,
            opinion,
            policy,
            None,
        );
        let two = evidence_classes(signals) + usize::from(!signals.iter().any(is_reputation))
            >= policy.evidence_classes as usize;
        let other = if other == Verdict::Malicious && !two {
            Verdict::Suspicious
        } else {
            other
        };
        tell(
            "if a source knew a link or file of it as malicious,".into(),
            other,
        );
    }
    if !case.is_proven() && case.author.is_some() {
        let other = judged(all + A_PROOF, opinion, "auth.dmarc_fail");
        tell("if the sender were proven by DMARC,".into(), other);
    }
    told
}

fn is_reputation(signal: &Signal) -> bool {
    signal.class == "reputation" && signal.weight > 0.0
}

const fn words_of(group: Group) -> &'static str {
    match group {
        Group::Subject => "the subject",
        Group::Body => "the wording",
        Group::Links => "the form of its links",
        Group::Sender => "the sender's name and address",
        Group::Structure => "the form of the body",
        Group::Files => "its files' names and types",
        Group::Rules => "the rules' findings",
    }
}

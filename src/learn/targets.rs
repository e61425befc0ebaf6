//! Thresholds for the error rates that an operator accepts, from what a model said of
//! its own mail when that was held back.

use serde::Serialize;

use super::figures::Share;
use crate::verdict::model::{Class, PerClass};

/// A message that was held back: its label, and what was said of it.
pub type HeldBack = (Class, PerClass);

/// What an operator accepts.
#[derive(Debug, Clone, Copy)]
pub struct Targets {
    /// Of what is above, the share that may be harmless.
    pub false_pulls: f64,
    /// Of what is below, the share that may be malicious.
    pub false_closes: f64,
    /// The share of reported mail that is malicious; as it was held back when `None`.
    pub malicious_share: Option<f64>,
}

/// What keeps to them.
#[derive(Debug, Clone, Serialize)]
pub struct Thresholds {
    /// Messages that were held back.
    pub messages: usize,
    /// From here a message may be called malicious; `None` when nothing keeps to it.
    pub malicious_from: Option<f64>,
    /// The harmless among those above, as counted, with their interval.
    pub pulled_harmless: Share,
    /// Their share where so large a part of mail is malicious as was said.
    pub expected_false_pulls: f64,
    /// Below this a message may be closed; `None` when nothing keeps to it.
    pub suspicious_from: Option<f64>,
    /// The malicious among those below, as counted, with their interval.
    pub closed_malicious: Share,
    /// Their share where so large a part of mail is malicious as was said.
    pub expected_false_closes: f64,
    /// The share of mail that is above one or below the other, there.
    pub settled: f64,
}

/// The lowest threshold above which, and the highest below which, errors are as rare as
/// is asked, to three places.
#[must_use]
pub fn thresholds(held_back: &[HeldBack], targets: Targets) -> Thresholds {
    let all = held_back.len();
    let malicious = held_back
        .iter()
        .filter(|(class, _)| *class == Class::Malicious)
        .count();
    let share = malicious as f64 / all.max(1) as f64;
    let wanted = targets.malicious_share.unwrap_or(share);
    // what a malicious and a harmless message count for
    let weight = |is: bool| {
        let (wanted, share) = if is {
            (wanted, share)
        } else {
            (1.0 - wanted, 1.0 - share)
        };
        if share > 0.0 { wanted / share } else { 0.0 }
    };
    let marks: Vec<(f64, bool)> = held_back
        .iter()
        .map(|(class, [malice, ..])| (*malice, *class == Class::Malicious))
        .collect();
    let count = |above: bool, at: f64| {
        let side = marks.iter().filter(|(malice, _)| (*malice >= at) == above);
        let wrong = side.clone().filter(|(_, is)| *is != above).count();
        (wrong, side.count())
    };
    let expected = |above: bool, (wrong, all): (usize, usize)| {
        let wrong_weight = wrong as f64 * weight(!above);
        let right_weight = (all - wrong) as f64 * weight(above);
        let sum = wrong_weight + right_weight;
        (if sum > 0.0 { wrong_weight / sum } else { 0.0 }, sum)
    };
    let steps = || (1..1_000).map(|step| f64::from(step) / 1_000.0);
    let keeps = |above: bool, at: f64, most: f64| {
        let counted = count(above, at);
        counted.1 > 0 && expected(above, counted).0 <= most
    };
    // a lower threshold that keeps to it by chance is of no use when a higher does not
    let malicious_from = steps()
        .rev()
        .take_while(|at| *at >= 0.5)
        .skip_while(|at| count(true, *at).1 == 0)
        .take_while(|at| keeps(true, *at, targets.false_pulls))
        .last();
    let suspicious_from = steps()
        .skip_while(|at| count(false, *at).1 == 0)
        .take_while(|at| *at <= malicious_from.unwrap_or(1.0))
        .take_while(|at| keeps(false, *at, targets.false_closes))
        .last();
    let above = malicious_from.map_or((0, 0), |at| count(true, at));
    let below = suspicious_from.map_or((0, 0), |at| count(false, at));
    let (false_pulls, pulled) = expected(true, above);
    let (false_closes, closed) = expected(false, below);
    Thresholds {
        messages: all,
        malicious_from,
        pulled_harmless: Share::new(above.0, above.1),
        expected_false_pulls: false_pulls,
        suspicious_from,
        closed_malicious: Share::new(below.0, below.1),
        expected_false_closes: false_closes,
        settled: (pulled + closed) / all.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_back(class: Class, malice: f64) -> HeldBack {
        (class, [malice, 0.0, 0.0, 1.0 - malice])
    }

    #[test]
    fn thresholds_keep_to_the_rates_and_follow_the_share() {
        let mut all: Vec<HeldBack> = (0..1_000)
            .map(|n| held_back(Class::Ham, f64::from(n) / 1_050.0))
            .collect();
        all.extend((0..1_000).map(|n| held_back(Class::Malicious, f64::from(n) / 1_050.0 + 0.047)));
        let targets = |share| Targets {
            false_pulls: 0.01,
            false_closes: 0.01,
            malicious_share: share,
        };
        let found = thresholds(&all, targets(None));
        let from = found.malicious_from.unwrap();
        assert!((0.94..0.96).contains(&from), "{found:?}");
        assert!(found.pulled_harmless.value <= 0.01);
        let below = found.suspicious_from.unwrap();
        assert!((0.04..0.06).contains(&below), "{found:?}");
        assert!(found.closed_malicious.value <= 0.01);
        // where malicious mail is rare, more of it may lie below
        let rare = thresholds(&all, targets(Some(0.01)));
        assert!(rare.suspicious_from.unwrap() > below, "{rare:?}");
        assert!(rare.expected_false_closes <= 0.01);
        let none = thresholds(
            &[
                held_back(Class::Ham, 0.99),
                held_back(Class::Malicious, 0.01),
            ],
            targets(None),
        );
        assert_eq!((none.malicious_from, none.suspicious_from), (None, None));
    }
}

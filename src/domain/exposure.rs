//! Whom a copy harms most likely, and soonest: the order of searching and moving,
//! and an estimate of what the order averted.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// What is known of a copy's owner and state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exposure {
    /// It has not been opened.
    pub unread: bool,
    /// Its owner is one of the people the policy names.
    pub named: bool,
    /// Its owner works with money, as the configuration's departments say.
    pub finance: bool,
    /// It lies in Junk or Trash.
    pub put_aside: bool,
}

impl Exposure {
    /// The place in the order; lower goes first. Unread copies of named people come
    /// first, then unread ones of finance, then unread ones; what was opened comes
    /// later, for whoever wanted to click has clicked; what lies in Junk or Trash
    /// comes last.
    #[must_use]
    pub const fn rank(self) -> i32 {
        let aside = if self.put_aside { 8 } else { 0 };
        let read = if self.unread { 0 } else { 4 };
        let who = if self.named {
            0
        } else if self.finance {
            1
        } else {
            2
        };
        aside + read + who
    }
}

/// Probability that a person who opens the message clicks. A cautious reading of
/// what is published on simulated phishing (2 to 12 of a hundred).
pub const CLICKS: f64 = 0.04;
/// Time in which half of those open a message who open it at all.
pub const HALF_OPENED: TimeDelta = TimeDelta::minutes(60);

/// The formula in words, as the receipt prints it.
pub const FORMULA: &str = "sum over unread copies of c x (F(mean) - F(t)), with c = 0.04 clicks an \
    opened copy, F(t) = 1 - 2^(-t / 60 min) the share that has opened it after t, t the time from \
    the decision to the copy's quarantine, and mean the mean of t over all copies: what a random \
    order would have given";

/// Clicks that the order is estimated to have averted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Averted {
    /// The estimate; below zero when the order did harm.
    pub clicks: f64,
    /// Copies that it rests on.
    pub copies: u64,
    /// Of these, unread ones.
    pub unread: u64,
}

/// Estimates what the order averted: for each copy whether it was unread, and the
/// time from the decision to its quarantine.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds")]
pub fn averted(copies: &[(bool, TimeDelta)]) -> Averted {
    let seconds = |span: TimeDelta| span.num_milliseconds().max(0) as f64 / 1000.0;
    let opened = |t: f64| 1.0 - (-t / seconds(HALF_OPENED)).exp2();
    let mean = if copies.is_empty() {
        0.0
    } else {
        copies.iter().map(|(_, span)| seconds(*span)).sum::<f64>() / copies.len() as f64
    };
    let unread: Vec<f64> = copies
        .iter()
        .filter(|(unread, _)| *unread)
        .map(|(_, span)| CLICKS * (opened(mean) - opened(seconds(*span))))
        .collect();
    Averted {
        clicks: unread.iter().sum(),
        copies: copies.len() as u64,
        unread: unread.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_copies_of_named_people_go_first_and_junk_last() {
        let unread = Exposure {
            unread: true,
            ..Exposure::default()
        };
        let mut order = [
            (
                "junk",
                Exposure {
                    put_aside: true,
                    ..unread
                },
            ),
            ("read", Exposure::default()),
            ("unread", unread),
            (
                "finance",
                Exposure {
                    finance: true,
                    ..unread
                },
            ),
            (
                "named",
                Exposure {
                    named: true,
                    ..unread
                },
            ),
        ];
        order.sort_by_key(|(_, exposure)| exposure.rank());
        let names: Vec<_> = order.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["named", "finance", "unread", "read", "junk"]);
    }

    #[test]
    fn unread_first_averts_and_unread_last_does_harm() {
        let minutes = TimeDelta::minutes;
        let good = averted(&[(true, minutes(1)), (false, minutes(119))]);
        let bad = averted(&[(true, minutes(119)), (false, minutes(1))]);
        // mean 60 min: half would have opened it; at 1 min about 1 in 87
        assert!(
            (good.clicks - CLICKS * (0.5 - 0.011_486)).abs() < 1e-4,
            "{good:?}"
        );
        assert!(bad.clicks < 0.0 && averted(&[]).clicks == 0.0);
        assert_eq!((good.copies, good.unread), (2, 1));
    }
}

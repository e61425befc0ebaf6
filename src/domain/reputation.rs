//! How right a reporter was so far, as a probability with its uncertainty.
//!
//! A person's settled reports are votes; each says how right it was and fades with
//! time. The estimate is Bayesian (a beta distribution): someone new stands in the
//! middle, and only many votes move far from it. It orders the queue and nothing else:
//! no verdict and no pull rests on who reported.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ReportReason, Verdict, VerdictSource};

/// Votes of each kind that everybody begins with: nobody is always right after one
/// report.
const PRIOR: f64 = 2.0;
/// What a decision of the policy counts beside an analyst's.
const BY_POLICY: f64 = 0.5;
/// The most that one person's record adds to or takes off the log-odds of malice.
const MOST_LEAN: f64 = 1.0;

/// One settled report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vote {
    /// How right it was, 0 to 1.
    pub credit: f64,
    /// How sure that is, above 0 to 1.
    pub weight: f64,
    /// When the case was settled.
    pub at: DateTime<Utc>,
}

/// How right a report was whose case ended so; `None` while it is open.
///
/// Whoever reports an attack or an exercise was right, whatever they called it.
/// Reporting unwanted mail is right where it was called that, and half right where
/// something else was feared.
#[must_use]
pub const fn credit(reason: Option<ReportReason>, outcome: Verdict) -> Option<f64> {
    let called_spam = matches!(reason, Some(ReportReason::Spam));
    Some(match outcome {
        Verdict::Malicious | Verdict::Simulation => 1.0,
        Verdict::Spam if called_spam => 1.0,
        Verdict::Spam => 0.5,
        Verdict::Bulk if called_spam => 0.5,
        Verdict::Bulk | Verdict::Benign => 0.0,
        Verdict::Suspicious | Verdict::Unknown => return None,
    })
}

/// How much a settled case counts.
#[must_use]
pub const fn weight(source: VerdictSource) -> f64 {
    match source {
        VerdictSource::Analyst => 1.0,
        VerdictSource::Policy => BY_POLICY,
    }
}

/// What a person's votes come to: a beta distribution over how often they are right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    right: f64,
    wrong: f64,
}

impl Accuracy {
    /// From votes, each halved for every `half_life` since it was cast.
    #[must_use]
    pub fn of(votes: &[Vote], now: DateTime<Utc>, half_life: TimeDelta) -> Self {
        let half_life = half_life.num_seconds().max(1) as f64;
        let start = Self {
            right: PRIOR,
            wrong: PRIOR,
        };
        votes.iter().fold(start, |sum, vote| {
            let age = (now - vote.at).num_seconds().max(0) as f64;
            let left = vote.weight.clamp(0.0, 1.0) * (-age / half_life).exp2();
            let credit = vote.credit.clamp(0.0, 1.0);
            Self {
                right: sum.right + left * credit,
                wrong: sum.wrong + left * (1.0 - credit),
            }
        })
    }

    /// The expected share of reports that are right.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.right / (self.right + self.wrong)
    }

    /// Where that share lies with nine chances of ten (normal approximation of the
    /// beta distribution, kept within 0 and 1).
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        let all = self.right + self.wrong;
        let spread = (self.right * self.wrong / (all * all * (all + 1.0))).sqrt() * 1.645;
        (
            (self.mean() - spread).max(0.0),
            (self.mean() + spread).min(1.0),
        )
    }

    /// What a report of theirs adds to the log-odds of malice, for the order of the
    /// queue.
    #[must_use]
    pub fn lean(self) -> f64 {
        (self.right / self.wrong).ln().clamp(-MOST_LEAN, MOST_LEAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIFE: TimeDelta = TimeDelta::days(180);

    fn votes(right: usize, wrong: usize, at: DateTime<Utc>) -> Vec<Vote> {
        let vote = |credit| Vote {
            credit,
            weight: 1.0,
            at,
        };
        let mut all = vec![vote(1.0); right];
        all.extend(vec![vote(0.0); wrong]);
        all
    }

    #[test]
    fn someone_new_stands_in_the_middle_and_many_votes_move_far() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        let new = Accuracy::of(&[], now, HALF_LIFE);
        assert!((new.mean() - 0.5).abs() < 1e-9 && new.lean().abs() < 1e-9);
        let once = Accuracy::of(&votes(1, 0, now), now, HALF_LIFE);
        let often = Accuracy::of(&votes(40, 0, now), now, HALF_LIFE);
        assert!(once.mean() > 0.5 && once.mean() < 0.7, "{once:?}");
        assert!(often.mean() > 0.9 && often.lean() <= MOST_LEAN);
        let crying_wolf = Accuracy::of(&votes(0, 40, now), now, HALF_LIFE);
        assert!(crying_wolf.mean() < 0.1 && crying_wolf.lean() >= -MOST_LEAN);
        let (low, high) = often.interval();
        let (wide_low, wide_high) = once.interval();
        assert!(low < often.mean() && often.mean() < high && high <= 1.0);
        assert!(wide_high - wide_low > high - low, "few votes say less");
    }

    #[test]
    fn what_is_long_ago_counts_less() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        let then = now - HALF_LIFE;
        let old = Accuracy::of(&votes(10, 0, then), now, HALF_LIFE);
        let half = Accuracy::of(&votes(5, 0, now), now, HALF_LIFE);
        assert!((old.mean() - half.mean()).abs() < 1e-9, "halved");
        // a clock that stands before the vote makes it no heavier
        let ahead = Accuracy::of(&votes(10, 0, now + HALF_LIFE), now, HALF_LIFE);
        let fresh = Accuracy::of(&votes(10, 0, now), now, HALF_LIFE);
        assert_eq!(ahead, fresh);
    }

    #[test]
    fn open_cases_are_no_votes_and_spam_is_right_for_who_called_it_that() {
        assert_eq!(credit(None, Verdict::Suspicious), None);
        assert_eq!(credit(None, Verdict::Unknown), None);
        let spam = Some(ReportReason::Spam);
        let phishing = Some(ReportReason::Phishing);
        assert_eq!(credit(spam, Verdict::Spam), Some(1.0));
        assert_eq!(credit(phishing, Verdict::Spam), Some(0.5));
        assert_eq!(credit(spam, Verdict::Malicious), Some(1.0));
        assert_eq!(credit(phishing, Verdict::Simulation), Some(1.0));
        assert_eq!(credit(phishing, Verdict::Bulk), Some(0.0));
        assert!(weight(VerdictSource::Policy) < weight(VerdictSource::Analyst));
    }
}

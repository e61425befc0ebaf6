//! How much of a decided pull may be carried out now, as pure functions.
//!
//! A pull goes in stages: a few copies, then a share, then the rest. Between two of
//! them it waits, so that somebody can object. Beyond a number of mailboxes it takes
//! a second person. Restoring is never held back.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::report::{WordError, words};

words! {
    /// How far a pull may go by itself.
    Stage, "canary, second, rest" {
        /// The first few copies.
        Canary = "canary",
        /// A small share of the organisation.
        Second = "second",
        /// All others.
        Rest = "rest",
    }
}

words! {
    /// What a stop holds back.
    StopScope, "all, automatic" {
        /// Every pull: the kill switch.
        All = "all",
        /// Pulls that no person decided.
        Automatic = "automatic",
    }
}

words! {
    /// What became of a request for a second person's approval.
    ApprovalState, "open, given, refused, withdrawn, expired, superseded" {
        /// Nobody has answered yet.
        Open = "open",
        /// Approved, and in force.
        Given = "given",
        /// Refused: the pull is halted.
        Refused = "refused",
        /// Taken back by whoever had approved, or asked.
        Withdrawn = "withdrawn",
        /// Its time is over.
        Expired = "expired",
        /// Another decision was taken, or more was found than it covers.
        Superseded = "superseded",
    }
}

/// The limits of a pull in copies and mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageLimits {
    /// Copies of the first stage.
    pub canary: u64,
    /// Copies until the end of the second stage.
    pub second: u64,
    /// Copies in all.
    pub most: u64,
    /// Mailboxes that one person may decide over.
    pub alone: u64,
}

impl StageLimits {
    const fn quota(self, stage: Stage) -> u64 {
        match stage {
            Stage::Canary => self.canary,
            Stage::Second => self.second,
            Stage::Rest => u64::MAX,
        }
    }

    /// The stage after one that is complete; the second is left out where it would
    /// bring nothing.
    const fn after(self, stage: Stage) -> Stage {
        match stage {
            Stage::Canary if self.second > self.canary => Stage::Second,
            Stage::Canary | Stage::Second | Stage::Rest => Stage::Rest,
        }
    }
}

/// Why copies wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The kill switch.
    KillSwitch,
    /// Nothing is pulled without a person just now.
    AutomaticStopped,
    /// Too many objections, or a person: this campaign alone.
    Halted,
    /// A stage is complete, and objections are waited for.
    Stage,
    /// A second person has to approve.
    Approval,
    /// One decision moves no more copies than these.
    Cap,
    /// The day's budget is used up.
    Budget,
    /// The minute's budget is used up.
    Rate,
}

impl Hold {
    /// In plain words, with what ends it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::KillSwitch => "the kill switch is on: nothing is pulled until it is released",
            Self::AutomaticStopped => {
                "automatic pulls are stopped: an analyst's verdict, or releasing the stop, lets it go on"
            }
            Self::Halted => "halted: an analyst has to let it go on, or roll it back",
            Self::Stage => "a stage is complete: objections are waited for before the next",
            Self::Approval => "a second person has to approve the rest",
            Self::Cap => "one decision moves no more copies than [pull] most_copies",
            Self::Budget => "the day's pull budget is used up: it goes on tomorrow (UTC)",
            Self::Rate => "the minute's pull budget is used up: it goes on with the next",
        }
    }
}

/// Where a pull stands.
#[derive(Debug, Clone, Copy)]
pub struct Footing {
    /// Whether no person decided it.
    pub automatic: bool,
    /// The stop that is in force, the widest.
    pub stopped: Option<StopScope>,
    /// Whether this pull is halted.
    pub halted: bool,
    /// Its stage.
    pub stage: Stage,
    /// When the next stage may begin, once this one is complete.
    pub waits_until: Option<DateTime<Utc>>,
    /// Copies moved, or about to be; those that reporters handed in are not among them.
    pub moved: u64,
    /// Copies of those that this decision moved: an earlier one of the same campaign may
    /// have moved others.
    pub moved_now: u64,
    /// Copies of those whose outcome is not known yet.
    pub moving: u64,
    /// Mailboxes with copies that are to be moved or were.
    pub mailboxes: u64,
    /// Copies that are to be moved or were.
    pub copies: u64,
    /// Mailboxes that an approval in force covers.
    pub approved: u64,
    /// Copies that it covers.
    pub approved_copies: u64,
    /// The limits.
    pub limits: StageLimits,
}

/// What may be moved now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// So many more copies.
    UpTo(u64),
    /// None.
    Held(Hold),
}

/// How a stage goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is not complete.
    Same,
    /// It is complete; the next begins at this time.
    WaitUntil(DateTime<Utc>),
    /// The next one begins.
    Next(Stage),
}

/// Mailboxes that an approval covers which was given for `shown`: a tenth more, and
/// at least ten, because a search still finds some while a person reads.
#[must_use]
pub const fn covered(shown: u64) -> u64 {
    let tenth = shown / 10;
    shown.saturating_add(if tenth > 10 { tenth } else { 10 })
}

impl Footing {
    /// Whether a second person has to approve before all of it is moved.
    #[must_use]
    pub const fn needs_approval(&self) -> bool {
        self.mailboxes > self.limits.alone
            && (self.mailboxes > self.approved || self.copies > self.approved_copies)
    }

    /// How many more copies may be moved now.
    #[must_use]
    pub const fn admission(&self) -> Admission {
        match self.stopped {
            Some(StopScope::All) => return Admission::Held(Hold::KillSwitch),
            Some(StopScope::Automatic) if self.automatic => {
                return Admission::Held(Hold::AutomaticStopped);
            }
            Some(StopScope::Automatic) | None => {}
        }
        if self.halted {
            return Admission::Held(Hold::Halted);
        }
        let stage = self.limits.quota(self.stage);
        let (quota, mut hold) = if stage < self.limits.most {
            (stage, Hold::Stage)
        } else {
            (self.limits.most, Hold::Cap)
        };
        let mut left = quota.saturating_sub(self.moved_now);
        if self.needs_approval() {
            // What an approval covers is counted in mailboxes, each with at least one copy.
            let covered = if self.approved > self.limits.canary {
                self.approved
            } else {
                self.limits.canary
            };
            let more = covered.saturating_sub(self.moved);
            if more < left || (more == 0 && left == 0) {
                left = more;
                hold = Hold::Approval;
            }
        }
        if left > 0 {
            Admission::UpTo(left)
        } else {
            Admission::Held(hold)
        }
    }

    /// Whether the stage is complete, and what comes then. Nothing is due while the
    /// outcome of a move is not known.
    #[must_use]
    pub fn progress(&self, wait: TimeDelta, now: DateTime<Utc>) -> Progress {
        let complete = self.moved_now >= self.limits.quota(self.stage) && self.moving == 0;
        if !complete || self.stage == Stage::Rest || self.halted {
            return Progress::Same;
        }
        match self.waits_until {
            None if wait > TimeDelta::zero() => Progress::WaitUntil(now + wait),
            Some(until) if now < until => Progress::Same,
            None | Some(_) => Progress::Next(self.limits.after(self.stage)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StageLimits = StageLimits {
        canary: 10,
        second: 30,
        most: 1_000,
        alone: 50,
    };

    fn footing() -> Footing {
        Footing {
            automatic: true,
            stopped: None,
            halted: false,
            stage: Stage::Canary,
            waits_until: None,
            moved: 0,
            moved_now: 0,
            moving: 0,
            mailboxes: 40,
            copies: 40,
            approved: 0,
            approved_copies: 0,
            limits: LIMITS,
        }
    }

    fn moved(at: &mut Footing, copies: u64) {
        at.moved = copies;
        at.moved_now = copies;
    }

    #[test]
    fn stages_follow_one_another_with_a_pause() {
        let now = DateTime::UNIX_EPOCH;
        let wait = TimeDelta::minutes(5);
        let mut at = footing();
        assert_eq!(at.admission(), Admission::UpTo(10));
        moved(&mut at, 10);
        assert_eq!(at.admission(), Admission::Held(Hold::Stage));
        at.moving = 1;
        assert_eq!(at.progress(wait, now), Progress::Same, "one is under way");
        at.moving = 0;
        assert_eq!(at.progress(wait, now), Progress::WaitUntil(now + wait));
        at.waits_until = Some(now + wait);
        assert_eq!(at.progress(wait, now), Progress::Same);
        assert_eq!(at.progress(wait, now + wait), Progress::Next(Stage::Second));
        at.stage = Stage::Second;
        at.waits_until = None;
        assert_eq!(at.admission(), Admission::UpTo(20));
        moved(&mut at, 30);
        assert_eq!(
            at.progress(TimeDelta::zero(), now),
            Progress::Next(Stage::Rest)
        );
        at.stage = Stage::Rest;
        assert_eq!(at.admission(), Admission::UpTo(970));
        moved(&mut at, 1_000);
        assert_eq!(at.admission(), Admission::Held(Hold::Cap));
    }

    #[test]
    fn many_mailboxes_wait_for_a_second_person() {
        let mut at = Footing {
            stage: Stage::Rest,
            mailboxes: 51,
            ..footing()
        };
        assert_eq!(
            at.admission(),
            Admission::UpTo(10),
            "no more than the canary"
        );
        moved(&mut at, 10);
        assert_eq!(at.admission(), Admission::Held(Hold::Approval));
        at.approved = covered(51);
        at.approved_copies = covered(60);
        assert_eq!(at.admission(), Admission::UpTo(990));
        at.copies = 5_000;
        assert!(
            at.needs_approval(),
            "many copies in the mailboxes that were read"
        );
        at.copies = 60;
        at.mailboxes = 500;
        assert_eq!(at.admission(), Admission::UpTo(51), "what it covers");
        moved(&mut at, 61);
        assert_eq!(at.admission(), Admission::Held(Hold::Approval));
    }

    #[test]
    fn a_stop_holds_everything_or_what_no_person_decided() {
        let mut at = footing();
        at.stopped = Some(StopScope::Automatic);
        assert_eq!(at.admission(), Admission::Held(Hold::AutomaticStopped));
        at.automatic = false;
        assert_eq!(at.admission(), Admission::UpTo(10));
        at.stopped = Some(StopScope::All);
        assert_eq!(at.admission(), Admission::Held(Hold::KillSwitch));
        at.stopped = None;
        at.halted = true;
        assert_eq!(at.admission(), Admission::Held(Hold::Halted));
        assert_eq!(
            Footing {
                moved_now: 10,
                ..at
            }
            .progress(TimeDelta::zero(), DateTime::UNIX_EPOCH),
            Progress::Same
        );
    }

    #[test]
    fn a_new_decision_begins_with_its_own_first_copies() {
        let at = Footing {
            moved: 100,
            ..footing()
        };
        assert_eq!(at.admission(), Admission::UpTo(10));
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(at.progress(TimeDelta::zero(), now), Progress::Same);
    }

    #[test]
    fn a_second_stage_that_brings_nothing_is_left_out() {
        let limits = StageLimits {
            second: 10,
            ..LIMITS
        };
        assert_eq!(limits.after(Stage::Canary), Stage::Rest);
    }
}

//! The calendar entry that an invitation made, as a pure state machine of its own.
//!
//! The message moves first; its entry follows. An intent is durable before the effect,
//! and an unknown outcome is looked up, as with the message itself. What comes of the
//! entry never moves the message again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    pull::Desired,
    report::{WordError, words},
};

words! {
    /// What is known about the calendar entry of a copy.
    EntryState, "sought, found, removing, removed, returning, returned, gone, left" {
        /// To be looked for.
        Sought = "sought",
        /// On the calendar.
        Found = "found",
        /// An intent to remove it is durable; the outcome is not known yet.
        Removing = "removing",
        /// Removed, with what is needed to put it back.
        Removed = "removed",
        /// An intent to put it back is durable; the outcome is not known yet.
        Returning = "returning",
        /// Back on the calendar.
        Returned = "returned",
        /// The invitation made none, or somebody else removed it.
        Gone = "gone",
        /// It stays where it is; the reason is on the row.
        Left = "left",
    }
}

/// The one next step for a calendar entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStep {
    /// Nothing to do.
    Rest,
    /// See what stands on the calendar.
    Look,
    /// Take it off (intent first).
    Remove,
    /// Put it back (intent first).
    Return,
}

/// Failed attempts after which an entry is given up; the last of them is some twenty
/// minutes after the first.
pub const ENTRY_ATTEMPTS: u32 = 12;

/// The provider's own fields of an entry, as far as they are needed to put it back:
/// at most 64 KiB of JSON. A stranger's words: `Debug` hides them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntrySnapshot(serde_json::Value);

impl EntrySnapshot {
    /// Octets of JSON at most.
    pub const MOST: usize = 64 * 1024;

    /// Keeps the fields; `None` where they are too much.
    #[must_use]
    pub fn new(fields: serde_json::Value) -> Option<Self> {
        (fields.to_string().len() <= Self::MOST).then_some(Self(fields))
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &serde_json::Value {
        &self.0
    }
}

impl fmt::Debug for EntrySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntrySnapshot(..)")
    }
}

/// What is known of the calendar entry of a copy, and what it takes to put it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalendarEntry {
    /// Where it stands.
    pub state: EntryState,
    /// What is wanted of it: the copy's own decision when it was last worked on.
    pub wanted: Desired,
    /// The provider's id of the event, once one was seen.
    #[serde(default)]
    pub event: Option<String>,
    /// Its `UID` (RFC 5545); a stranger's word.
    #[serde(default)]
    pub uid: Option<String>,
    /// What it was when it was removed; kept until it is back.
    #[serde(default)]
    pub snapshot: Option<EntrySnapshot>,
    /// How often it was put back: what is made under one number is made once.
    #[serde(default)]
    pub round: u32,
    /// Failed attempts at what is wanted.
    #[serde(default)]
    pub attempts: u32,
    /// What else is to be known, in plain words of ours.
    #[serde(default)]
    pub remark: String,
}

impl CalendarEntry {
    /// One that is to be looked for.
    #[must_use]
    pub const fn sought() -> Self {
        Self {
            state: EntryState::Sought,
            wanted: Desired::Pulled,
            event: None,
            uid: None,
            snapshot: None,
            round: 0,
            attempts: 0,
            remark: String::new(),
        }
    }

    /// The same under the decision of now. Another one than before is tried afresh,
    /// and what was left on the calendar is looked at again.
    #[must_use]
    pub fn under(mut self, wanted: Desired) -> Self {
        use EntryState as S;
        if self.wanted != wanted {
            self.wanted = wanted;
            self.attempts = 0;
            self.remark.clear();
            if wanted == Desired::Pulled
                && matches!(self.state, S::Found | S::Returned | S::Gone | S::Left)
            {
                self.state = S::Sought;
            }
        }
        self
    }

    /// The next step; none for one that was given up.
    #[must_use]
    pub const fn next(&self) -> EntryStep {
        if self.attempts >= ENTRY_ATTEMPTS {
            return EntryStep::Rest;
        }
        next_step(self.wanted, self.state)
    }

    /// Gives it up as it is.
    pub fn give_up(&mut self, remark: String) {
        self.attempts = ENTRY_ATTEMPTS;
        self.remark = remark;
    }

    /// Leaves it on the calendar.
    pub fn leave(&mut self, remark: String) {
        self.state = EntryState::Left;
        self.remark = remark;
    }
}

/// Decides the next step from what is wanted and what is known.
#[must_use]
pub const fn next_step(wanted: Desired, state: EntryState) -> EntryStep {
    use EntryState as S;
    match (wanted, state) {
        // Its owner may have changed what was put back: it is looked at anew.
        (Desired::Pulled, S::Sought | S::Removing | S::Returning | S::Returned)
        | (Desired::InPlace, S::Removing | S::Returning) => EntryStep::Look,
        (Desired::Pulled, S::Found) => EntryStep::Remove,
        (Desired::InPlace, S::Removed) => EntryStep::Return,
        (Desired::Pulled, S::Removed | S::Gone | S::Left)
        | (Desired::InPlace, S::Sought | S::Found | S::Returned | S::Gone | S::Left) => {
            EntryStep::Rest
        }
    }
}

/// What a look makes of what was known: whether the entry stands on the calendar.
#[must_use]
pub const fn looked(wanted: Desired, state: EntryState, stands: bool) -> EntryState {
    use EntryState as S;
    match (state, stands) {
        (S::Sought | S::Removing | S::Returned, true) => S::Found,
        (S::Sought | S::Returned, false) => S::Gone,
        (S::Removing | S::Returning, false) => S::Removed,
        (S::Returning, true) => match wanted {
            Desired::InPlace => S::Returned,
            Desired::Pulled => S::Sought,
        },
        (S::Found | S::Removed | S::Gone | S::Left, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STATES: [EntryState; 8] = [
        EntryState::Sought,
        EntryState::Found,
        EntryState::Removing,
        EntryState::Removed,
        EntryState::Returning,
        EntryState::Returned,
        EntryState::Gone,
        EntryState::Left,
    ];

    /// Carries steps out on a calendar of one entry; gives how often it was removed
    /// and put back.
    fn carried_out(entry: &mut CalendarEntry, on_calendar: &mut bool) -> (u32, u32) {
        let (mut removed, mut put_back) = (0, 0);
        for _ in 0..8 {
            match entry.next() {
                EntryStep::Rest => return (removed, put_back),
                EntryStep::Look => {
                    entry.state = looked(entry.wanted, entry.state, *on_calendar);
                }
                EntryStep::Remove => {
                    removed += 1;
                    *on_calendar = false;
                    entry.state = EntryState::Removed;
                }
                EntryStep::Return => {
                    put_back += 1;
                    *on_calendar = true;
                    entry.state = EntryState::Returned;
                }
            }
        }
        panic!("{entry:?} does not come to rest");
    }

    #[test]
    fn every_state_comes_to_rest_as_wanted_with_one_effect_at_most() {
        for wanted in [Desired::Pulled, Desired::InPlace] {
            for state in STATES {
                for there in [true, false] {
                    let mut entry = CalendarEntry {
                        state,
                        wanted,
                        ..CalendarEntry::sought()
                    };
                    let mut on_calendar = there;
                    let (removed, put_back) = carried_out(&mut entry, &mut on_calendar);
                    assert!(removed + put_back <= 1, "{wanted} {state} {there}");
                    match wanted {
                        Desired::Pulled => assert_eq!(put_back, 0),
                        Desired::InPlace => assert_eq!(removed, 0),
                    }
                    // What an intent of ours may have changed is where it is wanted.
                    if matches!(state, EntryState::Removing | EntryState::Returning) {
                        let back = wanted == Desired::InPlace;
                        assert_eq!(on_calendar, back, "{wanted} {state} {there}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_lost_answer_is_looked_up_and_not_repeated() {
        for (wanted, state, done) in [
            (Desired::Pulled, EntryState::Removing, false),
            (Desired::InPlace, EntryState::Returning, true),
        ] {
            let mut entry = CalendarEntry {
                state,
                wanted,
                ..CalendarEntry::sought()
            };
            let mut on_calendar = done;
            assert_eq!(carried_out(&mut entry, &mut on_calendar), (0, 0));
            assert_eq!(on_calendar, done);
        }
    }

    #[test]
    fn what_its_owner_removed_is_not_put_back() {
        let mut entry = CalendarEntry::sought();
        let mut on_calendar = false;
        carried_out(&mut entry, &mut on_calendar);
        assert_eq!(entry.state, EntryState::Gone);
        let mut entry = entry.under(Desired::InPlace);
        assert_eq!(carried_out(&mut entry, &mut on_calendar), (0, 0));
    }

    #[test]
    fn a_flip_tries_afresh_what_was_given_up() {
        let mut entry = CalendarEntry::sought();
        entry.state = EntryState::Removing;
        entry.give_up("no answer".to_owned());
        assert_eq!(entry.next(), EntryStep::Rest);
        let again = entry.clone().under(Desired::Pulled);
        assert_eq!(again.next(), EntryStep::Rest, "the same decision");
        let flipped = entry.under(Desired::InPlace);
        assert_eq!(flipped.next(), EntryStep::Look);
        assert_eq!(flipped.remark, "");
    }

    #[test]
    fn a_snapshot_is_bounded_and_not_shown() {
        let small = EntrySnapshot::new(json!({"subject": "secret"})).expect("small");
        assert!(!format!("{small:?}").contains("secret"));
        let large = json!({"body": "x".repeat(EntrySnapshot::MOST)});
        assert_eq!(EntrySnapshot::new(large), None);
    }
}

//! One copy's fate as a pure state machine.
//!
//! A pull is a row, not a loop: what is wanted, what was last seen, and from
//! the two the one next effect. Looking always comes before moving, so that an
//! unknown outcome (crash, time-out) is looked up and never repeated blindly.

use serde::{Deserialize, Serialize};

use super::report::words;
use std::{fmt, str::FromStr};

use super::report::WordError;

words! {
    /// What the current decision wants for a copy.
    Desired, "pulled, in_place" {
        /// Out of the person's reach, in quarantine.
        Pulled = "pulled",
        /// Where it was before Unhook moved it.
        InPlace = "in_place",
    }
}

words! {
    /// What is known about a copy.
    Observed, "found, moving, pulled, restoring, restored, gone, changed, failed" {
        /// Seen in the mailbox, not touched yet.
        Found = "found",
        /// An intent to quarantine is durable; the outcome is not known yet, or the
        /// calendar entry that the message made is still to follow.
        Moving = "moving",
        /// In quarantine.
        Pulled = "pulled",
        /// An intent to restore is durable; the outcome is not known yet, or the
        /// calendar entry that the message made is still to follow.
        Restoring = "restoring",
        /// Back in its place.
        Restored = "restored",
        /// No longer in the mailbox; somebody else removed it.
        Gone = "gone",
        /// What stands there now is not the message that was condemned.
        Changed = "changed",
        /// Given up; the reason is on the row.
        Failed = "failed",
    }
}

words! {
    /// Why this copy is a target.
    PullRole, "reported, copy, forward, variant" {
        /// The reporter's own copy.
        Reported = "reported",
        /// Another copy of the same message.
        Copy = "copy",
        /// A forward of it inside the organisation.
        Forward = "forward",
        /// Another message of the same campaign.
        Variant = "variant",
    }
}

/// Where a message lies and in which state, in its provider's own terms. Enough
/// to put it back exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Graph: the parent folder's id, alone. Gmail: all label ids, sorted.
    pub containers: Vec<String>,
    /// The containers as the mailbox's owner knows them: Graph: the folder's
    /// display name, below others its path (`Projects/2026`). Empty where no
    /// name is known, for rows of earlier versions, and for Gmail, whose system
    /// labels are names themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether it was read.
    pub read: bool,
    /// Graph flag status or Gmail star.
    pub flagged: bool,
    /// Graph categories; empty for Gmail, where they are labels.
    pub categories: Vec<String>,
}

impl Place {
    /// Whether every folder or label is known by the name that its owner sees. Labels of
    /// Gmail's own are their names; those that people made have ids (`Label_12`).
    #[must_use]
    pub fn is_named(&self) -> bool {
        let own = |label: &String| {
            label.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !label.is_empty()
        };
        !self.names.is_empty() || self.containers.iter().all(own)
    }

    /// Whether the message lies in the folder, or carries the label, `container`.
    #[must_use]
    pub fn holds(&self, container: &str) -> bool {
        self.containers.iter().any(|c| c == container)
    }
}

/// Where a look found the copy, relative to its quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Somewhere the person can reach it, and still the condemned message.
    Reachable,
    /// In quarantine.
    Quarantined,
    /// Not in the mailbox.
    Gone,
    /// There, but not the condemned message any more.
    Different,
}

/// The part of a pull's row that decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullSnapshot {
    /// What is wanted.
    pub desired: Desired,
    /// What was last known.
    pub observed: Observed,
}

/// The one next step for a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing to do.
    Settled,
    /// Move it to quarantine (intent first).
    Quarantine,
    /// Put it back (intent first).
    Restore,
    /// Only the record changes.
    Record(Observed),
}

impl PullSnapshot {
    /// Whether the row is at rest, without looking at the mailbox.
    #[must_use]
    pub const fn settled(self) -> bool {
        match (self.desired, self.observed) {
            (_, Observed::Gone | Observed::Changed | Observed::Failed) => true,
            (Desired::Pulled, observed) => matches!(observed, Observed::Pulled),
            (Desired::InPlace, observed) => {
                matches!(observed, Observed::Restored | Observed::Found)
            }
        }
    }
}

/// Decides the next effect from the row and a fresh look at the mailbox.
#[must_use]
pub const fn next_effect(pull: PullSnapshot, standing: Standing) -> Effect {
    if pull.settled() {
        return Effect::Settled;
    }
    match (pull.desired, standing) {
        (_, Standing::Gone) => Effect::Record(Observed::Gone),
        (Desired::Pulled, Standing::Reachable) => Effect::Quarantine,
        (Desired::Pulled, Standing::Quarantined) => Effect::Record(Observed::Pulled),
        (Desired::Pulled, Standing::Different) => Effect::Record(Observed::Changed),
        (Desired::InPlace, Standing::Quarantined) => Effect::Restore,
        (Desired::InPlace, Standing::Reachable | Standing::Different) => {
            Effect::Record(Observed::Restored)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSERVED: [Observed; 8] = [
        Observed::Found,
        Observed::Moving,
        Observed::Pulled,
        Observed::Restoring,
        Observed::Restored,
        Observed::Gone,
        Observed::Changed,
        Observed::Failed,
    ];

    #[test]
    fn every_state_converges_and_never_moves_what_is_different() {
        for desired in [Desired::Pulled, Desired::InPlace] {
            for observed in OBSERVED {
                for standing in [
                    Standing::Reachable,
                    Standing::Quarantined,
                    Standing::Gone,
                    Standing::Different,
                ] {
                    let pull = PullSnapshot { desired, observed };
                    match next_effect(pull, standing) {
                        Effect::Settled => assert!(pull.settled()),
                        Effect::Record(seen) => {
                            let after = PullSnapshot {
                                desired,
                                observed: seen,
                            };
                            assert!(after.settled(), "{pull:?} {standing:?}");
                        }
                        Effect::Quarantine => {
                            assert_eq!((desired, standing), (Desired::Pulled, Standing::Reachable));
                        }
                        Effect::Restore => assert_eq!(
                            (desired, standing),
                            (Desired::InPlace, Standing::Quarantined)
                        ),
                    }
                }
            }
        }
    }

    #[test]
    fn a_crash_after_the_move_is_recorded_and_not_moved_again() {
        let pull = PullSnapshot {
            desired: Desired::Pulled,
            observed: Observed::Moving,
        };
        assert_eq!(
            next_effect(pull, Standing::Quarantined),
            Effect::Record(Observed::Pulled)
        );
    }
}

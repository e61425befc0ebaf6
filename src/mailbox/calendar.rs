//! The calendar entries that invitations made.

use chrono::{DateTime, Utc};

use crate::domain::{EntrySnapshot, Locator};

/// Which entry is looked for.
#[derive(Debug, Clone)]
pub struct EntryLook {
    /// The invitation that made it.
    pub locator: Locator,
    /// The provider's id of the event, where it is known; without it the entry that
    /// the invitation itself made is meant.
    pub event: Option<String>,
    /// The event's `UID`, where it is known.
    pub uid: Option<String>,
    /// What it was to be put back under, while nobody knows whether it was: see
    /// [`EntryMove::mark`].
    pub mark: Option<String>,
}

/// An entry that stands on the calendar.
#[derive(Debug, Clone)]
pub struct EntryFound {
    /// The provider's id of the event.
    pub event: String,
    /// Its `UID`; a stranger's word.
    pub uid: Option<String>,
    /// Whether taking it off would tell others that a meeting is cancelled, because the
    /// mailbox's owner organises it; also where the platform does not say.
    pub organised: bool,
    /// When it came onto the calendar.
    pub created: Option<DateTime<Utc>>,
    /// When the invitation arrived; only where the entry was looked for by it.
    pub invited: Option<DateTime<Utc>>,
    /// What it takes to put it back; `None` where that is more than can be kept.
    pub snapshot: Option<EntrySnapshot>,
}

/// An entry that is to be removed or put back, and whose intent is durable.
#[derive(Debug, Clone)]
pub struct EntryMove {
    /// The invitation that made it.
    pub locator: Locator,
    /// The provider's id of the event.
    pub event: String,
    /// What it was before it was removed.
    pub snapshot: EntrySnapshot,
    /// Stands for putting it back this once: a platform that has to make the entry
    /// anew makes one a mark. Plain letters, digits, `_` and `/`.
    pub mark: String,
}

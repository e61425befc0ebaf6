//! What the mail transport saw: every delivery to the Microsoft 365 half, kept
//! after the message itself is moved or deleted. The message trace and hunting
//! are read from it.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{letter::Letter, seed::hash};

/// Who a passage is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recipient {
    /// Somebody with a mailbox, by position.
    Person(u32),
    /// A list, a group, or somebody outside.
    Address(Box<str>),
}

/// How it ended, in the trace's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Expanded,
    FilteredAsSpam,
}

impl Fate {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Expanded => "expanded",
            Self::FilteredAsSpam => "filteredAsSpam",
        }
    }
}

/// One message to one recipient.
#[derive(Debug, Clone)]
pub(super) struct Passage {
    pub letter: Arc<Letter>,
    pub to: Recipient,
    pub at: DateTime<Utc>,
    pub fate: Fate,
}

/// All passages, in the order in which they became known.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    passages: Vec<Passage>,
    by_message_id: HashMap<u64, Vec<u32>>,
}

impl Deliveries {
    pub(super) fn note(&mut self, passage: Passage) {
        let at = u32::try_from(self.passages.len()).unwrap_or(u32::MAX);
        self.by_message_id
            .entry(hash(&passage.letter.message_id))
            .or_default()
            .push(at);
        self.passages.push(passage);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Passage> {
        self.passages.iter()
    }

    /// Those of messages with one of these Message-IDs.
    pub(super) fn of<'a>(&'a self, ids: &'a [String]) -> impl Iterator<Item = &'a Passage> {
        ids.iter().flat_map(|id| {
            self.by_message_id
                .get(&hash(id))
                .into_iter()
                .flatten()
                .filter_map(|at| self.passages.get(usize::try_from(*at).ok()?))
                .filter(move |passage| passage.letter.message_id == *id)
        })
    }
}

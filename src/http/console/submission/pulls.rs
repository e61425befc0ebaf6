//! One copy's fate, as a row of a table.

use chrono::{DateTime, Utc};

use super::super::{chip::Chip, text::Plain, when::When};
use crate::{
    domain::{CalendarEntry, Desired, EntryState, Observed, Place, Provider, PullRole},
    store::pull::Pull,
};

/// A row.
pub struct PullRow {
    /// Its id.
    pub id: String,
    /// Whose mailbox.
    pub mailbox: Plain,
    /// On which platform.
    pub provider: &'static str,
    /// Why it is a target.
    pub role: &'static str,
    /// Why it counts as a copy.
    pub matched_by: Plain,
    /// Where it is.
    pub state: Chip,
    /// Where it was.
    pub place: Plain,
    /// Read and flag state it had.
    pub marks: Vec<&'static str>,
    /// The last failure.
    pub error: Plain,
    /// What became of the calendar entry that it made; empty for other mail.
    pub entry: Plain,
    /// When it came to rest, else when it was found.
    pub at: When,
    /// Whether it can be put back.
    pub restorable: bool,
    /// Whether it is a variant that waits for a person.
    pub waits: bool,
}

impl PullRow {
    /// The row of a pull.
    #[must_use]
    pub fn of(pull: &Pull, now: DateTime<Utc>) -> Self {
        let mailbox = &pull.locator.mailbox;
        let original = pull.original.as_ref();
        Self {
            id: pull.id.to_string(),
            mailbox: Plain::line(mailbox.address.as_str(), 120),
            provider: platform(mailbox.provider),
            role: match pull.role {
                PullRole::Reported => "Reported copy",
                PullRole::Copy => "Copy",
                PullRole::Forward => "Forward",
                PullRole::Variant => "Variant",
            },
            matched_by: Plain::line(&pull.matched_by, 160),
            state: Chip::pull(pull),
            place: original
                .map(|place| place_of(place, mailbox.provider))
                .unwrap_or_default(),
            marks: original.map(marks).unwrap_or_default(),
            error: Plain::line(pull.last_error.as_deref().unwrap_or_default(), 200),
            entry: pull.calendar.as_ref().map(entry_of).unwrap_or_default(),
            at: When::of(pull.settled_at.unwrap_or(pull.found_at), now),
            restorable: Self::restorable(pull),
            waits: pull.role == PullRole::Variant
                && (pull.desired, pull.observed) == (Desired::InPlace, Observed::Found),
        }
    }

    /// Whether a copy is, or is on its way to be, where it can be put back from.
    #[must_use]
    pub fn restorable(pull: &Pull) -> bool {
        pull.desired == Desired::Pulled
            && !matches!(
                pull.observed,
                Observed::Gone | Observed::Changed | Observed::Failed
            )
    }
}

/// What became of a calendar entry, as one says it.
fn entry_of(entry: &CalendarEntry) -> Plain {
    let known = match entry.state {
        EntryState::Sought | EntryState::Found => "on the calendar",
        EntryState::Removing => "being removed",
        EntryState::Removed => "removed",
        EntryState::Returning => "being put back",
        EntryState::Returned => "put back",
        EntryState::Gone => "none there",
        EntryState::Left => "left there",
    };
    let line = match entry.remark.as_str() {
        "" => format!("Calendar entry: {known}"),
        remark => format!("Calendar entry: {known} ({remark})"),
    };
    Plain::line(&line, 240)
}

/// A platform's name as people say it.
pub const fn platform(provider: Provider) -> &'static str {
    provider.product()
}

fn marks(place: &Place) -> Vec<&'static str> {
    let mut marks = vec![if place.read { "read" } else { "unread" }];
    if place.flagged {
        marks.push("flagged");
    }
    marks
}

/// Where a message lies, as its owner would say it.
pub(in crate::http::console) fn place_of(place: &Place, provider: Provider) -> Plain {
    if !place.names.is_empty() {
        return Plain::line(&place.names.join(", "), 160);
    }
    let named = place
        .containers
        .iter()
        .map(|container| match (provider, container.as_str()) {
            (Provider::Gmail, "INBOX") => "Inbox".to_owned(),
            (Provider::Gmail, "SPAM") => "Spam".to_owned(),
            (Provider::Gmail, "TRASH") => "Trash".to_owned(),
            (Provider::Gmail, "SENT") => "Sent".to_owned(),
            // Shown by the marks already.
            (Provider::Gmail, "UNREAD" | "STARRED" | "IMPORTANT") => String::new(),
            (Provider::Gmail, label) => match label.strip_prefix("CATEGORY_") {
                Some(tab) => format!("{} tab", tab.to_lowercase()),
                None => format!("label {label}"),
            },
            // Without its name a folder's id says little; its end tells two apart.
            (Provider::Graph, id) if id.len() > 24 => {
                let letters: Vec<_> = id.chars().filter(char::is_ascii_alphanumeric).collect();
                let end: String = letters
                    .iter()
                    .skip(letters.len().saturating_sub(6))
                    .collect();
                format!("folder\u{a0}#{end}")
            }
            (Provider::Graph, name) => name.to_owned(),
        });
    let named: Vec<_> = named.filter(|name| !name.is_empty()).collect();
    Plain::line(&named.join(", "), 160)
}

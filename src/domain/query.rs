//! Where a message is, and what to look for. Typed, never glued strings: the
//! attacker's text reaches these fields.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::MailboxAddress;

/// A mail platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Microsoft 365 through Microsoft Graph.
    Graph,
    /// Google Workspace through the Gmail API.
    Gmail,
}

impl Provider {
    /// The name people know the platform by.
    #[must_use]
    pub const fn product(self) -> &'static str {
        match self {
            Self::Graph => "Microsoft 365",
            Self::Gmail => "Google Workspace",
        }
    }

    /// The name used in rows, metrics and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Gmail => "gmail",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = LocatorError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "graph" => Ok(Self::Graph),
            "gmail" => Ok(Self::Gmail),
            _ => Err(LocatorError),
        }
    }
}

/// A key that would not be safe in a provider's URL path.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("not a key that may go into a provider's path")]
pub struct LocatorError;

/// One mailbox as its provider knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxRef {
    /// The platform that holds it.
    pub provider: Provider,
    /// The provider's own key: Graph user GUID, Gmail primary address. Checked
    /// by [`MailboxRef::new`], so it can go into a path.
    key: String,
    /// The primary address.
    pub address: MailboxAddress,
}

impl MailboxRef {
    /// Takes a provider's key after checking that it is a plain path segment
    /// (letters, digits, `.`, `_`, `-`, `@`, `+`, `'`; no `..`; 1 to 254 octets):
    /// neither SDK escapes path segments.
    ///
    /// # Errors
    /// [`LocatorError`] when the key is anything else.
    pub fn new(
        provider: Provider,
        key: impl Into<String>,
        address: MailboxAddress,
    ) -> Result<Self, LocatorError> {
        let key = key.into();
        if is_segment(&key, 254, "._-@+'") {
            Ok(Self {
                provider,
                key,
                address,
            })
        } else {
            Err(LocatorError)
        }
    }

    /// The provider's own key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// One message in one mailbox: Graph immutable id or Gmail message id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locator {
    /// The mailbox that holds it.
    pub mailbox: MailboxRef,
    message: String,
}

impl Locator {
    /// Takes a provider's message id after checking that it is a plain path
    /// segment (letters, digits, `_`, `-`, `=`; 1 to 1,024 octets). Ids are
    /// case-sensitive.
    ///
    /// # Errors
    /// [`LocatorError`] when the id is anything else.
    pub fn new(mailbox: MailboxRef, message: impl Into<String>) -> Result<Self, LocatorError> {
        let message = message.into();
        if is_segment(&message, 1024, "_-=") {
            Ok(Self { mailbox, message })
        } else {
            Err(LocatorError)
        }
    }

    /// The provider's message id.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

fn is_segment(text: &str, longest: usize, marks: &str) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && !text.contains("..")
        && text != "."
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

/// What to look for in a mailbox: a message that fits any one of the entries. An
/// adapter compiles it into its provider's query language, escapes every part,
/// and leaves out (and says so) what that language cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageQuery {
    /// Any of these Message-IDs, without angle brackets. At most 20. Not bounded
    /// by time.
    pub message_ids: Vec<String>,
    /// Any of these sender addresses. At most 20.
    #[serde(default)]
    pub senders: Vec<MailboxAddress>,
    /// Any of these texts in the subject. At most 20.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// Any of these names of attached files. At most 20.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// Phrases that a forward of the message would still hold (link hosts). A
    /// provider whose search cannot combine them (and file names) with the other
    /// entries in one call leaves them out and says so in its capabilities.
    pub phrases: Vec<String>,
    /// Only messages received (or sent) from this time on; bounds everything but
    /// the Message-IDs.
    pub after: DateTime<Utc>,
    /// Only messages received before this time; bounds what `after` bounds.
    #[serde(default)]
    pub before: Option<DateTime<Utc>>,
    /// Only the mailbox's own sent mail; used to follow forwards.
    pub sent_only: bool,
    /// What its owner deleted for good too, where the platform lets us look: a
    /// second call for each mailbox.
    #[serde(default)]
    pub recoverable: bool,
}

impl MessageQuery {
    /// For these Message-IDs alone.
    pub fn by_ids(ids: impl IntoIterator<Item = impl Into<String>>, after: DateTime<Utc>) -> Self {
        Self {
            message_ids: ids.into_iter().map(Into::into).collect(),
            senders: Vec::new(),
            subjects: Vec::new(),
            attachments: Vec::new(),
            phrases: Vec::new(),
            after,
            before: None,
            sent_only: false,
            recoverable: false,
        }
    }

    /// For nothing yet: the entries are set one by one.
    #[must_use]
    pub fn since(after: DateTime<Utc>) -> Self {
        Self::by_ids(None::<String>, after)
    }

    /// Whether it names anything to look for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.message_ids.is_empty()
            && self.senders.is_empty()
            && self.subjects.is_empty()
            && self.attachments.is_empty()
            && self.phrases.is_empty()
    }

    /// Whether a message received then lies in the window; one without a time does.
    #[must_use]
    pub fn covers(&self, received: Option<DateTime<Utc>>) -> bool {
        received.is_none_or(|at| at >= self.after && self.before.is_none_or(|before| at < before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_path_segment() {
        let address: MailboxAddress = "a@x.example".parse().expect("address");
        let mailbox = MailboxRef::new(Provider::Gmail, "a@x.example", address.clone()).expect("ok");
        for bad in ["", "..", "a/../b", "a/trash", "a?x", "a%2fb", "a b", "a\n"] {
            assert!(
                MailboxRef::new(Provider::Gmail, bad, address.clone()).is_err(),
                "{bad:?}"
            );
            assert!(Locator::new(mailbox.clone(), bad).is_err(), "{bad:?}");
        }
        assert!(Locator::new(mailbox, "AAMkAD_-=").is_ok());
    }
}

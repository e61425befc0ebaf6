//! A message as a mailbox shows it.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::domain::{Locator, MailboxAddress, Place};

/// What a search of one mailbox gave.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The messages that may fit, to be verified before anything rests on them.
    pub seen: Vec<Seen>,
    /// There may be more: the platform stopped counting (Graph's `$search` gives
    /// 1,000 hits at most), or a part of the query cannot be put into its
    /// language. A mailbox so searched is never completely searched.
    pub truncated: bool,
}

/// A message seen in a mailbox.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where it is found again.
    pub locator: Locator,
    /// Folder or labels, and state.
    pub place: Place,
    /// The platform's own received time.
    pub received: Option<DateTime<Utc>>,
    /// Whether it is what the mailbox's owner sent, by the platform's own mark
    /// (Gmail's `SENT` label, Graph's Sent Items folder) and never by a header
    /// that its sender chose. Only a look ([`super::MailReader::inspect`]) tells; a
    /// search leaves it false.
    pub sent: bool,
    /// Whether the platform counts attachments in it; false where it does not say
    /// (Gmail, whose content is the whole message).
    pub has_attachments: bool,
    /// Whether its owner answered it or passed it on, where the platform says so
    /// (Graph).
    pub reply_state: Option<ReplyState>,
    /// Exchange's own number of the message, the same for all recipients it was
    /// delivered to in one piece. Only a look at Graph gives it.
    pub network_message_id: Option<String>,
    /// What it holds, to verify it by.
    pub content: Content,
}

/// What its owner last did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyState {
    /// Answered, to its sender or to all.
    Replied,
    /// Passed on.
    Forwarded,
}

/// A message's content as far as the provider gave it in one call.
#[derive(Debug, Clone)]
pub enum Content {
    /// Only that it exists (Gmail list): look before acting on it.
    Unread,
    /// Chosen fields (Graph).
    Fields(Fields),
    /// The whole message (Gmail raw).
    Raw(Bytes),
}

/// The fields Graph gives beside a message.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// `internetMessageId` without angle brackets.
    pub message_id: Option<String>,
    /// Sender's address as shown.
    pub from: Option<String>,
    /// Subject.
    pub subject: Option<String>,
    /// To and Cc addresses.
    pub recipients: Vec<MailboxAddress>,
    /// Body text or HTML; absent when not asked for.
    pub body: Option<String>,
    /// Whether `body` is HTML.
    pub body_is_html: bool,
    /// The Message-ID that its header says it answers, without angle brackets.
    pub in_reply_to: Option<String>,
    /// The Message-IDs of its `References`, in order, at most 100.
    pub references: Vec<String>,
}

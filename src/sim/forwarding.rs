//! Mail that goes on by itself: inbox rules, auto-forwarding, filters. And the
//! watch over a Gmail mailbox, which is a setting of the mailbox as well.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// In which form a message goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relay {
    /// Anew from the owner: another Message-ID, the original inline. On Gmail a
    /// filter that forwards, which keeps the message as it is.
    Forward,
    /// Anew from the owner, the original attached. Not on Gmail.
    Attachment,
    /// As it is, Message-ID included. On Gmail the mailbox's auto-forwarding.
    Redirect,
}

/// One rule of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingRule {
    /// The form.
    pub relay: Relay,
    /// Where to.
    pub to: Vec<String>,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// `users.watch` of one Gmail mailbox.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// Label ids; none means all.
    pub labels: Vec<String>,
    /// Whether the labels are those left out.
    pub exclude: bool,
    pub expires: DateTime<Utc>,
    /// The last event, in milliseconds: one a second and user is published.
    pub last: i64,
}

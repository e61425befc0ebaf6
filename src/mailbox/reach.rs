//! Who gets a message beside those it is addressed to: the people behind a
//! group, those the platform's records name, those a mailbox passes mail on to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::MailboxAddress;

/// The people behind a group's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// What kind of group it is.
    pub kind: GroupKind,
    /// The people, nested groups flattened, each once.
    pub members: Vec<MailboxAddress>,
    /// What `members` does not show, in plain words: a hidden membership, a
    /// mailbox of the group's own that cannot be searched.
    pub remark: Option<String>,
}

/// What kind of group an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Passes mail on and keeps nothing.
    List,
    /// A Microsoft 365 group: its own mailbox keeps a copy.
    Microsoft365,
    /// Its members follow from a rule.
    Dynamic,
    /// A Google group whose conversations stay in it.
    CollaborativeInbox,
}

/// Whose mail to look up in the platform's records.
#[derive(Debug, Clone)]
pub struct DeliveryQuery {
    /// Message-IDs without angle brackets.
    pub message_ids: Vec<String>,
    /// Deliveries from this time on.
    pub after: DateTime<Utc>,
    /// Deliveries before this time.
    pub before: DateTime<Utc>,
}

/// Who got the messages asked for, by the platform's own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// Which record was read.
    pub source: DeliverySource,
    /// The deliveries, each (address, network message id) once.
    pub recipients: Vec<Delivery>,
    /// Whether the record names every delivery of the time asked for. When not,
    /// the mailboxes themselves have to be searched.
    pub complete: bool,
    /// Why it is not complete, or another record was read than the best, in
    /// plain words.
    pub remark: Option<String>,
    /// Calls made for it.
    pub calls: u64,
}

/// A record of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliverySource {
    /// Microsoft Defender's advanced hunting.
    Hunting,
    /// Exchange's message trace.
    Trace,
    /// The platform keeps none that can be read.
    None,
}

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whom it was delivered to: a mailbox, or a group.
    pub address: MailboxAddress,
    /// Exchange's own number of the message.
    pub network_message_id: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
}

impl Deliveries {
    /// The answer of a platform that keeps no record, or did not give one.
    #[must_use]
    pub fn none(remark: impl Into<String>, calls: u64) -> Self {
        Self {
            source: DeliverySource::None,
            recipients: Vec::new(),
            complete: false,
            remark: Some(remark.into()),
            calls,
        }
    }
}

/// A mailbox's standing order to pass mail on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// To whom.
    pub to: Vec<MailboxAddress>,
    /// By what.
    pub how: ForwardingKind,
    /// Whether what arrives there has the Message-ID of what came in.
    pub keeps_message_id: bool,
}

/// What passes mail on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingKind {
    /// A rule or filter, for the mail it fits.
    Rule,
    /// The mailbox's setting, for all mail.
    AutoForward,
}

/// Whose a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// One person's.
    User,
    /// Several people's.
    Shared,
    /// A room's or a device's.
    Room,
    /// Something else.
    Other,
}

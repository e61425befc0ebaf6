//! What the simulated platforms allow, how late they are, and how a mailbox can
//! be reached: states of the world, where a fault is the fate of one call.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What becomes of change notifications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notifications {
    /// Sent as things happen.
    #[default]
    Sent,
    /// Kept until they are released: in another order, or many times.
    Held,
    /// Lost, as when an endpoint was too slow for too long.
    Lost,
}

/// Settings of the whole tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// Seconds from delivery until the message trace shows it.
    pub trace_delay: i64,
    /// Message trace requests the tenant has in five minutes.
    pub trace_requests: u32,
    /// Whether advanced hunting is licensed.
    pub hunting: bool,
    /// Hunting queries the tenant has in a minute.
    pub hunting_requests: u32,
    /// Rows a hunting query gives at most; the rest is cut without a word.
    pub hunting_rows: usize,
    /// Seconds from delivery until hunting shows it.
    pub hunting_delay: i64,
    /// Every hunting query runs into its three minutes.
    pub hunting_stalls: bool,
    /// Application permissions of Graph, and scopes of Google, that nobody granted.
    pub withheld: BTreeSet<String>,
    /// Seconds from delivery until a search finds the message.
    pub search_delay: i64,
    /// Per cent of the people that the directories list.
    pub people_listed: u8,
    /// Resource units that Graph's directory has in ten seconds.
    pub directory_units: u32,
    /// Gmail quota units of the project in a minute.
    pub project_units: u32,
    /// What becomes of change notifications.
    pub notifications: Notifications,
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            trace_delay: 600,
            trace_requests: 100,
            hunting: false,
            hunting_requests: 45,
            hunting_rows: 100_000,
            hunting_delay: 0,
            hunting_stalls: false,
            withheld: BTreeSet::from(["Member.Read.Hidden".to_owned()]),
            search_delay: 0,
            people_listed: 100,
            directory_units: 8_000,
            project_units: 1_200_000,
            notifications: Notifications::Sent,
        }
    }
}

impl Platform {
    /// How many of `people` the directory lists.
    pub(super) fn listed(&self, people: usize) -> usize {
        people * usize::from(self.people_listed.min(100)) / 100
    }
}

/// How a mailbox can be reached over the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// As usual.
    #[default]
    Served,
    /// Its owner has no mail licence.
    Unlicensed,
    /// Hosted on the organisation's own servers (hybrid). Not on Gmail.
    OnPremises,
    /// Deleted, kept for a while for an administrator to restore.
    SoftDeleted,
    /// The account is suspended.
    Locked,
    /// On its way to another database; comes back by itself.
    Moving,
    /// The application's role does not cover it.
    OutOfScope,
    /// Its owner is gone from the directory.
    Missing,
}

impl Reach {
    /// Why the service cannot look into the mailbox; `None` when it can.
    #[must_use]
    pub const fn obstacle(self) -> Option<&'static str> {
        match self {
            Self::Served => None,
            Self::Unlicensed => Some("no licence"),
            Self::OnPremises => Some("on-premises"),
            Self::SoftDeleted => Some("soft-deleted"),
            Self::Locked => Some("locked"),
            Self::Moving => Some("moving"),
            Self::OutOfScope => Some("out of scope"),
            Self::Missing => Some("missing"),
        }
    }
}

//! Searches: what is looked for, where, and what was seen.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Place,
    report::{WordError, words},
};

words! {
    /// Why a search is made.
    SearchKind, "pull, dry_run" {
        /// To pull what it finds: the decision on a campaign.
        Pull = "pull",
        /// To show what a pull would find; nothing is moved.
        DryRun = "dry_run",
    }
}

words! {
    /// How far a search is.
    SearchState, "planning, searching, done, stopped" {
        /// What is to be asked is being worked out.
        Planning = "planning",
        /// Mailboxes are being searched.
        Searching = "searching",
        /// Through: every mailbox is searched, excluded or unreachable.
        Done = "done",
        /// Given up because the decision was taken back or made anew.
        Stopped = "stopped",
    }
}

words! {
    /// How a mailbox came to be searched, or a copy to be found.
    Way, "reported, header, list, trace, hunting, forward, rule, first, sweep, variant, watch" {
        /// Somebody reported it.
        Reported = "reported",
        /// Named in To or Cc of the message.
        Header = "header",
        /// Member of a list or group named there.
        List = "list",
        /// The platform's message trace names it.
        Trace = "trace",
        /// The platform's hunting tables name it.
        Hunting = "hunting",
        /// A colleague's forward went there.
        Forward = "forward",
        /// A forwarding rule of a mailbox that holds a copy points there.
        Rule = "rule",
        /// Searched early because of who its owner is.
        First = "first",
        /// The sweep of all mailboxes.
        Sweep = "sweep",
        /// The search for variants.
        Variant = "variant",
        /// It came after the search; the standing watch found it.
        Watch = "watch",
    }
}

words! {
    /// Where a search stands with one mailbox. Every mailbox in scope ends in one
    /// of the last three, or it is named as open.
    MailboxState, "waiting, retrying, searched, excluded, unreachable" {
        /// Not asked yet.
        Waiting = "waiting",
        /// Asked without an answer; asked again.
        Retrying = "retrying",
        /// Answered.
        Searched = "searched",
        /// Left out by the configuration.
        Excluded = "excluded",
        /// Cannot be searched; the reason stands beside it.
        Unreachable = "unreachable",
    }
}

words! {
    /// Whether something is still to be done with a mailbox.
    Errand, "no, waiting, done" {
        /// It is not asked for.
        No = "no",
        /// It is to be done.
        Waiting = "waiting",
        /// It was done.
        Done = "done",
    }
}

words! {
    /// Why a mailbox is out of reach, in one word.
    Cause, "on_premises, no_licence, locked, archive, consent, scope, throttled, group, outage, truncated, sent_mail, other" {
        /// Its mailbox is on a server of the organisation's own.
        OnPremises = "on_premises",
        /// It has no licence, or no mailbox.
        NoLicence = "no_licence",
        /// It is locked or soft-deleted.
        Locked = "locked",
        /// Its mail lies in an archive that the API does not reach.
        Archive = "archive",
        /// The application lacks a permission altogether.
        Consent = "consent",
        /// The permission does not cover this mailbox.
        Scope = "scope",
        /// The provider kept asking to wait.
        Throttled = "throttled",
        /// It is a group's own mailbox, which the API does not search.
        Group = "group",
        /// The provider gave no usable answer for too long.
        Outage = "outage",
        /// It holds more candidates than are looked at.
        Truncated = "truncated",
        /// It was searched, but its sent mail could not be read for forwards.
        SentMail = "sent_mail",
        /// Something else; the reason says what.
        Other = "other",
    }
}

words! {
    /// What a hit turned out to be.
    HitOutcome, "copy, forward, variant, decoy" {
        /// The same message.
        Copy = "copy",
        /// Another message that holds it.
        Forward = "forward",
        /// Another message of the same campaign.
        Variant = "variant",
        /// It came near and is something else.
        Decoy = "decoy",
    }
}

/// A message that was seen and compared with the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// What it is.
    pub outcome: HitOutcome,
    /// How it was found.
    pub way: Way,
    /// Forwards between the seed and this one; 0 for a copy.
    pub depth: u32,
    /// How alike, 0 to 1; 1 for a copy.
    pub score: f64,
    /// Why, in plain words; for a decoy why not.
    pub reasons: Vec<String>,
    /// Folder or labels, read and flag state.
    pub place: Place,
    /// The platform's received time.
    pub received: Option<DateTime<Utc>>,
    /// `replied` or `forwarded`, where the platform tells.
    pub reply: Option<String>,
    /// The platform's own id of this delivery, which no sender chooses.
    pub network_message_id: Option<String>,
    /// Subject; a stranger's words.
    pub subject: Option<String>,
    /// Sender; a stranger's words.
    pub sender: Option<String>,
}

/// A list or group among the recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedList {
    /// Its address.
    pub address: String,
    /// What it is: `list`, `microsoft365`, `dynamic`, `collaborative_inbox`.
    pub kind: String,
    /// Mailboxes of the directory behind it.
    pub members: u64,
    /// What of it cannot be reached, in plain words.
    pub remark: Option<String>,
}

/// What a platform's own records of deliveries told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRecords {
    /// The platform.
    pub provider: String,
    /// `trace` or `hunting`.
    pub source: String,
    /// Recipients named.
    pub recipients: u64,
    /// Whether the answer was whole.
    pub complete: bool,
    /// Why it was not, or what else is to be known.
    pub remark: Option<String>,
}

/// What one way of searching costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWay {
    /// The way.
    pub way: Way,
    /// Mailboxes it asks.
    pub mailboxes: u64,
    /// Provider calls it takes, pages of many hits aside.
    pub calls: u64,
    /// Gmail quota units among them.
    pub units: u64,
}

/// What the directory looked like when the search was planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryState {
    /// Mailboxes it names.
    pub mailboxes: u64,
    /// Of these, entries that the last reading did not show and that are kept
    /// because too many were missing at once.
    pub kept: u64,
    /// When it was last read in full, oldest platform first.
    pub read_at: Option<DateTime<Utc>>,
}

/// What a search is about to ask, and what that costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// People named in To and Cc.
    pub recipients: u64,
    /// Lists among them.
    pub lists: Vec<PlannedList>,
    /// The platforms' own records.
    pub records: Vec<PlannedRecords>,
    /// The ways in their order.
    pub ways: Vec<PlannedWay>,
    /// Mailboxes left out by the configuration.
    pub excluded: u64,
    /// The fewest calls that could do it: one a mailbox.
    pub bound: u64,
    /// How long it takes at least, milliseconds, at 150 ms a call and the
    /// concurrency in use.
    pub least_ms: u64,
    /// What is looked for, in plain words; holds no text of the message but
    /// addresses and link hosts.
    pub looks_for: Vec<String>,
    /// Why nothing can be looked for, if so.
    pub unsearchable: Option<String>,
    /// Why variants are not looked for, if so.
    pub no_variants: Option<String>,
    /// The directory then.
    pub directory: DirectoryState,
}

impl Plan {
    /// Calls over all ways.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ways.iter().map(|way| way.calls).sum()
    }
}

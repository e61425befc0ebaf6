//! The mailboxes of the organisation, in our verbs.
//!
//! One trait, two wires: `graph/` (Microsoft 365) and `gmail/` (Google
//! Workspace). Only this room may use the providers' SDKs. Every method makes
//! provider calls; none of them writes to the database. A `match` on the
//! provider stands nowhere outside this room.
//!
//! Reading and writing are two traits: what is given a [`MailReader`] (or
//! [`ReadOnly`], made of a provider that could write) cannot move a message.

mod calendar;
mod counts;
pub mod feed;
pub mod gmail;
pub mod graph;
pub mod pace;
mod reach;
mod read_only;
mod seen;
mod terms;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::{Cause, Locator, MailboxAddress, MailboxRef, MessageQuery, Place, Provider};

pub use calendar::{EntryFound, EntryLook, EntryMove};
pub use counts::{Counts, Family, counted};
pub use reach::{
    Audience, Deliveries, Delivery, DeliveryQuery, DeliverySource, Forwarding, ForwardingKind,
    GroupKind, Purpose,
};
pub use read_only::ReadOnly;
pub use seen::{Content, Fields, Found, ReplyState, Seen};
pub use wire::CALL_LIMIT;

/// Whether a platform can be asked for this Message-ID (without angle brackets): 1 to
/// 998 visible ASCII characters. A platform whose search cannot hold it says so, and its
/// mailboxes are named as out of reach.
#[must_use]
pub fn can_be_asked(id: &str) -> bool {
    wire::message_id(id).is_some()
}

/// What a provider can do, so that callers need not ask which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// `search` honours [`MessageQuery::phrases`] and attachments in the same call
    /// as the ids; without it only in a query of nothing else.
    pub searches_phrases: bool,
    /// `insert` puts a finished message into a mailbox without sending it.
    pub inserts: bool,
    /// How many mailboxes one `search` call asks in one request to the provider.
    pub search_together: usize,
    /// How many mailboxes are asked at once for each of `workers.search_concurrency`.
    pub search_width: usize,
    /// How many moves of one `quarantine` call run side by side.
    pub moves_at_once: usize,
}

/// One page of the organisation's mailboxes.
#[derive(Debug, Clone, Default)]
pub struct MailboxPage {
    /// The mailboxes, in the directory's order.
    pub mailboxes: Vec<MailboxEntry>,
    /// Opaque continuation, absent on the last page.
    pub next: Option<String>,
}

/// A mailbox and every address that reaches it.
#[derive(Debug, Clone)]
pub struct MailboxEntry {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Other addresses (aliases, proxy addresses), primary not included.
    pub aliases: Vec<MailboxAddress>,
    /// The name shown in the directory.
    pub display_name: Option<String>,
    /// Stable identity of the person: Entra object id, Google user id (`sub`).
    pub subject: Option<String>,
    /// The department, as the directory names it, at most 200 characters.
    pub department: Option<String>,
}

/// What a client said about the reported item. All of it is unproven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemHint {
    /// Graph REST or EWS id, or Gmail message id (`msg-f:` form allowed).
    pub item_id: Option<String>,
    /// Message-ID, with or without angle brackets.
    pub internet_message_id: Option<String>,
}

/// A move into quarantine that has been decided and whose intent is durable.
#[derive(Debug, Clone)]
pub struct QuarantineMove {
    /// The copy.
    pub locator: Locator,
    /// Where it was when it was looked at.
    pub from: Place,
    /// The quarantine of its mailbox, from [`MailProvider::quarantine_of`].
    pub quarantine: String,
}

/// A move back.
#[derive(Debug, Clone)]
pub struct RestoreMove {
    /// The copy.
    pub locator: Locator,
    /// Where it was before it was pulled.
    pub to: Place,
    /// The quarantine it lies in.
    pub quarantine: String,
}

/// The end of a move back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where it lies now.
    pub place: Place,
    /// Set when the original folder was gone and the Inbox was used.
    pub fallback_to_inbox: bool,
}

/// One line of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was checked.
    pub subject: String,
    /// Whether it is in order.
    pub ok: bool,
    /// The result in plain words, with what to do when it is not in order.
    pub detail: String,
}

/// Why a provider call did not give what was asked. Each one carries its
/// consequence, see [`MailboxError::disposition`].
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum MailboxError {
    /// 429, 503 with Retry-After, Gmail 403 `rateLimitExceeded`. Not executed.
    #[error("throttled by the provider")]
    Throttled {
        /// How long the provider asked to wait, unclamped; absent if it did not say.
        retry_after: Option<Duration>,
    },
    /// The credential was refused (token endpoint or 401): an administrator must act.
    #[error("the provider refused the credential: {0}")]
    Unauthorized(String),
    /// The credential lacks a permission for this mailbox.
    #[error("the provider denies access: {0}")]
    Forbidden(String),
    /// There is no mailbox behind the directory entry (no licence, on premises).
    #[error("no mailbox there: {0}")]
    NoMailbox(String),
    /// The message (or folder) is not there any more.
    #[error("not there any more")]
    Gone,
    /// Not executed: refused connection, 5xx on a read, overload. Safe to repeat.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// A change was sent and no answer came back: it may or may not have
    /// happened. Look before doing it again.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The provider refused the request for good (another 4xx).
    #[error("refused by the provider: {status} {code}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// The provider's error code or reason.
        code: String,
    },
    /// The answer was not of the documented form.
    #[error("answer not understood: {0}")]
    Malformed(String),
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again after this long, or after our own back-off if absent.
    Retry(Option<Duration>),
    /// The world is already as wanted, or there is nothing to do.
    Settle,
    /// Do not try again; record it.
    GiveUp,
    /// Hold the work until an administrator has acted.
    NeedsAdmin,
}

impl MailboxError {
    /// Why a mailbox is out of reach, in one word.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Throttled { .. } => Cause::Throttled,
            Self::Unauthorized(_) => Cause::Consent,
            Self::Forbidden(_) => Cause::Scope,
            Self::NoMailbox(code) => match code.as_str() {
                // Exchange says this of a mailbox on a server of one's own.
                "MailboxNotSupportedForRESTAPI" => Cause::OnPremises,
                "ErrorNonExistentMailbox" | "ErrorInvalidUser" | "Request_ResourceNotFound" => {
                    Cause::Locked
                }
                _ => Cause::NoLicence,
            },
            Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::Malformed(_) => Cause::Outage,
            Self::Gone | Self::Rejected { .. } => Cause::Other,
        }
    }

    /// The decision an error carries.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Throttled { retry_after } => Disposition::Retry(*retry_after),
            Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::Malformed(_) => {
                Disposition::Retry(None)
            }
            Self::Unauthorized(_) => Disposition::NeedsAdmin,
            Self::Gone => Disposition::Settle,
            Self::Forbidden(_) | Self::NoMailbox(_) | Self::Rejected { .. } => Disposition::GiveUp,
        }
    }
}

/// A mail platform, as far as it is read. Methods that take slices give exactly
/// one answer for each input, in order; a provider that can, batches them.
#[async_trait]
pub trait MailReader: Send + Sync {
    /// Which platform.
    fn provider(&self) -> Provider;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The calls made over this connection so far.
    fn calls(&self) -> Counts;

    /// A page of the organisation's mailboxes; `cursor` is `None` for the first.
    async fn mailboxes(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError>;

    /// The people behind a group or distribution list, nested ones flattened;
    /// `None` when the address is no group that this directory lists.
    async fn expand(&self, address: &MailboxAddress) -> Result<Option<Audience>, MailboxError>;

    /// The addresses of groups that keep a copy in a mailbox of their own, which no
    /// search reaches (Microsoft 365 groups, collaborative inboxes).
    async fn keepers(&self) -> Result<Vec<MailboxAddress>, MailboxError>;

    /// The items of `mailbox` that the hint may mean: at most one by item id;
    /// by Message-ID possibly several, since senders choose it.
    async fn find(&self, mailbox: &MailboxRef, hint: &ItemHint) -> Result<Vec<Seen>, MailboxError>;

    /// Searches each mailbox once (all folders, Junk/Spam and Trash included).
    async fn search(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>>;

    /// The whole message. Graph regenerates it; Gmail gives it as received.
    async fn fetch_raw(&self, locator: &Locator) -> Result<Bytes, MailboxError>;

    /// What stands at each locator now, with content to verify it by; `None`
    /// when it is gone. One call a locator.
    async fn inspect(&self, locators: &[Locator]) -> Vec<Result<Option<Seen>, MailboxError>>;

    /// Who got these messages, by the platform's own records. Records that cannot
    /// be read (no licence, no permission, quota) are no error: the answer says
    /// that it is not complete, and why.
    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Deliveries, MailboxError>;

    /// Where each mailbox passes mail on by itself; what is switched off is left
    /// out. Forwarding that an administrator set is not shown by every platform.
    async fn forwarding(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>>;

    /// Whose each mailbox is: one call a mailbox on Graph, none on Gmail.
    async fn purposes(&self, mailboxes: &[MailboxRef]) -> Vec<Result<Purpose, MailboxError>>;

    /// The calendar entries that invitations made, as they stand now; `None` where
    /// there is none (any more).
    async fn entries(&self, looks: &[EntryLook]) -> Vec<Result<Option<EntryFound>, MailboxError>>;

    /// Checks credentials, granted permissions and reach, for `doctor`.
    async fn check(&self) -> Vec<Finding>;
}

/// A mail platform that messages can be moved in.
#[async_trait]
pub trait MailProvider: MailReader {
    /// The quarantine (hidden folder id, label id) of each mailbox, created
    /// where it does not exist yet; cached.
    async fn quarantine_of(&self, mailboxes: &[MailboxRef]) -> Vec<Result<String, MailboxError>>;

    /// Moves copies into quarantine; the answer is where each lies afterwards.
    async fn quarantine(&self, moves: &[QuarantineMove]) -> Vec<Result<Place, MailboxError>>;

    /// Moves copies back with folder or labels, read and flag state.
    async fn restore(&self, moves: &[RestoreMove]) -> Vec<Result<Restored, MailboxError>>;

    /// Takes entries off their owners' calendars, without a word to anybody.
    async fn remove_entries(&self, moves: &[EntryMove]) -> Vec<Result<(), MailboxError>>;

    /// Puts entries back, without a word to anybody; the answer is the event's id from
    /// now on.
    async fn return_entries(&self, moves: &[EntryMove]) -> Vec<Result<String, MailboxError>>;

    /// Puts a finished message into the mailbox's inbox, unread.
    async fn insert(&self, mailbox: &MailboxRef, raw: &[u8]) -> Result<Locator, MailboxError>;
}

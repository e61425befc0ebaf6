//! Accepting one report: identity from the token, limits, one durable group
//! commit, and only then an answer.
//!
//! Knows nothing of verdicts or mailboxes; it hands over to triage by a job
//! that commits together with the report.

mod desk;
mod prepare;

use bytes::Bytes;

use crate::domain::{MailboxAddress, ReportClient, ReportId, ReportReason};

pub use desk::Desk;

/// A report as a client sent it, its sender already verified.
#[derive(Debug, Clone)]
pub struct NewReport {
    /// Which client sent it.
    pub client: ReportClient,
    /// Stable identity from the token: `entra:{tid}:{oid}` or `google:{sub}`.
    pub reporter: String,
    /// Whether the token says guest.
    pub guest: bool,
    /// The mailbox the client named; unproven.
    pub mailbox: Option<MailboxAddress>,
    /// The client's id of the item; unproven.
    pub item_id: Option<String>,
    /// Message-ID; unproven.
    pub internet_message_id: Option<String>,
    /// Why.
    pub reason: Option<ReportReason>,
    /// The person's own words, at most 2,000 characters.
    pub comment: Option<String>,
    /// The message as the client has it.
    pub raw: Option<Bytes>,
    /// The client's key for retries, at most 128 printable ASCII characters.
    pub idempotency_key: Option<String>,
}

/// A report that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its identity.
    pub id: ReportId,
    /// Whether this request made it, or it was there already.
    pub new: bool,
}

/// Why a report was not accepted.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum IntakeError {
    /// Nothing by which the message could be found.
    #[error("a report needs item_id, internet_message_id or the message itself")]
    NothingNamed,
    /// A field is longer than it may be or holds what it may not.
    #[error("{field}: {problem}")]
    Field {
        /// The member's name.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The same idempotency key came with another body.
    #[error("this Idempotency-Key was used for another report")]
    KeyReused,
    /// Not stored; try again.
    #[error("the report could not be stored just now")]
    Unavailable,
}

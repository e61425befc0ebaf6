//! The words of the field as types, and the state machines as pure functions.
//!
//! No async, no SDK, no SQL, no clock of its own. Everything above speaks in
//! these types.

mod address;
mod answer;
mod ids;
pub mod priority;
mod pull;
mod query;
mod report;
pub mod reputation;
mod verdict;

pub use address::{AddressError, MailboxAddress};
pub use answer::{AskedKind, OWN_LIST, Reputation, SourceAnswer};
pub use ids::{
    ApiKeyId, AssessmentId, CampaignId, EgressId, EventId, Id, IdError, IdKind, InForceId, JobId,
    LetterId, PullId, RemediationId, ReportId, SubmissionId, TenantId, kinds,
};
pub use pull::{Desired, Effect, Observed, Place, PullRole, PullSnapshot, Standing, next_effect};
pub use query::{Locator, LocatorError, MailboxRef, MessageQuery, Provider};
pub use report::{EvidenceState, ReportClient, ReportReason, ReportStatus};
pub use verdict::{Action, Assessment, Deed, Kind, Signal, Verdict, VerdictSource};

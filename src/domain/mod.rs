//! The words of the field as types, and the state machines as pure functions.
//!
//! No async, no SDK, no SQL, no clock of its own. Everything above speaks in
//! these types.

mod address;
mod answer;
mod calendar;
pub mod exposure;
mod ids;
pub mod priority;
mod pull;
mod query;
mod report;
pub mod reputation;
mod search;
mod search_query;
mod stage;
mod verdict;

pub use address::{AddressError, MailboxAddress};
pub use answer::{AskedKind, OWN_LIST, Reputation, SourceAnswer};
pub use calendar::{
    CalendarEntry, ENTRY_ATTEMPTS, EntrySnapshot, EntryState, EntryStep, looked, next_step,
};
pub use ids::{
    ApiKeyId, ApprovalId, AssessmentId, CampaignId, EgressId, EventId, Id, IdError, IdKind,
    InForceId, JobId, LetterId, PullId, RemediationId, ReportId, SearchId, SubmissionId, TenantId,
    kinds,
};
pub use pull::{Desired, Effect, Observed, Place, PullRole, PullSnapshot, Standing, next_effect};
pub use query::{Locator, LocatorError, MailboxRef, MessageQuery, Provider};
pub use report::{EvidenceState, ReportClient, ReportReason, ReportStatus, subject_of};
pub use search::{
    Cause, DirectoryState, Errand, HitOutcome, MailboxState, Plan, PlannedList, PlannedRecords,
    PlannedWay, SearchKind, SearchState, Sighting, Way,
};
pub use search_query::QueryError;
pub use stage::{
    Admission, ApprovalState, Footing, Hold, Progress, Stage, StageLimits, StopScope, covered,
};
pub use verdict::{Action, Assessment, Deed, Kind, Signal, Verdict, VerdictSource};

//! Typed, prefixed identifiers: `rpt_0192…`. A wrong kind does not parse.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// Names a kind of identifier by its prefix.
pub trait IdKind: 'static {
    /// The prefix before the underscore, e.g. `rpt`.
    const PREFIX: &'static str;
}

/// The kinds of identifier.
pub mod kinds {
    use super::IdKind;

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name {}
            impl IdKind for $name { const PREFIX: &'static str = $prefix; }
        )*};
    }
    kinds! {
        /// A customer organisation.
        Tenant = "tnt";
        /// One person's click.
        Report = "rpt";
        /// The evidence a report points at.
        Submission = "sub";
        /// Submissions that are one attack.
        Campaign = "cmp";
        /// The decision to pull a campaign.
        Remediation = "rem";
        /// One copy's fate.
        Pull = "pul";
        /// A unit of durable work.
        Job = "job";
        /// A letter to a reporter.
        Letter = "let";
        /// A line of a timeline.
        Event = "evt";
        /// An API key.
        ApiKey = "key";
        /// Something that was sent to a source outside.
        Egress = "egr";
        /// One judgement of a submission.
        Assessment = "asm";
        /// Something that was put into force.
        InForce = "frc";
        /// One search of the mailboxes.
        Search = "sch";
        /// A request for a second person's approval.
        Approval = "apr";
    }
}

/// An identifier of kind `K`: a prefix and a UUID (version 7 where the clock
/// gave the time, so that ids sort by creation).
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// `tnt_…`
pub type TenantId = Id<kinds::Tenant>;
/// `rpt_…`
pub type ReportId = Id<kinds::Report>;
/// `sub_…`
pub type SubmissionId = Id<kinds::Submission>;
/// `cmp_…`
pub type CampaignId = Id<kinds::Campaign>;
/// `rem_…`
pub type RemediationId = Id<kinds::Remediation>;
/// `pul_…`
pub type PullId = Id<kinds::Pull>;
/// `job_…`
pub type JobId = Id<kinds::Job>;
/// `let_…`
pub type LetterId = Id<kinds::Letter>;
/// `evt_…`
pub type EventId = Id<kinds::Event>;
/// `key_…`
pub type ApiKeyId = Id<kinds::ApiKey>;
/// `egr_…`
pub type EgressId = Id<kinds::Egress>;
/// `asm_…`
pub type AssessmentId = Id<kinds::Assessment>;
/// `frc_…`
pub type InForceId = Id<kinds::InForce>;
/// `sch_…`
pub type SearchId = Id<kinds::Search>;
/// `apr_…`
pub type ApprovalId = Id<kinds::Approval>;

/// Why a string is not an identifier of the wanted kind.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not an id of the form {prefix}_<32 hex digits>")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl<K: IdKind> Id<K> {
    /// A new identifier whose leading bits are `now`, so that ids sort by time.
    #[must_use]
    pub fn new(now: chrono::DateTime<chrono::Utc>) -> Self {
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
        Self(Uuid::new_v7(at), PhantomData)
    }

    /// An identifier from a UUID that is already known (rows, derived ids).
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}
impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: IdKind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let error = IdError { prefix: K::PREFIX };
        let hex = s
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|hex| {
                hex.len() == 32
                    && hex
                        .bytes()
                        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
            .ok_or_else(|| error.clone())?;
        Uuid::try_parse(hex).map(Self::from_uuid).map_err(|_| error)
    }
}
impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_parses_back_and_a_foreign_kind_does_not() {
        let id = ReportId::new(chrono::DateTime::UNIX_EPOCH);
        assert_eq!(id.to_string().parse::<ReportId>(), Ok(id));
        assert!(id.to_string().parse::<TenantId>().is_err());
        assert!("rpt_../../etc".parse::<ReportId>().is_err());
    }
}

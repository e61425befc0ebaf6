//! Records for the samples of all pages: the same story told in plain words, or
//! with one hostile text in every place that a stranger can write to.

mod audit;
mod campaigns;
mod events;
mod jobs;
mod pulls;
mod searches;
mod staged;
mod submissions;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{campaign, fault, parked, policy, queue, sign_in, submission};
use crate::domain::{Id, IdKind, Locator, MailboxAddress, MailboxRef, Provider};

pub(super) use audit::entries;
pub(super) use campaigns::{campaign_material, campaigns};
pub(super) use jobs::jobs;
pub(super) use searches::search_material;
pub(super) use staged::pulls_material;
pub(super) use submissions::{
    missing_material, pending_material, submission_material, submissions,
};

/// What the strangers in a sample say.
#[derive(Debug, Clone, Default)]
pub struct Words {
    hostile: Option<String>,
}

impl Words {
    /// The story in plain words.
    #[must_use]
    pub const fn plain() -> Self {
        Self { hostile: None }
    }

    /// One text in every place.
    #[must_use]
    pub fn hostile(text: &str) -> Self {
        Self {
            hostile: Some(text.to_owned()),
        }
    }

    /// What stands in a place where `plain` would stand in the story.
    #[must_use]
    pub fn say(&self, plain: &str) -> String {
        self.hostile.as_deref().unwrap_or(plain).to_owned()
    }
}

/// A page's name and how it is rendered.
type Render = fn(&Words) -> Result<String, askama::Error>;

/// Every page in every state that looks different.
pub const PAGES: [(&str, Render); 26] = [
    ("queue", |w| queue::sample(w, false)),
    ("queue-empty", |w| queue::sample(w, true)),
    ("submission", |w| submission::sample(w, "text")),
    ("submission-rendered", |w| submission::sample(w, "rendered")),
    ("submission-source", |w| submission::sample(w, "source")),
    ("submission-pending", submission::sample_pending),
    ("submission-missing", |w| {
        submission::sample_missing(w, true)
    }),
    ("submission-nothing", |w| {
        submission::sample_missing(w, false)
    }),
    ("campaigns", |w| super::campaigns::sample(w, false)),
    ("campaigns-empty", |w| super::campaigns::sample(w, true)),
    ("campaign", campaign::sample),
    ("searches", |w| super::searches::sample(w, false)),
    ("searches-empty", |w| super::searches::sample(w, true)),
    ("search", super::search::sample),
    ("receipt", super::search::receipt::sample),
    ("pulls", |w| super::pulling::sample(w, false)),
    ("pulls-empty", |w| super::pulling::sample(w, true)),
    ("parked", |w| parked::sample(w, false)),
    ("parked-empty", |w| parked::sample(w, true)),
    ("audit", |w| super::audit::sample(w, false)),
    ("audit-empty", |w| super::audit::sample(w, true)),
    ("policy", |w| policy::sample(w, false)),
    ("policy-refused", |w| policy::sample(w, true)),
    ("sign-in", |_| sign_in::sample(false)),
    ("sign-in-refused", |_| sign_in::sample(true)),
    ("fault", |_| Ok(fault::sample())),
];

/// The time of all samples.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_338_127, 0).unwrap_or_default()
}

fn before(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn id<K: IdKind>(n: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(
        0x019a_ab00_0000_7000_8000_0000_0000_0000 + n,
    ))
}

fn address(text: &str) -> Option<MailboxAddress> {
    text.parse().ok()
}

fn copy(provider: Provider, who: &str, message: &str) -> Option<Locator> {
    let address = address(&format!("{who}@northwind.example"))?;
    let key = format!("7b1d2c3e-{who}");
    Locator::new(MailboxRef::new(provider, key, address).ok()?, message).ok()
}

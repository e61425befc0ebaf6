//! The adapters, built from the configuration once. No behaviour
//! but what follows from two of them.

mod budgets;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use chrono::{DateTime, TimeDelta, Utc};
use hickory_resolver::TokioResolver;

use crate::{
    clock::SharedClock,
    config::Config,
    domain::{InForceId, MailboxRef, Provider, TenantId},
    enrich::lookups::Sources,
    mailbox::{CALL_LIMIT, MailProvider, ReadOnly, feed::ChangeFeed},
    notify::Notifier,
    sandbox::Sandbox,
    store::{Store, blobs::Blobs},
    verdict::Engine,
};

pub use budgets::StoredBudgets;

/// Everything the rooms above are given.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: SharedClock,
    /// The organisation this instance serves.
    pub tenant: TenantId,
    /// The rows.
    pub store: Store,
    /// The bytes of evidence.
    pub blobs: Blobs,
    /// The mail platforms in use.
    pub mail: Mail,
    /// Letters to reporters.
    pub notifier: Notifier,
    /// The processes that take files apart.
    pub sandbox: Arc<Sandbox>,
    /// The sources outside, with what is known of their health.
    pub sources: Arc<Sources>,
    /// What judges.
    pub judging: Judging,
    /// For checking SPF, DKIM, DMARC and ARC here; `None` when that is switched off.
    pub resolver: Option<TokioResolver>,
}

/// What a record adds to the longest provider call, so that the worker that
/// waits for its answer can still write it down.
const AFTER_CALL: TimeDelta = TimeDelta::seconds(30);

impl App {
    /// Until when a job that records something at `now` stays its worker's: the
    /// configured lease, and never less than the provider call that may follow
    /// takes ([`CALL_LIMIT`]) and half a minute more.
    #[must_use]
    pub fn lease_end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let call = TimeDelta::from_std(CALL_LIMIT).unwrap_or(TimeDelta::MAX);
        let lease = self.config.workers.lease().max(call + AFTER_CALL);
        now.checked_add_signed(lease)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The engine in use. It is replaced as a whole when another policy or model goes
/// live; whoever judges keeps the one he began with.
#[derive(Clone)]
pub struct Judging {
    configured: Arc<Engine>,
    current: Arc<RwLock<Current>>,
}

/// An engine, and the decision it stands for; none for the configuration's.
#[derive(Clone)]
struct Current {
    engine: Arc<Engine>,
    decision: Option<InForceId>,
}

impl Judging {
    /// With the engine of the configuration, which is in force until another is.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let configured = Arc::new(engine);
        Self {
            current: Arc::new(RwLock::new(Current {
                engine: Arc::clone(&configured),
                decision: None,
            })),
            configured,
        }
    }

    /// The engine of the configuration.
    #[must_use]
    pub const fn configured(&self) -> &Arc<Engine> {
        &self.configured
    }

    /// The engine in force, as far as this process knows; see `policy::force`.
    #[must_use]
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.read().engine)
    }

    /// The decision it stands for.
    #[must_use]
    pub fn decision(&self) -> Option<InForceId> {
        self.read().decision
    }

    fn read(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the engine of a decision in its place.
    pub fn replace(&self, engine: Engine, decision: InForceId) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current {
            engine: Arc::new(engine),
            decision: Some(decision),
        };
    }
}

/// The mail platforms in use.
#[derive(Clone, Default)]
pub struct Mail {
    platforms: BTreeMap<Provider, Arc<dyn MailProvider>>,
    feeds: BTreeMap<Provider, Arc<dyn ChangeFeed>>,
}

impl Mail {
    /// Adds a platform; a second one of the same kind replaces the first.
    pub fn add(&mut self, provider: Arc<dyn MailProvider>) {
        self.platforms.insert(provider.provider(), provider);
    }

    /// Adds a platform's change notifications.
    pub fn add_feed(&mut self, feed: Arc<dyn ChangeFeed>) {
        self.feeds.insert(feed.provider(), feed);
    }

    /// The platform that holds a mailbox; `None` when it is not configured.
    #[must_use]
    pub fn of(&self, mailbox: &MailboxRef) -> Option<&Arc<dyn MailProvider>> {
        self.platforms.get(&mailbox.provider)
    }

    /// The same platforms for work that only reads.
    #[must_use]
    pub fn readers(&self) -> Readers {
        Readers(
            self.platforms
                .iter()
                .map(|(provider, mail)| (*provider, ReadOnly::new(Arc::clone(mail))))
                .collect(),
        )
    }

    /// All platforms.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn MailProvider>> {
        self.platforms.values()
    }

    /// The change notifications of a mailbox's platform; `None` where it is only
    /// asked at intervals.
    #[must_use]
    pub fn feed_of(&self, mailbox: &MailboxRef) -> Option<&Arc<dyn ChangeFeed>> {
        self.feeds.get(&mailbox.provider)
    }

    /// All platforms that tell of changes.
    pub fn feeds(&self) -> impl Iterator<Item = &Arc<dyn ChangeFeed>> {
        self.feeds.values()
    }
}

/// The mail platforms in use, as far as they are read: what is given these cannot
/// move a message, by their type.
#[derive(Clone, Default)]
pub struct Readers(BTreeMap<Provider, ReadOnly>);

impl Readers {
    /// The platform that holds a mailbox; `None` when it is not configured.
    #[must_use]
    pub fn of(&self, mailbox: &MailboxRef) -> Option<&ReadOnly> {
        self.0.get(&mailbox.provider)
    }

    /// All platforms.
    pub fn all(&self) -> impl Iterator<Item = &ReadOnly> {
        self.0.values()
    }
}

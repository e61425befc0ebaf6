//! The whole service over a simulated organisation, without HTTP: reports are
//! handed to the desk, and the queue is drained instead of waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use unhook::{
    app::App,
    cli::start,
    clock::{Clock, SharedClock, SystemClock},
    config::Config,
    demo,
    domain::{ApprovalState, Provider, ReportClient, ReportId, ReportReason},
    intake::{Desk, NewReport},
    jobs::{Wake, Workers},
    remediation::approve::{self, Answer},
    sim::{Organisation, Reporter, Scenario, Sim, SimOptions},
    store::{CommitObserver, PageRequest},
};

use super::{
    database::{Backend, postgres_database},
    recorded,
};

/// A simulated organisation with a scenario planted.
pub fn tenant(mailboxes: usize, planted: usize, message: Option<Vec<u8>>) -> Sim {
    tenant_with(mailboxes, planted, message, false)
}

/// The same, with every exchange on its wires kept.
pub fn tenant_with(
    mailboxes: usize,
    planted: usize,
    message: Option<Vec<u8>>,
    record: bool,
) -> Sim {
    let organisation = Organisation::generate(mailboxes, 7);
    let mut options = SimOptions::new(organisation, Arc::new(|| SystemClock.now()));
    options.record = record;
    let sim = recorded::start(options);
    sim.plant(&Scenario {
        message,
        mailboxes: Some(planted),
        ..Scenario::default()
    });
    sim
}

/// What one of the sim's reporters sends.
pub fn click(reporter: &Reporter, tenant_id: &str) -> NewReport {
    let (client, identity) = match reporter.provider {
        Provider::Graph => (
            ReportClient::Outlook,
            format!("entra:{tenant_id}:{}", reporter.user_id),
        ),
        Provider::Gmail => (ReportClient::Gmail, format!("google:{}", reporter.user_id)),
    };
    NewReport {
        client,
        reporter: identity,
        guest: false,
        mailbox: reporter.address.parse().ok(),
        item_id: Some(reporter.item_id.clone()),
        internet_message_id: Some(reporter.internet_message_id.clone()),
        reason: Some(ReportReason::Phishing),
        comment: None,
        raw: None,
        idempotency_key: Some(format!("click-{}", reporter.user_id)),
    }
}

/// The machine's clock, which a test may set forward.
#[derive(Debug, Clone, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// The service.
pub struct Stage {
    pub app: App,
    pub clock: Ahead,
    pub desk: Desk,
    pub workers: Workers,
    _folder: Option<tempfile::TempDir>,
}

impl Stage {
    /// A fresh service; `None` when the database is not at hand.
    pub async fn new(sim: &Sim, backend: Backend) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = "127.0.0.1:1".parse().expect("an address");
        let text = demo::settings(sim, listen, folder.path()).expect("settings");
        let mut config = Config::parse(&text).expect("the demo's settings are valid");
        if backend == Backend::Postgres {
            config.database.url = postgres_database().await?.into();
        }
        Some(Self {
            _folder: Some(folder),
            ..Self::open(config, None).await
        })
    }

    /// A service over a configuration.
    pub async fn open(config: Config, observer: Option<CommitObserver>) -> Self {
        let ahead = Ahead::default();
        let clock: SharedClock = Arc::new(ahead.clone());
        let mut config = config;
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        let app = start::build_app(config, SharedClock::clone(&clock), observer)
            .await
            .expect("the service is built");
        start::resume(&app).await.expect("resumed");
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
        let workers = start::workers(&app, wake);
        Self {
            app,
            clock: ahead,
            desk,
            workers,
            _folder: None,
        }
    }

    /// The same service with the configuration as it was changed: whoever works was
    /// given the one before.
    pub fn reopened(mut self) -> Self {
        self.workers = start::workers(&self.app, Wake::default());
        self
    }

    /// Has both of the sim's reporters click.
    pub async fn report_all(&self, sim: &Sim) -> Vec<ReportId> {
        let mut ids = Vec::new();
        for reporter in sim.reporters() {
            let click = click(&reporter, sim.tenant_id());
            ids.push(self.desk.accept(click).await.expect("accepted").id);
        }
        ids
    }

    /// Works off what is due, with a second person at hand who approves all that takes
    /// one.
    pub async fn work(&self) {
        loop {
            self.workers.drain().await;
            let rows = self.app.store.read(self.app.tenant);
            let page = PageRequest::first(50);
            let open = rows.approvals(Some(ApprovalState::Open), &page).await;
            let open = open.expect("approvals").items;
            if open.is_empty() {
                return;
            }
            for request in open {
                let answer = Answer::Approve {
                    mailboxes: request.mailboxes,
                };
                approve::answer(&self.app, request.id, answer, "key_second", "agreed")
                    .await
                    .expect("approved");
            }
        }
    }

    /// Drains the queue with the clock set forward to what falls due within
    /// `horizon`, until nothing else does.
    pub async fn drain_ahead(&self, horizon: TimeDelta) {
        loop {
            self.work().await;
            let due = self.app.store.next_job_due().await.expect("due");
            let wait = due.map(|due| due - self.app.clock.now());
            match wait {
                Some(wait) if wait < horizon => self.clock.advance(wait.max(TimeDelta::zero())),
                _ => return,
            }
        }
    }

    /// Drains the queue with the clock set forward to all that falls due before `span`
    /// is over: what is done again and again, as a watch is, ends with it too.
    pub async fn drain_for(&self, span: TimeDelta) {
        let end = self.app.clock.now() + span;
        loop {
            self.work().await;
            let due = self.app.store.next_job_due().await.expect("due");
            match due {
                Some(due) if due < end => {
                    let wait = due - self.app.clock.now();
                    self.clock.advance(wait.max(TimeDelta::zero()));
                }
                _ => return,
            }
        }
    }

    /// Drains the queue until only work of the far future is left: retries that
    /// fall due within a minute are waited for by their own due time.
    pub async fn drain(&self) {
        loop {
            self.work().await;
            let due = self.app.store.next_job_due().await.expect("due");
            let now = self.app.clock.now();
            match due {
                Some(due) if due < now + TimeDelta::minutes(1) => {
                    let wait = (due - now).to_std().unwrap_or(Duration::ZERO);
                    tokio::time::sleep(wait).await;
                }
                _ => return,
            }
        }
    }
}

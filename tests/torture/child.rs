//! The service in a process of its own, which may be killed at any moment. It is what
//! `serve` runs, without HTTP: orders come by standard input instead.

use std::{
    io::{BufRead as _, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};
use unhook::{
    app::App,
    cli::start,
    clock::{Clock, SharedClock, SystemClock},
    config::Config,
    domain::{ApprovalState, Desired, Observed, ReportId, StopScope},
    intake::{Desk, IntakeError},
    jobs::{Wake, Workers},
    remediation::{
        approve::{self, Answer as Word, ApprovalError},
        brake, undo,
    },
    store::{CommitObserver, PageRequest, StoreError, campaign::Campaign, pull::Pull},
    triage::overturn::{self, OverturnError},
};

use crate::orders::{Answer, Order, Reply, Request};

/// Tells the child that it is one, and where.
pub const CHILD: &str = "UNHOOK_TORTURE_CHILD";
/// Who decides, and who approves.
pub const ANALYST: &str = "key_analyst";
const SECOND: &str = "key_second";
/// Workers that drain side by side.
const SIDE_BY_SIDE: usize = 4;

/// The machine's clock, set ahead by the parent.
#[derive(Debug, Clone, Default)]
pub struct Ahead(pub Arc<AtomicI64>);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Runs until it is killed or its standard input ends. `place` is the folder of its
/// configuration, behind the milliseconds by which its clock is ahead.
pub fn run(place: &str) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let code = runtime.block_on(serve(place));
    std::process::exit(code);
}

async fn serve(place: &str) -> i32 {
    let (ahead, folder) = place.split_once(' ').expect("a clock and a folder");
    let clock = Ahead::default();
    clock.0.store(ahead.parse().expect("ms"), Ordering::SeqCst);
    let text = std::fs::read_to_string(Path::new(folder).join("unhook.toml")).expect("settings");
    let config = Config::parse(&text).expect("valid settings");
    let last = Arc::new(AtomicU64::new(u64::MAX));
    let end = Arc::clone(&last);
    let observer: CommitObserver = Arc::new(move || {
        if end.load(Ordering::SeqCst) != u64::MAX && end.fetch_sub(1, Ordering::SeqCst) == 1 {
            die();
        }
    });
    let shared: SharedClock = Arc::new(clock.clone());
    let (app, workers) = match start_up(config, SharedClock::clone(&shared), observer).await {
        Ok(started) => started,
        Err(why) => {
            eprintln!("torture: the service did not start: {why}");
            return 3;
        }
    };
    let (wake, workers) = workers;
    let desk = Desk::open(app.store.clone(), app.tenant, shared, wake);
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(workers.clone().run(stopped));
    let service = Arc::new(Child {
        app,
        desk,
        workers,
        stop,
        working: Mutex::new(Some(working)),
        last,
    });
    say(0, Answer::Up);
    let mut orders = read_orders();
    while let Some(Request { n, ahead_ms, order }) = orders.recv().await {
        clock.0.store(ahead_ms, Ordering::SeqCst);
        let service = Arc::clone(&service);
        // Side by side: people do not wait for one another.
        tokio::spawn(async move { say(n, service.carry_out(order).await) });
    }
    0
}

async fn start_up(
    config: Config,
    clock: SharedClock,
    observer: CommitObserver,
) -> Result<(App, (Wake, Workers)), String> {
    let app = start::build_app(config, clock, Some(observer))
        .await
        .map_err(|error| start::whole(&error))?;
    start::resume(&app)
        .await
        .map_err(|error| start::whole(&error))?;
    let wake = Wake::default();
    let workers = start::workers(&app, wake.clone());
    Ok((app, (wake, workers)))
}

/// The end that no code sees coming.
fn die() -> ! {
    let me = rustix::process::getpid();
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn say(n: u64, answer: Answer) {
    let line = serde_json::to_string(&Reply { n, answer }).expect("an answer");
    let mut out = std::io::stdout().lock();
    // Whoever asked may be gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Orders as they come; ends with standard input.
fn read_orders() -> mpsc::UnboundedReceiver<Request> {
    let (orders, received) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            let order = serde_json::from_str(&line).expect("an order");
            if orders.send(order).is_err() {
                return;
            }
        }
    });
    received
}

struct Child {
    app: App,
    desk: Desk,
    workers: Workers,
    stop: watch::Sender<bool>,
    working: Mutex<Option<JoinHandle<()>>>,
    /// Commits left until it ends itself.
    last: Arc<AtomicU64>,
}

/// Why an order came to nothing.
enum Why {
    Refused(String),
    Failed(String),
}

impl From<StoreError> for Why {
    fn from(error: StoreError) -> Self {
        Self::Failed(start::whole(&error))
    }
}

impl From<OverturnError> for Why {
    fn from(error: OverturnError) -> Self {
        match error {
            OverturnError::Store(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<ApprovalError> for Why {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Store(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<IntakeError> for Why {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Unavailable => Self::Failed(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl Child {
    async fn carry_out(&self, order: Order) -> Answer {
        match self.try_to(order).await {
            Ok(answer) => answer,
            Err(Why::Refused(why)) => Answer::Refused { why },
            Err(Why::Failed(why)) => Answer::Failed { why },
        }
    }

    async fn try_to(&self, order: Order) -> Result<Answer, Why> {
        let app = &self.app;
        let done = |things| Ok(Answer::Done { things });
        match order {
            Order::Report { click } => {
                let accepted = self.desk.accept(click.report()).await?;
                Ok(Answer::Accepted {
                    report: accepted.id.to_string(),
                })
            }
            Order::Verdict { report, verdict } => {
                let rows = app.store.read(app.tenant);
                let id: ReportId = report.parse().expect("a report's id");
                let Some(row) = rows.report(id).await? else {
                    return Err(Why::Refused("no such report".to_owned()));
                };
                overturn::set_verdict(app, row.submission, verdict, ANALYST, "as drawn").await?;
                done(1)
            }
            Order::Approve => done(self.approve().await?),
            Order::RestoreOne { nth } => {
                let away = self.pulls().await?.into_iter();
                let away: Vec<Pull> = away.filter(|p| p.observed == Observed::Pulled).collect();
                let one = pick(&away, nth)?;
                undo::restore_copy(app, one.id, ANALYST).await?;
                done(1)
            }
            Order::RestoreCampaign { nth } => {
                let all = self.campaigns().await?;
                undo::restore_campaign(app, pick(&all, nth)?.id, ANALYST).await?;
                done(1)
            }
            Order::RestoreAll => done(self.restore_all().await?),
            Order::Halt { nth } => {
                let all = self.campaigns().await?;
                approve::halt(app, pick(&all, nth)?.id, ANALYST, "as drawn").await?;
                done(1)
            }
            Order::GoOn { nth } => {
                let all = self.campaigns().await?;
                approve::go_on(app, pick(&all, nth)?.id, ANALYST, "as drawn").await?;
                done(1)
            }
            Order::GoOnAll => {
                let mut things = 0;
                for campaign in self.campaigns().await? {
                    match approve::go_on(app, campaign.id, ANALYST, "go on").await {
                        Ok(()) => things += 1,
                        Err(ApprovalError::NothingHeld(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                done(things)
            }
            Order::Stop => {
                let new = brake::stop(app, StopScope::All, ANALYST, "as drawn").await?;
                done(u64::from(new))
            }
            Order::Release => {
                let mut things = 0;
                for scope in [StopScope::All, StopScope::Automatic] {
                    things += u64::from(brake::release(app, scope, ANALYST, "as drawn").await?);
                }
                done(things)
            }
            Order::DieAfter { commits } => {
                self.last.store(commits, Ordering::SeqCst);
                done(1)
            }
            Order::Drain => self.drain().await,
        }
    }

    async fn drain(&self) -> Result<Answer, Why> {
        self.stop.send_replace(true);
        if let Some(working) = self.working.lock().await.take() {
            working
                .await
                .map_err(|error| Why::Failed(error.to_string()))?;
        }
        loop {
            let side_by_side = (0..SIDE_BY_SIDE).map(|_| self.workers.drain());
            let ran: usize = futures::future::join_all(side_by_side).await.iter().sum();
            if ran == 0 && self.approve().await? == 0 {
                break;
            }
        }
        let due = self.app.store.next_job_due().await?;
        Ok(Answer::Drained {
            due_in_ms: due.map(|due| (due - self.app.clock.now()).num_milliseconds().max(0)),
        })
    }

    /// Approves all that waits for a second person.
    async fn approve(&self) -> Result<u64, Why> {
        let app = &self.app;
        let rows = app.store.read(app.tenant);
        let page = PageRequest::first(200);
        let open = rows.approvals(Some(ApprovalState::Open), &page).await?;
        let mut given = 0;
        for request in open.items {
            let word = Word::Approve {
                mailboxes: request.mailboxes,
            };
            match approve::answer(app, request.id, word, SECOND, "agreed").await {
                Ok(()) => given += 1,
                // It changed, or was decided anew, while this person read.
                Err(
                    ApprovalError::Changed { .. }
                    | ApprovalError::Closed(_)
                    | ApprovalError::NothingHeld(_),
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(given)
    }

    async fn restore_all(&self) -> Result<u64, Why> {
        let app = &self.app;
        let mut things = 0;
        for campaign in self.campaigns().await? {
            undo::restore_campaign(app, campaign.id, ANALYST).await?;
            things += 1;
        }
        // What is held for a report that belongs to no campaign.
        for pull in self.pulls().await? {
            if pull.campaign.is_none() && pull.desired == Desired::Pulled {
                match undo::restore_copy(app, pull.id, ANALYST).await {
                    Ok(()) => things += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(things)
    }

    /// All campaigns, those that are variants of another too, oldest first.
    async fn campaigns(&self) -> Result<Vec<Campaign>, Why> {
        let rows = self.app.store.read(self.app.tenant);
        let mut all = Vec::new();
        let mut page = PageRequest::first(200);
        loop {
            let found = rows.campaigns(None, &page).await?;
            for case in found.items {
                all.extend(rows.variants_of(case.id, 1_000).await?);
                all.push(case);
            }
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        all.sort_unstable_by_key(|campaign| campaign.id.to_string());
        Ok(all)
    }

    async fn pulls(&self) -> Result<Vec<Pull>, Why> {
        let rows = self.app.store.read(self.app.tenant);
        let mut all = Vec::new();
        let mut page = PageRequest::first(200);
        loop {
            let found = rows.pulls(None, &page).await?;
            all.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

fn pick<T>(all: &[T], nth: u64) -> Result<&T, Why> {
    let nothing = || Why::Refused("there is none".to_owned());
    let len = u64::try_from(all.len()).expect("a length");
    let at = nth.checked_rem(len).ok_or_else(nothing)?;
    all.get(usize::try_from(at).expect("a place"))
        .ok_or_else(nothing)
}

/// How long the parent gives a child to come up.
pub const COMES_UP: Duration = Duration::from_secs(60);

//! One seeded organisation with a campaign, the service at work on it, and what came
//! of it against the truth. Shared by the bench and the tests.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use unhook::{
    app::App,
    cli::start,
    clock::{Clock, SharedClock, SystemClock},
    config::{Config, search::Variants},
    demo,
    domain::{
        ApprovalState, Desired, Observed, Provider, PullRole, ReportClient, ReportReason, Verdict,
    },
    intake::{Desk, NewReport},
    jobs::{Wake, Workers},
    remediation::{
        approve::{self, Answer},
        receipt,
    },
    sim::{
        Action, Fault, How, Matcher, Operation, Organisation, Reporter, RetryAfter, Shape, Sim,
        SimOptions, Spread,
    },
    store::{PageRequest, pull::Pull},
    triage::overturn,
};

/// One trial.
pub struct Trial {
    pub seed: u64,
    pub shape: Shape,
    pub spread: Spread,
    pub faults: Vec<Fault>,
}

/// What came of trials, summed up.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Found and planted.
    pub copies: (usize, usize),
    pub forwards: (usize, usize),
    pub variants: (usize, usize),
    /// Variants that were not found, and what was found out about each.
    pub missed: Vec<String>,
    pub named: (usize, usize),
    pub exposed: (usize, usize),
    pub decoys: usize,
    pub condemned: usize,
    pub held: usize,
    pub receipts: usize,
    pub with_faults: usize,
    pub failures: Vec<String>,
}

impl Outcome {
    /// Whether nothing exact was missed, nothing innocent condemned, and nothing
    /// unreachable left unnamed. Variants are measured, not required one by one.
    pub fn flawless(&self) -> bool {
        self.failures.is_empty()
    }

    pub fn add(&mut self, other: Self) {
        let sum = |a: &mut (usize, usize), b: (usize, usize)| {
            a.0 += b.0;
            a.1 += b.1;
        };
        sum(&mut self.copies, other.copies);
        sum(&mut self.forwards, other.forwards);
        sum(&mut self.variants, other.variants);
        self.missed.extend(other.missed);
        sum(&mut self.named, other.named);
        sum(&mut self.exposed, other.exposed);
        self.decoys += other.decoys;
        self.condemned += other.condemned;
        self.held += other.held;
        self.receipts += other.receipts;
        self.with_faults += other.with_faults;
        self.failures.extend(other.failures);
    }
}

/// The machine's clock, which a trial sets forward.
#[derive(Debug, Clone, Default)]
struct Ahead(Arc<AtomicI64>);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Small numbers from a seed.
fn pick(seed: u64, salt: u64, below: u64) -> u64 {
    let mut x = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(salt.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 29)) % below
}

fn fault(when: Matcher, action: Action, times: u64) -> Fault {
    Fault {
        when,
        action,
        times,
    }
}

fn on(operation: Operation, nth: u64) -> Matcher {
    Matcher {
        operation: Some(operation),
        nth: Some(nth),
        ..Matcher::default()
    }
}

/// Faults of one seed: throttled, unavailable, broken off, lost.
fn faults(seed: u64) -> Vec<Fault> {
    let after = |text: &str| RetryAfter::Value(text.to_owned());
    let unavailable = || Action::Answer {
        status: 503,
        headers: Default::default(),
        body: serde_json::Value::Null,
    };
    let mut faults = Vec::new();
    for (salt, operation) in [
        Operation::MessageSearch,
        Operation::GmailList,
        Operation::GmailGet,
        Operation::MessageGet,
        Operation::Batch,
        Operation::FolderMessages,
        Operation::GroupMembers,
        Operation::DirectoryMembers,
    ]
    .into_iter()
    .enumerate()
    {
        let salt = salt as u64;
        let nth = 1 + pick(seed, 40 + salt, 12);
        let action = match pick(seed, 60 + salt, 6) {
            0 => Action::Throttle {
                retry_after: after("2.128"),
            },
            1 => Action::Throttle {
                retry_after: RetryAfter::Missing,
            },
            2 => unavailable(),
            3 => Action::LoseReply { executed: false },
            4 => Action::Throttle {
                retry_after: after("0"),
            },
            _ => Action::Truncate { bytes: 40 },
        };
        faults.push(fault(
            on(operation, nth),
            action,
            1 + pick(seed, 80 + salt, 4),
        ));
    }
    faults
}

impl Trial {
    /// The trial of a seed: one in three on Microsoft 365 alone, one on Google
    /// Workspace alone, one on both; three of four with faults.
    pub fn of_seed(seed: u64) -> Self {
        let on_graph = [100, 0, 50][usize::try_from(seed % 3).expect("small")];
        let mailboxes = 60 + usize::try_from(pick(seed, 1, 60)).expect("small");
        Self {
            seed,
            shape: Shape {
                mailboxes,
                on_graph,
                groups: true,
                seed,
                ..Shape::default()
            },
            spread: Spread {
                seed,
                copies: 12 + usize::try_from(pick(seed, 2, 18)).expect("small"),
                variants: 4 + usize::try_from(pick(seed, 3, 5)).expect("small"),
                chains: 3,
                forward_depth: u8::try_from(1 + pick(seed, 4, 4)).expect("small"),
                decoys: 60,
                ..Spread::default()
            },
            faults: if seed.is_multiple_of(4) {
                Vec::new()
            } else {
                faults(seed)
            },
        }
    }

    /// Plants, reports, has the service work, and compares.
    pub async fn run(self) -> Outcome {
        let ahead = Ahead::default();
        let clock: SharedClock = Arc::new(ahead.clone());
        let told = ahead.clone();
        let organisation = Organisation::shaped(&self.shape);
        let options = SimOptions::new(organisation, Arc::new(move || told.now()));
        let sim = Sim::start(options).expect("the simulated tenant starts");
        sim.spread(&self.spread);
        let folder = tempfile::tempdir().expect("a folder");
        let listen = "127.0.0.1:1".parse().expect("an address");
        let text = demo::settings(&sim, listen, folder.path()).expect("settings");
        let mut config = Config::parse(&text).expect("the demo's settings are valid");
        config.search.variants = Variants::Review;
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        let app = start::build_app(config, SharedClock::clone(&clock), None)
            .await
            .expect("the service is built");
        start::resume(&app).await.expect("resumed");
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
        let workers = start::workers(&app, wake);
        let with_faults = usize::from(!self.faults.is_empty());
        for fault in &self.faults {
            sim.add_fault(fault.clone());
        }
        let reporter = sim.reporters().into_iter().next().expect("a reporter");
        let report = desk
            .accept(click(&reporter, sim.tenant_id()))
            .await
            .expect("accepted");
        let horizon = TimeDelta::hours(4);
        drain(&app, &workers, &ahead, horizon).await;
        let rows = app.store.read(app.tenant);
        let row = rows.report(report.id).await.expect("read").expect("there");
        let judged = rows
            .submission(row.submission)
            .await
            .expect("read")
            .expect("there");
        if judged.verdict != Some(Verdict::Malicious) {
            let done = overturn::set_verdict(
                &app,
                row.submission,
                Verdict::Malicious,
                "key_trial",
                "a phish",
            );
            done.await.expect("judged");
            drain(&app, &workers, &ahead, horizon).await;
        }
        let mut outcome = compare(&app, &sim).await;
        outcome.with_faults = with_faults;
        for failure in &mut outcome.failures {
            *failure = format!("seed {}: {failure}", self.seed);
        }
        outcome
    }
}

/// What one of the sim's reporters sends.
fn click(reporter: &Reporter, tenant_id: &str) -> NewReport {
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

/// Works until nothing falls due within the horizon; waits are skipped.
async fn drain(app: &App, workers: &Workers, ahead: &Ahead, horizon: TimeDelta) {
    let end = app.clock.now() + horizon;
    loop {
        workers.drain().await;
        if second_person(app).await {
            continue;
        }
        let due = app.store.next_job_due().await.expect("due");
        let now = app.clock.now();
        match due {
            Some(due) if due < end => {
                let wait = (due - now).max(TimeDelta::zero()).num_milliseconds();
                ahead.0.fetch_add(wait, Ordering::SeqCst);
            }
            _ => return,
        }
    }
}

/// Approves what takes a second person; whether there was something.
async fn second_person(app: &App) -> bool {
    let rows = app.store.read(app.tenant);
    let page = PageRequest::first(9);
    let open = rows.approvals(Some(ApprovalState::Open), &page);
    let open = open.await.expect("approvals").items;
    for request in &open {
        let answer = Answer::Approve {
            mailboxes: request.mailboxes,
        };
        approve::answer(app, request.id, answer, "key_second", "")
            .await
            .expect("approved");
    }
    !open.is_empty()
}

/// All pulls, by platform, mailbox and message.
async fn pulls(app: &App) -> HashMap<(String, String), Pull> {
    let rows = app.store.read(app.tenant);
    let mut found = HashMap::new();
    let mut page = PageRequest::first(500);
    loop {
        let next = rows.pulls(None, &page).await.expect("pulls");
        for pull in next.items {
            let key = (
                pull.locator.mailbox.address.to_string(),
                pull.locator.message().to_owned(),
            );
            found.insert(key, pull);
        }
        match next.next {
            Some(after) => page.after = Some(after),
            None => return found,
        }
    }
}

async fn compare(app: &App, sim: &Sim) -> Outcome {
    let mut outcome = Outcome::default();
    let truth = sim.truth();
    let pulls = pulls(app).await;
    for copy in &truth.planted {
        let key = (copy.mailbox.clone(), copy.item_id.clone());
        let pull = pulls.get(&key);
        let counted = pull.is_some_and(|p| p.observed != Observed::Changed);
        if copy.obstacle.is_some() || copy.how == How::Late {
            continue;
        }
        let variant = copy.how == How::Variant;
        let slot = match copy.how {
            How::Variant => &mut outcome.variants,
            How::Forward | How::Attached | How::RuleForward => &mut outcome.forwards,
            _ => &mut outcome.copies,
        };
        slot.1 += 1;
        slot.0 += usize::from(counted);
        if !counted && variant {
            outcome.missed.push(format!(
                "{} of {}: {:?}",
                copy.message_id,
                copy.mailbox,
                pull.map(|p| &p.matched_by)
            ));
        }
        if !counted && !variant {
            outcome.failures.push(format!(
                "{:?} at depth {} in {} was missed ({:?})",
                copy.how,
                copy.depth,
                copy.mailbox,
                pull.map(|p| &p.matched_by)
            ));
        }
    }
    for innocent in &truth.innocent {
        outcome.decoys += 1;
        let key = (innocent.mailbox.clone(), innocent.item_id.clone());
        let pull = pulls.get(&key).filter(|p| p.observed != Observed::Changed);
        let held =
            pull.is_some_and(|p| p.role == PullRole::Variant && p.desired == Desired::InPlace);
        outcome.held += usize::from(held);
        if innocent.touched || pull.is_some() {
            outcome.condemned += 1;
            outcome.failures.push(format!(
                "{:?} in {} was condemned: {}",
                innocent.kind,
                innocent.mailbox,
                pull.map_or("", |p| &p.matched_by)
            ));
        }
    }
    let (gaps, exposed) = told(app, &mut outcome).await;
    for place in &truth.unreachable {
        // Graph does not say who has an archive: every receipt says that none is
        // covered. And a platform that is not configured names nobody.
        let configured = app.mail.all().any(|mail| {
            let domain = unhook::sim::domain_of(mail.provider());
            place.mailbox.ends_with(&format!("@{domain}"))
        });
        if place.reason == "archive" || !configured {
            continue;
        }
        outcome.named.1 += 1;
        if gaps.contains(&place.mailbox) {
            outcome.named.0 += 1;
        } else {
            outcome
                .failures
                .push(format!("{} ({}) is not named", place.mailbox, place.reason));
        }
    }
    for address in truth
        .exposed
        .iter()
        .map(|e| e.to.clone())
        .collect::<HashSet<_>>()
    {
        outcome.exposed.1 += 1;
        outcome.exposed.0 += usize::from(exposed.contains(&address));
    }
    outcome
}

/// Mailboxes named as out of reach, and addresses named as exposed.
async fn told(app: &App, outcome: &mut Outcome) -> (HashSet<String>, HashSet<String>) {
    let rows = app.store.read(app.tenant);
    let (mut gaps, mut exposed) = (HashSet::new(), HashSet::new());
    let campaigns = rows.campaigns(None, &PageRequest::first(50)).await;
    for campaign in campaigns.expect("campaigns").items {
        let Some(searched) = rows.searched(campaign.id).await.expect("read") else {
            continue;
        };
        let page = PageRequest::first(10_000);
        let found = rows.gaps(searched.search.id, &page).await.expect("gaps");
        gaps.extend(found.items.iter().map(|g| g.mailbox.address.to_string()));
        exposed.extend(searched.search.progress.exposed.iter().cloned());
        if !searched.search.is_over() {
            outcome
                .failures
                .push("the search is not through".to_owned());
        }
        let file = rows.receipt(searched.search.id).await.expect("read");
        if let Some(file) = file {
            match receipt::check(&file, None) {
                Ok(_) => outcome.receipts += 1,
                Err(error) => outcome.failures.push(format!("receipt: {error}")),
            }
        }
    }
    (gaps, exposed)
}

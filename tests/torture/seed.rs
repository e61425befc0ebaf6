//! One seed from its organisation to its verdict: rounds of orders and kills under
//! faults, quiet, the invariants, everything put back, the invariants again.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use rand::{Rng as _, rngs::StdRng};
use serde::Serialize;
use tokio::runtime::Runtime;
use unhook::{audit, cli::start, config::Config, sim::Phase};

use crate::{
    child::Ahead,
    database::Place,
    invariants::{Evidence, Moment, Sent, Verdicts, violations},
    ledger::{Ledger, Reader},
    model::{World, rng, weather},
    orders::{Answer, Click, Draw, Order},
    service::{Executioner, News, Peaks, Service},
};

/// The most that a child may use.
const MOST_MEMORY_KIB: u64 = 300 << 10;
const MOST_FILES: u64 = 256;
/// How long an order of the quiet may take, and all of it in simulated time.
const PATIENCE: Duration = Duration::from_secs(300);
const MOST_QUIET: TimeDelta = TimeDelta::hours(30);
/// The longest that a round waits for its end.
const LONGEST_ROUND: Duration = Duration::from_secs(15);

/// What came of one seed, or of many.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    pub seeds: u64,
    pub rounds: u64,
    pub kills: u64,
    pub restarts: u64,
    /// How often all connections of the database were ended.
    pub database_restarts: u64,
    pub reports: u64,
    pub orders: u64,
    pub refused: u64,
    /// Orders that failed while the database went away.
    pub failed: u64,
    /// Moves that the simulator saw, out of reach and back.
    pub pulls: u64,
    pub restores: u64,
    pub letters: u64,
    pub provider_calls: u64,
    pub faults: u64,
    pub most_memory_kib: u64,
    pub most_files: u64,
    pub simulated_minutes: i64,
    pub violations: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.rounds += other.rounds;
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.database_restarts += other.database_restarts;
        self.reports += other.reports;
        self.orders += other.orders;
        self.refused += other.refused;
        self.failed += other.failed;
        self.pulls += other.pulls;
        self.restores += other.restores;
        self.letters += other.letters;
        self.provider_calls += other.provider_calls;
        self.faults += other.faults;
        self.most_memory_kib = self.most_memory_kib.max(other.most_memory_kib);
        self.most_files = self.most_files.max(other.most_files);
        self.simulated_minutes += other.simulated_minutes;
        self.violations.extend(other.violations);
    }
}

/// How a round ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The child lives on into the next.
    Never,
    /// Killed around the nth provider call of the round.
    AtCall(u64, Phase),
    /// Ends itself after so many commits.
    AfterCommits(u64),
    /// Killed after so many milliseconds, be it up or not.
    After(u64),
}

impl End {
    fn random(rng: &mut StdRng) -> Self {
        let phase = if rng.random() {
            Phase::Before
        } else {
            Phase::After
        };
        match rng.random_range(0..10) {
            0 => Self::Never,
            1..5 => Self::AtCall(rng.random_range(1..=250), phase),
            5..8 => Self::AfterCommits(rng.random_range(1..=120)),
            _ => Self::After(rng.random_range(20..=3_500)),
        }
    }
}

/// A seed under way.
pub struct Run<'a> {
    seed: u64,
    runtime: &'a Runtime,
    world: World,
    place: &'a Place,
    folder: PathBuf,
    peaks: Arc<Peaks>,
    service: Option<Service>,
    ahead_ms: i64,
    sent: Vec<Sent>,
    verdicts: Verdicts,
    tally: Tally,
}

/// Runs a seed in a folder over a database.
pub fn run(seed: u64, runtime: &Runtime, place: &Place, folder: PathBuf) -> Tally {
    let world = World::of(seed);
    println_unless_json(place, &format!("seed {seed}: {}", world.shape));
    let settings = world.settings(&folder, place.url.as_deref());
    std::fs::write(folder.join("unhook.toml"), settings).expect("written");
    let mut run = Run {
        seed,
        runtime,
        world,
        place,
        folder,
        peaks: Arc::default(),
        service: None,
        ahead_ms: 0,
        sent: Vec::new(),
        verdicts: Verdicts::default(),
        tally: Tally {
            seeds: 1,
            ..Tally::default()
        },
    };
    run.whole();
    run.sum_up()
}

fn println_unless_json(place: &Place, line: &str) {
    if place.json {
        eprintln!("{line}");
    } else {
        println!("{line}");
    }
}

impl Run<'_> {
    fn whole(&mut self) {
        let mut choices = rng(self.seed, 2);
        for round in 0..choices.random_range(4..=9) {
            if !self.round(round) {
                return;
            }
        }
        if !self.quiet(true) {
            return;
        }
        self.check(Moment::AtRest);
        // Half of the seeds put all back under faults, and are killed at it.
        if choices.random() {
            self.undo_under_fire(&mut choices);
        }
        self.order_in_quiet(Order::RestoreAll);
        if self.quiet(false) {
            self.check(Moment::PutBack);
        }
    }

    fn broken(&mut self, what: impl Into<String>) {
        self.tally.violations.push(what.into());
    }

    fn start(&mut self) -> Service {
        self.tally.restarts += 1;
        Service::start(&self.folder, self.ahead_ms, &self.peaks)
    }

    fn advance(&mut self, by: TimeDelta) {
        self.ahead_ms += by.num_milliseconds();
        self.world.sim.advance(by);
    }

    /// Orders under faults until the round's end. False when the service could not be
    /// started, or ended by itself.
    fn round(&mut self, number: u64) -> bool {
        let mut rng = rng(self.seed, 100 + number);
        let end = End::random(&mut rng);
        let count = rng.random_range(1..=5);
        let draws: Vec<(u64, Draw)> = (0..count)
            .map(|_| {
                (
                    rng.random_range(0..150),
                    Draw::random(&mut rng, number == 0),
                )
            })
            .collect();
        let linger = Duration::from_millis(rng.random_range(200..=3_000));
        let outage: Option<u64> = rng.random_bool(0.4).then(|| rng.random_range(0..1_500));
        let outage = outage.filter(|_| self.place.is_postgres());
        // Where several processes may own the queue, the jobs of a dead one wait for the
        // end of its lease: that has mostly come when the next one starts.
        let pause = TimeDelta::seconds(rng.random_range(0..=400));
        self.world.sim.set_weather(Some(weather(rng.random())));
        self.tally.rounds += 1;

        let fresh = self.service.is_none();
        let mut service = match self.service.take() {
            Some(service) => service,
            None => self.start(),
        };
        let executioner = service.executioner();
        match end {
            End::AtCall(n, phase) => self.kill_at_call(&executioner, n, phase),
            End::After(millis) => kill_after(executioner.clone(), millis),
            End::Never | End::AfterCommits(_) => {}
        }
        let outages = outage.map(|millis| self.place.end_connections_after(millis));
        let mut over = fresh && !service.is_up();
        if !over {
            if let End::AfterCommits(commits) = end {
                service.send(Order::DieAfter { commits }, self.ahead_ms);
            }
            for (millis, draw) in draws {
                std::thread::sleep(Duration::from_millis(millis));
                self.send(&mut service, draw);
            }
            over = self.listen(&mut service, linger, end);
        }
        if let Some(outages) = outages {
            self.tally.database_restarts += outages.join().expect("ended");
        }
        if !over && matches!(end, End::Never) {
            self.service = Some(service);
            return true;
        }
        self.world.sim.set_hook(None);
        let fell = over && !service.was_killed() && outage.is_none();
        self.bury(service);
        if fell {
            let when = if fresh {
                "at its start, or after"
            } else {
                "under way"
            };
            self.broken(format!("I10 it drains: the service ended by itself {when}"));
            return false;
        }
        self.check(Moment::Killed);
        self.advance(pause);
        true
    }

    /// Ends a child and hears what it had said before.
    fn bury(&mut self, mut service: Service) {
        service.executioner().kill();
        self.tally.kills += 1;
        while let News::Answer(order, answer) = service.news(Duration::from_secs(5)) {
            self.note(&order, answer);
        }
        self.settle();
    }

    /// Until the simulator has worked off what the dead child had sent.
    fn settle(&self) {
        let mut before = None;
        loop {
            let now = self.world.sim.counters().requests;
            if before == Some(now) {
                return;
            }
            before = Some(now);
            std::thread::sleep(Duration::from_millis(60));
        }
    }

    fn kill_at_call(&self, executioner: &Executioner, n: u64, phase: Phase) {
        let executioner = executioner.clone();
        let calls = AtomicU64::new(0);
        self.world.sim.set_hook(Some(Arc::new(move |call| {
            if call.phase == phase && calls.fetch_add(1, Ordering::SeqCst) + 1 == n {
                executioner.kill();
            }
        })));
    }

    /// Hears answers until the child is gone or the round is; true when it is gone.
    fn listen(&mut self, service: &mut Service, linger: Duration, end: End) -> bool {
        let begun = Instant::now();
        loop {
            match service.news(Duration::from_millis(20)) {
                News::Answer(order, answer) => self.note(&order, answer),
                News::Over => return true,
                News::Silence => {}
            }
            let waited = begun.elapsed();
            let answered = service.open() == 0 || !matches!(end, End::Never);
            if waited > LONGEST_ROUND || (waited > linger && answered) {
                return false;
            }
        }
    }

    /// Turns a draw into an order on what there is.
    fn send(&mut self, service: &mut Service, draw: Draw) {
        let at = |nth: u64, len: usize| {
            let len = u64::try_from(len).expect("a length");
            usize::try_from(nth.checked_rem(len)?).ok()
        };
        let order = match draw {
            Draw::Report(nth) => {
                let copies = self.world.copies.iter();
                let fit: Vec<_> = copies.filter(|c| self.world.may_be_reported(c)).collect();
                let Some(copy) = at(nth, fit.len()).and_then(|at| fit.get(at)) else {
                    return;
                };
                // Nobody clicks on what is away.
                let (_, now) = self.world.now();
                if !now.get(&copy.key()).is_some_and(|now| now.reachable) {
                    return;
                }
                let Some(reporter) = self.world.sim.reporter_of(&copy.state) else {
                    return;
                };
                let key = format!("click-{}", copy.state.item_id);
                match self.sent.iter().find(|sent| sent.click.key == key) {
                    Some(known) => Order::Report {
                        click: known.click.clone(),
                    },
                    None => {
                        let click = Click::of(reporter, self.world.sim.tenant_id(), key);
                        self.sent.push(Sent {
                            click: click.clone(),
                            acked: None,
                        });
                        Order::Report { click }
                    }
                }
            }
            Draw::Again(nth) => match at(nth, self.sent.len()).and_then(|at| self.sent.get(at)) {
                Some(known) => Order::Report {
                    click: known.click.clone(),
                },
                None => return,
            },
            Draw::Verdict(nth, verdict) => {
                let acked: Vec<&String> =
                    self.sent.iter().filter_map(|s| s.acked.as_ref()).collect();
                let Some(report) = at(nth, acked.len()).and_then(|at| acked.get(at)) else {
                    return;
                };
                let report = (*report).clone();
                self.verdicts.sent += 1;
                Order::Verdict { report, verdict }
            }
            Draw::Approve => Order::Approve,
            Draw::RestoreOne(nth) => Order::RestoreOne { nth },
            Draw::RestoreCampaign(nth) => Order::RestoreCampaign { nth },
            Draw::Halt(nth) => Order::Halt { nth },
            Draw::GoOn(nth) => Order::GoOn { nth },
            Draw::Stop => Order::Stop,
            Draw::Release => Order::Release,
        };
        self.tally.orders += 1;
        service.send(order, self.ahead_ms);
    }

    fn note(&mut self, order: &Order, answer: Answer) {
        match (order, answer) {
            (Order::Report { click }, Answer::Accepted { report }) => {
                let known = self.sent.iter_mut().find(|s| s.click.key == click.key);
                let known = known.expect("a report that was sent");
                let before = known.acked.get_or_insert_with(|| report.clone()).clone();
                if before != report {
                    self.broken(format!(
                        "I1 acknowledged reports are kept: key {} was answered {before}, then {report}",
                        click.key
                    ));
                }
            }
            (Order::Verdict { .. }, Answer::Done { .. }) => self.verdicts.acked += 1,
            (Order::Report { click }, Answer::Refused { why }) => {
                self.broken(format!(
                    "I1 acknowledged reports are kept: {} refused: {why}",
                    click.key
                ));
            }
            (_, Answer::Refused { .. }) => self.tally.refused += 1,
            (order, Answer::Failed { why }) => {
                self.tally.failed += 1;
                // Over PostgreSQL it is gone now and then.
                if !self.place.is_postgres() {
                    self.broken(format!("I10 it drains: {order:?} failed: {why}"));
                }
            }
            _ => {}
        }
    }

    /// One order with nothing in its way.
    fn order_in_quiet(&mut self, order: Order) -> Option<Answer> {
        let mut service = match self.service.take() {
            Some(service) => service,
            None => {
                let mut service = self.start();
                if !service.is_up() {
                    self.broken("I10 it drains: the service does not come up");
                    return None;
                }
                service
            }
        };
        // What was asked in the last round may still be answered.
        let answer = loop {
            match service.news(Duration::ZERO) {
                News::Answer(order, answer) => self.note(&order, answer),
                _ if service.open() == 0 => {
                    break service.ask(order.clone(), self.ahead_ms, PATIENCE);
                }
                News::Over => break Err("the service ended by itself".to_owned()),
                News::Silence => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        match answer {
            Ok(answer) => {
                self.service = Some(service);
                self.note(&order, answer.clone());
                if let Answer::Failed { why } | Answer::Refused { why } = &answer {
                    self.broken(format!("I10 it drains: {order:?} in quiet: {why}"));
                }
                Some(answer)
            }
            Err(why) => {
                self.broken(format!("I10 it drains: {why}"));
                None
            }
        }
    }

    /// Without faults, kills and stops: everything is sent that was not answered, and
    /// worked off. False when the service could not.
    fn quiet(&mut self, let_go: bool) -> bool {
        self.world.sim.set_hook(None);
        self.world.sim.clear_faults();
        self.settle();
        let mut spent = TimeDelta::zero();
        for click in self.unanswered() {
            if self.order_in_quiet(Order::Report { click }).is_none() {
                return false;
            }
        }
        loop {
            let Some(Answer::Drained { due_in_ms }) = self.order_in_quiet(Order::Drain) else {
                return false;
            };
            if let_go {
                match self.let_go() {
                    Some(0) => {}
                    Some(_) => continue,
                    None => return false,
                }
            }
            let open = self.read(|reader| {
                let jobs = async move { reader.jobs().await };
                self.runtime.block_on(jobs)
            });
            let open = open
                .iter()
                .any(|job| !job.is_periodic() && job.state != "parked");
            let wait = due_in_ms.map(TimeDelta::milliseconds);
            match wait {
                Some(wait)
                    if (open || wait < TimeDelta::minutes(1)) && spent + wait < MOST_QUIET =>
                {
                    // At least a moment, so that the clock gets past what is due.
                    let wait = wait.max(TimeDelta::milliseconds(1));
                    spent += wait;
                    self.advance(wait);
                }
                _ => break,
            }
        }
        if let Some(service) = self.service.take() {
            // It has nothing to do, and is asked for nothing.
            drop(service);
        }
        self.settle();
        true
    }

    /// Lifts every stop and every halt; how many there were.
    fn let_go(&mut self) -> Option<u64> {
        let mut all = 0;
        for order in [Order::Release, Order::GoOnAll] {
            match self.order_in_quiet(order)? {
                Answer::Done { things } => all += things,
                _ => return None,
            }
        }
        Some(all)
    }

    fn unanswered(&self) -> Vec<Click> {
        let open = self.sent.iter().filter(|sent| sent.acked.is_none());
        open.map(|sent| sent.click.clone()).collect()
    }

    /// Asks for everything back under faults, and kills the service at it.
    fn undo_under_fire(&mut self, choices: &mut StdRng) {
        self.world.sim.set_weather(Some(weather(choices.random())));
        let n = choices.random_range(1..=80);
        let phase = if choices.random() {
            Phase::Before
        } else {
            Phase::After
        };
        let linger = Duration::from_millis(choices.random_range(500..=3_000));
        let mut service = self.start();
        let executioner = service.executioner();
        self.kill_at_call(&executioner, n, phase);
        if service.is_up() {
            service.send(Order::RestoreAll, self.ahead_ms);
            self.listen(&mut service, linger, End::AtCall(n, phase));
        }
        self.world.sim.set_hook(None);
        self.bury(service);
        self.check(Moment::Killed);
    }

    fn url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder.join("unhook.db").display());
        self.place.url.clone().unwrap_or_else(file)
    }

    fn read<T>(&self, look: impl FnOnce(&Reader) -> Result<T, sea_orm::DbErr>) -> T {
        let reader = self.runtime.block_on(Reader::open(&self.url()));
        let reader = reader.expect("the database opens");
        let found = look(&reader).expect("the database is read");
        self.runtime.block_on(reader.close());
        found
    }

    /// Asks the invariants.
    fn check(&mut self, moment: Moment) {
        // It may have been killed before there was a database.
        if moment == Moment::Killed
            && self.place.url.is_none()
            && !self.folder.join("unhook.db").exists()
        {
            return;
        }
        let found = self.runtime.block_on(self.ledger());
        let ledger = match found {
            Ok(ledger) => ledger,
            // Or before its tables.
            Err(_) if moment == Moment::Killed && self.sent.iter().all(|s| s.acked.is_none()) => {
                return;
            }
            Err(error) => return self.broken(format!("the database cannot be read: {error}")),
        };
        let (truth, now) = self.world.now();
        let chain = match moment {
            Moment::Killed => Vec::new(),
            Moment::AtRest | Moment::PutBack => self.runtime.block_on(self.chain()),
        };
        let evidence = Evidence {
            world: &self.world,
            truth,
            now,
            ledger,
            sent: &self.sent,
            verdicts: self.verdicts,
            chain,
        };
        let found = violations(moment, &evidence);
        let when = match moment {
            Moment::Killed => format!("after kill {}", self.tally.kills),
            Moment::AtRest => "at rest".to_owned(),
            Moment::PutBack => "all put back".to_owned(),
        };
        for what in found {
            self.broken(format!("{what} ({when})"));
        }
    }

    async fn ledger(&self) -> Result<Ledger, sea_orm::DbErr> {
        let reader = Reader::open(&self.url()).await?;
        let ledger = reader.all().await;
        reader.close().await;
        ledger
    }

    /// Walks along the audit chain.
    async fn chain(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("unhook.toml")).expect("settings");
        let config = Config::parse(&text).expect("valid settings");
        let clock = Ahead(Arc::new(AtomicI64::new(self.ahead_ms)));
        let app = start::build_app(config, Arc::new(clock), None).await;
        let app = app.expect("the judge's own look at the database");
        let outcome = audit::verify::verify(&app, Default::default()).await;
        let outcome = outcome.expect("the trail is read");
        let mut found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        if !outcome.intact && found.is_empty() {
            found.push("the chain does not hold".to_owned());
        }
        if outcome.entries == 0 {
            found.push("there is no entry at all".to_owned());
        }
        found
    }

    fn sum_up(mut self) -> Tally {
        let truth = self.world.sim.truth();
        for copy in &truth.planted {
            self.tally.pulls += u64::from(copy.trips.away);
            self.tally.restores += u64::from(copy.trips.back);
        }
        self.tally.letters = truth.letters.values().map(|n| *n as u64).sum();
        self.tally.reports = self.sent.iter().filter(|s| s.acked.is_some()).count() as u64;
        self.tally.restarts = self.tally.restarts.saturating_sub(1);
        self.tally.provider_calls = self.world.sim.counters().provider_calls();
        self.tally.faults = self.world.sim.faults_struck();
        self.tally.simulated_minutes = self.ahead_ms / 60_000;
        self.tally.most_memory_kib = self.peaks.memory.load(Ordering::SeqCst);
        self.tally.most_files = self.peaks.files.load(Ordering::SeqCst);
        let (memory, files) = (self.tally.most_memory_kib, self.tally.most_files);
        if self.peaks.looks.load(Ordering::SeqCst) == 0 {
            self.broken("I12 it is bounded: the child was never looked at");
        }
        if memory > MOST_MEMORY_KIB {
            self.broken(format!("I12 it is bounded: {} MiB of memory", memory >> 10));
        }
        if files > MOST_FILES {
            self.broken(format!("I12 it is bounded: {files} open files"));
        }
        self.tally
    }
}

/// Kills a child after a time from a thread of its own.
fn kill_after(executioner: Executioner, millis: u64) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(millis));
        executioner.kill();
    });
}

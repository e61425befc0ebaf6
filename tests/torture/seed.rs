//! One seed from its organisation to its verdict: rounds of orders and kills under
//! faults, quiet, the invariants, everything put back, the invariants again.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use rand::Rng as _;
use tokio::runtime::Runtime;
use unhook::{audit, cli::start, config::Config};

use crate::{
    child::Ahead,
    database::Place,
    invariants::{Evidence, Moment, Sent, Verdicts, violations},
    ledger::{Ledger, Reader},
    model::{World, rng},
    orders::{Answer, Order},
    service::{News, Peaks, Service},
    tally::Tally,
};

/// The most that a child may use.
const MOST_MEMORY_KIB: u64 = 300 << 10;
const MOST_FILES: u64 = 256;

/// A seed under way.
pub struct Run<'a> {
    pub seed: u64,
    pub runtime: &'a Runtime,
    pub world: World,
    pub place: &'a Place,
    pub folder: PathBuf,
    pub peaks: Arc<Peaks>,
    pub service: Option<Service>,
    pub ahead_ms: i64,
    pub sent: Vec<Sent>,
    pub verdicts: Verdicts,
    pub tally: Tally,
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

    pub fn broken(&mut self, what: impl Into<String>) {
        self.tally.violations.push(what.into());
    }

    pub fn start(&mut self) -> Service {
        self.tally.restarts += 1;
        Service::start(&self.folder, self.ahead_ms, &self.peaks)
    }

    pub fn advance(&mut self, by: TimeDelta) {
        self.ahead_ms += by.num_milliseconds();
        self.world.sim.advance(by);
    }

    /// Ends a child and hears what it had said before.
    pub fn bury(&mut self, mut service: Service) {
        service.executioner().kill();
        self.tally.kills += 1;
        while let News::Answer(order, answer) = service.news(Duration::from_secs(5)) {
            self.note(&order, answer);
        }
        self.settle();
    }

    /// Until the simulator has worked off what the dead child had sent.
    pub fn settle(&self) {
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

    pub fn note(&mut self, order: &Order, answer: Answer) {
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

    fn url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder.join("unhook.db").display());
        self.place.url.clone().unwrap_or_else(file)
    }

    pub fn read<T>(&self, look: impl FnOnce(&Reader) -> Result<T, sea_orm::DbErr>) -> T {
        let reader = self.runtime.block_on(Reader::open(&self.url()));
        let reader = reader.expect("the database opens");
        let found = look(&reader).expect("the database is read");
        self.runtime.block_on(reader.close());
        found
    }

    /// Asks the invariants.
    pub fn check(&mut self, moment: Moment) {
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

//! Rounds of orders under faults, and how each ends: mostly with the death of the service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use rand::{Rng as _, rngs::StdRng};
use unhook::sim::{Operation, Phase};

use crate::{
    invariants::{Moment, Sent},
    model::{rng, weather},
    orders::{Click, Draw, Order},
    seed::Run,
    service::{Executioner, News, Service},
};

/// The longest that a round waits for its end.
const LONGEST_ROUND: Duration = Duration::from_secs(15);

/// How a round ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// The child lives on into the next.
    Never,
    /// Killed around the nth provider call of the round.
    AtCall(u64, Phase),
    /// Killed around the nth call of those that change a mailbox: the moment between an
    /// effect and its record is short, and chance alone seldom meets it.
    AtEffect(u64, Phase),
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
            1..3 => Self::AtEffect(rng.random_range(1..=8), phase),
            3..5 => Self::AtCall(rng.random_range(1..=250), phase),
            5..8 => Self::AfterCommits(rng.random_range(1..=120)),
            _ => Self::After(rng.random_range(20..=3_500)),
        }
    }
}

impl Run<'_> {
    /// Orders under faults until the round's end. False when the service could not be
    /// started, or ended by itself.
    pub fn round(&mut self, number: u64) -> bool {
        let mut rng = rng(self.seed, 100 + number);
        let end = End::random(&mut rng);
        let count = rng.random_range(1..=5);
        let mut draws: Vec<(u64, Draw)> = (0..count)
            .map(|_| {
                (
                    rng.random_range(0..150),
                    Draw::random(&mut rng, number == 0),
                )
            })
            .collect();
        let linger = Duration::from_millis(rng.random_range(200..=3_000));
        if rng.random() {
            // Of what waits for nobody more is done, down to the letters.
            draws.extend([300, 500].map(|millis| (millis, Draw::Approve)));
        }
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
            End::AtCall(n, phase) => self.kill_at_call(&executioner, n, phase, |_| true),
            End::AtEffect(n, phase) => self.kill_at_call(&executioner, n, phase, is_effect),
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

    pub fn kill_at_call(
        &self,
        executioner: &Executioner,
        n: u64,
        phase: Phase,
        counts: fn(Operation) -> bool,
    ) {
        let executioner = executioner.clone();
        let calls = AtomicU64::new(0);
        self.world.sim.set_hook(Some(Arc::new(move |call| {
            let one = call.phase == phase && counts(call.operation);
            if one && calls.fetch_add(1, Ordering::SeqCst) + 1 == n {
                executioner.kill();
            }
        })));
    }

    /// Hears answers until the child is gone or the round is; true when it is gone.
    pub fn listen(&mut self, service: &mut Service, linger: Duration, end: End) -> bool {
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
    pub fn send(&mut self, service: &mut Service, draw: Draw) {
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

    /// Asks for everything back under faults, and kills the service at it.
    pub fn undo_under_fire(&mut self, choices: &mut StdRng) {
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
        self.kill_at_call(&executioner, n, phase, |_| true);
        if service.is_up() {
            service.send(Order::RestoreAll, self.ahead_ms);
            self.listen(&mut service, linger, End::AtCall(n, phase));
        }
        self.world.sim.set_hook(None);
        self.bury(service);
        self.check(Moment::Killed);
    }
}

/// Whether a call moves a message, changes its state, or brings a letter.
const fn is_effect(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::MessageMove
            | Operation::MessagePatch
            | Operation::GmailModify
            | Operation::GmailBatchModify
            | Operation::GmailInsert
    )
}

/// Kills a child after a time from a thread of its own.
fn kill_after(executioner: Executioner, millis: u64) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(millis));
        executioner.kill();
    });
}

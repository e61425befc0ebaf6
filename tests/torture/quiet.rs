//! The quiet after the rounds, in which everything has to come to rest.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    orders::{Answer, Click, Order},
    seed::Run,
    service::News,
};

/// How long an order of the quiet may take, and all of it in simulated time.
const PATIENCE: Duration = Duration::from_secs(300);
const MOST_QUIET: TimeDelta = TimeDelta::hours(30);

impl Run<'_> {
    /// One order with nothing in its way.
    pub fn order_in_quiet(&mut self, order: Order) -> Option<Answer> {
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
    pub fn quiet(&mut self, let_go: bool) -> bool {
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
    pub fn let_go(&mut self) -> Option<u64> {
        let mut all = 0;
        for order in [Order::Release, Order::GoOnAll] {
            match self.order_in_quiet(order)? {
                Answer::Done { things } => all += things,
                _ => return None,
            }
        }
        Some(all)
    }

    pub fn unanswered(&self) -> Vec<Click> {
        let open = self.sent.iter().filter(|sent| sent.acked.is_none());
        open.map(|sent| sent.click.clone()).collect()
    }
}

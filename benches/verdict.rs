//! The verdict alone, dissection and verdict together, and reading the model, on one
//! core over real mail.
//!
//! `cargo bench --bench verdict`. The mail is that of the folder `UNHOOK_SHARED`
//! (`../shared` when unset); a number limits how many are read.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "what a bench does not expect must stop it"
)]

mod support {
    pub mod mail;
}

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use chrono::DateTime;
use unhook::{
    config::policy::Policy,
    enrich::{merged, observables, observables_of_files},
    file::{FileLimits, Given, Rules, dissect, words_that_may_be_passwords},
    message::{Limits, Observable, ParsedMessage, parse_with_files},
    verdict::{Engine, Facts, model::Model},
};

/// Runs of each way; the fastest is told, as noise only ever adds.
const RUNS: usize = 3;

fn main() {
    let mail = support::mail::read();
    if mail.is_empty() {
        println!(
            "left out: there is no mail below {}",
            support::mail::folder()
        );
        return;
    }
    let began = Instant::now();
    Model::shipped().expect("the model that comes with Unhook");
    let first = began.elapsed();
    let file = include_bytes!("../src/verdict/model/shipped.model");
    let read = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            black_box(Model::from_bytes(file).expect("the model"));
            began.elapsed()
        })
        .min()
        .expect("at least one run");
    println!(
        "model: {:.1} MB, read in {:.0} ms the first time, {:.0} ms at best",
        file.len() as f64 / 1e6,
        first.as_secs_f64() * 1e3,
        read.as_secs_f64() * 1e3
    );

    let rules = Rules::load(true, None).expect("the built-in rules");
    let engine = Engine::new(Policy::default()).expect("the default policy");
    let apart: Vec<_> = mail.iter().map(|raw| taken_apart(raw, &rules)).collect();
    let mut took: Vec<Duration> = apart
        .iter()
        .map(|(message, observables, facts)| {
            (0..RUNS)
                .map(|_| {
                    let began = Instant::now();
                    black_box(engine.assess(message, observables, facts));
                    began.elapsed()
                })
                .min()
                .expect("at least one run")
        })
        .collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let mean = took.iter().sum::<Duration>().as_secs_f64() * 1e3 / took.len() as f64;
    println!(
        "{} messages; the verdict alone: mean {mean:.2} ms, median {:.2}, 99 % below {:.2}, most {:.1}",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    let dissected = fastest(&mail, |raw| {
        black_box(taken_apart(raw, &rules));
    });
    let whole = fastest(&mail, |raw| {
        let (message, observables, facts) = taken_apart(raw, &rules);
        black_box(engine.assess(&message, &observables, &facts));
    });
    println!(
        "dissection: {:.0} messages/s; with the verdict: {:.0} ({:.2} of the time)",
        mail.len() as f64 / dissected.as_secs_f64(),
        mail.len() as f64 / whole.as_secs_f64(),
        whole.as_secs_f64() / dissected.as_secs_f64()
    );
}

fn taken_apart(raw: &[u8], rules: &Rules) -> (ParsedMessage, Vec<Observable>, Facts) {
    let (message, carried) = parse_with_files(raw, &Limits::default());
    let given: Vec<Given> = carried.into_iter().map(Given::from).collect();
    let files = if given.is_empty() {
        Vec::new()
    } else {
        let passwords = words_that_may_be_passwords(message.visible_text());
        dissect(&given, &passwords, rules, &FileLimits::default())
    };
    let found = merged(
        &observables(&message),
        &observables_of_files(&files, &message),
    );
    let facts = Facts {
        received: Some(DateTime::UNIX_EPOCH),
        now: DateTime::UNIX_EPOCH,
        files,
        ..Facts::default()
    };
    (message, found, facts)
}

fn fastest(mail: &[Vec<u8>], mut once: impl FnMut(&[u8])) -> Duration {
    (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            for raw in mail {
                once(raw);
            }
            began.elapsed()
        })
        .min()
        .expect("at least one run")
}

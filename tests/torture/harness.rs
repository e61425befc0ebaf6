//! A seeded fault harness over the whole service, built only for tests.
//!
//! `cargo run --release --bin torture -- --seeds 20 --minutes 10`. Each seed makes an
//! organisation with campaigns among legitimate mail, and runs the service over it in a
//! process of its own: reports, verdicts, approvals, restores, halts and the kill switch
//! at random, one provider call in twenty going wrong, and SIGKILL around a random call,
//! after a random commit, or after a random time; with `--postgres` the database's
//! connections end at random too. Then quiet, in which everything has to come to rest;
//! then the invariants, against a model of the mailboxes that was taken before; then
//! everything is put back and compared once more.
//!
//! The choices follow from the seed alone, those of each round from seed and round. What
//! they meet does not: which of several calls comes first, and so which of them meets a
//! fault or is the one at which the process dies, is up to the scheduler. A seed that
//! failed is worth repeating more than once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

mod child;
mod database;
mod invariants;
mod ledger;
mod model;
mod orders;
mod quiet;
mod rounds;
mod seed;
mod service;
mod tally;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use database::Place;
use tally::Tally;

/// Kills the service at random under faults, and checks what must hold all the same.
#[derive(Debug, Parser)]
#[command(name = "torture")]
struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Begin no further seed after so many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// This seed alone, as a violation names it
    #[arg(long, conflicts_with_all = ["seeds", "from", "minutes"])]
    seed: Option<u64>,
    /// A PostgreSQL server (postgres://user@host/name, which may create databases) in
    /// place of SQLite
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Print the summary as one JSON object, and all else to standard error
    #[arg(long)]
    json: bool,
    /// Leave the folders of seeds that fail
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // The service starts its own program to take files apart: that is this one here.
    let first = std::env::args().nth(1).unwrap_or_default();
    if [unhook::cli::FILES_COMMAND, unhook::cli::VISIT_COMMAND].contains(&first.as_str()) {
        return unhook::cli::Cli::parse().run();
    }
    if let Ok(place) = std::env::var(child::CHILD) {
        child::run(&place);
    }
    torture(&Options::parse())
}

fn torture(options: &Options) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let begun = Instant::now();
    let (from, seeds) = options
        .seed
        .map_or((options.from, options.seeds), |one| (one, 1));
    let most = options
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let mut all = Tally::default();
    for seed in from..from.saturating_add(seeds) {
        if most.is_some_and(|most| begun.elapsed() >= most) {
            break;
        }
        let server = options.postgres.as_deref();
        let place = Place::make(server, seed, options.json, &runtime);
        let folder = folder(seed);
        let one = seed::run(seed, &runtime, &place, folder.clone());
        place.drop_it(&runtime);
        report(seed, &one, options);
        if !options.keep || one.violations.is_empty() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        all.add(one);
    }
    if options.json {
        println!("{}", serde_json::to_string(&all).expect("JSON"));
    } else {
        summary(&all, begun.elapsed());
    }
    if all.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn folder(seed: u64) -> PathBuf {
    let name = format!("unhook-torture-{}-{seed}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// What came of one seed, and how to repeat it if it failed.
fn report(seed: u64, one: &Tally, options: &Options) {
    let mut lines = vec![format!(
        "seed {seed}: {} kills, {} orders, {} reports, {} pulls, {} restores, {} faults: {}",
        one.kills,
        one.orders,
        one.reports,
        one.pulls,
        one.restores,
        one.faults,
        match one.violations.len() {
            0 => "all holds".to_owned(),
            n => format!("{n} VIOLATIONS"),
        }
    )];
    lines.extend(one.violations.iter().map(|what| format!("  {what}")));
    if !one.violations.is_empty() {
        let mut again = format!("  again: cargo run --release --bin torture -- --seed {seed}");
        if let Some(server) = &options.postgres {
            again.push_str(&format!(" --postgres {server}"));
        }
        lines.push(again);
    }
    for line in lines {
        if options.json {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }
}

fn summary(all: &Tally, took: Duration) {
    let figures = [
        ("seeds", all.seeds),
        ("rounds", all.rounds),
        ("kills", all.kills),
        ("restarts", all.restarts),
        ("database restarts", all.database_restarts),
        ("orders", all.orders),
        ("  refused", all.refused),
        ("  failed with the database", all.failed),
        ("reports acknowledged", all.reports),
        ("pulls", all.pulls),
        ("restores", all.restores),
        ("letters", all.letters),
        ("provider calls", all.provider_calls),
        ("faults", all.faults),
        ("most memory, MiB", all.most_memory_kib >> 10),
        ("most open files", all.most_files),
        ("violations", all.violations.len() as u64),
    ];
    println!(
        "\n{} s, {} simulated minutes",
        took.as_secs(),
        all.simulated_minutes
    );
    for (name, figure) in figures {
        println!("  {name:<28} {figure:>9}");
    }
    for what in invariants::NOT_CHECKED {
        println!("not checked: {what}");
    }
}

//! Whether a search finds everything and nothing else.
//!
//! `cargo bench --bench completeness [-- --seeds 200 --from 1]`. Each seed makes an
//! organisation (Microsoft 365 alone, Google Workspace alone, or both), plants a
//! campaign with variants, forwards to depth 4, lists, rules, moved and read copies
//! and unreachable mailboxes among legitimate mail that looks like it, and bends the
//! platforms' answers. The whole service then works on one report. What it found is
//! compared with the truth, which it never sees. A seed that fails names itself.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

#[path = "support/campaign.rs"]
mod campaign;

use campaign::{Outcome, Trial};

fn number(name: &str, otherwise: u64) -> u64 {
    let args: Vec<String> = std::env::args().collect();
    args.iter()
        .position(|arg| arg == name)
        .and_then(|at| args.get(at + 1))
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (from, seeds) = (number("--from", 1), number("--seeds", 200));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut all = Outcome::default();
    let mut failed = Vec::new();
    for seed in from..from + seeds {
        let outcome = runtime.block_on(Trial::of_seed(seed).run());
        for missed in &outcome.missed {
            println!("seed {seed}: a variant was not found, {missed}");
        }
        if !outcome.flawless() {
            println!("seed {seed}: {}", outcome.failures.join("; "));
            failed.push(seed);
        }
        all.add(outcome);
    }
    let share = |found: usize, planted: usize| {
        #[allow(clippy::cast_precision_loss)]
        let share = 100.0 * found as f64 / planted.max(1) as f64;
        format!("{share:.2} % ({found} of {planted})")
    };
    println!(
        "{seeds} seeded tenants, {} of them with faults",
        all.with_faults
    );
    println!(
        "  exact copies found       {}",
        share(all.copies.0, all.copies.1)
    );
    println!(
        "  forwards found           {}",
        share(all.forwards.0, all.forwards.1)
    );
    println!(
        "  variants found           {}",
        share(all.variants.0, all.variants.1)
    );
    println!(
        "  decoys condemned         {} of {}",
        all.condemned, all.decoys
    );
    println!("  decoys held for a person {} of {}", all.held, all.decoys);
    println!(
        "  unreachable named        {}",
        share(all.named.0, all.named.1)
    );
    println!(
        "  exposure named           {}",
        share(all.exposed.0, all.exposed.1)
    );
    println!("  receipts that verify     {} of {seeds}", all.receipts);
    if !failed.is_empty() {
        println!("seeds with a miss: {failed:?}");
        std::process::exit(1);
    }
}

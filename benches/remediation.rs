//! Provider calls of a whole remediation against the lower bound M + 2N: one
//! search a mailbox, one look and one move a copy.
//!
//! `cargo bench --bench remediation`. Counted by the simulated tenant, parts of
//! batches singly; token requests are not provider calls. What is above the
//! bound: reading the directory, one quarantine folder or label for each mailbox
//! that holds a copy, one look through the sent mail of each such mailbox, and
//! the reporters' own evidence and letters.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

use std::{sync::Arc, time::Instant};

use unhook::{
    cli::start,
    clock::{Clock as _, SharedClock, SystemClock},
    config::Config,
    demo,
    domain::{Provider, ReportClient},
    intake::{Desk, NewReport},
    jobs::Wake,
    sim::{Operation, Organisation, Scenario, Sim, SimOptions},
    store::PageRequest,
};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // cargo passes --bench; a number limits the size, for a quick look
    let largest: usize = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(10_000);
    println!("mailboxes  copies   calls    bound  ratio    s  calls by kind");
    for mailboxes in [1_000, 10_000].into_iter().filter(|m| *m <= largest) {
        runtime.block_on(one(mailboxes));
    }
}

async fn one(mailboxes: usize) {
    let organisation = Organisation::generate(mailboxes, 3);
    let sim = Sim::start(SimOptions::new(
        organisation,
        Arc::new(|| SystemClock.now()),
    ))
    .expect("the simulated tenant starts");
    sim.plant(&Scenario {
        mailboxes: Some(mailboxes / 50),
        background: 1,
        ..Scenario::default()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let listen = "127.0.0.1:1".parse().expect("an address");
    let text = demo::settings(&sim, listen, folder.path()).expect("settings");
    let config = Config::parse(&text).expect("valid");
    let clock: SharedClock = Arc::new(SystemClock);
    let mut config = config;
    config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
    let app = start::build_app(config, SharedClock::clone(&clock), None)
        .await
        .expect("built");
    start::resume(&app).await.expect("resumed");
    let wake = Wake::default();
    let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
    let workers = start::workers(&app, wake);

    let began = Instant::now();
    sim.reset_counters();
    for reporter in sim.reporters() {
        let (client, identity) = match reporter.provider {
            Provider::Graph => (
                ReportClient::Outlook,
                format!("entra:{}:{}", sim.tenant_id(), reporter.user_id),
            ),
            Provider::Gmail => (ReportClient::Gmail, format!("google:{}", reporter.user_id)),
        };
        let report = NewReport {
            client,
            reporter: identity,
            guest: false,
            mailbox: None,
            item_id: Some(reporter.item_id),
            internet_message_id: None,
            reason: None,
            comment: None,
            raw: None,
            idempotency_key: None,
        };
        desk.accept(report).await.expect("accepted");
    }
    loop {
        workers.drain().await;
        let due = app.store.next_job_due().await.expect("due");
        let now = app.clock.now();
        match due {
            Some(due) if due < now + chrono::TimeDelta::minutes(1) => {
                tokio::time::sleep((due - now).to_std().unwrap_or_default()).await;
            }
            _ => break,
        }
    }
    let took = began.elapsed().as_secs_f64();
    let truth = sim.truth();
    assert!(
        truth.all_pulled(),
        "a bench of a failed remediation would say nothing"
    );
    let rows = app.store.read(app.tenant);
    let campaigns = rows
        .campaigns(None, &PageRequest::first(9))
        .await
        .expect("campaigns");
    assert_eq!(campaigns.items.len(), 1);

    let counters = sim.counters();
    let calls = counters.provider_calls();
    let copies = truth.planted.len();
    let bound = mailboxes + 2 * copies;
    let kinds: Vec<String> = counters
        .by_operation
        .iter()
        .filter(|(kind, _)| !matches!(kind, Operation::Batch))
        .map(|(kind, n)| format!("{kind:?} {n}"))
        .collect();
    println!(
        "{mailboxes:>9} {copies:>7} {calls:>7} {bound:>8} {:>6.3} {took:>5.1}  {}",
        calls as f64 / bound as f64,
        kinds.join(", ")
    );
    sim.stop();
}

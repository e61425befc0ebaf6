//! What a search costs against the lower bound.
//!
//! `cargo bench --bench search [-- --least M --most M --copies N --on graph|gmail]`. For
//! organisations of 1,000, 10,000 and 100,000 mailboxes and 10, 1,000 and 10,000 copies
//! (some people hold two): provider calls by kind against the fewest that could do it (one
//! search a mailbox, one look and one move a copy; what follows forwards and makes the
//! quarantine is shown beside it), the time to the last copy gone, and the time to the end
//! against the bound at 150 ms a call and 64 sub-requests at once (on Microsoft 365 four
//! batches of twenty, which are 80), and the memory of this process (the simulated tenant
//! lives in it too, and is measured before the service starts). A second person approves
//! at once, and stages follow without a pause. Ratios are of one run on one machine; all
//! of it takes over half an hour.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use unhook::{
    cli::start,
    clock::{Clock as _, SharedClock, SystemClock},
    config::{Config, search::Variants},
    demo,
    domain::{ApprovalState, Provider, ReportClient, ReportReason, Verdict},
    intake::{Desk, NewReport},
    jobs::Wake,
    remediation::approve::{self, Answer, ApprovalError},
    sim::{
        Action, Counters, Fault, Matcher, Operation, Organisation, Shape, Sim, SimOptions, Spread,
    },
    store::PageRequest,
    triage::overturn,
};

/// Service time of one call, milliseconds.
const CALL: u64 = 150;
/// Sub-requests at once.
const AT_ONCE: usize = 64;

/// Resident memory of this process, MiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}

fn named(option: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|arg| arg != option);
    args.nth(1)
}

fn number(option: &str) -> Option<usize> {
    named(option).and_then(|value| value.parse().ok())
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (least, most) = (
        number("--least").unwrap_or(0),
        number("--most").unwrap_or(usize::MAX),
    );
    let (only, on) = (number("--copies"), named("--on"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "platform  mailboxes   copies   search   look   move  bound  ratio   follow  folders    gone    time  bound  ratio   MiB"
    );
    for (on_graph, platform) in [(100_u8, "graph"), (0, "gmail")] {
        for mailboxes in [1_000, 10_000, 100_000] {
            for copies in [10, 1_000, 10_000] {
                let wanted = (least..=most).contains(&mailboxes)
                    && only.is_none_or(|only| only == copies)
                    && on.as_deref().is_none_or(|on| on == platform);
                // Every copy has a mailbox of its own as far as there are any.
                if !wanted || copies > mailboxes * 10 {
                    continue;
                }
                runtime.block_on(one(on_graph, mailboxes, copies));
            }
        }
    }
}

async fn one(on_graph: u8, mailboxes: usize, copies: usize) {
    let shape = Shape {
        mailboxes,
        on_graph,
        seed: 3,
        ..Shape::default()
    };
    let mut options = SimOptions::new(Organisation::shaped(&shape), Arc::new(|| SystemClock.now()));
    options.limits = false;
    let sim = Sim::start(options).expect("the simulated tenant starts");
    sim.spread(&Spread {
        seed: 3,
        copies,
        lists: false,
        variants: 0,
        chains: 0,
        forward_depth: 0,
        rules: 0,
        outside: 0,
        unreachable: 0,
        late: 0,
        clicks: 0,
        decoys: 0,
        background: 0,
        ..Spread::default()
    });
    // Some people hold the message twice.
    let planted = sim.truth().planted;
    let copies = planted.len();
    let holders: std::collections::HashSet<String> =
        planted.into_iter().map(|copy| copy.mailbox).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let listen = "127.0.0.1:1".parse().expect("an address");
    let text = demo::settings(&sim, listen, folder.path()).expect("settings");
    let mut config = Config::parse(&text).expect("the demo's settings are valid");
    config.search.variants = Variants::Off;
    config.policy.automatic_pull = false;
    // The limits are not what is measured.
    config.pull.per_minute = 100_000;
    config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
    // Twenty in a batch on Microsoft 365, one by one on Google Workspace.
    config.workers.search_concurrency = if on_graph > 0 {
        AT_ONCE.div_ceil(20)
    } else {
        4
    };
    let before = resident();
    let clock: SharedClock = Arc::new(SystemClock);
    let app = start::build_app(config, SharedClock::clone(&clock), None)
        .await
        .expect("the service is built");
    start::resume(&app).await.expect("resumed");
    let wake = Wake::default();
    let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
    let workers = start::workers(&app, wake);
    workers.drain().await;
    let reporter = sim.reporters().into_iter().next().expect("a reporter");
    let report = desk
        .accept(click(&reporter, sim.tenant_id()))
        .await
        .expect("accepted");
    let row = app.store.read(app.tenant).report(report.id).await;
    let submission = row.expect("read").expect("there").submission;
    drain_triage(&app, &workers, submission).await;
    sim.reset_counters();
    for operation in [
        Operation::Batch,
        Operation::MessageSearch,
        Operation::GmailList,
        Operation::GmailGet,
        Operation::GmailModify,
    ] {
        if operation != Operation::MessageSearch {
            sim.add_fault(Fault::always(
                Matcher {
                    operation: Some(operation),
                    ..Matcher::default()
                },
                Action::Slow { millis: CALL },
            ));
        }
    }
    let began = Instant::now();
    let began_at = app.clock.now();
    overturn::set_verdict(&app, submission, Verdict::Malicious, "key_bench", "a phish")
        .await
        .expect("judged");
    let mut most = 0;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(workers.run(stopped));
    let rows = app.store.read(app.tenant);
    let campaign = rows
        .campaigns(None, &PageRequest::first(1))
        .await
        .expect("read")
        .items
        .remove(0);
    loop {
        most = most.max(resident());
        tokio::time::sleep(Duration::from_millis(50)).await;
        second_person(&app).await;
        let remediation = rows.remediation_of(campaign.id).await.expect("read");
        if remediation.is_some_and(|r| r.state.is_over()) {
            break;
        }
    }
    let took = began.elapsed();
    stop.send(true).expect("stops");
    working.await.expect("stopped");
    let counts = rows.count_pulls(campaign.id).await.expect("counts");
    assert_eq!(counts.pulled as usize, copies, "every copy is pulled");
    let last = rows.last_settled(campaign.id).await.expect("read");
    let gone = last.expect("a copy was moved") - began_at;
    tell(
        &sim.counters(),
        on_graph,
        (mailboxes, copies, holders.len()),
        (took, gone.to_std().expect("after the beginning")),
        most.saturating_sub(before),
    );
}

/// Approves what takes a second person, as it stands.
async fn second_person(app: &unhook::app::App) {
    let rows = app.store.read(app.tenant);
    let page = PageRequest::first(9);
    let open = rows.approvals(Some(ApprovalState::Open), &page);
    for request in open.await.expect("approvals").items {
        let answer = Answer::Approve {
            mailboxes: request.mailboxes,
        };
        match approve::answer(app, request.id, answer, "key_second", "").await {
            // More was found meanwhile, or it was answered: it is read again.
            Ok(()) | Err(ApprovalError::Changed { .. } | ApprovalError::Closed(_)) => {}
            Err(error) => panic!("not approved: {error}"),
        }
    }
}

fn tell(
    counters: &Counters,
    on_graph: u8,
    (mailboxes, copies, holders): (usize, usize, usize),
    (took, gone): (Duration, Duration),
    mib: u64,
) {
    let n = |operations: &[Operation]| -> u64 {
        operations
            .iter()
            .filter_map(|operation| counters.by_operation.get(operation))
            .sum()
    };
    use Operation as O;
    // Sent mail is listed with the same call on Google Workspace.
    let followed = holders as u64;
    let (search, look, moved, folders, follow) = if on_graph > 0 {
        (
            n(&[O::MessageSearch]),
            n(&[O::MessageGet]),
            n(&[O::MessageMove]),
            n(&[O::FoldersList, O::FolderGet, O::FolderCreate]),
            n(&[O::FolderMessages, O::MessageRules]),
        )
    } else {
        let listed = n(&[O::GmailList]);
        (
            listed.saturating_sub(followed),
            n(&[O::GmailGet]),
            n(&[O::GmailModify]),
            n(&[O::LabelsList, O::LabelCreate]),
            followed + n(&[O::GmailSettings]),
        )
    };
    let bound = (mailboxes + 2 * copies) as u64;
    let made = search + look + moved;
    let least = bound as f64 * CALL as f64 / AT_ONCE as f64 / 1_000.0;
    println!(
        "{:<8} {mailboxes:>10} {copies:>8} {search:>8} {look:>6} {moved:>6} {bound:>6} {:>6.3} {follow:>8} {folders:>8} {:>6.1}s {:>6.1}s {least:>5.1}s {:>6.2} {mib:>5}",
        if on_graph > 0 { "graph" } else { "gmail" },
        made as f64 / bound as f64,
        gone.as_secs_f64(),
        took.as_secs_f64(),
        took.as_secs_f64() / least,
    );
}

async fn drain_triage(
    app: &unhook::app::App,
    workers: &unhook::jobs::Workers,
    id: unhook::domain::SubmissionId,
) {
    for _ in 0..200 {
        workers.drain().await;
        let rows = app.store.read(app.tenant);
        let row = rows.submission(id).await.expect("read").expect("there");
        if row.verdict.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the report was not judged");
}

fn click(reporter: &unhook::sim::Reporter, tenant_id: &str) -> NewReport {
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
        idempotency_key: None,
    }
}

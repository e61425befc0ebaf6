//! Rows of the fault matrix over the whole service: what the platforms hand back bent,
//! and what changes under the work's feet.

use std::time::Duration;

use chrono::TimeDelta;
use unhook::{
    domain::{Desired, Observed, Provider, Verdict},
    remediation::undo,
    sim::{Action, BatchFault, Fault, How, Matcher, Operation, RetryAfter, Sim},
    store::{PageRequest, pull::Pull},
    triage::overturn,
};

use super::{INNOCENT, one_letter_each, the_campaign};
use crate::support::{
    database::Backend,
    stage::{Stage, tenant},
};

fn on(operation: Operation) -> Matcher {
    Matcher {
        operation: Some(operation),
        ..Matcher::default()
    }
}

/// The moves asked of either platform, those into quarantine and back.
fn moves(sim: &Sim) -> u64 {
    let calls = sim.counters();
    calls.of(Operation::MessageMove) + calls.of(Operation::GmailModify)
}

/// Both report, and all is worked off.
async fn worked_off(sim: &Sim, backend: Backend) -> Option<Stage> {
    let stage = Stage::new(sim, backend).await?;
    stage.report_all(sim).await;
    stage.drain_ahead(TimeDelta::minutes(5)).await;
    Some(stage)
}

/// The moves that it takes when nothing goes wrong.
async fn undisturbed(mailboxes: usize, planted: usize) -> u64 {
    let sim = tenant(mailboxes, planted, None);
    worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
    assert!(sim.truth().all_pulled());
    moves(&sim)
}

fn all_is_well(sim: &Sim, about: &str) {
    let truth = sim.truth();
    let left: Vec<_> = truth.planted.iter().filter(|c| c.reachable).collect();
    assert!(truth.all_pulled(), "{about}: {left:#?}");
    one_letter_each(sim);
}

async fn copies(stage: &Stage) -> Vec<Pull> {
    let rows = stage.app.store.read(stage.app.tenant);
    let page = rows.pulls(None, &PageRequest::first(500)).await;
    page.expect("pulls").items
}

#[tokio::test]
async fn f10_two_instances_on_one_database_do_everything_once() {
    let expected = undisturbed(24, 10).await;
    let sim = tenant(24, 10, None);
    let Some(one) = Stage::new(&sim, Backend::Postgres).await else {
        return;
    };
    let other = Stage::open((*one.app.config).clone(), None).await;
    one.report_all(&sim).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running =
        [&one, &other].map(|stage| tokio::spawn(stage.workers.clone().run(stopped.clone())));
    let store = &one.app.store;
    let at_rest = async {
        loop {
            let busy = store.count_jobs("running").await.expect("jobs") > 0;
            let due = store.next_job_due().await.expect("due");
            let soon = one.app.clock.now() + TimeDelta::minutes(1);
            if !busy && due.is_none_or(|due| due > soon) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(180), at_rest);
    ended.await.expect("it comes to its end");
    stop.send(true).expect("they run");
    for instance in running {
        instance.await.expect("joined");
    }
    // What waits for longer than a moment.
    one.drain_ahead(TimeDelta::minutes(5)).await;
    all_is_well(&sim, "two instances");
    assert_eq!(moves(&sim), expected, "each copy is moved once");
    the_campaign(&one).await;
    let rows = one.app.store.read(one.app.tenant);
    assert!(rows.parked_jobs().await.expect("parked").is_empty());
}

#[tokio::test]
async fn f22_a_damaged_blob_is_noticed_and_nothing_is_pulled_by_it() {
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let stage = worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
    // What reporters handed in may be held for them; all else rests on the evidence.
    let reporters: Vec<String> = sim.reporters().into_iter().map(|r| r.address).collect();
    let held = || {
        let truth = sim.truth();
        let others = truth
            .planted
            .iter()
            .filter(|copy| !reporters.contains(&copy.mailbox));
        others.filter(|copy| !copy.reachable).count()
    };
    assert_eq!(held(), 0);
    let case = the_campaign(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let seed = rows.submission(case.seed).await.expect("read");
    let name = seed.expect("there").evidence_sha256.expect("kept");
    let file = stage.app.blobs.root().join(&name[..2]).join(&name);
    let mut bytes = std::fs::read(&file).expect("the blob");
    bytes[40] ^= 1;
    std::fs::write(&file, bytes).expect("damaged");
    assert!(stage.app.blobs.get(&name).await.is_err(), "noticed");
    let verdict = Verdict::Malicious;
    let decided = overturn::set_verdict(&stage.app, case.seed, verdict, "key_test", "sure").await;
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    assert_eq!(held(), 0, "nothing is taken for a copy of it");
    let parked = rows.parked_jobs().await.expect("parked");
    assert!(
        decided.is_err() || !parked.is_empty(),
        "people are told of it"
    );
}

#[tokio::test]
async fn f27_what_the_date_header_says_keeps_no_copy_in_reach() {
    for date in [
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "Sat, 20 Nov 2049 10:00:00 +0000",
        "the day before yesterday, or so",
    ] {
        let phish = include_str!("../../src/sim/mail/phish.eml").replace("\r\n", "\n");
        let phish = format!("Date: {date}\n{phish}");
        let sim = tenant(24, 10, Some(phish.into_bytes()));
        let stage = worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
        all_is_well(&sim, date);
        let rows = stage.app.store.read(stage.app.tenant);
        let seed = the_campaign(&stage).await.seed;
        let seed = rows.submission(seed).await.expect("read").expect("there");
        let received = seed.message_received_at.expect("the platform says so");
        let age = stage.app.clock.now() - received;
        assert!(age.abs() < TimeDelta::days(2), "{date}: {received}");
    }
}

#[tokio::test]
async fn f32_parts_of_a_batch_that_are_missing_doubled_or_strange_double_no_move() {
    let expected = undisturbed(24, 10).await;
    let sim = tenant(24, 10, None);
    for (nth, fault) in [
        (2, BatchFault::Missing(0)),
        (4, BatchFault::Twice(1)),
        (6, BatchFault::Stranger),
        (8, BatchFault::Missing(1)),
        (10, BatchFault::Twice(0)),
        (12, BatchFault::Stranger),
    ] {
        let when = Matcher {
            nth: Some(nth),
            ..on(Operation::Batch)
        };
        sim.add_fault(Fault {
            when,
            action: Action::Batch(fault),
            times: 2,
        });
    }
    worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
    all_is_well(&sim, "bent batches");
    assert_eq!(moves(&sim), expected, "each copy is moved once");
    assert!(sim.counters().of(Operation::Batch) > 6);
}

#[tokio::test]
async fn f45_an_item_of_another_mailbox_is_not_taken_for_ones_own() {
    let expected = undisturbed(24, 10).await;
    for (provider, operation) in [
        (Provider::Graph, Operation::MessageSearch),
        (Provider::Graph, Operation::MessageGet),
        (Provider::Gmail, Operation::GmailList),
        (Provider::Gmail, Operation::GmailGet),
    ] {
        let sim = tenant(24, 10, None);
        let reporters: Vec<String> = sim.reporters().into_iter().map(|r| r.address).collect();
        let planted = sim.truth().planted;
        let somebody = planted.iter().find(|copy| {
            copy.provider == provider
                && copy.how == How::Direct
                && !reporters.contains(&copy.mailbox)
        });
        sim.add_fault(Fault {
            when: Matcher {
                mailbox: Some(somebody.expect("somebody").mailbox.clone()),
                ..on(operation)
            },
            action: Action::Foreign,
            times: 3,
        });
        let stage = worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
        all_is_well(&sim, &format!("{operation:?}"));
        assert_eq!(moves(&sim), expected, "{operation:?}");
        let rows = stage.app.store.read(stage.app.tenant);
        assert!(rows.parked_jobs().await.expect("parked").is_empty());
    }
}

#[tokio::test]
async fn f67_a_restore_in_bulk_gets_through_throttling_errors_and_lost_answers() {
    let sim = tenant(400, 160, None);
    let stage = worked_off(&sim, Backend::Sqlite).await.expect("SQLite");
    assert!(sim.truth().all_pulled());
    let each = |every: usize, action: &Action| {
        for operation in [Operation::MessageMove, Operation::GmailModify] {
            for nth in (every..400).step_by(every) {
                let when = Matcher {
                    nth: Some(nth as u64),
                    ..on(operation)
                };
                sim.add_fault(Fault::once(when, action.clone()));
            }
        }
    };
    each(
        5,
        &Action::Throttle {
            retry_after: RetryAfter::Value("1".to_owned()),
        },
    );
    each(
        13,
        &Action::Answer {
            status: 503,
            headers: Default::default(),
            body: serde_json::Value::Null,
        },
    );
    each(17, &Action::LoseReply { executed: true });
    let case = the_campaign(&stage).await.id;
    undo::restore_campaign(&stage.app, case, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let truth = sim.truth();
    let left: Vec<_> = truth.planted.iter().filter(|c| !c.reachable).collect();
    assert!(truth.all_in_place(), "{left:#?}");
    let copies = copies(&stage).await;
    assert!(copies.len() >= 160);
    let open: Vec<_> = copies
        .iter()
        .filter(|copy| copy.desired != Desired::InPlace || !copy.snapshot().settled())
        .collect();
    assert!(open.is_empty(), "{open:#?}");
}

#[tokio::test]
async fn f69_a_verdict_that_is_turned_in_the_middle_of_the_pull_is_the_one_that_holds() {
    let sim = tenant(40, 14, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let begun = std::sync::atomic::AtomicU64::new(0);
    sim.set_hook(Some(std::sync::Arc::new(move |call| {
        let moved = matches!(
            call.operation,
            Operation::MessageMove | Operation::GmailModify
        );
        if !moved || call.phase != unhook::sim::Phase::Before {
            return;
        }
        // Both reporters' own copies are held by then, and some of the others' are gone.
        if begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 5 {
            let _ = tell.send(());
            let wait = Duration::from_secs(30);
            let _ = gone.lock().expect("lock").recv_timeout(wait);
        }
    })));
    stage.report_all(&sim).await;
    let turned = async {
        let wait = Duration::from_secs(60);
        let heard = tokio::task::spawn_blocking(move || told.recv_timeout(wait));
        heard.await.expect("waited").expect("the pull began");
        let case = the_campaign(&stage).await;
        assert_eq!(case.verdict, Verdict::Malicious);
        overturn::set_verdict(&stage.app, case.seed, Verdict::Benign, "key_test", "ours")
            .await
            .expect("decided");
        let _ = go.send(());
    };
    tokio::join!(stage.drain_ahead(TimeDelta::minutes(5)), turned);
    sim.set_hook(None);
    stage.drain_ahead(TimeDelta::minutes(5)).await;
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);
    for copy in copies(&stage).await {
        assert_eq!(copy.desired, Desired::InPlace, "{copy:?}");
        assert!(copy.snapshot().settled(), "{copy:?}");
        assert_ne!(copy.observed, Observed::Pulled, "{copy:?}");
    }
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 1, "{}", reporter.address);
        let text = String::from_utf8_lossy(&letters[0]).into_owned();
        assert!(text.contains("is safe"), "{text}");
    }
    let rows = stage.app.store.read(stage.app.tenant);
    assert!(rows.parked_jobs().await.expect("parked").is_empty());
}

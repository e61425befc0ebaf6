//! Searches as analysts meet them: plan, progress, dry run, receipt; and what must
//! hold when the platforms do not play along.

use chrono::TimeDelta;
use unhook::{
    config::search::Variants,
    domain::{
        Cause, HitOutcome, MailboxState, MessageQuery, PullRole, SearchId, SearchKind, SearchState,
        Verdict, Way,
    },
    remediation::{
        dry_run::{DryRunError, DryRunOf, MOST_AT_ONCE, begin},
        receipt::{self, ReceiptError},
        undo,
    },
    sim::{Action, Fault, How, Matcher, Operation, PlantedState, Reach, Sim, Spread},
    store::{PageRequest, search::Searched},
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, tenant},
};

/// The one campaign's search.
async fn searched(stage: &Stage) -> Searched {
    let rows = stage.app.store.read(stage.app.tenant);
    let found = rows.campaigns(None, &PageRequest::first(9)).await;
    let campaign = found.expect("campaigns").items.remove(0);
    rows.searched(campaign.id)
        .await
        .expect("read")
        .expect("a search")
}

/// Its receipt as it was written.
async fn receipt_of(stage: &Stage, searched: &Searched) -> serde_json::Value {
    let rows = stage.app.store.read(stage.app.tenant);
    let receipt = rows.receipt(searched.search.id).await;
    receipt.expect("read").expect("a receipt")
}

async fn dry_run(stage: &Stage, of: DryRunOf<'_>) -> SearchId {
    let id = begin(&stage.app, of, "key_test").await.expect("begun");
    stage.drain().await;
    id
}

/// The planted phish as its reporter's mailbox holds it.
fn phish(sim: &Sim) -> Vec<u8> {
    let reporter = sim.reporters().remove(0);
    format!(
        "From: x@evil.example\r\nMessage-ID: {}\r\nSubject: x\r\n\r\nx\r\n",
        reporter.internet_message_id
    )
    .into_bytes()
}

#[tokio::test]
async fn a_pull_leaves_a_receipt_that_verifies_and_tells_when_it_was_changed() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let sim = tenant(24, 10, None);
        let Some(stage) = Stage::new(&sim, backend).await else {
            continue;
        };
        stage.report_all(&sim).await;
        stage.drain().await;
        let searched = searched(&stage).await;
        assert_eq!(searched.search.state, SearchState::Done);
        let file = receipt_of(&stage, &searched).await;
        let told = receipt::check(&file, None).expect("it verifies");
        assert!(told.complete && told.entries >= 3, "{told:?}");
        let receipt = &file["receipt"];
        assert_eq!(receipt["mailboxes"]["expected"], 24);
        assert_eq!(receipt["mailboxes"]["searched"], 24);
        assert_eq!(receipt["copies"]["pulled"], receipt["copies"]["found"]);
        assert!(receipt["time_ms"]["p100"].is_i64(), "{receipt:#}");
        // by an API, from the database, it is the same
        let again = receipt::of(&stage.app, searched.search.id).await;
        assert_eq!(again.expect("read"), file);

        let mut forged = file.clone();
        forged["receipt"]["mailboxes"]["searched"] = 25.into();
        assert_eq!(
            receipt::check(&forged, None),
            Err(ReceiptError::Signature),
            "a changed figure"
        );
        let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(matches!(
            receipt::check(&file, Some(other)),
            Err(ReceiptError::OtherKey { .. })
        ));
    }
}

#[tokio::test]
async fn copies_of_those_who_work_with_money_go_before_others() {
    let sim = tenant(40, 20, None);
    let mut stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let departments = ["Finance".to_owned(), "Accounting".to_owned()];
    let users = sim.organisation().users.iter();
    let moneyed: Vec<String> = users
        .filter(|user| departments.iter().any(|d| d == user.department))
        .map(|user| user.address.clone())
        .collect();
    std::sync::Arc::make_mut(&mut stage.app.config)
        .search
        .finance_departments = departments.to_vec();
    let stage = stage.reopened();
    stage.report_all(&sim).await;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let pulls = rows.pulls(None, &PageRequest::first(500)).await;
    let pulls = pulls.expect("pulls").items;
    let ranks = |with_money: bool| -> Vec<i32> {
        let unread = pulls
            .iter()
            .filter(|p| p.role == PullRole::Copy)
            .filter(|p| p.original.as_ref().is_none_or(|place| !place.read));
        let of = unread.filter(|p| {
            let owner = p.locator.mailbox.address.as_str();
            moneyed.iter().any(|address| address == owner) == with_money
        });
        of.map(|p| p.rank).collect()
    };
    let (first, later) = (ranks(true), ranks(false));
    assert!(
        !first.is_empty() && !later.is_empty(),
        "{first:?} {later:?}"
    );
    assert!(
        first.iter().max() < later.iter().min(),
        "{first:?} {later:?}"
    );
}

#[tokio::test]
async fn a_chain_that_was_edited_in_the_database_is_found() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let searched = searched(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let mut chain = rows.chain(searched.search.id).await.expect("read");
    assert!(chain.iter().all(|entry| entry.digest() == entry.hash));
    chain[1].body = chain[1].body.replace("\"answered\":", "\"answered\":9");
    assert_ne!(chain[1].digest(), chain[1].hash, "an edit shows");
    let mut at = chain[0].clone();
    at.seq += 1;
    assert_ne!(at.digest(), at.hash, "so does another number");
}

#[tokio::test]
async fn a_dry_run_shows_every_copy_and_touches_none() {
    let sim = tenant(24, 10, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.drain().await;
    let before = sim.truth();
    let reporter = sim.reporters().remove(0);
    let text = format!("id:{}", reporter.internet_message_id);
    let query = MessageQuery::typed(&text, stage.app.clock.now()).expect("a query");
    sim.reset_counters();
    let id = dry_run(&stage, DryRunOf::Query(query)).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let search = rows.search(id).await.expect("read").expect("there");
    assert_eq!(
        (search.kind, search.state),
        (SearchKind::DryRun, SearchState::Done)
    );
    let hits = rows
        .hits(id, None, &PageRequest::first(500))
        .await
        .expect("hits")
        .items;
    let planted = before
        .planted
        .iter()
        .filter(|copy| copy.message_id == reporter.internet_message_id)
        .count();
    assert_eq!(
        hits.iter()
            .filter(|hit| hit.sighting.outcome == HitOutcome::Copy)
            .count(),
        planted
    );
    let moves = [
        Operation::MessageMove,
        Operation::MessagePatch,
        Operation::MessageDelete,
        Operation::GmailModify,
        Operation::GmailTrash,
        Operation::FolderCreate,
        Operation::LabelCreate,
    ];
    let made = sim.counters().by_operation;
    assert!(moves.iter().all(|op| !made.contains_key(op)), "{made:?}");
    assert_eq!(
        rows.pulls(None, &PageRequest::first(9))
            .await
            .expect("pulls")
            .items
            .len(),
        0
    );
    let file = receipt::of(&stage.app, id).await.expect("a receipt");
    assert!(receipt::check(&file, None).expect("verifies").complete);
    assert!(search.plan.bound >= 24 && search.plan.calls() >= search.plan.bound);
}

#[tokio::test]
async fn what_names_nothing_is_not_searched_for_and_what_is_asked_has_its_measure() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let nameless = b"From: a@b.example\r\nSubject: Re:\r\n\r\n\r\n";
    let refused = begin(&stage.app, DryRunOf::Message(nameless), "key_test").await;
    assert!(
        matches!(refused, Err(DryRunError::Nothing(_))),
        "{refused:?}"
    );
    let empty = MessageQuery::since(stage.app.clock.now());
    let named = MessageQuery::by_ids(["a@b.example"], stage.app.clock.now());
    let refused = begin(&stage.app, DryRunOf::Query(empty), "key_test").await;
    assert!(
        matches!(refused, Err(DryRunError::Nothing(_))),
        "{refused:?}"
    );
    for _ in 0..MOST_AT_ONCE {
        let asked = begin(&stage.app, DryRunOf::Query(named.clone()), "key_test").await;
        asked.expect("there is room");
    }
    let refused = begin(&stage.app, DryRunOf::Query(named.clone()), "key_test").await;
    assert!(matches!(refused, Err(DryRunError::TooMany)), "{refused:?}");
    stage.drain_for(TimeDelta::minutes(10)).await;
    let again = begin(&stage.app, DryRunOf::Query(named), "key_test").await;
    again.expect("they have ended");
}

#[tokio::test]
async fn hostile_ids_in_a_seed_find_nothing_and_break_nothing() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.drain().await;
    let long = "x".repeat(10_000);
    for id in [
        "a' or internetMessageId ne 'b@c",
        "a@b} in:anywhere {c",
        "a\"b@c",
        "a@b OR subject:the",
        long.as_str(),
    ] {
        let raw = format!("From: a@b.example\r\nMessage-ID: <{id}>\r\nSubject: s\r\n\r\nt\r\n");
        let Ok(search) = begin(&stage.app, DryRunOf::Message(raw.as_bytes()), "key_test").await
        else {
            continue;
        };
        stage.drain_for(TimeDelta::hours(3)).await;
        let rows = stage.app.store.read(stage.app.tenant);
        let found = rows.hits(search, None, &PageRequest::first(9)).await;
        assert!(
            found.expect("hits").items.is_empty(),
            "{id:?} found something"
        );
    }
}

#[tokio::test]
async fn a_decoy_with_the_id_of_the_seed_is_shown_with_the_reason_it_was_left_out() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.drain().await;
    // The reported id under other words: every true copy is a decoy to it.
    let raw = phish(&sim);
    let reported = sim.reporters().remove(0).internet_message_id;
    let planted = sim.truth().planted;
    let copies = planted.iter().filter(|c| c.message_id == reported).count();
    let id = dry_run(&stage, DryRunOf::Message(&raw)).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let page = PageRequest::first(100);
    let decoys = rows.hits(id, Some(HitOutcome::Decoy), &page).await;
    let decoys = decoys.expect("hits").items;
    assert!(copies >= 5, "{copies}");
    assert_eq!(decoys.len(), copies);
    assert!(decoys.iter().all(|hit| !hit.sighting.reasons.is_empty()));
    let found = rows.hits(id, Some(HitOutcome::Copy), &page).await;
    assert_eq!(found.expect("hits").items.len(), 0);
}

#[tokio::test]
async fn f38_f39_every_mailbox_out_of_reach_is_named_with_its_cause() {
    let sim = tenant(24, 10, None);
    let reporters = sim.reporters();
    let others: Vec<String> = sim
        .organisation()
        .users
        .iter()
        .filter(|user| reporters.iter().all(|r| r.address != user.address))
        .filter(|user| user.provider == unhook::domain::Provider::Graph)
        .map(|user| user.address.clone())
        .collect();
    sim.set_reach(&others[0], Reach::OnPremises);
    sim.set_reach(&others[1], Reach::Locked);
    sim.set_licensed(&others[2], false);
    sim.set_reach(&others[4], Reach::OutOfScope);
    sim.set_reach(&others[5], Reach::SoftDeleted);
    let mut stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    std::sync::Arc::make_mut(&mut stage.app.config)
        .search
        .exclude = vec![others[3].clone()];
    let stage = stage.reopened();
    stage.report_all(&sim).await;
    stage.drain_for(TimeDelta::hours(3)).await;
    let searched = searched(&stage).await;
    assert!(searched.counts.complete(), "{:?}", searched.counts);
    let rows = stage.app.store.read(stage.app.tenant);
    let gaps = rows.gaps(searched.search.id, &PageRequest::first(50)).await;
    let gaps = gaps.expect("gaps").items;
    let of = |address: &str| {
        gaps.iter()
            .find(|gap| gap.mailbox.address.as_str() == address)
            .unwrap_or_else(|| panic!("{address} is not named: {gaps:?}"))
    };
    for address in others[..3].iter().chain(&others[4..6]) {
        assert_eq!(of(address).state, MailboxState::Unreachable, "{address}");
        assert!(of(address).cause.is_some() && !of(address).reason.is_empty());
    }
    assert_eq!(of(&others[2]).cause, Some(Cause::NoLicence));
    assert_eq!(of(&others[4]).cause, Some(Cause::Scope));
    assert_eq!(of(&others[3]).state, MailboxState::Excluded);
    assert_eq!(searched.counts.excluded, 1);
}

#[tokio::test]
async fn f31_complete_is_not_said_while_a_mailbox_is_still_tried() {
    let sim = tenant(16, 8, None);
    let reporters = sim.reporters();
    let quiet = sim
        .organisation()
        .users
        .iter()
        .find(|user| reporters.iter().all(|r| r.address != user.address))
        .expect("somebody")
        .address
        .clone();
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.drain().await;
    for operation in [Operation::MessageSearch, Operation::GmailList] {
        sim.add_fault(Fault::always(
            Matcher {
                operation: Some(operation),
                mailbox: Some(quiet.clone()),
                ..Matcher::default()
            },
            Action::Answer {
                status: 503,
                headers: Default::default(),
                body: serde_json::Value::Null,
            },
        ));
    }
    stage.report_all(&sim).await;
    stage.drain_for(TimeDelta::minutes(4)).await;
    let open = searched(&stage).await;
    assert_eq!(open.counts.retrying, 1, "{:?}", open.counts);
    let file = receipt::of(&stage.app, open.search.id)
        .await
        .expect("receipt");
    assert!(!receipt::check(&file, None).expect("verifies").complete);
    assert_eq!(file["receipt"]["still_open"]["retrying"], 1);
    sim.clear_faults();
    stage.drain_for(TimeDelta::hours(1)).await;
    let done = searched(&stage).await;
    assert_eq!(done.counts.searched, 16);
    let file = receipt_of(&stage, &done).await;
    assert!(receipt::check(&file, None).expect("verifies").complete);
}

#[tokio::test]
async fn variants_wait_for_a_person_unless_the_configuration_pulls_them() {
    for pulled in [false, true] {
        let sim = tenant(2, 0, None);
        drop(sim);
        let sim = Sim::start(unhook::sim::SimOptions::new(
            unhook::sim::Organisation::generate(60, 11),
            std::sync::Arc::new(|| unhook::clock::Clock::now(&unhook::clock::SystemClock)),
        ))
        .expect("the simulated tenant starts");
        sim.spread(&Spread {
            seed: 11,
            copies: 12,
            variants: 5,
            decoys: 40,
            unreachable: 0,
            ..Spread::default()
        });
        let mut stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
        if pulled {
            std::sync::Arc::make_mut(&mut stage.app.config)
                .search
                .variants = Variants::Pull;
        }
        let stage = stage.reopened();
        let report = stage.report_all(&sim).await.remove(0);
        stage.drain().await;
        let rows = stage.app.store.read(stage.app.tenant);
        let row = rows.report(report).await.expect("read").expect("there");
        overturn::set_verdict(
            &stage.app,
            row.submission,
            Verdict::Malicious,
            "key_test",
            "a phish",
        )
        .await
        .expect("judged");
        stage.drain_for(TimeDelta::minutes(5)).await;
        let truth = sim.truth();
        let variants: Vec<_> = truth
            .planted
            .iter()
            .filter(|copy| copy.how == How::Variant)
            .collect();
        // One that holds the links and nearly all words of the seed holds the seed,
        // under whatever id, and is pulled with its copies.
        let rows = stage.app.store.read(stage.app.tenant);
        let pulls = rows.pulls(None, &PageRequest::first(500)).await;
        let holding: Vec<String> = pulls
            .expect("pulls")
            .items
            .into_iter()
            .filter(|pull| pull.role == PullRole::Forward)
            .map(|pull| pull.locator.mailbox.address.to_string())
            .collect();
        let near = |copy: &&PlantedState| !holding.contains(&copy.mailbox);
        let variants: Vec<_> = variants.into_iter().filter(near).collect();
        let planted = variants.len();
        assert!(planted >= 3, "{planted}");
        let reachable = variants.iter().filter(|copy| copy.reachable).count();
        assert_eq!(reachable, if pulled { 0 } else { planted });
        assert_eq!(truth.touched(), 0, "no decoy was touched");
        if !pulled {
            let left = pull_one_variant(&stage, &sim).await;
            assert_eq!(left, planted - 1, "one is pulled, and one alone");
        }
        let searched = searched(&stage).await;
        assert!(
            searched
                .search
                .plan
                .ways
                .iter()
                .any(|w| w.way == Way::Variant)
        );
        let file = receipt_of(&stage, &searched).await;
        // The receipt was written anew when the one was pulled.
        let waiting = file["receipt"]["copies"]["for_review"].as_u64();
        assert_eq!(
            waiting,
            Some(if pulled { 0 } else { planted as u64 - 1 }),
            "{:#}",
            file["receipt"]["copies"]
        );
    }
}

/// An analyst pulls one of the variants that wait; gives how many are still there.
async fn pull_one_variant(stage: &Stage, sim: &Sim) -> usize {
    let rows = stage.app.store.read(stage.app.tenant);
    let pulls = rows.pulls(None, &PageRequest::first(500)).await;
    let variant = pulls
        .expect("pulls")
        .items
        .into_iter()
        .find(|pull| pull.role == PullRole::Variant)
        .expect("a variant");
    for _ in 0..2 {
        undo::pull_variant(&stage.app, variant.id, "key_test")
            .await
            .expect("asked");
    }
    stage.drain().await;
    let truth = sim.truth();
    truth
        .planted
        .iter()
        .filter(|copy| copy.how == How::Variant && copy.reachable)
        .count()
}

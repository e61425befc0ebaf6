//! Two attacks that look alike from outside: whose copy is whose.

use chrono::TimeDelta;
use unhook::{
    domain::{CampaignId, Provider, SubmissionId, Verdict},
    remediation::undo,
    sim::{How, Reporter, Sim, Slot, Truth},
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

/// The first attack.
fn first(id: &str) -> String {
    format!(
        "From: Facilities <facilities@parcels.example>\r\nTo: staff@northwind.example\r\n\
         Subject: Your parcel waits at the front desk\r\nMessage-ID: <{id}>\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         A parcel addressed to you has been waiting at the front desk since Friday morning.\r\n\
         Please confirm the delivery slot that suits you before the end of the day at\r\n\
         https://portal.shared-host.example/parcels so that the courier can come back.\r\n"
    )
}

/// The second: another text from another sender over the same host.
fn second(id: &str) -> String {
    format!(
        "From: Payroll <payroll@salaries.example>\r\nTo: staff@northwind.example\r\n\
         Subject: Changes to the November salary run\r\nMessage-ID: <{id}>\r\n\
         Date: Mon, 16 Nov 2026 09:05:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         The bank has changed the format of account numbers and yours could not be converted.\r\n\
         Enter your current account again today or the November salary will be paid late, at\r\n\
         https://portal.shared-host.example/salary with your usual employee number.\r\n"
    )
}

/// Delivers the second message to three people on each platform, of whom one has
/// the first as well; gives somebody who can report it.
fn plant_second(sim: &Sim, raw: &str) -> Reporter {
    let holds_first: Vec<String> = sim.truth().planted.into_iter().map(|c| c.mailbox).collect();
    let mut reporters = Vec::new();
    for provider in [Provider::Graph, Provider::Gmail] {
        let (with, without): (Vec<_>, Vec<_>) = sim
            .organisation()
            .users
            .iter()
            .filter(|u| u.provider == provider)
            .partition(|u| holds_first.contains(&u.address));
        for user in without.iter().take(2).chain(with.iter().take(1)) {
            let item_id = sim
                .deliver(&user.address, raw.as_bytes(), Slot::Inbox, true)
                .expect("delivered");
            reporters.push(Reporter {
                provider,
                address: user.address.clone(),
                user_id: user.id.clone(),
                item_id,
                internet_message_id: String::new(),
            });
        }
    }
    reporters.remove(0)
}

async fn case_of(stage: &Stage, sim: &Sim, reporter: &Reporter) -> (SubmissionId, CampaignId) {
    let mut report = click(reporter, sim.tenant_id());
    report.internet_message_id = None;
    let id = stage.desk.accept(report).await.expect("accepted").id;
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let submission = rows
        .report(id)
        .await
        .expect("read")
        .expect("there")
        .submission;
    let read = rows
        .submission(submission)
        .await
        .expect("read")
        .expect("there");
    (submission, read.campaign.expect("a campaign"))
}

/// Whether the copies of the first and of the second message are out of reach.
fn out(truth: &Truth) -> (Vec<bool>, Vec<bool>) {
    let of = |late: bool| {
        truth
            .planted
            .iter()
            .filter(|c| (c.how == How::Late) == late)
            .map(|c| !c.reachable)
            .collect()
    };
    (of(false), of(true))
}

async fn nobody_takes_the_others_copies(backend: Backend, first_id: &str, second_id: &str) {
    let sim = tenant(24, 8, Some(first(first_id).into_bytes()));
    let reporter_of_second = plant_second(&sim, &second(second_id));
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    let reporter = sim.reporters().remove(0);
    let (one, first_campaign) = case_of(&stage, &sim, &reporter).await;
    let (two, second_campaign) = case_of(&stage, &sim, &reporter_of_second).await;
    assert_ne!(first_campaign, second_campaign);

    // Both are condemned at once: their searches and pulls take turns.
    for submission in [one, two] {
        overturn::set_verdict(
            &stage.app,
            submission,
            Verdict::Malicious,
            "key_test",
            "both",
        )
        .await
        .expect("decided");
    }
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let truth = sim.truth();
    let left: Vec<_> = truth.planted.iter().filter(|c| c.reachable).collect();
    assert!(truth.all_pulled(), "still reachable: {left:#?}");
    let rows = stage.app.store.read(stage.app.tenant);
    for campaign in [first_campaign, second_campaign] {
        let searched = rows.searched(campaign).await.expect("read").expect("there");
        assert_eq!(searched.counts.unreachable, 0);
        assert_eq!(searched.counts.searched, 24, "each mailbox counts once");
    }
    assert!(rows.parked_jobs().await.expect("parked").is_empty());

    undo::restore_campaign(&stage.app, first_campaign, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let (firsts, seconds) = out(&sim.truth());
    assert!(firsts.iter().all(|out| !out), "{firsts:?}");
    assert!(seconds.iter().all(|out| *out), "left alone: {seconds:?}");

    undo::restore_campaign(&stage.app, second_campaign, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);

    overturn::set_verdict(&stage.app, one, Verdict::Malicious, "key_test", "again")
        .await
        .expect("decided");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let (firsts, seconds) = out(&sim.truth());
    assert!(firsts.iter().all(|out| *out), "{firsts:?}");
    assert!(seconds.iter().all(|out| !out), "left alone: {seconds:?}");
}

#[tokio::test]
async fn f44_two_attacks_under_one_message_id_keep_to_their_own_copies_on_sqlite() {
    let id = "same@parcels.example";
    nobody_takes_the_others_copies(Backend::Sqlite, id, id).await;
}

#[tokio::test]
async fn f44_two_attacks_under_one_message_id_keep_to_their_own_copies_on_postgres() {
    let id = "same@parcels.example";
    nobody_takes_the_others_copies(Backend::Postgres, id, id).await;
}

#[tokio::test]
async fn two_attacks_over_one_link_host_keep_to_their_own_copies() {
    let (first, second) = ("one@parcels.example", "two@salaries.example");
    nobody_takes_the_others_copies(Backend::Sqlite, first, second).await;
}

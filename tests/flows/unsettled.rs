//! Copies whose way is not straight: unknown outcomes, forged owners, tries that
//! failed, and those that belong to no campaign.

use bytes::Bytes;
use chrono::TimeDelta;
use unhook::{
    domain::{EvidenceState, Observed, Provider, ReportId, SubmissionId, Verdict},
    mailbox::QuarantineMove,
    remediation::undo,
    sim::{Action, Fault, How, Matcher, Operation, Organisation, Reporter, Sim, Slot},
    store::{PageRequest, pull::Pull},
    triage::overturn,
};

use super::{INNOCENT, the_campaign};
use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

async fn copies(stage: &Stage) -> Vec<Pull> {
    let campaign = the_campaign(stage).await.id;
    let rows = stage.app.store.read(stage.app.tenant);
    let page = PageRequest::first(200);
    rows.pulls(Some(campaign), &page)
        .await
        .expect("pulls")
        .items
}

async fn copy_in(stage: &Stage, mailbox: &str) -> Pull {
    let mut copies = copies(stage).await;
    copies.retain(|copy| copy.locator.mailbox.address.as_str() == mailbox);
    assert_eq!(copies.len(), 1);
    copies.remove(0)
}

/// Somebody of Microsoft 365 with one plain copy who reports nothing.
fn bystander(sim: &Sim) -> String {
    let reporters: Vec<String> = sim.reporters().into_iter().map(|r| r.address).collect();
    let truth = sim.truth();
    let plain = truth.planted.iter().find(|copy| {
        copy.provider == Provider::Graph
            && copy.how == How::Direct
            && !reporters.contains(&copy.mailbox)
    });
    plain.expect("somebody").mailbox.clone()
}

fn moves_of(mailbox: &str) -> Matcher {
    Matcher {
        operation: Some(Operation::MessageMove),
        mailbox: Some(mailbox.to_owned()),
        ..Matcher::default()
    }
}

fn answer(status: u16, code: &str) -> Action {
    Action::Answer {
        status,
        headers: Default::default(),
        body: serde_json::json!({"error": {"code": code, "message": "x"}}),
    }
}

#[tokio::test]
async fn f34_f69_a_move_that_lands_late_is_not_taken_for_one_that_never_was() {
    let sim = tenant(20, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let somebody = bystander(&sim);
    sim.add_fault(Fault::always(
        moves_of(&somebody),
        Action::LoseReply { executed: false },
    ));
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::seconds(3)).await;
    let copy = copy_in(&stage, &somebody).await;
    assert_eq!(copy.observed, Observed::Moving, "its outcome is unknown");

    // The decision is taken back while the move is still on its way.
    sim.clear_faults();
    let campaign = the_campaign(&stage).await.id;
    undo::restore_campaign(&stage.app, campaign, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::seconds(3)).await;
    let provider = stage.app.mail.of(&copy.locator.mailbox).expect("platform");
    let landed = provider
        .quarantine(&[QuarantineMove {
            locator: copy.locator.clone(),
            from: copy.original.clone().expect("known"),
            quarantine: copy.quarantine.clone().expect("known"),
        }])
        .await;
    assert!(landed[0].is_ok(), "{landed:?}");

    stage.drain_ahead(TimeDelta::minutes(5)).await;
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);
    let copy = copy_in(&stage, &somebody).await;
    assert_eq!(copy.observed, Observed::Restored);
}

#[tokio::test]
async fn a_phish_in_its_victims_own_name_is_pulled_and_sent_mail_is_not() {
    for provider in [Provider::Graph, Provider::Gmail] {
        let people = Organisation::generate(20, 7).users;
        let victim = people.iter().find(|u| u.provider == provider);
        let victim = victim.expect("somebody").address.clone();
        let raw = INNOCENT.replace("dana.lee@northwind.example", &victim);
        let sim = tenant(20, 8, Some(raw.clone().into_bytes()));
        for (slot, planted) in [(Slot::Inbox, true), (Slot::Sent, false)] {
            sim.deliver(&victim, raw.as_bytes(), slot, planted)
                .expect("delivered");
        }
        let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
        stage.report_all(&sim).await;
        stage.drain_ahead(TimeDelta::minutes(1)).await;
        let seed = the_campaign(&stage).await.seed;
        overturn::set_verdict(&stage.app, seed, Verdict::Malicious, "key_test", "forged")
            .await
            .expect("decided");
        stage.drain_ahead(TimeDelta::minutes(1)).await;
        let truth = sim.truth();
        let left: Vec<_> = truth.planted.iter().filter(|c| c.reachable).collect();
        assert!(truth.all_pulled(), "{provider}: {left:#?}");
        let own: Vec<_> = copies(&stage)
            .await
            .into_iter()
            .filter(|copy| copy.observed == Observed::Changed)
            .map(|copy| copy.locator.mailbox.address.to_string())
            .collect();
        assert_eq!(own, [victim], "seen and left in place");
    }
}

/// A report whose upload is not the message in the reporter's mailbox: their copy
/// is held, and belongs to no campaign.
async fn held_without_campaign(stage: &Stage, sim: &Sim) -> (ReportId, SubmissionId, Reporter) {
    let mut reporters = sim.reporters();
    reporters.retain(|r| r.provider == Provider::Graph);
    let reporter = reporters.remove(0);
    let other = "From: x@y.example\r\nSubject: x\r\n\
        Message-ID: <minutes-4711@northwind.example>\r\n\r\nAnother text altogether.";
    let report = unhook::intake::NewReport {
        raw: Some(Bytes::from_static(other.as_bytes())),
        ..click(&reporter, sim.tenant_id())
    };
    let id = stage.desk.accept(report).await.expect("accepted").id;
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let report = rows.report(id).await.expect("read").expect("there");
    let submission = report.submission;
    let read = rows.submission(submission).await.expect("read");
    let read = read.expect("there");
    assert_eq!(
        (read.evidence, read.campaign),
        (EvidenceState::Mismatch, None)
    );
    assert_eq!(held(sim), 1, "held for review");
    (id, submission, reporter)
}

fn held(sim: &Sim) -> usize {
    let truth = sim.truth();
    truth.planted.iter().filter(|copy| !copy.reachable).count()
}

#[tokio::test]
async fn a_copy_without_a_campaign_can_be_asked_back_by_itself() {
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let (_, submission, _) = held_without_campaign(&stage, &sim).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let copies = rows.pulls_of_submission(submission).await.expect("read");
    undo::restore_copy(&stage.app, copies[0].id, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);
    let read = rows.submission(submission).await.expect("read");
    let verdict = read.expect("there").verdict;
    assert_eq!(verdict, Some(Verdict::Unknown), "still to be judged");
}

#[tokio::test]
async fn f31_a_copy_without_a_campaign_is_put_back_however_long_it_takes() {
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let (id, submission, reporter) = held_without_campaign(&stage, &sim).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let tries = 9;
    sim.reset_counters();
    sim.add_fault(Fault {
        when: moves_of(&reporter.address),
        action: answer(503, "busy"),
        times: tries,
    });
    overturn::set_verdict(
        &stage.app,
        submission,
        Verdict::Benign,
        "key_test",
        "harmless",
    )
    .await
    .expect("decided");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    assert_eq!(held(&sim), 0, "{:#?}", sim.truth().planted);
    assert!(sim.truth().all_in_place());
    let calls = sim.counters().of(Operation::MessageMove);
    assert_eq!(calls, tries + 1, "one call a pause");
    let events = rows.timeline(Some(submission), None).await.expect("events");
    let restored = events.iter().filter(|event| event.kind == "restored");
    assert_eq!(restored.count(), 1, "{events:?}");
    let report = rows.report(id).await.expect("read").expect("there");
    assert_eq!(report.outcome, Some(Verdict::Benign), "and still answered");
}

#[tokio::test]
async fn a_copy_that_was_given_up_can_be_asked_back() {
    let sim = tenant(20, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let somebody = bystander(&sim);
    let refuse = || {
        sim.add_fault(Fault::once(
            moves_of(&somebody),
            answer(403, "ErrorAccessDenied"),
        ))
    };
    refuse();
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    let copy = copy_in(&stage, &somebody).await;
    assert_eq!(copy.observed, Observed::Failed, "its pull was refused");
    let ask = async || {
        undo::restore_copy(&stage.app, copy.id, "key_test")
            .await
            .expect("asked");
        stage.drain_ahead(TimeDelta::minutes(1)).await;
        copy_in(&stage, &somebody).await.observed
    };
    assert_eq!(ask().await, Observed::Restored, "it was never moved");

    // Pulled after all, and then its restore is refused.
    let seed = the_campaign(&stage).await.seed;
    overturn::set_verdict(&stage.app, seed, Verdict::Malicious, "key_test", "again")
        .await
        .expect("decided");
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    assert!(sim.truth().all_pulled());
    refuse();
    assert_eq!(ask().await, Observed::Failed, "refused");
    assert_eq!(sim.truth().reachable(), 0);
    assert_eq!(ask().await, Observed::Restored, "asked again");
    assert_eq!(sim.truth().reachable(), 1, "exactly the one");
}

/// Deletes a folder, as whoever owns the mailbox would.
async fn delete_folder(sim: &Sim, owner: &str, folder: &str) {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("client");
    let base = sim.base_url();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://graph.microsoft.com/.default",
        sim.client_id(),
        sim.client_secret()
    );
    let answer = client
        .post(format!("{base}/{}/oauth2/v2.0/token", sim.tenant_id()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .expect("an answer");
    let answer: serde_json::Value = answer.json().await.expect("a token");
    let token = answer["access_token"].as_str().expect("a token");
    let user = sim.organisation().by_address(owner).expect("user");
    let url = format!("{base}/v1.0/users/{}/mailFolders/{folder}", user.id);
    let done = client.delete(url).bearer_auth(token).send().await;
    assert!(done.expect("an answer").status().is_success());
}

#[tokio::test]
async fn f48_a_copy_whose_folder_is_gone_comes_back_to_the_inbox_and_a_full_mailbox_is_waited_for()
{
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let holders: Vec<String> = sim.truth().planted.into_iter().map(|c| c.mailbox).collect();
    let mut people = sim.organisation().users.iter();
    let filer =
        people.find(|user| user.provider == Provider::Graph && !holders.contains(&user.address));
    let filer = filer.expect("somebody").address.clone();
    let folder = Slot::Own("Projects".to_owned());
    sim.deliver(&filer, INNOCENT.as_bytes(), folder, true)
        .expect("delivered");
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::minutes(1)).await;
    let seed = the_campaign(&stage).await.seed;
    let decide = async |verdict| {
        overturn::set_verdict(&stage.app, seed, verdict, "key_test", "decided")
            .await
            .expect("decided");
        stage.drain_ahead(TimeDelta::minutes(10)).await;
    };
    decide(Verdict::Malicious).await;
    assert!(sim.truth().all_pulled());

    let was = copy_in(&stage, &filer).await.original.expect("known");
    delete_folder(&sim, &filer, &was.containers[0]).await;
    let full = bystander(&sim);
    sim.add_fault(Fault {
        when: moves_of(&full),
        action: answer(507, "ErrorQuotaExceeded"),
        times: 6,
    });
    decide(Verdict::Benign).await;
    let copy = copy_in(&stage, &filer).await;
    assert_eq!(copy.observed, Observed::Restored);
    assert!(copy.matched_by.contains("put into the Inbox"), "and said");
    let truth = sim.truth();
    for copy in &truth.planted {
        assert!(copy.reachable, "{copy:#?}");
        if copy.mailbox != filer {
            assert_eq!(copy.now.as_ref(), Some(&copy.before), "as before");
        }
    }
    assert_eq!(copy_in(&stage, &full).await.observed, Observed::Restored);
}

//! From a click to thanks, and back: what a person would notice, judged from the
//! simulated mailboxes.

mod audit;
mod campaigns;
mod hunting;
mod lookups;
mod names;
mod owners;
mod policies;
mod priority;
mod pull_safety;
mod races;
mod rows;
mod searching;
mod staging;
mod unsettled;
mod watching;

use bytes::Bytes;
use unhook::{
    domain::{Cause, EvidenceState, MailboxState, Provider, ReportStatus, Verdict},
    remediation::undo,
    sim::{Action, Fault, Matcher, Operation, RetryAfter, Sim, Slot},
    store::{PageRequest, campaign::Campaign},
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

async fn the_campaign(stage: &Stage) -> Campaign {
    let rows = stage.app.store.read(stage.app.tenant);
    let mut found = rows
        .campaigns(None, &PageRequest::first(10))
        .await
        .expect("campaigns")
        .items;
    assert_eq!(
        found.len(),
        1,
        "two reports of one message are one campaign: {found:?}"
    );
    found.remove(0)
}

fn one_letter_each(sim: &Sim) {
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 1, "{}", reporter.address);
        let text = String::from_utf8_lossy(&letters[0]).into_owned();
        assert!(text.contains("Thank you"), "{text}");
    }
}

async fn report_to_thanks(backend: Backend) {
    let sim = tenant(40, 14, None);
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    let reports = stage.report_all(&sim).await;
    stage.drain().await;

    let truth = sim.truth();
    let left: Vec<_> = truth.planted.iter().filter(|c| c.reachable).collect();
    assert!(left.is_empty(), "still reachable: {left:#?}");
    let touched: Vec<_> = truth.innocent.iter().filter(|c| c.touched).collect();
    assert!(
        truth.all_pulled(),
        "touched: {touched:#?}, others {}",
        truth.others_touched
    );
    one_letter_each(&sim);
    let rows = stage.app.store.read(stage.app.tenant);
    for id in reports.clone() {
        let report = rows.report(id).await.expect("read").expect("there");
        assert_eq!(
            (report.status, report.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
    }
    let campaign = the_campaign(&stage).await;
    let searched = rows.searched(campaign.id).await.expect("read");
    let searched = searched.expect("there").counts.searched;
    assert_eq!(searched, 40, "every mailbox was searched");
    assert!(rows.parked_jobs().await.expect("parked").is_empty());

    // An analyst takes it back: every copy returns to where and as it was.
    let submission = campaign.seed;
    overturn::set_verdict(
        &stage.app,
        submission,
        Verdict::Benign,
        "key_test",
        "a mistake",
    )
    .await
    .expect("overturned");
    stage.drain().await;
    let truth = sim.truth();
    let wrong: Vec<_> = truth
        .planted
        .iter()
        .filter(|c| c.now.as_ref() != Some(&c.before))
        .collect();
    assert!(truth.all_in_place(), "not as before: {wrong:#?}");
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 2, "one correction to {}", reporter.address);
    }

    // And once more malicious: pulled again, by the same rows.
    overturn::set_verdict(
        &stage.app,
        submission,
        Verdict::Malicious,
        "key_test",
        "after all",
    )
    .await
    .expect("overturned");
    stage.drain().await;
    assert!(sim.truth().all_pulled());
    // Told that it was safe, they must hear that it is not.
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 3, "{}", reporter.address);
        let last = String::from_utf8_lossy(&letters[2]).into_owned();
        assert!(last.contains("you caught a dangerous message"), "{last}");
    }
    for id in reports {
        let report = rows.report(id).await.expect("read").expect("there");
        assert_eq!(
            (report.status, report.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
    }
}

#[tokio::test]
async fn a_report_of_what_was_put_back_waits_for_a_person_and_claims_nothing() {
    let sim = tenant(40, 14, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let [first, second] = <[_; 2]>::try_from(sim.reporters()).expect("two reporters");
    let click_of = |reporter| click(reporter, sim.tenant_id());
    stage.desk.accept(click_of(&first)).await.expect("accepted");
    stage.drain().await;
    assert!(sim.truth().all_pulled());
    let campaign = the_campaign(&stage).await;
    undo::restore_campaign(&stage.app, campaign.id, "key_test")
        .await
        .expect("asked");
    stage.drain().await;
    assert!(sim.truth().all_in_place());

    let late = stage
        .desk
        .accept(click_of(&second))
        .await
        .expect("accepted");
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let report = rows.report(late.id).await.expect("read").expect("there");
    assert_eq!(report.status, ReportStatus::InReview);
    let letters = sim.letters_of(&second.address);
    assert_eq!(letters.len(), 1);
    let text = String::from_utf8_lossy(&letters[0]).into_owned();
    assert!(
        text.contains("out of your inbox while an analyst"),
        "{text}"
    );
    let truth = sim.truth();
    let (hers, others): (Vec<_>, Vec<_>) = truth
        .planted
        .iter()
        .partition(|copy| copy.mailbox == second.address);
    assert!(hers.iter().any(|copy| !copy.reachable), "{hers:#?}");
    assert!(
        others.iter().all(|c| c.now.as_ref() == Some(&c.before)),
        "nobody else's is touched"
    );
}

#[tokio::test]
async fn a_report_of_what_is_not_there_claims_no_quarantine() {
    let sim = tenant(20, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let reporter = sim.reporters().remove(0);
    let mut lost = click(&reporter, sim.tenant_id());
    lost.item_id = Some("AAMknothing".to_owned());
    lost.internet_message_id = None;
    stage.desk.accept(lost).await.expect("accepted");
    stage.drain().await;
    let letters = sim.letters_of(&reporter.address);
    assert_eq!(letters.len(), 1);
    let text = String::from_utf8_lossy(&letters[0]).into_owned();
    assert!(!text.contains("is out of your inbox"), "{text}");
    assert!(text.contains("do not open it"), "{text}");
}

#[tokio::test]
async fn f64_a_report_is_followed_to_thanks_and_back_on_sqlite() {
    report_to_thanks(Backend::Sqlite).await;
}

#[tokio::test]
async fn f64_a_report_is_followed_to_thanks_and_back_on_postgres() {
    report_to_thanks(Backend::Postgres).await;
}

#[tokio::test]
async fn one_copy_and_then_all_are_put_back_on_request() {
    let sim = tenant(20, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    assert!(sim.truth().all_pulled());
    let campaign = the_campaign(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let pulls = rows
        .pulls(Some(campaign.id), &PageRequest::first(200))
        .await
        .expect("pulls")
        .items;
    let one = pulls.first().expect("a pull");
    undo::restore_copy(&stage.app, one.id, "key_test")
        .await
        .expect("asked");
    undo::restore_copy(&stage.app, one.id, "key_test")
        .await
        .expect("asked twice");
    stage.drain().await;
    assert_eq!(sim.truth().reachable(), 1, "exactly the one");
    undo::restore_campaign(&stage.app, campaign.id, "key_test")
        .await
        .expect("asked");
    stage.drain().await;
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);
}

/// An ordinary message that nobody would call phishing.
const INNOCENT: &str = "From: Dana Lee <dana.lee@northwind.example>\r\n\
    To: team@northwind.example\r\nSubject: Minutes of Tuesday's planning meeting\r\n\
    Message-ID: <minutes-4711@northwind.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\
    MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    Hi all,\r\n\r\nhere are the minutes of Tuesday. We agreed to move the warehouse review to\r\n\
    the second week of December, and Priya will bring the figures for the north.\r\n\
    Please add what I forgot directly in the document in our shared folder.\r\n\r\nDana\r\n";

#[tokio::test]
async fn an_innocent_message_is_never_pulled() {
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let campaign = the_campaign(&stage).await;
    assert_ne!(campaign.verdict, Verdict::Malicious);
    let rows = stage.app.store.read(stage.app.tenant);
    assert!(
        rows.remediation_of(campaign.id)
            .await
            .expect("read")
            .is_none()
    );
    let truth = sim.truth();
    let out = truth.planted.iter().filter(|c| !c.reachable).count();
    assert!(
        out <= 2,
        "at most the reporters' own copies wait for review, not {out}"
    );
    assert_eq!(truth.touched(), 0);
}

#[tokio::test]
async fn bytes_of_a_client_never_authorise_a_pull() {
    // ps01: a forged upload under the Message-ID of somebody's real mail.
    let sim = tenant(20, 8, Some(INNOCENT.as_bytes().to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let forged = "From: helpdesk@northwlnd-support.example\r\nSubject: Password expires\r\n\
        Message-ID: <minutes-4711@northwind.example>\r\nContent-Type: text/html\r\n\r\n\
        <p>Your password expires today. <a href=\"https://login.northwlnd-support.example/x\">\
        https://portal.northwind.example/</a> Sign in now to keep your mailbox.</p>";
    let reporter = sim.reporters().remove(0);
    let report = unhook::intake::NewReport {
        raw: Some(Bytes::from_static(forged.as_bytes())),
        ..click(&reporter, sim.tenant_id())
    };
    let id = stage.desk.accept(report).await.expect("accepted").id;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let report = rows.report(id).await.expect("read").expect("there");
    let submission = rows
        .submission(report.submission)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(submission.evidence, EvidenceState::Mismatch, "recorded");
    assert_eq!(
        submission.verdict,
        Some(Verdict::Unknown),
        "left to an analyst"
    );
    assert_eq!(
        rows.campaigns(None, &PageRequest::first(9))
            .await
            .expect("read")
            .items
            .len(),
        0
    );
    let out = sim.truth().planted.iter().filter(|c| !c.reachable).count();
    assert!(
        out <= 1,
        "nothing but the reporter's own copy is held, not {out}"
    );
    let kept = stage
        .app
        .blobs
        .get(submission.upload_sha256.as_deref().expect("kept"))
        .await
        .expect("kept");
    assert_eq!(
        kept,
        forged.as_bytes(),
        "what the client sent is kept untouched"
    );
    let refused =
        overturn::set_verdict(&stage.app, submission.id, Verdict::Malicious, "key_x", "").await;
    assert!(matches!(
        refused,
        Err(overturn::OverturnError::EvidenceMissing(_))
    ));
}

#[tokio::test]
async fn f44_the_same_message_id_with_another_body_stays() {
    // ps03: only the matching body is moved.
    let sim = tenant(20, 8, None);
    let phish = sim.reporters().remove(0);
    let bystander = sim
        .organisation()
        .users
        .iter()
        .find(|u| sim.truth().planted.iter().all(|c| c.mailbox != u.address))
        .expect("somebody without a copy")
        .address
        .clone();
    let twin = format!(
        "From: helpdesk@northwlnd-support.example\r\nTo: {bystander}\r\nSubject: Lunch\r\n\
         Message-ID: {}\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
         Shall we have lunch on Thursday? The new place next to the station has soup.\r\n",
        phish.internet_message_id
    );
    sim.deliver(&bystander, twin.as_bytes(), Slot::Inbox, false)
        .expect("delivered");
    let before = sim.truth().others_touched;
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let truth = sim.truth();
    assert_eq!(truth.reachable(), 0);
    assert_eq!(
        truth.others_touched, before,
        "the other body was not touched"
    );
    let campaign = the_campaign(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let counts = rows.count_pulls(campaign.id).await.expect("counts");
    let searched = rows.searched(campaign.id).await.expect("read");
    let decoys = searched.expect("there").search.progress.decoys;
    assert!(
        counts.changed + decoys >= 1,
        "it was seen and left: {counts:?}, {decoys}"
    );
}

#[tokio::test]
async fn f29_f34_f46_faults_on_both_wires_are_ridden_out() {
    let sim = tenant(24, 10, None);
    let on = |operation| Matcher {
        operation: Some(operation),
        ..Matcher::default()
    };
    let throttle = |operation, value: &str| Fault {
        when: on(operation),
        action: Action::Throttle {
            retry_after: RetryAfter::Value(value.to_owned()),
        },
        times: 2,
    };
    for fault in [
        throttle(Operation::MessageSearch, "0"),
        throttle(Operation::MessageMove, "0.128"),
        throttle(Operation::GmailModify, "1"),
        Fault {
            when: on(Operation::GmailList),
            action: Action::Forbid {
                reason: "userRateLimitExceeded".to_owned(),
            },
            times: 2,
        },
        Fault::once(
            Matcher {
                nth: Some(3),
                ..on(Operation::MessageMove)
            },
            Action::LoseReply { executed: true },
        ),
        Fault::once(
            Matcher {
                nth: Some(4),
                ..on(Operation::GmailModify)
            },
            Action::LoseReply { executed: true },
        ),
        Fault::once(
            Matcher {
                nth: Some(5),
                ..on(Operation::MessageGet)
            },
            Action::Answer {
                status: 503,
                headers: Default::default(),
                body: "busy".into(),
            },
        ),
        Fault::once(
            Matcher {
                nth: Some(4),
                ..on(Operation::GmailGet)
            },
            Action::Truncate { bytes: 20 },
        ),
    ] {
        sim.add_fault(fault);
    }
    let unlicensed = sim
        .organisation()
        .users
        .iter()
        .find(|u| {
            u.provider == Provider::Graph
                && sim.truth().planted.iter().all(|c| c.mailbox != u.address)
        })
        .expect("somebody")
        .address
        .clone();
    sim.set_licensed(&unlicensed, false);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let truth = sim.truth();
    let left: Vec<_> = truth
        .planted
        .iter()
        .filter(|c| c.reachable || c.destroyed)
        .collect();
    assert!(truth.all_pulled(), "{left:#?}");
    one_letter_each(&sim);
    let campaign = the_campaign(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let searched = rows.searched(campaign.id).await.expect("read");
    let id = searched.expect("there").search.id;
    let gaps = rows.gaps(id, &PageRequest::first(9)).await;
    let gaps = gaps.expect("gaps").items;
    assert_eq!(
        gaps.len(),
        1,
        "no gap is silent, and no other is left: {gaps:?}"
    );
    assert_eq!(gaps[0].mailbox.address.as_str(), unlicensed);
    assert_eq!(gaps[0].state, MailboxState::Unreachable);
    assert_eq!(gaps[0].cause, Some(Cause::NoLicence));
}

#[tokio::test]
async fn f40_a_copy_that_vanishes_between_search_and_pull_is_recorded_as_gone() {
    let sim = tenant(20, 8, None);
    sim.add_fault(Fault::once(
        Matcher {
            operation: Some(Operation::MessageMove),
            nth: Some(2),
            ..Matcher::default()
        },
        Action::Vanish,
    ));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    assert!(sim.truth().all_pulled());
    let campaign = the_campaign(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let counts = rows.count_pulls(campaign.id).await.expect("counts");
    assert_eq!(
        (counts.gone, counts.failed, counts.pending),
        (1, 0, 0),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_second_report_of_the_same_message_is_answered_by_its_state_and_one_letter() {
    let sim = tenant(40, 14, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let first = stage.report_all(&sim).await;
    stage.drain().await;
    // The same people name the same message in another way.
    let mut again = Vec::new();
    for reporter in sim.reporters() {
        let mut click = click(&reporter, sim.tenant_id());
        click.item_id = None;
        click.idempotency_key = None;
        let report = stage.desk.accept(click).await.expect("accepted");
        assert!(report.new && !first.contains(&report.id));
        again.push(report.id);
    }
    stage.drain().await;
    one_letter_each(&sim);
    let rows = stage.app.store.read(stage.app.tenant);
    for id in first.into_iter().chain(again) {
        let report = rows.report(id).await.expect("read").expect("there");
        assert_eq!(
            (report.status, report.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
    }
    assert!(sim.truth().all_pulled());
}

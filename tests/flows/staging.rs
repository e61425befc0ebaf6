//! How far a pull may go by itself: stages, the second person, budgets, the breaker and
//! the kill switch; judged from the simulated mailboxes.

use chrono::TimeDelta;
use unhook::{
    config::pull::PullLimits,
    domain::{ApprovalState, Desired, Observed, Provider, PullRole, StopScope, Verdict},
    remediation::{
        approve::{self, Answer, ApprovalError},
        brake, undo,
    },
    sim::{Action, Fault, Matcher, Operation, Sim},
    store::{PageRequest, approval::Approval, campaign::Campaign, pull::Pull},
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, tenant},
};

/// Minutes between two stages.
const PAUSE: u32 = 300;

async fn staged(sim: &Sim, backend: Backend, change: impl Fn(&mut PullLimits)) -> Option<Stage> {
    let mut stage = Stage::new(sim, backend).await?;
    let config = std::sync::Arc::make_mut(&mut stage.app.config);
    config.pull.automatic_wait_seconds = PAUSE;
    config.pull.analyst_wait_seconds = PAUSE;
    change(&mut config.pull);
    Some(stage.reopened())
}

/// Works off what is due now, without anybody who approves.
async fn work(stage: &Stage) {
    loop {
        stage.workers.drain().await;
        let due = stage.app.store.next_job_due().await.expect("due");
        let wait = due.map(|due| due - stage.app.clock.now());
        match wait {
            Some(wait) if wait < TimeDelta::minutes(1) => {
                stage.clock.advance(wait.max(TimeDelta::zero()));
            }
            _ => return,
        }
    }
}

async fn case(stage: &Stage) -> Campaign {
    let rows = stage.app.store.read(stage.app.tenant);
    let page = rows.campaigns(None, &PageRequest::first(9)).await;
    page.expect("read").items.remove(0)
}

async fn pulls(stage: &Stage) -> Vec<Pull> {
    let rows = stage.app.store.read(stage.app.tenant);
    let page = rows.pulls(None, &PageRequest::first(2_000)).await;
    let mut pulls = page.expect("pulls").items;
    // What reporters handed in is held for them, whatever is decided; what its own sender
    // keeps is no copy.
    pulls.retain(|pull| pull.role != PullRole::Reported && pull.observed != Observed::Changed);
    pulls
}

async fn moved(stage: &Stage) -> usize {
    let pulls = pulls(stage).await;
    pulls
        .iter()
        .filter(|pull| pull.observed == Observed::Pulled)
        .count()
}

async fn open_request(stage: &Stage) -> Option<Approval> {
    let rows = stage.app.store.read(stage.app.tenant);
    let page = PageRequest::first(9);
    let mut open = rows
        .approvals(Some(ApprovalState::Open), &page)
        .await
        .expect("read")
        .items;
    assert!(open.len() < 2, "one request a decision: {open:?}");
    open.pop()
}

/// Copies of the campaign that are within reach and not a reporter's.
fn others(sim: &Sim) -> usize {
    let reporters = sim.reporters();
    let truth = sim.truth();
    truth
        .planted
        .iter()
        .filter(|copy| reporters.iter().all(|r| r.address != copy.mailbox))
        .count()
}

async fn both(test: impl AsyncFn(Backend)) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        test(backend).await;
    }
}

#[tokio::test]
async fn ps31_a_huge_fan_out_goes_in_stages() {
    // 1 % of 1,500 mailboxes are 15.
    let sim = tenant(1_500, 40, None);
    let stage = staged(&sim, Backend::Sqlite, |_| {}).await.expect("SQLite");
    stage.report_all(&sim).await;
    work(&stage).await;
    assert_eq!(moved(&stage).await, 10, "the canary");
    assert_eq!(case(&stage).await.verdict, Verdict::Malicious);
    let asked = open_request(&stage).await.expect("38 mailboxes are many");
    approve(&stage, &asked, "key_second").await.expect("taken");
    work(&stage).await;
    assert_eq!(moved(&stage).await, 10, "nobody has had time to object");
    stage.clock.advance(TimeDelta::seconds(PAUSE.into()));
    work(&stage).await;
    assert_eq!(moved(&stage).await, 15, "a hundredth of the organisation");
    stage.clock.advance(TimeDelta::seconds(PAUSE.into()));
    work(&stage).await;
    assert_eq!(moved(&stage).await, others(&sim), "the rest");
    assert!(sim.truth().all_pulled());
}

#[tokio::test]
async fn ps31_an_objection_after_the_canary_stops_it_and_the_way_back_is_open() {
    both(async |backend| {
        let sim = tenant(60, 24, None);
        let Some(stage) = staged(&sim, backend, |_| {}).await else {
            return;
        };
        stage.report_all(&sim).await;
        work(&stage).await;
        assert_eq!(moved(&stage).await, 10);
        let request = open_request(&stage).await.expect("asked for");
        let case = case(&stage).await;
        let out = pulls(&stage).await;
        let one = out.iter().find(|p| p.observed == Observed::Pulled);
        let one = one.expect("one was pulled").id;
        undo::restore_copy(&stage.app, one, "key_one")
            .await
            .expect("asked");
        assert!(open_request(&stage).await.is_none(), "nothing to approve");
        let late = approve(&stage, &request, "key_second").await;
        assert!(matches!(late, Err(ApprovalError::Closed(_))), "{late:?}");
        for _ in 0..4 {
            stage.clock.advance(TimeDelta::hours(1));
            work(&stage).await;
        }
        assert_eq!(moved(&stage).await, 9, "no more, and one is back");
        let rows = stage.app.store.read(stage.app.tenant);
        let held = rows.remediation_of(case.id).await.expect("read");
        let why = held.expect("there").halted.expect("halted");
        assert!(why.starts_with("1 of 10 copies"), "{why}");

        undo::restore_campaign(&stage.app, case.id, "key_one")
            .await
            .expect("asked");
        work(&stage).await;
        assert!(sim.truth().all_in_place(), "all ten are back as they were");
    })
    .await;
}

#[tokio::test]
async fn a_halted_pull_goes_on_as_somebodys_own_decision_and_leaves_what_was_put_back() {
    let sim = tenant(60, 16, None);
    let stage = staged(&sim, Backend::Sqlite, |_| {}).await.expect("SQLite");
    stage.report_all(&sim).await;
    work(&stage).await;
    let case = case(&stage).await;
    let out = pulls(&stage).await;
    let one = out.iter().find(|p| p.observed == Observed::Pulled);
    let one = one.expect("one was pulled").id;
    undo::restore_copy(&stage.app, one, "key_one")
        .await
        .expect("asked");
    work(&stage).await;
    let refused = approve::go_on(&stage.app, case.id, "key_one", "  ").await;
    assert!(matches!(refused, Err(ApprovalError::Reason)), "{refused:?}");
    approve::go_on(&stage.app, case.id, "key_one", "looked at it")
        .await
        .expect("goes on");
    for _ in 0..4 {
        stage.clock.advance(TimeDelta::hours(1));
        stage.drain().await;
    }
    let after = pulls(&stage).await;
    let back: Vec<_> = after
        .iter()
        .filter(|p| p.observed != Observed::Pulled)
        .collect();
    assert_eq!(back.len(), 1, "{back:#?}");
    assert_eq!((back[0].id, back[0].desired), (one, Desired::InPlace));
    let again = approve::go_on(&stage.app, case.id, "key_one", "once more").await;
    assert!(
        matches!(again, Err(ApprovalError::NothingHeld(_))),
        "{again:?}"
    );
}

async fn approve(stage: &Stage, request: &Approval, actor: &str) -> Result<(), ApprovalError> {
    let answer = Answer::Approve {
        mailboxes: request.mailboxes,
    };
    approve::answer(&stage.app, request.id, answer, actor, "agreed").await
}

#[tokio::test]
async fn a_large_pull_takes_a_second_person_who_read_what_stands_there() {
    both(async |backend| {
        let sim = tenant(60, 24, None);
        let Some(stage) = staged(&sim, backend, |pull| pull.analyst_wait_seconds = 0).await else {
            return;
        };
        stage.report_all(&sim).await;
        work(&stage).await;
        let case = case(&stage).await;
        let first = open_request(&stage).await.expect("asked for");
        assert_eq!(first.asked_by, None, "no person decided it");
        overturn::set_verdict(
            &stage.app,
            case.seed,
            Verdict::Malicious,
            "key_one",
            "a phish",
        )
        .await
        .expect("judged");
        work(&stage).await;
        let stale = approve(&stage, &first, "key_second").await;
        assert!(
            matches!(stale, Err(ApprovalError::Closed(ApprovalState::Superseded))),
            "{stale:?}"
        );
        let request = open_request(&stage).await.expect("asked anew");
        assert_eq!(request.asked_by.as_deref(), Some("key_one"));
        let own = approve(&stage, &request, "key_one").await;
        assert!(matches!(own, Err(ApprovalError::SamePerson)), "{own:?}");
        let answer = Answer::Approve {
            mailboxes: request.mailboxes - 1,
        };
        let other = approve::answer(&stage.app, request.id, answer, "key_second", "").await;
        assert!(
            matches!(other, Err(ApprovalError::Changed { .. })),
            "{other:?}"
        );
        work(&stage).await;
        assert_eq!(moved(&stage).await, 10, "no more than the canary");
        approve(&stage, &request, "key_second")
            .await
            .expect("taken");
        work(&stage).await;
        assert!(sim.truth().all_pulled());
    })
    .await;
}

#[tokio::test]
async fn f70_an_approval_that_is_withdrawn_or_over_moves_nothing() {
    for withdrawn in [true, false] {
        let sim = tenant(60, 24, None);
        let stage = staged(&sim, Backend::Sqlite, |pull| pull.approval_hours = 1)
            .await
            .expect("SQLite");
        stage.report_all(&sim).await;
        work(&stage).await;
        let request = open_request(&stage).await.expect("asked for");
        approve(&stage, &request, "key_second")
            .await
            .expect("taken");
        if withdrawn {
            let taken_back = Answer::Withdraw;
            approve::answer(&stage.app, request.id, taken_back, "key_second", "not sure")
                .await
                .expect("taken back");
        }
        stage.clock.advance(TimeDelta::hours(2));
        work(&stage).await;
        assert_eq!(moved(&stage).await, 10, "withdrawn: {withdrawn}");
        // One whose time is over is asked for anew; one that was taken back is not.
        assert_eq!(open_request(&stage).await.is_some(), !withdrawn);
    }
}

#[tokio::test]
async fn ps39_a_day_moves_no_more_than_its_budget_and_all_of_it_comes_back() {
    both(async |backend| {
        let sim = tenant(60, 24, None);
        let Some(stage) = staged(&sim, backend, |pull| {
            pull.daily_budget = 14;
            pull.automatic_wait_seconds = 0;
        })
        .await
        else {
            return;
        };
        // In the middle of a day, so that the test does not run into the next.
        let now = stage.app.clock.now();
        let noon = now
            .date_naive()
            .succ_opt()
            .expect("a day")
            .and_hms_opt(12, 0, 0);
        stage.clock.advance(noon.expect("noon").and_utc() - now);
        stage.report_all(&sim).await;
        stage.drain().await;
        assert_eq!(moved(&stage).await, 14, "the budget of a day");
        stage.clock.advance(TimeDelta::hours(6));
        stage.drain().await;
        assert_eq!(moved(&stage).await, 14, "the same day");
        let case = case(&stage).await;
        // Putting back has no budget.
        undo::restore_campaign(&stage.app, case.id, "key_one")
            .await
            .expect("asked");
        stage.drain().await;
        assert!(sim.truth().all_in_place(), "one call put all of it back");
        overturn::set_verdict(
            &stage.app,
            case.seed,
            Verdict::Malicious,
            "key_one",
            "after all",
        )
        .await
        .expect("judged");
        stage.drain().await;
        assert_eq!(moved(&stage).await, 0, "it was used up");
        stage.clock.advance(TimeDelta::hours(12));
        stage
            .clock
            .advance(TimeDelta::seconds(2 * i64::from(PAUSE)));
        stage.drain_ahead(TimeDelta::minutes(11)).await;
        assert_eq!(moved(&stage).await, 14, "the next day's");
    })
    .await;
}

#[tokio::test]
async fn ps39_pulls_that_are_halted_one_after_the_other_stop_all_automatic_ones() {
    let sim = tenant(60, 20, None);
    let stage = staged(&sim, Backend::Sqlite, |pull| pull.stop_after_halts = 1)
        .await
        .expect("SQLite");
    stage.report_all(&sim).await;
    work(&stage).await;
    let case = case(&stage).await;
    approve::object(&stage.app, case.id, "key_one", "this is our newsletter")
        .await
        .expect("counted");
    let rows = stage.app.store.read(stage.app.tenant);
    let stops = rows.pull_stops().await.expect("read");
    assert_eq!(stops.len(), 1);
    assert_eq!(
        (stops[0].scope, stops[0].by.as_str()),
        (StopScope::Automatic, "unhook")
    );
    // A verdict alone does not let go on what was halted; whoever may, decides it as a
    // person, and that is not automatic.
    overturn::set_verdict(
        &stage.app,
        case.seed,
        Verdict::Malicious,
        "key_two",
        "it is not",
    )
    .await
    .expect("judged");
    stage.clock.advance(TimeDelta::hours(1));
    stage.drain().await;
    assert_eq!(moved(&stage).await, 10, "halted still");
    approve::go_on(&stage.app, case.id, "key_two", "it is not")
        .await
        .expect("goes on");
    stage.clock.advance(TimeDelta::hours(1));
    stage.drain().await;
    stage.clock.advance(TimeDelta::hours(1));
    stage.drain().await;
    assert!(sim.truth().all_pulled());
}

#[tokio::test]
async fn a_pull_that_was_past_its_stages_goes_through_all_of_them_again() {
    // The second stage ends at 15 copies; more are out before the halt.
    let sim = tenant(1_500, 40, None);
    let stage = staged(&sim, Backend::Sqlite, |pull| pull.halt_percent = 10.0)
        .await
        .expect("SQLite");
    stage.report_all(&sim).await;
    work(&stage).await;
    let request = open_request(&stage).await.expect("asked for");
    approve(&stage, &request, "key_second")
        .await
        .expect("taken");
    stage.clock.advance(TimeDelta::seconds(PAUSE.into()));
    work(&stage).await;
    assert_eq!(moved(&stage).await, 15);
    let case = case(&stage).await;
    approve::halt(&stage.app, case.id, "key_one", "one moment")
        .await
        .expect("halted");
    stage.clock.advance(TimeDelta::hours(1));
    work(&stage).await;
    assert_eq!(moved(&stage).await, 15);
    approve::go_on(&stage.app, case.id, "key_one", "it is one")
        .await
        .expect("goes on");
    work(&stage).await;
    assert_eq!(
        moved(&stage).await,
        15,
        "more than one person may decide over"
    );
    let request = open_request(&stage).await.expect("asked anew");
    approve(&stage, &request, "key_second")
        .await
        .expect("taken");
    work(&stage).await;
    assert_eq!(moved(&stage).await, 25, "the canary of this decision");
    for _ in 0..4 {
        stage.clock.advance(TimeDelta::seconds(PAUSE.into()));
        work(&stage).await;
    }
    assert!(sim.truth().all_pulled(), "no stage is its last by mistake");
}

#[tokio::test]
async fn copies_that_failed_begin_with_the_canary_when_they_are_wanted_again() {
    let sim = tenant(60, 24, None);
    let stage = staged(&sim, Backend::Sqlite, |pull| {
        pull.automatic_wait_seconds = 0;
        pull.analyst_wait_seconds = 0;
    })
    .await
    .expect("SQLite");
    let denied = Fault::always(
        Matcher {
            operation: Some(Operation::GmailGet),
            ..Matcher::default()
        },
        Action::Answer {
            status: 403,
            headers: Default::default(),
            body: serde_json::json!({ "error": { "code": 403, "errors": [
                { "reason": "forbidden" }
            ] } }),
        },
    );
    let outlook = sim
        .reporters()
        .into_iter()
        .find(|r| r.provider == Provider::Graph)
        .expect("one");
    sim.add_fault(denied);
    let click = crate::support::stage::click(&outlook, sim.tenant_id());
    stage.desk.accept(click).await.expect("accepted");
    stage.drain().await;
    let failed = |pulls: &[Pull]| {
        pulls
            .iter()
            .filter(|p| p.observed == Observed::Failed)
            .count()
    };
    let before = pulls(&stage).await;
    let out = moved(&stage).await;
    assert!(failed(&before) > 5, "{}", failed(&before));
    sim.clear_faults();
    let case = case(&stage).await;
    overturn::set_verdict(
        &stage.app,
        case.seed,
        Verdict::Malicious,
        "key_one",
        "reach was mended",
    )
    .await
    .expect("judged");
    work(&stage).await;
    let more = moved(&stage).await - out;
    assert!(more <= 10, "nobody approved more than the canary: {more}");
    stage.drain().await;
    assert_eq!(failed(&pulls(&stage).await), 0);
    assert!(sim.truth().all_pulled(), "once a second person approved");
}

#[tokio::test]
async fn f66_three_automatic_pulls_that_are_taken_back_stop_all_others() {
    let sim = tenant(40, 8, None);
    let stage = staged(&sim, Backend::Sqlite, |pull| pull.stop_after_halts = 1)
        .await
        .expect("SQLite");
    stage.report_all(&sim).await;
    work(&stage).await;
    let case = case(&stage).await;
    overturn::set_verdict(
        &stage.app,
        case.seed,
        Verdict::Benign,
        "key_one",
        "our newsletter",
    )
    .await
    .expect("judged");
    work(&stage).await;
    assert!(sim.truth().all_in_place());
    let rows = stage.app.store.read(stage.app.tenant);
    let stops = rows.pull_stops().await.expect("read");
    assert_eq!(stops.len(), 1);
    assert_eq!(stops[0].scope, StopScope::Automatic);
}

#[tokio::test]
async fn f71_the_kill_switch_stops_a_pull_under_way_before_its_next_handful() {
    let sim = tenant(1_000, 220, None);
    let stage = staged(&sim, Backend::Sqlite, |pull| {
        pull.automatic_wait_seconds = 0;
        pull.second_person_mailboxes = 1_000;
        pull.second_person_percent = 25.0;
    })
    .await
    .expect("SQLite");
    stage.report_all(&sim).await;
    // Approvals are not what is tested: one person may decide over 250 mailboxes.
    let app = stage.app.clone();
    let stopper = tokio::spawn(async move {
        let rows = app.store.read(app.tenant);
        loop {
            let page = rows.pulls(None, &PageRequest::first(2_000)).await;
            let out = page
                .expect("pulls")
                .items
                .iter()
                .filter(|p| p.role != PullRole::Reported && p.observed == Observed::Pulled)
                .count();
            if out >= 10 {
                break;
            }
            tokio::task::yield_now().await;
        }
        brake::stop(&app, StopScope::All, "key_one", "wrong")
            .await
            .expect("stopped");
        app.clock.now()
    });
    let (_, stopped_at) = tokio::join!(stage.workers.drain(), stopper);
    let stopped_at = stopped_at.expect("joined");
    let out = pulls(&stage).await;
    let late: Vec<_> = out
        .iter()
        .filter_map(|pull| pull.settled_at)
        .filter(|at| *at > stopped_at + TimeDelta::seconds(5))
        .collect();
    assert!(late.is_empty(), "moved long after the stop: {late:?}");
    let moved = out
        .iter()
        .filter(|p| p.observed == Observed::Pulled)
        .count();
    assert!(moved < others(&sim), "the remainder stayed: {moved}");
}

#[tokio::test]
async fn f71_the_kill_switch_holds_every_pull_and_no_restore() {
    both(async |backend| {
        let sim = tenant(40, 10, None);
        let Some(stage) = staged(&sim, backend, |pull| pull.automatic_wait_seconds = 0).await
        else {
            return;
        };
        let app = &stage.app;
        assert!(
            brake::stop(app, StopScope::All, "key_one", "looks wrong")
                .await
                .expect("stopped")
        );
        stage.report_all(&sim).await;
        for _ in 0..10 {
            stage.clock.advance(TimeDelta::minutes(3));
            work(&stage).await;
        }
        let rows = app.store.read(app.tenant);
        let all = rows.pulls(None, &PageRequest::first(200)).await;
        let all = all.expect("pulls").items;
        assert!(
            all.iter().all(|pull| pull.intent_at.is_none()),
            "not even a reporter's own copy: {all:#?}"
        );
        let left = rows.waiting_by_campaign(10).await.expect("read");
        assert_eq!(left.len(), 1, "the remainder is listed");
        assert_eq!(left[0].1 as usize, others(&sim));
        brake::release(app, StopScope::All, "key_two", "was right")
            .await
            .expect("released");
        stage.clock.advance(TimeDelta::minutes(3));
        stage.drain().await;
        assert!(sim.truth().all_pulled());

        brake::stop(app, StopScope::All, "key_one", "again")
            .await
            .expect("stopped");
        let case = case(&stage).await;
        undo::restore_campaign(app, case.id, "key_one")
            .await
            .expect("asked");
        stage.drain().await;
        assert!(sim.truth().all_in_place(), "the way back is never stopped");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_pulled_out_of_a_protected_mailbox_without_a_person() {
    let sim = tenant(40, 10, None);
    let reporters = sim.reporters();
    let truth = sim.truth();
    let legal = truth
        .planted
        .iter()
        .map(|copy| copy.mailbox.clone())
        .find(|mailbox| reporters.iter().all(|r| r.address != *mailbox))
        .expect("somebody else");
    let stage = staged(&sim, Backend::Sqlite, |pull| {
        pull.automatic_wait_seconds = 0;
        pull.protected = vec![legal.to_uppercase()];
    })
    .await
    .expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let left = |sim: &Sim| -> Vec<String> {
        let truth = sim.truth();
        let left = truth.planted.iter().filter(|copy| copy.reachable);
        left.map(|copy| copy.mailbox.clone()).collect()
    };
    assert_eq!(left(&sim), [legal]);
    let kept = pulls(&stage).await;
    let kept = kept.iter().find(|p| p.observed == Observed::Found);
    let why = &kept.expect("listed").matched_by;
    assert!(why.starts_with("in a protected mailbox"), "{why}");
    let case = case(&stage).await;
    overturn::set_verdict(&stage.app, case.seed, Verdict::Malicious, "key_one", "sure")
        .await
        .expect("judged");
    stage.clock.advance(TimeDelta::hours(1));
    stage.drain().await;
    assert_eq!(left(&sim), Vec::<String>::new(), "an analyst decided");
}

//! A mail platform that is down for more than an hour.

use std::net::SocketAddr;

use chrono::TimeDelta;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use unhook::{
    domain::{EvidenceState, Observed, Provider, ReportStatus, Verdict},
    jobs,
    sim::{Action, Fault, Matcher, Operation, Slot},
    store::{PageRequest, report::Report},
};

use super::{House, JSON};

fn on(operation: Operation) -> Matcher {
    Matcher {
        operation: Some(operation),
        ..Matcher::default()
    }
}

/// An error as any of the services' proxies or token endpoints would say it.
fn says(status: u16, error: &str) -> Action {
    Action::Answer {
        status,
        headers: Default::default(),
        body: json!({ "error": error }),
    }
}

pub async fn click_of(house: &House, provider: Provider) -> Report {
    let client = match provider {
        Provider::Graph => "outlook",
        Provider::Gmail => "gmail",
    };
    let (reporter, token) = house.reporter(provider);
    let body = json!({
        "client": client,
        "item_id": reporter.item_id,
        "internet_message_id": reporter.internet_message_id,
    });
    let answer = house.post(JSON, body.to_string(), &token, client).await;
    house.stored(&answer, client).await
}

pub async fn both_click(house: &House) -> Vec<Report> {
    vec![
        click_of(house, Provider::Graph).await,
        click_of(house, Provider::Gmail).await,
    ]
}

pub async fn all_is_well(house: &House, reports: &[Report]) {
    assert_eq!(house.parked().await, Vec::<String>::new());
    let truth = house.sim.truth();
    assert!(truth.all_pulled(), "{truth:#?}");
    let rows = house.app.store.read(house.app.tenant);
    for report in reports {
        let row = rows.report(report.id).await.expect("read").expect("row");
        assert_eq!(
            (row.status, row.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
    }
    for reporter in house.sim.reporters() {
        let letters = house.sim.letters_of(&reporter.address).len();
        assert_eq!(letters, 1, "letters to {}", reporter.address);
    }
    let campaigns = rows.campaigns(None, &PageRequest::first(9)).await;
    let campaign = campaigns.expect("read").items.remove(0);
    let searched = rows.searched(campaign.id).await.expect("read");
    let searched = searched.expect("there").counts;
    assert_eq!((searched.unreachable, searched.retrying), (0, 0));
    assert_eq!(searched.searched, 16, "every mailbox was searched");
    let counts = rows.count_pulls(campaign.id).await.expect("counts");
    assert_eq!((counts.failed, counts.pending), (0, 0), "{counts:?}");
}

/// Some calls get no answer for 70 minutes; afterwards all comes to its end.
async fn down(operations: &[Operation], executed: bool) {
    fails(operations, &Action::LoseReply { executed }).await;
}

/// The same, with another answer than the one asked for.
async fn fails(operations: &[Operation], action: &Action) {
    let house = House::new().await;
    for operation in operations {
        house
            .sim
            .add_fault(Fault::always(on(*operation), action.clone()));
    }
    let reports = both_click(&house).await;
    house.drain(TimeDelta::minutes(70)).await;
    assert_eq!(
        house.parked().await,
        Vec::<String>::new(),
        "parked too early"
    );
    let rows = house.app.store.read(house.app.tenant);
    let mut open = 0;
    for report in &reports {
        let row = rows.report(report.id).await.expect("read").expect("row");
        let address = row.reporter_address.map(|a| a.to_string());
        let told = address.is_some_and(|a| !house.sim.letters_of(&a).is_empty());
        open += usize::from(row.status != ReportStatus::Closed || !told);
    }
    assert!(open > 0, "the outage was none");
    // back off: 70 minutes at five minutes a try, not a try a second
    let calls = house.sim.counters().requests;
    assert!(calls < 3_000, "{calls} requests");
    house.sim.clear_faults();
    house.drain(TimeDelta::minutes(50)).await;
    all_is_well(&house, &reports).await;
}

#[actix_web::test]
async fn everything_is_down() {
    let house = House::new().await;
    // so that the issuers' keys are known
    let (_, token) = house.reporter(Provider::Graph);
    house.get("/api/v1/reports", &token).await;
    let (_, token) = house.reporter(Provider::Gmail);
    house.get("/api/v1/reports", &token).await;
    house.sim.add_fault(Fault {
        when: Matcher::default(),
        action: Action::LoseReply { executed: false },
        times: 0,
    });
    let reports = both_click(&house).await;
    house.drain(TimeDelta::minutes(70)).await;
    assert_eq!(
        house.parked().await,
        Vec::<String>::new(),
        "parked too early"
    );
    house.sim.clear_faults();
    house.drain(TimeDelta::minutes(50)).await;
    all_is_well(&house, &reports).await;
}

#[actix_web::test]
async fn an_outage_does_not_use_up_the_looks_for_a_message_that_is_late() {
    let house = House::new().await;
    house.drain(TimeDelta::seconds(30)).await;
    let (reporter, token) = house.reporter(Provider::Graph);
    house.sim.add_fault(Fault::always(
        Matcher {
            operation: Some(Operation::MessageSearch),
            ..Matcher::default()
        },
        Action::LoseReply { executed: false },
    ));
    let body = json!({"client": "outlook", "internet_message_id": "<late@x.example>"});
    let answer = house.post(JSON, body.to_string(), &token, "late").await;
    let report = house.stored(&answer, "late").await;
    house.drain(TimeDelta::minutes(20)).await;
    house.sim.clear_faults();
    // the first look that is answered: the message is not there yet
    let due = house.app.store.next_job_due().await.expect("due");
    let wait = due.expect("the report") - house.app.clock.now();
    house.clock.advance(wait.max(TimeDelta::zero()));
    house.workers.drain().await;
    let raw = "From: a@x.example\r\nSubject: late\r\nMessage-ID: <late@x.example>\r\n\r\nhi";
    house
        .sim
        .deliver(&reporter.address, raw.as_bytes(), Slot::Inbox, false)
        .expect("delivered");
    house.drain(TimeDelta::minutes(10)).await;
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.submission(report.submission).await.expect("read");
    assert_eq!(row.expect("row").evidence, EvidenceState::Fetched);
    assert_eq!(house.parked().await, Vec::<String>::new());
}

#[actix_web::test]
async fn the_message_cannot_be_read() {
    use Operation::{GmailGet, MessageGet, MessageValue};
    down(&[MessageGet, MessageValue, GmailGet], false).await;
}

#[actix_web::test]
async fn nothing_can_be_searched() {
    down(&[Operation::MessageSearch, Operation::GmailList], false).await;
}

#[actix_web::test]
async fn nothing_can_be_moved() {
    use Operation::{GmailBatchModify, GmailModify, MessageMove};
    down(&[MessageMove, GmailModify, GmailBatchModify], false).await;
}

#[actix_web::test]
async fn batches_get_no_answer() {
    down(&[Operation::Batch, Operation::GmailModify], false).await;
}

#[actix_web::test]
async fn letters_cannot_be_put_into_mailboxes() {
    down(&[Operation::GmailInsert], false).await;
}

#[actix_web::test]
async fn f37_no_token_is_to_be_had() {
    down(&[Operation::EntraToken, Operation::GoogleToken], false).await;
}

#[actix_web::test]
async fn f31_a_storm_of_server_errors_is_sat_out() {
    use Operation::{
        GmailBatchModify, GmailGet, GmailInsert, GmailList, GmailModify, MessageGet, MessageMove,
        MessageSearch, MessageValue,
    };
    let all = [
        MessageSearch,
        MessageGet,
        MessageValue,
        MessageMove,
        GmailList,
        GmailGet,
        GmailModify,
        GmailBatchModify,
        GmailInsert,
    ];
    for status in [500, 503, 504] {
        fails(&all, &says(status, "busy")).await;
    }
}

/// The application's consent is withdrawn for two hours, before the reporter's own copy
/// is held (first move) or in the middle of the pull (second move).
#[actix_web::test]
async fn f37_a_withdrawn_consent_pauses_the_work_until_an_administrator_has_acted() {
    for before in [1, 2] {
        let house = House::new().await;
        house.sim.add_fault(Fault::once(
            Matcher {
                nth: Some(before),
                ..on(Operation::MessageMove)
            },
            Action::ExpireTokens,
        ));
        // from the second one on: the first was given while all was well
        house.sim.add_fault(Fault::always(
            Matcher {
                nth: Some(2),
                ..on(Operation::EntraToken)
            },
            says(401, "unauthorized_client"),
        ));
        let mut reports = vec![click_of(&house, Provider::Graph).await];
        house.drain(TimeDelta::minutes(120)).await;
        assert_eq!(house.parked().await, Vec::<String>::new());
        let rows = house.app.store.read(house.app.tenant);
        let (reporter, _) = house.reporter(Provider::Graph);
        assert_eq!(house.sim.letters_of(&reporter.address).len(), 0, "{before}");
        let row = rows.report(reports[0].id).await.expect("read");
        let row = row.expect("row");
        assert_ne!(row.status, ReportStatus::Closed, "nothing is marked done");
        if before == 1 {
            let about = row.submission.to_string();
            let job = rows.job_about(jobs::TRIAGE, &about).await;
            let job = job.expect("read").expect("it waits");
            let why = job.last_error.expect("said");
            assert!(why.contains("an administrator must act"), "{why}");
        } else {
            let pulls = rows.pulls(None, &PageRequest::first(200)).await;
            let held_up = pulls.expect("read").items.into_iter().filter(|pull| {
                pull.locator.mailbox.provider == Provider::Graph
                    && pull.observed != Observed::Pulled
            });
            let why: Vec<_> = held_up.filter_map(|pull| pull.last_error).collect();
            assert!(!why.is_empty());
            let refused = |why: &String| why.contains("refused the credential");
            assert!(why.iter().all(refused), "{why:?}");
        }
        // asked again every few minutes, and not more often
        let asked = house.sim.counters().of(Operation::EntraToken);
        assert!((3..400).contains(&asked), "asked {asked} times");
        house.sim.clear_faults();
        reports.push(click_of(&house, Provider::Gmail).await);
        house.drain(TimeDelta::minutes(50)).await;
        all_is_well(&house, &reports).await;
    }
}

pub async fn relay(from: SocketAddr, to: SocketAddr) {
    let listener = TcpListener::bind(from)
        .await
        .expect("the port is still free");
    while let Ok((mut inside, _)) = listener.accept().await {
        actix_web::rt::spawn(async move {
            let mut outside = TcpStream::connect(to).await.expect("the sink");
            // either side may hang up first
            let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
        });
    }
}

#[actix_web::test]
async fn the_mail_server_is_down() {
    let (house, closed, sink) = House::without_mail_server().await;
    let reports = both_click(&house).await;
    house.drain(TimeDelta::minutes(70)).await;
    assert_eq!(
        house.parked().await,
        Vec::<String>::new(),
        "parked too early"
    );
    let (graph, _) = house.reporter(Provider::Graph);
    assert_eq!(house.sim.letters_of(&graph.address).len(), 0);
    let relay = actix_web::rt::spawn(relay(closed, sink));
    house.drain(TimeDelta::minutes(50)).await;
    all_is_well(&house, &reports).await;
    relay.abort();
}

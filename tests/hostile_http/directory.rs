//! A directory that is empty, endless, refused or away.

use chrono::TimeDelta;
use serde_json::json;
use unhook::{
    domain::{Provider, ReportStatus, Verdict},
    sim::{Action, Fault, Matcher, Operation},
    store::PageRequest,
};

use super::{House, outage::click_of};

const LISTS: [Operation; 2] = [Operation::UsersList, Operation::DirectoryUsers];

fn on(operation: Operation) -> Matcher {
    Matcher {
        operation: Some(operation),
        ..Matcher::default()
    }
}

fn says(status: u16, body: serde_json::Value) -> Action {
    Action::Answer {
        status,
        headers: Default::default(),
        body,
    }
}

async fn mailboxes(house: &House) -> u64 {
    let rows = house.app.store.read(house.app.tenant);
    rows.count_mailboxes().await.expect("count")
}

#[actix_web::test]
async fn f79_a_directory_that_is_suddenly_empty_hides_no_mailbox() {
    for operation in LISTS {
        let house = House::new().await;
        house.drain(TimeDelta::minutes(1)).await;
        assert_eq!(mailboxes(&house).await, 16);
        house.sim.add_fault(Fault::always(
            on(operation),
            says(200, json!({"value": [], "users": []})),
        ));
        house.drain(TimeDelta::minutes(130)).await;
        assert!(house.sim.counters().of(operation) >= 3, "read every hour");
        assert_eq!(mailboxes(&house).await, 16, "{operation:?}");
        // and should it stay so, it is still no news that all have left
        house.drain(TimeDelta::days(8)).await;
        assert_eq!(mailboxes(&house).await, 16, "{operation:?}");
    }
}

#[actix_web::test]
async fn f79_a_directory_that_gives_a_few_of_its_people_hides_no_mailbox() {
    let house = House::new().await;
    house.drain(TimeDelta::minutes(1)).await;
    let users = house.sim.organisation().users.iter();
    let people: Vec<_> = users
        .filter(|user| user.provider == Provider::Graph)
        .map(|user| json!({"id": user.id, "mail": user.address}))
        .collect();
    // more than leave a small organisation within an hour
    assert!(people.len() >= 8, "{}", people.len());
    let few = &people[..2];
    house.sim.add_fault(Fault::always(
        on(Operation::UsersList),
        says(200, json!({ "value": few })),
    ));
    house.drain(TimeDelta::minutes(130)).await;
    assert_eq!(mailboxes(&house).await, 16);
    let report = click_of(&house, Provider::Graph).await;
    house.drain(TimeDelta::minutes(10)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.report(report.id).await.expect("read").expect("row");
    assert_eq!(row.outcome, Some(Verdict::Malicious));
}

#[actix_web::test]
async fn f42_a_directory_that_goes_round_in_circles_is_an_error_and_no_short_list() {
    let house = House::new().await;
    house.drain(TimeDelta::minutes(1)).await;
    let link = |token: &str| format!("{}/v1.0/users?$skiptoken={token}", house.sim.base_url());
    let page = |next: &str| says(200, json!({"value": [], "@odata.nextLink": link(next)}));
    let at = |token: &str| Matcher {
        path_contains: Some(format!("skiptoken={token}")),
        ..on(Operation::UsersList)
    };
    house
        .sim
        .add_fault(Fault::once(on(Operation::UsersList), page("aa")));
    house.sim.add_fault(Fault::always(at("aa"), page("bb")));
    house.sim.add_fault(Fault::always(at("bb"), page("aa")));
    let before = house.sim.counters().of(Operation::UsersList);
    house.drain(TimeDelta::minutes(61)).await;
    let calls = house.sim.counters().of(Operation::UsersList) - before;
    assert!((3..100).contains(&calls), "{calls} pages of a circle");
    assert_eq!(mailboxes(&house).await, 16);
    assert_eq!(house.parked().await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_refused_directory_is_asked_again_every_five_minutes() {
    let house = House::new().await;
    house.sim.add_fault(Fault::always(
        on(Operation::UsersList),
        says(
            403,
            json!({"error": {"code": "Authorization_RequestDenied", "message": "no"}}),
        ),
    ));
    house.drain(TimeDelta::minutes(31)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let counters = house.sim.counters();
    let asked = counters.of(Operation::UsersList);
    assert!(
        (5..12).contains(&asked),
        "asked {asked} times in half an hour"
    );
    assert_eq!(
        counters.of(Operation::DirectoryUsers),
        1,
        "the other platform's list is good for an hour"
    );
    house.sim.clear_faults();
    house.drain(TimeDelta::minutes(6)).await;
    assert_eq!(mailboxes(&house).await, 16);
}

#[actix_web::test]
async fn a_platform_that_is_away_at_the_first_start_holds_up_no_other() {
    for (away, there) in [
        (Operation::UsersList, Provider::Gmail),
        (Operation::DirectoryUsers, Provider::Graph),
    ] {
        let house = House::new().await;
        house.sim.add_fault(Fault::always(
            on(away),
            Action::LoseReply { executed: false },
        ));
        let report = click_of(&house, there).await;
        house.drain(TimeDelta::minutes(10)).await;
        let rows = house.app.store.read(house.app.tenant);
        let row = rows.submission(report.submission).await.expect("read");
        assert!(row.expect("row").verdict.is_some(), "{there} waits");
        assert!(!house.sim.truth().all_pulled(), "half of it is not known");
        // what was searched without the others is searched again with them
        house.sim.clear_faults();
        house.drain(TimeDelta::minutes(50)).await;
        assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
        let campaigns = rows.campaigns(None, &PageRequest::first(9)).await;
        let campaign = campaigns.expect("read").items.remove(0);
        let searched = rows.searched(campaign.id).await.expect("read");
        assert_eq!(searched.expect("there").counts.searched, 16);
        let row = rows.report(report.id).await.expect("read").expect("row");
        assert_eq!(
            (row.status, row.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
        let (reporter, _) = house.reporter(there);
        assert_eq!(house.sim.letters_of(&reporter.address).len(), 1);
        assert_eq!(house.parked().await, Vec::<String>::new());
    }
}

#[actix_web::test]
async fn a_platform_that_comes_late_brings_back_no_pull_that_was_taken_back() {
    let house = House::new().await;
    house.sim.add_fault(Fault::always(
        on(Operation::DirectoryUsers),
        Action::LoseReply { executed: false },
    ));
    let report = click_of(&house, Provider::Graph).await;
    house.drain(TimeDelta::minutes(10)).await;
    unhook::triage::overturn::set_verdict(
        &house.app,
        report.submission,
        Verdict::Benign,
        "key_test",
        "a mistake",
    )
    .await
    .expect("decided");
    house.drain(TimeDelta::minutes(10)).await;
    assert!(house.sim.truth().all_in_place());
    house.sim.clear_faults();
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(
        mailboxes(&house).await,
        16,
        "the other platform is known now"
    );
    assert!(house.sim.truth().all_in_place(), "{:#?}", house.sim.truth());
}

//! A clock that is wrong for a while.

use chrono::TimeDelta;
use unhook::{
    domain::Provider,
    sim::{Action, Fault, Matcher, Operation, RetryAfter},
};

use super::{
    House, REPORTS,
    outage::{all_is_well, both_click},
};

/// Both click, and half of the work is left waiting for ten minutes; the clock jumps,
/// the work goes on for half an hour, and the clock is put right. Gives the moves made.
async fn through(jump: TimeDelta) -> (u64, u64) {
    let house = House::new().await;
    for operation in [Operation::MessageMove, Operation::GmailModify] {
        house.sim.add_fault(Fault::once(
            Matcher {
                operation: Some(operation),
                nth: Some(2),
                ..Matcher::default()
            },
            Action::Throttle {
                retry_after: RetryAfter::Value("600".to_owned()),
            },
        ));
    }
    let (_, token) = house.reporter(Provider::Graph);
    let reports = both_click(&house).await;
    house.workers.drain().await;
    assert!(!house.sim.truth().all_pulled(), "nothing is left to do");

    house.clock.advance(jump);
    if jump > TimeDelta::days(1) {
        let refused = house.get(REPORTS, &token).await;
        assert_eq!(refused.status, 401, "the token ended long ago");
    }
    house.drain(TimeDelta::minutes(30)).await;
    house.clock.advance(-jump);
    house.drain(TimeDelta::minutes(130)).await;
    if jump > TimeDelta::days(30) {
        // By that clock the mail was too old to be pulled without a person: what had not
        // been decided before may wait for one.
        assert_eq!(house.parked().await, Vec::<String>::new());
    } else {
        all_is_well(&house, &reports).await;
    }
    let calls = house.sim.counters();
    (
        calls.of(Operation::MessageMove),
        calls.of(Operation::GmailModify),
    )
}

#[actix_web::test]
async fn f26_a_clock_that_jumps_doubles_nothing_and_lets_no_old_token_in() {
    let straight = through(TimeDelta::zero()).await;
    for hours in [1, -1, 10 * 24] {
        let jump = TimeDelta::hours(hours);
        assert_eq!(through(jump).await, straight, "{hours} hours");
    }
    let far = through(TimeDelta::days(3_650)).await;
    assert!(far.0 <= straight.0 && far.1 <= straight.1, "{far:?}");
}

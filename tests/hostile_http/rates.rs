//! Too many requests, and too long ones.

use chrono::TimeDelta;
use unhook::domain::Provider;

use super::{House, MESSAGE};

fn message(i: usize) -> String {
    format!("Subject: {i}\r\nMessage-ID: <rate-{i}@x.example>\r\n\r\nbody {i}")
}

#[actix_web::test]
async fn one_person_who_sends_too_much_is_asked_to_wait_and_no_other() {
    let house = House::with(|config, _| {
        config.server.reports_per_minute = 6;
        config.server.reports_burst = 3;
    })
    .await;
    let (_, token) = house.reporter(Provider::Graph);
    for i in 0..3 {
        let answer = house.post(MESSAGE, message(i), &token, "burst").await;
        house.stored(&answer, "burst").await;
    }
    let refused = house.post(MESSAGE, message(3), &token, "too many").await;
    assert_eq!(
        (refused.status, refused.problem("too many").as_str()),
        (429, "too_many_requests")
    );
    assert_eq!(refused.header("retry-after"), "10");
    assert_eq!(house.reports().await, 3, "a refused one leaves no row");
    let (_, other) = house.reporter(Provider::Gmail);
    let answer = house.post(MESSAGE, message(4), &other, "another").await;
    house.stored(&answer, "another").await;
    house.clock.advance(TimeDelta::seconds(10));
    let answer = house.post(MESSAGE, message(3), &token, "later").await;
    house.stored(&answer, "later").await;
}

#[actix_web::test]
async fn a_flood_without_tokens_is_held_back_and_locks_out_nobody() {
    let house = House::with(|config, _| {
        config.server.refused_per_minute = 60;
        config.server.refused_burst = 2;
    })
    .await;
    for _ in 0..2 {
        let answer = house.post(MESSAGE, message(0), "x.y.z", "forged").await;
        assert_eq!(answer.status, 401);
    }
    let held = house.post(MESSAGE, message(0), "x.y.z", "flood").await;
    assert_eq!(
        (held.status, held.problem("flood").as_str()),
        (429, "too_many_requests")
    );
    assert_eq!(held.header("retry-after"), "1");
    let (_, token) = house.reporter(Provider::Graph);
    let answer = house.post(MESSAGE, message(1), &token, "valid").await;
    house.stored(&answer, "valid").await;
}

#[actix_web::test]
async fn over_long_headers_are_answered_with_a_document() {
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    let send = |octets: usize| {
        let request = house.request(MESSAGE, message(0)).bearer_auth(&token);
        request.header("x-padding", "p".repeat(octets))
    };
    let answer = house.send(send(80 * 1024), "80 KiB").await;
    assert_eq!(
        (answer.status, answer.problem("80 KiB").as_str()),
        (431, "headers_too_large")
    );
    assert!(!answer.header("x-request-id").is_empty());
    let answer = house.send(send(8 * 1024), "8 KiB").await;
    house.stored(&answer, "8 KiB").await;
}

#[actix_web::test]
async fn f26_a_clock_set_back_locks_nobody_out() {
    let house = House::with(|config, _| {
        config.server.reports_per_minute = 6;
        config.server.reports_burst = 1;
    })
    .await;
    house.clock.advance(TimeDelta::hours(10));
    // a token of then
    let (_, token) = house.reporter(Provider::Graph);
    let answer = house.post(MESSAGE, message(0), &token, "before").await;
    house.stored(&answer, "before").await;
    house.clock.advance(TimeDelta::minutes(-2));
    let (_, token) = house.reporter(Provider::Graph);
    let refused = house.post(MESSAGE, message(1), &token, "at once").await;
    assert_eq!(refused.status, 429);
    house.clock.advance(TimeDelta::seconds(10));
    let answer = house
        .post(MESSAGE, message(1), &token, "ten seconds on")
        .await;
    house.stored(&answer, "ten seconds on").await;
}

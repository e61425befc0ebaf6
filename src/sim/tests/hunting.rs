//! Advanced hunting.

use super::*;

const HUNT: &str = "/v1.0/security/runHuntingQuery";

fn hunt(sim: &Sim, token: &str, query: &str) -> Answer {
    let body = json!({"Query": query, "Timespan": "P7D"});
    send(sim, token, "POST", HUNT, &body)
}

fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    answer.json()["results"].as_array().cloned().expect("rows")
}

#[test]
fn hunting_answers_the_licensed_with_rows() {
    let sim = sim(20);
    let token = graph_token(&sim);
    let query = "EmailEvents | where InternetMessageId == '<h@evil.example>'";
    assert_eq!(code(&hunt(&sim, &token, query)), (403, "Forbidden".into()));
    sim.configure(|platform| platform.hunting = true);
    let raw = letter("m@evil.example", "due", "<h@evil.example>", "pay");
    let other = letter("n@evil.example", "due", "<h2@evil.example>", "pay");
    for (at, raw) in [(0, &raw), (1, &raw), (2, &other)] {
        let to = sim.organisation().users[at].address.clone();
        sim.deliver(&to, raw, Slot::Inbox, true);
    }
    let found = results(&hunt(&sim, &token, query));
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0]["RecipientEmailAddress"],
        json!(sim.organisation().users[0].address)
    );
    assert_eq!(found[0]["DeliveryLocation"], "Inbox/folder");
    let narrow = "EmailEvents | project InternetMessageId, Timestamp, RecipientEmailAddress\n| where InternetMessageId in ('<h@evil.example>', '<h2@evil.example>') | where Timestamp > datetime(2026-01-01)";
    let answer = hunt(&sim, &token, narrow);
    assert_eq!(results(&answer).len(), 3);
    assert_eq!(answer.json()["schema"][1]["type"], "DateTime");
    assert!(results(&answer)[0].get("Subject").is_none());
    sim.configure(|platform| platform.hunting_rows = 2);
    assert_eq!(results(&hunt(&sim, &token, narrow)).len(), 2);
    for bad in ["EmailEvents | where InternetMessageId == 'a'b'", "Nothing"] {
        assert_eq!(hunt(&sim, &token, bad).status, 400, "{bad}");
    }
    sim.configure(|platform| platform.hunting_stalls = true);
    assert_eq!(hunt(&sim, &token, query).status, 504);
}

#[test]
fn a_forty_sixth_query_in_a_minute_is_too_many() {
    let sim = sim(4);
    let token = graph_token(&sim);
    sim.configure(|platform| platform.hunting = true);
    for _ in 0..45 {
        assert_eq!(hunt(&sim, &token, "UrlClickEvents").status, 200);
    }
    assert_eq!(hunt(&sim, &token, "UrlClickEvents").status, 429);
    sim.advance(TimeDelta::minutes(1));
    assert_eq!(hunt(&sim, &token, "UrlClickEvents").status, 200);
}

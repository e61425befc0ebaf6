//! What reporters see of their own record, and what managers see of groups.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use unhook::{
    domain::{Provider, Verdict, reputation::Vote},
    store::vote::NewVote,
};

use super::Api;

/// Both people report the planted attack, and everything comes to rest.
async fn both_report(api: &Api) -> Vec<String> {
    let mut tokens = Vec::new();
    for provider in [Provider::Graph, Provider::Gmail] {
        tokens.push(api.report(provider).await);
    }
    api.drain().await;
    tokens
}

async fn own(api: &Api, token: &str) -> Value {
    let answer = api.get("/api/v1/reporters/me", token).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

#[actix_web::test]
async fn a_reporter_sees_how_right_they_were_and_a_flip_counts_at_once() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    let new = own(&api, &token).await;
    assert_eq!(
        (&new["settled"], &new["accuracy"]),
        (&json!(0), &json!(0.5))
    );

    let tokens = both_report(&api).await;
    let right = own(&api, &tokens[0]).await;
    assert_eq!(right["settled"], 1);
    assert_eq!(right["outcomes"], json!({ "malicious": 1 }));
    let accuracy = right["accuracy"].as_f64().expect("a share");
    assert!(accuracy > 0.5, "{right:#}");

    let (_, key) = api.key("admin", 1).await;
    let list = api.get("/api/v1/submissions", &key).await.json();
    let id = list["items"][0]["id"].as_str().expect("id");
    let set = format!("/api/v1/submissions/{id}/verdict");
    let body = json!({ "verdict": "benign", "reason": "our own supplier" });
    assert_eq!(
        api.post(&set, &key, &body).await.status,
        StatusCode::ACCEPTED
    );
    let wrong = own(&api, &tokens[0]).await;
    assert_eq!(wrong["settled"], 1, "still one vote a case");
    assert_eq!(wrong["outcomes"], json!({ "benign": 1 }));
    assert!(wrong["accuracy"].as_f64().expect("a share") < 0.5);

    let body = json!({ "verdict": "suspicious", "reason": "not sure after all" });
    assert_eq!(
        api.post(&set, &key, &body).await.status,
        StatusCode::ACCEPTED
    );
    let open = own(&api, &tokens[0]).await;
    assert_eq!(open["settled"], 0, "an open case is no vote");
}

#[actix_web::test]
async fn statistics_show_groups_and_never_people() {
    let api = Api::new().await;
    both_report(&api).await;
    let (_, key) = api.key("statistics:read", 1).await;
    let path = "/api/v1/reporters/statistics";
    let few = api.get(path, &key).await;
    assert_eq!(few.status, StatusCode::OK, "{few:?}");
    let few = few.json();
    assert_eq!(few["all"], Value::Null, "two people are too few: {few:#}");
    assert_eq!(few["groups"], json!([]));
    let text = few.to_string();
    for provider in [Provider::Graph, Provider::Gmail] {
        let (reporter, _) = api.reporter(provider);
        assert!(!text.contains(&reporter.address), "{text}");
    }
    // two answers that differ by a day would differ by a person
    let now = unhook::clock::Clock::now(&*api.app.clock);
    let this = format!("{path}?month={}", now.format("%Y-%m"));
    assert_eq!(api.get(&this, &key).await.problem(), "invalid_parameter");
    let bad = api.get(&format!("{path}?days=30"), &key).await;
    assert_eq!(bad.problem(), "invalid_parameter");
}

#[actix_web::test]
async fn a_group_from_which_a_smaller_one_follows_is_hidden() {
    let api = Api::new().await;
    let at = "2026-10-15T08:00:00Z".parse().expect("a time");
    let tx = api.app.store.begin().await.expect("tx");
    for (house, people) in [("northwind.example", 12), ("south.example", 3)] {
        let votes: Vec<NewVote> = (0..people)
            .map(|n| NewVote {
                person: format!("graph:{house}-{n}"),
                house: house.to_owned(),
                outcome: Verdict::Malicious,
                vote: Vote {
                    credit: 1.0,
                    weight: 1.0,
                    at,
                },
            })
            .collect();
        let rows = tx.of(api.app.tenant);
        rows.cast_votes(house, &votes).await.expect("cast");
        // told again later, it is not newer
        let later: Vec<NewVote> = votes
            .into_iter()
            .map(|mut vote| {
                vote.vote.at = "2026-11-02T08:00:00Z".parse().expect("a time");
                vote
            })
            .collect();
        rows.cast_votes(house, &later).await.expect("again");
    }
    tx.commit().await.expect("commit");
    let (_, key) = api.key("statistics:read", 1).await;
    let path = "/api/v1/reporters/statistics?month=2026-10";
    let shown = api.get(path, &key).await.json();
    assert_eq!(shown["month"], "2026-10-01", "{shown:#}");
    assert_eq!(shown["all"]["people"], 15);
    assert_eq!(shown["all"]["outcomes"], json!({ "malicious": 15 }));
    // shown, the large group would give the three away: 15 less 12
    assert_eq!(
        (&shown["groups"], &shown["hidden"]),
        (&json!([]), &json!(2))
    );
}

#[actix_web::test]
async fn switched_off_nothing_is_kept_and_what_was_kept_is_erased() {
    let api = Api::with(|config| config.reporters.reputation.enabled = false).await;
    let tokens = both_report(&api).await;
    let record = own(&api, &tokens[0]).await;
    assert_eq!(
        (&record["enabled"], &record["settled"]),
        (&json!(false), &json!(0))
    );
    let (_, key) = api.key("statistics:read", 1).await;
    let answer = api.get("/api/v1/reporters/statistics", &key).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let (reporter, _) = api.reporter(Provider::Graph);
    let rows = api.app.store.read(api.app.tenant);
    let person = rows.person(&reporter.user_id).await.expect("read");
    assert!(rows.votes_of(&person.key).await.expect("read").is_empty());

    // votes of a time when it was on
    let vote = NewVote {
        person: person.key.clone(),
        house: person.house,
        outcome: Verdict::Spam,
        vote: Vote {
            credit: 1.0,
            weight: 1.0,
            at: unhook::clock::Clock::now(&*api.app.clock),
        },
    };
    let tx = api.app.store.begin().await.expect("tx");
    tx.of(api.app.tenant)
        .cast_votes("case", &[vote])
        .await
        .expect("cast");
    tx.commit().await.expect("commit");
    unhook::cli::start::resume(&api.app)
        .await
        .expect("started anew");
    assert!(rows.votes_of(&person.key).await.expect("read").is_empty());
}

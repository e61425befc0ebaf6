//! What reporters see of their own record, and what managers see of groups.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use unhook::domain::Provider;

use super::Api;

/// Both people report the planted attack, and everything comes to rest.
async fn both_report(api: &Api) -> Vec<String> {
    let mut tokens = Vec::new();
    for (provider, client) in [(Provider::Graph, "outlook"), (Provider::Gmail, "gmail")] {
        let (reporter, token) = api.reporter(provider);
        let body = json!({
            "client": client, "item_id": reporter.item_id, "mailbox": reporter.address,
            "reason": "phishing",
        });
        let answer = api.post("/api/v1/reports", &token, &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        tokens.push(token);
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
        (&json!(0), &Value::Null)
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
    let bad = api.get(&format!("{path}?days=0"), &key).await;
    assert_eq!(bad.problem(), "invalid_parameter");
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
    assert!(
        rows.votes_of(&reporter.address)
            .await
            .expect("read")
            .is_empty()
    );

    // votes of a time when it was on
    let vote = unhook::store::vote::NewVote {
        person: reporter.address.clone(),
        house: "northwind.example".into(),
        case_key: "case".into(),
        outcome: unhook::domain::Verdict::Spam,
        vote: unhook::domain::reputation::Vote {
            credit: 1.0,
            weight: 1.0,
            at: unhook::clock::Clock::now(&*api.app.clock),
        },
    };
    let tx = api.app.store.begin().await.expect("tx");
    tx.of(api.app.tenant)
        .cast_votes(&[vote])
        .await
        .expect("cast");
    tx.commit().await.expect("commit");
    unhook::cli::start::resume(&api.app)
        .await
        .expect("started anew");
    assert!(
        rows.votes_of(&reporter.address)
            .await
            .expect("read")
            .is_empty()
    );
}

//! Large pulls over the API: the second person, the kill switch, and a halt.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use unhook::domain::Provider;

use super::Api;

/// Two copies may be moved by one person's decision.
async fn waiting() -> (Api, String, Value) {
    let api = Api::with(|config| {
        config.pull.canary_copies = 2;
        config.pull.second_person_mailboxes = 2;
    })
    .await;
    for provider in [Provider::Graph, Provider::Gmail] {
        api.report(provider).await;
    }
    api.drain().await;
    let (_, key) = api.key("admin", 1).await;
    let open = api.get("/api/v1/approvals?state=open", &key).await.json();
    let items = open["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 1, "{open:#}");
    (api, key, items[0].clone())
}

#[actix_web::test]
async fn a_second_person_approves_what_they_read() {
    let (api, key, request) = waiting().await;
    assert!(!api.sim.truth().all_pulled(), "it waits");
    let id = request["id"].as_str().expect("id");
    let path = format!("/api/v1/approvals/{id}");
    assert_eq!(api.get(&path, &key).await.json(), request);
    let campaign = request["campaign"].as_str().expect("campaign");
    let case = format!("/api/v1/campaigns/{campaign}");
    let shown = api.get(&case, &key).await.json();
    let staged = &shown["remediation"]["staged"];
    assert_eq!(staged["hold"], "approval", "{staged:#}");
    assert_eq!((&staged["moved"], &staged["alone"]), (&json!(2), &json!(2)));
    assert_eq!(staged["approval"], id);

    let (_, analyst) = api.key("pulls:read pulls:write verdicts:write", 1).await;
    let approve = format!("{path}/approve");
    let right = json!({ "mailboxes": request["mailboxes"] });
    let answer = api.post(&approve, &analyst, &right).await;
    assert_eq!(answer.problem(), "insufficient_scope");
    let wrong = json!({ "mailboxes": 1 });
    let answer = api.post(&approve, &key, &wrong).await;
    assert_eq!(answer.problem(), "changed");
    assert!(
        answer.json()["detail"]
            .as_str()
            .is_some_and(|d| d.contains("look again"))
    );
    let answer = api.post(&approve, &key, &right).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    api.drain().await;
    assert!(api.sim.truth().all_pulled());
    let given = api.get(&path, &key).await.json();
    assert_eq!(given["state"], "given");
    let again = api.post(&approve, &key, &right).await;
    assert_eq!(again.problem(), "nothing_held");
}

#[actix_web::test]
async fn whoever_decided_a_pull_cannot_approve_it_and_a_refusal_halts_it() {
    let (api, key, request) = waiting().await;
    let campaign = request["campaign"].as_str().expect("campaign").to_owned();
    let case = format!("/api/v1/campaigns/{campaign}");
    let seed = api.get(&case, &key).await.json()["seed"].clone();
    let seed = seed.as_str().expect("seed");
    let verdict = format!("/api/v1/submissions/{seed}/verdict");
    let body = json!({ "verdict": "malicious", "reason": "sure" });
    let answer = api.post(&verdict, &key, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    api.drain().await;
    let open = api.get("/api/v1/approvals?state=open", &key).await.json();
    let request = &open["items"][0];
    let path = format!("/api/v1/approvals/{}", request["id"].as_str().expect("id"));
    let body = json!({ "mailboxes": request["mailboxes"] });
    let own = api.post(&format!("{path}/approve"), &key, &body).await;
    assert_eq!(
        (own.status, own.problem()),
        (StatusCode::FORBIDDEN, "second_person".to_owned())
    );

    let (_, second) = api.key("admin", 1).await;
    let silent = api
        .post(
            &format!("{path}/refuse"),
            &second,
            &json!({ "reason": " " }),
        )
        .await;
    assert_eq!(silent.problem(), "invalid_field");
    let body = json!({ "reason": "this is our own newsletter" });
    let refused = api.post(&format!("{path}/refuse"), &second, &body).await;
    assert_eq!(refused.status, StatusCode::ACCEPTED, "{refused:?}");
    api.drain().await;
    let shown = api.get(&case, &key).await.json();
    assert_eq!(shown["remediation"]["staged"]["hold"], "halted");
    let why = shown["remediation"]["staged"]["why"].as_str().expect("why");
    assert!(why.contains("our own newsletter"), "{why}");
    assert!(!api.sim.truth().all_pulled());

    // Rolled back in one call.
    let answer = api
        .post(&format!("{case}/restore"), &second, &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    api.drain().await;
    assert!(api.sim.truth().all_in_place());
    let resumed = api
        .post(
            &format!("{case}/resume"),
            &second,
            &json!({ "reason": "no" }),
        )
        .await;
    assert_eq!(resumed.problem(), "nothing_held", "it was put back");
}

#[actix_web::test]
async fn the_kill_switch_lists_what_it_holds_back() {
    let api = Api::new().await;
    let (_, key) = api.key("admin", 1).await;
    let nothing = api
        .post("/api/v1/kill-switch", &key, &json!({ "reason": "" }))
        .await;
    assert_eq!(nothing.problem(), "invalid_field");
    let stop = json!({ "reason": "newsletters were pulled" });
    let stopped = api.post("/api/v1/kill-switch", &key, &stop).await.json();
    assert_eq!(stopped, json!({ "changed": true }));
    let again = api.post("/api/v1/kill-switch", &key, &stop).await.json();
    assert_eq!(again, json!({ "changed": false }));
    for provider in [Provider::Graph, Provider::Gmail] {
        api.report(provider).await;
    }
    api.drain().await;
    let shown = api.get("/api/v1/kill-switch", &key).await.json();
    assert_eq!(shown["stops"][0]["scope"], "all", "{shown:#}");
    assert_eq!(shown["moved_today"], 0);
    let (_, reader) = api.key("pulls:read pulls:write", 1).await;
    let body = json!({ "reason": "all is well" });
    let refused = api
        .post("/api/v1/kill-switch/release", &reader, &body)
        .await;
    assert_eq!(refused.problem(), "insufficient_scope");
    let released = api.post("/api/v1/kill-switch/release", &key, &body).await;
    assert_eq!(released.json(), json!({ "changed": true }));
    let shown = api.get("/api/v1/kill-switch", &key).await.json();
    assert_eq!(shown["stops"], json!([]));
}

#[actix_web::test]
async fn a_pull_is_halted_and_objected_to_by_name() {
    let (api, key, request) = waiting().await;
    let campaign = request["campaign"].as_str().expect("campaign");
    let case = format!("/api/v1/campaigns/{campaign}");
    let body = json!({ "reason": "looks like ours" });
    let objected = api.post(&format!("{case}/objections"), &key, &body).await;
    assert_eq!(objected.status, StatusCode::ACCEPTED, "{objected:?}");
    let shown = api.get(&case, &key).await.json();
    assert_eq!(
        shown["remediation"]["staged"]["hold"], "halted",
        "one of two is enough"
    );
    let again = api.post(&format!("{case}/halt"), &key, &body).await;
    assert_eq!(again.problem(), "nothing_held");
    let resumed = api.post(&format!("{case}/resume"), &key, &body).await;
    assert_eq!(resumed.status, StatusCode::ACCEPTED, "{resumed:?}");
    let halted = api.post(&format!("{case}/halt"), &key, &body).await;
    assert_eq!(halted.status, StatusCode::ACCEPTED, "{halted:?}");
    let unknown = format!("/api/v1/campaigns/cmp_{}/halt", "0".repeat(32));
    let unknown = api.post(&unknown, &key, &body).await;
    assert_eq!(unknown.problem(), "nothing_held");
}

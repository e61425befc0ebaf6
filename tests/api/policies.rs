//! Policies by the API, and every judgement of a message.

use actix_web::http::StatusCode;
use serde_json::json;
use unhook::domain::Provider;

use super::Api;

async fn reported() -> (Api, String) {
    let api = Api::new().await;
    api.report(Provider::Graph).await;
    api.drain().await;
    let (_, key) = api.key("admin", 1).await;
    (api, key)
}

#[actix_web::test]
async fn a_policy_is_proposed_tried_and_put_into_force() {
    let (api, key) = reported().await;
    let before = api.get("/api/v1/policies", &key).await.json();
    let configured = before["in_force"].as_str().expect("a version").to_owned();

    let broken = json!({ "text": "malicious_from = 0.2\n" });
    let refused = api.post("/api/v1/policies", &key, &broken).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let said = refused.json()["detail"].to_string();
    assert!(said.contains("policy.malicious_from"), "{said}");
    let broken = json!({ "text": "mode = \"act\"\nmalicious_from = 'x'\n" });
    let refused = api.post("/api/v1/policies", &key, &broken).await;
    let said = refused.json()["detail"].to_string();
    assert!(said.contains("line 2"), "{said}");

    let text = "[[actions]]\nverdict = \"malicious\"\ndo = \"propose\"\n";
    let body = json!({ "text": text, "note": "pulls only by hand this week" });
    let kept = api.post("/api/v1/policies", &key, &body).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{kept:?}");
    let version = kept.json()["version"].as_str().expect("version").to_owned();
    let path = format!("/api/v1/policies/{version}");
    assert!(kept.header("location").ends_with(&path));

    let early = api
        .post(&format!("{path}/activate"), &key, &json!({}))
        .await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert_eq!(early.problem(), "policy_untried");

    let asked = api.post(&format!("{path}/trial"), &key, &json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let waiting = api.get(&path, &key).await.json();
    assert_eq!(waiting["trial_state"], "under_way", "{waiting:#}");
    api.drain().await;
    let tried = api.get(&path, &key).await.json();
    assert_eq!(tried["trial_state"], "done", "{tried:#}");
    assert_eq!(tried["trial"]["before"]["pulled"], 1, "{tried:#}");
    assert_eq!(tried["trial"]["after"]["asked"], 1);
    assert_eq!(tried["trial"]["changed"], 1);

    let live = api
        .post(&format!("{path}/activate"), &key, &json!({}))
        .await;
    assert_eq!(live.json()["in_force"], version.as_str());
    let list = api.get("/api/v1/policies", &key).await.json();
    let row = list["items"].as_array().into_iter().flatten();
    let row = row
        .into_iter()
        .find(|row| row["version"] == version.as_str());
    assert_eq!(row.expect("listed")["in_force"], true);
    let back = api
        .post("/api/v1/policies/configuration/activate", &key, &json!({}))
        .await;
    assert_eq!(back.json()["in_force"], configured.as_str());
    let unknown = api
        .post("/api/v1/policies/000000000000/trial", &key, &json!({}))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn every_judgement_of_a_message_is_listed_with_what_it_rested_on() {
    let (api, key) = reported().await;
    let list = api.get("/api/v1/submissions", &key).await.json();
    let id = list["items"][0]["id"].as_str().expect("id").to_owned();
    let path = format!("/api/v1/submissions/{id}/assessments");
    let first = api.get(&path, &key).await.json();
    let rows = first["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{first:#}");
    assert_eq!(rows[0]["cause"], "report");
    assert_eq!(rows[0]["verdict"], "malicious");
    let said = &rows[0]["assessment"];
    assert!(said["probabilities"]["malicious"].is_number(), "{said:#}");
    assert!(said["signals"].as_array().is_some_and(|s| s.len() >= 2));

    let body = json!({ "verdict": "benign", "reason": "our own supplier" });
    let set = format!("/api/v1/submissions/{id}/verdict");
    assert_eq!(
        api.post(&set, &key, &body).await.status,
        StatusCode::ACCEPTED
    );
    let rows = api.get(&path, &key).await.json();
    let latest = &rows["items"][0];
    assert_eq!(latest["cause"], "analyst");
    assert_eq!(latest["verdict"], "benign");
    assert_eq!(latest["assessment"]["reason"], "our own supplier");
    assert_eq!(rows["items"].as_array().map(Vec::len), Some(2));

    // a person's decision is no judgement that an engine could make again
    let parsed = id.parse().expect("an id");
    let again = unhook::policy::replay::replay(&api.app, parsed).await;
    assert!(again.expect("replayed").same);
}

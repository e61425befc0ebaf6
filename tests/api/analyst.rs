//! The analyst's side: from the queue to a verdict and back.

use actix_web::http::StatusCode;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use unhook::domain::Provider;

use super::Api;

async fn reported() -> (Api, String) {
    let api = Api::new().await;
    for provider in [Provider::Graph, Provider::Gmail] {
        api.report(provider).await;
    }
    api.drain().await;
    let (_, key) = api.key("admin", 1).await;
    (api, key)
}

#[actix_web::test]
async fn an_analyst_sees_everything_and_can_undo_it() {
    let (api, key) = reported().await;
    assert!(
        api.sim.truth().all_pulled(),
        "the planted copies are pulled"
    );
    let list = api
        .get("/api/v1/submissions?verdict=malicious", &key)
        .await
        .json();
    let items = list["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{list:#}");
    assert_eq!(
        api.get("/api/v1/submissions?verdict=benign", &key)
            .await
            .json()["items"],
        json!([])
    );
    let id = items[0]["id"].as_str().expect("id");
    let detail = api
        .get(&format!("/api/v1/submissions/{id}"), &key)
        .await
        .json();
    assert_eq!(detail["evidence"], "fetched");
    assert!(
        detail["assessment"]["signals"]
            .as_array()
            .is_some_and(|s| s.len() >= 2),
        "{detail:#}"
    );
    assert_eq!(detail["report_list"].as_array().map(Vec::len), Some(1));
    assert!(detail["timeline"].as_array().is_some_and(|t| t.len() >= 3));

    let raw = api
        .get(&format!("/api/v1/submissions/{id}/raw"), &key)
        .await;
    assert_eq!(raw.status, StatusCode::OK);
    assert_eq!(
        detail["evidence_sha256"],
        hex::encode(Sha256::digest(&raw.body))
    );
    assert_eq!(detail["evidence_size"], raw.body.len());

    let campaign = items[0]["campaign"].as_str().expect("campaign");
    assert_eq!(items[1]["campaign"], campaign, "one attack");
    let path = format!("/api/v1/campaigns/{campaign}");
    let found = api.get(&path, &key).await.json();
    let pulled = found["copies"]["pulled"].as_u64().expect("pulled");
    assert!(pulled >= 8, "{found:#}");
    assert_eq!(found["remediation"]["state"], "closed");
    assert_eq!(found["remediation"]["gaps"], json!([]));
    assert_eq!(
        api.get("/api/v1/campaigns", &key).await.json()["items"][0]["id"],
        campaign
    );

    let pulls = api
        .get(&format!("{path}/pulls?limit=200"), &key)
        .await
        .json();
    let pulls = pulls["items"].as_array().expect("pulls").clone();
    assert_eq!(pulls.len() as u64, found["copies"]["found"]);
    let pull = pulls[0]["id"].as_str().expect("id");
    assert_eq!(
        api.get(&format!("/api/v1/pulls/{pull}"), &key).await.json(),
        pulls[0]
    );

    let asked = api
        .post(&format!("/api/v1/pulls/{pull}/restore"), &key, &json!({}))
        .await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    api.drain().await;
    let one = api.get(&format!("/api/v1/pulls/{pull}"), &key).await.json();
    assert_eq!(
        (&one["desired"], &one["observed"]),
        (&json!("in_place"), &json!("restored"))
    );

    let verdict = json!({"verdict": "benign", "reason": "an exercise of ours"});
    let asked = api
        .post(&format!("/api/v1/submissions/{id}/verdict"), &key, &verdict)
        .await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    api.drain().await;
    let found = api.get(&path, &key).await.json();
    assert_eq!(
        (&found["verdict"], &found["verdict_source"]),
        (&json!("benign"), &json!("analyst"))
    );
    assert_eq!(found["copies"]["pulled"], 0, "{found:#}");
    assert_eq!(
        api.get("/api/v1/jobs/parked", &key).await.json()["items"],
        json!([])
    );
}

/// Both read the case; the first is heard, the other is told, and reads again.
#[actix_web::test]
async fn of_two_analysts_who_decide_at_once_the_other_is_told() {
    let api = Api::new().await;
    api.report(Provider::Graph).await;
    api.drain().await;
    let (_, one) = api.key("submissions:read verdicts:write", 1).await;
    let (_, other) = api.key("submissions:read verdicts:write", 1).await;
    let all = api.get("/api/v1/submissions", &one).await.json();
    let id = all["items"][0]["id"].as_str().expect("one").to_owned();
    let page = format!("/api/v1/submissions/{id}");
    let path = format!("{page}/verdict");
    let seen = api.get(&page, &one).await.json()["decision_version"].clone();
    let benign = json!({ "verdict": "benign", "reason": "ours", "decision_version": seen });
    let answer = api.post(&path, &one, &benign).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");

    let spam = json!({ "verdict": "spam", "reason": "not ours", "decision_version": seen });
    let answer = api.post(&path, &other, &spam).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (409, "changed")
    );
    let now = api.get(&page, &other).await.json();
    assert_eq!(now["verdict"], "benign", "{now:#}");
    let detail = answer.json()["detail"].to_string();
    let version = now["decision_version"].to_string();
    assert!(
        detail.contains("now benign") && detail.contains(&version),
        "{detail}"
    );

    let again = json!({
        "verdict": "spam", "reason": "read again", "decision_version": now["decision_version"],
    });
    let answer = api.post(&path, &other, &again).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(api.get(&page, &one).await.json()["verdict"], "spam");
}

#[actix_web::test]
async fn a_verdict_that_cannot_be_used_is_refused() {
    let api = Api::new().await;
    let (_, key) = api.key("verdicts:write pulls:write", 1).await;
    let id = format!("sub_{}", "0".repeat(32));
    let path = format!("/api/v1/submissions/{id}/verdict");
    for (body, status, code) in [
        (json!({"verdict": "bad", "reason": "x"}), 400, "json_shape"),
        (json!({"verdict": "benign"}), 400, "json_shape"),
        (
            json!({"verdict": "benign", "reason": " "}),
            422,
            "invalid_field",
        ),
        (
            json!({"verdict": "benign", "reason": "x".repeat(501)}),
            422,
            "invalid_field",
        ),
        (
            json!({"verdict": "benign", "reason": "x", "pull": true}),
            400,
            "json_shape",
        ),
        (
            json!({"verdict": "benign", "reason": "x".repeat(70_000)}),
            413,
            "too_large",
        ),
        (
            json!({"verdict": "benign", "reason": "x"}),
            404,
            "not_found",
        ),
    ] {
        let answer = api.post(&path, &key, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, code)
        );
    }
    for path in [
        format!("/api/v1/pulls/pul_{}/restore", "0".repeat(32)),
        format!("/api/v1/campaigns/cmp_{}/restore", "0".repeat(32)),
        format!("/api/v1/campaigns/{id}/restore"),
    ] {
        let answer = api.post(&path, &key, &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (404, "not_found"),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_copy_of_microsoft_365_is_shown_with_its_folders_name() {
    let (api, key) = reported().await;
    let campaigns = api.get("/api/v1/campaigns", &key).await.json();
    let id = campaigns["items"][0]["id"].as_str().expect("id");
    let list = api
        .get(&format!("/api/v1/campaigns/{id}/pulls?limit=200"), &key)
        .await
        .json();
    let pulled: Vec<_> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|pull| pull["provider"] == "graph" && pull["observed"] == "pulled")
        .collect();
    assert!(pulled.len() >= 2, "{list:#}");
    let truth = api.sim.truth();
    for pull in pulled {
        let names = &pull["original"]["names"];
        let [name] = names.as_array().expect("names").as_slice() else {
            panic!("one folder, one name: {pull:#}");
        };
        let name = name.as_str().expect("text");
        // The truth calls a well-known folder by its API name: `junkemail`.
        let plain = name.replace(' ', "").to_lowercase();
        let there = truth.planted.iter().any(|copy| {
            let [folder] = copy.before.containers.as_slice() else {
                return false;
            };
            pull["mailbox"] == copy.mailbox.as_str() && (folder == name || *folder == plain)
        });
        assert!(there, "{pull:#}");
    }
}

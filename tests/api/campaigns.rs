//! Cases over the API: members with why, what takes them apart, who clicked.

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};
use unhook::domain::Provider;

use super::{Api, request};

async fn case() -> (Api, String, String, Vec<String>) {
    let api = Api::new().await;
    api.report(Provider::Graph).await;
    api.drain().await;
    api.report(Provider::Gmail).await;
    api.drain().await;
    let (_, key) = api.key("submissions:read verdicts:write", 1).await;
    let list = api.get("/api/v1/campaigns", &key).await.json();
    let path = format!(
        "/api/v1/campaigns/{}",
        list["items"][0]["id"].as_str().expect("id")
    );
    let members = api.get(&format!("{path}/members"), &key).await.json();
    let ids = members["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| one["submission"].as_str().expect("id").to_owned())
        .collect();
    (api, key, path, ids)
}

#[actix_web::test]
async fn members_say_why_and_are_taken_out_and_put_back() {
    let (api, key, path, ids) = case().await;
    let members = api.get(&format!("{path}/members"), &key).await.json();
    assert_eq!(ids.len(), 2, "two reports of one message: {members}");
    assert_eq!(members["items"][0]["how"], "exact");
    let why = members["items"][0]["reasons"][0].to_string();
    assert!(why.contains("same Message-ID"), "{why}");
    let detail = api.get(&path, &key).await.json();
    assert_eq!(
        (&detail["members"], &detail["reports"]),
        (&json!(2), &json!(2))
    );
    let targets = detail["targets"].as_array().expect("targets");
    assert!(
        targets.iter().any(|t| t["department"].is_string()),
        "{targets:?}"
    );

    let seed = detail["seed"].as_str().expect("seed").to_owned();
    let other = ids.iter().find(|id| **id != seed).expect("another");
    let reason = json!({ "reason": "it was a test of ours" });
    let out = |id: &str| format!("{path}/members/{id}/remove");
    let answer = api.post(&out(&seed), &key, &reason).await;
    assert_eq!(answer.problem(), "invalid_field");
    let answer = api.post(&out(other), &key, &json!({ "reason": " " })).await;
    assert_eq!(answer.problem(), "invalid_field");
    let answer = api.post(&out(other), &key, &reason).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let own = answer.json()["id"].as_str().expect("id").to_owned();
    assert!(!path.ends_with(&own));
    let answer = api.post(&out(other), &key, &reason).await;
    assert_eq!(answer.problem(), "not_found", "it is gone from there");

    let together = json!({ "campaign": own, "reason": "one attack after all" });
    let answer = api.post(&format!("{path}/merge"), &key, &together).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let variants = api.get(&format!("{path}/variants"), &key).await.json();
    assert_eq!(variants["items"][0]["campaign"]["id"], own);
    let apart = json!({ "submissions": [other], "reason": "no" });
    let answer = api.post(&format!("{path}/split"), &key, &apart).await;
    assert_eq!(answer.json()["id"], own, "each undoes the other");
}

#[actix_web::test]
async fn ps29_what_belongs_to_another_case_is_not_there() {
    let (api, key, path, ids) = case().await;
    let detail = api.get(&path, &key).await.json();
    let seed = detail["seed"].as_str().expect("seed");
    let other = ids.iter().find(|id| *id != seed).expect("another");
    let reason = json!({ "reason": "another sender" });
    let out = |case: &str, id: &str| format!("{case}/members/{id}/remove");
    let answer = api.post(&out(&path, other), &key, &reason).await;
    let own = answer.json()["id"].as_str().expect("id").to_owned();
    let theirs = format!("/api/v1/campaigns/{own}");
    for (case, child) in [(&path, other.as_str()), (&theirs, seed)] {
        let answer = api.post(&out(case, child), &key, &reason).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
        assert_eq!(answer.problem(), "not_found");
    }
    for (case, n) in [(&path, 1), (&theirs, 1)] {
        let members = api.get(&format!("{case}/members"), &key).await.json();
        assert_eq!(members["items"].as_array().map(Vec::len), Some(n));
    }
}

#[actix_web::test]
async fn clicks_are_imported_once_and_listed_as_a_table_that_runs_nothing() {
    let (api, key, path, _) = case().await;
    let detail = api.get(&path, &key).await.json();
    let seed = detail["seed"].as_str().expect("seed");
    let found = api
        .get(&format!("/api/v1/submissions/{seed}/indicators"), &key)
        .await
        .json();
    let link = found
        .as_array()
        .expect("list")
        .iter()
        .find(|one| one["kind"] == "url" && one["role"] != "internal")
        .and_then(|one| one["value"].as_str())
        .expect("a link")
        .to_owned();
    let clicks = format!("{path}/clicks");
    let lines: Value = json!({ "clicks": [
        { "user": "=cmd@northwind.example", "time": "2026-11-16T09:00:00Z", "url": link },
        { "user": "x", "time": "2026-11-16T09:00:00Z", "url": link },
    ]});
    for (new, known) in [(1, 0), (0, 1)] {
        let done = api.post(&clicks, &key, &lines).await.json();
        assert_eq!(
            (&done["new"], &done["known"]),
            (&json!(new), &json!(known)),
            "{done}"
        );
        assert_eq!(done["lines"][0]["line"], 2);
    }
    let table = api.get(&format!("{clicks}?format=csv"), &key).await;
    let text = String::from_utf8_lossy(&table.body).into_owned();
    assert!(text.contains("\"'=cmd@northwind.example\""), "{text}");
    let list = api.get(&clicks, &key).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    let csv = |body: &'static str| {
        request(Method::POST, &clicks, &key)
            .insert_header(("Content-Type", "text/csv"))
            .set_payload(body)
    };
    let answer = api.call(csv("user,url\na@x.example,b\n")).await;
    assert_eq!(answer.problem(), "invalid_field");
    assert!(answer.json()["detail"].to_string().contains("time"));
    let answer = api
        .call(csv("user,time,url\n\u{0}\u{1},,\na@x.example\n"))
        .await;
    assert_eq!(answer.json()["bad"], 2, "{answer:?}");
    let odd = request(Method::POST, &clicks, &key).set_payload("x");
    assert_eq!(api.call(odd).await.problem(), "unsupported_media_type");
}

//! What the organisation itself says of values.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::Api;

const PATH: &str = "/api/v1/indicators";

fn wanted(kind: &str, value: &str) -> Value {
    json!({"kind": kind, "value": value, "reputation": "bad", "note": "seen in an incident"})
}

#[actix_web::test]
async fn an_indicator_is_added_listed_page_by_page_and_withdrawn() {
    let api = Api::new().await;
    let (id, key) = api.key("submissions:read verdicts:write", 1).await;
    for value in ["a", "b", "c"] {
        let new = wanted("domain", &format!("{value}-evil[.]example"));
        let answer = api.post(PATH, &key, &new).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let kept = answer.json();
        assert_eq!(kept["value"], format!("{value}-evil.example"));
        assert_eq!(kept["in_force"], true);
        assert_eq!(kept["added_by"], id.to_string());
    }
    // said again, it replaces what was said
    let mut again = wanted("domain", "b-evil.example");
    again["reputation"] = json!("good");
    api.post(PATH, &key, &again).await;

    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = api
            .get(&format!("{PATH}?limit=1{after}"), &key)
            .await
            .json();
        let items = page["items"].as_array().expect("items").clone();
        seen.extend(items.iter().map(|one| {
            let word = |name: &str| one[name].as_str().expect("a word").to_owned();
            (word("value"), word("reputation"))
        }));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.contains(&("b-evil.example".to_owned(), "good".to_owned())));

    let gone = json!({"kind": "domain", "value": "A-Evil.example"});
    let path = format!("{PATH}/withdraw");
    let answer = api.post(&path, &key, &gone).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.json()["in_force"], false);
    assert_eq!(answer.json()["withdrawn_by"], id.to_string());
    let answer = api.post(&path, &key, &gone).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.problem(), "not_found");
}

#[actix_web::test]
async fn what_cannot_be_an_indicator_is_refused_with_the_field() {
    let api = Api::new().await;
    let (_, key) = api.key("submissions:read verdicts:write", 1).await;
    let mut unlisted = wanted("domain", "evil.example");
    unlisted["reputation"] = json!("unlisted");
    let mut ended = wanted("domain", "evil.example");
    ended["until"] = json!("2020-01-01T00:00:00Z");
    let mut no_note = wanted("domain", "evil.example");
    no_note["note"] = json!(" \n ");
    for (new, why) in [
        (wanted("domain", "login.evil.example"), "evil.example"),
        (wanted("ip", "10.0.0.1"), "not on the Internet"),
        (wanted("message", &"a".repeat(64)), "links"),
        (wanted("url", "https://portal.northwind.example/x"), "own"),
        (unlisted, "bad, doubtful or good"),
        (ended, "past"),
        (no_note, "note"),
    ] {
        let answer = api.post(PATH, &key, &new).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        assert_eq!(answer.problem(), "invalid_field");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(why), "{new}: {detail}");
    }
    let list = api.get(PATH, &key).await.json();
    assert_eq!(list["items"], json!([]), "nothing was kept");
    let answer = api.get(&format!("{PATH}?after=sub_1"), &key).await;
    assert_eq!(answer.problem(), "invalid_parameter");
}

//! The audit trail over the API: who saw and did what, for administrators.

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};
use unhook::{audit::verify::verify, domain::Provider};

use super::{Api, request};

/// Entries that are asked for, newest first.
async fn asked(api: &Api, key: &str, query: &str) -> Vec<Value> {
    let found = api.get(&format!("/api/v1/audit{query}"), key).await;
    assert_eq!(found.status, StatusCode::OK, "{found:?}");
    found.json()["items"].as_array().expect("items").clone()
}

/// The cookie of a console session of a key.
async fn session(api: &Api, key: &str) -> String {
    let answer = api
        .call(
            request(Method::POST, "/console/sign-in", "")
                .insert_header(("sec-fetch-site", "same-origin"))
                .set_form([("key", key)]),
        )
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    let cookie = answer.header("set-cookie");
    cookie.split(';').next().expect("a cookie").to_owned()
}

async fn see(api: &Api, cookie: &str, path: &str) -> super::Answer {
    let asked = request(Method::GET, path, "").insert_header(("cookie", cookie));
    api.call(asked).await
}

#[actix_web::test]
async fn every_view_of_content_is_told_with_who_and_what() {
    let api = Api::new().await;
    api.report(Provider::Graph).await;
    api.drain().await;
    let (admin_id, admin) = api.key("admin", 1).await;
    let (reader_id, reader) = api.key("submissions:read raw:read", 1).await;
    let listed = api.get("/api/v1/submissions", &reader).await.json();
    let id = listed["items"][0]["id"].as_str().expect("id").to_owned();
    let path = format!("/api/v1/submissions/{id}");
    let about = format!("?subject={id}&actor={reader_id}");
    assert_eq!(
        asked(&api, &admin, &about).await.len(),
        0,
        "a list shows none"
    );

    let parts = async || -> Vec<(String, String)> {
        asked(&api, &admin, &about)
            .await
            .iter()
            .rev()
            .map(|entry| {
                let detail = entry["detail"].as_str().expect("text");
                let detail: Value = serde_json::from_str(detail).expect("json");
                let word = |value: &Value| value.as_str().expect("text").to_owned();
                (word(&entry["action"]), word(&detail["part"]))
            })
            .collect()
    };
    let told = |action: &str, part: &str| (action.to_owned(), part.to_owned());
    assert_eq!(api.get(&path, &reader).await.status, StatusCode::OK);
    let raw = api.get(&format!("{path}/raw"), &reader).await;
    assert_eq!(raw.status, StatusCode::OK);
    let mut known = vec![
        told("content_viewed", "findings"),
        told("raw_downloaded", "evidence"),
    ];
    assert_eq!(parts().await, known);

    let cookie = session(&api, &reader).await;
    let page = format!("/console/submissions/{id}");
    for (path, part) in [
        (page.clone(), Some("text")),
        (format!("{page}?view=rendered"), None),
        (format!("{page}/frame"), Some("rendered")),
        (format!("{page}?view=source"), Some("source")),
        // looking again is the same view
        (page.clone(), None),
    ] {
        let shown = see(&api, &cookie, &path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        known.extend(part.map(|part| told("content_viewed", part)));
        assert_eq!(parts().await, known, "{path}");
    }
    let file = see(&api, &cookie, &format!("{page}/message.eml")).await;
    assert_eq!(file.status, StatusCode::OK);
    known.push(told("raw_downloaded", "evidence"));
    assert_eq!(parts().await, known);

    let signed_in = asked(&api, &admin, "?action=signed_in").await;
    assert_eq!(signed_in[0]["actor"], reader_id.to_string());
    let made = asked(
        &api,
        &admin,
        &format!("?subject={admin_id}&action=key_made"),
    )
    .await;
    assert!(
        made[0]["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("\"scopes\":\"admin\"")),
        "{made:?}"
    );
    let held = verify(&api.app, std::collections::BTreeMap::new()).await;
    assert!(held.expect("read").intact);
}

#[actix_web::test]
async fn the_trail_is_for_administrators_and_comes_in_pages() {
    let api = Api::new().await;
    let (_, admin) = api.key("admin", 1).await;
    let every = "reports:read submissions:read raw:read verdicts:write pulls:read pulls:write \
                 pulls:approve statistics:read";
    let (_, analyst) = api.key(every, 1).await;
    let refused = api.get("/api/v1/audit", &analyst).await;
    assert_eq!(refused.problem(), "insufficient_scope");
    let cookie = session(&api, &analyst).await;
    let refused = see(&api, &cookie, "/console/audit").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let queue = see(&api, &cookie, "/console").await;
    let offered = |body: &[u8]| String::from_utf8_lossy(body).contains("href=\"/console/audit\"");
    assert!(!offered(&queue.body));

    let stop = json!({ "reason": "a drill" });
    let stopped = api.post("/api/v1/kill-switch", &admin, &stop).await;
    assert_eq!(stopped.status, StatusCode::OK, "{stopped:?}");
    let all = asked(&api, &admin, "").await;
    let actions: Vec<_> = all.iter().map(|e| e["action"].clone()).collect();
    assert_eq!(
        actions,
        ["pulls_stopped", "signed_in", "key_made", "key_made"]
    );
    let mut seen = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let page = api
            .get(&format!("/api/v1/audit{query}"), &admin)
            .await
            .json();
        seen.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=1&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    for (newer, older) in all.iter().zip(&all[1..]) {
        assert_eq!(newer["previous"], older["hash"]);
    }
    let bad = api.get("/api/v1/audit?after=x", &admin).await;
    assert_eq!(bad.problem(), "invalid_parameter");

    let cookie = session(&api, &admin).await;
    let page = see(&api, &cookie, "/console/audit?action=pulls_stopped").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(offered(&page.body));
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(
        text.contains("pulls stopped") && !text.contains("key made"),
        "{text}"
    );
    let odd = see(&api, &cookie, "/console/audit?after=x").await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
}

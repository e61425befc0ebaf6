//! A reported message that is not in the mailbox: what is said of it, and what
//! is not.

use actix_web::http::{Method, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use unhook::domain::Provider;

use super::{Answer, Api, request};

const MAIL: &str = "From: helpdesk@northwlnd-support.example\r\nSubject: Password expires\r\n\
    Message-ID: <gone-1@northwlnd-support.example>\r\nContent-Type: text/html\r\n\r\n\
    <p>Your password expires today. <a href=\"https://login.northwlnd-support.example/x\">\
    https://portal.northwind.example/</a> Sign in now to keep your mailbox.</p>";

/// Reports a message that nobody has; gives the submission's id and a key.
async fn missing(raw: Option<&str>) -> (Api, String, String) {
    let api = Api::new().await;
    let (reporter, token) = api.reporter(Provider::Graph);
    let mut body = json!({
        "client": "outlook", "mailbox": reporter.address,
        "internet_message_id": "<gone-1@northwlnd-support.example>",
    });
    if let Some(raw) = raw {
        body["raw"] = json!(STANDARD.encode(raw));
    }
    let answer = api.post("/api/v1/reports", &token, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    api.drain().await;
    let (_, key) = api.key("admin", 1).await;
    let list = api.get("/api/v1/submissions", &key).await.json();
    let id = list["items"][0]["id"].as_str().expect("id").to_owned();
    (api, id, key)
}

/// Opens pages of the console with a session of its own.
struct Visitor<'a> {
    api: &'a Api,
    cookie: String,
}

impl<'a> Visitor<'a> {
    async fn sign_in(api: &'a Api, key: &str) -> Self {
        let form = request(Method::POST, "/console/sign-in", "")
            .insert_header(("Host", "127.0.0.1:1"))
            .insert_header(("Origin", "http://127.0.0.1:1"))
            .insert_header(("Sec-Fetch-Site", "same-origin"))
            .set_form([("key", key)]);
        let answer = api.call(form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next();
        let cookie = cookie.expect("cookie").to_owned();
        Self { api, cookie }
    }

    async fn open(&self, path: &str) -> Answer {
        let get = request(Method::GET, path, "")
            .insert_header(("Host", "127.0.0.1:1"))
            .insert_header(("Cookie", self.cookie.as_str()));
        self.api.call(get).await
    }
}

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    String::from_utf8(answer.body.to_vec()).expect("utf-8")
}

#[actix_web::test]
async fn without_any_bytes_nothing_is_said_of_its_content() {
    let (api, id, key) = missing(None).await;
    let detail = api
        .get(&format!("/api/v1/submissions/{id}"), &key)
        .await
        .json();
    assert_eq!(detail["evidence"], "missing");
    assert_eq!(
        (&detail["score"], &detail["assessment"]),
        (&Value::Null, &Value::Null)
    );
    let visitor = Visitor::sign_in(&api, &key).await;
    let page = text(&visitor.open(&format!("/console/submissions/{id}")).await);
    for said in [
        "the client sent no",
        "There is nothing to judge",
        "Malicious is not offered",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for unsaid in [
        "likely malicious",
        "value=\"malicious\"",
        "What you see came from the client",
        "has not been fetched yet",
        "it lies where it was",
        "Not assessed yet",
        "message.eml",
    ] {
        assert!(!page.contains(unsaid), "{unsaid}: {page}");
    }
    let file = visitor
        .open(&format!(
            "/console/submissions/{id}/message.eml?part=upload"
        ))
        .await;
    assert_eq!(file.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn what_the_client_sent_is_judged_as_that_and_can_be_downloaded() {
    let (api, id, key) = missing(Some(MAIL)).await;
    let detail = api
        .get(&format!("/api/v1/submissions/{id}"), &key)
        .await
        .json();
    assert_eq!(detail["evidence"], "missing");
    assert!(detail["score"].as_f64().is_some(), "{detail:#}");
    let visitor = Visitor::sign_in(&api, &key).await;
    let page = text(&visitor.open(&format!("/console/submissions/{id}")).await);
    for said in [
        "what the client sent with the report",
        "going by the client’s copy",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("value=\"malicious\""), "{page}");
    let link = format!("/console/submissions/{id}/message.eml?part=upload");
    assert!(page.contains(&link), "{page}");
    let file = visitor.open(&link).await;
    assert_eq!(text(&file), MAIL);
    assert!(file.header("content-disposition").contains("-upload.eml"));
    let verdict = json!({ "verdict": "malicious", "reason": "sure" });
    let path = format!("/api/v1/submissions/{id}/verdict");
    assert_eq!(
        api.post(&path, &key, &verdict).await.problem(),
        "evidence_missing"
    );
}

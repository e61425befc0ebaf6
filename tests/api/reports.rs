//! Handing in a report, and following it.

use actix_web::http::{Method, StatusCode};
use base64::{Engine as _, engine::general_purpose};
use serde_json::json;
use unhook::domain::{Provider, ReportId};

use super::{Api, request};

const PATH: &str = "/api/v1/reports";
const MAIL: &[u8] = b"From: a@stranger.example\r\nSubject: x\r\n\r\n\xff\xfe>?body\0\r\n";

#[actix_web::test]
async fn a_report_is_durable_and_can_be_followed_by_its_reporter_alone() {
    let api = Api::new().await;
    let (reporter, token) = api.reporter(Provider::Graph);
    let body = json!({
        "client": "outlook", "item_id": reporter.item_id, "mailbox": reporter.address,
        "internet_message_id": "", "reason": "phishing", "comment": "odd",
    });
    let answer = api.post(PATH, &token, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let accepted = answer.json();
    assert_eq!(accepted["status"], "received");
    assert_eq!(accepted["url"], answer.header("location"));
    let id: ReportId = accepted["id"].as_str().expect("id").parse().expect("an id");
    let url = format!("http://127.0.0.1:1{PATH}/{id}");
    assert_eq!(accepted["url"], url);

    let row = api
        .app
        .store
        .read(api.app.tenant)
        .report(id)
        .await
        .expect("read");
    assert_eq!(row.expect("a row").comment.as_deref(), Some("odd"));

    let own = api.get(&format!("{PATH}/{id}"), &token).await;
    assert_eq!(own.status, StatusCode::OK);
    let own = own.json();
    let mut members: Vec<_> = own.as_object().expect("object").keys().collect();
    members.sort();
    assert_eq!(
        members,
        [
            "copies_pulled",
            "id",
            "message",
            "outcome",
            "received_at",
            "status"
        ]
    );
    let list = api.get(PATH, &token).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    let (_, stranger) = api.reporter(Provider::Gmail);
    let theirs = api.get(&format!("{PATH}/{id}"), &stranger).await;
    let nobodys = api
        .get(&format!("{PATH}/rpt_{}", "0".repeat(32)), &stranger)
        .await;
    let nonsense = api.get(&format!("{PATH}/x"), &stranger).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    assert_eq!(theirs.problem(), "not_found");
    assert_eq!(theirs.without_instance(), nobodys.without_instance());
    assert_eq!(theirs.without_instance(), nonsense.without_instance());
    assert_eq!(api.get(PATH, &stranger).await.json()["items"], json!([]));
}

#[actix_web::test]
async fn f58_the_same_key_and_body_is_the_same_report_and_another_body_a_conflict() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Gmail);
    let send = |item: &str| {
        request(Method::POST, PATH, &token)
            .insert_header(("Idempotency-Key", "k-1"))
            .set_json(json!({"client": "gmail", "item_id": item}))
    };
    let first = api.call(send("one")).await;
    let again = api.call(send("one")).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_eq!(first.json(), again.json());
    let other = api.call(send("two")).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.problem(), "idempotency_key_reused");
}

#[actix_web::test]
async fn the_bytes_come_back_as_they_were_sent_in_every_form() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    let (_, key) = api.key("raw:read submissions:read", 1).await;
    let encoded = [
        general_purpose::STANDARD.encode(MAIL),
        general_purpose::STANDARD_NO_PAD.encode(MAIL),
        general_purpose::URL_SAFE.encode(MAIL),
        general_purpose::URL_SAFE_NO_PAD.encode(MAIL),
    ];
    assert_ne!(encoded[0], encoded[2], "the mail tells the alphabets apart");
    let mut calls: Vec<_> = encoded
        .iter()
        .enumerate()
        .map(|(i, raw)| {
            let member = if i % 2 == 0 { "raw" } else { "raw_base64" };
            request(Method::POST, PATH, &token)
                .set_json(json!({"client": "outlook", "item_id": format!("item-{i}"), member: raw}))
        })
        .collect();
    calls.push(
        request(Method::POST, PATH, &token)
            .insert_header(("Content-Type", "Message/RFC822; charset=utf-8"))
            .insert_header(("X-Unhook-Item-Id", "item-9"))
            .insert_header(("X-Unhook-Reason", "spam"))
            .set_payload(MAIL),
    );
    let count = calls.len();
    for call in calls {
        let answer = api.call(call).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    let listed = api.get("/api/v1/submissions", &key).await.json();
    let items = listed["items"].as_array().expect("items");
    assert_eq!(items.len(), count);
    for item in items {
        let id = item["id"].as_str().expect("id");
        let raw = api
            .get(&format!("/api/v1/submissions/{id}/raw?part=upload"), &key)
            .await;
        assert_eq!(raw.status, StatusCode::OK, "{raw:?}");
        assert_eq!(&raw.body[..], MAIL);
        assert_eq!(raw.header("content-type"), "application/octet-stream");
        assert_eq!(raw.header("x-content-type-options"), "nosniff");
        assert!(
            raw.header("content-disposition")
                .starts_with("attachment; filename=\"sub_")
        );
        let none = api
            .get(&format!("/api/v1/submissions/{id}/raw"), &key)
            .await;
        assert_eq!(
            none.status,
            StatusCode::NOT_FOUND,
            "nothing was fetched yet"
        );
        let detail = api
            .get(&format!("/api/v1/submissions/{id}"), &key)
            .await
            .json();
        let read = detail["timeline"].as_array().expect("timeline").iter();
        assert_eq!(read.filter(|e| e["kind"] == "raw_downloaded").count(), 1);
    }
}

#[actix_web::test]
async fn a_report_that_cannot_be_used_is_refused_with_its_code_and_leaves_no_row() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    let deep = format!(
        r#"{{"client":"api","item_id":"x","comment":{}1{}}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    let json = "application/json";
    let mail = "message/rfc822";
    let long = format!(r#"{{"client":"api","item_id":"{}"}}"#, "x".repeat(2000));
    let wordy = format!(
        r#"{{"client":"api","item_id":"x","comment":"{}"}}"#,
        "ä".repeat(2001)
    );
    let cases: [(&str, &[u8], u16, &str); 20] = [
        (json, b"", 400, "empty_body"),
        (mail, b"", 400, "empty_body"),
        (
            json,
            br#"{"client":"api","item_id":"x""#,
            400,
            "json_syntax",
        ),
        (json, b"\x00\xff\xfe\x80", 400, "json_not_utf8"),
        (json, b"\x00\x01", 400, "json_syntax"),
        (json, deep.as_bytes(), 400, "json_too_deep"),
        (
            json,
            br#"{"client":"api","item_id":"x","item_id":"y"}"#,
            400,
            "json_duplicate_member",
        ),
        (
            json,
            br#"{"client":"api","item_id":"x","raw":"","raw_base64":""}"#,
            400,
            "json_shape",
        ),
        (
            json,
            br#"{"client":"api","item_id":"x","reporter":"boss@x.example"}"#,
            400,
            "json_shape",
        ),
        (
            json,
            br#"{"client":"browser","item_id":"x"}"#,
            400,
            "json_shape",
        ),
        (json, br#"{"item_id":"x"}"#, 400, "json_shape"),
        (json, br#"[]"#, 400, "json_shape"),
        (json, br#"{"client":"api"}"#, 422, "nothing_named"),
        (
            json,
            br#"{"client":"api","item_id":" "}"#,
            422,
            "nothing_named",
        ),
        (json, long.as_bytes(), 422, "invalid_field"),
        (json, wordy.as_bytes(), 422, "invalid_field"),
        (
            json,
            br#"{"client":"api","item_id":"x","raw":"%%%"}"#,
            422,
            "invalid_field",
        ),
        (
            json,
            br#"{"client":"api","item_id":"x","mailbox":"a b"}"#,
            422,
            "invalid_field",
        ),
        ("text/plain", b"x", 415, "unsupported_media_type"),
        (
            "application/x-www-form-urlencoded",
            b"client=api",
            415,
            "unsupported_media_type",
        ),
    ];
    for (kind, body, status, code) in cases {
        let call = request(Method::POST, PATH, &token)
            .insert_header(("Content-Type", kind))
            .set_payload(body.to_vec());
        let answer = api.call(call).await;
        let shown = String::from_utf8_lossy(body)
            .chars()
            .take(80)
            .collect::<String>();
        assert_eq!(answer.status.as_u16(), status, "{kind} {shown}");
        assert_eq!(answer.problem(), code, "{kind} {shown}");
    }
    let good = r#"{"client":"api","item_id":"x"}"#;
    for (name, value, status, code) in [
        ("Content-Encoding", "gzip", 415, "unsupported_media_type"),
        ("Idempotency-Key", "", 400, "invalid_parameter"),
        ("Idempotency-Key", "k\u{e4}", 400, "invalid_parameter"),
    ] {
        let call = request(Method::POST, PATH, &token)
            .insert_header(("Content-Type", json))
            .insert_header((name, value))
            .set_payload(good);
        let answer = api.call(call).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, code),
            "{name}"
        );
    }
    let without_type = request(Method::POST, PATH, &token).set_payload(good);
    assert_eq!(
        api.call(without_type).await.problem(),
        "unsupported_media_type"
    );
    assert_eq!(api.get(PATH, &token).await.json()["items"], json!([]));
}

/// Every file of the JSON test suite that must not be read is refused, and none
/// of the others is taken for a report.
#[actix_web::test]
async fn the_json_test_suite_never_becomes_a_report() {
    let shared = std::env::var_os("UNHOOK_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        std::path::PathBuf::from,
    );
    let mut waiting = vec![shared.join("vectors/json")];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            } else if entry.path().extension().is_some_and(|e| e == "json") {
                files.push(entry.path());
            }
        }
    }
    if files.is_empty() {
        println!("left out: no vectors/json in {}", shared.display());
        return;
    }
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    for file in files {
        let call = request(Method::POST, PATH, &token)
            .insert_header(("Content-Type", "application/json"))
            .set_payload(std::fs::read(&file).expect("file"));
        let answer = api.call(call).await;
        assert!(
            answer.status.is_client_error(),
            "{}: {}",
            file.display(),
            answer.status
        );
        answer.problem();
    }
    assert_eq!(api.get(PATH, &token).await.json()["items"], json!([]));
}

#[actix_web::test]
async fn a_page_ends_where_the_next_begins() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    for i in 0..5 {
        let body = json!({"client": "api", "item_id": format!("i-{i}")});
        assert_eq!(
            api.post(PATH, &token, &body).await.status,
            StatusCode::ACCEPTED
        );
    }
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = api
            .get(&format!("{PATH}?limit=2{next}"), &token)
            .await
            .json();
        let items = page["items"].as_array().expect("items").clone();
        assert!((1..=2).contains(&items.len()));
        seen.extend(
            items
                .iter()
                .map(|r| r["id"].as_str().expect("id").to_owned()),
        );
        match page["next"].as_str() {
            Some(cursor) => next = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first: {seen:?}");
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "after=x",
        "page=2",
        "limit=1&limit=2",
    ] {
        let answer = api.get(&format!("{PATH}?{query}"), &token).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.problem(), "invalid_parameter", "{query}");
    }
}

#[actix_web::test]
async fn the_add_in_may_post_from_its_own_origin_and_nobody_else_may() {
    let origin = "https://addin.contoso.example";
    let api = Api::with(|config| config.server.addin_origins = vec![origin.to_owned()]).await;
    let preflight = |origin: &str| {
        request(Method::OPTIONS, PATH, "")
            .insert_header(("Origin", origin.to_owned()))
            .insert_header(("Access-Control-Request-Method", "POST"))
            .insert_header((
                "Access-Control-Request-Headers",
                "authorization,content-type,idempotency-key",
            ))
    };
    let answer = api.call(preflight(origin)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert!(answer.header("access-control-allow-credentials").is_empty());
    let answer = api.call(preflight("https://evil.example")).await;
    assert!(
        answer.header("access-control-allow-origin").is_empty(),
        "{answer:?}"
    );
}

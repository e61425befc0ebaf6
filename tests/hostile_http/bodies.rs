//! Bodies and tokens that no well-behaved client sends.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::{Value, json};
use unhook::{
    clock::Clock as _,
    domain::{EvidenceState, Provider},
};

use super::{House, JSON, MESSAGE, REPORTS};

fn odd_messages() -> Vec<(&'static str, Vec<u8>)> {
    let head = "From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n";
    let mut many = format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for part in 0..10_000 {
        many.push_str(&format!(
            "--b\r\nContent-Type: text/plain\r\n\r\npart {part}\r\n"
        ));
    }
    many.push_str("--b--\r\n");
    let mut deep = head.to_owned();
    for level in 0..3_000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        ));
    }
    let mut nested = Vec::new();
    for _ in 0..2_000 {
        nested.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n");
    }
    vec![
        ("one octet", b"\n".to_vec()),
        ("no mail at all", b"just some words, no header".to_vec()),
        ("NULs only", vec![0; 4096]),
        ("NULs within", b"Subj\0ect: a\0b\r\n\r\nbo\0dy".to_vec()),
        ("every octet", (0..=255_u8).cycle().take(70_000).collect()),
        (
            "cut off",
            format!("{head}Content-Type: multipart/mixed; bound").into_bytes(),
        ),
        (
            "cut off in base64",
            format!("{head}Content-Transfer-Encoding: base64\r\n\r\nAAA").into_bytes(),
        ),
        ("10,000 parts", many.into_bytes()),
        ("3,000 levels", deep.into_bytes()),
        ("2,000 messages in one another", nested),
        (
            "invalid UTF-8",
            b"Subject: \xff\xfe\xc0\x80\r\n\r\n\xed\xa0\x80".to_vec(),
        ),
        ("an archive", b"PK\x03\x04\x14\0\0\0\x08\0".repeat(40)),
    ]
}

#[actix_web::test]
async fn what_is_no_mail_is_kept_as_it_is_in_both_forms() {
    let house = House::new().await;
    let (_, outlook) = house.reporter(Provider::Graph);
    let (_, gmail) = house.reporter(Provider::Gmail);
    let mut taken = Vec::new();
    for (name, bytes) in odd_messages() {
        let bytes = Bytes::from(bytes);
        let answer = house.post(MESSAGE, bytes.clone(), &outlook, name).await;
        let id = house.kept(&answer, &bytes, name).await;
        taken.push((name.to_owned(), id, bytes.clone()));
        let body = json!({"client": "gmail", "raw": STANDARD.encode(&bytes)}).to_string();
        let answer = house.post(JSON, body, &gmail, name).await;
        let id = house.kept(&answer, &bytes, name).await;
        taken.push((format!("{name}, in JSON"), id, bytes));
    }
    // before triage the bytes are to be had as well
    let key = house.key().await;
    for (name, id, bytes) in &taken {
        let path = format!("/api/v1/submissions/{id}/raw?part=upload");
        assert!(house.get(&path, &key).await.body == *bytes, "{name}");
    }
    house.follow(&taken).await;
}

#[actix_web::test]
async fn depth_is_bounded_at_64_and_size_also_within_json() {
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    let nest = |depth: usize| {
        format!(
            r#"{{"client":"api","item_id":{}1{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let about = "64 levels with the object";
    let code = house
        .post(JSON, nest(63), &token, about)
        .await
        .problem(about);
    assert_eq!(code, "json_shape", "{about}");
    for depth in [64, 65, 1_000, 1_000_000] {
        let about = format!("{depth} arrays");
        let code = house
            .post(JSON, nest(depth), &token, &about)
            .await
            .problem(&about);
        assert_eq!(code, "json_too_deep", "{about}");
    }
    let huge = format!(r#"{{"client":"api","raw":"{}"}}"#, "A".repeat(60 << 20));
    let answer = house.post(JSON, huge, &token, "60 MiB").await;
    assert_eq!(
        (answer.status, answer.problem("60 MiB").as_str()),
        (413, "too_large")
    );
    assert_eq!(house.reports().await, 0);
}

#[actix_web::test]
async fn tokens_that_are_not_ours_leave_no_row() {
    let house = House::new().await;
    let now = house.clock.now().timestamp();
    let mut tokens = vec![
        ("garbage", "a.b.c".to_owned()),
        ("oversized", "x".repeat(20_000)),
    ];
    for provider in [Provider::Graph, Provider::Gmail] {
        let (reporter, good) = house.reporter(provider);
        let mut with = |name, claims: Value| {
            let claims = claims.as_object().expect("object").clone();
            tokens.push((name, house.token(&reporter, &claims)));
        };
        with(
            "expired",
            json!({"exp": now - 301, "iat": now - 4000, "nbf": now - 4000}),
        );
        with(
            "of another audience",
            json!({"aud": "99999999-0000-4000-8000-000000000000"}),
        );
        with(
            "of another issuer",
            json!({"iss": "https://issuer.example/"}),
        );
        with("oversized and signed", json!({"pad": "x".repeat(16_000)}));
        let mut cut = good.clone();
        cut.truncate(good.len() - 9);
        tokens.push(("cut off", cut));
    }
    let (reporter, _) = house.reporter(Provider::Graph);
    let foreign = json!({"tid": "99999999-0000-4000-8000-000000000000"});
    let foreign = foreign.as_object().expect("object").clone();
    tokens.push(("of another organisation", house.token(&reporter, &foreign)));
    let body = r#"{"client":"api","item_id":"x"}"#;
    for (name, token) in &tokens {
        let answer = house.post(JSON, body, token, name).await;
        assert_eq!(
            (answer.status, answer.problem(name).as_str()),
            (401, "invalid_token"),
            "{name}"
        );
    }
    let answer = house.send(house.request(JSON, body), "missing").await;
    assert_eq!(
        (answer.status, answer.problem("missing").as_str()),
        (401, "invalid_token")
    );
    assert_eq!(house.reports().await, 0);
}

#[actix_web::test]
async fn a_mailbox_or_person_that_nobody_knows_ends_without_evidence_and_harm() {
    let house = House::new().await;
    let (reporter, token) = house.reporter(Provider::Graph);
    let unknown = json!({"oid": "99999999-0000-4000-8000-00000000000f"});
    let unknown = house.token(&reporter, unknown.as_object().expect("object"));
    let named = json!({
        "client": "outlook", "item_id": "AAMkUnknown", "mailbox": "nobody@elsewhere.example",
    });
    let theirs = json!({"client": "outlook", "item_id": reporter.item_id});
    let mut rows = Vec::new();
    for (name, body, token) in [
        ("unknown mailbox", named, &token),
        ("unknown person who names somebody's item", theirs, &unknown),
    ] {
        let answer = house.post(JSON, body.to_string(), token, name).await;
        rows.push((name, house.stored(&answer, name).await));
    }
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let read = house.app.store.read(house.app.tenant);
    for (name, row) in rows {
        let submission = read
            .submission(row.submission)
            .await
            .expect("read")
            .expect("row");
        assert_eq!(submission.evidence, EvidenceState::Missing, "{name}");
        assert!(submission.campaign.is_none(), "{name}");
    }
    let truth = house.sim.truth();
    assert!(truth.all_in_place() && truth.touched() == 0, "{truth:?}");
}

#[actix_web::test]
async fn people_see_their_own_reports_only() {
    let house = House::new().await;
    let (_, one) = house.reporter(Provider::Graph);
    let (_, other) = house.reporter(Provider::Gmail);
    let ask = r#"{"client":"api","item_id":"x"}"#;
    let mut paths = Vec::new();
    for token in [&one, &other] {
        let answer = house.post(JSON, ask, token, "report").await;
        let id = house.stored(&answer, "report").await.id;
        paths.push(format!("{REPORTS}/{id}"));
    }
    assert_ne!(
        paths[0], paths[1],
        "the same words of two people are two reports"
    );
    for (token, own, foreign) in [(&one, 0, 1), (&other, 1, 0)] {
        assert_eq!(house.get(&paths[own], token).await.status, 200);
        let refused = house.get(&paths[foreign], token).await;
        assert_eq!(
            (refused.status, refused.problem("foreign").as_str()),
            (404, "not_found")
        );
        let list = house.get(REPORTS, token).await.json();
        let items = list["items"].as_array().expect("items");
        assert_eq!(items.len(), 1);
        assert!(paths[own].ends_with(items[0]["id"].as_str().expect("id")));
    }
    let raw = house.get("/api/v1/submissions", &one).await;
    assert_eq!(raw.status, 401, "a reporter's token is no analyst's key");
}

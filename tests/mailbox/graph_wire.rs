//! Every way a Graph exchange can end, and what it is taken for.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use unhook::{
    clock::SystemClock,
    domain::{Locator, MailboxRef, MessageQuery, Place, Provider},
    mailbox::{
        MailProvider, MailReader, MailboxError, QuarantineMove, RestoreMove, graph::GraphMail,
    },
};

use super::stand_in::{Reply, Request, StandIn};

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#;

fn connect(base: &str) -> GraphMail {
    let section = format!(
        "tenant_id = 'tid'\nclient_id = 'cid'\nclient_secret = 'hush'\n\
         base_url = '{base}/v1.0'\nauthority_url = '{base}'"
    );
    let config = toml::from_str(&section).expect("section");
    GraphMail::new(&config, Arc::new(SystemClock)).expect("connection")
}

/// A stand-in whose token endpoint works and whose Graph does as told.
async fn graph(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> StandIn {
    StandIn::start(move |request, number| {
        if request.target.ends_with("/oauth2/v2.0/token") {
            return ok(TOKEN.to_owned());
        }
        answer(request, number)
    })
    .await
}

fn ok(body: String) -> Reply {
    Reply::Json(200, String::new(), body)
}

fn mailbox(key: &str) -> MailboxRef {
    let address = format!("{key}@x.example").parse().expect("address");
    MailboxRef::new(Provider::Graph, key, address).expect("mailbox")
}

fn locator(key: &str) -> Locator {
    Locator::new(mailbox(key), "AAMk").expect("locator")
}

fn place() -> Place {
    Place {
        containers: vec!["inbox-id".to_owned()],
        names: Vec::new(),
        read: false,
        flagged: false,
        categories: Vec::new(),
    }
}

fn pulls(keys: &[&str]) -> Vec<QuarantineMove> {
    keys.iter()
        .map(|key| QuarantineMove {
            locator: locator(key),
            from: place(),
            quarantine: "quarantine-id".to_owned(),
        })
        .collect()
}

fn by_id(id: &str) -> MessageQuery {
    MessageQuery::by_ids([id], "2026-01-01T00:00:00Z".parse().expect("time"))
}

/// Answers each part of a batch; `None` leaves the part's answer out.
fn batch(request: &Request, answer: impl Fn(&Value) -> Option<Value>) -> Reply {
    let body: Value = serde_json::from_str(&request.body).expect("batch");
    let mut responses: Vec<Value> = body["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .filter_map(|part| {
            let mut reply = answer(part)?;
            reply["id"] = part["id"].clone();
            Some(reply)
        })
        .collect();
    responses.reverse();
    ok(json!({ "responses": responses }).to_string())
}

fn message(folder: &str) -> Value {
    json!({"id": "AAMk", "parentFolderId": folder, "isRead": false,
           "flag": {"flagStatus": "notFlagged"}, "categories": []})
}

#[tokio::test]
async fn nobody_listening_is_unavailable_even_for_a_change() {
    // The token endpoint answers, then Graph's port is closed.
    let tokens = graph(|_, _| Reply::Nothing).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let dead = format!("http://{}", closed.local_addr().expect("address"));
    drop(closed);
    let section = format!(
        "tenant_id = 'tid'\nclient_id = 'cid'\nclient_secret = 'hush'\n\
         base_url = '{dead}/v1.0'\nauthority_url = '{}'",
        tokens.base
    );
    let config = toml::from_str(&section).expect("section");
    let mail = GraphMail::new(&config, Arc::new(SystemClock)).expect("connection");
    let answers = mail.quarantine(&pulls(&["ann"])).await;
    assert!(
        matches!(answers[0], Err(MailboxError::Unavailable(_))),
        "{answers:?}"
    );
    assert!(matches!(
        mail.fetch_raw(&locator("ann")).await,
        Err(MailboxError::Unavailable(_))
    ));
}

#[tokio::test]
async fn f34_f35_a_change_without_a_readable_answer_has_an_unknown_outcome() {
    let html = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"respon";
    let half =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"respon";
    for octets in [&b""[..], html, cut, half] {
        let octets = octets.to_vec();
        let stand_in = graph(move |_, _| Reply::Octets(octets.clone())).await;
        let mail = connect(&stand_in.base);
        let answers = mail.quarantine(&pulls(&["ann", "bob"])).await;
        assert_eq!(answers.len(), 2);
        for answer in answers {
            assert!(
                matches!(answer, Err(MailboxError::OutcomeUnknown(_))),
                "{answer:?}"
            );
        }
        // A read of the same answer is safe to repeat and never unknown.
        let found = mail.search(&[mailbox("ann")], &by_id("a@b")).await;
        assert!(
            matches!(
                found[0],
                Err(MailboxError::Unavailable(_) | MailboxError::Malformed(_))
            ),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn f29_f30_f32_only_the_part_that_was_throttled_or_left_out_fails() {
    let stand_in = graph(|request, _| {
        batch(request, |part| {
            let url = part["url"].as_str().expect("url");
            assert_eq!(part["headers"]["Prefer"], "IdType=\"ImmutableId\"");
            if url.contains("/ann/") {
                return Some(json!({"status": 429, "headers": {"Retry-After": "2.128"},
                    "body": {"error": {"code": "ApplicationThrottled"}}}));
            }
            if url.contains("/bob/") {
                return None;
            }
            if url.contains("/cyd/") {
                return Some(json!({"status": 404, "headers": {},
                    "body": {"error": {"code": "ErrorItemNotFound"}}}));
            }
            if url.contains("/dan/") {
                return Some(json!({"status": 503, "headers": {"retry-after": "7"}, "body": null}));
            }
            Some(json!({"status": 201, "headers": {}, "body": message("quarantine-id")}))
        })
    })
    .await;
    let mail = connect(&stand_in.base);
    let moves = pulls(&["ann", "bob", "cyd", "dan", "eve"]);
    let answers = mail.quarantine(&moves).await;
    assert_eq!(
        answers[0],
        Err(MailboxError::Throttled {
            retry_after: Some(Duration::from_millis(2128))
        })
    );
    assert!(matches!(answers[1], Err(MailboxError::OutcomeUnknown(_))));
    assert_eq!(answers[2], Err(MailboxError::Gone));
    assert_eq!(
        answers[3],
        Err(MailboxError::Throttled {
            retry_after: Some(Duration::from_secs(7))
        })
    );
    assert_eq!(
        answers[4].as_ref().map(|place| place.containers.clone()),
        Ok(vec!["quarantine-id".to_owned()])
    );
    assert_eq!(stand_in.count("/$batch"), 1);
    // Before its time the throttled mailbox is not called at all; others are.
    let again = mail.quarantine(&pulls(&["dan", "eve"])).await;
    assert!(matches!(
        again[0],
        Err(MailboxError::Throttled { retry_after: Some(left) }) if left > Duration::from_secs(2)
    ));
    assert!(again[1].is_ok());
    let last = stand_in.seen.lock().expect("record").last().cloned();
    assert!(!last.expect("request").body.contains("/dan/"));
}

#[tokio::test]
async fn a_mailbox_that_rests_a_moment_keeps_no_other_one_waiting() {
    let stand_in = graph(|request, _| {
        batch(request, |part| {
            let first = !part["url"].as_str().expect("url").contains("again");
            if first && part["url"].as_str().expect("url").contains("/ann/") {
                return Some(json!({"status": 429, "headers": {"Retry-After": "0.6"}, "body": {}}));
            }
            Some(json!({"status": 200, "headers": {}, "body": {"value": []}}))
        })
    })
    .await;
    let mail = connect(&stand_in.base);
    let boxes = [mailbox("ann"), mailbox("bob")];
    assert!(mail.search(&boxes, &by_id("a@b")).await[0].is_err());
    let found = mail.search(&boxes, &by_id("again@b")).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    let seen = stand_in.seen.lock().expect("record").clone();
    let batches: Vec<_> = seen
        .iter()
        .filter(|r| r.target.contains("$batch"))
        .collect();
    // Bob's went out by itself, Ann's when her time had come.
    assert_eq!(batches.len(), 3);
    assert!(batches[1].body.contains("/bob/") && !batches[1].body.contains("/ann/"));
    assert!(batches[2].body.contains("/ann/") && !batches[2].body.contains("/bob/"));
}

#[tokio::test]
async fn f29_a_throttled_batch_throttles_every_part_and_names_its_wait() {
    let stand_in = graph(|_, _| {
        let at = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::UNIX_EPOCH);
        // A date in the past asks for no wait.
        let date = at.format("%a, %d %b %Y %H:%M:%S GMT");
        Reply::Json(429, format!("retry-after: {date}\r\n"), "{}".to_owned())
    })
    .await;
    let mail = connect(&stand_in.base);
    let boxes = [mailbox("ann"), mailbox("bob")];
    for answer in mail.search(&boxes, &by_id("a@b")).await {
        let error = answer.expect_err("throttled");
        let expected = MailboxError::Throttled {
            retry_after: Some(Duration::ZERO),
        };
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn fifty_first_calls_make_one_token_request() {
    let stand_in = graph(|_, _| ok(message("f").to_string())).await;
    let mail = Arc::new(connect(&stand_in.base));
    let calls = (0..50).map(|n| {
        let mail = Arc::clone(&mail);
        tokio::spawn(async move { mail.fetch_raw(&locator(&format!("u{n}"))).await.is_ok() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.expect("task"));
    }
    assert_eq!(stand_in.count("/oauth2/v2.0/token"), 1);
    let seen = stand_in.seen.lock().expect("record");
    let form = &seen[0].body;
    assert!(form.contains("scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"));
    assert!(form.contains("client_secret=hush"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let once = graph(|_, number| match number {
        1 => Reply::Json(401, String::new(), r#"{"error":{"code":"x"}}"#.to_owned()),
        _ => ok("raw".to_owned()),
    })
    .await;
    let raw = connect(&once.base).fetch_raw(&locator("ann")).await;
    assert_eq!(raw.as_deref(), Ok(&b"raw"[..]));
    assert_eq!(once.count("/oauth2/v2.0/token"), 2);

    let always = graph(|_, _| {
        Reply::Json(
            401,
            String::new(),
            r#"{"error":{"code":"InvalidAuthenticationToken"}}"#.to_owned(),
        )
    })
    .await;
    let raw = connect(&always.base).fetch_raw(&locator("ann")).await;
    assert_eq!(
        raw,
        Err(MailboxError::Unauthorized(
            "InvalidAuthenticationToken".to_owned()
        ))
    );
    assert_eq!(always.count("/messages/"), 2);
}

#[tokio::test]
async fn a_part_refused_for_its_token_goes_out_again() {
    let stand_in = graph(|request, number| {
        batch(request, |part| {
            let url = part["url"].as_str().expect("url");
            if number == 1 && url.contains("/ann/") {
                return Some(json!({"status": 401, "body": {"error": {"code": "x"}}}));
            }
            Some(json!({"status": 201, "body": message("quarantine-id")}))
        })
    })
    .await;
    let answers = connect(&stand_in.base)
        .quarantine(&pulls(&["ann", "bob"]))
        .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let seen = stand_in.seen.lock().expect("record");
    let second = &seen.last().expect("second batch").body;
    // What was carried out is not carried out twice.
    assert!(second.contains("/ann/") && !second.contains("/bob/"));
}

#[tokio::test]
async fn f37_a_refused_credential_and_a_broken_token_endpoint_are_told_apart() {
    for (status, body, expected) in [
        (
            401,
            r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"hush"}"#,
            MailboxError::Unauthorized("invalid_client (AADSTS7000215)".to_owned()),
        ),
        (
            503,
            "{}",
            MailboxError::Unavailable("token endpoint 503".to_owned()),
        ),
        (429, "{}", MailboxError::Throttled { retry_after: None }),
        (
            200,
            "<html>",
            MailboxError::Malformed("token endpoint".to_owned()),
        ),
    ] {
        let stand_in =
            StandIn::start(move |_, _| Reply::Json(status, String::new(), body.to_owned())).await;
        // No change was sent: its outcome is not unknown.
        let answers = connect(&stand_in.base).quarantine(&pulls(&["ann"])).await;
        assert_eq!(answers, [Err(expected)]);
    }
}

#[tokio::test]
async fn f42_pages_are_followed_only_where_they_came_from_and_only_once() {
    for (link, expected) in [
        (
            "http://127.0.0.1:9/v1.0/users/x",
            "page link leads elsewhere",
        ),
        ("/v1.0/users/x", "page link leads elsewhere"),
        ("{base}/elsewhere/users/x", "page link leads elsewhere"),
        ("{base}/v1.0evil/users/x", "page link leads elsewhere"),
        ("{base}/v1.0/users/ann/messages?$skip=1", "pages do not end"),
    ] {
        let stand_in = graph(move |request, _| {
            let host = request
                .headers
                .lines()
                .find_map(|line| line.strip_prefix("host: "))
                .expect("host");
            let link = link.replace("{base}", &format!("http://{host}"));
            let page = json!({"value": [message("f")], "@odata.nextLink": link});
            if request.target.ends_with("/$batch") {
                return batch(request, |_| {
                    Some(json!({"status": 200, "body": page.clone()}))
                });
            }
            ok(page.to_string())
        })
        .await;
        let mail = connect(&stand_in.base);
        let found = mail.search(&[mailbox("ann")], &by_id("a@b")).await;
        let error = found[0].as_ref().expect_err("refused").to_string();
        assert!(error.contains(expected), "{link}: {error}");
    }
}

#[tokio::test]
async fn f35_an_answer_without_end_is_cut_off() {
    let stand_in = graph(|_, _| {
        let mut octets =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n".to_vec();
        octets.resize(65 * 1024 * 1024, b'x');
        Reply::Octets(octets)
    })
    .await;
    let raw = connect(&stand_in.base).fetch_raw(&locator("ann")).await;
    assert!(
        matches!(raw, Err(MailboxError::Rejected { status: 413, .. })),
        "{:?}",
        raw.map(|raw| raw.len())
    );
}

#[tokio::test]
async fn f48_a_restore_falls_back_to_the_inbox_only_when_the_folder_is_gone() {
    // `ErrorItemNotFound` alone does not say what is missing: the folder is asked for.
    for folder_there in [false, true] {
        let stand_in = graph(move |request, _| {
            if request.target.ends_with("/$batch") {
                return batch(request, |_| {
                    Some(json!({"status": 404, "body": {"error": {"code": "ErrorItemNotFound"}}}))
                });
            }
            if request.target.contains("/mailFolders/inbox-id") {
                let missing = r#"{"error":{"code":"ErrorItemNotFound"}}"#;
                return if folder_there {
                    ok(r#"{"id":"inbox-id"}"#.to_owned())
                } else {
                    Reply::Json(404, String::new(), missing.to_owned())
                };
            }
            assert!(request.target.ends_with("/move"));
            assert!(request.body.contains("\"inbox\""));
            Reply::Json(201, String::new(), message("the-inbox").to_string())
        })
        .await;
        let moves = [RestoreMove {
            locator: locator("ann"),
            to: place(),
            quarantine: "quarantine-id".to_owned(),
        }];
        let answers = connect(&stand_in.base).restore(&moves).await;
        if folder_there {
            assert_eq!(answers, [Err(MailboxError::Gone)]);
        } else {
            let restored = answers[0].as_ref().expect("restored");
            assert!(restored.fallback_to_inbox);
            assert_eq!(restored.place.containers, ["the-inbox"]);
        }
    }
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_names_it() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let stand_in = graph(|_, _| ok("raw".to_owned())).await;
    let folder = tempfile::tempdir().expect("folder");
    let (key_file, certificate_file) = (folder.path().join("k"), folder.path().join("c"));
    let (key, public) = rsa_key();
    std::fs::write(&key_file, key).expect("key");
    // Only the octets matter: the thumbprint is theirs.
    let certificate = "-----BEGIN CERTIFICATE-----\nAAECAw==\n-----END CERTIFICATE-----\n";
    std::fs::write(&certificate_file, certificate).expect("certificate");
    let section = format!(
        "tenant_id = 'tid'\nclient_id = 'cid'\ncertificate_file = '{}'\nprivate_key_file = '{}'\n\
         base_url = '{base}/v1.0'\nauthority_url = '{base}'",
        certificate_file.display(),
        key_file.display(),
        base = stand_in.base
    );
    let config = toml::from_str(&section).expect("section");
    let mail = GraphMail::new(&config, Arc::new(SystemClock)).expect("connection");
    assert!(mail.fetch_raw(&locator("ann")).await.is_ok());
    let form = stand_in.seen.lock().expect("record")[0].body.clone();
    let assertion = url::form_urlencoded::parse(form.as_bytes())
        .find(|(name, _)| name == "client_assertion")
        .map(|(_, value)| value.into_owned())
        .expect("assertion");
    let mut parts = assertion.split('.');
    let mut part = || -> Value {
        let octets = URL_SAFE_NO_PAD.decode(parts.next().expect("part"));
        serde_json::from_slice(&octets.expect("base64")).expect("json")
    };
    let (header, claims) = (part(), part());
    assert_eq!(header["alg"], "PS256");
    // SHA-256 of 00 01 02 03.
    assert_eq!(
        header["x5t#S256"],
        "BU7ewdAhH2JP7Qy8qdT5QAsOSRxDdCryxbCr6_DJkNg"
    );
    assert_eq!(claims["iss"], "cid");
    assert_eq!(claims["sub"], "cid");
    let audience = format!("{}/tid/oauth2/v2.0/token", stand_in.base);
    assert_eq!(claims["aud"], audience);
    let (signed, signature) = assertion.rsplit_once('.').expect("signature");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::RSA_PSS_2048_8192_SHA256,
        public,
    )
    .verify(signed.as_bytes(), &signature)
    .expect("the signature holds");
}

/// A fresh RSA key as PEM, and its public half.
pub fn rsa_key() -> (String, Vec<u8>) {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::{KeyPair, KeySize},
        signature::KeyPair as _,
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("key");
    let der = pair.as_der().expect("der");
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ascii"))
        .collect();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    (pem, pair.public_key().as_ref().to_vec())
}

/// A mailbox with folders below folders.
fn with_folders(request: &Request, broken: bool) -> Reply {
    let folder = |id: &str, name: &str, parent: &str| json!({"id": id, "displayName": name, "parentFolderId": parent});
    batch(request, |part| {
        let url = part["url"].as_str().expect("url");
        if url.contains("/mailFolders/sentitems") {
            return Some(json!({"status": 200, "body": {"id": "sent"}}));
        }
        if broken && url.contains("mailFolders") {
            return Some(json!({"status": 403, "body": {"error": {"code": "ErrorAccessDenied"}}}));
        }
        let body = if url.contains("/messages/") {
            let key = url.split('/').nth(2).expect("key");
            message(&format!("folder-of-{key}"))
        } else if url.contains("/mailFolders?") {
            json!({"value": [{"id": "folder-of-ann", "displayName": "Posteingang"},
                             {"id": "projects", "displayName": "Projects"}]})
        } else if url.contains("msgfolderroot") {
            json!({"id": "root"})
        } else if url.contains("/folder-of-bob") {
            folder("folder-of-bob", "March\u{1b}", "year")
        } else if url.contains("/year") {
            folder("year", "2026", "projects")
        } else if url.contains("/folder-of-cyd") {
            folder("folder-of-cyd", "Beyond the first page", "root")
        } else {
            return Some(json!({"status": 404, "body": {"error": {"code": "ErrorItemNotFound"}}}));
        };
        Some(json!({"status": 200, "body": body}))
    })
}

#[tokio::test]
async fn a_folder_is_named_by_its_path_once_and_by_nothing_where_it_cannot_be() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let stand_in = graph(move |request, _| {
        log.lock().expect("log").push(request.body.clone());
        with_folders(request, false)
    })
    .await;
    let mail = connect(&stand_in.base);
    let locators = ["ann", "bob", "cyd", "dee"].map(locator);
    let names = |looks: Vec<Result<Option<unhook::mailbox::Seen>, MailboxError>>| {
        looks
            .into_iter()
            .map(|look| look.expect("an answer").expect("there").place.names)
            .collect::<Vec<_>>()
    };
    let expected = [
        vec!["Posteingang".to_owned()],
        vec!["Projects/2026/March".to_owned()],
        vec!["Beyond the first page".to_owned()],
        Vec::new(),
    ];
    assert_eq!(names(mail.inspect(&locators).await), expected);
    asked.lock().expect("log").clear();
    assert_eq!(names(mail.inspect(&locators[..3]).await), expected[..3]);
    let again = asked.lock().expect("log").clone();
    assert!(
        !again.iter().any(|body| body.contains("mailFolders")),
        "names are asked for once: {again:?}"
    );

    let stand_in = graph(|request, _| with_folders(request, true)).await;
    let looks = connect(&stand_in.base).inspect(&locators).await;
    for look in looks {
        let place = look.expect("a name is no condition").expect("there").place;
        assert!(place.names.is_empty() && place.containers[0].starts_with("folder-of-"));
    }
}

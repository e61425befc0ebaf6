//! Every way a Gmail exchange can end, and what it is taken for.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use unhook::{
    clock::SystemClock,
    domain::{Locator, MailboxRef, MessageQuery, Place, Provider},
    mailbox::{Content, MailProvider, MailReader, MailboxError, QuarantineMove, gmail::GmailMail},
};

use super::{
    graph_wire::rsa_key,
    stand_in::{Reply, Request, StandIn},
};

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#;

async fn connect(base: &str) -> GmailMail {
    let key = json!({
        "type": "service_account",
        "client_email": "sa@project.example",
        "private_key": rsa_key().0,
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let section = format!(
        "service_account = '''{key}'''\nadmin_subject = 'admin@x.example'\n\
         base_url = '{base}'\ntoken_url = '{base}/token'"
    );
    let config = toml::from_str(&section).expect("section");
    GmailMail::new(&config, Arc::new(SystemClock))
        .await
        .expect("connection")
}

async fn gmail(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> StandIn {
    StandIn::start(move |request, number| {
        if request.target == "/token" {
            return ok(TOKEN.to_owned());
        }
        answer(request, number)
    })
    .await
}

fn ok(body: String) -> Reply {
    Reply::Json(200, String::new(), body)
}

fn refused(status: u16, reason: &str) -> Reply {
    let body = json!({"error": {"code": status, "errors": [{"reason": reason}]}});
    Reply::Json(status, "retry-after: 2.5\r\n".to_owned(), body.to_string())
}

fn mailbox(name: &str) -> MailboxRef {
    let address = format!("{name}@x.example");
    let parsed = address.parse().expect("address");
    MailboxRef::new(Provider::Gmail, address, parsed).expect("mailbox")
}

fn locator(name: &str) -> Locator {
    Locator::new(mailbox(name), "18ff").expect("locator")
}

fn pulls(names: &[&str]) -> Vec<QuarantineMove> {
    names
        .iter()
        .map(|name| QuarantineMove {
            locator: locator(name),
            from: Place {
                containers: vec!["INBOX".to_owned(), "Label_4".to_owned()],
                names: Vec::new(),
                read: true,
                flagged: false,
                categories: Vec::new(),
            },
            quarantine: "Label_9".to_owned(),
        })
        .collect()
}

fn by_id(id: &str) -> MessageQuery {
    MessageQuery::by_ids([id], "2026-01-01T00:00:00Z".parse().expect("time"))
}

#[tokio::test]
async fn f46_refusals_are_read_by_their_reason() {
    let wait = Some(Duration::from_millis(2500));
    for (status, reason, expected) in [
        (
            403,
            "userRateLimitExceeded",
            MailboxError::Throttled { retry_after: wait },
        ),
        (
            429,
            "rateLimitExceeded",
            MailboxError::Throttled { retry_after: wait },
        ),
        (
            403,
            "insufficientPermissions",
            MailboxError::Forbidden("insufficientPermissions".to_owned()),
        ),
        (
            400,
            "failedPrecondition",
            MailboxError::NoMailbox("failedPrecondition".to_owned()),
        ),
        (404, "notFound", MailboxError::Gone),
    ] {
        let stand_in = gmail(move |_, _| refused(status, reason)).await;
        let mail = connect(&stand_in.base).await;
        let raw = mail.fetch_raw(&locator("ann")).await;
        assert_eq!(raw, Err(expected), "{status} {reason}");
    }
}

#[tokio::test]
async fn a_refusal_without_json_keeps_its_status() {
    let octets = b"HTTP/1.1 503 X\r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nbusy".to_vec();
    let stand_in = gmail(move |_, _| Reply::Octets(octets.clone())).await;
    let answers = connect(&stand_in.base)
        .await
        .quarantine(&pulls(&["ann"]))
        .await;
    let expected = MailboxError::Throttled {
        retry_after: Some(Duration::from_secs(3)),
    };
    assert_eq!(answers, [Err(expected)]);
}

#[tokio::test]
async fn f34_f35_a_change_without_a_readable_answer_has_an_unknown_outcome() {
    let html = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let cut =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"id";
    let other = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"id\":\"ffff\"}";
    for octets in [&b""[..], html, cut, other] {
        let octets = octets.to_vec();
        let stand_in = gmail(move |_, _| Reply::Octets(octets.clone())).await;
        let mail = connect(&stand_in.base).await;
        for answer in mail.quarantine(&pulls(&["ann", "bob"])).await {
            assert!(
                matches!(answer, Err(MailboxError::OutcomeUnknown(_))),
                "{answer:?}"
            );
        }
        let raw = mail.fetch_raw(&locator("ann")).await;
        assert!(
            matches!(
                raw,
                Err(MailboxError::Unavailable(_) | MailboxError::Malformed(_))
            ),
            "{raw:?}"
        );
    }
}

#[tokio::test]
async fn fifty_first_calls_make_one_token_request_with_the_named_scope() {
    let stand_in = gmail(|_, _| ok(json!({"messages": []}).to_string())).await;
    let mail = Arc::new(connect(&stand_in.base).await);
    let calls = (0..50).map(|_| {
        let mail = Arc::clone(&mail);
        tokio::spawn(async move {
            let found = mail.search(&[mailbox("ann")], &by_id("a@b")).await;
            found[0].is_ok()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.expect("task"));
    }
    assert_eq!(stand_in.count("/token"), 1);
    let claims = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let form = stand_in.seen.lock().expect("record")[0].body.clone();
        let jwt = form
            .split("assertion=")
            .nth(1)
            .expect("assertion")
            .to_owned();
        let claims = jwt.split('.').nth(1).expect("claims").replace("%3D", "");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
        serde_json::from_slice::<Value>(&claims).expect("claims")
    };
    assert_eq!(claims["sub"], "ann@x.example");
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/gmail.modify"
    );
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let once = gmail(|_, number| match number {
        1 => refused(401, "authError"),
        _ => ok(json!({"id": "18ff", "labelIds": ["INBOX"], "raw": "YQ"}).to_string()),
    })
    .await;
    let mail = connect(&once.base).await;
    let seen = mail.inspect(&[locator("ann")]).await;
    let seen = seen[0].as_ref().expect("answer").as_ref().expect("message");
    assert_eq!(seen.place.containers, ["INBOX"]);
    assert!(matches!(&seen.content, Content::Raw(raw) if raw.as_ref() == b"a"));
    assert_eq!(once.count("/token"), 2);

    let always = gmail(|_, _| refused(401, "authError")).await;
    let mail = connect(&always.base).await;
    let raw = mail.fetch_raw(&locator("ann")).await;
    assert_eq!(raw, Err(MailboxError::Unauthorized("authError".to_owned())));
    assert_eq!(always.count("/messages/"), 2);
}

#[tokio::test]
async fn f37_a_person_who_cannot_be_impersonated_has_no_mailbox() {
    for (body, expected) in [
        (
            r#"{"error":"invalid_grant","error_description":"Invalid email or User ID"}"#,
            MailboxError::NoMailbox("invalid_grant".to_owned()),
        ),
        (
            r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
            MailboxError::Unauthorized("invalid_grant".to_owned()),
        ),
        (
            r#"{"error":"unauthorized_client"}"#,
            MailboxError::Unauthorized("unauthorized_client".to_owned()),
        ),
        (
            "<html>",
            MailboxError::Unavailable("token endpoint gave no token".to_owned()),
        ),
    ] {
        let stand_in =
            StandIn::start(move |_, _| Reply::Json(400, String::new(), body.to_owned())).await;
        let mail = connect(&stand_in.base).await;
        // Nothing was sent to Gmail: the outcome of the change is not unknown.
        let answers = mail.quarantine(&pulls(&["ann"])).await;
        assert_eq!(answers, [Err(expected)]);
        assert_eq!(stand_in.count("/gmail/"), 0);
    }
}

#[tokio::test]
async fn f46_a_removed_quarantine_label_is_made_anew_next_time() {
    let stand_in = gmail(|request, _| match request.target.as_str() {
        target if target.contains("/modify") => refused(400, "invalidArgument"),
        _ if request.method == "POST" => ok(json!({"id": "Label_9"}).to_string()),
        _ => ok(json!({"labels": [{"id": "INBOX", "name": "INBOX"}]}).to_string()),
    })
    .await;
    let mail = connect(&stand_in.base).await;
    let boxes = [mailbox("ann")];
    assert_eq!(mail.quarantine_of(&boxes).await, [Ok("Label_9".to_owned())]);
    assert_eq!(mail.quarantine_of(&boxes).await, [Ok("Label_9".to_owned())]);
    let made = || {
        let seen = stand_in.seen.lock().expect("record");
        seen.iter()
            .filter(|r| r.method == "POST" && r.target.contains("/labels"))
            .count()
    };
    assert_eq!(made(), 1);
    let answers = mail.quarantine(&pulls(&["ann"])).await;
    assert!(
        matches!(answers[0], Err(MailboxError::Unavailable(_))),
        "{answers:?}"
    );
    assert_eq!(mail.quarantine_of(&boxes).await, [Ok("Label_9".to_owned())]);
    assert_eq!(made(), 2);
}

#[tokio::test]
async fn f35_an_answer_without_end_is_cut_off() {
    let stand_in = gmail(|_, _| {
        let mut octets =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
                .to_vec();
        octets.resize(100 * 1024 * 1024, b' ');
        octets.extend_from_slice(br#"{"id":"18ff","raw":"YQ=="}"#);
        Reply::Octets(octets)
    })
    .await;
    let raw = connect(&stand_in.base)
        .await
        .fetch_raw(&locator("ann"))
        .await;
    assert!(raw.is_err(), "{:?}", raw.map(|raw| raw.len()));
}

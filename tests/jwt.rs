//! Tokens through a real HTTP endpoint: real routes, key sets from a second
//! real server, the clock standing where the cases say.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]
// The key servers speak plain http, which only this feature allows.
#![cfg(feature = "sim")]

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};
use unhook::auth::{ReporterVerifier, Subject};

#[path = "jwt/stage.rs"]
mod stage;

use stage::{ADDON_ACCOUNT, Answer, Cases, Servers, Signer, cases, start};

fn is_refusal(answer: &Answer) -> bool {
    let header = |name| answer.headers.get(name).and_then(|v| v.to_str().ok());
    answer.status == 401
        && header("www-authenticate") == Some(r#"Bearer error="invalid_token""#)
        && header("content-type") == Some("application/problem+json")
        && answer.body["status"] == 401
        && answer.body["code"] == "invalid_token"
}

/// Whom a token names, read without any check.
fn identity_in(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("claims");
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    if text("iss").contains("google") {
        format!("google:{}", text("sub"))
    } else {
        format!("entra:{}:{}", text("tid"), text("oid"))
    }
}

#[actix_web::test]
async fn every_case_gets_its_verdict() {
    let Some(cases) = cases() else {
        eprintln!("left out: vectors/jwt/cases.json is not there");
        return;
    };
    assert_eq!(cases.n, cases.cases.len());
    let servers = start(&cases).await;
    let mut wrong = Vec::new();
    let mut accepted_reports = 0;
    for case in &cases.cases {
        let answer = match case.endpoint.as_str() {
            "report" => servers.report(&case.token).await,
            "pubsub" => servers.push(&case.token).await,
            "graph-notify" => servers.notify(&[&case.token]).await,
            other => panic!("{}: endpoint {other}", case.id),
        };
        let success = (200..300).contains(&answer.status);
        let accepted = success && case.endpoint == "report";
        let row = if accepted {
            Some(servers.stored(&answer).await)
        } else {
            None
        };
        let guest = row.as_ref().is_some_and(|row| row.guest);
        accepted_reports += usize::from(row.is_some());
        if let Some(row) = row {
            assert_eq!(row.reporter, identity_in(&case.token), "{}", case.id);
        }
        let right = match case.expect.as_str() {
            "accept" => success && !guest,
            "accept-but-guest" => success && guest,
            "reject" => is_refusal(&answer),
            "either" => answer.status < 500,
            other => panic!("{}: expectation {other}", case.id),
        };
        if !right {
            wrong.push(format!(
                "{} ({}): wanted {}, got {} {}",
                case.id, case.why, case.expect, answer.status, answer.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(servers.reports().await, accepted_reports);
    // All that went out: each issuer's keys, once.
    assert_eq!(servers.issuers.fetches(), 2);
}

/// The cases' tenant with key sets of our own; the time is the cases' too.
async fn own(signer: &Signer) -> Servers {
    let servers = start(&Cases::for_own_keys()).await;
    servers.issuers.publish(&[signer.jwk()]);
    servers
}

fn entra(servers: &Servers) -> Value {
    let now = servers.now();
    json!({
        "iss": "https://login.microsoftonline.com/11111111-aaaa-4aaa-8aaa-111111111111/v2.0",
        "tid": "11111111-aaaa-4aaa-8aaa-111111111111", "ver": "2.0", "aud": "api",
        "azp": "44444444-dddd-4ddd-8ddd-444444444444", "scp": "Report.Submit",
        "oid": "66666666-0000-4000-8000-000000000001",
        "iat": now - 60, "nbf": now - 60, "exp": now + 3_600,
    })
}

fn google(servers: &Servers, aud: &str) -> Value {
    let now = servers.now();
    json!({
        "iss": "https://accounts.google.com", "aud": aud, "sub": "1099", "hd": "example.com",
        "email": "ann@example.com", "email_verified": true, "iat": now - 60, "exp": now + 3_540,
    })
}

#[actix_web::test]
async fn f28_ten_thousand_unknown_key_names_cost_one_fetch_in_five_minutes() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    let good = signer.sign(&entra(&servers));
    assert_eq!(servers.report(&good).await.status, 202);
    assert_eq!(servers.issuers.fetches(), 1);
    servers.clock.advance(TimeDelta::minutes(5));
    let claims = entra(&servers);
    for batch in 0..100 {
        let sent = (0..100).map(|i| {
            let token = stage::unsigned(&format!("{batch}-{i}"), &claims);
            let servers = &servers;
            async move { servers.report(&token).await }
        });
        for answer in futures::future::join_all(sent).await {
            assert!(is_refusal(&answer), "{} {}", answer.status, answer.body);
        }
    }
    assert_eq!(servers.issuers.fetches(), 2);
    assert_eq!(servers.report(&signer.sign(&claims)).await.status, 202);
    assert_eq!(servers.issuers.fetches(), 2);
}

#[actix_web::test]
async fn f28_reports_go_on_while_the_issuer_is_down_for_a_day() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    assert_eq!(
        servers.report(&signer.sign(&entra(&servers))).await.status,
        202
    );
    servers.issuers.down.store(true, Ordering::SeqCst);
    for hour in 1..=30 {
        servers.clock.advance(TimeDelta::hours(1));
        let answer = servers.report(&signer.sign(&entra(&servers))).await;
        assert_eq!(answer.status, 202, "after {hour} hours");
    }
    assert!(servers.issuers.fetches() > 1, "nothing was tried");
}

#[actix_web::test]
async fn f28_without_any_keys_the_answer_is_try_again_not_who_are_you() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    servers.issuers.down.store(true, Ordering::SeqCst);
    let answer = servers.report(&signer.sign(&entra(&servers))).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["code"], "identity_provider_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    servers.issuers.down.store(false, Ordering::SeqCst);
    servers.clock.advance(TimeDelta::seconds(30));
    assert_eq!(
        servers.report(&signer.sign(&entra(&servers))).await.status,
        202
    );
}

#[actix_web::test]
async fn f28_keys_rotate_without_a_restart() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let servers = own(&old).await;
    assert_eq!(
        servers.report(&old.sign(&entra(&servers))).await.status,
        202
    );
    servers.issuers.publish(&[old.jwk(), new.jwk()]);
    servers.clock.advance(TimeDelta::minutes(5));
    assert_eq!(
        servers.report(&new.sign(&entra(&servers))).await.status,
        202
    );
    assert_eq!(
        servers.report(&old.sign(&entra(&servers))).await.status,
        202
    );
    servers.issuers.publish(&[new.jwk()]);
    servers.clock.advance(TimeDelta::hours(24));
    assert!(is_refusal(
        &servers.report(&old.sign(&entra(&servers))).await
    ));
    assert_eq!(
        servers.report(&new.sign(&entra(&servers))).await.status,
        202
    );
}

#[actix_web::test]
async fn an_oversized_token_is_refused_before_any_key_is_looked_for() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    let mut claims = entra(&servers);
    claims["pad"] = json!("x".repeat(16_000));
    assert!(is_refusal(&servers.report(&signer.sign(&claims)).await));
    assert_eq!(servers.issuers.fetches(), 0);
    claims["pad"] = json!("x".repeat(8_000));
    assert_eq!(servers.report(&signer.sign(&claims)).await.status, 202);
}

#[actix_web::test]
async fn a_key_published_for_another_issuer_signs_nothing_here() {
    let (own_key, foreign) = (Signer::new("own"), Signer::new("foreign"));
    let servers = own(&own_key).await;
    let with = |signer: &Signer, issuer: &str| {
        let mut jwk = signer.jwk();
        jwk["issuer"] = json!(issuer);
        jwk
    };
    servers.issuers.publish(&[
        with(
            &own_key,
            "https://login.microsoftonline.com/{tenantid}/v2.0",
        ),
        with(
            &foreign,
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        ),
    ]);
    let claims = entra(&servers);
    assert_eq!(servers.report(&own_key.sign(&claims)).await.status, 202);
    assert!(is_refusal(&servers.report(&foreign.sign(&claims)).await));
    assert!(is_refusal(
        &servers.report(&foreign.sign_as("own", &claims)).await
    ));
}

#[actix_web::test]
async fn google_people_report_and_google_services_do_not() {
    let signer = Signer::new("g");
    let servers = own(&signer).await;
    let person = google(&servers, "1-a.apps.googleusercontent.com");
    let answer = servers.report(&signer.sign(&person)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(servers.stored(&answer).await.reporter, "google:1099");
    let mut consumer = person.clone();
    consumer.as_object_mut().expect("object").remove("hd");
    assert!(is_refusal(&servers.report(&signer.sign(&consumer)).await));
    let mut service = google(&servers, "https://phish.example/hooks/gmail");
    service["email"] = json!("gmail-push@proj.iam.gserviceaccount.com");
    assert!(is_refusal(&servers.report(&signer.sign(&service)).await));
    assert_eq!(servers.push(&signer.sign(&service)).await.status, 204);
}

#[actix_web::test]
async fn the_gmail_add_on_needs_its_account_its_address_and_a_person() {
    let signer = Signer::new("g");
    let servers = own(&signer).await;
    let clock = Arc::new(servers.clock.clone());
    let verifier = ReporterVerifier::new(&servers.section, clock).expect("verifier");
    let mut system = google(&servers, "https://phish.example/gmail/report");
    system["email"] = json!(ADDON_ACCOUNT);
    system.as_object_mut().expect("object").remove("hd");
    let person = google(&servers, "1-a.apps.googleusercontent.com");
    let ask = async |system: &Value, person: &Value, path| {
        let (system, person) = (signer.sign(system), signer.sign(person));
        verifier.verify_addon(&system, &person, path).await
    };
    let reporter = ask(&system, &person, "/gmail/report")
        .await
        .expect("accepted");
    assert!(matches!(&reporter.subject, Subject::Google { hd, .. } if hd == "example.com"));
    assert!(ask(&system, &person, "/gmail/home").await.is_err());
    assert!(ask(&person, &person, "/gmail/report").await.is_err());
    assert!(ask(&system, &system, "/gmail/report").await.is_err());
    system["email"] = json!("service-2@gcp-sa-gsuiteaddons.iam.gserviceaccount.com");
    assert!(ask(&system, &person, "/gmail/report").await.is_err());
}

#[actix_web::test]
async fn the_authorization_header_has_one_form() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    let token = signer.sign(&entra(&servers));
    let ask = async |values: &[String]| {
        let url = format!("{}/api/v1/reports", servers.base);
        let mut request = servers.client.post(url).body(stage::REPORT);
        request = request.header("content-type", "application/json");
        for value in values {
            request = request.header("authorization", value);
        }
        request.send().await.expect("answer").status().as_u16()
    };
    assert_eq!(ask(&[format!("Bearer {token}")]).await, 202);
    assert_eq!(ask(&[]).await, 401);
    assert_eq!(ask(&[format!("Bearer  {token}")]).await, 401);
    assert_eq!(ask(&[format!("Token {token}")]).await, 401);
    let twice = format!("Bearer {token}");
    assert_eq!(ask(&[twice.clone(), twice]).await, 401);
    assert_eq!(servers.reports().await, 1, "refused ones leave no row");
}

#[actix_web::test]
async fn f53_graphs_handshake_is_echoed_as_plain_text_only() {
    let servers = own(&Signer::new("k")).await;
    let ask = async |query: &str| {
        let path = format!("/hooks/graph?{query}");
        servers.send(&path, None, String::new()).await
    };
    let answer = ask("validationToken=Validation%3a+%3Cscript%3E%26%C3%A9").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, json!("Validation: <script>&é"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let longest = format!("validationToken={}", "a".repeat(2048));
    assert_eq!(ask(&longest).await.status, 200);
    assert_eq!(ask(&format!("{longest}a")).await.status, 400);
    assert_eq!(ask("validationToken=").await.status, 400);
    assert_eq!(ask("validationToken=a&validationToken=b").await.status, 400);
    assert_eq!(servers.issuers.fetches(), 0);
}

#[actix_web::test]
async fn a_notification_is_taken_only_whole_and_verified() {
    let signer = Signer::new("k");
    let servers = own(&signer).await;
    let mut claims = entra(&servers);
    claims["aud"] = json!("44444444-dddd-4ddd-8ddd-444444444444");
    claims["azp"] = json!("0bf30f3b-4a52-48df-9a82-234910c4a086");
    let good = signer.sign(&claims);
    let bad = signer.sign(&entra(&servers));
    assert_eq!(servers.notify(&[&good, &good]).await.status, 202);
    assert!(is_refusal(&servers.notify(&[&good, &bad]).await));
    assert!(is_refusal(&servers.notify(&[]).await));
    assert_eq!(servers.notify(&[good.as_str(); 17]).await.status, 400);
    for body in [
        "",
        "[]",
        "{",
        r#"{"value":1}"#,
        r#"{"value":[],"value":[]}"#,
    ] {
        let answer = servers.send("/hooks/graph", None, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.body["code"], "malformed_notification");
    }

    let mut push = google(&servers, "https://phish.example/hooks/gmail");
    push["email"] = json!("gmail-push@proj.iam.gserviceaccount.com");
    let push = signer.sign(&push);
    for body in [
        "",
        r#"{"message":{"data":"%%"}}"#,
        r#"{"message":{"data":"e30="}}"#,
    ] {
        let answer = servers
            .send("/hooks/gmail", Some(&push), body.to_owned())
            .await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let big = " ".repeat(70_000);
    assert_eq!(
        servers.send("/hooks/gmail", Some(&push), big).await.status,
        413
    );
    let unsigned = servers.send("/hooks/gmail", None, "{}".to_owned()).await;
    assert!(is_refusal(&unsigned));
}

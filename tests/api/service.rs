//! Health, metrics, headers, the document, and the console beside them.

use actix_web::http::{Method, StatusCode};
use serde_json::json;
use unhook::domain::Provider;

use super::{Api, request};

#[actix_web::test]
async fn every_answer_carries_the_security_headers() {
    let api = Api::new().await;
    for path in [
        "/healthz",
        "/api/v1/openapi.json",
        "/nothing",
        "/api/v1/submissions",
    ] {
        let answer = api.get(path, "").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert_eq!(answer.header("strict-transport-security"), "", "plain http");
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
    let https = |config: &mut unhook::config::Config| {
        config.server.public_url = "https://unhook.contoso.example".parse().ok();
    };
    let api = Api::with(https).await;
    let answer = api.get("/healthz", "").await;
    assert!(
        answer
            .header("strict-transport-security")
            .starts_with("max-age=")
    );
}

#[actix_web::test]
async fn the_console_is_mounted_with_its_own_policy_and_pages() {
    let api = Api::new().await;
    let answer = api.get("/", "").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/console")
    );
    let answer = api.get("/console/sign-in", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer
            .header("content-security-policy")
            .contains("style-src 'self'")
    );
    assert!(answer.header("content-type").starts_with("text/html"));
    let answer = api.get("/console/nothing", "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(
        answer.header("content-type").starts_with("text/html"),
        "{answer:?}"
    );
}

#[actix_web::test]
async fn readiness_names_the_part_that_fails() {
    let api = Api::new().await;
    assert_eq!(api.get("/readyz", "").await.status, StatusCode::OK);
    let root = api.app.blobs.root().to_owned();
    std::fs::remove_dir_all(&root).expect("removed");
    std::fs::write(&root, "in the way").expect("written");
    let answer = api.get("/readyz", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "not_ready");
    assert!(
        answer.json()["detail"]
            .as_str()
            .is_some_and(|d| d.contains("blob"))
    );
    assert_eq!(api.get("/healthz", "").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn metrics_count_requests_reports_jobs_and_copies() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    let body = json!({"client": "api", "item_id": "counted"});
    assert_eq!(
        api.post("/api/v1/reports", &token, &body).await.status,
        StatusCode::ACCEPTED
    );
    api.get(&format!("/api/v1/reports/rpt_{}", "0".repeat(32)), &token)
        .await;
    api.get("/made/up/by/a/stranger", "").await;
    let answer = api.get("/metrics", "").await;
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    for line in [
        "unhook_reports_accepted_total ",
        r#"unhook_http_requests_total{route="/api/v1/reports",method="POST",status="202"} "#,
        r#"unhook_http_requests_total{route="/api/v1/reports/{id}",method="GET",status="404"} "#,
        r#"unhook_http_requests_total{route="unmatched",method="GET",status="404"} "#,
        r#"unhook_jobs{state="ready"} "#,
        r#"unhook_jobs{state="parked"} "#,
        r#"unhook_pulls{state="pulled"} "#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(
        !text.contains("stranger") && !text.contains("rpt_"),
        "{text}"
    );
}

#[actix_web::test]
async fn the_document_is_openapi_3_1_and_resolves_its_own_references() {
    let api = Api::new().await;
    let document = api.get("/api/v1/openapi.json", "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    let mut references = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap_or_default();
        assert!(
            document.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
        references += 1;
    }
    assert!(references > 10, "{references}");
    assert!(document["components"]["securitySchemes"]["api_key"].is_object());
    let mut ids = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("item").values() {
            let id = operation["operationId"].as_str().expect("an operationId");
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
    }
}

#[actix_web::test]
async fn a_hook_that_is_refused_answers_with_a_document() {
    let api = Api::new().await;
    let answer = api
        .call(request(Method::POST, "/hooks/gmail", "x.y.z").set_payload("{}"))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.problem(), "invalid_token");
}

//! Every operation of the document asks who is there: a new one without it
//! fails here.

use std::collections::BTreeSet;

use actix_web::http::{Method, StatusCode};
use serde_json::json;
use unhook::{domain::Provider, http::openapi};

use super::{Api, request};

/// What anybody may ask.
const PUBLIC: [&str; 4] = ["/api/v1/openapi.json", "/healthz", "/metrics", "/readyz"];

/// An operation: method, path with ids filled in, and what it asks for.
struct Operation {
    method: Method,
    path: String,
    security: Vec<(String, Vec<String>)>,
}

fn operations() -> Vec<Operation> {
    let document = openapi::document();
    let mut found = Vec::new();
    for (template, item) in &document.paths.paths {
        for (method, operation) in openapi::methods(item) {
            let value = serde_json::to_value(operation).expect("json");
            let security = value["security"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|entry| entry.as_object().cloned().unwrap_or_default())
                .map(|(scheme, scopes)| (scheme, serde_json::from_value(scopes).expect("scopes")))
                .collect();
            let prefix = match template.split('/').nth(3) {
                Some("reports") => "rpt",
                Some("submissions") => "sub",
                Some("campaigns") => "cmp",
                Some("searches") => "sch",
                Some("approvals") => "apr",
                _ => "pul",
            };
            let id = format!("{prefix}_{}", "0".repeat(32));
            found.push(Operation {
                method,
                path: template
                    .replace("{id}", &id)
                    .replace("{submission}", &format!("sub_{}", "0".repeat(32)))
                    .replace("{version}", "000000000000"),
                security,
            });
        }
    }
    found
}

#[actix_web::test]
async fn the_documents_operations_are_these() {
    let list: Vec<String> = openapi::operations()
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    insta::assert_snapshot!(list.join("\n"), @r"
    GET /api/v1/approvals
    GET /api/v1/approvals/{id}
    POST /api/v1/approvals/{id}/approve
    POST /api/v1/approvals/{id}/refuse
    POST /api/v1/approvals/{id}/withdraw
    GET /api/v1/audit
    GET /api/v1/campaigns
    GET /api/v1/campaigns/{id}
    GET /api/v1/campaigns/{id}/clicks
    POST /api/v1/campaigns/{id}/clicks
    POST /api/v1/campaigns/{id}/halt
    GET /api/v1/campaigns/{id}/members
    POST /api/v1/campaigns/{id}/members/{submission}/remove
    POST /api/v1/campaigns/{id}/merge
    POST /api/v1/campaigns/{id}/objections
    GET /api/v1/campaigns/{id}/pulls
    POST /api/v1/campaigns/{id}/restore
    POST /api/v1/campaigns/{id}/resume
    POST /api/v1/campaigns/{id}/split
    GET /api/v1/campaigns/{id}/variants
    GET /api/v1/indicators
    POST /api/v1/indicators
    POST /api/v1/indicators/withdraw
    GET /api/v1/jobs/parked
    GET /api/v1/kill-switch
    POST /api/v1/kill-switch
    POST /api/v1/kill-switch/release
    GET /api/v1/openapi.json
    GET /api/v1/policies
    POST /api/v1/policies
    GET /api/v1/policies/{version}
    POST /api/v1/policies/{version}/activate
    POST /api/v1/policies/{version}/trial
    GET /api/v1/pulls/{id}
    POST /api/v1/pulls/{id}/pull
    POST /api/v1/pulls/{id}/restore
    GET /api/v1/reporters/me
    GET /api/v1/reporters/statistics
    GET /api/v1/reports
    POST /api/v1/reports
    GET /api/v1/reports/{id}
    GET /api/v1/searches
    POST /api/v1/searches
    GET /api/v1/searches/{id}
    GET /api/v1/searches/{id}/hits
    GET /api/v1/searches/{id}/hits.csv
    GET /api/v1/searches/{id}/mailboxes
    GET /api/v1/searches/{id}/receipt
    GET /api/v1/submissions
    GET /api/v1/submissions/{id}
    GET /api/v1/submissions/{id}/assessments
    GET /api/v1/submissions/{id}/indicators
    GET /api/v1/submissions/{id}/raw
    POST /api/v1/submissions/{id}/verdict
    GET /healthz
    GET /metrics
    GET /readyz
    ");
}

#[actix_web::test]
async fn only_the_listed_operations_are_public_and_every_other_answers_401() {
    let api = Api::new().await;
    let mut public = BTreeSet::new();
    for operation in operations() {
        let answer = api
            .call(request(operation.method.clone(), &operation.path, ""))
            .await;
        if operation.security.is_empty() {
            assert_eq!(answer.status, StatusCode::OK, "{}", operation.path);
            public.insert(operation.path);
        } else {
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{}",
                operation.path
            );
            assert_eq!(answer.problem(), "invalid_token");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert_eq!(public, BTreeSet::from(PUBLIC.map(ToOwned::to_owned)));
}

#[actix_web::test]
async fn a_key_opens_only_what_its_scopes_name() {
    let api = Api::new().await;
    let (_, nothing) = api.key("", 1).await;
    let (_, admin) = api.key("admin", 1).await;
    let mut checked = 0;
    for operation in operations() {
        for (scheme, scopes) in &operation.security {
            let call = |token: String| request(operation.method.clone(), &operation.path, &token);
            if scheme == "reporter" {
                let answer = api.call(call(admin.clone())).await;
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{}",
                    operation.path
                );
                continue;
            }
            checked += 1;
            let answer = api.call(call(nothing.clone())).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", operation.path);
            assert_eq!(answer.problem(), "insufficient_scope");
            let wanted = scopes.first().expect("a scope");
            assert!(
                answer.header("www-authenticate").contains(wanted.as_str()),
                "{answer:?}"
            );
            let detail = answer.json()["detail"].to_string();
            assert!(detail.contains(wanted.as_str()), "{detail}");
            for token in [api.key(wanted, 1).await.1, admin.clone()] {
                let answer = api.call(call(token)).await;
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{}", operation.path);
                assert_ne!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{}",
                    operation.path
                );
            }
        }
    }
    assert!(checked > 8, "{checked}");
}

#[actix_web::test]
async fn a_reporters_token_opens_nothing_of_the_analysts() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    assert_eq!(
        api.get("/api/v1/reports", &token).await.status,
        StatusCode::OK
    );
    for operation in operations() {
        if operation
            .security
            .iter()
            .any(|(scheme, _)| scheme == "api_key")
        {
            let answer = api
                .call(request(operation.method, &operation.path, &token))
                .await;
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{}",
                operation.path
            );
        }
    }
}

#[actix_web::test]
async fn all_refused_keys_look_the_same() {
    let api = Api::new().await;
    let (_, expired) = api.key("admin", -1).await;
    let (id, revoked) = api.key("admin", 1).await;
    let path = "/api/v1/submissions";
    assert_eq!(api.get(path, &revoked).await.status, StatusCode::OK);
    let tx = api.app.store.begin().await.expect("tx");
    let now = unhook::clock::Clock::now(&*api.app.clock);
    assert!(
        tx.of(api.app.tenant)
            .revoke_api_key(id, "test", now)
            .await
            .expect("revoked")
    );
    tx.commit().await.expect("commit");
    let unknown = format!("uhk_{}", "A".repeat(43));
    let mut seen = Vec::new();
    for token in ["", "uhk_short", &unknown, &expired, &revoked] {
        let answer = api.get(path, token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
        answer.problem();
        seen.push(answer.without_instance());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

#[actix_web::test]
async fn other_methods_and_paths_are_refused_with_a_document() {
    let api = Api::new().await;
    for (template, _) in openapi::document().paths.paths {
        let path = template.replace("{id}", "x");
        let answer = api.call(request(Method::DELETE, &path, "")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.problem(), "method_not_allowed");
        assert!(!answer.header("allow").is_empty() && !answer.header("allow").contains("DELETE"));
    }
    for path in [
        "/api/v1/nothing",
        "/api/v2/reports",
        "/api/v1/reports/x/y",
        "/etc/passwd",
    ] {
        let answer = api.get(path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.problem(), "not_found");
    }
}

#[actix_web::test]
async fn the_platforms_own_paths_are_there_and_ask_for_their_tokens() {
    let api = Api::new().await;
    for path in openapi::PLATFORM_PATHS {
        let answer = api.call(request(Method::PUT, path, "")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(
            (answer.problem().as_str(), answer.header("allow")),
            ("method_not_allowed", "POST")
        );
        let empty = json!({"value": []});
        let answer = api.post(path, "", &empty).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.problem(), "invalid_token");
    }
}

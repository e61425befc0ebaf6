//! The HTTP API over a simulated organisation.

mod analyst;
mod approvals;
mod audit;
mod authorization;
mod bodies;
mod campaigns;
mod indicators;
mod missing;
mod policies;
mod reporters;
mod reports;
mod service;

use std::{sync::Arc, time::Duration};

use actix_web::{
    App as Web,
    body::to_bytes,
    http::{Method, StatusCode, header::HeaderMap},
    test,
};
use bytes::Bytes;
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use unhook::{
    app::App,
    auth::{ReporterVerifier, api_key},
    cli::start,
    clock::{SharedClock, SystemClock},
    config::Config,
    demo,
    domain::{ApiKeyId, Provider},
    http::{State, routes},
    intake::Desk,
    jobs::{Wake, Workers},
    sim::{Reporter, Sim},
    store::api_key::ApiKeyRow,
};

use crate::support::stage::tenant;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    /// The code of a problem document, whose every member is checked.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let document = self.json();
        let code = document["code"].as_str().expect("code").to_owned();
        assert_eq!(document["status"], self.status.as_u16());
        assert_eq!(document["type"], format!("urn:unhook:problem:{code}"));
        let instance = document["instance"].as_str().expect("instance");
        assert_eq!(
            instance,
            format!("urn:uuid:{}", self.header("x-request-id"))
        );
        assert!(document["title"].is_string() && document["detail"].is_string());
        code
    }

    /// The body without what is different for every request.
    pub fn without_instance(&self) -> Value {
        let mut document = self.json();
        document.as_object_mut().expect("object").remove("instance");
        document
    }
}

/// The service without its workers, which run only when a test drains them.
pub struct Api {
    pub sim: Sim,
    pub app: App,
    pub state: State,
    pub workers: Workers,
    _folder: tempfile::TempDir,
}

impl Api {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let sim = tenant(12, 8, None);
        let folder = tempfile::tempdir().expect("folder");
        let listen = "127.0.0.1:1".parse().expect("address");
        let text = demo::settings(&sim, listen, folder.path()).expect("settings");
        let mut config = Config::parse(&text).expect("valid");
        change(&mut config);
        let clock: SharedClock = Arc::new(SystemClock);
        let mut config = config;
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        let app = start::build_app(config, SharedClock::clone(&clock), None)
            .await
            .expect("built");
        let verifier = ReporterVerifier::new(&app.config.reporters, SharedClock::clone(&clock));
        let verifier = Arc::new(verifier.expect("verifier"));
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
        let workers = start::workers(&app, wake.clone());
        let state = State::new(app.clone(), desk, verifier, wake);
        Self {
            sim,
            app,
            state,
            workers,
            _folder: folder,
        }
    }

    pub async fn call(&self, request: test::TestRequest) -> Answer {
        let state = self.state.clone();
        let service = test::init_service(Web::new().configure(|c| routes(c, state))).await;
        let response = test::call_service(&service, request.to_request()).await;
        let status = response.status();
        let headers = response.headers().clone();
        let body = to_bytes(response.into_body()).await.expect("body");
        Answer {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(request(Method::GET, path, token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(request(Method::POST, path, token).set_json(body))
            .await
    }

    /// A key with these scopes, good for as many days (in the past: expired).
    pub async fn key(&self, scopes: &str, days: i64) -> (ApiKeyId, String) {
        let now = self.app.clock.now();
        let made = api_key::generate(&mut rand::rng());
        let row = ApiKeyRow {
            id: ApiKeyId::new(now),
            tenant: self.app.tenant,
            name: "test".to_owned(),
            hash: hex::encode(made.hash.as_bytes()),
            scopes: scopes.to_owned(),
            created_at: now,
            expires_at: now + TimeDelta::days(days),
            revoked_at: None,
        };
        let tx = self.app.store.begin().await.expect("tx");
        tx.of(self.app.tenant)
            .insert_api_key(&row, "test")
            .await
            .expect("insert");
        tx.commit().await.expect("commit");
        (row.id, made.secret.expose_secret().to_owned())
    }

    /// One who can report a planted message, and a token of theirs.
    pub fn reporter(&self, provider: Provider) -> (Reporter, String) {
        let reporter = self
            .sim
            .reporters()
            .into_iter()
            .find(|r| r.provider == provider)
            .expect("a reporter on each platform");
        let user = self
            .sim
            .organisation()
            .by_address(&reporter.address)
            .expect("user");
        let token = match provider {
            Provider::Graph => self.sim.entra_token(user, &Map::new()),
            Provider::Gmail => self.sim.google_id_token(user, &Map::new()),
        };
        (reporter, token)
    }

    /// Has a reporter of a platform report the planted message; gives their token.
    pub async fn report(&self, provider: Provider) -> String {
        let (reporter, token) = self.reporter(provider);
        let client = match provider {
            Provider::Graph => "outlook",
            Provider::Gmail => "gmail",
        };
        let body = json!({
            "client": client, "item_id": reporter.item_id, "mailbox": reporter.address,
            "reason": "phishing",
        });
        let answer = self.post("/api/v1/reports", &token, &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        token
    }

    /// Runs the workers until nothing falls due within a minute.
    pub async fn drain(&self) {
        start::resume(&self.app).await.expect("queued");
        loop {
            self.workers.drain().await;
            let now = self.app.clock.now();
            match self.app.store.next_job_due().await.expect("due") {
                Some(due) if due < now + TimeDelta::minutes(1) => {
                    tokio::time::sleep((due - now).to_std().unwrap_or(Duration::ZERO)).await;
                }
                _ => return,
            }
        }
    }
}

/// A request with a bearer token; none when it is empty.
pub fn request(method: Method, path: &str, token: &str) -> test::TestRequest {
    let request = test::TestRequest::with_uri(path).method(method);
    if token.is_empty() {
        request
    } else {
        request.insert_header(("Authorization", format!("Bearer {token}")))
    }
}

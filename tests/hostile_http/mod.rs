//! Bad input at the real endpoint: every answer is a documented problem or a
//! 202 with a durable row, and whatever was taken comes to its end.

mod bodies;
mod clock;
mod crowd;
mod directory;
mod files;
mod letters;
mod outage;
mod rates;
mod storage;
mod words;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App as Web, HttpServer, dev::ServerHandle};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use unhook::{
    app::App,
    auth::{ReporterVerifier, api_key},
    cli::start,
    clock::{Clock as _, ManualClock, SharedClock},
    config::Config,
    demo,
    domain::{ApiKeyId, Provider, ReportId, SubmissionId},
    http::{Code, State, routes},
    intake::Desk,
    jobs::{Wake, Workers},
    sim::{Organisation, Reporter, Scenario, Sim, SimOptions},
    store::{PageRequest, api_key::ApiKeyRow, report::Report},
};

pub const REPORTS: &str = "/api/v1/reports";
pub const JSON: &str = "application/json";
pub const MESSAGE: &str = "message/rfc822";

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// The code of a documented problem; anything else fails the test.
    pub fn problem(&self, about: &str) -> String {
        assert!(
            (400..500).contains(&self.status) || self.status == 503,
            "{about}: {self:?}"
        );
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{about}: {self:?}"
        );
        let document = self.json();
        let code = document["code"].as_str().expect("code").to_owned();
        let known = Code::named(&code).expect("a code of the table");
        assert_eq!(known.status().as_u16(), self.status, "{about}");
        if self.status == 503 {
            assert!(self.headers.contains_key("retry-after"), "{about}");
        }
        code
    }
}

/// The whole service behind a real socket, over a simulated organisation, with
/// one clock for both. Its workers run only when a test drains them.
pub struct House {
    pub sim: Sim,
    pub app: App,
    pub clock: ManualClock,
    pub workers: Workers,
    client: reqwest::Client,
    base: String,
    server_address: SocketAddr,
    server: ServerHandle,
    folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl House {
    pub async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// One whose mail server is down: nobody listens at the first address, where
    /// the service looks for it; the sink is at the second.
    pub async fn without_mail_server() -> (Self, SocketAddr, SocketAddr) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let closed = free.local_addr().expect("address");
        drop(free);
        let mut sink = None;
        let house = Self::with(|config, _| {
            let smtp = config.notify.smtp.as_mut().expect("the demo has one");
            let host = smtp.host.parse().expect("an address");
            sink = Some(SocketAddr::new(host, smtp.port));
            smtp.port = closed.port();
        })
        .await;
        (house, closed, sink.expect("known"))
    }

    /// `change` may alter the settings; it is given the folder of the database.
    pub async fn with(change: impl FnOnce(&mut Config, &std::path::Path)) -> Self {
        let clock = ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).expect("time"));
        let shared: SharedClock = Arc::new(clock.clone());
        let now = clock.clone();
        let organisation = Organisation::generate(16, 7);
        let options = SimOptions::new(organisation, Arc::new(move || now.now()));
        let sim = crate::support::recorded::start(options);
        sim.plant(&Scenario {
            mailboxes: Some(8),
            ..Scenario::default()
        });
        let folder = tempfile::tempdir().expect("folder");
        let listen = "127.0.0.1:1".parse().expect("address");
        let text = demo::settings(&sim, listen, folder.path()).expect("settings");
        let mut config = Config::parse(&text).expect("valid");
        // as in production: this clock is moved, not waited for
        config.notify.resend_after_seconds = 900;
        change(&mut config, folder.path());
        let mut config = config;
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        let app = start::build_app(config, SharedClock::clone(&shared), None)
            .await
            .expect("built");
        start::resume(&app).await.expect("resumed");
        let verifier = ReporterVerifier::new(&app.config.reporters, SharedClock::clone(&shared));
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, shared, wake.clone());
        let workers = start::workers(&app, wake.clone());
        let state = State::new(
            app.clone(),
            desk,
            Arc::new(verifier.expect("verifier")),
            wake,
        );
        let server = HttpServer::new(move || {
            let state = state.clone();
            Web::new().configure(move |config| routes(config, state))
        })
        .workers(1)
        .bind(("127.0.0.1", 0))
        .expect("a free port");
        let server_address = server.addrs()[0];
        let base = format!("http://{server_address}");
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let client = reqwest::Client::builder().no_proxy().build();
        Self {
            sim,
            app,
            clock,
            workers,
            client: client.expect("client"),
            base,
            server_address,
            server: handle,
            folder,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server_address
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn send(&self, request: reqwest::RequestBuilder, about: &str) -> Answer {
        let sent = request.send().await;
        let response = sent.unwrap_or_else(|error| panic!("{about}: no answer: {error:?}"));
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("a whole body"),
        }
    }

    pub fn request(&self, kind: &str, body: impl Into<Bytes>) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{REPORTS}", self.base))
            .header("content-type", kind)
            .body(body.into())
    }

    pub async fn post(
        &self,
        kind: &str,
        body: impl Into<Bytes>,
        token: &str,
        about: &str,
    ) -> Answer {
        self.send(self.request(kind, body).bearer_auth(token), about)
            .await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request.bearer_auth(token), path).await
    }

    /// One who can report a planted message, and a token of theirs.
    pub fn reporter(&self, provider: Provider) -> (Reporter, String) {
        let mut all = self.sim.reporters().into_iter();
        let reporter = all.find(|r| r.provider == provider).expect("a reporter");
        let token = self.token(&reporter, &Map::new());
        (reporter, token)
    }

    pub fn token(&self, reporter: &Reporter, overrides: &Map<String, Value>) -> String {
        let user = self.sim.organisation().by_address(&reporter.address);
        let user = user.expect("user");
        match reporter.provider {
            Provider::Graph => self.sim.entra_token(user, overrides),
            Provider::Gmail => self.sim.google_id_token(user, overrides),
        }
    }

    /// The row behind a 202.
    pub async fn stored(&self, answer: &Answer, about: &str) -> Report {
        assert_eq!(answer.status, 202, "{about}: {answer:?}");
        let id: ReportId = answer.json()["id"]
            .as_str()
            .expect("id")
            .parse()
            .expect("id");
        let rows = self.app.store.read(self.app.tenant);
        let row = rows.report(id).await.expect("read");
        row.unwrap_or_else(|| panic!("{about}: answered 202 without a row"))
    }

    /// A 202 whose bytes are stored as they were sent.
    pub async fn kept(&self, answer: &Answer, sent: &[u8], about: &str) -> SubmissionId {
        let row = self.stored(answer, about).await;
        let rows = self.app.store.read(self.app.tenant);
        let waiting = rows.uploads_of(row.submission).await.expect("read");
        let same = waiting.iter().any(|(_, _, bytes)| bytes == sent);
        assert!(same, "{about}: the bytes are not what was sent");
        row.submission
    }

    /// How many reports are stored, at most 200.
    pub async fn reports(&self) -> usize {
        let rows = self.app.store.read(self.app.tenant);
        let page = rows.reports(None, &PageRequest::first(200)).await;
        page.expect("read").items.len()
    }

    pub async fn parked(&self) -> Vec<String> {
        let rows = self.app.store.read(self.app.tenant);
        let parked = rows.parked_jobs().await.expect("read");
        parked
            .iter()
            .map(|job| format!("{} {:?}", job.kind, job.last_error))
            .collect()
    }

    /// Runs what falls due within `horizon`; the clock jumps to it.
    pub async fn drain(&self, horizon: TimeDelta) {
        let end = self.clock.now() + horizon;
        loop {
            self.workers.drain().await;
            let due = self.app.store.next_job_due().await.expect("due");
            match due {
                Some(due) if due < end => {
                    // due and yet not done: the database cannot be written
                    let wait = (due - self.clock.now()).max(TimeDelta::seconds(1));
                    self.clock.advance(wait);
                    // what runs on real time gets a little of it
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                _ => return,
            }
        }
    }

    /// A key for the analysts' side.
    pub async fn key(&self) -> String {
        let now = self.clock.now();
        let made = api_key::generate(&mut rand::rng());
        let row = ApiKeyRow {
            id: ApiKeyId::new(now),
            tenant: self.app.tenant,
            name: "test".to_owned(),
            hash: hex::encode(made.hash.as_bytes()),
            scopes: "admin".to_owned(),
            created_at: now,
            expires_at: now + TimeDelta::days(1),
            revoked_at: None,
        };
        let tx = self.app.store.begin().await.expect("tx");
        tx.of(self.app.tenant)
            .insert_api_key(&row, "test")
            .await
            .expect("insert");
        tx.commit().await.expect("commit");
        made.secret.expose_secret().to_owned()
    }

    /// What was taken has been triaged, and its bytes come back as they were.
    pub async fn follow(&self, taken: &[(String, SubmissionId, Bytes)]) {
        self.drain(TimeDelta::minutes(50)).await;
        assert_eq!(self.parked().await, Vec::<String>::new());
        let key = self.key().await;
        let rows = self.app.store.read(self.app.tenant);
        for (about, id, bytes) in taken {
            let row = rows.submission(*id).await.expect("read").expect("row");
            assert!(row.verdict.is_some(), "{about}: not judged");
            assert!(
                row.campaign.is_none(),
                "{about}: a client's bytes opened a campaign"
            );
            let path = format!("/api/v1/submissions/{id}/raw?part=upload");
            let raw = self.get(&path, &key).await;
            assert_eq!(raw.status, 200, "{about}");
            assert!(
                raw.body == *bytes,
                "{about}: the download is not what was sent"
            );
        }
    }
}

//! Two real servers and a clock: the app under test and the identity providers.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};
use unhook::{
    auth::ReporterVerifier,
    cli::start,
    clock::{Clock, ManualClock, SharedClock},
    config::{Config, reporters::Reporters},
    http::{self, State},
    intake::Desk,
    jobs::Wake,
    store::{PageRequest, report::Report},
};

#[derive(Deserialize)]
pub struct Cases {
    pub verify_at: i64,
    pub skew_s: u32,
    pub tenant_allowed: Vec<String>,
    pub audience_allowed: Vec<String>,
    pub client_allowed: Vec<String>,
    pub scope_required: String,
    pub pubsub: PubSub,
    pub graph_notify: GraphNotify,
    pub jwks_microsoft: Value,
    pub jwks_google: Value,
    pub n: usize,
    pub cases: Vec<Case>,
}

impl Cases {
    /// The same set-up for tokens that a test signs itself.
    pub fn for_own_keys() -> Self {
        serde_json::from_value(json!({
            "verify_at": 1_790_000_000,
            "skew_s": 300,
            "tenant_allowed": ["11111111-aaaa-4aaa-8aaa-111111111111"],
            "audience_allowed": ["api"],
            "client_allowed": ["44444444-dddd-4ddd-8ddd-444444444444"],
            "scope_required": "Report.Submit",
            "pubsub": {
                "aud": "https://phish.example/hooks/gmail",
                "email": "gmail-push@proj.iam.gserviceaccount.com",
            },
            "graph_notify": {
                "aud": "44444444-dddd-4ddd-8ddd-444444444444",
                "azp": "0bf30f3b-4a52-48df-9a82-234910c4a086",
            },
            "jwks_microsoft": {"keys": []},
            "jwks_google": {"keys": []},
            "n": 0,
            "cases": [],
        }))
        .expect("cases")
    }
}

#[derive(Deserialize)]
pub struct PubSub {
    pub aud: String,
    pub email: String,
}

#[derive(Deserialize)]
pub struct GraphNotify {
    pub aud: String,
    pub azp: String,
}

#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    pub endpoint: String,
    pub expect: String,
    pub why: String,
    pub token: String,
}

pub fn cases() -> Option<Cases> {
    let shared = std::env::var_os("UNHOOK_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let text = std::fs::read(shared.join("vectors/jwt/cases.json")).ok()?;
    Some(serde_json::from_slice(&text).expect("cases.json has the documented form"))
}

/// The identity providers: two key sets over HTTP, and what was asked of them.
#[derive(Default)]
pub struct Issuers {
    pub microsoft: Mutex<Value>,
    pub google: Mutex<Value>,
    pub fetches: AtomicUsize,
    pub down: AtomicBool,
}

impl Issuers {
    fn answer(&self, keys: &Mutex<Value>) -> HttpResponse {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return HttpResponse::BadGateway().finish();
        }
        HttpResponse::Ok().json(&*keys.lock().expect("keys"))
    }

    /// Publishes these keys as both issuers' from now on.
    pub fn publish(&self, keys: &[Value]) {
        let set = json!({ "keys": keys });
        self.microsoft.lock().expect("keys").clone_from(&set);
        *self.google.lock().expect("keys") = set;
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

pub struct Servers {
    pub base: String,
    pub issuers: Arc<Issuers>,
    pub clock: ManualClock,
    pub section: Reporters,
    pub client: reqwest::Client,
    pub handles: Vec<ServerHandle>,
    pub app: unhook::app::App,
    sent: AtomicUsize,
    _folder: tempfile::TempDir,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for handle in &self.handles {
            drop(handle.stop(false));
        }
    }
}

/// The application under test: the whole of it, over a database of its own, with
/// no mail platform behind it. Its workers do not run.
async fn start_app(section: &Value, clock: SharedClock) -> Application {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = json!({
        "database": { "url": format!("sqlite:{}", folder.path().join("test.db").display()) },
        "blobs": { "path": folder.path().join("blobs") },
        "organisation": { "name": "Contoso", "domains": ["example.com"] },
        // Ten thousand requests from one address are wanted here; the limits have
        // tests of their own.
        "server": { "reports_per_minute": 0, "refused_per_minute": 0 },
        "reporters": section,
        "log": { "level": "warn" },
    });
    let settings = toml::to_string(&settings).expect("TOML");
    let config = Config::parse(&settings).expect("valid settings");
    let mut config = config;
    config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
    let app = start::build_app(config, SharedClock::clone(&clock), None)
        .await
        .expect("the service is built");
    let verifier = ReporterVerifier::new(&app.config.reporters, SharedClock::clone(&clock));
    let verifier = Arc::new(verifier.expect("verifier"));
    let wake = Wake::default();
    let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
    let state = State::new(app.clone(), desk, verifier, wake);
    let (port, handle) = serve(move |config| http::routes(config, state.clone()));
    Application {
        app,
        port,
        handle,
        folder,
    }
}

struct Application {
    app: unhook::app::App,
    port: u16,
    handle: ServerHandle,
    folder: tempfile::TempDir,
}

fn serve(routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> (u16, ServerHandle) {
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(1)
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    let port = server.addrs()[0].port();
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (port, handle)
}

pub async fn start(cases: &Cases) -> Servers {
    let issuers = Arc::new(Issuers {
        microsoft: cases.jwks_microsoft.clone().into(),
        google: cases.jwks_google.clone().into(),
        ..Issuers::default()
    });
    let shared = web::Data::from(Arc::clone(&issuers));
    let (issuer_port, issuer_handle) = serve(move |config| {
        let microsoft = |i: web::Data<Issuers>| async move { i.answer(&i.microsoft) };
        let google = |i: web::Data<Issuers>| async move { i.answer(&i.google) };
        config
            .app_data(shared.clone())
            .route("/microsoft", web::get().to(microsoft))
            .route("/google", web::get().to(google));
    });
    let section = json!({
        "entra": {
            "tenant_id": cases.tenant_allowed[0],
            "audiences": cases.audience_allowed,
            "clients": cases.client_allowed,
            "scope": cases.scope_required,
            "jwks_url": format!("http://127.0.0.1:{issuer_port}/microsoft"),
        },
        "google": {
            "audiences": ["1-a.apps.googleusercontent.com"],
            "hosted_domains": ["example.com"],
            "jwks_url": format!("http://127.0.0.1:{issuer_port}/google"),
            "addon_service_account_email": ADDON_ACCOUNT,
            "addon_base_url": "https://phish.example/",
        },
        "skew_seconds": cases.skew_s,
        "hooks": {
            "pubsub": { "audience": cases.pubsub.aud, "email": cases.pubsub.email },
            "graph_notify": {
                "audience": cases.graph_notify.aud,
                "publisher": cases.graph_notify.azp,
            },
        },
    });
    let at = DateTime::from_timestamp(cases.verify_at, 0).expect("time");
    let clock = ManualClock::at(at);
    let application = start_app(&section, Arc::new(clock.clone())).await;
    let section = serde_json::from_value(section).expect("section");
    Servers {
        base: format!("http://127.0.0.1:{}", application.port),
        issuers,
        clock,
        section,
        client: reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("client"),
        handles: vec![application.handle, issuer_handle],
        app: application.app,
        sent: AtomicUsize::new(0),
        _folder: application.folder,
    }
}

/// What is reported.
pub const REPORT: &str = r#"{"client":"outlook","item_id":"AAMkAGI1"}"#;

/// The add-on's service account, as configured here.
pub const ADDON_ACCOUNT: &str = "service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com";

pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Servers {
    /// The clock's time, seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub async fn report(&self, token: &str) -> Answer {
        // another message each time: a second report of the same is the first one
        let n = self.sent.fetch_add(1, Ordering::SeqCst);
        let body = REPORT.replace("AAMkAGI1", &format!("AAMkAGI{n}"));
        self.send("/api/v1/reports", Some(token), body).await
    }

    /// The row behind an answer: what was really stored, and for whom.
    pub async fn stored(&self, answer: &Answer) -> Report {
        let id = answer.body["id"].as_str().expect("an id");
        let id = id.parse().expect("of a report");
        let rows = self.app.store.read(self.app.tenant);
        rows.report(id).await.expect("read").expect("a row")
    }

    /// How many reports are stored, up to 200.
    pub async fn reports(&self) -> usize {
        let rows = self.app.store.read(self.app.tenant);
        let page = rows.reports(None, &PageRequest::first(200)).await;
        page.expect("read").items.len()
    }

    pub async fn push(&self, token: &str) -> Answer {
        let data = STANDARD.encode(r#"{"emailAddress":"ann@example.com","historyId":9876}"#);
        let body = json!({
            "message": {
                "data": data, "messageId": "1", "message_id": "1",
                "publishTime": "2026-01-01T00:00:00Z",
            },
            "subscription": "projects/p/subscriptions/s",
        });
        self.send("/hooks/gmail", Some(token), body.to_string())
            .await
    }

    pub async fn notify(&self, tokens: &[&str]) -> Answer {
        let body = json!({
            "value": [{"subscriptionId": "s", "changeType": "created", "resource": "r"}],
            "validationTokens": tokens,
        });
        self.send("/hooks/graph", None, body.to_string()).await
    }

    pub async fn send(&self, path: &str, token: Option<&str>, body: String) -> Answer {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("text");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }
}

/// A key pair of our own and tokens signed with it, for what files cannot hold.
pub struct Signer {
    pub kid: String,
    pub pair: RsaKeyPair,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("key");
        Self {
            kid: kid.to_owned(),
            pair,
        }
    }

    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.kid, claims)
    }

    pub fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A well-formed token that nobody signed.
pub fn unsigned(kid: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    let signature = URL_SAFE_NO_PAD.encode([1; 256]);
    format!("{}.{}.{signature}", part(&header), part(claims))
}

//! Durable reports a second over real HTTP, on SQLite with `synchronous=FULL`.
//!
//! `cargo bench --bench intake`. Three figures from one run on one machine, the
//! load coming from the same cores: reports of 30 kB from 16 connections as fast
//! as they are answered; the latency at a fixed 1,000 a second, measured from the
//! time a request was due (so that waiting counts); and the rate of a bare
//! handler that only verifies the token, hashes, and group-commits the same rows.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/load.rs"]
mod load;

use std::{sync::Arc, time::Duration};

use actix_web::{App as Web, HttpServer};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Map;
use unhook::{
    auth::ReporterVerifier,
    cli::start,
    clock::{Clock as _, SharedClock, SystemClock},
    config::Config,
    demo,
    domain::Provider,
    http::{self, State},
    intake::Desk,
    jobs::Wake,
    sim::{Organisation, Sim, SimOptions},
};

const CONNECTIONS: usize = 16;
const MESSAGE: usize = 30_000;

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let seconds: u64 = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(8);
    let span = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let sim = Sim::start(SimOptions::new(
            Organisation::generate(200, 5),
            Arc::new(|| SystemClock.now()),
        ))
        .expect("the simulated tenant starts");
        let requests = requests(&sim);

        let service = Service::start(&sim).await;
        let flat_out = load::flat_out(service.port, &requests, CONNECTIONS, span).await;
        let paced = load::paced(service.port, &requests, CONNECTIONS, 1_000, span).await;
        let stored = service.stored().await;
        assert_eq!(
            stored,
            (flat_out.answered + paced.answered) as u64,
            "every 202 has its row"
        );
        service.stop().await;

        let bare = bare::Bare::start(&sim).await;
        let floor = load::flat_out(bare.port, &requests, CONNECTIONS, span).await;
        bare.stop().await;

        println!("reports of {MESSAGE} octets, {CONNECTIONS} connections, {seconds} s each");
        println!(
            "  unhook, flat out       {:>8.0} /s   p99 {:>6.1} ms",
            flat_out.rate(),
            flat_out.p99()
        );
        println!(
            "  unhook, at 1,000 /s    {:>8.0} /s   p99 {:>6.1} ms",
            paced.rate(),
            paced.p99()
        );
        println!(
            "  bare handler           {:>8.0} /s   p99 {:>6.1} ms",
            floor.rate(),
            floor.p99()
        );
        println!(
            "  unhook / bare handler  {:>8.2}",
            flat_out.rate() / floor.rate()
        );
        sim.stop();
    });
}

/// Requests without their item id: one for each of some reporters.
fn requests(sim: &Sim) -> Vec<load::Request> {
    let none = Map::new();
    let line = "The quick brown fox jumps over the lazy dog, and then it rests a while.\r\n";
    let mut mail = String::from(
        "From: a@example.org\r\nTo: b@northwind.example\r\nSubject: A report\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n",
    );
    while mail.len() < MESSAGE {
        mail.push_str(line);
    }
    mail.truncate(MESSAGE);
    let raw = STANDARD.encode(mail);
    sim.organisation()
        .users
        .iter()
        .filter(|u| u.provider == Provider::Graph)
        .take(64)
        .map(|user| load::Request {
            token: sim.entra_token(user, &none),
            before: "{\"client\":\"outlook\",\"reason\":\"phishing\",\"item_id\":\"".to_owned(),
            after: format!("\",\"raw\":\"{raw}\"}}"),
        })
        .collect()
}

/// The real routes over the real store; no workers, so that intake alone is measured.
struct Service {
    port: u16,
    app: unhook::app::App,
    handle: actix_web::dev::ServerHandle,
    _folder: tempfile::TempDir,
}

impl Service {
    async fn start(sim: &Sim) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let text = demo::settings(sim, address, folder.path()).expect("settings");
        let config = Config::parse(&text).expect("valid");
        let clock: SharedClock = Arc::new(SystemClock);
        let mut config = config;
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        let app = start::build_app(config, SharedClock::clone(&clock), None)
            .await
            .expect("built");
        let verifier = Arc::new(
            ReporterVerifier::new(&app.config.reporters, SharedClock::clone(&clock))
                .expect("a verifier"),
        );
        verifier.warm().await;
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
        let state = State::new(app.clone(), desk, verifier, wake);
        let server = HttpServer::new(move || {
            let state = state.clone();
            Web::new().configure(move |routes| http::routes(routes, state))
        })
        .workers(2)
        .disable_signals()
        .listen(listener)
        .expect("listening")
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            port: address.port(),
            app,
            handle,
            _folder: folder,
        }
    }

    async fn stored(&self) -> u64 {
        let all = unhook::store::submission::SubmissionFilter::default();
        self.app
            .store
            .read(self.app.tenant)
            .count_submissions(&all)
            .await
            .expect("counted")
    }

    async fn stop(self) {
        self.handle.stop(false).await;
    }
}

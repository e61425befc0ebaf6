//! The real program, killed and asked to end while reports come in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use unhook::{domain::Provider, sim::Sim};

use crate::support::stage::tenant;

/// What no part of these tests takes; a hang must fail.
const LIMIT: Duration = Duration::from_secs(30);

/// `unhook serve` over a simulated organisation, in a folder that outlives it.
struct Served {
    sim: Sim,
    folder: tempfile::TempDir,
    address: SocketAddr,
    token: String,
    client: reqwest::Client,
}

impl Served {
    fn new() -> Self {
        let sim = tenant(10, 8, None);
        let folder = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("address");
        drop(free);
        let text = unhook::demo::settings(&sim, address, folder.path()).expect("settings");
        std::fs::write(folder.path().join("unhook.toml"), text).expect("written");
        let mut users = sim.organisation().users.iter();
        let user = users.find(|user| user.provider == Provider::Graph);
        let token = sim.entra_token(user.expect("somebody"), &Map::new());
        let client = reqwest::Client::builder().no_proxy().build();
        Self {
            sim,
            folder,
            address,
            token,
            client: client.expect("a client"),
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("unhook.db")
    }

    /// Starts the program and waits until it answers; the issuer's keys are known then.
    async fn start(&self) -> Process {
        let mut process = Process(program(self.folder.path()));
        let begun = Instant::now();
        loop {
            let answer = self.get("/api/v1/reports").await;
            if matches!(answer, Some((200, _))) {
                return process;
            }
            if let Some(ended) = process.0.try_wait().expect("waited") {
                panic!("it ended: {ended}");
            }
            assert!(begun.elapsed() < LIMIT, "it does not answer: {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let url = format!("http://{}{path}", self.address);
        let request = self.client.get(url).bearer_auth(&self.token);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    /// The ids of all reports, one page of them.
    async fn listed(&self) -> Vec<String> {
        let (_, page) = self.get("/api/v1/reports?limit=200").await.expect("a page");
        let items = page["items"].as_array().expect("items").iter();
        items
            .map(|item| item["id"].as_str().expect("an id").to_owned())
            .collect()
    }

    /// Reports message `n` under its key; the id once it is accepted.
    async fn report(&self, n: usize) -> Option<String> {
        let request = self
            .client
            .post(format!("http://{}/api/v1/reports", self.address))
            .bearer_auth(&self.token)
            .header("content-type", "message/rfc822")
            .header("idempotency-key", format!("key-{n}"))
            .body(format!(
                "Subject: {n}\r\nMessage-ID: <{n}@x.example>\r\n\r\nbody {n}"
            ));
        let answer = request.send().await.ok()?;
        let accepted = answer.status().as_u16() == 202;
        let answer: Value = answer.json().await.ok()?;
        accepted.then(|| answer["id"].as_str().expect("an id").to_owned())
    }
}

/// A program that runs; killed when the test ends before it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unhook"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UNHOOK_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", "--config", "unhook.toml"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs")
}

#[tokio::test]
async fn f01_a_kill_before_the_commit_was_answered_to_nobody_and_a_retry_is_one_report() {
    let served = Arc::new(Served::new());
    let mut process = served.start().await;
    // The request is read and cannot be committed.
    let url = format!("sqlite:{}", served.database().display());
    let mut other = SqliteConnection::connect(&url).await.expect("opened");
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    let handing = Arc::clone(&served);
    let handed = tokio::spawn(async move { handing.report(1).await });
    // It takes its turn before this answer comes: one is read after the other.
    assert_eq!(served.listed().await, Vec::<String>::new());
    process.0.kill().expect("killed");
    process.0.wait().expect("waited");
    assert_eq!(handed.await.expect("joined"), None, "no 2xx was sent");
    other.execute("ROLLBACK").await.expect("unlocked");
    drop(other);

    let _process = served.start().await;
    assert_eq!(served.listed().await, Vec::<String>::new());
    let first = served.report(1).await.expect("accepted");
    let again = served.report(1).await.expect("accepted");
    assert_eq!(first, again);
    assert_eq!(served.listed().await, [first]);
    assert_eq!(served.sim.truth().touched(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_sigterm_with_hundreds_in_flight_loses_nothing_that_was_accepted() {
    const IN_FLIGHT: usize = 300;
    let served = Arc::new(Served::new());
    let mut process = served.start().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut handing = tokio::task::JoinSet::new();
    for n in 0..IN_FLIGHT {
        let (served, accepted) = (Arc::clone(&served), Arc::clone(&accepted));
        handing.spawn(async move {
            let id = served.report(n).await;
            accepted.fetch_add(usize::from(id.is_some()), Ordering::SeqCst);
            (n, id)
        });
    }
    while accepted.load(Ordering::SeqCst) < 20 {
        tokio::task::yield_now().await;
    }
    let id = process.0.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status();
    assert!(asked.is_ok_and(|status| status.success()));
    let begun = Instant::now();
    let mut answers = Vec::new();
    while let Some(answer) = handing.join_next().await {
        answers.push(answer.expect("joined"));
    }
    let ended = tokio::task::spawn_blocking(move || process.0.wait());
    let ended = ended.await.expect("joined").expect("waited");
    // Two more seconds than it may take: what runs beside it takes its share.
    assert!(begun.elapsed() < LIMIT + Duration::from_secs(2));
    assert!(ended.success(), "by itself: {ended}");

    let _process = served.start().await;
    let told = answers.iter().filter(|(_, id)| id.is_some()).count();
    assert!(told >= 20, "{told} were accepted");
    for (n, id) in answers {
        if let Some(id) = &id {
            let path = format!("/api/v1/reports/{id}");
            let (status, _) = served.get(&path).await.expect("an answer");
            assert_eq!(status, 200, "report {n} is lost");
        }
        // Whoever got no answer hands it in again; the others lose nothing by it.
        let again = served.report(n).await.expect("accepted");
        if let Some(id) = id {
            assert_eq!(id, again, "report {n} is there twice");
        }
    }
}

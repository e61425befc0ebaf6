//! A database that is locked, and one whose disk is full.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::TimeDelta;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::{net::TcpListener, task::JoinHandle};
use unhook::{
    domain::{EvidenceState, Provider},
    sim::Phase,
};

use super::{
    House, JSON, MESSAGE, REPORTS,
    outage::{all_is_well, both_click, click_of},
};
use crate::support::database::postgres_database;

#[actix_web::test]
async fn f19_a_locked_database_is_answered_503_in_time_and_loses_nothing() {
    let house = House::with(|config, _| config.database.wait_seconds = 1).await;
    let (reporter, token) = house.reporter(Provider::Graph);
    let report = |key: &'static str| {
        let body = serde_json::json!({"client": "outlook", "item_id": reporter.item_id});
        let request = house.request(JSON, body.to_string()).bearer_auth(&token);
        request.header("idempotency-key", key)
    };
    let before = house
        .post(MESSAGE, "Subject: before\r\n\r\nx", &token, "before")
        .await;
    let before = house.stored(&before, "before").await;

    let path = house.folder().join("unhook.db");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .expect("the file opens");
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    let begun = Instant::now();
    let refused = house.send(report("k"), "locked").await;
    assert_eq!(
        (refused.status, refused.problem("locked").as_str()),
        (503, "unavailable")
    );
    let waited = begun.elapsed();
    assert!(
        waited < Duration::from_secs(4),
        "wait_seconds is 1; it took {waited:?}"
    );
    let list = house.get(REPORTS, &token).await;
    assert_eq!(
        list.json()["items"].as_array().map(Vec::len),
        Some(1),
        "reading goes on"
    );
    assert_eq!(house.get("/healthz", &token).await.status, 200);
    // the workers get nowhere, and nothing breaks by it
    house.workers.drain().await;

    other.execute("ROLLBACK").await.expect("unlocked");
    let taken = house.send(report("k"), "unlocked").await;
    let taken = house.stored(&taken, "unlocked").await;
    assert_eq!(house.reports().await, 2, "the refused one had left no row");
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let rows = house.app.store.read(house.app.tenant);
    for report in [before, taken] {
        let row = rows
            .submission(report.submission)
            .await
            .expect("read")
            .expect("row");
        assert!(row.verdict.is_some());
    }
    assert!(house.sim.truth().all_pulled());
}

#[actix_web::test]
async fn f20_a_lock_in_the_middle_of_triage_costs_time_and_no_attempts() {
    let house = House::with(|config, _| config.database.wait_seconds = 1).await;
    let (reporter, token) = house.reporter(Provider::Graph);
    let body = serde_json::json!({"client": "outlook", "item_id": reporter.item_id});
    let answer = house.post(JSON, body.to_string(), &token, "report").await;
    house.stored(&answer, "report").await;
    let path = house.folder().join("unhook.db");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .expect("the file opens");
    let workers = house.workers.clone();
    let working = actix_web::rt::spawn(async move { workers.drain().await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    working.await.expect("no panic");
    other.execute("ROLLBACK").await.expect("unlocked");
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    assert!(house.sim.truth().all_pulled());
}

/// A small disk of its own; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` (said plainly) where mounting is not permitted.
    fn mount(at: &Path, mebibytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).expect("folder");
        let size = format!("size={mebibytes}m");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .output();
        let why = match done {
            Ok(output) if output.status.success() => return Some(Self(at.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("LEFT OUT: no small disk can be mounted here ({why})");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily: the database is still open
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[actix_web::test]
async fn f13_f15_a_full_disk_is_answered_503_and_what_was_taken_before_is_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(disk) = Disk::mount(&folder.path().join("disk"), 32) else {
        return;
    };
    let at = disk.0.clone();
    let ballast = at.join("ballast");
    std::fs::write(&ballast, vec![1; 26 << 20]).expect("ballast");
    let house = House::with(|config, _| {
        config.database.url = format!("sqlite:{}", at.join("unhook.db").display()).into();
        config.database.wait_seconds = 1;
    })
    .await;
    let (_, token) = house.reporter(Provider::Graph);
    let message = |i: usize| {
        let mut text = format!("Subject: {i}\r\nMessage-ID: <full-{i}@x.example>\r\n\r\n");
        text.push_str(&"0123456789abcdef".repeat(48 * 1024));
        Bytes::from(text)
    };
    let mut taken = Vec::new();
    let mut refused = None;
    for i in 0..20 {
        let name = format!("message {i}");
        let answer = house.post(MESSAGE, message(i), &token, &name).await;
        if answer.status == 202 {
            let id = house.kept(&answer, &message(i), &name).await;
            taken.push((name, id, message(i)));
        } else {
            assert_eq!(
                (answer.status, answer.problem(&name).as_str()),
                (503, "unavailable")
            );
            refused = Some(i);
            break;
        }
    }
    let refused = refused.expect("15 MiB do not go onto what is left of the disk, 6");
    assert!(!taken.is_empty());
    assert_eq!(
        house.reports().await,
        taken.len(),
        "a refused one leaves no row"
    );
    // A look at the queue, not a drain: what can be written is written until
    // nothing can, and every claim that fails pauses in real time.
    let worked = tokio::time::timeout(Duration::from_secs(5), house.workers.drain());
    let _ = worked.await;
    assert_eq!(house.parked().await, Vec::<String>::new());

    std::fs::remove_file(&ballast).expect("room again");
    let answer = house.post(MESSAGE, message(refused), &token, "after").await;
    let id = house.kept(&answer, &message(refused), "after").await;
    taken.push(("after".to_owned(), id, message(refused)));
    assert_eq!(house.reports().await, taken.len());
    // all of it is triaged, those from before too
    let followed = tokio::time::timeout(Duration::from_secs(60), house.follow(&taken));
    followed.await.expect("it comes to its end");
    drop(disk);
}

#[actix_web::test]
async fn f14_evidence_that_does_not_fit_on_its_disk_is_named_by_no_row() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(disk) = Disk::mount(&folder.path().join("disk"), 1) else {
        return;
    };
    let at = disk.0.clone();
    let house = House::with(|config, _| config.blobs.path = at.join("blobs")).await;
    let ballast = at.join("ballast");
    // as much as there is room for
    let filled = std::fs::write(&ballast, vec![1; 2 << 20]);
    assert!(filled.is_err(), "the disk is not full");
    let report = click_of(&house, Provider::Graph).await;
    house.drain(TimeDelta::minutes(10)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.submission(report.submission).await.expect("read");
    let row = row.expect("row");
    assert_eq!(row.evidence_sha256, None, "nothing could be kept");
    assert_ne!(row.evidence, EvidenceState::Fetched);

    std::fs::remove_file(&ballast).expect("room again");
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    assert!(house.sim.truth().all_pulled());
    let path = format!("/api/v1/submissions/{}/raw", report.submission);
    let raw = house.get(&path, &house.key().await).await;
    assert_eq!(raw.status, 200, "and it is there");
    drop(disk);
}

/// The way to a PostgreSQL, which can be cut.
struct Line {
    inside: std::net::SocketAddr,
    outside: std::net::SocketAddr,
    open: Option<JoinHandle<()>>,
}

impl Line {
    /// Cuts every connection; none is made until it is mended.
    async fn cut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            // the port is free and the connections are closed once it has ended
            let _ = open.await;
        }
    }

    fn mend(&mut self) {
        let (inside, outside) = (self.inside, self.outside);
        self.open = Some(actix_web::rt::spawn(line(inside, outside)));
    }
}

/// All that runs through it ends with it.
async fn line(inside: std::net::SocketAddr, outside: std::net::SocketAddr) {
    let listener = TcpListener::bind(inside).await.expect("its port");
    let mut through = tokio::task::JoinSet::new();
    loop {
        let Ok((mut one, _)) = listener.accept().await else {
            return;
        };
        through.spawn(async move {
            let mut other = tokio::net::TcpStream::connect(outside)
                .await
                .expect("PostgreSQL");
            // either side may hang up first
            let _ = tokio::io::copy_bidirectional(&mut one, &mut other).await;
        });
    }
}

/// A service over a PostgreSQL that is reached by such a line; `None` where there is none.
async fn at_the_end_of_a_line() -> Option<(House, Line)> {
    let url = postgres_database().await?;
    let mut url: url::Url = url.parse().expect("a URL");
    let host = url.host_str().expect("a host").to_owned();
    let port = url.port().unwrap_or(5432);
    let outside = tokio::net::lookup_host((host, port)).await;
    let outside = outside.expect("known").next().expect("an address");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let inside = free.local_addr().expect("address");
    drop(free);
    let mut line = Line {
        inside,
        outside,
        open: None,
    };
    line.mend();
    while tokio::net::TcpStream::connect(inside).await.is_err() {
        tokio::task::yield_now().await;
    }
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(inside.port())).expect("a port");
    let house = House::with(|config, _| {
        config.database.url = String::from(url).into();
        config.database.wait_seconds = 1;
    })
    .await;
    Some((house, line))
}

#[actix_web::test]
async fn f18_a_database_that_is_away_for_ten_minutes_is_answered_503_and_loses_nothing() {
    let Some((house, mut line)) = at_the_end_of_a_line().await else {
        return;
    };
    let (reporter, token) = house.reporter(Provider::Graph);
    let report = || {
        let body = serde_json::json!({"client": "outlook", "item_id": reporter.item_id});
        let request = house.request(JSON, body.to_string()).bearer_auth(&token);
        request.header("idempotency-key", "k")
    };
    // the keys of the issuers are known
    assert_eq!(house.get(REPORTS, &token).await.status, 200);
    let before = click_of(&house, Provider::Gmail).await;
    line.cut().await;
    for _ in 0..2 {
        let refused = house.send(report(), "away").await;
        assert_eq!(
            (refused.status, refused.problem("away").as_str()),
            (503, "unavailable")
        );
        assert_eq!(house.get("/healthz", &token).await.status, 200);
        // the workers get nowhere, and nothing breaks by it
        house.workers.drain().await;
        house.clock.advance(TimeDelta::minutes(5));
    }
    line.mend();
    let taken = house.send(report(), "back").await;
    let taken = house.stored(&taken, "back").await;
    assert_eq!(house.reports().await, 2, "the refused ones left no row");
    house.drain(TimeDelta::minutes(50)).await;
    all_is_well(&house, &[before, taken]).await;
}

#[actix_web::test]
async fn f17_connections_that_end_in_the_middle_of_the_work_lose_and_double_nothing() {
    let Some((house, mut line)) = at_the_end_of_a_line().await else {
        return;
    };
    let reports = both_click(&house).await;
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    // each of them while a move is under way, before its outcome can be recorded
    let moves = std::sync::atomic::AtomicU64::new(0);
    house.sim.set_hook(Some(std::sync::Arc::new(move |call| {
        use unhook::sim::Operation::{GmailModify, MessageMove};
        let moved = matches!(call.operation, MessageMove | GmailModify);
        if !moved || call.phase != Phase::After {
            return;
        }
        let n = moves.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if n.is_multiple_of(4) && tell.send(()).is_ok() {
            let gone = gone.lock().expect("lock");
            let _ = gone.recv_timeout(Duration::from_secs(10));
        }
    })));
    let cutting = actix_web::rt::spawn(async move {
        let mut cuts = 0;
        let mut told = told;
        loop {
            let waiting = tokio::task::spawn_blocking(move || {
                let heard = told.recv_timeout(Duration::from_secs(60)).is_ok();
                (heard, told)
            });
            let (heard, back) = waiting.await.expect("waited");
            told = back;
            if !heard {
                return (cuts, line);
            }
            line.cut().await;
            line.mend();
            cuts += 1;
            if go.send(()).is_err() {
                return (cuts, line);
            }
        }
    });
    house.drain(TimeDelta::minutes(50)).await;
    house.sim.set_hook(None);
    all_is_well(&house, &reports).await;
    let (cuts, _line) = cutting.await.expect("joined");
    assert!(cuts > 1, "{cuts} cuts");
}

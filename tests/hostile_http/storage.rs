//! A database that is locked, and one whose disk is full.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::TimeDelta;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use unhook::domain::Provider;

use super::{House, JSON, MESSAGE, REPORTS};

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
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("folder");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
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
    let Some(disk) = Disk::mount(&folder.path().join("disk")) else {
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

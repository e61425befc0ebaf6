//! The audit trail: what stands in it after a whole story, and that no hand on its
//! tables goes unseen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use unhook::{
    audit::{
        self, checkpoint,
        verify::{Finding, Outcome, verify},
    },
    clock::Clock as _,
    domain::Verdict,
    remediation::{receipt, undo},
    store::{
        PageRequest,
        audit::{Deed, Entry},
    },
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, tenant},
};

async fn sql(stage: &Stage, text: &str) {
    let url = stage.app.config.database.url.expose_secret();
    let text = sqlx::AssertSqlSafe(text.to_owned());
    if url.starts_with("postgres") {
        let pool = sqlx::PgPool::connect(url).await.expect("PostgreSQL");
        sqlx::raw_sql(text).execute(&pool).await.expect("changed");
        pool.close().await;
    } else {
        let pool = sqlx::SqlitePool::connect(url).await.expect("SQLite");
        sqlx::raw_sql(text).execute(&pool).await.expect("changed");
        pool.close().await;
    }
}

async fn entries(stage: &Stage) -> Vec<Entry> {
    let rows = stage.app.store.read(stage.app.tenant);
    rows.audit_after(0, 100_000).await.expect("entries")
}

async fn found(stage: &Stage, signed: &BTreeMap<i64, String>) -> Outcome {
    verify(&stage.app, signed.clone()).await.expect("read")
}

/// Signs where the chain stands; what the file of checkpoints gains by it.
async fn sign(stage: &Stage, file: &mut String) -> i64 {
    let made = audit::signed(&stage.app).await.expect("signed");
    let made = made.expect("there are entries");
    file.push_str(&made.body);
    file.push('\n');
    made.seq
}

async fn read(stage: &Stage, file: &str) -> BTreeMap<i64, String> {
    let key = receipt::key(&stage.app).await.expect("key").public();
    let rows = stage.app.store.read(stage.app.tenant);
    checkpoint::read(file.as_bytes(), rows.tenant_name(), &[key]).expect("believed")
}

fn of<'a>(all: &'a [Entry], action: &str) -> Vec<&'a Entry> {
    all.iter().filter(|e| e.action == action).collect()
}

/// The ids of copies that entries of an action name.
fn copies(all: &[Entry], action: &str) -> BTreeSet<String> {
    of(all, action)
        .iter()
        .flat_map(|entry| {
            let detail: Value = serde_json::from_str(&entry.detail).expect("json");
            detail["pulls"].as_array().expect("pulls").clone()
        })
        .map(|id| id.as_str().expect("text").to_owned())
        .collect()
}

/// A report, a pull, everything put back, and a verdict; then every way to lie about it.
async fn story(backend: Backend) {
    let sim = tenant(24, 10, None);
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    stage.report_all(&sim).await;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let campaign = rows.campaigns(None, &PageRequest::first(9)).await;
    let campaign = campaign.expect("read").items.remove(0);
    let judge = |verdict, reason| {
        overturn::set_verdict(&stage.app, campaign.seed, verdict, "key_one", reason)
    };
    if campaign.verdict != Verdict::Malicious {
        judge(Verdict::Malicious, "a phish").await.expect("judged");
        stage.drain_ahead(TimeDelta::minutes(5)).await;
    }
    let mut file = String::new();
    let early = sign(&stage, &mut file).await;
    undo::restore_campaign(&stage.app, campaign.id, "key_two")
        .await
        .expect("asked");
    stage.drain().await;
    judge(Verdict::Benign, "ours").await.expect("judged");
    stage.drain().await;

    let all = entries(&stage).await;
    let last = all.last().expect("entries").seq;
    let pulls = rows.pulls(None, &PageRequest::first(100)).await;
    let moved: BTreeSet<String> = pulls
        .expect("pulls")
        .items
        .iter()
        .map(|p| p.id.to_string())
        .collect();
    assert!(moved.len() >= 10);
    for action in ["pull_begun", "pulled", "restore_begun", "restored"] {
        assert_eq!(copies(&all, action), moved, "{action}");
    }
    let evidence: Value = serde_json::from_str(&of(&all, "pulled")[0].detail).expect("json");
    let evidence = &evidence["evidence"];
    assert!(
        evidence[0].as_str().is_some_and(|hash| hash.len() == 64) || of(&all, "pulled").len() > 1,
        "what it rests on: {evidence}"
    );
    let asked = of(&all, "restore_asked");
    assert_eq!((asked.len(), asked[0].actor.as_str()), (1, "key_two"));
    let last_word = of(&all, "verdict").pop().expect("a verdict").clone();
    assert_eq!(last_word.actor, "key_one");
    assert!(last_word.detail.contains("\"benign\""), "{last_word:?}");
    assert!(
        !last_word.detail.contains("ours"),
        "reasons stand as hashes"
    );

    sign(&stage, &mut file).await;
    let signed = read(&stage, &file).await;
    let whole = found(&stage, &signed).await;
    assert!(whole.intact, "{whole:#?}");
    assert_eq!(
        (whole.entries, whole.last, whole.checkpoints),
        (all.len() as u64, last, 2)
    );
    lies(&stage, &all, (early, &signed)).await;
}

async fn lies(stage: &Stage, all: &[Entry], (early, signed): (i64, &BTreeMap<i64, String>)) {
    sql(
        stage,
        "CREATE TABLE kept AS SELECT * FROM audit; \
         CREATE TABLE kept_head AS SELECT * FROM audit_head",
    )
    .await;
    let last = all.last().expect("entries").seq;
    let tenant = stage.app.tenant.to_string();
    let none = BTreeMap::new();
    let told = async |change: String, signed: &BTreeMap<i64, String>| {
        sql(stage, &change).await;
        let outcome = found(stage, signed).await;
        sql(
            stage,
            "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; \
             DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head",
        )
        .await;
        assert_eq!(outcome.intact, outcome.findings.is_empty());
        outcome.findings
    };

    let edits = [
        "actor = 'somebody'",
        "action = 'nothing'",
        "subject = 'another'",
        "detail = '{\"another\":1}'",
        "at = at + 1",
        "previous = ''",
        "hash = ''",
    ];
    for edit in edits {
        let edited = told(format!("UPDATE audit SET {edit} WHERE seq = 3"), &none).await;
        assert_eq!(edited, [Finding::Edited { seq: 3 }], "{edit}");
    }
    let mut forged = all[2].clone();
    forged.actor = "somebody".to_owned();
    let hash = forged.digest(&tenant);
    let anew = format!("UPDATE audit SET actor = 'somebody', hash = '{hash}' WHERE seq = 3");
    assert_eq!(told(anew, &none).await, [Finding::Unlinked { seq: 4 }]);

    let deleted = told("DELETE FROM audit WHERE seq = 3".into(), &none).await;
    assert_eq!(deleted, [Finding::Missing { from: 3, to: 3 }]);
    let deleted = told("DELETE FROM audit WHERE seq < 3".into(), &none).await;
    assert_eq!(deleted, [Finding::Missing { from: 1, to: 2 }]);

    let swap = "UPDATE audit SET seq = -3 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 5; \
                UPDATE audit SET seq = 5 WHERE seq = -3";
    let moved = |seq, written_as| Finding::Moved { seq, written_as };
    assert_eq!(told(swap.into(), &none).await, [moved(3, 5), moved(5, 3)]);
    let foreign = format!(
        "INSERT INTO audit SELECT tenant_id, 0, at, actor, action, subject, detail, previous, hash \
         FROM kept WHERE seq = {last}"
    );
    assert_eq!(told(foreign, &none).await, [Finding::Foreign { seq: 0 }]);

    let short = last - 2;
    let cut = format!("DELETE FROM audit WHERE seq > {short}");
    let known = |known| [Finding::Cut { last: short, known }];
    assert_eq!(told(cut.clone(), &none).await, known(last));
    let hash = &all[usize::try_from(short).expect("small") - 1].hash;
    let clean = format!("{cut}; UPDATE audit_head SET seq = {short}, hash = '{hash}'");
    assert_eq!(told(clean.clone(), &none).await, [], "no chain shows that");
    assert_eq!(told(clean, signed).await, known(last), "a checkpoint does");
    let gone = format!("DELETE FROM audit WHERE seq > {short}; DELETE FROM audit_head");
    let added = Finding::Added { from: 1, to: short };
    assert_eq!(told(gone, &none).await, [added]);
    let other = "UPDATE audit_head SET hash = 'x'".to_owned();
    assert_eq!(told(other, &none).await, [Finding::Head { seq: last }]);

    // All written anew from just behind the early checkpoint, with every hash.
    let mut change = String::new();
    let mut before = all[usize::try_from(early).expect("small") - 1].hash.clone();
    for entry in all.iter().filter(|entry| entry.seq > early) {
        let mut entry = entry.clone();
        entry.actor = "somebody".to_owned();
        entry.previous = before;
        before = entry.digest(&tenant);
        change.push_str(&format!(
            "UPDATE audit SET actor = 'somebody', previous = '{}', hash = '{before}' WHERE seq = {};",
            entry.previous, entry.seq
        ));
    }
    change.push_str(&format!("UPDATE audit_head SET hash = '{before}'"));
    assert_eq!(told(change.clone(), &none).await, [], "no chain shows that");
    let rewritten = Finding::Rewritten {
        after: early,
        seq: last,
    };
    assert_eq!(told(change, signed).await, [rewritten]);
    assert!(found(stage, signed).await.intact, "all was undone");
}

#[tokio::test]
async fn f72_the_trail_holds_and_no_lie_goes_unseen_on_sqlite() {
    story(Backend::Sqlite).await;
}

#[tokio::test]
async fn f72_the_trail_holds_and_no_lie_goes_unseen_on_postgres() {
    story(Backend::Postgres).await;
}

/// Many changes at once make one chain; what is not committed leaves nothing.
async fn at_once(backend: Backend) {
    let sim = tenant(12, 0, None);
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    let (tasks, each) = (8, 10);
    let before = entries(&stage).await.len();
    let app = Arc::new(stage.app.clone());
    let writing = (0..tasks).map(|task| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let actor = format!("task {task}");
            for n in 0..each {
                let tx = app.store.begin().await.expect("tx");
                let rows = tx.of(app.tenant);
                rows.note(Deed::new("one", app.clock.now()).by(&actor));
                rows.note(Deed::new("two", app.clock.now()).by(&actor));
                if n % 5 == 4 {
                    drop(tx);
                } else {
                    tx.commit().await.expect("committed");
                }
            }
        })
    });
    for done in futures::future::join_all(writing).await {
        done.expect("written");
    }
    let all = entries(&stage).await;
    assert_eq!(all.len() - before, tasks * each * 4 / 5 * 2);
    for pair in all[before..].chunks(2) {
        assert_eq!(
            (pair[0].action.as_str(), pair[1].action.as_str()),
            ("one", "two")
        );
        assert_eq!(
            pair[0].actor, pair[1].actor,
            "a change's entries stand together"
        );
    }
    let outcome = found(&stage, &BTreeMap::new()).await;
    assert!(outcome.intact, "{outcome:#?}");
}

#[tokio::test]
async fn changes_at_once_make_one_chain_on_sqlite() {
    at_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_make_one_chain_on_postgres() {
    at_once(Backend::Postgres).await;
}

/// Nothing of a mail, of people's words and of their addresses is in any column.
#[tokio::test]
async fn no_content_is_in_any_entry() {
    let raw = b"From: Zanzibar Payroll <mallory@zanzibar.example>\r\n\
        Reply-To: zanzibar@elsewhere.example\r\nSubject: zanzibar salary' OR 1=1 --\r\n\
        Message-ID: <zanzibar-1@zanzibar.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
        Zanzibar: confirm your password at https://zanzibar.example/zanzibar within 24 hours.\r\n"
        .to_vec();
    let sim = tenant(24, 10, Some(raw));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let found = rows.campaigns(None, &PageRequest::first(9)).await;
    let campaign = found.expect("read").items.remove(0);
    for verdict in [Verdict::Malicious, Verdict::Benign] {
        let reason = "Zanzibar wrote to anna@northwind.example";
        overturn::set_verdict(&stage.app, campaign.seed, verdict, "key_one", reason)
            .await
            .expect("judged");
        stage.drain_ahead(TimeDelta::minutes(5)).await;
    }
    let all = entries(&stage).await;
    for action in ["pulled", "restored"] {
        assert!(!copies(&all, action).is_empty(), "{action}: {all:#?}");
    }
    for entry in &all {
        let text = serde_json::to_string(entry).expect("json").to_lowercase();
        assert!(!text.contains("zanzibar") && !text.contains('@'), "{text}");
        assert!(!text.contains("northw"), "{text}");
    }
    let reason = of(&all, "verdict").pop().expect("a verdict");
    assert!(reason.detail.contains("\"reason\":\"sha256:"), "{reason:?}");
}

/// An address that refuses the first time; gives what it was told.
async fn siem() -> (
    String,
    Arc<AtomicUsize>,
    tokio::sync::mpsc::Receiver<String>,
) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("port");
    let url = format!("http://{}/unhook", listener.local_addr().expect("address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let (told, hears) = tokio::sync::mpsc::channel(100);
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let mut text = String::new();
            let body = loop {
                let mut part = [0; 4096];
                let n = stream.read(&mut part).await.expect("read");
                text.push_str(&String::from_utf8_lossy(&part[..n]));
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).expect("a length");
                let length: usize = length.lines().next().expect("one").parse().expect("number");
                if body.len() >= length {
                    break body.to_owned();
                }
            };
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let status = if first { "503 Busy" } else { "204 No Content" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            if !first {
                told.send(body).await.expect("heard");
            }
        }
    });
    (url, asked, hears)
}

#[tokio::test]
async fn f73_checkpoints_leave_into_a_file_and_to_an_address_that_was_away() {
    let sim = tenant(16, 8, None);
    let mut stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let (url, asked, mut hears) = siem().await;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("audit.jsonl");
    // as a process leaves it that was killed while it wrote
    std::fs::write(&path, "").expect("written");
    let config = Arc::make_mut(&mut stage.app.config);
    config.audit.checkpoint_url = Some(url.parse().expect("url"));
    config.audit.checkpoint_file = Some(path.clone());
    config.audit.checkpoint_minutes = 30;
    let stage = stage.reopened();
    stage.report_all(&sim).await;
    stage.drain().await;
    unhook::cli::start::resume(&stage.app)
        .await
        .expect("queued");
    stage.drain_ahead(TimeDelta::minutes(6)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "refused once, then taken");
    let posted = hears.try_recv().expect("posted");
    let file = std::fs::read_to_string(&path).expect("file");
    assert_eq!(file, format!("{posted}\n"), "once in the file, too");
    let signed = read(&stage, &file).await;
    assert!(found(&stage, &signed).await.intact);
    let (seq, hash) = signed.into_iter().next().expect("one");
    let known = entries(&stage).await.into_iter().find(|e| e.seq == seq);
    assert_eq!(known.expect("there").hash, hash);

    // Without news there is none; with news there is one more.
    stage.drain_for(TimeDelta::minutes(65)).await;
    let quiet = std::fs::read_to_string(&path).expect("file");
    let tx = stage.app.store.begin().await.expect("tx");
    tx.of(stage.app.tenant)
        .note(Deed::new("one", stage.clock.now()));
    tx.commit().await.expect("committed");
    stage.drain_for(TimeDelta::minutes(35)).await;
    let after = std::fs::read_to_string(&path).expect("file");
    assert_eq!(after.lines().count(), quiet.lines().count() + 1, "{after}");

    let key = receipt::key(&stage.app).await.expect("key").public();
    let rows = stage.app.store.read(stage.app.tenant);
    let read = |text: &str, keys: &[String]| {
        checkpoint::read(text.as_bytes(), rows.tenant_name(), keys)
            .err()
            .map(|error| error.to_string())
    };
    let ours = [key];
    assert_eq!(read(&after, &ours), None);
    let forged = after.replacen("\"seq\":", "\"seq\":1", 1);
    let refused = read(&forged, &ours).expect("refused");
    assert_eq!(refused, "line 1 is not to be believed");
    let refused = read(&after, &[]).expect("refused");
    assert!(refused.starts_with("line 1 is signed by key "), "{refused}");
    let refused = read("{}\n", &ours).expect("refused");
    assert!(refused.starts_with("line 1 is no checkpoint"), "{refused}");
}

//! The floor: a handler that verifies the token, hashes the message, and
//! group-commits the same rows with hand-written SQL. No limits, no idempotency,
//! no strict JSON, no problem documents.

use std::sync::Arc;

use actix_web::{App as Web, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use unhook::{
    auth::ReporterVerifier,
    clock::SystemClock,
    config::{Config, database},
    demo,
    sim::Sim,
    store::Store,
};

#[derive(Deserialize)]
struct Body {
    item_id: String,
    raw: String,
}

struct Row {
    item: String,
    reporter: String,
    sha256: String,
    bytes: Vec<u8>,
}

type Queue = mpsc::Sender<(Row, oneshot::Sender<()>)>;

/// The bare server.
pub struct Bare {
    pub port: u16,
    handle: actix_web::dev::ServerHandle,
    _folder: tempfile::TempDir,
}

impl Bare {
    pub async fn start(sim: &Sim) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let text = demo::settings(sim, address, folder.path()).expect("settings");
        let config = Config::parse(&text).expect("valid");
        let path = folder.path().join("bare.db");
        let section = database::Database {
            url: format!("sqlite:{}", path.display()).into(),
            ..database::Database::default()
        };
        let store = Store::open(&section, None).await.expect("opened");
        store.migrate().await.expect("migrated");
        store.close().await.expect("closed");
        let connection = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
            .connect()
            .await
            .expect("connected");
        let (queue, waiting) = mpsc::channel(1024);
        tokio::spawn(write(connection, waiting));
        let verifier = Arc::new(
            ReporterVerifier::new(&config.reporters, Arc::new(SystemClock)).expect("a verifier"),
        );
        verifier.warm().await;
        let server = HttpServer::new(move || {
            Web::new()
                .app_data(web::Data::new(queue.clone()))
                .app_data(web::Data::from(Arc::clone(&verifier)))
                .app_data(web::PayloadConfig::new(1 << 20))
                .route("/api/v1/reports", web::post().to(report))
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
            handle,
            _folder: folder,
        }
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn report(
    request: actix_web::HttpRequest,
    body: web::Bytes,
    queue: web::Data<Queue>,
    verifier: web::Data<ReporterVerifier>,
) -> HttpResponse {
    let token = unhook::auth::bearer_token(request.headers()).expect("a token");
    let reporter = verifier.verify(token).await.expect("verified");
    let body: Body = serde_json::from_slice(&body).expect("json");
    let bytes = STANDARD.decode(body.raw).expect("base64");
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let (done, stored) = oneshot::channel();
    let row = Row {
        item: body.item_id,
        reporter: reporter.identity(),
        sha256,
        bytes,
    };
    queue.send((row, done)).await.expect("queued");
    stored.await.expect("stored");
    HttpResponse::Accepted().json(serde_json::json!({ "status": "received" }))
}

async fn write(
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<(Row, oneshot::Sender<()>)>,
) {
    while let Some(first) = waiting.recv().await {
        let mut group = vec![first];
        while group.len() < 256 {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let mut tx = connection.begin().await.expect("tx");
        let mut done = Vec::new();
        for (row, answer) in group {
            store(&mut tx, row).await;
            done.push(answer);
        }
        tx.commit().await.expect("commit");
        for answer in done {
            let _ = answer.send(());
        }
    }
}

async fn store(tx: &mut SqliteConnection, row: Row) {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (now, tenant) = (1_790_000_000_000_i64, "tnt");
    sqlx::query(
        "INSERT INTO submission (id, tenant_id, message_key, item_id, evidence, upload_sha256, \
         reports, created_at, updated_at) VALUES (?, ?, ?, ?, 'pending', ?, 1, ?, ?)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(&row.item)
    .bind(&row.item)
    .bind(&row.sha256)
    .bind(now)
    .bind(now)
    .execute(&mut *tx)
    .await
    .expect("submission");
    sqlx::query(
        "INSERT INTO report (id, tenant_id, submission_id, client, reporter, guest, message_key, \
         upload_sha256, request_digest, status, received_at) \
         VALUES (?, ?, ?, 'outlook', ?, 0, ?, ?, ?, 'received', ?)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(&id)
    .bind(&row.reporter)
    .bind(&row.item)
    .bind(&row.sha256)
    .bind(&row.sha256)
    .bind(now)
    .execute(&mut *tx)
    .await
    .expect("report");
    sqlx::query(
        "INSERT INTO upload (report_id, tenant_id, submission_id, sha256, bytes) \
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(&id)
    .bind(&row.sha256)
    .bind(&row.bytes)
    .execute(&mut *tx)
    .await
    .expect("upload");
    sqlx::query(
        "INSERT INTO job (id, tenant_id, kind, target, state, run_after, attempts, max_attempts, \
         fence, lease_until, again, created_at) \
         VALUES (?, ?, 'triage', ?, 'ready', ?, 0, 12, 0, 0, 0, ?)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(&id)
    .bind(now)
    .bind(now)
    .execute(&mut *tx)
    .await
    .expect("job");
    sqlx::query(
        "INSERT INTO event (id, tenant_id, submission_id, kind, actor, detail, at) \
         VALUES (?, ?, ?, 'reported', 'reporter', '{}', ?)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(&id)
    .bind(now)
    .execute(&mut *tx)
    .await
    .expect("event");
}

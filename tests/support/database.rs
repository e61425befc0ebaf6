//! A fresh database for each test, on SQLite or on a throw-away PostgreSQL.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use secrecy::SecretString;
use unhook::{config, store::Store};

/// The two databases every story runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A database that goes away with the test.
pub struct Fresh {
    pub section: config::database::Database,
    pub store: Store,
    _folder: tempfile::TempDir,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Opens one, migrated; `None` (said plainly) when no PostgreSQL is at hand.
pub async fn fresh(backend: Backend) -> Option<Fresh> {
    let folder = tempfile::tempdir().expect("a folder");
    let url = match backend {
        Backend::Sqlite => format!("sqlite:{}", folder.path().join("test.db").display()),
        Backend::Postgres => postgres_database().await?,
    };
    let section = config::database::Database {
        url: SecretString::from(url),
        ..config::database::Database::default()
    };
    let store = Store::open(&section, None)
        .await
        .expect("the database opens");
    store.migrate().await.expect("migrations apply");
    Some(Fresh {
        section,
        store,
        _folder: folder,
    })
}

/// A new database on the server that `UNHOOK_TEST_POSTGRES` names.
pub async fn postgres_database() -> Option<String> {
    let Ok(server) = std::env::var("UNHOOK_TEST_POSTGRES") else {
        eprintln!("LEFT OUT: no PostgreSQL; set UNHOOK_TEST_POSTGRES (tests/run starts one)");
        return None;
    };
    let name = format!(
        "unhook_test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    );
    let admin = sqlx::PgPool::connect(&server)
        .await
        .expect("PostgreSQL answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "DROP DATABASE IF EXISTS {name}"
    )))
    .execute(&admin)
    .await
    .expect("dropped");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&admin)
        .await
        .expect("created");
    let base = server
        .rsplit_once('/')
        .map_or(server.as_str(), |(base, _)| base);
    Some(format!("{base}/{name}"))
}

/// `../shared`, or where `UNHOOK_SHARED` points; `None` (said plainly) when it
/// is not there.
pub fn shared(inside: &str) -> Option<PathBuf> {
    let root = std::env::var_os("UNHOOK_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = root.join(inside);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("LEFT OUT: {} is not there", path.display());
        None
    }
}

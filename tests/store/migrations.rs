//! Migrations that end half-way, and go on another time.

use std::path::Path;

use secrecy::SecretString;
use sqlx::{
    Connection as _, Executor as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};
use unhook::{config, store::Store};

async fn open(file: &Path) -> Store {
    let section = config::database::Database {
        url: SecretString::from(format!("sqlite:{}", file.display())),
        ..config::database::Database::default()
    };
    Store::open(&section, None)
        .await
        .expect("the database opens")
}

async fn connection(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens")
}

/// Everything in it, as it was made, but for the migrations' own record.
async fn made(file: &Path) -> Vec<(String, String)> {
    let rows = connection(file)
        .await
        .fetch_all("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .await
        .expect("read");
    rows.into_iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

/// Each table in turn stands in the way of the migration that makes it, which has made
/// others before: what it did is undone with it, so that it begins anew once the way is
/// clear, as after a kill.
#[tokio::test]
async fn f24_a_migration_that_ends_half_way_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("whole.db");
    open(&file).await.migrate().await.expect("migrated");
    let whole = made(&file).await;
    let tables: Vec<&str> = whole
        .iter()
        .filter(|(name, sql)| sql.starts_with("CREATE TABLE") && !name.starts_with("sea"))
        .map(|(name, _)| name.as_str())
        .filter(|name| !name.starts_with("sqlite"))
        .collect();
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        let file = folder.path().join(format!("{table}.db"));
        let mut by_hand = connection(&file).await;
        let wall = format!("CREATE TABLE \"{table}\" (wall INTEGER)");
        by_hand
            .execute(sqlx::AssertSqlSafe(wall))
            .await
            .expect("made");
        let store = open(&file).await;
        assert!(store.migrate().await.is_err(), "{table}");
        let drop = format!("DROP TABLE \"{table}\"");
        by_hand
            .execute(sqlx::AssertSqlSafe(drop))
            .await
            .expect("dropped");
        store.migrate().await.expect(table);
        assert_eq!(made(&file).await, whole, "{table}");
    }
}

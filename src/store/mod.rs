//! The rows: sea-orm entities stay private here, one file an aggregate, every
//! query scoped to a tenant by its type.
//!
//! A change is made through a [`Tx`], which commits as a whole: state and the
//! job that carries it on commit together. SQLite gets one writer connection
//! (`synchronous=FULL`, WAL) and a pool of readers; PostgreSQL one pool.
//! No provider, no HTTP, no decisions here.

pub mod answer;
pub mod api_key;
pub mod approval;
pub mod audit;
mod batch;
pub mod blobs;
mod budget;
pub mod campaign;
mod checkpoint;
pub mod click;
pub mod egress;
pub mod event;
pub mod history;
pub mod indicator;
pub mod intake;
pub mod job;
pub mod judgement;
pub mod kinship;
mod late;
pub mod letter;
pub mod look;
pub mod mailbox;
pub mod membership;
mod open;
mod page;
pub mod pull;
pub mod pull_stop;
pub mod remediation;
pub mod report;
pub mod search;
pub mod session;
pub mod sighting;
pub mod staged;
pub mod submission;
pub mod subscription;
pub mod target;
pub mod tenant;
pub mod vote;
pub mod watch;
pub mod watched;

use std::{path::Path, sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait, QuerySelect as _, RuntimeErr, Select, TransactionTrait,
};
use sea_orm_migration::MigratorTrait as _;
use secrecy::ExposeSecret as _;

use crate::{config, domain::TenantId};

use checkpoint::Checkpoints;
pub use page::{Page, PageRequest};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection or lock was to be had in time: answer 503 and try again.
    #[error("the database is busy or out of reach")]
    Busy(#[source] DbErr),
    /// It cannot be opened at all.
    #[error("{place} cannot be opened")]
    Open {
        /// The SQLite file, or host, port and name; no credentials.
        place: String,
        /// What the system, the server or the driver said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk (or the database's quota) is full: nothing was written.
    #[error("the database cannot grow: its disk is full")]
    Full(#[source] DbErr),
    /// A unique key is already taken.
    #[error("already there")]
    Conflict(#[source] DbErr),
    /// Another worker took the job over; this one must stop and drop its work.
    #[error("the lease on the job is lost")]
    LeaseLost,
    /// A row holds what this program never writes.
    #[error("row not understood: {0}")]
    Corrupt(String),
    /// The blob folder failed.
    #[error("the blob store failed")]
    Blob(#[from] blobs::BlobError),
    /// Anything else the database said.
    #[error("the database failed")]
    Database(#[source] DbErr),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if let Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::Conflict(error);
        }
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Busy(error),
            DbErr::Exec(RuntimeErr::SqlxError(inner))
            | DbErr::Query(RuntimeErr::SqlxError(inner)) => {
                let text = inner.to_string();
                if text.contains("disk is full") || text.contains("No space left") {
                    Self::Full(error)
                } else if text.contains("database is locked")
                    || text.contains("could not serialize")
                    || text.contains("deadlock detected")
                    || text.contains("pool timed out")
                    || text.contains("Connection refused")
                    || text.contains("the database system is")
                {
                    Self::Busy(error)
                } else {
                    Self::Database(error)
                }
            }
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Full(_))
    }

    /// Whether a part the store needs is out of reach (database, disk, blob
    /// folder), which says nothing against the work that asked.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        self.is_transient() || matches!(self, Self::Blob(blobs::BlobError::Io(_)))
    }
}

/// Called after each commit with the number of commits so far; lets a crash
/// test stop the process at every boundary.
pub type CommitObserver = Arc<dyn Fn() + Send + Sync>;

/// A database that is open.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    observer: Option<CommitObserver>,
    checkpoints: Option<Checkpoints>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database; creates a SQLite file that is missing.
    ///
    /// # Errors
    /// [`StoreError::Open`], which names the place and the cause.
    pub async fn open(
        section: &config::database::Database,
        observer: Option<CommitObserver>,
    ) -> Result<Self, StoreError> {
        match Self::connect(section, observer).await {
            Ok(store) => Ok(store),
            Err(error) => Err(StoreError::Open {
                place: section.place(),
                cause: open::cause(section, error).await,
            }),
        }
    }

    /// Whether there is a database to be opened; of PostgreSQL that is not known
    /// before it is.
    #[must_use]
    pub fn is_there(section: &config::database::Database) -> bool {
        open::sqlite_file(section.url.expose_secret())
            // What cannot be told shows, with its reason, when it is opened.
            .is_none_or(|path| Path::new(path).try_exists().unwrap_or(true))
    }

    async fn connect(
        section: &config::database::Database,
        observer: Option<CommitObserver>,
    ) -> Result<Self, StoreError> {
        let url = section.url.expose_secret();
        let wait = Duration::from_secs(section.wait_seconds.max(1));
        let (reader, writer, checkpoints) = if let Some(path) = open::sqlite_file(url) {
            // A folder that cannot be made shows when the file is opened.
            if let Some(folder) = Path::new(path).parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            let url = format!("sqlite:{path}?mode=rwc");
            let writer = Database::connect(sqlite_options(&url, 1, wait)).await?;
            let reader = Database::connect(sqlite_options(&url, 4, wait)).await?;
            let checkpoints = Checkpoints::start(reader.clone());
            (reader, writer, Some(checkpoints))
        } else {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(16)
                .acquire_timeout(wait)
                .connect_timeout(wait)
                .sqlx_logging(false);
            let both = Database::connect(options).await?;
            (both.clone(), both, None)
        };
        Ok(Self {
            reader,
            writer,
            observer,
            checkpoints,
        })
    }

    /// Applies the migrations that are missing.
    ///
    /// # Errors
    /// [`StoreError`] when one fails; it then has not been applied.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        unhook_migrations::Migrator::up(&self.writer, None).await?;
        Ok(())
    }

    /// The names of migrations that are not applied yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = unhook_migrations::Migrator::get_pending_migrations(&self.writer).await?;
        Ok(pending.iter().map(|m| m.name().to_owned()).collect())
    }

    /// Proves that the database answers.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        match self.writer.get_database_backend() {
            DbBackend::Sqlite => "sqlite",
            _ => "postgres",
        }
    }

    /// Reads scoped to one tenant.
    #[must_use]
    pub fn read(&self, tenant: TenantId) -> Scope<'_, DatabaseConnection> {
        Scope {
            conn: &self.reader,
            tenant: tenant.to_string(),
            deeds: None,
        }
    }

    /// Begins a change.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the writer is not free in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx {
            inner: self.writer.begin().await?,
            observer: self.observer.clone(),
            checkpoints: self.checkpoints.clone(),
            deeds: audit::Deeds::default(),
        })
    }

    /// Closes the connections; what is committed stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await?;
        self.writer.close().await?;
        Ok(())
    }
}

/// Whether a connection that comes back can be used again. On a full disk SQLite
/// itself takes a change back; the driver's own ROLLBACK then fails, and it goes on
/// believing that a change is open: the next one would be a savepoint inside
/// nothing, or inside one that never commits. Such a connection is closed.
async fn sound(connection: &mut sqlx::SqliteConnection) -> Result<bool, sqlx::Error> {
    use sqlx::Connection as _;
    if connection.is_in_transaction() {
        // The rollback of a dropped change may wait in the connection's queue.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

fn sqlite_options(url: &str, connections: u32, wait: Duration) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(wait)
        .sqlx_logging(false)
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(sound(connection)))
        })
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
                .busy_timeout(wait)
                .foreign_keys(true)
                .pragma("cache_size", "-16384")
                // The log is copied by `checkpoint`; this is for when that
                // cannot keep up: 64 MiB of log.
                .pragma("wal_autocheckpoint", "16384")
                .statement_cache_capacity(128)
        });
    options
}

/// A change under way; dropped without [`Tx::commit`] it never happened.
pub struct Tx {
    inner: DatabaseTransaction,
    observer: Option<CommitObserver>,
    checkpoints: Option<Checkpoints>,
    /// What is appended to the audit trail with it.
    deeds: audit::Deeds,
}

impl Tx {
    /// Reads and writes scoped to one tenant, inside this change.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Scope<'_, DatabaseTransaction> {
        Scope {
            conn: &self.inner,
            tenant: tenant.to_string(),
            deeds: Some(&self.deeds),
        }
    }

    /// Makes the change durable, together with what it tells the audit trail.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the change has happened then.
    pub async fn commit(self) -> Result<(), StoreError> {
        // Last of all: nothing else is taken hold of behind the trail's head.
        for (tenant, deeds) in self.deeds.take() {
            audit::append(&self.inner, &tenant, deeds).await?;
        }
        let done = self.inner.commit().await.map_err(StoreError::from);
        if let Some(checkpoints) = &self.checkpoints {
            match done {
                Ok(()) => checkpoints.committed(),
                Err(StoreError::Full(_)) => checkpoints.wake(),
                Err(_) => {}
            }
        }
        done?;
        if let Some(observer) = &self.observer {
            observer();
        }
        Ok(())
    }

    pub(crate) const fn conn(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

/// Queries of one tenant. The entities are private to this room, so a query
/// that forgets its tenant cannot be written elsewhere.
pub struct Scope<'a, C> {
    conn: &'a C,
    tenant: String,
    /// Of the change that this is inside of.
    deeds: Option<&'a audit::Deeds>,
}

/// Reads and writes inside a change; see [`Tx::of`].
pub type Rows<'a> = Scope<'a, DatabaseTransaction>;

/// Reads outside a change; see [`Store::read`].
pub type Reader<'a> = Scope<'a, DatabaseConnection>;

/// A query whose rows stay as they are read until the change ends: what is decided
/// on them must not be overtaken. SQLite has one writer anyway.
fn held<E: EntityTrait>(conn: &DatabaseTransaction, query: Select<E>) -> Select<E> {
    if conn.get_database_backend() == DbBackend::Postgres {
        query.lock_exclusive()
    } else {
        query
    }
}

fn millis(at: chrono::DateTime<chrono::Utc>) -> i64 {
    at.timestamp_millis()
}

fn instant(at: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(at).unwrap_or_default()
}

fn parse<T: std::str::FromStr>(text: &str, column: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Corrupt(column.to_owned()))
}

fn from_json<T: serde::de::DeserializeOwned>(
    value: sea_orm::JsonValue,
    column: &str,
) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt(column.to_owned()))
}

fn to_json<T: serde::Serialize>(value: &T, column: &str) -> Result<sea_orm::JsonValue, StoreError> {
    serde_json::to_value(value).map_err(|_| StoreError::Corrupt(column.to_owned()))
}

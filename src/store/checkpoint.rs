//! Copies SQLite's write-ahead log into its file beside the writer, not in it.
//!
//! SQLite's own checkpoint runs inside whichever commit fills the log, and that
//! commit (with every report waiting on it) pays for the copying and two syncs.
//! Here a reader's connection copies while the writer goes on (`PASSIVE`), and
//! only a log that has grown long is closed off (`RESTART`), which holds the
//! writer for the few pages written meanwhile.
//! Source: <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::sync::mpsc;

/// Commits between two copies.
const EVERY: u32 = 64;
/// Pages in the log from which on it is begun anew: 16 MiB of 4 KiB. As much has
/// to be free on the disk for the copy.
const LONG: i64 = 4096;

/// Counts commits and wakes the copying; cheap to clone. The copying ends when
/// the last clone is dropped.
#[derive(Clone)]
pub(super) struct Checkpoints {
    commits: Arc<AtomicU32>,
    due: mpsc::Sender<()>,
}

impl Checkpoints {
    /// Starts copying through `reader` on the current runtime.
    pub(super) fn start(reader: DatabaseConnection) -> Self {
        let (due, mut woken) = mpsc::channel(1);
        tokio::spawn(async move {
            while woken.recv().await.is_some() {
                // One that fails is made up for by the next, or by SQLite's own.
                if let Err(error) = copy(&reader).await {
                    tracing::debug!(%error, "the log was not copied");
                }
            }
        });
        Self {
            commits: Arc::default(),
            due,
        }
    }

    /// Notes a commit.
    pub(super) fn committed(&self) {
        if self.commits.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            self.wake();
        }
    }

    /// Copies now: the disk is full, and a log begun anew needs no more of it.
    pub(super) fn wake(&self) {
        // Already under way: its successor copies the rest.
        let _ = self.due.try_send(());
    }
}

async fn copy(reader: &DatabaseConnection) -> Result<(), DbErr> {
    let pages = checkpoint(reader, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    if pages >= LONG {
        checkpoint(reader, "PRAGMA wal_checkpoint(RESTART)").await?;
    }
    Ok(())
}

/// Runs one; gives the pages in the log.
async fn checkpoint(reader: &DatabaseConnection, pragma: &str) -> Result<i64, DbErr> {
    let row = reader
        .query_one_raw(Statement::from_string(DbBackend::Sqlite, pragma))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "log"))
}

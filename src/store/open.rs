//! Why a database could not be opened, as far as it can be found out.

use std::{path::Path, time::Duration};

use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection};

use super::StoreError;
use crate::config::database::Database;

/// An error of whatever stands in the way.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How long the second look at a server may take.
const LOOK: Duration = Duration::from_secs(5);

/// The file of an address of SQLite.
pub(super) fn sqlite_file(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.trim_start_matches("//"))
}

/// What stands behind `error`: drivers say "unable to open" where the system
/// knows more, and a pool says "timed out" where the server refused.
pub(super) async fn cause(section: &Database, error: StoreError) -> Cause {
    let url = section.url.expose_secret();
    match sqlite_file(url) {
        Some(path) => match system_refusal(Path::new(path)) {
            Some(reason) => reason.into(),
            None => error.into(),
        },
        None => match tokio::time::timeout(LOOK, PgConnection::connect(url)).await {
            Ok(Err(refused)) => refused.into(),
            // It answers by now, or stays silent as it did before.
            Ok(Ok(_)) | Err(_) => error.into(),
        },
    }
}

/// What the system says to opening the file for writing.
fn system_refusal(path: &Path) -> Option<std::io::Error> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty())
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        return Some(error);
    }
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).err()
}

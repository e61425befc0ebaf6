//! `unhook migrate`: apply the migrations that are missing.

use std::process::ExitCode;

use super::{ConfigFile, start::StartError};
use crate::store::Store;

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let store = Store::open(&config.database, None)
        .await
        .map_err(StartError::Store)?;
    let pending = store
        .pending_migrations()
        .await
        .map_err(StartError::Store)?;
    store.migrate().await.map_err(StartError::Store)?;
    for name in &pending {
        say!("applied {name}");
    }
    say!("The database is up to date ({}).", store.backend_name());
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

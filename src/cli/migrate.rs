//! `unhook migrate`: apply the migrations that are missing.

use std::process::ExitCode;

use super::ConfigFile;
use crate::store::Store;

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let store = Store::open(&config.database, None).await?;
    let pending = store.pending_migrations().await?;
    store.migrate().await?;
    for name in &pending {
        println!("applied {name}");
    }
    println!("The database is up to date ({}).", store.backend_name());
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

//! `unhook serve`: the service until it is told to stop.

use std::{process::ExitCode, sync::Arc};

use super::{ConfigFile, start};
use crate::clock::SystemClock;

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let app = start::build_app(config, Arc::new(SystemClock), None).await?;
    if app.config.reporters.entra.is_none() && app.config.reporters.google.is_none() {
        tracing::warn!(
            "nobody can report: neither [reporters.entra] nor [reporters.google] is set"
        );
    }
    if app.config.graph.is_none() && app.config.google.is_none() {
        tracing::warn!("no mail platform is set: nothing can be fetched, searched or pulled");
    }
    let running = start::start(app).await?;
    tracing::info!(address = %running.address, url = %running.url, "listening");
    start::stop_signal().await?;
    tracing::info!("stopping: no new requests, what is under way may finish");
    running.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

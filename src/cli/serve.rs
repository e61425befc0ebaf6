//! `unhook serve`: the service until it is told to stop.

use std::{process::ExitCode, sync::Arc};

use super::{ConfigFile, start};
use crate::clock::SystemClock;

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let app = start::build_app(config, Arc::new(SystemClock), None).await?;
    let running = start::start(app).await?;
    tracing::info!(address = %running.address, url = %running.url, "listening");
    start::stop_signal().await?;
    tracing::info!("stopping: no new requests, what is under way may finish");
    running.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

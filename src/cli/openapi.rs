//! `unhook openapi`: print the description of the HTTP API.

use std::{io::Write as _, process::ExitCode};

use crate::http::openapi;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    writeln!(
        std::io::stdout(),
        "{}",
        openapi::document().to_pretty_json()?
    )?;
    Ok(ExitCode::SUCCESS)
}

//! `unhook openapi`: print the description of the HTTP API.

use std::process::ExitCode;

use crate::http::openapi;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    println!("{}", openapi::document().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

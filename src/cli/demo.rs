//! `unhook demo`: the main job on a simulated organisation.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;

use super::logging;
use crate::{
    config::log::{Format, Log},
    demo::{self, Ending},
};

/// The exit code is 0 when every planted copy was pulled, no innocent message was
/// touched and both reporters were thanked; 2 when the message was not condemned
/// and nothing was pulled; 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A mail of your own (.eml) instead of the built-in phish
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// People in the organisation, 8 to 100,000; half on each platform
    #[arg(long, value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(8..=100_000))]
    mailboxes: u32,
    /// Exit when done; otherwise the console stays up until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Print the receipt as one JSON object, and nothing else
    #[arg(long)]
    json: bool,
    /// Address and port of the console; a free port by default
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    logging::install(&Log {
        format: Format::Text,
        level: "warn".to_owned(),
    });
    let ending = demo::run(demo::Options {
        message: options.message,
        mailboxes: usize::try_from(options.mailboxes)?,
        once: options.once,
        json: options.json,
        listen: options.listen,
    })
    .await?;
    Ok(match ending {
        Ending::Pulled => ExitCode::SUCCESS,
        Ending::NotCondemned => ExitCode::from(2),
        Ending::Failed => ExitCode::FAILURE,
    })
}

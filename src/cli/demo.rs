//! `unhook demo`: the main job, shown on one machine.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::demo::{self, Ending};

/// Exit codes: 0 when every planted copy was pulled, no innocent message touched
/// and both reporters thanked; 3 when the message was not condemned and nothing
/// was pulled; 1 otherwise.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every planted copy was pulled, no innocent message was \
                        touched and both reporters were thanked; 3 the message was not condemned \
                        and nothing was pulled; 1 anything else."
)]
pub(super) struct Options {
    /// A mail of your own (RFC 5322) to be planted instead of the built-in phish
    #[arg(long, value_name = "FILE.eml")]
    message: Option<PathBuf>,
    /// People in the simulated organisation
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    mailboxes: u32,
    /// Exit when done instead of leaving the console up until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Print the receipt as one JSON object, and nothing else, on standard output
    #[arg(long)]
    json: bool,
    /// Where the console listens; a free port of 127.0.0.1 by default
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    super::logging::install(&crate::config::log::Log {
        level: "error".to_owned(),
        ..crate::config::log::Log::default()
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
        Ending::NotCondemned => ExitCode::from(3),
        Ending::Failed => ExitCode::FAILURE,
    })
}

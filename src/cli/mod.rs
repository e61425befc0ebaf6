//! The command line: one file a subcommand. What a command prints goes to
//! standard output; logs and errors go to standard error.

/// Writes a line of the answer. Whoever reads it may have seen enough, as `head` does:
/// that is no error.
macro_rules! say {
    ($($word:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($word)*);
    }};
}

/// The same without the end of the line.
macro_rules! put {
    ($($word:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($word)*);
    }};
}

mod analyze;
mod audit;
mod clicks;
mod config;
#[cfg(feature = "sim")]
mod demo;
mod doctor;
mod hunt;
mod indicator;
mod keys;
mod logging;
mod migrate;
mod model;
mod openapi;
mod policy;
mod pulls;
mod receipt;
mod serve;
#[cfg(feature = "sim")]
mod simulate;
pub mod start;
mod verdict;

use std::{io::Read as _, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, ConfigError},
    enrich::lookups::visit,
    sandbox::{ChildOptions, child},
};

/// The closed loop for reported mail: one click, a verdict with reasons, every
/// copy pulled, the reporter thanked.
#[derive(Debug, Parser)]
#[command(
    name = "unhook",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: HTTP API, console and workers
    Serve(ConfigFile),
    /// Write or check a configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Apply the database migrations that are missing
    Migrate(ConfigFile),
    /// Check everything the service needs, one plain line each
    Doctor(doctor::Options),
    /// Make, list and revoke the API keys of analysts and programs
    #[command(subcommand)]
    Keys(keys::Command),
    /// Judge mail files offline
    Analyze(analyze::Options),
    /// Propose a policy, try it on the history, put it into force
    #[command(subcommand)]
    Policy(policy::Command),
    /// Say what links, hosts, files and senders are known to be; stored messages are
    /// judged anew by it
    #[command(subcommand)]
    Indicator(indicator::Command),
    /// Show every copy of a message in all mailboxes, or what fits a query; moves
    /// nothing
    Hunt(hunt::Options),
    /// Check what a search reached: its signed receipt
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Import who clicked the links of a campaign
    #[command(subcommand)]
    Clicks(clicks::Command),
    /// Stop all pulls, let them go on, and see what waits
    #[command(subcommand)]
    Pulls(pulls::Command),
    /// Check the audit trail, and see who did what
    #[command(subcommand)]
    Audit(audit::Command),
    /// Prove a judgement
    #[command(subcommand)]
    Verdict(verdict::Command),
    /// Train the statistical model of mail, and measure it
    #[command(subcommand)]
    Model(model::Command),
    /// Take files apart for a running Unhook: it starts this command by itself,
    /// and talks to it over its standard input and output
    #[command(hide = true, name = "dissect-files")]
    DissectFiles,
    /// Open one link for a running Unhook: it starts this command by itself, and
    /// talks to it over its standard input and output
    #[command(hide = true, name = "visit-link")]
    VisitLink,
    /// Print the OpenAPI 3.1 document of the HTTP API
    Openapi,
    /// Show the whole job on this machine: a simulated organisation, a phish in
    /// 60 of 200 mailboxes, two reports, every copy pulled, a receipt
    #[cfg(feature = "sim")]
    Demo(demo::Options),
    /// Run the simulated organisation alone, for trying things out
    #[cfg(feature = "sim")]
    Simulate(simulate::Options),
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigFile {
    /// The configuration; by default `unhook.toml` of the working folder if it
    /// is there. UNHOOK__SECTION__FIELD variables override its fields
    #[arg(long, short, value_name = "FILE", env = "UNHOOK_CONFIG")]
    pub config: Option<PathBuf>,
}

impl ConfigFile {
    /// Reads the configuration and begins to log as it says.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        let config = Config::load(self.config.as_deref())?;
        logging::install(&config.log);
        Ok(config)
    }
}

impl Cli {
    /// Runs the command. The exit code is 0 when it did all it should, 1 when
    /// not, 2 for a command line that cannot be read.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // Before there is a runtime: from its lock on that process can open and
        // start nothing any more.
        if matches!(self.command, Command::DissectFiles) {
            return dissect_files();
        }
        let done = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(self.dispatch()));
        match done {
            Ok(code) => code,
            // whoever read the output has seen enough, as `head` does
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("unhook: {}", start::whole(&*error));
                ExitCode::FAILURE
            }
        }
    }

    async fn dispatch(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(file) => serve::run(&file).await,
            Command::Config(command) => config::run(command),
            Command::Migrate(file) => migrate::run(&file).await,
            Command::Doctor(options) => doctor::run(&options).await,
            Command::Keys(command) => keys::run(command).await,
            Command::Analyze(options) => analyze::run(&options),
            Command::Policy(command) => policy::run(command).await,
            Command::Indicator(command) => indicator::run(command).await,
            Command::Hunt(options) => hunt::run(&options).await,
            Command::Receipt(command) => receipt::run(command).await,
            Command::Clicks(command) => clicks::run(command).await,
            Command::Pulls(command) => pulls::run(command).await,
            Command::Audit(command) => audit::run(command).await,
            Command::Verdict(command) => verdict::run(command).await,
            Command::Model(command) => model::run(command).await,
            Command::DissectFiles => Ok(dissect_files()),
            Command::VisitLink => visit_link().await,
            Command::Openapi => openapi::run(),
            #[cfg(feature = "sim")]
            Command::Demo(options) => demo::run(options).await,
            #[cfg(feature = "sim")]
            Command::Simulate(options) => simulate::run(&options).await,
        }
    }
}

/// The command that a visit starts this program with.
pub const VISIT_COMMAND: &str = "visit-link";

async fn visit_link() -> anyhow::Result<ExitCode> {
    let mut errand = Vec::new();
    std::io::stdin().take(1 << 20).read_to_end(&mut errand)?;
    let told = visit::run(&errand).await.map_err(anyhow::Error::msg)?;
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}

/// The command that the sandbox starts this program with.
pub const FILES_COMMAND: &str = "dissect-files";

/// The other side of the sandbox; whoever started it has said why when it ends
/// early.
fn dissect_files() -> ExitCode {
    let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match child::run(input, output, &ChildOptions::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unhook: {}", start::whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// Only an error of the command's own writing: one of a database's connection
/// comes wrapped.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn every_command(command: &clap::Command, look: &mut dyn FnMut(&clap::Command)) {
        look(command);
        for sub in command.get_subcommands() {
            every_command(sub, look);
        }
    }

    #[test]
    fn every_command_and_option_says_what_it_is_for() {
        let root = Cli::command();
        root.clone().debug_assert();
        every_command(&root, &mut |command| {
            assert!(
                command.get_about().is_some(),
                "{} has no help",
                command.get_name()
            );
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
        });
    }
}

//! `unhook config`: write or check a configuration.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::anyhow;
use clap::Subcommand;

use super::ConfigFile;
use crate::{
    config::{Config, DEFAULT_FILE, EXAMPLE},
    policy,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a commented example with every field
    Init {
        /// Where to; `-` is standard output
        #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
        out: PathBuf,
        /// Overwrite a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Read and validate a configuration without using it
    Check(ConfigFile),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init { out, .. } if out.as_os_str() == "-" => put!("{EXAMPLE}"),
        Command::Init { out, force } => {
            let mut options = OpenOptions::new();
            options.write(true).truncate(true);
            if force {
                options.create(true)
            } else {
                options.create_new(true)
            };
            let mut file = options.open(&out).map_err(|error| {
                if error.kind() == ErrorKind::AlreadyExists {
                    anyhow!("{} is there already; --force overwrites it", out.display())
                } else {
                    anyhow!("{} cannot be written: {error}", out.display())
                }
            })?;
            file.write_all(EXAMPLE.as_bytes())?;
            say!(
                "{} written; fill it in, then: unhook doctor --config {0}",
                out.display()
            );
        }
        Command::Check(file) => {
            let config = Config::load(file.config.as_deref())?;
            config.check_files()?;
            // rules are compiled, and tried on their own tests
            policy::ready(config.policy.clone())?;
            match &file.config {
                Some(path) => say!("{} is in order.", path.display()),
                None if Path::new(DEFAULT_FILE).exists() => {
                    say!("{DEFAULT_FILE} is in order.");
                }
                None => say!(
                    "There is no {DEFAULT_FILE} here: these are the defaults and the environment."
                ),
            }
            for (section, set) in [
                ("graph (Microsoft 365)", config.graph.is_some()),
                ("google (Google Workspace)", config.google.is_some()),
                ("reporters.entra", config.reporters.entra.is_some()),
                ("reporters.google", config.reporters.google.is_some()),
            ] {
                say!("  {section}: {}", if set { "set" } else { "not set" });
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! The command line; no logic.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // One TLS provider for the whole process; a second call would find it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    unhook::cli::Cli::parse().run()
}

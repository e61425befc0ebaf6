//! `unhook verdict`: prove a judgement.

use std::process::ExitCode;

use clap::Subcommand;

use super::{ConfigFile, policy::app};
use crate::{domain::SubmissionId, policy::replay::replay};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Judge a submission again on the recorded facts, by the policy, model and rules
    /// that judged it, and compare byte for byte
    #[command(
        after_help = "Exit codes: 0 the same bytes; 1 other bytes, or it cannot be replayed."
    )]
    Replay {
        /// `sub_…`
        submission: SubmissionId,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let Command::Replay {
        submission,
        json,
        file,
    } = command;
    let app = app(&file).await?;
    let found = replay(&app, submission).await?;
    if json {
        say!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        say!(
            "{}: judged {} at {} by policy {}, model {}, rules {}",
            found.assessment,
            found.recorded,
            found.judged_at,
            found.policy_version,
            found.model_version.as_deref().unwrap_or("none"),
            found.rules_version
        );
        if found.same {
            say!(
                "replayed: the same {} bytes came out",
                found.replayed_bytes.len()
            );
        } else {
            say!(
                "replayed: DIFFERENT, {} came out\nrecorded: {}\nreplayed: {}",
                found.replayed,
                found.recorded_bytes,
                found.replayed_bytes
            );
        }
    }
    Ok(if found.same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

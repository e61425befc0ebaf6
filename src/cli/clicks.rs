//! `unhook clicks`: who followed the links of a campaign.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{
    ConfigFile,
    policy::{app, operator},
};
use crate::{
    domain::CampaignId,
    triage::clicks::{Imported, import, people, read_csv, read_json},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import lines of a proxy, a resolver or a log search
    #[command(
        after_help = "A table's first line names the columns user, time and url; JSON is {\"clicks\": [{\"user\": .., \"time\": .., \"url\": ..}]}. Lines that cannot be read are named and keep no other out. The same lines again change nothing."
    )]
    Import(Import),
    /// List who needs a credential reset
    List {
        /// The campaign, cmp_…
        #[arg(long, value_name = "ID")]
        campaign: CampaignId,
        #[command(flatten)]
        file: ConfigFile,
    },
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The campaign, cmp_…
    #[arg(long, value_name = "ID")]
    campaign: CampaignId,
    /// The lines
    #[arg(value_name = "FILE")]
    lines: PathBuf,
    /// The file is JSON, not a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Import(options) => {
            let shown = options.lines.display();
            let bytes =
                std::fs::read(&options.lines).with_context(|| format!("{shown} cannot be read"))?;
            let lines = if options.json {
                read_json(&bytes)?
            } else {
                read_csv(&bytes)?
            };
            let app = app(&options.file).await?;
            let done = import(&app, options.campaign, lines, &operator()).await?;
            tell(&done);
            Ok(if done.bad > 0 {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
        Command::List { campaign, file } => {
            let app = app(&file).await?;
            for who in people(&app, campaign).await? {
                say!(
                    "{}  {} clicks  first {}",
                    who.address,
                    who.clicks,
                    who.first_at.to_rfc3339()
                );
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn tell(done: &Imported) {
    for bad in &done.lines {
        say!("line {}: {}", bad.line, bad.why);
    }
    say!(
        "{} new, {} known, {} of other links, {} bad lines",
        done.new,
        done.known,
        done.elsewhere,
        done.bad
    );
}

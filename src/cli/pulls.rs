//! `unhook pulls`: the kill switch, and what is held back.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{
    ConfigFile,
    policy::{app, operator},
};
use crate::{
    app::App,
    domain::{ApprovalState, StopScope},
    remediation::brake,
    store::PageRequest,
};

/// Campaigns and requests listed.
const MOST: u64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say whether pulls are stopped, what waits, and what was moved today
    #[command(after_help = "Exit codes: 0 pulls go on; 3 a stop is in force.")]
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Stop pulls: no other copy is moved; putting back goes on
    #[command(
        after_help = "A running `unhook serve` heeds it before its next move. Moves under way end."
    )]
    Stop(Change),
    /// Let pulls go on
    Release(Change),
}

/// What is stopped.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Every pull
    All,
    /// Those that no person decided
    Automatic,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// What is stopped
    #[arg(long, value_enum, default_value = "all")]
    scope: What,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    file: ConfigFile,
}

impl Change {
    const fn scope(&self) -> StopScope {
        match self.scope {
            What::All => StopScope::All,
            What::Automatic => StopScope::Automatic,
        }
    }

    fn reason(&self) -> anyhow::Result<&str> {
        let reason = self.reason.trim();
        anyhow::ensure!(!reason.is_empty(), "--reason: say why, in a few words");
        Ok(reason)
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status { json, file } => status(&app(&file).await?, json).await,
        Command::Stop(change) => {
            let reason = change.reason()?;
            let app = app(&change.file).await?;
            let new = brake::stop(&app, change.scope(), &operator(), reason).await?;
            say!("{}", if new { "stopped" } else { "was stopped before" });
            Ok(ExitCode::SUCCESS)
        }
        Command::Release(change) => {
            let reason = change.reason()?;
            let app = app(&change.file).await?;
            let was = brake::release(&app, change.scope(), &operator(), reason).await?;
            say!("{}", if was { "released" } else { "was not stopped" });
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn status(app: &App, as_json: bool) -> anyhow::Result<ExitCode> {
    let rows = app.store.read(app.tenant);
    let stops = rows.pull_stops().await?;
    let waiting = rows.waiting_by_campaign(MOST).await?;
    let open = rows
        .approvals(Some(ApprovalState::Open), &PageRequest::first(MOST))
        .await?
        .items;
    let moved = rows.moved_today(app.clock.now()).await?;
    let budget = app.config.pull.daily_budget;
    if as_json {
        let stops: Vec<_> = stops
            .iter()
            .map(|s| json!({ "scope": s.scope, "by": s.by, "reason": s.reason, "since": s.since }))
            .collect();
        let waiting: Vec<_> = waiting
            .iter()
            .map(|(campaign, copies)| json!({ "campaign": campaign, "copies": copies }))
            .collect();
        let open: Vec<_> = open
            .iter()
            .map(|a| {
                json!({ "id": a.id, "campaign": a.campaign, "mailboxes": a.mailboxes, "copies": a.copies })
            })
            .collect();
        let all = json!({
            "stops": stops, "moved_today": moved, "daily_budget": budget,
            "approvals": open, "waiting": waiting,
        });
        say!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        for stop in &stops {
            let what = match stop.scope {
                StopScope::All => "every pull",
                StopScope::Automatic => "automatic pulls",
            };
            say!(
                "STOPPED: {what}, by {} since {}: {}",
                stop.by,
                stop.since.to_rfc3339(),
                stop.reason
            );
        }
        if stops.is_empty() {
            say!("pulls go on");
        }
        say!("moved today (UTC): {moved} of {budget} copies");
        for a in &open {
            say!(
                "{}  waits for a second person: {}, {} mailboxes, {} copies",
                a.id,
                a.campaign,
                a.mailboxes,
                a.copies
            );
        }
        for (campaign, copies) in &waiting {
            say!("{campaign}  {copies} copies not moved yet");
        }
    }
    Ok(if stops.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

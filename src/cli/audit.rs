//! `unhook audit`: whether the audit trail holds, and what stands in it.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{ConfigFile, policy::app};
use crate::{
    app::App,
    audit::{checkpoint, signed, verify},
    message::Untrusted,
    remediation::receipt,
    store::{PageRequest, audit::AuditFilter},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the chain of the audit trail, and say where it does not hold
    #[command(after_help = "Exit codes: 0 it holds; 1 it does not, or could not be checked.")]
    Verify(VerifyOptions),
    /// Print entries, the newest first
    Show(ShowOptions),
    /// Sign where the chain stands and print it: keep it where nobody who writes the
    /// database can write
    Checkpoint(ConfigFile),
}

#[derive(Debug, Args)]
pub(super) struct VerifyOptions {
    /// Signed checkpoints, one a line, as they were written to a file or posted: only
    /// they show an end that was cut off or written anew with all its hashes
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// A public key that checkpoints may be signed with, base64; the one of this
    /// installation when absent. May be given several times
    #[arg(long, value_name = "BASE64")]
    key: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct ShowOptions {
    /// Only what is about this id, or names it
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only what this one did: a key's id, `unhook`, or an account
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, as `verdict`
    #[arg(long)]
    action: Option<String>,
    /// Entries
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
    /// Print JSON, one entry a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(options) => check(&options).await,
        Command::Show(options) => {
            show(&options).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Checkpoint(file) => {
            let made = signed(&app(&file).await?).await?;
            let made = made.context("there is no entry yet, and nothing to sign")?;
            say!("{}", made.body);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn check(options: &VerifyOptions) -> anyhow::Result<ExitCode> {
    let app = app(&options.file).await?;
    let vouched = match &options.checkpoints {
        Some(path) => {
            let named = || format!("{}", path.display());
            let file = std::fs::File::open(path).with_context(named)?;
            let keys = known_keys(&app, &options.key).await?;
            let rows = app.store.read(app.tenant);
            checkpoint::read(file, rows.tenant_name(), &keys).with_context(named)?
        }
        None => BTreeMap::new(),
    };
    let found = verify::verify(&app, vouched).await?;
    if options.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        say!(
            "{}: {} entries, the last {} {}",
            if found.intact { "intact" } else { "BROKEN" },
            found.entries,
            found.last,
            found.hash
        );
        for finding in &found.findings {
            say!("  {finding}");
        }
        if found.more > 0 {
            say!("  and {} more", found.more);
        }
        if options.checkpoints.is_some() {
            say!("compared with {} signed checkpoints", found.checkpoints);
        } else {
            say!("without signed checkpoints: an end written anew with its hashes is not seen");
        }
    }
    Ok(if found.intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn known_keys(app: &App, given: &[String]) -> anyhow::Result<Vec<String>> {
    if given.is_empty() {
        Ok(vec![receipt::key(app).await?.public()])
    } else {
        Ok(given.to_vec())
    }
}

async fn show(options: &ShowOptions) -> anyhow::Result<()> {
    let app = app(&options.file).await?;
    let rows = app.store.read(app.tenant);
    let filter = AuditFilter {
        subject: options.subject.clone(),
        actor: options.actor.clone(),
        action: options.action.clone(),
    };
    let mut left = options.limit;
    let mut after = None;
    while left > 0 {
        let page = PageRequest {
            after: after.take(),
            ..PageRequest::first(left)
        };
        let found = rows.audit_entries(&filter, &page).await?;
        for entry in &found.items {
            if options.json {
                say!("{}", serde_json::to_string(entry)?);
            } else {
                // Whoever writes the database can write anything into it.
                let neutral = |text: &str, most| Untrusted::new(text).neutral(most);
                say!(
                    "{}  {}  {}  {}  {}  {}",
                    entry.seq,
                    entry.at.to_rfc3339(),
                    neutral(&entry.actor, 120),
                    neutral(&entry.action, 60),
                    neutral(&entry.subject, 80),
                    neutral(&entry.detail, 10_000)
                );
            }
        }
        left = left.saturating_sub(found.items.len() as u64);
        match found.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(())
}

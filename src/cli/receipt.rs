//! `unhook receipt`: checks a coverage receipt, and fetches one.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::{ConfigFile, start};
use crate::{
    clock::SystemClock,
    domain::SearchId,
    message::Untrusted,
    remediation::receipt::{self, Verified},
};

/// The largest receipt that is read, octets.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What to do with receipts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the signature and the chain of a receipt, offline
    Verify(VerifyOptions),
    /// Print the receipt of a search
    Show(ShowOptions),
}

/// Which receipt, and whose key.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// The receipt, as the API or the console gave it
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The public key it must be signed with, base64, as `unhook receipt show`
    /// gives it with every receipt. Without it only the key inside the receipt is used,
    /// and its name is printed
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,
    /// Compare with the chain in the database of this configuration too
    #[arg(long)]
    with_database: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// Which search.
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// The search, `sch_…`
    search: SearchId,
    #[command(flatten)]
    file: ConfigFile,
}

/// Runs the command.
///
/// # Errors
/// What could not be read, or is not as it should be.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(options) => verify(&options).await,
        Command::Show(options) => {
            let app =
                start::build_app(options.file.load()?, std::sync::Arc::new(SystemClock), None)
                    .await?;
            let receipt = receipt::of(&app, options.search).await?;
            say!("{}", serde_json::to_string_pretty(&receipt)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn verify(options: &VerifyOptions) -> anyhow::Result<ExitCode> {
    let path = &options.receipt;
    let named = || format!("{}", path.display());
    if std::fs::metadata(path).with_context(named)?.len() > LARGEST {
        bail!("{}: larger than any receipt", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(named)?;
    let file: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} holds no JSON", path.display()))?;
    let mut found = receipt::check(&file, options.key.as_deref())
        .with_context(|| format!("{} is not to be believed", path.display()))?;
    if options.with_database {
        compare(&options.file, &found).await?;
        found.key_checked = true;
    }
    if options.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    say!("search {}: the signature and the chain hold", found.search);
    say!("  {} entries, the last {}", found.entries, found.head);
    say!("  signed by key {} ({})", found.key_id, found.public_key);
    if !found.key_checked {
        say!("  whether that key is yours: compare it, or give --key or --with-database");
    }
    let of = |name: &str| found.mailboxes.get(name).copied().unwrap_or_default();
    say!(
        "  mailboxes: {} expected, {} searched, {} out of reach, {} left out by configuration, \
         {} in part, {} still open",
        of("expected"),
        of("searched"),
        of("unreachable"),
        of("excluded"),
        of("partly"),
        of("retrying") + of("waiting")
    );
    say!(
        "  {}",
        if found.complete {
            "complete: all that could be asked has answered"
        } else {
            "NOT complete: something was open, in doubt or searched in part when it was written"
        }
    );
    for doubt in &found.doubts {
        say!("  in doubt: {}", Untrusted::new(doubt).neutral(300));
    }
    Ok(ExitCode::SUCCESS)
}

/// The chain in the database must begin with the one in the receipt, and the key
/// must be this installation's.
async fn compare(file: &ConfigFile, found: &Verified) -> anyhow::Result<()> {
    let app = start::build_app(file.load()?, std::sync::Arc::new(SystemClock), None).await?;
    let key = receipt::key(&app).await?;
    if key.public() != found.public_key {
        bail!(
            "signed by key {}, and this installation's key is {}",
            found.key_id,
            key.id()
        );
    }
    let id: SearchId = found
        .search
        .parse()
        .context("the receipt names no search")?;
    let chain = app.store.read(app.tenant).chain(id).await?;
    let last = found.entries.checked_sub(1).and_then(|at| chain.get(at));
    match last {
        Some(entry) if entry.hash == found.head => Ok(()),
        Some(entry) => bail!(
            "entry {} of the chain in the database is another one than the receipt's",
            entry.seq
        ),
        None => bail!(
            "the chain in the database has {} entries and the receipt's {}",
            chain.len(),
            found.entries
        ),
    }
}

//! `unhook policy`: propose, try, put into force, compare.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{ConfigFile, start};
use crate::{
    app::App,
    clock::SystemClock,
    learn::targets::{self, Targets},
    policy::{
        agreement::{Accepted, agreement},
        force,
        trial::{Trial, trial},
    },
    verdict::model::Model,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the policy in force, or another version
    Show {
        /// A version; the one in force when absent
        #[arg(value_name = "VERSION")]
        which: Option<String>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// List every policy that was proposed, and what was in force when
    List(ConfigFile),
    /// Judge the stored history by a policy file, and record what it would change
    Test(TestOptions),
    /// Put a policy into force that was tested
    Activate {
        /// The version, as `policy test` printed it; `configuration` goes back to the
        /// configuration's
        #[arg(value_name = "VERSION")]
        which: String,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Compare what the engine said with what analysts decided
    Agreement(AgreementOptions),
    /// Thresholds for the error rates that you accept, from the model's calibration
    Thresholds(ThresholdOptions),
}

#[derive(Debug, Args)]
pub(super) struct TestOptions {
    /// A policy file: what stands under [policy], without that heading
    #[arg(long, value_name = "FILE", required_unless_present = "proposed")]
    policy: Option<PathBuf>,
    /// A version that was proposed before
    #[arg(long, value_name = "VERSION", conflicts_with = "policy")]
    proposed: Option<String>,
    /// Why it is proposed
    #[arg(long)]
    note: Option<String>,
    /// Messages, the newest first
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    last: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct AgreementOptions {
    /// Days that are looked back
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    days: i64,
    #[command(flatten)]
    rates: Rates,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct Rates {
    /// Of what is pulled, the share that may be harmless, 0 to 0.5
    #[arg(long, default_value_t = 0.01, value_parser = rate)]
    false_pulls: f64,
    /// Of what is closed, the share that may be malicious, 0 to 0.5
    #[arg(long, default_value_t = 0.005, value_parser = rate)]
    false_closes: f64,
}

#[derive(Debug, Args)]
pub(super) struct ThresholdOptions {
    #[command(flatten)]
    rates: Rates,
    /// The share of reported mail that is malicious at your place; as in the model's
    /// own mail when absent
    #[arg(long, value_parser = rate)]
    malicious_share: Option<f64>,
    /// A model; the one that comes with Unhook when absent
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=0.5).contains(&rate) => Ok(rate),
        _ => Err("must be a share between 0 and 0.5".to_owned()),
    }
}

/// Who decides at the command line: the account it runs under.
pub(super) fn operator() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "operator".to_owned());
    format!("command line: {user}")
}

pub(super) async fn app(file: &ConfigFile) -> anyhow::Result<App> {
    Ok(start::build_app(file.load()?, std::sync::Arc::new(SystemClock), None).await?)
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Show { which, file } => {
            let app = app(&file).await?;
            let engine = match which.as_deref().map(|which| {
                // as `activate` names it
                match which {
                    "configuration" => app.judging.configured().version(),
                    version => version,
                }
            }) {
                None => force::engine(&app).await?,
                some => std::sync::Arc::new(force::build(&app, some, None).await?),
            };
            say!("# policy {}", engine.version());
            put!("{}", engine.policy().to_toml());
        }
        Command::List(file) => list(&app(&file).await?).await?,
        Command::Test(options) => test(&options).await?,
        Command::Activate { which, file } => {
            let app = app(&file).await?;
            let version = Some(which.as_str()).filter(|version| *version != "configuration");
            let before = force::engine(&app).await?;
            force::activate(&app, version, &operator()).await?;
            say!(
                "policy {} is in force; to go back: unhook policy activate {}",
                force::engine(&app).await?.version(),
                before.version()
            );
        }
        Command::Agreement(options) => compare(&options).await?,
        Command::Thresholds(options) => thresholds(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App) -> anyhow::Result<()> {
    let rows = app.store.read(app.tenant);
    let current = force::engine(app).await?;
    for row in rows.policies(200).await? {
        let here = if row.version == current.version() {
            "*"
        } else {
            " "
        };
        let tried = row
            .tried_at
            .map_or_else(|| "not tested".to_owned(), |at| format!("tested {at:.0}"));
        say!(
            "{here} {}  {:.0}  {}  {tried}  {}",
            row.version,
            row.created_at,
            row.created_by,
            row.note.unwrap_or_default()
        );
    }
    for decision in rows.ever_in_force(50).await? {
        say!(
            "in force since {:.0}: policy {}, model {}, by {}",
            decision.since,
            decision
                .policy_version
                .as_deref()
                .unwrap_or("configuration"),
            decision.model_version.as_deref().unwrap_or("shipped"),
            decision.decided_by
        );
    }
    Ok(())
}

async fn test(options: &TestOptions) -> anyhow::Result<()> {
    let app = app(&options.file).await?;
    let version = match (&options.policy, &options.proposed) {
        (Some(path), _) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            force::propose(&app, &text, options.note.as_deref(), &operator())
                .await
                .with_context(|| format!("{} is refused", path.display()))?
                .version
        }
        (None, Some(version)) => version.clone(),
        (None, None) => bail!("name a policy file or a version"),
    };
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template(
        "judged: {pos} messages, {elapsed}",
    )?);
    let most = usize::try_from(options.last).unwrap_or(usize::MAX);
    let result = trial(&app, &version, most, |count| {
        bar.set_position(count as u64);
    })
    .await?;
    bar.finish_and_clear();
    if options.json {
        say!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        tell(&result);
    }
    Ok(())
}

fn tell(trial: &Trial) {
    say!(
        "policy {} against {}, over {} messages ({} decided by analysts, {} left out)\n",
        trial.after_version,
        trial.before_version,
        trial.messages,
        trial.decided,
        trial.left_out
    );
    let (before, after) = (&trial.before, &trial.after);
    say!("{:<44}{:>10}{:>10}", "", "in force", "proposed");
    let row = |what: &str, before: usize, after: usize| {
        say!("{what:<44}{before:>10}{after:>10}");
    };
    row("pulled without a person", before.pulled, after.pulled);
    row("left to a person", before.asked, after.asked);
    row("settled without one", before.closed, after.closed);
    row(
        "pulled, and an analyst said not malicious",
        before.wrongly_pulled,
        after.wrongly_pulled,
    );
    row(
        "closed, and an analyst said malicious",
        before.wrongly_closed,
        after.wrongly_closed,
    );
    say!("\n{} treated otherwise", trial.changed);
    for change in &trial.changes {
        let analyst = change
            .analyst
            .map_or_else(String::new, |said| format!(" (an analyst: {said})"));
        say!(
            "  {}  {} ({}) -> {} ({}){analyst}",
            change.submission,
            change.before,
            change.was.words(),
            change.after,
            change.becomes.words()
        );
    }
    say!(
        "\nrecorded; to put it into force: unhook policy activate {}",
        trial.after_version
    );
}

async fn compare(options: &AgreementOptions) -> anyhow::Result<()> {
    let app = app(&options.file).await?;
    let since = app.clock.now() - TimeDelta::days(options.days);
    let accepted = Accepted {
        false_pulls: options.rates.false_pulls,
        false_closes: options.rates.false_closes,
    };
    let found = agreement(&app, since, accepted).await?;
    if options.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    say!(
        "{} messages judged in {} days by the policy and model in force, {} of them decided by analysts\n",
        found.judged,
        options.days,
        found.decided
    );
    for row in &found.rows {
        let share = &row.agreed;
        let figures = if share.all == 0 {
            "no decision".to_owned()
        } else {
            format!(
                "{:.1} % [{:.1}-{:.1}] of {}",
                share.value * 100.0,
                share.low * 100.0,
                share.high * 100.0,
                share.all
            )
        };
        say!(
            "{:<11} agreed {figures:<34} {}: {}",
            row.said.to_string(),
            if row.go { "go" } else { "no-go" },
            row.why
        );
    }
    Ok(())
}

fn read_model(path: Option<&Path>) -> anyhow::Result<Vec<targets::HeldBack>> {
    match path {
        None => Ok(Model::shipped()
            .context("the model that comes with Unhook")?
            .1
            .held_back
            .clone()),
        Some(path) => {
            let file =
                fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let (_, kept) = Model::from_bytes(&file)
                .with_context(|| format!("{} is no model", path.display()))?;
            Ok(kept.held_back)
        }
    }
}

fn thresholds(options: &ThresholdOptions) -> anyhow::Result<()> {
    let held_back = read_model(options.model.as_deref())?;
    let found = targets::thresholds(
        &held_back,
        Targets {
            false_pulls: options.rates.false_pulls,
            false_closes: options.rates.false_closes,
            malicious_share: options.malicious_share,
        },
    );
    if options.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    say!("# from {} messages that were held back", found.messages);
    let side = |share: &crate::learn::figures::Share| {
        format!(
            "{:.2} % [{:.2}-{:.2}] of {}",
            share.value * 100.0,
            share.low * 100.0,
            share.high * 100.0,
            share.all
        )
    };
    match found.malicious_from {
        Some(at) => say!(
            "malicious_from = {at:.3}   # harmless among those above: {}, expected at your share {:.2} %",
            side(&found.pulled_harmless),
            found.expected_false_pulls * 100.0
        ),
        None => say!("# no threshold keeps false pulls so rare: set automatic_pull = false"),
    }
    match found.suspicious_from {
        Some(at) => say!(
            "suspicious_from = {at:.3}  # malicious among those below: {}, expected at your share {:.2} %",
            side(&found.closed_malicious),
            found.expected_false_closes * 100.0
        ),
        None => say!("# no threshold keeps false closes so rare: let analysts see everything"),
    }
    say!("# settled without a person: {:.1} %", found.settled * 100.0);
    Ok(())
}

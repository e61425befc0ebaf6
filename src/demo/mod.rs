//! `unhook demo`: the main job from end to end on one machine. A simulated
//! organisation behind real HTTP, an embedded instance, two employees who click
//! Report, and a receipt judged from the simulated mailboxes alone.
//!
//! The only room beside tests that may use `sim`.

mod approve;
mod click;
mod instance;
mod message;
mod progress;
mod receipt;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    cli::start,
    clock::{Clock as _, SharedClock, SystemClock},
    domain::ReportId,
    sim::{Organisation, Scenario, Sim, SimOptions},
};

pub use click::report;
pub use instance::settings;
pub use receipt::Receipt;

/// How to show it.
#[derive(Debug, Clone)]
pub struct Options {
    /// A mail of the user's own instead of the built-in phish.
    pub message: Option<PathBuf>,
    /// People in the organisation, at least 8.
    pub mailboxes: usize,
    /// Exit when done instead of leaving the console up.
    pub once: bool,
    /// Print the receipt as one JSON object and nothing else.
    pub json: bool,
    /// Where the console listens; a free port when absent.
    pub listen: Option<SocketAddr>,
}

/// How long the two reports may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(600);

/// Exit codes of `demo`, documented in its help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every planted copy was pulled, nothing else touched, both reporters thanked.
    Pulled,
    /// The message was not condemned, and nothing was pulled.
    NotCondemned,
    /// Anything else.
    Failed,
}

/// Runs the demo to its receipt; gives the code to exit with. Ctrl-C or SIGTERM
/// ends it at any time, and its data is thrown away.
///
/// # Errors
/// When the message cannot be used, a part cannot be started, or it is stopped
/// before its receipt.
pub async fn run(options: Options) -> anyhow::Result<Ending> {
    let message = options.message.as_deref().map(message::read).transpose()?;
    let show = progress::Show::new(options.json);
    show.say("setting up", &format!(
        "{} people, half on Microsoft 365, half on Google Workspace, over real HTTP on loopback",
        options.mailboxes
    ));
    let sim = start_tenant(options.mailboxes, message)?;
    let clock: SharedClock = Arc::new(SystemClock);
    let starting = instance::Instance::start(&sim, options.listen, SharedClock::clone(&clock));
    let instance = unless_stopped(starting).await?;
    let ending = unless_stopped(play(&options, &show, &sim, &instance, &clock)).await;
    if ending.is_ok() && !options.once {
        if !options.json {
            println!("\n  Console  {}/console", instance.url);
            println!("  API key  {}", instance.api_key);
            println!("  Second   {} approves large pulls", instance.second_key);
            println!("  Ctrl-C ends the demo; its data is thrown away.");
        }
        start::stop_signal().await?;
    }
    instance.stop().await;
    ending
}

/// The outcome of a part, unless the demo is told to stop before.
async fn unless_stopped<T>(part: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        done = part => done,
        stopped = start::stop_signal() => {
            stopped?;
            Err(anyhow::anyhow!("stopped before the receipt"))
        }
    }
}

/// From the clicks to the receipt, which is printed.
async fn play(
    options: &Options,
    show: &progress::Show,
    sim: &Sim,
    instance: &instance::Instance,
    clock: &SharedClock,
) -> anyhow::Result<Ending> {
    let clicked = clock.now();
    let mut reports: Vec<ReportId> = Vec::new();
    for reporter in &sim.reporters() {
        let id = click::report(sim, &instance.url, reporter).await?;
        show.say(
            "reported",
            &format!(
                "{} clicked Report ({})",
                reporter.address, reporter.provider
            ),
        );
        reports.push(id);
    }
    let done = progress::follow(show, instance, &reports, PATIENCE).await;
    let receipt = receipt::Receipt::draw(sim, instance, &reports, clicked, done).await?;
    if options.json {
        println!("{}", serde_json::to_string(&receipt)?);
    } else {
        receipt.print();
    }
    Ok(receipt.ending())
}

fn start_tenant(mailboxes: usize, message: Option<Vec<u8>>) -> anyhow::Result<Sim> {
    let organisation = Organisation::generate(mailboxes.max(8), 1);
    let now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync> = Arc::new(|| SystemClock.now());
    let sim = Sim::start(SimOptions::new(organisation, now))?;
    // 60 of the default 200 people; the same share of another size.
    let planted = (mailboxes * 3 / 10).max(8);
    sim.plant(&Scenario {
        message,
        mailboxes: Some(planted),
        ..Scenario::default()
    });
    Ok(sim)
}

//! `unhook simulate`: the simulated tenant alone.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use clap::Args;

use super::serve;
use crate::{
    clock::{Clock as _, SystemClock},
    demo,
    sim::{Organisation, Scenario, Sim, SimOptions},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Address and port of its Graph, Gmail, directory and token endpoints
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Address and port of its mail server; a free port by default
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    smtp_listen: SocketAddr,
    /// People in the organisation, 8 to 100,000; half on each platform
    #[arg(long, value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(8..=100_000))]
    mailboxes: u32,
    /// The same seed gives the same people and mail
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mailboxes = usize::try_from(options.mailboxes)?;
    let organisation = Organisation::generate(mailboxes, options.seed);
    let mut settings = SimOptions::new(organisation, Arc::new(|| SystemClock.now()));
    settings.listen = options.listen;
    settings.smtp_listen = options.smtp_listen;
    let sim = Sim::start(settings)?;
    sim.plant(&Scenario {
        seed: options.seed,
        ..Scenario::default()
    });

    let service = SocketAddr::from(([127, 0, 0, 1], 8080));
    println!("# The simulated tenant listens on {}.", sim.base_url());
    for reporter in sim.reporters() {
        println!(
            "# {} ({}) can report the planted phish.",
            reporter.address, reporter.provider
        );
    }
    println!("# This configuration connects `unhook serve` to it:\n");
    println!("{}", demo::settings(&sim, service, Path::new("."))?);
    serve::stop_signal().await?;
    drop(sim);
    Ok(ExitCode::SUCCESS)
}

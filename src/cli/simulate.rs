//! `unhook simulate`: the simulated organisation alone.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;

use crate::{
    clock::{Clock as _, SystemClock},
    demo,
    domain::Provider,
    sim::{Organisation, Scenario, Sim, SimOptions},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the simulated Graph, Gmail and token endpoints listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8790")]
    listen: SocketAddr,
    /// People in the organisation
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    mailboxes: u32,
    /// Seed of all names and choices; the same seed gives the same organisation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Add every request and answer to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        options.listen.ip().is_loopback(),
        "the simulated tenant has no protection; listen on a loopback address"
    );
    let organisation = Organisation::generate(usize::try_from(options.mailboxes)?, options.seed);
    let mut sim = SimOptions::new(organisation, Arc::new(|| SystemClock.now()));
    sim.listen = options.listen;
    sim.record_file.clone_from(&options.record);
    let sim = Sim::start(sim).with_context(|| match &options.record {
        Some(file) => format!("--listen {} or --record {}", options.listen, file.display()),
        None => format!("--listen {}", options.listen),
    })?;
    sim.plant(&Scenario {
        seed: options.seed,
        ..Scenario::default()
    });
    println!(
        "# Simulated organisation of {} at {}",
        options.mailboxes,
        sim.base_url()
    );
    println!(
        "# Letters are taken by SMTP at {}; pokes at {}/sim/",
        sim.smtp_addr(),
        sim.base_url()
    );
    println!("# A configuration for `unhook serve` against it:");
    let listen = SocketAddr::from(([127, 0, 0, 1], 8760));
    println!(
        "{}",
        demo::settings(&sim, listen, &std::env::temp_dir().join("unhook-simulate"))?
    );
    how_to_report(&sim, listen);
    tokio::signal::ctrl_c().await?;
    sim.stop();
    Ok(ExitCode::SUCCESS)
}

/// Commands that report the planted mail as one of the people who got it.
fn how_to_report(sim: &Sim, service: SocketAddr) {
    let Some(reporter) = sim
        .reporters()
        .into_iter()
        .find(|reporter| reporter.provider == Provider::Graph)
    else {
        return;
    };
    let (base, json) = (sim.base_url(), "-H 'Content-Type: application/json'");
    println!("# To report the planted mail as {}:", reporter.address);
    println!(
        "# TOKEN=$(curl -s {base}/sim/tokens {json} -d '{{\"kind\":\"entra\",\"user\":\"{}\"}}' | cut -d'\"' -f4)",
        reporter.address
    );
    println!(
        "# curl -s http://{service}/api/v1/reports -H \"Authorization: Bearer $TOKEN\" {json} -d '{{\"client\":\"outlook\",\"item_id\":\"{}\"}}'",
        reporter.item_id
    );
    println!("# What lies where: curl -s {base}/sim/truth");
}

//! `unhook hunt`: shows every copy of a message, or what fits a query, without
//! touching any. Works with credentials that may only read.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::{ConfigFile, start};
use crate::{
    app::App,
    clock::SystemClock,
    domain::{HitOutcome, MessageQuery, SearchId, SearchState},
    jobs,
    remediation::{
        dry_run::{DryRunOf, MOST_OCTETS, begin},
        receipt,
    },
    store::{PageRequest, search::Search},
};

/// The exit code where something was not reached, or is in doubt.
const INCOMPLETE: u8 = 3;
/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Copies that are printed.
const SHOWN: u64 = 1_000;

/// What to look for.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["from", "query"])]
pub struct Options {
    /// The copies, forwards and variants of this message
    #[arg(long, value_name = "FILE.eml")]
    from: Option<PathBuf>,
    /// What fits any part of a query: from:A@B subject:"TEXT" link:HOST
    /// attachment:NAME id:MESSAGE-ID; after:2026-11-01 before:2026-11-20 narrow it
    #[arg(long)]
    query: Option<String>,
    /// Only the plan and its cost: no mailbox is asked
    #[arg(long)]
    plan: bool,
    /// Write the signed coverage receipt to this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Print JSON: the plan, the counts and every hit
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// Runs the command.
///
/// # Errors
/// What cannot be read, or the database.
pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let app =
        start::build_app(options.file.load()?, std::sync::Arc::new(SystemClock), None).await?;
    if app.mail.all().next().is_none() {
        bail!("no mail platform is configured: see [graph] and [google] in the configuration");
    }
    let raw;
    let of = match (&options.from, &options.query) {
        (Some(path), _) => {
            let named = || format!("{}", path.display());
            let size = std::fs::metadata(path).with_context(named)?.len();
            if size > MOST_OCTETS as u64 {
                bail!("{}: larger than 25 MiB", path.display());
            }
            raw = std::fs::read(path).with_context(named)?;
            DryRunOf::Message(&raw)
        }
        (None, Some(query)) => DryRunOf::Query(MessageQuery::typed(query, app.clock.now())?),
        (None, None) => bail!("name a message with --from or a query with --query"),
    };
    let id = begin(&app, of, "command line").await?;
    read_directory(&app).await?;
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(start::readers(&app).run(stopped));
    let outcome = follow(&app, id, options).await;
    let _ = stop.send(true);
    working.await?;
    let search = outcome?;
    if let Some(path) = &options.receipt {
        let receipt = receipt::of(&app, id).await?;
        std::fs::write(path, serde_json::to_string_pretty(&receipt)?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if options.json {
        json(&app, &search).await?;
    } else {
        tell(&app, &search, options.plan).await?;
    }
    if options.plan {
        return Ok(ExitCode::SUCCESS);
    }
    let receipt = receipt::of(&app, id).await?;
    let complete = receipt::check(&receipt, None).is_ok_and(|told| told.complete);
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INCOMPLETE)
    })
}

/// The list of mailboxes, where it was never read.
async fn read_directory(app: &App) -> anyhow::Result<()> {
    let read = app.store.read(app.tenant).directory_readings().await?;
    if app
        .mail
        .all()
        .all(|mail| read.contains_key(&mail.provider()))
    {
        return Ok(());
    }
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    tx.of(app.tenant)
        .enqueue(vec![jobs::directory(app.tenant, now)], now)
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn follow(app: &App, id: SearchId, options: &Options) -> anyhow::Result<Search> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(
        "{msg} {wide_bar} {pos}/{len} mailboxes, {elapsed}",
    )?);
    bar.set_message("planning");
    loop {
        let rows = app.store.read(app.tenant);
        let search = rows
            .search(id)
            .await?
            .context("the search is not there any more")?;
        let planned = options.plan && search.state == SearchState::Searching;
        if search.is_over() || planned {
            bar.finish_and_clear();
            if planned {
                let tx = app.store.begin().await?;
                if let Some(current) = tx.of(app.tenant).hold_search(id).await? {
                    let stopped = Search {
                        state: SearchState::Stopped,
                        finished_at: Some(app.clock.now()),
                        ..current
                    };
                    tx.of(app.tenant).save_search(&stopped).await?;
                }
                tx.commit().await?;
            }
            return Ok(search);
        }
        if search.state == SearchState::Searching {
            let counts = rows.count_search(id).await?;
            bar.set_length(counts.expected);
            bar.set_position(counts.searched + counts.unreachable + counts.excluded);
            bar.set_message(format!("{} found", search.progress.found));
        }
        if let Some(reason) = &search.paused_reason {
            bar.set_message(format!("waits for an administrator: {reason}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn json(app: &App, search: &Search) -> anyhow::Result<()> {
    let rows = app.store.read(app.tenant);
    let mut hits = Vec::new();
    let mut page = PageRequest::first(SHOWN);
    loop {
        let found = rows.hits(search.id, None, &page).await?;
        hits.extend(found.items.into_iter().map(|hit| {
            serde_json::json!({
                "mailbox": hit.locator.mailbox.address,
                "provider": hit.locator.mailbox.provider,
                "message": hit.locator.message(),
                "sighting": hit.sighting,
            })
        }));
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    let told = serde_json::json!({
        "search": search.id,
        "plan": search.plan,
        "mailboxes": rows.count_search(search.id).await?,
        "calls": search.progress.made,
        "exposed": search.progress.exposed,
        "doubts": search.progress.doubts,
        "remarks": search.progress.remarks,
        "hits": hits,
    });
    say!("{}", serde_json::to_string_pretty(&told)?);
    Ok(())
}

async fn tell(app: &App, search: &Search, only_plan: bool) -> anyhow::Result<()> {
    let plan = &search.plan;
    for words in &plan.looks_for {
        say!("looks for {}", shown(words));
    }
    if let Some(why) = &plan.unsearchable {
        say!("nothing can be looked for: {why}");
    }
    if let Some(why) = &plan.no_variants {
        say!("variants are not looked for: {why}");
    }
    for way in &plan.ways {
        say!(
            "{}: {} mailboxes, {} calls, {} Gmail units",
            way.way,
            way.mailboxes,
            way.calls,
            way.units
        );
    }
    say!(
        "at least {} ms; the fewest calls possible: {}",
        plan.least_ms,
        plan.bound
    );
    if only_plan {
        return Ok(());
    }
    let rows = app.store.read(app.tenant);
    let counts = rows.count_search(search.id).await?;
    say!(
        "\n{} of {} mailboxes searched, {} left out, {} out of reach; {} calls made",
        counts.searched,
        counts.expected,
        counts.excluded,
        counts.unreachable,
        search.progress.made.calls
    );
    for gap in rows.gaps(search.id, &PageRequest::first(50)).await?.items {
        say!("  {}: {} ({})", gap.mailbox.address, gap.state, gap.reason);
    }
    for (outcome, title) in [
        (HitOutcome::Copy, "copies"),
        (HitOutcome::Forward, "forwards"),
        (HitOutcome::Variant, "variants"),
        (HitOutcome::Decoy, "came near and left out"),
    ] {
        let found = rows
            .hits(search.id, Some(outcome), &PageRequest::first(SHOWN))
            .await?;
        say!("\n{title}: {}", found.items.len());
        for hit in &found.items {
            let sighting = &hit.sighting;
            let received = sighting
                .received
                .map(|at| at.format("%Y-%m-%d %H:%M").to_string());
            say!(
                "  {}  {}  {}  {}  {}",
                hit.locator.mailbox.address,
                received.as_deref().unwrap_or("-"),
                if sighting.place.read {
                    "read"
                } else {
                    "unread"
                },
                sighting.way,
                shown(&sighting.reasons.join("; "))
            );
        }
        if found.next.is_some() {
            say!("  and more: --json lists all");
        }
    }
    say!("\nsearch {}", search.id);
    for address in &search.progress.exposed {
        say!("left the organisation: {}", shown(address));
    }
    for doubt in &search.progress.doubts {
        say!("IN DOUBT: {doubt}");
    }
    for remark in &search.progress.remarks {
        say!("note: {}", shown(remark));
    }
    Ok(())
}

/// A stranger's words may not steer a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

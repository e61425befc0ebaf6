//! `unhook indicator`: what the organisation itself says of links, hosts, files,
//! senders.

use std::process::ExitCode;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    ConfigFile,
    policy::{app, operator},
};
use crate::{
    app::App,
    domain::{AskedKind, Reputation},
    store::{PageRequest, indicator::Indicator},
    triage::indicators::{NewIndicator, add, withdraw},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say something of a value; every message of the last 90 days that holds it is
    /// judged anew
    #[command(
        after_help = "A running `unhook serve` looks through what is stored at once. It weighs as one source: alone it condemns nothing, and what an analyst decided stays."
    )]
    Add(Add),
    /// List what is said of values, the latest first
    List {
        /// Also what was withdrawn or has ended
        #[arg(long)]
        all: bool,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Say it no longer; what was judged on it is judged anew
    Withdraw {
        #[command(flatten)]
        what: What,
        /// Print the indicator as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
}

/// A value of a kind.
#[derive(Debug, Args)]
pub(super) struct What {
    /// url, host, domain, ip, sha256 or email
    #[arg(value_parser = kind)]
    kind: AskedKind,
    /// The value, defanged or not: hxxps://login[.]evil[.]example/a
    value: String,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    what: What,
    /// bad, doubtful or good
    #[arg(long, value_parser = reputation)]
    reputation: Reputation,
    /// Why, 1 to 200 characters; it stands with the reasons of the verdict
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// The last day on which it counts (UTC), as 2027-01-31, or an instant, as
    /// 2027-01-31T12:00:00Z; for ever when absent
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: Option<DateTime<Utc>>,
    /// Print the indicator as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

fn kind(word: &str) -> Result<AskedKind, String> {
    word.parse()
        .ok()
        .filter(|kind| *kind != AskedKind::Message)
        .ok_or_else(|| "not one of: url, host, domain, ip, sha256, email".to_owned())
}

fn reputation(word: &str) -> Result<Reputation, String> {
    match word.parse() {
        Ok(seen @ (Reputation::Bad | Reputation::Doubtful | Reputation::Good)) => Ok(seen),
        _ => Err("not one of: bad, doubtful, good".to_owned()),
    }
}

fn until(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    // the whole of the last day counts
    day.and_then(|day| day.checked_add_days(Days::new(1)))
        .map(|next| next.and_time(NaiveTime::MIN).and_utc())
        .ok_or_else(|| "not a day such as 2027-01-31".to_owned())
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add(options) => {
            let app = app(&options.file).await?;
            let new = NewIndicator {
                kind: options.what.kind,
                value: options.what.value,
                reputation: options.reputation,
                note: options.note,
                until: options.until,
            };
            let kept = add(&app, new, &operator()).await?;
            tell(&kept, app.clock.now(), options.json)?;
            if !options.json {
                say!("what is stored is looked through by the running service");
            }
        }
        Command::List { all, json, file } => list(&app(&file).await?, all, json).await?,
        Command::Withdraw { what, json, file } => {
            let app = app(&file).await?;
            let gone = withdraw(&app, what.kind, &what.value, &operator()).await?;
            tell(&gone, app.clock.now(), json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, all: bool, json: bool) -> anyhow::Result<()> {
    let rows = app.store.read(app.tenant);
    let now = app.clock.now();
    let mut page = PageRequest::first(200);
    let mut shown = Vec::new();
    loop {
        let found = rows.indicators(&page).await?;
        for one in found.items.iter().filter(|one| all || one.holds(now)) {
            if json {
                shown.push(object(one, now));
            } else {
                say!("{}", line(one, now));
            }
        }
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    if json {
        say!("{}", serde_json::to_string_pretty(&shown)?);
    }
    Ok(())
}

fn tell(one: &Indicator, now: DateTime<Utc>, json: bool) -> anyhow::Result<()> {
    if json {
        say!("{}", serde_json::to_string_pretty(&object(one, now))?);
    } else {
        say!("{}", line(one, now));
    }
    Ok(())
}

fn state(one: &Indicator, now: DateTime<Utc>) -> &'static str {
    match one.withdrawn_at {
        Some(_) => "withdrawn",
        None if one.holds(now) => "in force",
        None => "ended",
    }
}

fn line(one: &Indicator, now: DateTime<Utc>) -> String {
    let until = one.until.map_or_else(String::new, |until| {
        format!(
            "  until {}",
            until.to_rfc3339_opts(SecondsFormat::Secs, true)
        )
    });
    format!(
        "{}  {}  {}  {}{until}  {}  by {}",
        state(one, now),
        one.reputation.as_str(),
        one.kind,
        one.value,
        one.note,
        one.added_by
    )
}

fn object(one: &Indicator, now: DateTime<Utc>) -> Value {
    json!({
        "kind": one.kind,
        "value": one.value,
        "reputation": one.reputation,
        "note": one.note,
        "state": state(one, now),
        "added_by": one.added_by,
        "added_at": one.added_at,
        "until": one.until,
        "withdrawn_at": one.withdrawn_at,
        "withdrawn_by": one.withdrawn_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_whole_and_an_instant_to_the_second() {
        let shown = |text| until(text).map(|at| at.to_rfc3339());
        assert_eq!(
            shown("2027-01-31").as_deref(),
            Ok("2027-02-01T00:00:00+00:00")
        );
        assert_eq!(
            shown("2027-01-31T12:00:00+01:00").as_deref(),
            Ok("2027-01-31T11:00:00+00:00")
        );
        assert!(until("soon").is_err());
        assert!(kind("message").is_err());
        assert!(reputation("unlisted").is_err());
    }
}

//! Who clicked: lines of a proxy, a resolver or a log search, kept with the case whose
//! links they are, so that people whose credentials may be lost are known.
//!
//! A line that cannot be read is named with its number and keeps no other out; a line
//! with a link that is none of the case's names nobody. The same lines again change
//! nothing.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::{
    app::App,
    domain::{CampaignId, MailboxAddress},
    message::{Fingerprint, host_of, is_common, link_template, registrable, unwrap_link},
    store::{
        StoreError,
        campaign::Campaign,
        click::{Click, Clicker},
        event::Event,
    },
    strict_json::{self, StrictJsonError},
};

use super::grouping::MOST_VARIANTS;

/// Octets of an import.
pub const MOST_OCTETS: usize = 8 * 1024 * 1024;
/// Lines of an import.
pub const MOST_LINES: usize = 50_000;
/// People on the list.
pub const MOST_PEOPLE: u64 = 10_000;
/// Bad lines that are named; of more the number is told.
const NAMED: usize = 100;
/// Characters of a link.
const LINK_CHARS: usize = 2_048;
/// Clocks of other systems may run ahead so far.
const AHEAD: TimeDelta = TimeDelta::hours(24);

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ClickError {
    /// There is no such campaign.
    #[error("not there")]
    NotFound,
    /// Too many lines or octets.
    #[error("at most {MOST_LINES} lines and 8 MiB are taken at once")]
    TooMuch,
    /// The table lacks a column.
    #[error("the first line must name the columns; there is none for the {0}")]
    Column(&'static str),
    /// It is not JSON of the documented shape.
    #[error("not read")]
    Json(#[from] StrictJsonError),
    /// The database failed.
    #[error("not kept")]
    Store(#[from] StoreError),
}

/// A line as it came.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Mail address or sign-in name.
    pub user: String,
    /// RFC 3339, or `2026-11-23 08:00:00` in UTC.
    pub time: String,
    /// The link that was opened, or only its host; may be defanged.
    pub url: String,
}

/// Lines as JSON.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The lines, at most 50,000.
    pub clicks: Vec<Line>,
}

/// A line, or why it could not be read as one.
pub type Read = (usize, Result<Line, &'static str>);

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct BadLine {
    /// Its number: in a table the first line, which names the columns, is 1; in JSON the
    /// first entry is.
    pub line: usize,
    /// Why.
    pub why: &'static str,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Imported {
    /// Clicks that were not known.
    pub new: u64,
    /// Clicks that were known already.
    pub known: u64,
    /// Lines whose link is none of this campaign's.
    pub elsewhere: u64,
    /// Lines that could not be read.
    pub bad: u64,
    /// The first hundred of them.
    pub lines: Vec<BadLine>,
}

/// Reads a table with a first line that names its columns: `user` (`upn`, `email`,
/// `address`, `account`), `time` (`timestamp`, `date`), `url` (`link`, `host`,
/// `domain`), in any order, others ignored.
///
/// # Errors
/// [`ClickError::Column`], [`ClickError::TooMuch`].
pub fn read_csv(bytes: &[u8]) -> Result<Vec<Read>, ClickError> {
    if bytes.len() > MOST_OCTETS {
        return Err(ClickError::TooMuch);
    }
    let mut table = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let heads: Vec<String> = match table.byte_headers() {
        Ok(heads) => heads
            .iter()
            .map(|head| String::from_utf8_lossy(head).to_ascii_lowercase())
            .collect(),
        Err(_) => Vec::new(),
    };
    let column = |names: &[&str], what| {
        let found = names
            .iter()
            .find_map(|name| heads.iter().position(|head| head == name));
        found.ok_or(ClickError::Column(what))
    };
    let user = column(
        &[
            "user",
            "upn",
            "email",
            "address",
            "account",
            "userprincipalname",
        ],
        "user",
    )?;
    let time = column(&["time", "timestamp", "date", "datetime"], "time")?;
    let url = column(&["url", "link", "host", "domain"], "url")?;
    let mut read = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        let next = table.read_byte_record(&mut record);
        // The header is the first line; the reader's own count is one short where
        // lines end as on Windows.
        let number = read.len() + 2;
        if matches!(next, Ok(false)) {
            return Ok(read);
        }
        if read.len() >= MOST_LINES {
            return Err(ClickError::TooMuch);
        }
        let cell = |at: usize| {
            let cell = record.get(at).ok_or("a column is missing")?;
            let text = std::str::from_utf8(cell).map_err(|_| "it is not UTF-8")?;
            Ok::<_, &'static str>(text.to_owned())
        };
        let line = (|| {
            next.as_ref().map_err(|_| "it is not a line of a table")?;
            Ok(Line {
                user: cell(user)?,
                time: cell(time)?,
                url: cell(url)?,
            })
        })();
        read.push((number, line));
    }
}

/// Reads `{"clicks": [{"user": …, "time": …, "url": …}]}`.
///
/// # Errors
/// [`ClickError::Json`], [`ClickError::TooMuch`].
pub fn read_json(bytes: &[u8]) -> Result<Vec<Read>, ClickError> {
    let lines: Lines = strict_json::parse(bytes, MOST_OCTETS)?;
    if lines.clicks.len() > MOST_LINES {
        return Err(ClickError::TooMuch);
    }
    let numbered = lines.clicks.into_iter().enumerate();
    Ok(numbered.map(|(at, line)| (at + 1, Ok(line))).collect())
}

/// Keeps the clicks of a case.
///
/// # Errors
/// See [`ClickError`].
pub async fn import(
    app: &App,
    id: CampaignId,
    lines: Vec<Read>,
    actor: &str,
) -> Result<Imported, ClickError> {
    let now = app.clock.now();
    let (case, campaigns) = case_of(app, id).await?;
    let links = Links::of(app, &campaigns).await?;
    let mut people: HashMap<MailboxAddress, String> = HashMap::new();
    let mut imported = Imported::default();
    let mut clicks: BTreeSet<(String, DateTime<Utc>, String)> = BTreeSet::new();
    let mut lines_kept = 0_u64;
    for (number, line) in lines {
        let read = line.and_then(|line| taken(&line, now));
        let (user, at, url) = match read {
            Ok(read) => read,
            Err(why) => {
                imported.bad += 1;
                if imported.lines.len() < NAMED {
                    imported.lines.push(BadLine { line: number, why });
                }
                continue;
            }
        };
        if !links.hold(&url) {
            imported.elsewhere += 1;
            continue;
        }
        let address = match people.get(&user) {
            Some(known) => known.clone(),
            None => {
                let rows = app.store.read(app.tenant);
                let known = rows.mailbox_by_address(&user).await?;
                let own = known.map_or_else(|| user.to_string(), |m| m.address.to_string());
                people.insert(user, own.clone());
                own
            }
        };
        lines_kept += 1;
        clicks.insert((address, at, url));
    }
    let clicks: Vec<Click> = clicks
        .into_iter()
        .map(|(address, at, url)| Click { address, at, url })
        .collect();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    imported.new = rows.keep_clicks(case, &clicks, actor, now).await?;
    imported.known = lines_kept.saturating_sub(imported.new);
    if imported.new > 0 {
        let event = Event::new("clicks_imported", now).of(case).by(actor);
        rows.record(vec![
            event.with(serde_json::json!({ "clicks": imported.new })),
        ])
        .await?;
    }
    tx.commit().await?;
    Ok(imported)
}

/// The people who clicked a link of a case or of its variants: their credentials are
/// to be reset.
///
/// # Errors
/// [`ClickError::NotFound`], [`ClickError::Store`].
pub async fn people(app: &App, id: CampaignId) -> Result<Vec<Clicker>, ClickError> {
    let (_, campaigns) = case_of(app, id).await?;
    let ids: Vec<CampaignId> = campaigns.iter().map(|campaign| campaign.id).collect();
    let rows = app.store.read(app.tenant);
    Ok(rows.clickers(&ids, MOST_PEOPLE).await?)
}

/// The case of a campaign, and all campaigns of it.
async fn case_of(app: &App, id: CampaignId) -> Result<(CampaignId, Vec<Campaign>), ClickError> {
    let rows = app.store.read(app.tenant);
    let named = rows.campaign(id).await?.ok_or(ClickError::NotFound)?;
    let case = named.case();
    let mut all = rows.variants_of(case, MOST_VARIANTS).await?;
    all.extend(rows.campaign(case).await?);
    Ok((case, all))
}

/// The links of a case.
#[derive(Default)]
struct Links {
    /// Hosts that are not everybody's.
    hosts: BTreeSet<String>,
    /// Links as a fingerprint holds them.
    templates: BTreeSet<String>,
}

impl Links {
    async fn of(app: &App, campaigns: &[Campaign]) -> Result<Self, StoreError> {
        let rows = app.store.read(app.tenant);
        let mut links = Self::default();
        for campaign in campaigns {
            let seed = rows.submission(campaign.seed).await?;
            let print: Option<Fingerprint> = seed
                .and_then(|seed| seed.fingerprint)
                .and_then(|print| serde_json::from_value(print).ok());
            let Some(print) = print else { continue };
            let own = print
                .hosts()
                .into_iter()
                .filter(|host| !is_common(&registrable(host)));
            links.hosts.extend(own.map(str::to_owned));
            links.templates.extend(print.links);
        }
        Ok(links)
    }

    fn hold(&self, url: &str) -> bool {
        let host = url::Url::parse(&unwrap_link(url)).map(|url| host_of(&url));
        host.is_ok_and(|host| self.hosts.contains(&host))
            || link_template(url).is_some_and(|template| self.templates.contains(&template))
    }
}

/// A line's person, time and link.
fn taken(
    line: &Line,
    now: DateTime<Utc>,
) -> Result<(MailboxAddress, DateTime<Utc>, String), &'static str> {
    let user = line
        .user
        .trim()
        .to_lowercase()
        .parse()
        .map_err(|_| "the user is no address or sign-in name")?;
    let time = line.time.trim();
    let at = DateTime::parse_from_rfc3339(time)
        .map(|at| at.with_timezone(&Utc))
        .or_else(|_| {
            NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").map(|at| at.and_utc())
        })
        .map_err(|_| "the time is neither RFC 3339 nor like 2026-11-23 08:00:00")?;
    if at > now + AHEAD || at.timestamp() < 0 {
        return Err("the time lies in the future or before 1970");
    }
    let written = line.url.trim();
    if written.is_empty() || written.chars().count() > LINK_CHARS {
        return Err("the link is empty or longer than 2,048 characters");
    }
    let whole = written.replace("[.]", ".").replace("[:]", ":");
    let whole = match whole.split_once("://") {
        Some((scheme, rest)) => {
            let scheme = scheme.to_ascii_lowercase().replace("hxxp", "http");
            format!("{scheme}://{rest}")
        }
        // a resolver tells only the host
        None => format!("http://{whole}"),
    };
    let url = url::Url::parse(&whole).map_err(|_| "the link cannot be read")?;
    if host_of(&url).is_empty() {
        return Err("the link has no host");
    }
    Ok((user, at, url.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_its_line_numbers() {
        let text = "\u{feff}Time,User,Action,URL\r\n2026-11-20 08:00:00,a@x.example,allowed,hxxps://e[.]example/a\r\n2026-11-20T08:00:00Z,b@x.example\r\n";
        let lines = read_csv(text.as_bytes()).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].0, 2);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (user, at, url) = taken(lines[0].1.as_ref().unwrap(), now).unwrap();
        assert_eq!(user.as_str(), "a@x.example");
        assert_eq!(at.to_rfc3339(), "2026-11-20T08:00:00+00:00");
        assert_eq!(url, "https://e.example/a");
        assert_eq!(lines[1].0, 3);
        assert_eq!(lines[1].1.as_ref().unwrap_err(), &"a column is missing");
        assert!(matches!(
            read_csv(b"user,url\na,b\n"),
            Err(ClickError::Column("time"))
        ));
    }

    #[test]
    fn what_is_no_click_is_refused_with_the_reason() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let line = |user: &str, time: &str, url: &str| {
            let line = Line {
                user: user.into(),
                time: time.into(),
                url: url.into(),
            };
            taken(&line, now)
        };
        assert!(line("nobody", "2026-01-01T00:00:00Z", "e.example").is_err());
        assert!(line("a@x.example", "yesterday", "e.example").is_err());
        assert!(line("a@x.example", "2030-01-01T00:00:00Z", "e.example").is_err());
        assert!(line("a@x.example", "2026-01-01T00:00:00Z", "").is_err());
        assert!(line("a@x.example", "2026-01-01T00:00:00Z", &"e".repeat(3_000)).is_err());
        let host = line("A@X.example", "2026-01-01T00:00:00Z", "e.example").unwrap();
        assert_eq!(host.2, "http://e.example/");
    }
}

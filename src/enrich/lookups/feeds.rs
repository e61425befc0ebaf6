//! Lists that are fetched whole and searched here: what is asked leaves nobody.

mod entries;
mod read;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{StatusCode, header};
use tokio::sync::Mutex;
use url::Url;

use super::{
    Answer, AskedKind, Lookup, LookupError, Question, Reputation, Sent,
    wire::{BodyError, body, client},
};
use crate::config::lookups;
use entries::Entries;
pub use read::Unreadable;

/// Bytes of a list.
const MAX_BYTES: usize = 64 << 20;
/// Time to fetch a list.
const TIMEOUT: Duration = Duration::from_secs(60);
/// After a failure the next look is that much later at most.
const RETRY: TimeDelta = TimeDelta::minutes(5);

/// A list that cannot be read as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BadFeed {
    /// None or both of file and address.
    #[error("give either url or file")]
    Place,
    /// The address is none.
    #[error("url must begin with https:// or http://")]
    Url,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] reqwest::Error),
}

/// Why a list was not renewed; the old copy stays.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file cannot be read.
    #[error("its file cannot be read")]
    File(#[source] std::io::Error),
    /// The server cannot be reached.
    #[error("its server gives no answer")]
    Away,
    /// The server answered with an error.
    #[error("its server answers with status {0}")]
    Status(StatusCode),
    /// Larger than is read.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not in the form that is configured.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// What a look for a newer list brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// It was not time yet.
    NotDue,
    /// The server or the file says it is the same.
    Same,
    /// A new list with so many entries.
    New(usize),
}

enum Place {
    File(PathBuf),
    Url(Url, reqwest::Client),
}

/// The copy at hand.
#[derive(Default)]
struct Held {
    entries: Option<Arc<Entries>>,
    fetched: Option<DateTime<Utc>>,
}

/// When to look again, and what the server is told of the copy at hand.
#[derive(Default)]
struct Schedule {
    due: Option<DateTime<Utc>>,
    etag: Option<String>,
    modified: Option<String>,
}

/// One list.
pub struct Feed {
    id: &'static str,
    place: Place,
    format: lookups::FeedFormat,
    field: Option<String>,
    reputation: Reputation,
    every: TimeDelta,
    copy: RwLock<Held>,
    schedule: Mutex<Schedule>,
}

impl Feed {
    /// The list `[lookups.feeds.<name>]`. `id` is its name in the ledger.
    ///
    /// # Errors
    /// [`BadFeed`].
    pub fn new(id: &'static str, config: &lookups::Feed) -> Result<Self, BadFeed> {
        let place = match (&config.url, &config.file) {
            (Some(url), None) => {
                let url = Url::parse(url).map_err(|_| BadFeed::Url)?;
                if !matches!(url.scheme(), "http" | "https") {
                    return Err(BadFeed::Url);
                }
                Place::Url(url, client(TIMEOUT, false).map_err(BadFeed::Tls)?)
            }
            (None, Some(file)) => Place::File(file.clone()),
            _ => return Err(BadFeed::Place),
        };
        Ok(Self {
            id,
            place,
            format: config.format,
            field: config.field.clone(),
            reputation: if config.good {
                Reputation::Good
            } else {
                Reputation::Bad
            },
            every: TimeDelta::minutes(i64::from(config.every_minutes)),
            copy: RwLock::default(),
            schedule: Mutex::default(),
        })
    }

    /// Looks for a newer list when it is time. One look at a time; a list that is
    /// broken, or mostly not what it should be, leaves the old copy in place.
    ///
    /// # Errors
    /// [`FeedError`]; the next look is 5 minutes later at most.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<Renewed, FeedError> {
        let mut schedule = self.schedule.lock().await;
        if schedule.due.is_some_and(|due| now < due) {
            return Ok(Renewed::NotDue);
        }
        // set before: one whose fetching is cut short is not begun by every message
        schedule.due = now.checked_add_signed(self.every.min(RETRY));
        let outcome = self.renew(&mut schedule, now).await;
        let wait = match outcome {
            Ok(_) => self.every,
            Err(_) => self.every.min(RETRY),
        };
        schedule.due = now.checked_add_signed(wait);
        outcome
    }

    async fn renew(
        &self,
        schedule: &mut Schedule,
        now: DateTime<Utc>,
    ) -> Result<Renewed, FeedError> {
        let fetched = match &self.place {
            Place::File(path) => from_file(path, schedule.modified.as_deref()).await?,
            Place::Url(url, client) => from_server(url, client, schedule).await?,
        };
        let Some((bytes, etag, modified)) = fetched else {
            if let Ok(mut copy) = self.copy.write() {
                copy.fetched = Some(now);
            }
            return Ok(Renewed::Same);
        };
        let (format, field) = (self.format, self.field.clone());
        let entries =
            tokio::task::spawn_blocking(move || read::read(&bytes, format, field.as_deref()))
                .await
                .map_err(|_| Unreadable::Form)??;
        let count = entries.len();
        if let Ok(mut copy) = self.copy.write() {
            copy.entries = Some(Arc::new(entries));
            copy.fetched = Some(now);
        }
        (schedule.etag, schedule.modified) = (etag, modified);
        Ok(Renewed::New(count))
    }

    /// How many entries the copy at hand has, and when it was last known current.
    #[must_use]
    pub fn state(&self) -> Option<(usize, DateTime<Utc>)> {
        let copy = self.copy.read().ok()?;
        Some((copy.entries.as_ref()?.len(), copy.fetched?))
    }
}

type Fetched = Option<(Bytes, Option<String>, Option<String>)>;

/// The file, unless its time and size are the known ones.
async fn from_file(path: &PathBuf, known: Option<&str>) -> Result<Fetched, FeedError> {
    let about = tokio::fs::metadata(path).await.map_err(FeedError::File)?;
    if about.len() > u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) {
        return Err(FeedError::TooLarge);
    }
    let stamp = format!("{:?} {}", about.modified().ok(), about.len());
    if known == Some(stamp.as_str()) {
        return Ok(None);
    }
    let bytes = tokio::fs::read(path).await.map_err(FeedError::File)?;
    if bytes.len() > MAX_BYTES {
        return Err(FeedError::TooLarge);
    }
    Ok(Some((bytes.into(), None, Some(stamp))))
}

async fn from_server(
    url: &Url,
    client: &reqwest::Client,
    schedule: &Schedule,
) -> Result<Fetched, FeedError> {
    let mut request = client.get(url.clone());
    if let Some(etag) = &schedule.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(modified) = &schedule.modified {
        request = request.header(header::IF_MODIFIED_SINCE, modified);
    }
    let response = request.send().await.map_err(|_| FeedError::Away)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED => return Ok(None),
        status => return Err(FeedError::Status(status)),
    }
    let text = |name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        (value.len() <= 256).then(|| value.to_owned())
    };
    let (etag, modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
    let bytes = body(response, MAX_BYTES)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => FeedError::TooLarge,
            BodyError::Broken => FeedError::Away,
        })?;
    Ok(Some((bytes, etag, modified)))
}

#[async_trait]
impl Lookup for Feed {
    fn id(&self) -> &'static str {
        self.id
    }

    fn kinds(&self) -> &[AskedKind] {
        &[
            AskedKind::Url,
            AskedKind::Host,
            AskedKind::Domain,
            AskedKind::Ip,
            AskedKind::Sha256,
        ]
    }

    /// Nothing: the list is searched here.
    fn sends(&self, _: &Question) -> Vec<Sent> {
        Vec::new()
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let renewed = self.refresh(now).await;
        let (entries, fetched) = {
            let copy = self.copy.read().map_err(|_| away("its copy is lost"))?;
            (copy.entries.clone(), copy.fetched)
        };
        let Some(entries) = entries else {
            return Err(match renewed {
                Err(error) => away(&error.to_string()),
                Ok(_) => away("it was not fetched yet"),
            });
        };
        let mut details = BTreeMap::from([("entries".to_owned(), entries.len().to_string())]);
        if let Some(fetched) = fetched {
            let current = fetched.format("%Y-%m-%d %H:%M UTC").to_string();
            details.insert("current".to_owned(), current);
        }
        let (reputation, words) = match entries.find(question.kind, &question.value) {
            Some(entry) => {
                details.insert("entry".to_owned(), super::words::shown(&entry));
                (self.reputation, "on the list")
            }
            None => (Reputation::Unlisted, "not on the list"),
        };
        Ok(Answer {
            reputation,
            words: words.to_owned(),
            details,
            keep: self.every,
        })
    }
}

fn away(why: &str) -> LookupError {
    LookupError::Unavailable(why.to_owned())
}

#[cfg(test)]
mod tests;

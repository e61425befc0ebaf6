//! The words of a look-up: question, what is sent, answer.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{AskedKind, Reputation};
use url::Url;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub kind: AskedKind,
    /// The value in normal form; for a message its SHA-256.
    pub value: String,
    /// The bytes, for [`AskedKind::Message`]; empty otherwise.
    pub bytes: Bytes,
    /// Addresses of the message's recipients: a redirect that carries one is theirs
    /// alone. Never sent.
    pub recipients: Arc<[String]>,
}

impl Question {
    /// A question about a value; [`AskedKind::Message`] needs its bytes beside it.
    #[must_use]
    pub fn new(kind: AskedKind, value: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
            bytes: Bytes::new(),
            recipients: Arc::default(),
        }
    }

    /// Whether the value is what its kind says, in a form that may go into a
    /// path or a query. The values come out of mail.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let value = self.value.as_str();
        match self.kind {
            AskedKind::Url => {
                value.len() <= MAX_URL
                    && !value.chars().any(char::is_control)
                    && Url::parse(value).is_ok_and(|url| {
                        matches!(url.scheme(), "http" | "https") && url.host_str().is_some()
                    })
            }
            AskedKind::Host => is_name(value) || value.parse::<IpAddr>().is_ok(),
            AskedKind::Domain => is_name(value),
            AskedKind::Ip => value.parse::<IpAddr>().is_ok(),
            AskedKind::Sha256 | AskedKind::Message => {
                value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())
            }
            AskedKind::Email => value.rsplit_once('@').is_some_and(|(local, domain)| {
                (1..=64).contains(&local.chars().count())
                    && !local.chars().any(|c| c.is_control() || c.is_whitespace())
                    && is_name(domain)
            }),
        }
    }
}

/// The longest link that is asked about, bytes. Longer ones are refused by most
/// sources (as a request line) anyway.
const MAX_URL: usize = 4_096;

/// A host name of at least two labels: letters, digits, hyphen, underscore.
fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// What leaves the machine, exactly, for the ledger. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Where to: method and address without secrets, or the name that is resolved,
    /// e.g. `POST https://urlhaus-api.abuse.ch/v1/url/`, `A 2.0.0.127.zen.spamhaus.org`.
    /// A query stands in the payload.
    pub to: String,
    /// The payload: form, query or body as sent; of a message its size and SHA-256.
    pub payload: String,
}

impl Sent {
    /// A whole message, by its size and SHA-256.
    pub(super) fn message(to: String, question: &Question) -> Self {
        Self {
            to,
            payload: format!(
                "message of {} bytes, SHA-256 {}",
                question.bytes.len(),
                question.value
            ),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How the source sees it.
    pub reputation: Reputation,
    /// In a few plain words, at most 200 characters, controls removed:
    /// `malware download, online`, `listed: PBL`, `registered 3 days ago`.
    pub words: String,
    /// Details, each at most 200 characters, at most 40 of them.
    pub details: BTreeMap<String, String>,
    /// How long it holds; the source's own figure where it gives one.
    pub keep: TimeDelta,
}

/// Why there is no answer. It carries the decision what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Too many questions; ask again after that.
    #[error("asked too often; it may be asked again {}", later(.0.as_ref()))]
    Throttled(Option<Duration>),
    /// The key is missing or wrong, or the account may not ask this.
    #[error("it refused the key: {0}")]
    Refused(String),
    /// It is away, slow or broken: ask again later.
    #[error("it is not reachable: {0}")]
    Unavailable(String),
    /// It said something that cannot be understood.
    #[error("its answer cannot be understood: {0}")]
    Unexpected(String),
    /// This one question cannot be asked, before or after it was sent; it says
    /// nothing about the source, so that no odd link in a mail can shut it.
    #[error("it cannot be asked that: {0}")]
    Unfit(String),
}

fn later(wait: Option<&Duration>) -> String {
    wait.map_or_else(
        || "later".to_owned(),
        |wait| format!("in {} seconds", wait.as_secs()),
    )
}

/// One source.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Its name in configuration, ledger and pages: lower case, `_`.
    fn id(&self) -> &'static str;

    /// What it can be asked about.
    fn kinds(&self) -> &[AskedKind];

    /// What [`Lookup::ask`] would send, without sending it. Empty when it cannot be
    /// asked that; [`Lookup::ask`] then says [`LookupError::Unfit`] and sends nothing.
    fn sends(&self, question: &Question) -> Vec<Sent>;

    /// Whether it is searched here, so that a question tells nobody anything and costs
    /// nothing: such a source is asked about what is stored, too.
    fn is_local(&self) -> bool {
        false
    }

    /// Asks once. No retries of its own; `now` is for ages of what it tells.
    ///
    /// # Errors
    /// [`LookupError`].
    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError>;

    /// Whether it answers, where that can be seen without telling anybody outside
    /// anything; `None` where only a question would show it.
    async fn answers(&self) -> Option<Result<(), LookupError>> {
        None
    }
}

//! What sources outside say of an observable.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::report::WordError;

/// What a source can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedKind {
    /// A link, rewriters undone.
    Url,
    /// A host name.
    Host,
    /// A registrable domain.
    Domain,
    /// An IP address.
    Ip,
    /// The SHA-256 of a file.
    Sha256,
    /// A mail address.
    Email,
    /// The whole message; only for programs of the own house (rspamd, ClamAV).
    Message,
}

impl AskedKind {
    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::Ip => "ip",
            Self::Sha256 => "sha256",
            Self::Email => "email",
            Self::Message => "message",
        }
    }
}

impl fmt::Display for AskedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AskedKind {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let all = [
            Self::Url,
            Self::Host,
            Self::Domain,
            Self::Ip,
            Self::Sha256,
            Self::Email,
            Self::Message,
        ];
        let allowed = "url, host, domain, ip, sha256, email, message";
        let found = all.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or(WordError { allowed })
    }
}

/// How a source sees what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reputation {
    /// Known as malicious.
    Bad,
    /// Something speaks against it.
    Doubtful,
    /// Nothing is known.
    Unlisted,
    /// Facts without a judgement (age, registrar, records).
    Facts,
    /// Known as harmless.
    Good,
}

impl Reputation {
    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Doubtful => "doubtful",
            Self::Unlisted => "unlisted",
            Self::Facts => "facts",
            Self::Good => "good",
        }
    }
}

impl FromStr for Reputation {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let all = [
            Self::Bad,
            Self::Doubtful,
            Self::Unlisted,
            Self::Facts,
            Self::Good,
        ];
        let allowed = "bad, doubtful, unlisted, facts, good";
        let found = all.into_iter().find(|seen| seen.as_str() == word);
        found.ok_or(WordError { allowed })
    }
}

/// The source that is the organisation itself: what its people say of links, hosts,
/// files and senders.
pub const OWN_LIST: &str = "own_list";

/// One source's answer about one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAnswer {
    /// The source's name in the configuration.
    pub source: String,
    /// What was asked about.
    pub kind: AskedKind,
    /// The value that was asked about; a stranger's text. Of a message its SHA-256.
    pub value: String,
    /// How the source sees it.
    pub reputation: Reputation,
    /// In a few plain words, at most 200 characters.
    pub words: String,
    /// Details of the source.
    pub details: BTreeMap<String, String>,
    /// When the source said so.
    pub asked_at: DateTime<Utc>,
    /// Whether it was known from an earlier question, so that nothing was sent.
    pub cached: bool,
}

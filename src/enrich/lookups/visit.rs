//! Opening a link, where that is switched on: in a process of its own, which has no
//! database, no key and no mail, only the link.

use std::{
    collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf, process::Stdio,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use super::ask::{Answer, Lookup, LookupError, Question, Sent};
use crate::{
    config::fetch::Fetch,
    domain::{AskedKind, Reputation},
    enrich::{
        fetch::{Direct, Stopped, Visitor},
        guard::Guard,
        resolve::resolver,
    },
    message::unwrap_link,
};

/// What the whole visit may take; the process has five seconds for the wire itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the process's answer.
const MAX_ANSWER: u64 = 64 << 10;
/// How long a page is taken to stay as it is.
const KEEP: TimeDelta = TimeDelta::hours(6);

/// One visit, as it is put to the process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    /// The link.
    link: String,
    /// The section `[fetch]`.
    fetch: Fetch,
    /// What must not be visited.
    guard: Guard,
    /// The nameserver; the system's when absent.
    nameserver: Option<SocketAddr>,
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    /// A page was seen.
    Seen {
        /// Whether it asks for a password.
        password: bool,
        words: String,
        details: BTreeMap<String, String>,
    },
    /// The guard forbids it, on the way or at once.
    Refused(String),
    /// The place is away.
    Away(String),
}

/// The source.
pub struct Visit {
    program: PathBuf,
    arguments: Vec<OsString>,
    fetch: Fetch,
    guard: Guard,
    nameserver: Option<SocketAddr>,
}

impl Visit {
    /// A source that starts `program` with `arguments`, which calls [`run`].
    #[must_use]
    pub const fn new(
        program: PathBuf,
        arguments: Vec<OsString>,
        fetch: Fetch,
        guard: Guard,
        nameserver: Option<SocketAddr>,
    ) -> Self {
        Self {
            program,
            arguments,
            fetch,
            guard,
            nameserver,
        }
    }

    async fn told(&self, question: &Question) -> Result<Told, String> {
        let errand = Errand {
            link: question.value.clone(),
            fetch: self.fetch.clone(),
            guard: Guard {
                recipients: question.recipients.to_vec(),
                ..self.guard.clone()
            },
            nameserver: self.nameserver,
        };
        let errand = serde_json::to_vec(&errand).map_err(|e| e.to_string())?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("its process could not be started: {e}"))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&errand).await.map_err(|e| e.to_string())?;
        }
        let mut said = Vec::new();
        if let Some(output) = child.stdout.take() {
            let mut output = output.take(MAX_ANSWER);
            output
                .read_to_end(&mut said)
                .await
                .map_err(|e| e.to_string())?;
        }
        serde_json::from_slice(&said).map_err(|_| "its process gave no answer".to_owned())
    }
}

#[async_trait]
impl Lookup for Visit {
    fn id(&self) -> &'static str {
        "visit"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Url]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        vec![Sent {
            to: format!("GET {}", unwrap_link(&question.value)),
            payload: "and what it redirects to, at most five times".to_owned(),
        }]
    }

    async fn ask(&self, question: &Question, _now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let told = tokio::time::timeout(PATIENCE, self.told(question))
            .await
            .map_err(|_| LookupError::Unavailable("it took too long".to_owned()))?
            .map_err(LookupError::Unavailable)?;
        let short = |text: &str| -> String {
            let plain = text.chars().filter(|c| !c.is_control());
            plain.take(200).collect()
        };
        match told {
            Told::Seen {
                password,
                words,
                details,
            } => Ok(Answer {
                reputation: if password {
                    Reputation::Doubtful
                } else {
                    Reputation::Facts
                },
                words: short(&words),
                details: details
                    .iter()
                    .take(40)
                    .map(|(name, value)| (short(name), short(value)))
                    .collect(),
                keep: KEEP,
            }),
            Told::Refused(why) => Ok(Answer {
                reputation: Reputation::Facts,
                words: short(&format!("not opened: {why}")),
                details: BTreeMap::new(),
                keep: KEEP,
            }),
            // the place is down, not the way to it: nothing that is asked again
            Told::Away(why) => Ok(Answer {
                reputation: Reputation::Facts,
                words: short(&format!("could not be opened: {why}")),
                details: BTreeMap::new(),
                keep: TimeDelta::hours(1),
            }),
        }
    }
}

/// The other process: does one errand and says what came of it, as JSON.
///
/// # Errors
/// In words, when the errand cannot be read or the visitor cannot be built.
pub async fn run(errand: &[u8]) -> Result<String, String> {
    let errand: Errand = serde_json::from_slice(errand).map_err(|e| e.to_string())?;
    let resolver = resolver(errand.nameserver).map_err(|e| e.to_string())?;
    let visitor = Visitor::of(&errand.fetch, resolver, std::sync::Arc::new(Direct))
        .map_err(|e| e.to_string())?
        .ok_or("opening links is switched off")?;
    let told = match visitor.visit(&errand.link, &errand.guard).await {
        Ok(page) => {
            let mut details = BTreeMap::new();
            for (number, hop) in page.hops.iter().enumerate() {
                details.insert(
                    format!("hop {}", number + 1),
                    format!("{} {}", hop.status, hop.url),
                );
            }
            details.insert("sha256".to_owned(), page.sha256);
            if let Some(kind) = page.content_type {
                details.insert("content_type".to_owned(), kind.to_string());
            }
            let title = page.title.map(|t| t.to_string()).unwrap_or_default();
            let form = if page.password_field {
                ", asks for a password"
            } else {
                ""
            };
            Told::Seen {
                password: page.password_field,
                words: format!("{} on {}{form}: {title}", page.status, page.domain),
                details,
            }
        }
        Err(Stopped::Refused(why)) => Told::Refused(why.to_string()),
        Err(other) => Told::Away(other.to_string()),
    };
    serde_json::to_string(&told).map_err(|e| e.to_string())
}

//! rspamd of one's own: the whole message, judged by its rules.
//!
//! What rspamd itself asks the network for is in its own configuration.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{
    Answer, AskedKind, Lookup, LookupError, Question, Reputation, Sent,
    wire::{BodyError, body, client, failed},
    words::shown,
};
use crate::config::lookups::Source;

/// Where rspamd listens by default.
const ENDPOINT: &str = "http://127.0.0.1:11333";
/// Bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;
/// Symbols that are told, the weightiest first.
const SYMBOLS: usize = 30;

/// rspamd cannot be asked as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BadRspamd {
    /// The endpoint is no address.
    #[error("endpoint must be an address such as {ENDPOINT}")]
    Endpoint,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] reqwest::Error),
}

/// The source `rspamd`.
pub struct Rspamd {
    check: Url,
    password: Option<SecretString>,
    client: reqwest::Client,
    keep: TimeDelta,
}

/// The answer of `/checkv2` (rspamd.com, protocol), as far as it is told.
#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    is_skipped: bool,
    score: f64,
    #[serde(default)]
    required_score: f64,
    action: String,
    #[serde(default)]
    symbols: BTreeMap<String, Symbol>,
}

#[derive(Deserialize)]
struct Symbol {
    #[serde(default)]
    score: f64,
    #[serde(default)]
    description: Option<String>,
}

impl Rspamd {
    /// The source of the section.
    ///
    /// # Errors
    /// [`BadRspamd`].
    pub fn new(config: &Source) -> Result<Self, BadRspamd> {
        let endpoint = config.endpoint.as_deref().unwrap_or(ENDPOINT);
        let check = Url::parse(&format!("{}/checkv2", endpoint.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty())
            .ok_or(BadRspamd::Endpoint)?;
        let timeout = Duration::from_secs(u64::from(config.timeout_seconds));
        Ok(Self {
            check,
            password: config.key.clone(),
            client: client(timeout, true).map_err(BadRspamd::Tls)?,
            keep: TimeDelta::hours(i64::from(config.keep_hours)),
        })
    }

    fn answer(&self, checked: &Checked) -> Result<Answer, LookupError> {
        let reputation = match checked.action.as_str() {
            "reject" | "quarantine" | "discard" => Reputation::Bad,
            "add header" | "rewrite subject" => Reputation::Doubtful,
            "no action" | "greylist" => Reputation::Unlisted,
            // it could not judge now, e.g. for want of the DNS
            "soft reject" => {
                return Err(LookupError::Unavailable(
                    "it put its judgement off (soft reject)".to_owned(),
                ));
            }
            _ => Reputation::Facts,
        };
        let mut symbols: Vec<(&String, &Symbol)> = checked.symbols.iter().collect();
        symbols.sort_by(|(a, one), (b, other)| {
            other.score.abs().total_cmp(&one.score.abs()).then(a.cmp(b))
        });
        let mut details: BTreeMap<String, String> = symbols
            .into_iter()
            .take(SYMBOLS)
            .map(|(name, symbol)| {
                let words = symbol.description.as_deref().unwrap_or_default();
                (shown(name), shown(&format!("{:.2} {words}", symbol.score)))
            })
            .collect();
        details.insert("action".to_owned(), shown(&checked.action));
        details.insert("score".to_owned(), format!("{:.2}", checked.score));
        details.insert(
            "required".to_owned(),
            format!("{:.2}", checked.required_score),
        );
        let skipped = if checked.is_skipped { ", skipped" } else { "" };
        Ok(Answer {
            reputation,
            words: shown(&format!(
                "{}, score {:.1} of {:.1}{skipped}",
                checked.action, checked.score, checked.required_score
            )),
            details,
            keep: self.keep,
        })
    }
}

#[async_trait]
impl Lookup for Rspamd {
    fn id(&self) -> &'static str {
        "rspamd"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Message]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        if question.kind != AskedKind::Message {
            return Vec::new();
        }
        vec![Sent::message(format!("POST {}", self.check), question)]
    }

    async fn ask(&self, question: &Question, _: DateTime<Utc>) -> Result<Answer, LookupError> {
        if question.kind != AskedKind::Message {
            return Err(unexpected("it takes whole messages only"));
        }
        let mut request = self
            .client
            .post(self.check.clone())
            .body(question.bytes.clone());
        if let Some(password) = &self.password {
            request = request.header("Password", password.expose_secret());
        }
        let response = request.send().await.map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(LookupError::Refused("it wants another password".to_owned()));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = response.headers().get(RETRY_AFTER);
                let wait = wait.and_then(|text| text.to_str().ok()?.parse().ok());
                return Err(LookupError::Throttled(wait.map(Duration::from_secs)));
            }
            status if status.is_server_error() => {
                return Err(LookupError::Unavailable(format!("status {status}")));
            }
            status => return Err(unexpected(&format!("status {status}"))),
        }
        let bytes = body(response, MAX_ANSWER)
            .await
            .map_err(|error| match error {
                BodyError::TooLarge => unexpected("the answer is larger than 1 MiB"),
                BodyError::Broken => LookupError::Unavailable("the answer broke off".to_owned()),
            })?;
        let checked: Checked = serde_json::from_slice(&bytes)
            .map_err(|_| unexpected("the answer is not what /checkv2 gives"))?;
        self.answer(&checked)
    }

    async fn answers(&self) -> Option<Result<(), LookupError>> {
        let mut ping = self.check.clone();
        ping.set_path("/ping");
        let answered = self.client.get(ping).send().await;
        Some(match answered {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(unexpected(&format!("status {}", response.status()))),
            Err(error) => Err(failed(&error)),
        })
    }
}

fn unexpected(why: &str) -> LookupError {
    LookupError::Unexpected(why.to_owned())
}

#[cfg(test)]
mod tests;

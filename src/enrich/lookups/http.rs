//! What every HTTP source is asked through: one client, one bounded answer, one
//! meaning of a status.
//!
//! The key of a source goes into a header that is marked as sensitive. It stands
//! in no address, and no text of a server or of the transport goes into an error.

mod notes;

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::{Host, Url, form_urlencoded};

use super::ask::{Answer, LookupError, Question, Sent};
use crate::config::{
    graph::{FieldError, is_loopback},
    lookups::Source,
};
use crate::domain::{AskedKind, Reputation};

pub(super) use notes::{Notes, count, joined, list, plain, text};

/// The largest answer that is read, bytes.
pub(super) const MAX_ANSWER: usize = 1 << 20;
/// Establishing a connection; the time-out of the source holds for the whole.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// One request, without its key.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    url: Url,
    body: Option<(&'static str, String)>,
    accept: &'static str,
}

impl Call {
    /// A GET.
    pub(super) const fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
            accept: "application/json",
        }
    }

    /// A POST of a form.
    pub(super) fn form(url: Url, pairs: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        Self {
            method: Method::POST,
            body: Some(("application/x-www-form-urlencoded", form)),
            ..Self::get(url)
        }
    }

    /// A POST of JSON.
    pub(super) fn json(url: Url, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(("application/json", body.to_string())),
            ..Self::get(url)
        }
    }

    /// Another wish than JSON.
    pub(super) fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// What leaves, for the ledger: the query is the payload of a GET.
    pub(super) fn sent(&self) -> Sent {
        let mut address = self.url.clone();
        address.set_query(None);
        Sent {
            to: format!("{} {address}", self.method),
            payload: self.body.as_ref().map_or_else(
                || self.url.query().unwrap_or_default().to_owned(),
                |(_, body)| body.clone(),
            ),
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// 2xx, or one that the source said it understands.
    pub(super) status: StatusCode,
    /// The host that gave it, redirects followed.
    pub(super) host: String,
    body: Vec<u8>,
}

impl Reply {
    /// The body as JSON. Where it is none, the error says where it stops being
    /// JSON and nothing of what it holds.
    pub(super) fn json(&self) -> Result<Value, LookupError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            LookupError::Unexpected(format!(
                "no JSON at line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }
}

/// Where a source lives, its key and how long its answers hold.
pub(super) struct Site {
    http: reqwest::Client,
    base: Url,
    key: Option<(HeaderName, HeaderValue)>,
    timeout: Duration,
    keep: TimeDelta,
    keep_unlisted: TimeDelta,
}

/// What the code knows about a source before it reads the configuration.
pub(super) struct Plan {
    /// The name of its section, for errors.
    pub(super) section: &'static str,
    /// The public address; `None` where everybody has their own.
    pub(super) public: Option<&'static str>,
    /// The header that carries the key.
    pub(super) header: Option<&'static str>,
    /// How many redirects are followed: https only, never to an address or a bare
    /// name, never with a key.
    pub(super) redirects: usize,
}

impl Site {
    /// Builds the client of one source.
    ///
    /// # Errors
    /// Names the section when the address or the key cannot be used, or when the
    /// machine's TLS set-up cannot.
    pub(super) fn new(plan: &Plan, source: &Source) -> Result<Self, FieldError> {
        let wrong = |reason: &str| FieldError::new(plan.section, reason);
        let address = source.endpoint.as_deref().or(plan.public);
        let base = address
            .and_then(|address| Url::parse(address).ok())
            .filter(|url| !url.cannot_be_a_base())
            .ok_or_else(|| wrong("needs an endpoint that is an https URL"))?;
        let local = is_loopback(&base);
        if base.scheme() != "https" && !local {
            return Err(wrong("needs an endpoint that is an https URL"));
        }
        let key = match (plan.header, &source.key) {
            (Some(name), Some(key)) => {
                let mut value = HeaderValue::from_str(key.expose_secret())
                    .map_err(|_| wrong("the key must be one line of visible ASCII"))?;
                value.set_sensitive(true);
                Some((HeaderName::from_static(name), value))
            }
            _ => None,
        };
        let follow = if key.is_none() { plan.redirects } else { 0 };
        let timeout = Duration::from_secs(source.timeout_seconds.into());
        let builder = reqwest::Client::builder()
            .user_agent(concat!("unhook/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT.min(timeout))
            .timeout(timeout)
            .redirect(policy(follow, local))
            .referer(false)
            .retry(reqwest::retry::never())
            .https_only(!local);
        let builder = if local { builder.no_proxy() } else { builder };
        let http = builder
            .build()
            .map_err(|error| wrong(&format!("TLS cannot be set up: {error}")))?;
        Ok(Self {
            http,
            base,
            key,
            timeout,
            keep: TimeDelta::hours(source.keep_hours.into()),
            keep_unlisted: TimeDelta::hours(source.keep_unlisted_hours.into()),
        })
    }

    /// An address below the endpoint. Segments are escaped; an empty one at the
    /// end leaves a slash there.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Asks once. `also` are statuses beside 2xx that the source understands.
    ///
    /// # Errors
    /// [`LookupError`]: 401 and 403 are `Refused`, 429 is `Throttled`, 408, 5xx and
    /// every failure of the transport `Unavailable`; 400, 413, 414, 422 and an answer
    /// of more than 1 MiB, which the question may have caused, are `Unfit`; all else
    /// is `Unexpected`.
    pub(super) async fn send(
        &self,
        call: &Call,
        also: &[u16],
        now: DateTime<Utc>,
    ) -> Result<Reply, LookupError> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT, call.accept);
        if let Some((name, value)) = &self.key {
            request = request.header(name, value.clone());
        }
        if let Some((form, body)) = &call.body {
            request = request.header(CONTENT_TYPE, *form).body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| self.away(&error))?;
        let status = response.status();
        if !status.is_success() && !also.contains(&status.as_u16()) {
            let wait = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, now));
            return Err(refusal(
                status,
                wait,
                response.headers().contains_key(LOCATION),
            ));
        }
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(&error))? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(LookupError::Unfit(format!(
                    "its answer is longer than {MAX_ANSWER} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, host, body })
    }

    /// What a failure of the transport means, without the address it happened at.
    fn away(&self, error: &reqwest::Error) -> LookupError {
        let seconds = self.timeout.as_secs();
        LookupError::Unavailable(if error.is_timeout() {
            format!("no answer within {seconds} seconds")
        } else if error.is_connect() {
            "no connection".to_owned()
        } else if error.is_redirect() {
            return LookupError::Unexpected("it points elsewhere".to_owned());
        } else {
            "the answer broke off".to_owned()
        })
    }

    /// One answer. What is listed holds for the longer time of the configuration,
    /// what is not for the shorter.
    pub(super) fn answer(&self, reputation: Reputation, words: &str, notes: Notes) -> Answer {
        Answer {
            reputation,
            words: plain(words),
            details: notes.into_details(),
            keep: match reputation {
                Reputation::Unlisted => self.keep_unlisted,
                _ => self.keep,
            },
        }
    }

    /// Nothing is known there.
    pub(super) fn unlisted(&self, words: &str) -> Answer {
        self.answer(Reputation::Unlisted, words, Notes::default())
    }

    /// How long what is listed may be kept at most.
    pub(super) const fn keep(&self) -> TimeDelta {
        self.keep
    }
}

/// No redirect at all, or at most `most`, each to a named host over https (on this
/// machine also plain http).
fn policy(most: usize, local: bool) -> Policy {
    if most == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        let url = attempt.url();
        let named = matches!(url.host(), Some(Host::Domain(name)) if name.contains('.'));
        let fit = (url.scheme() == "https" && named) || (local && is_loopback(url));
        if fit && attempt.previous().len() <= most {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

fn refusal(status: StatusCode, wait: Option<Duration>, moved: bool) -> LookupError {
    let said = format!("status {}", status.as_u16());
    match status.as_u16() {
        300..=399 if moved => LookupError::Unexpected("it points elsewhere".to_owned()),
        400 | 413 | 414 | 422 => LookupError::Unfit(said),
        401 | 403 => LookupError::Refused(said),
        408 | 500..=599 => LookupError::Unavailable(said),
        429 => LookupError::Throttled(wait),
        _ => LookupError::Unexpected(said),
    }
}

/// What is said when a source cannot be asked a question.
pub(super) fn unfit(question: &Question) -> LookupError {
    let kind = match question.kind {
        AskedKind::Url => "link",
        AskedKind::Host => "host",
        AskedKind::Domain => "domain",
        AskedKind::Ip => "IP address",
        AskedKind::Sha256 => "SHA-256",
        AskedKind::Email => "mail address",
        AskedKind::Message => "message",
    };
    LookupError::Unfit(format!("no {kind} that it takes"))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds or one of the three HTTP
/// dates. A date in the past is zero; nothing is clamped.
fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = DateTime::parse_from_rfc2822(value).map_or_else(
        |_| {
            ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())
                .map(|at| at.and_utc())
        },
        |at| Some(at.to_utc()),
    )?;
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
pub(super) mod tests;

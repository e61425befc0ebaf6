//! The Graph wire: single exchanges, and what it means when one breaks off.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use graph_rs_sdk::{
    GraphClient, GraphFailure,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    http::{BodyRead, Method},
};
use serde_json::Value;
use url::Url;

use super::{
    call::{Answer, Call},
    refusal,
    token::Tokens,
};
use crate::{
    clock::SharedClock,
    mailbox::{
        Family, MailboxError,
        counts::Tally,
        pace::{self, Pace, retry_after},
        wire::{self, Effect},
    },
};

/// The connection.
pub(super) struct Wire {
    client: GraphClient,
    pub(super) tokens: Tokens,
    pub(super) pace: Pace,
    pub(super) tally: Tally,
    pub(super) clock: SharedClock,
    root: Url,
}

/// How an HTTP exchange as a whole failed before it had a status.
struct Lost {
    sent: bool,
    what: String,
}

impl Wire {
    /// `scope` names app and tenant.
    pub(super) fn new(
        client: GraphClient,
        tokens: Tokens,
        clock: SharedClock,
        root: Url,
        scope: String,
    ) -> Self {
        Self {
            client,
            tokens,
            pace: Pace::new(clock.clone(), &pace::GRAPH, scope),
            tally: Tally::default(),
            clock,
            root,
        }
    }

    pub(super) const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// One call on its own.
    pub(super) async fn one(&self, call: &Call) -> Result<Answer, MailboxError> {
        let (status, wait, bytes) = self.raw(call, wire::JSON_LIMIT).await?;
        let body = parsed(&bytes);
        if (200..300).contains(&status) && body.is_none() && !bytes.is_empty() {
            return Err(call.effect.garbled("answer is no JSON"));
        }
        let body = body.unwrap_or_default();
        Ok(Answer { status, wait, body })
    }

    /// One call whose answer is taken as octets; a refusal is an error.
    pub(super) async fn octets(&self, call: &Call) -> Result<Bytes, MailboxError> {
        let (status, wait, bytes) = self.raw(call, wire::RAW_LIMIT).await?;
        if (200..300).contains(&status) {
            return Ok(bytes);
        }
        let body = parsed(&bytes).unwrap_or_default();
        Err(refusal::meaning(status, &body, wait, call.effect))
    }

    async fn raw(
        &self,
        call: &Call,
        limit: usize,
    ) -> Result<(u16, Option<Duration>, Bytes), MailboxError> {
        self.admit(call).await?;
        let slot = self.pace.enter(call.mailbox.as_deref()).await;
        let url = self.target(&call.path)?;
        let body = call.body.as_ref().map(Value::to_string);
        self.tally.call(call.family, 0);
        let got = self
            .exchange(&call.method, &url, body, call.effect, limit)
            .await;
        drop(slot);
        let got = got?;
        self.learn(call.family, call.mailbox.as_deref(), got.0, got.1);
        Ok(got)
    }

    /// Follows a page link verbatim, if it leads to where the first page came from.
    pub(super) async fn page(
        &self,
        mailbox: Option<&str>,
        family: Family,
        link: &str,
    ) -> Result<Value, MailboxError> {
        let path = self.own_link(link)?;
        let call = Call {
            mailbox: mailbox.map(str::to_owned),
            family,
            // At most what a list of members costs, and a page is seldom.
            cost: if family == Family::Directory { 5 } else { 1 },
            method: Method::GET,
            path,
            body: None,
            effect: Effect::Read,
        };
        match self.one(&call).await?.ok(Effect::Read) {
            // Links expire: the walk begins anew another time.
            Err(MailboxError::Rejected {
                status: 400 | 410,
                code,
            }) => Err(MailboxError::Unavailable(format!(
                "page link refused: {code}"
            ))),
            other => other,
        }
    }

    /// The part below the root of a link of our own origin.
    fn own_link(&self, link: &str) -> Result<String, MailboxError> {
        let foreign = || MailboxError::Malformed("page link leads elsewhere".to_owned());
        let url = Url::parse(link).map_err(|_| foreign())?;
        let below = url
            .path()
            .strip_prefix(self.root.path().trim_end_matches('/'))
            .filter(|below| below.starts_with('/'))
            .ok_or_else(foreign)?;
        if url.origin() != self.root.origin() {
            return Err(foreign());
        }
        Ok(match url.query() {
            Some(query) => format!("{below}?{query}"),
            None => below.to_owned(),
        })
    }

    pub(super) async fn admit(&self, call: &Call) -> Result<(), MailboxError> {
        let mailbox = call.mailbox.as_deref();
        self.pace.admit(call.family, mailbox, call.cost).await
    }

    /// Takes an answer's status to heart: a wait is about the mailbox asked, or
    /// about all calls of that kind when none was.
    pub(super) fn learn(
        &self,
        family: Family,
        mailbox: Option<&str>,
        status: u16,
        wait: Option<Duration>,
    ) {
        match (status, mailbox) {
            (429 | 503, Some(mailbox)) => {
                self.tally.throttled();
                self.pace.overloaded();
                self.pace.throttled(mailbox, wait);
            }
            (429 | 503, None) => {
                self.tally.throttled();
                self.pace.hold(family, wait);
            }
            (200..=299, _) => self.pace.went_through(),
            _ => {}
        }
    }

    pub(super) fn target(&self, path: &str) -> Result<Url, MailboxError> {
        let root = self.root.as_str().trim_end_matches('/');
        Url::parse(&format!("{root}{path}"))
            .map_err(|_| MailboxError::Malformed("request target".to_owned()))
    }

    /// One HTTP exchange; a 401 renews the token once and goes out again, for a
    /// refused credential has carried nothing out.
    pub(super) async fn exchange(
        &self,
        method: &Method,
        url: &Url,
        body: Option<String>,
        effect: Effect,
        limit: usize,
    ) -> Result<(u16, Option<Duration>, Bytes), MailboxError> {
        let mut second = false;
        loop {
            let token = self.tokens.current().await?;
            self.tally.exchange();
            let sent = self.send(method, url, body.clone()).await;
            let response = match sent {
                Ok(response) => response,
                Err(lost) if lost.sent => return Err(effect.silence(lost.what)),
                Err(lost) => return Err(MailboxError::Unavailable(lost.what)),
            };
            let status = response.status().as_u16();
            if status == 401 && !second {
                second = true;
                self.tokens.refuse(token.number).await;
                continue;
            }
            let wait = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, self.clock.now()));
            let html = is_html(response.headers());
            let bytes = match whole(response, limit).await {
                Ok(bytes) => bytes,
                // The status is known; a refusal's lost body changes nothing.
                Err(_) if status >= 400 => Bytes::new(),
                Err(None) => return Err(too_large(effect)),
                Err(Some(what)) => return Err(effect.silence(what)),
            };
            if html && status < 400 {
                return Err(effect.garbled("a web page instead of an answer"));
            }
            return Ok((status, wait, bytes));
        }
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<String>,
    ) -> Result<reqwest012::Response, Lost> {
        let with_body = body.is_some();
        let mut request = self.client.custom(method.clone(), body.map(BodyRead::from));
        *AsMut::<Url>::as_mut(&mut request) = url.clone();
        if with_body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        match tokio::time::timeout(wire::CALL_LIMIT, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(lost(&failure)),
            Err(_) => Err(Lost {
                sent: true,
                what: "time-out".to_owned(),
            }),
        }
    }
}

/// An answer too large to read: a read is refused, a change has happened or not.
fn too_large(effect: Effect) -> MailboxError {
    match effect {
        Effect::Read => wire::too_large(),
        Effect::Change => effect.silence("answer too large"),
    }
}
fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"))
}

pub(super) fn parsed(bytes: &Bytes) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// The body, or `None` when it is larger than `limit`, or what broke it off.
async fn whole(mut response: reqwest012::Response, limit: usize) -> Result<Bytes, Option<String>> {
    let mut all = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if all.len() + chunk.len() > limit => return Err(None),
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => return Ok(all.freeze()),
            Err(error) => return Err(Some(transport(&error).what)),
        }
    }
}

fn transport(error: &reqwest012::Error) -> Lost {
    let (sent, what) = if error.is_connect() {
        (false, "no connection")
    } else if error.is_builder() {
        (false, "request could not be built")
    } else if error.is_timeout() {
        (true, "time-out")
    } else {
        (true, "connection broke off")
    };
    Lost {
        sent,
        what: what.to_owned(),
    }
}

fn lost(failure: &GraphFailure) -> Lost {
    match failure {
        GraphFailure::ReqwestError(error) => transport(error),
        GraphFailure::Other(error) => match error.downcast_ref::<reqwest012::Error>() {
            Some(error) => transport(error),
            None => Lost {
                sent: true,
                what: "the client failed".to_owned(),
            },
        },
        GraphFailure::PreFlightError { .. } => Lost {
            sent: false,
            what: "request could not be built".to_owned(),
        },
        _ => Lost {
            sent: true,
            what: "the client failed".to_owned(),
        },
    }
}

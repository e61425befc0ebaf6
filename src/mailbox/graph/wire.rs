//! Calls over the Graph wire: one by one, or up to twenty in a `$batch`.

use std::{collections::HashMap, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use graph_rs_sdk::{
    GraphClient, GraphFailure,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    http::{BodyRead, Method},
};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{path::Path, refusal, token::Tokens};
use crate::{
    clock::SharedClock,
    mailbox::{
        MailboxError,
        pace::{PER_MAILBOX, Pace, retry_after},
        wire::{self, Effect},
    },
};

/// Requests in one `$batch` (documented limit).
pub(super) const BATCH: usize = 20;
/// Batches of one call of ours that run side by side, below the governor.
const SIDE_BY_SIDE: usize = 8;
/// Immutable ids survive the move into quarantine.
pub(super) const PREFER: &str = "IdType=\"ImmutableId\"";

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The mailbox whose lane it takes; none for the directory.
    mailbox: Option<String>,
    method: Method,
    path: String,
    body: Option<Value>,
    effect: Effect,
    eventual: bool,
}

/// One answer, of whatever status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    wait: Option<Duration>,
    body: Value,
}

/// The connection.
pub(super) struct Wire {
    client: GraphClient,
    tokens: Tokens,
    pace: Pace,
    clock: SharedClock,
    root: Url,
}

/// How an HTTP exchange as a whole failed before it had a status.
struct Lost {
    sent: bool,
    what: String,
}

impl Call {
    pub(super) fn get(mailbox: &str, path: &Path) -> Self {
        Self::new(Some(mailbox), Method::GET, path, None, Effect::Read)
    }

    pub(super) fn change(mailbox: &str, method: Method, path: &Path, body: Value) -> Self {
        Self::new(Some(mailbox), method, path, Some(body), Effect::Change)
    }

    /// A look into the directory, as an advanced query where `eventual`.
    pub(super) fn directory(path: &Path, eventual: bool) -> Self {
        Self {
            eventual,
            ..Self::new(None, Method::GET, path, None, Effect::Read)
        }
    }

    fn new(
        mailbox: Option<&str>,
        method: Method,
        path: &Path,
        body: Option<Value>,
        effect: Effect,
    ) -> Self {
        Self {
            mailbox: mailbox.map(str::to_owned),
            method,
            path: path.as_str().to_owned(),
            body,
            effect,
            eventual: false,
        }
    }

    fn part(&self, id: usize) -> Value {
        let mut headers = json!({ "Prefer": PREFER });
        if let (Some(_), Some(map)) = (&self.body, headers.as_object_mut()) {
            map.insert("Content-Type".to_owned(), json!("application/json"));
        }
        let mut part = json!({
            "id": id.to_string(),
            "method": self.method.as_str(),
            "url": self.path,
            "headers": headers,
        });
        if let (Some(body), Some(map)) = (&self.body, part.as_object_mut()) {
            map.insert("body".to_owned(), body.clone());
        }
        part
    }
}

impl Answer {
    /// The body of a 2xx answer.
    pub(super) fn ok(self, effect: Effect) -> Result<Value, MailboxError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(refusal::meaning(self.status, &self.body, self.wait, effect))
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn code(&self) -> &str {
        refusal::code(&self.body)
    }
}

#[derive(Deserialize)]
struct BatchAnswer {
    responses: Vec<PartAnswer>,
}

#[derive(Deserialize)]
struct PartAnswer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Value,
}

impl Wire {
    pub(super) fn new(client: GraphClient, tokens: Tokens, clock: SharedClock, root: Url) -> Self {
        Self {
            client,
            tokens,
            pace: Pace::new(clock.clone()),
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
        if let Some(mailbox) = &call.mailbox {
            self.pace.admit(mailbox).await?;
        }
        let slot = self.pace.enter(call.mailbox.as_deref()).await;
        let url = self.target(&call.path)?;
        let body = call.body.as_ref().map(Value::to_string);
        let got = self
            .exchange(&call.method, &url, body, call.eventual, call.effect, limit)
            .await;
        drop(slot);
        let got = got?;
        self.learn(call.mailbox.as_deref(), got.0, got.1);
        Ok(got)
    }

    /// Follows a page link verbatim, if it leads to where the first page came from.
    pub(super) async fn page(
        &self,
        mailbox: Option<&str>,
        link: &str,
        eventual: bool,
    ) -> Result<Value, MailboxError> {
        let path = self.own_link(link)?;
        let call = Call {
            mailbox: mailbox.map(str::to_owned),
            method: Method::GET,
            path,
            body: None,
            effect: Effect::Read,
            eventual,
        };
        self.one(&call).await?.ok(Effect::Read)
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

    /// Calls in batches of at most twenty with at most four a mailbox; one
    /// answer for each call, in order.
    pub(super) async fn batch(&self, calls: Vec<Call>) -> Vec<Result<Answer, MailboxError>> {
        let mut answers: Vec<Option<Result<Answer, MailboxError>>> = vec![None; calls.len()];
        let mut open = Vec::with_capacity(calls.len());
        for (at, call) in calls.into_iter().enumerate() {
            let admitted = match &call.mailbox {
                Some(mailbox) => self.pace.admit(mailbox).await,
                None => Ok(()),
            };
            match (admitted, answers.get_mut(at)) {
                (Ok(()), _) => open.push((at, call)),
                (Err(error), Some(slot)) => *slot = Some(Err(error)),
                (Err(_), None) => {}
            }
        }
        let done: Vec<Vec<(usize, Result<Answer, MailboxError>)>> = stream::iter(packed(open))
            .map(|chunk| self.chunk(chunk))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        for (at, answer) in done.into_iter().flatten() {
            if let Some(slot) = answers.get_mut(at) {
                *slot = Some(answer);
            }
        }
        answers
            .into_iter()
            .map(|answer| {
                answer.unwrap_or_else(|| Err(MailboxError::Malformed("no answer".to_owned())))
            })
            .collect()
    }

    /// One `$batch`. Parts that Graph refused for an expired token go out once more.
    async fn chunk(&self, chunk: Vec<(usize, Call)>) -> Vec<(usize, Result<Answer, MailboxError>)> {
        let seen = self.tokens.current().await.map(|token| token.number);
        let mut answers = self.post_batch(&chunk).await;
        if chunk.len() > 1 && answers.iter().all(|(_, answer)| is_too_large(answer)) {
            // Twenty bodies may be too much for one answer where ten are not.
            let mut chunk = chunk;
            let rest = chunk.split_off(chunk.len() / 2);
            let mut answers = Box::pin(self.chunk(chunk)).await;
            answers.extend(Box::pin(self.chunk(rest)).await);
            return answers;
        }
        let refused: Vec<(usize, Call)> = chunk
            .iter()
            .zip(&answers)
            .filter(|(_, (_, answer))| matches!(answer, Ok(a) if a.status == 401))
            .map(|(call, _)| call.clone())
            .collect();
        if let (false, Ok(number)) = (refused.is_empty(), seen) {
            self.tokens.refuse(number).await;
            let again = self.post_batch(&refused).await;
            for (at, answer) in again {
                if let Some(slot) = answers.iter_mut().find(|(slot, _)| *slot == at) {
                    slot.1 = answer;
                }
            }
        }
        answers
    }

    async fn post_batch(
        &self,
        chunk: &[(usize, Call)],
    ) -> Vec<(usize, Result<Answer, MailboxError>)> {
        let effect = if chunk.iter().any(|(_, call)| call.effect == Effect::Change) {
            Effect::Change
        } else {
            Effect::Read
        };
        let parts: Vec<Value> = chunk.iter().map(|(at, call)| call.part(*at)).collect();
        let body = json!({ "requests": parts }).to_string();
        let got = match self.target("/$batch") {
            Ok(url) => {
                let mailboxes = chunk.iter().filter_map(|(_, c)| c.mailbox.as_deref());
                let slot = self.pace.enter(mailboxes).await;
                let got = self
                    .exchange(
                        &Method::POST,
                        &url,
                        Some(body),
                        false,
                        effect,
                        wire::JSON_LIMIT,
                    )
                    .await;
                drop(slot);
                got
            }
            Err(error) => Err(error),
        };
        let whole = got.and_then(|(status, wait, bytes)| {
            self.learn(None, status, wait);
            if status != 200 {
                let body = parsed(&bytes).unwrap_or_default();
                return Err(refusal::meaning(status, &body, wait, effect));
            }
            serde_json::from_slice::<BatchAnswer>(&bytes)
                .map_err(|_| effect.garbled("batch answer is not of the documented form"))
        });
        match whole {
            Ok(whole) => self.sorted(chunk, whole),
            Err(error) => chunk
                .iter()
                .map(|(at, _)| (*at, Err(error.clone())))
                .collect(),
        }
    }

    /// Gives each call the answer with its id; answers come in any order.
    fn sorted(
        &self,
        chunk: &[(usize, Call)],
        whole: BatchAnswer,
    ) -> Vec<(usize, Result<Answer, MailboxError>)> {
        let now = self.clock.now();
        let mut by_id: HashMap<String, PartAnswer> = whole
            .responses
            .into_iter()
            .map(|part| (part.id.clone(), part))
            .collect();
        chunk
            .iter()
            .map(|(at, call)| {
                let Some(part) = by_id.remove(&at.to_string()) else {
                    return (*at, Err(call.effect.garbled("no answer in the batch")));
                };
                let wait = part
                    .headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                    .and_then(|(_, value)| retry_after(value, now));
                if matches!(part.status, 429 | 503)
                    && let Some(mailbox) = &call.mailbox
                {
                    self.pace.throttled(mailbox, wait);
                }
                let answer = Answer {
                    status: part.status,
                    wait,
                    body: part.body,
                };
                (*at, Ok(answer))
            })
            .collect()
    }

    fn learn(&self, mailbox: Option<&str>, status: u16, wait: Option<Duration>) {
        match status {
            429 | 503 => {
                self.pace.overloaded();
                if let Some(mailbox) = mailbox {
                    self.pace.throttled(mailbox, wait);
                }
            }
            200..=299 => self.pace.went_through(),
            _ => {}
        }
    }

    fn target(&self, path: &str) -> Result<Url, MailboxError> {
        let root = self.root.as_str().trim_end_matches('/');
        Url::parse(&format!("{root}{path}"))
            .map_err(|_| MailboxError::Malformed("request target".to_owned()))
    }

    /// One HTTP exchange; a 401 renews the token once and goes out again, for a
    /// refused credential has carried nothing out.
    async fn exchange(
        &self,
        method: &Method,
        url: &Url,
        body: Option<String>,
        eventual: bool,
        effect: Effect,
        limit: usize,
    ) -> Result<(u16, Option<Duration>, Bytes), MailboxError> {
        let mut second = false;
        loop {
            let token = self.tokens.current().await?;
            let sent = self.send(method, url, body.clone(), eventual).await;
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
        eventual: bool,
    ) -> Result<reqwest012::Response, Lost> {
        let with_body = body.is_some();
        let mut request = self.client.custom(method.clone(), body.map(BodyRead::from));
        *AsMut::<Url>::as_mut(&mut request) = url.clone();
        if with_body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if eventual {
            request = request.header(
                HeaderName::from_static("consistencylevel"),
                HeaderValue::from_static("eventual"),
            );
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

fn is_too_large(answer: &Result<Answer, MailboxError>) -> bool {
    matches!(answer, Err(MailboxError::Rejected { status: 413, .. }))
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"))
}

fn parsed(bytes: &Bytes) -> Option<Value> {
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

/// Packs calls into as few batches as the limits allow, first come first served.
fn packed(calls: Vec<(usize, Call)>) -> Vec<Vec<(usize, Call)>> {
    let mut chunks: Vec<Vec<(usize, Call)>> = Vec::new();
    // Chunks before this one are full for every mailbox.
    let mut first_open = 0;
    for (at, call) in calls {
        let fits = |chunk: &Vec<(usize, Call)>| {
            chunk.len() < BATCH
                && (call.mailbox.is_none()
                    || chunk
                        .iter()
                        .filter(|(_, other)| other.mailbox == call.mailbox)
                        .count()
                        < PER_MAILBOX)
        };
        match chunks.iter_mut().skip(first_open).find(|chunk| fits(chunk)) {
            Some(chunk) => chunk.push((at, call)),
            None => chunks.push(vec![(at, call)]),
        }
        while chunks
            .get(first_open)
            .is_some_and(|chunk| chunk.len() >= BATCH)
        {
            first_open += 1;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(mailbox: &str) -> Call {
        Call::get(mailbox, &Path::new(&["users", mailbox]))
    }

    #[test]
    fn a_batch_holds_twenty_and_four_of_one_mailbox() {
        let sizes = |calls: Vec<Call>| -> Vec<usize> {
            packed(calls.into_iter().enumerate().collect())
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_eq!(
            sizes((0..41).map(|n| call(&n.to_string())).collect()),
            [20, 20, 1]
        );
        assert_eq!(sizes((0..9).map(|_| call("ann")).collect()), [4, 4, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}

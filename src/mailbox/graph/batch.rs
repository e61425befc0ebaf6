//! Up to twenty requests in one `$batch`, four of one mailbox at most.

use std::collections::HashMap;

use futures::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use graph_rs_sdk::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    refusal,
    wire::{Wire, parsed},
};
use crate::mailbox::{
    Family, MailboxError,
    pace::{PER_MAILBOX, retry_after},
    wire::{self, Effect},
};

/// Requests in one `$batch` (documented limit).
pub(super) const BATCH: usize = 20;
/// Batches of one call of ours that run side by side, below the governor.
const SIDE_BY_SIDE: usize = 8;

/// An answer with the place of its call.
type Numbered = (usize, Result<Answer, MailboxError>);

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
    /// Calls in batches of at most twenty with at most four a mailbox; one
    /// answer for each call, in order.
    pub(super) async fn batch(&self, calls: Vec<Call>) -> Vec<Result<Answer, MailboxError>> {
        let mut answers: Vec<Option<Result<Answer, MailboxError>>> = vec![None; calls.len()];
        // What has to wait a moment keeps nobody else waiting.
        let (late, now): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .enumerate()
            .partition(|(_, call)| self.pace.rests(call.family, call.mailbox.as_deref()));
        let (now, late) = join(self.admitted(now), self.admitted(late)).await;
        for (at, answer) in now.into_iter().chain(late) {
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

    async fn admitted(&self, calls: Vec<(usize, Call)>) -> Vec<Numbered> {
        let admitted = join_all(calls.iter().map(|(_, call)| self.admit(call))).await;
        let mut open = Vec::with_capacity(calls.len());
        let mut answers = Vec::new();
        for ((at, call), admitted) in calls.into_iter().zip(admitted) {
            match admitted {
                Ok(()) => open.push((at, call)),
                Err(error) => answers.push((at, Err(error))),
            }
        }
        let done: Vec<Vec<Numbered>> = stream::iter(packed(open))
            .map(|chunk| self.chunk(chunk))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        answers.extend(done.into_iter().flatten());
        answers
    }

    /// One `$batch`. Parts that Graph refused for an expired token go out once more.
    async fn chunk(&self, chunk: Vec<(usize, Call)>) -> Vec<Numbered> {
        let seen = match self.tokens.current().await {
            Ok(token) => token.number,
            Err(error) => return same_for_all(&chunk, &error),
        };
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
        if !refused.is_empty() {
            self.tokens.refuse(seen).await;
            let again = self.post_batch(&refused).await;
            for (at, answer) in again {
                if let Some(slot) = answers.iter_mut().find(|(slot, _)| *slot == at) {
                    slot.1 = answer;
                }
            }
        }
        answers
    }

    async fn post_batch(&self, chunk: &[(usize, Call)]) -> Vec<Numbered> {
        let effect = if chunk.iter().any(|(_, call)| call.effect == Effect::Change) {
            Effect::Change
        } else {
            Effect::Read
        };
        for (_, call) in chunk {
            self.tally.call(call.family, 0);
        }
        let parts: Vec<Value> = chunk.iter().map(|(at, call)| call.part(*at)).collect();
        let body = json!({ "requests": parts }).to_string();
        let got = match self.target("/$batch") {
            Ok(url) => {
                let mailboxes = chunk.iter().filter_map(|(_, c)| c.mailbox.as_deref());
                let slot = self.pace.enter(mailboxes).await;
                let got = self
                    .exchange(&Method::POST, &url, Some(body), effect, wire::JSON_LIMIT)
                    .await;
                drop(slot);
                got
            }
            Err(error) => Err(error),
        };
        let whole = got.and_then(|(status, wait, bytes)| {
            if is_busy(status) {
                self.pace.overloaded();
            }
            // The batch as a whole: no mail before that time.
            self.learn(Family::Search, None, status, wait);
            if status != 200 {
                let body = parsed(&bytes).unwrap_or_default();
                return Err(refusal::meaning(status, &body, wait, effect));
            }
            serde_json::from_slice::<BatchAnswer>(&bytes)
                .map_err(|_| effect.garbled("batch answer is not of the documented form"))
        });
        match whole {
            Ok(whole) => self.sorted(chunk, whole),
            Err(error) => same_for_all(chunk, &error),
        }
    }

    /// Gives each call the answer with its id; answers come in any order.
    fn sorted(&self, chunk: &[(usize, Call)], whole: BatchAnswer) -> Vec<Numbered> {
        let now = self.clock.now();
        let busy = whole.responses.iter().filter(|part| is_busy(part.status));
        if busy.count() * 2 > chunk.len().max(4) {
            // Not one mailbox or another: the connection.
            self.pace.overloaded();
        }
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
                if is_busy(part.status)
                    && let Some(mailbox) = &call.mailbox
                {
                    self.tally.throttled();
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
}

const fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 503)
}

fn same_for_all(chunk: &[(usize, Call)], error: &MailboxError) -> Vec<Numbered> {
    chunk
        .iter()
        .map(|(at, _)| (*at, Err(error.clone())))
        .collect()
}

fn is_too_large(answer: &Result<Answer, MailboxError>) -> bool {
    matches!(answer, Err(MailboxError::Rejected { status: 413, .. }))
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
    use crate::mailbox::graph::path::Path;

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

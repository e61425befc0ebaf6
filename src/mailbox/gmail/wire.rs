//! Calls over the Gmail wire, each under the governor and judged by its refusal.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use google_gmail1::{
    Delegate,
    common::{self, Response, Retry},
};
use serde_json::Value;

use super::{
    cost::Cost,
    refusal,
    seat::{Hub, Seats},
};
use crate::{
    clock::SharedClock,
    domain::MailboxRef,
    mailbox::{
        Family, MailboxError,
        counts::Tally,
        pace::{Pace, retry_after},
        wire::{self, Effect},
    },
};

/// The one scope of all mailbox calls; it covers `insert` too.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/gmail.modify";

/// How long all mail waits when the day's quota is used up and no time is named.
const QUOTA_REST: Duration = Duration::from_secs(15 * 60);

/// The connection.
pub(super) struct Wire {
    pub(super) seats: Seats,
    pub(super) pace: Pace,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: SharedClock,
}

/// Sees what the SDK does not hand out: the status, the reason, the wait.
pub(super) struct Watch {
    now: DateTime<Utc>,
    sent: bool,
    status: u16,
    reason: String,
    wait: Option<Duration>,
}

impl Delegate for Watch {
    fn pre_request(&mut self) {
        self.sent = true;
    }

    fn http_failure(&mut self, response: &Response, body: Option<&Value>) -> Retry {
        self.status = response.status().as_u16();
        self.reason = body.map_or_else(|| "unnamed".to_owned(), refusal::reason);
        self.wait = response
            .headers()
            .get(http::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, self.now));
        Retry::Abort
    }
}

impl Wire {
    /// Runs one SDK call as `mailbox`. A 401 renews the token once and runs it
    /// again, for a refused credential has carried nothing out.
    pub(super) async fn call<T>(
        &self,
        mailbox: &MailboxRef,
        cost: Cost,
        run: impl for<'a> Fn(&'a Hub, &'a mut Watch) -> BoxFuture<'a, common::Result<(Response, T)>>
        + Send
        + Sync,
    ) -> Result<T, MailboxError>
    where
        T: Send,
    {
        let effect = cost.effect;
        let key = mailbox.key();
        self.pace.admit(cost.family, Some(key), cost.units).await?;
        let seat = self.seats.of(key).await?;
        let _slot = self.pace.enter([key]).await;
        let mut second = false;
        self.tally.call(cost.family, u64::from(cost.units));
        loop {
            self.tally.exchange();
            let mut watch = Watch {
                now: self.clock.now(),
                sent: false,
                status: 0,
                reason: String::new(),
                wait: None,
            };
            let done = tokio::time::timeout(wire::CALL_LIMIT, run(&seat.hub, &mut watch)).await;
            let error = match done {
                Ok(Ok((_, answer))) => {
                    self.pace.went_through();
                    return Ok(answer);
                }
                Ok(Err(error)) => error,
                Err(_) if watch.sent => return Err(effect.silence("time-out")),
                Err(_) => return Err(MailboxError::Unavailable("time-out".to_owned())),
            };
            if watch.status == 401 && !second {
                second = true;
                seat.access.refuse(None).await;
                continue;
            }
            let error = judged(error, &watch, effect);
            self.learn(key, cost.family, &error, &watch);
            return Err(error);
        }
    }

    /// Most refusals are about one person's calls, whatever reason they give; a
    /// day's quota is everybody's.
    fn learn(&self, key: &str, family: Family, error: &MailboxError, watch: &Watch) {
        let MailboxError::Throttled { retry_after } = error else {
            return;
        };
        self.tally.throttled();
        if refusal::EVERYBODYS.contains(&watch.reason.as_str()) {
            self.pace
                .hold(family, Some(retry_after.unwrap_or(QUOTA_REST)));
            return;
        }
        self.pace.throttled(key, *retry_after);
        if watch.reason != refusal::ONE_USER {
            self.pace.overloaded();
        }
    }
}

fn judged(error: common::Error, watch: &Watch, effect: Effect) -> MailboxError {
    match error {
        common::Error::MissingToken(error) => match error.downcast::<MailboxError>() {
            Ok(error) => *error,
            Err(_) => MailboxError::Unauthorized("no token".to_owned()),
        },
        common::Error::HttpError(error) if error.is_connect() => {
            MailboxError::Unavailable("no connection".to_owned())
        }
        common::Error::HttpError(_) => effect.silence("connection broke off"),
        common::Error::JsonDecodeError(..) => {
            effect.garbled("answer is not of the documented form")
        }
        common::Error::BadRequest(_) | common::Error::Failure(_) => {
            refusal::meaning(watch.status, &watch.reason, watch.wait, effect)
        }
        common::Error::UploadSizeLimitExceeded(..) => MailboxError::Rejected {
            status: 413,
            code: "uploadTooLarge".to_owned(),
        },
        _ => effect.garbled("the client gave up"),
    }
}

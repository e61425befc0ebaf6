//! Graph's subscriptions to change notifications: basic ones, without content.
//! Source: Microsoft Graph documentation, "change notifications" and "subscription".

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use graph_rs_sdk::http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{GraphMail, call::Call, path::Path};
use crate::{
    domain::{MailboxRef, Provider},
    mailbox::{
        Family, MailboxError,
        feed::{ChangeFeed, Subscribed},
        wire::Effect,
    },
};

/// How long a subscription is asked for; Outlook allows 10,080 minutes.
const LIFE: TimeDelta = TimeDelta::days(3);
/// The longest id that is kept; Graph's are GUIDs.
const ID: usize = 128;

impl GraphMail {
    /// Subscribes to new messages of a mailbox; notifications and lifecycle events
    /// go to `notify`. Graph asks that address for its consent meanwhile.
    async fn subscribe_to(
        &self,
        mailbox: &MailboxRef,
        notify: &Url,
        client_state: &str,
    ) -> Result<Subscribed, MailboxError> {
        let body = json!({
            // A message that is moved into a folder is created there too.
            "changeType": "created",
            "notificationUrl": notify.as_str(),
            "lifecycleNotificationUrl": notify.as_str(),
            "resource": format!("/users/{}/messages", mailbox.key()),
            "expirationDateTime": self.end_of_life(),
            "clientState": client_state,
            "latestSupportedTlsVersion": "v1_2",
        });
        let path = Path::new(&["subscriptions"]);
        let call = Call::change(mailbox.key(), Method::POST, &path, body);
        let answer = self.wire.one(&call).await?.ok(Effect::Change)?;
        subscribed(&answer)
    }

    async fn renew_until(
        &self,
        mailbox: &MailboxRef,
        id: &str,
    ) -> Result<Subscribed, MailboxError> {
        let body = json!({ "expirationDateTime": self.end_of_life() });
        let path = Path::new(&["subscriptions", id]);
        let call = Call::change(mailbox.key(), Method::PATCH, &path, body);
        let answer = self.wire.one(&call).await?;
        // Whatever the code: it is the subscription that is not there.
        if matches!(answer.status(), 404 | 410) {
            return Err(MailboxError::Gone);
        }
        subscribed(&answer.ok(Effect::Change)?)
    }

    async fn end_subscription(&self, mailbox: &MailboxRef, id: &str) -> Result<(), MailboxError> {
        let path = Path::new(&["subscriptions", id]);
        let call = Call {
            mailbox: Some(mailbox.key().to_owned()),
            family: Family::Settings,
            cost: 1,
            method: Method::DELETE,
            path: path.as_str().to_owned(),
            body: None,
            effect: Effect::Change,
        };
        let answer = self.wire.one(&call).await?;
        if matches!(answer.status(), 404 | 410) {
            return Ok(());
        }
        answer.ok(Effect::Change).map(drop)
    }

    fn end_of_life(&self) -> String {
        (self.wire.clock.now() + LIFE).to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

fn subscribed(answer: &Value) -> Result<Subscribed, MailboxError> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let id = text("id").filter(|id| {
        (1..=ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let expires = text("expirationDateTime")
        .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
        .map(|at| at.with_timezone(&Utc));
    match (id, expires) {
        (Some(id), Some(expires)) => Ok(Subscribed {
            id: id.to_owned(),
            expires,
            mark: None,
            gap: false,
        }),
        // It may be there all the same: it ends by itself.
        _ => Err(MailboxError::OutcomeUnknown(
            "the subscription has no id or no end".to_owned(),
        )),
    }
}

/// The change notifications of one Microsoft 365 tenant.
pub struct GraphFeed {
    mail: Arc<GraphMail>,
    notify: Url,
}

impl GraphFeed {
    /// Has notifications sent to `/hooks/graph` below `base`.
    #[must_use]
    pub fn new(mail: Arc<GraphMail>, base: &Url) -> Self {
        let mut notify = base.clone();
        let path = format!("{}/hooks/graph", base.path().trim_end_matches('/'));
        notify.set_path(&path);
        Self { mail, notify }
    }
}

#[async_trait]
impl ChangeFeed for GraphFeed {
    fn provider(&self) -> Provider {
        Provider::Graph
    }

    async fn subscribe(
        &self,
        mailbox: &MailboxRef,
        client_state: &str,
    ) -> Result<Subscribed, MailboxError> {
        self.mail
            .subscribe_to(mailbox, &self.notify, client_state)
            .await
    }

    async fn renew(
        &self,
        mailbox: &MailboxRef,
        id: &str,
        _: Option<&str>,
    ) -> Result<Subscribed, MailboxError> {
        self.mail.renew_until(mailbox, id).await
    }

    async fn unsubscribe(&self, mailbox: &MailboxRef, id: &str) -> Result<(), MailboxError> {
        self.mail.end_subscription(mailbox, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_plain_id_or_an_end_is_no_subscription() {
        let good = json!({"id": "a1-b2", "expirationDateTime": "2026-11-26T08:00:00.0000000Z"});
        let read = subscribed(&good).expect("subscribed");
        assert_eq!((read.id.as_str(), read.gap), ("a1-b2", false));
        assert_eq!(read.expires.to_rfc3339(), "2026-11-26T08:00:00+00:00");
        for bad in [
            json!({}),
            json!({"id": "a1"}),
            json!({"id": "../users", "expirationDateTime": "2026-11-26T08:00:00Z"}),
            json!({"id": "a1", "expirationDateTime": "soon"}),
        ] {
            assert!(matches!(
                subscribed(&bad),
                Err(MailboxError::OutcomeUnknown(_))
            ));
        }
    }
}

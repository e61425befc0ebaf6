//! Gmail's watches: the mailbox publishes to a Pub/Sub topic that something
//! changed, with its history id. Source: Gmail API guide, "push notifications".

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use google_gmail1::api::WatchRequest;

use super::{GmailMail, cost, wire::SCOPE};
use crate::{
    domain::{MailboxRef, Provider},
    mailbox::{
        MailboxError,
        feed::{ChangeFeed, Subscribed},
    },
};

/// How long a watch lasts where the answer does not say: the documented week.
const LIFE: TimeDelta = TimeDelta::days(7);

impl GmailMail {
    /// Begins a watch, or begins it anew: there is one a mailbox.
    async fn watch_for(
        &self,
        mailbox: &MailboxRef,
        topic: &str,
    ) -> Result<Subscribed, MailboxError> {
        let answer = self
            .wire
            .call(mailbox, cost::WATCH, |hub, watch| {
                let request = WatchRequest {
                    topic_name: Some(topic.to_owned()),
                    ..WatchRequest::default()
                };
                Box::pin(
                    hub.users()
                        .watch(request, mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        let expires = answer
            .expiration
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or_else(|| self.wire.clock.now() + LIFE);
        Ok(Subscribed {
            id: mailbox.key().to_owned(),
            expires,
            mark: answer.history_id.map(|id| id.to_string()),
            gap: false,
        })
    }

    /// Whether Gmail still knows what happened since a history id.
    async fn remembers(&self, mailbox: &MailboxRef, since: u64) -> Result<bool, MailboxError> {
        let page = self
            .wire
            .call(mailbox, cost::HISTORY, |hub, watch| {
                Box::pin(
                    hub.users()
                        .history_list(mailbox.key())
                        .start_history_id(since)
                        .max_results(1)
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await;
        match page {
            Ok(_) => Ok(true),
            Err(MailboxError::Gone | MailboxError::Rejected { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn stop_watch(&self, mailbox: &MailboxRef) -> Result<(), MailboxError> {
        self.wire
            .call(mailbox, cost::STOP, |hub, watch| {
                let call = hub
                    .users()
                    .stop(mailbox.key())
                    .add_scope(SCOPE)
                    .delegate(watch);
                Box::pin(async move { Ok((call.doit().await?, ())) })
            })
            .await
    }
}

/// The change notifications of one Google Workspace customer.
pub struct GmailFeed {
    mail: Arc<GmailMail>,
    topic: String,
}

impl GmailFeed {
    /// Has changes published to a topic, `projects/x/topics/y`.
    #[must_use]
    pub fn new(mail: Arc<GmailMail>, topic: String) -> Self {
        Self { mail, topic }
    }
}

#[async_trait]
impl ChangeFeed for GmailFeed {
    fn provider(&self) -> Provider {
        Provider::Gmail
    }

    async fn subscribe(&self, mailbox: &MailboxRef, _: &str) -> Result<Subscribed, MailboxError> {
        self.mail.watch_for(mailbox, &self.topic).await
    }

    /// Looks first whether the history since the mark is still there.
    async fn renew(
        &self,
        mailbox: &MailboxRef,
        _: &str,
        mark: Option<&str>,
    ) -> Result<Subscribed, MailboxError> {
        let gap = match mark.and_then(|mark| mark.parse().ok()) {
            Some(since) => !self.mail.remembers(mailbox, since).await?,
            None => false,
        };
        let renewed = self.mail.watch_for(mailbox, &self.topic).await?;
        Ok(Subscribed { gap, ..renewed })
    }

    async fn unsubscribe(&self, mailbox: &MailboxRef, _: &str) -> Result<(), MailboxError> {
        match self.mail.stop_watch(mailbox).await {
            Err(MailboxError::Gone | MailboxError::NoMailbox(_)) => Ok(()),
            other => other,
        }
    }
}

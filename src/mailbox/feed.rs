//! Change notifications of a mailbox: asked for, kept alive, given up.
//!
//! What a notification says is a hint; mail is always read from the provider.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MailboxError;
use crate::domain::{MailboxRef, Provider};

/// A mailbox that tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The provider's id of it: a subscription's for Graph, the mailbox's key for Gmail.
    pub id: String,
    /// When it ends unless it is renewed.
    pub expires: DateTime<Utc>,
    /// How far the mailbox's history is (Gmail's history id); Graph has none.
    pub mark: Option<String>,
    /// The provider no longer knows what happened since the mark it was given:
    /// changes may have been missed.
    pub gap: bool,
}

/// A platform that tells of changes in its mailboxes.
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// Which platform.
    fn provider(&self) -> Provider;

    /// Asks for a mailbox's notifications. Each of them will name `client_state`
    /// where the platform supports that (Graph).
    async fn subscribe(
        &self,
        mailbox: &MailboxRef,
        client_state: &str,
    ) -> Result<Subscribed, MailboxError>;

    /// Keeps them coming. [`MailboxError::Gone`] when the provider has ended them.
    async fn renew(
        &self,
        mailbox: &MailboxRef,
        id: &str,
        mark: Option<&str>,
    ) -> Result<Subscribed, MailboxError>;

    /// Ends them; already ended is success.
    async fn unsubscribe(&self, mailbox: &MailboxRef, id: &str) -> Result<(), MailboxError>;
}

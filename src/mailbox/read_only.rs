//! A mail platform that can only be read, by its type.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Audience, Capabilities, Counts, Deliveries, DeliveryQuery, EntryFound, EntryLook, Finding,
    Forwarding, Found, ItemHint, MailProvider, MailReader, MailboxError, MailboxPage, Purpose,
    Seen,
};
use crate::domain::{Locator, MailboxAddress, MailboxRef, MessageQuery, Provider};

/// Reads like the platform inside and hands nothing out that writes: what is
/// given this cannot move a message.
#[derive(Clone)]
pub struct ReadOnly(Arc<dyn MailProvider>);

impl ReadOnly {
    /// Reads by `mail`.
    #[must_use]
    pub const fn new(mail: Arc<dyn MailProvider>) -> Self {
        Self(mail)
    }
}

#[async_trait]
impl MailReader for ReadOnly {
    fn provider(&self) -> Provider {
        self.0.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn calls(&self) -> Counts {
        self.0.calls()
    }

    async fn mailboxes(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError> {
        self.0.mailboxes(cursor).await
    }

    async fn expand(&self, address: &MailboxAddress) -> Result<Option<Audience>, MailboxError> {
        self.0.expand(address).await
    }

    async fn find(&self, mailbox: &MailboxRef, hint: &ItemHint) -> Result<Vec<Seen>, MailboxError> {
        self.0.find(mailbox, hint).await
    }

    async fn search(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>> {
        self.0.search(mailboxes, query).await
    }

    async fn keepers(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        self.0.keepers().await
    }

    async fn fetch_raw(&self, locator: &Locator) -> Result<Bytes, MailboxError> {
        self.0.fetch_raw(locator).await
    }

    async fn inspect(&self, locators: &[Locator]) -> Vec<Result<Option<Seen>, MailboxError>> {
        self.0.inspect(locators).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Deliveries, MailboxError> {
        self.0.deliveries(query).await
    }

    async fn forwarding(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        self.0.forwarding(mailboxes).await
    }

    async fn purposes(&self, mailboxes: &[MailboxRef]) -> Vec<Result<Purpose, MailboxError>> {
        self.0.purposes(mailboxes).await
    }

    async fn entries(&self, looks: &[EntryLook]) -> Vec<Result<Option<EntryFound>, MailboxError>> {
        self.0.entries(looks).await
    }

    async fn check(&self) -> Vec<Finding> {
        self.0.check().await
    }
}

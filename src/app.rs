//! The adapters, built from the configuration once. No behaviour.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    clock::SharedClock,
    config::Config,
    domain::{MailboxRef, Provider, TenantId},
    mailbox::MailProvider,
    notify::Notifier,
    store::{Store, blobs::Blobs},
};

/// Everything the rooms above are given.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: SharedClock,
    /// The organisation this instance serves.
    pub tenant: TenantId,
    /// The rows.
    pub store: Store,
    /// The bytes of evidence.
    pub blobs: Blobs,
    /// The mail platforms in use.
    pub mail: Mail,
    /// Letters to reporters.
    pub notifier: Notifier,
}

/// The mail platforms in use.
#[derive(Clone, Default)]
pub struct Mail(BTreeMap<Provider, Arc<dyn MailProvider>>);

impl Mail {
    /// Adds a platform; a second one of the same kind replaces the first.
    pub fn add(&mut self, provider: Arc<dyn MailProvider>) {
        self.0.insert(provider.provider(), provider);
    }

    /// The platform that holds a mailbox; `None` when it is not configured.
    #[must_use]
    pub fn of(&self, mailbox: &MailboxRef) -> Option<&Arc<dyn MailProvider>> {
        self.0.get(&mailbox.provider)
    }

    /// All platforms.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn MailProvider>> {
        self.0.values()
    }
}

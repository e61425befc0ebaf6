//! Google Workspace through the Gmail and Directory APIs.
//!
//! The only room that may use `google_gmail1` and `yup_oauth2`. Every call
//! impersonates the mailbox it touches; no call is repeated here: the queue
//! decides.

mod check;
mod connector;
mod directory;
mod label;
mod message;
mod moves;
mod query;
mod refusal;
mod seat;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use url::Url;

use self::{directory::Directory, seat::Seats};
use super::{
    Capabilities, Finding, ItemHint, MailProvider, MailboxError, MailboxPage, QuarantineMove,
    RestoreMove, Restored, Seen, pace::Pace, wire as shared, wire::Remembered,
};
use crate::{
    clock::SharedClock,
    config::{google::Google, graph::FieldError},
    domain::{Locator, MailboxAddress, MailboxRef, MessageQuery, Place, Provider},
};

/// Calls of one method that run side by side, below the governor.
const WIDTH: usize = 16;

/// The mailboxes of one Google Workspace customer.
pub struct GmailMail {
    wire: wire::Wire,
    directory: Directory,
    label_name: String,
    /// Quarantine label by mailbox key.
    quarantines: Remembered,
}

impl GmailMail {
    /// Connects by `config`; makes no call yet. Reads the key's file.
    ///
    /// # Errors
    /// The field that cannot be used, in words for an administrator.
    pub async fn new(config: &Google, clock: SharedClock) -> Result<Self, FieldError> {
        config.validate()?;
        let seats = Seats::new(config)?;
        let access = seats
            .access(config.admin_subject.as_str())
            .await
            .map_err(|error| FieldError::new("google.service_account_file", error.to_string()))?;
        let directory = Directory {
            http: shared::outbound("google.base_url")?,
            access,
            root: directory_root(config)?,
            customer: config.customer.clone(),
            pace: Pace::new(clock.clone()),
            clock: clock.clone(),
        };
        Ok(Self {
            wire: wire::Wire {
                seats,
                pace: Pace::new(clock.clone()),
                clock,
            },
            directory,
            label_name: config.quarantine_label.clone(),
            quarantines: Remembered::default(),
        })
    }
}

/// Runs calls side by side and gives their answers in order.
async fn side_by_side<F: Future>(calls: impl Iterator<Item = F>) -> Vec<F::Output> {
    // Collected first: a stream of closures over borrowed items is not `Send`.
    let calls: Vec<F> = calls.collect();
    stream::iter(calls).buffered(WIDTH).collect().await
}

fn directory_root(config: &Google) -> Result<Url, FieldError> {
    let root = match &config.base_url {
        Some(url) => format!("{}/", url.as_str().trim_end_matches('/')),
        None => "https://admin.googleapis.com/".to_owned(),
    };
    Url::parse(&root).map_err(|error| FieldError::new("google.base_url", error.to_string()))
}

#[async_trait]
impl MailProvider for GmailMail {
    fn provider(&self) -> Provider {
        Provider::Gmail
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            searches_phrases: true,
            inserts: true,
            search_width: WIDTH,
        }
    }

    async fn mailboxes(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError> {
        self.directory.people(cursor, "500").await
    }

    async fn expand(
        &self,
        address: &MailboxAddress,
    ) -> Result<Option<Vec<MailboxAddress>>, MailboxError> {
        self.directory.members(address).await
    }

    async fn find(&self, mailbox: &MailboxRef, hint: &ItemHint) -> Result<Vec<Seen>, MailboxError> {
        self.find_item(mailbox, hint).await
    }

    async fn search(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Vec<Seen>, MailboxError>> {
        self.search_all(mailboxes, query).await
    }

    async fn fetch_raw(&self, locator: &Locator) -> Result<Bytes, MailboxError> {
        self.raw_of(locator).await
    }

    async fn inspect(&self, locators: &[Locator]) -> Vec<Result<Option<Seen>, MailboxError>> {
        self.inspect_all(locators).await
    }

    async fn quarantine_of(&self, mailboxes: &[MailboxRef]) -> Vec<Result<String, MailboxError>> {
        self.quarantines(mailboxes).await
    }

    async fn quarantine(&self, moves: &[QuarantineMove]) -> Vec<Result<Place, MailboxError>> {
        self.pull_all(moves).await
    }

    async fn restore(&self, moves: &[RestoreMove]) -> Vec<Result<Restored, MailboxError>> {
        self.restore_all(moves).await
    }

    async fn insert(&self, mailbox: &MailboxRef, raw: &[u8]) -> Result<Locator, MailboxError> {
        self.put(mailbox, raw).await
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }
}

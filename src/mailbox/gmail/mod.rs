//! Google Workspace through the Gmail and Directory APIs.
//!
//! The only room that may use `google_gmail1` and `yup_oauth2`. Every call
//! impersonates the mailbox it touches; no call is repeated here: the queue
//! decides.

mod calendar;
mod check;
mod connector;
mod cost;
mod directory;
mod label;
mod message;
mod moves;
mod query;
mod refusal;
mod seat;
mod settings;
mod watch;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use url::Url;

pub use self::watch::GmailFeed;
use self::{calendar::Calendar, directory::Directory, seat::Seats};
use super::{
    Audience, Capabilities, Counts, Deliveries, DeliveryQuery, EntryFound, EntryLook, EntryMove,
    Finding, Forwarding, Found, ItemHint, MailProvider, MailReader, MailboxError, MailboxPage,
    Purpose, QuarantineMove, RestoreMove, Restored, Seen,
    counts::Tally,
    pace::{self, Pace, SharedBudgets},
    wire as shared,
    wire::{Remembered, Until},
};
use crate::{
    clock::SharedClock,
    config::{google::Google, graph::FieldError},
    domain::{Locator, MailboxAddress, MailboxRef, MessageQuery, Place, Provider},
};

/// Searches that run side by side for each of `workers.search_concurrency`.
const WIDTH: usize = 16;
/// Calls of one method that run side by side, below the governor.
const SIDE_BY_SIDE: usize = 64;

/// The mailboxes of one Google Workspace customer.
pub struct GmailMail {
    wire: wire::Wire,
    directory: Directory,
    /// Where calendars are asked.
    calendar: Calendar,
    /// Whether calendar entries go and return with their invitations.
    with_calendar: bool,
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
        let scope = format!("google/{}", seats.project());
        let tally = Arc::new(Tally::default());
        let http = shared::outbound("google.base_url")?;
        let calendar = Calendar {
            http: http.clone(),
            root: root_of(config, "https://www.googleapis.com/")?,
            ungranted: Until::default(),
        };
        let directory = Directory {
            http,
            access,
            root: root_of(config, "https://admin.googleapis.com/")?,
            customer: config.customer.clone(),
            pace: Pace::new(clock.clone(), &pace::GOOGLE, format!("{scope}/admin")),
            tally: Arc::clone(&tally),
            clock: clock.clone(),
        };
        Ok(Self {
            wire: wire::Wire {
                seats,
                pace: Pace::new(clock.clone(), &pace::GOOGLE, scope),
                tally,
                clock,
            },
            directory,
            calendar,
            with_calendar: true,
            label_name: config.quarantine_label.clone(),
            quarantines: Remembered::default(),
        })
    }

    /// Whether calendar entries go and return with their invitations (`pull.calendar`),
    /// so that the check knows which scopes that takes; they do unless told.
    #[must_use]
    pub const fn with_calendar(mut self, on: bool) -> Self {
        self.with_calendar = on;
        self
    }

    /// Shares its budgets with the other processes that use this project.
    #[must_use]
    pub fn sharing(self, budgets: Arc<dyn SharedBudgets>) -> Self {
        self.wire.pace.share(Arc::clone(&budgets));
        self.directory.pace.share(budgets);
        self
    }
}

/// Runs calls side by side and gives their answers in order.
async fn side_by_side<F: Future>(calls: impl Iterator<Item = F>) -> Vec<F::Output> {
    // Collected first: a stream of closures over borrowed items is not `Send`.
    let calls: Vec<F> = calls.collect();
    let mut done: Vec<(usize, F::Output)> = stream::iter(calls.into_iter().enumerate())
        .map(|(at, call)| async move { (at, call.await) })
        // A slow one keeps no other from its turn.
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Where an API is reached: the configured root, or Google's own for it.
fn root_of(config: &Google, own: &str) -> Result<Url, FieldError> {
    let root = match &config.base_url {
        Some(url) => format!("{}/", url.as_str().trim_end_matches('/')),
        None => own.to_owned(),
    };
    Url::parse(&root).map_err(|error| FieldError::new("google.base_url", error.to_string()))
}

#[async_trait]
impl MailReader for GmailMail {
    fn provider(&self) -> Provider {
        Provider::Gmail
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            searches_phrases: true,
            inserts: true,
            search_together: 1,
            search_width: WIDTH,
            moves_at_once: SIDE_BY_SIDE,
        }
    }

    fn calls(&self) -> Counts {
        self.wire.tally.snapshot()
    }

    async fn mailboxes(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError> {
        self.directory.people(cursor, "500").await
    }

    async fn expand(&self, address: &MailboxAddress) -> Result<Option<Audience>, MailboxError> {
        self.directory.audience(address).await
    }

    async fn keepers(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        self.directory.groups_that_keep().await
    }

    async fn find(&self, mailbox: &MailboxRef, hint: &ItemHint) -> Result<Vec<Seen>, MailboxError> {
        self.find_item(mailbox, hint).await
    }

    /// What was deleted for good is out of the API's reach: `recoverable` adds
    /// nothing here.
    async fn search(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>> {
        self.search_all(mailboxes, query).await
    }

    async fn fetch_raw(&self, locator: &Locator) -> Result<Bytes, MailboxError> {
        self.raw_of(locator).await
    }

    async fn inspect(&self, locators: &[Locator]) -> Vec<Result<Option<Seen>, MailboxError>> {
        self.inspect_all(locators).await
    }

    async fn deliveries(&self, _: &DeliveryQuery) -> Result<Deliveries, MailboxError> {
        Ok(Deliveries::none(
            "Google Workspace has no record of deliveries that can be read",
            0,
        ))
    }

    async fn forwarding(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        self.forwardings(mailboxes).await
    }

    async fn purposes(&self, mailboxes: &[MailboxRef]) -> Vec<Result<Purpose, MailboxError>> {
        // Every mailbox is a person's account.
        mailboxes.iter().map(|_| Ok(Purpose::User)).collect()
    }

    async fn entries(&self, looks: &[EntryLook]) -> Vec<Result<Option<EntryFound>, MailboxError>> {
        self.entries_of(looks).await
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }
}

#[async_trait]
impl MailProvider for GmailMail {
    async fn quarantine_of(&self, mailboxes: &[MailboxRef]) -> Vec<Result<String, MailboxError>> {
        self.quarantines(mailboxes).await
    }

    async fn quarantine(&self, moves: &[QuarantineMove]) -> Vec<Result<Place, MailboxError>> {
        self.pull_all(moves).await
    }

    async fn restore(&self, moves: &[RestoreMove]) -> Vec<Result<Restored, MailboxError>> {
        self.restore_all(moves).await
    }

    async fn remove_entries(&self, moves: &[EntryMove]) -> Vec<Result<(), MailboxError>> {
        self.take_off(moves).await
    }

    async fn return_entries(&self, moves: &[EntryMove]) -> Vec<Result<String, MailboxError>> {
        self.put_on(moves).await
    }

    async fn insert(&self, mailbox: &MailboxRef, raw: &[u8]) -> Result<Locator, MailboxError> {
        self.put(mailbox, raw).await
    }
}

//! Microsoft 365 through Microsoft Graph.
//!
//! The only room that may use `graph_rs_sdk`. Ids are immutable ids, requests
//! go through the governor, and no call is repeated here: the queue decides.

mod batch;
mod calendar;
mod call;
mod check;
mod directory;
mod folder;
mod folder_name;
mod group;
mod message;
mod moves;
mod path;
mod query;
mod records;
mod refusal;
mod search;
mod settings;
mod subscribe;
mod token;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use graph_rs_sdk::{
    GraphClient, GraphClientConfiguration,
    header::{HeaderMap, HeaderName, HeaderValue},
};

pub use self::subscribe::GraphFeed;
use self::{call::Call, path::Path, token::Tokens};
use super::{
    Audience, Capabilities, Counts, Deliveries, DeliveryQuery, EntryFound, EntryLook, EntryMove,
    Finding, Forwarding, Found, ItemHint, MailProvider, MailReader, MailboxError, MailboxPage,
    Purpose, QuarantineMove, RestoreMove, Restored, Seen,
    pace::SharedBudgets,
    wire as shared,
    wire::{Remembered, Until},
};
use crate::{
    clock::SharedClock,
    config::graph::{FieldError, Graph},
    domain::{Locator, MailboxAddress, MailboxRef, MessageQuery, Place, Provider},
};

/// The mailboxes of one Microsoft 365 tenant.
pub struct GraphMail {
    wire: wire::Wire,
    folder_name: String,
    /// Quarantine folder by mailbox key.
    quarantines: Remembered,
    /// Display name by mailbox key and folder id.
    names: Remembered,
    /// Sent Items folder by mailbox key.
    sent_folders: Remembered,
    /// Set while the tenant is known not to have advanced hunting.
    unhunted: Until,
    /// Whether calendar entries go and return with their invitations.
    calendar: bool,
}

impl GraphMail {
    /// Connects by `config`; makes no call yet. Reads the credential's files.
    ///
    /// # Errors
    /// The field that cannot be used, in words for an administrator.
    pub fn new(config: &Graph, clock: SharedClock) -> Result<Self, FieldError> {
        config.validate()?;
        shared::install_tls_provider();
        // The SDK panics when its client cannot be built: try with one of our own.
        reqwest012::Client::builder().build().map_err(|error| {
            FieldError::new("graph.base_url", format!("TLS cannot be set up: {error}"))
        })?;
        let tokens = Tokens::new(config, clock.clone())?;
        let client = client(config, tokens.clone());
        let scope = format!("graph/{}/{}", config.tenant_id, config.client_id);
        Ok(Self {
            wire: wire::Wire::new(client, tokens, clock, config.base_url.clone(), scope),
            folder_name: config.quarantine_folder.clone(),
            quarantines: Remembered::default(),
            names: Remembered::default(),
            sent_folders: Remembered::default(),
            unhunted: Until::default(),
            calendar: true,
        })
    }

    /// Whether calendar entries go and return with their invitations (`pull.calendar`),
    /// so that the check knows which permissions that takes; they do unless told.
    #[must_use]
    pub const fn with_calendar(mut self, on: bool) -> Self {
        self.calendar = on;
        self
    }

    /// Shares its budgets with the other processes that use this app.
    #[must_use]
    pub fn sharing(self, budgets: Arc<dyn SharedBudgets>) -> Self {
        self.wire.pace.share(budgets);
        self
    }
}

fn client(config: &Graph, tokens: Tokens) -> GraphClient {
    let mut headers = HeaderMap::new();
    // Given per request it would be lost on later pages.
    headers.insert(
        HeaderName::from_static("prefer"),
        HeaderValue::from_static(call::PREFER),
    );
    let configuration = GraphClientConfiguration::new()
        .client_application(tokens)
        .default_headers(headers)
        .user_agent(HeaderValue::from_static(shared::USER_AGENT))
        .referer(false)
        .connect_timeout(shared::CONNECT_LIMIT)
        .timeout(shared::CALL_LIMIT);
    #[cfg(feature = "sim")]
    if crate::config::graph::is_loopback(&config.base_url) {
        let mut client = GraphClient::from(configuration.https_only(false));
        client.use_test_endpoint(&config.base_url);
        return client;
    }
    let mut client = GraphClient::from(configuration);
    // Panics on unknown hosts; `validate` has refused those.
    client.use_endpoint(&config.base_url);
    client
}

#[async_trait]
impl MailReader for GraphMail {
    fn provider(&self) -> Provider {
        Provider::Graph
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            searches_phrases: false,
            inserts: false,
            search_together: batch::BATCH,
            search_width: batch::BATCH,
            moves_at_once: 4 * batch::BATCH,
        }
    }

    fn calls(&self) -> Counts {
        self.wire.tally.snapshot()
    }

    async fn mailboxes(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError> {
        self.people(cursor).await
    }

    async fn expand(&self, address: &MailboxAddress) -> Result<Option<Audience>, MailboxError> {
        self.audience(address).await
    }

    async fn keepers(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        self.groups_that_keep().await
    }

    async fn find(&self, mailbox: &MailboxRef, hint: &ItemHint) -> Result<Vec<Seen>, MailboxError> {
        self.find_item(mailbox, hint).await
    }

    async fn search(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>> {
        self.search_all(mailboxes, query).await
    }

    async fn fetch_raw(&self, locator: &Locator) -> Result<Bytes, MailboxError> {
        let key = locator.mailbox.key();
        let path = Path::new(&["users", key, "messages", locator.message(), "$value"]);
        self.wire.octets(&Call::get(key, &path)).await
    }

    async fn inspect(&self, locators: &[Locator]) -> Vec<Result<Option<Seen>, MailboxError>> {
        self.inspect_all(locators).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Deliveries, MailboxError> {
        self.recorded(query).await
    }

    async fn forwarding(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        self.rules(mailboxes).await
    }

    async fn purposes(&self, mailboxes: &[MailboxRef]) -> Vec<Result<Purpose, MailboxError>> {
        self.purposes_of(mailboxes).await
    }

    async fn entries(&self, looks: &[EntryLook]) -> Vec<Result<Option<EntryFound>, MailboxError>> {
        self.entries_of(looks).await
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }
}

#[async_trait]
impl MailProvider for GraphMail {
    async fn quarantine_of(&self, mailboxes: &[MailboxRef]) -> Vec<Result<String, MailboxError>> {
        self.quarantines(mailboxes).await
    }

    async fn quarantine(&self, moves: &[QuarantineMove]) -> Vec<Result<Place, MailboxError>> {
        self.pull_all(moves).await
    }

    /// Moves first, for the answer shows the state; the state is then set where
    /// it differs. A message whose state could not be set is an error although
    /// it is back.
    async fn restore(&self, moves: &[RestoreMove]) -> Vec<Result<Restored, MailboxError>> {
        self.restore_all(moves).await
    }

    async fn remove_entries(&self, moves: &[EntryMove]) -> Vec<Result<(), MailboxError>> {
        self.take_off(moves).await
    }

    async fn return_entries(&self, moves: &[EntryMove]) -> Vec<Result<String, MailboxError>> {
        self.make_anew(moves).await
    }

    async fn insert(&self, _: &MailboxRef, _: &[u8]) -> Result<Locator, MailboxError> {
        Err(MailboxError::Rejected {
            status: 405,
            code: "insertNotSupported".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn connect(extra: &str) -> Result<GraphMail, FieldError> {
        let config: Graph = toml::from_str(&format!(
            "tenant_id = 'contoso.example'\nclient_id = 'a-b'\nclient_secret = 's'\n{extra}"
        ))
        .expect("section");
        GraphMail::new(&config, Arc::new(SystemClock))
    }

    #[test]
    fn connects_to_every_known_cloud_and_to_no_other() {
        for host in [
            "graph.microsoft.com",
            "graph.microsoft.us",
            "dod-graph.microsoft.us",
            "graph.microsoft.de",
            "microsoftgraph.chinacloudapi.cn",
        ] {
            let mail = connect(&format!("base_url = 'https://{host}/v1.0'"));
            assert!(mail.is_ok(), "{host}");
        }
        let refused = connect("base_url = 'https://graph.example/v1.0'").err();
        assert_eq!(refused.map(|error| error.field), Some("graph.base_url"));
    }

    #[test]
    fn a_credential_file_that_is_none_is_named() {
        let refused = connect("").err();
        assert_eq!(refused, None);
        let config: Graph = toml::from_str(
            "tenant_id = 'x'\nclient_id = 'y'\nclient_secret_file = '/nowhere/at/all'",
        )
        .expect("section");
        let refused = GraphMail::new(&config, Arc::new(SystemClock)).err();
        assert_eq!(
            refused.map(|error| error.field),
            Some("graph.client_secret_file")
        );
    }
}

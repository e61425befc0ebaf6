//! The simulated tenant: one truth of mailboxes with two wire faces.
//!
//! A real HTTP server on loopback that speaks Microsoft Graph with Entra and
//! Gmail with Google's Directory API and token endpoints, so that the real SDK
//! adapters run in every test and in the demo. Beside them an SMTP sink, faults
//! as data, counters, a record of all that crossed the wire, and a judge's view
//! of what really lies in the mailboxes. Deterministic from a seed.
//!
//! It sees only `domain`; nothing of the service itself may be used here, or
//! the judge would believe the judged.

mod calendar;
mod call;
mod counters;
mod courier;
mod deliveries;
mod distort;
mod entra;
mod faults;
mod filter;
mod fixtures;
mod forwarding;
mod gmail_query;
mod google;
mod graph;
mod item_id;
mod keys;
mod keywords;
mod kusto;
mod letter;
mod mailstore;
mod names;
mod notices;
mod org;
mod platform;
mod poke;
mod record;
mod route;
mod scenario;
mod seed;
mod server;
mod smtp;
mod spread;

mod tenant;
mod tokens;
mod truth;

#[cfg(test)]
mod tests;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::Provider;

pub use calendar::{CalendarEvent, Invitation};
pub use call::Face;
pub use counters::{Counters, Operation};
pub use distort::{BatchFault, PageFault};
pub use faults::{Action, Fault, Matcher, RetryAfter, Weather};
pub use forwarding::{ForwardingRule, Relay};
pub use letter::{Letter, Party, Words};
pub use mailstore::{Origin, Slot, Trips};
pub use notices::{Lifecycle, PushTarget, Release};
pub use org::{
    GMAIL_DOMAIN, GRAPH_DOMAIN, Group, GroupKind, Member, Organisation, Purpose, Shape, User,
    domain_of,
};
pub use platform::{Notifications, Platform, Reach};
pub use record::{Exchange, Record};
pub use scenario::{How, Lookalike, Reporter, Scenario, Snapshot};
pub use spread::Spread;
pub use tenant::{CallInfo, Hook, NowFn, Phase};
pub use tokens::REPORTER_SCOPE;
pub use truth::{Clicked, Exposure, InnocentState, PlantedState, Truth, Unreachable};

use record::Recorder;
use tenant::{Tenant, lock};

/// How to start a simulated tenant.
pub struct SimOptions {
    /// Where HTTP listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where SMTP listens; port 0 takes a free one.
    pub smtp_listen: SocketAddr,
    /// The people.
    pub organisation: Organisation,
    /// The time.
    pub now: NowFn,
    /// Faults from the start.
    pub faults: Vec<Fault>,
    /// Whether to keep a record of all requests and answers in memory.
    pub record: bool,
    /// A file that all requests and answers are added to, one JSON object a line.
    pub record_file: Option<PathBuf>,
    /// Whether the providers' own throttling limits hold.
    pub limits: bool,
    /// Public key (PEM) of the Entra client's certificate; without it client
    /// assertions are checked by their claims only.
    pub client_key_pem: Option<String>,
}

impl SimOptions {
    /// Loopback, free ports, no faults, no record, limits on.
    #[must_use]
    pub fn new(organisation: Organisation, now: NowFn) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: loopback,
            smtp_listen: loopback,
            organisation,
            now,
            faults: Vec::new(),
            record: false,
            record_file: None,
            limits: true,
            client_key_pem: None,
        }
    }
}

/// The two tokens with which a Gmail add-on may read one message.
#[derive(Debug, Clone, Serialize)]
pub struct AddonTokens {
    /// `authorizationEventObject.userOAuthToken`.
    pub user_oauth_token: String,
    /// `gmail.accessToken`.
    pub message_access_token: String,
}

/// A running simulated tenant. Stops when dropped.
pub struct Sim {
    tenant: Arc<Tenant>,
    server: server::Server,
    smtp: SocketAddr,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("base", &self.tenant.base())
            .field("smtp", &self.smtp)
            .finish_non_exhaustive()
    }
}

impl Sim {
    /// Starts listening; returns when connections are taken.
    ///
    /// # Errors
    /// When an address cannot be bound, the record's file cannot be opened, a key
    /// cannot be made or the server's thread does not come up.
    pub fn start(options: SimOptions) -> io::Result<Self> {
        let http = TcpListener::bind(options.listen)?;
        let mail = TcpListener::bind(options.smtp_listen)?;
        let smtp = mail.local_addr()?;
        let base = format!("http://{}", http.local_addr()?);
        let record = Recorder::new(options.record, options.record_file.as_deref())?;
        let tenant = Arc::new(Tenant::new(
            options.organisation,
            identity(options.client_key_pem),
            keys::keys()?,
            options.now,
            record,
            options.limits,
        ));
        tenant.set_base(base);
        for fault in options.faults {
            lock(&tenant.script).add(fault);
        }
        let server = server::Server::start(Arc::clone(&tenant), http, mail)?;
        Ok(Self {
            tenant,
            server,
            smtp,
        })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.tenant.base()
    }

    /// Where the SMTP sink listens.
    #[must_use]
    pub const fn smtp_addr(&self) -> SocketAddr {
        self.smtp
    }

    /// Entra tenant id.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant.identity.tenant_id
    }

    /// Client id of the service's Entra application.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.tenant.identity.client_id
    }

    /// Its secret.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.tenant.identity.client_secret
    }

    /// Audience of reporters' Entra tokens.
    #[must_use]
    pub fn reporter_audience(&self) -> &str {
        &self.tenant.identity.reporter_audience
    }

    /// The client (`azp`) that asks for them.
    #[must_use]
    pub fn addin_client_id(&self) -> &str {
        &self.tenant.identity.addin_client_id
    }

    /// Audience of reporters' Google id tokens.
    #[must_use]
    pub fn google_audience(&self) -> &str {
        &self.tenant.identity.google_audience
    }

    /// Service account under which Google's add-on platform calls.
    #[must_use]
    pub fn addon_account_email(&self) -> &str {
        &self.tenant.identity.addon_account_email
    }

    /// The service account's key file; its `token_uri` is this simulator.
    #[must_use]
    pub fn service_account_json(&self) -> String {
        service_account(&self.tenant).to_string()
    }

    /// Address of the Workspace administrator to impersonate for the directory;
    /// empty when nobody is on Gmail.
    #[must_use]
    pub fn admin_subject(&self) -> String {
        self.tenant
            .admin()
            .and_then(|at| self.tenant.user(at))
            .map(|user| user.address.clone())
            .unwrap_or_default()
    }

    /// The people.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.tenant.org
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.tenant.now()
    }

    /// Moves the simulated time on, beside what the given clock does.
    pub fn advance(&self, by: TimeDelta) {
        self.tenant.advance(by);
    }

    /// A delegated v2 access token of `user` for the reporting API. Members of
    /// `overrides` replace claims; `null` takes one out.
    #[must_use]
    pub fn entra_token(&self, user: &User, overrides: &Map<String, Value>) -> String {
        let tenant = &self.tenant;
        tokens::entra_token(tenant.keys, &tenant.identity, user, tenant.now(), overrides)
    }

    /// A Google id token of `user` for the add-on's OAuth client.
    #[must_use]
    pub fn google_id_token(&self, user: &User, overrides: &Map<String, Value>) -> String {
        let tenant = &self.tenant;
        tokens::google_id_token(tenant.keys, &tenant.identity, user, tenant.now(), overrides)
    }

    /// The id token with which the add-on platform calls `endpoint`.
    #[must_use]
    pub fn system_id_token(&self, endpoint: &str, overrides: &Map<String, Value>) -> String {
        let tenant = &self.tenant;
        tokens::system_id_token(
            tenant.keys,
            &tenant.identity,
            endpoint,
            tenant.now(),
            overrides,
        )
    }

    /// The tokens an add-on event carries for one message; `None` when `user`
    /// has no message with that Gmail id.
    #[must_use]
    pub fn addon_tokens(&self, user: &User, message_id: &str) -> Option<AddonTokens> {
        addon_tokens(&self.tenant, user.index, message_id)
    }

    /// Plants a scenario.
    pub fn plant(&self, scenario: &Scenario) {
        scenario::plant(&self.tenant, scenario);
    }

    /// Plants a campaign drawn from a seed, beside what is there already.
    pub fn spread(&self, spread: &Spread) {
        spread::plant(&self.tenant, spread);
    }

    /// Delivers, now, the copies that a [`Spread`] kept back; gives how many.
    pub fn deliver_late(&self) -> usize {
        spread::deliver_late(&self.tenant)
    }

    /// Those of the scenario who can report: one on Graph, one on Gmail.
    #[must_use]
    pub fn reporters(&self) -> Vec<Reporter> {
        scenario::reporters(&self.tenant)
    }

    /// Whoever holds a planted copy, as its reporter now; `None` when it is gone.
    #[must_use]
    pub fn reporter_of(&self, copy: &PlantedState) -> Option<Reporter> {
        scenario::reporter_of(&self.tenant, copy)
    }

    /// The octets of a planted copy, as they were sent; `None` when it is gone.
    #[must_use]
    pub fn raw_of(&self, copy: &PlantedState) -> Option<Vec<u8>> {
        scenario::raw_of(&self.tenant, copy)
    }

    /// Has the owner of a planted copy flag it, and file it under categories (on Gmail:
    /// labels), before the story begins: the judge expects it back so.
    pub fn mark(&self, copy: &PlantedState, flagged: bool, categories: &[&str]) {
        scenario::mark(&self.tenant, copy, flagged, categories);
    }

    /// Puts a message into somebody's mailbox now. A planted one is judged like
    /// the scenario's copies. `None` when the address is not known.
    pub fn deliver(&self, to: &str, raw: &[u8], slot: Slot, planted: bool) -> Option<String> {
        let user = self.tenant.org.by_address(to)?;
        let uid = poke::place(&self.tenant, user.index, raw, slot, planted)?;
        let version = self.tenant.mailbox(user.index)?.item(uid)?.version;
        Some(match user.provider {
            Provider::Graph => graph_item_id(user.index, uid, version),
            Provider::Gmail => item_id::gmail_id(user.index, uid),
        })
    }

    /// Takes a mailbox's licence away, or gives it back.
    pub fn set_licensed(&self, address: &str, licensed: bool) {
        if let Some(user) = self.tenant.org.by_address(address)
            && let Some(mut mailbox) = self.tenant.mailbox(user.index)
        {
            mailbox.reach = if licensed {
                Reach::Served
            } else {
                Reach::Unlicensed
            };
        }
    }

    /// Sets how a mailbox can be reached.
    pub fn set_reach(&self, address: &str, reach: Reach) {
        self.with_mailbox(address, |mailbox| mailbox.reach = reach);
    }

    /// Sets the rules by which a mailbox sends its mail on. They are shown to
    /// those who ask; what they did is planted with the mail.
    pub fn set_rules(&self, address: &str, rules: Vec<ForwardingRule>) {
        self.with_mailbox(address, |mailbox| mailbox.rules = rules);
    }

    /// A Gmail mailbox forgets its history up to now: older ids are answered
    /// with 404.
    pub fn forget_history(&self, address: &str) {
        self.with_mailbox(address, |mailbox| {
            mailbox.history_id += 1;
            mailbox.history_floor = mailbox.history_id;
        });
    }

    fn with_mailbox(&self, address: &str, change: impl FnOnce(&mut mailstore::Mailbox)) {
        if let Some(user) = self.tenant.org.by_address(address)
            && let Some(mut mailbox) = self.tenant.mailbox(user.index)
        {
            change(&mut mailbox);
        }
    }

    /// The events of somebody's calendar, those in its trash too.
    #[must_use]
    pub fn calendar_of(&self, address: &str) -> Vec<CalendarEvent> {
        let mut shown = Vec::new();
        if let Some(user) = self.tenant.org.by_address(address)
            && let Some(mailbox) = self.tenant.mailbox(user.index)
        {
            let events = mailbox.calendar.events.iter();
            shown.extend(events.map(|event| event.shown(user.index)));
        }
        shown
    }

    /// Puts an event onto somebody's calendar as if it had stood there since `created`;
    /// with `own` its owner organises it.
    pub fn put_event(&self, to: &str, event: &Invitation, own: bool, created: DateTime<Utc>) {
        self.with_mailbox(to, |mailbox| {
            mailbox.calendar.take_up(event, created);
            if let Some(last) = mailbox.calendar.events.last_mut() {
                last.own = own;
            }
        });
    }

    /// Changes settings of the whole tenant.
    pub fn configure(&self, change: impl FnOnce(&mut Platform)) {
        change(&mut self.tenant.platform());
    }

    /// Where Pub/Sub pushes what watched Gmail mailboxes publish; nowhere when
    /// absent.
    pub fn set_push(&self, target: Option<PushTarget>) {
        *lock(&self.tenant.push) = target;
    }

    /// The token with which Pub/Sub would push to a target. Members of
    /// `overrides` replace claims; `null` takes one out.
    #[must_use]
    pub fn push_token(&self, target: &PushTarget, overrides: &Map<String, Value>) -> String {
        tokens::push_token(self.tenant.keys, target, self.tenant.now(), overrides)
    }

    /// Ids of the live Graph subscriptions with the mailbox each is about.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<(String, String)> {
        let now = self.tenant.now();
        lock(&self.tenant.subscriptions)
            .iter()
            .filter(|one| one.expires > now)
            .filter_map(|one| {
                let user = self.tenant.user(one.mailbox)?;
                Some((one.id.clone(), user.address.clone()))
            })
            .collect()
    }

    /// Sends a lifecycle notification for every live subscription that has a
    /// URL for them; gives how many.
    pub fn lifecycle(&self, event: Lifecycle) -> usize {
        notices::lifecycle(&self.tenant, event)
    }

    /// Lets go what [`Notifications::Held`] kept; gives how many requests.
    pub fn release(&self, how: Release) -> usize {
        notices::release(&self.tenant, how)
    }

    /// Returns when every notification so far was answered or given up.
    pub async fn settle(&self) {
        self.tenant.courier.settle().await;
    }

    /// The status of every notification's answer, in order; 0 where none came.
    #[must_use]
    pub fn notified(&self) -> Vec<u16> {
        self.tenant.courier.statuses()
    }

    /// What lies in the mailboxes now.
    #[must_use]
    pub fn truth(&self) -> Truth {
        truth::truth(&self.tenant)
    }

    /// The raw bytes of every message that arrived over the wires in a mailbox,
    /// oldest first: the letters that were sent to its owner.
    #[must_use]
    pub fn letters_of(&self, address: &str) -> Vec<Vec<u8>> {
        let mailbox = self
            .tenant
            .org
            .by_address(address)
            .and_then(|user| self.tenant.mailbox(user.index));
        mailbox
            .map(|mailbox| {
                mailbox
                    .items
                    .iter()
                    .filter(|item| item.origin == Origin::Wire)
                    .map(|item| item.letter.raw.to_vec())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Calls received since the start or the last reset.
    #[must_use]
    pub fn counters(&self) -> Counters {
        lock(&self.tenant.counters).clone()
    }

    /// Sets all counters to zero.
    pub fn reset_counters(&self) {
        *lock(&self.tenant.counters) = Counters::default();
    }

    /// Adds a scripted fault.
    pub fn add_fault(&self, fault: Fault) {
        lock(&self.tenant.script).add(fault);
    }

    /// Has any call meet faults by chance, or none any more.
    pub fn set_weather(&self, weather: Option<Weather>) {
        lock(&self.tenant.script).set_weather(weather);
    }

    /// How many faults struck since the start, scripted or by chance.
    #[must_use]
    pub fn faults_struck(&self) -> u64 {
        lock(&self.tenant.script).struck()
    }

    /// Takes all faults away, scripted or by chance.
    pub fn clear_faults(&self) {
        lock(&self.tenant.script).clear();
    }

    /// Calls `hook` before and after the effect of every call.
    pub fn set_hook(&self, hook: Option<Hook>) {
        *lock(&self.tenant.hook) = hook;
    }

    /// The record, if one is kept; grows while the simulator runs.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        self.tenant.record.memory.clone()
    }

    /// Stops listening and waits for the server's thread to end.
    pub fn stop(mut self) {
        self.server.stop();
    }
}

impl Tenant {
    /// The administrator of the Workspace: its first user.
    fn admin(&self) -> Option<u32> {
        self.org
            .users
            .iter()
            .find(|user| user.provider == Provider::Gmail)
            .map(|user| user.index)
    }
}

fn identity(client_key_pem: Option<String>) -> tokens::Identity {
    tokens::Identity {
        tenant_id: "11111111-aaaa-4aaa-8aaa-111111111111".into(),
        client_id: "22222222-bbbb-4bbb-8bbb-222222222222".into(),
        client_secret: "simulated-client-secret".into(),
        client_key_pem,
        reporter_audience: "33333333-cccc-4ccc-8ccc-333333333333".into(),
        addin_client_id: "44444444-dddd-4ddd-8ddd-444444444444".into(),
        service_account_email: "unhook@sim-project.iam.gserviceaccount.com".into(),
        service_account_id: "100000000000000000042".into(),
        google_audience: "1234567890-sim.apps.googleusercontent.com".into(),
        addon_account_email: "service-1234567890@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
            .into(),
    }
}

fn service_account(tenant: &Tenant) -> Value {
    json!({
        "type": "service_account",
        "project_id": "sim-project",
        "private_key_id": tenant.keys.service_account.kid,
        "private_key": tenant.keys.service_account.pem,
        "client_email": tenant.identity.service_account_email,
        "client_id": tenant.identity.service_account_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": format!("{}/token", tenant.base()),
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/sim",
        "universe_domain": "googleapis.com",
    })
}

fn addon_tokens(tenant: &Tenant, user: u32, message_id: &str) -> Option<AddonTokens> {
    let uid = tenant
        .mailbox(user)?
        .items
        .iter()
        .find(|item| item_id::gmail_id(user, item.uid) == message_id)
        .map(|item| item.uid)?;
    let mut live = tenant.tokens();
    Some(AddonTokens {
        user_oauth_token: live.issue(tokens::Grant::Google {
            user,
            scopes: vec![
                "https://www.googleapis.com/auth/gmail.addons.execute".into(),
                "https://www.googleapis.com/auth/gmail.addons.current.message.readonly".into(),
            ],
            issued: std::time::Instant::now(),
        }),
        message_access_token: live.issue_for_message(user, uid),
    })
}

fn graph_item_id(mailbox: u32, uid: u32, version: u32) -> String {
    item_id::GraphId::Item {
        mailbox,
        uid,
        version,
    }
    .encode()
}

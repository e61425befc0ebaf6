//! A simulated tenant with one of its faces connected.

use std::sync::Arc;

use serde_json::Value;
use unhook::{
    clock::{Clock as _, SystemClock},
    domain::{Locator, MailboxRef, MessageQuery, Provider},
    mailbox::{
        MailProvider, MailboxError, QuarantineMove, RestoreMove, Seen, gmail::GmailMail,
        graph::GraphMail,
    },
    sim::{
        Action, Fault, Matcher, Operation, Organisation, Shape, Sim, SimOptions, Slot, Snapshot,
        User,
    },
};

/// Both faces, in the order in which the contract runs over them.
pub const BOTH: [Provider; 2] = [Provider::Graph, Provider::Gmail];

pub struct World {
    pub sim: Sim,
    pub mail: Box<dyn MailProvider>,
    pub provider: Provider,
}

impl World {
    pub async fn new(provider: Provider) -> Self {
        Self::of(provider, 60).await
    }

    pub async fn of(provider: Provider, people: usize) -> Self {
        Self::holding(provider, Organisation::generate(people, 7)).await
    }

    /// An organisation of another shape.
    pub async fn shaped(provider: Provider, shape: &Shape) -> Self {
        Self::holding(provider, Organisation::shaped(shape)).await
    }

    async fn holding(provider: Provider, organisation: Organisation) -> Self {
        let mut options = SimOptions::new(organisation, Arc::new(|| SystemClock.now()));
        options.record = true;
        let sim = crate::support::recorded::start(options);
        let mail = connect(&sim, provider).await;
        Self {
            sim,
            mail,
            provider,
        }
    }

    /// A second connection to the same tenant.
    pub async fn again(&self) -> Box<dyn MailProvider> {
        connect(&self.sim, self.provider).await
    }

    /// A connection whose secret, or administrator, is not the right one.
    pub async fn with_wrong_credential(&self) -> Box<dyn MailProvider> {
        let nobody = "nobody@northwind-labs.example";
        connect_as(&self.sim, self.provider, "wrong", nobody).await
    }

    /// People of this face, in directory order.
    pub fn people(&self) -> Vec<User> {
        let users = &self.sim.organisation().users;
        users
            .iter()
            .filter(|user| user.provider == self.provider)
            .cloned()
            .collect()
    }

    pub fn mailbox(&self, user: &User) -> MailboxRef {
        let key = match self.provider {
            Provider::Graph => user.id.clone(),
            Provider::Gmail => user.address.clone(),
        };
        let address = user.address.parse().expect("address");
        MailboxRef::new(self.provider, key, address).expect("mailbox")
    }

    /// Delivers a message with this Message-ID; gives the id a client would see.
    pub fn deliver(&self, user: &User, id: &str, slot: Slot) -> String {
        let raw = letter(id);
        self.sim
            .deliver(&user.address, raw.as_bytes(), slot, true)
            .expect("delivered")
    }

    /// What lies in somebody's mailbox, as its owner would describe it.
    pub fn snapshots(&self, user: &User) -> Vec<Option<Snapshot>> {
        let truth = self.sim.truth();
        truth
            .planted
            .into_iter()
            .filter(|copy| copy.mailbox == user.address)
            .map(|copy| copy.now)
            .collect()
    }

    /// Whether its owner can come upon any copy in the mailbox.
    pub fn reachable(&self, user: &User) -> bool {
        let truth = self.sim.truth();
        truth
            .planted
            .iter()
            .any(|copy| copy.mailbox == user.address && copy.reachable)
    }

    pub async fn search(&self, user: &User, id: &str) -> Result<Vec<Seen>, MailboxError> {
        let found = self.mail.search(&[self.mailbox(user)], &by_id(id)).await;
        found
            .into_iter()
            .next()
            .expect("answer")
            .map(|found| found.seen)
    }

    pub async fn found(&self, user: &User, id: &str) -> Vec<Seen> {
        self.search(user, id).await.expect("found")
    }

    /// Looks at a copy: what a pull rests on.
    pub async fn look(&self, locator: &Locator) -> Option<Seen> {
        let seen = self.mail.inspect(std::slice::from_ref(locator)).await;
        seen.into_iter().next().expect("answer").expect("look")
    }

    /// The one copy of a message in a mailbox, ready to be pulled.
    pub async fn pull_of(&self, user: &User, id: &str) -> QuarantineMove {
        let found = self.found(user, id).await;
        let locator = found.first().expect("a copy").locator.clone();
        let seen = self.look(&locator).await.expect("there");
        let quarantine = self.mail.quarantine_of(&[self.mailbox(user)]).await;
        QuarantineMove {
            locator,
            from: seen.place,
            quarantine: quarantine[0].clone().expect("quarantine"),
        }
    }

    /// The kind of call that moves a message.
    pub const fn moving(&self) -> Operation {
        match self.provider {
            Provider::Graph => Operation::MessageMove,
            Provider::Gmail => Operation::GmailModify,
        }
    }

    /// Scripts what happens to the next move in somebody's mailbox.
    pub fn fail_move(&self, user: &User, action: Action) {
        let when = Matcher {
            operation: Some(self.moving()),
            mailbox: Some(user.address.clone()),
            ..Matcher::default()
        };
        self.sim.add_fault(Fault::once(when, action));
    }

    /// Does what the mailbox's owner would do with their own client.
    pub async fn owner(&self, user: &User, method: &str, path: &str, body: Value) -> Value {
        let token = self.owner_token(user).await;
        let url = match self.provider {
            Provider::Graph => format!("{}/v1.0/users/{}/{path}", self.sim.base_url(), user.id),
            Provider::Gmail => format!(
                "{}/gmail/v1/users/{}/{path}",
                self.sim.base_url(),
                user.address
            ),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("method");
        let request = client().request(method, url).bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let response = request.send().await.expect("answer");
        assert!(response.status().is_success(), "{}", response.status());
        let text = response.text().await.expect("body");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn owner_token(&self, user: &User) -> String {
        let (url, form) = match self.provider {
            Provider::Graph => (
                format!(
                    "{}/{}/oauth2/v2.0/token",
                    self.sim.base_url(),
                    self.sim.tenant_id()
                ),
                format!(
                    "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://graph.microsoft.com/.default",
                    self.sim.client_id(),
                    self.sim.client_secret()
                ),
            ),
            Provider::Gmail => {
                let url = format!("{}/token", self.sim.base_url());
                let assertion = assertion(&self.sim, &user.address, &url);
                let form = format!(
                    "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={assertion}"
                );
                (url, form)
            }
        };
        let kind = "application/x-www-form-urlencoded";
        let request = client().post(url).header("content-type", kind).body(form);
        let answer = request.send().await.expect("answer");
        let answer: Value = answer.json().await.expect("token");
        answer["access_token"].as_str().expect("token").to_owned()
    }
}

async fn connect(sim: &Sim, provider: Provider) -> Box<dyn MailProvider> {
    connect_as(sim, provider, sim.client_secret(), &sim.admin_subject()).await
}

async fn connect_as(
    sim: &Sim,
    provider: Provider,
    secret: &str,
    admin: &str,
) -> Box<dyn MailProvider> {
    let base = sim.base_url();
    let clock = Arc::new(SystemClock);
    match provider {
        Provider::Graph => {
            let section = format!(
                "tenant_id = '{}'\nclient_id = '{}'\nclient_secret = '{secret}'\n\
                 base_url = '{base}/v1.0'\nauthority_url = '{base}'",
                sim.tenant_id(),
                sim.client_id(),
            );
            let config = toml::from_str(&section).expect("section");
            Box::new(GraphMail::new(&config, clock).expect("connection"))
        }
        Provider::Gmail => {
            let section = format!(
                "service_account = '''{}'''\nadmin_subject = '{admin}'\nbase_url = '{base}'",
                sim.service_account_json(),
            );
            let config = toml::from_str(&section).expect("section");
            Box::new(GmailMail::new(&config, clock).await.expect("connection"))
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().build().expect("client")
}

fn assertion(sim: &Sim, subject: &str, audience: &str) -> String {
    let key: Value = serde_json::from_str(&sim.service_account_json()).expect("key");
    let pem = key["private_key"].as_str().expect("pem");
    let now = SystemClock.now().timestamp();
    let claims = serde_json::json!({
        "iss": key["client_email"], "sub": subject, "aud": audience,
        "scope": "https://www.googleapis.com/auth/gmail.modify",
        "iat": now, "exp": now + 3600,
    });
    jsonwebtoken::encode(
        &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256),
        &claims,
        &jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).expect("key"),
    )
    .expect("assertion")
}

pub fn letter(id: &str) -> String {
    format!(
        "From: IT Desk <it@evil.example>\r\nTo: staff@northwind.example\r\n\
         Subject: Action required\r\nMessage-ID: <{id}>\r\n\
         Date: Thu, 01 Jan 2026 10:00:00 +0000\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         Visit https://login.evil.example/now today.\r\n"
    )
}

pub fn by_id(id: &str) -> MessageQuery {
    MessageQuery::by_ids([id], "2026-01-01T00:00:00Z".parse().expect("time"))
}

pub fn back(pull: &QuarantineMove) -> RestoreMove {
    RestoreMove {
        locator: pull.locator.clone(),
        to: pull.from.clone(),
        quarantine: pull.quarantine.clone(),
    }
}

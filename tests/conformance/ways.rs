//! The calls by which a search learns who got a message, where mail goes on by
//! itself, and what changes: asked of the simulator directly.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use unhook::{
    clock::{Clock as _, SystemClock},
    domain::Provider,
    sim::{ForwardingRule, Organisation, Relay, Shape, Sim, SimOptions, Spread, User},
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

use super::{Descriptions, Tally};

#[tokio::test]
async fn every_way_of_finding_mail_is_as_described() {
    let Some(descriptions) = Descriptions::open() else {
        return;
    };
    let organisation = Organisation::shaped(&Shape {
        mailboxes: 200,
        shared: 2,
        rooms: 1,
        groups: true,
        ..Shape::default()
    });
    let mut options = SimOptions::new(organisation, Arc::new(|| SystemClock.now()));
    options.record = true;
    let sim = Sim::start(options).expect("the simulated tenant starts");
    sim.spread(&Spread::default());
    sim.configure(|platform| {
        platform.hunting = true;
        platform.withheld.clear();
    });
    graph(&sim).await;
    google(&sim).await;
    let record = sim.record().expect("a record");
    let mut tally = Tally::default();
    tally.add(&descriptions, &record.lock().expect("record").clone());
    tally.print();
    tally.assert_clean();
}

fn person(sim: &Sim, provider: Provider) -> User {
    let mut users = sim.organisation().users.iter();
    users
        .find(|user| user.provider == provider)
        .cloned()
        .expect("somebody")
}

struct Caller {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Caller {
    async fn new(sim: &Sim, path: &str, form: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.expect("a client");
        let base = sim.base_url().to_owned();
        let answer = client
            .post(format!("{base}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .expect("a token");
        let answer: Value = answer.json().await.expect("JSON");
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        Self {
            client,
            base,
            token,
        }
    }

    async fn ask(&self, method: Method, target: &str, body: Option<Value>, status: u16) -> Value {
        let mut request = self
            .client
            .request(method, format!("{}{target}", self.base))
            .bearer_auth(&self.token);
        if target.contains("$count=true") {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{target}");
        answer.json().await.unwrap_or_default()
    }

    async fn get(&self, target: &str) -> Value {
        self.ask(Method::GET, target, None, 200).await
    }
}

async fn graph(sim: &Sim) {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        sim.client_id(),
        sim.client_secret()
    );
    let path = format!("/{}/oauth2/v2.0/token", sim.tenant_id());
    let caller = Caller::new(sim, &path, form).await;
    let user = person(sim, Provider::Graph);
    sim.set_rules(
        &user.address,
        [Relay::Redirect, Relay::Forward, Relay::Attachment]
            .map(|relay| ForwardingRule {
                relay,
                to: vec!["a@home.example".to_owned()],
                enabled: true,
            })
            .to_vec(),
    );
    let id = &user.id;
    let traced = caller
        .get("/v1.0/admin/exchange/tracing/messageTraces?$top=3")
        .await;
    assert_eq!(traced["value"].as_array().map(Vec::len), Some(3));
    let next = traced["@odata.nextLink"].as_str().expect("a second page");
    caller.get(next.trim_start_matches(sim.base_url())).await;
    for table in ["EmailEvents | take 5", "UrlClickEvents"] {
        let body = json!({"Query": table, "Timespan": "P7D"});
        let target = "/v1.0/security/runHuntingQuery";
        caller.ask(Method::POST, target, Some(body), 200).await;
    }
    let select = "$select=id,mail,groupTypes,visibility";
    let groups = caller.get(&format!("/v1.0/groups?{select}&$top=999")).await;
    for group in groups["value"].as_array().expect("groups") {
        let group = group["id"].as_str().expect("an id");
        let cast = "transitiveMembers/graph.user?$count=true&$select=id,mail";
        caller.get(&format!("/v1.0/groups/{group}/{cast}")).await;
    }
    let group = groups["value"][0]["id"].as_str().expect("an id");
    let threads = format!("/v1.0/groups/{group}/threads");
    caller.ask(Method::GET, &threads, None, 403).await;
    caller
        .get(&format!(
            "/v1.0/users/{id}/mailboxSettings?$select=userPurpose"
        ))
        .await;
    caller
        .get(&format!("/v1.0/users/{id}/mailFolders/inbox/messageRules"))
        .await;
    let expand = "$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x1081')";
    for copy in sim.truth().planted {
        let holder = sim.organisation().by_address(&copy.mailbox);
        let holder = holder.expect("somebody").id.clone();
        if copy.provider == Provider::Graph && copy.obstacle.is_none() {
            let item = format!("/v1.0/users/{holder}/messages/{}", copy.item_id);
            caller
                .get(&format!("{item}?$select=internetMessageHeaders&{expand}"))
                .await;
        }
    }
    let search = "$search=%22subject:storage%20OR%20body:fee%22&$select=subject";
    caller
        .get(&format!("/v1.0/users/{id}/messages?{search}"))
        .await;
    subscriptions(sim, &caller, id).await;
}

async fn subscriptions(sim: &Sim, caller: &Caller, user: &str) {
    let endpoint = MockServer::start().await;
    let handshake = |request: &Request| {
        let token = request
            .url
            .query_pairs()
            .find(|(name, _)| name == "validationToken")
            .map(|(_, token)| token.into_owned());
        ResponseTemplate::new(200).set_body_string(token.unwrap_or_default())
    };
    Mock::given(method("POST"))
        .respond_with(handshake)
        .mount(&endpoint)
        .await;
    let until = |days: i64| (sim.now() + chrono::TimeDelta::days(days)).to_rfc3339();
    let wish = json!({
        "changeType": "created",
        "notificationUrl": format!("{}/hook", endpoint.uri()),
        "lifecycleNotificationUrl": format!("{}/life", endpoint.uri()),
        "resource": format!("/users/{user}/messages"),
        "expirationDateTime": until(2),
        "clientState": "state",
    });
    let all = "/v1.0/subscriptions";
    let made = caller.ask(Method::POST, all, Some(wish), 201).await;
    let one = format!("{all}/{}", made["id"].as_str().expect("an id"));
    caller.get(all).await;
    caller.get(&one).await;
    let longer = json!({"expirationDateTime": until(6)});
    caller.ask(Method::PATCH, &one, Some(longer), 200).await;
    let again = format!("{one}/reauthorize");
    caller.ask(Method::POST, &again, None, 204).await;
    caller.ask(Method::DELETE, &one, None, 204).await;
    caller.ask(Method::GET, &one, None, 404).await;
}

async fn google(sim: &Sim) {
    let account: Value = serde_json::from_str(&sim.service_account_json()).expect("JSON");
    let pem = account["private_key"].as_str().expect("a key");
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key");
    let user = person(sim, Provider::Gmail);
    let claims = json!({
        "iss": account["client_email"],
        "aud": account["token_uri"],
        "sub": user.address,
        "scope": "https://www.googleapis.com/auth/gmail.modify",
        "iat": 1000,
        "exp": 4600,
    });
    let header = Header::new(Algorithm::RS256);
    let assertion = jsonwebtoken::encode(&header, &claims, &key).expect("signed");
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    );
    let caller = Caller::new(sim, "/token", form).await;
    let me = "/gmail/v1/users/me";
    for rules in [Vec::new(), vec![Relay::Redirect, Relay::Forward]] {
        let rules = rules
            .into_iter()
            .map(|relay| ForwardingRule {
                relay,
                to: vec!["b@home.example".to_owned()],
                enabled: true,
            })
            .collect();
        sim.set_rules(&user.address, rules);
        for what in ["autoForwarding", "filters", "forwardingAddresses"] {
            caller.get(&format!("{me}/settings/{what}")).await;
        }
    }
    let wish = json!({"topicName": "projects/p/topics/t", "labelIds": ["INBOX"]});
    let watch = format!("{me}/watch");
    let watched = caller.ask(Method::POST, &watch, Some(wish), 200).await;
    let start = watched["historyId"].as_str().expect("an id");
    sim.deliver(
        &user.address,
        b"Subject: x\r\n\r\ny",
        unhook::sim::Slot::Inbox,
        false,
    );
    caller
        .get(&format!("{me}/history?startHistoryId={start}"))
        .await;
    caller
        .ask(Method::POST, &format!("{me}/stop"), None, 204)
        .await;
}

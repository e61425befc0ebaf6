//! What comes after the search: late copies, notifications true, repeated, lost and
//! forged, and the end of the watch.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{App as Web, HttpServer, dev::ServerHandle};
use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use unhook::{
    app::App,
    auth::{ReporterVerifier, api_key},
    cli::start,
    clock::{Clock as _, ManualClock, SharedClock},
    config::{Config, reporters::PubSub},
    demo,
    domain::{ApiKeyId, Provider, ReportId, Verdict},
    http::{State, routes},
    intake::Desk,
    jobs::{Wake, Workers},
    sim::{
        Lifecycle, Notifications, Operation, Organisation, PushTarget, Release, Scenario, Sim,
        SimOptions, Slot,
    },
    store::{
        PageRequest, api_key::ApiKeyRow, campaign::Campaign, remediation::RemediationState,
        watch::Watch,
    },
    triage::overturn,
};

use super::INNOCENT;
use crate::conformance::{Descriptions, Tally};
use crate::support::{
    database::{Backend, postgres_database},
    recorded,
    stage::click,
};

const ACCOUNT: &str = "push@sim-project.iam.gserviceaccount.com";

/// The whole service behind a real socket over a simulated organisation, with one
/// clock for both, in which a message was planted.
struct Lookout {
    sim: Sim,
    app: App,
    clock: ManualClock,
    workers: Workers,
    desk: Desk,
    client: reqwest::Client,
    base: String,
    server: ServerHandle,
    commits: Arc<AtomicU64>,
    folder: tempfile::TempDir,
}

impl Drop for Lookout {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

/// Has both platforms tell of changes.
fn told(config: &mut Config, base: &str) {
    told_by_gmail(config, base);
    config.watch.graph_notification_url = Some(base.parse().expect("a URL"));
}

fn told_by_gmail(config: &mut Config, base: &str) {
    config.watch.gmail_topic = Some("projects/sim-project/topics/unhook".to_owned());
    config.reporters.hooks.pubsub = Some(PubSub {
        audience: format!("{base}/hooks/gmail"),
        email: ACCOUNT.to_owned(),
    });
}

impl Lookout {
    async fn new(change: impl FnOnce(&mut Config, &str)) -> Self {
        Self::on(Backend::Sqlite, change).await.expect("SQLite")
    }

    async fn on(backend: Backend, change: impl FnOnce(&mut Config, &str)) -> Option<Self> {
        let clock = ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).expect("time"));
        let shared: SharedClock = Arc::new(clock.clone());
        let now = clock.clone();
        let organisation = Organisation::generate(24, 7);
        let mut options = SimOptions::new(organisation, Arc::new(move || now.now()));
        options.record = true;
        let sim = recorded::start(options);
        sim.plant(&Scenario {
            message: Some(INNOCENT.as_bytes().to_vec()),
            mailboxes: Some(8),
            ..Scenario::default()
        });
        let folder = tempfile::tempdir().expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let base = format!("http://{address}");
        let text = demo::settings(&sim, address, folder.path()).expect("settings");
        let mut config = Config::parse(&text).expect("valid");
        config.files.program = Some(env!("CARGO_BIN_EXE_unhook").into());
        if backend == Backend::Postgres {
            config.database.url = postgres_database().await?.into();
        }
        change(&mut config, &base);
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let observer: unhook::store::CommitObserver = Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let app = start::build_app(config, SharedClock::clone(&shared), Some(observer))
            .await
            .expect("built");
        start::resume(&app).await.expect("resumed");
        let verifier = ReporterVerifier::new(&app.config.reporters, SharedClock::clone(&shared));
        let verifier = Arc::new(verifier.expect("verifier"));
        let wake = Wake::default();
        let desk = Desk::open(app.store.clone(), app.tenant, shared, wake.clone());
        let workers = start::workers(&app, wake.clone());
        let state = State::new(app.clone(), desk.clone(), verifier, wake);
        let server = HttpServer::new(move || {
            let state = state.clone();
            Web::new().configure(move |config| routes(config, state))
        })
        .workers(1)
        .listen(listener)
        .expect("listens")
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let target = PushTarget {
            endpoint: format!("{base}/hooks/gmail"),
            audience: format!("{base}/hooks/gmail"),
            account: ACCOUNT.to_owned(),
        };
        sim.set_push(Some(target));
        let client = reqwest::Client::builder().no_proxy().build();
        Some(Self {
            sim,
            app,
            clock,
            workers,
            desk,
            client: client.expect("client"),
            base,
            server: handle,
            commits,
            folder,
        })
    }

    /// Runs what falls due within `horizon`; the clock jumps to it.
    async fn drain(&self, horizon: TimeDelta) {
        let end = self.clock.now() + horizon;
        loop {
            self.workers.drain().await;
            let due = self.app.store.next_job_due().await.expect("due");
            match due {
                Some(due) if due < end => {
                    let wait = (due - self.clock.now()).max(TimeDelta::milliseconds(1));
                    self.clock.advance(wait);
                    // what runs on real time gets a little of it
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                _ => break,
            }
        }
        let left = end - self.clock.now();
        self.clock.advance(left.max(TimeDelta::zero()));
    }

    /// Both reporters click, an analyst decides, every copy is pulled.
    async fn pulled() -> Self {
        let this = Self::new(|_, _| {}).await;
        this.pull().await;
        this
    }

    async fn pull(&self) -> Vec<ReportId> {
        let mut reports = Vec::new();
        for reporter in self.sim.reporters() {
            let click = click(&reporter, self.sim.tenant_id());
            reports.push(self.desk.accept(click).await.expect("accepted").id);
        }
        self.drain(TimeDelta::minutes(1)).await;
        self.decide(Verdict::Malicious).await;
        self.drain(TimeDelta::minutes(5)).await;
        assert!(self.sim.truth().all_pulled(), "{:#?}", self.sim.truth());
        assert_eq!(self.state().await, RemediationState::Closed);
        reports
    }

    async fn campaign(&self) -> Campaign {
        let rows = self.app.store.read(self.app.tenant);
        let page = PageRequest::first(10);
        let mut found = rows.campaigns(None, &page).await.expect("read").items;
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    async fn decide(&self, verdict: Verdict) {
        let seed = self.campaign().await.seed;
        overturn::set_verdict(&self.app, seed, verdict, "key_test", "a test")
            .await
            .expect("decided");
    }

    async fn state(&self) -> RemediationState {
        let campaign = self.campaign().await.id;
        let rows = self.app.store.read(self.app.tenant);
        let found = rows.remediation_of(campaign).await.expect("read");
        found.expect("there").state
    }

    async fn watch(&self) -> Watch {
        let campaign = self.campaign().await.id;
        let rows = self.app.store.read(self.app.tenant);
        let remediation = rows.remediation_of(campaign).await.expect("read");
        let id = remediation.expect("there").id;
        rows.watch(id).await.expect("read").expect("watched")
    }

    async fn told_of(&self, kind: &str) -> Vec<Value> {
        let campaign = self.campaign().await.id;
        let rows = self.app.store.read(self.app.tenant);
        let events = rows.timeline(None, Some(campaign)).await.expect("read");
        let events = events.into_iter().filter(|event| event.kind == kind);
        events.map(|event| event.detail).collect()
    }

    /// Somebody of a platform who reported nothing, with or without a copy.
    fn somebody(&self, provider: Provider, with_copy: bool) -> String {
        let reporters: Vec<String> = self
            .sim
            .reporters()
            .into_iter()
            .map(|r| r.address)
            .collect();
        let holders: BTreeSet<String> = {
            let truth = self.sim.truth();
            truth.planted.iter().map(|c| c.mailbox.clone()).collect()
        };
        let people = &self.sim.organisation().users;
        let mut fitting = people.iter().filter(|user| {
            user.provider == provider
                && holders.contains(&user.address) == with_copy
                && !reporters.contains(&user.address)
        });
        fitting.next().expect("somebody").address.clone()
    }

    /// The message comes once more.
    fn comes_late(&self, to: &str) {
        self.sim
            .deliver(to, INNOCENT.as_bytes(), Slot::Inbox, true)
            .expect("delivered");
    }

    /// Waits until the platforms' notifications are answered.
    async fn notified(&self) {
        self.sim.settle().await;
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> u16 {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("an answer").status().as_u16()
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let text = answer.text().await.expect("text");
        serde_json::from_str(&text).expect("JSON")
    }

    /// How many copies a reporter is told were pulled.
    async fn count_told(&self, report: ReportId) -> u64 {
        let reporter = self.sim.reporters().remove(0);
        let user = self.sim.organisation().by_address(&reporter.address);
        let user = user.expect("user");
        let token = match reporter.provider {
            Provider::Graph => self.sim.entra_token(user, &Map::new()),
            Provider::Gmail => self.sim.google_id_token(user, &Map::new()),
        };
        let report = self.get(&format!("/api/v1/reports/{report}"), &token).await;
        report["copies_pulled"].as_u64().expect("a count")
    }

    async fn key(&self) -> String {
        let now = self.clock.now();
        let made = api_key::generate(&mut rand::rng());
        let row = ApiKeyRow {
            id: ApiKeyId::new(now),
            tenant: self.app.tenant,
            name: "test".to_owned(),
            hash: hex::encode(made.hash.as_bytes()),
            scopes: "admin".to_owned(),
            created_at: now,
            expires_at: now + TimeDelta::days(60),
            revoked_at: None,
        };
        let tx = self.app.store.begin().await.expect("tx");
        let kept = tx.of(self.app.tenant).insert_api_key(&row, "test").await;
        kept.expect("kept");
        tx.commit().await.expect("commit");
        made.secret.expose_secret().to_owned()
    }

    fn letters(&self) -> usize {
        let reporters = self.sim.reporters();
        let letters = reporters.iter().map(|r| self.sim.letters_of(&r.address));
        letters.map(|letters| letters.len()).sum()
    }
}

async fn a_late_copy_is_pulled(backend: Backend) {
    let Some(house) = Lookout::on(backend, |_, _| {}).await else {
        return;
    };
    let reports = house.pull().await;
    let (told, letters) = (house.count_told(reports[0]).await, house.letters());
    for provider in [Provider::Graph, Provider::Gmail] {
        house.comes_late(&house.somebody(provider, true));
    }
    assert_eq!(house.sim.truth().reachable(), 2);
    house.drain(TimeDelta::minutes(15)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    assert_eq!(
        house.state().await,
        RemediationState::Closed,
        "and closed again"
    );
    assert_eq!(house.count_told(reports[0]).await, told + 2);
    assert_eq!(house.letters(), letters, "nobody is mailed twice");
    let resurfaced = house.told_of("resurfaced").await;
    assert_eq!(resurfaced, [json!({"copies": 2, "mailboxes": 2})]);
    let path = format!("/api/v1/campaigns/{}", house.campaign().await.id);
    let shown = house.get(&path, &house.key().await).await;
    let watch = &shown["remediation"]["watch"];
    assert_eq!(watch["resurfaced"], 2, "{shown}");
    assert!(watch["next_round"].is_string() && watch["until"].is_string());
    let parked = house.app.store.read(house.app.tenant).parked_jobs().await;
    assert!(parked.expect("read").is_empty());
}

#[actix_web::test]
async fn f43_a_late_copy_is_pulled_and_the_count_rises_on_sqlite() {
    a_late_copy_is_pulled(Backend::Sqlite).await;
}

#[actix_web::test]
async fn f43_a_late_copy_is_pulled_and_the_count_rises_on_postgres() {
    a_late_copy_is_pulled(Backend::Postgres).await;
}

#[actix_web::test]
async fn the_last_round_finds_what_nobody_expected_and_after_it_nothing_is_touched() {
    let house = Lookout::pulled().await;
    for provider in [Provider::Graph, Provider::Gmail] {
        house.comes_late(&house.somebody(provider, false));
    }
    house.drain(TimeDelta::hours(13)).await;
    assert_eq!(
        house.sim.truth().reachable(),
        2,
        "not among the likely ones"
    );
    house.drain(TimeDelta::hours(36)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    let watch = house.watch().await;
    assert_eq!((watch.next_round, watch.resurfaced), (None, 2));
    let ended = house.told_of("watch_ended").await;
    assert_eq!(ended, [json!({"resurfaced": 2, "unreachable": 0})]);

    for provider in [Provider::Graph, Provider::Gmail] {
        house.comes_late(&house.somebody(provider, true));
    }
    house.drain(TimeDelta::hours(72)).await;
    assert_eq!(house.sim.truth().reachable(), 2, "the watch is over");
}

#[actix_web::test]
async fn a_verdict_taken_back_ends_the_watch_at_once() {
    let house = Lookout::new(told).await;
    house.pull().await;
    house.drain(TimeDelta::seconds(30)).await;
    assert!(!house.sim.subscriptions().is_empty());
    house.decide(Verdict::Benign).await;
    house.drain(TimeDelta::seconds(30)).await;
    assert_eq!(house.watch().await.next_round, None);
    assert_eq!(house.sim.subscriptions(), [], "nobody needs them");
    for provider in [Provider::Graph, Provider::Gmail] {
        house.comes_late(&house.somebody(provider, true));
    }
    house.notified().await;
    house.drain(TimeDelta::hours(49)).await;
    assert!(house.sim.truth().all_in_place(), "{:#?}", house.sim.truth());
    assert_eq!(house.told_of("resurfaced").await, Vec::<Value>::new());
}

#[actix_web::test]
async fn f43_a_copy_that_a_search_finds_only_later_is_pulled_by_a_later_round() {
    let house = Lookout::new(told).await;
    house.pull().await;
    house.sim.configure(|platform| platform.search_delay = 900);
    for provider in [Provider::Graph, Provider::Gmail] {
        house.comes_late(&house.somebody(provider, true));
    }
    house.notified().await;
    house.drain(TimeDelta::minutes(12)).await;
    assert_eq!(house.sim.truth().reachable(), 2, "no search shows them yet");
    house.drain(TimeDelta::minutes(25)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
}

#[actix_web::test]
async fn f49_f54_one_notification_or_a_thousand_are_one_look() {
    let house = Lookout::new(told).await;
    house.pull().await;
    house.drain(TimeDelta::seconds(30)).await;
    let gmail = house.somebody(Provider::Gmail, true);
    house
        .sim
        .configure(|platform| platform.notifications = Notifications::Held);
    house.comes_late(&house.somebody(Provider::Graph, true));
    house.comes_late(&gmail);
    let sent = house.sim.release(Release {
        times: 500,
        ..Release::default()
    });
    assert_eq!(sent, 1_000);
    house.notified().await;
    let taken = house.sim.notified();
    assert!(taken.iter().all(|s| matches!(s, 202 | 204)), "{taken:?}");
    house.sim.reset_counters();
    house.drain(TimeDelta::seconds(60)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    let looks = house.sim.counters();
    let looks = (
        looks.of(Operation::MessageSearch),
        looks.of(Operation::GmailList),
    );
    assert_eq!(looks, (1, 1), "each mailbox once");

    // Redelivered for days, and fifty at once: no news, nothing is written.
    let before = house.commits.load(Ordering::SeqCst);
    let data = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE,
        json!({"emailAddress": gmail, "historyId": 1}).to_string(),
    );
    let body = json!({"message": {"data": data, "messageId": "1"}, "subscription": "s"});
    let target = PushTarget {
        endpoint: String::new(),
        audience: format!("{}/hooks/gmail", house.base),
        account: ACCOUNT.to_owned(),
    };
    let token = house.sim.push_token(&target, &Map::new());
    let pushes = (0..50).map(|_| house.post("/hooks/gmail", Some(&token), &body));
    let answers = futures::future::join_all(pushes).await;
    assert_eq!(answers, [204; 50]);
    assert_eq!(house.commits.load(Ordering::SeqCst), before);

    // Kept alive while it is needed, given up afterwards.
    house
        .sim
        .configure(|platform| platform.notifications = Notifications::Sent);
    house.drain(TimeDelta::hours(50)).await;
    assert!(house.sim.counters().of(Operation::SubscriptionRenew) > 0);
    assert_eq!(house.sim.subscriptions(), []);

    // All of it in the providers' own words.
    let Some(descriptions) = Descriptions::open() else {
        return;
    };
    let record = house.sim.record().expect("a record");
    let exchanges = record.lock().expect("record").clone();
    let mut tally = Tally::default();
    tally.add(&descriptions, &exchanges);
    tally.assert_clean();
}

#[actix_web::test]
async fn f50_after_missed_notifications_every_mailbox_is_looked_into() {
    let house = Lookout::new(told).await;
    house.pull().await;
    house.drain(TimeDelta::seconds(30)).await;
    house.comes_late(&house.somebody(Provider::Graph, false));
    house.comes_late(&house.somebody(Provider::Gmail, false));
    assert!(house.sim.lifecycle(Lifecycle::Missed) > 0);
    house.notified().await;
    house.drain(TimeDelta::seconds(60)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());

    house.drain(TimeDelta::hours(2)).await;
    house.comes_late(&house.somebody(Provider::Graph, false));
    let before = house.sim.subscriptions().len();
    assert!(house.sim.lifecycle(Lifecycle::SubscriptionRemoved) > 0);
    assert_eq!(house.sim.subscriptions(), []);
    house.notified().await;
    house.drain(TimeDelta::seconds(60)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    assert!(house.sim.subscriptions().len() >= before, "made anew");
    assert!(house.watch().await.next_round.is_some(), "and it goes on");
}

#[actix_web::test]
async fn f52_what_expired_while_nobody_was_here_is_a_gap() {
    let house = Lookout::new(|config, base| {
        config.watch.hours = 240;
        config.watch.graph_notification_url = Some(base.parse().expect("a URL"));
    })
    .await;
    house.pull().await;
    house.drain(TimeDelta::seconds(30)).await;
    let before = house.sim.subscriptions().len();
    assert!(before > 0);
    // Down for five days: nothing is renewed, nobody is told.
    house.clock.advance(TimeDelta::days(5));
    assert_eq!(house.sim.subscriptions(), []);
    house.comes_late(&house.somebody(Provider::Graph, false));
    house.comes_late(&house.somebody(Provider::Gmail, false));
    start::resume(&house.app).await.expect("resumed");
    house.drain(TimeDelta::seconds(60)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    assert!(house.sim.subscriptions().len() >= before);
    let watch = house.watch().await;
    assert!(watch.next_round < Some(watch.until), "long before its end");
}

#[actix_web::test]
async fn f46_a_mailbox_history_that_is_forgotten_is_a_gap() {
    let house = Lookout::new(|config, base| {
        config.watch.hours = 240;
        told_by_gmail(config, base);
    })
    .await;
    house.pull().await;
    house.drain(TimeDelta::hours(1)).await;
    house
        .sim
        .forget_history(&house.somebody(Provider::Gmail, true));
    house.comes_late(&house.somebody(Provider::Gmail, false));
    house.drain(TimeDelta::days(3)).await;
    assert_eq!(house.sim.truth().reachable(), 1, "nobody looked there");
    house.drain(TimeDelta::days(1)).await;
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
}

#[actix_web::test]
async fn f51_a_forged_notification_changes_and_writes_nothing() {
    let house = Lookout::new(told).await;
    house.pull().await;
    house.drain(TimeDelta::seconds(30)).await;
    let (id, _) = house.sim.subscriptions().remove(0);
    let due = house.app.store.next_job_due().await.expect("due");
    let before = house.commits.load(Ordering::SeqCst);
    let graph = |id: &str, state: Value, more: Value| {
        let mut item = json!({
            "subscriptionId": id, "clientState": state, "changeType": "created",
            "resource": "Users/x/Messages/y", "resourceData": {"id": "y", "@odata.etag": "z"},
        });
        for (name, value) in more.as_object().expect("an object") {
            item[name] = value.clone();
        }
        json!({ "value": [item] })
    };
    let state = json!("0123456789abcdef0123456789abcdef");
    for body in [
        graph(&id, state.clone(), json!({})),
        graph(&id, Value::Null, json!({})),
        graph(&id, json!(""), json!({})),
        graph(&id, json!("x".repeat(100_000)), json!({})),
        graph("another", state.clone(), json!({})),
        graph(&id, state.clone(), json!({"lifecycleEvent": "missed"})),
        graph(&id, state, json!({"lifecycleEvent": "subscriptionRemoved"})),
        json!({"value": [{}, 7, "x"]}),
    ] {
        assert_eq!(house.post("/hooks/graph", None, &body).await, 401, "{body}");
    }
    let data = "eyJlbWFpbEFkZHJlc3MiOiJhQGIuZXhhbXBsZSIsImhpc3RvcnlJZCI6OTk5OTk5fQ==";
    let push = json!({"message": {"data": data}});
    let target = PushTarget {
        endpoint: String::new(),
        audience: format!("{}/hooks/gmail", house.base),
        account: ACCOUNT.to_owned(),
    };
    for wrong in [
        json!({"email": "push@other-project.iam.gserviceaccount.com"}),
        json!({"email_verified": false}),
        json!({"aud": "https://elsewhere.example/hooks/gmail"}),
        json!({"iss": "https://accounts.example"}),
        json!({"exp": 1}),
    ] {
        let token = house
            .sim
            .push_token(&target, wrong.as_object().expect("claims"));
        let status = house.post("/hooks/gmail", Some(&token), &push).await;
        assert_eq!(status, 401, "{wrong}");
    }
    assert_eq!(house.post("/hooks/gmail", None, &push).await, 401);
    // True, and about a mailbox that nobody watches.
    let token = house.sim.push_token(&target, &Map::new());
    assert_eq!(house.post("/hooks/gmail", Some(&token), &push).await, 204);
    assert_eq!(house.commits.load(Ordering::SeqCst), before, "no write");
    assert_eq!(house.app.store.next_job_due().await.expect("due"), due);
}

#[actix_web::test]
async fn f53_the_handshake_gives_back_text_and_only_a_little_of_it() {
    let house = Lookout::new(told).await;
    let ask = async |token: &str| {
        let url = format!("{}/hooks/graph?validationToken={token}", house.base);
        house.client.post(url).send().await
    };
    let answer = ask("%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await
        .expect("answer");
    assert_eq!(answer.status().as_u16(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let text = answer.text().await.expect("text");
    assert_eq!(text, "<script>alert(1)</script>");
    for size in [2_049, 20_000, 1_000_000] {
        // The longest is cut off below: closed or refused, and nothing echoed.
        if let Ok(answer) = ask(&"a".repeat(size)).await {
            assert!(answer.status().is_client_error(), "{size}: {answer:?}");
        }
    }
    assert!(house.folder.path().is_dir());
}

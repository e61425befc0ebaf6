//! What leaves the machine because of a reported message, and what comes of it.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use chrono::TimeDelta;
use serde_json::json;
use unhook::{
    config::Config,
    demo,
    domain::{Reputation, Verdict},
    sim::Sim,
    store::{
        PageRequest,
        egress::Egress,
        submission::{Submission, SubmissionFilter},
    },
    triage::lookups::Enrichment,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::support::stage::{Stage, tenant};

const KEY: &str = "k-4711-secret";

/// A place that links of the mail lead to, on this machine: nobody may call.
struct Trap(TcpListener);

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self(listener)
    }

    fn at(&self) -> SocketAddr {
        self.0.local_addr().expect("address")
    }

    fn calls(&self) -> usize {
        let mut calls = 0;
        loop {
            match self.0.accept() {
                Ok(_) => calls += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return calls,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A mail whose links cover what may be asked about and what may not.
fn mail(trap: SocketAddr) -> Vec<u8> {
    let token = "Zx81kQ93mmPq0aLwE5rT7yUi";
    let body = format!(
        "<p>Dear colleague, the shared folder with the minutes of the last steering meeting \
         has moved. Please open the new place once, so that your access is kept.</p>\
         <p><a href=\"https://files.shared-place.example/minutes\">Open the folder</a></p>\
         <p><a href=\"https://lists.shared-place.example/unsubscribe?u={token}\">Leave</a> \
         <a href=\"https://sso.shared-place.example/reset?token={token}\">Reset</a> \
         <a href=\"https://portal.northwind.example/start\">Intranet</a></p>\
         <img src=\"http://{trap}/pixel.gif\"><a href=\"http://{trap}/open\">here</a>"
    );
    format!(
        "From: Steering office <office@shared-place.example>\r\n\
         To: staff@northwind.example\r\nSubject: The minutes have moved\r\n\
         Message-ID: <minutes-1@shared-place.example>\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

/// The service over the simulated organisation, with a further section.
async fn stage(sim: &Sim, folder: &std::path::Path, section: &str) -> Stage {
    let listen = "127.0.0.1:1".parse().expect("an address");
    let text = demo::settings(sim, listen, folder).expect("settings");
    let config = Config::parse(&format!("{text}\n{section}")).expect("valid");
    Stage::open(config, None).await
}

/// Where URLhaus is simulated, and the section that names it.
async fn urlhaus() -> (MockServer, String) {
    let server = MockServer::start().await;
    let section = format!(
        "[lookups.urlhaus]\nendpoint = '{}'\nkey = '{KEY}'\ntimeout_seconds = 2\n",
        server.uri()
    );
    (server, section)
}

/// It knows every link as bad, and nothing else.
async fn knows_links(server: &MockServer) {
    let known = json!({"query_status": "ok", "url_status": "online", "threat": "malware_download"});
    let unknown = json!({"query_status": "no_results"});
    Mock::given(matchers::path("/v1/url/"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&known))
        .mount(server)
        .await;
    Mock::given(matchers::path_regex("^/v1/(host|payload)/$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&unknown))
        .mount(server)
        .await;
}

/// Both reporters' copies of the one message.
async fn submissions(stage: &Stage) -> Vec<Submission> {
    let rows = stage.app.store.read(stage.app.tenant);
    let filter = SubmissionFilter::default();
    let found = rows.submissions(&filter, &PageRequest::first(10)).await;
    let found = found.expect("read").items;
    assert_eq!(found.len(), 2);
    found
}

fn known(submission: &Submission) -> Enrichment {
    Enrichment::of(submission.enrichment.as_ref())
}

/// What was sent because of any of them.
async fn ledger(stage: &Stage) -> Vec<Egress> {
    let rows = stage.app.store.read(stage.app.tenant);
    let mut lines = Vec::new();
    for submission in submissions(stage).await {
        lines.extend(rows.egress_of(submission.id).await.expect("read"));
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_by_default() {
    let trap = Trap::set();
    let sim = tenant(20, 6, Some(mail(trap.at())));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(&sim, folder.path(), "").await;
    assert!(stage.app.sources.is_empty());
    assert!(stage.app.resolver.is_none());
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::seconds(30)).await;
    for submission in submissions(&stage).await {
        assert!(submission.verdict.is_some());
        assert_eq!(known(&submission).answers, []);
    }
    assert_eq!(ledger(&stage).await, []);
    assert_eq!(trap.calls(), 0, "a link of the mail was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_what_was_sent_once_a_message_and_private_links_stay() {
    let trap = Trap::set();
    let sim = tenant(20, 6, Some(mail(trap.at())));
    let (server, section) = urlhaus().await;
    knows_links(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(&sim, folder.path(), &section).await;
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::seconds(30)).await;
    let lines = ledger(&stage).await;
    let mut told: Vec<(String, String)> = lines
        .iter()
        .map(|line| (line.sent_to.clone(), line.payload.clone()))
        .collect();
    let requests = server.received_requests().await.expect("recorded");
    let mut seen: Vec<(String, String)> = requests
        .iter()
        .map(|r| {
            let body = String::from_utf8_lossy(&r.body).into_owned();
            assert_eq!(r.headers.get("auth-key").expect("a key"), KEY);
            // the simulator sees the path alone
            let at = format!("{}{}", server.uri(), r.url.path());
            (format!("{} {at}", r.method), body)
        })
        .collect();
    told.sort();
    seen.sort();
    assert!(!seen.is_empty());
    assert_eq!(
        told, seen,
        "the ledger is what the source got, line for line"
    );
    assert!(
        lines
            .iter()
            .all(|l| l.state == "answered" && l.source == "urlhaus")
    );
    let all = format!("{lines:?}");
    assert!(!all.contains(KEY), "the key stands in the ledger");
    for private in ["unsubscribe", "reset", "Zx81kQ93", "northwind", "127.0.0.1"] {
        let sent = seen
            .iter()
            .any(|(to, body)| !to.starts_with("POST http://127.0.0.1") || body.contains(private));
        assert!(!sent, "{private} left the house");
    }
    for submission in submissions(&stage).await {
        let answers = known(&submission).answers;
        let link = answers
            .iter()
            .find(|a| a.value == "https://files.shared-place.example/minutes")
            .expect("the open link was asked about");
        assert_eq!(link.reputation, Reputation::Bad);
        let signals = submission.assessment.expect("assessed").signals;
        assert!(signals.iter().any(|s| s.id == "source.bad"), "{signals:?}");
    }
    assert_eq!(trap.calls(), 0, "a link of the mail was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_holds_nothing_up_and_is_asked_again() {
    let trap = Trap::set();
    let sim = tenant(20, 6, Some(mail(trap.at())));
    let (server, section) = urlhaus().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(&sim, folder.path(), &section).await;
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::seconds(30)).await;
    let mut scores = Vec::new();
    for first in submissions(&stage).await {
        let assessment = first.assessment.clone().expect("judged all the same");
        assert_eq!(assessment.awaited, ["urlhaus"], "it is called partial");
        assert!(first.verdict.is_some());
        assert!(known(&first).awaited.contains_key("urlhaus"));
        scores.push((first.id, assessment.score));
    }
    let lines = ledger(&stage).await;
    assert!(lines.iter().all(|line| line.state == "failed"), "{lines:?}");

    server.reset().await;
    knows_links(&server).await;
    // what is asked again falls due after minutes, and a breaker may be open
    for _ in 0..8 {
        stage.clock.advance(TimeDelta::minutes(5));
        stage.workers.drain().await;
    }
    for then in submissions(&stage).await {
        let assessment = then.assessment.clone().expect("judged anew");
        let owed = known(&then).awaited;
        assert_eq!(
            assessment.awaited,
            Vec::<String>::new(),
            "{owed:?} {:#?}",
            ledger(&stage).await
        );
        assert!(assessment.signals.iter().any(|s| s.id == "source.bad"));
        let before = scores.iter().find(|(id, _)| *id == then.id).expect("known");
        assert!(assessment.score > before.1, "what came late counts");
        assert!(
            then.verdict.is_some_and(Verdict::needs_review)
                || then.verdict == Some(Verdict::Malicious)
        );
    }
    assert_eq!(trap.calls(), 0);
}

/// Opening links is switched on: the process that does it is given no place inside
/// the house, and refuses one all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_never_goes_inside_and_stands_in_the_ledger() {
    let trap = Trap::set();
    let sim = tenant(20, 6, Some(mail(trap.at())));
    let folder = tempfile::tempdir().expect("a folder");
    // no nameserver is there: names are not found, and nothing outside is asked
    let section = "[fetch]\nenabled = true\n[authentication]\nnameserver = '127.0.0.1:9'\n";
    let stage = stage(&sim, folder.path(), section).await;
    stage.report_all(&sim).await;
    stage.drain_ahead(TimeDelta::seconds(30)).await;
    let lines = ledger(&stage).await;
    let mut told: Vec<&str> = lines.iter().map(|line| line.sent_to.as_str()).collect();
    // once for each copy: neither visit came to an end
    told.dedup();
    assert_eq!(told, ["GET https://files.shared-place.example/minutes"]);
    assert_eq!(trap.calls(), 0, "the visit went inside");

    let errand = json!({
        "link": format!("http://{}/open", trap.at()),
        "fetch": {"enabled": true, "never": [], "user_agent": "x"},
        "guard": {"own_hosts": [], "domains": [], "recipients": []},
        "nameserver": "127.0.0.1:9",
    });
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_unhook"))
        .arg("visit-link")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    serde_json::to_writer(child.stdin.take().expect("a pipe"), &errand).expect("written");
    let said = child.wait_with_output().expect("ended").stdout;
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("refused"), "{said}");
    assert_eq!(trap.calls(), 0, "the visit went inside");
}

//! What becomes known later reaches what is stored, is told, and comes to an end.

use std::path::Path;

use chrono::TimeDelta;
use serde_json::json;
use unhook::{
    config::Config,
    demo,
    domain::{AskedKind, ReportId, ReportStatus, Reputation, Verdict, VerdictSource},
    intake::NewReport,
    sim::{Reporter, Sim, Slot},
    store::{
        PageRequest,
        event::Event,
        judgement::Judgement,
        sighting::Sighting,
        submission::{Submission, SubmissionFilter},
    },
    triage::{
        indicators::{self, NewIndicator},
        lookups::Enrichment,
        overturn::set_verdict,
    },
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::the_campaign;
use crate::support::{
    database::{Backend, postgres_database},
    stage::{Stage, click, tenant},
};

const LINK: &str = "https://files.partner-place.example/minutes";

/// A colleague's answer with a link, as nobody would look at twice.
fn mail(id: &str, words: &str) -> String {
    format!(
        "From: Bob Miller <bob@partner.example>\r\nTo: staff@northwind.example\r\n\
         Subject: Re: {words}\r\nMessage-ID: <{id}@partner.example>\r\n\
         In-Reply-To: <ask-{id}@northwind.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
         Hello all,\r\n\r\nthanks for the {words}. I have added the two points that we spoke about\r\n\
         on Tuesday, and moved the meeting with the suppliers to the week after next. The\r\n\
         whole text is at {LINK} as always.\r\n\r\nBest regards\r\nBob\r\n"
    )
}

/// The same without the signs of a conversation, which is taken for spam.
pub(super) fn notice(id: &str, words: &str) -> String {
    format!(
        "From: Bob Miller <bob@partner.example>\r\nTo: staff@northwind.example\r\n\
         Subject: {words}\r\nMessage-ID: <{id}@partner.example>\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello all,</p><p>thanks for the\r\n\
         {words}. I have added the two points that we spoke about on Tuesday, and moved the\r\n\
         meeting with the suppliers to the week after next.</p>\r\n\
         <p><a href=\"{LINK}\">The whole text</a></p><p>Best regards<br>Bob</p>\r\n"
    )
}

fn minutes() -> Option<Vec<u8>> {
    Some(mail("minutes-7", "minutes of the steering meeting").into_bytes())
}

/// The service with a further section; `None` when the database is not at hand.
async fn stage(sim: &Sim, folder: &Path, section: &str, backend: Backend) -> Option<Stage> {
    let listen = "127.0.0.1:1".parse().expect("an address");
    let text = demo::settings(sim, listen, folder).expect("settings");
    let mut config = Config::parse(&format!("{text}\n{section}")).expect("valid");
    if backend == Backend::Postgres {
        config.database.url = postgres_database().await?.into();
    }
    Some(Stage::open(config, None).await)
}

async fn submissions(stage: &Stage) -> Vec<Submission> {
    let rows = stage.app.store.read(stage.app.tenant);
    let filter = SubmissionFilter::default();
    let found = rows.submissions(&filter, &PageRequest::first(100)).await;
    found.expect("read").items
}

async fn in_review(stage: &Stage) -> usize {
    let filter = SubmissionFilter {
        needs_review: true,
        ..SubmissionFilter::default()
    };
    let rows = stage.app.store.read(stage.app.tenant);
    let found = rows.submissions(&filter, &PageRequest::first(100)).await;
    found.expect("read").items.len()
}

async fn judgements(stage: &Stage, of: &Submission) -> Vec<Judgement> {
    let rows = stage.app.store.read(stage.app.tenant);
    rows.judgements_of(of.id, 100).await.expect("read")
}

/// The lines of one kind on a submission's page, oldest first.
async fn told(stage: &Stage, of: &Submission, kind: &str) -> Vec<Event> {
    let rows = stage.app.store.read(stage.app.tenant);
    let mut events = rows.timeline(Some(of.id), None).await.expect("read");
    events.retain(|event| event.kind == kind);
    events
}

async fn statuses(stage: &Stage, reports: &[ReportId]) -> Vec<(ReportStatus, Option<Verdict>)> {
    let rows = stage.app.store.read(stage.app.tenant);
    let mut found = Vec::new();
    for id in reports {
        let report = rows.report(*id).await.expect("read").expect("there");
        found.push((report.status, report.outcome));
    }
    found
}

async fn bad(stage: &Stage, kind: AskedKind, value: &str) {
    let new = NewIndicator {
        kind,
        value: value.to_owned(),
        reputation: Reputation::Bad,
        note: "told by the national CERT".to_owned(),
        until: None,
    };
    indicators::add(&stage.app, new, "key_rita")
        .await
        .expect("added");
}

fn own_words(of: &Submission) -> usize {
    let known = Enrichment::of(of.enrichment.as_ref());
    let own = known.answers.iter().filter(|a| a.source == "own_list");
    own.count()
}

/// Hours go by, with all that falls due in them.
async fn hours(stage: &Stage, count: i32) {
    for _ in 0..count {
        stage.clock.advance(TimeDelta::hours(1));
        stage.drain_ahead(TimeDelta::minutes(2)).await;
    }
}

async fn what_was_closed_returns(backend: Backend) {
    let sim = tenant(20, 6, minutes());
    let folder = tempfile::tempdir().expect("a folder");
    let Some(stage) = stage(&sim, folder.path(), "", backend).await else {
        return;
    };
    let reports = stage.report_all(&sim).await;
    stage.drain().await;
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Benign);
    let closed = (ReportStatus::Closed, Some(Verdict::Benign));
    assert_eq!(statuses(&stage, &reports).await, [closed, closed]);
    assert_eq!(in_review(&stage).await, 0);
    for submission in submissions(&stage).await {
        assert_eq!(judgements(&stage, &submission).await.len(), 1);
    }

    bad(
        &stage,
        AskedKind::Url,
        "hxxps://files.partner-place[.]example/minutes",
    )
    .await;
    bad(&stage, AskedKind::Domain, "partner-place.example").await;
    stage.drain().await;

    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Suspicious);
    assert_eq!(campaign.verdict_source, VerdictSource::Policy);
    assert_eq!(in_review(&stage).await, 2, "a person has to look");
    let review = (ReportStatus::InReview, Some(Verdict::Suspicious));
    assert_eq!(statuses(&stage, &reports).await, [review, review]);
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 2, "{} hears of it", reporter.address);
    }
    let all = submissions(&stage).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let mut verdicts = Vec::new();
    for submission in &all {
        assert_eq!(own_words(submission), 2);
        let rows_of = judgements(&stage, submission).await;
        let causes: Vec<&str> = rows_of.iter().map(|j| j.cause.as_str()).collect();
        assert_eq!(causes, ["hunt", "report"]);
        let news = told(&stage, submission, "intelligence").await;
        let why = news[0].detail["reason"].as_str().expect("a reason");
        assert!(
            why.starts_with("new intelligence: own_list says of")
                && why.contains("partner-place[.]example"),
            "{why}"
        );
        verdicts.extend(told(&stage, submission, "verdict").await);
        let sent = rows.egress_of(submission.id).await.expect("read");
        assert_eq!(sent, [], "the own list asks nobody");
    }
    let with_reason = verdicts.iter().filter(|event| {
        event.detail["verdict"] == "suspicious"
            && event.detail["reason"]
                .as_str()
                .is_some_and(|why| why.starts_with("new intelligence: own_list says of"))
    });
    assert_eq!(with_reason.count(), 1, "{verdicts:#?}");
    assert!(
        rows.remediation_of(campaign.id)
            .await
            .expect("read")
            .is_none(),
        "one source alone pulls nothing"
    );

    // every further hunt finds nothing to do
    hours(&stage, 3).await;
    for submission in submissions(&stage).await {
        assert_eq!(judgements(&stage, &submission).await.len(), 2);
    }

    // withdrawn: it speaks no longer, and what was decided stays until a person says
    for (kind, value) in [
        (AskedKind::Url, LINK),
        (AskedKind::Domain, "PARTNER-PLACE.example"),
    ] {
        indicators::withdraw(&stage.app, kind, value, "key_rita")
            .await
            .expect("withdrawn");
    }
    let twice = indicators::withdraw(&stage.app, AskedKind::Url, LINK, "key_rita").await;
    assert!(matches!(
        twice,
        Err(indicators::IndicatorError::NotThere(_))
    ));
    stage.drain().await;
    for submission in submissions(&stage).await {
        assert_eq!(own_words(&submission), 0);
        let found = judgements(&stage, &submission).await;
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].verdict, Verdict::Benign);
        assert_eq!(submission.verdict, Some(Verdict::Suspicious));
        let news = told(&stage, &submission, "intelligence").await;
        let last = &news.last().expect("noted").detail;
        let why = last["reason"].as_str().expect("a reason");
        assert!(why.contains("own_list no longer says of"), "{why}");
        let stands = last["stands"].as_str().expect("said");
        assert!(stands.starts_with("it is milder"), "{stands}");
    }
    hours(&stage, 2).await;
    for submission in submissions(&stage).await {
        assert_eq!(judgements(&stage, &submission).await.len(), 3);
    }
    assert!(rows.parked_jobs().await.expect("read").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_returns_to_review_and_a_withdrawal_is_noted() {
    what_was_closed_returns(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_returns_to_review_and_a_withdrawal_is_noted_on_postgres() {
    what_was_closed_returns(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indicator_that_ends_by_itself_is_heard_no_longer() {
    let sim = tenant(20, 6, minutes());
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(&sim, folder.path(), "", Backend::Sqlite).await;
    let stage = stage.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    let new = NewIndicator {
        kind: AskedKind::Domain,
        value: "partner-place.example".to_owned(),
        reputation: Reputation::Doubtful,
        note: "under watch".to_owned(),
        until: Some(stage.app.clock.now() + TimeDelta::minutes(90)),
    };
    indicators::add(&stage.app, new, "key_rita")
        .await
        .expect("added");
    hours(&stage, 1).await;
    assert!(submissions(&stage).await.iter().all(|s| own_words(s) == 1));
    hours(&stage, 2).await;
    assert!(submissions(&stage).await.iter().all(|s| own_words(s) == 0));
}

async fn a_persons_word_stays(backend: Backend) {
    let sim = tenant(20, 6, minutes());
    let folder = tempfile::tempdir().expect("a folder");
    let Some(stage) = stage(&sim, folder.path(), "", backend).await else {
        return;
    };
    let reports = stage.report_all(&sim).await;
    stage.drain().await;
    let first = submissions(&stage).await.remove(0);
    set_verdict(
        &stage.app,
        first.id,
        Verdict::Spam,
        "key_rita",
        "I know them",
    )
    .await
    .expect("decided");
    stage.drain().await;
    let letters: Vec<usize> = sim
        .reporters()
        .iter()
        .map(|reporter| sim.letters_of(&reporter.address).len())
        .collect();
    bad(&stage, AskedKind::Url, LINK).await;
    stage.drain().await;

    let campaign = the_campaign(&stage).await;
    assert_eq!(
        (campaign.verdict, campaign.verdict_source),
        (Verdict::Spam, VerdictSource::Analyst)
    );
    assert_eq!(in_review(&stage).await, 0);
    let closed = (ReportStatus::Closed, Some(Verdict::Spam));
    assert_eq!(statuses(&stage, &reports).await, [closed, closed]);
    for (reporter, before) in sim.reporters().iter().zip(letters) {
        assert_eq!(sim.letters_of(&reporter.address).len(), before);
    }
    for submission in submissions(&stage).await {
        let found = judgements(&stage, &submission).await;
        assert_eq!((found.len(), found[0].verdict), (2, Verdict::Suspicious));
        let news = told(&stage, &submission, "intelligence").await;
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].detail["assessed"], "suspicious");
        let stands = news[0].detail["stands"].as_str().expect("said");
        assert!(stands.contains("an analyst's"), "{stands}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_decided_is_not_overturned_but_noted() {
    a_persons_word_stays(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_decided_is_not_overturned_but_noted_on_postgres() {
    a_persons_word_stays(Backend::Postgres).await;
}

/// Reports a message of its own in somebody's name.
async fn report(stage: &Stage, sim: &Sim, reporter: &Reporter, id: &str, words: &str) {
    let raw = notice(id, words);
    let item = sim
        .deliver(&reporter.address, raw.as_bytes(), Slot::Inbox, false)
        .expect("delivered");
    let pressed = NewReport {
        item_id: Some(item.clone()),
        internet_message_id: Some(format!("<{id}@partner.example>")),
        idempotency_key: Some(item),
        ..click(reporter, sim.tenant_id())
    };
    stage.desk.accept(pressed).await.expect("accepted");
    stage.drain().await;
}

async fn a_fresh_word_reaches_all(backend: Backend) {
    let server = MockServer::start().await;
    let section = format!(
        "[lookups.urlhaus]\nendpoint = '{}'\nkey = 'k'\nkeep_unlisted_hours = 1\n",
        server.uri()
    );
    let unknown = ResponseTemplate::new(200).set_body_json(json!({"query_status": "no_results"}));
    Mock::given(matchers::any())
        .respond_with(unknown.clone())
        .mount(&server)
        .await;
    let sim = tenant(20, 6, None);
    let folder = tempfile::tempdir().expect("a folder");
    let Some(stage) = stage(&sim, folder.path(), &section, backend).await else {
        return;
    };
    let reporter = sim.reporters().remove(0);
    report(&stage, &sim, &reporter, "one", "minutes of Monday").await;
    let first = submissions(&stage).await.remove(0);
    assert_eq!(first.verdict, Some(Verdict::Spam));
    assert_eq!(judgements(&stage, &first).await.len(), 1);

    // the source learns of it, and hears of it again by another message
    hours(&stage, 2).await;
    server.reset().await;
    let known = json!({"query_status": "ok", "url_status": "online", "threat": "malware_download"});
    Mock::given(matchers::path("/v1/url/"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&known))
        .mount(&server)
        .await;
    Mock::given(matchers::any())
        .respond_with(unknown)
        .mount(&server)
        .await;
    report(&stage, &sim, &reporter, "two", "minutes of Thursday").await;

    let asked = server.received_requests().await.expect("recorded").len();
    assert!(asked > 0);
    let all = submissions(&stage).await;
    assert_eq!(all.len(), 2);
    let count = async || {
        let mut counts = Vec::new();
        for submission in &all {
            counts.push(judgements(&stage, submission).await.len());
        }
        counts
    };
    assert_eq!(
        count().await,
        [1, 2],
        "the latest first: only the first again"
    );
    let first = all.last().expect("the first");
    assert_eq!(first.verdict, Some(Verdict::Suspicious), "it is in review");
    assert_eq!(judgements(&stage, first).await[0].cause, "hunt");
    let news = told(&stage, first, "intelligence").await;
    let why = news[0].detail["reason"].as_str().expect("a reason");
    assert!(
        why.starts_with("new intelligence: urlhaus says of url hxxps[:]//files[.]partner-place"),
        "{why}"
    );

    // and it ends: neither puts the other up again, and nobody is asked again
    hours(&stage, 4).await;
    assert_eq!(count().await, [1, 2]);
    let then = server.received_requests().await.expect("recorded").len();
    assert_eq!(then, asked, "nothing more was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sources_fresh_word_reaches_what_is_stored_once() {
    a_fresh_word_reaches_all(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sources_fresh_word_reaches_what_is_stored_once_on_postgres() {
    a_fresh_word_reaches_all(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_learns_of_a_name_is_heard_within_the_hour() {
    let sim = tenant(20, 6, Some(notice("minutes-8", "minutes").into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("names.txt");
    std::fs::write(&list, "something-else.example\n").expect("written");
    let section = format!(
        "[lookups.feeds.cert]\nfile = '{}'\nformat = 'plain'\nevery_minutes = 30\n",
        list.display()
    );
    let stage = stage(&sim, folder.path(), &section, Backend::Sqlite).await;
    let stage = stage.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Spam);

    std::fs::write(&list, "something-else.example\npartner-place.example\n").expect("written");
    hours(&stage, 1).await;
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Suspicious);
    let rows = stage.app.store.read(stage.app.tenant);
    for submission in submissions(&stage).await {
        let found = judgements(&stage, &submission).await;
        assert_eq!((found.len(), found[0].cause.as_str()), (2, "hunt"));
        assert_eq!(rows.egress_of(submission.id).await.expect("read"), []);
    }
    hours(&stage, 3).await;
    for submission in submissions(&stage).await {
        assert_eq!(judgements(&stage, &submission).await.len(), 2);
    }
}

/// What is kept of a message to be found by is what may be asked about, and is read
/// page by page without a gap.
async fn sightings_are_the_questions(backend: Backend) {
    let token = "Zx81kQ93mmPq0aLwE5rT7yUi";
    let raw = mail("private-1", "list of links").replace(
        LINK,
        &format!(
            "{LINK} (or https://lists.other-place.example/unsubscribe?u={token} and \
             https://portal.northwind.example/start)"
        ),
    );
    let sim = tenant(20, 6, Some(raw.into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let Some(stage) = stage(&sim, folder.path(), "", backend).await else {
        return;
    };
    stage.report_all(&sim).await;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let first = submissions(&stage).await.remove(0);
    let seen: Vec<Sighting> = rows.sightings_of(first.id).await.expect("read");
    let has = |kind, value: &str| seen.iter().any(|s| s.kind == kind && s.value == value);
    assert!(has(AskedKind::Url, LINK));
    assert!(has(AskedKind::Host, "files.partner-place.example"));
    assert!(has(AskedKind::Domain, "partner-place.example"));
    assert!(has(AskedKind::Domain, "other-place.example"));
    assert!(has(AskedKind::Email, "bob@partner.example"));
    let values = format!("{seen:?}");
    for private in [token, "unsubscribe", "northwind"] {
        assert!(!values.contains(private), "{private} is kept: {values}");
    }

    let since = stage.app.clock.now() - TimeDelta::days(90);
    let whole = rows.sighted(None, since, 1_000).await.expect("read");
    let mut paged = Vec::new();
    loop {
        let page = rows.sighted(paged.last(), since, 2).await.expect("read");
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, whole);
    assert!(whole.len() > 4);
    let one = |before| rows.holders(AskedKind::Url, LINK, since, before, 1);
    let latest = one(None).await.expect("read");
    let earlier = one(Some(latest[0].submission)).await.expect("read");
    assert!(earlier[0].submission < latest[0].submission);
    let none = one(Some(earlier[0].submission)).await.expect("read");
    assert_eq!(none, []);
    let later = stage.app.clock.now() + TimeDelta::days(1);
    assert_eq!(rows.sighted(None, later, 10).await.expect("read"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_by_what_may_be_asked_about_it() {
    sightings_are_the_questions(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_by_what_may_be_asked_about_it_on_postgres() {
    sightings_are_the_questions(Backend::Postgres).await;
}

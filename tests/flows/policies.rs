//! Policies as they live: tried, put into force, in shadow, replayed.

use chrono::TimeDelta;
use unhook::{
    app::App,
    config::Config,
    demo,
    domain::{InForceId, ReportStatus, Verdict},
    intake::NewReport,
    learn::{corpus::Corpus, train_on},
    policy::{
        agreement::{Accepted, agreement},
        force::{self, ForceError},
        learning,
        replay::replay,
        trial::{Outcome, trial},
    },
    sim::{Reporter, Sim, Slot},
    store::{
        PageRequest,
        judgement::InForce,
        submission::{Submission, SubmissionFilter},
    },
    triage::overturn::set_verdict,
};

use super::the_campaign;
use crate::support::{
    collection::collection,
    database::Backend,
    stage::{Stage, click, tenant},
};

const MINUTES: &[u8] = b"From: Bob Miller <bob@partner.example>\r\nTo: staff@northwind.example\r\nSubject: Re: minutes of the steering meeting\r\nMessage-ID: <minutes-7@partner.example>\r\nIn-Reply-To: <ask-7@northwind.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\nHello all,\r\n\r\nthanks for the minutes. I have added the two points that we spoke about on Tuesday,\r\nand moved the meeting with the suppliers to the week after next.\r\n\r\nBest regards\r\nBob\r\n";

pub(super) async fn submissions(stage: &Stage) -> Vec<Submission> {
    let rows = stage.app.store.read(stage.app.tenant);
    let filter = SubmissionFilter::default();
    let found = rows.submissions(&filter, &PageRequest::first(100)).await;
    found.expect("read").items
}

pub(super) async fn with_section(sim: &Sim, folder: &std::path::Path, section: &str) -> Stage {
    let listen = "127.0.0.1:1".parse().expect("an address");
    let text = demo::settings(sim, listen, folder).expect("settings");
    let config = Config::parse(&format!("{text}\n{section}")).expect("valid");
    Stage::open(config, None).await
}

/// Puts a policy into force, as its rules want it.
pub(super) async fn put_into_force(app: &App, text: &str) {
    let row = force::propose(app, text, None, "rita").await.expect("kept");
    trial(app, &row.version, 10, |_| {}).await.expect("tried");
    force::activate(app, Some(&row.version), "rita")
        .await
        .expect("live");
}

/// Puts a policy in shadow mode into force.
pub(super) async fn only_watch(app: &App) {
    put_into_force(app, "mode = \"shadow\"\n").await;
}

async fn replayed_on(backend: Backend) {
    let sim = tenant(20, 6, None);
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    stage.report_all(&sim).await;
    stage.drain().await;
    let all = submissions(&stage).await;
    assert_eq!(all.len(), 2);
    for submission in all {
        let found = replay(&stage.app, submission.id).await.expect("replayed");
        assert_eq!(found.recorded, Verdict::Malicious);
        assert!(
            found.same,
            "recorded: {}\nreplayed: {}",
            found.recorded_bytes, found.replayed_bytes
        );
        let shown = submission.assessment.expect("assessed");
        assert_eq!(shown.policy_version, found.policy_version);
        assert_eq!(shown.model_version, found.model_version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_is_replayed_byte_for_byte() {
    replayed_on(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_is_replayed_byte_for_byte_on_postgres() {
    replayed_on(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_goes_live_only_with_its_trial_and_judges_from_then_on() {
    let sim = tenant(20, 6, Some(MINUTES.to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("a stage");
    let first = sim.reporters().remove(0);
    let pressed = click(&first, sim.tenant_id());
    stage.desk.accept(pressed).await.expect("accepted");
    stage.drain().await;
    let closed = submissions(&stage).await.remove(0);
    assert_eq!(closed.verdict, Some(Verdict::Benign));

    // what cannot be is refused, and nothing changes
    let app = &stage.app;
    let before = force::engine(app).await.expect("engine");
    let broken = "[[rules]]\nname = \"x\"\nwhen = \"sender.domain ==\"\nweight = 1.0\nclass = \"sender\"\nsays = \"x\"\n";
    let refused = force::propose(app, broken, None, "rita").await;
    assert!(
        matches!(&refused, Err(ForceError::Policy(error)) if error.to_string().contains("line 1, column")),
        "{refused:?}"
    );
    let text = "[[deny]]\nsender = \"partner.example\"\nnote = \"their mailbox was taken over\"\n";
    let proposed = force::propose(app, text, Some("take-over"), "rita")
        .await
        .expect("kept");
    let untried = force::activate(app, Some(&proposed.version), "rita").await;
    assert!(
        matches!(untried, Err(ForceError::Untried(_))),
        "{untried:?}"
    );
    assert_eq!(
        force::engine(app).await.expect("engine").version(),
        before.version()
    );

    let result = trial(app, &proposed.version, 100, |_| {})
        .await
        .expect("tried");
    assert_eq!((result.messages, result.changed), (1, 1), "{result:?}");
    let change = &result.changes[0];
    assert_eq!(change.submission, closed.id);
    assert_eq!(
        (change.was, change.becomes),
        (Outcome::Closed, Outcome::Asked)
    );
    assert_eq!(
        submissions(&stage).await[0].verdict,
        Some(Verdict::Benign),
        "a trial changes nothing"
    );

    force::activate(app, Some(&proposed.version), "rita")
        .await
        .expect("live");
    let pressed = click(&sim.reporters().remove(1), sim.tenant_id());
    stage.desk.accept(pressed).await.expect("accepted");
    stage.drain().await;
    let second = submissions(&stage)
        .await
        .into_iter()
        .find(|s| s.id != closed.id)
        .expect("the second report's own evidence");
    let assessment = second.assessment.expect("judged");
    assert_eq!(assessment.verdict, Verdict::Suspicious);
    assert_eq!(assessment.policy_version, proposed.version);
    assert!(assessment.signals.iter().any(|s| s.id == "policy.denied"));
    // the old judgement still follows from its own policy
    assert!(replay(app, closed.id).await.expect("replayed").same);

    force::activate(app, None, "rita").await.expect("back");
    assert_eq!(
        force::engine(app).await.expect("engine").version(),
        before.version()
    );
    let rows = app.store.read(app.tenant);
    let decisions = rows.ever_in_force(10).await.expect("read");
    assert_eq!(decisions.len(), 2);
    assert!(decisions.iter().all(|d| d.decided_by == "rita"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_everything_is_judged_nothing_done_and_agreement_told() {
    let sim = tenant(20, 6, None);
    let folder = tempfile::tempdir().expect("a folder");
    let stage = with_section(&sim, folder.path(), "").await;
    let app = &stage.app;
    only_watch(app).await;
    let reports = stage.report_all(&sim).await;
    stage.drain().await;

    let judged = submissions(&stage).await;
    for submission in &judged {
        let assessment = submission.assessment.as_ref().expect("judged");
        assert_eq!(assessment.verdict, Verdict::Malicious);
        assert!(!assessment.may_pull);
    }
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Suspicious, "a person decides");
    let rows = app.store.read(app.tenant);
    for report in &reports {
        let report = rows.report(*report).await.expect("read").expect("there");
        assert_eq!(report.status, ReportStatus::InReview);
    }
    let truth = sim.truth();
    assert!(
        truth.planted.iter().filter(|c| c.reachable).count() >= 4,
        "nothing but the reporters' own copies is held"
    );

    let since = app.clock.now() - TimeDelta::days(1);
    let accepted = Accepted::default();
    let none = agreement(app, since, accepted).await.expect("told");
    assert_eq!((none.judged, none.decided), (2, 0));
    set_verdict(app, judged[0].id, Verdict::Malicious, "rita", "it is")
        .await
        .expect("decided");
    let told = agreement(app, since, accepted).await.expect("told");
    assert_eq!(told.decided, 2, "the campaign's two");
    let row = &told.rows[0];
    assert_eq!(row.said, Verdict::Malicious);
    assert_eq!((row.agreed.of, row.agreed.all), (2, 2));
    assert!(!row.go && row.why.contains("at least"), "two prove nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_harmless_mail_is_closed_by_nobody_and_a_trial_says_so() {
    let sim = tenant(20, 6, Some(MINUTES.to_vec()));
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("a stage");
    let app = &stage.app;
    only_watch(app).await;
    stage.report_all(&sim).await;
    stage.drain().await;
    let judged = submissions(&stage).await.remove(0);
    assert_eq!(
        judged.assessment.expect("judged").verdict,
        Verdict::Benign,
        "what it would have been"
    );
    assert_eq!(
        judged.verdict,
        Some(Verdict::Suspicious),
        "a person decides"
    );
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 1);
        let text = String::from_utf8_lossy(&letters[0]).into_owned();
        assert!(text.contains("we are looking"), "no answer yet: {text}");
    }
    let act = force::propose(app, "max_age_days = 29\n", None, "rita")
        .await
        .expect("kept");
    let told = trial(app, &act.version, 10, |_| {}).await.expect("tried");
    assert_eq!((told.before.closed, told.before.asked), (0, 2));
    assert_eq!((told.after.closed, told.changed), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_in_force_that_cannot_be_used_only_watches() {
    let sim = tenant(20, 6, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("a stage");
    let app = &stage.app;
    // as a later version, or another replica, would have left it
    let now = app.clock.now();
    let tx = app.store.begin().await.expect("a change");
    tx.of(app.tenant)
        .put_into_force(&InForce {
            id: InForceId::new(now),
            policy_version: Some("0123456789ab".to_owned()),
            model_version: Some("ba9876543210".to_owned()),
            decided_by: "rita".to_owned(),
            since: now,
        })
        .await
        .expect("kept");
    tx.commit().await.expect("committed");
    stage.report_all(&sim).await;
    stage.drain().await;
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Suspicious);
    let judged = submissions(&stage).await.remove(0);
    assert!(judged.assessment.expect("judged").shadow);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exercise_is_praised_at_once_and_left_where_it_lies() {
    let section = "[[policy.simulations]]\nvendor = 'KnowBe4'\nheader = 'X-PHISHTEST'\nsecret = 'a secret of northwind'\n";
    let mail = "From: IT Helpdesk <helpdesk@login-northwind.example>\r\nTo: staff@northwind.example\r\nX-PHISHTEST: a secret of northwind\r\nSubject: Your password expires today\r\nMessage-ID: <ex-1@login-northwind.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\nContent-Type: text/html\r\n\r\n<p>Dear colleague, your mailbox password expires today. Keep your password within 24 hours or your account is closed.</p><a href=\"https://login-northwind.example/verify\">Keep my password</a>\r\n";
    let sim = tenant(20, 6, Some(mail.as_bytes().to_vec()));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = with_section(&sim, folder.path(), section).await;
    let reports = stage.report_all(&sim).await;
    stage.drain().await;
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Simulation);
    let rows = stage.app.store.read(stage.app.tenant);
    for report in &reports {
        let report = rows.report(*report).await.expect("read").expect("there");
        assert_eq!(report.status, ReportStatus::Closed);
    }
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        assert_eq!(letters.len(), 1, "{}", reporter.address);
        let text = String::from_utf8_lossy(&letters[0]).into_owned();
        assert!(text.contains("Subject: Well spotted"), "{text}");
    }
    let truth = sim.truth();
    assert!(
        truth.planted.iter().all(|copy| copy.reachable),
        "{:#?}",
        truth.planted
    );
    // the same without the secret is a phish
    let forged = mail.replace("a secret of northwind", "1");
    let sim = tenant(20, 6, Some(forged.into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = with_section(&sim, folder.path(), section).await;
    stage.report_all(&sim).await;
    stage.drain().await;
    assert_ne!(the_campaign(&stage).await.verdict, Verdict::Simulation);
}

/// A notice of a supplier's portal, as no collection holds it.
fn notice(number: usize) -> String {
    let n = number * 7919 % 1_000_003;
    format!(
        "From: Supplier portal <noreply@portal-{n}.example>\r\nTo: staff@northwind.example\r\nSubject: Action required: confirm delivery {n} in your account\r\nMessage-ID: <n{n}@portal-{n}.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\nContent-Type: text/html\r\n\r\n<p>Pallet {n} of your purchase order stands at gate {number}. Please sign in to your account at the supplier portal and confirm the goods receipt today, otherwise the haulier will charge demurrage.</p><a href=\"https://portal-{n}.example/receipts/{n}\">Confirm goods receipt {n}</a>\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_analysts_decide_is_learned_and_goes_live_only_when_it_is_better() {
    let sim = tenant(20, 6, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("a stage");
    let app = &stage.app;
    let folder = tempfile::tempdir().expect("a folder");
    collection(folder.path(), 40);
    let corpus = Corpus::read(folder.path(), &app.sandbox, |_| {}).expect("read");
    let before = force::engine(app).await.expect("engine");
    let shipped = before.model().expect("the shipped model").clone();
    let kept = force::kept(app, shipped.version()).await.expect("kept");

    // the collection lacks what the shipped model learned from: no comparison
    let elsewhere: Vec<_> = (0..24).map(|n| corpus.mails[n].example.clone()).collect();
    let (_, unlike) =
        learning::learn(&corpus, &elsewhere, (&shipped, &kept), "test", |_| {}).expect("trained");
    assert!(!unlike.better, "{unlike:?}");

    // nothing decided yet: a model comes of it, and stays in the drawer
    let none = learning::history(app, |_| {}).await.expect("read");
    assert_eq!(none.len(), 0);
    let (file, found) =
        learning::learn(&corpus, &none, (&shipped, &kept), "test", |_| {}).expect("trained");
    assert!(!found.better && found.why.contains("at least"), "{found:?}");
    learning::keep(app, file, &found, "rita")
        .await
        .expect("kept");
    let engine = force::engine(app).await.expect("engine");
    assert_eq!(
        engine.model().expect("a model").version(),
        shipped.version()
    );

    // a model of the collection alone is in force
    let small = train_on(&corpus, "test").expect("trained");
    let forced = learning::Comparison {
        better: true,
        ..found
    };
    let first = learning::keep(app, small, &forced, "rita")
        .await
        .expect("kept");
    let engine = force::engine(app).await.expect("engine");
    let shipped = engine.model().expect("a model").clone();
    assert_eq!(shipped.version(), first);
    let kept = force::kept(app, &first).await.expect("kept");

    let reporter = sim.reporters().remove(0);
    for number in 0..24 {
        report(&stage, &sim, &reporter, &notice(number)).await;
    }
    let judged = submissions(&stage).await;
    assert_eq!(judged.len(), 24);
    for submission in &judged {
        set_verdict(app, submission.id, Verdict::Benign, "rita", "our supplier")
            .await
            .expect("decided");
    }
    let history = learning::history(app, |_| {}).await.expect("read");
    assert_eq!(history.len(), 24);
    let (file, found) =
        learning::learn(&corpus, &history, (&shipped, &kept), "test", |_| {}).expect("trained");
    assert!(found.better, "{found:?}");
    assert!(found.loss_after < found.loss_before);
    let version = learning::keep(app, file, &found, "rita")
        .await
        .expect("kept");

    report(&stage, &sim, &reporter, &notice(99)).await;
    let last = submissions(&stage)
        .await
        .into_iter()
        .find(|s| judged.iter().all(|known| known.id != s.id))
        .expect("judged");
    let assessment = last.assessment.expect("judged");
    assert_eq!(assessment.model_version.as_deref(), Some(version.as_str()));
    let old = judged[0].assessment.as_ref().expect("judged");
    assert!(
        assessment.score < old.score,
        "{} {}",
        assessment.score,
        old.score
    );
    assert!(replay(app, last.id).await.expect("replayed").same);
    assert!(
        replay(app, judged[0].id).await.expect("replayed").same,
        "by the model before"
    );
}

pub(super) async fn report(stage: &Stage, sim: &Sim, reporter: &Reporter, mail: &str) {
    let item = sim
        .deliver(&reporter.address, mail.as_bytes(), Slot::Inbox, false)
        .expect("delivered");
    let id = mail
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "))
        .expect("an id");
    let pressed = NewReport {
        item_id: Some(item.clone()),
        internet_message_id: Some(id.to_owned()),
        idempotency_key: Some(item),
        ..click(reporter, sim.tenant_id())
    };
    stage.desk.accept(pressed).await.expect("accepted");
    stage.drain().await;
}

//! The order of the queue, what reporters' records do to it, and what a policy's list of
//! actions does with mail.

use chrono::TimeDelta;
use unhook::{
    clock::Clock as _,
    domain::{
        Deed, Provider, ReportStatus, Verdict,
        reputation::{Vote, weight},
    },
    sim::{Reporter, Sim},
    store::{
        PageRequest,
        submission::{Submission, SubmissionFilter},
        vote::NewVote,
    },
};

use super::{
    hunting::notice,
    policies::{only_watch, put_into_force, report, submissions, with_section},
    the_campaign,
};
use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

/// Ordinary mail of a sender that a policy can leave to a person.
fn minutes(of: &str, to: &str) -> String {
    format!(
        "From: Bob Miller <bob@partner.example>\r\nTo: {to}\r\nSubject: Re: minutes of the {of} meeting\r\nMessage-ID: <{of}@partner.example>\r\nIn-Reply-To: <ask-{of}@northwind.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\nHello all,\r\n\r\nthanks for the minutes of the {of} meeting. I have added the two points that we spoke about on Tuesday, and moved the meeting with the suppliers to the week after next.\r\n\r\nBest regards\r\nBob\r\n"
    )
}

/// Those who wait, the most urgent first, read one a page.
async fn queue(stage: &Stage) -> Vec<Submission> {
    let rows = stage.app.store.read(stage.app.tenant);
    let filter = SubmissionFilter {
        needs_review: true,
        ..SubmissionFilter::default()
    };
    let mut all = Vec::new();
    let mut page = PageRequest::first(1);
    loop {
        let found = rows.submissions_by_urgency(&filter, &page).await;
        let found = found.expect("read");
        all.extend(found.items);
        let Some(next) = found.next else { return all };
        page.after = Some(next);
    }
}

fn subjects(queue: &[Submission]) -> Vec<&str> {
    let subject = |s: &'static str| s;
    queue
        .iter()
        .map(|s| {
            let own = s.subject.as_deref().unwrap_or_default();
            ["small", "large", "late"]
                .into_iter()
                .find(|word| own.contains(word))
                .map_or("other", subject)
        })
        .collect()
}

const DENIED: &str = "[[policy.deny]]\nsender = \"partner.example\"\n";

fn of(sim: &Sim, provider: Provider) -> Reporter {
    let all = sim.reporters();
    let found = all.into_iter().find(|r| r.provider == provider);
    found.expect("a reporter")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reached_more_people_goes_first_and_what_waits_long_comes_up() {
    let sim = tenant(20, 6, None);
    let folder = tempfile::tempdir().expect("a folder");
    let reporter = of(&sim, Provider::Graph);
    let section = format!(
        "{DENIED}[[policy.vips]]\nname = \"Erika Mustermann\"\naddresses = [\"{}\"]\n",
        of(&sim, Provider::Gmail).address
    );
    let stage = with_section(&sim, folder.path(), &section).await;
    report(
        &stage,
        &sim,
        &reporter,
        &minutes("small", &reporter.address),
    )
    .await;
    stage.clock.advance(TimeDelta::minutes(2));
    let domain = reporter.address.rsplit('@').next().unwrap_or_default();
    let all: Vec<String> = (0..9).map(|n| format!("person{n}@{domain}")).collect();
    let vip = of(&sim, Provider::Gmail).address;
    let to = format!("{}, {vip}", all.join(", "));
    report(&stage, &sim, &reporter, &minutes("large", &to)).await;

    let waiting = queue(&stage).await;
    assert_eq!(subjects(&waiting), ["large", "small"]);
    let stakes = waiting[0].stakes.as_ref().expect("worked out");
    assert_eq!((stakes.people, stakes.vip), (11, true), "{stakes:?}");
    let words: Vec<String> = stakes
        .factors(stage.clock.now())
        .into_iter()
        .map(|factor| factor.words)
        .collect();
    assert!(words.iter().any(|w| w.contains("11 people")), "{words:?}");
    assert!(words.iter().any(|w| w.contains("VIP")), "{words:?}");

    // after some days nothing new of that size goes before the small one
    stage.clock.advance(TimeDelta::hours(100));
    let late = minutes("late", &to.replace("person", "member"));
    report(&stage, &sim, &reporter, &late).await;
    assert_eq!(subjects(&queue(&stage).await), ["large", "small", "late"]);
}

async fn in_the_order_of_records(backend: Backend) {
    let sim = tenant(20, 6, None);
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    let app = &stage.app;
    put_into_force(app, "[[deny]]\nsender = \"partner.example\"\n").await;
    let (often_wrong, often_right) = (of(&sim, Provider::Graph), of(&sim, Provider::Gmail));
    let now = stage.clock.now();
    let mut votes = Vec::new();
    let rows = app.store.read(app.tenant);
    // people are known once the directory is read
    stage.drain().await;
    for (person, outcome, credit) in [
        (&often_wrong, Verdict::Bulk, 0.0),
        (&often_right, Verdict::Malicious, 1.0),
    ] {
        let person = rows.person(&person.user_id).await.expect("read");
        assert!(person.key.contains(':'), "by the mailbox: {person:?}");
        votes.push(NewVote {
            person: person.key,
            house: person.house,
            outcome,
            vote: Vote {
                credit,
                weight: weight(unhook::domain::VerdictSource::Analyst),
                at: now,
            },
        });
    }
    let tx = app.store.begin().await.expect("tx");
    for case in (0..8).chain(0..8) {
        let case = format!("case-{case}");
        let cast = tx.of(app.tenant).cast_votes(&case, &votes).await;
        cast.expect("one a person and case");
    }
    tx.commit().await.expect("commit");

    report(
        &stage,
        &sim,
        &often_wrong,
        &minutes("small", "x@elsewhere.example"),
    )
    .await;
    stage.clock.advance(TimeDelta::minutes(1));
    report(
        &stage,
        &sim,
        &often_right,
        &minutes("large", "x@elsewhere.example"),
    )
    .await;
    let waiting = queue(&stage).await;
    assert_eq!(subjects(&waiting), ["large", "small"]);
    let [first, second] = waiting.as_slice() else {
        panic!("two wait");
    };
    let lean = |s: &Submission| s.stakes.as_ref().expect("worked out").lean;
    assert!(lean(first) > 0.5 && lean(second) < -0.5);
    // who reported changes the order and nothing else
    assert_eq!(first.verdict, second.verdict);
    for one in &waiting {
        let assessment = one.assessment.as_ref().expect("judged");
        assert!(!assessment.may_pull);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_right_before_goes_first() {
    in_the_order_of_records(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_right_before_goes_first_on_postgres() {
    in_the_order_of_records(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_the_policy_only_proposes_waits_for_an_analyst() {
    let sim = tenant(20, 6, None);
    let folder = tempfile::tempdir().expect("a folder");
    let section = "[[policy.actions]]\nverdict = \"malicious\"\ndo = \"propose\"\n";
    let stage = with_section(&sim, folder.path(), section).await;
    stage.report_all(&sim).await;
    stage.drain().await;
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Suspicious);
    let seed = submissions(&stage).await.remove(0);
    let assessment = seed.assessment.expect("judged");
    assert_eq!(assessment.verdict, Verdict::Malicious);
    assert_eq!(assessment.action.map(|a| a.deed), Some(Deed::Propose));
    let why = assessment.hold_reason.unwrap_or_default();
    assert!(why.contains("proposes the pull"), "{why}");
    let reachable = sim.truth().planted.iter().filter(|c| c.reachable).count();
    assert!(reachable >= 4, "nothing but the reporters' copies is held");

    let app = &stage.app;
    unhook::triage::overturn::set_verdict(app, seed.id, Verdict::Malicious, "rita", "yes")
        .await
        .expect("decided");
    stage.drain().await;
    assert!(sim.truth().all_pulled());
}

#[tokio::test(flavor = "multi_thread")]
async fn harmless_mail_that_is_not_sure_enough_waits_and_the_reporter_is_told() {
    let sim = tenant(20, 6, None);
    let folder = tempfile::tempdir().expect("a folder");
    let section = "[[policy.actions]]\nverdict = \"benign\"\nfrom = 1.0\ndo = \"settle\"\n";
    let stage = with_section(&sim, folder.path(), section).await;
    let reporter = of(&sim, Provider::Graph);
    report(
        &stage,
        &sim,
        &reporter,
        &minutes("small", &reporter.address),
    )
    .await;
    let asked = submissions(&stage).await.remove(0);
    assert_eq!(asked.assessment.map(|a| a.verdict), Some(Verdict::Benign));
    assert_eq!(asked.verdict, Some(Verdict::Unknown));
    let rows = stage.app.store.read(stage.app.tenant);
    let told = rows.reports_of(asked.id).await.expect("read").remove(0);
    assert_eq!(told.status, ReportStatus::InReview);
    let letters = sim.letters_of(&reporter.address);
    let told = |said: &str| {
        let has = |letter: &Vec<u8>| String::from_utf8_lossy(letter).contains(said);
        letters.iter().any(has)
    };
    assert!(!told("harmless"), "{letters:?}");
    assert_eq!(letters.len(), 1, "a person looks, and they are told so");
}

#[tokio::test(flavor = "multi_thread")]
async fn spam_goes_back_where_the_policy_says_so() {
    for (section, returns) in [
        ("", false),
        (
            "[[policy.actions]]\nverdict = \"spam\"\ndo = \"settle\"\nreturn_copy = true\n",
            true,
        ),
    ] {
        let mail = notice("minutes-8", "minutes of the steering meeting");
        let sim = tenant(20, 6, Some(mail.into_bytes()));
        let folder = tempfile::tempdir().expect("a folder");
        let stage = with_section(&sim, folder.path(), section).await;
        stage.report_all(&sim).await;
        stage.drain().await;
        let campaign = the_campaign(&stage).await;
        assert_eq!(campaign.verdict, Verdict::Spam);
        let all = sim.truth().planted.iter().all(|copy| copy.reachable);
        assert_eq!(all, returns, "{section}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_report_that_is_judged_graver_opens_a_closed_case() {
    let mail = minutes("small", "staff@northwind.example");
    let sim = tenant(20, 6, Some(mail.into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = with_section(&sim, folder.path(), "").await;
    let app = &stage.app;
    let mut ids = Vec::new();
    for (turn, reporter) in sim.reporters().iter().enumerate() {
        if turn == 1 {
            assert_eq!(the_campaign(&stage).await.verdict, Verdict::Benign);
            put_into_force(app, "[[deny]]\nsender = \"partner.example\"\n").await;
        }
        let click = click(reporter, sim.tenant_id());
        ids.push(stage.desk.accept(click).await.expect("accepted").id);
        stage.drain().await;
    }
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Suspicious);
    let rows = app.store.read(app.tenant);
    let mut causes = Vec::new();
    for id in ids {
        let report = rows.report(id).await.expect("read").expect("there");
        assert_eq!(report.status, ReportStatus::InReview, "both are told");
        let kept = rows.assessments_of(report.submission, 10).await;
        causes.push(kept.expect("read").remove(0).cause);
    }
    assert_eq!(causes, ["campaign", "report"], "and each says why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_only_watches_opens_no_closed_case() {
    let mail = minutes("small", "staff@northwind.example");
    let sim = tenant(20, 6, Some(mail.into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = with_section(&sim, folder.path(), "").await;
    let app = &stage.app;
    stage.report_all(&sim).await;
    stage.drain().await;
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Benign);
    only_watch(app).await;
    let word = unhook::triage::indicators::NewIndicator {
        kind: unhook::domain::AskedKind::Domain,
        value: "partner.example".to_owned(),
        reputation: unhook::domain::Reputation::Bad,
        note: "told by a colleague".to_owned(),
        until: None,
    };
    unhook::triage::indicators::add(app, word, "rita")
        .await
        .expect("added");
    stage.drain().await;
    let judged = submissions(&stage).await.remove(0);
    assert!(
        judged.assessment.expect("judged").shadow,
        "it was judged anew"
    );
    assert_eq!(the_campaign(&stage).await.verdict, Verdict::Benign);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_analyst_opens_again_waits_from_then_on() {
    let sim = tenant(20, 6, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("a stage");
    let reporter = of(&sim, Provider::Graph);
    report(
        &stage,
        &sim,
        &reporter,
        &minutes("small", &reporter.address),
    )
    .await;
    assert!(queue(&stage).await.is_empty(), "closed by policy");
    stage.clock.advance(TimeDelta::days(20));
    let closed = submissions(&stage).await.remove(0);
    let app = &stage.app;
    let opened = stage.clock.now();
    unhook::triage::overturn::set_verdict(app, closed.id, Verdict::Suspicious, "rita", "odd")
        .await
        .expect("decided");
    let waiting = queue(&stage).await.remove(0);
    let stakes = waiting.waiting_stakes().expect("worked out");
    assert!(stakes.since >= opened, "it has not waited for twenty days");
}

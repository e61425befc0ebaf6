//! Abuse of automatic pulling, one test a scenario, named by its id in
//! `vectors/pull-safety` of the project's shared attack data. ps01 and ps03 stand
//! with the flows, ps07, ps09 and ps35 with the likeness of messages.

use chrono::TimeDelta;
use unhook::{
    domain::{
        Desired, EntryState, Observed, Provider, PullRole, ReportClient, ReportReason,
        ReportStatus, Verdict,
    },
    intake::NewReport,
    remediation::undo,
    sim::{
        Action, CalendarEvent, Fault, How, Invitation, Matcher, Operation, Organisation, Sim,
        SimOptions, Slot, Spread, User,
    },
    store::{PageRequest, pull::Pull},
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, tenant},
};

fn report(sim: &Sim, user: &User, item: &str) -> NewReport {
    let (client, reporter) = match user.provider {
        Provider::Graph => (
            ReportClient::Outlook,
            format!("entra:{}:{}", sim.tenant_id(), user.id),
        ),
        Provider::Gmail => (ReportClient::Gmail, format!("google:{}", user.id)),
    };
    NewReport {
        client,
        reporter,
        guest: false,
        mailbox: user.address.parse().ok(),
        item_id: Some(item.to_owned()),
        internet_message_id: None,
        reason: Some(ReportReason::Phishing),
        comment: None,
        raw: None,
        idempotency_key: Some(format!("click-{}", user.id)),
    }
}

async fn all_pulls(stage: &Stage) -> Vec<Pull> {
    let rows = stage.app.store.read(stage.app.tenant);
    let page = rows.pulls(None, &PageRequest::first(500)).await;
    page.expect("pulls").items
}

/// The one campaign of a stage, pulled by an analyst if policy did not.
async fn pulled(stage: &Stage, sim: &Sim) -> unhook::store::campaign::Campaign {
    let id = stage.report_all(sim).await.remove(0);
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let row = rows.report(id).await.expect("read").expect("there");
    let found = rows.campaigns(None, &PageRequest::first(9)).await;
    if found.expect("read").items.remove(0).verdict != Verdict::Malicious {
        overturn::set_verdict(
            &stage.app,
            row.submission,
            Verdict::Malicious,
            "key_test",
            "a phish",
        )
        .await
        .expect("judged");
        stage.drain_ahead(TimeDelta::minutes(5)).await;
    }
    let found = rows.campaigns(None, &PageRequest::first(9)).await;
    found.expect("read").items.remove(0)
}

#[tokio::test]
async fn ps05_reports_alone_pull_nothing() {
    let sim = tenant(60, 0, None);
    let raw = b"From: Anna Berg <anna.berg@supplier.example>\r\nSubject: Minutes of Tuesday\r\n\
        Message-ID: <minutes-1@supplier.example>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
        Dear all, here are the minutes of our meeting on Tuesday. We agreed to look at the\r\n\
        budget again next week, and Jonas will send the new drawings to everybody by Friday.\r\n";
    let users: Vec<User> = sim.organisation().users.clone();
    let items: Vec<String> = users
        .iter()
        .map(|user| {
            sim.deliver(&user.address, raw, Slot::Inbox, false)
                .expect("delivered")
        })
        .collect();
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let reporting = 40;
    for (user, item) in users.iter().zip(&items).take(reporting) {
        let accepted = stage.desk.accept(report(&sim, user, item)).await;
        accepted.expect("accepted");
    }
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let pulls = all_pulls(&stage).await;
    assert!(
        pulls.iter().all(|pull| pull.role == PullRole::Reported),
        "nobody's copy is touched but those that their owners reported"
    );
}

#[tokio::test]
async fn ps11_mail_of_the_organisations_own_is_never_pulled_by_itself() {
    let sim = tenant(24, 0, None);
    let users = sim.organisation().users.clone();
    let (sender, reporter) = (&users[0], &users[1]);
    let domain = sender.address.rsplit('@').next().expect("a domain");
    let raw = format!(
        "Authentication-Results: mx.{domain}; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n\
         From: IT Desk <{}>\r\nTo: {}\r\nSubject: Your password expires today\r\n\
         Message-ID: <inside-1@{domain}>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
         Your password expires today. Confirm your password within 24 hours at\r\n\
         https://login.northwlnd-verify.example/renew or your account will be suspended.\r\n",
        sender.address, reporter.address
    );
    let mut item = String::new();
    for user in &users[1..9] {
        let placed = sim.deliver(&user.address, raw.as_bytes(), Slot::Inbox, false);
        if user.address == reporter.address {
            item = placed.expect("delivered");
        }
    }
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let accepted = stage.desk.accept(report(&sim, reporter, &item)).await;
    accepted.expect("accepted");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let pulls = all_pulls(&stage).await;
    assert!(
        pulls.iter().all(|pull| pull.role == PullRole::Reported),
        "a person decides about an account that may be taken over: {pulls:?}"
    );
}

#[tokio::test]
async fn ps13_a_forward_is_found_and_the_forwarders_own_words_stay() {
    let organisation = Organisation::generate(60, 13);
    let now = std::sync::Arc::new(|| unhook::clock::Clock::now(&unhook::clock::SystemClock));
    let sim = Sim::start(SimOptions::new(organisation, now)).expect("it starts");
    sim.spread(&Spread {
        seed: 13,
        copies: 12,
        variants: 0,
        chains: 3,
        forward_depth: 3,
        decoys: 40,
        unreachable: 0,
        ..Spread::default()
    });
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    pulled(&stage, &sim).await;
    let truth = sim.truth();
    let forwards: Vec<_> = truth
        .planted
        .iter()
        .filter(|copy| matches!(copy.how, How::Forward | How::Attached))
        .collect();
    assert!(!forwards.is_empty());
    let left: Vec<_> = forwards.iter().filter(|copy| copy.reachable).collect();
    assert!(left.is_empty(), "still reachable: {left:#?}");
    assert_eq!(truth.touched(), 0, "answers and own later words stay");
}

#[tokio::test]
async fn ps19_restoring_twice_is_restoring_once() {
    let sim = tenant(24, 10, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let campaign = pulled(&stage, &sim).await;
    for key in ["key_one", "key_two"] {
        undo::restore_campaign(&stage.app, campaign.id, key)
            .await
            .expect("asked");
    }
    stage.drain().await;
    undo::restore_campaign(&stage.app, campaign.id, "key_three")
        .await
        .expect("asked");
    stage.drain().await;
    let truth = sim.truth();
    assert!(truth.planted.iter().all(|copy| copy.now.is_some()));
    for copy in &truth.planted {
        assert_eq!(copy.now.as_ref(), Some(&copy.before), "{}", copy.mailbox);
    }
}

#[tokio::test]
async fn ps21_a_storm_of_flips_ends_as_the_last_one_says() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let campaign = pulled(&stage, &sim).await;
    let mut last = campaign.decision_version;
    for n in 0..100 {
        let verdict = if n % 2 == 0 {
            Verdict::Benign
        } else {
            Verdict::Malicious
        };
        overturn::set_verdict(&stage.app, campaign.seed, verdict, "key_test", "flip")
            .await
            .expect("set");
        let rows = stage.app.store.read(stage.app.tenant);
        let now = rows
            .campaign(campaign.id)
            .await
            .expect("read")
            .expect("there");
        assert!(now.decision_version > last, "versions only grow");
        last = now.decision_version;
    }
    stage.drain_ahead(TimeDelta::minutes(5)).await;
    assert!(sim.truth().all_pulled(), "the last word was malicious");
    let pulls = all_pulls(&stage).await;
    assert!(pulls.iter().all(|p| p.desired == Desired::Pulled));
}

#[tokio::test]
async fn ps25_guests_and_unknown_people_get_no_mail() {
    let sim = tenant(16, 8, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let reporter = sim.reporters().remove(0);
    let mut click = crate::support::stage::click(&reporter, sim.tenant_id());
    click.reporter = format!(
        "entra:{}:00000000-dead-4dead-8000-000000000000",
        sim.tenant_id()
    );
    click.guest = true;
    stage.desk.accept(click).await.expect("accepted");
    stage.drain_ahead(TimeDelta::minutes(30)).await;
    assert!(sim.truth().letters.is_empty(), "{:?}", sim.truth().letters);
}

#[tokio::test]
async fn ps27_an_item_of_another_tenant_is_not_there() {
    let (ours, theirs) = (tenant(16, 8, None), tenant(20, 8, None));
    let stage = Stage::new(&ours, Backend::Sqlite).await.expect("SQLite");
    let here = ours.reporters().remove(0);
    let mut click = crate::support::stage::click(&here, ours.tenant_id());
    // an id that means something only to the other organisation
    click.item_id = Some("AAMkAD-of-another-tenant=".to_owned());
    click.internet_message_id = Some("<only-theirs@elsewhere.example>".to_owned());
    stage.desk.accept(click).await.expect("kept");
    theirs.reset_counters();
    stage.drain_ahead(TimeDelta::minutes(30)).await;
    assert!(all_pulls(&stage).await.is_empty());
    assert!(
        theirs.counters().by_operation.is_empty(),
        "nobody asked there"
    );
}

#[tokio::test]
async fn ps37_nothing_is_ever_deleted() {
    let sim = tenant(24, 10, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let campaign = pulled(&stage, &sim).await;
    undo::restore_campaign(&stage.app, campaign.id, "key_test")
        .await
        .expect("asked");
    stage.drain().await;
    let made = sim.counters().by_operation;
    for operation in [
        Operation::MessageDelete,
        Operation::MessagePurge,
        Operation::GmailDelete,
        Operation::GmailTrash,
        Operation::FolderDelete,
    ] {
        assert!(!made.contains_key(&operation), "{operation:?}");
    }
    assert!(sim.truth().planted.iter().all(|copy| !copy.destroyed));
    let pulls = all_pulls(&stage).await;
    assert!(pulls.iter().all(|p| p.observed == Observed::Restored));
}

/// A second click, on another message of the same person.
fn second_click(sim: &Sim, reporter: &unhook::sim::Reporter, id: &str) -> NewReport {
    let mut click = crate::support::stage::click(reporter, sim.tenant_id());
    click.item_id = None;
    click.internet_message_id = Some(format!("<{id}>"));
    click.idempotency_key = Some(format!("again-{id}"));
    click
}

#[tokio::test]
async fn ps23_our_own_answer_is_known_and_not_answered_again() {
    let sim = tenant(24, 10, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    pulled(&stage, &sim).await;
    let rows = stage.app.store.read(stage.app.tenant);
    let page = PageRequest::first(50);
    for reporter in sim.reporters() {
        let letters = sim.letters_of(&reporter.address);
        let letter = String::from_utf8(letters.last().expect("thanked").clone()).expect("text");
        let id = letter.split("Message-ID: <").nth(1).expect("an id");
        let id = id.split('>').next().expect("its end").to_owned();
        let cases = rows.campaigns(None, &page).await.expect("read").items.len();

        let report = stage.desk.accept(second_click(&sim, &reporter, &id)).await;
        let report = report.expect("accepted").id;
        stage.drain().await;
        let told = rows.report(report).await.expect("read").expect("there");
        assert_eq!(told.status, ReportStatus::Closed);
        let kept = rows.submission(told.submission).await.expect("read");
        let kept = kept.expect("there");
        assert_eq!(kept.verdict, Some(Verdict::Benign));
        assert_eq!(kept.campaign, None, "it is no case");
        let after = sim.letters_of(&reporter.address);
        assert_eq!(after.len(), letters.len(), "nobody is thanked for a thanks");
        let found = rows.campaigns(None, &page).await.expect("read").items;
        assert_eq!(found.len(), cases);

        // Harm under the letter's id is harm.
        let forged = format!(
            "From: IT Desk <desk@northwlnd-verify.example>\r\nTo: {}\r\nMessage-ID: <{id}>\r\n\
             Subject: Thank you: you caught a dangerous message\r\n\
             X-Unhook-Report: rpt_1\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n\
             Confirm your password at https://login.northwlnd-verify.example/renew\r\n",
            reporter.address
        );
        let item = sim.deliver(&reporter.address, forged.as_bytes(), Slot::Inbox, false);
        let mut click = second_click(&sim, &reporter, &id);
        click.item_id = item;
        click.idempotency_key = Some(format!("forged-{id}"));
        let report = stage.desk.accept(click).await.expect("accepted").id;
        stage.drain().await;
        let told = rows.report(report).await.expect("read").expect("there");
        let kept = rows.submission(told.submission).await.expect("read");
        assert_ne!(kept.expect("there").verdict, Some(Verdict::Benign));
    }
}

#[tokio::test]
async fn ps33_a_complaint_that_encloses_mail_of_ours_pulls_none_of_it() {
    let sim = tenant(24, 0, None);
    let users = sim.organisation().users.clone();
    let newsletter = b"From: Northwind News <news@northwind.example>\r\n\
        Message-ID: <news-1@northwind.example>\r\nSubject: What is new in November\r\n\
        Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nList-Id: <news.northwind.example>\r\n\r\n\
        The canteen has a new menu, the car park is open again, and the summer party was a\r\n\
        great success. Pictures are on the intranet, and the next issue comes in December.\r\n";
    for user in &users {
        sim.deliver(&user.address, newsletter, Slot::Inbox, false);
    }
    let complaint = format!(
        "From: Feedback <fbl@provider.example>\r\nTo: {}\r\nSubject: complaint\r\n\
         Message-ID: <arf-1@provider.example>\r\nDate: Mon, 16 Nov 2026 10:00:00 +0000\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; \
         boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nThis is a complaint about \
         mail that our user calls phishing.\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: fraud\r\n\
         User-Agent: x/1\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n\
         --b--\r\n",
        users[0].address,
        String::from_utf8_lossy(newsletter)
    );
    let item = sim.deliver(&users[0].address, complaint.as_bytes(), Slot::Inbox, false);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let click = report(&sim, &users[0], &item.expect("delivered"));
    stage.desk.accept(click).await.expect("accepted");
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let pulls = all_pulls(&stage).await;
    assert!(
        pulls.iter().all(|pull| pull.role == PullRole::Reported),
        "a stranger's word moves nobody's mail: {pulls:?}"
    );
}

#[tokio::test]
async fn ps17_a_message_edited_since_it_was_found_is_looked_at_again_and_stays() {
    let sim = tenant(24, 10, None);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let reporters = sim.reporters();
    let planted = sim.truth().planted;
    let one = planted
        .iter()
        .filter(|c| c.provider == Provider::Graph && c.how == How::Direct)
        .find(|c| reporters.iter().all(|r| r.address != c.mailbox))
        .expect("a copy of somebody else");
    // Its owner writes into it between the search that found it and the look before
    // the move; its id and its place stay the same.
    let when = Matcher {
        operation: Some(Operation::MessageGet),
        mailbox: Some(one.mailbox.clone()),
        nth: Some(1),
        ..Matcher::default()
    };
    sim.add_fault(Fault::once(when, Action::Edit));
    pulled(&stage, &sim).await;
    stage.drain_ahead(TimeDelta::minutes(10)).await;
    let pulls = all_pulls(&stage).await;
    let found = pulls
        .iter()
        .find(|pull| pull.locator.mailbox.address.as_str() == one.mailbox)
        .expect("it was found");
    assert_eq!(found.observed, Observed::Changed, "{}", found.matched_by);
    let truth = sim.truth();
    let left: Vec<&str> = truth
        .planted
        .iter()
        .filter(|copy| copy.reachable)
        .map(|copy| copy.mailbox.as_str())
        .collect();
    assert_eq!(left, [one.mailbox.as_str()], "it alone stays");
}

/// A phish that is an invitation, as its sender's calendar writes it.
const INVITE: &str = "From: Payroll <payroll@northwlnd-support.example>\r\n\
    Subject: Salary review: confirm your seat\r\nMessage-ID: <invite-1@northwlnd-support.example>\r\n\
    Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\n\
    Please confirm your seat in the salary review and sign in before Friday at\r\n\
    https://login.northwlnd-verify.example/renew or your account will be suspended.\r\n\
    --b\r\nContent-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n\
    BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:phish-1@northwlnd-support.example\r\n\
    ORGANIZER:mailto:payroll@northwlnd-support.example\r\nSUMMARY:Salary review\r\n\
    LOCATION:https://login.northwlnd-verify.example/renew\r\nDESCRIPTION:Sign in first\r\n\
    DTSTART:20261120T090000Z\r\nDTEND:20261120T093000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n";

/// What calls of the calendars were made.
const CALENDAR_CALLS: [Operation; 8] = [
    Operation::MessageEvent,
    Operation::EventsList,
    Operation::EventGet,
    Operation::EventCreate,
    Operation::EventDelete,
    Operation::CalendarList,
    Operation::CalendarDelete,
    Operation::CalendarPatch,
];

/// The events that people see, with whose calendar they stand on.
fn events(sim: &Sim) -> Vec<(Provider, String, CalendarEvent)> {
    let users = sim.organisation().users.iter();
    users
        .flat_map(|user| {
            let shown = sim.calendar_of(&user.address).into_iter();
            shown
                .filter(|event| event.on_calendar)
                .map(|event| (user.provider, user.address.clone(), event))
        })
        .collect()
}

/// Those who see each event are as they were, each exactly once, and it says the same.
fn as_before(before: &[(Provider, String, CalendarEvent)], sim: &Sim) {
    let now = events(sim);
    let whose = |all: &[(Provider, String, CalendarEvent)]| -> Vec<String> {
        all.iter().map(|(_, address, _)| address.clone()).collect()
    };
    assert_eq!(whose(&now), whose(before));
    for ((provider, _, was), (_, _, is)) in before.iter().zip(&now) {
        match provider {
            // Undone: the very event.
            Provider::Gmail => assert_eq!(is, was),
            // Made anew: nobody else is named by it, and nobody was written to.
            Provider::Graph => {
                assert_eq!(is.attendees, 0);
                for kept in ["subject", "body", "start", "end", "location", "showAs"] {
                    assert_eq!(is.fields[kept], was.fields[kept], "{kept}");
                }
            }
        }
    }
}

async fn restored(stage: &Stage, campaign: &unhook::store::campaign::Campaign) {
    undo::restore_campaign(&stage.app, campaign.id, "key_test")
        .await
        .expect("asked");
    stage.drain_ahead(TimeDelta::minutes(30)).await;
}

async fn invitation_there_and_back(backend: Backend) {
    let sim = tenant(24, 14, Some(INVITE.as_bytes().to_vec()));
    let before = events(&sim);
    for provider in [Provider::Graph, Provider::Gmail] {
        let there = before.iter().filter(|(on, ..)| *on == provider);
        assert!(there.count() >= 3, "{provider}");
    }
    let Some(stage) = Stage::new(&sim, backend).await else {
        return;
    };
    let campaign = pulled(&stage, &sim).await;
    stage.drain_ahead(TimeDelta::minutes(30)).await;
    for round in 1..=2 {
        assert!(sim.truth().all_pulled(), "{:#?}", sim.truth().planted);
        assert!(events(&sim).is_empty(), "{:#?}", events(&sim));
        let pulls = all_pulls(&stage).await;
        let removed = pulls.iter().filter(|pull| {
            assert!(pull.snapshot().settled(), "{pull:?}");
            let known = pull.calendar.as_ref();
            if pull.observed == Observed::Pulled {
                assert!(known.is_some(), "not looked for: {pull:?}");
            }
            known.is_some_and(|entry| entry.state == EntryState::Removed)
        });
        assert_eq!(removed.count(), before.len(), "one copy for each event");

        restored(&stage, &campaign).await;
        let truth = sim.truth();
        let wrong: Vec<_> = truth
            .planted
            .iter()
            .filter(|c| c.now.as_ref() != Some(&c.before))
            .collect();
        assert!(truth.all_in_place(), "not as before: {wrong:#?}");
        as_before(&before, &sim);
        let pulls = all_pulls(&stage).await;
        assert!(pulls.iter().all(|pull| pull.snapshot().settled()));
        if round == 1 {
            overturn::set_verdict(
                &stage.app,
                campaign.seed,
                Verdict::Malicious,
                "key_test",
                "after all",
            )
            .await
            .expect("overturned");
            stage.drain_ahead(TimeDelta::minutes(30)).await;
        }
    }
}

#[tokio::test]
async fn ps15_an_invitations_event_goes_and_returns_with_it() {
    invitation_there_and_back(Backend::Sqlite).await;
}

#[tokio::test]
async fn ps15_an_invitations_event_goes_and_returns_with_it_on_postgres() {
    invitation_there_and_back(Backend::Postgres).await;
}

#[tokio::test]
async fn ps15_a_lost_answer_neither_doubles_nor_loses_an_event() {
    for executed in [true, false] {
        let sim = tenant(24, 14, Some(INVITE.as_bytes().to_vec()));
        let before = events(&sim);
        for operation in [
            Operation::EventDelete,
            Operation::EventCreate,
            Operation::CalendarDelete,
            Operation::CalendarPatch,
        ] {
            let when = Matcher {
                operation: Some(operation),
                ..Matcher::default()
            };
            let mut fault = Fault::once(when, Action::LoseReply { executed });
            fault.times = 2;
            sim.add_fault(fault);
        }
        let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
        let campaign = pulled(&stage, &sim).await;
        stage.drain_ahead(TimeDelta::minutes(30)).await;
        assert!(sim.truth().all_pulled());
        assert!(events(&sim).is_empty(), "{:#?}", events(&sim));
        restored(&stage, &campaign).await;
        assert!(sim.truth().all_in_place());
        as_before(&before, &sim);
        for (_, address, _) in &before {
            let made = sim.calendar_of(address).len();
            assert!(made <= 2, "{address} has {made} events");
        }
    }
}

#[tokio::test]
async fn ps15_without_the_permission_the_message_goes_and_the_copy_says_what_stays() {
    let sim = tenant(24, 14, Some(INVITE.as_bytes().to_vec()));
    let before = events(&sim);
    sim.configure(|platform| {
        for withheld in [
            "Calendars.ReadWrite",
            "https://www.googleapis.com/auth/calendar.events",
        ] {
            platform.withheld.insert(withheld.to_owned());
        }
    });
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let campaign = pulled(&stage, &sim).await;
    assert!(sim.truth().all_pulled(), "at once");
    let pulls = all_pulls(&stage).await;
    assert!(pulls.iter().all(|pull| pull.observed == Observed::Pulled));
    for (_, address, _) in &before {
        let said = pulls
            .iter()
            .filter(|pull| pull.locator.mailbox.address.as_str() == address)
            .filter_map(|pull| pull.calendar.as_ref())
            .any(|entry| {
                entry.state == EntryState::Left && entry.remark.contains("its calendar entry stays")
            });
        assert!(said, "{address}");
    }
    assert_eq!(events(&sim), before);
    // An event that stayed is not put back beside itself.
    sim.configure(|platform| platform.withheld.clear());
    restored(&stage, &campaign).await;
    assert!(sim.truth().all_in_place());
    assert_eq!(events(&sim), before);
}

#[tokio::test]
async fn ps15_ones_own_meetings_and_older_ones_stay() {
    let sim = tenant(24, 0, None);
    let users = sim.organisation().users.clone();
    let meeting = Invitation {
        uid: "phish-1@northwlnd-support.example".to_owned(),
        summary: "Budget".to_owned(),
        description: String::new(),
        location: String::new(),
        organiser: "anna@supplier.example".to_owned(),
        times: ("20261120T090000Z".to_owned(), "20261120T093000Z".to_owned()),
    };
    let now = sim.now();
    let of = |provider| users.iter().filter(move |u: &&User| u.provider == provider);
    let mut kept: Vec<&str> = Vec::new();
    let mut reported = None;
    for provider in [Provider::Graph, Provider::Gmail] {
        let people: Vec<&User> = of(provider).take(4).collect();
        // A forged change to a meeting that was there, and to one's own.
        sim.put_event(
            &people[0].address,
            &meeting,
            false,
            now - TimeDelta::days(9),
        );
        sim.put_event(&people[1].address, &meeting, true, now);
        kept.extend(people[..2].iter().map(|user| user.address.as_str()));
        for user in people {
            let item = sim.deliver(&user.address, INVITE.as_bytes(), Slot::Inbox, true);
            reported = Some((user.clone(), item.expect("delivered")));
        }
    }
    let (reporter, item) = reported.expect("somebody");
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    let accepted = stage.desk.accept(report(&sim, &reporter, &item)).await;
    let id = accepted.expect("accepted").id;
    stage.drain().await;
    let rows = stage.app.store.read(stage.app.tenant);
    let row = rows.report(id).await.expect("read").expect("there");
    overturn::set_verdict(
        &stage.app,
        row.submission,
        Verdict::Malicious,
        "key_test",
        "",
    )
    .await
    .expect("judged");
    stage.drain_ahead(TimeDelta::minutes(30)).await;
    assert!(sim.truth().all_pulled());
    let now: Vec<String> = events(&sim).into_iter().map(|(_, a, _)| a).collect();
    kept.sort_unstable();
    let mut now: Vec<&str> = now.iter().map(String::as_str).collect();
    now.sort_unstable();
    assert_eq!(now, kept, "only what the invitation itself made goes");
}

#[tokio::test]
async fn ps15_other_mail_and_a_switched_off_calendar_cost_no_call() {
    for message in [None, Some(INVITE.as_bytes().to_vec())] {
        let sim = tenant(24, 10, message.clone());
        let before = events(&sim);
        let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
        let stage = if message.is_some() {
            let mut config = (*stage.app.config).clone();
            config.pull.calendar = false;
            Stage::open(config, None).await
        } else {
            stage
        };
        let campaign = pulled(&stage, &sim).await;
        assert!(sim.truth().all_pulled());
        restored(&stage, &campaign).await;
        assert_eq!(events(&sim), before);
        for operation in CALENDAR_CALLS {
            assert_eq!(sim.counters().of(operation), 0, "{operation:?}");
        }
    }
}

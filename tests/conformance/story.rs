//! A run over both wires with everything the service asks of them, checked
//! exchange by exchange.

use std::sync::Arc;

use unhook::{
    domain::{Locator, MailboxRef, MessageQuery, Provider, Verdict},
    mailbox::{ItemHint, MailProvider, MailboxError, QuarantineMove, RestoreMove},
    sim::{Action, Exchange, Fault, Matcher, Operation, RetryAfter, Sim, Slot, User},
    store::PageRequest,
    triage::overturn,
};

use super::{Descriptions, Tally};
use crate::support::{
    database::Backend,
    stage::{Stage, tenant_with},
};

/// Every operation that a report, its search, its pulls and `doctor` ask for.
pub const USED: [&str; 30] = [
    "directory.groups.get",
    "directory.groups.list",
    "directory.members.list",
    "directory.users.list",
    "gmail.users.getProfile",
    "gmail.users.labels.create",
    "gmail.users.labels.list",
    "gmail.users.messages.get",
    "gmail.users.messages.insert",
    "gmail.users.messages.list",
    "gmail.users.messages.modify",
    "gmail.users.settings.filters.list",
    "gmail.users.settings.getAutoForwarding",
    "graph GET /admin/exchange/tracing/messageTraces",
    "graph GET /groups",
    "graph GET /groups/{group-id}/transitiveMembers",
    "graph GET /organization",
    "graph GET /users",
    "graph GET /users/{user-id}/mailFolders",
    "graph GET /users/{user-id}/mailFolders/{mailFolder-id}",
    "graph GET /users/{user-id}/mailFolders/{mailFolder-id}/messageRules",
    "graph GET /users/{user-id}/mailFolders/{mailFolder-id}/messages",
    "graph GET /users/{user-id}/messages",
    "graph GET /users/{user-id}/messages/{message-id}",
    "graph GET /users/{user-id}/messages/{message-id}/$value",
    "graph PATCH /users/{user-id}/messages/{message-id}",
    "graph POST /$batch",
    "graph POST /security/runHuntingQuery",
    "graph POST /users/{user-id}/mailFolders",
    "graph POST /users/{user-id}/messages/{message-id}/move",
];

#[tokio::test]
async fn all_that_crosses_the_wires_is_as_described() {
    let Some(descriptions) = Descriptions::open() else {
        return;
    };
    let mut tally = Tally::default();
    tally.add(&descriptions, &report_to_thanks_and_back().await);
    tally.add(&descriptions, &large_organisation().await);
    tally.print();
    tally.assert_clean();
    let seen = tally.seen();
    let missing: Vec<_> = USED.iter().filter(|used| !seen.contains(*used)).collect();
    assert!(missing.is_empty(), "not seen: {missing:?}");
    // Pages were turned on every wire, and refusals were among the answers.
    assert!(tally.statuses.contains_key(&404));
    assert!(tally.statuses.contains_key(&429) && tally.statuses.contains_key(&503));
}

fn recorded(sim: &Sim) -> Vec<Exchange> {
    let record = sim.record().expect("a record");
    record.lock().expect("record").clone()
}

fn throttle(operation: Operation, nth: u64) -> Fault {
    let retry_after = RetryAfter::Value("0".to_owned());
    fault(operation, nth, Action::Throttle { retry_after })
}

fn fault(operation: Operation, nth: u64, action: Action) -> Fault {
    let when = Matcher {
        operation: Some(operation),
        nth: Some(nth),
        ..Matcher::default()
    };
    Fault::once(when, action)
}

fn busy() -> Action {
    Action::Answer {
        status: 503,
        headers: Default::default(),
        body: "busy".into(),
    }
}

/// A report, its pulls, an analyst's correction, and the pulls once more.
async fn report_to_thanks_and_back() -> Vec<Exchange> {
    let sim = tenant_with(40, 14, None, true);
    for fault in [
        throttle(Operation::MessageSearch, 2),
        throttle(Operation::MessageMove, 3),
        throttle(Operation::GmailModify, 2),
        fault(Operation::MessageGet, 4, busy()),
        fault(Operation::GmailGet, 4, busy()),
        fault(
            Operation::MessageMove,
            6,
            Action::LoseReply { executed: true },
        ),
        fault(Operation::GmailModify, 5, Action::ExpireTokens),
        fault(Operation::MessageGet, 8, Action::ExpireTokens),
    ] {
        sim.add_fault(fault);
    }
    for provider in [Provider::Graph, Provider::Gmail] {
        let truth = sim.truth();
        let other = people(&sim, provider)
            .into_iter()
            .find(|user| truth.planted.iter().all(|c| c.mailbox != user.address));
        sim.set_licensed(&other.expect("somebody").address, false);
    }
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    stage.report_all(&sim).await;
    stage.drain().await;
    assert!(sim.truth().all_pulled(), "{:#?}", sim.truth());
    let rows = stage.app.store.read(stage.app.tenant);
    let page = PageRequest::first(2);
    let campaigns = rows.campaigns(None, &page).await.expect("campaigns").items;
    let seed = campaigns.first().expect("a campaign").seed;
    for verdict in [Verdict::Benign, Verdict::Malicious] {
        overturn::set_verdict(&stage.app, seed, verdict, "key_test", "")
            .await
            .expect("overturned");
        stage.drain().await;
        match verdict {
            Verdict::Benign => assert!(sim.truth().all_in_place()),
            _ => assert!(sim.truth().all_pulled(), "{:#?}", sim.truth()),
        }
    }
    // Another instance has to find the quarantines that are there already.
    let other = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    for reporter in sim.reporters() {
        let users = people(&sim, reporter.provider);
        let user = users.iter().find(|user| user.id == reporter.user_id);
        let mailbox = mailbox(user.expect("the reporter"));
        let mail = other.app.mail.of(&mailbox).expect("connected");
        let found = mail.quarantine_of(&[mailbox]).await;
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
    for mail in stage.app.mail.all() {
        let findings = mail.check().await;
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    }
    recorded(&sim)
}

fn people(sim: &Sim, provider: Provider) -> Vec<User> {
    let users = sim.organisation().users.iter();
    users.filter(|u| u.provider == provider).cloned().collect()
}

fn mailbox(user: &User) -> MailboxRef {
    let key = match user.provider {
        Provider::Graph => &user.id,
        Provider::Gmail => &user.address,
    };
    let address = user.address.parse().expect("an address");
    MailboxRef::new(user.provider, key.clone(), address).expect("a mailbox")
}

/// Directory pages, nested lists, long searches, and things that are not there.
async fn large_organisation() -> Vec<Exchange> {
    let sim = tenant_with(2200, 6, None, true);
    let stage = Stage::new(&sim, Backend::Sqlite).await.expect("SQLite");
    for mail in stage.app.mail.all() {
        let people = people(&sim, mail.provider());
        directory(&sim, mail, people.len()).await;
        lookups(&sim, mail, &people[0]).await;
    }
    let record = recorded(&sim);
    for (face, word) in [
        ("/v1.0/users?", "skiptoken="),
        ("/messages?", "skip"),
        ("/transitiveMembers?", "skiptoken="),
        ("/admin/directory/v1/users?", "pageToken="),
        ("/members?", "pageToken="),
        ("/gmail/v1/", "pageToken="),
    ] {
        let turned = |e: &&Exchange| e.target.contains(face) && e.target.contains(word);
        assert!(
            record.iter().any(|e| turned(&e)),
            "no second page of {face}"
        );
    }
    record
}

async fn directory(sim: &Sim, mail: &Arc<dyn MailProvider>, people: usize) {
    let mut listed = 0;
    let mut cursor: Option<String> = None;
    loop {
        let page = mail.mailboxes(cursor.as_deref()).await.expect("a page");
        listed += page.mailboxes.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, people);
    for group in &sim.organisation().groups {
        if group.provider == mail.provider() {
            let address = group.address.parse().expect("an address");
            let members = mail.expand(&address).await.expect("members");
            assert!(members.is_some(), "{address}");
        }
    }
    let nobody = "nobody@else.example".parse().expect("an address");
    assert_eq!(mail.expand(&nobody).await, Ok(None));
}

/// Pulls a copy and puts it back: with state that has to be set anew, and with
/// its folder or label gone.
async fn there_and_back(mail: &Arc<dyn MailProvider>, locator: &Locator) {
    let mailbox = locator.mailbox.clone();
    let quarantine = mail.quarantine_of(&[mailbox]).await.remove(0);
    let quarantine = quarantine.expect("a quarantine");
    for folder_is_gone in [false, true] {
        let seen = mail.inspect(std::slice::from_ref(locator)).await.remove(0);
        let from = seen.expect("an answer").expect("there").place;
        let mut to = from.clone();
        to.read = !from.read;
        to.flagged = !from.flagged;
        if folder_is_gone {
            to.containers = vec![match locator.mailbox.provider {
                Provider::Graph => "AQMkAGgone".to_owned(),
                Provider::Gmail => "Label_4711".to_owned(),
            }];
        }
        let pull = QuarantineMove {
            locator: locator.clone(),
            from,
            quarantine: quarantine.clone(),
        };
        let back = RestoreMove {
            locator: locator.clone(),
            to,
            quarantine: quarantine.clone(),
        };
        let pulled = mail.quarantine(&[pull]).await;
        assert!(pulled.iter().all(Result::is_ok), "{pulled:?}");
        let restored = mail.restore(&[back]).await;
        assert!(restored.iter().all(Result::is_ok), "{restored:?}");
    }
}

async fn lookups(sim: &Sim, mail: &Arc<dyn MailProvider>, user: &User) {
    // More than one page of hits: 50 on Graph, 500 on Gmail.
    let copies = match user.provider {
        Provider::Graph => 60,
        Provider::Gmail => 510,
    };
    let raw = "From: IT <it@evil.example>\r\nTo: staff@northwind.example\r\nSubject: Now\r\n\
        Message-ID: <many@evil.example>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\
        Content-Type: text/html\r\n\r\n<p>https://login.evil.example/now</p>\r\n";
    let mut item = None;
    for _ in 0..copies {
        item = sim.deliver(&user.address, raw.as_bytes(), Slot::Inbox, false);
    }
    let mailbox = mailbox(user);
    let by_id = ItemHint {
        item_id: Some("AAAA".to_owned()),
        internet_message_id: Some("<many@evil.example>".to_owned()),
    };
    let by_item = ItemHint {
        item_id: item,
        internet_message_id: None,
    };
    let found = mail.find(&mailbox, &by_item).await.expect("found");
    there_and_back(mail, &found.first().expect("it").locator).await;
    assert!(mail.find(&mailbox, &by_id).await.expect("found").len() > 1);
    let mut query = MessageQuery {
        phrases: vec!["login.evil.example".to_owned()],
        ..MessageQuery::by_ids(
            ["many@evil.example"],
            "2026-01-01T00:00:00Z".parse().expect("a time"),
        )
    };
    let found = mail.search(std::slice::from_ref(&mailbox), &query).await;
    assert!(matches!(&found[..], [Ok(found)] if found.seen.len() == copies));
    query.sent_only = true;
    let found = mail.search(std::slice::from_ref(&mailbox), &query).await;
    assert!(matches!(&found[..], [Ok(found)] if found.seen.is_empty()));
    let nothing = Locator::new(mailbox.clone(), "18c0ffee00000000").expect("a locator");
    let raw_of_nothing = mail.fetch_raw(&nothing).await;
    assert!(raw_of_nothing.is_err(), "{raw_of_nothing:?}");
    let put = mail.insert(&mailbox, raw.as_bytes()).await;
    let inserts = mail.capabilities().inserts;
    assert_eq!(put.is_ok(), inserts);
    assert!(inserts || matches!(put, Err(MailboxError::Rejected { .. })));
}

//! Who else gets a message: groups, the tenant's records, forwarding; and what a
//! search can name beside ids. Over the wires that know it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use unhook::{
    clock::{Clock as _, SystemClock},
    domain::{MailboxAddress, MessageQuery, Provider},
    mailbox::{
        Content, DeliveryQuery, DeliverySource, Family, ForwardingKind, GroupKind, MailReader as _,
        MailboxError, Purpose, ReadOnly, ReplyState,
    },
    sim::{ForwardingRule, Operation, Reach, Relay, Shape, Slot, User},
};

use super::world::{BOTH, World, by_id};

async fn varied(provider: Provider) -> World {
    World::shaped(
        provider,
        &Shape {
            mailboxes: 40,
            shared: 2,
            rooms: 1,
            groups: true,
            seed: 7,
            ..Shape::default()
        },
    )
    .await
}

fn now() -> chrono::DateTime<Utc> {
    SystemClock.now()
}

fn recent(ids: &[&str]) -> DeliveryQuery {
    DeliveryQuery {
        message_ids: ids.iter().map(|&id| id.to_owned()).collect(),
        after: now() - TimeDelta::days(2),
        before: now() + TimeDelta::minutes(1),
    }
}

fn group(world: &World, local: &str) -> MailboxAddress {
    let groups = &world.sim.organisation().groups;
    let found = groups
        .iter()
        .find(|g| g.provider == world.provider && g.address.starts_with(&format!("{local}@")));
    found.expect("group").address.parse().expect("address")
}

fn addresses(people: &[User]) -> BTreeSet<String> {
    people.iter().map(|user| user.address.clone()).collect()
}

#[tokio::test]
async fn f39_groups_are_named_as_what_they_are_and_loops_end() {
    for provider in BOTH {
        let world = varied(provider).await;
        let expand = async |local: &str| world.mail.expand(&group(&world, local)).await;
        let day = expand("shift-day").await.expect("answer").expect("a list");
        let night = expand("shift-night")
            .await
            .expect("answer")
            .expect("a list");
        // Each holds the other: the same people, each once.
        let everybody: BTreeSet<_> = day.members.iter().collect();
        assert_eq!(everybody, night.members.iter().collect(), "{provider}");
        assert_eq!(everybody.len(), day.members.len());
        assert_eq!(day.kind, GroupKind::List);
        match provider {
            Provider::Graph => {
                let team = expand("team-harbour").await.expect("answer");
                let team = team.expect("a group");
                assert_eq!(team.kind, GroupKind::Microsoft365);
                assert!(!team.members.is_empty());
                assert!(team.remark.expect("remark").contains("own mailbox"));
                let board = expand("board").await.expect("answer").expect("a list");
                assert!(board.members.is_empty());
                assert!(board.remark.expect("remark").contains("hidden"));
                // A list that Exchange fills by a rule is none of the directory's.
                assert_eq!(expand("everyone-west").await, Ok(None));
            }
            Provider::Gmail => {
                let desk = expand("frontdesk").await.expect("answer").expect("a group");
                assert_eq!(desk.kind, GroupKind::CollaborativeInbox);
                assert!(desk.remark.is_some());
            }
        }
    }
}

#[tokio::test]
async fn recipients_come_from_the_trace_and_from_hunting_where_it_is_licensed() {
    let world = World::new(Provider::Graph).await;
    let people = &world.people()[..3];
    for user in people {
        world.deliver(user, "one@evil.example", Slot::Inbox);
    }
    world.deliver(&people[0], "two@evil.example", Slot::Junk);
    world.sim.configure(|platform| platform.trace_delay = 0);
    let query = recent(&["one@evil.example", "two@evil.example"]);
    let traced = world.mail.deliveries(&query).await.expect("answer");
    assert_eq!(traced.source, DeliverySource::Trace);
    let found: BTreeSet<String> = traced
        .recipients
        .iter()
        .map(|delivery| delivery.address.to_string())
        .collect();
    assert_eq!(found, addresses(people));
    // The last ten minutes may be missing from a trace, and that is said.
    assert!(!traced.complete, "{traced:?}");
    let earlier = DeliveryQuery {
        before: now() - TimeDelta::minutes(11),
        ..query.clone()
    };
    let earlier = world.mail.deliveries(&earlier).await.expect("answer");
    assert!(earlier.complete && earlier.recipients.is_empty());

    // That there is no licence was asked once.
    assert_eq!(world.sim.counters().of(Operation::Hunting), 1);
    world.sim.configure(|platform| platform.hunting = true);
    let other = world.again().await;
    let hunted = other.deliveries(&query).await.expect("answer");
    assert_eq!(hunted.source, DeliverySource::Hunting);
    assert!(hunted.complete, "{hunted:?}");
    assert_eq!(hunted.calls, 1);
    let found: BTreeSet<String> = hunted
        .recipients
        .iter()
        .map(|delivery| delivery.address.to_string())
        .collect();
    assert_eq!(found, addresses(people));
    let numbered = |d: &unhook::mailbox::Delivery| d.network_message_id.is_some();
    assert!(hunted.recipients.iter().all(numbered));
    assert_eq!(other.calls().calls.get(&Family::Hunting), Some(&1));
}

#[tokio::test]
async fn f47_a_record_that_is_cut_or_used_up_or_silent_is_never_complete() {
    let world = World::new(Provider::Graph).await;
    for user in &world.people()[..5] {
        world.deliver(user, "one@evil.example", Slot::Inbox);
    }
    let query = recent(&["one@evil.example"]);
    world.sim.configure(|platform| {
        platform.hunting = true;
        platform.hunting_rows = 3;
        platform.trace_delay = 0;
    });
    let cut = world.mail.deliveries(&query).await.expect("answer");
    assert!(!cut.complete && cut.recipients.len() == 3, "{cut:?}");
    // Hunting that runs out of its time leaves the trace.
    world.sim.configure(|platform| {
        platform.hunting_stalls = true;
        platform.trace_requests = 1;
    });
    let traced = world.mail.deliveries(&query).await.expect("answer");
    assert_eq!(traced.source, DeliverySource::Trace);
    assert_eq!(traced.recipients.len(), 5);
    assert!(traced.remark.expect("remark").contains("hunting"));
    // The quota is gone: said, and no error. The mailboxes are searched instead.
    let none = world.mail.deliveries(&query).await.expect("answer");
    assert!(!none.complete && none.recipients.is_empty(), "{none:?}");
    assert!(none.remark.expect("remark").contains("trace"));
    // Not before its time, and without a call.
    let before = world.sim.counters().of(Operation::MessageTrace);
    let again = world.mail.deliveries(&query).await.expect("answer");
    assert!(!again.complete);
    assert_eq!(world.sim.counters().of(Operation::MessageTrace), before);
    // An id that cannot be asked for is named, not glued.
    let hostile = recent(&["a') | union EmailEvents //@x"]);
    let refused = world.mail.deliveries(&hostile).await.expect("answer");
    assert!(!refused.complete && refused.calls == 0, "{refused:?}");

    let gmail = World::new(Provider::Gmail).await;
    let nothing = gmail.mail.deliveries(&query).await.expect("answer");
    assert_eq!(nothing.source, DeliverySource::None);
    assert!(!nothing.complete && nothing.remark.is_some());
}

#[tokio::test]
async fn what_passes_mail_on_is_seen_and_a_missing_permission_is_named() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = &world.people()[..3];
        let rule = |relay, to: &str, enabled| ForwardingRule {
            relay,
            to: vec![to.to_owned()],
            enabled,
        };
        world.sim.set_rules(
            &people[0].address,
            vec![
                rule(Relay::Forward, "one@else.example", true),
                rule(Relay::Redirect, "two@else.example", true),
            ],
        );
        world.sim.set_rules(
            &people[1].address,
            vec![rule(Relay::Redirect, "off@else.example", false)],
        );
        world.sim.set_reach(&people[2].address, Reach::Unlicensed);
        let boxes: Vec<_> = people.iter().map(|user| world.mailbox(user)).collect();
        let found = world.mail.forwarding(&boxes).await;
        let orders = found[0].as_ref().expect("answer");
        let targets: BTreeSet<String> = orders
            .iter()
            .flat_map(|order| order.to.iter().map(ToString::to_string))
            .collect();
        assert_eq!(
            targets,
            ["one@else.example", "two@else.example"]
                .map(str::to_owned)
                .into(),
            "{provider}"
        );
        let redirected = orders
            .iter()
            .find(|order| order.to[0].as_str() == "two@else.example")
            .expect("redirect");
        assert!(redirected.keeps_message_id);
        let auto = redirected.how == ForwardingKind::AutoForward;
        assert_eq!(auto, provider == Provider::Gmail);
        assert_eq!(found[1], Ok(Vec::new()), "{provider}");
        assert!(
            matches!(found[2], Err(MailboxError::NoMailbox(_))),
            "{provider} {:?}",
            found[2]
        );
        if provider == Provider::Graph {
            world.sim.configure(|platform| {
                platform.withheld.insert("MailboxSettings.Read".to_owned());
            });
            let refused = world.mail.forwarding(&boxes[..1]).await;
            assert!(matches!(refused[0], Err(MailboxError::Forbidden(_))));
        }
    }
}

#[tokio::test]
async fn shared_mailboxes_and_rooms_are_told_from_people() {
    let world = varied(Provider::Graph).await;
    let boxes: Vec<_> = world
        .people()
        .iter()
        .map(|user| world.mailbox(user))
        .collect();
    let purposes = world.mail.purposes(&boxes).await;
    let count = |wanted: Purpose| {
        let same = purposes.iter().filter(|p| **p == Ok(wanted));
        same.count()
    };
    assert_eq!((count(Purpose::Shared), count(Purpose::Room)), (2, 1));
    assert_eq!(count(Purpose::User), boxes.len() - 3);
}

#[tokio::test]
async fn senders_subjects_and_a_window_find_a_variant_in_one_call() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "variant@evil.example", Slot::Inbox);
        let mailbox = [world.mailbox(ann)];
        let since = now() - TimeDelta::hours(1);
        let queries = [
            MessageQuery {
                senders: vec!["it@evil.example".parse().expect("address")],
                ..MessageQuery::since(since)
            },
            MessageQuery {
                subjects: vec!["Action required".to_owned()],
                ..MessageQuery::by_ids(["nothing@evil.example"], since)
            },
            MessageQuery {
                phrases: vec!["login.evil.example".to_owned()],
                ..MessageQuery::since(since)
            },
        ];
        for query in queries {
            world.sim.reset_counters();
            let found = world.mail.search(&mailbox, &query).await.remove(0);
            let found = found.expect("found");
            assert_eq!(found.seen.len(), 1, "{provider} {query:?}");
            assert!(!found.truncated);
            assert_eq!(world.sim.counters().provider_calls(), 1, "{provider}");
            if let Content::Fields(fields) = &found.seen[0].content {
                // Verified without a further call.
                let body = fields.body.as_deref().expect("body");
                assert!(body.contains("login.evil.example"));
            }
            for (after, before) in [
                (since + TimeDelta::days(1), None),
                (since - TimeDelta::days(9), Some(since)),
            ] {
                let elsewhen = MessageQuery {
                    after,
                    before,
                    ..query.clone()
                };
                let found = world.mail.search(&mailbox, &elsewhen).await.remove(0);
                assert!(
                    found.expect("found").seen.is_empty(),
                    "{provider} {query:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_was_deleted_for_good_is_searched_when_asked_for() {
    let world = World::new(Provider::Graph).await;
    let ann = &world.people()[0];
    let item = world.deliver(ann, "one@evil.example", Slot::Inbox);
    let path = format!("messages/{item}");
    world
        .owner(ann, "DELETE", &path, serde_json::Value::Null)
        .await;
    let mailbox = [world.mailbox(ann)];
    let mut query = by_id("one@evil.example");
    let found = world.mail.search(&mailbox, &query).await.remove(0);
    assert!(found.expect("found").seen.is_empty());
    query.recoverable = true;
    let found = world.mail.search(&mailbox, &query).await.remove(0);
    assert_eq!(found.expect("found").seen.len(), 1);
}

#[tokio::test]
async fn a_thousand_hits_by_words_are_not_all_there_may_be() {
    let world = World::new(Provider::Graph).await;
    let ann = &world.people()[0];
    for n in 0..1_001 {
        world.deliver(ann, &format!("{n}@evil.example"), Slot::Inbox);
    }
    let query = MessageQuery {
        phrases: vec!["login.evil.example".to_owned()],
        ..MessageQuery::since(now() - TimeDelta::hours(1))
    };
    let found = world.mail.search(&[world.mailbox(ann)], &query).await;
    let found = found.into_iter().next().expect("answer").expect("found");
    assert_eq!(found.seen.len(), 1_000);
    assert!(found.truncated);
}

#[tokio::test]
async fn a_look_tells_what_the_platform_knows_of_a_message() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let found = world.found(ann, "one@evil.example").await;
        let seen = world.look(&found[0].locator).await.expect("there");
        assert!(!seen.has_attachments);
        assert_eq!(seen.reply_state, None::<ReplyState>);
        let numbered = seen.network_message_id.is_some();
        assert_eq!(numbered, provider == Provider::Graph);
    }
}

#[tokio::test]
async fn a_dry_run_reads_by_a_type_that_cannot_write() {
    let world = World::new(Provider::Graph).await;
    let ann = &world.people()[0];
    world.deliver(ann, "one@evil.example", Slot::Inbox);
    let reader = ReadOnly::new(Arc::from(world.again().await));
    let before = reader.calls();
    let found = reader
        .search(&[world.mailbox(ann)], &by_id("one@evil.example"))
        .await;
    assert_eq!(found[0].as_ref().expect("found").seen.len(), 1);
    let made = reader.calls().since(&before);
    assert_eq!((made.total(), made.exchanges), (1, 1));
}

#[tokio::test]
async fn a_quota_that_is_used_up_waits_without_a_call() {
    let world = World::new(Provider::Gmail).await;
    let people = world.people();
    world.deliver(&people[0], "one@evil.example", Slot::Inbox);
    let locator = world.found(&people[0], "one@evil.example").await[0]
        .locator
        .clone();
    world.sim.reset_counters();
    let many: Vec<_> = (0..310).map(|_| locator.clone()).collect();
    let seen = world.mail.inspect(&many).await;
    let refused = seen.iter().find_map(|seen| seen.as_ref().err());
    // 6,000 units a minute: 5 for the search, 20 for each look.
    assert_eq!(world.sim.counters().of(Operation::GmailGet), 299);
    assert!(
        matches!(refused, Some(MailboxError::Throttled { retry_after: Some(wait) })
            if *wait > Duration::from_secs(30)),
        "{refused:?}"
    );
    // The others go on.
    let found = world.search(&people[1], "one@evil.example").await;
    assert!(found.is_ok());
}

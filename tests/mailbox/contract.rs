//! What every mail provider promises, run over both wires.

use std::time::Duration;

use serde_json::{Value, json};
use unhook::{
    domain::{Locator, MessageQuery, Provider},
    mailbox::{
        Content, Disposition, EntryFound, EntryLook, EntryMove, ItemHint, MailboxError,
        QuarantineMove,
    },
    sim::{Action, Fault, Matcher, Operation, PageFault, RetryAfter, Slot, User},
};

use super::world::{BOTH, World, back, by_id, letter};

#[tokio::test]
async fn a_reported_item_is_found_by_its_id_and_by_its_message_id() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let item = world.deliver(ann, "one@evil.example", Slot::Inbox);
        let mailbox = world.mailbox(ann);
        let spellings = match provider {
            // Outlook on the web gives REST ids, older clients EWS ids.
            Provider::Graph => vec![item.clone(), item.replace('-', "/").replace('_', "+")],
            Provider::Gmail => {
                let number = u64::from_str_radix(&item, 16).expect("hex");
                vec![item.clone(), format!("msg-f:{number}")]
            }
        };
        for spelling in spellings {
            let hint = ItemHint {
                item_id: Some(spelling.clone()),
                internet_message_id: None,
            };
            let found = world.mail.find(&mailbox, &hint).await.expect("found");
            assert_eq!(found.len(), 1, "{provider} {spelling}");
            let raw = world.mail.fetch_raw(&found[0].locator).await.expect("raw");
            let raw = String::from_utf8_lossy(&raw).into_owned();
            assert!(raw.contains("one@evil.example") && raw.contains("login.evil.example"));
        }
        // An id of nothing falls back to the Message-ID, with or without brackets.
        for id in ["one@evil.example", "<one@evil.example>"] {
            let hint = ItemHint {
                item_id: Some("AAAA".to_owned()),
                internet_message_id: Some(id.to_owned()),
            };
            let found = world.mail.find(&mailbox, &hint).await.expect("found");
            assert_eq!(found.len(), 1, "{provider} {id}");
            assert!(!found[0].place.containers.is_empty());
        }
        let nothing = world.mail.find(&mailbox, &ItemHint::default()).await;
        assert_eq!(nothing.expect("found").len(), 0);
    }
}

#[tokio::test]
async fn a_search_sees_every_folder_and_every_page_in_one_call_a_mailbox() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        world.deliver(&people[0], "one@evil.example", Slot::Inbox);
        world.deliver(&people[1], "one@evil.example", Slot::Junk);
        world.deliver(&people[2], "one@evil.example", Slot::Trash);
        world.deliver(&people[3], "one@evil.example", Slot::Own("Projects".into()));
        world.deliver(&people[4], "one@evil.example", Slot::Inbox);
        world.deliver(&people[4], "one@evil.example", Slot::Inbox);
        world.deliver(&people[5], "other@evil.example", Slot::Inbox);
        let boxes: Vec<_> = people.iter().map(|user| world.mailbox(user)).collect();
        world.sim.reset_counters();
        let found = world.mail.search(&boxes, &by_id("one@evil.example")).await;
        let counts: Vec<usize> = found
            .into_iter()
            .map(|found| found.expect("found").seen.len())
            .collect();
        assert_eq!(counts[..6], [1, 1, 1, 1, 2, 0], "{provider}");
        assert!(counts[6..].iter().all(|count| *count == 0));
        let calls = world.sim.counters();
        assert_eq!(calls.provider_calls(), 30, "{provider}");
        if provider == Provider::Graph {
            assert_eq!(calls.of(Operation::Batch), 2);
        }

        for _ in 0..60 {
            world.deliver(&people[6], "many@evil.example", Slot::Inbox);
        }
        assert_eq!(world.found(&people[6], "many@evil.example").await.len(), 60);
    }
}

#[tokio::test]
async fn forwards_are_found_as_the_capabilities_say() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        world.deliver(&people[0], "forward@northwind.example", Slot::Inbox);
        world.deliver(&people[1], "forward@northwind.example", Slot::Sent);
        let boxes = [world.mailbox(&people[0]), world.mailbox(&people[1])];
        let mut query = MessageQuery {
            phrases: vec!["login.evil.example".to_owned()],
            ..by_id("one@evil.example")
        };
        let found = world.mail.search(&boxes, &query).await;
        let hits = usize::from(world.mail.capabilities().searches_phrases);
        assert_eq!(
            found[0].as_ref().expect("found").seen.len(),
            hits,
            "{provider}"
        );
        query.sent_only = true;
        let found = world.mail.search(&boxes, &query).await;
        assert_eq!(
            found[0].as_ref().expect("found").seen.len(),
            0,
            "{provider}"
        );
        let sent = &found[1].as_ref().expect("found").seen;
        assert_eq!(sent.len(), 1, "{provider}");
        if let Content::Fields(fields) = &sent[0].content {
            let body = fields.body.as_deref().expect("body");
            assert!(body.contains("login.evil.example"));
        }
    }
}

#[tokio::test]
async fn a_copy_is_pulled_and_restored_exactly() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        let slots = [
            Slot::Inbox,
            Slot::Junk,
            Slot::Trash,
            Slot::Own("Projects".into()),
        ];
        let mut pulls = Vec::new();
        let mut before = Vec::new();
        for (at, slot) in slots.into_iter().enumerate() {
            let user = &people[at];
            let item = world.deliver(user, "one@evil.example", slot);
            if at % 2 == 1 {
                // Read and flagged by its owner.
                let (method, path, body) = match provider {
                    Provider::Graph => (
                        "PATCH",
                        format!("messages/{item}"),
                        json!({"isRead": true, "flag": {"flagStatus": "flagged"},
                               "categories": ["Blue category"]}),
                    ),
                    Provider::Gmail => (
                        "POST",
                        format!("messages/{item}/modify"),
                        json!({"addLabelIds": ["STARRED", "IMPORTANT"],
                               "removeLabelIds": ["UNREAD"]}),
                    ),
                };
                world.owner(user, method, &path, body).await;
            }
            before.push(world.snapshots(user));
            pulls.push(world.pull_of(user, "one@evil.example").await);
        }

        let places = world.mail.quarantine(&pulls).await;
        for ((pull, place), user) in pulls.iter().zip(places).zip(&people) {
            let place = place.expect("pulled");
            assert!(place.holds(&pull.quarantine), "{provider} {place:?}");
            assert_eq!(place.read, pull.from.read);
            assert!(!world.reachable(user), "{provider}");
            let seen = world.look(&pull.locator).await.expect("there");
            assert_eq!(seen.place, place);
        }

        let restores: Vec<_> = pulls.iter().map(back).collect();
        let restored = world.mail.restore(&restores).await;
        for (((pull, restored), user), before) in
            pulls.iter().zip(restored).zip(&people).zip(&before)
        {
            let restored = restored.expect("restored");
            assert!(!restored.fallback_to_inbox);
            assert_eq!(restored.place, pull.from, "{provider}");
            assert_eq!(world.snapshots(user), *before, "{provider}");
        }
    }
}

#[tokio::test]
async fn state_changed_in_quarantine_is_set_back() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let before = world.snapshots(ann);
        let pull = world.pull_of(ann, "one@evil.example").await;
        let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(moved[0].is_ok());
        let item = pull.locator.message();
        let (method, path, body) = match provider {
            Provider::Graph => (
                "PATCH",
                format!("messages/{item}"),
                json!({"isRead": true, "categories": ["Red category"]}),
            ),
            Provider::Gmail => (
                "POST",
                format!("messages/{item}/modify"),
                json!({"addLabelIds": ["CATEGORY_SOCIAL", "STARRED"], "removeLabelIds": ["UNREAD"]}),
            ),
        };
        world.owner(ann, method, &path, body).await;
        let restored = world.mail.restore(&[back(&pull)]).await;
        assert_eq!(restored[0].as_ref().expect("restored").place, pull.from);
        assert_eq!(world.snapshots(ann), before, "{provider}");
    }
}

#[tokio::test]
async fn f48_a_removed_folder_or_label_does_not_keep_a_copy_in_quarantine() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Own("Projects".into()));
        let pull = world.pull_of(ann, "one@evil.example").await;
        let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(moved[0].is_ok());
        let own = pull
            .from
            .containers
            .iter()
            .find(|c| provider == Provider::Graph || c.starts_with("Label_"))
            .expect("own");
        let kind = match provider {
            Provider::Graph => "mailFolders",
            Provider::Gmail => "labels",
        };
        let path = format!("{kind}/{own}");
        world.owner(ann, "DELETE", &path, Value::Null).await;
        let restored = world.mail.restore(&[back(&pull)]).await;
        let restored = restored[0].as_ref().expect("restored");
        assert_eq!(restored.fallback_to_inbox, provider == Provider::Graph);
        assert!(!restored.place.holds(&pull.quarantine));
        assert!(world.reachable(ann), "{provider}");
    }
}

#[tokio::test]
async fn f34_a_lost_reply_is_unknown_and_a_look_tells() {
    for provider in BOTH {
        for executed in [true, false] {
            let world = World::new(provider).await;
            let ann = &world.people()[0];
            world.deliver(ann, "one@evil.example", Slot::Inbox);
            let pull = world.pull_of(ann, "one@evil.example").await;
            world.fail_move(ann, Action::LoseReply { executed });
            let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
            assert!(
                matches!(moved[0], Err(MailboxError::OutcomeUnknown(_))),
                "{provider} {moved:?}"
            );
            let seen = world.look(&pull.locator).await.expect("there");
            assert_eq!(seen.place.holds(&pull.quarantine), executed, "{provider}");
            assert_eq!(world.reachable(ann), !executed);
        }
    }
}

#[tokio::test]
async fn f29_one_throttled_mailbox_does_not_hold_the_others_up() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        let mut pulls = Vec::new();
        for user in &people[..5] {
            world.deliver(user, "one@evil.example", Slot::Inbox);
            pulls.push(world.pull_of(user, "one@evil.example").await);
        }
        let retry_after = RetryAfter::Value("300".to_owned());
        world.fail_move(&people[2], Action::Throttle { retry_after });
        world.sim.reset_counters();
        let moved = world.mail.quarantine(&pulls).await;
        for (at, moved) in moved.iter().enumerate() {
            if at == 2 {
                let error = MailboxError::Throttled {
                    retry_after: Some(Duration::from_secs(300)),
                };
                assert_eq!(moved, &Err(error), "{provider}");
            } else {
                assert!(moved.is_ok(), "{provider} {moved:?}");
            }
        }
        assert!(world.reachable(&people[2]));
        // Not before its time, and without a call.
        assert_eq!(world.sim.counters().of(world.moving()), 5);
        let again = world.mail.quarantine(&pulls[2..3]).await;
        assert!(matches!(
            again[0],
            Err(MailboxError::Throttled { retry_after: Some(left) }) if left > Duration::from_secs(290)
        ));
        assert_eq!(world.sim.counters().of(world.moving()), 5);
    }
}

#[tokio::test]
async fn many_calls_into_one_mailbox_stay_under_its_limit() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        for _ in 0..24 {
            world.deliver(ann, "one@evil.example", Slot::Inbox);
        }
        let found = world.found(ann, "one@evil.example").await;
        // Slow answers, so that the calls would really pile up.
        let when = Matcher {
            mailbox: Some(ann.address.clone()),
            ..Matcher::default()
        };
        let slow = Action::Slow { millis: 20 };
        world.sim.add_fault(Fault::always(when, slow));
        let raws = found.iter().map(|seen| world.mail.fetch_raw(&seen.locator));
        for raw in futures::future::join_all(raws).await {
            assert!(raw.is_ok(), "{provider} {raw:?}");
        }
        let locators: Vec<_> = found.into_iter().map(|seen| seen.locator).collect();
        for seen in world.mail.inspect(&locators).await {
            assert!(matches!(seen, Ok(Some(_))), "{provider} {seen:?}");
        }
    }
}

#[tokio::test]
async fn f40_a_copy_that_vanishes_is_gone_everywhere() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        let (ann, bob) = (&people[0], &people[1]);
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        world.deliver(bob, "one@evil.example", Slot::Inbox);
        let pulls = [
            world.pull_of(ann, "one@evil.example").await,
            world.pull_of(bob, "one@evil.example").await,
        ];
        world.fail_move(ann, Action::Vanish);
        let moved = world.mail.quarantine(&pulls).await;
        assert_eq!(moved[0], Err(MailboxError::Gone), "{provider}");
        assert!(moved[1].is_ok());
        assert!(world.look(&pulls[0].locator).await.is_none());
        let raw = world.mail.fetch_raw(&pulls[0].locator).await;
        assert_eq!(raw, Err(MailboxError::Gone));
        let restored = world.mail.restore(&[back(&pulls[0])]).await;
        assert_eq!(restored[0], Err(MailboxError::Gone), "{provider}");
    }
}

#[tokio::test]
async fn f40_a_copy_that_its_owner_moved_is_found_under_its_id() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let item = world.deliver(ann, "one@evil.example", Slot::Inbox);
        let pull = world.pull_of(ann, "one@evil.example").await;
        let (path, body) = match provider {
            Provider::Graph => (
                format!("messages/{item}/move"),
                json!({"destinationId": "junkemail"}),
            ),
            Provider::Gmail => (
                format!("messages/{item}/modify"),
                json!({"addLabelIds": ["SPAM"], "removeLabelIds": ["INBOX"]}),
            ),
        };
        world.owner(ann, "POST", &path, body).await;
        let moved = world.snapshots(ann);
        let seen = world.look(&pull.locator).await.expect("still there");
        assert_ne!(seen.place.containers, pull.from.containers, "{provider}");
        let pull = QuarantineMove {
            from: seen.place,
            ..pull
        };
        let taken = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(taken[0].is_ok(), "{provider} {taken:?}");
        assert!(!world.reachable(ann), "{provider}");
        let restored = world.mail.restore(&[back(&pull)]).await;
        assert!(restored[0].is_ok(), "{provider} {restored:?}");
        assert_eq!(world.snapshots(ann), moved, "where its owner put it");
    }
}

#[tokio::test]
async fn f42_pages_that_repeat_lose_nothing_and_those_that_loop_or_expire_are_no_short_list() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        // More than two pages of it.
        let (listing, many) = match provider {
            Provider::Graph => (Operation::MessageSearch, 60),
            Provider::Gmail => (Operation::GmailList, 1_020),
        };
        for _ in 0..many {
            world.deliver(ann, "many@evil.example", Slot::Inbox);
        }
        let when = Matcher {
            operation: Some(listing),
            ..Matcher::default()
        };
        let repeats = Action::Pages(PageFault::Repeats(5));
        world.sim.add_fault(Fault::once(when.clone(), repeats));
        let found = world.found(ann, "many@evil.example").await;
        assert_eq!(found.len(), many, "{provider}: each once");
        for fault in [PageFault::Loops, PageFault::Expired] {
            world.sim.clear_faults();
            let bent = Action::Pages(fault);
            world.sim.add_fault(Fault::always(when.clone(), bent));
            let found = world.search(ann, "many@evil.example").await;
            assert!(found.is_err(), "{provider} {fault:?}");
        }
        world.sim.clear_faults();
        let found = world.found(ann, "many@evil.example").await;
        assert_eq!(found.len(), many, "{provider}: walked anew");
    }
}

#[tokio::test]
async fn f39_a_person_without_a_licence_has_no_mailbox_and_hinders_nobody() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        world.deliver(&people[1], "one@evil.example", Slot::Inbox);
        world.sim.set_licensed(&people[0].address, false);
        let boxes = [world.mailbox(&people[0]), world.mailbox(&people[1])];
        let found = world.mail.search(&boxes, &by_id("one@evil.example")).await;
        assert!(
            matches!(found[0], Err(MailboxError::NoMailbox(_))),
            "{provider} {found:?}"
        );
        assert_eq!(found[1].as_ref().expect("found").seen.len(), 1);
        let quarantines = world.mail.quarantine_of(&boxes).await;
        assert!(matches!(quarantines[0], Err(MailboxError::NoMailbox(_))));
        assert!(quarantines[1].is_ok());
    }
}

#[tokio::test]
async fn forgotten_tokens_are_renewed_without_a_failed_call() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let pull = world.pull_of(ann, "one@evil.example").await;
        world.fail_move(ann, Action::ExpireTokens);
        let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(moved[0].is_ok(), "{provider} {moved:?}");
        assert!(!world.reachable(ann));
    }
}

#[tokio::test]
async fn hostile_ids_reach_no_path_and_widen_no_search() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let mailbox = world.mailbox(ann);
        for hostile in [
            "../../users",
            "a/trash",
            "a?$top=1",
            "..",
            "x' or 'a' eq 'a",
            "} in:anywhere {",
            "x\" OR in:anywhere \"",
            "a\r\nX: y",
            "\u{202e}",
            "",
        ] {
            assert!(Locator::new(mailbox.clone(), hostile).is_err());
            let hint = ItemHint {
                item_id: Some(hostile.to_owned()),
                internet_message_id: Some(hostile.to_owned()),
            };
            let found = world.mail.find(&mailbox, &hint).await.expect("answer");
            assert!(found.is_empty(), "{provider} {hostile:?}");
            // Nothing is found, and where the id cannot be asked for at all, that
            // is said: it must not look like a mailbox that was searched.
            match world.search(ann, hostile).await {
                Ok(found) => assert!(found.is_empty(), "{hostile:?}"),
                Err(error) => {
                    assert_eq!(error.disposition(), Disposition::GiveUp, "{hostile:?}");
                }
            }
        }
        let record = world.sim.record().expect("record");
        for call in record.lock().expect("record").iter() {
            let path = call.target.split('?').next().expect("path");
            let plain = path
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/$-_=.@".contains(c));
            assert!(
                plain && !path.contains("..") && !path.contains("/trash"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_directory_gives_every_mailbox_and_flattens_its_lists() {
    for provider in BOTH {
        let world = World::of(provider, 2500).await;
        let people = world.people();
        let mut listed = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = world.mail.mailboxes(cursor.as_deref()).await.expect("page");
            listed.extend(page.mailboxes);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed.len(), people.len(), "{provider}");
        assert_eq!(listed[3].mailbox, world.mailbox(&people[3]));
        assert_eq!(listed[3].aliases[0].as_str(), people[3].alias());
        assert_eq!(listed[3].subject.as_ref(), Some(&people[3].id));

        let list = |name: &str| {
            let organisation = world.sim.organisation();
            let group = organisation
                .groups
                .iter()
                .find(|g| g.provider == provider && g.address.starts_with(name))
                .expect("list");
            group.address.parse().expect("address")
        };
        let staff = world.mail.expand(&list("all-staff@")).await;
        let staff = staff.expect("answer").expect("a list");
        assert_eq!(staff.members.len(), people.len(), "{provider}");
        let project = world.mail.expand(&list("project-aurora@")).await;
        assert!(!project.expect("answer").expect("a list").members.is_empty());
        let person = people[0].address.parse().expect("address");
        assert_eq!(world.mail.expand(&person).await, Ok(None), "{provider}");
        let foreign = "nobody@else.example".parse().expect("address");
        assert_eq!(world.mail.expand(&foreign).await, Ok(None), "{provider}");
    }
}

#[tokio::test]
async fn a_letter_is_inserted_where_the_capabilities_say_so() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let raw = letter("thanks@northwind.example");
        let put = world.mail.insert(&world.mailbox(ann), raw.as_bytes()).await;
        if world.mail.capabilities().inserts {
            let seen = world.look(&put.expect("inserted")).await.expect("there");
            assert!(seen.place.holds("INBOX") && !seen.place.read);
            assert!(matches!(&seen.content, Content::Raw(r) if r.as_ref() == raw.as_bytes()));
            assert_eq!(world.sim.letters_of(&ann.address), [raw.into_bytes()]);
        } else {
            assert!(matches!(put, Err(MailboxError::Rejected { .. })));
            assert!(world.sim.letters_of(&ann.address).is_empty());
        }
    }
}

#[tokio::test]
async fn the_check_is_green_and_names_a_wrong_credential() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let findings = world.mail.check().await;
        assert!(findings.len() >= 2);
        assert!(findings.iter().all(|f| f.ok), "{provider} {findings:?}");
        let wrong = world.with_wrong_credential().await.check().await;
        let words = match provider {
            Provider::Graph => "invalid_client",
            Provider::Gmail => "google.admin_subject",
        };
        assert!(!wrong[0].ok, "{provider}");
        assert!(wrong[0].detail.contains(words), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_quarantine_is_made_once_and_found_again() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let people = world.people();
        let boxes: Vec<_> = people[..3].iter().map(|u| world.mailbox(u)).collect();
        let first = world.mail.quarantine_of(&boxes).await;
        let making = match provider {
            Provider::Graph => Operation::FolderCreate,
            Provider::Gmail => Operation::LabelCreate,
        };
        assert_eq!(world.mail.quarantine_of(&boxes).await, first);
        assert_eq!(world.sim.counters().of(making), 3, "{provider}");
        // Another process does not know of it: it finds what is there.
        let other = world.again().await;
        assert_eq!(other.quarantine_of(&boxes).await, first, "{provider}");
    }
}

#[tokio::test]
async fn what_the_owner_sent_is_told_by_the_platform_and_not_by_its_sender() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let forged = letter("one@evil.example").replace("it@evil.example", &ann.address);
        for slot in [Slot::Inbox, Slot::Sent] {
            world
                .sim
                .deliver(&ann.address, forged.as_bytes(), slot, true)
                .expect("delivered");
        }
        let mut sent = Vec::new();
        for seen in world.found(ann, "one@evil.example").await {
            sent.push(world.look(&seen.locator).await.expect("there").sent);
        }
        sent.sort_unstable();
        assert_eq!(sent, [false, true], "{provider}");
    }
}

#[tokio::test]
async fn f46_a_quarantine_that_its_owner_removed_is_made_anew() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let pull = world.pull_of(ann, "one@evil.example").await;
        let kind = match provider {
            Provider::Graph => "mailFolders",
            Provider::Gmail => "labels",
        };
        let path = format!("{kind}/{}", pull.quarantine);
        world.owner(ann, "DELETE", &path, Value::Null).await;
        let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(moved[0].is_err(), "{provider} {moved:?}");
        let again = world.pull_of(ann, "one@evil.example").await;
        assert_ne!(again.quarantine, pull.quarantine, "{provider}");
        let moved = world.mail.quarantine(std::slice::from_ref(&again)).await;
        assert!(moved[0].is_ok(), "{provider} {moved:?}");
        assert!(!world.reachable(ann), "{provider}");
    }
}

/// A message that invites under this UID.
fn invitation(id: &str) -> String {
    letter(id).replace(
        "Content-Type: text/plain; charset=utf-8\r\n\r\n",
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n\
         METHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u-1@evil.example\r\n\
         ORGANIZER:mailto:it@evil.example\r\nSUMMARY:Action required\r\n\
         DTSTART:20260102T090000Z\r\nDTEND:20260102T100000Z\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
    )
}

/// Looks for what the one message of somebody's mailbox put on the calendar.
async fn entry_look(world: &World, user: &User, id: &str) -> EntryLook {
    let found = world.found(user, id).await;
    EntryLook {
        locator: found.first().expect("a message").locator.clone(),
        event: None,
        uid: None,
        mark: None,
    }
}

async fn entry(world: &World, look: &EntryLook) -> Result<Option<EntryFound>, MailboxError> {
    let found = world.mail.entries(std::slice::from_ref(look)).await;
    found.into_iter().next().expect("an answer")
}

fn entry_move(look: &EntryLook, found: &EntryFound) -> EntryMove {
    EntryMove {
        locator: look.locator.clone(),
        event: found.event.clone(),
        snapshot: found.snapshot.clone().expect("small"),
        mark: "pul_1/1".to_owned(),
    }
}

/// The subjects of what somebody sees on the calendar.
fn on_calendar(world: &World, user: &User) -> Vec<String> {
    let events = world.sim.calendar_of(&user.address).into_iter();
    events
        .filter(|event| event.on_calendar)
        .map(|event| event.subject)
        .collect()
}

#[tokio::test]
async fn an_invitations_entry_is_taken_off_and_put_back() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let raw = invitation("meet@evil.example");
        world
            .sim
            .deliver(&ann.address, raw.as_bytes(), Slot::Inbox, true)
            .expect("delivered");
        world.deliver(ann, "one@evil.example", Slot::Inbox);
        let other = entry_look(&world, ann, "one@evil.example").await;
        assert!(entry(&world, &other).await.expect("answer").is_none());

        let mut look = entry_look(&world, ann, "meet@evil.example").await;
        let found = entry(&world, &look).await.expect("answer").expect("one");
        assert!(!found.organised, "{provider}");
        assert_eq!(found.uid.as_deref(), Some("u-1@evil.example"));
        assert!(found.created.is_some() && found.invited.is_some());
        let m = entry_move(&look, &found);
        assert_eq!(
            world.mail.remove_entries(std::slice::from_ref(&m)).await,
            [Ok(())]
        );
        assert!(on_calendar(&world, ann).is_empty(), "{provider}");
        look.event = Some(found.event.clone());
        look.uid.clone_from(&found.uid);
        assert!(entry(&world, &look).await.expect("answer").is_none());
        let again = world.mail.remove_entries(std::slice::from_ref(&m)).await;
        assert_eq!(again, [Err(MailboxError::Gone)], "{provider}");

        let back = world.mail.return_entries(std::slice::from_ref(&m)).await;
        assert_eq!(on_calendar(&world, ann), ["Action required"], "{provider}");
        let id = back.into_iter().next().expect("answer").expect("put back");
        look.event = Some(id.clone());
        let stands = entry(&world, &look).await.expect("answer").expect("there");
        assert_eq!(stands.event, id);
        assert!(!stands.organised, "nobody would be told: {provider}");
        // As it is looked up when the answer was lost.
        look.event = Some(found.event);
        look.mark = Some(m.mark.clone());
        let marked = entry(&world, &look).await.expect("answer").expect("there");
        assert_eq!(marked.event, id, "{provider}");
        // Asked for once more under the same mark, there is still one.
        let _ = world.mail.return_entries(std::slice::from_ref(&m)).await;
        assert_eq!(on_calendar(&world, ann).len(), 1, "{provider}");
    }
}

#[tokio::test]
async fn a_calendar_that_may_not_be_touched_hinders_no_mail() {
    for provider in BOTH {
        let world = World::new(provider).await;
        let ann = &world.people()[0];
        let raw = invitation("meet@evil.example");
        world
            .sim
            .deliver(&ann.address, raw.as_bytes(), Slot::Inbox, true)
            .expect("delivered");
        world.sim.configure(|platform| {
            platform.withheld.insert("Calendars.ReadWrite".to_owned());
            platform
                .withheld
                .insert("https://www.googleapis.com/auth/calendar.events".to_owned());
        });
        let look = entry_look(&world, ann, "meet@evil.example").await;
        for _ in 0..2 {
            let refused = entry(&world, &look).await.expect_err("refused");
            assert_eq!(refused.disposition(), Disposition::GiveUp, "{refused}");
        }
        let pull = world.pull_of(ann, "meet@evil.example").await;
        let moved = world.mail.quarantine(std::slice::from_ref(&pull)).await;
        assert!(moved[0].is_ok(), "{provider} {moved:?}");
        let findings = world.mail.check().await;
        assert!(findings.iter().all(|f| f.ok), "{provider} {findings:?}");
        if provider == Provider::Gmail {
            let named = findings
                .iter()
                .any(|f| f.detail.contains("calendar.events"));
            assert!(named, "{findings:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_about_an_entry_is_unknown_and_a_look_tells() {
    for provider in BOTH {
        for executed in [true, false] {
            let world = World::new(provider).await;
            let ann = &world.people()[0];
            let raw = invitation("meet@evil.example");
            world
                .sim
                .deliver(&ann.address, raw.as_bytes(), Slot::Inbox, true)
                .expect("delivered");
            let (removing, returning) = match provider {
                Provider::Graph => (Operation::EventDelete, Operation::EventCreate),
                Provider::Gmail => (Operation::CalendarDelete, Operation::CalendarPatch),
            };
            for operation in [removing, returning] {
                let when = Matcher {
                    operation: Some(operation),
                    ..Matcher::default()
                };
                let lost = Action::LoseReply { executed };
                world.sim.add_fault(Fault::once(when, lost));
            }
            let mut look = entry_look(&world, ann, "meet@evil.example").await;
            let found = entry(&world, &look).await.expect("answer").expect("one");
            let m = entry_move(&look, &found);
            let lost = world.mail.remove_entries(std::slice::from_ref(&m)).await;
            assert!(matches!(lost[..], [Err(MailboxError::OutcomeUnknown(_))]));
            look.event = Some(found.event.clone());
            look.uid.clone_from(&found.uid);
            let stands = entry(&world, &look).await.expect("answer").is_some();
            assert_eq!(stands, !executed, "{provider}");
            if stands {
                let done = world.mail.remove_entries(std::slice::from_ref(&m)).await;
                assert_eq!(done, [Ok(())]);
            }
            let lost = world.mail.return_entries(std::slice::from_ref(&m)).await;
            assert!(matches!(lost[..], [Err(MailboxError::OutcomeUnknown(_))]));
            look.mark = Some(m.mark.clone());
            let stands = entry(&world, &look).await.expect("answer").is_some();
            assert_eq!(stands, executed, "{provider}");
        }
    }
}

//! Campaigns from a seed, and the truth about them.

use std::{
    collections::{BTreeMap, HashSet},
    time::Instant,
};

use super::*;

fn spread_over(mailboxes: usize, spread: &Spread) -> Sim {
    let org = Organisation::shaped(&Shape {
        mailboxes,
        shared: 2,
        groups: true,
        seed: 42,
        ..Shape::default()
    });
    let sim = Sim::start(SimOptions::new(org, Arc::new(now))).expect("start");
    sim.spread(spread);
    sim
}

fn full() -> Spread {
    Spread {
        copies: 80,
        forward_depth: 4,
        rules: 6,
        unreachable: 4,
        late: 3,
        ..Spread::default()
    }
}

fn raw_of(sim: &Sim, mailbox: &str, item: &str) -> String {
    let user = sim.organisation().by_address(mailbox).expect("user");
    let mailbox = sim.tenant.mailbox(user.index).expect("mailbox");
    let found = mailbox.items.iter().find(|one| match user.provider {
        Provider::Graph => {
            let id = item_id::GraphId::Immutable {
                mailbox: user.index,
                uid: one.uid,
            };
            id.encode() == item
        }
        Provider::Gmail => item_id::gmail_id(user.index, one.uid) == item,
    });
    String::from_utf8_lossy(&found.expect("item").letter.raw).into_owned()
}

#[test]
fn the_same_seed_plants_the_same_campaign() {
    let told = |seed| {
        let sim = spread_over(200, &Spread { seed, ..full() });
        let truth = serde_json::to_value(sim.truth()).expect("JSON");
        (truth["planted"].clone(), truth["innocent"].clone())
    };
    let (one, again, other) = (told(5), told(5), told(6));
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn all_that_was_asked_for_is_planted() {
    for seed in [1, 2, 3] {
        let sim = spread_over(400, &Spread { seed, ..full() });
        let truth = sim.truth();
        let mut by_how: BTreeMap<String, usize> = BTreeMap::new();
        for copy in &truth.planted {
            *by_how.entry(format!("{:?}", copy.how)).or_default() += 1;
        }
        for how in [
            "Direct",
            "List",
            "OwnFolder",
            "Junk",
            "Read",
            "Deleted",
            "Duplicate",
            "Attached",
            "Redirected",
            "RuleForward",
            "Forward",
            "Variant",
        ] {
            assert!(by_how.contains_key(how), "{how}: {by_how:?}");
        }
        assert_eq!(by_how["Variant"], 6);
        assert_eq!(by_how["Redirected"] + by_how["RuleForward"], 6);
        assert_eq!(truth.planted.iter().map(|copy| copy.depth).max(), Some(4));
        assert_eq!(truth.exposed.len(), 2);
        assert_eq!(truth.clicked.len(), 5);
        assert_eq!(truth.innocent.len(), 100);
        let kinds: HashSet<Lookalike> = truth.innocent.iter().map(|one| one.kind).collect();
        assert_eq!(kinds.len(), 7);
        let reasons: HashSet<&str> = truth.unreachable.iter().map(|one| one.reason).collect();
        assert!(reasons.contains("group mailbox"), "{reasons:?}");
        assert!(reasons.contains("archive"), "{reasons:?}");
        let blocked = truth.planted.iter().filter(|copy| copy.obstacle.is_some());
        assert_eq!(blocked.count(), 4);
        let reporters: Vec<Provider> = sim.reporters().iter().map(|who| who.provider).collect();
        assert_eq!(reporters.len(), 2);
        assert_ne!(reporters[0], reporters[1]);
        assert!(truth.all_in_place());
        assert_eq!(truth.touched(), 0);
    }
}

#[test]
fn every_copy_is_on_the_wire_under_its_own_id() {
    let sim = spread_over(200, &full());
    let token = graph_token(&sim);
    for copy in sim.truth().planted {
        let user = sim.organisation().by_address(&copy.mailbox).expect("user");
        let answer = match copy.provider {
            Provider::Graph => {
                let target = format!("/v1.0/users/{}/messages/{}", user.id, copy.item_id);
                graph(&sim, &token, &target)
            }
            Provider::Gmail if copy.obstacle.is_some() => continue,
            Provider::Gmail => {
                let bearer = gmail_bearer(&sim, &copy.mailbox);
                let target = format!("/gmail/v1/users/me/messages/{}", copy.item_id);
                graph(&sim, &bearer, &target)
            }
        };
        let expected = copy.obstacle.is_none();
        assert_eq!(answer.status == 200, expected, "{copy:?} {}", answer.status);
        if expected && copy.provider == Provider::Graph {
            assert_eq!(answer.json()["internetMessageId"], json!(copy.message_id));
        }
    }
}

#[test]
fn forwards_hold_the_message_and_decoys_do_not() {
    for seed in [1, 2, 3] {
        let sim = spread_over(300, &Spread { seed, ..full() });
        let truth = sim.truth();
        let url = truth.clicked[0].url.clone();
        let seed = truth
            .planted
            .iter()
            .find(|copy| copy.how == How::Direct)
            .expect("direct");
        let mut linked = 0;
        for copy in &truth.planted {
            let raw = raw_of(&sim, &copy.mailbox, &copy.item_id);
            match copy.how {
                How::Variant => {
                    assert_ne!(copy.message_id, seed.message_id);
                    assert!(!raw.contains(&url), "the token is another one");
                }
                How::Forward | How::Attached | How::RuleForward => {
                    assert!(raw.contains(&url), "{:?}", copy.how);
                    assert_ne!(copy.message_id, seed.message_id);
                    linked +=
                        usize::from(raw.contains(&format!("References: {}", seed.message_id)));
                }
                _ => {
                    assert!(raw.contains(&url));
                    assert_eq!(copy.message_id, seed.message_id);
                }
            }
        }
        assert!(linked >= 3, "{linked}");
        for decoy in &truth.innocent {
            let raw = raw_of(&sim, &decoy.mailbox, &decoy.item_id);
            assert!(!raw.contains(&url), "{:?}", decoy.kind);
            let same_id = raw.contains(&format!("Message-ID: {}", seed.message_id));
            assert_eq!(same_id, decoy.kind == Lookalike::MessageId);
        }
    }
}

#[test]
fn late_copies_arrive_when_they_are_let() {
    let sim = spread_over(200, &full());
    let before = sim.truth().planted.len();
    sim.advance(TimeDelta::hours(5));
    assert_eq!(sim.deliver_late(), 3);
    assert_eq!(sim.deliver_late(), 0);
    let truth = sim.truth();
    assert_eq!(truth.planted.len(), before + 3);
    let late = truth.planted.iter().filter(|copy| copy.how == How::Late);
    assert_eq!(late.count(), 3);
}

#[test]
fn clicks_are_hunted_and_tracing_shows_what_went_out() {
    let sim = spread_over(200, &full());
    let token = graph_token(&sim);
    sim.configure(|platform| platform.hunting = true);
    let truth = sim.truth();
    let host = url::Url::parse(&truth.clicked[0].url).expect("URL");
    let host = host.host_str().expect("host");
    let query = format!("UrlClickEvents | where Url contains '{host}' | project AccountUpn");
    let body = json!({"Query": query, "Timespan": "P1D"});
    let answer = send(
        &sim,
        &token,
        "POST",
        "/v1.0/security/runHuntingQuery",
        &body,
    )
    .json();
    let hunted: Vec<&str> = answer["results"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["AccountUpn"].as_str())
        .collect();
    let clicked: Vec<&str> = truth
        .clicked
        .iter()
        .map(|click| click.address.as_str())
        .filter(|address| address.ends_with("@northwind.example"))
        .collect();
    assert!(!clicked.is_empty());
    assert_eq!(hunted, clicked);
    for exposure in &truth.exposed {
        if exposure.from.ends_with("@northwind.example") {
            let target = format!(
                "/v1.0/admin/exchange/tracing/messageTraces?$filter=recipientAddress%20eq%20'{}'",
                exposure.to
            );
            assert_eq!(rows(&graph(&sim, &token, &target)).len(), 1);
        }
    }
}

#[test]
fn small_organisations_get_less() {
    for mailboxes in [1, 2, 3, 10, 40] {
        let sim = spread_over(mailboxes, &Spread::default());
        let truth = sim.truth();
        assert!(!truth.planted.is_empty(), "{mailboxes}");
        assert_eq!(truth.innocent.len(), 100);
    }
}

#[test]
fn a_hundred_thousand_decoys_among_a_hundred_thousand_people_fit() {
    let began = Instant::now();
    let org = Organisation::generate(100_000, 42);
    let sim = Sim::start(SimOptions::new(org, Arc::new(now))).expect("start");
    let started = began.elapsed();
    sim.spread(&Spread {
        copies: 1000,
        decoys: 100_000,
        ..Spread::default()
    });
    let planted = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib: usize = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or_default();
    println!("started after {started:?}, planted after {planted:?}, {kib} KiB resident");
    assert_eq!(sim.truth().innocent.len(), 100_000);
    assert!(kib < 600 * 1024, "{kib} KiB resident");
}

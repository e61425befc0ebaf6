//! The simulated organisation of a seed, and what its mailboxes held before anything
//! was touched: what everything that comes later is compared with.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use unhook::{
    clock::{Clock as _, SystemClock},
    demo,
    sim::{
        Action, Counters, How, Matcher, Operation, Organisation, PlantedState, RetryAfter,
        Scenario, Shape, Sim, SimOptions, Snapshot, Spread, Truth, Weather,
    },
};

/// A message that can be named by its mailbox and the id that the service knows it by.
pub type Key = (String, String);

/// One planted copy as it was before the service started.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The campaign it was planted with.
    pub wave: usize,
    pub how: How,
    pub message_id: String,
    /// Its octets.
    pub raw: Vec<u8>,
    /// Whether it is a variant whose links lead elsewhere than those of the campaign's
    /// message: whatever else they share, it cannot be called the same message.
    pub leads_elsewhere: bool,
    /// Folder or labels, read, flag, categories.
    pub before: Snapshot,
    /// How the simulator knows it.
    pub state: PlantedState,
}

impl Copy {
    pub fn key(&self) -> Key {
        (self.state.mailbox.clone(), self.state.item_id.clone())
    }
}

/// The organisation with all that was planted.
pub struct World {
    pub sim: Sim,
    /// In the order of planting.
    pub copies: Vec<Copy>,
    /// The Message-ID that each campaign came with.
    pub waves: Vec<String>,
    /// In words.
    pub shape: String,
}

/// A source of choices for one part of a seed: what happens in one part does not change
/// the choices of another.
pub fn rng(seed: u64, part: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part)
}

impl World {
    /// The organisation of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = rng(seed, 1);
        let mailboxes = rng.random_range(8..=60_usize);
        let on_graph = match rng.random_range(0..4) {
            0 => 100,
            1 => 0,
            _ => rng.random_range(20..=80),
        };
        let shape = Shape {
            mailboxes,
            on_graph,
            shared: rng.random_range(0..=2),
            rooms: rng.random_range(0..=1),
            groups: rng.random(),
            seed,
        };
        let options = SimOptions::new(Organisation::shaped(&shape), Arc::new(|| SystemClock.now()));
        let sim = Sim::start(options).expect("the simulated tenant starts");
        let mut waves = Vec::new();
        let (mut wave_of, campaigns) = (Vec::new(), rng.random_range(1..=4_usize));
        for wave in 0..campaigns {
            plant(&sim, &mut rng, wave, mailboxes);
            let planted = sim.truth().planted;
            wave_of.resize(planted.len(), wave);
            let original = planted
                .iter()
                .zip(&wave_of)
                .find(|(copy, of)| **of == wave && copy.how == How::Direct);
            waves.push(original.map_or_else(String::new, |(copy, _)| copy.message_id.clone()));
        }
        for copy in sim.truth().planted {
            if rng.random_bool(0.3) {
                let names: &[&str] = match rng.random_range(0..3) {
                    0 => &[],
                    1 => &["Blue category"],
                    _ => &["Blue category", "Tax 2026"],
                };
                sim.mark(&copy, rng.random(), names);
            }
        }
        let copies = sim.truth().planted.into_iter().zip(wave_of);
        let mut copies: Vec<Copy> = copies
            .filter_map(|(state, wave)| {
                Some(Copy {
                    wave,
                    how: state.how,
                    message_id: state.message_id.clone(),
                    raw: sim.raw_of(&state)?,
                    leads_elsewhere: false,
                    before: state.now.clone()?,
                    state,
                })
            })
            .collect();
        let original = |wave: usize| {
            let mut ours = copies.iter().filter(|c| c.wave == wave);
            ours.find(|c| c.how == How::Direct).map(|c| hosts(&c.raw))
        };
        let originals: Vec<_> = (0..campaigns).map(original).collect();
        for copy in copies.iter_mut().filter(|copy| copy.how == How::Variant) {
            let originals = originals.iter().flatten();
            let own = hosts(&copy.raw);
            copy.leads_elsewhere =
                !own.is_empty() && originals.into_iter().all(|o| own.is_disjoint(o));
        }
        let shape = format!(
            "{mailboxes} mailboxes, {on_graph} % on Graph, {campaigns} campaigns, {} copies",
            copies.len()
        );
        Self {
            sim,
            copies,
            waves,
            shape,
        }
    }

    /// The service's configuration for this organisation.
    pub fn settings(&self, folder: &Path, database: Option<&str>) -> String {
        let listen = "127.0.0.1:1".parse().expect("an address");
        let text = demo::settings(&self.sim, listen, folder).expect("settings");
        let mut settings: toml::Table = text.parse().expect("TOML");
        if let Some(url) = database {
            let section = toml::Table::from_iter([("url".to_owned(), url.into())]);
            settings.insert("database".to_owned(), section.into());
        }
        let section = toml::Table::from_iter([("variants".to_owned(), "review".into())]);
        settings.insert("search".to_owned(), section.into());
        toml::to_string(&settings).expect("TOML")
    }

    /// Whether a copy may be reported: its mailbox can be reached, and it is of the
    /// campaign itself. Variants are never reported, so that nobody decides over them.
    pub fn may_be_reported(&self, copy: &Copy) -> bool {
        copy.state.obstacle.is_none() && copy.how != How::Variant
    }

    /// What the judge says now of each copy of the model, by its key.
    pub fn now(&self) -> (Truth, HashMap<Key, PlantedState>) {
        let truth = self.sim.truth();
        let planted = truth.planted.iter().cloned();
        let by_key = planted.map(|copy| ((copy.mailbox.clone(), copy.item_id.clone()), copy));
        let by_key = by_key.collect();
        (truth, by_key)
    }
}

/// Where the links of a message lead.
fn hosts(raw: &[u8]) -> HashSet<String> {
    let text = String::from_utf8_lossy(raw).to_lowercase();
    let links = text.split("https://").skip(1);
    links
        .map(|link| {
            let end = link.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
            link.get(..end.unwrap_or(link.len()))
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

/// Plants one campaign beside what is there.
fn plant(sim: &Sim, rng: &mut StdRng, wave: usize, mailboxes: usize) {
    let seed = rng.random();
    let most = (mailboxes / 2).clamp(4, 24);
    let copies = rng.random_range(3..=most);
    let spread = Spread {
        seed,
        copies,
        lists: rng.random(),
        variants: rng.random_range(0..=4),
        chains: rng.random_range(0..=3),
        forward_depth: rng.random_range(0..=4),
        rules: rng.random_range(0..=2),
        outside: rng.random_range(0..=1),
        unreachable: rng.random_range(0..=2),
        clicks: 0,
        decoys: rng.random_range(5..=25),
        background: 1,
        ..Spread::default()
    };
    // The built-in attack clears what was planted: it can only be the first.
    if wave == 0 && rng.random() {
        sim.plant(&Scenario {
            mailboxes: Some(copies.max(8)),
            background: 2,
            seed,
            ..Scenario::default()
        });
    } else {
        sim.spread(&spread);
    }
}

/// One call in twenty meets one of these.
pub fn weather(seed: u64) -> Weather {
    let throttle = |retry_after| Action::Throttle { retry_after };
    let value = |text: &str| RetryAfter::Value(text.to_owned());
    let unavailable = |headers: &[(&str, &str)]| Action::Answer {
        status: 503,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: serde_json::Value::Null,
    };
    Weather {
        seed,
        when: Matcher::default(),
        per_mille: 50,
        actions: vec![
            throttle(value("1")),
            throttle(value("0")),
            throttle(value("2.128")),
            throttle(RetryAfter::Missing),
            unavailable(&[]),
            unavailable(&[("retry-after", "1")]),
            Action::LoseReply { executed: true },
            Action::LoseReply { executed: true },
            Action::LoseReply { executed: false },
            Action::Slow { millis: 150 },
            Action::Slow { millis: 900 },
            Action::Truncate { bytes: 40 },
        ],
    }
}

/// Calls that would take mail away for good, or where its owner would have to look for it.
pub fn deletions(counters: &Counters) -> u64 {
    [
        Operation::MessageDelete,
        Operation::MessagePurge,
        Operation::GmailDelete,
        Operation::GmailTrash,
    ]
    .into_iter()
    .map(|operation| counters.of(operation))
    .sum()
}

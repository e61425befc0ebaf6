//! The judge's view: what became of every planted copy and of every innocent
//! message, read from the simulated mailboxes alone.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::Provider;

use super::{
    item_id::{GraphId, gmail_id},
    mailstore::{Holding, IN_PLACE_ARCHIVE, L_SENT, Origin, RECOVERABLE, SENT, Trips},
    org::User,
    scenario::{How, Innocent, Lookalike, Snapshot, Watched},
    tenant::{Tenant, lock},
};

/// One planted copy.
#[derive(Debug, Clone, Serialize)]
pub struct PlantedState {
    /// Primary address of the mailbox.
    pub mailbox: String,
    /// Its platform.
    pub provider: Provider,
    /// How it came there.
    pub how: How,
    /// How many people or rules passed it on before.
    pub depth: u8,
    /// Its id as the service would name it: Graph immutable id, Gmail id.
    pub item_id: String,
    /// Message-ID with angle brackets.
    pub message_id: String,
    /// Why the service cannot reach it; absent when it can.
    pub obstacle: Option<&'static str>,
    /// Whether the person can still come upon it.
    pub reachable: bool,
    /// Deleted for good, or into the dumpster: cannot be restored exactly.
    pub destroyed: bool,
    /// Taken away by a scripted fault, as its owner would.
    pub vanished: bool,
    /// State when it was planted.
    pub before: Snapshot,
    /// State now; absent when it is gone.
    pub now: Option<Snapshot>,
    /// How often it was taken out of its owner's reach, and put back.
    pub trips: Trips,
}

/// One innocent message.
#[derive(Debug, Clone, Serialize)]
pub struct InnocentState {
    /// Primary address of the mailbox.
    pub mailbox: String,
    /// Its platform.
    pub provider: Provider,
    /// Its id as the service would name it: Graph immutable id, Gmail id.
    pub item_id: String,
    /// What it has in common with the campaign.
    pub kind: Lookalike,
    /// Subject.
    pub subject: String,
    /// Whether it was ever moved, changed or deleted.
    pub touched: bool,
    /// What is different, in words; empty when nothing is.
    pub detail: String,
}

/// The campaign sent out of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exposure {
    /// Primary address of the mailbox it went through.
    pub from: String,
    /// The address outside.
    pub to: String,
}

/// A mailbox that cannot be searched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unreachable {
    /// Its address.
    pub mailbox: String,
    /// Why.
    pub reason: &'static str,
}

/// Somebody followed a link of the campaign.
#[derive(Debug, Clone, Serialize)]
pub struct Clicked {
    /// Primary address.
    pub address: String,
    /// The link.
    pub url: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the platform's check let it through.
    pub allowed: bool,
}

/// Everything the judge needs.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// All planted copies.
    pub planted: Vec<PlantedState>,
    /// The look-alikes.
    pub innocent: Vec<InnocentState>,
    /// The campaign sent out of the organisation, by hand or by rule.
    pub exposed: Vec<Exposure>,
    /// Mailboxes that cannot be searched, those of groups that hold a copy among
    /// them, and in-place archives with one.
    pub unreachable: Vec<Unreachable>,
    /// Who followed a link.
    pub clicked: Vec<Clicked>,
    /// Other messages of the scenario that were changed.
    pub others_touched: usize,
    /// Sent copies of those who passed the campaign on that were changed.
    pub sent_touched: usize,
    /// Messages that arrived over the wires since the start, by address;
    /// mailboxes without any are absent.
    pub letters: HashMap<String, usize>,
}

impl Truth {
    /// Planted copies that their owners can still come upon.
    #[must_use]
    pub fn reachable(&self) -> usize {
        self.planted.iter().filter(|copy| copy.reachable).count()
    }

    /// Look-alikes and others that were touched.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.innocent.iter().filter(|one| one.touched).count() + self.others_touched
    }

    /// Every planted copy is out of reach but not destroyed, and nothing else
    /// was touched.
    #[must_use]
    pub fn all_pulled(&self) -> bool {
        self.planted
            .iter()
            .all(|copy| !copy.reachable && (!copy.destroyed || copy.vanished))
            && self.touched() == 0
    }

    /// The same for the copies that the service can reach.
    #[must_use]
    pub fn all_within_reach_pulled(&self) -> bool {
        self.planted
            .iter()
            .filter(|copy| copy.obstacle.is_none())
            .all(|copy| !copy.reachable && (!copy.destroyed || copy.vanished))
            && self.touched() == 0
    }

    /// Every planted copy lies where and as it was planted.
    #[must_use]
    pub fn all_in_place(&self) -> bool {
        self.planted
            .iter()
            .all(|copy| copy.vanished || copy.now.as_ref() == Some(&copy.before))
    }
}

pub(super) fn truth(tenant: &Tenant) -> Truth {
    let planted = lock(&tenant.planted);
    let known: HashSet<(u32, u32)> = planted
        .copies
        .iter()
        .map(|one| (one.mailbox, one.uid))
        .chain(planted.innocent.iter().map(|one| (one.mailbox, one.uid)))
        .chain(planted.sent.iter().copied())
        .collect();
    let mut letters = HashMap::new();
    let mut others_touched = 0;
    let mut unreachable = Vec::new();
    for user in &tenant.org.users {
        let Some(mailbox) = tenant.mailbox(user.index) else {
            continue;
        };
        if let Some(reason) = mailbox.reach.obstacle() {
            unreachable.push(Unreachable {
                mailbox: user.address.clone(),
                reason,
            });
        }
        let mut arrived = 0;
        for item in &mailbox.items {
            match item.origin {
                Origin::Scenario => {
                    let other = !known.contains(&(user.index, item.uid));
                    others_touched += usize::from(other && item.changes > 0);
                }
                Origin::Wire => {
                    let own = match &item.holding {
                        Holding::Folder(folder) => *folder == SENT,
                        Holding::Labels(labels) => labels.contains(&L_SENT),
                    };
                    arrived += usize::from(!own && !item.draft);
                }
            }
        }
        if arrived > 0 {
            letters.insert(user.address.clone(), arrived);
        }
    }
    for group in planted
        .groups
        .iter()
        .filter_map(|at| tenant.org.groups.get(*at))
    {
        unreachable.push(Unreachable {
            mailbox: group.address.clone(),
            reason: "group mailbox",
        });
    }
    for (user, _) in &planted.archived {
        unreachable.extend(tenant.user(*user).map(|user| Unreachable {
            mailbox: user.address.clone(),
            reason: "archive",
        }));
    }
    unreachable.sort();
    unreachable.dedup();
    let mut exposed: Vec<Exposure> = planted
        .exposed
        .iter()
        .filter_map(|(from, to)| {
            Some(Exposure {
                from: tenant.user(*from)?.address.clone(),
                to: to.clone(),
            })
        })
        .collect();
    exposed.sort();
    exposed.dedup();
    Truth {
        exposed,
        unreachable,
        clicked: planted
            .clicks
            .iter()
            .filter_map(|click| {
                Some(Clicked {
                    address: tenant.user(click.user)?.address.clone(),
                    url: click.url.clone(),
                    at: click.at,
                    allowed: click.allowed,
                })
            })
            .collect(),
        planted: planted
            .copies
            .iter()
            .filter_map(|copy| planted_state(tenant, copy))
            .collect(),
        innocent: planted
            .innocent
            .iter()
            .filter_map(|one| innocent_state(tenant, one))
            .collect(),
        others_touched,
        sent_touched: planted
            .sent
            .iter()
            .filter(|(mailbox, uid)| {
                let mailbox = tenant.mailbox(*mailbox);
                mailbox.is_none_or(|m| m.item(*uid).is_none_or(|item| item.changes > 0))
            })
            .count(),
        letters,
    }
}

fn planted_state(tenant: &Tenant, copy: &Watched) -> Option<PlantedState> {
    let user = tenant.user(copy.mailbox)?;
    let mailbox = tenant.mailbox(copy.mailbox)?;
    let item = mailbox.item(copy.uid);
    Some(PlantedState {
        mailbox: user.address.clone(),
        provider: user.provider,
        how: copy.how,
        depth: copy.depth,
        item_id: native_id(user, copy.uid),
        message_id: item
            .map(|item| item.letter.message_id.clone())
            .unwrap_or_default(),
        obstacle: match item.map(|item| &item.holding) {
            Some(Holding::Folder(IN_PLACE_ARCHIVE)) => Some("archive"),
            _ => mailbox.reach.obstacle(),
        },
        reachable: item.is_some_and(|item| mailbox.reachable(item)),
        destroyed: item.is_none_or(|item| item.holding == Holding::Folder(RECOVERABLE)),
        vanished: lock(&tenant.vanished).contains(&(copy.mailbox, copy.uid)),
        before: copy.before.clone(),
        now: Snapshot::of(&mailbox, copy.uid),
        trips: item.map(|item| item.trips).unwrap_or_default(),
    })
}

/// The id by which the service would know an item.
pub(super) fn native_id(user: &User, uid: u32) -> String {
    let mailbox = user.index;
    match user.provider {
        Provider::Graph => GraphId::Immutable { mailbox, uid }.encode(),
        Provider::Gmail => gmail_id(mailbox, uid),
    }
}

fn innocent_state(tenant: &Tenant, one: &Innocent) -> Option<InnocentState> {
    let user = tenant.user(one.mailbox)?;
    let mailbox = tenant.mailbox(one.mailbox)?;
    let item = mailbox.item(one.uid);
    let now = Snapshot::of(&mailbox, one.uid);
    let detail = match (item, &now) {
        (None, _) => "gone".to_owned(),
        (Some(_), Some(now)) if *now != one.before => {
            format!("was {:?}, is {:?}", one.before, now)
        }
        (Some(item), _) if item.changes > 0 => format!("changed {} times", item.changes),
        _ => String::new(),
    };
    Some(InnocentState {
        mailbox: user.address.clone(),
        provider: user.provider,
        item_id: native_id(user, one.uid),
        kind: one.kind,
        subject: item
            .map(|item| item.letter.subject.clone())
            .unwrap_or_default(),
        touched: !detail.is_empty(),
        detail,
    })
}

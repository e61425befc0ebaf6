//! The judge's view: what became of every planted copy and of every innocent
//! message, read from the simulated mailboxes alone.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::domain::Provider;

use super::{
    mailstore::{Holding, L_SENT, Origin, RECOVERABLE, SENT},
    scenario::{How, Snapshot, Watched},
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
}

/// One innocent message.
#[derive(Debug, Clone, Serialize)]
pub struct InnocentState {
    /// Primary address of the mailbox.
    pub mailbox: String,
    /// Its platform.
    pub provider: Provider,
    /// Subject.
    pub subject: String,
    /// Whether it was ever moved, changed or deleted.
    pub touched: bool,
    /// What is different, in words; empty when nothing is.
    pub detail: String,
}

/// Everything the judge needs.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// All planted copies.
    pub planted: Vec<PlantedState>,
    /// The look-alikes.
    pub innocent: Vec<InnocentState>,
    /// Other messages of the scenario that were changed.
    pub others_touched: usize,
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
        .chain(&planted.innocent)
        .map(|one| (one.mailbox, one.uid))
        .chain(planted.sent.iter().copied())
        .collect();
    let mut letters = HashMap::new();
    let mut others_touched = 0;
    for user in &tenant.org.users {
        let Some(mailbox) = tenant.mailbox(user.index) else {
            continue;
        };
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
    Truth {
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
        reachable: item.is_some_and(|item| mailbox.reachable(item)),
        destroyed: item.is_none_or(|item| item.holding == Holding::Folder(RECOVERABLE)),
        vanished: lock(&tenant.vanished).contains(&(copy.mailbox, copy.uid)),
        before: copy.before.clone(),
        now: Snapshot::of(&mailbox, copy.uid),
    })
}

fn innocent_state(tenant: &Tenant, one: &Watched) -> Option<InnocentState> {
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
        subject: item
            .map(|item| item.letter.subject.clone())
            .unwrap_or_default(),
        touched: !detail.is_empty(),
        detail,
    })
}

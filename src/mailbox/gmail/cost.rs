//! What each call costs in Gmail's quota units (Google's table, in force for new
//! projects from 1 May 2026), and what kind of call it is.

use crate::mailbox::{Family, wire::Effect};

/// One method of the API as the governor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) family: Family,
    pub(super) units: u32,
    pub(super) effect: Effect,
}

const fn read(family: Family, units: u32) -> Cost {
    Cost {
        family,
        units,
        effect: Effect::Read,
    }
}

const fn change(family: Family, units: u32) -> Cost {
    Cost {
        family,
        units,
        effect: Effect::Change,
    }
}

/// `messages.list`
pub(super) const LIST: Cost = read(Family::Search, 5);
/// `messages.get`
pub(super) const GET: Cost = read(Family::Look, 20);
/// `messages.modify`
pub(super) const MODIFY: Cost = change(Family::Change, 5);
/// `messages.insert`
pub(super) const INSERT: Cost = change(Family::Change, 25);
/// `labels.list`
pub(super) const LABELS: Cost = read(Family::Folder, 1);
/// `labels.create`
pub(super) const LABEL: Cost = change(Family::Folder, 5);
/// `getProfile`, `settings.getAutoForwarding`, `settings.filters.list`
pub(super) const SETTING: Cost = read(Family::Settings, 1);
/// `watch`
pub(super) const WATCH: Cost = change(Family::Settings, 100);
/// `stop`
pub(super) const STOP: Cost = change(Family::Settings, 50);
/// `history.list`
pub(super) const HISTORY: Cost = read(Family::Search, 2);

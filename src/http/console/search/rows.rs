//! The rows of a search's page.

use chrono::{DateTime, Utc};

use super::super::{
    chip::Chip,
    submission::pulls::{place_of, platform},
    text::{Plain, grouped},
    when::When,
};
use crate::{
    domain::{HitOutcome, MailboxState, PlannedWay, SearchKind, SearchState, Way},
    store::search::{Gap, Hit, Search},
};

/// What kind of search it is, as people say it.
pub(in super::super) const fn kind_of(search: &Search) -> &'static str {
    match search.kind {
        SearchKind::Pull => "Search for a pull",
        SearchKind::DryRun => "Dry run",
    }
}

/// How far a search is, as a mark.
pub(in super::super) fn state_chip(search: &Search) -> Chip {
    match search.state {
        _ if search.paused_reason.is_some() => Chip::alert("Paused"),
        SearchState::Planning => Chip::busy("Planning"),
        SearchState::Searching => Chip::busy("Searching"),
        SearchState::Done => Chip::done("Through"),
        SearchState::Stopped => Chip::done("Stopped"),
    }
}

/// A span of milliseconds in the unit that reads best.
pub(super) fn span(millis: u64) -> String {
    if millis < 10_000 {
        format!("{millis} ms")
    } else if millis < 120_000 {
        format!("{} s", millis / 1_000)
    } else {
        format!("{} min", millis / 60_000)
    }
}

/// One way of the plan.
pub(super) struct WayRow {
    pub(super) name: &'static str,
    pub(super) mailboxes: String,
    pub(super) calls: String,
    pub(super) units: String,
}

impl WayRow {
    pub(super) fn of(way: &PlannedWay) -> Self {
        Self {
            name: way_name(way.way),
            mailboxes: grouped(way.mailboxes),
            calls: grouped(way.calls),
            units: grouped(way.units),
        }
    }
}

const fn way_name(way: Way) -> &'static str {
    match way {
        Way::Reported => "Reported",
        Way::Header => "Recipient in the header",
        Way::List => "Member of a list",
        Way::Trace => "Message trace",
        Way::Hunting => "Advanced hunting",
        Way::Forward => "Forwarded to",
        Way::Rule => "Forwarding rule",
        Way::First => "Asked first",
        Way::Sweep => "All mailboxes",
        Way::Variant => "Variants",
        Way::Watch => "Came late",
    }
}

/// One mailbox that was not searched.
pub(super) struct GapRow {
    pub(super) mailbox: Plain,
    pub(super) provider: &'static str,
    pub(super) state: Chip,
    pub(super) reason: Plain,
    pub(super) attempts: i32,
}

impl GapRow {
    pub(super) fn of(gap: &Gap) -> Self {
        Self {
            mailbox: Plain::line(gap.mailbox.address.as_str(), 120),
            provider: platform(gap.mailbox.provider),
            state: gap_chip(gap.state),
            reason: Plain::line(&gap.reason, 300),
            attempts: gap.attempts,
        }
    }
}

/// Where the search stands with a mailbox, as a mark.
pub(in super::super) const fn gap_chip(state: MailboxState) -> Chip {
    match state {
        MailboxState::Waiting | MailboxState::Retrying => Chip::busy("Trying again"),
        MailboxState::Excluded => Chip::done("Left out"),
        MailboxState::Unreachable => Chip::alert("Unreachable"),
        MailboxState::Searched => Chip::alert("In part"),
    }
}

/// One message that was looked at.
pub(super) struct HitRow {
    pub(super) mailbox: Plain,
    pub(super) provider: &'static str,
    pub(super) chip: Chip,
    pub(super) score: String,
    pub(super) subject: Plain,
    pub(super) sender: Plain,
    pub(super) reasons: Plain,
    pub(super) way: &'static str,
    pub(super) depth: u32,
    pub(super) place: Plain,
    pub(super) marks: Vec<&'static str>,
    pub(super) at: Option<When>,
}

impl HitRow {
    pub(super) fn of(hit: &Hit, now: DateTime<Utc>) -> Self {
        let sighting = &hit.sighting;
        let mailbox = &hit.locator.mailbox;
        let mut marks = vec![if sighting.place.read {
            "read"
        } else {
            "unread"
        }];
        if let Some(reply) = &sighting.reply {
            marks.push(if reply == "forwarded" {
                "passed on"
            } else {
                "answered"
            });
        }
        Self {
            mailbox: Plain::line(mailbox.address.as_str(), 120),
            provider: platform(mailbox.provider),
            chip: match sighting.outcome {
                HitOutcome::Copy => Chip::alert("Copy"),
                HitOutcome::Forward => Chip::alert("Forward"),
                HitOutcome::Variant => Chip::busy("Variant"),
                HitOutcome::Decoy => Chip::done("Left out"),
            },
            score: format!("{:.2}", sighting.score),
            subject: Plain::line(sighting.subject.as_deref().unwrap_or_default(), 120),
            sender: Plain::line(sighting.sender.as_deref().unwrap_or_default(), 120),
            reasons: Plain::line(&sighting.reasons.join("; "), 300),
            way: way_name(sighting.way),
            depth: sighting.depth,
            place: place_of(&sighting.place, mailbox.provider),
            marks,
            at: sighting.received.map(|at| When::of(at, now)),
        }
    }
}

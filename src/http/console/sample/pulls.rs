//! Copies and their fates.

use super::{Words, before, copy, id, now};
use crate::{
    domain::{CalendarEntry, Desired, EntryState, Observed, Place, Provider, PullRole},
    store::pull::Pull,
};

struct Copy(
    u128,
    Provider,
    &'static str,
    PullRole,
    Desired,
    Observed,
    &'static [&'static str],
    &'static str,
);

pub(super) fn pulls(w: &Words) -> Vec<Pull> {
    use Desired::{InPlace, Pulled};
    use Provider::{Gmail, Graph};
    const FOLDER: &[&str] = &["AAMkADk0ZGQ5YTYyLTQ3ODgtNDJhNC1iZjE4Inbox"];
    const INBOX: &[&str] = &["CATEGORY_PERSONAL", "IMPORTANT", "INBOX", "UNREAD"];
    let copies = [
        Copy(
            1,
            Graph,
            "maya.lindqvist",
            PullRole::Reported,
            Pulled,
            Observed::Pulled,
            FOLDER,
            "the reported copy",
        ),
        Copy(
            2,
            Gmail,
            "tomas.weber",
            PullRole::Copy,
            Pulled,
            Observed::Pulled,
            INBOX,
            "same Message-ID and content",
        ),
        Copy(
            3,
            Gmail,
            "ines.duarte",
            PullRole::Copy,
            Pulled,
            Observed::Moving,
            INBOX,
            "same Message-ID and content",
        ),
        Copy(
            4,
            Graph,
            "jonas.eriksen",
            PullRole::Forward,
            Pulled,
            Observed::Pulled,
            FOLDER,
            "forward with the same links, subject changed",
        ),
        Copy(
            5,
            Graph,
            "aiko.tanaka",
            PullRole::Copy,
            Pulled,
            Observed::Gone,
            &[],
            "same Message-ID and content",
        ),
        Copy(
            6,
            Gmail,
            "bruno.costa",
            PullRole::Copy,
            InPlace,
            Observed::Restored,
            &["Label_14", "SPAM"],
            "same Message-ID and content",
        ),
        Copy(
            7,
            Graph,
            "freya.nilsen",
            PullRole::Copy,
            Pulled,
            Observed::Failed,
            FOLDER,
            "same Message-ID and content",
        ),
        Copy(
            8,
            Graph,
            "omar.haddad",
            PullRole::Copy,
            Pulled,
            Observed::Changed,
            FOLDER,
            "same Message-ID",
        ),
    ];
    copies.iter().filter_map(|each| pull(w, each)).collect()
}

fn pull(w: &Words, each: &Copy) -> Option<Pull> {
    let Copy(n, provider, who, role, desired, observed, containers, matched_by) = each;
    let failed = *observed == Observed::Failed;
    let folder = match (provider, n) {
        (Provider::Gmail, _) => None,
        (Provider::Graph, 1) => Some("Inbox"),
        (Provider::Graph, 4) => Some("Projects/Payroll 2026"),
        (Provider::Graph, 7) => Some("Junk Email"),
        // As a row of an earlier version: no name was kept.
        (Provider::Graph, _) => None,
    };
    Some(Pull {
        id: id(100 + n),
        campaign: Some(id(60)),
        submission: None,
        locator: copy(*provider, who, "18c2a4f0")?,
        role: *role,
        desired: *desired,
        observed: *observed,
        original: (!containers.is_empty()).then(|| Place {
            containers: match &w.hostile {
                Some(text) => vec![text.clone()],
                None => containers.iter().map(|c| (*c).to_owned()).collect(),
            },
            names: folder.map(|name| w.say(name)).into_iter().collect(),
            read: n % 2 == 0,
            flagged: *n == 4,
            categories: Vec::new(),
        }),
        quarantine: None,
        evidence_sha256: None,
        decision_version: 1,
        matched_by: w.say(matched_by),
        attempts: i32::from(failed) * 5,
        run_after: now(),
        last_error: failed
            .then(|| w.say("mailbox on hold: the platform refused the move five times")),
        found_at: before(660),
        intent_at: None,
        settled_at: (*observed != Observed::Moving)
            .then(|| before(600 + i64::from(i32::from(failed)))),
        sighting: None,
        rank: 0,
        verified_at: None,
        calendar: entry(w, *n),
    })
}

/// Two of them are shown with the calendar entries that they made.
fn entry(w: &Words, n: u128) -> Option<CalendarEntry> {
    let (state, remark) = match n {
        1 => (EntryState::Removed, String::new()),
        4 => (
            EntryState::Left,
            w.say("its calendar entry stays: the provider denies access: ErrorAccessDenied"),
        ),
        _ => return None,
    };
    Some(CalendarEntry {
        state,
        remark,
        ..CalendarEntry::sought()
    })
}

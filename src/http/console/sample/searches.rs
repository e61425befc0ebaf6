//! A dry run, with everything its page can show.

use super::{Words, before, copy, id};
use crate::{
    domain::{
        Cause, DirectoryState, HitOutcome, MailboxState, Place, Plan, PlannedList, PlannedRecords,
        PlannedWay, Provider, SearchKind, SearchState, Sighting, Way,
    },
    http::console::search,
    store::{
        Page,
        search::{CallsMade, Gap, Hit, MailboxCounts, Progress, Search},
    },
};

fn plan(w: &Words) -> Plan {
    let way = |way, calls| PlannedWay {
        way,
        mailboxes: 200,
        calls,
        units: 500,
    };
    Plan {
        recipients: 2,
        lists: vec![PlannedList {
            address: w.say("all-staff@northwind.example"),
            kind: "microsoft365".to_owned(),
            members: 40,
            remark: Some(w.say("the group's own mailbox cannot be searched")),
        }],
        records: vec![PlannedRecords {
            provider: "graph".to_owned(),
            source: "trace".to_owned(),
            recipients: 31,
            complete: false,
            remark: Some(w.say("rows show up after ten minutes")),
        }],
        ways: vec![way(Way::Sweep, 200), way(Way::Variant, 300)],
        excluded: 1,
        bound: 200,
        least_ms: 3_750,
        looks_for: vec![w.say("links to northwlnd-payroll.example")],
        unsearchable: None,
        no_variants: Some(w.say("switched off in [search] variants")),
        directory: DirectoryState {
            mailboxes: 200,
            kept: 3,
            read_at: Some(before(1_800)),
        },
    }
}

fn hit(w: &Words, who: &str, outcome: HitOutcome, reason: &str) -> Option<Hit> {
    Some(Hit {
        locator: copy(Provider::Graph, who, "18c2a4f1")?,
        sighting: Sighting {
            outcome,
            way: Way::Sweep,
            depth: u32::from(outcome == HitOutcome::Forward),
            score: 0.93,
            reasons: vec![w.say(reason)],
            place: Place {
                containers: vec![w.say("folder-1")],
                names: vec![w.say("Projects/2026")],
                read: false,
                flagged: false,
                categories: Vec::new(),
            },
            received: Some(before(4_000)),
            reply: Some("forwarded".to_owned()),
            network_message_id: None,
            subject: Some(w.say("your payroll account will be suspended")),
            sender: Some(w.say("payroll@northwlnd-payroll.example")),
        },
        found_at: before(60),
    })
}

pub(in crate::http::console) fn search_material(w: &Words) -> search::Material {
    let hits = [
        hit(
            w,
            "leo.marchetti",
            HitOutcome::Copy,
            "same Message-ID; same sender",
        ),
        hit(w, "ida.berg", HitOutcome::Forward, "holds 2 of 2 links"),
        hit(w, "sam.ito", HitOutcome::Variant, "same link template"),
        hit(w, "noor.aziz", HitOutcome::Decoy, "another sender"),
    ];
    let gap = copy(Provider::Graph, "reception.desk", "0").map(|locator| Gap {
        mailbox: locator.mailbox,
        state: MailboxState::Unreachable,
        reason: w.say("no mailbox there"),
        cause: Some(Cause::NoLicence),
        attempts: 1,
    });
    search::Material {
        search: Search {
            id: id(72),
            campaign: Some(id(60)),
            state: SearchState::Searching,
            plan: plan(w),
            progress: Progress {
                exposed: vec![w.say("sven.holm@contoso-partner.example")],
                made: CallsMade {
                    calls: 214,
                    units: 530,
                    directory: 6,
                },
                found: 3,
                decoys: 1,
                remarks: vec![w.say("forwarding rules could not be read")],
                ..Progress::default()
            },
            mailboxes: 200,
            paused_reason: w.hostile.clone(),
            ..Search::new(SearchKind::DryRun, "key_1", before(90))
        },
        counts: MailboxCounts {
            expected: 200,
            searched: 160,
            waiting: 38,
            unreachable: 1,
            excluded: 1,
            ..MailboxCounts::default()
        },
        hits: Page {
            items: hits.into_iter().flatten().collect(),
            // made of keys of the platforms, which hold no text
            next: Some("7b1d2c3e-noor.aziz 18c2a4f1".to_owned()),
        },
        shown: None,
        gaps: gap.into_iter().collect(),
    }
}

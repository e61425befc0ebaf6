//! Large pulls, and what holds them back.

use super::{Words, before, id};
use crate::{
    config::pull::PullLimits,
    domain::{ApprovalState, StopScope},
    http::console::pulling::{Material, Titled},
    store::{
        approval::Approval,
        pull_stop::PullStop,
        remediation::Remediation,
        staged::{Staged, StagedCounts},
    },
};

fn request(n: u128, state: ApprovalState, w: &Words) -> Titled<Approval> {
    let answered = !matches!(state, ApprovalState::Open | ApprovalState::Superseded);
    Titled {
        of: Approval {
            id: id(80 + n),
            campaign: id(60),
            remediation: id(70),
            decision_version: 1,
            state,
            asked_by: (n % 2 == 1).then(|| w.say("key_019aab00000070008000000000000077")),
            asked_at: before(900),
            mailboxes: 1_240,
            copies: 1_302,
            decided_by: answered.then(|| w.say("key_019aab00000070008000000000000078")),
            decided_at: answered.then(|| before(60)),
            reason: answered.then(|| w.say("checked ten of them")),
            expires_at: answered.then(|| before(-80_000)),
        },
        title: Some(w.say("DocuSign: completed contract 88-1207")),
    }
}

fn stop(scope: StopScope, by: &str, w: &Words) -> PullStop {
    PullStop {
        scope,
        by: w.say(by),
        reason: w.say("newsletters were pulled"),
        since: before(120),
    }
}

pub(crate) fn pulls_material(w: &Words, empty: bool) -> Material {
    let states = [
        ApprovalState::Open,
        ApprovalState::Open,
        ApprovalState::Given,
        ApprovalState::Refused,
        ApprovalState::Withdrawn,
        ApprovalState::Expired,
        ApprovalState::Superseded,
    ];
    let requests = (0..).zip(states).map(|(n, state)| request(n, state, w));
    let some = |number| if empty { 0 } else { number };
    Material {
        stops: if empty {
            Vec::new()
        } else {
            vec![
                stop(StopScope::All, "key_019aab00000070008000000000000077", w),
                stop(StopScope::Automatic, "unhook", w),
            ]
        },
        requests: if empty {
            Vec::new()
        } else {
            requests.collect()
        },
        older: (!empty).then(|| "apr_0".to_owned()),
        waiting: if empty {
            Vec::new()
        } else {
            vec![Titled {
                of: (id(60), 1_230),
                title: Some(w.say("DocuSign: completed contract 88-1207")),
            }]
        },
        moved_today: some(4_120),
        daily_budget: PullLimits::default().daily_budget,
        names: std::iter::once((
            "key_019aab00000070008000000000000077".to_owned(),
            w.say("Vera Lind"),
        ))
        .collect(),
        actor: w.say("key_019aab00000070008000000000000077"),
    }
}

pub(super) fn staged(remediation: Remediation, w: &Words) -> (PullLimits, Staged) {
    let staged = Staged {
        remediation: Remediation {
            halted: Some(w.say("2 of 10 copies moved were objected to or put back")),
            halted_at: Some(before(60)),
            decided_by: Some(w.say("key_019aab00000070008000000000000077")),
            ..remediation
        },
        stopped: None,
        approval: Some(request(1, ApprovalState::Open, w).of),
        counts: StagedCounts {
            moved: 10,
            moved_now: 10,
            moving: 0,
            copies: 1_302,
            mailboxes: 1_240,
        },
        directory: 12_000,
    };
    (PullLimits::default(), staged)
}

//! Attacks, and what became of their copies.

use super::{Words, before, copy, events, id, pulls, submissions};
use crate::{
    domain::{Provider, Verdict, VerdictSource},
    http::console::{campaign, campaigns::Counted},
    store::{
        Page,
        campaign::Campaign,
        pull::PullCounts,
        remediation::{Gap, Remediation, RemediationState, SearchProgress},
    },
};

pub(in crate::http::console) fn campaigns(w: &Words) -> [Counted; 4] {
    let one =
        |n: u128, title: &str, sender: &str, verdict, state, pulls: PullCounts, age| Counted {
            campaign: Campaign {
                id: id(n),
                seed: id(10),
                exact_key: String::new(),
                title: Some(w.say(title)),
                sender: Some(w.say(sender)),
                verdict,
                verdict_source: VerdictSource::Policy,
                decision_version: 1,
                created_at: before(age),
                updated_at: before(age),
            },
            remediation: Some(remediation(w, state, age)),
            pulls,
            submissions: 2,
        };
    let counts = |found, pulled, restored, gone, failed, pending| PullCounts {
        found,
        pulled,
        restored,
        gone,
        changed: 0,
        failed,
        pending,
    };
    [
        one(
            60,
            "Your payroll account will be suspended within 24 hours",
            "payroll@northwlnd-payroll.example",
            Verdict::Malicious,
            RemediationState::Pulling,
            counts(61, 52, 0, 2, 1, 6),
            720,
        ),
        one(
            59,
            "Your parcel could not be delivered",
            "tracking@parcel-redelivery.example",
            Verdict::Malicious,
            RemediationState::Closed,
            counts(14, 14, 0, 0, 0, 0),
            5_300,
        ),
        one(
            58,
            "Meeting notes: supplier review",
            "lena.hartmann@tailspin.example",
            Verdict::Benign,
            RemediationState::Restoring,
            counts(9, 0, 4, 0, 0, 5),
            14_000,
        ),
        one(
            57,
            "DocuSign: completed contract 88-1207",
            "dse@eu-docusing.example",
            Verdict::Malicious,
            RemediationState::Closed,
            counts(133, 129, 0, 4, 0, 0),
            95_000,
        ),
    ]
}

fn remediation(w: &Words, state: RemediationState, age: i64) -> Remediation {
    Remediation {
        id: id(70),
        campaign: id(60),
        state,
        decision_version: 1,
        plan: serde_json::Value::Null,
        progress: SearchProgress {
            exposed: vec![w.say("sven.holm@contoso-partner.example")],
            ..SearchProgress::default()
        },
        mailboxes: 200,
        searched: 198,
        paused_reason: w.hostile.clone(),
        created_at: before(age),
        closed_at: None,
    }
}

pub(in crate::http::console) fn campaign_material(w: &Words) -> campaign::Material {
    let [counted, ..] = campaigns(w);
    let gap = |who: &str, reason: &str, retrying| {
        let mailbox = copy(Provider::Graph, who, "0")?.mailbox;
        Some(Gap {
            mailbox,
            retrying,
            reason: w.say(reason),
            attempts: 3,
        })
    };
    campaign::Material {
        counted,
        gaps: [
            gap("reception.desk", "The mailbox has no licence", false),
            gap(
                "leo.marchetti",
                "Throttled; the platform asked to wait until 09:05",
                true,
            ),
        ]
        .into_iter()
        .flatten()
        .collect(),
        pulls: Some(Page {
            items: pulls::pulls(w),
            next: Some(id::<crate::domain::kinds::Pull>(101).to_string()),
        }),
        last_settled: Some(before(600)),
        submissions: submissions(w).into_iter().skip(2).take(2).collect(),
        events: events::events(w),
        names: events::names(w),
    }
}

//! Attacks, and what became of their copies.

use super::{Words, before, copy, events, id, pulls, staged, submissions};
use crate::{
    domain::{MailboxState, Provider, SearchKind, SearchState, Stage, Verdict, VerdictSource},
    http::console::{campaign, campaigns::Counted, case},
    store::{
        Page,
        campaign::Campaign,
        click::Clicker,
        membership::{How, Membership},
        pull::PullCounts,
        remediation::{Remediation, RemediationState},
        search::{Gap, MailboxCounts, Progress, Search, Searched},
        submission::Submission,
        target::Targets,
        watch::Watch,
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
                variant_of: None,
                created_at: before(age),
                updated_at: before(age),
            },
            remediation: Some(remediation(state, age)),
            paused: w.hostile.clone(),
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

fn remediation(state: RemediationState, age: i64) -> Remediation {
    Remediation {
        id: id(70),
        campaign: id(60),
        state,
        decision_version: 1,
        created_at: before(age),
        closed_at: None,
        decided_by: None,
        stage: Stage::Second,
        waits_until: None,
        halted: None,
        halted_at: None,
        heard_since: None,
    }
}

fn searched(w: &Words) -> Searched {
    Searched {
        search: Search {
            id: id(71),
            campaign: Some(id(60)),
            state: SearchState::Searching,
            progress: Progress {
                exposed: vec![w.say("sven.holm@contoso-partner.example")],
                ..Progress::default()
            },
            mailboxes: 200,
            paused_reason: w.hostile.clone(),
            ..Search::new(SearchKind::Pull, "unhook", before(700))
        },
        counts: MailboxCounts {
            expected: 200,
            searched: 198,
            retrying: 1,
            unreachable: 1,
            ..MailboxCounts::default()
        },
    }
}

pub(in crate::http::console) fn campaign_material(w: &Words) -> campaign::Material {
    let [counted, ..] = campaigns(w);
    let gap = |who: &str, reason: &str, state| {
        let mailbox = copy(Provider::Graph, who, "0")?.mailbox;
        Some(Gap {
            mailbox,
            state,
            cause: None,
            reason: w.say(reason),
            attempts: 3,
        })
    };
    let held = remediation(RemediationState::Pulling, 900);
    campaign::Material {
        counted,
        staged: Some(staged::staged(held, w)),
        searched: Some(searched(w)),
        gaps: [
            gap(
                "reception.desk",
                "The mailbox has no licence",
                MailboxState::Unreachable,
            ),
            gap(
                "leo.marchetti",
                "Throttled; the platform asked to wait until 09:05",
                MailboxState::Retrying,
            ),
        ]
        .into_iter()
        .flatten()
        .collect(),
        watch: Some(Watch {
            remediation: id(70),
            campaign: id(60),
            decision_version: 1,
            began_at: before(600),
            until: before(600) + chrono::TimeDelta::hours(48),
            next_round: Some(before(0) + chrono::TimeDelta::minutes(10)),
            scope: None,
            after: None,
            gap_at: None,
            swept_at: None,
            resurfaced: 3,
        }),
        pulls: Some(Page {
            items: pulls::pulls(w),
            next: Some(id::<crate::domain::kinds::Pull>(101).to_string()),
        }),
        last_settled: Some(before(600)),
        submissions: submissions(w).into_iter().skip(2).take(2).collect(),
        events: events::events(w),
        names: events::names(w),
        case: case_material(w),
    }
}

fn case_material(w: &Words) -> case::Material {
    let [head, variant, ..] = campaigns(w);
    let mut both = submissions(w).into_iter().skip(2);
    let (seed, other) = (both.next(), both.next());
    let member = |submission: &Submission, how, score, why: &str| Membership {
        campaign: head.campaign.id,
        submission: submission.id,
        how,
        score,
        reasons: vec![w.say(why)],
        at: before(640),
        by: "unhook".to_owned(),
    };
    let why = "links by the same template at another host; 91 % of its own text agrees";
    let of_variant = other
        .as_ref()
        .map(|other| member(other, How::Variant, 0.91, why));
    let of_seed = seed.as_ref().map(|seed| {
        let why = "the first report of this message";
        member(seed, How::Exact, 1.0, why)
    });
    let department = |name: &str, mailboxes| Targets {
        department: Some(w.say(name)),
        mailboxes,
    };
    case::Material {
        variants: other
            .clone()
            .into_iter()
            .map(|seed| {
                let own = Campaign {
                    variant_of: Some(head.campaign.id),
                    ..variant.campaign.clone()
                };
                (own, seed, of_variant.clone())
            })
            .collect(),
        all_variants: 1,
        members: of_seed
            .into_iter()
            .zip(seed.clone().map(Some))
            .chain(of_variant.into_iter().zip(other.map(Some)))
            .collect(),
        all_members: 2,
        reports: 100,
        seed,
        targets: vec![department("Finance", 31), department("Support", 12)],
        people: vec![Clicker {
            address: w.say("maya.lindqvist@northwind.example"),
            clicks: 2,
            first_at: before(700),
            last_at: before(690),
        }],
    }
}

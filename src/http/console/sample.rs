//! Records for the samples of all pages: the same story told in plain words, or
//! with one hostile text in every place that a stranger can write to.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    campaign, campaigns, fault, parked, queue, sign_in,
    submission::{self, body::View},
    text::Plain,
    timeline::Names,
};
use crate::{
    domain::{
        Assessment, Desired, EvidenceState, Id, IdKind, Locator, MailboxAddress, MailboxRef,
        Observed, Place, Provider, PullRole, ReportClient, ReportReason, ReportStatus, Signal,
        Verdict, VerdictSource,
    },
    store::{
        Page,
        campaign::Campaign,
        event::Event,
        job::JobRow,
        pull::{Pull, PullCounts},
        remediation::{Gap, Remediation, RemediationState, SearchProgress},
        report::Report,
        submission::Submission,
    },
};

/// What the strangers in a sample say.
#[derive(Debug, Clone, Default)]
pub struct Words {
    hostile: Option<String>,
}

impl Words {
    /// The story in plain words.
    #[must_use]
    pub const fn plain() -> Self {
        Self { hostile: None }
    }

    /// One text in every place.
    #[must_use]
    pub fn hostile(text: &str) -> Self {
        Self {
            hostile: Some(text.to_owned()),
        }
    }

    /// What stands in a place where `plain` would stand in the story.
    #[must_use]
    pub fn say(&self, plain: &str) -> String {
        self.hostile.as_deref().unwrap_or(plain).to_owned()
    }
}

/// A page's name and how it is rendered.
type Render = fn(&Words) -> Result<String, askama::Error>;

/// Every page in every state that looks different.
pub const PAGES: [(&str, Render); 14] = [
    ("queue", |w| queue::sample(w, false)),
    ("queue-empty", |w| queue::sample(w, true)),
    ("submission", |w| submission::sample(w, "text")),
    ("submission-rendered", |w| submission::sample(w, "rendered")),
    ("submission-source", |w| submission::sample(w, "source")),
    ("submission-pending", submission::sample_pending),
    ("campaigns", |w| campaigns::sample(w, false)),
    ("campaigns-empty", |w| campaigns::sample(w, true)),
    ("campaign", campaign::sample),
    ("parked", |w| parked::sample(w, false)),
    ("parked-empty", |w| parked::sample(w, true)),
    ("sign-in", |_| sign_in::sample(false)),
    ("sign-in-refused", |_| sign_in::sample(true)),
    ("fault", |_| Ok(fault::sample())),
];

/// The time of all samples.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_338_127, 0).unwrap_or_default()
}

fn before(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn id<K: IdKind>(n: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(
        0x019a_ab00_0000_7000_8000_0000_0000_0000 + n,
    ))
}

fn address(text: &str) -> Option<MailboxAddress> {
    text.parse().ok()
}

fn copy(provider: Provider, who: &str, message: &str) -> Option<Locator> {
    let address = address(&format!("{who}@northwind.example"))?;
    let key = format!("7b1d2c3e-{who}");
    Locator::new(MailboxRef::new(provider, key, address).ok()?, message).ok()
}

fn signal(w: &Words, id: &str, class: &str, evidence: &str, place: &str, weight: f64) -> Signal {
    Signal {
        id: w.say(id),
        class: w.say(class),
        evidence: w.say(evidence),
        place: w.say(place),
        weight,
    }
}

fn assessment(w: &Words, verdict: Verdict, score: f64) -> Assessment {
    Assessment {
        verdict,
        score,
        signals: vec![
            signal(
                w,
                "url.lookalike_domain",
                "url",
                "Link to northwlnd-payroll[.]example, one letter from northwind.example",
                "body:html",
                4.1,
            ),
            signal(
                w,
                "auth.dmarc_fail",
                "authentication",
                "DMARC failed and the domain asks to reject",
                "header:Authentication-Results",
                2.6,
            ),
            signal(
                w,
                "url.credential_path",
                "url",
                "Path /session/verify/sso asks for a password",
                "body:html",
                2.2,
            ),
            signal(
                w,
                "header.reply_to_foreign",
                "sender",
                "Replies go to another domain than the sender’s",
                "header:Reply-To",
                1.4,
            ),
            signal(
                w,
                "text.urgency",
                "content",
                "“within 24 hours”, “will be suspended”",
                "body:text",
                0.8,
            ),
            signal(
                w,
                "sender.known_correspondent",
                "sender",
                "The display name has written to 14 people here before",
                "header:From",
                -1.1,
            ),
        ],
        rules_version: w.say("2026.11-3"),
        may_pull: verdict == Verdict::Malicious,
        hold_reason: (verdict == Verdict::Suspicious)
            .then(|| w.say("only one evidence class speaks for malice; policy wants two")),
    }
}

struct Seed(
    u128,
    &'static str,
    &'static str,
    Option<(Verdict, VerdictSource)>,
    f64,
    i32,
    i64,
    EvidenceState,
);

const SEEDS: [Seed; 12] = {
    use EvidenceState::{Fetched, Mismatch, Missing, Pending};
    use Verdict::{Benign, Bulk, Malicious, Simulation, Spam, Suspicious, Unknown};
    use VerdictSource::{Analyst, Policy};
    [
        Seed(
            12,
            "Invoice INV-20441 overdue: updated bank details",
            "accounts@fabrikam-billing.example",
            None,
            0.0,
            1,
            6,
            Pending,
        ),
        Seed(
            11,
            "Re: Shared document “Q4 bonus plan.pdf”",
            "no-reply@sharefiles-notify.example",
            Some((Suspicious, Policy)),
            0.71,
            3,
            190,
            Fetched,
        ),
        Seed(
            10,
            "Your payroll account will be suspended within 24 hours",
            "payroll@northwlnd-payroll.example",
            Some((Malicious, Policy)),
            0.97,
            6,
            724,
            Fetched,
        ),
        Seed(
            9,
            "Voicemail from +44 20 7946 0018 (00:42)",
            "voice@pbx-message.example",
            Some((Unknown, Policy)),
            0.38,
            1,
            1_500,
            Mismatch,
        ),
        Seed(
            8,
            "Action required: your password expires today",
            "it-desk@northwind.example",
            Some((Simulation, Policy)),
            0.12,
            41,
            3_300,
            Fetched,
        ),
        Seed(
            7,
            "Your parcel could not be delivered",
            "tracking@parcel-redelivery.example",
            Some((Malicious, Analyst)),
            0.88,
            2,
            5_400,
            Fetched,
        ),
        Seed(
            6,
            "10 productivity habits for a calmer November",
            "hello@morningpages.example",
            Some((Bulk, Policy)),
            0.02,
            1,
            9_100,
            Fetched,
        ),
        Seed(
            5,
            "Meeting notes: supplier review",
            "lena.hartmann@tailspin.example",
            Some((Benign, Analyst)),
            0.19,
            1,
            15_000,
            Fetched,
        ),
        Seed(
            4,
            "CONGRATULATIONS you have been selected",
            "winner@lotto-prize-desk.example",
            Some((Spam, Policy)),
            0.44,
            4,
            40_000,
            Fetched,
        ),
        Seed(3, "", "", Some((Unknown, Policy)), 0.50, 1, 61_000, Missing),
        Seed(
            2,
            "DocuSign: completed contract 88-1207",
            "dse@eu-docusing.example",
            Some((Malicious, Policy)),
            0.99,
            9,
            96_000,
            Fetched,
        ),
        Seed(
            1,
            "Quarterly newsletter",
            "news@adventure-works.example",
            Some((Bulk, Policy)),
            0.01,
            1,
            260_000,
            Fetched,
        ),
    ]
};

fn submission(w: &Words, seed: &Seed) -> Submission {
    let Seed(n, subject, sender, verdict, score, reports, age, evidence) = seed;
    let mut s = Submission::new(id(*n), String::new(), None, before(*age));
    s.mailbox = address("maya.lindqvist@northwind.example");
    s.subject = (w.hostile.is_some() || !subject.is_empty()).then(|| w.say(subject));
    s.sender = (w.hostile.is_some() || !sender.is_empty()).then(|| w.say(sender));
    s.verdict = verdict.map(|(verdict, _)| verdict);
    s.verdict_source = verdict.map(|(_, source)| source);
    s.assessment = verdict.map(|(verdict, _)| assessment(w, verdict, *score));
    s.reports = *reports;
    s.evidence = *evidence;
    s
}

pub(super) fn submissions(w: &Words) -> Vec<Submission> {
    SEEDS.iter().map(|seed| submission(w, seed)).collect()
}

const TEXT: &str = "Dear colleague,\n\nWe could not verify the bank account on your payroll profile. \
     Access to your account will be suspended within 24 hours and your November salary will be held.\n\n\
     Confirm your account now:\nhttps://northwlnd-payroll.example/session/verify/sso?u=maya.lindqvist\n\n\
     If you have already confirmed, reply to this message with reference PR-55102.\n\n\
     Payroll Services\nNorthwind Trading";

const SOURCE: &str = "Received: from mail.northwlnd-payroll.example (203.0.113.44)\n\
     \tby mx1.northwind.example with ESMTPS; Sun, 22 Nov 2026 08:29:41 +0000\n\
     Authentication-Results: mx1.northwind.example; spf=softfail; dkim=none; dmarc=fail\n\
     From: \"Northwind Payroll\" <payroll@northwlnd-payroll.example>\n\
     Reply-To: payroll.desk@fastmail-relay.example\n\
     Subject: Your payroll account will be suspended within 24 hours\n\
     Message-ID: <b7c1e2.55102@northwlnd-payroll.example>\nMIME-Version: 1.0\n\
     Content-Type: multipart/alternative; boundary=\"x42\"\n\n--x42\n\
     Content-Type: text/plain; charset=utf-8\n\nDear colleague,\n";

fn findings(w: &Words) -> serde_json::Value {
    let s = |plain: &str| w.say(plain);
    json!({
        "headers": {
            "from": s("\"Northwind Payroll\" <payroll@northwlnd-payroll.example>"),
            "to": s("maya.lindqvist@northwind.example"),
            "reply_to": s("payroll.desk@fastmail-relay.example"),
            "return_path": s("bounce-55102@northwlnd-payroll.example"),
            "subject": s("Your payroll account will be suspended within 24 hours"),
            "date": s("Sun, 22 Nov 2026 08:29:40 +0000"),
            "message_id": s("b7c1e2.55102@northwlnd-payroll.example"),
        },
        "authentication": {"spf": s("softfail"), "dkim": s("none"), "dmarc": s("fail")},
        "observables": [
            {"kind": s("url"), "value": s("https://northwlnd-payroll.example/session/verify/sso?u=maya.lindqvist"), "place": s("body:html")},
            {"kind": s("domain"), "value": s("northwlnd-payroll.example"), "place": s("body:html")},
            {"kind": s("ip"), "value": s("203.0.113.44"), "place": s("header:Received")},
            {"kind": s("email"), "value": s("payroll.desk@fastmail-relay.example"), "place": s("header:Reply-To")},
            {"kind": s("url"), "value": s("https://cdn.fastmail-relay.example/logo/northwind.png"), "defanged": s("hxxps://cdn[.]fastmail-relay[.]example/logo/northwind.png"), "place": s("body:html")},
            {"kind": s("sha256"), "value": s("9f2feb0f1ef425b292f2f94bb8482494df430413ac45a2d2a1c1a0d3b3a8f5c1"), "place": s("attachment:1")},
        ],
        "attachments": [
            {"name": s("payroll-form.html"), "content_type": s("text/html"), "size": 18_412, "sha256": s("9f2feb0f1ef425b292f2f94bb8482494df430413ac45a2d2a1c1a0d3b3a8f5c1")},
            {"name": s("northwind.png"), "content_type": s("image/png"), "size": 7_204, "sha256": s("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")},
        ],
        "defects": [s("date_in_the_future"), s("boundary_not_closed")],
    })
}

fn events(w: &Words) -> Vec<Event> {
    let event = |kind: &str, age: i64, detail: serde_json::Value| Event {
        id: id(u128::from(age.unsigned_abs())),
        submission: None,
        campaign: None,
        kind: w.say(kind),
        actor: "unhook".to_owned(),
        detail,
        at: before(age),
    };
    let mut all = vec![
        event(
            "reported",
            724,
            json!({"client": w.say("outlook"), "reason": w.say("phishing")}),
        ),
        event("quarantined", 722, json!({})),
        event("evidence_fetched", 721, json!({"octets": 48_211})),
        event("enriched", 721, json!({"observables": 6})),
        event(
            "verdict",
            720,
            json!({"verdict": w.say("malicious"), "score": 0.97}),
        ),
        event("search_started", 720, json!({"mailboxes": 200})),
        event(
            "reported",
            655,
            json!({"client": w.say("gmail"), "reason": w.say("phishing")}),
        ),
        event("searched", 640, json!({"mailboxes": 198, "found": 61})),
        event("pulled", 612, json!({"copies": 58})),
        event(
            "verdict",
            240,
            json!({"verdict": w.say("malicious"), "reason": w.say("Confirmed with payroll: not theirs")}),
        ),
        event("thanked", 233, json!({"letters": 2})),
    ];
    if let Some(decision) = all.iter_mut().find(|event| event.at == before(240)) {
        decision.actor = KEY.to_owned();
    }
    all
}

const KEY: &str = "key_019aab00000070008000000000000077";

fn names(w: &Words) -> Names {
    Names::from([(KEY.to_owned(), w.say("Priya, SOC desk"))])
}

fn report(w: &Words, n: u128, who: &str, client: ReportClient, comment: &str, age: i64) -> Report {
    Report {
        id: id(n),
        submission: id(10),
        client,
        reporter: w.say("google:1099"),
        reporter_address: address(&format!("{who}@northwind.example"))
            .filter(|_| w.hostile.is_none()),
        guest: n == 43,
        message_key: String::new(),
        reason: Some(ReportReason::Phishing),
        comment: (w.hostile.is_some() || !comment.is_empty()).then(|| w.say(comment)),
        upload_sha256: None,
        idempotency_key: None,
        request_digest: String::new(),
        status: if n == 43 {
            ReportStatus::InReview
        } else {
            ReportStatus::Closed
        },
        outcome: None,
        received_at: before(age),
    }
}

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

fn pulls(w: &Words) -> Vec<Pull> {
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
    })
}

pub(super) fn campaigns(w: &Words) -> [campaigns::Counted; 4] {
    let one = |n: u128, title: &str, sender: &str, verdict, state, pulls: PullCounts, age| {
        campaigns::Counted {
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
        }
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

pub(super) fn submission_material(w: &Words, view: &str) -> submission::Material {
    let mut submission = submission(w, &SEEDS[2]);
    if w.hostile.is_some()
        && let Some(assessment) = &mut submission.assessment
    {
        assessment.hold_reason = w.hostile.clone();
    }
    submission.findings = Some(findings(w));
    submission.campaign = Some(id(60));
    submission.message_received_at = Some(before(1_106));
    submission.evidence_sha256 =
        Some("d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592".to_owned());
    submission.evidence_size = Some(48_211);
    let comment = "I did not ask for this and the address looks odd. I clicked nothing.";
    submission::Material {
        submission,
        reports: vec![
            report(w, 41, "maya.lindqvist", ReportClient::Outlook, comment, 724),
            report(w, 42, "tomas.weber", ReportClient::Gmail, "", 655),
            report(
                w,
                43,
                "guest.auditor",
                ReportClient::Outlook,
                "Is this real? See https://northwlnd-payroll.example",
                500,
            ),
        ],
        pulls: pulls(w).into_iter().take(1).collect(),
        campaign: Some(PullCounts {
            found: 61,
            pulled: 52,
            ..PullCounts::default()
        }),
        events: events(w),
        names: names(w),
        view: match view {
            "rendered" => View::Rendered,
            "source" => View::Source(Plain::block(&w.say(SOURCE), 40_000)),
            _ => View::Text(Plain::defanged_block(&w.say(TEXT), 40_000)),
        },
    }
}

pub(super) fn pending_material(w: &Words) -> submission::Material {
    submission::Material {
        submission: submission(w, &SEEDS[0]),
        reports: vec![report(
            w,
            41,
            "maya.lindqvist",
            ReportClient::Outlook,
            "",
            6,
        )],
        pulls: Vec::new(),
        campaign: None,
        events: events(w).into_iter().take(1).collect(),
        names: Names::new(),
        view: View::None("The message has not been fetched yet. This page looks again by itself."),
    }
}

pub(super) fn campaign_material(w: &Words) -> campaign::Material {
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
        pulls: Page {
            items: pulls(w),
            next: Some(id::<crate::domain::kinds::Pull>(101).to_string()),
        },
        last_settled: Some(before(600)),
        submissions: submissions(w).into_iter().skip(2).take(2).collect(),
        events: events(w),
        names: names(w),
    }
}

pub(super) fn jobs(w: &Words) -> Vec<JobRow> {
    let job = |n, kind: &str, target: String, error: &str, age| JobRow {
        id: id(n),
        kind: w.say(kind),
        target,
        state: "parked".to_owned(),
        attempts: 10,
        last_error: Some(w.say(error)),
        run_after: before(age),
    };
    vec![
        job(
            201,
            "triage",
            id::<crate::domain::kinds::Submission>(3).to_string(),
            "The mail platform answered 403: consent for Mail.ReadWrite was withdrawn",
            4_000,
        ),
        job(
            202,
            "letter",
            w.say("let_019aab00000070008000000000000031"),
            "The mail server refused the recipient",
            90_000,
        ),
    ]
}

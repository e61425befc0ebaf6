//! Reported messages, their evidence and their judgement.

use serde_json::json;

use super::{Words, address, before, events, id, pulls};
use crate::{
    domain::{
        Assessment, EvidenceState, ReportClient, ReportReason, ReportStatus, Signal, Verdict,
        VerdictSource,
    },
    http::console::{
        submission::{self, body::View},
        text::Plain,
        timeline::Names,
    },
    store::{egress::Egress, pull::PullCounts, report::Report, submission::Submission},
};

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
        kind: None,
        changes: vec![w.say("if the wording spoke neither way it would be suspicious")],
        action: None,
        shadow: false,
        policy_version: w.say("fedcba987654"),
        rules_version: w.say("2026.11-3"),
        model_version: Some(w.say("0123456789ab")),
        probabilities: [("malicious".to_owned(), 0.97), ("spam".to_owned(), 0.02)].into(),
        may_pull: verdict == Verdict::Malicious,
        awaited: Vec::new(),
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

pub(in crate::http::console) fn submissions(w: &Words) -> Vec<Submission> {
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
        "evaluated": {"spf": s("softfail"), "dkim": s("none"), "dmarc": s("fail"), "arc": s("none"), "note": s("Keys and policies are today\u{2019}s.")},
        "protection": [s("pgp_signed")],
        "structure": [
            {"depth": 0, "media_type": s("multipart/mixed"), "size": 48_000},
            {"depth": 1, "media_type": s("text/html"), "size": 20_400, "encoding": s("quoted-printable")},
            {"depth": 1, "media_type": s("application/zip"), "name": s("payroll.zip"), "size": 24_600, "encoding": s("base64"), "disposition": s("attachment")},
        ],
        "received": {
            "hops": [
                {"from": s("mx.northwind.example [192.0.2.8]"), "by": s("mail.northwind.example"), "with": s("ESMTPS"), "at": s("2026-11-22T08:29:58Z"), "trusted": true},
                {"from": s("unknown [203.0.113.44]"), "by": s("mx.northwind.example"), "with": s("ESMTP"), "at": s("2026-11-22T08:29:55Z"), "trusted": true, "border": true},
                {"from": s("localhost [127.0.0.1]"), "by": s("payroll.northwind.example"), "with": s("HTTP"), "at": s("2026-11-22T11:02:00Z"), "oddities": [s("2 hours later than its arrival")]},
            ],
            "sending_ip": s("203.0.113.44"),
            "helo": s("payroll.northwind.example"),
            "oddities": [s("the Date header lies 30 hours before its arrival")],
        },
        "files": [
            {"place": "attachment:0", "name": s("payroll.zip"), "kind": s("zip"), "claimed": s("application/zip"), "size": 18_412,
             "hashes": {"sha256": s("9f2feb0f1ef425b292f2f94bb8482494df430413ac45a2d2a1c1a0d3b3a8f5c1"), "md5": s("9e107d9d372bb6826bd81d3542a419d6")},
             "members": [{"place": "attachment:0/0", "name": s("form.pdf.js"), "kind": s("script"), "size": 812, "hashes": {},
                          "notes": [{"kind": s("double_extension"), "detail": s("form.pdf.js")}],
                          "rules": [{"file": s("own"), "rule": s("script_dropper"), "description": s("A script that fetches a program")}]}]},
            {"place": "attachment:1", "name": s("scan.rar"), "kind": s("rar"), "size": 7_204, "hashes": {}, "stops": [s("no reader is at hand for its form")]},
        ],
        "defects": [s("date_in_the_future"), s("boundary_not_closed")],
    })
}

fn enrichment(w: &Words) -> serde_json::Value {
    let s = |plain: &str| w.say(plain);
    let answer = |source: &str, kind: &str, value: &str, reputation: &str, words: &str| {
        json!({
            "source": s(source), "kind": kind, "value": s(value), "reputation": reputation,
            "words": s(words), "details": {"threat": s("phishing")},
            "asked_at": before(1_100), "cached": false,
        })
    };
    json!({
        "answers": [
            answer("threatfox", "domain", "northwlnd-payroll.example", "bad", "phishing, confidence 75"),
            answer("rdap", "domain", "northwlnd-payroll.example", "facts", "registered 3 days ago"),
            answer("rspamd", "message", "d7a8fbb3", "doubtful", "add header, score 9.1 of 15"),
        ],
        "awaited": {"urlhaus": s("it is not reachable: no answer in time")},
        "history": {"messages": 2, "reports": 5, "first_reported_at": before(90_000),
                    "last_reported_at": before(9_000), "verdicts": [[s("malicious"), 2]]},
        "asked_at": before(1_100),
    })
}

fn egress(w: &Words) -> Vec<Egress> {
    let line =
        |n: u128, source: &str, to: &str, payload: &str, state: &str, outcome: Option<&str>| {
            Egress {
                id: id(n),
                submission: id(10),
                source: w.say(source),
                kind: "domain".to_owned(),
                value: w.say("northwlnd-payroll.example"),
                sent_to: w.say(to),
                payload: w.say(payload),
                state: state.to_owned(),
                outcome: outcome.map(|words| w.say(words)),
                asked_at: before(1_100),
                answered_at: outcome.map(|_| before(1_099)),
            }
        };
    vec![
        line(
            70,
            "threatfox",
            "POST https://threatfox-api.abuse.ch/api/v1/",
            "{\"query\":\"search_ioc\",\"search_term\":\"northwlnd-payroll.example\"}",
            "answered",
            Some("bad: phishing, confidence 75"),
        ),
        line(
            71,
            "rdap",
            "GET https://rdap.org/domain/northwlnd-payroll.example",
            "",
            "answered",
            Some("facts: registered 3 days ago"),
        ),
        line(
            72,
            "urlhaus",
            "POST https://urlhaus-api.abuse.ch/v1/host/",
            "host=northwlnd-payroll.example",
            "failed",
            Some("it is not reachable"),
        ),
        line(
            73,
            "dns",
            "MX northwlnd-payroll.example",
            "",
            "asking",
            None,
        ),
    ]
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

pub(in crate::http::console) fn submission_material(w: &Words, view: &str) -> submission::Material {
    let mut submission = submission(w, &SEEDS[2]);
    if w.hostile.is_some()
        && let Some(assessment) = &mut submission.assessment
    {
        assessment.hold_reason = w.hostile.clone();
    }
    submission.findings = Some(findings(w));
    submission.enrichment = Some(enrichment(w));
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
        pulls: pulls::pulls(w).into_iter().take(1).collect(),
        campaign: Some(PullCounts {
            found: 61,
            pulled: 52,
            ..PullCounts::default()
        }),
        decision: 1,
        events: events::events(w),
        names: events::names(w),
        egress: egress(w),
        view: match view {
            "rendered" => View::Rendered,
            "source" => View::Source(Plain::block(&w.say(SOURCE), 40_000)),
            _ => View::Text(Plain::defanged_block(&w.say(TEXT), 40_000)),
        },
    }
}

pub(in crate::http::console) fn pending_material(w: &Words) -> submission::Material {
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
        decision: 1,
        events: events::events(w).into_iter().take(1).collect(),
        names: Names::new(),
        egress: Vec::new(),
        view: View::None("The message has not been fetched yet. This page looks again by itself."),
    }
}

/// A message that was not found in the mailbox; the client sent it, or did not.
pub(in crate::http::console) fn missing_material(
    w: &Words,
    uploaded: bool,
) -> submission::Material {
    let seed = if uploaded { &SEEDS[3] } else { &SEEDS[9] };
    let mut submission = submission(w, seed);
    submission.evidence = EvidenceState::Missing;
    submission.upload_sha256 = uploaded
        .then(|| "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef".to_owned());
    submission.findings = uploaded.then(|| findings(w));
    submission::Material {
        submission,
        reports: vec![report(
            w,
            41,
            "maya.lindqvist",
            ReportClient::Outlook,
            "",
            1_500,
        )],
        pulls: Vec::new(),
        campaign: None,
        decision: 1,
        events: events::events(w).into_iter().take(1).collect(),
        names: events::names(w),
        egress: Vec::new(),
        view: if uploaded {
            View::Text(Plain::defanged_block(&w.say(TEXT), 40_000))
        } else {
            View::None("No copy of this message is known.")
        },
    }
}

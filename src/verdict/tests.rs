use super::*;
use crate::{
    domain::Assessment,
    enrich::observables,
    message::{Limits, parse},
};

mod beside;
mod input;
mod organisation;

const DEMO: &str = "Authentication-Results: mx.northwind.example; spf=softfail smtp.mailfrom=northwlnd-support.example; dkim=none; dmarc=fail header.from=northwlnd-support.example\r\nFrom: \"Northwind IT Helpdesk\" <helpdesk@northwlnd-support.example>\r\nTo: ann@northwind.example\r\nSubject: Action required: your mailbox password expires today\r\nDate: Mon, 16 Nov 2026 08:00:00 +0000\r\nMessage-ID: <p1@northwlnd-support.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Dear colleague,</p><p>your mailbox password expires today. To keep your current password and to go on receiving mail, sign in at the portal within 24 hours.</p><p><a href=\"https://login.northwlnd-support.example/session/verify?id=7f3a\">https://portal.northwind.example/</a></p><p>Northwind IT Helpdesk</p>\r\n";

fn facts() -> Facts {
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    Facts {
        organisation_domains: vec!["northwind.example".into(), "northwind-labs.example".into()],
        trusted_authserv_ids: vec!["mx.northwind.example".into()],
        received: Some(now - TimeDelta::days(1)),
        now,
        ..Facts::default()
    }
}

fn judge(raw: &str, facts: &Facts, policy: &Policy) -> Assessment {
    let message = parse(raw.as_bytes(), &Limits::default());
    let engine = Engine::new(policy.clone()).unwrap();
    engine.assess(&message, &observables(&message), facts)
}

fn has(assessment: &Assessment, id: &str) -> bool {
    assessment.signals.iter().any(|s| s.id == id)
}

#[test]
fn the_imitation_of_the_own_helpdesk_is_condemned_and_may_be_pulled() {
    let a = judge(DEMO, &facts(), &Policy::default());
    assert_eq!(a.verdict, Verdict::Malicious, "{a:#?}");
    assert!(a.may_pull, "{:?}", a.hold_reason);
    assert_eq!(a.hold_reason, None);
    assert!(a.score > 0.99);
    for id in [
        "auth.dmarc_fail",
        "auth.spf_fail",
        "sender.org_lookalike",
        "sender.org_name",
        "sender.desk_name",
        "link.shows_own",
        "link.org_lookalike",
        "lure.credential",
    ] {
        assert!(has(&a, id), "{id}");
    }
    assert!(
        a.signals
            .windows(2)
            .all(|s| s[0].weight.abs() >= s[1].weight.abs())
    );
    assert!(!a.signals.iter().any(|s| s.evidence.contains("://")));
}

#[test]
fn what_holds_a_pull_back_is_said() {
    let policy = Policy::default();
    let reason = |raw: &str, facts: &Facts, policy: &Policy| {
        let a = judge(raw, facts, policy);
        assert!(!a.may_pull);
        a.hold_reason.unwrap()
    };
    let old = Facts {
        received: Some(facts().now - TimeDelta::days(31)),
        ..facts()
    };
    assert!(reason(DEMO, &old, &policy).contains("30 days"));
    let unknown = Facts {
        received: None,
        ..facts()
    };
    assert!(reason(DEMO, &unknown, &policy).contains("not known"));
    let internal = Facts {
        internal_sender: true,
        ..facts()
    };
    assert!(reason(DEMO, &internal, &policy).contains("organisation"));
    let off = Policy {
        automatic_pull: false,
        ..Policy::default()
    };
    assert!(reason(DEMO, &facts(), &off).contains("switched off"));
    let twice = DEMO.replace("To: ann", "From: b@c.example\r\nTo: ann");
    assert!(reason(&twice, &facts(), &policy).contains("ambiguous"));
    let more = Policy {
        evidence_classes: 6,
        ..Policy::default()
    };
    assert!(reason(DEMO, &facts(), &more).contains("independent"));
    let benign = "From: a@b.example\r\nSubject: lunch\r\n\r\nShall we have lunch at noon in the usual place?\r\n";
    assert!(reason(benign, &facts(), &policy).contains("benign"));
}

#[test]
fn what_could_not_be_found_again_is_left_to_a_person() {
    let two_ids = DEMO.replace(
        "<p1@northwlnd-support.example>",
        "<p1@northwlnd-support.example>@<q2@other.example>",
    );
    let a = judge(&two_ids, &facts(), &Policy::default());
    assert_eq!(a.verdict, Verdict::Suspicious, "{a:#?}");
    assert!(a.hold_reason.expect("held").contains("ambiguous"));

    let (head, _) = DEMO.split_once("<p>Dear").expect("a body");
    let picture = format!(
        "{head}<p>Sign in with your password</p><a href=\"https://login.northwlnd-support.example/a\">https://portal.northwind.example/</a>\r\n"
    );
    let a = judge(&picture, &facts(), &Policy::default());
    assert!(a.score > 0.9, "{a:#?}");
    assert_eq!(a.verdict, Verdict::Suspicious, "{a:#?}");
    assert!(a.hold_reason.expect("held").contains("too little text"));
}

#[test]
fn one_kind_of_evidence_is_not_enough() {
    // every reason of one class only: the sender
    let signals: Vec<Signal> = (0..5)
        .map(|n| Signal {
            id: format!("sender.{n}"),
            class: "sender".into(),
            evidence: String::new(),
            place: String::new(),
            weight: 2.0,
        })
        .collect();
    assert_eq!(evidence_classes(&signals), 1);
}

#[test]
fn a_proven_sender_of_the_house_is_never_pulled_by_policy() {
    let own = DEMO
        .replace("northwlnd-support.example", "northwind.example")
        .replace("spf=softfail", "spf=pass")
        .replace("dmarc=fail", "dmarc=pass");
    let a = judge(&own, &facts(), &Policy::default());
    assert!(!a.may_pull);
    // the same claim without proof speaks against it
    let spoofed = DEMO.replace(
        "helpdesk@northwlnd-support.example",
        "helpdesk@northwind.example",
    );
    assert!(has(
        &judge(&spoofed, &facts(), &Policy::default()),
        "sender.own_domain_unproven"
    ));
}

#[test]
fn a_result_of_an_unknown_server_is_not_believed() {
    let forged = DEMO
        .replace("mx.northwind.example;", "mx.evil.example;")
        .replace("dmarc=fail", "dmarc=pass");
    let a = judge(&forged, &facts(), &Policy::default());
    assert!(!has(&a, "auth.proven") && !has(&a, "auth.dmarc_fail"));
    assert_eq!(a.verdict, Verdict::Malicious);
}

#[test]
fn ordinary_mail_is_left_alone() {
    for raw in [
        "From: Ben <ben@partner.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes\r\nIn-Reply-To: <a@northwind.example>\r\n\r\nThanks, I have added the two points we spoke about.\r\n> shall we add them\r\n",
        "From: \"Amazon.com\" <shipment-tracking@amazon.com>\r\nTo: ann@northwind.example\r\nSubject: Your Amazon.com order has shipped\r\nContent-Type: text/html\r\n\r\n<p>Your package is on the way. You can track it and check when your package will arrive.</p><a href=\"https://www.amazon.com/gp/r.html?U=1\">Track your package</a>\r\n",
        "From: Helpdesk <helpdesk@northwind.example>\r\nAuthentication-Results: mx.northwind.example; dmarc=pass header.from=northwind.example\r\nTo: ann@northwind.example\r\nSubject: Your password expires in 14 days\r\n\r\nPlease change it in the portal at https://portal.northwind.example/ when you are in the office.\r\n",
        "From: Orchard <noreply@orchard-app.example>\r\nTo: ann@northwind.example\r\nSubject: Verify your email address\r\nContent-Type: text/html\r\n\r\n<p>Welcome to Orchard. Please verify your email address by clicking the link below. It is valid for 24 hours.</p><a href=\"https://orchard-app.example/verify/0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e\">Verify email</a>\r\n",
    ] {
        let a = judge(raw, &facts(), &Policy::default());
        assert_ne!(a.verdict, Verdict::Malicious, "{raw} {a:#?}");
        assert!(!a.may_pull);
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_ambiguous_is_never_clean() {
    for raw in [
        "",
        "\0\0\0",
        "no headers at all",
        "From: a@b.example\r\n\r\n",
    ] {
        let a = judge(raw, &facts(), &Policy::default());
        assert_eq!(a.verdict, Verdict::Unknown, "{raw:?}");
        assert!(!a.may_pull);
    }
    let twice = "From: a@b.example\r\nFrom: c@d.example\r\nSubject: lunch\r\n\r\nShall we have lunch at noon?\r\n";
    let verdict = judge(twice, &facts(), &Policy::default()).verdict;
    assert!(matches!(verdict, Verdict::Unknown | Verdict::Suspicious));
}

#[test]
fn marks_of_ordinary_mail_can_take_off_only_so_much() {
    let dressed = DEMO
        .replace(
            "MIME-Version",
            "In-Reply-To: <a@b>\r\nReferences: <a@b>\r\nList-Id: <l.x.example>\r\nList-Post: <mailto:x@y.example>\r\nList-Unsubscribe: <mailto:x@y.example>\r\nMIME-Version",
        )
        .replace("</p>\r\n", "</p><p>unsubscribe newsletter save up to discount sale casino sex viagra</p>\r\n");
    let a = judge(&dressed, &facts(), &Policy::default());
    assert_eq!(a.verdict, Verdict::Malicious, "{a:#?}");
}

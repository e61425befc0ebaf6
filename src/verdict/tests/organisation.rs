//! What the organisation says: lists, people, exercises, rules of its own.

use super::*;
use crate::domain::Kind;

const NEWS: &str = "Authentication-Results: mx.northwind.example; dmarc=pass header.from=shop.example; dkim=pass header.d=shop.example\r\nFrom: Shop <news@shop.example>\r\nTo: ann@northwind.example\r\nSubject: Your account is suspended, verify your password now\r\nDate: Mon, 16 Nov 2026 08:00:00 +0000\r\nMessage-ID: <n1@shop.example>\r\nContent-Type: text/html\r\n\r\n<p>Dear customer, your account has been suspended. Verify your password within 24 hours or it will be closed.</p><a href=\"https://login.shop.example/verify?id=1\">Verify my account</a>\r\n";

fn policy(text: &str) -> Policy {
    Policy::from_toml(text).unwrap()
}

fn weight(assessment: &Assessment, id: &str) -> f64 {
    let signal = assessment.signals.iter().find(|s| s.id == id);
    signal.unwrap_or_else(|| panic!("no {id}")).weight
}

#[test]
fn a_wanted_sender_counts_only_when_proven_and_never_for_a_dangerous_file() {
    let bare = judge(NEWS, &facts(), &Policy::default());
    assert_ne!(bare.verdict, Verdict::Benign, "{bare:#?}");
    let wanted = policy("[[allow]]\nsender = \"shop.example\"\nnote = \"orders\"\n");
    let allowed = judge(NEWS, &facts(), &wanted);
    assert!(allowed.score < bare.score / 10.0, "{allowed:#?}");
    assert!(!matches!(
        allowed.verdict,
        Verdict::Malicious | Verdict::Suspicious
    ));
    let unproven = judge(&NEWS.replace("dmarc=pass", "dmarc=fail"), &facts(), &wanted);
    assert!(has(&unproven, "policy.allowed_unproven"));
    assert!(unproven.score >= bare.score);
    let ended = policy("[[allow]]\nsender = \"shop.example\"\nuntil = \"2020-01-01T00:00:00Z\"\n");
    assert_eq!(judge(NEWS, &facts(), &ended).score, bare.score);
    let known_as_bad = Facts {
        answers: vec![SourceAnswer {
            source: "urlhaus".into(),
            kind: crate::domain::AskedKind::Host,
            value: "login.shop.example".into(),
            reputation: crate::domain::Reputation::Bad,
            words: "phishing".into(),
            details: std::collections::BTreeMap::new(),
            asked_at: facts().now,
            cached: false,
        }],
        ..facts()
    };
    let hacked = judge(NEWS, &known_as_bad, &wanted);
    assert!(weight(&hacked, "policy.allowed").abs() < 1e-9);
    assert!(hacked.score > bare.score);
}

#[test]
fn an_unwanted_sender_is_never_closed_and_alone_never_pulled() {
    let lunch = "From: Bob <bob@denied.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\n\r\nThanks for the minutes, I have added the two points that we spoke about on Tuesday.\r\n";
    assert_eq!(
        judge(lunch, &facts(), &Policy::default()).verdict,
        Verdict::Benign
    );
    let denied = judge(
        lunch,
        &facts(),
        &policy("[[deny]]\nsender = \"denied.example\"\n"),
    );
    assert_eq!(denied.verdict, Verdict::Suspicious, "{denied:#?}");
    assert!(has(&denied, "policy.denied") && !denied.may_pull);
}

#[test]
fn a_borrowed_name_is_seen_in_either_order_and_the_owner_is_left_alone() {
    let vips = policy(
        "[[vips]]\nname = \"Erika Mustermann\"\naddresses = [\"erika@northwind.example\"]\n",
    );
    let mail = |from: &str| {
        format!(
            "From: {from}\r\nTo: ann@northwind.example\r\nSubject: quick favour\r\n\r\nAre you at your desk? I need a favour and cannot talk, write to me here.\r\n"
        )
    };
    for from in [
        "Erika Mustermann <ceo.office@mail.example>",
        "\"Mustermann, Erika\" <x@y.example>",
        "ERIKA MUSTERMANN (CEO) <x@y.example>",
    ] {
        let a = judge(&mail(from), &facts(), &vips);
        assert!(has(&a, "sender.vip_name"), "{from} {a:#?}");
    }
    let own = format!(
        "Authentication-Results: mx.northwind.example; dmarc=pass header.from=northwind.example\r\n{}",
        mail("Erika Mustermann <erika@northwind.example>")
    );
    let a = judge(&own, &facts(), &vips);
    assert!(!a.signals.iter().any(|s| s.id.contains("vip")), "{a:#?}");
    let forged = judge(
        &mail("Erika Mustermann <erika@northwind.example>"),
        &facts(),
        &vips,
    );
    assert!(has(&forged, "sender.vip_unproven"));
    let other = judge(&mail("Erika Muster <x@y.example>"), &facts(), &vips);
    assert!(!has(&other, "sender.vip_name"));
}

#[test]
fn an_exercise_is_recognised_by_secret_network_or_signature_and_never_by_a_header() {
    let with = |header: &str| DEMO.replacen("From:", &format!("{header}\r\nFrom:"), 1);
    let secret = policy(
        "[[simulations]]\nvendor = \"KnowBe4\"\nheader = \"X-PHISHTEST\"\nsecret = \"correct horse battery\"\n",
    );
    let a = judge(
        &with("X-PhishTest: correct horse battery"),
        &facts(),
        &secret,
    );
    assert_eq!(a.verdict, Verdict::Simulation, "{a:#?}");
    assert!(!a.may_pull && has(&a, "simulation.recognised"));
    for guess in [
        "X-PHISHTEST: 1",
        "X-PHISHTEST:",
        "X-Other: correct horse battery",
    ] {
        assert_eq!(
            judge(&with(guess), &facts(), &secret).verdict,
            Verdict::Malicious,
            "{guess}"
        );
    }

    let network = policy(
        "[[simulations]]\nvendor = \"KnowBe4\"\nheader = \"X-PHISHTEST\"\nnetworks = [\"192.0.2.0/28\"]\n",
    );
    let sent_from = |ip: &str| {
        let hop = format!(
            "Received: from x.example ([{ip}]) by mx.northwind.example with ESMTPS id 1; Mon, 16 Nov 2026 08:00:00 +0000\r\nX-PHISHTEST: 1\r\n{DEMO}"
        );
        let facts = Facts {
            border: Border {
                hosts: vec!["mx.northwind.example".into()],
                ..Border::default()
            },
            ..facts()
        };
        judge(&hop, &facts, &network).verdict
    };
    assert_eq!(sent_from("192.0.2.7"), Verdict::Simulation);
    assert_eq!(sent_from("192.0.2.77"), Verdict::Malicious);

    let signed = policy("[[simulations]]\nvendor = \"Hoxhunt\"\ndkim = [\"hoxhuntsigning.com\"]\n");
    let own = DEMO.replace("dkim=none", "dkim=pass header.d=a.hoxhuntsigning.com");
    assert_eq!(judge(&own, &facts(), &signed).verdict, Verdict::Simulation);
    let elsewhere = own.replace("mx.northwind.example;", "mx.evil.example;");
    assert_eq!(
        judge(&elsewhere, &facts(), &signed).verdict,
        Verdict::Malicious,
        "the sender's own word for his signature"
    );
}

#[test]
fn a_rule_of_ones_own_reads_the_documented_facts() {
    let rule = |when: &str| {
        policy(&format!(
            "[[rules]]\nname = \"mine\"\nwhen = '''{when}'''\nweight = 1.5\nclass = \"language\"\nsays = \"it is mine\"\n"
        ))
    };
    for when in [
        "message.subject.contains('password expires')",
        "message.words.contains(' within 24 hours ')",
        "sender.domain == 'northwlnd-support.example' && !sender.proven",
        "links.exists(l, l.host.startsWith('login.') && l.shown == 'portal.northwind.example')",
        "auth.dmarc == 'fail' && 'lure.credential' in found",
        "model.malicious > 0.5 && size(files) == 0",
        "sender.name.matches('(?i)help ?desk') && 'northwind.example' in own",
        "!('x-mailer' in headers) && size(answers) == 0",
    ] {
        let a = judge(DEMO, &facts(), &rule(when));
        assert!((weight(&a, "own.mine") - 1.5).abs() < 1e-9, "{when}");
        let lunch = "From: a@b.example\r\nX-Mailer: m\r\nReply-To: c@d.example\r\nSubject: lunch\r\n\r\nShall we have lunch?\r\n";
        assert!(
            !has(&judge(lunch, &Facts::default(), &rule(when)), "own.mine"),
            "{when}"
        );
    }
    // what cannot be read on a message is said and weighs nothing
    let a = judge(DEMO, &facts(), &rule("links[7].host == 'x'"));
    assert!(weight(&a, "own.mine").abs() < 1e-9, "{a:#?}");
    let text = judge(DEMO, &facts(), &rule("message.subject"));
    assert!(weight(&text, "own.mine").abs() < 1e-9);
}

#[test]
fn a_broken_rule_is_refused_with_its_place() {
    let said = |when: &str| {
        let text = format!(
            "[[rules]]\nname = \"mine\"\nwhen = '''{when}'''\nweight = 1.5\nclass = \"language\"\nsays = \"it is mine\"\n"
        );
        let error = Engine::new(policy(&text)).expect_err(when);
        error.to_string()
    };
    let open = said("message.subject.contains('x'");
    assert!(
        open.starts_with("policy.rules.mine.when: line 1, column"),
        "{open}"
    );
    let unknown = said("mesage.subject == 'x'");
    assert!(unknown.contains("`mesage`"), "{unknown}");
    let loops = said("links.exists(a, links.exists(b, links.exists(c, a == b && b == c)))");
    assert!(loops.contains("more than 2 lists"), "{loops}");
    let broken = Policy::from_toml("malicious_from = 0.9\nrules = 3\n").expect_err("rules");
    assert!(broken.to_string().contains("line 2"), "{broken}");
}

#[test]
fn the_kind_of_harm_is_said() {
    let kind = |raw: &str| judge(raw, &facts(), &Policy::default()).kind;
    assert_eq!(kind(DEMO), Some(Kind::Credential));
    let extortion = "From: x <x@y.example>\r\nTo: ann@northwind.example\r\nSubject: I recorded you\r\n\r\nI have hacked your device and recorded you with your webcam while you watched porn. Send 900 USD in bitcoin to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa within 48 hours or I will send the video to all your contacts.\r\n";
    assert_eq!(kind(extortion), Some(Kind::Extortion));
    let fraud = "From: \"Dr. Ben Okoro\" <ben@freemail.example>\r\nReply-To: ben.okoro@gmail.com\r\nTo: ann@northwind.example\r\nSubject: business proposal\r\n\r\nDear friend, I am the lawyer of a late client who left 12.5 million US dollars without next of kin. I need your assistance to transfer the fund to your bank account, you will have 40 percent. Send me your full name and phone number urgently.\r\n";
    assert_eq!(kind(fraud), Some(Kind::Fraud));
    let call = "From: Billing <billing@norton-renew.example>\r\nTo: ann@northwind.example\r\nSubject: Your invoice 4711\r\n\r\nYour payment of $399.99 for the renewal of your antivirus subscription was charged to your account today. If you did not authorise this payment, call our billing department at +1 (808) 555-0142 within 24 hours for a refund.\r\n";
    assert_eq!(kind(call), Some(Kind::Callback));
    let lunch = "From: Bob <bob@b.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\n\r\nThanks for the minutes, I have added the two points that we spoke about on Tuesday.\r\n";
    assert_eq!(kind(lunch), None);
}

#[test]
fn what_would_have_changed_the_verdict_is_said_and_true() {
    let denied = policy("[[deny]]\nsender = \"denied.example\"\n");
    let lunch = "From: Bob <bob@denied.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\n\r\nThanks for the minutes, I have added the two points that we spoke about on Tuesday.\r\n";
    let a = judge(lunch, &facts(), &denied);
    let told = a.changes.iter().find(|c| c.contains("unwanted senders"));
    assert!(
        told.is_some_and(|told| told.ends_with("it would be benign")),
        "{:#?}",
        a.changes
    );
    assert_eq!(
        judge(lunch, &facts(), &Policy::default()).verdict,
        Verdict::Benign
    );
}

#[test]
fn the_same_message_facts_and_engine_give_the_same_bytes() {
    let text = |policy: &Policy| serde_json::to_vec(&judge(DEMO, &facts(), policy)).unwrap();
    assert_eq!(text(&Policy::default()), text(&Policy::default()));
    let other = policy("max_age_days = 20\n");
    assert_ne!(
        text(&Policy::default()),
        text(&other),
        "the policy is named"
    );
}

#[test]
fn in_shadow_mode_nothing_may_be_pulled() {
    let a = judge(DEMO, &facts(), &policy("mode = \"shadow\"\n"));
    assert_eq!(a.verdict, Verdict::Malicious);
    assert!(!a.may_pull && a.hold_reason.unwrap().contains("shadow"));
}

/// A lunch mail that nobody can mind.
const MINUTES: &str = "From: Bob <bob@partner.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\n\r\nThanks for the minutes, I have added the two points that we spoke about on Tuesday.\r\n";

#[test]
fn a_list_of_actions_asks_a_person_where_nothing_in_it_fits() {
    let free = judge(MINUTES, &facts(), &Policy::default());
    assert_eq!((free.verdict, free.action), (Verdict::Benign, None));
    let sure = policy("[[actions]]\nverdict = \"benign\"\nfrom = 0.999999\ndo = \"settle\"\n");
    let asked = judge(MINUTES, &facts(), &sure);
    assert_eq!(asked.verdict, Verdict::Benign, "it is judged as before");
    assert_eq!(asked.by_policy(), Verdict::Unknown, "and a person is asked");
    let lax = policy("[[actions]]\nverdict = \"benign\"\nfrom = 0.2\ndo = \"settle\"\n");
    assert_eq!(judge(MINUTES, &facts(), &lax).by_policy(), Verdict::Benign);
}

#[test]
fn a_pull_may_be_left_to_a_person_by_confidence_evidence_and_exposure() {
    let known = |people: Option<u32>| Facts {
        people,
        answers: vec![SourceAnswer {
            source: "urlhaus".into(),
            kind: crate::domain::AskedKind::Host,
            value: "login.shop.example".into(),
            reputation: crate::domain::Reputation::Bad,
            words: "phishing".into(),
            details: std::collections::BTreeMap::new(),
            asked_at: facts().now,
            cached: false,
        }],
        ..facts()
    };
    let pulled = judge(NEWS, &known(Some(3)), &Policy::default());
    assert!(pulled.may_pull, "{pulled:#?}");
    let list = "[[actions]]\nverdict = \"malicious\"\nevidence_classes = 2\nmost_people = 10\ndo = \"pull\"\n[[actions]]\nverdict = \"malicious\"\ndo = \"propose\"\n";
    let few = judge(NEWS, &known(Some(3)), &policy(list));
    assert_eq!((few.may_pull, few.by_policy()), (true, Verdict::Malicious));
    for people in [Some(11), None] {
        let many = judge(NEWS, &known(people), &policy(list));
        assert_eq!(
            (many.may_pull, many.by_policy()),
            (false, Verdict::Suspicious)
        );
        let why = many.hold_reason.unwrap_or_default();
        assert!(why.contains("proposes"), "{why}");
    }
    let doubtful = judge(
        NEWS,
        &known(Some(3)),
        &policy(&list.replace("evidence_classes = 2", "evidence_classes = 7")),
    );
    assert!(!doubtful.may_pull);
    // what the rest of the policy forbids, the list does not allow
    let off = policy(&format!("automatic_pull = false\n{list}"));
    assert!(!judge(NEWS, &known(Some(3)), &off).may_pull);
}

#[test]
fn what_is_called_bad_is_never_closed_and_alone_never_pulled() {
    let lunch = "From: Bob <bob@partner.example>\r\nTo: ann@northwind.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\n\r\nThanks for the minutes, I have added the two points that we spoke about on Tuesday.\r\n";
    let said_by = |source: &str, reputation| Facts {
        answers: vec![SourceAnswer {
            source: source.into(),
            kind: crate::domain::AskedKind::Domain,
            value: "partner.example".into(),
            reputation,
            words: "told by the national CERT".into(),
            details: std::collections::BTreeMap::new(),
            asked_at: facts().now,
            cached: true,
        }],
        ..facts()
    };
    let judged = |source, reputation| {
        let facts = said_by(source, reputation);
        judge(lunch, &facts, &Policy::default())
    };
    use crate::domain::Reputation::{Bad, Doubtful};
    let own = judged("own_list", Bad);
    assert_eq!(own.verdict, Verdict::Suspicious, "{own:#?}");
    assert!(!own.may_pull);
    let other = judged("urlhaus", Bad);
    assert!((own.score - other.score).abs() < 1e-9, "it weighs no more");
    assert_eq!(other.verdict, Verdict::Suspicious);
    assert_eq!(judged("dnsbl_zen", Bad).verdict, Verdict::Benign);
    assert_eq!(judged("own_list", Doubtful).verdict, Verdict::Benign);
}

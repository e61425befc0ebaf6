//! The rules beside the model: each with a message that it finds and a near miss.

use super::*;
use crate::{
    domain::{AskedKind, Kind, Reputation},
    enrich::{merged, observables_of_files},
    file::{FileLink, LinkSource, Note},
    message::Untrusted,
};

fn signal<'a>(assessment: &'a Assessment, id: &str) -> &'a Signal {
    let found = assessment.signals.iter().find(|s| s.id == id);
    found.unwrap_or_else(|| panic!("no {id}: {:#?}", assessment.signals))
}

fn plain(head: &str, body: &str) -> String {
    format!(
        "{head}\r\nDate: Mon, 16 Nov 2026 08:00:00 +0000\r\nMessage-ID: <b1@mail.example>\r\n\r\n{body}\r\n"
    )
}

fn proven(domain: &str, rest: &str) -> String {
    format!(
        "Authentication-Results: mx.northwind.example; dmarc=pass header.from={domain}\r\n{rest}"
    )
}

fn found(raw: &str, facts: &Facts) -> Assessment {
    judge(raw, facts, &Policy::default())
}

const FAVOUR: &str = "Are you at your desk? I have a small favour to ask and cannot talk just now.";

#[test]
fn a_borrowed_name_of_the_directory_is_seen_and_its_owner_left_alone() {
    let facts = Facts {
        namesakes: vec![
            "erika@northwind.example".into(),
            "e000001@northwind.example".into(),
        ],
        ..facts()
    };
    let mail = |from: &str| {
        let head = format!("From: {from}\r\nTo: ann@northwind.example\r\nSubject: a favour");
        plain(&head, FAVOUR)
    };
    let stranger = found(
        &mail("\"Mustermann, Erika\" <x@office-mail.example>"),
        &facts,
    );
    assert_eq!(signal(&stranger, "sender.person_name").class, "sender");
    assert!(!has(&stranger, "sender.person_name_freemail"));
    let free = found(&mail("Erika Mustermann <ceo.desk@gmail.com>"), &facts);
    let (weight, less) = (
        signal(&free, "sender.person_name_freemail").weight,
        signal(&stranger, "sender.person_name").weight,
    );
    assert!(weight > less && !has(&free, "sender.person_name"));
    let answered = mail("Erika Mustermann <x@office-mail.example>")
        .replace("Subject", "Reply-To: erika.m@gmx.net\r\nSubject");
    assert!(has(
        &found(&answered, &facts),
        "sender.person_name_freemail"
    ));
    for raw in [
        // hers, and one of hers that the border proves only as the organisation's
        mail("Erika Mustermann <erika@northwind.example>"),
        proven(
            "northwind.example",
            &mail("Erika Mustermann <erika.new@northwind.example>"),
        ),
        // one word is no name of a person
        mail("Erika <x@office-mail.example>"),
        // to herself from home
        mail("Erika Mustermann <erika.m@gmail.com>")
            .replace("ann@northwind.example", "erika@northwind.example"),
        // a service that writes in her name
        proven(
            "tracker.example",
            &mail("Erika Mustermann <notify@tracker.example>")
                .replace("Subject", "List-Id: <work.tracker.example>\r\nSubject"),
        ),
    ] {
        let a = found(&raw, &facts);
        assert!(
            !a.signals.iter().any(|s| s.id.contains("person_name")),
            "{raw} {a:#?}"
        );
    }
    let known = Facts {
        correspondent: Some(Correspondent {
            cleared: 3,
            ..Correspondent::default()
        }),
        ..facts.clone()
    };
    let raw = proven(
        "partner.example",
        &mail("Erika Mustermann <erika@partner.example>"),
    );
    assert!(!has(&found(&raw, &known), "sender.person_name"));
    assert!(has(&found(&raw, &facts), "sender.person_name"));
    // a free mailbox is proven for whoever opened it
    let raw = proven("gmail.com", &mail("Erika Mustermann <erika.m@gmail.com>"));
    assert!(has(&found(&raw, &known), "sender.person_name_freemail"));
    // one reason, however well it fits, condemns nobody
    assert_ne!(free.verdict, Verdict::Malicious, "{free:#?}");
}

#[test]
fn what_became_of_earlier_mail_counts_for_and_against_its_sender() {
    let mail = plain(
        "From: Ben <ben@partner.example>\r\nTo: ann@northwind.example\r\nSubject: offer",
        "Please find our new offer below, as we agreed on the telephone.",
    );
    let proven = proven("partner.example", &mail);
    let past = |cleared, malicious, condemned, condemned_proven| Facts {
        correspondent: Some(Correspondent {
            cleared,
            malicious,
            condemned,
            condemned_proven,
        }),
        ..facts()
    };
    let known = found(&proven, &past(2, 0, 0, 0));
    assert!(signal(&known, "sender.known").weight < 0.0);
    assert!(known.score < found(&proven, &facts()).score);
    for (raw, facts) in [
        (&mail, past(2, 0, 0, 0)),
        (&proven, past(2, 1, 0, 0)),
        (&proven, past(0, 0, 0, 0)),
        (&proven, facts()),
    ] {
        assert!(!has(&found(raw, &facts), "sender.known"), "{facts:?}");
    }
    let bad = found(&proven, &past(0, 1, 1, 1));
    assert_eq!(signal(&bad, "sender.was_malicious").class, "reputation");
    assert!(bad.score > found(&proven, &facts()).score);
    assert_ne!(bad.verdict, Verdict::Malicious);
    assert!(has(
        &found(&mail, &past(0, 1, 1, 0)),
        "sender.was_malicious"
    ));
    for facts in [
        // somebody had forged the address; this one is proven
        past(0, 1, 1, 0),
        // only the policy thought so
        past(0, 4, 0, 0),
    ] {
        assert!(
            !has(&found(&proven, &facts), "sender.was_malicious"),
            "{facts:?}"
        );
    }
}

fn registered(domain: &str, day: &str) -> SourceAnswer {
    SourceAnswer {
        source: "rdap".into(),
        kind: AskedKind::Domain,
        value: domain.into(),
        reputation: Reputation::Facts,
        words: "registered".into(),
        details: [("registered".to_owned(), day.to_owned())].into(),
        asked_at: facts().now,
        cached: false,
    }
}

#[test]
fn a_domain_registered_days_before_is_told_once_and_an_old_one_not() {
    let received = facts().received.unwrap();
    let day = |days: i64| {
        (received - TimeDelta::days(days))
            .format("%Y-%m-%d")
            .to_string()
    };
    let with = |answers: Vec<SourceAnswer>| Facts { answers, ..facts() };
    let mail = |path: &str| {
        plain(
            "From: Ben <ben@partner.example>\r\nTo: ann@northwind.example\r\nSubject: minutes",
            &format!(
                "The minutes of our meeting lie at https://files.fresh.example/{path} for you."
            ),
        )
    };
    let new = with(vec![registered("fresh.example", &day(3))]);
    let a = found(&mail("minutes"), &new);
    let told = signal(&a, "link.new_domain");
    assert!(told.evidence.contains("3 days before"), "{}", told.evidence);
    assert!(!has(&a, "link.new_domain_login") && !has(&a, "sender.new_domain"));
    let a = found(&mail("login/minutes"), &new);
    assert!(has(&a, "link.new_domain_login") && !has(&a, "link.new_domain"));
    let asks = mail("minutes").replace("The minutes", "Your mailbox is full. The minutes");
    assert!(has(&found(&asks, &new), "link.new_domain_login"));

    let sender = with(vec![registered("partner.example", &day(29))]);
    let a = found(&mail("minutes"), &sender);
    assert_eq!(signal(&a, "sender.new_domain").class, "sender");
    assert!(!has(&a, "link.new_domain"));
    // one domain of both is one fact
    let own_link = mail("login").replace("fresh.example", "partner.example");
    let a = found(&own_link, &sender);
    assert!(
        has(&a, "link.new_domain_login") && !has(&a, "sender.new_domain"),
        "{a:#?}"
    );

    for day in [day(30), day(4_000), day(-9), "soon".into(), String::new()] {
        let facts = with(vec![
            registered("fresh.example", &day),
            registered("partner.example", &day),
        ]);
        let a = found(&mail("login"), &facts);
        assert!(
            !a.signals.iter().any(|s| s.id.contains("new_domain")),
            "{day}"
        );
    }
    let mut other = registered("fresh.example", &day(1));
    other.source = "somebody".into();
    assert!(!has(
        &found(&mail("login"), &with(vec![other])),
        "link.new_domain_login"
    ));
}

fn file(kind: NoteKind, detail: &str) -> FileReport {
    FileReport {
        place: "attachment:0".into(),
        notes: vec![Note {
            kind,
            detail: Untrusted::new(detail.to_owned()),
        }],
        ..FileReport::default()
    }
}

/// Judges a message with what taking its files apart has shown.
fn with_files(raw: &str, files: Vec<FileReport>) -> Assessment {
    let message = parse(raw.as_bytes(), &Limits::default());
    let all = merged(
        &observables(&message),
        &observables_of_files(&files, &message),
    );
    let facts = Facts { files, ..facts() };
    Engine::new(Policy::default())
        .unwrap()
        .assess(&message, &all, &facts)
}

#[test]
fn a_qr_code_counts_with_a_lure_for_a_password_and_not_alone() {
    let code = |target: &str| FileReport {
        links: vec![FileLink {
            source: LinkSource::QrCode,
            target: Untrusted::new(target.to_owned()),
            text: Untrusted::new(String::new()),
        }],
        ..file(NoteKind::QrCode, target)
    };
    let mail = |text: &str| {
        plain(
            "From: Desk <desk@outside.example>\r\nTo: ann@northwind.example\r\nSubject: notice",
            text,
        )
    };
    let lure = mail("Your password expires today. Scan the code with your telephone to keep it.");
    let a = with_files(&lure, vec![code("https://portal.outside-login.example/a")]);
    let told = signal(&a, "file.qr_credential");
    assert_eq!(
        (told.class.as_str(), told.weight > 1.0),
        ("attachments", true)
    );
    assert!(told.place.starts_with("attachment:0"), "{}", told.place);
    let feast = mail("Scan the QR code to see the menu of our summer feast.");
    for (raw, target) in [
        (&feast, "https://feast.example/menu"),
        (&lure, "https://portal.northwind.example/password"),
        (&lure, "https://aka.microsoft.com/mfa"),
    ] {
        let a = with_files(raw, vec![code(target)]);
        assert!(
            has(&a, "file.qr_code") && !has(&a, "file.qr_credential"),
            "{target}"
        );
    }
    // the link stands in the text, not in a code
    let link = lure.replace(
        "telephone",
        "telephone: https://portal.outside-login.example/a",
    );
    assert!(!has(&with_files(&link, Vec::new()), "file.qr_credential"));
}

#[test]
fn a_macro_that_fetches_is_seen_though_nothing_runs_it_by_itself() {
    let mail = plain(
        "From: Ben <ben@partner.example>\r\nTo: ann@northwind.example\r\nSubject: plan",
        "The plan is attached, with the figures of last week.",
    );
    let fetching = file(NoteKind::MacroSuspicious, "urldownloadtofile");
    assert!(has(
        &with_files(&mail, vec![fetching.clone()]),
        "file.macro_download"
    ));
    let writing = file(NoteKind::MacroSuspicious, "scripting.filesystemobject");
    assert!(!has(
        &with_files(&mail, vec![writing]),
        "file.macro_download"
    ));
    let mut runs = fetching;
    runs.notes
        .extend(file(NoteKind::MacroAutoexec, "AutoOpen").notes);
    let a = with_files(&mail, vec![runs]);
    assert!(has(&a, "file.macro_runs") && !has(&a, "file.macro_download"));
}

#[test]
fn a_party_of_the_conversation_is_not_to_be_imitated() {
    let mail = |from: &str, more: &str, body: &str| {
        plain(
            &format!(
                "From: Carla <carla@{from}>\r\nTo: ann@northwind.example\r\n{more}Subject: Re: order 88"
            ),
            body,
        )
    };
    let quoting = [
        "Hello Ann, see below.\r\n\r\nOn Mon, 9 Nov 2026, Carla Wagner <carla@fabrikam.example> wrote:\r\n> the order is on its way\r\n",
        "Guten Tag\r\n\r\nVon: Carla Wagner <carla@fabrikam.example>\r\nGesendet: Montag, 9. November 2026\r\nAn: Ann\r\nBetreff: Bestellung\r\n\r\nDie Bestellung ist unterwegs.\r\n",
        "Bonjour\r\n\r\nDe : Carla <carla@fabrikam.example>\r\nEnvoyé : lundi 9 novembre\r\nObjet : commande\r\n\r\nLa commande part.\r\n",
        "Hola\r\n\r\nEl lun, 9 nov 2026 a las 9:00, Carla (<carla@fabrikam.example>) escribió:\r\n\r\nEl pedido sale hoy.\r\n",
        "Hi\r\n\r\n-----Original Message-----\r\nCarla, carla@fabrikam.example, told us that the order is on its way.\r\n",
    ];
    for body in quoting {
        let a = found(&mail("fabrlkam.example", "", body), &facts());
        let told = signal(&a, "thread.lookalike_party");
        assert_eq!(told.class, "sender", "{body}");
        assert!(told.evidence.contains("fabrikam"), "{}", told.evidence);
        let genuine = found(&mail("fabrikam.example", "", body), &facts());
        assert!(!has(&genuine, "thread.lookalike_party"), "{body}");
        let other = found(&mail("contoso.example", "", body), &facts());
        assert!(!has(&other, "thread.lookalike_party"), "{body}");
    }
    let thanks = "Thank you for the quick answer, the order stands as we have agreed.";
    for more in [
        "References: <77.order@mail.fabrikam.example>\r\n",
        "In-Reply-To: <1@other.example>\r\nCc: Carla <carla@fabrikam.example>\r\n",
    ] {
        let a = found(&mail("fabrikarn.example", more, thanks), &facts());
        assert!(has(&a, "thread.lookalike_party"), "{more} {a:#?}");
    }
    for (from, more, body) in [
        // nobody was spoken with yet
        (
            "fabrikarn.example",
            "Cc: Carla <carla@fabrikam.example>\r\n",
            thanks,
        ),
        // both took part before: two names of one house
        (
            "fabrikamm.example",
            "References: <1@fabrikamm.example> <2@fabrikam.example>\r\n",
            thanks,
        ),
        (
            "fabrikam2.example",
            "References: <1@fabrikam1.example>\r\n",
            thanks,
        ),
    ] {
        let a = found(&mail(from, more, body), &facts());
        assert!(!has(&a, "thread.lookalike_party"), "{from} {more}");
    }
}

#[test]
fn answers_to_a_twin_of_the_sender_are_seen() {
    let mail = |reply: &str| {
        let head = format!(
            "From: Carla <carla@fabrikam.example>\r\nReply-To: {reply}\r\nTo: ann@northwind.example\r\nSubject: order"
        );
        plain(
            &head,
            "Please confirm the order until Friday, so that it leaves in time.",
        )
    };
    let a = found(&mail("carla@fabrikarn.example"), &facts());
    assert_eq!(signal(&a, "sender.reply_lookalike").class, "sender");
    assert_ne!(a.verdict, Verdict::Malicious);
    for reply in [
        "carla@fabrikam.example",
        "carla@mail.fabrikam.example",
        "desk@contoso.example",
        "carla@gmail.com",
    ] {
        assert!(
            !has(&found(&mail(reply), &facts()), "sender.reply_lookalike"),
            "{reply}"
        );
    }
}

const GIFT_CARDS: [&str; 6] = [
    "I need you to purchase five gift cards for our clients. Scratch the back and send me the codes.",
    "Kannst du mir bitte fünf Geschenkkarten besorgen und mir die Fotos der Codes schicken?",
    "Pouvez-vous acheter cinq cartes cadeaux pour nos clients ? Je vous rembourserai ce soir.",
    "Necesito que compres cinco tarjetas de regalo y me mandes las fotos de los códigos.",
    "Puoi comprare cinque carte regalo per i clienti? Ti rimborserò stasera.",
    "Kun je vijf cadeaukaarten kopen en mij een foto van de codes sturen?",
];
const PAYROLL: [&str; 6] = [
    "I have changed banks. Can you update my direct deposit before the next payroll?",
    "Ich habe ein neues Konto. Bitte überweisen Sie mein Gehalt ab dem nächsten Monat dorthin.",
    "J'ai changé de banque. Voici mon nouveau RIB pour le versement de mon salaire.",
    "He cambiado de banco y quiero recibir mi nómina en la nueva cuenta.",
    "Ho cambiato banca: il mio stipendio va versato sul nuovo conto.",
    "Ik heb een nieuw rekeningnummer, kan mijn salaris daarheen?",
];
const BANK_CHANGE: [&str; 6] = [
    "Please note that our bank details have changed. Use the new account for all payments.",
    "Unsere Bankverbindung hat sich geändert, bitte überweisen Sie ab sofort auf das neue Konto.",
    "Nos coordonnées bancaires ont changé, merci d'en tenir compte pour les prochains paiements.",
    "Nuestros datos bancarios han cambiado, utilícelos para los próximos pagos.",
    "Le nostre coordinate bancarie sono cambiate, valgono per i prossimi pagamenti.",
    "Onze bankgegevens zijn gewijzigd, gebruik ze voor toekomstige betalingen.",
];

#[test]
fn fraud_is_told_by_its_words_and_a_sender_that_does_not_fit() {
    let mail = |from: &str, text: &str| {
        plain(
            &format!(
                "From: {from}\r\nTo: ann@northwind.example\r\nSubject: today\r\nContent-Type: text/plain; charset=utf-8"
            ),
            text,
        )
    };
    for (id, texts) in [
        ("fraud.gift_cards", GIFT_CARDS),
        ("fraud.payroll", PAYROLL),
        ("fraud.bank_change", BANK_CHANGE),
    ] {
        for text in texts {
            let a = found(&mail("Ben <ben.okoro@gmail.com>", text), &facts());
            assert_eq!(signal(&a, id).class, "language", "{text}");
            let fraud = a.signals.iter().filter(|s| s.id.starts_with("fraud."));
            assert_eq!(fraud.count(), 1, "{text}");
            // the same words from somebody in whom nothing is odd
            let honest = proven("partner.example", &mail("Ben <ben@partner.example>", text));
            assert!(!has(&found(&honest, &facts()), id), "{text}");
        }
    }
    for text in [
        "Our shop sells gift cards, too: give joy, and order until Friday.",
        "Your payroll statement is in the portal. My salary question is answered, thanks.",
        "Our bank details stand below the invoice, as always.",
        "I need you to purchase a new projector for the meeting room.",
    ] {
        let a = found(&mail("Ben <ben.okoro@gmail.com>", text), &facts());
        assert!(
            !a.signals.iter().any(|s| s.id.starts_with("fraud.")),
            "{text}"
        );
    }
    let person = Facts {
        namesakes: vec!["ben@northwind.example".into()],
        ..facts()
    };
    let raw = mail("Ben Okoro <desk@office-mail.example>", GIFT_CARDS[0]);
    let a = found(&raw, &person);
    assert!(has(&a, "fraud.gift_cards") && has(&a, "sender.person_name"));
    assert_eq!(a.kind, Some(Kind::Fraud), "{a:#?}");
    assert!(!has(&found(&raw, &facts()), "fraud.gift_cards"));
}

#[test]
fn a_list_of_wanted_senders_does_not_vouch_for_a_fraud() {
    let raw = proven(
        "partner.example",
        &plain(
            "From: Ben <ben@partner.example>\r\nReply-To: ben@elsewhere.example\r\nTo: ann@northwind.example\r\nSubject: invoice 7",
            BANK_CHANGE[0],
        ),
    );
    let policy = Policy::from_toml("[[allow]]\nsender = \"partner.example\"\n").unwrap();
    let a = judge(&raw, &facts(), &policy);
    assert!(has(&a, "fraud.bank_change"));
    assert!(signal(&a, "policy.allowed").weight.abs() < 1e-9, "{a:#?}");
}

#[test]
fn a_charge_and_a_number_to_call_about_it_are_a_callback() {
    let mail = |text: &str| {
        plain(
            "From: Billing <billing@renewals.example>\r\nTo: ann@northwind.example\r\nSubject: invoice 4711",
            text,
        )
    };
    let lure = "Your subscription was renewed and $399.99 was charged to your account. If you did not authorize this, call our desk at +1 (808) 555-0142 within 24 hours.";
    let a = found(&mail(lure), &facts());
    assert_eq!(signal(&a, "lure.callback").class, "language");
    let german = "Ihr Abonnement wurde verlängert, 399,99 EUR werden abgebucht. Zum Stornieren rufen Sie uns an: +49 30 901820145. Sie können jederzeit anrufen.";
    assert!(has(&found(&mail(german), &facts()), "lure.callback"));
    let contact = "Renewal notice. Total amount 445.15, billed today. If you wish to cancel your subscription, contact customer support at 1 888-555-0163 today.";
    assert!(has(&found(&mail(contact), &facts()), "lure.callback"));
    let dated = contact.replace("445.15", "of 1.10.25");
    assert!(!has(&found(&mail(&dated), &facts()), "lure.callback"));
    let paper = FileReport {
        text: Some(Untrusted::new(lure.to_owned())),
        ..file(NoteKind::Corrupt, "")
    };
    let a = with_files(&mail("See the attached paper."), vec![paper]);
    assert_eq!(signal(&a, "lure.callback").place, "attachment:0");
    for near_miss in [
        // no sum, no charge, nothing to take back, nobody to call
        lure.replace("$399.99", "a sum"),
        lure.replace("subscription was renewed", "sun shone")
            .replace("charged", "given"),
        lure.replace("did not authorize", "liked"),
        lure.replace("+1 (808) 555-0142", "the usual number"),
        format!("{lure} See https://a.example/x and https://b.example/y"),
    ] {
        let a = found(&mail(&near_miss), &facts());
        assert!(!has(&a, "lure.callback"), "{near_miss}");
    }
}

#[test]
fn what_stands_beside_the_model_is_no_feature_of_it() {
    for (id, ..) in weights::WEIGHTS {
        let new = id.starts_with("fraud.")
            || id.contains("person_name")
            || id.contains("new_domain")
            || id.contains("lookalike_party");
        if new {
            assert!(beside_model(id), "{id}");
        }
    }
    let raw = plain(
        "From: Ben <ben.okoro@gmail.com>\r\nTo: ann@northwind.example\r\nSubject: today",
        GIFT_CARDS[0],
    );
    let message = parse(raw.as_bytes(), &Limits::default());
    let all = observables(&message);
    let known = Facts {
        namesakes: vec!["ben@northwind.example".into()],
        correspondent: Some(Correspondent {
            condemned: 2,
            ..Correspondent::default()
        }),
        answers: vec![registered("gmail.com", "2026-11-15")],
        ..facts()
    };
    assert!(found(&raw, &known).signals.len() > found(&raw, &facts()).signals.len());
    assert_eq!(
        format!("{:?}", seen_by_model(&message, &all, &known)),
        format!("{:?}", seen_by_model(&message, &all, &facts()))
    );
}

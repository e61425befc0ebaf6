use super::*;
use crate::message::{Likeness, Limits, compare, parse};

const TEXT: &str = "Your mailbox has reached the size that your department agreed on. Messages that arrive from now on wait on the old server until you confirm that you go on using the account. Open the page for staff, confirm the account and choose a new password. Whoever does not confirm before the end of the day loses the messages that wait.";
const OTHER_TEXT: &str = "Come and see the new hall on Thursday afternoon. There will be coffee and cake, a tour through the workshop, and the board answers questions about the move. Please tell the front desk whether you bring your family, so that we have enough chairs and enough cake for everybody who comes.";

struct Mail<'m> {
    id: &'m str,
    from: &'m str,
    bounce: &'m str,
    subject: &'m str,
    greeting: &'m str,
    text: &'m str,
    links: &'m [&'m str],
    end: &'m str,
}

const SEED: Mail<'_> = Mail {
    id: "s1@x.example",
    from: "Staff Desk <desk@mailquota.example>",
    bounce: "b@mailquota.example",
    subject: "Mailbox of A. Miller full, ticket 48213",
    greeting: "Dear Ms Miller,",
    text: TEXT,
    links: &["https://portal-a.example/session/renew/a81f22?uid=1"],
    end: "Kind regards<br>Staff Desk",
};

impl Mail<'_> {
    fn print(&self) -> Fingerprint {
        let links: String = self
            .links
            .iter()
            .map(|link| format!("<tr><td><a href=\"{link}\"><b>Open</b></a></td></tr>"))
            .collect();
        let rows = "<tr><td><span>&nbsp;</span></td></tr><tr><td><img src=\"cid:a\"></td><td><i></i></td></tr>";
        let raw = format!(
            "Return-Path: <{}>\r\nFrom: {}\r\nTo: a@corp.example\r\nSubject: {}\r\nMessage-ID: <{}>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head></head><body><h1></h1><p>{}</p><table>{rows}<tr><td><p>{}</p></td></tr>{links}</table><div><p>{}</p></div></body></html>\r\n",
            self.bounce, self.from, self.subject, self.id, self.greeting, self.text, self.end
        );
        Fingerprint::of(&parse(raw.as_bytes(), &Limits::default()))
    }
}

fn of_seed(other: &Mail<'_>) -> Option<Variant> {
    variant(&SEED.print(), &other.print())
}

#[test]
fn a_rotated_host_sender_and_name_is_a_variant_that_says_why() {
    let other = Mail {
        id: "v1@y.example",
        from: "Staff Desk <help@second-sender.example>",
        bounce: "b@second-sender.example",
        subject: "Mailbox of B. Okoro full, ticket 99107",
        greeting: "Dear Mr Okoro,",
        links: &["https://portal-b.example/session/renew/77c0d1?uid=8"],
        end: "Best regards<br>Your Helpdesk<br>This message is confidential.",
        ..SEED
    };
    assert!(matches!(
        compare(&SEED.print(), &other.print()),
        Likeness::Different { .. }
    ));
    let found = of_seed(&other).unwrap();
    let told = found.reasons.join("; ");
    for expected in [
        "same template at another host",
        "100 % of its own text agrees",
        "the subject has the same shape but for a name",
        "the HTML is built alike",
        "the sender's name looks the same",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    assert!((0.8..1.0).contains(&found.score), "{}", found.score);
}

#[test]
fn other_words_behind_the_same_link_from_the_same_sender_are_a_variant() {
    let other = Mail {
        id: "v2@x.example",
        subject: "Mailbox of C. Diaz full, ticket 3",
        text: OTHER_TEXT,
        ..SEED
    };
    assert!(of_seed(&other).is_some());
    // the same link alone, from anybody else, is not
    let other = Mail {
        from: "Ann <ann@partner.example>",
        bounce: "ann@partner.example",
        subject: "Cake on Thursday",
        ..other
    };
    assert_eq!(of_seed(&other), None);
}

#[test]
fn one_class_alone_is_never_enough() {
    let stranger = Mail {
        id: "o@o.example",
        from: "News <news@letters.example>",
        bounce: "b@letters.example",
        subject: "What is new in the hall",
        greeting: "Hello,",
        text: OTHER_TEXT,
        links: &["https://letters.example/stories/hall"],
        end: "Unsubscribe",
    };
    assert_eq!(of_seed(&stranger), None);
    let host = Mail {
        links: &["https://portal-a.example/team"],
        ..stranger
    };
    assert_eq!(of_seed(&host), None, "host");
    let sender = Mail {
        from: SEED.from,
        bounce: SEED.bounce,
        ..stranger
    };
    assert_eq!(of_seed(&sender), None, "sender");
    let subject = Mail {
        subject: SEED.subject,
        ..stranger
    };
    assert_eq!(of_seed(&subject), None, "subject");
    let all_but_content = Mail {
        from: SEED.from,
        bounce: SEED.bounce,
        subject: SEED.subject,
        links: &["https://portal-a.example/team"],
        ..stranger
    };
    assert_eq!(of_seed(&all_but_content), None, "host, sender and subject");
}

#[test]
fn the_honest_mail_that_the_seed_was_made_from_is_none() {
    let seed = Mail {
        links: &[
            "https://www.bank.example/help/safety",
            "https://portal-a.example/session/renew/a81f22?uid=1",
        ],
        ..SEED
    };
    let honest = Mail {
        id: "h@bank.example",
        from: "Staff Desk <service@bank.example>",
        bounce: "b@bank.example",
        links: &[
            "https://www.bank.example/help/safety",
            "https://www.bank.example/session/renew/b2?uid=1",
        ],
        ..SEED
    };
    assert_eq!(variant(&seed.print(), &honest.print()), None);
    // nor when a mailing service sends it, with its own links
    let mailed = Mail {
        from: "Staff Desk <service@bank-mail.example>",
        bounce: "b@service.example",
        links: &[
            "https://www.bank.example/help/safety",
            "https://clicks.service.example/t/91",
        ],
        ..honest
    };
    assert_eq!(variant(&seed.print(), &mailed.print()), None);
}

#[test]
fn ps09_too_little_evidence_is_never_a_variant() {
    let empty = Mail {
        subject: "Re:",
        greeting: "",
        text: "",
        links: &[],
        end: "",
        ..SEED
    };
    let second = Mail {
        id: "e2@x.example",
        ..empty
    };
    assert_eq!(variant(&empty.print(), &second.print()), None);
    let short = Mail {
        text: "see below",
        ..empty
    };
    let second = Mail {
        text: "see below",
        ..second
    };
    assert_eq!(variant(&short.print(), &second.print()), None);
    // platforms that everybody uses carry no proof
    let common = Mail {
        links: &["https://docs.google.com/forms/d/a81f22/viewform"],
        ..SEED
    };
    let other = Mail {
        id: "c2@x.example",
        from: "Ann <ann@partner.example>",
        bounce: "ann@partner.example",
        ..common
    };
    assert_eq!(variant(&common.print(), &other.print()), None);
}

#[test]
fn another_issue_of_a_newsletter_is_no_variant() {
    let issue = Mail {
        subject: "The hall, issue 12",
        end: "You are receiving this because you asked for it. Unsubscribe",
        ..SEED
    };
    let next = Mail {
        id: "i13@x.example",
        subject: "The hall, issue 13",
        text: OTHER_TEXT,
        ..issue
    };
    assert_eq!(variant(&issue.print(), &next.print()), None);
}

#[test]
fn a_text_alone_needs_length_and_a_second_class() {
    let seed = Mail { links: &[], ..SEED };
    let same = Mail {
        id: "t2@y.example",
        from: "Other <other@else.example>",
        bounce: "o@else.example",
        ..seed
    };
    assert!(variant(&seed.print(), &same.print()).is_some());
    let mut bare = same.print();
    bare.shape.clear();
    bare.subject = "something else".into();
    assert_eq!(variant(&seed.print(), &bare), None);
}

#[test]
fn a_number_to_call_must_be_the_same() {
    let call = |number: &str| format!("{TEXT} Call the desk under {number} at once.");
    let (first, second) = (call("+1 800 555 0199"), call("+1 (800) 555-0123"));
    let seed = Mail {
        links: &[],
        text: &first,
        ..SEED
    };
    let same = Mail {
        id: "n2@y.example",
        from: "Other <other@else.example>",
        bounce: "o@else.example",
        ..seed
    };
    assert!(variant(&seed.print(), &same.print()).is_some());
    let other = Mail {
        text: &second,
        ..same
    };
    assert_eq!(variant(&seed.print(), &other.print()), None);
}

#[test]
fn a_file_of_the_same_family_with_a_second_class_is_a_variant() {
    let hash = |text: &str| {
        let mut builder = tlsh2::TlshDefaultBuilder::new();
        builder.update(text.as_bytes());
        let hash = builder.build().unwrap().hash();
        String::from_utf8(hash.to_vec()).unwrap()
    };
    let paper: String = (0..400).map(|i| format!("line {i} {}\n", i * 37)).collect();
    let bare = Mail {
        links: &[],
        text: "See the paper.",
        ..SEED
    };
    let seed = bare.print().with_files([hash(&paper)]);
    let other = Mail {
        id: "f2@y.example",
        ..bare
    };
    let near = paper.replacen("line 7 259", "line 7 261", 1);
    let mut other_file = other.print().with_files([hash(&near)]);
    let found = variant(&seed, &other_file).unwrap();
    assert!(found.reasons[0].contains("same family"), "{found:?}");
    other_file.files = vec![hash(&OTHER_TEXT.repeat(20))];
    assert_eq!(variant(&seed, &other_file), None);
}

#[test]
fn ps07_a_chain_does_not_bridge_to_its_far_end() {
    let words = |from: usize| -> String { (from..from + 100).map(|n| word(n) + " ").collect() };
    let texts: Vec<String> = (0..=10).map(|step| words(step * 4)).collect();
    let mail = |text: &str, id: &str| {
        Mail {
            id,
            text,
            links: &[],
            ..SEED
        }
        .print()
    };
    let prints: Vec<Fingerprint> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| mail(text, &format!("c{at}@x.example")))
        .collect();
    for pair in prints.windows(2) {
        assert!(
            variant(&pair[0], &pair[1]).is_some(),
            "each is like the next"
        );
    }
    assert_eq!(variant(&prints[0], prints.last().unwrap()), None);
}

/// A word of letters that no other number has.
fn word(n: usize) -> String {
    n.to_string()
        .bytes()
        .flat_map(|digit| [b'k' + digit - b'0', b'a'])
        .map(char::from)
        .collect()
}

#[test]
fn ps35_a_look_alike_name_is_shown_and_proves_nothing() {
    // a Cyrillic letter in the name
    let fake = Mail {
        id: "p@z.example",
        from: "\"St\u{430}ff Desk\" <desk@third.example>",
        bounce: "b@third.example",
        text: OTHER_TEXT,
        links: &["https://third.example/b"],
        ..SEED
    };
    assert!(look_alike(&SEED.print(), &fake.print()));
    assert_eq!(of_seed(&fake), None);
    let with_content = Mail {
        text: TEXT,
        links: &["https://portal-c.example/session/renew/9921aa?uid=8"],
        ..fake
    };
    let found = of_seed(&with_content).unwrap();
    assert!(found.reasons.iter().any(|r| r.contains("name looks")));
}

#[test]
fn fields_of_a_provider_give_the_same_essence() {
    let seed = SEED.print();
    let body = format!(
        "<p>Dear X,</p><p>{TEXT}</p><a href=\"{}\">Open</a>",
        SEED.links[0]
    );
    let by_fields = Fingerprint::of_fields(
        Some("<q@y.example>"),
        Some("\"Staff Desk\" <a@mailquota.example>"),
        Some(SEED.subject),
        &body,
        true,
    );
    assert!(look_alike(&seed, &by_fields));
    assert!(variant(&seed, &by_fields).is_some());
}

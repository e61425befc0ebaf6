use super::*;
use crate::message::{Limits, parse};

const TEXT: &str = "Dear colleague, your mailbox password expires today. To keep your current password and to go on receiving mail, sign in at the staff portal and confirm your account. If you do not act within 24 hours your mailbox will be closed and waiting messages are lost. Northwind IT Helpdesk";
const LINK: &str = "https://login.northwlnd-support.example/session/verify?id=";

fn html(token: &str) -> String {
    format!(
        "<html><head><style>p{{color:red}}</style></head><body><p>{}</p><p><a href=\"{LINK}{token}\">https://portal.northwind.example/</a></p></body></html>",
        TEXT.replace(", ", ",\r\n ")
    )
}

fn mail(id: &str, from: &str, subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: a@northwind.example\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nplain version that nobody shows\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}\r\n--b1--\r\n"
    )
    .into_bytes()
}

fn print(raw: &[u8]) -> Fingerprint {
    Fingerprint::of(&parse(raw, &Limits::default()))
}

const FROM: &str = "\"Northwind IT Helpdesk\" <helpdesk@northwlnd-support.example>";
const ADDRESS: &str = "Helpdesk@northwlnd-support.example";

fn seed() -> Fingerprint {
    print(&mail("m1@x.example", FROM, "Password expires", &html("1")))
}

#[test]
fn the_json_body_is_the_same_message() {
    let body = html("1").replace(
        &format!("{LINK}1"),
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Flogin.northwlnd-support.example%2Fsession%2Fverify%3Fid%3D1&amp;data=05",
    );
    let json = Fingerprint::of_fields(
        Some("<m1@x.example>"),
        Some(ADDRESS),
        Some("Password expires"),
        &body,
        true,
    );
    assert_eq!(seed().digest, json.digest);
    assert_eq!(seed().links, json.links);
    assert!(matches!(compare(&seed(), &json), Likeness::Same { .. }));
}

#[test]
fn regenerated_mime_is_the_same_message() {
    use base64::Engine as _;
    let coded = base64::engine::general_purpose::STANDARD.encode(html("2"));
    let raw = format!(
        "Message-ID: <m1@x.example>\nReceived: by exchange\nFrom: {ADDRESS}\nSubject: =?utf-8?B?UGFzc3dvcmQgZXhwaXJlcw==?=\nContent-Type: text/html; charset=\"us-ascii\"\nContent-Transfer-Encoding: base64\n\n{coded}\n"
    );
    let other = print(raw.as_bytes());
    assert_eq!(seed().subject, other.subject);
    assert!(matches!(compare(&seed(), &other), Likeness::Same { .. }));
}

#[test]
fn a_stored_fingerprint_reads_back() {
    let text = serde_json::to_string(&seed()).unwrap();
    assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), seed());
}

#[test]
fn the_same_id_with_another_body_is_different() {
    let other = print(&mail(
        "m1@x.example",
        FROM,
        "Password expires",
        "<p>All hands on Friday at ten in the big hall, bring your questions about the new building and the move. <a href='https://login.northwlnd-support.example/session/verify'>x</a></p>",
    ));
    assert!(matches!(
        compare(&seed(), &other),
        Likeness::Different { .. }
    ));
    let swapped = html("1").replace(
        "login.northwlnd-support.example",
        "portal.northwind.example",
    );
    let other = print(&mail("m1@x.example", FROM, "Password expires", &swapped));
    assert!(matches!(
        compare(&seed(), &other),
        Likeness::Different { .. }
    ));
    let sender = print(&mail(
        "m1@x.example",
        "ceo@northwind.example",
        "x",
        "<p>hello</p>",
    ));
    assert!(matches!(
        compare(&seed(), &sender),
        Likeness::Different { .. }
    ));
}

#[test]
fn short_bodies_need_id_sender_and_equal_text() {
    let short = |id: &str, body: &str| print(&mail(id, FROM, "Re:", body));
    let seed = short("s1@x", "<p>see below</p>");
    assert!(matches!(
        compare(&seed, &short("s1@x", "<p>See below.</p>")),
        Likeness::Same { .. }
    ));
    assert!(matches!(
        compare(&seed, &short("s1@x", "<p>see above</p>")),
        Likeness::Different { .. }
    ));
    assert!(matches!(
        compare(&seed, &short("s2@x", "<p>see below</p>")),
        Likeness::Different { .. }
    ));
    let empty = |id: &str| print(&mail(id, FROM, "", ""));
    assert!(matches!(
        compare(&empty("e1@x"), &empty("e1@x")),
        Likeness::Same { .. }
    ));
    assert!(matches!(
        compare(&empty("e1@x"), &empty("e2@x")),
        Likeness::Different { .. }
    ));
}

#[test]
fn forwards_in_text_and_html_are_found() {
    let quoted: String = TEXT
        .split(". ")
        .map(|line| format!("> {line}.\n"))
        .collect();
    let body = format!(
        "Is this real?\n\nFrom: Northwind IT Helpdesk <{ADDRESS}>\nSent: Monday\nSubject: Password expires\n\n{quoted}> https://portal.northwind.example/<{LINK}1>\n"
    );
    let text = Fingerprint::of_fields(
        Some("<f1@northwind.example>"),
        Some("ann@northwind.example"),
        Some("FW: please look"),
        &body,
        false,
    );
    assert!(matches!(compare(&seed(), &text), Likeness::Forward { .. }));
    let framed = html("1").replace(
        "<body>",
        "<body><p>Kann das jemand pruefen?</p><div><b>Von:</b> Helpdesk<br><b>Gesendet:</b> Montag</div>",
    );
    let rich = print(&mail(
        "f2@northwind.example",
        "ann@northwind.example",
        "WG: neu",
        &framed,
    ));
    assert!(matches!(compare(&seed(), &rich), Likeness::Forward { .. }));
}

#[test]
fn neighbours_are_different() {
    let newsletter = "<p>Our news of the month: three new products, a visit to the factory and tips for the mailbox. Read all in the portal of Northwind support.</p><a href='https://login.northwlnd-support.example/news/may'>Read</a>";
    let other = print(&mail("n1@x.example", FROM, "Password expires", newsletter));
    assert!(matches!(
        compare(&seed(), &other),
        Likeness::Different { .. }
    ));
    // a warning that quotes the text but not the link
    let warning = format!("<p>Beware of this text: {TEXT}</p>");
    let other = print(&mail(
        "w1@x.example",
        "soc@northwind.example",
        "Warning",
        &warning,
    ));
    assert!(matches!(
        compare(&seed(), &other),
        Likeness::Different { .. }
    ));
    // an answer that keeps one sentence
    let reply = format!("<p>No. &gt; {}</p><a href='{LINK}1'>x</a>", &TEXT[..60]);
    let other = print(&mail(
        "r1@x.example",
        "ann@northwind.example",
        "Re: Password",
        &reply,
    ));
    assert!(matches!(
        compare(&seed(), &other),
        Likeness::Different { .. }
    ));
}

#[test]
fn long_texts_compare_by_a_fair_sample() {
    let long = |from: usize, n: usize| -> String {
        (from..from + n).map(|i| format!("word{i} ")).collect()
    };
    let link = format!("<a href='{LINK}1'>x</a>");
    let seed = print(&mail(
        "l1@x",
        FROM,
        "s",
        &format!("<p>{}{link}</p>", long(0, 3_000)),
    ));
    assert!(seed.sampled);
    let forwarded = format!("<p>{}{}{link}</p>", long(50_000, 2_000), long(0, 3_000));
    let other = print(&mail("l2@x", "ann@northwind.example", "s", &forwarded));
    assert!(matches!(compare(&seed, &other), Likeness::Forward { .. }));
    let half = format!("<p>{}{}{link}</p>", long(50_000, 2_000), long(0, 1_500));
    let other = print(&mail("l3@x", "ann@northwind.example", "s", &half));
    assert!(matches!(compare(&seed, &other), Likeness::Different { .. }));
}

#[test]
fn possession_is_proven_by_content() {
    let parsed = |raw: &[u8]| parse(raw, &Limits::default());
    let fetched = parsed(&mail("m1@x.example", FROM, "Password expires", &html("1")));
    let upload = parsed(&mail(
        "m1@x.example",
        ADDRESS,
        "Password expires",
        &html("9"),
    ));
    assert!(content_matches(&upload, &fetched));
    let forged = parsed(&mail(
        "m1@x.example",
        FROM,
        "Password expires",
        "<p>something else</p>",
    ));
    assert!(!content_matches(&forged, &fetched));
    let foreign = parsed(&mail("m2@x.example", FROM, "Password expires", &html("1")));
    assert!(!content_matches(&foreign, &fetched));
}

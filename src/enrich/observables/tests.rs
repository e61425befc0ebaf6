use super::*;
use crate::message::{LinkPlace, parse};

fn of(raw: &str) -> Vec<Observable> {
    observables(&parse(raw.as_bytes(), &Limits::default()))
}

#[test]
fn a_phish_gives_its_facts() {
    let list = of(
        "From: x@evil.example\nReply-To: y@free.example\nContent-Type: text/html\n\n<a href='https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Flogin.evil.example%2Fa%3Fb%3Dc&amp;data=05%7C02%7Cann%40corp.example'>https://portal.corp.example/</a><a href='mailto:z@evil.example'>m</a><a href='tel:+1-888-555-0100'>call</a><form action='http://192.0.2.7/p'><img src='https://cdn.example/x.png'>or call 1-888-555-0199 now",
    );
    let has = |kind, value: &str| list.iter().any(|o| o.kind == kind && o.value == value);
    assert!(has(ObservableKind::Url, "https://login.evil.example/a?b=c"));
    assert!(has(ObservableKind::Domain, "evil.example"));
    assert!(has(ObservableKind::Ip, "192.0.2.7"));
    assert!(has(ObservableKind::Email, "x@evil.example"));
    assert!(has(ObservableKind::Email, "y@free.example"));
    assert!(has(ObservableKind::Email, "z@evil.example"));
    assert!(has(ObservableKind::Phone, "+18885550100"));
    assert!(has(ObservableKind::Phone, "18885550199"));
    let link = list
        .iter()
        .find(|o| o.value.starts_with("https://login.evil"))
        .unwrap();
    let facts = link.link.as_ref().unwrap();
    assert_eq!(facts.shown_host.as_deref(), Some("portal.corp.example"));
    assert!(facts.wrapped);
    assert_eq!(
        link.defanged.as_str(),
        "hxxps[:]//login[.]evil[.]example/a?b=c"
    );
    assert!(!list.iter().any(|o| o.value.contains("ann@corp")));
    let image = list.iter().find(|o| o.value.ends_with("x.png")).unwrap();
    assert_eq!(image.link.as_ref().unwrap().place, LinkPlace::Load);
}

#[test]
fn files_inner_messages_and_ambiguous_bytes_are_searched() {
    let list = of(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; name=a.html\nContent-Disposition: attachment; filename=a.html\n\n<html><script>x</script><a href=https://file.example/>x</a>\n--b\nContent-Type: message/rfc822\n\nFrom: i@j.example\n\nsee https://inner.example/\n--b--\n",
    );
    let place = |value: &str| {
        list.iter()
            .find(|o| o.value == value)
            .map(|o| o.place.clone())
    };
    assert_eq!(
        place("https://file.example/").as_deref(),
        Some("attachment:0")
    );
    assert_eq!(
        place("https://inner.example/").as_deref(),
        Some("nested:0/body:text")
    );
    assert!(list.iter().any(|o| o.kind == ObservableKind::Hash));
    let list =
        of("From: a@b.example\nContent-Type: multipart/mixed\n\n--q\nhttps://hidden.example/x\n");
    assert!(list.iter().any(|o| o.value == "https://hidden.example/x"));
}

#[test]
fn what_text_shows_as_a_host() {
    use super::links::shown_host;
    for (text, host) in [
        (
            "https://portal.northwind.example/",
            Some("portal.northwind.example"),
        ),
        ("www.paypal.com", Some("www.paypal.com")),
        ("paypal.com/login", Some("paypal.com")),
        ("Click here", None),
        ("report.pdf", None),
        ("ann@corp.example", None),
        ("e.g. this", None),
    ] {
        assert_eq!(shown_host(text).as_deref(), host, "{text}");
    }
}

fn urls(raw: &str) -> Vec<String> {
    of(raw)
        .into_iter()
        .filter(|o| o.kind == ObservableKind::Url)
        .map(|o| o.value)
        .collect()
}

#[test]
fn a_link_hidden_in_any_view_of_an_ambiguous_message_is_found() {
    use base64::Engine as _;
    let coder = base64::engine::general_purpose::STANDARD;
    let link = "https://evil.example/hidden";
    let coded = coder.encode(format!("<a href={link}>x</a>"));
    let page = format!("<a href={link}>x</a>");
    let whole = coder.encode(format!(
        "--q\r\nContent-Type: text/html\r\n\r\n{page}\r\n--q--"
    ));
    let head = "From: a@b.example\r\nMIME-Version: 1.0\r\n";
    for (what, rest) in [
        ("no boundary", format!("Content-Type: multipart/alternative\r\n\r\n--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--x--")),
        ("empty boundary", format!("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\nContent-Type: text/html\r\n\r\n{page}\r\n----")),
        ("a boundary that never stands", format!("Content-Type: multipart/mixed; boundary=z\r\n\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--x--")),
        ("two types", format!("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n{page}")),
        ("two types, two boundaries", format!("Content-Type: multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--a\r\n\r\nfine\r\n--a--\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--b--")),
        ("two encodings, base64 last", format!("Content-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}")),
        ("two encodings, base64 first", format!("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{coded}")),
        ("two encodings, printable", "Content-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a href=3Dhttps://evil.ex=\r\nample/hidden>x</a>".to_owned()),
        ("an encoded multipart", format!("Content-Type: multipart/mixed; boundary=q\r\nContent-Transfer-Encoding: base64\r\n\r\n{whole}")),
        ("the same boundary inside", format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{page}\r\n--b--\r\n--b--")),
        ("data behind the padding", format!("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nZmluZQ==\r\n{coded}")),
        ("a bare return in the header", format!("X: y\rContent-Type: text/html\rContent-Transfer-Encoding: base64\r\n\r\n{coded}")),
        ("no blank line", format!("Content-Type: text/plain\r\nthis is no header {link}\r\n")),
        ("before the first part", format!("Content-Type: multipart/mixed; boundary=e\r\n\r\n{page}\r\n--e\r\n\r\nhi\r\n--e--")),
        ("behind the last part", format!("Content-Type: multipart/mixed; boundary=e\r\n\r\n--e\r\n\r\nhi\r\n--e--\r\n--e\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}")),
        ("part of a message", format!("Content-Type: message/partial; id=x; number=1\r\n\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}")),
    ] {
        let raw = format!("{head}{rest}");
        let message = parse(raw.as_bytes(), &Limits::default());
        let found = observables(&message);
        assert!(
            found.iter().any(|o| o.value == link),
            "{what}: {:?}",
            message.defects
        );
        assert!(!message.defects.is_empty(), "{what}");
    }
}

#[test]
fn the_shared_messages_of_odd_form_give_their_links() {
    let shared = std::env::var("UNHOOK_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    for (start, link) in [
        ("003", "https://evil.example/p"),
        ("007", "https://evil.example/"),
        ("012", "https://evil.example/nb"),
        ("016", "https://evil.example/dup"),
        ("017", "https://evil.example/cte"),
        ("018", "https://evil.example/mb"),
        ("021", "https://evil.example/login"),
        ("027", "https://supplier.example/a"),
        ("028", "https://evil.example/pre"),
        ("028", "https://evil.example/epi"),
        ("030", "https://supplier.example/a"),
    ] {
        let Ok(folder) = std::fs::read_dir(format!("{shared}/corpora/hostile")) else {
            eprintln!("left out: no hostile mail at {shared}");
            return;
        };
        let path = folder
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(start)
            })
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let found = observables(&parse(&bytes, &Limits::default()));
        assert!(found.iter().any(|o| o.value == link), "{}", path.display());
    }
}

#[test]
fn every_place_is_kept_and_the_nearest_counts() {
    let list = of(
        "From: a@b.example\nContent-Type: text/html\n\n<!-- https://one.example/ --><img src=https://one.example/><a href=https://one.example/>x</a><style>p{background:url(https://two.example/)}</style>",
    );
    let one = list
        .iter()
        .find(|o| o.value == "https://one.example/")
        .unwrap();
    assert_eq!(one.places, ["body:html", "body:html/comment"]);
    assert_eq!(one.place, "body:html");
    assert_eq!(one.link.as_ref().unwrap().place, LinkPlace::Click);
    let two = list
        .iter()
        .find(|o| o.value == "https://two.example/")
        .unwrap();
    assert_eq!(two.place, "body:html/style");
    assert_eq!(two.link.as_ref().unwrap().place, LinkPlace::Load);
}

#[test]
fn odd_ways_to_write_a_target() {
    let list = urls(
        "From: a@b.example\nContent-Type: text/html\n\n<a href=//s.example/a>1</a><a href='\\\\t.example\\b'>2</a><a href=HtTpS:u.example/c>3</a><a href='ht\ntps://v.ex\tample/d'>4</a><a href='https&colon;//w.example/e'>5</a><a href=\"javascript:location='https://x.example/f'\">6</a><a href='data:text/html;base64,PGEgaHJlZj0iaHR0cHM6Ly95LmV4YW1wbGUvZyI+'>7</a><a/href='https://z.example/h'>8</a><a href='https://bank.example@q.example/i'>9</a>",
    );
    for link in [
        "https://s.example/a",
        "https://t.example/b",
        "https://u.example/c",
        "https://v.example/d",
        "https://w.example/e",
        "https://x.example/f",
        "https://y.example/g",
        "https://z.example/h",
        "https://bank.example@q.example/i",
    ] {
        assert!(list.iter().any(|l| l == link), "{link} not in {list:?}");
    }
}

#[test]
fn facts_of_a_link_and_what_may_leave() {
    let list = of(
        "From: a@b.example\nTo: ann@corp.example\nContent-Type: text/html\n\n<a href='https://xn--80ak6aa92e.com/x'>1</a><a href='https://www.google.com/url?q=https%3A%2F%2Flinkprotect.cudasvc.com%2Furl%3Fa%3Dhttps%253A%252F%252Fin.example%252Fp%253Fe%253Dann%2540corp.example'>2</a><a href='https://open.example/p'>3</a><a href='https://n@host.example/'>4</a>",
    );
    let facts = |host: &str| {
        let found = list
            .iter()
            .find(|o| o.link.as_ref().is_some_and(|f| f.host == host));
        let found = found.unwrap();
        (found, found.link.clone().unwrap())
    };
    let (_, idn) = facts("xn--80ak6aa92e.com");
    let idn = idn.idn.unwrap();
    assert_eq!(idn.unicode, "аррӏе.com");
    assert!(idn.confusable_with_ascii);
    let (wrapped, inner) = facts("in.example");
    assert_eq!(inner.wrapped_by, ["google", "barracuda"]);
    assert!(
        inner
            .wrapped_form
            .unwrap()
            .starts_with("https://www.google.com/url?q=")
    );
    assert_eq!(
        inner.private,
        Some(crate::message::PrivateReason::RecipientTagged)
    );
    assert!(!wrapped.may_leave());
    assert_eq!(wrapped.masked(), "https://in.example/p?e=*");
    let (open, _) = facts("open.example");
    assert!(open.may_leave());
    assert!(facts("host.example").1.userinfo);
}

#[test]
fn text_gives_broken_up_links_money_and_addresses() {
    let list = of(
        "Received: from x (y [203.0.113.66]) by mx.corp.example; Mon, 21 Sep 2026 08:00:05 +0000\nX-Originating-IP: [198.51.100.9]\nReturn-Path: <r@ret.example>\nFrom: a@b.example\nList-Unsubscribe: <https://l.example/u>\n\nsee hxxps://evil[.]com/a or bank-login.com/x\npay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa or DE89 3704 0044 0532 0130 00\nfrom 192.0.2.200\n",
    );
    let find = |value: &str| {
        list.iter()
            .find(|o| o.value == value)
            .unwrap_or_else(|| panic!("{value}"))
    };
    assert!(find("https://evil.com/a").written_defanged);
    assert!(!find("http://bank-login.com/x").written_defanged);
    assert_eq!(
        find("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").detail,
        Some("bitcoin")
    );
    assert_eq!(find("DE89370400440532013000").kind, ObservableKind::Iban);
    assert_eq!(find("203.0.113.66").place, "header:Received");
    assert_eq!(find("198.51.100.9").place, "header:X-Originating-IP");
    assert_eq!(find("r@ret.example").place, "header:Return-Path");
    let list_link = find("https://l.example/u");
    assert_eq!(list_link.link.as_ref().unwrap().place, LinkPlace::Mention);
}

#[test]
fn a_link_of_a_blind_copy_belongs_to_the_mailbox_it_lay_in() {
    let raw = "From: a@b.example\r\nTo: undisclosed-recipients:;\r\n\r\nhttps://x.example/p/max@org.example\r\nhttps://x.example/q?u=bWF4QG9yZy5leGFtcGxl\r\n";
    let mut message = parse(raw.as_bytes(), &Limits::default());
    let free = |message: &ParsedMessage| {
        observables(message)
            .iter()
            .filter(|o| o.kind == ObservableKind::Url && o.may_leave())
            .count()
    };
    assert_eq!(free(&message), 2);
    message.held_by = vec!["Max@Org.example".to_owned()];
    assert_eq!(free(&message), 0);
    let noted = "Delivered-To: max@org.example\r\n".to_owned() + raw;
    assert_eq!(free(&parse(noted.as_bytes(), &Limits::default())), 0);
}

#[test]
fn a_tax_number_is_no_telephone() {
    let found = of("From: a@b.example\r\n\r\nNIP 525-248-14-81, call 1-888-555-0100\r\n");
    let phones: Vec<&str> = found
        .iter()
        .filter(|o| o.kind == ObservableKind::Phone)
        .map(|o| o.value.as_str())
        .collect();
    assert_eq!(phones, ["18885550100"]);
}

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

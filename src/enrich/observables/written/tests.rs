use super::*;

fn links(text: &str) -> Vec<(String, bool)> {
    written(text, 100)
        .into_iter()
        .map(|w| match w.what {
            What::Link(link) => (link, w.defanged),
            What::Ip(ip) => (ip.to_string(), w.defanged),
            What::Email(address) => (address, w.defanged),
        })
        .collect()
}

#[test]
fn hosts_without_a_scheme() {
    for (text, link) in [
        (
            "go to example.com/login now",
            Some("http://example.com/login"),
        ),
        ("go to Evil-Bank.com.", Some("http://Evil-Bank.com")),
        (
            "(see mail.evil.co.uk/a?b=c)",
            Some("http://mail.evil.co.uk/a?b=c"),
        ),
        ("bücher.de/x", Some("http://bücher.de/x")),
        ("see report.pdf and setup.py", None),
        ("thanks.Next we", None),
        ("version 1.2.3.4", None),
        ("node.js and e.g. i.e. asp.net", None),
        ("the end.it was", None),
        ("at 8.8.8.8 today", Some("8.8.8.8")),
        ("at 10.0.0.1 today", None),
        ("1.5 and 2.30.", None),
        (
            "go http://%77ww.%62ad.example/bulk.htm.",
            Some("http://%77ww.%62ad.example/bulk.htm"),
        ),
        ("https://a.example/x\u{a0}and", Some("https://a.example/x")),
    ] {
        let found = links(text);
        assert_eq!(found.first().map(|l| l.0.as_str()), link, "{text}");
    }
}

#[test]
fn what_was_broken_up_is_put_together() {
    for (text, link) in [
        (
            "hxxps://evil[.]example/a",
            "https://evil[.]example/a".replace("[.]", "."),
        ),
        (
            "hXXp[:]//evil(.)example/b?c",
            "http://evil.example/b?c".into(),
        ),
        ("evil[dot]com/x", "http://evil.com/x".into()),
        ("evil [.] com", "http://evil.com".into()),
        ("https[://]evil.example/z", "https://evil.example/z".into()),
        ("198[.]51[.]100[.]7", "198.51.100.7".into()),
        ("me[at]evil[.]com", "me@evil.com".into()),
        ("http://evil[.]example/q", "http://evil.example/q".into()),
    ] {
        assert!(
            links(text).contains(&(link.clone(), true)),
            "{text}: {:?}",
            links(text)
        );
    }
    assert!(!links("f(x) [1] a.b(c)[dot").iter().any(|l| l.1));
}

proptest::proptest! {
    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        let _ = written(&text, 50);
    }
}

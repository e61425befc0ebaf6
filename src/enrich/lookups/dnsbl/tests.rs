use hickory_resolver::proto::op::ResponseCode;

use super::*;
use crate::{config::lookups::Listed, enrich::tests::nameserver::Nameserver};

fn section(text: &str) -> Blocklist {
    toml::from_str(text).unwrap()
}

fn question(kind: AskedKind, value: &str) -> Question {
    Question::new(kind, value.to_owned())
}

fn list(dns: &Nameserver, text: &str) -> Dnsbl {
    Dnsbl::new("dnsbl_test", &section(text), dns.resolver()).unwrap()
}

async fn ask(list: &Dnsbl, kind: AskedKind, value: &str) -> Result<Answer, LookupError> {
    list.ask(&question(kind, value), DateTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn spamhaus_by_its_own_table() {
    let dns = Nameserver::start().await;
    dns.addresses(
        "34.216.184.93.zen.spamhaus.org",
        900,
        &["127.0.0.10", "127.0.0.3", "127.0.0.4"],
    )
    .addresses("1.1.1.1.zen.spamhaus.org", 60, &["127.0.0.11"])
    .addresses("evil.example.dbl.spamhaus.org", 60, &["127.0.1.4"])
    .addresses("hacked.example.dbl.spamhaus.org", 60, &["127.0.1.104"]);
    let zen = list(&dns, "zone = 'zen.spamhaus.org'\nlists = ['ip']");
    let got = ask(&zen, AskedKind::Ip, "93.184.216.34").await.unwrap();
    assert_eq!(got.reputation, Reputation::Bad);
    assert_eq!(got.words, "listed: CSS, XBL, PBL");
    assert_eq!(got.keep, TimeDelta::seconds(900));
    let dynamic = ask(&zen, AskedKind::Ip, "1.1.1.1").await.unwrap();
    assert_eq!(
        (dynamic.reputation, dynamic.words.as_str()),
        (Reputation::Facts, "listed: PBL")
    );
    let free = ask(&zen, AskedKind::Ip, "9.9.9.9").await.unwrap();
    assert_eq!(free.reputation, Reputation::Unlisted);
    let dbl = list(&dns, "zone = 'dbl.spamhaus.org'\nlists = ['domain']");
    let evil = ask(&dbl, AskedKind::Domain, "evil.example").await.unwrap();
    assert_eq!(
        (evil.reputation, evil.words.as_str()),
        (Reputation::Bad, "listed: phishing")
    );
    let hacked = ask(&dbl, AskedKind::Host, "hacked.example").await.unwrap();
    assert_eq!(hacked.reputation, Reputation::Doubtful);
    let wrong = ask(&dbl, AskedKind::Ip, "1.1.1.1").await;
    assert!(matches!(wrong, Err(LookupError::Unexpected(_))));
}

#[tokio::test]
async fn errors_are_no_listings() {
    let dns = Nameserver::start().await;
    for (last, code) in [(2, 252), (4, 254), (5, 255), (9, 250)] {
        dns.addresses(
            &format!("{last}.1.1.1.zen.spamhaus.org"),
            60,
            &[&format!("127.255.255.{code}")],
        );
    }
    dns.addresses("6.1.1.1.zen.spamhaus.org", 60, &["198.51.100.9"])
        .addresses("7.1.1.1.zen.spamhaus.org", 60, &["127.0.0.1"])
        .code("8.1.1.1.zen.spamhaus.org", ResponseCode::Refused)
        .code("10.1.1.1.zen.spamhaus.org", ResponseCode::ServFail);
    let zen = list(&dns, "zone = 'zen.spamhaus.org.'\nlists = ['ip']");
    for last in [2, 4, 8, 9] {
        let got = ask(&zen, AskedKind::Ip, &format!("1.1.1.{last}")).await;
        assert!(
            matches!(got, Err(LookupError::Refused(_))),
            "{last}: {got:?}"
        );
    }
    let often = ask(&zen, AskedKind::Ip, "1.1.1.5").await;
    assert_eq!(often, Err(LookupError::Throttled(None)));
    let hijacked = ask(&zen, AskedKind::Ip, "1.1.1.6").await.unwrap();
    assert_eq!(hijacked.reputation, Reputation::Unlisted);
    let closed = ask(&zen, AskedKind::Ip, "1.1.1.7").await;
    assert!(matches!(closed, Err(LookupError::Unexpected(_))));
    let sick = ask(&zen, AskedKind::Ip, "1.1.1.10").await;
    assert!(matches!(sick, Err(LookupError::Unavailable(_))), "{sick:?}");
}

#[tokio::test]
async fn a_key_is_asked_with_and_never_told() {
    let dns = Nameserver::start().await;
    dns.addresses(
        "34.216.184.93.s3cret.combined.mail.abusix.zone",
        60,
        &["127.0.0.2", "127.0.0.12"],
    )
    .code(
        "1.1.1.1.s3cret.combined.mail.abusix.zone",
        ResponseCode::ServFail,
    );
    let abusix = list(
        &dns,
        "zone = '{key}.combined.mail.abusix.zone'\nkey = 's3cret'\nlists = ['ip']",
    );
    let got = ask(&abusix, AskedKind::Ip, "93.184.216.34").await.unwrap();
    assert_eq!(got.words, "listed: hit spam traps, policy: no reverse name");
    let sends = abusix.sends(&question(AskedKind::Ip, "93.184.216.34"));
    assert_eq!(
        sends[0].to,
        "A 34.216.184.93.{key}.combined.mail.abusix.zone"
    );
    let failed = ask(&abusix, AskedKind::Ip, "1.1.1.1").await.unwrap_err();
    assert!(!failed.to_string().contains("s3cret"), "{failed}");
    assert!(!format!("{sends:?}{got:?}").contains("s3cret"));
    assert!(
        abusix
            .sends(&question(AskedKind::Ip, "192.168.0.1"))
            .is_empty()
    );
    assert!(ask(&abusix, AskedKind::Ip, "192.168.0.1").await.is_err());
    let asked = dns.asked().join("\n");
    assert!(!asked.contains("192"), "{asked}");
}

#[tokio::test]
async fn hash_lists_and_codes_of_the_section() {
    let dns = Nameserver::start().await;
    dns.addresses(
        "bb395cece75455415de5f3b6f75c13352586788c.shorthash.example",
        60,
        &["127.0.3.1", "127.0.0.7"],
    );
    let hashes = list(
        &dns,
        "zone = 'shorthash.example'\nlists = ['hash']\n[codes]\n'127.0.3.1' = 'bad: short link'",
    );
    let got = ask(&hashes, AskedKind::Url, "https://bit.do/e3s49#x")
        .await
        .unwrap();
    assert_eq!(got.reputation, Reputation::Bad);
    assert_eq!(got.words, "listed: short link, code 127.0.0.7");
    assert_eq!(hashes.kinds(), [AskedKind::Email, AskedKind::Url]);
}

#[tokio::test]
async fn sections_that_cannot_be_asked() {
    let dns = Nameserver::start().await;
    let bad = |text: &str| {
        let made = Dnsbl::new("x", &section(text), dns.resolver());
        made.err().unwrap()
    };
    assert_eq!(bad("zone = 'nozone'\nlists = ['ip']"), BadBlocklist::Zone);
    assert_eq!(bad("zone = 'a..b'\nlists = ['ip']"), BadBlocklist::Zone);
    assert_eq!(
        bad("zone = '{key}.a.example'\nlists = ['ip']"),
        BadBlocklist::Key
    );
    assert_eq!(
        bad("zone = 'a.example'\nkey = 'k'\nlists = ['ip']"),
        BadBlocklist::Key
    );
    assert_eq!(
        bad("zone = '{key}.a.example'\nkey = 'a.b'\nlists = ['ip']"),
        BadBlocklist::KeyForm
    );
    assert_eq!(bad("zone = 'a.example'\nlists = []"), BadBlocklist::Lists);
    for code in [
        "'8.8.8.8' = 'bad'",
        "'127.0.0.2' = 'evil'",
        "'127.255.255.254' = 'bad'",
    ] {
        let text = format!("zone = 'a.example'\nlists = ['ip']\n[codes]\n{code}");
        assert!(matches!(bad(&text), BadBlocklist::Code(_)), "{code}");
    }
    assert_eq!(Listed::Ip, section("zone = 'a'\nlists = ['ip']").lists[0]);
}

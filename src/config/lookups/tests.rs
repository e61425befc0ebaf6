use super::*;
use crate::config::graph::FieldError;

fn section(text: &str) -> Lookups {
    toml::from_str(text).unwrap()
}

fn refused(text: &str) -> FieldError {
    let mut section = section(text);
    section
        .read_secrets()
        .and_then(|()| section.validate())
        .unwrap_err()
}

#[test]
fn nothing_is_switched_on_by_itself() {
    let lookups = section("");
    assert_eq!(lookups.validate(), Ok(()));
    assert!(lookups.urlhaus.is_none() && lookups.dnsbl.is_empty());
    assert_eq!(lookups.allowance("virustotal"), None);
}

#[test]
fn a_key_comes_from_its_file_and_does_not_print() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "KEY-of-4711\n").unwrap();
    let path = file.path().display();
    let text = format!(
        "urlhaus.key_file = '{path}'\n[dnsbl.own]\nzone = '{{key}}.list.example'\nlists = ['ip']\nkey_file = '{path}'"
    );
    let mut lookups = section(&text);
    lookups.read_secrets().unwrap();
    assert_eq!(lookups.validate(), Ok(()));
    use secrecy::ExposeSecret;
    let key = lookups.urlhaus.as_ref().unwrap().key.as_ref().unwrap();
    assert_eq!(key.expose_secret(), "KEY-of-4711");
    assert!(!format!("{lookups:?}").contains("4711"));
    let error = refused(&format!("urlhaus = {{ key = 'a', key_file = '{path}' }}"));
    assert_eq!(error.field, "lookups.urlhaus.key_file");
    let error = refused("misp.key_file = '/nowhere/key'");
    assert_eq!(error.field, "lookups.misp.key_file");
}

#[test]
fn names_the_field_that_is_wrong() {
    for (text, field) in [
        ("urlhaus = {}", "lookups.urlhaus.key_file"),
        ("urlhaus.key = ''", "lookups.urlhaus.key"),
        ("threatfox.key = \"two\\nlines\"", "lookups.threatfox.key"),
        ("rdap.key = 'k'", "lookups.rdap.key"),
        ("misp.key = 'k'", "lookups.misp.endpoint"),
        ("rspamd = {}", "lookups.rspamd.endpoint"),
        ("clamav = {}", "lookups.clamav.endpoint"),
        ("rdap.timeout_seconds = 0", "lookups.rdap.timeout_seconds"),
        ("rdap.timeout_seconds = 61", "lookups.rdap.timeout_seconds"),
        ("rdap.per_day = 0", "lookups.rdap.per_day"),
        ("rdap.per_day = 1000001", "lookups.rdap.per_day"),
        ("rdap.per_minute = 10001", "lookups.rdap.per_minute"),
        ("rdap.keep_hours = 721", "lookups.rdap.keep_hours"),
        (
            "rdap.keep_unlisted_hours = 0",
            "lookups.rdap.keep_unlisted_hours",
        ),
        ("dns.endpoint = 'ns.example'", "lookups.dns.endpoint"),
    ] {
        let error = refused(text);
        assert_eq!(error.field, field, "{text}");
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn every_source_is_named_by_its_own_section() {
    for source in [
        "urlhaus",
        "malwarebazaar",
        "threatfox",
        "web_risk",
        "virustotal",
        "urlscan",
        "rdap",
        "misp",
        "dns",
        "rspamd",
        "clamav",
    ] {
        let error = refused(&format!("{source}.key_file = '/nowhere/key'"));
        assert_eq!(error.field, format!("lookups.{source}.key_file"));
        let error = refused(&format!(
            "{source}.keep_hours = 0\n{source}.timeout_seconds = 0"
        ));
        let section = format!("lookups.{source}.");
        assert!(error.field.starts_with(&section), "{error}");
    }
}

#[test]
fn an_endpoint_is_https_or_stays_inside() {
    for endpoint in [
        "http://rdap.example",
        "http://10.0.0.1",
        "ftp://rdap.example",
        "https://user@rdap.example",
        "https://rdap.example/?q=1",
        "https://rdap.example/#x",
        "http://127.0.0.1.example",
        "rdap.example",
        "https://",
    ] {
        let error = refused(&format!("rdap.endpoint = '{endpoint}'"));
        assert_eq!(error.field, "lookups.rdap.endpoint", "{endpoint}");
    }
    for text in [
        "rdap.endpoint = 'https://rdap.example/base'",
        "rdap.endpoint = 'http://127.0.0.1:8080'",
        "rdap.endpoint = 'http://[::1]:8080'",
        "dns.endpoint = '192.0.2.1'",
        "dns.endpoint = '[2001:db8::1]:53'",
        "rspamd.endpoint = 'http://127.0.0.1:11333'",
        "rspamd.endpoint = 'http://rspamd:11333'",
        "rspamd.endpoint = 'https://rspamd.example'",
        "clamav.endpoint = 'unix:/run/clamav/clamd.ctl'",
        "clamav.endpoint = 'tcp://127.0.0.1:3310'",
        "clamav.endpoint = 'tcp://clamd:3310'",
        "clamav.endpoint = 'tcp://10.1.2.3:3310'",
    ] {
        assert_eq!(section(text).validate(), Ok(()), "{text}");
    }
    for text in [
        "clamav.endpoint = 'tcp://192.0.2.1:3310'",
        "clamav.endpoint = 'tcp://clamd.example:3310'",
        "clamav.endpoint = 'tcp://127.0.0.1'",
        "clamav.endpoint = 'unix:clamd.ctl'",
        "rspamd.endpoint = 'http://192.0.2.1:11333'",
    ] {
        assert!(refused(text).field.ends_with(".endpoint"), "{text}");
    }
}

#[test]
fn blocklists_and_feeds_say_which_one_is_wrong() {
    let list = |rest: &str| format!("[dnsbl.mine]\nlists = ['ip']\n{rest}");
    let feed = |rest: &str| format!("[feeds.mine]\n{rest}");
    for (text, field) in [
        (list("zone = 'nodots'"), "lookups.dnsbl.zone"),
        (list("zone = '{key}.{key}.example'"), "lookups.dnsbl.zone"),
        (
            list("zone = '{key}.list.example'"),
            "lookups.dnsbl.key_file",
        ),
        (
            list("zone = 'list.example'\nkey = 'k'"),
            "lookups.dnsbl.zone",
        ),
        (
            list("zone = '{key}.list.example'\nkey = 'a.b'"),
            "lookups.dnsbl.key",
        ),
        (
            list("zone = 'list.example'\ncodes = { '10.0.0.1' = 'bad: x' }"),
            "lookups.dnsbl.codes",
        ),
        (
            list("zone = 'list.example'\ncodes = { '127.0.0.2' = 'worse: x' }"),
            "lookups.dnsbl.codes",
        ),
        (
            feed("format = 'plain'\nurl = 'http://feeds.example/list'"),
            "lookups.feeds.url",
        ),
        (feed("format = 'plain'"), "lookups.feeds.url"),
        (
            feed("format = 'csv'\nfile = 'list.csv'"),
            "lookups.feeds.field",
        ),
        (
            feed("format = 'plain'\nfield = 'x'\nfile = 'list'"),
            "lookups.feeds.field",
        ),
    ] {
        let error = refused(&text);
        assert_eq!(error.field, field, "{text}");
        assert!(error.reason.starts_with("mine: "), "{error}");
    }
    let minutes = feed("format = 'plain'\nfile = 'list'\nevery_minutes = 4");
    assert_eq!(refused(&minutes).field, "lookups.feeds.every_minutes");
    let odd = "[feeds.'A b']\nformat = 'plain'\nfile = 'list'";
    assert_eq!(refused(odd).field, "lookups.feeds");
    let fine = "[dnsbl.zen]\nzone = 'zen.list.example'\nlists = ['ip', 'domain']\n\
                codes = { '127.0.0.2' = 'bad: SBL' }\n\
                [feeds.own]\nformat = 'csv'\nurl = 'https://feeds.example/list?account=7'\nfield = '2'";
    assert_eq!(section(fine).validate(), Ok(()));
}

#[test]
fn the_free_tier_is_the_default_allowance() {
    let lookups = section("virustotal.key = 'k'\nurlscan.per_day = 7\nclamav = {}");
    let of = |id| {
        lookups
            .allowance(id)
            .map(|allowed| (allowed.per_day, allowed.per_minute))
    };
    assert_eq!(of("virustotal"), Some((Some(500), Some(4))));
    assert_eq!(of("urlscan"), Some((Some(7), Some(30))));
    assert_eq!(of("clamav"), Some((None, None)));
    assert_eq!(of("rdap"), None);
    assert_eq!(of("nobody"), None);
}

#[test]
fn unknown_fields_are_refused() {
    assert!(toml::from_str::<Lookups>("rdap.kee_hours = 3").is_err());
    assert!(toml::from_str::<Lookups>("phishtank = {}").is_err());
}

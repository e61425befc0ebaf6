use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, headers, method},
};

use super::*;
use crate::config::lookups::FeedFormat;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

fn feed(text: &str) -> Feed {
    Feed::new("feed_test", &toml::from_str(text).unwrap()).unwrap()
}

async fn look(
    feed: &Feed,
    kind: AskedKind,
    value: &str,
    minutes: i64,
) -> Result<Answer, LookupError> {
    let question = Question::new(kind, value.to_owned());
    feed.ask(&question, at(minutes)).await
}

fn entries(text: &str, format: FeedFormat, field: Option<&str>) -> Result<Entries, Unreadable> {
    read::read(text.as_bytes(), format, field)
}

const HASH: &str = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";

#[test]
fn plain_lists_of_every_kind() {
    let list = format!(
        "# comment\r\n; another\r\nhttp://Evil.example:80/a?b=c#frag\r\nevil.example/path\nBad.Example. # why\n*.worse.example\n0.0.0.0 hosts.example\n198.51.100.7\n203.0.113.0/24 ; SBL1\n2001:db8::/32\n{HASH}\nd41d8cd98f00b204e9800998ecf8427e\nb\u{fc}cher.example\n"
    );
    let found = entries(&list, FeedFormat::Plain, None).unwrap();
    let has = |kind, value: &str| found.find(kind, value);
    assert!(has(AskedKind::Url, "https://evil.example/a?b=c").is_some());
    assert!(has(AskedKind::Url, "http://evil.example/path").is_some());
    assert!(has(AskedKind::Url, "http://evil.example/a").is_none());
    assert!(has(AskedKind::Host, "evil.example").is_none());
    assert_eq!(
        has(AskedKind::Host, "www.bad.example").unwrap(),
        "bad.example"
    );
    assert!(has(AskedKind::Domain, "worse.example").is_some());
    assert!(has(AskedKind::Host, "hosts.example").is_some());
    assert!(has(AskedKind::Host, "notbad.example").is_none());
    assert!(has(AskedKind::Host, "xn--bcher-kva.example").is_some());
    assert!(has(AskedKind::Ip, "198.51.100.7").is_some());
    assert_eq!(has(AskedKind::Ip, "203.0.113.9").unwrap(), "203.0.113.0/24");
    assert_eq!(
        has(AskedKind::Ip, "2001:db8:1::1").unwrap(),
        "2001:db8::/32"
    );
    assert!(has(AskedKind::Ip, "203.0.114.1").is_none());
    assert!(has(AskedKind::Sha256, &HASH.to_lowercase()).is_some());
    assert_eq!(found.len(), 10);
}

#[test]
fn tables_by_number_by_heading_and_by_commented_heading() {
    let rows = "1,\"http://a.example/x,y\"\n2,http://b.example/\n";
    let by = |text: &str, field| entries(text, FeedFormat::Csv, field);
    let found = by(&format!("# list\n{rows}"), Some("1")).unwrap();
    assert!(found.find(AskedKind::Url, "http://a.example/x,y").is_some());
    let found = by(&format!("id,URL\n{rows}"), Some("url")).unwrap();
    assert_eq!(found.len(), 2);
    let found = by(&format!("# made by x, y\n# id,url\n{rows}"), Some("url")).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        by(&format!("id,x\n{rows}"), Some("url")).err(),
        Some(Unreadable::Field)
    );
    assert_eq!(by(rows, Some("7")).err(), Some(Unreadable::Field));
}

#[test]
fn json_arrays_and_lines() {
    let by = |text: &str, field| entries(text, FeedFormat::Json, field);
    assert_eq!(by(r#"["a.example","b.example"]"#, None).unwrap().len(), 2);
    let objects = r#"[{"url":"http://a.example/","x":[1]},{"url":"http://b.example/"}]"#;
    assert_eq!(by(objects, Some("url")).unwrap().len(), 2);
    let lines = "{\"cidr\":\"1.10.16.0/20\"}\n{\"cidr\":\"2a00::/32\"}\n{\"type\":\"metadata\"}\n";
    assert_eq!(by(lines, Some("cidr")).unwrap().len(), 2);
    assert_eq!(by(objects, None).err(), Some(Unreadable::Field));
    assert_eq!(
        by(r#"[{"url":"http://a.example/"}"#, Some("url")).err(),
        Some(Unreadable::Form)
    );
    assert_eq!(by(&"[".repeat(100_000), None).err(), Some(Unreadable::Form));
}

#[test]
fn pages_of_errors_are_no_lists() {
    for text in [
        "",
        "<html><body>\n<h1>Not found</h1>\nsorry\n</html>",
        "# only\n",
    ] {
        let got = entries(text, FeedFormat::Plain, None);
        assert_eq!(got.err(), Some(Unreadable::NoValues), "{text:?}");
    }
}

#[tokio::test]
async fn an_old_copy_outlives_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    let feed = feed(&format!(
        "file = '{}'\nformat = 'plain'\nevery_minutes = 10",
        path.display()
    ));
    let none = look(&feed, AskedKind::Host, "evil.example", 0).await;
    assert!(matches!(none, Err(LookupError::Unavailable(_))), "{none:?}");
    std::fs::write(&path, "evil.example\n").unwrap();
    // five minutes after a failure
    assert_eq!(feed.refresh(at(4)).await.unwrap(), Renewed::NotDue);
    let got = look(&feed, AskedKind::Host, "www.evil.example", 5)
        .await
        .unwrap();
    assert_eq!(
        (got.reputation, got.words.as_str()),
        (Reputation::Bad, "on the list")
    );
    assert_eq!(got.details["entry"], "evil.example");
    assert_eq!(feed.refresh(at(15)).await.unwrap(), Renewed::Same);
    assert_eq!(feed.state(), Some((1, at(15))));
    std::fs::write(&path, "<html>\noops, sorry\n").unwrap();
    assert!(feed.refresh(at(25)).await.is_err());
    let still = look(&feed, AskedKind::Host, "evil.example", 26)
        .await
        .unwrap();
    assert_eq!(still.reputation, Reputation::Bad);
    assert_eq!(still.details["current"], "1970-01-01 00:15 UTC");
    std::fs::write(&path, "other.example\n").unwrap();
    assert_eq!(feed.refresh(at(30)).await.unwrap(), Renewed::New(1));
    let gone = look(&feed, AskedKind::Host, "evil.example", 31)
        .await
        .unwrap();
    assert_eq!(gone.reputation, Reputation::Unlisted);
}

#[tokio::test]
async fn a_server_is_asked_for_changes_only() {
    let server = MockServer::start().await;
    let fresh = ResponseTemplate::new(200)
        .insert_header("etag", "\"v1\"")
        .insert_header("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT")
        .set_body_string("good.example\n");
    Mock::given(header("if-none-match", "\"v1\""))
        .and(headers(
            "if-modified-since",
            vec!["Sun", "22 Nov 2026 10:00:00 GMT"],
        ))
        .respond_with(ResponseTemplate::new(304))
        .expect(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(fresh)
        .expect(1)
        .mount(&server)
        .await;
    let feed = feed(&format!(
        "url = '{}/l'\nformat = 'plain'\ngood = true",
        server.uri()
    ));
    let good = look(&feed, AskedKind::Domain, "good.example", 0)
        .await
        .unwrap();
    assert_eq!(good.reputation, Reputation::Good);
    assert_eq!(feed.refresh(at(60)).await.unwrap(), Renewed::Same);
    server.verify().await;
    server.reset().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(500))
        .mount(&server)
        .await;
    let failed = feed.refresh(at(120)).await;
    assert!(matches!(failed, Err(FeedError::Status(_))), "{failed:?}");
    server.reset().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b'\n'; MAX_BYTES + 1]))
        .mount(&server)
        .await;
    let large = feed.refresh(at(180)).await;
    assert!(matches!(large, Err(FeedError::TooLarge)), "{large:?}");
    assert_eq!(feed.state().unwrap().0, 1);
}

#[test]
fn sections_that_name_no_place() {
    for text in [
        "format = 'plain'",
        "format = 'plain'\nurl = 'http://a.example/'\nfile = '/x'",
        "format = 'plain'\nurl = 'ftp://a.example/'",
    ] {
        let config: lookups::Feed = toml::from_str(text).unwrap();
        assert!(Feed::new("x", &config).is_err(), "{text}");
    }
}

//! Every HTTP source against a simulated endpoint on real HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::*;
use crate::{
    config::lookups::Lookups,
    enrich::lookups::{AskedKind, Lookup, http_sources},
};

pub(in crate::enrich::lookups) const KEY: &str = "s3cr3t-KEY-4711";
pub(in crate::enrich::lookups) const SHA256: &str =
    "094fd325049b8a9cf6d3e5ef2a6d4cc6a567d7d49c35f8bb8dd9e3c6acf3d78d";
const LINK: &str = "https://login.bad.example/a?b=1&c=%20d#e";

pub(in crate::enrich::lookups) fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// The source of that name at an address, patient as a busy machine needs it.
pub(in crate::enrich::lookups) fn source_at(id: &str, endpoint: &str) -> Arc<dyn Lookup> {
    patient(id, endpoint, 30)
}

fn patient(id: &str, endpoint: &str, seconds: u32) -> Arc<dyn Lookup> {
    let key = if id == "rdap" {
        String::new()
    } else {
        format!("key = '{KEY}'\n")
    };
    let text = format!(
        "[{id}]\nendpoint = '{endpoint}'\n{key}timeout_seconds = {seconds}\nkeep_hours = 48\nkeep_unlisted_hours = 2"
    );
    let config: Lookups = toml::from_str(&text).unwrap();
    let mut sources = http_sources(&config).unwrap();
    assert_eq!(sources.len(), 1);
    sources.pop().unwrap()
}

/// The source of that name before a simulator that always answers the same.
pub(in crate::enrich::lookups) async fn simulated(
    id: &str,
    answer: ResponseTemplate,
) -> (MockServer, Arc<dyn Lookup>) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let source = source_at(id, &server.uri());
    (server, source)
}

/// What a source makes of an answer.
pub(in crate::enrich::lookups) async fn asked(
    id: &str,
    question: &Question,
    status: u16,
    body: &Value,
) -> Result<Answer, LookupError> {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    let (_server, source) = simulated(id, answer).await;
    source.ask(question, now()).await
}

/// One source: what it is asked, what it says of what it knows and does not know.
struct Case {
    id: &'static str,
    question: Question,
    header: &'static str,
    listed: Value,
    reputation: Reputation,
    words: &'static str,
    unlisted: (u16, Value),
}

fn cases() -> Vec<Case> {
    let url = || Question::new(AskedKind::Url, LINK);
    let hash = || Question::new(AskedKind::Sha256, SHA256);
    vec![
        Case {
            id: "urlhaus",
            question: url(),
            header: "auth-key",
            listed: json!({"query_status": "ok", "url_status": "online",
                "threat": "malware_download", "tags": ["elf", null], "payloads": null}),
            reputation: Reputation::Bad,
            words: "malware download, online",
            unlisted: (200, json!({"query_status": "no_results"})),
        },
        Case {
            id: "malwarebazaar",
            question: hash(),
            header: "auth-key",
            listed: json!({"query_status": "ok", "data": [{"signature": "Gozi", "tags": null}]}),
            reputation: Reputation::Bad,
            words: "malware sample: Gozi",
            unlisted: (200, json!({"query_status": "hash_not_found"})),
        },
        Case {
            id: "threatfox",
            question: url(),
            header: "auth-key",
            listed: json!({"query_status": "ok", "data": [{"ioc": LINK, "confidence_level": 75,
                "threat_type": "payload_delivery", "malware_printable": "Dridex"}]}),
            reputation: Reputation::Bad,
            words: "payload delivery of Dridex, confidence 75 percent",
            unlisted: (
                200,
                json!({"query_status": "no_result", "data": "Your search did not yield any results"}),
            ),
        },
        Case {
            id: "web_risk",
            question: url(),
            header: "x-goog-api-key",
            listed: json!({"threat": {"threatTypes": ["MALWARE", "SOCIAL_ENGINEERING"]}}),
            reputation: Reputation::Bad,
            words: "listed: malware, social engineering",
            unlisted: (200, json!({})),
        },
        Case {
            id: "virustotal",
            question: hash(),
            header: "x-apikey",
            listed: json!({"data": {"attributes": {"last_analysis_stats":
                {"malicious": 40, "suspicious": 1, "harmless": 0, "undetected": 30}}}}),
            reputation: Reputation::Bad,
            words: "41 of 71 engines object",
            unlisted: (
                404,
                json!({"error": {"code": "NotFoundError", "message": "x"}}),
            ),
        },
        Case {
            id: "urlscan",
            question: url(),
            header: "api-key",
            listed: json!({"total": 1, "results": [{"_id": "1", "task": {"url": LINK},
                "verdicts": {"malicious": true}}]}),
            reputation: Reputation::Bad,
            words: "scans: 1, malicious among the newest: 1",
            unlisted: (200, json!({"total": 0, "results": []})),
        },
        Case {
            id: "rdap",
            question: Question::new(AskedKind::Domain, "bad.example"),
            header: "",
            listed: json!({"objectClassName": "domain", "events":
                [{"eventAction": "registration", "eventDate": "2026-02-26T10:00:00Z"}]}),
            reputation: Reputation::Facts,
            words: "registered 3 days ago",
            unlisted: (404, json!({"errorCode": 404})),
        },
        Case {
            id: "misp",
            question: url(),
            header: "authorization",
            listed: json!({"response": {"Attribute": [{"value": LINK, "to_ids": true}]}}),
            reputation: Reputation::Bad,
            words: "attributes: 1",
            unlisted: (200, json!({"response": {"Attribute": []}})),
        },
    ]
}

/// What every source makes of one answer, side by side.
async fn everyone(answer: ResponseTemplate) -> Vec<(&'static str, Result<Answer, LookupError>)> {
    let mut tasks = tokio::task::JoinSet::new();
    for case in cases() {
        let answer = answer.clone();
        tasks.spawn(async move {
            let (_server, source) = simulated(case.id, answer).await;
            (case.id, source.ask(&case.question, now()).await)
        });
    }
    tasks.join_all().await
}

/// Every source refuses the answer for the same reason, and does not print its key
/// although the answer holds it.
async fn refused(answer: ResponseTemplate, why: impl Fn(&LookupError) -> bool) {
    let answers = everyone(answer).await;
    assert_eq!(answers.len(), cases().len());
    for (id, answer) in answers {
        let error = answer.expect_err(id);
        assert!(why(&error), "{id}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(KEY), "{id}: {shown}");
    }
}

fn echo(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"message": KEY, "key": KEY}))
}

#[tokio::test]
async fn what_is_known_is_said_and_kept_for_its_time() {
    for case in cases() {
        let answer = asked(case.id, &case.question, 200, &case.listed).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", case.id));
        assert_eq!(answer.reputation, case.reputation, "{}", case.id);
        assert_eq!(answer.words, case.words, "{}", case.id);
        assert_eq!(answer.keep, TimeDelta::hours(48), "{}", case.id);
        let (status, body) = &case.unlisted;
        let answer = asked(case.id, &case.question, *status, body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", case.id));
        assert_eq!(answer.reputation, Reputation::Unlisted, "{}", case.id);
        assert!(!answer.words.is_empty(), "{}", case.id);
        assert_eq!(answer.keep, TimeDelta::hours(2), "{}", case.id);
    }
}

fn received(request: &Request) -> Sent {
    let host = request.headers["host"].to_str().unwrap();
    let path = request.url.path();
    let body = String::from_utf8(request.body.clone()).unwrap();
    Sent {
        to: format!("{} http://{host}{path}", request.method),
        payload: if request.method.as_str() == "GET" {
            assert_eq!(body, "");
            request.url.query().unwrap_or_default().to_owned()
        } else {
            assert_eq!(request.url.query(), None);
            body
        },
    }
}

/// Asks every kind of question and compares what the ledger says with what came.
#[tokio::test]
async fn what_is_said_to_leave_is_what_arrives_and_holds_no_key() {
    let questions = [
        Question::new(AskedKind::Url, LINK),
        Question::new(AskedKind::Url, "http://[2001:db8::1]:8080/\"x\" OR *"),
        Question::new(AskedKind::Host, "www.bad.example"),
        Question::new(AskedKind::Host, "192.0.2.1"),
        Question::new(AskedKind::Domain, "xn--bcher-kva.example"),
        Question::new(AskedKind::Ip, "2001:db8::1"),
        Question::new(AskedKind::Sha256, SHA256),
        Question::new(AskedKind::Email, "a&b=c@bad.example"),
    ];
    for case in cases() {
        let (server, source) = simulated(case.id, echo(200)).await;
        let mut said: Vec<Sent> = Vec::new();
        for question in &questions {
            let sends = source.sends(question);
            assert_eq!(
                sends.is_empty(),
                !source.kinds().contains(&question.kind),
                "{}",
                case.id
            );
            said.extend(sends);
            // an echo is no answer of any of them
            assert!(source.ask(question, now()).await.is_err(), "{}", case.id);
        }
        let requests = server.received_requests().await.unwrap();
        let mut came: Vec<Sent> = requests.iter().map(received).collect();
        let order = |sent: &Sent| (sent.to.clone(), sent.payload.clone());
        said.sort_by_key(order);
        came.sort_by_key(order);
        assert_eq!(said, came, "{}", case.id);
        assert!(!format!("{said:?}").contains(KEY), "{}", case.id);
        for request in &requests {
            for (name, value) in &request.headers {
                let holds = value.to_str().is_ok_and(|value| value.contains(KEY));
                assert_eq!(holds, name.as_str() == case.header, "{}: {name}", case.id);
            }
            assert!(!request.headers.contains_key("cookie"));
            assert!(!request.headers.contains_key("referer"));
        }
    }
}

#[tokio::test]
async fn a_question_of_odd_form_is_not_sent() {
    let odd = [
        Question::new(AskedKind::Url, "javascript:alert(1)"),
        Question::new(AskedKind::Url, "https://a.example/\n"),
        Question::new(
            AskedKind::Url,
            format!("https://a.example/{}", "a".repeat(5000)),
        ),
        Question::new(AskedKind::Host, "../../urls"),
        Question::new(AskedKind::Host, "a.example/x?y"),
        Question::new(AskedKind::Domain, ".."),
        Question::new(AskedKind::Domain, "localhost"),
        Question::new(AskedKind::Ip, "1.2.3.4.5"),
        Question::new(AskedKind::Sha256, "0".repeat(63)),
        Question::new(AskedKind::Sha256, "../".repeat(21) + "a"),
        Question::new(AskedKind::Email, "a b@bad.example"),
        Question::new(AskedKind::Message, SHA256),
    ];
    for case in cases() {
        let (server, source) = simulated(case.id, echo(200)).await;
        for question in &odd {
            assert_eq!(source.sends(question), [], "{}: {question:?}", case.id);
            let error = source.ask(question, now()).await.unwrap_err();
            assert!(
                matches!(error, LookupError::Unfit(_)),
                "{}: {error}",
                case.id
            );
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    for status in [401, 403] {
        refused(echo(status), |error| {
            *error == LookupError::Refused(format!("status {status}"))
        })
        .await;
    }
}

#[tokio::test]
async fn too_many_questions_say_when_to_come_back() {
    for (value, seconds) in [
        (Some("17"), Some(17)),
        (Some("Sun, 01 Mar 2026 12:01:30 GMT"), Some(90)),
        (Some("Sunday, 01-Mar-26 12:01:30 GMT"), Some(90)),
        (Some("Sun Mar  1 12:01:30 2026"), Some(90)),
        (Some("Sun, 01 Mar 2020 12:00:00 GMT"), Some(0)),
        (Some("18446744073709551615"), Some(u64::MAX)),
        (Some("soon"), None),
        (Some("-5"), None),
        (None, None),
    ] {
        let answer = match value {
            Some(value) => echo(429).insert_header("Retry-After", value),
            None => echo(429),
        };
        let wait = seconds.map(Duration::from_secs);
        refused(answer, |error| *error == LookupError::Throttled(wait)).await;
    }
}

#[tokio::test]
async fn a_broken_source_is_not_reachable() {
    for status in [500, 502, 503, 504] {
        refused(echo(status), |error| {
            *error == LookupError::Unavailable(format!("status {status}"))
        })
        .await;
    }
    for case in cases() {
        // nobody listens there any more
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let source = source_at(case.id, &format!("http://{address}"));
        let error = source.ask(&case.question, now()).await.unwrap_err();
        let told = LookupError::Unavailable("no connection".to_owned());
        assert_eq!(error, told, "{}", case.id);
    }
}

#[tokio::test]
async fn a_slow_source_is_given_up_at_its_time_out() {
    let server = MockServer::start().await;
    let slow = echo(200).set_delay(Duration::from_secs(25));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    for case in cases() {
        let source = patient(case.id, &server.uri(), 1);
        let begun = Instant::now();
        let error = source.ask(&case.question, now()).await.unwrap_err();
        let told = "no answer within 1 seconds".to_owned();
        assert_eq!(error, LookupError::Unavailable(told), "{}", case.id);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(15), "{}: {took:?}", case.id);
    }
}

#[tokio::test]
async fn garbage_is_not_understood() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "<html>",
        "{\"query_status\": \"s3cr3t-KEY-4711",
        "\u{0}",
        &deep,
    ] {
        let answer = ResponseTemplate::new(200).set_body_string(body);
        refused(answer, |error| matches!(error, LookupError::Unexpected(_))).await;
    }
    for body in [
        json!([]),
        json!(null),
        json!(7),
        json!({"query_status": 7, "threat": 7, "data": 7, "results": 7, "response": 7}),
        json!({"query_status": KEY, "objectClassName": KEY, "threat": {"threatTypes": [KEY]}}),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        refused(answer, |error| matches!(error, LookupError::Unexpected(_))).await;
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let body = format!(
        "{{\"query_status\": \"no_results\"{}}}",
        " ".repeat(MAX_ANSWER)
    );
    let answer = ResponseTemplate::new(200).set_body_string(body);
    refused(answer, |error| matches!(error, LookupError::Unfit(_))).await;
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = MockServer::start().await;
    for status in [301, 302, 303, 307, 308] {
        for case in cases() {
            // RDAP follows its bootstrap on the same machine: it has tests of its own
            let to = if case.id == "rdap" {
                "http://elsewhere.example/".to_owned()
            } else {
                elsewhere.uri()
            };
            let answer = echo(status).insert_header("Location", to);
            let (_server, source) = simulated(case.id, answer).await;
            let error = source.ask(&case.question, now()).await.unwrap_err();
            let told = LookupError::Unexpected("it points elsewhere".to_owned());
            assert_eq!(error, told, "{}", case.id);
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_shows_no_control_characters_and_has_an_end() {
    let long = format!("\u{1b}[31mred\u{202e}\r\n{}", "long ".repeat(1000));
    let tags: Vec<String> = (0..5000).map(|n| format!("{n}\u{7}")).collect();
    let body = json!({"query_status": "ok", "data": [{"signature": long, "tags": tags}]});
    let question = Question::new(AskedKind::Sha256, SHA256);
    let answer = asked("malwarebazaar", &question, 200, &body).await.unwrap();
    for text in answer.details.values().chain([&answer.words]) {
        assert!(text.chars().count() <= 200, "{text}");
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{text}"
        );
    }
    assert!(answer.words.starts_with("malware sample: [31mred long"));
    assert!(answer.words.ends_with('…'));
    let mut many = Notes::default();
    for n in 0..100 {
        many.put(&n.to_string(), "x");
    }
    assert_eq!(many.into_details().len(), 40);
}

#[test]
fn only_what_is_switched_on_is_built_and_a_source_without_address_says_so() {
    assert_eq!(http_sources(&Lookups::default()).unwrap().len(), 0);
    let config: Lookups = toml::from_str("rdap = {}\nurlscan = {}\nmisp = {}").unwrap();
    let error = http_sources(&config).err().unwrap();
    assert_eq!(error.field, "lookups.misp");
    let config: Lookups = toml::from_str("rdap = {}\nurlscan = {}").unwrap();
    let sources = http_sources(&config).unwrap();
    let ids: Vec<_> = sources.iter().map(|source| source.id()).collect();
    assert_eq!(ids, ["urlscan", "rdap"]);
    let sent = sources[1].sends(&Question::new(AskedKind::Domain, "bad.example"));
    assert_eq!(sent[0].to, "GET https://rdap.org/domain/bad.example");
    let plain: Lookups = toml::from_str("rdap.endpoint = 'http://rdap.example'").unwrap();
    assert!(http_sources(&plain).is_err());
}

#[test]
fn every_error_says_what_it_is() {
    let told = LookupError::Throttled(Some(Duration::from_secs(30)));
    assert_eq!(
        told.to_string(),
        "asked too often; it may be asked again in 30 seconds"
    );
    let untold = LookupError::Throttled(None).to_string();
    assert_eq!(untold, "asked too often; it may be asked again later");
}

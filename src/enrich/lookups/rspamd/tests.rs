use sha2::{Digest, Sha256};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_bytes, header, method, path},
};

use super::*;

const MAIL: &[u8] = b"From: a@a.example\r\nSubject: x\r\n\r\nHello\r\n";

fn question(bytes: &'static [u8]) -> Question {
    Question {
        bytes: bytes::Bytes::from_static(bytes),
        ..Question::new(AskedKind::Message, hex::encode(Sha256::digest(bytes)))
    }
}

fn source(endpoint: &str) -> Rspamd {
    Rspamd::new(&Source {
        endpoint: Some(endpoint.to_owned()),
        key: Some("pw".into()),
        timeout_seconds: 2,
        ..Source::default()
    })
    .unwrap()
}

async fn says(answer: ResponseTemplate) -> Result<Answer, LookupError> {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/checkv2"))
        .and(header("Password", "pw"))
        .and(body_bytes(MAIL))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    source(&format!("{}/", server.uri()))
        .ask(&question(MAIL), DateTime::UNIX_EPOCH)
        .await
}

fn judged(action: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(format!(
        r#"{{"is_skipped":false,"score":17.25,"required_score":15,"action":"{action}","thresholds":{{"reject":15}},
        "symbols":{{"PHISHED_URL":{{"name":"PHISHED_URL","score":9.5,"metric_score":9.5,"description":"Phished\nlink","options":["x"]}},
        "MIME_GOOD":{{"name":"MIME_GOOD","score":-0.1}}}},"message-id":"x","milter":{{}}}}"#
    ))
}

#[tokio::test]
async fn its_action_is_the_standing() {
    for (action, reputation) in [
        ("reject", Reputation::Bad),
        ("add header", Reputation::Doubtful),
        ("rewrite subject", Reputation::Doubtful),
        ("greylist", Reputation::Unlisted),
        ("no action", Reputation::Unlisted),
        ("something new", Reputation::Facts),
    ] {
        assert_eq!(says(judged(action)).await.unwrap().reputation, reputation);
    }
    let got = says(judged("reject")).await.unwrap();
    assert_eq!(got.words, "reject, score 17.2 of 15.0");
    assert_eq!(got.details["PHISHED_URL"], "9.50 Phished link");
    assert_eq!(got.details["MIME_GOOD"], "-0.10");
    let put_off = says(judged("soft reject")).await;
    assert!(matches!(put_off, Err(LookupError::Unavailable(_))));
}

#[tokio::test]
async fn failures_say_what_to_do() {
    let status = |code| says(ResponseTemplate::new(code));
    assert!(matches!(status(403).await, Err(LookupError::Refused(_))));
    assert!(matches!(
        status(500).await,
        Err(LookupError::Unavailable(_))
    ));
    let often = says(ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    assert_eq!(
        often,
        Err(LookupError::Throttled(Some(Duration::from_secs(7))))
    );
    let odd = says(ResponseTemplate::new(200).set_body_string("<html>")).await;
    assert!(matches!(odd, Err(LookupError::Unexpected(_))));
    let large = says(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2 << 20])).await;
    assert!(matches!(large, Err(LookupError::Unexpected(_))));
    let slow = says(judged("reject").set_delay(Duration::from_secs(4))).await;
    assert!(matches!(slow, Err(LookupError::Unavailable(_))));
    let nobody = source("http://127.0.0.1:1");
    let away = nobody.ask(&question(MAIL), DateTime::UNIX_EPOCH).await;
    assert!(matches!(away, Err(LookupError::Unavailable(_))));
}

#[test]
fn what_is_sent_is_told_without_the_password() {
    let sends = source("http://10.0.0.5:11333").sends(&question(MAIL));
    assert_eq!(sends[0].to, "POST http://10.0.0.5:11333/checkv2");
    let begin = format!("message of {} bytes, SHA-256 ", MAIL.len());
    assert!(sends[0].payload.starts_with(&begin));
    assert!(!format!("{sends:?}").contains("pw"));
    let bad = |endpoint: &str| {
        Rspamd::new(&Source {
            endpoint: Some(endpoint.to_owned()),
            ..Source::default()
        })
        .is_err()
    };
    assert!(bad("ftp://a") && bad("127.0.0.1:11333") && bad("http://u@a"));
}

/// Against a real one: the GTUBE text is rejected by every rspamd.
#[tokio::test]
async fn a_real_rspamd() {
    let Ok(endpoint) = std::env::var("UNHOOK_TEST_RSPAMD") else {
        eprintln!("left out: no rspamd in UNHOOK_TEST_RSPAMD");
        return;
    };
    let rspamd = Rspamd::new(&Source {
        endpoint: Some(endpoint),
        ..Source::default()
    })
    .unwrap();
    let plain = rspamd.ask(&question(MAIL), DateTime::UNIX_EPOCH).await;
    assert_ne!(plain.unwrap().reputation, Reputation::Bad);
    let gtube = b"From: a@a.example\r\nTo: b@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n";
    let got = rspamd.ask(&question(gtube), DateTime::UNIX_EPOCH).await;
    let got = got.unwrap();
    assert_eq!(got.reputation, Reputation::Bad, "{got:?}");
    assert!(got.details.contains_key("GTUBE"), "{got:?}");
}

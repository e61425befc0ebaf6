//! Bodies over a real connection: too large, cut off.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use unhook::{cli::start, domain::Provider};

use super::Api;

const MIB: usize = 1024 * 1024;

async fn served(limit: usize) -> (Api, start::Running, String) {
    let api = Api::with(|config| {
        config.server.max_body_bytes = limit;
        config.server.listen.set_port(0);
        config.server.workers = 1;
    })
    .await;
    let running = start::start(api.app.clone()).await.expect("started");
    let (_, token) = api.reporter(Provider::Graph);
    (api, running, token)
}

fn head(token: &str, body: &str) -> String {
    format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: message/rfc822\r\n{body}\r\n\r\n"
    )
}

/// Reads one answer's status line.
async fn status(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.windows(2).any(|w| w == b"\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => text.extend_from_slice(&buffer[..n]),
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

#[actix_web::test]
async fn sixty_megabytes_are_answered_413_announced_or_chunked() {
    let (_api, running, token) = served(48 * MIB).await;
    let block = vec![b'x'; MIB];
    for framing in [
        format!("Content-Length: {}", 60 * MIB),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let chunked = framing.starts_with("Transfer");
        let stream = TcpStream::connect(running.address)
            .await
            .expect("connected");
        let (mut reading, mut writing) = stream.into_split();
        writing
            .write_all(head(&token, &framing).as_bytes())
            .await
            .expect("head");
        // a client that reads only after it has sent all
        for _ in 0..60 {
            if chunked {
                writing.write_all(b"100000\r\n").await.expect("size");
            }
            writing
                .write_all(&block)
                .await
                .expect("the server reads on");
            if chunked {
                writing.write_all(b"\r\n").await.expect("end");
            }
        }
        if chunked {
            writing.write_all(b"0\r\n\r\n").await.expect("last");
        }
        assert_eq!(
            status(&mut reading).await,
            "HTTP/1.1 413 Payload Too Large",
            "{framing}"
        );
    }
    running.stop().await;
}

#[actix_web::test]
async fn a_body_that_is_cut_off_leaves_no_report() {
    let (api, running, token) = served(MIB).await;
    let stream = TcpStream::connect(running.address)
        .await
        .expect("connected");
    let (mut reading, mut writing) = stream.into_split();
    let framing = "Content-Length: 1000";
    writing
        .write_all(head(&token, framing).as_bytes())
        .await
        .expect("head");
    writing.write_all(b"Subject: half").await.expect("half");
    writing.shutdown().await.expect("closed");
    let line = status(&mut reading).await;
    assert!(
        line.is_empty() || line.starts_with("HTTP/1.1 400"),
        "{line}"
    );
    assert_eq!(
        api.get("/api/v1/reports", &token).await.json()["items"],
        serde_json::json!([])
    );
    running.stop().await;
}

#[actix_web::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let (_api, running, _) = served(48 * MIB).await;
    let mut stream = TcpStream::connect(running.address)
        .await
        .expect("connected");
    let begun = Instant::now();
    let framing = format!("Content-Length: {}", 40 * MIB);
    stream
        .write_all(head("a.b.c", &framing).as_bytes())
        .await
        .expect("head");
    assert_eq!(status(&mut stream).await, "HTTP/1.1 401 Unauthorized");
    assert!(begun.elapsed() < Duration::from_secs(5));
    running.stop().await;
}

#[actix_web::test]
async fn a_member_or_parameter_that_is_not_taken_is_named() {
    let api = Api::new().await;
    let (_, token) = api.reporter(Provider::Graph);
    for (body, named) in [
        (
            serde_json::json!({"client": "outlook", "itemid": "x"}),
            "member `itemid` is not known",
        ),
        (
            serde_json::json!({"client": "outlook", "item_id": 7}),
            "member `item_id` has a value that is not taken, expected a string",
        ),
        (
            serde_json::json!({"client": "lotus", "item_id": "x"}),
            "member `client` has a value that is not taken, expected one of",
        ),
        (
            serde_json::json!({"item_id": "x"}),
            "member `client` is missing",
        ),
    ] {
        let answer = api.post("/api/v1/reports", &token, &body).await;
        assert_eq!(answer.problem(), "json_shape", "{body}");
        let detail = answer.json()["detail"].as_str().expect("detail").to_owned();
        assert!(detail.starts_with(named), "{body}: {detail}");
        assert!(!detail.contains("lotus"), "no value comes back: {detail}");
    }
    let (_, key) = api.key("admin", 1).await;
    for (query, named) in [
        ("limit=ten", "limit: "),
        ("limit=", "limit: "),
        ("verdict=bad", "verdict: must be one of"),
        ("bogus=1", "unknown field `bogus`"),
    ] {
        let answer = api.get(&format!("/api/v1/submissions?{query}"), &key).await;
        assert_eq!(answer.problem(), "invalid_parameter", "{query}");
        let detail = answer.json()["detail"].as_str().expect("detail").to_owned();
        assert!(detail.starts_with(named), "{query}: {detail}");
    }
}

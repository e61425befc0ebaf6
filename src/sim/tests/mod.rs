//! Over real HTTP, the way the adapters will speak.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

mod bends;
mod feeds;
mod groups;
mod hunting;
mod search;
mod spread;
mod world;

use super::*;

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request on a connection of its own; `None` when no answer came.
fn call(
    sim: &Sim,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let host = sim.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("connect");
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).expect("write");
    stream.write_all(body).expect("write");
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let split = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..split]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head,
        body: all[split + 4..].to_vec(),
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("time")
}

fn sim(mailboxes: usize) -> Sim {
    let org = Organisation::generate(mailboxes, 42);
    let mut options = SimOptions::new(org, Arc::new(now));
    options.record = true;
    Sim::start(options).expect("start")
}

fn graph_token(sim: &Sim) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        sim.client_id(),
        sim.client_secret()
    );
    let path = format!("/{}/oauth2/v2.0/token", sim.tenant_id());
    let answer = call(sim, "POST", &path, &[], form.as_bytes()).expect("answer");
    assert_eq!(answer.status, 200);
    format!(
        "Bearer {}",
        answer.json()["access_token"].as_str().expect("token")
    )
}

fn google_token(sim: &Sim, user: &str, scope: &str) -> Answer {
    let claims = json!({
        "iss": "unhook@sim-project.iam.gserviceaccount.com",
        "aud": format!("{}/token", sim.base_url()),
        "sub": user, "scope": scope, "iat": 1000, "exp": 4600,
    });
    let assertion = sim.tenant.keys.service_account.sign(&claims).expect("sign");
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    );
    call(sim, "POST", "/token", &[], form.as_bytes()).expect("answer")
}

const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";

fn gmail_bearer(sim: &Sim, user: &str) -> String {
    let answer = google_token(sim, user, MODIFY);
    assert_eq!(answer.status, 200);
    format!(
        "Bearer {}",
        answer.json()["access_token"].as_str().expect("token")
    )
}

fn reporter(sim: &Sim, provider: Provider) -> Reporter {
    sim.reporters()
        .into_iter()
        .find(|r| r.provider == provider)
        .expect("reporter")
}

/// A scripted letter.
fn letter(from: &str, subject: &str, id: &str, body: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: list@northwind.example\r\nSubject: {subject}\r\nMessage-ID: {id}\r\nDate: {}\r\n\r\n{body}\r\n",
        now().to_rfc2822()
    )
    .into_bytes()
}

/// Percent-encodes a query value.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A GET with a Graph token.
fn graph(sim: &Sim, token: &str, target: &str) -> Answer {
    call(sim, "GET", target, &[("Authorization", token)], b"").expect("answer")
}

/// A call with a JSON body.
fn send(sim: &Sim, token: &str, method: &str, target: &str, body: &Value) -> Answer {
    let headers = [
        ("Authorization", token),
        ("Content-Type", "application/json"),
    ];
    call(sim, method, target, &headers, body.to_string().as_bytes()).expect("answer")
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
    (answer.status, code.unwrap_or_default())
}

fn rows(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    answer.json()["value"].as_array().cloned().expect("value")
}

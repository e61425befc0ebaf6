//! Change notifications of both platforms, to a real endpoint.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    sync::Mutex,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use percent_encoding::percent_decode_str;

use super::*;

/// What an endpoint was sent.
#[derive(Debug, Clone)]
struct Got {
    target: String,
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

struct Endpoint {
    base: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Endpoint {
    /// Answers handshakes, rightly or not, and takes all else with 202.
    fn start(honest: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, honest, &kept);
            }
        });
        Self { base, got }
    }

    fn got(&self) -> Vec<Got> {
        lock(&self.got).clone()
    }
}

fn serve(stream: TcpStream, honest: bool, got: &Mutex<Vec<Got>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = match target.split_once("validationToken=") {
        Some((_, token)) if honest => {
            let token = percent_decode_str(token).decode_utf8_lossy().into_owned();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{token}",
                token.len()
            )
        }
        Some(_) => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi".to_owned(),
        None => {
            lock(got).push(Got { target, head, body });
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        }
    };
    reader.get_mut().write_all(answer.as_bytes())
}

fn wish(sim: &Sim, endpoint: &Endpoint, user: &User, minutes: i64) -> Value {
    json!({
        "changeType": "created",
        "notificationUrl": format!("{}/hook", endpoint.base),
        "lifecycleNotificationUrl": format!("{}/life", endpoint.base),
        "resource": format!("/users/{}/messages", user.id),
        "expirationDateTime": (sim.now() + TimeDelta::minutes(minutes)).to_rfc3339(),
        "clientState": "s3cret",
    })
}

const SUBSCRIPTIONS: &str = "/v1.0/subscriptions";

#[test]
fn a_subscription_is_proven_told_renewed_and_ends() {
    let sim = sim(10);
    let token = graph_token(&sim);
    let endpoint = Endpoint::start(true);
    let user = sim.organisation().users[0].clone();
    let make = |body: &Value| send(&sim, &token, "POST", SUBSCRIPTIONS, body);
    let too_long = make(&wish(&sim, &endpoint, &user, 10_081));
    assert_eq!(code(&too_long), (400, "ValidationError".into()));
    let made = make(&wish(&sim, &endpoint, &user, 1));
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let id = made.json()["id"].as_str().expect("id").to_owned();
    // raised to 45 minutes
    sim.advance(TimeDelta::minutes(44));
    let raw = letter("a@x.example", "s", "<n@x.example>", "text");
    let item = sim.deliver(&user.address, &raw, Slot::Inbox, true);
    futures::executor::block_on(sim.settle());
    let got = endpoint.got();
    assert_eq!(got.len(), 1);
    assert_eq!(sim.notified(), [202]);
    let told = got[0].json();
    let told = &told["value"][0];
    assert_eq!(got[0].target, "/hook");
    assert_eq!(told["clientState"], "s3cret");
    assert_eq!(told["subscriptionId"], json!(id));
    assert_eq!(told["resourceData"]["id"], json!(item));

    let one = format!("{SUBSCRIPTIONS}/{id}");
    let longer = json!({"expirationDateTime": (sim.now() + TimeDelta::days(6)).to_rfc3339()});
    assert_eq!(send(&sim, &token, "PATCH", &one, &longer).status, 200);
    let again = format!("{one}/reauthorize");
    let headers = [("Authorization", token.as_str())];
    let renewed = call(&sim, "POST", &again, &headers, b"").expect("answer");
    assert_eq!(renewed.status, 204);
    assert_eq!(sim.subscriptions().len(), 1);
    assert_eq!(sim.lifecycle(Lifecycle::Missed), 1);
    futures::executor::block_on(sim.settle());
    let life = endpoint.got().pop().expect("told");
    assert_eq!(life.target, "/life");
    assert_eq!(life.json()["value"][0]["lifecycleEvent"], "missed");

    sim.advance(TimeDelta::days(7));
    let token = graph_token(&sim);
    assert_eq!(
        code(&graph(&sim, &token, &one)),
        (404, "ResourceNotFound".into())
    );
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    futures::executor::block_on(sim.settle());
    assert_eq!(endpoint.got().len(), 2);
}

#[test]
fn an_endpoint_that_does_not_give_the_token_back_is_refused() {
    let sim = sim(10);
    let token = graph_token(&sim);
    let user = sim.organisation().users[0].clone();
    let wrong = Endpoint::start(false);
    let body = wish(&sim, &wrong, &user, 60);
    let answer = send(&sim, &token, "POST", SUBSCRIPTIONS, &body);
    assert_eq!(code(&answer), (400, "ValidationError".into()));
    let mut far = body.clone();
    far["notificationUrl"] = json!("https://hooks.example/x");
    let answer = send(&sim, &token, "POST", SUBSCRIPTIONS, &far);
    assert_eq!(code(&answer), (400, "ValidationError".into()));
    assert!(sim.subscriptions().is_empty());
}

#[test]
fn held_notifications_come_reversed_and_repeated() {
    let sim = sim(10);
    let token = graph_token(&sim);
    let endpoint = Endpoint::start(true);
    let user = sim.organisation().users[0].clone();
    let body = wish(&sim, &endpoint, &user, 60);
    assert_eq!(send(&sim, &token, "POST", SUBSCRIPTIONS, &body).status, 201);
    sim.configure(|platform| platform.notifications = Notifications::Held);
    let mut ids = Vec::new();
    for at in 0..2 {
        let raw = letter("a@x.example", "s", &format!("<{at}@x.example>"), "text");
        ids.push(sim.deliver(&user.address, &raw, Slot::Inbox, true));
    }
    assert_eq!(endpoint.got().len(), 0);
    let how = Release {
        reversed: true,
        times: 2,
        together: false,
    };
    assert_eq!(sim.release(how), 4);
    futures::executor::block_on(sim.settle());
    let told: Vec<Value> = endpoint
        .got()
        .iter()
        .map(|got| got.json()["value"][0]["resourceData"]["id"].clone())
        .collect();
    assert_eq!(
        told,
        [json!(ids[1]), json!(ids[1]), json!(ids[0]), json!(ids[0])]
    );
    sim.configure(|platform| platform.notifications = Notifications::Lost);
    let raw = letter("a@x.example", "s", "<l@x.example>", "text");
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    futures::executor::block_on(sim.settle());
    assert_eq!(endpoint.got().len(), 4);
}

#[test]
fn a_watched_gmail_mailbox_is_pushed_with_a_signed_token() {
    let sim = sim(10);
    let endpoint = Endpoint::start(true);
    let user = sim.organisation().users[7].clone();
    let bearer = gmail_bearer(&sim, &user.address);
    let target = PushTarget {
        endpoint: format!("{}/gmail", endpoint.base),
        audience: "https://unhook.example/hooks/gmail".into(),
        account: "push@sim-project.iam.gserviceaccount.com".into(),
    };
    sim.set_push(Some(target));
    let watch = "/gmail/v1/users/me/watch";
    let bad = json!({"topicName": "topic"});
    assert_eq!(send(&sim, &bearer, "POST", watch, &bad).status, 400);
    let good = json!({"topicName": "projects/p/topics/t", "labelIds": ["INBOX"]});
    let watched = send(&sim, &bearer, "POST", watch, &good).json();
    let raw = letter("a@x.example", "s", "<w@x.example>", "text");
    sim.deliver(&user.address, &raw, Slot::Junk, true);
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    // one event a second: the next is dropped
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    futures::executor::block_on(sim.settle());
    let got = endpoint.got();
    assert_eq!(got.len(), 1);
    let data = got[0].json()["message"]["data"].clone();
    let data = URL_SAFE
        .decode(data.as_str().expect("text"))
        .expect("base64");
    let data: Value = serde_json::from_slice(&data).expect("JSON");
    assert_eq!(data["emailAddress"], json!(user.address));
    let token = got[0]
        .head
        .lines()
        .find_map(|line| line.strip_prefix("authorization: Bearer "))
        .expect("a token");
    let claims = sim.tenant.keys.google.verify(token).expect("signed");
    assert_eq!(claims["aud"], "https://unhook.example/hooks/gmail");
    assert_eq!(claims["email_verified"], true);

    let start = watched["historyId"].as_str().expect("id").to_owned();
    let history = format!("/gmail/v1/users/me/history?startHistoryId={start}");
    let told = graph(&sim, &bearer, &history).json();
    assert_eq!(told["history"].as_array().map(Vec::len), Some(3));
    sim.forget_history(&user.address);
    assert_eq!(graph(&sim, &bearer, &history).status, 404);
    let headers = [("Authorization", bearer.as_str())];
    let stopped = call(&sim, "POST", "/gmail/v1/users/me/stop", &headers, b"");
    assert_eq!(stopped.expect("answer").status, 204);
    sim.advance(TimeDelta::minutes(1));
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    futures::executor::block_on(sim.settle());
    assert_eq!(endpoint.got().len(), 1);
}

#[test]
fn the_project_has_its_own_quota() {
    let sim = sim(10);
    sim.configure(|platform| platform.project_units = 7);
    let users: Vec<User> = sim.organisation().users[6..8].to_vec();
    let list = |user: &User| {
        let bearer = gmail_bearer(&sim, &user.address);
        graph(&sim, &bearer, "/gmail/v1/users/me/messages")
    };
    assert_eq!(list(&users[0]).status, 200);
    let over = list(&users[1]);
    assert_eq!(over.status, 403);
    assert_eq!(
        over.json()["error"]["errors"][0]["reason"],
        "rateLimitExceeded"
    );
}

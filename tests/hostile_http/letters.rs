//! Letters whose sending got no answer, and letters that are no longer true.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use chrono::TimeDelta;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use unhook::{
    domain::{Provider, ReportStatus, Verdict},
    sim::{Action, Fault, Matcher, Operation, RetryAfter},
    store::report::Report,
    triage::overturn,
};

use super::{
    House, JSON,
    outage::{click_of, relay},
};

async fn graph_click(house: &House) -> Report {
    let (reporter, token) = house.reporter(Provider::Graph);
    let body = json!({"client": "outlook", "item_id": reporter.item_id});
    let answer = house.post(JSON, body.to_string(), &token, "click").await;
    house.stored(&answer, "click").await
}

/// Takes letters and hangs up instead of saying so.
async fn silent_server(listener: TcpListener, taken: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let taken = Arc::clone(&taken);
        actix_web::rt::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            let mut letter: Option<String> = None;
            stream.write_all(b"220 silent\r\n").await.expect("greeted");
            loop {
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if let Some(text) = &mut letter {
                    if line == ".\r\n" {
                        taken.lock().expect("lock").push(text.clone());
                        return;
                    }
                    text.push_str(&line);
                    continue;
                }
                let reply: &[u8] = if line.starts_with("DATA") {
                    letter = Some(String::new());
                    b"354 go ahead\r\n"
                } else {
                    b"250 ok\r\n"
                };
                stream.write_all(reply).await.expect("answered");
            }
        });
    }
}

/// Delivers a letter at last.
async fn hand_over(sink: SocketAddr, to: &str, letter: &str) {
    let stream = TcpStream::connect(sink).await.expect("the sink");
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    for said in [
        "".to_owned(),
        "HELO x\r\n".to_owned(),
        "MAIL FROM:<soc@x.example>\r\n".to_owned(),
        format!("RCPT TO:<{to}>\r\n"),
        "DATA\r\n".to_owned(),
        format!("{letter}.\r\n"),
    ] {
        stream.write_all(said.as_bytes()).await.expect("said");
        line.clear();
        stream.read_line(&mut line).await.expect("heard");
        assert!(line.starts_with(['2', '3']), "{said:?}: {line}");
    }
}

struct Silent {
    house: House,
    sink: SocketAddr,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Silent {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let mut sink = None;
        let house = House::with(|config, _| {
            let smtp = config.notify.smtp.as_mut().expect("the demo has one");
            sink = Some(SocketAddr::new(
                smtp.host.parse().expect("an address"),
                smtp.port,
            ));
            smtp.port = port;
        })
        .await;
        let taken = Arc::default();
        actix_web::rt::spawn(silent_server(listener, Arc::clone(&taken)));
        Self {
            house,
            sink: sink.expect("known"),
            taken,
        }
    }

    fn taken(&self) -> usize {
        self.taken.lock().expect("lock").len()
    }
}

#[actix_web::test]
async fn f61_a_letter_that_was_under_way_is_not_sent_twice() {
    let stage = Silent::new().await;
    let house = &stage.house;
    let report = graph_click(house).await;
    let (reporter, _) = house.reporter(Provider::Graph);
    house.drain(TimeDelta::minutes(14)).await;
    assert_eq!(stage.taken(), 1, "mail in transit cannot be found yet");
    let letter = stage.taken.lock().expect("lock")[0].clone();
    hand_over(stage.sink, &reporter.address, &letter).await;
    house.drain(TimeDelta::minutes(120)).await;
    assert_eq!(stage.taken(), 1, "it was found");
    assert_eq!(house.sim.letters_of(&reporter.address).len(), 1);
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.report(report.id).await.expect("read").expect("row");
    assert_eq!(row.status, ReportStatus::Closed);
    assert_eq!(house.parked().await, Vec::<String>::new());
}

#[actix_web::test]
async fn f62_a_letter_that_the_mail_server_delivers_twice_is_no_reason_for_a_third() {
    let stage = Silent::new().await;
    let house = &stage.house;
    let report = graph_click(house).await;
    let (reporter, _) = house.reporter(Provider::Graph);
    house.drain(TimeDelta::minutes(14)).await;
    let letter = stage.taken.lock().expect("lock")[0].clone();
    for _ in 0..2 {
        hand_over(stage.sink, &reporter.address, &letter).await;
    }
    house.drain(TimeDelta::hours(5)).await;
    assert_eq!(stage.taken(), 1, "none was sent after it");
    let ids: Vec<_> = house.sim.letters_of(&reporter.address);
    let ids: Vec<_> = ids.iter().map(|letter| message_id(letter)).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1], "whoever keeps them can tell that it is one");
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.report(report.id).await.expect("read").expect("row");
    assert_eq!(row.status, ReportStatus::Closed);
}

fn message_id(letter: &[u8]) -> String {
    let text = String::from_utf8_lossy(letter);
    let mut lines = text.lines();
    let line = lines.find(|line| line.to_ascii_lowercase().starts_with("message-id:"));
    line.expect("a Message-ID").to_owned()
}

fn inserting() -> Matcher {
    Matcher {
        operation: Some(Operation::GmailInsert),
        ..Matcher::default()
    }
}

#[actix_web::test]
async fn f61_a_letter_that_was_put_there_without_an_answer_is_not_put_there_again() {
    for lost in [
        Action::LoseReply { executed: true },
        Action::Truncate { bytes: 3 },
    ] {
        let house = House::new().await;
        house.sim.add_fault(Fault::once(inserting(), lost));
        let report = click_of(&house, Provider::Gmail).await;
        let (reporter, _) = house.reporter(Provider::Gmail);
        house.drain(TimeDelta::hours(2)).await;
        assert_eq!(house.sim.letters_of(&reporter.address).len(), 1);
        assert_eq!(house.sim.counters().of(Operation::GmailInsert), 1);
        let rows = house.app.store.read(house.app.tenant);
        let row = rows.report(report.id).await.expect("read").expect("row");
        assert_eq!(row.status, ReportStatus::Closed);
        assert_eq!(house.parked().await, Vec::<String>::new());
    }
}

#[actix_web::test]
async fn f63_a_letter_throttled_for_hours_waits_and_is_not_sent_after_a_contrary_verdict() {
    let house = House::new().await;
    house.sim.add_fault(Fault::once(
        inserting(),
        Action::Throttle {
            retry_after: RetryAfter::Value("21600".to_owned()),
        },
    ));
    let report = click_of(&house, Provider::Gmail).await;
    let (reporter, _) = house.reporter(Provider::Gmail);
    let told = || {
        let letters = house.sim.letters_of(&reporter.address);
        let texts = letters
            .iter()
            .map(|l| String::from_utf8_lossy(l).into_owned());
        texts.collect::<Vec<_>>()
    };
    house.drain(TimeDelta::minutes(10)).await;
    assert!(house.sim.truth().all_pulled());
    house.clock.advance(TimeDelta::hours(3));
    house.drain(TimeDelta::minutes(10)).await;
    assert_eq!(told(), Vec::<String>::new(), "it waits");
    let asked = house.sim.counters().of(Operation::GmailInsert);
    assert_eq!(asked, 1, "as long as it was told, and not asking");
    overturn::set_verdict(
        &house.app,
        report.submission,
        Verdict::Benign,
        "key_test",
        "",
    )
    .await
    .expect("decided");
    house.clock.advance(TimeDelta::hours(4));
    house.drain(TimeDelta::hours(1)).await;
    let told = told();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("message you reported is safe"), "{told:?}");
    assert!(house.sim.truth().all_in_place());
    let rows = house.app.store.read(house.app.tenant);
    let row = rows.report(report.id).await.expect("read").expect("row");
    assert_eq!(
        (row.status, row.outcome),
        (ReportStatus::Closed, Some(Verdict::Benign))
    );
    assert_eq!(house.parked().await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_letter_that_never_shows_up_is_sent_again_ever_more_seldom() {
    let stage = Silent::new().await;
    graph_click(&stage.house).await;
    stage.house.drain(TimeDelta::minutes(14)).await;
    assert_eq!(stage.taken(), 1);
    stage.house.drain(TimeDelta::minutes(6)).await;
    assert_eq!(stage.taken(), 2, "after a quarter of an hour");
    stage.house.drain(TimeDelta::minutes(20)).await;
    assert_eq!(stage.taken(), 2, "half an hour is not over");
    stage.house.drain(TimeDelta::minutes(12)).await;
    assert_eq!(stage.taken(), 3);
    assert_eq!(stage.house.parked().await, Vec::<String>::new());
}

#[actix_web::test]
async fn f63_f64_a_letter_that_is_no_longer_true_is_dropped_and_taken_up_when_it_is_again() {
    let (house, closed, sink) = House::without_mail_server().await;
    let report = graph_click(&house).await;
    let (reporter, _) = house.reporter(Provider::Graph);
    let letters = || {
        let raw = house.sim.letters_of(&reporter.address);
        let texts = raw.iter().map(|l| String::from_utf8_lossy(l).into_owned());
        texts.collect::<Vec<_>>()
    };
    let row = async || {
        let rows = house.app.store.read(house.app.tenant);
        rows.report(report.id).await.expect("read").expect("row")
    };
    let decide = async |verdict| {
        overturn::set_verdict(&house.app, report.submission, verdict, "key_test", "")
            .await
            .expect("decided");
    };
    house.drain(TimeDelta::minutes(10)).await;
    assert_eq!(letters().len(), 0, "the mail server is down");
    decide(Verdict::Benign).await;
    house.drain(TimeDelta::minutes(10)).await;
    let now = row().await;
    assert_ne!(
        (now.status, now.outcome),
        (ReportStatus::Closed, Some(Verdict::Malicious)),
        "nobody was told so"
    );

    let relay = actix_web::rt::spawn(relay(closed, sink));
    house.drain(TimeDelta::minutes(20)).await;
    let told = letters();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("message you reported is safe"), "{told:?}");
    let now = row().await;
    assert_eq!(
        (now.status, now.outcome),
        (ReportStatus::Closed, Some(Verdict::Benign))
    );

    decide(Verdict::Malicious).await;
    house.drain(TimeDelta::minutes(20)).await;
    let told = letters();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("you caught a dangerous"), "{told:?}");
    let now = row().await;
    assert_eq!(
        (now.status, now.outcome),
        (ReportStatus::Closed, Some(Verdict::Malicious))
    );
    assert_eq!(house.parked().await, Vec::<String>::new());
    relay.abort();
}

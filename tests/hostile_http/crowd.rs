//! Many at once: several ways to report one message, and clients that never finish.

use std::{net::SocketAddr, time::Duration};

use chrono::TimeDelta;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use unhook::{
    domain::{Provider, ReportStatus, Verdict},
    store::PageRequest,
};

use super::{House, JSON, MESSAGE, REPORTS};

#[actix_web::test]
async fn f57_one_message_reported_in_three_ways_at_once_is_one_case() {
    let house = House::new().await;
    let (outlook, graph_token) = house.reporter(Provider::Graph);
    let (gmail, gmail_token) = house.reporter(Provider::Gmail);
    let button = json!({"client": "outlook", "item_id": outlook.item_id}).to_string();
    let add_on = json!({"client": "gmail", "item_id": gmail.item_id}).to_string();
    let script =
        json!({"client": "api", "internet_message_id": outlook.internet_message_id}).to_string();
    let answers = futures::join!(
        house.post(JSON, button, &graph_token, "button"),
        house.post(JSON, add_on, &gmail_token, "add-on"),
        house.post(JSON, script, &graph_token, "script"),
    );
    let mut reports = Vec::new();
    for answer in [answers.0, answers.1, answers.2] {
        reports.push(house.stored(&answer, "at once").await.id);
    }
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    assert_eq!(house.reports().await, 3);
    let rows = house.app.store.read(house.app.tenant);
    let cases = rows.campaigns(None, &PageRequest::first(9)).await;
    assert_eq!(cases.expect("read").items.len(), 1, "one case");
    for id in reports {
        let row = rows.report(id).await.expect("read").expect("row");
        assert_eq!(
            (row.status, row.outcome),
            (ReportStatus::Closed, Some(Verdict::Malicious))
        );
    }
    assert!(house.sim.truth().all_pulled(), "{:#?}", house.sim.truth());
    for reporter in [outlook, gmail] {
        let letters = house.sim.letters_of(&reporter.address).len();
        assert_eq!(letters, 1, "letters to {}", reporter.address);
    }
}

#[actix_web::test]
async fn f59_uploads_that_never_end_hold_up_nobody_and_leave_nothing() {
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    let address: SocketAddr = house.address();
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = format!(
            "POST {REPORTS} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: {MESSAGE}\r\ncontent-length: 1000000\r\n\r\nSubject: slow\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        slow.push(stream);
    }
    let served = async {
        for i in 0..20 {
            let message = format!("Subject: {i}\r\n\r\nbody {i}");
            let answer = house.post(MESSAGE, message, &token, "meanwhile").await;
            house.stored(&answer, "meanwhile").await;
        }
    };
    let served = tokio::time::timeout(Duration::from_secs(30), served);
    served.await.expect("others are served");
    assert_eq!(house.get("/healthz", &token).await.status, 200);
    // half of them hang up, the others trickle on
    slow.truncate(150);
    for stream in &mut slow {
        // the server may have given one up
        let _ = stream.write_all(b"x").await;
    }
    let answer = house
        .post(MESSAGE, "Subject: z\r\n\r\nz", &token, "after")
        .await;
    house.stored(&answer, "after").await;
    assert_eq!(house.reports().await, 21, "what never ended left no row");
}

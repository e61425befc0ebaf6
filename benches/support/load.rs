//! A lean HTTP/1.1 client, so that the load costs little of the machine that it
//! is measured on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// One reporter's request, around the item id that makes each report another.
#[derive(Clone)]
pub struct Request {
    pub token: String,
    pub before: String,
    pub after: String,
}

/// What came of a run.
pub struct Outcome {
    pub answered: usize,
    took: Duration,
    latencies: Vec<Duration>,
}

impl Outcome {
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Milliseconds.
    pub fn p99(&self) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// As fast as it is answered.
pub async fn flat_out(
    port: u16,
    requests: &[Request],
    connections: usize,
    span: Duration,
) -> Outcome {
    run(port, requests, connections, span, None).await
}

/// `rate` requests a second; a request's latency counts from when it was due.
pub async fn paced(
    port: u16,
    requests: &[Request],
    connections: usize,
    rate: u64,
    span: Duration,
) -> Outcome {
    run(port, requests, connections, span, Some(rate)).await
}

async fn run(
    port: u16,
    requests: &[Request],
    connections: usize,
    span: Duration,
    rate: Option<u64>,
) -> Outcome {
    let began = Instant::now();
    let turn = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for n in 0..connections {
        let request = requests[n % requests.len()].clone();
        let turn = Arc::clone(&turn);
        tasks.push(tokio::spawn(async move {
            let mut socket = TcpStream::connect(("127.0.0.1", port))
                .await
                .expect("connected");
            socket.set_nodelay(true).expect("nodelay");
            let mut latencies = Vec::new();
            while began.elapsed() < span {
                let due = match rate {
                    None => Instant::now(),
                    Some(rate) => {
                        let turn = turn.fetch_add(1, Ordering::Relaxed);
                        let due = began + Duration::from_micros(turn * 1_000_000 / rate);
                        tokio::time::sleep_until(due.into()).await;
                        due
                    }
                };
                send(&mut socket, &request).await;
                latencies.push(due.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("joined"));
    }
    Outcome {
        answered: latencies.len(),
        took: began.elapsed(),
        latencies,
    }
}

async fn send(socket: &mut TcpStream, request: &Request) {
    let item = format!("AAMk{:016x}", NEXT.fetch_add(1, Ordering::Relaxed));
    let length = request.before.len() + item.len() + request.after.len();
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        request.token
    );
    let mut bytes = Vec::with_capacity(head.len() + length);
    for part in [&head, &request.before, &item, &request.after] {
        bytes.extend_from_slice(part.as_bytes());
    }
    socket.write_all(&bytes).await.expect("written");
    let mut answer = Vec::with_capacity(1024);
    loop {
        let mut chunk = [0_u8; 2048];
        let n = socket.read(&mut chunk).await.expect("read");
        assert!(
            n > 0,
            "the connection closed: {}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&chunk[..n]);
        if whole(&answer) {
            break;
        }
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 202"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

fn whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|l| {
            l.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(str::to_owned)
        })
        .and_then(|v| v.trim().parse::<usize>().ok())
        .expect("a length");
    body.len() >= length
}

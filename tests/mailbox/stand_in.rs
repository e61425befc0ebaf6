//! A stand-in for a provider that answers exactly as told, octet by octet.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: String,
    pub body: String,
}

/// What goes out.
pub enum Reply {
    /// Status, extra header lines (each ending in CRLF), body as JSON.
    Json(u16, String, String),
    /// These octets, then the connection closes.
    Octets(Vec<u8>),
    /// The connection closes without an answer.
    Nothing,
}

pub struct StandIn {
    pub base: String,
    pub seen: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    pub async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address: SocketAddr = listener.local_addr().expect("address");
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let record = Arc::clone(&seen);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                tokio::spawn(serve(stream, record, answer));
            }
        });
        Self {
            base: format!("http://{address}"),
            seen,
        }
    }

    /// Requests whose target holds `part`.
    pub fn count(&self, part: &str) -> usize {
        let seen = self.seen.lock().expect("record");
        seen.iter().filter(|r| r.target.contains(part)).count()
    }
}

async fn serve<F>(mut stream: TcpStream, record: Arc<Mutex<Vec<Request>>>, answer: Arc<F>)
where
    F: Fn(&Request, usize) -> Reply + Send + Sync + 'static,
{
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut seen = record.lock().expect("record");
            seen.push(request.clone());
            seen.iter().filter(|r| r.target == request.target).count()
        };
        let sent = match answer(&request, number) {
            Reply::Json(status, headers, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await
            }
            Reply::Octets(octets) => {
                // The other side may hang up first.
                let _ = stream.write_all(&octets).await;
                return;
            }
            Reply::Nothing => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut got = Vec::new();
    let end = loop {
        if let Some(end) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        let mut some = [0; 4096];
        let n = stream.read(&mut some).await.ok().filter(|n| *n > 0)?;
        got.extend_from_slice(&some[..n]);
    };
    let headers = String::from_utf8_lossy(&got[..end]).into_owned();
    let length = headers
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        })
        .unwrap_or(0);
    let mut body = got[end + 4..].to_vec();
    while body.len() < length {
        let mut some = [0; 4096];
        let n = stream.read(&mut some).await.ok().filter(|n| *n > 0)?;
        body.extend_from_slice(&some[..n]);
    }
    let mut line = headers.lines().next()?.split(' ');
    Some(Request {
        method: line.next()?.to_owned(),
        target: line.next()?.to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

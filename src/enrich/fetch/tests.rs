use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{enrich::tests::nameserver::Nameserver, message::PrivateReason};

/// A public address in the tests' eyes; nobody is connected to there.
const PUBLIC: &str = "93.184.216.34";

/// Leads vetted public addresses to a server of the test, and notes them.
struct Diverted {
    to: SocketAddr,
    asked: Mutex<Vec<IpAddr>>,
}

#[async_trait]
impl Connect for Diverted {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.asked.lock().unwrap().push(address.ip());
        TcpStream::connect(self.to).await
    }
}

struct Stage {
    dns: Nameserver,
    diverted: Arc<Diverted>,
    requests: Arc<Mutex<Vec<String>>>,
    answered: Arc<AtomicUsize>,
}

impl Stage {
    /// A web server that answers by path with what is given, head and body.
    async fn new(pages: &[(&str, Vec<u8>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let pages: HashMap<String, Vec<u8>> = pages
            .iter()
            .map(|(path, answer)| ((*path).to_owned(), answer.clone()))
            .collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answered = Arc::new(AtomicUsize::new(0));
        let (seen, sent) = (requests.clone(), answered.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (pages, seen, sent) = (pages.clone(), seen.clone(), sent.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                        if head.starts_with(b"\x16") {
                            // TLS is not spoken here
                            return Ok(());
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    seen.lock().unwrap().push(head);
                    let slow = path.starts_with("/slow");
                    for piece in pages[&path].chunks(if slow { 1 } else { 16_384 }) {
                        stream.write_all(piece).await?;
                        sent.fetch_add(piece.len(), Ordering::Relaxed);
                        if slow {
                            tokio::time::sleep(Duration::from_secs(10)).await;
                        }
                    }
                    io::Result::Ok(())
                });
            }
        });
        let dns = Nameserver::start().await;
        dns.addresses("page.test", 0, &[PUBLIC, "2606:2800:220:1::1"]);
        Self {
            dns,
            diverted: Arc::new(Diverted {
                to,
                asked: Mutex::default(),
            }),
            requests,
            answered,
        }
    }

    fn visitor(&self) -> Visitor {
        let config = Fetch {
            enabled: true,
            never: vec!["never.test".into()],
            ..Fetch::default()
        };
        Visitor::of(&config, self.dns.resolver(), self.diverted.clone())
            .unwrap()
            .unwrap()
    }

    async fn visit(&self, link: &str) -> Result<Page, Stopped> {
        self.visitor().visit(link, &guard()).await
    }

    fn connections(&self) -> Vec<IpAddr> {
        self.diverted.asked.lock().unwrap().clone()
    }
}

fn guard() -> Guard {
    Guard {
        own_hosts: vec!["own-service.example".into()],
        domains: vec!["northwind.example".into()],
        recipients: vec!["ann@northwind.example".into()],
    }
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn to(location: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\nset-cookie: s=1\r\ncontent-length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn zeros(bytes: u64) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut io::repeat(0).take(bytes), &mut coder).unwrap();
    coder.flush().unwrap();
    coder.finish().unwrap()
}

#[tokio::test]
async fn a_page_is_read_over_its_hops_without_cookies() {
    let form = b"<title>Webmail</title><form><input type=password></form>";
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(form).unwrap();
    let zipped = coder.finish().unwrap();
    let stage = Stage::new(&[
        ("/a", to("/b?x=1#frag")),
        (
            "/b?x=1",
            to("https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fpage.test%2Fc&data=0"),
        ),
        (
            "/c",
            ok("content-type: text/html\r\ncontent-encoding: gzip\r\n", &zipped),
        ),
    ])
    .await;
    let page = stage.visit("http://page.test/a").await.unwrap();
    assert_eq!(page.final_url, "http://page.test/c");
    assert_eq!(page.title.unwrap().as_str(), "Webmail");
    assert!(page.password_field);
    assert_eq!((page.status, page.bytes), (200, form.len()));
    let statuses: Vec<_> = page.hops.iter().map(|hop| hop.status).collect();
    assert_eq!(statuses, [302, 302, 200]);
    let requests = stage.requests.lock().unwrap().join("\n").to_lowercase();
    assert!(requests.contains("host: page.test\r\n"), "{requests}");
    assert!(!requests.contains("cookie"), "{requests}");
    assert!(!requests.contains("referer"), "{requests}");
}

#[tokio::test]
async fn off_by_default() {
    let dns = Nameserver::start().await;
    let visitor = Visitor::of(&Fetch::default(), dns.resolver(), Arc::new(Direct)).unwrap();
    assert!(visitor.is_none());
}

#[tokio::test]
async fn an_error_page_is_a_page_and_nobody_there_is_said() {
    let stage = Stage::new(&[(
        "/",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone".to_vec(),
    )])
    .await;
    assert_eq!(stage.visit("http://page.test").await.unwrap().status, 404);
    let unknown = stage.visit("http://unknown.test/").await;
    assert!(matches!(unknown, Err(Stopped::NoAddress)), "{unknown:?}");
    let never = stage.visit("http://a.never.test/").await;
    assert!(matches!(never, Err(Stopped::Refused(Refused::Own))));
    let talk = stage.visit("https://page.test/").await;
    assert!(matches!(talk, Err(Stopped::Wire(_))), "{talk:?}");
}

/// One bad address among good ones refuses the name, whichever comes first.
#[tokio::test]
async fn every_address_of_a_name_is_vetted() {
    let stage = Stage::new(&[("/", ok("", b"x"))]).await;
    stage
        .dns
        .addresses("many.test", 0, &[PUBLIC, "10.0.0.7", "1.1.1.1"])
        .addresses("six.test", 0, &[PUBLIC, "fd00::7"])
        .addresses("mapped.test", 0, &["::ffff:10.0.0.1"]);
    for name in ["many", "six", "mapped"] {
        let got = stage.visit(&format!("http://{name}.test/")).await;
        assert!(
            matches!(got, Err(Stopped::Refused(Refused::Address(_)))),
            "{name}: {got:?}"
        );
    }
    assert!(stage.connections().is_empty());
}

/// The connection goes to the vetted address even when the next answer differs.
#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_a_hop() {
    let stage = Stage::new(&[("/", ok("", b"x")), ("/again", to("/"))]).await;
    stage
        .dns
        .addresses("rebind.test", 0, &[PUBLIC])
        .addresses("rebind.test", 0, &["127.0.0.1"]);
    let page = stage.visit("http://rebind.test/").await.unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(stage.connections(), [PUBLIC.parse::<IpAddr>().unwrap()]);
    // and a hop asks anew, and is refused
    let second = stage.visit("http://rebind.test/again").await;
    assert!(
        matches!(second, Err(Stopped::Refused(Refused::Address(_)))),
        "{second:?}"
    );
    assert_eq!(stage.connections().len(), 1);
}

#[tokio::test]
async fn hops_are_counted_and_vetted() {
    let hop = |n: usize| to(&format!("http://page.test/{}", n + 1));
    let mut pages: Vec<(String, Vec<u8>)> = (0..20).map(|n| (format!("/{n}"), hop(n))).collect();
    pages[5].1 = hop(5);
    for (path, target) in [
        ("/file", "file:///etc/passwd"),
        ("/in", "http://169.254.169.254/latest/"),
        ("/odd", "http://0x7f000001/"),
        ("/own", "https://own-service.example/api"),
        ("/slashes", "//127.0.0.1/"),
        ("/back", "http:\\\\127.0.0.1\\"),
        ("/user", "http://page.test@127.0.0.1/"),
        ("/tag", "/welcome?e=ann@northwind.example"),
        (
            "/wrapped",
            "https://urldefense.com/v3/__http://10.0.0.1/__;!!x",
        ),
    ] {
        pages.push((path.to_owned(), to(target)));
    }
    let pages: Vec<(&str, Vec<u8>)> = pages
        .iter()
        .map(|(path, answer)| (path.as_str(), answer.clone()))
        .collect();
    let stage = Stage::new(&pages).await;
    let many = stage.visit("http://page.test/0").await;
    assert!(matches!(many, Err(Stopped::TooManyHops)), "{many:?}");
    assert_eq!(stage.connections().len(), 6);
    for path in [
        "file", "in", "odd", "own", "slashes", "back", "user", "tag", "wrapped",
    ] {
        let before = stage.connections().len();
        let got = stage.visit(&format!("http://page.test/{path}")).await;
        assert!(matches!(got, Err(Stopped::Refused(_))), "{path}: {got:?}");
        assert_eq!(stage.connections().len(), before + 1, "{path}");
    }
}

#[tokio::test]
async fn slow_and_swelling_pages_end() {
    let endless = ok("content-encoding: gzip\r\n", &zeros(4 << 20));
    let wide = ok("", &vec![b'x'; 64 << 20]);
    let exact = ok("content-encoding: gzip\r\n", &zeros(1 << 20));
    let stage = Stage::new(&[
        ("/zip", endless),
        ("/wide", wide),
        ("/exact", exact),
        ("/slow", ok("", b"0123456789")),
    ])
    .await;
    for path in ["zip", "wide"] {
        let got = stage.visit(&format!("http://page.test/{path}")).await;
        assert!(matches!(got, Err(Stopped::TooLarge)), "{path}: {got:?}");
    }
    let sent = stage.answered.load(Ordering::Relaxed);
    assert!(sent < 16 << 20, "{sent} bytes were taken");
    let exact = stage.visit("http://page.test/exact").await.unwrap();
    assert_eq!(exact.bytes, 1 << 20);
    let begun = std::time::Instant::now();
    let slow = stage.visit("http://page.test/slow").await;
    assert!(matches!(slow, Err(Stopped::Deadline)), "{slow:?}");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

/// Every case of the shared list: by the link, or by the scene it describes.
#[tokio::test]
async fn the_shared_cases() {
    let shared = std::env::var("UNHOOK_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let Ok(text) = std::fs::read_to_string(format!("{shared}/vectors/ssrf/cases.json")) else {
        eprintln!("left out: no cases at {shared}");
        return;
    };
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 70);
    let hops: Vec<(String, Vec<u8>)> = (0..20)
        .map(|n| (format!("/{n}"), to(&format!("/{}", n + 1))))
        .collect();
    let mut pages: Vec<(&str, Vec<u8>)> = hops
        .iter()
        .map(|(path, answer)| (path.as_str(), answer.clone()))
        .collect();
    pages.extend([
        ("/", ok("", b"x")),
        ("/file", to("file:///etc/passwd")),
        ("/slow", ok("", b"0123456789")),
        ("/zip", ok("content-encoding: gzip\r\n", &zeros(4 << 20))),
        ("/again", to("/")),
    ]);
    let stage = Stage::new(&pages).await;
    let dns = &stage.dns;
    for name in [
        "redir.test",
        "slow.test",
        "gzip.test",
        "xn--bcher-kva.example",
    ] {
        dns.addresses(name, 0, &[PUBLIC]);
    }
    dns.addresses("rebind.test", 0, &[PUBLIC])
        .addresses("rebind.test", 0, &["127.0.0.1"])
        .addresses("v6only.test", 0, &["::ffff:10.0.0.1"])
        .addresses("169.254.169.254.nip.io", 0, &["169.254.169.254"])
        .addresses("example.com", 0, &[PUBLIC]);
    let mut wrong = Vec::new();
    for case in &cases {
        let link = case["url"].as_str().unwrap();
        let scene = match link {
            _ if link.starts_with("http://rebind.test/ ") => "http://rebind.test/again",
            _ if link.starts_with("http://v6only.test/ ") => "http://v6only.test/",
            _ if link.ends_with("file:///etc/passwd") && link.contains("->") => {
                "http://redir.test/file"
            }
            _ if link.ends_with("20 hops") => "http://redir.test/0",
            _ if link.starts_with("http://slow.test/ ") => "http://slow.test/slow",
            _ if link.starts_with("http://gzip.test/ ") => "http://gzip.test/zip",
            plain => plain,
        };
        let before = stage.connections().len();
        let got = stage.visit(scene).await;
        let allowed = got.is_ok() || matches!(got, Err(Stopped::Wire(_)));
        let inside = stage.connections()[before..]
            .iter()
            .any(|address| vet_address(*address).is_err());
        if inside || allowed != (case["expect"] == "allow") {
            wrong.push(format!("{link}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        vet("https://example.com/reset?token=abc", &guard()),
        Err(Refused::Private(PrivateReason::PasswordReset))
    );
}

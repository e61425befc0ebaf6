use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, UnixListener};

use super::*;

fn question(bytes: Vec<u8>) -> Question {
    Question {
        bytes: bytes.into(),
        ..Question::new(AskedKind::Message, "00")
    }
}

fn source(endpoint: &str) -> Clamav {
    Clamav::new(&Source {
        endpoint: Some(endpoint.to_owned()),
        timeout_seconds: 2,
        ..Source::default()
    })
    .unwrap()
}

/// Speaks clamd's protocol: finds EICAR, takes 100,000 bytes.
async fn clamd<S: Stream>(mut stream: S, seen: Arc<Mutex<Vec<u8>>>) -> io::Result<()> {
    let mut command = Vec::new();
    while command.last() != Some(&0) {
        command.push(stream.read_u8().await?);
    }
    if command == b"zPING\0" {
        return stream.write_all(b"PONG\0").await;
    }
    assert_eq!(command, b"zINSTREAM\0");
    let mut content = Vec::new();
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length as usize];
        stream.read_exact(&mut chunk).await?;
        content.extend(chunk);
        if content.len() > 100_000 {
            stream
                .write_all(b"INSTREAM size limit exceeded. ERROR\0")
                .await?;
            return stream.shutdown().await;
        }
    }
    let answer: &[u8] = match content.as_slice() {
        text if text.ends_with(b"EICAR") => b"stream: Eicar-Test-Signature FOUND\0",
        text if text.ends_with(b"macro") => b"stream: Heuristics.OLE2.ContainsMacros FOUND\0",
        text if text.ends_with(b"odd") => b"stream: Can't allocate memory ERROR\0",
        text if text.ends_with(b"hang") => {
            tokio::time::sleep(Duration::from_secs(9)).await;
            b""
        }
        text if text.ends_with(b"gone") => b"",
        _ => b"stream: OK\0",
    };
    *seen.lock().unwrap() = content;
    stream.write_all(answer).await
}

async fn simulator() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(clamd(stream, shared.clone()));
        }
    });
    (format!("tcp://{address}"), seen)
}

#[tokio::test]
async fn what_it_finds_and_what_not() {
    let (endpoint, seen) = simulator().await;
    let clamav = source(&endpoint);
    clamav.ping().await.unwrap();
    let ask = async |text: &str| {
        clamav
            .ask(&question(text.into()), DateTime::UNIX_EPOCH)
            .await
    };
    let bad = ask("xx EICAR").await.unwrap();
    assert_eq!(bad.reputation, Reputation::Bad);
    assert_eq!(bad.words, "found: Eicar-Test-Signature");
    assert_eq!(bad.details["signature"], "Eicar-Test-Signature");
    assert_eq!(ask("macro").await.unwrap().reputation, Reputation::Doubtful);
    assert_eq!(ask("hello").await.unwrap().reputation, Reputation::Unlisted);
    let odd = ask("odd").await;
    assert!(matches!(odd, Err(LookupError::Unexpected(_))), "{odd:?}");
    let gone = ask("gone").await;
    assert!(matches!(gone, Err(LookupError::Unavailable(_))), "{gone:?}");
    let hang = ask("hang").await;
    assert!(matches!(hang, Err(LookupError::Unavailable(_))), "{hang:?}");
    let content: Vec<u8> = (0..90_000u32).map(|n| n as u8).collect();
    let large = question(content.clone());
    let large = clamav.ask(&large, DateTime::UNIX_EPOCH);
    assert_eq!(large.await.unwrap().reputation, Reputation::Unlisted);
    assert_eq!(*seen.lock().unwrap(), content);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_said() {
    let (endpoint, _) = simulator().await;
    let got = source(&endpoint)
        .ask(&question(vec![b'x'; 20 << 20]), DateTime::UNIX_EPOCH)
        .await;
    // the answer may be lost with the connection, but is never "clean"
    match got {
        Err(LookupError::Unexpected(why)) => assert!(why.contains("StreamMaxLength"), "{why}"),
        Err(LookupError::Unavailable(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn over_a_socket_file_and_nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(clamd(stream, Arc::default()));
        }
    });
    source(&format!("unix:{}", path.display()))
        .ping()
        .await
        .unwrap();
    let away = source("unix:/nonexistent/clamd.ctl").ping().await;
    assert!(matches!(away, Err(LookupError::Unavailable(_))));
    for bad in [
        "127.0.0.1:3310",
        "tcp://x",
        "tcp://:1",
        "unix:rel",
        "http://a:1",
    ] {
        let config = Source {
            endpoint: Some(bad.to_owned()),
            ..Source::default()
        };
        assert_eq!(Clamav::new(&config).err(), Some(BadClamd), "{bad}");
    }
}

/// Against a real one whose database holds the signature of tests/run: the text
/// `UNHOOK-TEST-SIGNATURE-7f3a`.
#[tokio::test]
async fn a_real_clamd() {
    let Ok(endpoint) = std::env::var("UNHOOK_TEST_CLAMD") else {
        eprintln!("left out: no clamd in UNHOOK_TEST_CLAMD");
        return;
    };
    let clamav = source(&endpoint);
    clamav.ping().await.unwrap();
    let mail = |text: &str| {
        format!(
            "From: a@a.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
        )
    };
    let ask = async |mail: String| {
        let question = question(mail.into_bytes());
        let got = clamav.ask(&question, DateTime::UNIX_EPOCH).await;
        got.unwrap()
    };
    let bad = ask(mail("..UNHOOK-TEST-SIGNATURE-7f3a..")).await;
    assert_eq!(bad.reputation, Reputation::Bad, "{bad:?}");
    assert!(bad.words.contains("Unhook.Test"), "{bad:?}");
    assert_eq!(ask(mail("harmless")).await.reputation, Reputation::Unlisted);
}

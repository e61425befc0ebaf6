//! A mail sink: takes what is sent and puts it into the recipients' inboxes.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::tenant::Tenant;

/// Largest message taken.
const LARGEST: usize = 50 * 1024 * 1024;

/// Answers connections until the runtime ends.
pub(super) async fn serve(listener: std::net::TcpListener, tenant: Arc<Tenant>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let tenant = Arc::clone(&tenant);
        actix_web::rt::spawn(async move {
            if let Err(error) = converse(stream, &tenant).await {
                tracing::debug!(%error, "smtp conversation ended");
            }
        });
    }
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

async fn converse(stream: TcpStream, tenant: &Tenant) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream
        .write_all(b"220 sim.northwind.example ESMTP\r\n")
        .await?;
    let mut envelope = Envelope::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        let verb = text
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => {
                "250-sim.northwind.example\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES"
            }
            "HELO" => "250 sim.northwind.example",
            "MAIL" => {
                envelope = Envelope {
                    from: path(&text),
                    to: Vec::new(),
                };
                if envelope.from.is_some() {
                    "250 2.1.0 ok"
                } else {
                    "501 5.5.4 syntax"
                }
            }
            "RCPT" if envelope.from.is_none() => "503 5.5.1 MAIL first",
            "RCPT" => recipient(tenant, &mut envelope, &text),
            "DATA" if envelope.to.is_empty() => "503 5.5.1 RCPT first",
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let Some(raw) = data(&mut stream).await? else {
                    stream.write_all(b"552 5.3.4 too large\r\n").await?;
                    return Ok(());
                };
                tenant.post(&raw, &envelope.to);
                envelope = Envelope::default();
                "250 2.0.0 delivered"
            }
            "RSET" => {
                envelope = Envelope::default();
                "250 2.0.0 ok"
            }
            "NOOP" => "250 2.0.0 ok",
            "QUIT" => {
                stream.write_all(b"221 2.0.0 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 5.5.1 not implemented",
        };
        stream.write_all(reply.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
    }
}

fn recipient(tenant: &Tenant, envelope: &mut Envelope, text: &str) -> &'static str {
    use crate::domain::Provider;
    let Some(address) = path(text).filter(|address| !address.is_empty()) else {
        return "501 5.5.4 syntax";
    };
    let known = tenant.org.by_address(&address).is_some()
        || tenant.org.group(Provider::Graph, &address).is_some()
        || tenant.org.group(Provider::Gmail, &address).is_some();
    if known {
        envelope.to.push(address);
        "250 2.1.5 ok"
    } else {
        "550 5.1.1 no such mailbox"
    }
}

/// The address between angle brackets; empty for the null path.
fn path(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    Some(address.trim().to_owned())
}

/// Reads up to the lone dot and takes stuffed dots out.
async fn data(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut raw = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" || line == b".\n" {
            return Ok(Some(raw));
        }
        raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if raw.len() > LARGEST {
            return Ok(None);
        }
    }
}

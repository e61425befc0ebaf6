//! The one connector all Gmail and Google token calls share.
//!
//! The SDK collects answers without a limit and gives no hook before it does,
//! so the limit stands here: HTTP/1.1 carries one exchange at a time, and an
//! answer that grows beyond the limit breaks its connection.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use google_gmail1::hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{config::graph::FieldError, mailbox::wire};

/// A raw message of the largest size in base64 inside JSON, and some room.
const ANSWER_LIMIT: usize = wire::RAW_LIMIT / 3 * 4 + 4 * 1024 * 1024;
/// Octets taken from the connection at a time.
const SCRATCH: usize = 16 * 1024;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens bounded connections; plain http only in builds with the simulated tenant.
#[derive(Clone, Debug)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

/// A connection whose answers are bounded.
pub(super) struct Bounded {
    inner: Stream,
    taken: usize,
    scratch: Box<[u8]>,
}

impl Connector {
    pub(super) fn new() -> Result<Self, FieldError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(wire::CONNECT_LIMIT));
        http.set_nodelay(true);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| {
                FieldError::new("google.base_url", format!("TLS cannot be set up: {error}"))
            })?;
        let builder = if cfg!(feature = "sim") {
            // Which plain-http addresses are let through, the configuration has decided.
            builder.https_or_http()
        } else {
            builder.https_only()
        };
        Ok(Self(builder.enable_http1().wrap_connector(http)))
    }
}

impl Service<Uri> for Connector {
    type Response = Bounded;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Bounded, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.0.call(uri);
        Box::pin(async move {
            Ok(Bounded {
                inner: opening.await?,
                taken: 0,
                scratch: vec![0; SCRATCH].into_boxed_slice(),
            })
        })
    }
}

impl Read for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let room = buf.remaining().min(this.scratch.len());
        let scratch = this.scratch.get_mut(..room).unwrap_or_default();
        let mut scratch = ReadBuf::new(scratch);
        ready!(Pin::new(&mut this.inner).poll_read(cx, scratch.unfilled()))?;
        let got = scratch.filled();
        this.taken = this.taken.saturating_add(got.len());
        if this.taken > ANSWER_LIMIT {
            return Poll::Ready(Err(io::Error::other("answer too large")));
        }
        buf.put_slice(got);
        Poll::Ready(Ok(()))
    }
}

impl Write for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A request goes out: what is read from here on is its answer.
        self.taken = 0;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Connection for Bounded {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

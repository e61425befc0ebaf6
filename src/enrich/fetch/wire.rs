//! The wire of a visit: connections to vetted addresses only, one request each, no
//! proxy, no cookies, no pool.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use super::Stopped;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = BoxBody<Bytes, BoxError>;

/// Addresses of one name that are tried.
const TRIES: usize = 4;
/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

/// The server could not be talked to.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The system's root certificates cannot be used.
    #[error("the system's root certificates cannot be used; install ca-certificates")]
    Roots(#[source] io::Error),
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The link cannot be written into a request.
    #[error("the link cannot be sent")]
    Link(#[source] http::Error),
    /// No connection, no TLS with a certificate of that name, or no HTTP.
    #[error("no answer over HTTP")]
    Talk(#[source] BoxError),
}

/// Opens a connection.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to an address that was vetted.
    ///
    /// # Errors
    /// The system's own.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// Connects to the address that it is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

#[async_trait]
impl Connect for Direct {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// Connects to vetted addresses whatever host it is asked for.
#[derive(Clone)]
pub(super) struct Pinned {
    connect: Arc<dyn Connect>,
    addresses: Arc<[SocketAddr]>,
}

impl Pinned {
    pub(super) fn new(connect: Arc<dyn Connect>, addresses: Vec<SocketAddr>) -> Self {
        Self {
            connect,
            addresses: addresses.into(),
        }
    }
}

impl Service<Uri> for Pinned {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { connect, addresses } = self.clone();
        Box::pin(async move {
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in addresses.iter().take(TRIES) {
                match connect.connect(*address).await {
                    Ok(stream) => return Ok(TokioIo::new(stream)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

/// TLS with the system's root certificates.
///
/// # Errors
/// [`WireError::Roots`], [`WireError::Tls`].
pub(super) fn tls() -> Result<ClientConfig, WireError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(WireError::Tls)?
        .with_native_roots()
        .map_err(WireError::Roots)?
        .with_no_client_auth())
}

/// One GET over HTTP/1.1.
///
/// # Errors
/// [`WireError`].
pub(super) async fn get(
    tls: &ClientConfig,
    connect: Pinned,
    url: &Url,
    user_agent: &str,
) -> Result<Response<Body>, WireError> {
    let request = Request::get(url.as_str())
        .header(header::USER_AGENT, user_agent)
        .header(header::ACCEPT, "text/html,*/*;q=0.8")
        .header(header::ACCEPT_LANGUAGE, "en")
        .header(header::ACCEPT_ENCODING, "gzip")
        .body(Empty::<Bytes>::new())
        .map_err(WireError::Link)?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connect);
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .http1_max_buf_size(MAX_HEAD)
        .build(connector);
    let response = client
        .request(request)
        .await
        .map_err(|error| WireError::Talk(error.into()))?;
    Ok(response.map(|body| body.map_err(BoxError::from).boxed()))
}

/// Reads a body up to `limit` bytes.
///
/// # Errors
/// [`Stopped::TooLarge`] when there is more, [`Stopped::Wire`] when it breaks off.
pub(super) async fn body(mut body: Body, limit: usize) -> Result<Bytes, Stopped> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Stopped::Wire(WireError::Talk(error)))?;
        if let Some(data) = frame.data_ref() {
            if whole.len() + data.len() > limit {
                return Err(Stopped::TooLarge);
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole.freeze())
}

//! HTTP to the programs and lists that the configuration names.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::LookupError;

/// A client without redirects. `local`: a program of the own house, which is never
/// asked through a proxy.
///
/// # Errors
/// When the machine's TLS set-up cannot be used.
pub(super) fn client(timeout: Duration, local: bool) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("unhook/", env!("CARGO_PKG_VERSION")));
    if local { builder.no_proxy() } else { builder }.build()
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    Broken,
}

/// Reads a body up to `limit` bytes.
///
/// # Errors
/// [`BodyError`].
pub(super) async fn body(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| BodyError::Broken)? {
        if whole.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Says what went wrong without the address, which may hold a key.
pub(super) fn failed(error: &reqwest::Error) -> LookupError {
    let why = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    LookupError::Unavailable(why.to_owned())
}

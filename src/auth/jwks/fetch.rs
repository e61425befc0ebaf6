//! One GET of a key set: bounded in time and size, never redirected.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{StatusCode, header::CACHE_CONTROL, redirect::Policy};
use url::{Host, Url};

use super::keys::{KeySet, KeySetError};

/// The largest key set that is read, bytes; the real ones are below 20 kB.
const MAX_BYTES: usize = 1 << 20;

/// Why no key set came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not reachable, too slow, or broken off.
    #[error("no answer")]
    Transport(#[source] reqwest::Error),
    /// Any status but 200; redirects are not followed.
    #[error("status {0}")]
    Status(StatusCode),
    /// Longer than 1 MiB.
    #[error("longer than {MAX_BYTES} bytes")]
    TooLarge,
    /// The body is no key set.
    #[error("unusable key set")]
    Body(#[source] KeySetError),
}

/// The client for the key set at `url`. Plain http works only in builds with the
/// simulated tenant; what is on this machine is never asked through a proxy.
///
/// # Errors
/// When the machine's TLS set-up cannot be used.
pub fn client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(5))
        .redirect(Policy::none())
        .https_only(cfg!(not(feature = "sim")))
        .user_agent(concat!("unhook/", env!("CARGO_PKG_VERSION")));
    let local = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if local { builder.no_proxy() } else { builder }.build()
}

/// The key set at `url`, and how long its issuer says it may be kept.
pub(super) async fn fetch(
    client: &reqwest::Client,
    url: &Url,
) -> Result<(KeySet, Option<TimeDelta>), FetchError> {
    let request = client.get(url.clone()).send();
    let mut response = request.await.map_err(FetchError::Transport)?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let kept = response
        .headers()
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .and_then(max_age);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(FetchError::Transport)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let keys = KeySet::parse(&body, MAX_BYTES).map_err(FetchError::Body)?;
    Ok((keys, kept))
}

fn max_age(cache_control: &str) -> Option<TimeDelta> {
    cache_control
        .split(',')
        .filter_map(|directive| directive.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("max-age"))
        .and_then(|(_, seconds)| seconds.trim_matches('"').parse::<u32>().ok())
        .map(|seconds| TimeDelta::seconds(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_read_among_other_directives() {
        let read = |text| max_age(text).map(|delta| delta.num_seconds());
        assert_eq!(read("public, Max-Age=22541, must-revalidate"), Some(22541));
        assert_eq!(read("s-maxage=5, no-store"), None);
        assert_eq!(read("max-age=-1"), None);
        assert_eq!(read(""), None);
    }
}

//! A visit to a link of a reported message: what stands there, seen once, without
//! cookies, scripts or pictures.
//!
//! Nothing here decides whether a visit is wanted; it is switched off unless the
//! section `[fetch]` says otherwise. Every hop is vetted anew, every address of a
//! name is vetted before one is connected to, and the connection goes to exactly
//! that address, whatever the name says later.

mod page;
mod wire;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::TokioResolver;
use http::{Response, StatusCode, header};
use url::{Host, Url};

use super::{
    guard::{Guard, Refused, Vetted, vet, vet_address},
    resolve::full_name,
};
use crate::{config::fetch::Fetch, message::unwrap_link};
pub use page::{Hop, Page};
pub use wire::{Connect, Direct};

/// Hops after the first request.
const MAX_HOPS: usize = 5;
/// Time of a whole visit, all hops together.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a page, decompressed.
const MAX_BYTES: usize = 1 << 20;
/// Addresses of one name.
const MAX_ADDRESSES: usize = 32;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The guard said no, at the link itself or at a hop.
    #[error("not visited: {0}")]
    Refused(#[from] Refused),
    /// The name has no address, or nobody answered.
    #[error("its host name does not resolve")]
    NoAddress,
    /// More hops than are followed.
    #[error("it leads on more than {MAX_HOPS} times")]
    TooManyHops,
    /// The visit took too long.
    #[error("it took longer than {} seconds", DEADLINE.as_secs())]
    Deadline,
    /// The page is larger than is read.
    #[error("the page is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// No connection, no TLS, or no HTTP.
    #[error("the server cannot be talked to")]
    Wire(#[source] wire::WireError),
    /// The body is compressed in a way that is not read, or broken.
    #[error("the page cannot be decompressed")]
    Encoding,
}

/// The visitor.
pub struct Visitor {
    resolver: TokioResolver,
    connect: Arc<dyn Connect>,
    tls: rustls::ClientConfig,
    user_agent: String,
    never: Vec<String>,
}

impl Visitor {
    /// The visitor of the section; `None` while it is switched off. `connect` opens
    /// the connections: [`Direct`] everywhere but in tests.
    ///
    /// # Errors
    /// [`Stopped::Wire`] when the system's root certificates cannot be used.
    pub fn of(
        config: &Fetch,
        resolver: TokioResolver,
        connect: Arc<dyn Connect>,
    ) -> Result<Option<Self>, Stopped> {
        if !config.enabled {
            return Ok(None);
        }
        Ok(Some(Self {
            resolver,
            connect,
            tls: wire::tls().map_err(Stopped::Wire)?,
            user_agent: config.user_agent.clone(),
            never: config.never.clone(),
        }))
    }

    /// Visits a link. At most 5 hops, 5 seconds and 1 MiB in all.
    ///
    /// # Errors
    /// [`Stopped`]; a page with an error status is a page.
    pub async fn visit(&self, link: &str, guard: &Guard) -> Result<Page, Stopped> {
        let mut guard = guard.clone();
        guard.own_hosts.extend(self.never.iter().cloned());
        tokio::time::timeout(DEADLINE, self.walk(link, &guard))
            .await
            .unwrap_or(Err(Stopped::Deadline))
    }

    async fn walk(&self, link: &str, guard: &Guard) -> Result<Page, Stopped> {
        let mut next = unwrap_link(link);
        let mut hops = Vec::new();
        loop {
            let vetted = vet(&next, guard)?;
            let addresses = self.addresses(&vetted).await?;
            let response = self.request(&vetted, addresses).await?;
            let status = response.status();
            hops.push(Hop::new(&vetted.url, status));
            if let Some(target) = redirect(&vetted.url, &response) {
                if hops.len() > MAX_HOPS {
                    return Err(Stopped::TooManyHops);
                }
                next = unwrap_link(&target);
                continue;
            }
            return self.read(hops, vetted.url, response).await;
        }
    }

    /// Every address of the host, all of them vetted: one bad address refuses the
    /// name, for the next question could bring that one first.
    async fn addresses(&self, vetted: &Vetted) -> Result<Vec<SocketAddr>, Stopped> {
        let found: Vec<IpAddr> = match &vetted.host {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => {
                let name = full_name(name).ok_or(Refused::Malformed)?;
                let (four, six) = tokio::join!(
                    self.resolver.ipv4_lookup(name.clone()),
                    self.resolver.ipv6_lookup(name)
                );
                [four, six]
                    .into_iter()
                    .flatten()
                    .flat_map(|lookup| {
                        let addresses = lookup.answers().iter().filter_map(|r| r.data.ip_addr());
                        addresses.take(MAX_ADDRESSES).collect::<Vec<_>>()
                    })
                    .collect()
            }
        };
        if found.is_empty() {
            return Err(Stopped::NoAddress);
        }
        for address in &found {
            vet_address(*address)?;
        }
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, vetted.port))
            .collect())
    }

    async fn request(
        &self,
        vetted: &Vetted,
        addresses: Vec<SocketAddr>,
    ) -> Result<Response<wire::Body>, Stopped> {
        let connect = wire::Pinned::new(self.connect.clone(), addresses);
        wire::get(&self.tls, connect, &vetted.url, &self.user_agent)
            .await
            .map_err(Stopped::Wire)
    }

    async fn read(
        &self,
        hops: Vec<Hop>,
        url: Url,
        response: Response<wire::Body>,
    ) -> Result<Page, Stopped> {
        let text = |name| {
            let value = response.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let encoding = text(header::CONTENT_ENCODING).unwrap_or_default();
        let content_type = text(header::CONTENT_TYPE);
        let status = response.status();
        let raw = wire::body(response.into_body(), MAX_BYTES).await?;
        let body = page::decompress(&encoding, raw, MAX_BYTES)?;
        Ok(Page::of(hops, &url, status, content_type, &body))
    }
}

/// Where an answer leads on.
fn redirect(from: &Url, response: &Response<wire::Body>) -> Option<String> {
    let status = response.status();
    if !matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    ) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let location = String::from_utf8_lossy(location.as_bytes());
    // an absolute target is vetted as it is written
    if location.contains("://") && Url::parse(&location).is_ok() {
        return Some(location.into_owned());
    }
    Some(
        from.join(&location)
            .map_or_else(|_| location.into_owned(), |url| url.into()),
    )
}

#[cfg(test)]
mod tests;

//! Facts taken from a message: what an analyst looks up and a rule weighs.

use serde::Serialize;
use url::{Host, Url};

use super::{DefangedUrl, LinkPlace};

/// The kinds of observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObservableKind {
    /// A link, rewriters undone.
    Url,
    /// A registrable domain.
    Domain,
    /// An IP address.
    Ip,
    /// A mail address.
    Email,
    /// SHA-256 of an attachment.
    Hash,
    /// A telephone number.
    Phone,
}

/// What is known of a link beyond its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFacts {
    /// Host, lower case, ASCII form; empty for schemes without one.
    pub host: String,
    /// Registrable domain of the host; the host itself where there is none.
    pub domain: String,
    /// How the body refers to it.
    pub place: LinkPlace,
    /// The host that the visible text shows, when that text is itself a link.
    pub shown_host: Option<String>,
    /// Visible text, at most 200 characters; analysis only.
    pub text: String,
    /// Whether a rewriter stood around it.
    pub wrapped: bool,
}

/// One observable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observable {
    /// Its kind.
    pub kind: ObservableKind,
    /// Its value in normal form. A stranger's text: show `defanged` instead.
    pub value: String,
    /// Where it stood, e.g. `body:html`, `header:From`, `attachment:1`.
    pub place: String,
    /// The value fit to be shown.
    pub defanged: DefangedUrl,
    /// For links.
    #[serde(skip)]
    pub link: Option<LinkFacts>,
}

impl Observable {
    /// An observable that is no link.
    #[must_use]
    pub fn new(kind: ObservableKind, value: String, place: &str) -> Self {
        let defanged = DefangedUrl::new(&value, 300);
        Self {
            kind,
            value,
            place: place.to_owned(),
            defanged,
            link: None,
        }
    }
}

/// The registrable domain of a host (public suffix list); the host itself when it
/// is an address or has none. Lower case, without a trailing dot.
#[must_use]
pub fn registrable(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return host;
    }
    psl::domain_str(&host).map_or_else(|| host.clone(), str::to_owned)
}

/// The host of a link, lower case, without a trailing dot.
#[must_use]
pub fn host_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => String::new(),
    }
}

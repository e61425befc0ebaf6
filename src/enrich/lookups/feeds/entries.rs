//! Values of a list in normal form, kept as sorted digests: 16 bytes an entry,
//! whatever its length.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use url::Url;

use super::super::AskedKind;
use crate::message::registrable;

type Mark = [u8; 16];

/// The entries of a list.
#[derive(Debug, Default)]
pub(super) struct Entries {
    marks: Vec<Mark>,
    /// Lengths of the networks in it, IPv4 and IPv6.
    lengths: [Vec<u8>; 2],
}

/// One value in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Host, port if unusual, path and query of a link, without its scheme.
    Url(String),
    /// A host name; it stands for everything under it too.
    Name(String),
    /// An address or a network.
    Net(IpNet),
    /// SHA-256, hexadecimal, lower case.
    Sha256(String),
    /// MD5 or SHA-1, which nobody asks about.
    Other,
}

impl Value {
    /// Reads what stands in a list; `None` when it is nothing of these.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        if text.is_empty() || text.len() > 8_192 {
            return None;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Net(address.to_canonical().into()));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Some(Self::Net(net.trunc()));
        }
        if text.bytes().all(|b| b.is_ascii_hexdigit()) {
            match text.len() {
                64 => return Some(Self::Sha256(text.to_ascii_lowercase())),
                32 | 40 => return Some(Self::Other),
                _ => {}
            }
        }
        if text.contains("://") {
            return link(text).map(Self::Url);
        }
        if text.contains(['/', '?']) {
            return link(&format!("http://{text}")).map(Self::Url);
        }
        name(text).map(Self::Name)
    }

    fn mark(&self) -> Option<Mark> {
        let text = match self {
            Self::Url(text) => format!("u{text}"),
            Self::Name(text) => format!("n{text}"),
            Self::Net(net) => format!("a{net}"),
            Self::Sha256(text) => format!("h{text}"),
            Self::Other => return None,
        };
        Sha256::digest(text).first_chunk().copied()
    }
}

fn link(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port().map(|port| format!(":{port}"));
    let query = url.query().map(|query| format!("?{query}"));
    Some(format!(
        "{}{}{}{}",
        host.trim_end_matches('.').to_ascii_lowercase(),
        port.unwrap_or_default(),
        url.path(),
        query.unwrap_or_default()
    ))
}

fn name(text: &str) -> Option<String> {
    let text = text.strip_prefix("*.").unwrap_or(text);
    let text = text.trim_start_matches('.').trim_end_matches('.');
    if !text.contains('.') || text.len() > 253 {
        return None;
    }
    let name = idna::domain_to_ascii(text).ok()?;
    name.split('.')
        .all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
        .then_some(name)
}

impl Entries {
    pub(super) fn push(&mut self, value: &Value) {
        if let Value::Net(net) = value {
            let [four, six] = &mut self.lengths;
            let lengths = if net.addr().is_ipv4() { four } else { six };
            if !lengths.contains(&net.prefix_len()) {
                lengths.push(net.prefix_len());
            }
        }
        self.marks.extend(value.mark());
    }

    /// Sorts; to be called once after the last entry.
    pub(super) fn finish(&mut self) {
        self.marks.sort_unstable();
        self.marks.dedup();
        self.marks.shrink_to_fit();
    }

    pub(super) const fn len(&self) -> usize {
        self.marks.len()
    }

    fn has(&self, value: &Value) -> bool {
        value
            .mark()
            .is_some_and(|mark| self.marks.binary_search(&mark).is_ok())
    }

    /// The entry that covers a value.
    pub(super) fn find(&self, kind: AskedKind, value: &str) -> Option<String> {
        match kind {
            AskedKind::Url => {
                let entry = Value::Url(link(value)?);
                self.has(&entry).then(|| value.to_owned())
            }
            AskedKind::Host | AskedKind::Domain => self.find_name(&name(value)?),
            AskedKind::Ip => self.find_address(value.parse::<IpAddr>().ok()?.to_canonical()),
            AskedKind::Sha256 => {
                let entry = Value::Sha256(value.to_ascii_lowercase());
                self.has(&entry).then(|| value.to_owned())
            }
            AskedKind::Email | AskedKind::Message => None,
        }
    }

    /// The name or one above it, up to its registrable domain.
    fn find_name(&self, name: &str) -> Option<String> {
        let top = registrable(name);
        let mut rest = name;
        loop {
            if self.has(&Value::Name(rest.to_owned())) {
                return Some(rest.to_owned());
            }
            if rest == top {
                return None;
            }
            rest = rest.split_once('.')?.1;
        }
    }

    fn find_address(&self, address: IpAddr) -> Option<String> {
        let [four, six] = &self.lengths;
        let lengths = if address.is_ipv4() { four } else { six };
        lengths.iter().find_map(|length| {
            let net = IpNet::new(address, *length).ok()?.trunc();
            self.has(&Value::Net(net)).then(|| net.to_string())
        })
    }
}

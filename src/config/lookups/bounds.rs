//! What a field of `[lookups]` may hold, and the keys that come from files.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
};

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{Blocklist, Lookups, Source, own::own_names};
use crate::config::graph::{FieldError, is_loopback, read_small};

/// The full names of one source's fields: an error names its field by a word that
/// lives as long as the program.
struct Names {
    endpoint: &'static str,
    key: &'static str,
    key_file: &'static str,
    timeout: &'static str,
    per_day: &'static str,
    per_minute: &'static str,
    keep: &'static str,
    keep_unlisted: &'static str,
}

macro_rules! names {
    ($source:literal) => {
        Names {
            endpoint: concat!("lookups.", $source, ".endpoint"),
            key: concat!("lookups.", $source, ".key"),
            key_file: concat!("lookups.", $source, ".key_file"),
            timeout: concat!("lookups.", $source, ".timeout_seconds"),
            per_day: concat!("lookups.", $source, ".per_day"),
            per_minute: concat!("lookups.", $source, ".per_minute"),
            keep: concat!("lookups.", $source, ".keep_hours"),
            keep_unlisted: concat!("lookups.", $source, ".keep_unlisted_hours"),
        }
    };
}

/// Whether a source takes a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Needed,
    Optional,
    Unknown,
}

/// Where a source may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has a public address; another one may be given.
    Public,
    /// Everybody has their own.
    Own,
    /// Of the own house, over HTTP: no public address, plain http inside.
    House,
    /// `tcp://` inside the own house or `unix:`.
    Socket,
    /// The address of a name server; that of the system by default.
    Resolver,
}

/// What is asked of each source, in the order of [`Lookups::each`].
const RULES: [(Names, Key, Place); 11] = [
    (names!("urlhaus"), Key::Needed, Place::Public),
    (names!("malwarebazaar"), Key::Needed, Place::Public),
    (names!("threatfox"), Key::Needed, Place::Public),
    (names!("web_risk"), Key::Needed, Place::Public),
    (names!("virustotal"), Key::Needed, Place::Public),
    (names!("urlscan"), Key::Optional, Place::Public),
    (names!("rdap"), Key::Unknown, Place::Public),
    (names!("misp"), Key::Needed, Place::Own),
    (names!("dns"), Key::Unknown, Place::Resolver),
    (names!("rspamd"), Key::Optional, Place::House),
    (names!("clamav"), Key::Unknown, Place::Socket),
];

impl Lookups {
    const fn each(&self) -> [&Option<Source>; 11] {
        [
            &self.urlhaus,
            &self.malwarebazaar,
            &self.threatfox,
            &self.web_risk,
            &self.virustotal,
            &self.urlscan,
            &self.rdap,
            &self.misp,
            &self.dns,
            &self.rspamd,
            &self.clamav,
        ]
    }

    const fn each_mut(&mut self) -> [&mut Option<Source>; 11] {
        [
            &mut self.urlhaus,
            &mut self.malwarebazaar,
            &mut self.threatfox,
            &mut self.web_risk,
            &mut self.virustotal,
            &mut self.urlscan,
            &mut self.rdap,
            &mut self.misp,
            &mut self.dns,
            &mut self.rspamd,
            &mut self.clamav,
        ]
    }

    /// Reads the keys that are given as files.
    ///
    /// # Errors
    /// Names the field whose file cannot be read, or that is given twice.
    pub(in crate::config) fn read_secrets(&mut self) -> Result<(), FieldError> {
        for ((names, ..), source) in RULES.iter().zip(self.each_mut()) {
            if let Some(Source { key, key_file, .. }) = source {
                read_key(names.key_file, key, key_file.as_ref())?;
            }
        }
        for list in self.dnsbl.values_mut() {
            let Blocklist { key, key_file, .. } = list;
            read_key("lookups.dnsbl.key_file", key, key_file.as_ref())?;
        }
        Ok(())
    }

    /// Checks every field without touching the network or any file. The keys have
    /// been read by then.
    ///
    /// # Errors
    /// The first field that cannot be used; of blocklists and feeds the reason says
    /// which one.
    pub(in crate::config) fn validate(&self) -> Result<(), FieldError> {
        for ((names, key, place), source) in RULES.iter().zip(self.each()) {
            if let Some(source) = source {
                source.validate(names, *key, *place)?;
            }
        }
        own_names("lookups.dnsbl", self.dnsbl.keys())?;
        for (name, list) in &self.dnsbl {
            list.validate(name)?;
        }
        own_names("lookups.feeds", self.feeds.keys())?;
        for (name, feed) in &self.feeds {
            feed.validate(name)?;
        }
        Ok(())
    }
}

fn read_key(
    field: &'static str,
    key: &mut Option<SecretString>,
    file: Option<&PathBuf>,
) -> Result<(), FieldError> {
    let Some(path) = file else {
        return Ok(());
    };
    if key.is_some() {
        return Err(FieldError::new(field, "give it or key, not both"));
    }
    let text = read_small(field, path)?;
    *key = Some(SecretString::from(text.trim_end()));
    Ok(())
}

pub(super) fn within(
    field: &'static str,
    value: u32,
    range: RangeInclusive<u32>,
) -> Result<(), FieldError> {
    if range.contains(&value) {
        return Ok(());
    }
    let reason = format!("must be {} to {}, not {value}", range.start(), range.end());
    Err(FieldError::new(field, reason))
}

impl Source {
    fn validate(&self, names: &Names, key: Key, place: Place) -> Result<(), FieldError> {
        self.validate_key(names, key)?;
        self.validate_endpoint(names.endpoint, place)?;
        within(names.timeout, self.timeout_seconds, 1..=60)?;
        if let Some(per_day) = self.per_day {
            within(names.per_day, per_day, 1..=1_000_000)?;
        }
        if let Some(per_minute) = self.per_minute {
            within(names.per_minute, per_minute, 1..=10_000)?;
        }
        within(names.keep, self.keep_hours, 1..=720)?;
        within(names.keep_unlisted, self.keep_unlisted_hours, 1..=720)
    }

    fn validate_key(&self, names: &Names, key: Key) -> Result<(), FieldError> {
        match (&self.key, key) {
            (None, Key::Needed) => Err(FieldError::new(
                names.key_file,
                "is needed: it asks nobody without a key",
            )),
            (Some(_), Key::Unknown) => Err(FieldError::new(names.key, "it takes no key")),
            (Some(key), _) => {
                let key = key.expose_secret();
                let visible = key.bytes().all(|b| b.is_ascii_graphic());
                if visible && (1..=512).contains(&key.len()) {
                    Ok(())
                } else {
                    Err(FieldError::new(
                        names.key,
                        "must be 1 to 512 characters of visible ASCII",
                    ))
                }
            }
            (None, _) => Ok(()),
        }
    }

    fn validate_endpoint(&self, field: &'static str, place: Place) -> Result<(), FieldError> {
        let Some(endpoint) = &self.endpoint else {
            return match place {
                Place::Public | Place::Resolver => Ok(()),
                Place::Own => Err(FieldError::new(field, "is needed: an https URL")),
                Place::House => Err(FieldError::new(
                    field,
                    "is needed, e.g. http://127.0.0.1:11333",
                )),
                Place::Socket => Err(FieldError::new(
                    field,
                    "is needed, e.g. tcp://127.0.0.1:3310 or unix:/run/clamav/clamd.ctl",
                )),
            };
        };
        match place {
            Place::Public | Place::Own => web(field, endpoint, is_loopback).map(drop),
            Place::House => web(field, endpoint, is_inside).map(drop),
            Place::Socket => socket(field, endpoint),
            Place::Resolver => {
                if endpoint.parse::<IpAddr>().is_ok() || endpoint.parse::<SocketAddr>().is_ok() {
                    Ok(())
                } else {
                    Err(FieldError::new(
                        field,
                        "must be the IP address of a name server, with or without a port",
                    ))
                }
            }
        }
    }
}

/// An https URL; http where `plain` allows it.
pub(super) fn web(
    field: &'static str,
    text: &str,
    plain: fn(&Url) -> bool,
) -> Result<Url, FieldError> {
    let wrong = |reason: &str| Err(FieldError::new(field, reason));
    let Ok(url) = Url::parse(text) else {
        return wrong("must be an https URL");
    };
    if url.host_str().is_none_or(str::is_empty) {
        return wrong("must be an https URL with a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must hold no user and no password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("must hold no query and no fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if plain(&url) => Ok(url),
        "http" => wrong("must be an https URL; plain http stays on this machine"),
        _ => wrong("must be an https URL"),
    }
}

/// Whether a URL points into the own house: this machine, a private address, or a
/// bare name as containers have it. What speaks no TLS may be asked there only.
fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        // of schemes that are not the web's the host is not read as an address
        Some(Host::Domain(name)) => match name.parse::<Ipv4Addr>() {
            Ok(ip) => ip.is_loopback() || ip.is_private(),
            Err(_) => !name.is_empty() && !name.contains('.'),
        },
        None => false,
    }
}

fn socket(field: &'static str, text: &str) -> Result<(), FieldError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.starts_with('/') && path.len() <= 100 && !path.contains('\0') {
            Ok(())
        } else {
            Err(FieldError::new(
                field,
                "after unix: must stand a path of at most 100 bytes that begins with /",
            ))
        };
    }
    let fits = Url::parse(text).is_ok_and(|url| {
        url.scheme() == "tcp"
            && url.port().is_some_and(|port| port > 0)
            && is_inside(&url)
            && matches!(url.path(), "" | "/")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if fits {
        Ok(())
    } else {
        Err(FieldError::new(
            field,
            "must be unix:/path, or tcp://host:port of this machine, a private address or a bare name",
        ))
    }
}

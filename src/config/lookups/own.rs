//! What the blocklists and feeds may hold that people name themselves. Their fields
//! share one name each; the reason says which of them is meant.

use std::net::Ipv4Addr;

use secrecy::ExposeSecret;
use url::Url;

use super::{
    Blocklist, Feed, FeedFormat,
    bounds::{web, within},
};
use crate::config::graph::{FieldError, is_loopback};

/// Blocklists and feeds of one's own, each.
const MAX_OWN: usize = 32;
/// Return codes of one blocklist.
const MAX_CODES: usize = 64;

/// The names that people give to blocklists and feeds: they stand in pages and in
/// the ledger.
pub(super) fn own_names<'a>(
    field: &'static str,
    names: impl ExactSizeIterator<Item = &'a String>,
) -> Result<(), FieldError> {
    if names.len() > MAX_OWN {
        return Err(FieldError::new(
            field,
            format!("at most {MAX_OWN} of them, not {}", names.len()),
        ));
    }
    for name in names {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(FieldError::new(
                field,
                "a name must be 1 to 32 lower-case letters, digits and _",
            ));
        }
    }
    Ok(())
}

impl Blocklist {
    /// The first field that cannot be used; the reason begins with the name.
    pub(super) fn validate(&self, name: &str) -> Result<(), FieldError> {
        let wrong = |field, reason: &str| Err(FieldError::new(field, format!("{name}: {reason}")));
        let zone = "lookups.dnsbl.zone";
        let places = self.zone.matches("{key}").count();
        if places > 1 || !is_zone(&self.zone.replace("{key}", "key")) {
            return wrong(
                zone,
                "must be a domain name, with {key} at most once as or in a label",
            );
        }
        match (&self.key, places) {
            (None, 1) => {
                return wrong("lookups.dnsbl.key_file", "is needed: the zone holds {key}");
            }
            (Some(_), 0) => return wrong(zone, "must say where the key stands: {key}"),
            (Some(key), _) => {
                let key = key.expose_secret();
                let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
                if !(1..=63).contains(&key.len()) || !key.bytes().all(fits) {
                    return wrong(
                        "lookups.dnsbl.key",
                        "must be 1 to 63 letters, digits and hyphens",
                    );
                }
            }
            (None, _) => {}
        }
        if self.lists.is_empty() || self.lists.len() > 3 {
            return wrong("lookups.dnsbl.lists", "must name one to three kinds");
        }
        if self.codes.len() > MAX_CODES {
            return wrong("lookups.dnsbl.codes", "at most 64 codes");
        }
        for (code, meaning) in &self.codes {
            let looped = code.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
            if !looped {
                return wrong("lookups.dnsbl.codes", "a code must be 127.x.y.z");
            }
            let fits = meaning.split_once(':').is_some_and(|(standing, words)| {
                matches!(standing.trim(), "bad" | "doubtful" | "facts" | "good")
                    && (1..=100).contains(&words.trim().chars().count())
                    && !words.chars().any(char::is_control)
            });
            if !fits {
                return wrong(
                    "lookups.dnsbl.codes",
                    "a meaning must be bad, doubtful, facts or good, a colon and 1 to 100 characters",
                );
            }
        }
        if let Some(per_day) = self.per_day {
            within("lookups.dnsbl.per_day", per_day, 1..=1_000_000)?;
        }
        Ok(())
    }
}

fn is_zone(zone: &str) -> bool {
    zone.len() <= 200
        && zone.contains('.')
        && zone.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

impl Feed {
    /// The first field that cannot be used; the reason begins with the name.
    pub(super) fn validate(&self, name: &str) -> Result<(), FieldError> {
        let wrong = |field, reason: &str| Err(FieldError::new(field, format!("{name}: {reason}")));
        match (&self.url, &self.file) {
            (Some(url), None) => {
                let Ok(mut url) = Url::parse(url) else {
                    return wrong("lookups.feeds.url", "must be an https URL");
                };
                // vendors put the account into the query
                url.set_query(None);
                if let Err(error) = web("lookups.feeds.url", url.as_str(), is_loopback) {
                    return wrong(error.field, &error.reason);
                }
            }
            (None, Some(file)) if !file.as_os_str().is_empty() => {}
            _ => return wrong("lookups.feeds.url", "give exactly one of url and file"),
        }
        match (&self.field, self.format) {
            (Some(_), FeedFormat::Plain) => {
                return wrong("lookups.feeds.field", "a plain list has no fields");
            }
            (None, FeedFormat::Csv) => {
                return wrong(
                    "lookups.feeds.field",
                    "is needed: the column, by number or heading",
                );
            }
            (Some(field), _)
                if !(1..=100).contains(&field.chars().count())
                    || field.chars().any(char::is_control) =>
            {
                return wrong("lookups.feeds.field", "must be 1 to 100 characters");
            }
            _ => {}
        }
        within(
            "lookups.feeds.every_minutes",
            self.every_minutes,
            5..=10_080,
        )
    }
}

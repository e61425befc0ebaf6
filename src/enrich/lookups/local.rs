//! The sources that are not others' web services: DNS, blocklists, programs of the
//! own house, lists.

use std::sync::Arc;

use hickory_resolver::TokioResolver;

use super::{
    Lookup,
    clamav::{BadClamd, Clamav},
    dns::Dns,
    dnsbl::{BadBlocklist, Dnsbl},
    feeds::{BadFeed, Feed},
    rspamd::{BadRspamd, Rspamd},
};
use crate::config::{graph::FieldError, lookups::Lookups};

/// A source that cannot be asked as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BadSource {
    /// A source that is asked over HTTP.
    #[error(transparent)]
    Http(#[from] FieldError),
    /// A blocklist.
    #[error("lookups.dnsbl.{0}: {1}")]
    Dnsbl(String, #[source] BadBlocklist),
    /// A list.
    #[error("lookups.feeds.{0}: {1}")]
    Feed(String, #[source] BadFeed),
    /// rspamd.
    #[error("lookups.rspamd: {0}")]
    Rspamd(#[source] BadRspamd),
    /// ClamAV.
    #[error("lookups.clamav: {0}")]
    Clamav(#[source] BadClamd),
    /// A name that cannot stand in the ledger.
    #[error("lookups: {0:?} must be 1 to 40 lower-case letters, digits or _")]
    Name(String),
}

/// The sources of the section that are switched on, in a fixed order. Called once
/// at the start: the names of blocklists and lists live as long as the program.
///
/// # Errors
/// [`BadSource`], the first that cannot be asked as it is configured.
pub fn local_sources(
    config: &Lookups,
    resolver: &TokioResolver,
) -> Result<Vec<Arc<dyn Lookup>>, BadSource> {
    let mut sources: Vec<Arc<dyn Lookup>> = Vec::new();
    if let Some(dns) = &config.dns {
        sources.push(Arc::new(Dns::new(dns, resolver.clone())));
    }
    for (name, list) in &config.dnsbl {
        let made = Dnsbl::new(named("dnsbl", name)?, list, resolver.clone());
        let made = made.map_err(|error| BadSource::Dnsbl(name.clone(), error))?;
        sources.push(Arc::new(made));
    }
    if let Some(rspamd) = &config.rspamd {
        sources.push(Arc::new(Rspamd::new(rspamd).map_err(BadSource::Rspamd)?));
    }
    if let Some(clamav) = &config.clamav {
        sources.push(Arc::new(Clamav::new(clamav).map_err(BadSource::Clamav)?));
    }
    for (name, feed) in &config.feeds {
        let made = Feed::new(named("feed", name)?, feed);
        let made = made.map_err(|error| BadSource::Feed(name.clone(), error))?;
        sources.push(Arc::new(made));
    }
    Ok(sources)
}

/// The source's name in the ledger, e.g. `dnsbl_zen`.
fn named(kind: &str, name: &str) -> Result<&'static str, BadSource> {
    let fits = (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        return Err(BadSource::Name(name.to_owned()));
    }
    Ok(Box::leak(format!("{kind}_{name}").into_boxed_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::tests::nameserver::Nameserver;

    #[tokio::test]
    async fn what_is_switched_on_and_nothing_else() {
        let dns = Nameserver::start().await;
        let sources = |text: &str| {
            let config: Lookups = toml::from_str(text).unwrap();
            local_sources(&config, &dns.resolver())
                .map(|made| made.iter().map(|source| source.id()).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(sources("").unwrap(), Vec::<&str>::new());
        let all = "[dns]\n[rspamd]\n[clamav]\n[dnsbl.zen]\nzone='zen.spamhaus.org'\nlists=['ip']\n[feeds.own]\nfile='/x'\nformat='csv'";
        assert_eq!(
            sources(all).unwrap(),
            ["dns", "dnsbl_zen", "rspamd", "clamav", "feed_own"]
        );
        let wrong = sources("[dnsbl.zen]\nzone='zen'\nlists=['ip']").unwrap_err();
        assert!(wrong.starts_with("lookups.dnsbl.zen: zone must"), "{wrong}");
        let wrong = sources("[clamav]\nendpoint='x'").unwrap_err();
        assert!(wrong.starts_with("lookups.clamav: "), "{wrong}");
        let name = sources("[feeds.'Own feed']\nfile='/x'\nformat='csv'").unwrap_err();
        assert!(name.contains("Own feed"), "{name}");
    }
}

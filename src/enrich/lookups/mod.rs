//! Questions to sources outside: what is known of a link, a host, a file.
//!
//! One trait, one file a source. A source asks one thing and gives one answer;
//! whether it may be asked at all (switched on, budget, breaker, private links)
//! and writing down what is sent before it is sent is the caller's. What comes back
//! was written by strangers: it is bounded and cleaned before it is an [`Answer`].

mod ask;
mod breaker;
mod budget;
pub mod clamav;
pub mod dns;
pub mod dnsbl;
pub mod feeds;
mod http;
mod local;
mod malwarebazaar;
mod misp;
mod plan;
mod rdap;
pub mod rspamd;
mod threatfox;
mod urlhaus;
mod urlscan;
mod value;
mod virustotal;
pub mod visit;
mod web_risk;
mod wire;
mod words;

use std::sync::{Arc, Mutex};

use hickory_resolver::TokioResolver;

pub use crate::domain::{AskedKind, Reputation};
pub use ask::{Answer, Lookup, LookupError, Question, Sent};
pub use breaker::Breaker;
pub use budget::{Allowance, Room, Used, Windows, room, windows};
pub use local::{BadSource, local_sources};
pub use malwarebazaar::MalwareBazaar;
pub use misp::Misp;
pub use plan::questions;
pub use rdap::Rdap;
pub use threatfox::ThreatFox;
pub use urlhaus::Urlhaus;
pub use urlscan::Urlscan;
pub use value::BadValue;
pub use virustotal::VirusTotal;
pub use web_risk::WebRisk;

use crate::config::{
    graph::FieldError,
    lookups::{Lookups, Source},
};

/// A source that is switched on, and how often it may be asked.
#[derive(Clone)]
pub struct Seat {
    /// The source.
    pub lookup: Arc<dyn Lookup>,
    /// How often it may be asked.
    pub allowance: Allowance,
}

/// The sources of this instance with what is known of their health.
#[derive(Default)]
pub struct Sources {
    seats: Vec<Desk>,
}

/// One source at work.
pub struct Desk {
    /// The source.
    pub seat: Seat,
    /// How healthy it is.
    pub breaker: Mutex<Breaker>,
    /// Held while one message's questions are asked: the next message with the same
    /// ones finds their answers known, and nothing is sent twice.
    pub turn: tokio::sync::Mutex<()>,
}

impl Sources {
    /// Takes the sources that are switched on.
    #[must_use]
    pub fn new(seats: Vec<Seat>) -> Self {
        Self {
            seats: seats
                .into_iter()
                .map(|seat| Desk {
                    seat,
                    breaker: Mutex::new(Breaker::default()),
                    turn: tokio::sync::Mutex::default(),
                })
                .collect(),
        }
    }

    /// Each source.
    pub fn all(&self) -> impl Iterator<Item = &Desk> {
        self.seats.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }
}

/// Every source that is switched on; none without a section `[lookups]`.
///
/// # Errors
/// [`BadSource`], which names the section.
pub fn sources(config: &Lookups, resolver: &TokioResolver) -> Result<Vec<Seat>, BadSource> {
    let mut all = http_sources(config)?;
    all.extend(local_sources(config, resolver)?);
    Ok(all
        .into_iter()
        .map(|lookup| {
            let id = lookup.id();
            let list = id
                .strip_prefix("dnsbl_")
                .and_then(|name| config.dnsbl.get(name));
            Seat {
                allowance: list
                    .map(crate::config::lookups::Blocklist::allowance)
                    .or_else(|| config.allowance(id))
                    // lists in memory send nothing
                    .unwrap_or(Allowance {
                        per_day: None,
                        per_minute: None,
                    }),
                lookup,
            }
        })
        .collect())
}

/// The sources that are asked over HTTP and are switched on.
///
/// # Errors
/// Names the section of the first that cannot be used.
pub fn http_sources(config: &Lookups) -> Result<Vec<Arc<dyn Lookup>>, FieldError> {
    type Make = fn(&Source) -> Result<Arc<dyn Lookup>, FieldError>;
    let sources: [(&Option<Source>, Make); 8] = [
        (&config.urlhaus, |s| Ok(Arc::new(Urlhaus::new(s)?))),
        (&config.malwarebazaar, |s| {
            Ok(Arc::new(MalwareBazaar::new(s)?))
        }),
        (&config.threatfox, |s| Ok(Arc::new(ThreatFox::new(s)?))),
        (&config.web_risk, |s| Ok(Arc::new(WebRisk::new(s)?))),
        (&config.virustotal, |s| Ok(Arc::new(VirusTotal::new(s)?))),
        (&config.urlscan, |s| Ok(Arc::new(Urlscan::new(s)?))),
        (&config.rdap, |s| Ok(Arc::new(Rdap::new(s)?))),
        (&config.misp, |s| Ok(Arc::new(Misp::new(s)?))),
    ];
    sources
        .into_iter()
        .filter_map(|(source, make)| source.as_ref().map(make))
        .collect()
}

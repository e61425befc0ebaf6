//! DNS blocklists (RFC 5782): one A question a value, the answer is a code.

mod codes;
mod names;

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use hickory_resolver::{TokioResolver, proto::rr::RData};
use secrecy::{ExposeSecret, SecretString};

use super::{Answer, AskedKind, Lookup, LookupError, Question, Reputation, Sent, words::shown};
use crate::{
    config::lookups::Blocklist,
    enrich::resolve::{Failure, full_name},
};
pub use codes::BadCode;
use codes::{Meaning, Trouble};

/// Time for one question.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The place of the key in a zone.
const KEY: &str = "{key}";

/// A blocklist that cannot be asked as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBlocklist {
    /// The zone is no name of the DNS.
    #[error("zone must be a DNS name such as zen.spamhaus.org")]
    Zone,
    /// The zone holds `{{key}}` and there is no key, or the other way round.
    #[error("zone must hold {{key}} exactly when a key is given")]
    Key,
    /// The key cannot stand in a name.
    #[error("the key must be 1 to 63 letters, digits or hyphens")]
    KeyForm,
    /// It lists nothing.
    #[error("lists must name at least one of ip, domain, hash")]
    Lists,
    /// A code of the section.
    #[error(transparent)]
    Code(#[from] BadCode),
}

/// One blocklist.
pub struct Dnsbl {
    id: &'static str,
    /// The zone with `{key}`, for people.
    shown_zone: String,
    /// The zone that is asked.
    zone: SecretString,
    kinds: Vec<AskedKind>,
    codes: BTreeMap<Ipv4Addr, Meaning>,
    resolver: TokioResolver,
}

impl Dnsbl {
    /// The blocklist `[lookups.dnsbl.<name>]`. `id` is its name in the ledger.
    ///
    /// # Errors
    /// [`BadBlocklist`].
    pub fn new(
        id: &'static str,
        config: &Blocklist,
        resolver: TokioResolver,
    ) -> Result<Self, BadBlocklist> {
        let shown_zone = config.zone.trim_end_matches('.').to_ascii_lowercase();
        let zone = match (&config.key, shown_zone.contains(KEY)) {
            (Some(key), true) => {
                let key = key.expose_secret().trim();
                let fits = (1..=63).contains(&key.len())
                    && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                if !fits {
                    return Err(BadBlocklist::KeyForm);
                }
                shown_zone.replace(KEY, key)
            }
            (None, false) => shown_zone.clone(),
            _ => return Err(BadBlocklist::Key),
        };
        if !zone.contains('.') || zone.len() > 180 || full_name(&zone).is_none() {
            return Err(BadBlocklist::Zone);
        }
        if config.lists.is_empty() {
            return Err(BadBlocklist::Lists);
        }
        let mut meanings = codes::built_in(&shown_zone);
        meanings.extend(codes::configured(&config.codes)?);
        Ok(Self {
            id,
            kinds: names::kinds(&config.lists, &shown_zone),
            shown_zone,
            zone: zone.into(),
            codes: meanings,
            resolver,
        })
    }

    async fn codes_of(&self, prefix: &str) -> Result<(Vec<Ipv4Addr>, u32), LookupError> {
        let name = format!("{prefix}.{}", self.zone.expose_secret());
        let name = full_name(&name).ok_or_else(|| unexpected("this cannot be asked"))?;
        let answer = tokio::time::timeout(TIMEOUT, self.resolver.ipv4_lookup(name)).await;
        let Ok(answer) = answer else {
            return Err(away("the blocklist took too long"));
        };
        match answer {
            Ok(found) => {
                let life = found.answers().iter().map(|r| r.ttl).min();
                let codes = found
                    .answers()
                    .iter()
                    .filter_map(|record| match record.data {
                        RData::A(address) => Some(address.0),
                        _ => None,
                    });
                Ok((codes.take(32).collect(), life.unwrap_or_default()))
            }
            // the resolver's own words hold the name, and the name the key
            Err(error) => match Failure::of(&error) {
                Failure::NoName | Failure::NoRecord => Ok((Vec::new(), 0)),
                Failure::Refused => Err(LookupError::Refused(
                    "the blocklist's nameserver declined; check the key and the resolver"
                        .to_owned(),
                )),
                Failure::Away => Err(away("the blocklist's nameserver gave no answer")),
            },
        }
    }

    fn answer(&self, found: &[Ipv4Addr], life: u32) -> Result<Answer, LookupError> {
        let mut listed: Vec<(Ipv4Addr, Meaning)> = Vec::new();
        for code in found {
            match codes::trouble(*code) {
                Some(Trouble::Refused(why)) => return Err(LookupError::Refused(why.to_owned())),
                Some(Trouble::Throttled) => return Err(LookupError::Throttled(None)),
                Some(Trouble::Unexpected(why)) => return Err(unexpected(why)),
                // a resolver that sells wrong names, or a zone that is gone
                Some(Trouble::Ignored) => {}
                None => {
                    let meaning = self.codes.get(code).cloned();
                    listed.push((*code, meaning.unwrap_or_else(|| Meaning::unknown(*code))));
                }
            }
        }
        listed.sort_by(|(a, one), (b, other)| (one.rank(), a).cmp(&(other.rank(), b)));
        let Some((_, worst)) = listed.first() else {
            return Ok(Answer {
                reputation: Reputation::Unlisted,
                words: "not listed".to_owned(),
                details: BTreeMap::new(),
                keep: TimeDelta::hours(1),
            });
        };
        let mut words: Vec<&str> = listed.iter().map(|(_, m)| m.words.as_str()).collect();
        words.dedup();
        Ok(Answer {
            reputation: worst.reputation,
            words: shown(&format!("listed: {}", words.join(", "))),
            details: listed
                .iter()
                .map(|(code, meaning)| (code.to_string(), shown(&meaning.words)))
                .collect(),
            keep: TimeDelta::seconds(life.into())
                .clamp(TimeDelta::minutes(5), TimeDelta::hours(24)),
        })
    }
}

fn away(why: &str) -> LookupError {
    LookupError::Unavailable(why.to_owned())
}

fn unexpected(why: &str) -> LookupError {
    LookupError::Unexpected(why.to_owned())
}

#[async_trait]
impl Lookup for Dnsbl {
    fn id(&self) -> &'static str {
        self.id
    }

    fn kinds(&self) -> &[AskedKind] {
        &self.kinds
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        if !self.kinds.contains(&question.kind) {
            return Vec::new();
        }
        names::prefix(question, &self.shown_zone)
            .map(|prefix| Sent {
                to: format!("A {prefix}.{}", self.shown_zone),
                payload: String::new(),
            })
            .into_iter()
            .collect()
    }

    async fn ask(&self, question: &Question, _: DateTime<Utc>) -> Result<Answer, LookupError> {
        if !self.kinds.contains(&question.kind) {
            return Err(unexpected("this list holds nothing of that kind"));
        }
        let prefix = names::prefix(question, &self.shown_zone)
            .ok_or_else(|| unexpected("this value cannot be asked in the DNS"))?;
        let (codes, life) = self.codes_of(&prefix).await?;
        self.answer(&codes, life)
    }
}

#[cfg(test)]
mod tests;

//! Facts of the DNS: who takes mail for a domain, who serves it, how fresh it is.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use hickory_resolver::{
    TokioResolver,
    lookup::Lookup as Records,
    proto::rr::{Name, RData, RecordType},
};

use super::{Answer, AskedKind, Lookup, LookupError, Question, Reputation, Sent, words::shown};
use crate::{
    config::lookups::Source,
    enrich::{
        guard::vet_address,
        resolve::{Failure, full_name},
    },
};

/// Records of one kind that are told.
const MOST: usize = 8;

/// What a question was answered with: records, or a plain "there is none".
type Found = Result<Records, Failure>;

/// The source `dns`.
pub struct Dns {
    resolver: TokioResolver,
    timeout: Duration,
    keep: TimeDelta,
}

impl Dns {
    /// The source of the section.
    #[must_use]
    pub fn new(config: &Source, resolver: TokioResolver) -> Self {
        Self {
            resolver,
            timeout: Duration::from_secs(u64::from(config.timeout_seconds)),
            keep: TimeDelta::hours(i64::from(config.keep_hours)),
        }
    }

    async fn one(&self, name: &Name, kind: RecordType) -> Found {
        let found = self.resolver.lookup(name.clone(), kind).await;
        let found = found.map_err(|error| Failure::of(&error))?;
        // an alias without a target answers with the alias alone
        if found.answers().iter().any(|r| r.record_type() == kind) {
            Ok(found)
        } else {
            Err(Failure::NoRecord)
        }
    }

    async fn facts(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let name = full_name(&question.value)
            .ok_or_else(|| LookupError::Unexpected("this is no name of the DNS".to_owned()))?;
        let domain = question.kind == AskedKind::Domain;
        let asked = async |kind| {
            if domain {
                Some(self.one(&name, kind).await)
            } else {
                None
            }
        };
        let (four, six, mx, ns, soa) = tokio::join!(
            self.one(&name, RecordType::A),
            self.one(&name, RecordType::AAAA),
            asked(RecordType::MX),
            asked(RecordType::NS),
            asked(RecordType::SOA),
        );
        let all = [
            Some(&four),
            Some(&six),
            mx.as_ref(),
            ns.as_ref(),
            soa.as_ref(),
        ];
        if all
            .iter()
            .flatten()
            .all(|found| matches!(found, Err(Failure::Away | Failure::Refused)))
        {
            return Err(LookupError::Unavailable(
                "the nameserver gave no answer".to_owned(),
            ));
        }
        let mut facts = Facts::default();
        facts.addresses(&four, &six);
        if let Some(mx) = &mx {
            facts.exchangers(mx);
        }
        if let Some(ns) = &ns {
            facts.servers(ns);
        }
        if let Some(Ok(soa)) = &soa {
            facts.authority(soa, now);
        }
        let missing = all
            .iter()
            .flatten()
            .any(|found| matches!(found, Err(Failure::NoName)));
        Ok(facts.answer(missing, self.keep))
    }
}

#[async_trait]
impl Lookup for Dns {
    fn id(&self) -> &'static str {
        "dns"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Domain, AskedKind::Host]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        let kinds: &[&str] = match question.kind {
            AskedKind::Domain => &["A", "AAAA", "MX", "NS", "SOA"],
            AskedKind::Host => &["A", "AAAA"],
            _ => &[],
        };
        kinds
            .iter()
            .map(|kind| Sent {
                to: format!("{kind} {}", question.value),
                payload: String::new(),
            })
            .collect()
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        tokio::time::timeout(self.timeout, self.facts(question, now))
            .await
            .unwrap_or_else(|_| {
                Err(LookupError::Unavailable(
                    "the nameserver took too long".to_owned(),
                ))
            })
    }
}

#[derive(Default)]
struct Facts {
    details: BTreeMap<String, String>,
    words: Vec<String>,
    /// Shortest life of an address, seconds.
    ttl: Option<u32>,
}

impl Facts {
    fn list(&mut self, key: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.details
                .insert(key.to_owned(), shown(&values.join(", ")));
        }
    }

    fn addresses(&mut self, four: &Found, six: &Found) {
        let mut inside = false;
        for (key, found) in [("a", four), ("aaaa", six)] {
            let Ok(found) = found else { continue };
            let mut values = Vec::new();
            for record in found.answers() {
                let Some(address) = record.data.ip_addr() else {
                    continue;
                };
                inside |= vet_address(address).is_err();
                self.ttl = Some(self.ttl.unwrap_or(u32::MAX).min(record.ttl));
                if values.len() < MOST {
                    values.push(address.to_string());
                }
            }
            self.list(key, values);
        }
        if inside {
            self.words
                .push("an address off the public network".to_owned());
            self.details.insert("inside".to_owned(), "yes".to_owned());
        }
        if let Some(ttl) = self.ttl {
            self.details.insert("ttl".to_owned(), ttl.to_string());
        } else if matches!(
            (four, six),
            (
                Err(Failure::NoRecord | Failure::NoName),
                Err(Failure::NoRecord | Failure::NoName)
            )
        ) {
            self.words.push("no address".to_owned());
        }
    }

    fn exchangers(&mut self, mx: &Found) {
        match mx {
            Ok(found) => {
                let hosts: Vec<String> = found
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::MX(mx) => Some(host(&mx.exchange)),
                        _ => None,
                    })
                    .take(MOST)
                    .collect();
                // RFC 7505: one exchanger without a name takes no mail
                if hosts.iter().all(String::is_empty) {
                    self.words.push("takes no mail".to_owned());
                    self.details
                        .insert("mx".to_owned(), "none (null MX)".to_owned());
                } else {
                    self.list("mx", hosts);
                }
            }
            Err(Failure::NoRecord | Failure::NoName) => {
                self.words.push("no mail exchanger".to_owned());
            }
            Err(_) => {}
        }
    }

    fn servers(&mut self, ns: &Found) {
        let Ok(found) = ns else { return };
        let hosts = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::NS(ns) => Some(host(&ns.0)),
                _ => None,
            })
            .take(MOST)
            .collect();
        self.list("ns", hosts);
    }

    /// Many serials are dates (`YYYYMMDDnn`, RFC 1912, section 2.2) or seconds since
    /// 1970: the day of the zone's last change, which for a throw-away domain is
    /// about its first.
    fn authority(&mut self, soa: &Records, now: DateTime<Utc>) {
        let Some(serial) = soa.answers().iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        }) else {
            return;
        };
        self.details
            .insert("soa_serial".to_owned(), serial.to_string());
        let Some(changed) = day_of(serial, now) else {
            return;
        };
        let days = (now.date_naive() - changed).num_days();
        self.details
            .insert("zone_changed".to_owned(), changed.to_string());
        if days <= 7 {
            self.words.push(format!("zone changed {days} days ago"));
        }
    }

    fn answer(mut self, missing: bool, most: TimeDelta) -> Answer {
        if missing && self.details.is_empty() {
            self.words = vec!["the name does not exist".to_owned()];
            self.details.insert("exists".to_owned(), "no".to_owned());
        }
        if self.words.is_empty() {
            self.words.push("resolves".to_owned());
        }
        let keep = self.ttl.map_or(most, |ttl| TimeDelta::seconds(ttl.into()));
        Answer {
            reputation: Reputation::Facts,
            words: shown(&self.words.join(", ")),
            details: self.details,
            keep: keep.clamp(TimeDelta::minutes(5).min(most), most),
        }
    }
}

fn host(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn day_of(serial: u32, now: DateTime<Utc>) -> Option<NaiveDate> {
    let dated = i32::try_from(serial / 1_000_000)
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, serial / 10_000 % 100, serial / 100 % 100));
    let counted = DateTime::from_timestamp(serial.into(), 0).map(|time| time.date_naive());
    let oldest = NaiveDate::from_ymd_opt(1995, 1, 1)?;
    // a clock may stand a day ahead
    let newest = now.date_naive().succ_opt()?;
    [dated, counted]
        .into_iter()
        .flatten()
        .find(|day| (oldest..=newest).contains(day))
        .map(|day| day.min(now.date_naive()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::tests::nameserver::Nameserver;

    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    async fn ask(dns: &Nameserver, kind: AskedKind, value: &str) -> Result<Answer, LookupError> {
        let config = Source {
            timeout_seconds: 2,
            ..Source::default()
        };
        let question = Question::new(kind, value.to_owned());
        Dns::new(&config, dns.resolver())
            .ask(&question, now())
            .await
    }

    #[tokio::test]
    async fn a_domain_with_its_servers_and_its_age() {
        let dns = Nameserver::start().await;
        dns.addresses("a.example", 900, &["93.184.216.34", "2606:2800:220:1::1"])
            .mx(
                "a.example",
                &[(10, "mx1.a.example."), (20, "mx2.a.example.")],
            )
            .ns("a.example", &["ns1.dns.example."])
            .soa("a.example", 2_026_112_003);
        let got = ask(&dns, AskedKind::Domain, "a.example").await.unwrap();
        assert_eq!(got.reputation, Reputation::Facts);
        assert_eq!(got.words, "zone changed 2 days ago");
        assert_eq!(got.details["mx"], "mx1.a.example, mx2.a.example");
        assert_eq!(got.details["ns"], "ns1.dns.example");
        assert_eq!(got.details["aaaa"], "2606:2800:220:1::1");
        assert_eq!(got.details["zone_changed"], "2026-11-20");
        assert_eq!(got.keep, TimeDelta::seconds(900));
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let dns = Nameserver::start().await;
        dns.mx("nomail.example", &[(0, ".")])
            .addresses("inside.example", 60, &["10.1.2.3"]);
        let gone = ask(&dns, AskedKind::Domain, "gone.example").await.unwrap();
        assert_eq!(gone.words, "the name does not exist");
        let nomail = ask(&dns, AskedKind::Domain, "nomail.example")
            .await
            .unwrap();
        assert_eq!(nomail.words, "no address, takes no mail");
        let inside = ask(&dns, AskedKind::Host, "inside.example").await.unwrap();
        assert_eq!(inside.words, "an address off the public network");
        assert_eq!(inside.keep, TimeDelta::minutes(5));
    }

    #[tokio::test]
    async fn a_host_is_asked_for_addresses_only_as_announced() {
        let dns = Nameserver::start().await;
        dns.addresses("h.a.example", 60, &["1.1.1.1"]);
        ask(&dns, AskedKind::Host, "h.a.example").await.unwrap();
        let mut asked = dns.asked();
        asked.sort();
        assert_eq!(asked, ["A h.a.example", "AAAA h.a.example"]);
        let question = Question::new(AskedKind::Host, "h.a.example");
        let sends = Dns::new(&Source::default(), dns.resolver()).sends(&question);
        let announced: Vec<_> = sends.into_iter().map(|sent| sent.to).collect();
        assert_eq!(announced, asked);
    }

    #[tokio::test]
    async fn silence_is_no_fact() {
        let dns = Nameserver::start().await;
        dns.silent("slow.example");
        let got = ask(&dns, AskedKind::Host, "slow.example").await;
        assert!(matches!(got, Err(LookupError::Unavailable(_))), "{got:?}");
        let odd = ask(&dns, AskedKind::Host, "a..b").await;
        assert!(matches!(odd, Err(LookupError::Unexpected(_))), "{odd:?}");
    }

    #[test]
    fn serials_that_are_days() {
        let day = |serial| day_of(serial, now()).map(|day| day.to_string());
        assert_eq!(day(2_026_112_299).as_deref(), Some("2026-11-22"));
        assert_eq!(day(1_700_000_000).as_deref(), Some("2023-11-14"));
        assert_eq!(day(17), None);
        assert_eq!(day(2_099_010_101), None);
    }
}

//! ThreatFox of abuse.ch: indicators of malware and botnets.
//!
//! <https://threatfox.abuse.ch/api/>: POST of JSON, key in `Auth-Key`;
//! `search_ioc` with `search_term` for links, hosts and addresses, `search_hash`
//! with `hash` for files. `search_ioc` also finds parts of values (addresses are
//! kept with their port), so every hit is compared again here.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, count, list, text, unfit},
    urlhaus::{Outcome, outcome},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.threatfox",
    public: Some("https://threatfox-api.abuse.ch"),
    header: Some("auth-key"),
    redirects: 0,
};

/// The confidence from which an indicator is held to be bad, percent.
const SURE: u64 = 50;

/// ThreatFox.
pub struct ThreatFox(Site);

impl ThreatFox {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        let value = &question.value;
        let body = match question.kind {
            AskedKind::Url | AskedKind::Host | AskedKind::Domain | AskedKind::Ip => {
                json!({"query": "search_ioc", "search_term": value})
            }
            AskedKind::Sha256 => json!({"query": "search_hash", "hash": value}),
            AskedKind::Email | AskedKind::Message => return None,
        };
        question
            .is_sound()
            .then(|| Call::json(self.0.at(&["api", "v1", ""]), &body))
    }
}

/// Whether an indicator is the value that was asked about. The indicators of a
/// hash are those of its malware, so they all count.
fn is_meant(question: &Question, hit: &Value) -> bool {
    let Some(ioc) = text(hit, "/ioc") else {
        return false;
    };
    let asked = question.value.as_str();
    match question.kind {
        AskedKind::Sha256 => true,
        AskedKind::Url => match (Url::parse(&ioc), Url::parse(asked)) {
            (Ok(ioc), Ok(asked)) => ioc == asked,
            _ => false,
        },
        _ => {
            let bare = address(&ioc).or_else(|| {
                let (before, port) = ioc.rsplit_once(':')?;
                port.parse::<u16>().ok()?;
                address(before)
            });
            match (bare, address(asked)) {
                (Some(ioc), Some(asked)) => ioc == asked,
                (None, None) => ioc.eq_ignore_ascii_case(asked),
                _ => false,
            }
        }
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

#[async_trait]
impl Lookup for ThreatFox {
    fn id(&self) -> &'static str {
        "threatfox"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[
            AskedKind::Url,
            AskedKind::Host,
            AskedKind::Domain,
            AskedKind::Ip,
            AskedKind::Sha256,
        ]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        self.call(question).iter().map(Call::sent).collect()
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let call = self.call(question).ok_or_else(|| unfit(question))?;
        let found = self.0.send(&call, &[], now).await?.json()?;
        if matches!(outcome(&found)?, Outcome::Nothing) {
            return Ok(self.0.unlisted("no indicator"));
        }
        let hits: Vec<&Value> = list(&found, "/data")
            .iter()
            .filter(|hit| is_meant(question, hit))
            .collect();
        let Some(first) = hits.first() else {
            return Ok(self.0.unlisted("no indicator"));
        };
        let confidence = hits
            .iter()
            .filter_map(|hit| count(hit, "/confidence_level"))
            .max()
            .unwrap_or(0)
            .min(100);
        let mut notes = Notes::default();
        notes.put("indicators", &hits.len().to_string());
        notes.put("confidence", &confidence.to_string());
        let each = |pointer: &'static str| hits.iter().filter_map(move |hit| text(hit, pointer));
        notes.join("malware", each("/malware_printable"));
        notes.join("threat", each("/threat_type"));
        notes.take("first_seen", first, "/first_seen");
        notes.take("last_seen", first, "/last_seen");
        notes.tags("tags", first, "/tags");
        let reputation = if confidence >= SURE {
            Reputation::Bad
        } else {
            Reputation::Doubtful
        };
        let threat = text(first, "/threat_type").unwrap_or_else(|| "indicator".into());
        let malware = text(first, "/malware_printable").unwrap_or_else(|| "unnamed".into());
        let words = format!(
            "{} of {malware}, confidence {confidence} percent",
            threat.replace('_', " ")
        );
        Ok(self.0.answer(reputation, &words, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::lookups::http::tests::{SHA256, asked};

    async fn found(question: &Question, iocs: &[(&str, u64)]) -> Answer {
        let hits: Vec<Value> = iocs
            .iter()
            .map(|(ioc, confidence)| {
                json!({"ioc": ioc, "confidence_level": confidence, "threat_type": "botnet_cc"})
            })
            .collect();
        let body = json!({"query_status": "ok", "data": hits});
        asked("threatfox", question, 200, &body).await.unwrap()
    }

    #[tokio::test]
    async fn parts_of_other_values_do_not_count() {
        let domain = Question::new(AskedKind::Domain, "bad.example");
        let others = [
            ("notbad.example", 100),
            ("bad.example.other.example", 100),
            ("https://bad.example/", 100),
        ];
        let answer = found(&domain, &others).await;
        assert_eq!(answer.reputation, Reputation::Unlisted);
        let answer = found(&domain, &[others[0], ("BAD.example", 100)]).await;
        assert_eq!(answer.reputation, Reputation::Bad);
        assert_eq!(answer.details["indicators"], "1");
    }

    #[tokio::test]
    async fn an_address_is_found_with_its_port() {
        let ip = Question::new(AskedKind::Ip, "192.0.2.1");
        let answer = found(&ip, &[("192.0.2.1:443", 90), ("192.0.2.11:443", 90)]).await;
        assert_eq!(answer.details["indicators"], "1");
        let ip = Question::new(AskedKind::Ip, "2001:db8::1");
        let answer = found(&ip, &[("[2001:DB8::1]:443", 90), ("2001:db8::11", 90)]).await;
        assert_eq!(answer.details["indicators"], "1");
    }

    #[tokio::test]
    async fn little_confidence_is_a_doubt_and_a_hash_brings_its_malware() {
        let link = Question::new(AskedKind::Url, "http://bad.example");
        let answer = found(&link, &[("http://bad.example/", 25)]).await;
        assert_eq!(answer.reputation, Reputation::Doubtful);
        assert_eq!(answer.words, "botnet cc of unnamed, confidence 25 percent");
        let file = Question::new(AskedKind::Sha256, SHA256);
        let answer = found(&file, &[("192.0.2.1:443", u64::MAX)]).await;
        assert_eq!(answer.details["confidence"], "100");
    }
}

//! VirusTotal: what engines and lists said about a link, a file, a domain or an
//! address. It looks up what is known there; it uploads and submits nothing.
//!
//! API v3, <https://docs.virustotal.com/reference/overview>: GET `/urls/{id}` (the
//! id is the link in base64url without padding, made here), `/files/{hash}`,
//! `/domains/{domain}`, `/ip_addresses/{ip}`; key in `x-apikey`; 404 is nothing
//! known. The free tier may not be used in commercial products or workflows.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, count, text, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.virustotal",
    public: Some("https://www.virustotal.com/api/v3"),
    header: Some("x-apikey"),
    redirects: 0,
};

/// From how many engines on something is held to be bad: single ones err often.
const BAD_FROM: u64 = 3;
/// From how many engines that call it suspicious on it is doubtful.
const DOUBT_FROM: u64 = 2;

/// VirusTotal.
pub struct VirusTotal(Site);

impl VirusTotal {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        let value = question.value.as_str();
        let address = value.parse::<std::net::IpAddr>().is_ok();
        if !question.is_sound() {
            return None;
        }
        let url = match question.kind {
            AskedKind::Url => self.0.at(&["urls", &URL_SAFE_NO_PAD.encode(value)]),
            AskedKind::Sha256 => self.0.at(&["files", value]),
            AskedKind::Ip => self.0.at(&["ip_addresses", value]),
            AskedKind::Host if address => self.0.at(&["ip_addresses", value]),
            AskedKind::Host | AskedKind::Domain => self.0.at(&["domains", value]),
            AskedKind::Email | AskedKind::Message => return None,
        };
        Some(Call::get(url))
    }

    fn judged(&self, found: &Value) -> Result<Answer, LookupError> {
        let about = found
            .pointer("/data/attributes")
            .ok_or_else(|| LookupError::Unexpected("no attributes".to_owned()))?;
        let said = |verdict: &str| {
            let pointer = format!("/last_analysis_stats/{verdict}");
            count(about, &pointer).map(|engines| engines.min(1_000))
        };
        let (Some(malicious), Some(suspicious)) = (said("malicious"), said("suspicious")) else {
            return Err(LookupError::Unexpected("no last_analysis_stats".to_owned()));
        };
        let harmless = said("harmless").unwrap_or(0);
        let all = malicious + suspicious + harmless + said("undetected").unwrap_or(0);
        let mut notes = Notes::default();
        notes.put("malicious", &malicious.to_string());
        notes.put("suspicious", &suspicious.to_string());
        notes.put("harmless", &harmless.to_string());
        notes.put("engines", &all.to_string());
        notes.take("reputation", about, "/reputation");
        notes.take("name", about, "/meaningful_name");
        notes.take("file_type", about, "/type_description");
        notes.take("title", about, "/title");
        notes.take("registrar", about, "/registrar");
        notes.take("network", about, "/as_owner");
        notes.take("country", about, "/country");
        notes.tags("tags", about, "/tags");
        let label = "/popular_threat_classification/suggested_threat_label";
        notes.take("threat", about, label);
        for (name, pointer) in [
            ("analysed", "/last_analysis_date"),
            ("first_seen", "/first_submission_date"),
            ("created", "/creation_date"),
        ] {
            let at = about.pointer(pointer).and_then(Value::as_i64);
            if let Some(at) = at.and_then(|at| DateTime::from_timestamp(at, 0)) {
                notes.put(name, &at.format("%Y-%m-%d").to_string());
            }
        }
        let reputation = if malicious >= BAD_FROM {
            Reputation::Bad
        } else if malicious > 0 || suspicious >= DOUBT_FROM {
            Reputation::Doubtful
        } else {
            // nobody objects: that is no proof of harmlessness
            Reputation::Facts
        };
        let mut words = format!("{} of {all} engines object", malicious + suspicious);
        if let Some(threat) = text(about, label) {
            words = format!("{words}: {threat}");
        }
        Ok(self.0.answer(reputation, &words, notes))
    }
}

#[async_trait]
impl Lookup for VirusTotal {
    fn id(&self) -> &'static str {
        "virustotal"
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
        let reply = self.0.send(&call, &[404], now).await?;
        if reply.status.as_u16() != 404 {
            return self.judged(&reply.json()?);
        }
        // a wrong endpoint is a 404 too, without the words of this interface
        match text(&reply.json()?, "/error/code") {
            Some(code) if code == "NotFoundError" => Ok(self.0.unlisted("not known there")),
            _ => Err(LookupError::Unexpected("another 404".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::enrich::lookups::http::tests::asked;

    #[test]
    fn the_id_of_a_link_is_made_here() {
        let source = VirusTotal::new(&Source::default()).unwrap();
        let to = |kind, value: &str| source.sends(&Question::new(kind, value))[0].to.clone();
        let base = "GET https://www.virustotal.com/api/v3";
        assert_eq!(
            to(AskedKind::Url, "http://www.example.com/?~"),
            format!("{base}/urls/aHR0cDovL3d3dy5leGFtcGxlLmNvbS8_fg")
        );
        assert_eq!(
            to(AskedKind::Ip, "2001:db8::1"),
            format!("{base}/ip_addresses/2001:db8::1")
        );
        assert_eq!(
            to(AskedKind::Host, "192.0.2.1"),
            format!("{base}/ip_addresses/192.0.2.1")
        );
        assert_eq!(
            to(AskedKind::Host, "bad.example"),
            format!("{base}/domains/bad.example")
        );
    }

    #[tokio::test]
    async fn single_engines_are_a_doubt_and_none_is_no_proof() {
        let question = Question::new(AskedKind::Domain, "bad.example");
        for (malicious, suspicious, reputation) in [
            (0, 0, Reputation::Facts),
            (0, 1, Reputation::Facts),
            (0, 2, Reputation::Doubtful),
            (2, 0, Reputation::Doubtful),
            (3, 0, Reputation::Bad),
        ] {
            let body = json!({"data": {"attributes": {"creation_date": 1_772_000_000,
                "last_analysis_stats": {"malicious": malicious, "suspicious": suspicious,
                "harmless": 60, "undetected": 30}}}});
            let answer = asked("virustotal", &question, 200, &body).await.unwrap();
            assert_eq!(answer.reputation, reputation, "{malicious} {suspicious}");
            assert_eq!(answer.details["created"], "2026-02-25");
        }
    }

    #[tokio::test]
    async fn figures_without_bound_and_a_404_of_somebody_else_do_no_harm() {
        let question = Question::new(AskedKind::Domain, "bad.example");
        let body = json!({"data": {"attributes": {"last_analysis_date": i64::MAX,
            "last_analysis_stats": {"malicious": u64::MAX, "suspicious": u64::MAX}}}});
        let answer = asked("virustotal", &question, 200, &body).await.unwrap();
        assert_eq!(answer.words, "2000 of 2000 engines object");
        let other = asked("virustotal", &question, 404, &json!({"detail": "x"})).await;
        assert!(
            matches!(other, Err(LookupError::Unexpected(_))),
            "{other:?}"
        );
    }
}

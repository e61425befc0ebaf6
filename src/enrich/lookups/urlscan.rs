//! urlscan.io: what others had scanned. It searches only; it submits nothing, for a
//! scan visits the link and may be seen by everybody.
//!
//! <https://docs.urlscan.io/apis/urlscan-openapi/search>: GET `/api/v1/search/` with
//! `q` (the query language of Elasticsearch) and `size`; key in `API-Key`, not
//! needed. The search leaves the verdicts out for most accounts; where they are in
//! it they are used. The names of the fields searched (`page.url`, `task.url`,
//! `page.domain`, `page.ip`, `hash`) are those of public clients.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use url::Url;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, count, list, text, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.urlscan",
    public: Some("https://urlscan.io"),
    header: Some("api-key"),
    redirects: 0,
};

/// Scans asked for; the newest come first.
const SIZE: &str = "20";

/// urlscan.io.
pub struct Urlscan(Site);

impl Urlscan {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        let value = quoted(&question.value);
        let address = question.value.parse::<std::net::IpAddr>().is_ok();
        let query = match question.kind {
            AskedKind::Url => format!("page.url:{value} OR task.url:{value}"),
            AskedKind::Ip => format!("page.ip:{value}"),
            AskedKind::Host if address => format!("page.ip:{value}"),
            AskedKind::Host | AskedKind::Domain => format!("page.domain:{value}"),
            AskedKind::Sha256 => format!("hash:{value}"),
            AskedKind::Email | AskedKind::Message => return None,
        };
        question.is_sound().then(|| {
            let mut url = self.0.at(&["api", "v1", "search", ""]);
            url.query_pairs_mut()
                .append_pair("q", &query)
                .append_pair("size", SIZE);
            Call::get(url)
        })
    }
}

/// A value as one phrase of the query language, from which it cannot break out.
fn quoted(value: &str) -> String {
    let mut phrase = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            phrase.push('\\');
        }
        phrase.push(c);
    }
    phrase.push('"');
    phrase
}

/// Whether a scan is of the link that was asked about; a phrase also finds longer
/// links that hold it. Scans of hosts and files are taken as they come.
fn is_meant(question: &Question, scan: &Value) -> bool {
    if question.kind != AskedKind::Url {
        return true;
    }
    let Ok(asked) = Url::parse(&question.value) else {
        return false;
    };
    ["/task/url", "/page/url"].iter().any(|pointer| {
        text(scan, pointer).is_some_and(|url| Url::parse(&url).is_ok_and(|url| url == asked))
    })
}

/// Whether urlscan or its users call it malicious.
fn is_malicious(scan: &Value) -> bool {
    [
        "/verdicts/malicious",
        "/verdicts/overall/malicious",
        "/verdicts/urlscan/malicious",
        "/verdicts/community/malicious",
    ]
    .iter()
    .any(|pointer| scan.pointer(pointer).and_then(Value::as_bool) == Some(true))
}

#[async_trait]
impl Lookup for Urlscan {
    fn id(&self) -> &'static str {
        "urlscan"
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
        let reply = self.0.send(&call, &[400], now).await?;
        if reply.status.as_u16() == 400 {
            // a key of a wrong form is a bad request here
            let key = reply.json().is_ok_and(|said| {
                text(&said, "/message").is_some_and(|m| m.to_lowercase().contains("api key"))
            });
            let said = "status 400".to_owned();
            return Err(if key {
                LookupError::Refused(said)
            } else {
                LookupError::Unfit(said)
            });
        }
        let found = reply.json()?;
        if !found.pointer("/results").is_some_and(Value::is_array) {
            return Err(LookupError::Unexpected("no results".to_owned()));
        }
        let scans: Vec<&Value> = list(&found, "/results")
            .iter()
            .filter(|scan| is_meant(question, scan))
            .collect();
        let Some(newest) = scans.first() else {
            return Ok(self.0.unlisted("never scanned"));
        };
        let malicious = scans.iter().filter(|scan| is_malicious(scan)).count();
        let all = if question.kind == AskedKind::Url {
            scans.len() as u64
        } else {
            count(&found, "/total").unwrap_or(scans.len() as u64)
        };
        let mut notes = Notes::default();
        notes.put("scans", &all.to_string());
        notes.put("malicious", &malicious.to_string());
        notes.take("last_scan", newest, "/task/time");
        notes.take("scan", newest, "/_id");
        notes.take("title", newest, "/page/title");
        notes.take("status", newest, "/page/status");
        notes.take("server", newest, "/page/server");
        notes.take("country", newest, "/page/country");
        notes.take("address", newest, "/page/ip");
        notes.take("network", newest, "/page/asnname");
        notes.take("tls_issuer", newest, "/page/tlsIssuer");
        notes.take("tls_age_days", newest, "/page/tlsAgeDays");
        let domains = scans.iter().filter_map(|scan| text(scan, "/page/domain"));
        notes.join("domains", domains);
        let reputation = match (malicious, question.kind) {
            (0, _) => Reputation::Facts,
            (_, AskedKind::Url) => Reputation::Bad,
            // one bad page says little about all of a host
            _ => Reputation::Doubtful,
        };
        let words = if malicious > 0 {
            format!("scans: {all}, malicious among the newest: {malicious}")
        } else {
            format!("scans: {all}")
        };
        Ok(self.0.answer(reputation, &words, notes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::enrich::lookups::http::tests::asked;

    #[test]
    fn a_link_cannot_break_out_of_its_phrase() {
        assert_eq!(quoted(r#"a" OR "b\"#), r#""a\" OR \"b\\""#);
    }

    #[tokio::test]
    async fn scans_of_longer_links_are_not_of_this_one() {
        let question = Question::new(AskedKind::Url, "https://a.example/x");
        let body = json!({"total": 900, "results": [
            {"task": {"url": "https://a.example/x/y"}, "verdicts": {"malicious": true}},
            {"task": {"url": "https://t.example/"}, "page": {"url": "https://A.example/x", "status": "200"}},
        ]});
        let answer = asked("urlscan", &question, 200, &body).await.unwrap();
        assert_eq!(answer.reputation, Reputation::Facts);
        assert_eq!(answer.words, "scans: 1");
        assert_eq!(answer.details["status"], "200");
    }

    #[tokio::test]
    async fn one_bad_page_makes_a_host_doubtful() {
        let question = Question::new(AskedKind::Host, "a.example");
        let body = json!({"total": 900, "results": [
            {"page": {"domain": "a.example"}, "verdicts": {"overall": {"malicious": true}}},
            {"page": {"domain": "a.example"}},
        ]});
        let answer = asked("urlscan", &question, 200, &body).await.unwrap();
        assert_eq!(answer.reputation, Reputation::Doubtful);
        assert_eq!(answer.words, "scans: 900, malicious among the newest: 1");
        assert_eq!(answer.details["domains"], "a.example");
    }

    #[tokio::test]
    async fn a_key_of_wrong_form_is_refused() {
        let question = Question::new(AskedKind::Host, "a.example");
        let body = json!({"message": "Invalid API key format", "status": 400});
        let key = asked("urlscan", &question, 400, &body).await;
        assert_eq!(key, Err(LookupError::Refused("status 400".to_owned())));
        let body = json!({"message": "query syntax", "status": 400});
        let query = asked("urlscan", &question, 400, &body).await;
        assert_eq!(query, Err(LookupError::Unfit("status 400".to_owned())));
    }
}

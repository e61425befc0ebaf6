//! URLhaus of abuse.ch: links that spread malware, their hosts, the files found there.
//!
//! <https://urlhaus-api.abuse.ch/>: POST of a form to `/v1/url/`, `/v1/host/` and
//! `/v1/payload/`, key in `Auth-Key`, outcome in `query_status`. Checked against
//! descriptions and clients of it, not against the service itself.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, count, list, text, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.urlhaus",
    public: Some("https://urlhaus-api.abuse.ch"),
    header: Some("auth-key"),
    redirects: 0,
};

/// URLhaus.
pub struct Urlhaus(Site);

impl Urlhaus {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        let (path, field) = match question.kind {
            AskedKind::Url => ("url", "url"),
            AskedKind::Host | AskedKind::Domain | AskedKind::Ip => ("host", "host"),
            AskedKind::Sha256 => ("payload", "sha256_hash"),
            AskedKind::Email | AskedKind::Message => return None,
        };
        question.is_sound().then(|| {
            let form = [(field, question.value.as_str())];
            Call::form(self.0.at(&["v1", path, ""]), &form)
        })
    }

    fn link(&self, found: &Value) -> Answer {
        let mut notes = Notes::default();
        let threat = text(found, "/threat").unwrap_or_else(|| "malware".into());
        let status = text(found, "/url_status").unwrap_or_else(|| "unknown".into());
        notes.put("threat", &threat);
        notes.put("status", &status);
        notes.take("added", found, "/date_added");
        notes.take("last_online", found, "/last_online");
        notes.take("reference", found, "/urlhaus_reference");
        notes.take("spamhaus_dbl", found, "/blacklists/spamhaus_dbl");
        notes.take("surbl", found, "/blacklists/surbl");
        notes.tags("tags", found, "/tags");
        let payloads = list(found, "/payloads").iter();
        notes.join("malware", payloads.filter_map(|p| text(p, "/signature")));
        let words = format!("{}, {status}", threat.replace('_', " "));
        self.0.answer(Reputation::Bad, &words, notes)
    }

    /// A host is listed for the links on it; large hosts of other people's files
    /// are listed too. So it is a doubt, not a verdict.
    fn host(&self, found: &Value) -> Answer {
        let mut notes = Notes::default();
        let links = list(found, "/urls");
        let online = links
            .iter()
            .filter(|link| text(link, "/url_status").is_some_and(|status| status == "online"))
            .count();
        let all = count(found, "/url_count").unwrap_or(links.len() as u64);
        notes.put("links", &all.to_string());
        notes.put("links_online", &online.to_string());
        notes.take("first_seen", found, "/firstseen");
        notes.take("reference", found, "/urlhaus_reference");
        notes.take("spamhaus_dbl", found, "/blacklists/spamhaus_dbl");
        notes.take("surbl", found, "/blacklists/surbl");
        notes.join("threat", links.iter().filter_map(|l| text(l, "/threat")));
        let words = format!("malware links known there: {all}, online among the newest: {online}");
        self.0.answer(Reputation::Doubtful, &words, notes)
    }

    fn payload(&self, found: &Value) -> Answer {
        let mut notes = Notes::default();
        notes.take("malware", found, "/signature");
        notes.take("file_type", found, "/file_type");
        notes.take("size", found, "/file_size");
        notes.take("first_seen", found, "/firstseen");
        notes.take("last_seen", found, "/lastseen");
        notes.take("links", found, "/url_count");
        let words = text(found, "/signature").map_or_else(
            || "spread by malware links".to_owned(),
            |name| format!("spread by malware links: {name}"),
        );
        self.0.answer(Reputation::Bad, &words, notes)
    }
}

#[async_trait]
impl Lookup for Urlhaus {
    fn id(&self) -> &'static str {
        "urlhaus"
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
        match outcome(&found)? {
            Outcome::Nothing => Ok(self.0.unlisted("not listed")),
            Outcome::Listed => Ok(match question.kind {
                AskedKind::Url => self.link(&found),
                AskedKind::Sha256 => self.payload(&found),
                _ => self.host(&found),
            }),
        }
    }
}

/// What `query_status`, which the interfaces of abuse.ch share, says.
pub(super) enum Outcome {
    /// It is known.
    Listed,
    /// It is not.
    Nothing,
}

/// Reads `query_status`.
///
/// # Errors
/// `Refused` for an unknown or barred key, `Unfit` for a value it does not take,
/// `Unexpected` for everything else.
pub(super) fn outcome(found: &Value) -> Result<Outcome, LookupError> {
    let status = text(found, "/query_status")
        .ok_or_else(|| LookupError::Unexpected("no query_status".to_owned()))?;
    match status.as_ref() {
        "ok" => Ok(Outcome::Listed),
        "no_results" | "no_result" | "hash_not_found" => Ok(Outcome::Nothing),
        "unknown_auth_key" | "no_api_key" | "user_blacklisted" | "unauthorized" => {
            Err(LookupError::Refused("the key is not accepted".to_owned()))
        }
        refused if refused.starts_with("invalid_") || refused.starts_with("illegal_") => {
            Err(LookupError::Unfit("not a value it takes".to_owned()))
        }
        _ => Err(LookupError::Unexpected("another query_status".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::enrich::lookups::http::tests::{SHA256, asked};

    #[tokio::test]
    async fn a_host_is_a_doubt_and_a_file_is_bad() {
        let body = json!({"query_status": "ok", "url_count": "7", "firstseen": "2026-01-02 03:04:05 UTC",
            "blacklists": {"spamhaus_dbl": "not listed", "surbl": "listed"},
            "urls": [{"url_status": "online", "threat": "malware_download"}, {"url_status": "offline"}]});
        for question in [
            Question::new(AskedKind::Host, "files.example"),
            Question::new(AskedKind::Ip, "192.0.2.1"),
        ] {
            let answer = asked("urlhaus", &question, 200, &body).await.unwrap();
            assert_eq!(answer.reputation, Reputation::Doubtful);
            assert_eq!(
                answer.words,
                "malware links known there: 7, online among the newest: 1"
            );
            assert_eq!(answer.details["surbl"], "listed");
        }
        let body =
            json!({"query_status": "ok", "signature": null, "file_type": "exe", "url_count": 3});
        let file = Question::new(AskedKind::Sha256, SHA256);
        let answer = asked("urlhaus", &file, 200, &body).await.unwrap();
        assert_eq!(answer.reputation, Reputation::Bad);
        assert_eq!(answer.words, "spread by malware links");
        assert_eq!(answer.details["links"], "3");
    }

    #[tokio::test]
    async fn a_refusal_in_the_answer_is_one() {
        let question = Question::new(AskedKind::Url, "https://a.example/");
        for (status, wanted) in [
            ("unknown_auth_key", "it refused the key"),
            ("user_blacklisted", "it refused the key"),
            ("invalid_url", "it cannot be asked that"),
            ("http_post_expected", "its answer cannot be understood"),
        ] {
            let body = json!({ "query_status": status });
            let error = asked("urlhaus", &question, 200, &body).await.unwrap_err();
            assert!(error.to_string().starts_with(wanted), "{status}: {error}");
        }
    }
}

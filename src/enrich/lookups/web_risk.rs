//! Google Web Risk: whether a link is on one of Google's lists.
//!
//! <https://cloud.google.com/web-risk/docs/lookup-api>: GET `/v1/uris:search` with
//! `threatTypes` (repeated) and `uri`; the key goes into `X-Goog-Api-Key` instead of
//! the documented query, so that it stands in no address. Nothing found is an empty
//! object; what is found says until when it holds.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, list, text, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.web_risk",
    public: Some("https://webrisk.googleapis.com"),
    header: Some("x-goog-api-key"),
    redirects: 0,
};

/// The lists that are searched, and what they are in words.
const LISTS: [(&str, &str); 3] = [
    ("MALWARE", "malware"),
    ("SOCIAL_ENGINEERING", "social engineering"),
    ("UNWANTED_SOFTWARE", "unwanted software"),
];

/// Google Web Risk.
pub struct WebRisk(Site);

impl WebRisk {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        (question.kind == AskedKind::Url && question.is_sound()).then(|| {
            let mut url = self.0.at(&["v1", "uris:search"]);
            url.query_pairs_mut()
                .extend_pairs(LISTS.iter().map(|(list, _)| ("threatTypes", *list)))
                .append_pair("uri", &question.value);
            Call::get(url)
        })
    }

    fn listed(&self, threat: &Value, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let mut named: Vec<&str> = Vec::new();
        for kind in list(threat, "/threatTypes") {
            let kind = kind.as_str().unwrap_or_default();
            let known = LISTS.iter().find(|(list, _)| *list == kind);
            if let Some((_, words)) = known
                && !named.contains(words)
            {
                named.push(words);
            }
        }
        if named.is_empty() {
            return Err(LookupError::Unexpected("a threat of no list".to_owned()));
        }
        let mut notes = Notes::default();
        notes.put("threat", &named.join(", "));
        notes.take("holds_until", threat, "/expireTime");
        let until = text(threat, "/expireTime")
            .and_then(|until| until.parse::<DateTime<Utc>>().ok())
            .map(|until| until.signed_duration_since(now));
        let words = format!("listed: {}", named.join(", "));
        let mut answer = self.0.answer(Reputation::Bad, &words, notes);
        if let Some(left) = until {
            // the terms: not shown past that time; and never longer than is kept here
            answer.keep = left.clamp(TimeDelta::minutes(1), self.0.keep().max(MINUTE));
        }
        Ok(answer)
    }
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

#[async_trait]
impl Lookup for WebRisk {
    fn id(&self) -> &'static str {
        "web_risk"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Url]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        self.call(question).iter().map(Call::sent).collect()
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let call = self.call(question).ok_or_else(|| unfit(question))?;
        let reply = self.0.send(&call, &[400], now).await?;
        let refused = reply.status.as_u16() == 400;
        let found = match reply.json() {
            Ok(found) => found,
            Err(_) if refused => return Err(LookupError::Unfit("status 400".to_owned())),
            Err(error) => return Err(error),
        };
        if refused {
            // a wrong key is a bad request here, told apart by its reason only
            let key = list(&found, "/error/details")
                .iter()
                .any(|detail| text(detail, "/reason").is_some_and(|r| r == "API_KEY_INVALID"));
            let said = "status 400".to_owned();
            return Err(if key {
                LookupError::Refused(said)
            } else {
                LookupError::Unfit(said)
            });
        }
        match found.as_object() {
            Some(members) if members.is_empty() => Ok(self.0.unlisted("on no list")),
            Some(members) => match members.get("threat") {
                Some(threat) => self.listed(threat, now),
                None => Err(LookupError::Unexpected("no threat in it".to_owned())),
            },
            None => Err(LookupError::Unexpected("no object".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::enrich::lookups::http::tests::{asked, now};

    #[tokio::test]
    async fn an_answer_holds_as_long_as_google_says_and_never_longer_than_here() {
        let question = Question::new(AskedKind::Url, "https://bad.example/");
        for (until, minutes) in [
            ("2026-03-01T12:05:00.123Z", 5),
            ("2026-03-01T11:00:00Z", 1),
            ("2099-01-01T00:00:00Z", 48 * 60),
            ("nonsense", 48 * 60),
        ] {
            let body = json!({"threat": {"threatTypes": ["MALWARE"], "expireTime": until}});
            let answer = asked("web_risk", &question, 200, &body).await.unwrap();
            assert_eq!(answer.keep.num_minutes(), minutes, "{until}");
        }
        assert_eq!(now().to_rfc3339(), "2026-03-01T12:00:00+00:00");
    }

    #[tokio::test]
    async fn a_wrong_key_is_told_from_a_wrong_link() {
        let question = Question::new(AskedKind::Url, "https://bad.example/");
        let said = |reason| json!({"error": {"code": 400, "details": [{"reason": reason}]}});
        let key = asked("web_risk", &question, 400, &said("API_KEY_INVALID")).await;
        assert_eq!(key, Err(LookupError::Refused("status 400".to_owned())));
        let link = asked("web_risk", &question, 400, &said("OTHER")).await;
        assert_eq!(link, Err(LookupError::Unfit("status 400".to_owned())));
    }

    #[test]
    fn the_link_is_one_parameter_whatever_it_holds() {
        let source = WebRisk::new(&Source::default()).unwrap();
        let link = "https://bad.example/?a=1&threatTypes=NONE#x";
        let sent = source.sends(&Question::new(AskedKind::Url, link));
        assert_eq!(
            sent[0].to,
            "GET https://webrisk.googleapis.com/v1/uris:search"
        );
        assert_eq!(
            sent[0].payload,
            "threatTypes=MALWARE&threatTypes=SOCIAL_ENGINEERING&threatTypes=UNWANTED_SOFTWARE\
             &uri=https%3A%2F%2Fbad.example%2F%3Fa%3D1%26threatTypes%3DNONE%23x"
        );
    }
}

//! A MISP instance of your own or of your partners: attributes of events, and the
//! warning lists of values that are known to raise false alarms.
//!
//! <https://www.misp-project.org/openapi/>: POST `/attributes/restSearch` and POST
//! `/warninglists/checkValue` (a JSON list of values), key in `Authorization`. In
//! a search `%` stands for anything, and links hold `%`; so every hit is compared
//! again here. That a list of one value is not split at `||` is how its own client
//! uses it; it was not tried against an instance.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, joined, list, text, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.misp",
    public: None,
    header: Some("authorization"),
    redirects: 0,
};

/// Attributes asked for.
const LIMIT: u32 = 50;

/// A MISP instance.
pub struct Misp(Site);

/// The two questions that one question becomes.
struct Calls {
    attributes: Call,
    warnings: Call,
}

impl Misp {
    /// # Errors
    /// Names the section when its endpoint or key cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn calls(&self, question: &Question) -> Option<Calls> {
        if question.kind == AskedKind::Message || !question.is_sound() {
            return None;
        }
        let value = &question.value;
        let search = json!({"returnFormat": "json", "value": [value], "limit": LIMIT});
        Some(Calls {
            attributes: Call::json(self.0.at(&["attributes", "restSearch"]), &search),
            warnings: Call::json(self.0.at(&["warninglists", "checkValue"]), &json!([value])),
        })
    }

    /// The warning lists that hold the value. Where they cannot be asked (an old
    /// instance, a role that may not) the attributes still count.
    async fn warnings(&self, call: &Call, value: &str, now: DateTime<Utc>) -> Option<String> {
        let found = self.0.send(call, &[], now).await.ok()?.json().ok()?;
        // nothing found is an empty list instead of an empty object
        let lists = found.as_object().and_then(|hits| hits.get(value));
        Some(lists.map_or_else(String::new, |lists| {
            joined(list(lists, "").iter().filter_map(|l| text(l, "/name")))
        }))
    }
}

/// Whether an attribute is the value that was asked about, alone or as one half of
/// a pair such as `filename|sha256`.
fn is_meant(question: &Question, attribute: &Value) -> bool {
    let asked = question.value.as_str();
    text(attribute, "/value").is_some_and(|value| {
        if question.kind == AskedKind::Url {
            value == asked
        } else {
            value.eq_ignore_ascii_case(asked)
                || value
                    .split('|')
                    .any(|half| half.eq_ignore_ascii_case(asked))
        }
    })
}

#[async_trait]
impl Lookup for Misp {
    fn id(&self) -> &'static str {
        "misp"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[
            AskedKind::Url,
            AskedKind::Host,
            AskedKind::Domain,
            AskedKind::Ip,
            AskedKind::Sha256,
            AskedKind::Email,
        ]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        self.calls(question).map_or_else(Vec::new, |calls| {
            vec![calls.attributes.sent(), calls.warnings.sent()]
        })
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let calls = self.calls(question).ok_or_else(|| unfit(question))?;
        // side by side, so that the time-out of the source holds for both
        let (attributes, warnings) = tokio::join!(
            self.0.send(&calls.attributes, &[], now),
            self.warnings(&calls.warnings, &question.value, now)
        );
        let found = attributes?.json()?;
        if !found
            .pointer("/response/Attribute")
            .is_some_and(Value::is_array)
        {
            return Err(LookupError::Unexpected("no attributes".to_owned()));
        }
        let hits: Vec<&Value> = list(&found, "/response/Attribute")
            .iter()
            .filter(|attribute| is_meant(question, attribute))
            .collect();
        let wanted = hits
            .iter()
            .filter(|hit| text(hit, "/to_ids").is_some_and(|flag| flag == "true" || flag == "1"))
            .count();
        let mut notes = Notes::default();
        let each = |pointer: &'static str| hits.iter().filter_map(move |hit| text(hit, pointer));
        notes.join("events", each("/event_id"));
        notes.join("event", each("/Event/info"));
        notes.join("category", each("/category"));
        notes.join("type", each("/type"));
        let tags = hits
            .iter()
            .flat_map(|hit| list(hit, "/Tag"))
            .filter_map(|tag| text(tag, "/name"));
        notes.join("tags", tags);
        let warned = warnings.as_deref().unwrap_or("not answered");
        notes.put("warning_lists", warned);
        let warned = warnings.is_some_and(|names| !names.is_empty());
        if !hits.is_empty() {
            notes.put("attributes", &hits.len().to_string());
            notes.put("for_detection", &wanted.to_string());
        }
        let (reputation, words) = match (hits.len(), warned) {
            (0, false) => (Reputation::Unlisted, "in no event".to_owned()),
            // such lists name what raises false alarms, large sites and link
            // shorteners among it: no proof of harmlessness
            (0, true) => (
                Reputation::Facts,
                "in no event, on a warning list".to_owned(),
            ),
            (all, true) => (
                Reputation::Doubtful,
                format!("attributes: {all}, but on a warning list"),
            ),
            (all, false) if wanted > 0 => (Reputation::Bad, format!("attributes: {all}")),
            (all, false) => (
                Reputation::Doubtful,
                format!("attributes: {all}, none meant for detection"),
            ),
        };
        Ok(self.0.answer(reputation, &words, notes))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::enrich::lookups::http::tests::{SHA256, asked, now, source_at};

    async fn found(question: &Question, attributes: Value, warnings: ResponseTemplate) -> Answer {
        let server = MockServer::start().await;
        let body = json!({"response": {"Attribute": attributes}});
        Mock::given(path("/attributes/restSearch"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
        Mock::given(path("/warninglists/checkValue"))
            .respond_with(warnings)
            .mount(&server)
            .await;
        let source = source_at("misp", &server.uri());
        source.ask(question, now()).await.unwrap()
    }

    fn warned(value: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({value: [{"id": "1", "name": "Top sites"}]}))
    }

    fn not_warned() -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!([]))
    }

    #[tokio::test]
    async fn a_warning_list_softens_what_an_event_says() {
        let question = Question::new(AskedKind::Domain, "bad.example");
        let hit = json!([{"value": "Bad.example", "to_ids": true, "event_id": "7",
            "Event": {"info": "Phishing"}, "Tag": [{"name": "tlp:green"}]}]);
        let answer = found(&question, hit.clone(), not_warned()).await;
        assert_eq!(answer.reputation, Reputation::Bad);
        assert_eq!(answer.details["event"], "Phishing");
        assert_eq!(answer.details["tags"], "tlp:green");
        let answer = found(&question, hit, warned("bad.example")).await;
        assert_eq!(answer.reputation, Reputation::Doubtful);
        assert_eq!(answer.details["warning_lists"], "Top sites");
        let answer = found(&question, json!([]), warned("bad.example")).await;
        assert_eq!(answer.reputation, Reputation::Facts);
        let answer = found(&question, json!([]), warned("other.example")).await;
        assert_eq!(answer.reputation, Reputation::Unlisted);
    }

    #[tokio::test]
    async fn without_warning_lists_the_attributes_count() {
        let question = Question::new(AskedKind::Sha256, SHA256);
        let hit = json!([{"value": format!("invoice.exe|{SHA256}"), "to_ids": "0"}]);
        let answer = found(&question, hit, ResponseTemplate::new(404)).await;
        assert_eq!(answer.reputation, Reputation::Doubtful);
        assert_eq!(answer.details["warning_lists"], "not answered");
        assert_eq!(answer.words, "attributes: 1, none meant for detection");
    }

    #[tokio::test]
    async fn what_a_wildcard_found_does_not_count() {
        let question = Question::new(AskedKind::Url, "https://a.example/%20x");
        let hit = json!([{"value": "https://a.example/other20x", "to_ids": true}]);
        let answer = found(&question, hit, not_warned()).await;
        assert_eq!(answer.reputation, Reputation::Unlisted);
        let wrong = asked("misp", &question, 200, &json!({"response": []})).await;
        assert!(
            matches!(wrong, Err(LookupError::Unexpected(_))),
            "{wrong:?}"
        );
    }
}

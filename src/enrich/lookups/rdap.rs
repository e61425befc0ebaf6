//! RDAP: when a domain was registered, and through whom.
//!
//! RFC 9082 (`/domain/{name}`), RFC 9083 (the answer), RFC 7480 (HTTP, 404). The
//! public endpoint <https://rdap.org> knows the registry of every top-level domain
//! and points there by a redirect, so the same question also reaches the registry;
//! at most three redirects are followed, https only, never to a bare address. The
//! host that answered is in the details. The answer is read here, without a client
//! of its own, for the few members that count.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{
    ask::{Answer, Lookup, LookupError, Question, Sent},
    http::{Call, Notes, Plan, Site, unfit},
};
use crate::config::{graph::FieldError, lookups::Source};
use crate::domain::{AskedKind, Reputation};

const PLAN: Plan = Plan {
    section: "lookups.rdap",
    public: Some("https://rdap.org"),
    header: None,
    redirects: 3,
};

/// RDAP.
pub struct Rdap(Site);

/// The members of a domain object that are read (RFC 9083 section 5.3).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    object_class_name: String,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    entities: Vec<Entity>,
    #[serde(default)]
    status: Vec<String>,
    #[serde(default)]
    nameservers: Vec<Nameserver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    event_action: String,
    #[serde(default)]
    event_date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    handle: Option<String>,
    #[serde(default)]
    vcard_array: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nameserver {
    #[serde(default)]
    ldh_name: Option<String>,
}

impl Domain {
    fn at(&self, action: &str) -> Option<DateTime<Utc>> {
        let event = self
            .events
            .iter()
            .find(|event| event.event_action == action)?;
        DateTime::parse_from_rfc3339(&event.event_date)
            .ok()
            .map(|at| at.to_utc())
    }

    /// The name of the registrar: `fn` of its jCard (RFC 7095), else its handle.
    fn registrar(&self) -> Option<&str> {
        let registrar = self
            .entities
            .iter()
            .find(|entity| entity.roles.iter().any(|role| role == "registrar"))?;
        let named = registrar
            .vcard_array
            .pointer("/1")
            .and_then(Value::as_array)
            .and_then(|fields| {
                fields.iter().find_map(|field| {
                    let name = field.pointer("/0").and_then(Value::as_str)?;
                    (name == "fn").then(|| field.pointer("/3").and_then(Value::as_str))?
                })
            });
        named.or(registrar.handle.as_deref())
    }
}

impl Rdap {
    /// # Errors
    /// Names the section when its endpoint cannot be used.
    pub fn new(source: &Source) -> Result<Self, FieldError> {
        Site::new(&PLAN, source).map(Self)
    }

    fn call(&self, question: &Question) -> Option<Call> {
        (question.kind == AskedKind::Domain && question.is_sound()).then(|| {
            Call::get(self.0.at(&["domain", &question.value]))
                .accept("application/rdap+json, application/json")
        })
    }

    fn facts(&self, domain: &Domain, host: &str, now: DateTime<Utc>) -> Answer {
        let mut notes = Notes::default();
        notes.put("answered_by", host);
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
        let registered = domain.at("registration");
        let words = registered.map_or_else(
            || "registered, no date given".to_owned(),
            |at| match now.signed_duration_since(at).num_days() {
                days if at > now || days < 0 => format!("registered {}", day(at)),
                0 => "registered today".to_owned(),
                1 => "registered 1 day ago".to_owned(),
                days => format!("registered {days} days ago"),
            },
        );
        for (name, at) in [
            ("registered", registered),
            ("changed", domain.at("last changed")),
            ("expires", domain.at("expiration")),
            ("transferred", domain.at("transfer")),
        ] {
            if let Some(at) = at {
                notes.put(name, &day(at));
            }
        }
        if let Some(at) = registered {
            let days = now.signed_duration_since(at).num_days();
            notes.put("age_days", &days.max(0).to_string());
        }
        notes.put("registrar", domain.registrar().unwrap_or_default());
        notes.join("status", domain.status.iter().map(|s| s.as_str().into()));
        let servers = domain.nameservers.iter();
        let servers = servers.filter_map(|server| server.ldh_name.as_deref().map(Into::into));
        notes.join("nameservers", servers);
        self.0.answer(Reputation::Facts, &words, notes)
    }
}

#[async_trait]
impl Lookup for Rdap {
    fn id(&self) -> &'static str {
        "rdap"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Domain]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        self.call(question).iter().map(Call::sent).collect()
    }

    async fn ask(&self, question: &Question, now: DateTime<Utc>) -> Result<Answer, LookupError> {
        let call = self.call(question).ok_or_else(|| unfit(question))?;
        let reply = self.0.send(&call, &[404], now).await?;
        if reply.status.as_u16() == 404 {
            // of the registry: not registered; of the bootstrap: no registry known
            return Ok(self.0.unlisted("no registration found"));
        }
        let domain: Domain = serde_json::from_value(reply.json()?)
            .map_err(|_| LookupError::Unexpected("no RDAP object".to_owned()))?;
        if domain.object_class_name != "domain" {
            return Err(LookupError::Unexpected("not about a domain".to_owned()));
        }
        Ok(self.facts(&domain, &reply.host, now))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::enrich::lookups::http::tests::{asked, now, simulated, source_at};

    fn question() -> Question {
        Question::new(AskedKind::Domain, "bad.example")
    }

    #[tokio::test]
    async fn tells_age_and_registrar() {
        let body = json!({
            "objectClassName": "domain", "ldhName": "BAD.EXAMPLE",
            "status": ["client transfer prohibited", "active"],
            "events": [
                {"eventAction": "expiration", "eventDate": "2027-02-20T00:00:00Z"},
                {"eventAction": "registration", "eventDate": "2026-02-20T23:30:00+02:00"},
            ],
            "entities": [
                {"roles": ["abuse"], "vcardArray": ["vcard", [["fn", {}, "text", "Not me"]]]},
                {"roles": ["registrar"], "handle": "292", "vcardArray":
                    ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Names \u{7}Inc."]]]},
            ],
            "nameservers": [{"ldhName": "ns1.example"}, {"ldhName": "ns2.example"}],
        });
        let answer = asked("rdap", &question(), 200, &body).await.unwrap();
        assert_eq!(answer.reputation, Reputation::Facts);
        assert_eq!(answer.words, "registered 8 days ago");
        let detail = |name: &str| answer.details[name].as_str();
        assert_eq!(detail("registrar"), "Names Inc.");
        assert_eq!(detail("registered"), "2026-02-20");
        assert_eq!(detail("expires"), "2027-02-20");
        assert_eq!(detail("age_days"), "8");
        assert_eq!(detail("nameservers"), "ns1.example, ns2.example");
        assert_eq!(detail("answered_by"), "127.0.0.1");
    }

    #[tokio::test]
    async fn ages_are_said_as_people_do() {
        for (date, words) in [
            ("2026-03-01T00:00:00Z", "registered today"),
            ("2026-02-28T00:00:00Z", "registered 1 day ago"),
            ("1995-08-14T04:00:00Z", "registered 11157 days ago"),
            ("2030-01-01T00:00:00Z", "registered 2030-01-01"),
            ("yesterday", "registered, no date given"),
        ] {
            let body = json!({"objectClassName": "domain",
                "events": [{"eventAction": "registration", "eventDate": date}]});
            let answer = asked("rdap", &question(), 200, &body).await.unwrap();
            assert_eq!(answer.words, words);
        }
    }

    #[tokio::test]
    async fn the_bootstrap_is_followed_to_the_registry() {
        let body = json!({"objectClassName": "domain"});
        let registry = MockServer::start().await;
        Mock::given(path("/rdap/domain/bad.example"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&registry)
            .await;
        let to = format!("{}/rdap/domain/bad.example", registry.uri());
        let redirect = ResponseTemplate::new(302).insert_header("Location", to);
        let (_bootstrap, source) = simulated("rdap", redirect).await;
        let answer = source.ask(&question(), now()).await.unwrap();
        assert_eq!(answer.words, "registered, no date given");
        let requests = registry.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        assert!(!requests[0].headers.contains_key("referer"));
    }

    #[tokio::test]
    async fn redirects_have_an_end_and_go_to_named_hosts_over_https() {
        let told = LookupError::Unexpected("it points elsewhere".to_owned());
        for to in [
            "http://registry.example/",
            "https://192.0.2.1/",
            "https://[2001:db8::1]/",
            "https://intranet/",
            "file:///etc/hostname",
        ] {
            let redirect = ResponseTemplate::new(302).insert_header("Location", to);
            let (_server, source) = simulated("rdap", redirect).await;
            let error = source.ask(&question(), now()).await.unwrap_err();
            assert_eq!(error, told, "{to}");
        }
        let server = MockServer::start().await;
        let redirect = ResponseTemplate::new(302).insert_header("Location", server.uri());
        Mock::given(wiremock::matchers::any())
            .respond_with(redirect)
            .mount(&server)
            .await;
        let source = source_at("rdap", &server.uri());
        assert_eq!(source.ask(&question(), now()).await.unwrap_err(), told);
        assert_eq!(server.received_requests().await.unwrap().len(), 4);
    }
}

//! What is told of a deed: ids, counts and hashes. The border where text of mail, and
//! words of people, are kept out of the chain.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::store::event::Event;

/// Elements of one list that are told; of a longer one its length and hash.
const LISTED: usize = 250;
/// Characters of a name of an actor.
const MOST_ACTOR: usize = 120;

/// Timeline lines that tell what Unhook found or made of it, and change nothing that a
/// person answers for. Every other kind is audited, a new one too until it is named here.
const TOLD_ELSEWHERE: [&str; 17] = [
    "reported",
    "enriched",
    "evidence_fetched",
    "evidence_missing",
    "intelligence",
    "joined",
    "search_started",
    "searched",
    "resurfaced",
    "checked",
    "stage_complete",
    "thanked",
    "letter_dropped",
    // Summed up here; told copy by copy where the copies are recorded.
    "quarantined",
    "pulled",
    "restored",
    "watch_ended",
];

/// Members whose text is a word of ours, out of a fixed set.
const WORDS: [&str; 15] = [
    "desired",
    "earlier",
    "kind",
    "model",
    "observed",
    "part",
    "policy",
    "reputation",
    "scope",
    "scopes",
    "source",
    "stage",
    "state",
    "verdict",
    "via",
];

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    pub(super) at: DateTime<Utc>,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) detail: Value,
}

impl Deed {
    /// Something that Unhook did; `action` is one word of ours.
    #[must_use]
    pub fn new(action: &str, now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            actor: "unhook".to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            detail: Value::Object(Map::new()),
        }
    }

    /// Names who did it.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        let printed = actor.chars().filter(|c| !c.is_control());
        self.actor = printed.take(MOST_ACTOR).collect();
        self
    }

    /// Names what it was done to: an id, or a version of ours.
    #[must_use]
    pub fn about(mut self, subject: impl ToString) -> Self {
        self.subject = bare_text("subject", &subject.to_string());
        self
    }

    /// Adds ids, counts and hashes. Any other text is replaced by its SHA-256.
    #[must_use]
    pub fn with(mut self, detail: &Value) -> Self {
        self.detail = bare("", detail);
        self
    }

    /// A line of a timeline, if it is of a kind that is audited.
    #[must_use]
    pub fn of_event(event: &Event) -> Option<Self> {
        if TOLD_ELSEWHERE.contains(&event.kind.as_str()) {
            return None;
        }
        let mut deed = Self::new(&event.kind, event.at)
            .by(&event.actor)
            .with(&event.detail);
        if let Value::Object(detail) = &mut deed.detail {
            detail.insert("event".to_owned(), Value::String(event.id.to_string()));
            if let (Some(_), Some(campaign)) = (event.submission, event.campaign) {
                detail.insert("campaign".to_owned(), Value::String(campaign.to_string()));
            }
        }
        let submission = event.submission.map(|id| id.to_string());
        let subject = submission.or_else(|| event.campaign.map(|id| id.to_string()));
        deed.subject = subject.unwrap_or_default();
        Some(deed)
    }
}

/// What was done in a change so far, by tenant.
#[derive(Debug, Default)]
pub(in crate::store) struct Deeds(Mutex<BTreeMap<String, Vec<Deed>>>);

impl Deeds {
    pub(super) fn add(&self, tenant: &str, deed: Deed) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(tenant.to_owned()).or_default().push(deed);
    }

    /// Takes all, in the order of the tenants: two changes that tell of the same
    /// tenants take hold of their heads in the same order.
    pub(in crate::store) fn take(&self) -> BTreeMap<String, Vec<Deed>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether it is one of our ids: three letters, an underscore, 32 hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(prefix, digits)| {
        prefix.len() == 3
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && digits.len() == 32
            && is_hex(digits)
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_word(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_:.- ".contains(&b);
    text.len() <= 200 && text.bytes().all(inner)
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn bare_text(name: &str, text: &str) -> String {
    let plain = text.is_empty()
        || is_id(text)
        || (text.len() == 64 && is_hex(text))
        || (name == "subject" && text.len() == 12 && is_hex(text))
        || (WORDS.contains(&name) && is_word(text))
        || (text.len() <= 40 && DateTime::parse_from_rfc3339(text).is_ok());
    if plain {
        text.to_owned()
    } else {
        format!("sha256:{}", sha256(text))
    }
}

/// A value as the chain may hold it; `name` is the member that it stands in.
fn bare(name: &str, value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(bare_text(name, text)),
        Value::Array(all) if all.len() > LISTED => serde_json::json!({
            "count": all.len(),
            "sha256": sha256(&value.to_string()),
        }),
        Value::Array(all) => all.iter().map(|each| bare(name, each)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), bare(name, value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::SubmissionId;

    #[test]
    fn ids_counts_and_hashes_pass_and_other_text_is_hashed() {
        let id = SubmissionId::new(DateTime::UNIX_EPOCH).to_string();
        let deed = Deed::new("verdict", DateTime::UNIX_EPOCH).with(&json!({
            "verdict": "malicious", "score": 0.5, "submission": id, "hash": "a".repeat(64),
            "until": "2026-11-24T10:00:00Z", "none": null,
            "reason": "Invoice 4711 of eve@evil.example", "stage": "Say: <b>",
            "list": ["subject line", id],
        }));
        let detail = deed.detail;
        for name in ["verdict", "score", "submission", "hash", "until", "none"] {
            assert!(!detail[name].to_string().contains("sha256:"), "{name}");
        }
        for text in [&detail["reason"], &detail["stage"], &detail["list"][0]] {
            let text = text.as_str().expect("text");
            assert!(text.starts_with("sha256:") && text.len() == 71, "{text}");
        }
        assert_eq!(detail["list"][1], id);
        let said = detail["reason"].as_str().expect("text");
        let known = sha256("Invoice 4711 of eve@evil.example");
        assert_eq!(
            said,
            format!("sha256:{known}"),
            "whoever has it can prove it"
        );
    }

    #[test]
    fn a_list_without_end_stands_as_its_length_and_hash() {
        let deed = Deed::new("x", DateTime::UNIX_EPOCH).with(&json!({ "n": vec![1; 251] }));
        assert_eq!(deed.detail["n"]["count"], 251);
        let deed = Deed::new("x", DateTime::UNIX_EPOCH).with(&json!({ "n": vec![1; 250] }));
        assert_eq!(deed.detail["n"].as_array().map(Vec::len), Some(250));
    }

    #[test]
    fn a_line_of_a_new_kind_is_audited() {
        let event = |kind| Event::new(kind, DateTime::UNIX_EPOCH);
        assert!(Deed::of_event(&event("never_seen_before")).is_some());
        for kind in TOLD_ELSEWHERE {
            assert!(Deed::of_event(&event(kind)).is_none(), "{kind}");
        }
    }
}

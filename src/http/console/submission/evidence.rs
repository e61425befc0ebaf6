//! The findings of triage, member by member; each may be missing or of a shape
//! that this page does not know, and then it is left out.

use serde_json::Value;

use super::{
    super::{
        chip::Chip,
        text::{Plain, octets},
    },
    sources::AnswerRow,
};
use crate::{domain::SourceAnswer, http::indicators::concerns};

/// A header.
pub struct HeaderRow {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub value: Plain,
}

/// The outcome of one check of the sender.
pub struct Authentication {
    /// `SPF`, `DKIM` or `DMARC`.
    pub name: &'static str,
    /// The outcome.
    pub chip: Chip,
}

/// A fact that can be looked up: a link, a host, an address, a hash.
pub struct ObservableRow {
    /// What it is.
    pub kind: Plain,
    /// The defanged value.
    pub value: Plain,
    /// Every place in the message where it stands.
    pub places: Vec<Plain>,
    /// What is remarkable about it: wrapped, private, disguised.
    pub marks: Vec<Plain>,
    /// What sources outside say of it.
    pub answers: Vec<AnswerRow>,
}

/// What the message is built of.
pub struct PartRow {
    /// How deep it lies, 0 to 8; deeper ones are drawn at 8.
    pub depth: usize,
    /// The type it claims.
    pub kind: Plain,
    /// Its name.
    pub name: Plain,
    /// Its size.
    pub size: String,
    /// Transfer encoding and disposition.
    pub how: Plain,
}

pub(super) fn list<'v>(findings: &'v Value, name: &str) -> &'v [Value] {
    findings
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

pub(super) fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all
            .iter()
            .map(|each| words(Some(each)))
            .collect::<Vec<_>>()
            .join(", "),
        Some(other) => other.to_string(),
    }
}

/// The headers that matter.
pub fn headers(findings: &Value) -> Vec<HeaderRow> {
    const NAMES: [(&str, &str); 7] = [
        ("from", "From"),
        ("reply_to", "Reply-To"),
        ("return_path", "Return-Path"),
        ("to", "To"),
        ("subject", "Subject"),
        ("date", "Date"),
        ("message_id", "Message-ID"),
    ];
    let Some(headers) = findings.get("headers") else {
        return Vec::new();
    };
    NAMES
        .into_iter()
        .map(|(key, name)| HeaderRow {
            name,
            value: Plain::line(&words(headers.get(key)), 400),
        })
        .filter(|row| !row.value.is_empty())
        .collect()
}

/// SPF, DKIM and DMARC.
pub fn authentication(findings: &Value) -> Vec<Authentication> {
    let Some(results) = findings.get("authentication").filter(|v| v.is_object()) else {
        return Vec::new();
    };
    [("spf", "SPF"), ("dkim", "DKIM"), ("dmarc", "DMARC")]
        .into_iter()
        .map(|(key, name)| Authentication {
            name,
            chip: Chip::authentication(&words(results.get(key))),
        })
        .collect()
}

/// The outcome of our own checks, or why there were none.
pub fn evaluated(findings: &Value) -> (Vec<Authentication>, Plain) {
    let own = findings.get("evaluated").unwrap_or(&Value::Null);
    let rows = [
        ("spf", "SPF"),
        ("dkim", "DKIM"),
        ("dmarc", "DMARC"),
        ("arc", "ARC"),
    ]
    .into_iter()
    .filter(|(key, _)| own.get(key).is_some_and(Value::is_string))
    .map(|(key, name)| Authentication {
        name,
        chip: Chip::authentication(&words(own.get(key))),
    })
    .collect();
    (rows, Plain::line(&words(own.get("note")), 300))
}

/// At most 200.
pub fn observables(findings: &Value, answers: &[SourceAnswer]) -> Vec<ObservableRow> {
    let rows = list(findings, "observables")
        .iter()
        .take(200)
        .map(|observable| {
            let raw = words(observable.get("value"));
            let shown = words(
                observable
                    .get("defanged")
                    .or_else(|| observable.get("value")),
            );
            let kind = words(observable.get("kind"));
            let mut places: Vec<Plain> = list(observable, "places")
                .iter()
                .take(8)
                .map(|place| Plain::line(&words(Some(place)), 80))
                .collect();
            if places.is_empty() {
                places.push(Plain::line(&words(observable.get("place")), 80));
            }
            ObservableRow {
                answers: answers
                    .iter()
                    .filter(|answer| concerns(answer, &kind, &raw))
                    .take(20)
                    .map(AnswerRow::of)
                    .collect(),
                marks: marks(observable),
                kind: Plain::line(&kind.replace('_', " "), 30),
                value: Plain::defanged(&shown, 600),
                places,
            }
        });
    rows.collect()
}

fn marks(observable: &Value) -> Vec<Plain> {
    let mut marks = Vec::new();
    let mut mark = |words: String| marks.push(Plain::line(&words, 120));
    if let Some(by) = observable.get("wrapped_by").filter(|v| !v.is_null())
        && !words(Some(by)).is_empty()
    {
        mark(format!("unwrapped from {}", words(Some(by))));
    }
    if observable.get("defanged_in_text") == Some(&Value::Bool(true)) {
        mark("was written defanged".to_owned());
    }
    if let Some(why) = observable.get("private").and_then(Value::as_str) {
        mark(format!("never sent out: {}", why.replace('_', " ")));
    }
    if let Some(unicode) = observable.get("looks_like").and_then(Value::as_str) {
        mark(format!("reads as {unicode}"));
    }
    if let Some(shown) = observable.get("shown_host").and_then(Value::as_str) {
        mark(format!("its text shows {}", shown.replace('.', "[.]")));
    }
    marks
}

/// At most 200.
pub fn structure(findings: &Value) -> Vec<PartRow> {
    let rows = list(findings, "structure").iter().take(200).map(|part| {
        let number = |name| part.get(name).and_then(Value::as_u64);
        let how = [words(part.get("encoding")), words(part.get("disposition"))];
        let how: Vec<String> = how.into_iter().filter(|w| !w.is_empty()).collect();
        PartRow {
            depth: usize::try_from(number("depth").unwrap_or_default())
                .unwrap_or_default()
                .min(8),
            kind: Plain::line(&words(part.get("media_type")), 120),
            name: Plain::line(&words(part.get("name")), 200),
            size: number("size").map(octets).unwrap_or_default(),
            how: Plain::line(&how.join(", "), 80),
        }
    });
    rows.collect()
}

/// Signatures and encryption around it.
pub fn protection(findings: &Value) -> Vec<Plain> {
    let all = list(findings, "protection").iter().take(10);
    all.map(|one| Plain::line(&words(Some(one)).replace('_', " "), 60))
        .collect()
}

/// What is wrong with the message's form.
pub fn defects(findings: &Value) -> Vec<Plain> {
    let all = list(findings, "defects").iter().take(40);
    all.map(|defect| Plain::line(&words(Some(defect)).replace('_', " "), 200))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shape_is_shown_or_left_out() {
        for findings in [
            serde_json::json!(null),
            serde_json::json!([1, 2]),
            serde_json::json!({"headers": 3, "authentication": "pass", "observables": {"a": 1},
                               "structure": [null, 7, {"size": -1}], "evaluated": [1],
                               "defects": [{}, [["x"]]]}),
        ] {
            let _ = headers(&findings);
            assert!(authentication(&findings).is_empty());
            assert!(evaluated(&findings).0.is_empty());
            assert!(observables(&findings, &[]).is_empty());
            let _ = (structure(&findings), defects(&findings));
        }
    }

    #[test]
    fn an_observable_shows_its_places_and_what_sources_say() {
        let findings = serde_json::json!({"observables": [
            {"kind": "url", "value": "https://a.example/x", "defanged": "hxxps://a[.]example/x",
             "places": ["body:html", "body:text"], "private": "unsubscribe"},
        ]});
        let answer = |kind, value: &str| SourceAnswer {
            source: "urlhaus".to_owned(),
            kind,
            value: value.to_owned(),
            reputation: crate::domain::Reputation::Bad,
            words: "malware".to_owned(),
            details: std::collections::BTreeMap::new(),
            asked_at: chrono::DateTime::UNIX_EPOCH,
            cached: false,
        };
        let answers = [
            answer(crate::domain::AskedKind::Url, "https://a.example/x"),
            answer(crate::domain::AskedKind::Host, "a.example"),
            answer(crate::domain::AskedKind::Host, "b.example"),
            answer(crate::domain::AskedKind::Domain, "https://a.example/x"),
        ];
        let rows = observables(&findings, &answers);
        let row = rows.first().expect("a row");
        assert_eq!(row.places.len(), 2);
        assert_eq!(row.answers.len(), 2);
        assert_eq!(
            row.marks.first().map(Plain::as_str),
            Some("never sent out: unsubscribe")
        );
    }
}

//! The findings of triage, member by member; each may be missing or of a shape
//! that this page does not know, and then it is left out.

use serde_json::Value;

use super::super::{
    chip::Chip,
    text::{Plain, octets},
};

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
    /// Where it stands in the message.
    pub place: Plain,
}

/// A file.
pub struct AttachmentRow {
    /// Its name.
    pub name: Plain,
    /// The type it claims.
    pub kind: Plain,
    /// Its size.
    pub size: String,
    /// SHA-256.
    pub sha256: Plain,
}

fn list<'v>(findings: &'v Value, name: &str) -> &'v [Value] {
    findings
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn words(value: Option<&Value>) -> String {
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

/// At most 100.
pub fn observables(findings: &Value) -> Vec<ObservableRow> {
    let rows = list(findings, "observables")
        .iter()
        .take(100)
        .map(|observable| {
            let value = words(
                observable
                    .get("defanged")
                    .or_else(|| observable.get("value")),
            );
            ObservableRow {
                kind: Plain::line(&words(observable.get("kind")).replace('_', " "), 30),
                value: Plain::defanged(&value, 600),
                place: Plain::line(&words(observable.get("place")), 80),
            }
        });
    rows.collect()
}

/// At most 50.
pub fn attachments(findings: &Value) -> Vec<AttachmentRow> {
    let rows = list(findings, "attachments")
        .iter()
        .take(50)
        .map(|attachment| AttachmentRow {
            name: Plain::line(&words(attachment.get("name")), 200),
            kind: Plain::line(&words(attachment.get("content_type")), 100),
            size: attachment
                .get("size")
                .and_then(Value::as_u64)
                .map(octets)
                .unwrap_or_default(),
            sha256: Plain::line(&words(attachment.get("sha256")), 64),
        });
    rows.collect()
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
                               "attachments": [null, 7, {"size": -1}], "defects": [{}, [["x"]]]}),
        ] {
            let _ = headers(&findings);
            assert!(authentication(&findings).is_empty());
            assert!(observables(&findings).is_empty());
            let _ = (attachments(&findings), defects(&findings));
        }
    }
}

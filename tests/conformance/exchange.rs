//! What the two descriptions share: paths, parameters and bodies as they stand
//! in a recorded exchange.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use unhook::sim::Exchange;

/// What came of checking one exchange.
#[derive(Debug, Default)]
pub struct Checked {
    /// Name of the operation; empty when there is none like it.
    pub operation: String,
    /// What is not as described.
    pub wrong: Vec<String>,
}

impl Checked {
    pub fn unknown(exchange: &Exchange) -> Self {
        Self {
            operation: String::new(),
            wrong: vec![format!("no such operation: {}", line(exchange))],
        }
    }
}

/// Method, path and query.
pub fn line(exchange: &Exchange) -> String {
    format!("{} {}", exchange.method, exchange.target)
}

/// Path segments as they crossed the wire, not decoded: an encoded slash does
/// not make two of one.
pub fn segments(target: &str) -> Vec<&str> {
    let path = target.split('?').next().unwrap_or_default();
    path.trim_start_matches('/').split('/').collect()
}

/// The parameters of a path that has the form of a template, decoded, and how
/// many literal segments it has.
pub fn matched(template: &str, path: &[&str]) -> Option<(usize, BTreeMap<String, String>)> {
    let template = segments(template);
    if template.len() != path.len() {
        return None;
    }
    let mut literals = 0;
    let mut found = BTreeMap::new();
    for (form, is) in template.iter().zip(path) {
        let decoded = percent_decode_str(is).decode_utf8().ok()?.into_owned();
        match form.strip_prefix('{').and_then(|f| f.strip_suffix('}')) {
            Some(_) if decoded.is_empty() => return None,
            Some(name) => {
                found.insert(name.to_owned(), decoded);
            }
            None if *form == decoded => literals += 1,
            None => return None,
        }
    }
    Some((literals, found))
}

/// Query parameters, decoded, by name.
pub fn query(target: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        found
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    found
}

/// A header, by its name in lower case.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A media type without its parameters, in lower case.
pub fn media(headers: &[(String, String)]) -> String {
    let whole = header(headers, "content-type").unwrap_or_default();
    let bare = whole.split(';').next().unwrap_or_default();
    bare.trim().to_lowercase()
}

/// A parameter's text as the JSON value its type calls for; `None` when it is
/// not of that type.
pub fn typed(kind: &str, text: &str) -> Option<Value> {
    match kind {
        "integer" => text.parse::<i64>().ok().map(Value::from),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        _ => Some(Value::from(text)),
    }
}

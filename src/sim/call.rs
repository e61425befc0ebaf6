//! One request and its answer, free of any HTTP library: parts of a `$batch`
//! take the same way as requests of their own.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which service of the simulated world is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Microsoft's token endpoint and keys.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// Google's token endpoint and keys.
    GoogleAuth,
    /// Gmail API.
    Gmail,
    /// Google's Directory API.
    Directory,
    /// Google's Calendar API.
    Calendar,
    /// The simulator's own poke endpoints.
    Sim,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub method: String,
    /// Path and query as they came, without the base.
    pub target: String,
    /// Percent-decoded path segments.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Whether it is a part of a `$batch`.
    pub part: bool,
}

impl Call {
    pub(super) fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| decoded(segment, false))
            .collect();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name, true), decoded(value, true))
            })
            .collect();
        Self {
            method: method.to_uppercase(),
            target: target.to_owned(),
            segments,
            query,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_lowercase(), value))
                .collect(),
            body,
            part: false,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether any header of this name holds `text`, in any letter case.
    pub(super) fn header_has(&self, name: &str, text: &str) -> bool {
        let text = text.to_lowercase();
        self.headers
            .iter()
            .any(|(header, value)| header == name && value.to_lowercase().contains(&text))
    }

    pub(super) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value == "true")
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.param(name)?.parse().ok()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The fields of an `application/x-www-form-urlencoded` body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.body);
        text.split('&')
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((decoded(name, true), decoded(value, true)))
            })
            .collect()
    }
}

fn decoded(text: &str, plus_is_space: bool) -> String {
    let text: Cow<'_, str> = if plus_is_space && text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// What the transport does to an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wire {
    /// Wait this long before answering.
    pub delay_ms: u64,
    /// Close the connection instead of answering.
    pub lost: bool,
    /// Close the connection after so many octets of the body.
    pub cut_at: Option<usize>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub wire: Wire,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::typed(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(super) fn typed(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: body.into(),
            wire: Wire::default(),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            wire: Wire::default(),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_taken_apart_once() {
        let call = Call::new(
            "get",
            "/v1.0/users/a%40b/messages?$filter=internetMessageId%20eq%20'%3Ca%2Bb@x%3E'&$top=5",
            vec![("Authorization".into(), "Bearer t".into())],
            Bytes::new(),
        );
        assert_eq!(call.segments, ["v1.0", "users", "a@b", "messages"]);
        assert_eq!(
            call.param("$filter"),
            Some("internetMessageId eq '<a+b@x>'")
        );
        assert_eq!(call.number("$top"), Some(5));
        assert_eq!(call.bearer(), Some("t"));
    }
}

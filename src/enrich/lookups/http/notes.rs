//! What is taken out of an answer: by JSON pointer, bounded, cleaned.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use crate::message::is_invisible;

/// Characters of one detail and of the words.
const MAX_TEXT: usize = 200;
/// Details of one answer.
const MAX_DETAILS: usize = 40;

/// The details of one answer: bounded, controls removed. What is past the bounds
/// is left out.
#[derive(Debug, Default)]
pub(in super::super) struct Notes(BTreeMap<String, String>);

impl Notes {
    /// One detail; an empty one is none.
    pub(in super::super) fn put(&mut self, name: &str, value: &str) {
        let value = plain(value);
        if !value.is_empty() && self.0.len() < MAX_DETAILS {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// The details as they are kept.
    pub(in super::super) fn into_details(self) -> BTreeMap<String, String> {
        self.0
    }

    /// The text, number or truth value at a JSON pointer, if there is one.
    pub(in super::super) fn take(&mut self, name: &str, value: &Value, pointer: &str) {
        if let Some(text) = text(value, pointer) {
            self.put(name, &text);
        }
    }

    /// The texts of a list as one detail.
    pub(in super::super) fn join<'a>(
        &mut self,
        name: &str,
        texts: impl Iterator<Item = Cow<'a, str>>,
    ) {
        self.put(name, &joined(texts));
    }

    /// The texts of a JSON list at a pointer.
    pub(in super::super) fn tags(&mut self, name: &str, value: &Value, pointer: &str) {
        self.join(
            name,
            list(value, pointer).iter().filter_map(|tag| text(tag, "")),
        );
    }
}

/// Texts of a list, each once, with commas: at most twenty of the first two hundred.
pub(in super::super) fn joined<'a>(texts: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for text in texts.take(200) {
        let text = plain(&text);
        if !text.is_empty() && !seen.contains(&text) && seen.len() < 20 {
            seen.push(text);
        }
    }
    seen.join(", ")
}

/// The text at a JSON pointer; numbers and truth values as they are written, since
/// vendors change their minds about quotes.
pub(in super::super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<Cow<'a, str>> {
    match value.pointer(pointer)? {
        Value::String(text) if !text.trim().is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Owned(truth.to_string())),
        _ => None,
    }
}

/// The count at a JSON pointer, with or without quotes.
pub(in super::super) fn count(value: &Value, pointer: &str) -> Option<u64> {
    text(value, pointer)?.parse().ok()
}

/// The list at a JSON pointer; empty when there is none.
pub(in super::super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Text of a stranger on one line: controls, invisible and reordering characters
/// removed, white space once, at most 200 characters.
pub(in super::super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = length > 0;
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        length += 1 + usize::from(gap);
        if length > MAX_TEXT {
            // room for the mark that something is missing
            while plain.chars().count() >= MAX_TEXT {
                plain.pop();
            }
            plain.push('…');
            break;
        }
        if gap {
            plain.push(' ');
            gap = false;
        }
        plain.push(c);
    }
    plain
}

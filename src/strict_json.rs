//! JSON from outside, read strictly: one reading only, whoever reads it.
//!
//! Plain `serde_json` keeps the last of two equal member names while another
//! parser keeps the first; an attacker lives in that gap. So before a type is
//! filled the bytes are checked once: size, UTF-8, nesting, grammar and no
//! member twice in one object. Unknown members are refused by the target type
//! (`#[serde(deny_unknown_fields)]`).
//!
//! An escaped NUL (`\u0000`) is legal JSON and arrives as U+0000 in the string:
//! nothing is cut off there, and fields that go into rows must refuse it.

mod fault;

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

pub use fault::Fault;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 64;

/// Names by which `serde_json` would read a string as hidden JSON of its own
/// (features `raw_value`, `arbitrary_precision`); a way round every check here.
const PRIVATE_PREFIX: &str = "$serde_json::private::";

const DUPLICATE: &str = "a member name occurs twice";
const PRIVATE: &str = "a member name is reserved";

/// Why bytes were not taken as JSON. No variant quotes a value of the input; of
/// its member names only what [`Fault`] says.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum StrictJsonError {
    /// Longer than the caller allows.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The caller's limit in bytes.
        limit: usize,
    },
    /// Not UTF-8 (RFC 8259 section 8.1); a byte order mark is refused by the grammar.
    #[error("not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The same member name twice in one object, compared after unescaping.
    #[error("a member name occurs twice in one object")]
    DuplicateMember,
    /// A member name that is reserved by the parser itself.
    #[error("a member name is reserved")]
    ReservedMember,
    /// Not JSON.
    #[error("not JSON: line {line}, column {column}")]
    Syntax {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in bytes.
        column: usize,
    },
    /// JSON, but not of the wanted shape: unknown or missing member, wrong type.
    #[error("{fault}: line {line}, column {column}")]
    Shape {
        /// Which member, and what is wrong with it.
        fault: Fault,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in bytes.
        column: usize,
    },
}

impl StrictJsonError {
    /// A stable code for logs and problem documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "json_too_large",
            Self::NotUtf8 => "json_not_utf8",
            Self::TooDeep => "json_too_deep",
            Self::DuplicateMember => "json_duplicate_member",
            Self::ReservedMember => "json_reserved_member",
            Self::Syntax { .. } => "json_syntax",
            Self::Shape { .. } => "json_shape",
        }
    }
}

/// Reads `bytes` (at most `limit` long) as any JSON value.
///
/// # Errors
/// See [`StrictJsonError`]; never `Shape`.
pub fn parse_value(bytes: &[u8], limit: usize) -> Result<Value, StrictJsonError> {
    parse(bytes, limit)
}

/// Reads `bytes` (at most `limit` long) as a `T`.
///
/// Numbers that do not fit a finite `f64` are refused as grammar faults.
///
/// # Errors
/// See [`StrictJsonError`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, StrictJsonError> {
    if bytes.len() > limit {
        return Err(StrictJsonError::TooLarge { limit });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| StrictJsonError::NotUtf8)?;
    if deeper_than(text.as_bytes(), MAX_DEPTH) {
        return Err(StrictJsonError::TooDeep);
    }
    serde_json::from_str::<Checked>(text).map_err(|e| refusal(&e))?;
    serde_json::from_str(text).map_err(|e| StrictJsonError::Shape {
        fault: Fault::of(&e, text),
        line: e.line(),
        column: e.column(),
    })
}

/// Whether brackets outside strings nest deeper than `limit`. A plain loop, so
/// that hostile depth never meets the stack; on broken JSON it may say either.
/// Strings, which are most of a report, are leapt over.
fn deeper_than(mut bytes: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    while let Some((byte, rest)) = bytes.split_first() {
        bytes = match byte {
            b'"' => after_string(rest),
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
                rest
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                rest
            }
            _ => rest,
        };
    }
    false
}

/// What follows the string whose opening quote was just read.
fn after_string(mut bytes: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', bytes) {
        let escape = bytes.get(at) == Some(&b'\\');
        bytes = bytes
            .get(at + 1 + usize::from(escape)..)
            .unwrap_or_default();
        if !escape {
            return bytes;
        }
    }
    &[]
}

fn refusal(error: &serde_json::Error) -> StrictJsonError {
    // serde offers no typed way out of a visitor; both texts are ours alone,
    // since `Checked` itself reports nothing else through `custom`.
    let text = error.to_string();
    if text.starts_with(DUPLICATE) {
        StrictJsonError::DuplicateMember
    } else if text.starts_with(PRIVATE) {
        StrictJsonError::ReservedMember
    } else {
        StrictJsonError::Syntax {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Walks a document, keeps nothing and refuses a member that occurs twice.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
        while seq.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.starts_with(PRIVATE_PREFIX) {
                map.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(PRIVATE));
            }
            if !seen.insert(name) {
                return Err(A::Error::custom(DUPLICATE));
            }
            map.next_value::<Checked>()?;
        }
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests;

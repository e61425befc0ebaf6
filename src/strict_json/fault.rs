//! Which member of a document is not of the wanted shape.
//!
//! `serde` knows the position and, in words, the kind of the fault, but not the
//! way to it, and its words may quote a value. So the way is read off the bytes
//! before the position, and of the words only what the target type says is kept.

use std::fmt;

/// Characters kept of a member name that the input chose.
const NAME_CHARS: usize = 64;
/// Members named on a way.
const STEPS: usize = 8;

/// What is wrong, and with which member. Paths are as in `a.b[2].c`, names the
/// input chose reduced to visible ASCII and cut; empty for the document itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A member that nobody asked for.
    Unknown {
        /// Its path.
        member: String,
        /// What would be known there, in the target type's words.
        expected: String,
    },
    /// A member is missing.
    Missing {
        /// Its path.
        member: String,
    },
    /// A value of another type, or none of the documented ones.
    Value {
        /// The path of the member that holds it.
        member: String,
        /// What would be right, in the target type's words.
        expected: String,
    },
}

impl Fault {
    /// Reads the fault of `error`, which came of reading `text`.
    pub(super) fn of(error: &serde_json::Error, text: &str) -> Self {
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(&*said, |(s, _)| s);
        let mut way = way_to(read_until(text, error.line(), error.column()));
        let missing = said
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'));
        if let Some(name) = missing {
            // It is found out at the end of the object, which is left by then.
            way.push(Step::Member(name.to_owned()));
            return Self::Missing { member: path(&way) };
        }
        // Behind the last "expected" stand only words of the target type.
        let expected = said
            .rsplit_once(", expected ")
            .map_or("", |(_, words)| words);
        let expected = in_words_of_json(expected);
        let member = path(&way);
        if said.starts_with("unknown field `") {
            Self::Unknown { member, expected }
        } else {
            Self::Value { member, expected }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (member, wrong, expected) = match self {
            Self::Unknown { member, expected } => (member, "is not known", expected.as_str()),
            Self::Missing { member } => (member, "is missing", ""),
            Self::Value { member, expected } => {
                (member, "has a value that is not taken", expected.as_str())
            }
        };
        if member.is_empty() {
            write!(f, "the document {wrong}")?;
        } else {
            write!(f, "member `{member}` {wrong}")?;
        }
        if expected.is_empty() {
            return Ok(());
        }
        write!(f, ", expected {expected}")
    }
}

/// Types as a client knows them: it has never heard of our structs.
fn in_words_of_json(expected: &str) -> String {
    let integer = expected
        .strip_prefix(['u', 'i'])
        .is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok());
    if integer {
        "a whole number within bounds".to_owned()
    } else if expected.starts_with("struct ") || expected == "a map" {
        "an object".to_owned()
    } else if expected == "a sequence" {
        "an array".to_owned()
    } else {
        expected.to_owned()
    }
}

/// One step from the document to a value.
enum Step {
    /// Into an object, not at a member of it yet.
    Object,
    /// To the member of this name.
    Member(String),
    /// To the element of this index.
    Element(usize),
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().take(STEPS) {
        match step {
            Step::Object => {}
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                let plain = name.chars().filter(char::is_ascii_graphic);
                path.extend(plain.filter(|c| *c != '`').take(NAME_CHARS));
            }
            Step::Element(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// The text that was read when the fault was found; `column` counts octets.
fn read_until(text: &str, line: usize, column: usize) -> &str {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let end = before.saturating_add(column).min(text.len());
    text.get(..end).unwrap_or(text)
}

/// The way to the value that is read last in the beginning of a document whose
/// grammar is sound.
fn way_to(read: &str) -> Vec<Step> {
    let mut way: Vec<Step> = Vec::new();
    let mut expects_name = false;
    let mut bytes = read.bytes().enumerate();
    while let Some((start, byte)) = bytes.next() {
        match byte {
            b'{' => {
                way.push(Step::Object);
                expects_name = true;
            }
            b'[' => {
                way.push(Step::Element(0));
                expects_name = false;
            }
            b'}' | b']' => {
                way.pop();
                expects_name = false;
            }
            b',' => match way.last_mut() {
                Some(Step::Element(index)) => *index += 1,
                _ => expects_name = true,
            },
            b'"' => {
                let end = end_of_string(&mut bytes).unwrap_or(start);
                if expects_name && let Some(step) = way.last_mut() {
                    let name = read.get(start..=end).unwrap_or_default();
                    *step = Step::Member(serde_json::from_str(name).unwrap_or_default());
                    expects_name = false;
                }
            }
            _ => {}
        }
    }
    way
}

/// Reads up to the quote that ends a string; gives where it stands.
fn end_of_string(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes {
        match byte {
            b'"' if !escaped => return Some(at),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its refusals are looked at")]
    struct Inner {
        colour: Colour,
        count: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its refusals are looked at")]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
        one: Option<Inner>,
    }

    fn refusal(text: &str) -> String {
        let error = parse::<Outer>(text.as_bytes(), 100_000).expect_err(text);
        let said = error.to_string();
        said.split(": line ").next().expect("words").to_owned()
    }

    #[test]
    fn the_member_is_named_and_no_value_is_quoted() {
        let unknown = "is not known, expected";
        let name = "member `name` has a value that is not taken, expected a string";
        for (text, said) in [
            (
                r#"{"nme":"x"}"#,
                &*format!("member `nme` {unknown} one of `name`, `inner`, `one`"),
            ),
            ("{}", "member `name` is missing"),
            (r#"{"one":null}"#, "member `name` is missing"),
            (
                r#"{"name":"x","inner":[{}]}"#,
                "member `inner[0].colour` is missing",
            ),
            (
                r#"{"name":"x","inner":[{"count":3}]}"#,
                "member `inner[0].colour` is missing",
            ),
            (r#"{"name":12}"#, name),
            (r#"{"name":12 , "one":null}"#, name),
            (r#"{"one":null,"name":{"secret":"s"}}"#, name),
            (r#"{"name":["secret"]}"#, name),
            (r#"{"name":null}"#, name),
            (
                r#"{"name":"x","inner":[{"colour":"red"},{"colour":"secret, expected x"}]}"#,
                "member `inner[1].colour` has a value that is not taken, expected `red` or `blue`",
            ),
            (
                r#"{"name":"x","inner":[{"colour":"red","count":300}]}"#,
                "member `inner[0].count` has a value that is not taken, \
                 expected a whole number within bounds",
            ),
            (
                r#"{"name":"x","inner":[{"colour":"red"},7]}"#,
                "member `inner[1]` has a value that is not taken, expected an object",
            ),
            (
                "{\n \"name\": \"a\\\"b\",\n \"one\": {\n  \"colour\": \"blue\",\n  \"si`ze\\n\": 1 }}",
                &*format!("member `one.size` {unknown} `colour` or `count`"),
            ),
            (
                "7",
                "the document has a value that is not taken, expected an object",
            ),
        ] {
            assert_eq!(refusal(text), said, "{text}");
        }
    }

    #[test]
    fn a_name_from_outside_is_cut_and_shown_only() {
        let long = format!("{{\"{}\":1}}", "\u{202e}\u{e9} x".repeat(5_000));
        let said = refusal(&long);
        assert!(said.len() < 200 && said.is_ascii(), "{said}");
    }
}

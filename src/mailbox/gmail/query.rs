//! Gmail's search box, written from typed parts only: the attacker's text
//! reaches it.

use std::fmt::Write as _;

use crate::{domain::MessageQuery, mailbox::wire};

/// Phrases and ids taken into one search.
const TERMS: usize = 20;
/// Longest phrase, in characters.
const PHRASE: usize = 200;

/// The search for a query; `None` when nothing of it can be looked for.
pub(super) fn compile(query: &MessageQuery) -> Option<String> {
    let after = query.after.timestamp().max(0);
    let phrases: Vec<String> = query
        .phrases
        .iter()
        .filter_map(|phrase| quoted(phrase))
        .take(TERMS)
        .collect();
    if query.sent_only {
        let mut search = format!("in:sent after:{after}");
        if !phrases.is_empty() {
            let _ = write!(search, " {{{}}}", phrases.join(" "));
        }
        return Some(search);
    }
    let mut terms: Vec<String> = query
        .message_ids
        .iter()
        .filter_map(|id| by_id(id))
        .take(TERMS)
        .collect();
    match phrases.as_slice() {
        [] => {}
        [only] => terms.push(format!("({only} after:{after})")),
        many => terms.push(format!("({{{}}} after:{after})", many.join(" "))),
    }
    match terms.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        many => Some(format!("{{{}}}", many.join(" "))),
    }
}

/// `rfc822msgid:` for an id that cannot end the term.
pub(super) fn by_id(id: &str) -> Option<String> {
    let id = wire::message_id(id)?;
    let plain = !id.contains(['"', '(', ')', '{', '}', '\\', '<', '>', ',']);
    plain.then(|| format!("rfc822msgid:{id}"))
}

/// A phrase in quotes. A search cannot hold a quote: it becomes a space, as
/// every other character does that is no visible one.
fn quoted(phrase: &str) -> Option<String> {
    let plain: String = phrase
        .chars()
        .take(PHRASE)
        .map(|c| {
            if c == '"' || c == '\\' || c == '{' || c == '}' || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (plain.chars().filter(|c| c.is_alphanumeric()).count() >= 3).then(|| format!("\"{plain}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(ids: &[&str], phrases: &[&str], sent_only: bool) -> Option<String> {
        compile(&MessageQuery {
            message_ids: ids.iter().map(|&s| s.to_owned()).collect(),
            phrases: phrases.iter().map(|&s| s.to_owned()).collect(),
            after: "2026-01-01T00:00:00Z".parse().expect("time"),
            sent_only,
        })
    }

    #[test]
    fn ids_and_bounded_phrases_are_alternatives() {
        assert_eq!(
            query(&["<a@b>", "c@d"], &["evil.example"], false).as_deref(),
            Some("{rfc822msgid:a@b rfc822msgid:c@d (\"evil.example\" after:1767225600)}")
        );
        assert_eq!(
            query(&["a@b"], &[], false).as_deref(),
            Some("rfc822msgid:a@b")
        );
        assert_eq!(
            query(&[], &["one.example", "two.example"], false).as_deref(),
            Some("({\"one.example\" \"two.example\"} after:1767225600)")
        );
        assert_eq!(
            query(&["a@b"], &["evil.example"], true).as_deref(),
            Some("in:sent after:1767225600 {\"evil.example\"}")
        );
    }

    #[test]
    fn hostile_text_cannot_widen_a_search() {
        assert_eq!(query(&["a@b} in:anywhere {x"], &[], false), None);
        assert_eq!(query(&["a\"b@c", "(a@b)", ""], &[], false), None);
        assert_eq!(query(&[], &["\"", "{}", "a\"", ""], false), None);
        assert_eq!(
            query(&[], &["x.example\" OR in:anywhere \""], false).as_deref(),
            Some("(\"x.example OR in:anywhere\" after:1767225600)")
        );
    }
}

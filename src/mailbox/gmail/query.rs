//! Gmail's search box, written from typed parts only: the attacker's text
//! reaches it.

use crate::{
    domain::{MailboxAddress, MessageQuery},
    mailbox::{
        terms::{self, Terms},
        wire,
    },
};

/// Longest search in octets, before it is escaped.
const ROOM: usize = 6_000;

/// A query as Gmail understands it.
#[derive(Debug)]
pub(super) struct Compiled {
    /// `None` when nothing of it can be looked for.
    pub(super) search: Option<String>,
    /// Whether all of it is in there.
    pub(super) whole: bool,
}

pub(super) fn compile(query: &MessageQuery) -> Compiled {
    let mut terms = Terms::new(ROOM);
    let mut bounded = terms.take(&query.senders, by_sender);
    bounded.extend(terms.take(&query.subjects, |subject| quoted("subject:", subject)));
    bounded.extend(terms.take(&query.attachments, |name| quoted("filename:", name)));
    bounded.extend(terms.take(&query.phrases, |phrase| quoted("", phrase)));
    let window = window(query);
    let search = if query.sent_only {
        let sent = format!("in:sent {window}");
        // What a message attached to a forward holds, a search does not see.
        if !bounded.is_empty() {
            bounded.push("has:attachment".to_owned());
        }
        Some(match any(&bounded) {
            Some(any) => format!("{sent} {any}"),
            None => sent,
        })
    } else {
        let mut ids = terms.take(&query.message_ids, |id| by_id(id));
        ids.extend(any(&bounded).map(|any| format!("({any} {window})")));
        any(&ids)
    };
    Compiled {
        search,
        whole: terms.whole(),
    }
}

/// Any of these terms; braces stand for "or".
fn any(terms: &[String]) -> Option<String> {
    match terms {
        [] => None,
        [only] => Some(only.clone()),
        many => Some(format!("{{{}}}", many.join(" "))),
    }
}

/// Whole seconds: dates would be read in the time zone of California.
fn window(query: &MessageQuery) -> String {
    let after = query.after.timestamp().max(0);
    match query.before {
        Some(before) => format!("after:{after} before:{}", before.timestamp().max(0)),
        None => format!("after:{after}"),
    }
}

/// `rfc822msgid:` for an id that cannot end the term.
pub(super) fn by_id(id: &str) -> Option<String> {
    let id = wire::message_id(id)?;
    plain(id).then(|| format!("rfc822msgid:{id}"))
}

fn by_sender(sender: &MailboxAddress) -> Option<String> {
    plain(sender.as_str()).then(|| format!("from:{sender}"))
}

/// Whether a word can stand in a search as it is.
fn plain(word: &str) -> bool {
    !word.contains(['"', '(', ')', '{', '}', '\\', '<', '>', ','])
}

/// A phrase in quotes. A search cannot hold a quote: it becomes a space, as
/// every other character does that has a meaning there.
fn quoted(operator: &str, phrase: &str) -> Option<String> {
    Some(format!("{operator}\"{}\"", terms::phrase(phrase)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since() -> MessageQuery {
        MessageQuery::since("2026-01-01T00:00:00Z".parse().expect("time"))
    }

    fn query(ids: &[&str], phrases: &[&str], sent_only: bool) -> Option<String> {
        let query = MessageQuery {
            phrases: phrases.iter().map(|&s| s.to_owned()).collect(),
            sent_only,
            ..MessageQuery::by_ids(ids.iter().copied(), since().after)
        };
        compile(&query).search
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
            Some("in:sent after:1767225600 {\"evil.example\" has:attachment}")
        );
    }

    #[test]
    fn everything_goes_into_one_search() {
        let query = MessageQuery {
            senders: vec!["x@evil.example".parse().expect("address")],
            subjects: vec!["Your \"invoice\" 7".to_owned()],
            attachments: vec!["invoice.pdf".to_owned()],
            phrases: vec!["evil.example".to_owned()],
            before: Some("2026-01-02T00:00:00Z".parse().expect("time")),
            ..MessageQuery::by_ids(["a@b"], since().after)
        };
        assert_eq!(
            compile(&query).search.as_deref(),
            Some(
                "{rfc822msgid:a@b ({from:x@evil.example subject:\"Your invoice 7\" \
                 filename:\"invoice.pdf\" \"evil.example\"} \
                 after:1767225600 before:1767312000)}"
            )
        );
    }

    #[test]
    fn hostile_text_cannot_widen_a_search() {
        let long = "a".repeat(10_000);
        for id in [
            "a@b} in:anywhere {x",
            "a\"b@c",
            "(a@b)",
            "",
            "a\r\nb@c",
            long.as_str(),
        ] {
            let compiled = compile(&MessageQuery::by_ids([id], since().after));
            assert_eq!(compiled.search, None, "{id:?}");
            assert!(!compiled.whole, "{id:?}");
        }
        assert_eq!(query(&[], &["\"", "{}", "a\"", ""], false), None);
        assert_eq!(
            query(&[], &["x.example\" OR in:anywhere \""], false).as_deref(),
            Some("(\"x.example OR in:anywhere\" after:1767225600)")
        );
        let odd = MessageQuery {
            senders: vec!["a}{in@b".parse().expect("address")],
            ..since()
        };
        assert!(compile(&odd).search.is_none());
        assert!(compile(&since()).search.is_none());
    }
}

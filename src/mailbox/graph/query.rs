//! A search in Graph's two languages, written from typed parts only: the
//! attacker's text reaches it.
//!
//! `$filter` compares properties and takes ids, senders and subjects in one
//! call; `$search` (KQL) looks into bodies and attachments, cannot be joined
//! with it, and shows 1,000 hits at most.

use chrono::{DateTime, SecondsFormat, Utc};

use super::path::quoted;
use crate::{
    domain::{MailboxAddress, MessageQuery},
    mailbox::{
        terms::{self, Terms},
        wire,
    },
};

/// Longest search in octets, before it is escaped.
const ROOM: usize = 8_000;
/// Hits that `$search` shows at most.
pub(super) const SHOWN: usize = 1_000;

/// What goes into the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// `$filter`
    Filter(String),
    /// `$search`
    Words(String),
}

/// A query as Graph understands it.
#[derive(Debug)]
pub(super) struct Compiled {
    /// `None` when nothing of it can be looked for.
    pub(super) asked: Option<Asked>,
    /// Whether all of it is in there.
    pub(super) whole: bool,
}

pub(super) fn compile(query: &MessageQuery) -> Compiled {
    let mut terms = Terms::new(ROOM);
    if query.sent_only {
        return Compiled {
            asked: Some(Asked::Filter(window(query))),
            whole: true,
        };
    }
    let ids = terms.take(&query.message_ids, |id| by_id(id));
    let mut bounded = terms.take(&query.senders, |sender| Some(by_sender(sender)));
    bounded.extend(terms.take(&query.subjects, |subject| by_subject(subject)));
    let compares =
        !(query.message_ids.is_empty() && query.senders.is_empty() && query.subjects.is_empty());
    let asked = if compares {
        filter(ids, &bounded, query).map(Asked::Filter)
    } else {
        let mut words = terms.take(&query.phrases, |phrase| words(phrase));
        words.extend(terms.take(&query.attachments, |name| words_of("attachment:", name)));
        kql(&words, query).map(Asked::Words)
    };
    Compiled {
        asked,
        whole: terms.whole(),
    }
}

/// Only these Message-IDs; none of them is one that a search cannot hold.
pub(super) fn of_id(id: &str) -> Option<Asked> {
    by_id(id).map(Asked::Filter)
}

fn filter(mut ids: Vec<String>, bounded: &[String], query: &MessageQuery) -> Option<String> {
    if !bounded.is_empty() {
        let any = bounded.join(" or ");
        ids.push(format!("({} and ({any}))", window(query)));
    }
    (!ids.is_empty()).then(|| ids.join(" or "))
}

fn kql(words: &[String], query: &MessageQuery) -> Option<String> {
    if words.is_empty() {
        return None;
    }
    // Whole days, and looser by one: the answer's own times decide.
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let mut text = format!("({})", words.join(" OR "));
    text.push_str(&format!(" AND received>={}", day(query.after)));
    if let Some(before) = query.before {
        text.push_str(&format!(" AND received<={}", day(before)));
    }
    // The whole of it stands in quotes, so the quotes inside are escaped.
    Some(format!("\"{}\"", text.replace('"', "\\\"")))
}

fn by_id(id: &str) -> Option<String> {
    let id = wire::message_id(id)?;
    // The angle brackets are part of the stored value.
    Some(format!(
        "internetMessageId eq {}",
        quoted(&format!("<{id}>"))
    ))
}

fn by_sender(sender: &MailboxAddress) -> String {
    format!("from/emailAddress/address eq {}", quoted(sender.as_str()))
}

fn by_subject(subject: &str) -> Option<String> {
    let subject = terms::subject(subject)?;
    Some(format!("contains(subject,{})", quoted(&subject)))
}

fn words(phrase: &str) -> Option<String> {
    words_of("", phrase)
}

fn words_of(property: &str, phrase: &str) -> Option<String> {
    Some(format!("{property}\"{}\"", terms::phrase(phrase)?))
}

fn window(query: &MessageQuery) -> String {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let after = format!("receivedDateTime ge {}", time(query.after));
    match query.before {
        Some(before) => format!("{after} and receivedDateTime lt {}", time(before)),
        None => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since() -> MessageQuery {
        MessageQuery::since("2026-01-01T00:00:00Z".parse().expect("time"))
    }

    fn filter_of(query: &MessageQuery) -> Option<String> {
        match compile(query).asked {
            Some(Asked::Filter(filter)) => Some(filter),
            Some(Asked::Words(words)) => panic!("words: {words}"),
            None => None,
        }
    }

    fn words_of_query(query: &MessageQuery) -> Option<String> {
        match compile(query).asked {
            Some(Asked::Words(words)) => Some(words),
            Some(Asked::Filter(filter)) => panic!("filter: {filter}"),
            None => None,
        }
    }

    #[test]
    fn ids_stand_beside_what_the_window_bounds() {
        let query = MessageQuery {
            message_ids: vec!["<a@b>".to_owned(), "c'd@e".to_owned()],
            senders: vec!["x'y@evil.example".parse().expect("address")],
            subjects: vec!["Bob's \"Invoice\"".to_owned()],
            phrases: vec!["evil.example".to_owned()],
            before: Some("2026-01-03T00:00:00Z".parse().expect("time")),
            ..since()
        };
        assert_eq!(
            filter_of(&query).as_deref(),
            Some(
                "internetMessageId eq '<a@b>' or internetMessageId eq '<c''d@e>' or \
                 (receivedDateTime ge 2026-01-01T00:00:00Z and receivedDateTime lt \
                 2026-01-03T00:00:00Z and (from/emailAddress/address eq 'x''y@evil.example' \
                 or contains(subject,'Bob''s \"Invoice\"')))"
            )
        );
        let ids = MessageQuery::by_ids(["a@b"], since().after);
        assert_eq!(
            filter_of(&ids).as_deref(),
            Some("internetMessageId eq '<a@b>'")
        );
    }

    #[test]
    fn phrases_alone_are_searched_as_words() {
        let query = MessageQuery {
            phrases: vec!["login.evil.example".to_owned()],
            attachments: vec!["invoice 7.pdf".to_owned()],
            ..since()
        };
        assert_eq!(
            words_of_query(&query).as_deref(),
            Some(
                "\"(\\\"login.evil.example\\\" OR attachment:\\\"invoice 7.pdf\\\") \
                 AND received>=2026-01-01\""
            )
        );
    }

    #[test]
    fn hostile_text_stays_inside_its_value_or_is_left_out_and_said_so() {
        let long = "a".repeat(10_000);
        for id in ["", "a\r\nb@c", "a b@c", "\0", "é@x", long.as_str()] {
            let compiled = compile(&MessageQuery::by_ids([id], since().after));
            assert_eq!(compiled.asked, None, "{id:?}");
            assert!(!compiled.whole, "{id:?}");
        }
        let one_bad = compile(&MessageQuery::by_ids(["a@b", "c d"], since().after));
        assert!(one_bad.asked.is_some() && !one_bad.whole);
        // OData has no meaning for these inside its quotes.
        let marks = filter_of(&MessageQuery::by_ids(
            ["x'or(1)eq{1}\"&$top=9@y"],
            since().after,
        ));
        assert_eq!(
            marks.as_deref(),
            Some("internetMessageId eq '<x''or(1)eq{1}\"&$top=9@y>'")
        );
        let words = MessageQuery {
            phrases: vec!["x\" OR from:boss* NOT {y}\\".to_owned()],
            attachments: vec!["\r\n\" AND size>0 \"".to_owned()],
            ..since()
        };
        assert_eq!(
            words_of_query(&words).as_deref(),
            Some(
                "\"(\\\"x OR from:boss NOT y\\\" OR attachment:\\\"AND size>0\\\") \
                 AND received>=2026-01-01\""
            )
        );
        let nothing = MessageQuery {
            phrases: vec!["\"\"".to_owned()],
            ..since()
        };
        let nothing = compile(&nothing);
        assert!(nothing.asked.is_none() && !nothing.whole);
        assert!(compile(&since()).asked.is_none());
    }
}

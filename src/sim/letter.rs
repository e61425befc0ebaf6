//! One letter's content: its bytes, shared by every copy, and what the two
//! faces need to know of it. Trace headers differ from mailbox to mailbox and
//! are made when a copy is read.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mail_parser::{Address, HeaderValue, MessageParser, MimeHeaders};

use super::{
    calendar::{self, Invitation},
    seed::{hash, hash_bytes, mix},
};

/// A name and an address from a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Display name, may be empty.
    pub name: String,
    /// Address as written.
    pub address: String,
}

/// The content of a message. Cheap to share: hold it in an `Arc`.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The bytes as sent, CRLF line ends, without per-recipient trace headers.
    pub raw: Bytes,
    /// Message-ID with angle brackets; empty when there is none.
    pub message_id: String,
    /// Message-ID of the first message of the conversation, brackets included.
    pub conversation: String,
    /// Decoded subject.
    pub subject: String,
    /// First From.
    pub from: Party,
    /// To.
    pub to: Vec<Party>,
    /// Cc.
    pub cc: Vec<Party>,
    /// Date header.
    pub date: Option<DateTime<Utc>>,
    /// HTML body, decoded; absent when there is only text.
    pub html: Option<String>,
    /// Text body, decoded or derived from the HTML.
    pub text: String,
    /// Names of attachments.
    pub attachments: Vec<String>,
    /// What it invites to.
    pub invitation: Option<Invitation>,
    /// `List-Id`.
    pub list: String,
    /// Everything a search looks at, lower case.
    pub index: String,
    /// The same as words for Exchange's index: lower case, one space between
    /// them and around them.
    pub words: Words,
    /// Text of attached messages, which Exchange's index holds as well.
    nested: String,
    mark: u64,
}

impl Letter {
    /// Exchange's network message id: one of each message as it was sent, however
    /// often its Message-ID was used.
    #[must_use]
    pub fn network_message_id(&self) -> String {
        let bytes = (u128::from(self.mark) << 64) | u128::from(mix(self.mark));
        uuid::Builder::from_random_bytes(bytes.to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// Reads a message. Never fails: what cannot be read is empty.
    #[must_use]
    pub fn new(raw: &[u8]) -> Self {
        let raw = with_crlf(raw);
        let parsed = MessageParser::default().parse(raw.as_slice());
        let mut letter = Self {
            raw: Bytes::new(),
            message_id: String::new(),
            conversation: String::new(),
            subject: String::new(),
            from: Party::default(),
            to: Vec::new(),
            cc: Vec::new(),
            date: None,
            html: None,
            text: String::new(),
            attachments: Vec::new(),
            invitation: None,
            list: String::new(),
            index: String::new(),
            words: Words::default(),
            nested: String::new(),
            mark: hash_bytes(&raw),
        };
        if let Some(message) = &parsed {
            letter.read(message);
        }
        letter.index = letter.searchable();
        letter.words = Words::of(&letter);
        drop(parsed);
        letter.raw = Bytes::from(raw);
        letter
    }

    fn read(&mut self, message: &mail_parser::Message<'_>) {
        self.message_id = message
            .message_id()
            .map(|id| format!("<{id}>"))
            .unwrap_or_default();
        self.conversation = first_id(message.references())
            .or_else(|| first_id(message.in_reply_to()))
            .unwrap_or_else(|| self.message_id.clone());
        self.subject = message.subject().unwrap_or_default().to_owned();
        self.from = parties(message.from())
            .into_iter()
            .next()
            .unwrap_or_default();
        self.to = parties(message.to());
        self.cc = parties(message.cc());
        self.date = message
            .date()
            .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0));
        let has_html = message
            .html_bodies()
            .any(|part| part.is_text_html() || part.is_content_type("text", "html"));
        if has_html {
            self.html = message.body_html(0).map(|html| html.into_owned());
        }
        self.text = message
            .body_text(0)
            .map(|text| text.into_owned())
            .unwrap_or_default();
        self.list = message
            .header_raw("List-Id")
            .map(|list| list.trim().to_owned())
            .unwrap_or_default();
        for inner in message.attachments().filter_map(|part| part.message()) {
            let _ = write!(
                self.nested,
                " {} {}",
                inner.subject().unwrap_or_default(),
                inner.body_text(0).unwrap_or_default()
            );
        }
        self.invitation = calendar::invitation(message);
        self.attachments = message
            .attachments()
            .map(|part| part.attachment_name().unwrap_or("attachment").to_owned())
            .collect();
    }

    fn searchable(&self) -> String {
        let mut all = String::new();
        for part in [
            self.subject.as_str(),
            self.from.name.as_str(),
            self.from.address.as_str(),
            self.text.as_str(),
            self.html.as_deref().unwrap_or_default(),
        ] {
            all.push_str(part);
            all.push('\n');
        }
        for party in self.to.iter().chain(&self.cc) {
            let _ = writeln!(all, "{} {}", party.name, party.address);
        }
        all.to_lowercase()
    }

    /// The header fields in order, unfolded values trimmed.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        headers_of(&self.raw)
    }

    /// The bytes as Gmail stored them for `address`: trace headers on top, then
    /// the message as received.
    #[must_use]
    pub fn as_received(&self, address: &str, at: DateTime<Utc>) -> Vec<u8> {
        let host = self.from.address.rsplit('@').next().unwrap_or("unknown");
        let mark = hash(address) ^ hash(&self.message_id);
        let date = at.to_rfc2822();
        let mut all = format!(
            "Delivered-To: {address}\r\n\
             Received: by 2002:a05:6a00:{:04x}:b0:{:04x}:{:04x} with SMTP id {mark:016x};\r\n        {date}\r\n\
             Return-Path: <{from}>\r\n\
             Received: from mail.{host} (mail.{host}. [203.0.113.{octet}])\r\n        by mx.google.com with ESMTPS id {mark:x}si\r\n        for <{address}>;\r\n        {date}\r\n",
            mark & 0xffff,
            (mark >> 16) & 0xffff,
            (mark >> 32) & 0xffff,
            from = self.from.address,
            octet = hash(host) % 250 + 1,
        )
        .into_bytes();
        all.extend_from_slice(&self.raw);
        all
    }

    /// The message as Exchange makes it anew for `$value`: own trace headers,
    /// its own header order, the same content.
    #[must_use]
    pub fn regenerated(&self, address: &str, at: DateTime<Utc>, traced: bool) -> Vec<u8> {
        const FIRST: [&str; 9] = [
            "authentication-results",
            "from",
            "to",
            "cc",
            "subject",
            "thread-topic",
            "date",
            "message-id",
            "references",
        ];
        let (fields, body) = split(&self.raw);
        let mut all = Vec::with_capacity(self.raw.len() + 512);
        if traced {
            let host = self.from.address.rsplit('@').next().unwrap_or("unknown");
            let mark = hash(address) ^ hash(&self.message_id);
            all.extend_from_slice(
                format!(
                    "Received: from EX{:02}.northwind.example (2001:db8::{:x}) by\r\n EX01.northwind.example with HTTPS; {date}\r\n\
                     Received: from mail.{host} (203.0.113.{octet}) by\r\n mx.northwind.example (10.0.0.{}) with Microsoft SMTP Server id 15.20.{}.9\r\n via Frontend Transport; {date}\r\n",
                    mark % 40 + 2,
                    mark & 0xffff,
                    mark % 200 + 1,
                    mark % 9000 + 1000,
                    date = at.to_rfc2822(),
                    octet = hash(host) % 250 + 1,
                )
                .as_bytes(),
            );
        }
        let place = |name: &str| {
            FIRST
                .iter()
                .position(|first| *first == name)
                .unwrap_or(FIRST.len())
        };
        let mut ordered: Vec<&(String, &[u8])> = fields.iter().collect();
        ordered.sort_by_key(|(name, _)| place(name));
        for (_, field) in ordered {
            all.extend_from_slice(field);
        }
        all.extend_from_slice(b"\r\n");
        all.extend_from_slice(body);
        all
    }
}

/// What Exchange's index knows of a letter.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Of the subject.
    pub subject: String,
    /// Of name and address of the sender.
    pub from: String,
    /// Of names and addresses of the recipients.
    pub to: String,
    /// Of the body.
    pub body: String,
    /// Of the names of attachments.
    pub attachments: String,
}

impl Words {
    fn of(letter: &Letter) -> Self {
        let parties = |parties: &[Party]| {
            let mut all = String::new();
            for party in parties {
                let _ = write!(all, "{} {} ", party.name, party.address);
            }
            words(&all)
        };
        let html = letter.html.as_deref().unwrap_or_default();
        Self {
            subject: words(&letter.subject),
            from: parties(std::slice::from_ref(&letter.from)),
            to: parties(&[letter.to.as_slice(), letter.cc.as_slice()].concat()),
            body: words(&format!("{} {html} {}", letter.text, letter.nested)),
            attachments: words(&letter.attachments.join(" ")),
        }
    }
}

/// The words of a text: runs of letters and digits, lower case, one space
/// between them and around them.
pub(super) fn words(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 2);
    all.push(' ');
    for c in text.chars() {
        if c.is_alphanumeric() {
            all.extend(c.to_lowercase());
        } else if !all.ends_with(' ') {
            all.push(' ');
        }
    }
    if !all.ends_with(' ') {
        all.push(' ');
    }
    all
}

fn first_id(value: &HeaderValue<'_>) -> Option<String> {
    match value {
        HeaderValue::Text(text) => Some(format!("<{text}>")),
        HeaderValue::TextList(list) => list.first().map(|text| format!("<{text}>")),
        _ => None,
    }
}

fn parties(address: Option<&Address<'_>>) -> Vec<Party> {
    address
        .map(|address| {
            address
                .iter()
                .filter_map(|one| {
                    Some(Party {
                        name: one.name().unwrap_or_default().to_owned(),
                        address: one.address()?.to_owned(),
                    })
                })
                .collect()
        })
        .unwrap_or_default()
}

/// Header fields (lower-case name, whole field with line ends) and the body.
pub(super) fn split(raw: &[u8]) -> (Vec<(String, &[u8])>, &[u8]) {
    let mut fields: Vec<(String, usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(raw.len(), |n| at + n + 1);
        let line = raw.get(at..end).unwrap_or_default();
        if line == b"\r\n" || line == b"\n" {
            at = end;
            break;
        }
        let folded = line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        match (folded, fields.last_mut()) {
            (true, Some(last)) => last.2 = end,
            _ => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let name = String::from_utf8_lossy(name).trim().to_lowercase();
                fields.push((name, at, end));
            }
        }
        at = end;
    }
    let fields = fields
        .into_iter()
        .map(|(name, from, to)| (name, raw.get(from..to).unwrap_or_default()))
        .collect();
    (fields, raw.get(at..).unwrap_or_default())
}

/// Header fields with unfolded values, names as written.
pub(super) fn headers_of(raw: &[u8]) -> Vec<(String, String)> {
    split(raw)
        .0
        .into_iter()
        .filter_map(|(_, field)| {
            let field = String::from_utf8_lossy(field);
            let (name, value) = field.split_once(':')?;
            let value = value
                .split(['\r', '\n'])
                .map(str::trim_end)
                .collect::<Vec<_>>();
            Some((name.trim().to_owned(), value.concat().trim().to_owned()))
        })
        .collect()
}

/// Takes every field called `name` out of the head and, when `value` is given,
/// puts one new field on top.
pub(super) fn with_header(raw: &[u8], name: &str, value: Option<&str>) -> Vec<u8> {
    let (fields, body) = split(raw);
    let mut all = Vec::with_capacity(raw.len() + 128);
    if let Some(value) = value {
        all.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    for (field_name, field) in fields {
        if !field_name.eq_ignore_ascii_case(name) {
            all.extend_from_slice(field);
        }
    }
    all.extend_from_slice(b"\r\n");
    all.extend_from_slice(body);
    all
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(raw.len() + raw.len() / 40);
    let mut before = 0;
    for byte in raw {
        if *byte == b'\n' && before != b'\r' {
            all.push(b'\r');
        }
        all.push(*byte);
        before = *byte;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = b"From: A B <a@x.example>\nSubject: =?utf-8?q?caf=C3=A9?=\n one\nMessage-ID: <1@x>\nContent-Type: text/html\n\n<a href=\"https://evil.example/p\">ok</a>\n";

    #[test]
    fn content_is_read_and_indexed() {
        let letter = Letter::new(RAW);
        assert_eq!(letter.message_id, "<1@x>");
        assert!(letter.subject.starts_with("caf\u{e9}"));
        assert!(letter.index.contains("evil.example/p"));
        assert!(letter.html.is_some());
        assert!(letter.raw.windows(2).any(|pair| pair == b"\r\n"));
    }

    #[test]
    fn copies_differ_in_their_trace_only() {
        let letter = Letter::new(RAW);
        let at = DateTime::from_timestamp(1_700_000_000, 0).expect("time");
        let one = letter.as_received("b@x.example", at);
        let two = letter.as_received("c@x.example", at);
        assert_ne!(one, two);
        assert!(one.ends_with(&letter.raw) && two.ends_with(&letter.raw));
        let anew = Letter::new(&letter.regenerated("b@x.example", at, true));
        assert_eq!((anew.subject, anew.html), (letter.subject, letter.html));
    }

    #[test]
    fn a_header_is_replaced() {
        let changed = with_header(RAW, "Subject", Some("new"));
        let letter = Letter::new(&changed);
        assert_eq!(letter.subject, "new");
        assert_eq!(letter.message_id, "<1@x>");
    }
}

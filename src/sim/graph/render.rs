//! A message as Graph shows it, and a message made from what Graph is given.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::sim::{
    item_id::GraphId,
    letter::{Letter, Party},
    mailstore::{Holding, Item, SENT},
    seed::hash,
};

use super::argument;

/// What to show, and in which form.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub mailbox: u32,
    pub immutable: bool,
    pub text_body: bool,
    pub select: Option<&'a [&'a str]>,
    /// Headers are shown on request, and on single messages only.
    pub single: bool,
    /// Whether the last verb is shown, if there is one.
    pub verb: bool,
}

impl View<'_> {
    fn wants(&self, name: &str) -> bool {
        self.select.is_none_or(|select| {
            select
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(name))
        })
    }
}

pub(super) fn item_id(mailbox: u32, item: &Item, immutable: bool) -> String {
    if immutable {
        GraphId::Immutable {
            mailbox,
            uid: item.uid,
        }
    } else {
        GraphId::Item {
            mailbox,
            uid: item.uid,
            version: item.version,
        }
    }
    .encode()
}

pub(super) fn conversation_id(mailbox: u32, letter: &Letter) -> String {
    let mark = hash(&format!("{mailbox}/{}", letter.conversation));
    format!("AAQkAGVmMDEz{mark:016x}{:016x}AA=", hash(&mark.to_string()))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn recipient(party: &Party) -> Value {
    let name = if party.name.is_empty() {
        &party.address
    } else {
        &party.name
    };
    json!({"emailAddress": {"name": name, "address": party.address}})
}

fn recipients(parties: &[Party]) -> Value {
    parties.iter().map(recipient).collect()
}

pub(super) fn show(item: &Item, view: View<'_>) -> Value {
    let letter = &item.letter;
    let parent = match item.holding {
        Holding::Folder(folder) => GraphId::Folder {
            mailbox: view.mailbox,
            folder,
        }
        .encode(),
        Holding::Labels(_) => String::new(),
    };
    let change = hash(&format!("{}/{}/{}", view.mailbox, item.uid, item.changes));
    let from = recipient(&letter.from);
    let mut shown = json!({
        "id": item_id(view.mailbox, item, view.immutable),
        "createdDateTime": time(item.received),
        "lastModifiedDateTime": time(item.modified),
        "changeKey": format!("CQAAABYAAAB{change:016x}"),
        "categories": item.categories,
        "receivedDateTime": time(item.received),
        "sentDateTime": time(letter.date.unwrap_or(item.received)),
        "hasAttachments": !letter.attachments.is_empty(),
        "internetMessageId": letter.message_id,
        "subject": letter.subject,
        "bodyPreview": letter.text.chars().take(255).collect::<String>(),
        "importance": "normal",
        "parentFolderId": parent,
        "conversationId": conversation_id(view.mailbox, letter),
        "isDeliveryReceiptRequested": false,
        "isReadReceiptRequested": false,
        "isRead": item.read,
        "isDraft": item.draft,
        "inferenceClassification": "focused",
        "sender": from,
        "from": from,
        "toRecipients": recipients(&letter.to),
        "ccRecipients": recipients(&letter.cc),
        "bccRecipients": [],
        "replyTo": [],
        "flag": {"flagStatus": if item.flagged { "flagged" } else { "notFlagged" }},
    });
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| name == "id" || view.wants(name));
        if view.wants("body") {
            let (kind, content) = match &letter.html {
                Some(html) if !view.text_body => ("html", html.as_str()),
                _ if view.text_body => ("text", letter.text.as_str()),
                _ => ("text", letter.text.as_str()),
            };
            members.insert(
                "body".into(),
                json!({"contentType": kind, "content": content}),
            );
        }
        if view.single && view.select.is_some() && view.wants("internetMessageHeaders") {
            let network = (
                "X-MS-Exchange-Organization-Network-Message-Id".to_owned(),
                letter.network_message_id(),
            );
            let sent = item.draft || item.holding == Holding::Folder(SENT);
            let headers: Vec<Value> = letter
                .headers()
                .into_iter()
                .chain((!sent).then_some(network))
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect();
            members.insert("internetMessageHeaders".into(), json!(headers));
        }
        if view.verb && item.last_verb > 0 {
            members.insert(
                "singleValueExtendedProperties".into(),
                json!([{"id": "Integer 0x1081", "value": item.last_verb.to_string()}]),
            );
        }
    }
    shown
}

/// Who a JSON message goes to.
pub(super) fn addresses(message: &Value) -> Vec<String> {
    ["toRecipients", "ccRecipients", "bccRecipients"]
        .iter()
        .filter_map(|name| argument(message, name)?.as_array())
        .flatten()
        .filter_map(address)
        .collect()
}

fn address(recipient: &Value) -> Option<String> {
    let inner = argument(recipient, "emailAddress")?;
    Some(argument(inner, "address")?.as_str()?.to_owned())
}

/// A value that cannot break out of its header field.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// RFC 2047 when needed.
fn encoded(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = plain(text);
    if text.is_ascii() {
        text
    } else {
        format!("=?utf-8?B?{}?=", STANDARD.encode(text))
    }
}

/// The MIME form of a JSON message sent or drafted by `from`.
pub(super) fn as_mime(
    message: &Value,
    from: &str,
    message_id: &str,
    now: DateTime<Utc>,
) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let list = |name: &str| {
        argument(message, name)
            .and_then(Value::as_array)
            .map(|all| {
                all.iter()
                    .filter_map(address)
                    .collect::<Vec<_>>()
                    .join(", ")
            })
            .unwrap_or_default()
    };
    let body = argument(message, "body");
    let part = |name: &str| body.and_then(|body| argument(body, name)?.as_str());
    let kind = if part("contentType").is_some_and(|kind| kind.eq_ignore_ascii_case("html")) {
        "html"
    } else {
        "plain"
    };
    let mut head = format!(
        "From: {from}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {message_id}\r\nMIME-Version: 1.0\r\n",
        plain(&list("toRecipients")),
        encoded(
            argument(message, "subject")
                .and_then(Value::as_str)
                .unwrap_or_default()
        ),
        now.to_rfc2822(),
    );
    let cc = plain(&list("ccRecipients"));
    if !cc.is_empty() {
        head.push_str(&format!("Cc: {cc}\r\n"));
    }
    let own = argument(message, "internetMessageHeaders").and_then(Value::as_array);
    for header in own.into_iter().flatten() {
        let text = |name: &str| {
            argument(header, name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        head.push_str(&format!(
            "{}: {}\r\n",
            plain(text("name")).replace(':', ""),
            plain(text("value"))
        ));
    }
    head.push_str(&format!(
        "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ));
    let content = STANDARD.encode(part("content").unwrap_or_default());
    let mut rest = content.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(76));
        head.push_str(line);
        head.push_str("\r\n");
        rest = tail;
    }
    head.into_bytes()
}

//! Gmail messages: find, read, label.

use std::collections::{BTreeMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Refused, auth, body, invalid, needs, not_found, page, texts, token_for};
use crate::sim::{
    call::{Call, Reply},
    gmail_query::{Search, Subject},
    item_id::{gmail_id, gmail_number},
    letter::{Party, headers_of},
    mailstore::{Happening, Holding, Item, L_SENT, L_SPAM, L_TRASH, Mailbox},
    org::User,
    seed::hash,
    tenant::Tenant,
};

/// The message id a path names.
fn message_segment(call: &Call) -> &str {
    call.segments
        .iter()
        .skip_while(|segment| *segment != "messages")
        .nth(1)
        .map_or("", String::as_str)
}

fn is_id(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn named(tenant: &Tenant, call: &Call, user: &User) -> Result<u32, Refused> {
    let id = message_segment(call);
    if !is_id(id) {
        return invalid("Invalid id value");
    }
    match tenant
        .mailbox(user.index)
        .and_then(|mailbox| number(&mailbox, user.index, id))
    {
        Some(uid) => Ok(uid),
        None => not_found(),
    }
}

fn number(mailbox: &Mailbox, index: u32, id: &str) -> Option<u32> {
    let wanted = u64::from_str_radix(id, 16).ok()?;
    mailbox
        .items
        .iter()
        .find(|item| gmail_number(index, item.uid) == wanted)
        .map(|item| item.uid)
}

/// Gmail threads by conversation and subject: a changed subject starts anew.
pub(super) fn thread_id(index: u32, item: &Item) -> String {
    let subject = item.letter.subject.to_lowercase();
    let subject = subject
        .trim_start_matches("re: ")
        .trim_start_matches("fwd: ")
        .trim_start_matches("fw: ");
    let mark = hash(&format!("{index}/{}/{subject}", item.letter.conversation));
    format!(
        "{:016x}",
        (mark & 0x00ff_ffff_ffff_ffff) | 0x1900_0000_0000_0000
    )
}

fn searched<'a>(
    item: &'a Item,
    mailbox: &Mailbox,
    user: &'a User,
    now: DateTime<Utc>,
) -> Subject<'a> {
    let show = |parties: &[Party]| {
        parties
            .iter()
            .map(|party| format!("{} {}", party.name, party.address))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let letter = &item.letter;
    let mut labels = Mailbox::label_ids(item);
    labels.extend(mailbox.containers(item));
    Subject {
        message_id: &letter.message_id,
        from: format!("{} {}", letter.from.name, letter.from.address),
        to: format!("{} {}", show(&letter.to), show(&letter.cc)),
        delivered_to: &user.address,
        subject: &letter.subject,
        text: &letter.index,
        list: letter.list.clone(),
        attachments: &letter.attachments,
        labels,
        received: item.received,
        now,
    }
}

pub(super) fn list(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let now = tenant.now();
    let search = Search::parse(call.param("q").unwrap_or_default());
    let size = match (call.param("maxResults"), call.number("maxResults")) {
        (None, _) => 100,
        (_, Some(n)) if n >= 1 => n.min(500),
        _ => return invalid("Invalid maxResults"),
    };
    let from = page(call.param("pageToken"))?;
    let searching = call.param("q").is_some_and(|q| !q.trim().is_empty());
    let fresh = now - TimeDelta::seconds(tenant.platform().search_delay);
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let mut wanted = Vec::new();
    for id in call.params("labelIds") {
        match id {
            "UNREAD" | "STARRED" => {}
            _ if mailbox.label_number(id).is_none() => return invalid("Invalid label"),
            _ => {}
        }
        wanted.push(id.to_owned());
    }
    let everywhere = call.flag("includeSpamTrash")
        || search.looks_everywhere()
        || wanted.iter().any(|id| id == "SPAM" || id == "TRASH");
    let mut found: Vec<&Item> = mailbox
        .items
        .iter()
        .filter(|item| match &item.holding {
            Holding::Labels(labels) => {
                everywhere || !labels.iter().any(|n| matches!(*n, L_SPAM | L_TRASH))
            }
            Holding::Folder(_) => false,
        })
        .filter(|item| {
            let labels = Mailbox::label_ids(item);
            wanted.iter().all(|id| labels.contains(id))
        })
        .filter(|item| !searching || item.received <= fresh)
        .filter(|item| search.holds(&searched(item, &mailbox, user, now)))
        .collect();
    found.sort_by(|a, b| b.received.cmp(&a.received).then(b.uid.cmp(&a.uid)));
    let mut answer = Map::new();
    let shown: Vec<Value> = found
        .iter()
        .skip(from)
        .take(size)
        .map(|item| brief(user.index, item))
        .collect();
    if !shown.is_empty() {
        answer.insert("messages".into(), json!(shown));
    }
    if from + size < found.len() {
        answer.insert("nextPageToken".into(), json!(token_for(from + size)));
    }
    answer.insert("resultSizeEstimate".into(), json!(found.len()));
    Ok(Reply::json(200, &Value::Object(answer)))
}

pub(super) fn brief(index: u32, item: &Item) -> Value {
    json!({"id": gmail_id(index, item.uid), "threadId": thread_id(index, item)})
}

/// The short form that `modify`, `insert` and the like answer with.
pub(super) fn labelled(index: u32, item: &Item) -> Value {
    json!({
        "id": gmail_id(index, item.uid),
        "threadId": thread_id(index, item),
        "labelIds": Mailbox::label_ids(item),
    })
}

pub(super) fn get(
    tenant: &Tenant,
    call: &Call,
    user: &User,
    scopes: &[String],
) -> Result<Reply, Refused> {
    if needs(scopes, auth::READ).is_err() {
        needs(scopes, &[auth::ADDON])?;
        addon_may_read(tenant, call, user)?;
    }
    let uid = named(tenant, call, user)?;
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    match mailbox.item(uid) {
        Some(item) => Ok(Reply::json(200, &show(call, user, item)?)),
        None => not_found(),
    }
}

/// A message in the format that the call asks for.
pub(super) fn show(call: &Call, user: &User, item: &Item) -> Result<Value, Refused> {
    let raw = raw_of(item, user);
    let mut shown = labelled(user.index, item);
    let format = call.param("format").unwrap_or("full").to_lowercase();
    if let Some(members) = shown.as_object_mut() {
        let snippet: String = item.letter.text.chars().take(190).collect();
        let snippet = snippet.split_whitespace().collect::<Vec<_>>().join(" ");
        members.insert("snippet".into(), json!(snippet));
        members.insert("historyId".into(), json!(item.history.to_string()));
        members.insert(
            "internalDate".into(),
            json!(item.received.timestamp_millis().to_string()),
        );
        members.insert("sizeEstimate".into(), json!(raw.len()));
        match format.as_str() {
            "raw" => {
                members.insert("raw".into(), json!(URL_SAFE.encode(&raw)));
            }
            "full" | "metadata" => {
                let wanted: Vec<&str> = call.params("metadataHeaders").collect();
                let full = format == "full";
                members.insert("payload".into(), payload(&raw, full, &wanted));
            }
            "minimal" => {}
            _ => return invalid("Invalid value for format"),
        }
    }
    Ok(shown)
}

/// The add-on's scopes open one message, with that message's own token.
fn addon_may_read(tenant: &Tenant, call: &Call, user: &User) -> Result<(), Refused> {
    let opened = call
        .header("x-goog-gmail-access-token")
        .and_then(|token| tenant.tokens().messages.get(token).copied());
    match opened {
        Some((holder, uid))
            if holder == user.index && gmail_id(holder, uid) == message_segment(call) =>
        {
            Ok(())
        }
        _ => super::refused(
            403,
            "forbidden",
            "Missing access token for authorization. Request: MailboxService.GetMessage",
        ),
    }
}

/// The bytes as received; what was inserted or sent has no trace of delivery.
fn raw_of(item: &Item, user: &User) -> Vec<u8> {
    let sent = matches!(&item.holding, Holding::Labels(labels) if labels.contains(&L_SENT));
    if sent || item.draft || item.origin == crate::sim::mailstore::Origin::Wire {
        item.letter.raw.to_vec()
    } else {
        item.letter.as_received(&user.address, item.received)
    }
}

/// The parsed form. Multiparts are shown with their leaves one level deep.
fn payload(raw: &[u8], full: bool, wanted: &[&str]) -> Value {
    use mail_parser::{MessageParser, MimeHeaders};
    let headers: Vec<Value> = headers_of(raw)
        .into_iter()
        .filter(|(name, _)| {
            full || wanted.is_empty() || wanted.iter().any(|w| w.eq_ignore_ascii_case(name))
        })
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let parsed = MessageParser::default().parse(raw);
    let kind = |part: &mail_parser::MessagePart<'_>| {
        part.content_type().map_or_else(
            || "text/plain".to_owned(),
            |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("plain")).to_lowercase(),
        )
    };
    let root = parsed.as_ref().and_then(|message| message.parts.first());
    let mut shown = json!({
        "partId": "",
        "mimeType": root.map_or_else(|| "text/plain".to_owned(), kind),
        "filename": "",
        "headers": headers,
    });
    if !full {
        return shown;
    }
    let content = |part: &mail_parser::MessagePart<'_>| json!({"size": part.contents().len(), "data": URL_SAFE.encode(part.contents())});
    if let (Some(members), Some(message)) = (shown.as_object_mut(), &parsed) {
        if message.parts.len() <= 1 {
            members.insert(
                "body".into(),
                root.map_or_else(|| json!({"size": 0}), content),
            );
        } else {
            let parts: Vec<Value> = message
                .parts
                .iter()
                .skip(1)
                .filter(|part| !part.is_multipart())
                .enumerate()
                .map(|(at, part)| {
                    json!({
                        "partId": at.to_string(),
                        "mimeType": kind(part),
                        "filename": part.attachment_name().unwrap_or_default(),
                        "headers": [],
                        "body": content(part),
                    })
                })
                .collect();
            members.insert("body".into(), json!({"size": 0}));
            members.insert("parts".into(), json!(parts));
        }
    }
    shown
}

/// The labels to add and remove, each one checked.
fn changes(mailbox: &Mailbox, body: &Value) -> Result<(Vec<String>, Vec<String>), Refused> {
    let (add, remove) = (texts(body, "addLabelIds"), texts(body, "removeLabelIds"));
    if add.len() > 100 || remove.len() > 100 {
        return invalid("Too many labels");
    }
    for id in add.iter().chain(&remove) {
        let fixed = matches!(id.as_str(), "SENT" | "DRAFT" | "CHAT");
        let state = matches!(id.as_str(), "UNREAD" | "STARRED");
        if fixed || !(state || mailbox.label_number(id).is_some()) {
            return invalid(&format!("Invalid label: {id}"));
        }
    }
    if add.iter().any(|id| remove.contains(id)) {
        return invalid("Cannot both add and remove the same label");
    }
    if add.is_empty() && remove.is_empty() {
        return invalid("No label add or removes specified");
    }
    Ok((add, remove))
}

pub(super) fn modify(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let uid = named(tenant, call, user)?;
    let body = body(call)?;
    let now = tenant.now();
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let (add, remove) = changes(&mailbox, &body)?;
    mailbox.relabel(uid, &add, &remove, now);
    match mailbox.item(uid) {
        Some(item) => Ok(Reply::json(200, &labelled(user.index, item))),
        None => not_found(),
    }
}

/// Changes many messages; ids that name nothing are passed over without a word,
/// and the answer is empty.
pub(super) fn batch_modify(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let body = body(call)?;
    let ids = texts(&body, "ids");
    if ids.is_empty() || ids.len() > 1000 || !ids.iter().all(|id| is_id(id)) {
        return invalid("Invalid ids");
    }
    let now = tenant.now();
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let (add, remove) = changes(&mailbox, &body)?;
    for id in ids {
        if let Some(uid) = number(&mailbox, user.index, &id) {
            mailbox.relabel(uid, &add, &remove, now);
        }
    }
    Ok(Reply::empty(204))
}

pub(super) fn trash(
    tenant: &Tenant,
    call: &Call,
    user: &User,
    into: bool,
) -> Result<Reply, Refused> {
    let uid = named(tenant, call, user)?;
    let now = tenant.now();
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let (trash, inbox) = (["TRASH".to_owned()], ["INBOX".to_owned()]);
    if into {
        mailbox.relabel(uid, &trash, &inbox, now);
    } else {
        mailbox.relabel(uid, &[], &trash, now);
    }
    match mailbox.item(uid) {
        Some(item) => Ok(Reply::json(200, &labelled(user.index, item))),
        None => not_found(),
    }
}

/// Deletes for good, one message or many.
pub(super) fn delete(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let many = call.method == "POST";
    let ids = if many {
        texts(&body(call)?, "ids")
    } else {
        named(tenant, call, user)?;
        vec![message_segment(call).to_owned()]
    };
    if let Some(mut mailbox) = tenant.mailbox(user.index) {
        for id in ids {
            if let Some(uid) = number(&mailbox, user.index, &id) {
                mailbox.remove(uid);
            }
        }
    }
    Ok(Reply::empty(204))
}

pub(super) fn history(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let Some(start) = call
        .param("startHistoryId")
        .and_then(|id| id.parse::<u64>().ok())
    else {
        return invalid("Missing or invalid startHistoryId");
    };
    let from = page(call.param("pageToken"))?;
    let size = call.number("maxResults").unwrap_or(100).clamp(1, 500);
    let kinds: HashSet<&str> = call.params("historyTypes").collect();
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    if start > mailbox.history_id || start < mailbox.history_floor {
        return not_found();
    }
    let shown: Vec<Value> = mailbox
        .history
        .iter()
        .filter(|entry| entry.id > start)
        .filter_map(|entry| {
            let message = mailbox.item(entry.uid).map_or_else(
                || json!({"id": gmail_id(user.index, entry.uid)}),
                |item| labelled(user.index, item),
            );
            let (kind, member, value) = match &entry.what {
                Happening::Added => (
                    "messageAdded",
                    "messagesAdded",
                    json!([{"message": message}]),
                ),
                Happening::Deleted => (
                    "messageDeleted",
                    "messagesDeleted",
                    json!([{"message": message}]),
                ),
                Happening::LabelsAdded(ids) => (
                    "labelAdded",
                    "labelsAdded",
                    json!([{"message": message, "labelIds": ids}]),
                ),
                Happening::LabelsRemoved(ids) => (
                    "labelRemoved",
                    "labelsRemoved",
                    json!([{"message": message, "labelIds": ids}]),
                ),
            };
            if !kinds.is_empty() && !kinds.contains(kind) {
                return None;
            }
            let members: BTreeMap<&str, Value> = BTreeMap::from([
                ("id", json!(entry.id.to_string())),
                ("messages", json!([{"id": gmail_id(user.index, entry.uid)}])),
                (member, value),
            ]);
            Some(json!(members))
        })
        .collect();
    let mut answer = Map::new();
    answer.insert("historyId".into(), json!(mailbox.history_id.to_string()));
    let total = shown.len();
    let part: Vec<Value> = shown.into_iter().skip(from).take(size).collect();
    if !part.is_empty() {
        answer.insert("history".into(), json!(part));
    }
    if from + size < total {
        answer.insert("nextPageToken".into(), json!(token_for(from + size)));
    }
    Ok(Reply::json(200, &Value::Object(answer)))
}

//! Messages: find, read, move, change.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    Refused, addressee, argument, bad_request, body, folders, link, malformed, not_found, refused,
    render::{self, View, conversation_id, item_id},
    selected, top,
};
use crate::sim::{
    call::{Call, Reply},
    filter::{self, Comparison, Filter, Literal},
    item_id::{GraphId, from_ews, to_ews},
    keywords::Keywords,
    mailstore::{Holding, IN_PLACE_ARCHIVE, Item, RECOVERABLE},
    tenant::Tenant,
};

/// Properties a filter may name.
const FIELDS: [&str; 11] = [
    "internetMessageId",
    "from/emailAddress/address",
    "sender/emailAddress/address",
    "subject",
    "receivedDateTime",
    "sentDateTime",
    "conversationId",
    "isRead",
    "isDraft",
    "hasAttachments",
    "parentFolderId",
];

/// Hits of one `$search` at most.
const SEARCHED: usize = 1000;

/// Position of the message id in the path: after `messages`.
fn message_segment(call: &Call) -> &str {
    call.segments
        .iter()
        .skip_while(|segment| *segment != "messages")
        .nth(1)
        .map_or("", String::as_str)
}

/// The folder a `/mailFolders/{id}/messages` path names.
fn folder_segment(call: &Call) -> Option<&str> {
    (call.segments.get(3)? == "mailFolders").then(|| call.segments.get(4).map(String::as_str))?
}

pub(super) fn immutable(call: &Call) -> bool {
    call.headers.iter().any(|(name, value)| {
        let value = value.replace(['"', ' ', '\''], "").to_lowercase();
        name == "prefer" && value.contains("idtype=immutableid")
    })
}

pub(super) fn text_body(call: &Call) -> bool {
    call.headers.iter().any(|(name, value)| {
        let value = value.replace(['"', ' ', '\''], "").to_lowercase();
        name == "prefer" && value.contains("outlook.body-content-type=text")
    })
}

/// The number of the message the path names, checked against mailbox, version
/// and folder.
pub(super) fn named(tenant: &Tenant, call: &Call, index: u32) -> Result<u32, Refused> {
    let Some(id) = GraphId::decode(message_segment(call)) else {
        return malformed(tenant);
    };
    let (mailbox, uid, version) = match id {
        GraphId::Item {
            mailbox,
            uid,
            version,
        } => (mailbox, uid, Some(version)),
        GraphId::Immutable { mailbox, uid } => (mailbox, uid, None),
        GraphId::Folder { .. } => return malformed(tenant),
    };
    let Some(store) = tenant.mailbox(index).filter(|_| mailbox == index) else {
        return not_found(tenant);
    };
    let within = match folder_segment(call) {
        None => None,
        Some(key) => Some(folders::find(tenant, &store, index, key)?),
    };
    let holds = store.item(uid).is_some_and(|item| {
        version.is_none_or(|version| version == item.version)
            && item.holding != Holding::Folder(IN_PLACE_ARCHIVE)
            && within.is_none_or(|folder| item.holding == Holding::Folder(folder))
    });
    if holds { Ok(uid) } else { not_found(tenant) }
}

pub(super) fn list(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let filter = match call
        .param("$filter")
        .map(|text| Filter::parse(text, &FIELDS))
    {
        None => None,
        Some(Ok(filter)) => Some(filter),
        Some(Err(error)) => return bad_request(tenant, &error.to_string()),
    };
    let order = match call
        .param("$orderby")
        .map(|text| filter::order(text, &FIELDS))
    {
        None => Vec::new(),
        Some(Ok(order)) => order,
        Some(Err(error)) => return bad_request(tenant, &error.to_string()),
    };
    if !filter::is_efficient(filter.as_ref(), &order) {
        return refused(
            tenant,
            400,
            "InefficientFilter",
            "The restriction or sort order is too complex for this operation.",
        );
    }
    let phrase = phrase(tenant, call)?;
    if phrase.is_some() && (filter.is_some() || !order.is_empty()) {
        return refused(
            tenant,
            400,
            "SearchWithFilter",
            "The query parameter '$filter' is not supported with '$search'.",
        );
    }
    let size = top(tenant, call, 10, 1000)?;
    let from = call.number("$skip").unwrap_or(0);
    let verb = expands_last_verb(tenant, call)?;
    let searching = filter.is_some() || phrase.is_some();
    let fresh = tenant.now() - TimeDelta::seconds(tenant.platform().search_delay);
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let within = match folder_segment(call) {
        None => None,
        Some(key) => Some(folders::find(tenant, &store, index, key)?),
    };
    let mut found: Vec<&Item> = store
        .items
        .iter()
        .filter(|item| match within {
            None => !matches!(
                item.holding,
                Holding::Folder(RECOVERABLE | IN_PLACE_ARCHIVE)
            ),
            Some(folder) => item.holding == Holding::Folder(folder),
        })
        .filter(|item| !searching || item.received <= fresh)
        .filter(|item| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.holds(&|p, c, l| test(index, item, p, c, l)))
        })
        .filter(|item| {
            phrase
                .as_ref()
                .is_none_or(|search| search.holds(&item.letter.words, item.received.date_naive()))
        })
        .collect();
    found.sort_by(|a, b| b.received.cmp(&a.received).then(b.uid.cmp(&a.uid)));
    if phrase.is_some() {
        found.sort_by_key(|item| std::cmp::Reverse(item.letter.date.unwrap_or(item.received)));
        found.truncate(SEARCHED);
    }
    for key in order.iter().rev() {
        found.sort_by(|a, b| {
            let ordering = compared(a, &key.path).cmp(&compared(b, &key.path));
            if key.descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
    }
    let select = selected(call);
    let view = View {
        mailbox: index,
        immutable: immutable(call),
        text_body: text_body(call),
        select: select.as_deref(),
        single: false,
        verb,
    };
    let value: Vec<Value> = found
        .iter()
        .skip(from)
        .take(size)
        .map(|item| render::show(item, view))
        .collect();
    let mut answer = json!({
        "@odata.context": format!("{}/v1.0/$metadata#users('{}')/messages", tenant.base(), call.segments.get(2).map_or("", String::as_str)),
        "value": value,
    });
    if let Some(members) = answer.as_object_mut() {
        if call.flag("$count") {
            members.insert("@odata.count".into(), json!(found.len()));
        }
        if from + size < found.len() {
            let next = link(tenant, call, "$skip", &(from + size).to_string());
            members.insert("@odata.nextLink".into(), json!(next));
        }
    }
    Ok(Reply::json(200, &answer))
}

/// A `$search`: keywords in one pair of double quotes, their own escaped.
fn phrase(tenant: &Tenant, call: &Call) -> Result<Option<Keywords>, Refused> {
    let Some(text) = call.param("$search") else {
        return Ok(None);
    };
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let Some(inner) = inner else {
        return bad_request(
            tenant,
            "Syntax error: $search must be enclosed in double quotes.",
        );
    };
    match Keywords::parse(&inner.replace("\\\"", "\"")) {
        Ok(search) => Ok(Some(search)),
        Err(error) => bad_request(tenant, &error.to_string()),
    }
}

/// Whether the last verb is to be shown: the one extended property that is
/// known here.
fn expands_last_verb(tenant: &Tenant, call: &Call) -> Result<bool, Refused> {
    let Some(text) = call.param("$expand") else {
        return Ok(false);
    };
    let inner = text
        .strip_prefix("singleValueExtendedProperties(")
        .and_then(|rest| rest.strip_suffix(')'))
        .map(str::trim);
    match inner.and_then(|inner| inner.strip_prefix("$filter=")) {
        Some(filter) => Ok(filter.to_lowercase().contains("id eq 'integer 0x1081'")),
        None => bad_request(
            tenant,
            "The simulated tenant expands singleValueExtendedProperties with a $filter only.",
        ),
    }
}

fn compared(item: &Item, path: &str) -> String {
    match path {
        "receivedDateTime" => item.received.to_rfc3339(),
        "sentDateTime" => item.letter.date.unwrap_or(item.received).to_rfc3339(),
        "subject" => item.letter.subject.to_lowercase(),
        "internetMessageId" => item.letter.message_id.clone(),
        "isRead" => item.read.to_string(),
        "hasAttachments" => (!item.letter.attachments.is_empty()).to_string(),
        _ => item.letter.from.address.to_lowercase(),
    }
}

fn test(mailbox: u32, item: &Item, path: &str, how: Comparison, literal: &Literal) -> bool {
    let letter = &item.letter;
    let flag = |is: bool| match (how, literal) {
        (Comparison::Eq, Literal::Bool(wanted)) => is == *wanted,
        (Comparison::Ne, Literal::Bool(wanted)) => is != *wanted,
        _ => false,
    };
    match (path, literal) {
        ("receivedDateTime" | "sentDateTime", Literal::Time(wanted)) => {
            let is = if path == "receivedDateTime" {
                item.received
            } else {
                letter.date.unwrap_or(item.received)
            };
            match how {
                Comparison::Eq => is == *wanted,
                Comparison::Ne => is != *wanted,
                Comparison::Ge => is >= *wanted,
                Comparison::Gt => is > *wanted,
                Comparison::Le => is <= *wanted,
                Comparison::Lt => is < *wanted,
                _ => false,
            }
        }
        ("isRead", _) => flag(item.read),
        ("isDraft", _) => flag(item.draft),
        ("hasAttachments", _) => flag(!letter.attachments.is_empty()),
        ("internetMessageId", Literal::Text(wanted)) => match how {
            Comparison::Eq => letter.message_id == *wanted,
            Comparison::Ne => letter.message_id != *wanted,
            _ => false,
        },
        ("conversationId", Literal::Text(wanted)) => {
            how == Comparison::Eq && conversation_id(mailbox, letter) == *wanted
        }
        ("parentFolderId", Literal::Text(wanted)) => match item.holding {
            Holding::Folder(folder) => {
                how == Comparison::Eq && GraphId::Folder { mailbox, folder }.encode() == *wanted
            }
            Holding::Labels(_) => false,
        },
        (_, Literal::Text(wanted)) => {
            let is = match path {
                "subject" => letter.subject.to_lowercase(),
                _ => letter.from.address.to_lowercase(),
            };
            let wanted = wanted.to_lowercase();
            match how {
                Comparison::Eq => is == wanted,
                Comparison::Ne => is != wanted,
                Comparison::Contains => is.contains(&wanted),
                Comparison::StartsWith => is.starts_with(&wanted),
                _ => false,
            }
        }
        _ => false,
    }
}

fn shown(
    tenant: &Tenant,
    call: &Call,
    index: u32,
    uid: u32,
    status: u16,
) -> Result<Reply, Refused> {
    let select = selected(call);
    let view = View {
        mailbox: index,
        immutable: immutable(call),
        text_body: text_body(call),
        select: select.as_deref(),
        single: true,
        verb: expands_last_verb(tenant, call)?,
    };
    match tenant.mailbox(index).as_deref().and_then(|m| m.item(uid)) {
        Some(item) => Ok(Reply::json(status, &render::show(item, view))),
        None => not_found(tenant),
    }
}

pub(super) fn get(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let uid = named(tenant, call, index)?;
    shown(tenant, call, index, uid, 200)
}

pub(super) fn value(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let uid = named(tenant, call, user.index)?;
    let Some(store) = tenant.mailbox(user.index) else {
        return not_found(tenant);
    };
    let Some(item) = store.item(uid) else {
        return not_found(tenant);
    };
    let traced =
        !matches!(item.holding, Holding::Folder(crate::sim::mailstore::SENT)) && !item.draft;
    let mime = item
        .letter
        .regenerated(&user.address, item.received, traced);
    Ok(Reply::typed(200, "text/plain", mime))
}

pub(super) fn relocate(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let uid = named(tenant, call, index)?;
    let body = body(tenant, call)?;
    let Some(key) = argument(&body, "destinationId").and_then(Value::as_str) else {
        return bad_request(tenant, "The DestinationId parameter is missing.");
    };
    let now = tenant.now();
    {
        let Some(mut store) = tenant.mailbox(index) else {
            return not_found(tenant);
        };
        let folder = folders::find(tenant, &store, index, key)?;
        if folder == RECOVERABLE {
            return refused(
                tenant,
                403,
                "ErrorMoveCopyFailed",
                "Items cannot be moved into this folder.",
            );
        }
        store.move_to(uid, folder, now);
    }
    shown(tenant, call, index, uid, 201)
}

pub(super) fn patch(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let uid = named(tenant, call, index)?;
    let body = body(tenant, call)?;
    let now = tenant.now();
    if let Some(mut store) = tenant.mailbox(index)
        && let Some(item) = store.item_mut(uid)
    {
        if let Some(read) = argument(&body, "isRead").and_then(Value::as_bool) {
            item.read = read;
        }
        if let Some(flag) = argument(&body, "flag")
            && let Some(status) = argument(flag, "flagStatus").and_then(Value::as_str)
        {
            item.flagged = status == "flagged";
        }
        if let Some(categories) = argument(&body, "categories").and_then(Value::as_array) {
            item.categories = categories
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
        }
        item.changes += 1;
        item.modified = now;
    }
    shown(tenant, call, index, uid, 200)
}

pub(super) fn delete(tenant: &Tenant, call: &Call, purge: bool) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let uid = named(tenant, call, index)?;
    let now = tenant.now();
    if let Some(mut store) = tenant.mailbox(index) {
        let dumped = store
            .item(uid)
            .is_some_and(|item| item.holding == Holding::Folder(RECOVERABLE));
        if purge {
            store.remove(uid);
        } else if dumped {
            return refused(
                tenant,
                403,
                "ErrorCannotDeleteObject",
                "The object cannot be deleted.",
            );
        } else {
            store.move_to(uid, RECOVERABLE, now);
        }
    }
    Ok(Reply::empty(204))
}

/// Turns ids of one form into another. An id that names nothing is answered
/// with an error of its own.
pub(super) fn translate(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let body = body(tenant, call)?;
    let word = |name: &str| argument(&body, name).and_then(Value::as_str);
    let (Some(source), Some(target), Some(ids)) = (
        word("sourceIdType"),
        word("targetIdType"),
        argument(&body, "inputIds").and_then(Value::as_array),
    ) else {
        return bad_request(
            tenant,
            "inputIds, sourceIdType and targetIdType are required.",
        );
    };
    let forms = [
        "entryId",
        "ewsId",
        "immutableEntryId",
        "restId",
        "restImmutableEntryId",
    ];
    if ids.len() > 1000 || !forms.contains(&source) || !forms.contains(&target) {
        return bad_request(tenant, "Invalid id type, or more than 1000 ids.");
    }
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let value: Vec<Value> = ids
        .iter()
        .map(|id| {
            let given = id.as_str().unwrap_or_default();
            let found = match GraphId::decode(&from_ews(given)) {
                Some(GraphId::Item {
                    mailbox,
                    uid,
                    version,
                }) if mailbox == index => store.item(uid).filter(|item| item.version == version),
                Some(GraphId::Immutable { mailbox, uid }) if mailbox == index => store.item(uid),
                _ => None,
            };
            match found {
                Some(item) => {
                    let id = item_id(index, item, target.to_lowercase().contains("immutable"));
                    let target_id = if target.starts_with("rest") {
                        id
                    } else {
                        to_ews(&id)
                    };
                    json!({"sourceId": given, "targetId": target_id})
                }
                None => json!({"sourceId": given, "errorDetails": {
                    "code": "ErrorInvalidIdMalformed",
                    "message": "Id is malformed.",
                }}),
            }
        })
        .collect();
    Ok(Reply::json(
        200,
        &json!({
            "@odata.context": format!("{}/v1.0/$metadata#Collection(microsoft.graph.convertIdResult)", tenant.base()),
            "value": value,
        }),
    ))
}

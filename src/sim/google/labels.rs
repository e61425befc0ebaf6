//! Gmail labels.

use serde_json::{Value, json};

use super::{Refused, body, invalid, not_found, refused};
use crate::sim::{
    call::{Call, Reply},
    mailstore::{Holding, Label, Mailbox, SYSTEM_LABELS, label_id},
    org::User,
    tenant::Tenant,
};

fn show(label: &Label) -> Value {
    json!({
        "id": label_id(label.number),
        "name": label.name,
        "type": "user",
        "labelListVisibility": label.list_visibility,
        "messageListVisibility": label.message_visibility,
    })
}

pub(super) fn list(tenant: &Tenant, user: &User) -> Result<Reply, Refused> {
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let labels: Vec<Value> = SYSTEM_LABELS
        .iter()
        .chain(&["UNREAD", "STARRED"])
        .map(|name| json!({"id": name, "name": name, "type": "system"}))
        .chain(mailbox.labels.iter().map(show))
        .collect();
    Ok(Reply::json(200, &json!({ "labels": labels })))
}

fn key(call: &Call) -> &str {
    call.segments.last().map_or("", String::as_str)
}

pub(super) fn get(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let id = key(call);
    let Some(number) = mailbox.label_number(id) else {
        return not_found();
    };
    let mut shown = match mailbox.label(number) {
        Some(label) => show(label),
        None => json!({"id": id, "name": id, "type": "system"}),
    };
    let inside = mailbox.items.iter().filter(
        |item| matches!(&item.holding, Holding::Labels(labels) if labels.contains(&number)),
    );
    let (total, unread) = inside.fold((0, 0), |(all, unread), item| {
        (all + 1, unread + i32::from(!item.read))
    });
    if let Some(members) = shown.as_object_mut() {
        for (name, count) in [
            ("messagesTotal", total),
            ("messagesUnread", unread),
            ("threadsTotal", total),
            ("threadsUnread", unread),
        ] {
            members.insert(name.into(), json!(count));
        }
    }
    Ok(Reply::json(200, &shown))
}

pub(super) fn create(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let body = body(call)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = text("name").map(str::trim).unwrap_or_default();
    let list_visibility = text("labelListVisibility").unwrap_or("labelShow");
    let message_visibility = text("messageListVisibility").unwrap_or("show");
    let known = ["labelShow", "labelShowIfUnread", "labelHide"].contains(&list_visibility)
        && ["show", "hide"].contains(&message_visibility);
    if name.is_empty() || !known {
        return invalid("Invalid label name or visibility");
    }
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let Ok(number) = mailbox.create_label(name, list_visibility, message_visibility) else {
        return refused(409, "aborted", "Label name exists or conflicts");
    };
    match mailbox.label(number) {
        Some(label) => Ok(Reply::json(200, &show(label))),
        None => not_found(),
    }
}

/// Deleting a label takes it off every message.
pub(super) fn delete(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let now = tenant.now();
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    let Some(number) = mailbox
        .label_number(key(call))
        .filter(|number| mailbox.label(*number).is_some())
    else {
        return not_found();
    };
    strip(&mut mailbox, number, now);
    mailbox.labels.retain(|label| label.number != number);
    Ok(Reply::empty(204))
}

fn strip(mailbox: &mut Mailbox, number: u32, now: chrono::DateTime<chrono::Utc>) {
    let id = [label_id(number)];
    let carrying: Vec<u32> = mailbox.items.iter().map(|item| item.uid).collect();
    for uid in carrying {
        mailbox.relabel(uid, &[], &id, now);
    }
}

//! Sending: `sendMail`, drafts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::sync::Arc;

use super::{
    Refused, addressee, argument, bad_request, body, folders, messages, not_found, refused,
    render::{self, View, addresses, as_mime},
};
use crate::sim::{
    call::{Call, Reply},
    letter::{Letter, with_header},
    mailstore::{DRAFTS, Origin, SENT, Slot},
    org::User,
    seed::hash,
    tenant::Tenant,
};

fn is_mime(call: &Call) -> bool {
    call.header_has("content-type", "text/plain")
}

/// The message in a base64 MIME body.
fn mime(tenant: &Tenant, call: &Call) -> Result<Vec<u8>, Refused> {
    let text: Vec<u8> = call
        .body
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    match STANDARD.decode(text) {
        Ok(raw) if !raw.is_empty() => Ok(raw),
        _ => refused(
            tenant,
            400,
            "ErrorMimeContentInvalidBase64String",
            "Invalid base64 string for MIME content.",
        ),
    }
}

fn new_id(tenant: &Tenant, user: &User, salt: &str) -> String {
    let mark = hash(&format!("{}/{}/{salt}", user.id, tenant.now()));
    format!("<SIM{mark:016X}@northwind.example>")
}

/// Everybody a MIME message names, Bcc included.
fn named_in(raw: &[u8]) -> Vec<String> {
    let letter = Letter::new(raw);
    let bcc = mail_parser::MessageParser::default()
        .parse(raw)
        .and_then(|message| {
            Some(
                message
                    .bcc()?
                    .iter()
                    .filter_map(|one| one.address().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
        })
        .unwrap_or_default();
    letter
        .to
        .iter()
        .chain(&letter.cc)
        .map(|party| party.address.clone())
        .chain(bcc)
        .collect()
}

pub(super) fn send_mail(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let (raw, recipients, save) = if is_mime(call) {
        let raw = mime(tenant, call)?;
        let recipients = named_in(&raw);
        (raw, recipients, true)
    } else {
        let body = body(tenant, call)?;
        let Some(message) = argument(&body, "message").filter(|m| m.is_object()) else {
            return bad_request(tenant, "The Message parameter is missing.");
        };
        if let Some(name) = foreign_header(message) {
            return refused(
                tenant,
                400,
                "InvalidInternetMessageHeader",
                &format!(
                    "The internet message header name '{name}' should start with 'x-' or 'X-'."
                ),
            );
        }
        let id = new_id(tenant, user, &message.to_string());
        let save = argument(&body, "saveToSentItems")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        (
            as_mime(message, &user.address, &id, tenant.now()),
            addresses(message),
            save,
        )
    };
    if recipients.is_empty() {
        return refused(
            tenant,
            400,
            "ErrorInvalidRecipients",
            "At least one recipient is not valid.",
        );
    }
    dispatch(tenant, user, &raw, &recipients, save);
    Ok(Reply::empty(202))
}

fn dispatch(tenant: &Tenant, user: &User, raw: &[u8], recipients: &[String], save: bool) {
    let raw = with_id(tenant, user, raw);
    let without_bcc = with_header(&raw, "Bcc", None);
    tenant.post(&without_bcc, recipients);
    if save {
        let letter = Arc::new(Letter::new(&raw));
        tenant.deliver(user.index, &letter, Slot::Sent, true, Origin::Wire);
    }
}

fn with_id(tenant: &Tenant, user: &User, raw: &[u8]) -> Vec<u8> {
    if Letter::new(raw).message_id.is_empty() {
        let id = new_id(tenant, user, &String::from_utf8_lossy(raw));
        with_header(raw, "Message-ID", Some(&id))
    } else {
        raw.to_vec()
    }
}

fn foreign_header(message: &Value) -> Option<&str> {
    argument(message, "internetMessageHeaders")?
        .as_array()?
        .iter()
        .filter_map(|header| argument(header, "name")?.as_str())
        .find(|name| !name.to_lowercase().starts_with("x-"))
}

pub(super) fn create(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let raw = if is_mime(call) {
        with_id(tenant, user, &mime(tenant, call)?)
    } else {
        let message = body(tenant, call)?;
        let id = new_id(tenant, user, &message.to_string());
        as_mime(&message, &user.address, &id, tenant.now())
    };
    let folder = match call.segments.get(3).map(String::as_str) {
        Some("mailFolders") => {
            let key = call.segments.get(4).map_or("", String::as_str);
            let store = tenant.mailbox(user.index);
            match store.as_deref() {
                Some(store) => folders::find(tenant, store, user.index, key)?,
                None => return not_found(tenant),
            }
        }
        _ => DRAFTS,
    };
    let letter = Arc::new(Letter::new(&raw));
    let uid = tenant.deliver(user.index, &letter, Slot::Drafts, true, Origin::Wire);
    let now = tenant.now();
    let store = tenant.mailbox(user.index);
    let (Some(mut store), Some(uid)) = (store, uid) else {
        return not_found(tenant);
    };
    if folder != DRAFTS {
        store.move_to(uid, folder, now);
    }
    let view = View {
        mailbox: user.index,
        immutable: messages::immutable(call),
        text_body: false,
        select: None,
        single: true,
        verb: false,
    };
    match store.item(uid) {
        Some(item) => Ok(Reply::json(201, &render::show(item, view))),
        None => not_found(tenant),
    }
}

pub(super) fn send(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let uid = messages::named(tenant, call, user.index)?;
    let now = tenant.now();
    let raw = {
        let Some(mut store) = tenant.mailbox(user.index) else {
            return not_found(tenant);
        };
        let Some(item) = store.item_mut(uid).filter(|item| item.draft) else {
            return refused(
                tenant,
                400,
                "ErrorInvalidOperation",
                "Only drafts can be sent.",
            );
        };
        item.draft = false;
        let raw = item.letter.raw.clone();
        store.move_to(uid, SENT, now);
        raw
    };
    let recipients = named_in(&raw);
    dispatch(tenant, user, &raw, &recipients, false);
    Ok(Reply::empty(202))
}

//! Events of a person's calendar, and the event that an invitation made.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    Refused, addressee, argument, bad_request, body, messages, not_found, refused,
    render::{self, View},
};
use crate::sim::{
    calendar::Event,
    call::{Call, Reply},
    tenant::Tenant,
};

fn show(event: &Event, mailbox: u32) -> Value {
    let mut shown = event.fields.clone();
    shown.insert("id".into(), json!(event.id(mailbox)));
    shown.insert("iCalUId".into(), json!(event.uid));
    shown.insert("isOrganizer".into(), json!(event.own));
    shown.insert("type".into(), json!("singleInstance"));
    let created = event.created.to_rfc3339_opts(SecondsFormat::Secs, true);
    shown.insert("createdDateTime".into(), json!(created));
    shown.insert("transactionId".into(), json!(event.transaction));
    Value::Object(shown)
}

/// A message with its event: `$expand=microsoft.graph.eventMessage/event`.
pub(super) fn of_message(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let uid = messages::named(tenant, call, index)?;
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let Some(item) = store.item(uid) else {
        return not_found(tenant);
    };
    let view = View {
        mailbox: index,
        immutable: messages::immutable(call),
        text_body: false,
        select: None,
        single: true,
        verb: false,
    };
    let mut shown = render::show(item, view);
    if let (Some(invitation), Some(members)) = (&item.letter.invitation, shown.as_object_mut()) {
        members.insert(
            "@odata.type".into(),
            json!("#microsoft.graph.eventMessageRequest"),
        );
        let mut events = store.calendar.standing();
        let event = events.find(|event| event.uid == invitation.uid);
        members.insert("event".into(), json!(event.map(|event| show(event, index))));
    }
    Ok(Reply::json(200, &shown))
}

fn named(call: &Call) -> &str {
    call.segments.last().map_or("", String::as_str)
}

pub(super) fn get(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let store = tenant.mailbox(index);
    let found = store.as_ref().and_then(|store| {
        let mut events = store.calendar.standing();
        events.find(|event| event.id(index) == named(call))
    });
    match found {
        Some(event) => Ok(Reply::json(200, &show(event, index))),
        None => not_found(tenant),
    }
}

pub(super) fn delete(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    if let Some(mut store) = tenant.mailbox(index)
        && let Some(event) = store
            .calendar
            .events
            .iter_mut()
            .find(|event| event.on_calendar && event.id(index) == named(call))
    {
        event.on_calendar = false;
        return Ok(Reply::empty(204));
    }
    not_found(tenant)
}

/// Events that carry an extended property: the one filter known here.
pub(super) fn list(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let filter = call.param("$filter").unwrap_or_default();
    let inner = filter
        .strip_prefix("singleValueExtendedProperties/Any(ep: ep/id eq '")
        .and_then(|rest| rest.strip_suffix("')"));
    let Some((id, value)) = inner.and_then(|inner| inner.split_once("' and ep/value eq '")) else {
        return bad_request(
            tenant,
            "The simulated tenant filters events by a mark only.",
        );
    };
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let has = |event: &&Event| event.marks.iter().any(|(i, v)| i == id && v == value);
    let found: Vec<Value> = store
        .calendar
        .standing()
        .filter(has)
        .map(|event| show(event, index))
        .collect();
    Ok(Reply::json(200, &json!({ "value": found })))
}

/// Makes an event. A transaction that was used makes no second one: the same request
/// again is answered with what it made, another one is refused.
pub(super) fn create(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let body = body(tenant, call)?;
    let now = tenant.now();
    let text = |name: &str| argument(&body, name).and_then(Value::as_str);
    let transaction = text("transactionId").map(str::to_owned);
    let Some(mut store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let mut events = store.calendar.events.iter();
    if transaction.is_some()
        && let Some(known) = events.find(|event| event.transaction == transaction)
    {
        if known.on_calendar && known.text("subject") == text("subject").unwrap_or_default() {
            return Ok(Reply::json(201, &show(known, index)));
        }
        return refused(
            tenant,
            409,
            "ErrorDuplicateTransactionId",
            "The TransactionId specified in the request has already been used to create a different event.",
        );
    }
    let mut fields = body.as_object().cloned().unwrap_or_default();
    fields.remove("transactionId");
    let marks = fields.remove("singleValueExtendedProperties");
    let mut event = store.calendar.blank(fields, now);
    event.own = true;
    event.transaction = transaction;
    event.marks = marks
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|mark| {
            let word = |name: &str| mark.get(name)?.as_str().map(str::to_owned);
            Some((word("id")?, word("value")?))
        })
        .collect();
    let shown = show(&event, index);
    store.calendar.events.push(event);
    Ok(Reply::json(201, &shown))
}

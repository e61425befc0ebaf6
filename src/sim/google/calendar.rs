//! Google's Calendar API: a person's own calendar.

use serde_json::{Value, json};

use super::{Refused, auth, bearer, body, needs, not_found, reachable, refused};
use crate::sim::{
    calendar::Event,
    call::{Call, Reply},
    counters::Operation,
    platform::Reach,
    route::Route,
    tenant::Tenant,
};

pub(super) fn answer(tenant: &Tenant, route: Route, call: &Call) -> Result<Reply, Refused> {
    let (holder, scopes) = bearer(tenant, call)?;
    if route.mailbox != Some(holder) {
        return not_found();
    }
    let reach = tenant.mailbox(holder).map_or(Reach::Missing, |m| m.reach);
    reachable(reach)?;
    needs(&scopes, auth::EVENTS)?;
    match route.operation {
        Operation::CalendarList => list(tenant, call, holder),
        Operation::CalendarDelete => delete(tenant, call, holder),
        Operation::CalendarPatch => patch(tenant, call, holder),
        _ => not_found(),
    }
}

fn show(event: &Event, mailbox: u32) -> Value {
    let status = if event.on_calendar {
        "confirmed"
    } else {
        "cancelled"
    };
    json!({
        "kind": "calendar#event",
        "id": event.id(mailbox),
        "status": status,
        "iCalUID": event.uid,
        "summary": event.text("subject"),
        "created": event.created.to_rfc3339(),
        "organizer": {
            "email": event.fields.get("organizer").and_then(|o| o.pointer("/emailAddress/address")),
            "self": event.own,
        },
        "eventType": "default",
    })
}

fn list(tenant: &Tenant, call: &Call, mailbox: u32) -> Result<Reply, Refused> {
    let Some(store) = tenant.mailbox(mailbox) else {
        return not_found();
    };
    let items: Vec<Value> = store
        .calendar
        .events
        .iter()
        .filter(|event| event.on_calendar || call.flag("showDeleted"))
        .filter(|event| call.param("iCalUID").is_none_or(|uid| uid == event.uid))
        .map(|event| show(event, mailbox))
        .collect();
    Ok(Reply::json(
        200,
        &json!({"kind": "calendar#events", "timeZone": "UTC", "items": items}),
    ))
}

/// Changes the event that the path names.
fn change(
    tenant: &Tenant,
    call: &Call,
    mailbox: u32,
    change: impl FnOnce(&mut Event) -> Result<Reply, Refused>,
) -> Result<Reply, Refused> {
    // Without it the other people of a meeting may be written to.
    if call.param("sendUpdates") != Some("none") {
        return refused(
            400,
            "required",
            "The simulated tenant tells nobody of changes.",
        );
    }
    let named = call.segments.last().map_or("", String::as_str);
    let Some(mut store) = tenant.mailbox(mailbox) else {
        return not_found();
    };
    let mut events = store.calendar.events.iter_mut();
    match events.find(|event| event.id(mailbox) == named) {
        Some(event) => change(event),
        None => not_found(),
    }
}

fn delete(tenant: &Tenant, call: &Call, mailbox: u32) -> Result<Reply, Refused> {
    change(tenant, call, mailbox, |event| {
        if !event.on_calendar {
            return refused(410, "deleted", "Resource has been deleted");
        }
        event.on_calendar = false;
        Ok(Reply::empty(204))
    })
}

fn patch(tenant: &Tenant, call: &Call, mailbox: u32) -> Result<Reply, Refused> {
    let asked = body(call)?;
    change(tenant, call, mailbox, |event| {
        match asked.get("status").and_then(Value::as_str) {
            Some("confirmed" | "tentative") => event.on_calendar = true,
            Some("cancelled") => event.on_calendar = false,
            _ => {}
        }
        Ok(Reply::json(200, &show(event, mailbox)))
    })
}

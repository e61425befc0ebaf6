//! Change notification subscriptions: made, listed, renewed, ended.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Refused, argument, body, folders, messages::immutable, page, refused};
use crate::{
    domain::Provider,
    sim::{
        call::{Call, Reply},
        courier::is_loopback,
        notices::Subscription,
        seed::{hash, mix},
        tenant::{Tenant, lock},
    },
};

/// Longest life of a subscription to messages.
const LONGEST: TimeDelta = TimeDelta::minutes(10_080);
/// A shorter life is raised to this.
const SHORTEST: TimeDelta = TimeDelta::minutes(45);
/// Live subscriptions of one mailbox.
const MOST: usize = 1000;

fn invalid<T>(tenant: &Tenant, message: &str) -> Result<T, Refused> {
    refused(tenant, 400, "ValidationError", message)
}

fn unknown<T>(tenant: &Tenant) -> Result<T, Refused> {
    refused(tenant, 404, "ResourceNotFound", "The object was not found.")
}

fn show(tenant: &Tenant, one: &Subscription) -> Value {
    json!({
        "@odata.context": format!("{}/v1.0/$metadata#subscriptions/$entity", tenant.base()),
        "id": one.id,
        "resource": one.resource,
        "applicationId": tenant.identity.client_id,
        "creatorId": tenant.identity.client_id,
        "changeType": one.change_type,
        "clientState": Value::Null,
        "notificationUrl": one.url,
        "lifecycleNotificationUrl": one.lifecycle_url,
        "expirationDateTime": one.expires.to_rfc3339_opts(SecondsFormat::Secs, true),
        "latestSupportedTlsVersion": "v1_2",
        "includeResourceData": false,
    })
}

/// Takes those out whose time is over.
fn prune(tenant: &Tenant) {
    let now = tenant.now();
    lock(&tenant.subscriptions).retain(|one| one.expires > now);
}

fn expiry(tenant: &Tenant, body: &Value) -> Result<DateTime<Utc>, Refused> {
    let now = tenant.now();
    let asked = argument(body, "expirationDateTime")
        .and_then(Value::as_str)
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let Some(asked) = asked.map(|at| at.to_utc()) else {
        return invalid(
            tenant,
            "The expirationDateTime property is missing or no time.",
        );
    };
    if asked <= now {
        return invalid(tenant, "Subscription expiration must be in the future.");
    }
    if asked - now > LONGEST {
        return invalid(
            tenant,
            "Subscription expiration can only be 10080 minutes in the future.",
        );
    }
    Ok(asked.max(now + SHORTEST))
}

/// The mailbox and folder that a resource names.
fn watched(tenant: &Tenant, resource: &str) -> Result<(u32, Option<u32>), Refused> {
    let path = resource.trim_start_matches('/').trim_start_matches("v1.0/");
    let parts: Vec<&str> = path.split('/').collect();
    let (user, folder) = match parts.as_slice() {
        ["users", user, "messages"] => (*user, None),
        ["users", user, "mailFolders", folder, "messages"] => (*user, Some(*folder)),
        ["users", user, folder, "messages"] => {
            let folder = folder
                .strip_prefix("mailFolders('")
                .and_then(|folder| folder.strip_suffix("')"));
            match folder {
                Some(folder) => (*user, Some(folder)),
                None => return invalid(tenant, "Resource is not supported."),
            }
        }
        _ => return invalid(tenant, "Resource is not supported."),
    };
    let Some(owner) = tenant.org.find(Provider::Graph, user) else {
        return refused(
            tenant,
            404,
            "ErrorInvalidUser",
            "The requested user is invalid.",
        );
    };
    let Some(store) = tenant.mailbox(owner.index) else {
        return unknown(tenant);
    };
    super::reachable(tenant, store.reach)?;
    let folder = match folder {
        None => None,
        Some(key) => Some(folders::find(tenant, &store, owner.index, key)?),
    };
    Ok((owner.index, folder))
}

/// The handshake: the endpoint must give the token back, as plain text.
fn handshake(tenant: &Tenant, url: &str, salt: u64) -> Result<(), Refused> {
    if !is_loopback(url) {
        return invalid(
            tenant,
            "Subscription validation request failed. The notification URL cannot be reached.",
        );
    }
    let token = format!(
        "Validation: Testing client application reachability for subscription Request-Id: {:016x}+{:08x}",
        mix(salt),
        mix(salt ^ 1) >> 32
    );
    let mark = if url.contains('?') { '&' } else { '?' };
    let asked = format!(
        "{url}{mark}validationToken={}",
        utf8_percent_encode(&token, NON_ALPHANUMERIC)
    );
    let told = tenant.courier.ask(asked);
    let good = told.as_ref().is_some_and(|told| {
        told.status == 200 && told.content_type.starts_with("text/plain") && told.body == token
    });
    if good {
        return Ok(());
    }
    let status = told.map_or_else(|| "none".to_owned(), |told| told.status.to_string());
    invalid(
        tenant,
        &format!(
            "Subscription validation request failed. The endpoint must answer 200 with the token as plain text; its status was {status}."
        ),
    )
}

pub(super) fn create(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let body = body(tenant, call)?;
    let text = |name: &str| argument(&body, name).and_then(Value::as_str);
    let (Some(change_type), Some(url), Some(resource)) = (
        text("changeType"),
        text("notificationUrl"),
        text("resource"),
    ) else {
        return invalid(
            tenant,
            "changeType, notificationUrl and resource are required.",
        );
    };
    let known = ["created", "updated", "deleted"];
    if !change_type
        .split(',')
        .all(|kind| known.contains(&kind.trim()))
    {
        return invalid(tenant, "The changeType is not supported.");
    }
    if text("clientState").is_some_and(|state| state.len() > 128) {
        return invalid(
            tenant,
            "clientState must not be longer than 128 characters.",
        );
    }
    if argument(&body, "includeResourceData").and_then(Value::as_bool) == Some(true) {
        return invalid(
            tenant,
            "The simulated tenant sends no notifications with resource data.",
        );
    }
    let expires = expiry(tenant, &body)?;
    let (mailbox, folder) = watched(tenant, resource)?;
    prune(tenant);
    let (own, all) = {
        let live = lock(&tenant.subscriptions);
        (
            live.iter().filter(|one| one.mailbox == mailbox).count(),
            live.len(),
        )
    };
    if own >= MOST {
        return refused(
            tenant,
            403,
            "ErrorSubscriptionLimitExceeded",
            "The mailbox has as many subscriptions as it may have.",
        );
    }
    let salt = hash(&format!("{url}/{all}/{}", tenant.now().timestamp_millis()));
    handshake(tenant, url, salt)?;
    let lifecycle = text("lifecycleNotificationUrl");
    if let Some(lifecycle) = lifecycle {
        handshake(tenant, lifecycle, salt ^ 2)?;
    }
    let mut live = lock(&tenant.subscriptions);
    let bytes = (u128::from(mix(salt ^ 3)) << 64) | u128::from(mix(salt ^ live.len() as u64));
    let one = Subscription {
        id: uuid::Builder::from_random_bytes(bytes.to_be_bytes())
            .into_uuid()
            .to_string(),
        resource: resource.to_owned(),
        mailbox,
        folder,
        change_type: change_type.to_owned(),
        url: url.to_owned(),
        lifecycle_url: lifecycle.map(str::to_owned),
        client_state: text("clientState").map(str::to_owned),
        expires,
        immutable: immutable(call),
    };
    let mut shown = show(tenant, &one);
    if let Some(members) = shown.as_object_mut() {
        members.insert("clientState".into(), json!(one.client_state));
    }
    live.push(one);
    Ok(Reply::json(201, &shown))
}

fn key(call: &Call) -> &str {
    call.segments.get(2).map_or("", String::as_str)
}

pub(super) fn list(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    prune(tenant);
    let live = lock(&tenant.subscriptions).clone();
    page(
        tenant,
        call,
        "subscriptions",
        (100, 999),
        live.len(),
        |at| {
            let mut shown = show(tenant, live.get(at)?);
            shown.as_object_mut()?.remove("@odata.context");
            Some(shown)
        },
    )
}

pub(super) fn get(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    prune(tenant);
    let live = lock(&tenant.subscriptions);
    match live.iter().find(|one| one.id == key(call)) {
        Some(one) => Ok(Reply::json(200, &show(tenant, one))),
        None => unknown(tenant),
    }
}

pub(super) fn renew(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let body = body(tenant, call)?;
    prune(tenant);
    let expires = expiry(tenant, &body)?;
    let mut live = lock(&tenant.subscriptions);
    match live.iter_mut().find(|one| one.id == key(call)) {
        Some(one) => {
            one.expires = expires;
            Ok(Reply::json(200, &show(tenant, one)))
        }
        None => unknown(tenant),
    }
}

pub(super) fn delete(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    prune(tenant);
    let mut live = lock(&tenant.subscriptions);
    let before = live.len();
    live.retain(|one| one.id != key(call));
    if live.len() < before {
        Ok(Reply::empty(204))
    } else {
        unknown(tenant)
    }
}

pub(super) fn reauthorize(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    prune(tenant);
    let known = lock(&tenant.subscriptions)
        .iter()
        .any(|one| one.id == key(call));
    if known {
        Ok(Reply::empty(204))
    } else {
        unknown(tenant)
    }
}

//! The simulator's own endpoints under `/sim/`: to script it from outside.
//! They need no credential: the simulator listens on loopback.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    ForwardingRule, Platform, PushTarget, Reach,
    call::{Call, Reply},
    faults::Fault,
    letter::Letter,
    mailstore::{Origin, Slot},
    notices,
    scenario::{How, Snapshot, Watched, reporters},
    tenant::{Tenant, lock},
    tokens, truth,
};

pub(super) fn answer(tenant: &Tenant, call: &Call) -> Reply {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let body = call.json().unwrap_or(Value::Null);
    let result = match (call.method.as_str(), path.as_slice()) {
        ("POST", ["sim", "faults"]) => faults(tenant, &body),
        ("DELETE", ["sim", "faults"]) => {
            lock(&tenant.script).clear();
            Ok(json!({}))
        }
        ("POST", ["sim", "clock", "advance"]) => clock(tenant, &body),
        ("GET", ["sim", "truth"]) => Ok(json!(truth::truth(tenant))),
        ("GET", ["sim", "reporters"]) => Ok(json!(reporters(tenant))),
        ("GET", ["sim", "counters"]) => Ok(json!(*lock(&tenant.counters))),
        ("DELETE", ["sim", "counters"]) => {
            *lock(&tenant.counters) = super::Counters::default();
            Ok(json!({}))
        }
        ("GET", ["sim", "identity"]) => Ok(identity(tenant)),
        ("POST", ["sim", "deliver"]) => deliver(tenant, &body),
        ("POST", ["sim", "tokens"]) => mint(tenant, &body),
        ("GET", ["sim", "platform"]) => Ok(json!(*tenant.platform())),
        ("POST", ["sim", "platform"]) => platform(tenant, &body),
        ("POST", ["sim", "mailbox"]) => mailbox(tenant, &body),
        ("POST", ["sim", "push"]) => push(tenant, &body),
        ("POST", ["sim", "lifecycle"]) => {
            read(&body, "event").map(|event| json!({"told": notices::lifecycle(tenant, event)}))
        }
        ("POST", ["sim", "release"]) => serde_json::from_value(body)
            .map(|how| json!({"requests": notices::release(tenant, how)}))
            .map_err(|error| error.to_string()),
        _ => {
            return Reply::json(
                404,
                &json!({"error": {"code": "NotFound", "message": "no such path in the simulated tenant"}}),
            );
        }
    };
    match result {
        Ok(body) => Reply::json(200, &body),
        Err(message) => Reply::json(
            400,
            &json!({"error": {"code": "BadPoke", "message": message}}),
        ),
    }
}

type Poked = Result<Value, String>;

fn faults(tenant: &Tenant, body: &Value) -> Poked {
    let faults: Vec<Fault> = if body.is_array() {
        serde_json::from_value(body.clone())
    } else {
        serde_json::from_value(body.clone()).map(|fault| vec![fault])
    }
    .map_err(|error| error.to_string())?;
    let mut script = lock(&tenant.script);
    let count = faults.len();
    for fault in faults {
        script.add(fault);
    }
    Ok(json!({ "added": count }))
}

fn clock(tenant: &Tenant, body: &Value) -> Poked {
    let seconds = body
        .get("seconds")
        .and_then(Value::as_i64)
        .filter(|seconds| seconds.abs() < 10 * 366 * 24 * 3600)
        .ok_or("seconds: a whole number is needed")?;
    tenant.advance(TimeDelta::seconds(seconds));
    Ok(json!({ "now": tenant.now() }))
}

fn read<T: DeserializeOwned>(body: &Value, name: &str) -> Result<T, String> {
    let value = body.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

/// Changes the members that are given.
fn platform(tenant: &Tenant, body: &Value) -> Poked {
    let mut now = json!(*tenant.platform());
    if let (Some(members), Some(changed)) = (now.as_object_mut(), body.as_object()) {
        members.extend(changed.clone());
    }
    let changed: Platform = serde_json::from_value(now).map_err(|error| error.to_string())?;
    *tenant.platform() = changed;
    Ok(json!(*tenant.platform()))
}

/// Sets how a mailbox is reached, and its rules.
fn mailbox(tenant: &Tenant, body: &Value) -> Poked {
    let address = text(body, "address").unwrap_or_default();
    let user = tenant
        .org
        .by_address(address)
        .ok_or("address: an address of the organisation is needed")?;
    let reach: Option<Reach> = read(body, "reach")?;
    let rules: Option<Vec<ForwardingRule>> = read(body, "rules")?;
    let mut mailbox = tenant.mailbox(user.index).ok_or("no such mailbox")?;
    if let Some(reach) = reach {
        mailbox.reach = reach;
    }
    if let Some(rules) = rules {
        mailbox.rules = rules;
    }
    Ok(json!({}))
}

fn push(tenant: &Tenant, body: &Value) -> Poked {
    let target: Option<PushTarget> =
        serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    *lock(&tenant.push) = target;
    Ok(json!({}))
}

fn identity(tenant: &Tenant) -> Value {
    let identity = &tenant.identity;
    json!({
        "base_url": tenant.base(),
        "tenant_id": identity.tenant_id,
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
        "reporter_audience": identity.reporter_audience,
        "addin_client_id": identity.addin_client_id,
        "google_audience": identity.google_audience,
        "addon_account_email": identity.addon_account_email,
        "admin_subject": tenant.admin().and_then(|at| tenant.user(at)).map(|user| &user.address),
        "service_account": super::service_account(tenant),
    })
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn deliver(tenant: &Tenant, body: &Value) -> Poked {
    let raw = match (text(body, "raw"), text(body, "raw_base64")) {
        (Some(raw), _) => raw.as_bytes().to_vec(),
        (None, Some(raw)) => STANDARD.decode(raw).map_err(|error| error.to_string())?,
        (None, None) => return Err("raw or raw_base64: a message is needed".into()),
    };
    let user = text(body, "to")
        .and_then(|to| tenant.org.by_address(to))
        .ok_or("to: an address of the organisation is needed")?;
    let slot = match text(body, "slot").unwrap_or("inbox") {
        "inbox" => Slot::Inbox,
        "junk" => Slot::Junk,
        "trash" => Slot::Trash,
        "sent" => Slot::Sent,
        own => Slot::Own(own.to_owned()),
    };
    let planted = body
        .get("planted")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let uid = place(tenant, user.index, &raw, slot, planted).ok_or("no such mailbox")?;
    Ok(json!({ "number": uid }))
}

/// Puts a message in beside the scenario; a planted one is watched by the
/// judge.
pub(super) fn place(
    tenant: &Tenant,
    user: u32,
    raw: &[u8],
    slot: Slot,
    planted: bool,
) -> Option<u32> {
    let letter = Arc::new(Letter::new(raw));
    let uid = tenant.arrive(user, &letter, slot, Origin::Scenario)?;
    if planted {
        let before = Snapshot::of(&*tenant.mailbox(user)?, uid)?;
        lock(&tenant.planted).copies.push(Watched {
            mailbox: user,
            uid,
            how: How::Late,
            depth: 0,
            before,
        });
    }
    Some(uid)
}

fn mint(tenant: &Tenant, body: &Value) -> Poked {
    let none = Map::new();
    let overrides = body
        .get("overrides")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let now = tenant.now();
    let kind = text(body, "kind").unwrap_or("entra");
    if kind == "system" {
        let endpoint = text(body, "endpoint").ok_or("endpoint: the called URL is needed")?;
        let token =
            tokens::system_id_token(tenant.keys, &tenant.identity, endpoint, now, overrides);
        return Ok(json!({ "token": token }));
    }
    let user = text(body, "user")
        .and_then(|user| tenant.org.by_address(user))
        .ok_or("user: an address of the organisation is needed")?;
    match kind {
        "entra" => Ok(json!({
            "token": tokens::entra_token(tenant.keys, &tenant.identity, user, now, overrides),
        })),
        "google" => Ok(json!({
            "token": tokens::google_id_token(tenant.keys, &tenant.identity, user, now, overrides),
        })),
        "addon" => {
            let message = text(body, "message").ok_or("message: a Gmail id is needed")?;
            let pair = super::addon_tokens(tenant, user.index, message)
                .ok_or("no such message in that mailbox")?;
            Ok(json!(pair))
        }
        _ => Err("kind: entra, google, system or addon".into()),
    }
}

//! `$batch`: up to twenty calls in one request, each on its own way through the
//! tenant (faults, counters, record), answers out of order.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Refused, bad_request, body};
use crate::sim::{
    call::{Call, Reply, Wire},
    tenant::Tenant,
};

const MOST: usize = 20;

struct Part {
    id: String,
    after: Vec<String>,
    call: Call,
}

pub(super) fn answer(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let body = body(tenant, call)?;
    let Some(requests) = body.get("requests").and_then(Value::as_array) else {
        return bad_request(tenant, "Invalid batch payload format.");
    };
    if requests.is_empty() || requests.len() > MOST {
        return bad_request(
            tenant,
            "Number of batch request steps exceeds the max value of 20.",
        );
    }
    let mut parts = Vec::with_capacity(requests.len());
    for request in requests {
        match part(call, request) {
            Some(part) => parts.push(part),
            None => return bad_request(tenant, "Invalid batch request."),
        }
    }
    let distinct: std::collections::HashSet<&str> =
        parts.iter().map(|part| part.id.as_str()).collect();
    if distinct.len() != parts.len() {
        return bad_request(tenant, "Request ids of a batch must be unique.");
    }
    Ok(run(tenant, &parts))
}

fn run(tenant: &Tenant, parts: &[Part]) -> Reply {
    let mut wire = Wire::default();
    let mut statuses: HashMap<&str, u16> = HashMap::new();
    let mut responses = Vec::with_capacity(parts.len());
    for part in parts {
        let failed = part.after.iter().any(|id| {
            statuses
                .get(id.as_str())
                .is_none_or(|status| !(200..300).contains(status))
        });
        let reply = if failed {
            super::error(
                tenant,
                424,
                "FailedDependency",
                "A request it depends on failed.",
            )
        } else {
            // Graph itself keeps to four at a time in a mailbox
            tenant.answer(&part.call, 1)
        };
        statuses.insert(&part.id, reply.status);
        wire.delay_ms += reply.wire.delay_ms;
        wire.lost |= reply.wire.lost;
        wire.cut_at = wire.cut_at.or(reply.wire.cut_at);
        responses.push(shown(&part.id, &reply));
    }
    // answers come in any order; this one is never the order of asking
    responses.reverse();
    let third = responses.len() / 3;
    responses.rotate_left(third);
    let mut reply = Reply::json(200, &json!({ "responses": responses }));
    reply.wire = wire;
    reply
}

fn part(outer: &Call, request: &Value) -> Option<Part> {
    let id = request.get("id")?.as_str()?.to_owned();
    let method = request.get("method")?.as_str()?;
    let url = request.get("url")?.as_str()?;
    if url.contains("$batch") || url.contains("://") {
        return None;
    }
    let mut headers: Vec<(String, String)> = request
        .get("headers")
        .and_then(Value::as_object)
        .map(|headers| {
            headers
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect()
        })
        .unwrap_or_default();
    let typed = |headers: &[(String, String)], kind: &str| {
        headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value.contains(kind))
    };
    let body = match request.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::from(STANDARD.decode(text).ok()?),
        // a JSON body needs its own Content-Type header
        Some(_) if !typed(&headers, "json") => return None,
        Some(json) => Bytes::from(json.to_string()),
    };
    if let Some(token) = outer.header("authorization") {
        headers.push(("authorization".into(), token.to_owned()));
    }
    let after = request
        .get("dependsOn")
        .and_then(Value::as_array)
        .map(|ids| {
            ids.iter()
                .filter_map(|id| Some(id.as_str()?.to_owned()))
                .collect()
        })
        .unwrap_or_default();
    let target = format!("/v1.0/{}", url.trim_start_matches('/'));
    let mut call = Call::new(method, &target, headers, body);
    call.part = true;
    Some(Part { id, after, call })
}

fn shown(id: &str, reply: &Reply) -> Value {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        let name = match name.as_str() {
            "content-type" => "Content-Type",
            "retry-after" => "Retry-After",
            other => other,
        };
        headers.insert(name.to_owned(), json!(value));
    }
    let mut response = json!({"id": id, "status": reply.status, "headers": headers});
    if !reply.body.is_empty()
        && let Some(members) = response.as_object_mut()
    {
        let is_json = reply
            .headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.contains("json"));
        let body = is_json
            .then(|| serde_json::from_slice(&reply.body).ok())
            .flatten()
            .unwrap_or_else(|| json!(STANDARD.encode(&reply.body)));
        members.insert("body".into(), body);
    }
    response
}

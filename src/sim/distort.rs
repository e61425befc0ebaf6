//! Answers bent after the call was carried out: parts of a batch lost or
//! doubled, pages that loop or lose rows, an item of somebody else.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::Provider;

use super::{
    call::{Call, Face, Reply},
    counters::Operation,
    google, graph,
    route::Route,
    tenant::Tenant,
};

/// What is wrong with the answers inside a `$batch`, counted from 0 as they
/// stand in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchFault {
    /// One is not there.
    Missing(usize),
    /// One is there twice.
    Twice(usize),
    /// One is there that nobody asked for.
    Stranger,
}

/// What is wrong with the pages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageFault {
    /// The next page is this one.
    Loops,
    /// The next page begins with so many rows of this one.
    Repeats(usize),
    /// The next page leaves so many rows out.
    Skips(usize),
    /// The page's token is no longer good. A first page is answered as usual.
    Expired,
}

/// The refusal of a page whose token has expired.
pub(super) fn expired(tenant: &Tenant, call: &Call, route: Route) -> Option<Reply> {
    let later = ["$skiptoken", "$skip", "pageToken"]
        .iter()
        .any(|name| call.param(name).is_some());
    later.then(|| match route.face {
        Face::Graph => graph::error(
            tenant,
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your request.",
        ),
        _ => google::error(400, "invalidArgument", "Invalid pageToken"),
    })
}

fn bend(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if reply.status == 200
        && let Ok(mut body) = serde_json::from_slice(&reply.body)
    {
        change(&mut body);
        reply.body = body.to_string().into();
    }
}

pub(super) fn batch(reply: &mut Reply, fault: BatchFault) {
    bend(reply, |body| {
        let Some(responses) = body.get_mut("responses").and_then(Value::as_array_mut) else {
            return;
        };
        match fault {
            BatchFault::Missing(at) if at < responses.len() => {
                responses.remove(at);
            }
            BatchFault::Twice(at) => {
                let twice = responses.get(at).cloned();
                responses.extend(twice);
            }
            BatchFault::Stranger => {
                responses.push(json!({"id": "stranger", "status": 200, "headers": {}}));
            }
            BatchFault::Missing(_) => {}
        }
    });
}

pub(super) fn pages(tenant: &Tenant, call: &Call, reply: &mut Reply, fault: PageFault) {
    bend(reply, |body| {
        let Some(members) = body.as_object_mut() else {
            return;
        };
        let name = if members.contains_key("@odata.context") {
            "@odata.nextLink"
        } else {
            "nextPageToken"
        };
        let next = members.get(name).and_then(Value::as_str).map(str::to_owned);
        let changed = match (fault, next) {
            (PageFault::Loops, _) if name == "nextPageToken" => Some(
                call.param("pageToken")
                    .map_or_else(|| google::token_for(0), str::to_owned),
            ),
            (PageFault::Loops, _) => Some(format!("{}{}", tenant.base(), call.target)),
            (PageFault::Repeats(n), Some(next)) => shifted(&next, |at| at.saturating_sub(n)),
            (PageFault::Skips(n), Some(next)) => shifted(&next, |at| at + n),
            _ => None,
        };
        if let Some(changed) = changed {
            members.insert(name.into(), json!(changed));
        }
    });
}

/// The link or token of a page, with the place it names moved.
fn shifted(next: &str, change: impl Fn(usize) -> usize) -> Option<String> {
    if let Ok(at) = google::page(Some(next)) {
        return Some(google::token_for(change(at)));
    }
    let (head, value) = next.rsplit_once('=')?;
    let value = match value.parse() {
        Ok(at) => change(at).to_string(),
        Err(_) => graph::skip_token(change(graph::read_token(value)?)),
    };
    Some(format!("{head}={value}"))
}

/// Puts an item of another mailbox among the hits, or in the place of the one
/// asked for: a copy of the same message where somebody has one.
pub(super) fn foreign(tenant: &Tenant, call: &Call, route: Route, reply: &mut Reply) {
    let Some(own) = route.mailbox else {
        return;
    };
    bend(reply, |body| match route.operation {
        Operation::MessageSearch | Operation::FolderMessages => {
            let Some(hits) = body.get_mut("value").and_then(Value::as_array_mut) else {
                return;
            };
            let id = hits.first().and_then(|hit| hit.get("internetMessageId"));
            let id = id.and_then(Value::as_str).map(str::to_owned);
            let item = other(tenant, own, id.as_deref());
            hits.extend(item.and_then(|(at, uid)| graph::foreign(tenant, call, at, uid)));
        }
        Operation::MessageGet => {
            let id = body.get("internetMessageId").and_then(Value::as_str);
            let item = other(tenant, own, id);
            if let Some(item) = item.and_then(|(at, uid)| graph::foreign(tenant, call, at, uid)) {
                *body = item;
            }
        }
        Operation::GmailList => {
            let item = other(tenant, own, None);
            let item = item.and_then(|(at, uid)| google::foreign(tenant, at, uid));
            if let (Some(item), Some(members)) = (item, body.as_object_mut()) {
                let hits = members.entry("messages").or_insert_with(|| json!([]));
                if let Some(hits) = hits.as_array_mut() {
                    hits.push(item);
                }
            }
        }
        Operation::GmailGet => {
            let item = other(tenant, own, None);
            let item = item.and_then(|(at, uid)| google::foreign_whole(tenant, call, at, uid));
            if let Some(item) = item {
                *body = item;
            }
        }
        _ => {}
    });
}

/// An item of another mailbox of the same platform.
fn other(tenant: &Tenant, own: u32, message_id: Option<&str>) -> Option<(u32, u32)> {
    let provider: Provider = tenant.user(own)?.provider;
    let others = tenant
        .org
        .users
        .iter()
        .filter(|user| user.provider == provider && user.index != own);
    let mut any = None;
    for user in others {
        let mailbox = tenant.mailbox(user.index)?;
        for item in &mailbox.items {
            if message_id == Some(item.letter.message_id.as_str()) {
                return Some((user.index, item.uid));
            }
            any = any.or(Some((user.index, item.uid)));
        }
        if message_id.is_none() && any.is_some() {
            break;
        }
    }
    any
}

//! Where a Gmail mailbox sends its mail on: auto-forwarding, filters, addresses
//! proven to take it. And `watch`, `stop`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Refused, body, invalid, not_found, texts};
use crate::sim::{
    call::{Call, Reply},
    forwarding::{ForwardingRule, Relay, Watch},
    org::User,
    seed::hash,
    tenant::Tenant,
};

pub(super) fn read(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let Some(rules) = tenant.mailbox(user.index).map(|m| m.rules.clone()) else {
        return not_found();
    };
    let what = call
        .segments
        .iter()
        .skip_while(|segment| *segment != "settings")
        .skip(1)
        .map(String::as_str)
        .collect::<Vec<_>>();
    let shown = match what.as_slice() {
        ["autoForwarding"] => auto_forwarding(&rules),
        ["filters"] => listed("filter", filters(user, &rules)),
        ["forwardingAddresses"] => listed("forwardingAddresses", addresses(&rules)),
        ["delegates"] => json!({}),
        _ => return not_found(),
    };
    Ok(Reply::json(200, &shown))
}

/// Gmail leaves an empty list out.
fn listed(name: &str, rows: Vec<Value>) -> Value {
    if rows.is_empty() {
        json!({})
    } else {
        json!({ name: rows })
    }
}

fn auto_forwarding(rules: &[ForwardingRule]) -> Value {
    let rule = rules
        .iter()
        .find(|rule| rule.relay == Relay::Redirect && rule.enabled);
    match rule.and_then(|rule| rule.to.first()) {
        Some(to) => json!({
            "enabled": true,
            "emailAddress": to,
            "disposition": "leaveInInbox",
        }),
        None => json!({"enabled": false}),
    }
}

/// A filter cannot be switched off: one that is, is not there.
fn filters(user: &User, rules: &[ForwardingRule]) -> Vec<Value> {
    let forwarding = rules
        .iter()
        .filter(|rule| rule.relay != Relay::Redirect && rule.enabled);
    forwarding
        .flat_map(|rule| &rule.to)
        .map(|to| {
            json!({
                "id": format!("ANe1Bm{:016x}", hash(&format!("{}/{to}", user.id))),
                "criteria": {"query": "-in:chats"},
                "action": {"forward": to},
            })
        })
        .collect()
}

fn addresses(rules: &[ForwardingRule]) -> Vec<Value> {
    rules
        .iter()
        .flat_map(|rule| &rule.to)
        .map(|to| json!({"forwardingEmail": to, "verificationStatus": "accepted"}))
        .collect()
}

/// A watch lasts for seven days and replaces the one before.
pub(super) fn watch(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let body = body(call)?;
    let topic = body.get("topicName").and_then(Value::as_str);
    let topic = topic.unwrap_or_default();
    let parts: Vec<&str> = topic.split('/').collect();
    if !matches!(parts.as_slice(), ["projects", project, "topics", name] if !project.is_empty() && !name.is_empty())
    {
        return invalid("Invalid topicName does not match projects/*/topics/*");
    }
    let behaviour = ["labelFilterBehavior", "labelFilterAction"]
        .iter()
        .find_map(|name| body.get(*name)?.as_str());
    let exclude = behaviour.is_some_and(|how| how.eq_ignore_ascii_case("exclude"));
    let now = tenant.now();
    let expires = now + TimeDelta::days(7);
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    mailbox.watch = Some(Box::new(Watch {
        labels: texts(&body, "labelIds"),
        exclude,
        expires,
        last: i64::MIN / 2,
    }));
    Ok(Reply::json(
        200,
        &json!({
            "historyId": mailbox.history_id.to_string(),
            "expiration": expires.timestamp_millis().to_string(),
        }),
    ))
}

pub(super) fn stop(tenant: &Tenant, user: &User) -> Result<Reply, Refused> {
    if let Some(mut mailbox) = tenant.mailbox(user.index) {
        mailbox.watch = None;
    }
    Ok(Reply::empty(204))
}

//! What a mailbox is for, and its inbox rules.

use serde_json::{Value, json};

use super::{Refused, addressee, folders, not_found, page, project, refused, selected};
use crate::sim::{
    call::{Call, Reply},
    forwarding::{ForwardingRule, Relay},
    item_id::GraphId,
    mailstore::INBOX,
    seed::hash,
    tenant::Tenant,
};

/// The number of the well-known Archive folder.
const ARCHIVE: u32 = 6;

pub(super) fn mailbox(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let archive = GraphId::Folder {
        mailbox: user.index,
        folder: ARCHIVE,
    };
    let all = json!({
        "@odata.context": format!(
            "{}/v1.0/$metadata#users('{}')/mailboxSettings",
            tenant.base(),
            user.id
        ),
        "archiveFolder": archive.encode(),
        "timeZone": "W. Europe Standard Time",
        "userPurpose": user.purpose.word(),
    });
    let select = selected(call).map(|mut select| {
        select.push("@odata.context");
        select
    });
    Ok(Reply::json(200, &project(all, select.as_deref())))
}

/// The rules of the inbox; other folders have none.
pub(super) fn rules(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let user = addressee(tenant, call)?;
    let rules = {
        let Some(store) = tenant.mailbox(user.index) else {
            return not_found(tenant);
        };
        let key = call.segments.get(4).map_or("", String::as_str);
        if folders::find(tenant, &store, user.index, key)? != INBOX {
            return refused(
                tenant,
                400,
                "ErrorInvalidRequest",
                "Rules are those of the inbox.",
            );
        }
        store.rules.clone()
    };
    let select = selected(call);
    page(
        tenant,
        call,
        &format!("users('{}')/mailFolders('inbox')/messageRules", user.id),
        (100, 1000),
        rules.len(),
        |at| {
            let rule = show(tenant, user.index, at, rules.get(at)?);
            Some(project(rule, select.as_deref()))
        },
    )
}

fn show(tenant: &Tenant, mailbox: u32, at: usize, rule: &ForwardingRule) -> Value {
    let to: Vec<Value> = rule
        .to
        .iter()
        .map(|address| {
            let name = tenant
                .org
                .by_address(address)
                .map_or_else(|| address.clone(), crate::sim::User::display_name);
            json!({"emailAddress": {"name": name, "address": address}})
        })
        .collect();
    let action = match rule.relay {
        Relay::Forward => "forwardTo",
        Relay::Attachment => "forwardAsAttachmentTo",
        Relay::Redirect => "redirectTo",
    };
    json!({
        "id": format!("AQAAAJ{:016x}", hash(&format!("{mailbox}/rule/{at}"))),
        "displayName": format!("Rule {}", at + 1),
        "sequence": at + 1,
        "isEnabled": rule.enabled,
        "hasError": false,
        "isReadOnly": false,
        "actions": {action: to, "stopProcessingRules": true},
    })
}

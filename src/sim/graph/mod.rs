//! The Microsoft Graph face, `/v1.0`.

mod batch;
mod folders;
mod messages;
mod people;
mod render;
mod send;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::domain::Provider;

use super::{
    call::{Call, Reply},
    counters::Operation,
    faults::RetryAfter,
    org::User,
    route::Route,
    tenant::Tenant,
    tokens::Grant,
};

/// At most so many requests at a time in one mailbox.
const CROWD: u32 = 4;
/// At most so many requests in ten minutes in one mailbox.
const CALLS: u32 = 10_000;

/// Why a call is refused: the answer to give.
type Refused = Box<Reply>;

/// An OData error body.
pub(super) fn error(tenant: &Tenant, status: u16, code: &str, message: &str) -> Reply {
    let id = "5e4f1b2c-0000-4000-8000-000000000001";
    Reply::json(
        status,
        &json!({"error": {
            "code": code,
            "message": message,
            "innerError": {
                "date": tenant.now().to_rfc3339_opts(SecondsFormat::Secs, true),
                "request-id": id,
                "client-request-id": id,
            },
        }}),
    )
}

fn refused<T>(tenant: &Tenant, status: u16, code: &str, message: &str) -> Result<T, Refused> {
    Err(Box::new(error(tenant, status, code, message)))
}

fn not_found<T>(tenant: &Tenant) -> Result<T, Refused> {
    refused(
        tenant,
        404,
        "ErrorItemNotFound",
        "The specified object was not found in the store.",
    )
}

fn not_found_resource<T>(tenant: &Tenant, key: &str) -> Result<T, Refused> {
    refused(
        tenant,
        404,
        "Request_ResourceNotFound",
        &format!(
            "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

fn malformed<T>(tenant: &Tenant) -> Result<T, Refused> {
    refused(tenant, 400, "ErrorInvalidIdMalformed", "Id is malformed.")
}

fn bad_request<T>(tenant: &Tenant, message: &str) -> Result<T, Refused> {
    refused(tenant, 400, "BadRequest", message)
}

pub(super) fn answer(tenant: &Tenant, route: Route, call: &Call, crowd: u32) -> Reply {
    let result = admit(tenant, route, call, crowd).and_then(|()| execute(tenant, route, call));
    result.unwrap_or_else(|reply| *reply)
}

/// Credential, then throttling, then the licence of the mailbox.
fn admit(tenant: &Tenant, route: Route, call: &Call, crowd: u32) -> Result<(), Refused> {
    let now = tenant.now();
    let known = call.bearer().is_some_and(|token| {
        matches!(tenant.tokens().grant(token, now), Some(Grant::Graph { .. }))
    });
    if !known {
        return refused(
            tenant,
            401,
            "InvalidAuthenticationToken",
            "Access token is empty, malformed, unknown or has expired.",
        );
    }
    let Some(mailbox) = route.mailbox.filter(|_| touches_mail(route.operation)) else {
        return Ok(());
    };
    if tenant.limits {
        if crowd > CROWD {
            let wait = RetryAfter::Value("1".into());
            return Err(Box::new(tenant.throttled(route.face, &wait)));
        }
        let spent = tenant
            .mailbox(mailbox)
            .map(|mut mailbox| mailbox.calls.spend(now, TimeDelta::minutes(10), CALLS, 1));
        if let Some(Err(seconds)) = spent {
            let wait = RetryAfter::Value(seconds.to_string());
            return Err(Box::new(tenant.throttled(route.face, &wait)));
        }
    }
    if tenant
        .mailbox(mailbox)
        .is_some_and(|mailbox| !mailbox.licensed)
    {
        return refused(
            tenant,
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        );
    }
    Ok(())
}

const fn touches_mail(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::UserGet | Operation::UsersList | Operation::Batch | Operation::Organisation
    )
}

fn execute(tenant: &Tenant, route: Route, call: &Call) -> Result<Reply, Refused> {
    use Operation as O;
    match route.operation {
        O::Batch => batch::answer(tenant, call),
        O::Organisation => Ok(organisation(tenant)),
        O::UsersList => people::users(tenant, call),
        O::UserGet => people::user(tenant, call),
        O::GroupsList => people::groups(tenant, call),
        O::GroupGet => people::group(tenant, call),
        O::GroupMembers => people::members(tenant, call),
        O::MailboxSettings => {
            addressee(tenant, call)?;
            Ok(Reply::json(200, &json!({"userPurpose": "user"})))
        }
        O::MessageSearch | O::FolderMessages => messages::list(tenant, call),
        O::MessageGet => messages::get(tenant, call),
        O::MessageValue => messages::value(tenant, call),
        O::MessageMove => messages::relocate(tenant, call),
        O::MessagePatch => messages::patch(tenant, call),
        O::MessageDelete => messages::delete(tenant, call, false),
        O::MessagePurge => messages::delete(tenant, call, true),
        O::MessageCreate => send::create(tenant, call),
        O::MessageSend => send::send(tenant, call),
        O::SendMail => send::send_mail(tenant, call),
        O::FoldersList => folders::list(tenant, call),
        O::FolderGet => folders::get(tenant, call),
        O::FolderCreate => folders::create(tenant, call),
        O::FolderDelete => folders::delete(tenant, call),
        O::TranslateIds => messages::translate(tenant, call),
        _ => bad_request(tenant, "Resource not found for the segment."),
    }
}

fn organisation(tenant: &Tenant) -> Reply {
    Reply::json(
        200,
        &json!({
            "@odata.context": format!("{}/v1.0/$metadata#organization", tenant.base()),
            "value": [{
                "id": tenant.identity.tenant_id,
                "displayName": "Northwind (simulated)",
                "tenantType": "AAD",
                "verifiedDomains": [{
                    "name": super::org::GRAPH_DOMAIN,
                    "isDefault": true,
                    "isInitial": true,
                    "type": "Managed",
                    "capabilities": "Email",
                }],
            }],
        }),
    )
}

/// The person a `/users/{id}/...` path names.
fn addressee<'a>(tenant: &'a Tenant, call: &Call) -> Result<&'a User, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    match tenant.org.find(Provider::Graph, key) {
        Some(user) => Ok(user),
        None => refused(
            tenant,
            404,
            "ErrorInvalidUser",
            "The requested user is invalid.",
        ),
    }
}

/// The JSON body of a call.
fn body(tenant: &Tenant, call: &Call) -> Result<Value, Refused> {
    match call.json() {
        Some(value) if value.is_object() => Ok(value),
        _ => bad_request(tenant, "Unable to read JSON request payload."),
    }
}

/// A member of an action's parameters: the metadata spells it in Pascal case,
/// the documentation in camel case; both are taken.
fn argument<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The names in `$select`, if there is one.
fn selected(call: &Call) -> Option<Vec<&str>> {
    call.param("$select")
        .map(|names| names.split(',').map(str::trim).collect())
}

/// Keeps the selected members and the id.
fn project(mut value: Value, select: Option<&[&str]>) -> Value {
    if let (Some(select), Some(members)) = (select, value.as_object_mut()) {
        members.retain(|name, _| {
            name == "id"
                || select
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        });
    }
    value
}

/// `$top` within 1 to `most`.
fn top(tenant: &Tenant, call: &Call, default: usize, most: usize) -> Result<usize, Refused> {
    match (call.param("$top"), call.number("$top")) {
        (None, _) => Ok(default),
        (_, Some(n)) if (1..=most).contains(&n) => Ok(n),
        _ => bad_request(tenant, "Invalid value for $top."),
    }
}

/// The call's own URL with one query parameter set anew.
fn link(tenant: &Tenant, call: &Call, name: &str, value: &str) -> String {
    let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
    let encoded = name.replace('$', "%24");
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| {
            let key = pair.split('=').next().unwrap_or_default();
            !key.is_empty()
                && !key.eq_ignore_ascii_case(name)
                && !key.eq_ignore_ascii_case(&encoded)
        })
        .map(str::to_owned)
        .collect();
    pairs.push(format!("{name}={value}"));
    format!("{}{path}?{}", tenant.base(), pairs.join("&"))
}

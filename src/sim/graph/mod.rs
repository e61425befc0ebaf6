//! The Microsoft Graph face, `/v1.0`.

mod batch;
mod calendar;
mod folders;
mod hunting;
mod messages;
mod people;
mod render;
mod send;
mod settings;
mod subscriptions;
mod trace;

use std::sync::Mutex;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::domain::Provider;

use super::{
    call::{Call, Reply},
    counters::Operation,
    faults::RetryAfter,
    mailstore::Allowance,
    org::User,
    platform::Reach,
    route::Route,
    tenant::{Tenant, lock},
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

/// A message of that mailbox as the call would show it.
pub(super) fn foreign(tenant: &Tenant, call: &Call, mailbox: u32, uid: u32) -> Option<Value> {
    let select = selected(call);
    let store = tenant.mailbox(mailbox)?;
    let view = render::View {
        mailbox,
        immutable: messages::immutable(call),
        text_body: messages::text_body(call),
        select: select.as_deref(),
        single: false,
        verb: false,
    };
    Some(render::show(store.item(uid)?, view))
}

/// Credential, then permission, then throttling, then the state of the mailbox.
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
    if let Some((role, code)) = role(route.operation)
        && tenant.platform().withheld.contains(role)
    {
        return refused(
            tenant,
            403,
            code,
            "Access is denied. Check credentials and try again.",
        );
    }
    let cost = units(route.operation, call);
    if cost > 0 {
        let limit = tenant.platform().directory_units;
        let span = TimeDelta::seconds(10);
        spend(tenant, &tenant.allowances.directory, span, limit, cost)?;
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
    let reach = tenant
        .mailbox(mailbox)
        .map_or(Reach::Missing, |mailbox| mailbox.reach);
    reachable(tenant, reach)
}

/// What a mailbox in that state answers.
fn reachable(tenant: &Tenant, reach: Reach) -> Result<(), Refused> {
    match reach {
        Reach::Served => Ok(()),
        Reach::Unlicensed | Reach::OnPremises | Reach::SoftDeleted => refused(
            tenant,
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ),
        Reach::Locked => refused(
            tenant,
            403,
            "ErrorAccountSuspend",
            "The account is suspended.",
        ),
        Reach::Moving => {
            let reply = error(
                tenant,
                503,
                "ErrorMailboxMoveInProgress",
                "Mailbox move in progress. Try again later.",
            );
            Err(Box::new(reply.with("retry-after", "300")))
        }
        Reach::OutOfScope => refused(
            tenant,
            403,
            "ErrorAccessDenied",
            "Access to OData is blocked by the application's role assignment.",
        ),
        Reach::Missing => refused(
            tenant,
            404,
            "ErrorInvalidUser",
            "The requested user is invalid.",
        ),
    }
}

/// The application permission a call needs, and the code of its refusal.
const fn role(operation: Operation) -> Option<(&'static str, &'static str)> {
    use Operation as O;
    Some(match operation {
        O::Batch | O::Unknown | O::GroupMail => return None,
        O::Organisation | O::UsersList | O::UserGet => {
            ("User.Read.All", "Authorization_RequestDenied")
        }
        O::GroupsList | O::GroupGet | O::GroupMembers => {
            ("GroupMember.Read.All", "Authorization_RequestDenied")
        }
        O::MessageTrace => ("ExchangeMessageTrace.Read.All", "Forbidden"),
        O::Hunting => ("ThreatHunting.Read.All", "Forbidden"),
        O::MailboxSettings | O::MessageRules => ("MailboxSettings.Read", "ErrorAccessDenied"),
        O::MessageEvent | O::EventsList | O::EventGet | O::EventCreate | O::EventDelete => {
            ("Calendars.ReadWrite", "ErrorAccessDenied")
        }
        O::SendMail | O::MessageSend => ("Mail.Send", "ErrorAccessDenied"),
        _ => ("Mail.ReadWrite", "ErrorAccessDenied"),
    })
}

/// Resource units of a directory call; a selection saves one.
fn units(operation: Operation, call: &Call) -> u32 {
    use Operation as O;
    let transitive = call.segments.iter().any(|part| part == "transitiveMembers");
    let whole = match operation {
        O::UsersList | O::GroupsList => 2,
        O::GroupMembers if transitive => 5,
        O::GroupMembers => 3,
        O::UserGet | O::GroupGet | O::Organisation => 1,
        _ => return 0,
    };
    let saved = u32::from(call.param("$select").is_some());
    (whole - saved).max(1)
}

/// Uses some of what the tenant has in a span of time, or says that not enough
/// is left.
fn spend(
    tenant: &Tenant,
    allowance: &Mutex<Allowance>,
    span: TimeDelta,
    limit: u32,
    cost: u32,
) -> Result<(), Refused> {
    if !tenant.limits {
        return Ok(());
    }
    match lock(allowance).spend(tenant.now(), span, limit, cost) {
        Ok(()) => Ok(()),
        Err(seconds) => {
            let reply = error(
                tenant,
                429,
                "TooManyRequests",
                "The tenant has made too many requests of this kind.",
            );
            Err(Box::new(reply.with("retry-after", seconds.to_string())))
        }
    }
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
        O::GroupMail => refused(
            tenant,
            403,
            "ErrorAccessDenied",
            "Application permissions do not open the mailbox of a group.",
        ),
        O::MailboxSettings => settings::mailbox(tenant, call),
        O::MessageRules => settings::rules(tenant, call),
        O::MessageTrace => trace::list(tenant, call),
        O::Hunting => hunting::run(tenant, call),
        O::SubscriptionsList => subscriptions::list(tenant, call),
        O::SubscriptionGet => subscriptions::get(tenant, call),
        O::SubscriptionCreate => subscriptions::create(tenant, call),
        O::SubscriptionRenew => subscriptions::renew(tenant, call),
        O::SubscriptionDelete => subscriptions::delete(tenant, call),
        O::SubscriptionReauthorize => subscriptions::reauthorize(tenant, call),
        O::MessageSearch | O::FolderMessages => messages::list(tenant, call),
        O::MessageGet => messages::get(tenant, call),
        O::MessageEvent => calendar::of_message(tenant, call),
        O::EventsList => calendar::list(tenant, call),
        O::EventGet => calendar::get(tenant, call),
        O::EventCreate => calendar::create(tenant, call),
        O::EventDelete => calendar::delete(tenant, call),
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

/// A page of rows behind an opaque skip token; `sizes` are the page's default
/// and greatest size.
fn page(
    tenant: &Tenant,
    call: &Call,
    context: &str,
    sizes: (usize, usize),
    rows: usize,
    show: impl Fn(usize) -> Option<Value>,
) -> Result<Reply, Refused> {
    let size = top(tenant, call, sizes.0, sizes.1)?;
    let from = match call.param("$skiptoken") {
        None => 0,
        Some(token) => match read_token(token) {
            Some(at) => at,
            None => return bad_request(tenant, "Invalid page token."),
        },
    };
    let value: Vec<Value> = (from..rows.min(from + size)).filter_map(show).collect();
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{context}", tenant.base()),
        "value": value,
    });
    if let Some(members) = body.as_object_mut() {
        if call.flag("$count") && from == 0 {
            members.insert("@odata.count".into(), json!(rows));
        }
        if from + size < rows {
            let next = link(tenant, call, "$skiptoken", &skip_token(from + size));
            members.insert("@odata.nextLink".into(), json!(next));
        }
    }
    Ok(Reply::json(200, &body))
}

pub(super) fn skip_token(at: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("RFNwdAIAAQ:{at}"))
}

pub(super) fn read_token(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("RFNwdAIAAQ:")?.parse().ok()
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

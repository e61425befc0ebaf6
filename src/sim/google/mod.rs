//! The Google face: token endpoint, Gmail API, Directory API.

mod auth;
mod calendar;
mod directory;
mod insert;
mod labels;
mod messages;
mod quota;
mod settings;

use serde_json::{Value, json};

use crate::domain::Provider;

use super::{
    call::{Call, Face, Reply},
    counters::Operation,
    org::User,
    platform::Reach,
    route::Route,
    tenant::Tenant,
    tokens::Grant,
};

type Refused = Box<Reply>;

/// A Google API error body.
pub(super) fn error(code: u16, reason: &str, message: &str) -> Reply {
    let status = match code {
        400 if reason == "failedPrecondition" => "FAILED_PRECONDITION",
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        429 => "RESOURCE_EXHAUSTED",
        _ => "UNAVAILABLE",
    };
    let domain = if reason.to_lowercase().contains("limit") {
        "usageLimits"
    } else {
        "global"
    };
    Reply::json(
        code,
        &json!({"error": {
            "code": code,
            "message": message,
            "errors": [{"message": message, "domain": domain, "reason": reason}],
            "status": status,
        }}),
    )
}

fn refused<T>(code: u16, reason: &str, message: &str) -> Result<T, Refused> {
    Err(Box::new(error(code, reason, message)))
}

fn not_found<T>() -> Result<T, Refused> {
    refused(404, "notFound", "Requested entity was not found.")
}

fn invalid<T>(message: &str) -> Result<T, Refused> {
    refused(400, "invalidArgument", message)
}

pub(super) fn answer(tenant: &Tenant, route: Route, call: &Call) -> Reply {
    let result = match route.face {
        Face::GoogleAuth => auth::answer(tenant, route.operation, call),
        Face::Directory => directory::answer(tenant, route.operation, call),
        Face::Calendar => calendar::answer(tenant, route, call),
        _ => gmail(tenant, route, call),
    };
    result.unwrap_or_else(|reply| *reply)
}

/// A message of that mailbox as a list names it.
pub(super) fn foreign(tenant: &Tenant, mailbox: u32, uid: u32) -> Option<Value> {
    Some(messages::brief(
        mailbox,
        tenant.mailbox(mailbox)?.item(uid)?,
    ))
}

/// A message of that mailbox as the call would show it.
pub(super) fn foreign_whole(tenant: &Tenant, call: &Call, mailbox: u32, uid: u32) -> Option<Value> {
    let user = tenant.user(mailbox)?;
    messages::show(call, user, tenant.mailbox(mailbox)?.item(uid)?).ok()
}

/// The token's user and scopes.
fn bearer(tenant: &Tenant, call: &Call) -> Result<(u32, Vec<String>), Refused> {
    let now = tenant.now();
    let tokens = tenant.tokens();
    match call.bearer().and_then(|token| tokens.grant(token, now)) {
        Some(Grant::Google { user, scopes, .. }) => Ok((*user, scopes.clone())),
        _ => refused(
            401,
            "authError",
            "Request had invalid authentication credentials.",
        ),
    }
}

fn needs(scopes: &[String], any: &[&str]) -> Result<(), Refused> {
    if scopes.iter().any(|scope| any.contains(&scope.as_str())) {
        Ok(())
    } else {
        refused(
            403,
            "insufficientPermissions",
            "Request had insufficient authentication scopes.",
        )
    }
}

fn gmail(tenant: &Tenant, route: Route, call: &Call) -> Result<Reply, Refused> {
    use Operation as O;
    let (holder, scopes) = bearer(tenant, call)?;
    let key = call
        .segments
        .iter()
        .skip_while(|segment| *segment != "users")
        .nth(1)
        .map_or("", String::as_str);
    let named = if key == "me" {
        Some(holder)
    } else {
        tenant.org.find(Provider::Gmail, key).map(|user| user.index)
    };
    if named != Some(holder) {
        return refused(403, "forbidden", "Delegation denied for the user.");
    }
    let Some(user) = tenant.user(holder) else {
        return not_found();
    };
    let reach = tenant
        .mailbox(holder)
        .map_or(Reach::Missing, |mailbox| mailbox.reach);
    reachable(reach)?;
    quota::spend(tenant, holder, route.operation)?;
    let only = |any: &[&str]| needs(&scopes, any);
    match route.operation {
        O::GmailGet => messages::get(tenant, call, user, &scopes),
        O::GmailList => only(auth::READ).and_then(|()| messages::list(tenant, call, user)),
        O::GmailModify => only(auth::MODIFY).and_then(|()| messages::modify(tenant, call, user)),
        O::GmailBatchModify => {
            only(auth::MODIFY).and_then(|()| messages::batch_modify(tenant, call, user))
        }
        O::GmailTrash => {
            only(auth::MODIFY).and_then(|()| messages::trash(tenant, call, user, true))
        }
        O::GmailUntrash => {
            only(auth::MODIFY).and_then(|()| messages::trash(tenant, call, user, false))
        }
        O::GmailDelete => only(auth::ALL).and_then(|()| messages::delete(tenant, call, user)),
        O::GmailInsert => only(auth::INSERT).and_then(|()| insert::insert(tenant, call, user)),
        O::GmailSend => only(auth::SEND).and_then(|()| insert::send(tenant, call, user)),
        O::GmailHistory => only(auth::READ).and_then(|()| messages::history(tenant, call, user)),
        O::GmailProfile => only(auth::READ).and_then(|()| profile(tenant, user)),
        O::GmailSettings => only(auth::SETTINGS).and_then(|()| settings::read(tenant, call, user)),
        O::GmailWatch => only(auth::READ).and_then(|()| settings::watch(tenant, call, user)),
        O::GmailStop => only(auth::READ).and_then(|()| settings::stop(tenant, user)),
        O::LabelsList => only(auth::LABELS).and_then(|()| labels::list(tenant, user)),
        O::LabelGet => only(auth::LABELS).and_then(|()| labels::get(tenant, call, user)),
        O::LabelCreate => only(auth::LABELS).and_then(|()| labels::create(tenant, call, user)),
        O::LabelDelete => only(auth::LABELS).and_then(|()| labels::delete(tenant, call, user)),
        _ => not_found(),
    }
}

/// What a mailbox in that state answers. Tokens for accounts that are suspended
/// or gone are refused at the token endpoint already.
fn reachable(reach: Reach) -> Result<(), Refused> {
    match reach {
        Reach::Served => Ok(()),
        Reach::Unlicensed | Reach::OnPremises => {
            refused(400, "failedPrecondition", "Mail service not enabled")
        }
        Reach::Moving => refused(503, "backendError", "Service unavailable. Please try again"),
        Reach::OutOfScope => refused(403, "forbidden", "Delegation denied for the user."),
        Reach::Locked | Reach::SoftDeleted | Reach::Missing => refused(
            401,
            "authError",
            "Request had invalid authentication credentials.",
        ),
    }
}

fn profile(tenant: &Tenant, user: &User) -> Result<Reply, Refused> {
    let Some(mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    Ok(Reply::json(
        200,
        &json!({
            "emailAddress": user.address,
            "messagesTotal": mailbox.items.len(),
            "threadsTotal": mailbox.items.len(),
            "historyId": mailbox.history_id.to_string(),
        }),
    ))
}

fn body(call: &Call) -> Result<Value, Refused> {
    match call.json() {
        Some(value) if value.is_object() => Ok(value),
        _ => refused(400, "parseError", "Invalid JSON payload received."),
    }
}

fn texts(body: &Value, name: &str) -> Vec<String> {
    body.get(name)
        .and_then(Value::as_array)
        .map(|all| {
            all.iter()
                .filter_map(|one| Some(one.as_str()?.to_owned()))
                .collect()
        })
        .unwrap_or_default()
}

/// The page a token names.
pub(super) fn page(token: Option<&str>) -> Result<usize, Refused> {
    match token {
        None => Ok(0),
        Some(token) => match token
            .strip_prefix("sim0")
            .and_then(|at| usize::from_str_radix(at, 16).ok())
        {
            Some(at) => Ok(at),
            None => invalid("Invalid pageToken"),
        },
    }
}

/// The token of the page that starts there.
pub(super) fn token_for(at: usize) -> String {
    format!("sim0{at:x}")
}

//! Users, groups and their members.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::domain::Provider;

use super::{Refused, bad_request, link, not_found_resource, project, refused, selected, top};
use crate::sim::{
    call::{Call, Reply},
    filter::{Comparison, Filter, Literal},
    org::{Group, User},
    tenant::Tenant,
};

const USER_FIELDS: [&str; 5] = [
    "mail",
    "userPrincipalName",
    "proxyAddresses",
    "displayName",
    "id",
];
const GROUP_FIELDS: [&str; 4] = ["mail", "proxyAddresses", "displayName", "id"];

/// Properties Graph gives when nothing is selected.
const USER_DEFAULT: [&str; 6] = [
    "displayName",
    "givenName",
    "surname",
    "mail",
    "userPrincipalName",
    "id",
];

fn show_user(user: &User, select: Option<&[&str]>) -> Value {
    let all = json!({
        "id": user.id,
        "displayName": user.display_name(),
        "givenName": user.given,
        "surname": user.family,
        "mail": user.address,
        "userPrincipalName": user.address,
        "proxyAddresses": [format!("SMTP:{}", user.address), format!("smtp:{}", user.alias())],
        "accountEnabled": true,
        "userType": "Member",
        "department": user.department,
    });
    project(all, Some(select.unwrap_or(&USER_DEFAULT)))
}

fn show_group(group: &Group, select: Option<&[&str]>) -> Value {
    let all = json!({
        "id": group.id,
        "displayName": group.name,
        "mail": group.address,
        "mailEnabled": true,
        "mailNickname": group.address.split('@').next(),
        "securityEnabled": false,
        "groupTypes": [],
        "proxyAddresses": [format!("SMTP:{}", group.address)],
    });
    project(all, select)
}

/// Compares as the directory does: without regard to letter case.
fn test(path: &str, comparison: Comparison, literal: &Literal, shown: &Value) -> bool {
    let Literal::Text(wanted) = literal else {
        return false;
    };
    let wanted = wanted.to_lowercase();
    let member = shown.get(path);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    match comparison {
        Comparison::AnyEq => member
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| text(one) == wanted)),
        Comparison::Eq => member.is_some_and(|one| text(one) == wanted),
        Comparison::Ne => member.is_some_and(|one| text(one) != wanted),
        Comparison::StartsWith => member.is_some_and(|one| text(one).starts_with(&wanted)),
        _ => false,
    }
}

fn filter(tenant: &Tenant, call: &Call, known: &[&str]) -> Result<Option<Filter>, Refused> {
    match call.param("$filter").map(|text| Filter::parse(text, known)) {
        None => Ok(None),
        Some(Ok(filter)) => Ok(Some(filter)),
        Some(Err(error)) => bad_request(tenant, &error.to_string()),
    }
}

/// A page of `rows` behind an opaque skip token.
fn page(
    tenant: &Tenant,
    call: &Call,
    context: &str,
    rows: &[&dyn Fn() -> Value],
) -> Result<Reply, Refused> {
    let size = top(tenant, call, 100, 999)?;
    let from = match call.param("$skiptoken") {
        None => 0,
        Some(token) => match read_token(token) {
            Some(at) => at,
            None => return bad_request(tenant, "Invalid page token."),
        },
    };
    let value: Vec<Value> = rows.iter().skip(from).take(size).map(|row| row()).collect();
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{context}", tenant.base()),
        "value": value,
    });
    if let Some(members) = body.as_object_mut() {
        if call.flag("$count") && from == 0 {
            members.insert("@odata.count".into(), json!(rows.len()));
        }
        if from + size < rows.len() {
            let token = URL_SAFE_NO_PAD.encode(format!("RFNwdAIAAQ:{}", from + size));
            let next = link(tenant, call, "$skiptoken", &token);
            members.insert("@odata.nextLink".into(), json!(next));
        }
    }
    Ok(Reply::json(200, &body))
}

fn read_token(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("RFNwdAIAAQ:")?.parse().ok()
}

pub(super) fn users(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let filter = filter(tenant, call, &USER_FIELDS)?;
    let select = selected(call);
    let select = select.as_deref();
    let found: Vec<&User> = tenant
        .org
        .users
        .iter()
        .filter(|user| user.provider == Provider::Graph)
        .filter(|user| {
            filter.as_ref().is_none_or(|filter| {
                let shown = show_user(user, Some(&USER_FIELDS));
                filter.holds(&|path, comparison, literal| test(path, comparison, literal, &shown))
            })
        })
        .collect();
    people(tenant, call, "users", &found, select)
}

fn people(
    tenant: &Tenant,
    call: &Call,
    context: &str,
    found: &[&User],
    select: Option<&[&str]>,
) -> Result<Reply, Refused> {
    let rows: Vec<Box<dyn Fn() -> Value + '_>> = found
        .iter()
        .map(|user| Box::new(move || show_user(user, select)) as Box<dyn Fn() -> Value>)
        .collect();
    let rows: Vec<&dyn Fn() -> Value> = rows.iter().map(AsRef::as_ref).collect();
    page(tenant, call, context, &rows)
}

pub(super) fn user(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    let Some(user) = tenant.org.find(Provider::Graph, key) else {
        return not_found_resource(tenant, key);
    };
    let select = selected(call);
    Ok(Reply::json(200, &show_user(user, select.as_deref())))
}

pub(super) fn groups(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let filter = filter(tenant, call, &GROUP_FIELDS)?;
    let select = selected(call);
    let select = select.as_deref();
    let rows: Vec<Box<dyn Fn() -> Value + '_>> = tenant
        .org
        .groups
        .iter()
        .filter(|group| group.provider == Provider::Graph)
        .filter(|group| {
            filter.as_ref().is_none_or(|filter| {
                let shown = show_group(group, None);
                filter.holds(&|path, comparison, literal| test(path, comparison, literal, &shown))
            })
        })
        .map(|group| Box::new(move || show_group(group, select)) as Box<dyn Fn() -> Value>)
        .collect();
    let rows: Vec<&dyn Fn() -> Value> = rows.iter().map(AsRef::as_ref).collect();
    page(tenant, call, "groups", &rows)
}

pub(super) fn group(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    let Some((_, group)) = by_guid(tenant, key) else {
        return not_found_resource(tenant, key);
    };
    let select = selected(call);
    Ok(Reply::json(200, &show_group(group, select.as_deref())))
}

fn by_guid<'a>(tenant: &'a Tenant, key: &str) -> Option<(usize, &'a Group)> {
    tenant
        .org
        .group(Provider::Graph, key)
        .filter(|_| !key.contains('@'))
}

/// Only the flattened list of people: with or without the cast, all members of
/// these groups are people or groups of people.
pub(super) fn members(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    let Some((at, _)) = by_guid(tenant, key) else {
        return not_found_resource(tenant, key);
    };
    let transitive = call
        .segments
        .get(3)
        .is_some_and(|name| name == "transitiveMembers");
    let cast = call.segments.len() > 4;
    let advanced = call.header_has("consistencylevel", "eventual") && call.flag("$count");
    if cast && !advanced {
        return refused(
            tenant,
            400,
            "Request_UnsupportedQuery",
            "The cast needs the header ConsistencyLevel: eventual and $count=true.",
        );
    }
    if !(cast && transitive) {
        return bad_request(
            tenant,
            "The simulated tenant answers transitiveMembers/graph.user only.",
        );
    }
    let select = selected(call);
    let found: Vec<&User> = tenant
        .org
        .expand(at)
        .into_iter()
        .filter_map(|user| tenant.org.user(user))
        .collect();
    people(tenant, call, "users", &found, select.as_deref())
}

//! Users, groups and their members.

use serde_json::{Value, json};

use crate::domain::Provider;

use super::{Refused, bad_request, not_found_resource, page, project, refused, selected};
use crate::sim::{
    call::{Call, Reply},
    filter::{Comparison, Filter, Literal},
    org::{Group, GroupKind, Member, Purpose, User},
    platform::Reach,
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
        "accountEnabled": user.purpose == Purpose::User,
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
        "groupTypes": if group.kind == GroupKind::Microsoft365 { json!(["Unified"]) } else { json!([]) },
        "visibility": if group.hidden_membership {
            json!("HiddenMembership")
        } else if group.kind == GroupKind::Microsoft365 {
            json!("Private")
        } else {
            Value::Null
        },
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

pub(super) fn users(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let filter = filter(tenant, call, &USER_FIELDS)?;
    let select = selected(call);
    let select = select.as_deref();
    let everybody: Vec<&User> = tenant
        .org
        .users
        .iter()
        .filter(|user| user.provider == Provider::Graph)
        .collect();
    let listed = tenant.platform().listed(everybody.len());
    let found: Vec<&User> = everybody
        .into_iter()
        .take(listed)
        .filter(|user| exists(tenant, user))
        .filter(|user| {
            filter.as_ref().is_none_or(|filter| {
                let shown = show_user(user, Some(&USER_FIELDS));
                filter.holds(&|path, comparison, literal| test(path, comparison, literal, &shown))
            })
        })
        .collect();
    people(tenant, call, "users", &found, select)
}

/// Whether the directory still has the person.
fn exists(tenant: &Tenant, user: &User) -> bool {
    tenant
        .mailbox(user.index)
        .is_some_and(|mailbox| mailbox.reach != Reach::Missing)
}

fn people(
    tenant: &Tenant,
    call: &Call,
    context: &str,
    found: &[&User],
    select: Option<&[&str]>,
) -> Result<Reply, Refused> {
    page(tenant, call, context, (100, 999), found.len(), |at| {
        found.get(at).map(|user| show_user(user, select))
    })
}

pub(super) fn user(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    let user = tenant
        .org
        .find(Provider::Graph, key)
        .filter(|user| exists(tenant, user));
    let Some(user) = user else {
        return not_found_resource(tenant, key);
    };
    let select = selected(call);
    Ok(Reply::json(200, &show_user(user, select.as_deref())))
}

pub(super) fn groups(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let filter = filter(tenant, call, &GROUP_FIELDS)?;
    let select = selected(call);
    let select = select.as_deref();
    let found: Vec<&Group> = tenant
        .org
        .groups
        .iter()
        .filter(|group| is_listed(group))
        .filter(|group| {
            filter.as_ref().is_none_or(|filter| {
                let shown = show_group(group, None);
                filter.holds(&|path, comparison, literal| test(path, comparison, literal, &shown))
            })
        })
        .collect();
    page(tenant, call, "groups", (100, 999), found.len(), |at| {
        found.get(at).map(|group| show_group(group, select))
    })
}

/// Graph does not know the dynamic distribution groups of Exchange.
fn is_listed(group: &Group) -> bool {
    group.provider == Provider::Graph && group.kind != GroupKind::Dynamic
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
        .filter(|(_, group)| !key.contains('@') && is_listed(group))
}

/// Members, direct or flattened, all or only people. Who is in a list with
/// hidden membership nobody learns without a permission of its own: the list
/// comes back empty.
pub(super) fn members(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(2).map_or("", String::as_str);
    let Some((at, group)) = by_guid(tenant, key) else {
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
    let hidden =
        group.hidden_membership && tenant.platform().withheld.contains("Member.Read.Hidden");
    let members: Vec<Member> = match (hidden, transitive) {
        (true, _) => Vec::new(),
        (false, true) => tenant.org.expand_all(at),
        (false, false) => group.members.clone(),
    };
    let select = selected(call);
    let select = select.as_deref();
    if cast {
        let found: Vec<&User> = members
            .iter()
            .filter_map(|member| match member {
                Member::User(user) => tenant.org.user(*user),
                Member::Group(_) => None,
            })
            .collect();
        return people(tenant, call, "users", &found, select);
    }
    page(
        tenant,
        call,
        "directoryObjects",
        (100, 999),
        members.len(),
        |at| {
            let (kind, mut shown) = match members.get(at)? {
                Member::User(user) => ("user", show_user(tenant.org.user(*user)?, select)),
                Member::Group(inner) => {
                    ("group", show_group(tenant.org.groups.get(*inner)?, select))
                }
            };
            let kind = json!(format!("#microsoft.graph.{kind}"));
            shown.as_object_mut()?.insert("@odata.type".into(), kind);
            Some(shown)
        },
    )
}

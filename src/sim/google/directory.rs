//! Google's Directory API: users, groups, members.

use serde_json::{Map, Value, json};

use super::{Refused, auth, bearer, invalid, needs, not_found, page, token_for};
use crate::{
    domain::Provider,
    sim::{
        call::{Call, Reply},
        counters::Operation,
        org::{GMAIL_DOMAIN, Group, GroupKind, Member, User},
        platform::Reach,
        tenant::Tenant,
    },
};

pub(super) fn answer(tenant: &Tenant, operation: Operation, call: &Call) -> Result<Reply, Refused> {
    use Operation as O;
    let (holder, scopes) = bearer(tenant, call)?;
    if Some(holder) != tenant.admin() {
        return super::refused(
            403,
            "forbidden",
            "Not Authorized to access this resource/api",
        );
    }
    let scope = match operation {
        O::DirectoryUsers | O::DirectoryUser => auth::USERS,
        _ => auth::GROUPS,
    };
    needs(&scopes, scope)?;
    match operation {
        O::DirectoryUsers => users(tenant, call),
        O::DirectoryUser => user(tenant, call),
        O::DirectoryGroups => groups(tenant, call),
        O::DirectoryGroup => group(tenant, call),
        O::DirectoryMembers => members(tenant, call),
        _ => not_found(),
    }
}

fn show_user(tenant: &Tenant, user: &User) -> Value {
    let reach = tenant
        .mailbox(user.index)
        .map_or(Reach::Missing, |mailbox| mailbox.reach);
    let licensed = !matches!(reach, Reach::Unlicensed | Reach::OnPremises);
    json!({
        "kind": "admin#directory#user",
        "id": user.id,
        "primaryEmail": user.address,
        "name": {
            "givenName": user.given,
            "familyName": user.family,
            "fullName": user.display_name(),
        },
        "isAdmin": Some(user.index) == tenant.admin(),
        "suspended": reach == Reach::Locked,
        "archived": false,
        "emails": [{"address": user.address, "primary": true}, {"address": user.alias()}],
        "aliases": [user.alias()],
        "customerId": "C0sim0001",
        "organizations": [{"department": user.department, "primary": true}],
        "orgUnitPath": format!("/{}", user.department),
        "isMailboxSetup": licensed,
    })
}

fn show_group(group: &Group) -> Value {
    json!({
        "kind": "admin#directory#group",
        "id": group.id,
        "email": group.address,
        "name": group.name,
        "description": if group.kind == GroupKind::CollaborativeInbox {
            "Collaborative inbox"
        } else {
            ""
        },
        "directMembersCount": group.members.len().to_string(),
        "adminCreated": true,
    })
}

/// A page of rows under `member`.
fn paged(
    call: &Call,
    kind: &str,
    member: &str,
    default: usize,
    most: usize,
    rows: usize,
    show: impl Fn(usize) -> Option<Value>,
) -> Result<Reply, Refused> {
    let size = match (call.param("maxResults"), call.number("maxResults")) {
        (None, _) => default,
        (_, Some(n)) if (1..=most).contains(&n) => n,
        _ => return invalid("Invalid value for maxResults"),
    };
    let from = page(call.param("pageToken"))?;
    let mut answer = Map::new();
    answer.insert("kind".into(), json!(kind));
    let shown: Vec<Value> = (from..rows.min(from + size)).filter_map(show).collect();
    if !shown.is_empty() {
        answer.insert(member.to_owned(), json!(shown));
    }
    if from + size < rows {
        answer.insert("nextPageToken".into(), json!(token_for(from + size)));
    }
    Ok(Reply::json(200, &Value::Object(answer)))
}

/// `customer` or `domain` must say whose directory is meant.
fn scoped(call: &Call) -> Result<bool, Refused> {
    match (call.param("customer"), call.param("domain")) {
        (Some("my_customer" | "C0sim0001"), _) => Ok(true),
        (None, Some(domain)) => Ok(domain.eq_ignore_ascii_case(GMAIL_DOMAIN)),
        (Some(_), _) => super::refused(
            403,
            "forbidden",
            "Not Authorized to access this resource/api",
        ),
        (None, None) => super::refused(400, "badRequest", "Bad Request"),
    }
}

fn users(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let ours = scoped(call)?;
    let everybody: Vec<&User> = tenant
        .org
        .users
        .iter()
        .filter(|user| ours && user.provider == Provider::Gmail)
        .collect();
    let listed = tenant.platform().listed(everybody.len());
    let found: Vec<&User> = everybody
        .into_iter()
        .take(listed)
        .filter(|user| exists(tenant, user))
        .collect();
    paged(
        call,
        "admin#directory#users",
        "users",
        100,
        500,
        found.len(),
        |at| found.get(at).map(|user| show_user(tenant, user)),
    )
}

/// Whether the directory still lists the person.
fn exists(tenant: &Tenant, user: &User) -> bool {
    tenant
        .mailbox(user.index)
        .is_some_and(|mailbox| !matches!(mailbox.reach, Reach::Missing | Reach::SoftDeleted))
}

fn user(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let key = call.segments.get(4).map_or("", String::as_str);
    let user = tenant.org.find(Provider::Gmail, key);
    match user.filter(|user| exists(tenant, user)) {
        Some(user) => Ok(Reply::json(200, &show_user(tenant, user))),
        None => super::refused(404, "notFound", "Resource Not Found: userKey"),
    }
}

fn groups(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let of = call
        .param("userKey")
        .map(|key| tenant.org.find(Provider::Gmail, key).map(|user| user.index));
    let ours = match of {
        Some(_) => true,
        None => scoped(call)?,
    };
    let found: Vec<&Group> = tenant
        .org
        .groups
        .iter()
        .filter(|group| ours && group.provider == Provider::Gmail)
        .filter(|group| match of {
            None => true,
            Some(user) => user.is_some_and(|at| group.members.contains(&Member::User(at))),
        })
        .collect();
    paged(
        call,
        "admin#directory#groups",
        "groups",
        200,
        200,
        found.len(),
        |at| found.get(at).map(|group| show_group(group)),
    )
}

fn named<'a>(tenant: &'a Tenant, call: &Call) -> Result<(usize, &'a Group), Refused> {
    let key = call.segments.get(4).map_or("", String::as_str);
    match tenant.org.group(Provider::Gmail, key) {
        Some(found) => Ok(found),
        None => super::refused(404, "notFound", "Resource Not Found: groupKey"),
    }
}

fn group(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let (_, group) = named(tenant, call)?;
    Ok(Reply::json(200, &show_group(group)))
}

fn members(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let (at, group) = named(tenant, call)?;
    let found: Vec<Member> = if call.flag("includeDerivedMembership") {
        tenant
            .org
            .expand(at)
            .into_iter()
            .map(Member::User)
            .collect()
    } else {
        group.members.clone()
    };
    paged(
        call,
        "admin#directory#members",
        "members",
        200,
        200,
        found.len(),
        |at| {
            let (kind, id, address) = match *found.get(at)? {
                Member::User(user) => {
                    let user = tenant.user(user)?;
                    ("USER", user.id.as_str(), user.address.as_str())
                }
                Member::Group(inner) => {
                    let group = tenant.org.groups.get(inner)?;
                    ("GROUP", group.id.as_str(), group.address.as_str())
                }
            };
            Some(json!({
                "kind": "admin#directory#member",
                "id": id,
                "email": address,
                "role": "MEMBER",
                "type": kind,
                "status": "ACTIVE",
            }))
        },
    )
}

//! Mail folders.

use serde_json::{Value, json};

use super::{
    Refused, addressee, argument, bad_request, body, link, malformed, not_found, project, refused,
    selected, top,
};
use crate::sim::{
    call::{Call, Reply},
    filter::{Comparison, Filter, Literal},
    item_id::GraphId,
    mailstore::{DELETED, Folder, Holding, Item, Mailbox, ROOT, WELL_KNOWN},
    tenant::Tenant,
};

/// The folder with an id or a well-known name.
pub(super) fn find(
    tenant: &Tenant,
    store: &Mailbox,
    index: u32,
    key: &str,
) -> Result<u32, Refused> {
    let well_known = WELL_KNOWN
        .iter()
        .position(|(name, _, _)| name.eq_ignore_ascii_case(key))
        .and_then(|at| u32::try_from(at).ok());
    if let Some(number) = well_known {
        return Ok(number);
    }
    match GraphId::decode(key) {
        Some(GraphId::Folder { mailbox, folder })
            if mailbox == index && store.folder(folder).is_some() =>
        {
            Ok(folder)
        }
        Some(GraphId::Folder { .. }) => not_found(tenant),
        _ => malformed(tenant),
    }
}

fn show(store: &Mailbox, index: u32, folder: &Folder, select: Option<&[&str]>) -> Value {
    let inside = |item: &&Item| item.holding == Holding::Folder(folder.number);
    let total = store.items.iter().filter(inside).count();
    let unread = store
        .items
        .iter()
        .filter(inside)
        .filter(|i| !i.read)
        .count();
    let children = store
        .folders
        .iter()
        .filter(|child| child.parent == folder.number && !child.hidden)
        .count();
    let id = |number| {
        GraphId::Folder {
            mailbox: index,
            folder: number,
        }
        .encode()
    };
    let all = json!({
        "id": id(folder.number),
        "displayName": folder.name,
        "parentFolderId": id(folder.parent),
        "childFolderCount": children,
        "unreadItemCount": unread,
        "totalItemCount": total,
        "isHidden": folder.hidden,
    });
    project(all, select)
}

/// The parent a path names: the folder before `childFolders`, else the root.
fn parent(tenant: &Tenant, call: &Call, store: &Mailbox, index: u32) -> Result<u32, Refused> {
    match call.segments.get(4) {
        Some(key) => find(tenant, store, index, key),
        None => Ok(ROOT),
    }
}

pub(super) fn list(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let filter = match call
        .param("$filter")
        .map(|text| Filter::parse(text, &["displayName", "isHidden"]))
    {
        None => None,
        Some(Ok(filter)) => Some(filter),
        Some(Err(error)) => return bad_request(tenant, &error.to_string()),
    };
    let size = top(tenant, call, 10, 1000)?;
    let from = call.number("$skip").unwrap_or(0);
    let hidden = call.flag("includeHiddenFolders");
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let parent = parent(tenant, call, &store, index)?;
    let own = store.folders.iter().map(|folder| folder.number);
    let well_known = (1_u32..).take(WELL_KNOWN.len() - 1);
    let folders: Vec<Folder> = well_known
        .chain(own)
        .filter_map(|number| store.folder(number))
        .filter(|folder| folder.parent == parent && (hidden || !folder.hidden))
        .filter(|folder| {
            filter.as_ref().is_none_or(|filter| {
                filter.holds(&|path, how, literal| match (path, literal) {
                    ("displayName", Literal::Text(wanted)) => match how {
                        Comparison::Eq => folder.name.eq_ignore_ascii_case(wanted),
                        Comparison::StartsWith => folder
                            .name
                            .to_lowercase()
                            .starts_with(&wanted.to_lowercase()),
                        _ => false,
                    },
                    ("isHidden", Literal::Bool(wanted)) => folder.hidden == *wanted,
                    _ => false,
                })
            })
        })
        .collect();
    let select = selected(call);
    let value: Vec<Value> = folders
        .iter()
        .skip(from)
        .take(size)
        .map(|folder| show(&store, index, folder, select.as_deref()))
        .collect();
    let mut answer = json!({
        "@odata.context": format!("{}/v1.0/$metadata#users('{}')/mailFolders", tenant.base(), call.segments.get(2).map_or("", String::as_str)),
        "value": value,
    });
    if let Some(members) = answer.as_object_mut()
        && from + size < folders.len()
    {
        let next = link(tenant, call, "$skip", &(from + size).to_string());
        members.insert("@odata.nextLink".into(), json!(next));
    }
    Ok(Reply::json(200, &answer))
}

pub(super) fn get(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let Some(store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let key = call.segments.get(4).map_or("", String::as_str);
    let number = find(tenant, &store, index, key)?;
    let select = selected(call);
    match store.folder(number) {
        Some(folder) => Ok(Reply::json(
            200,
            &show(&store, index, &folder, select.as_deref()),
        )),
        None => not_found(tenant),
    }
}

pub(super) fn create(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let body = body(tenant, call)?;
    let name = argument(&body, "displayName")
        .and_then(Value::as_str)
        .map(str::trim)
        .unwrap_or_default();
    if name.is_empty() {
        return bad_request(tenant, "The displayName of a folder is required.");
    }
    let hidden = argument(&body, "isHidden")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let Some(mut store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let parent = parent(tenant, call, &store, index)?;
    let Ok(number) = store.create_folder(name, parent, hidden) else {
        return refused(
            tenant,
            409,
            "ErrorFolderExists",
            "A folder with the specified name already exists.",
        );
    };
    match store.folder(number) {
        Some(folder) => Ok(Reply::json(201, &show(&store, index, &folder, None))),
        None => not_found(tenant),
    }
}

/// A folder of one's own is deleted with what lies in it: the messages go to
/// Deleted Items here, so that nothing is lost by a test's clean-up.
pub(super) fn delete(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let index = addressee(tenant, call)?.index;
    let now = tenant.now();
    let Some(mut store) = tenant.mailbox(index) else {
        return not_found(tenant);
    };
    let key = call.segments.get(4).map_or("", String::as_str);
    let number = find(tenant, &store, index, key)?;
    if usize::try_from(number).is_ok_and(|at| at < WELL_KNOWN.len()) {
        return refused(
            tenant,
            403,
            "ErrorDeleteDistinguishedFolder",
            "Distinguished folders cannot be deleted.",
        );
    }
    let inside: Vec<u32> = store
        .items
        .iter()
        .filter(|item| item.holding == Holding::Folder(number))
        .map(|item| item.uid)
        .collect();
    for uid in inside {
        store.move_to(uid, DELETED, now);
    }
    store.folders.retain(|folder| folder.number != number);
    Ok(Reply::empty(204))
}

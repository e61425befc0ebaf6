//! From a request line to the service, the kind of call and its mailbox.

use crate::domain::Provider;

use super::{
    call::{Call, Face},
    counters::Operation,
    tenant::Tenant,
    tokens::Grant,
};

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub face: Face,
    pub operation: Operation,
    /// The mailbox it is about, by position.
    pub mailbox: Option<u32>,
}

pub(super) fn route(tenant: &Tenant, call: &Call) -> Route {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let method = call.method.as_str();
    let (face, operation, mailbox) = match segments.as_slice() {
        ["sim", ..] => (Face::Sim, Operation::Poke, None),
        ["v1.0", rest @ ..] => (
            Face::Graph,
            match graph(method, rest) {
                Operation::MessageGet if asks_for_event(call) => Operation::MessageEvent,
                other => other,
            },
            rest.get(1)
                .filter(|_| rest.first() == Some(&"users"))
                .and_then(|key| tenant.org.find(Provider::Graph, key))
                .map(|user| user.index),
        ),
        ["gmail", "v1", "users", user, rest @ ..]
        | ["upload", "gmail", "v1", "users", user, rest @ ..]
        | [
            "resumable",
            "upload",
            "gmail",
            "v1",
            "users",
            user,
            rest @ ..,
        ] => (
            Face::Gmail,
            gmail(method, rest),
            gmail_user(tenant, call, user),
        ),
        ["admin", "directory", "v1", rest @ ..] => (Face::Directory, directory(method, rest), None),
        ["calendar", "v3", "calendars", owner, "events", rest @ ..] => (
            Face::Calendar,
            calendar(method, rest),
            match *owner {
                "primary" => gmail_user(tenant, call, "me"),
                other => gmail_user(tenant, call, other),
            },
        ),
        ["token"] if method == "POST" => (Face::GoogleAuth, Operation::GoogleToken, None),
        ["oauth2", "v3", "certs"] => (Face::GoogleAuth, Operation::GoogleCerts, None),
        [_, "oauth2", "v2.0", "token"] if method == "POST" => {
            (Face::Entra, Operation::EntraToken, None)
        }
        [_, "discovery", "v2.0", "keys"] => (Face::Entra, Operation::EntraKeys, None),
        [_, "v2.0", ".well-known", "openid-configuration"] => {
            (Face::Entra, Operation::EntraMetadata, None)
        }
        _ => (Face::Sim, Operation::Unknown, None),
    };
    Route {
        face,
        operation,
        mailbox,
    }
}

/// Whether a message is asked for with the event that it made.
fn asks_for_event(call: &Call) -> bool {
    let expand = call.param("$expand").unwrap_or_default();
    expand.starts_with("microsoft.graph.eventMessage/event")
}

/// The mailbox a Gmail path names; `me` is the token's user.
fn gmail_user(tenant: &Tenant, call: &Call, key: &str) -> Option<u32> {
    if key == "me" {
        let now = tenant.now();
        return match tenant.tokens().grant(call.bearer()?, now)? {
            Grant::Google { user, .. } => Some(*user),
            Grant::Graph { .. } => None,
        };
    }
    tenant.org.find(Provider::Gmail, key).map(|user| user.index)
}

fn graph(method: &str, rest: &[&str]) -> Operation {
    use Operation as O;
    match (method, rest) {
        ("POST", ["$batch"]) => O::Batch,
        ("GET", ["organization"]) => O::Organisation,
        ("GET", ["users"]) => O::UsersList,
        ("GET", ["users", _]) => O::UserGet,
        ("GET", ["groups"]) => O::GroupsList,
        ("GET", ["groups", _]) => O::GroupGet,
        (
            "GET",
            ["groups", _, "transitiveMembers" | "members"]
            | [
                "groups",
                _,
                "transitiveMembers" | "members",
                "graph.user" | "microsoft.graph.user",
            ],
        ) => O::GroupMembers,
        ("GET", ["groups", _, "conversations" | "threads", ..]) => O::GroupMail,
        ("GET", ["users", _, "mailboxSettings"]) => O::MailboxSettings,
        ("GET", ["users", _, "mailFolders", _, "messageRules"]) => O::MessageRules,
        ("GET", ["admin", "exchange", "tracing", "messageTraces"]) => O::MessageTrace,
        (
            "POST",
            [
                "security",
                "runHuntingQuery" | "microsoft.graph.security.runHuntingQuery",
            ],
        ) => O::Hunting,
        ("GET", ["subscriptions"]) => O::SubscriptionsList,
        ("POST", ["subscriptions"]) => O::SubscriptionCreate,
        ("GET", ["subscriptions", _]) => O::SubscriptionGet,
        ("PATCH", ["subscriptions", _]) => O::SubscriptionRenew,
        ("DELETE", ["subscriptions", _]) => O::SubscriptionDelete,
        ("POST", ["subscriptions", _, "reauthorize"]) => O::SubscriptionReauthorize,
        ("POST", ["users", _, "sendMail"]) => O::SendMail,
        ("POST", ["users", _, "translateExchangeIds"]) => O::TranslateIds,
        ("GET", ["users", _, "events"]) => O::EventsList,
        ("POST", ["users", _, "events"]) => O::EventCreate,
        ("GET", ["users", _, "events", _]) => O::EventGet,
        ("DELETE", ["users", _, "events", _]) => O::EventDelete,
        (_, ["users", _, "messages", rest @ ..]) => message(method, rest, O::MessageSearch),
        ("GET", ["users", _, "mailFolders"] | ["users", _, "mailFolders", _, "childFolders"]) => {
            O::FoldersList
        }
        ("POST", ["users", _, "mailFolders"] | ["users", _, "mailFolders", _, "childFolders"]) => {
            O::FolderCreate
        }
        ("GET", ["users", _, "mailFolders", _]) => O::FolderGet,
        ("DELETE", ["users", _, "mailFolders", _]) => O::FolderDelete,
        (_, ["users", _, "mailFolders", _, "messages", rest @ ..]) => {
            message(method, rest, O::FolderMessages)
        }
        _ => O::Unknown,
    }
}

fn message(method: &str, rest: &[&str], list: Operation) -> Operation {
    use Operation as O;
    match (method, rest) {
        ("GET", []) => list,
        ("POST", []) => O::MessageCreate,
        ("GET", [_]) => O::MessageGet,
        ("PATCH", [_]) => O::MessagePatch,
        ("DELETE", [_]) => O::MessageDelete,
        ("GET", [_, "$value"]) => O::MessageValue,
        ("POST", [_, "move" | "microsoft.graph.move"]) => O::MessageMove,
        ("POST", [_, "send" | "microsoft.graph.send"]) => O::MessageSend,
        ("POST", [_, "permanentDelete"]) => O::MessagePurge,
        _ => O::Unknown,
    }
}

fn gmail(method: &str, rest: &[&str]) -> Operation {
    use Operation as O;
    match (method, rest) {
        ("GET", ["profile"]) => O::GmailProfile,
        ("GET", ["messages"]) => O::GmailList,
        ("POST" | "PUT", ["messages"]) => O::GmailInsert,
        ("POST", ["messages", "import"]) => O::GmailInsert,
        ("POST", ["messages", "send"]) => O::GmailSend,
        ("POST", ["messages", "batchModify"]) => O::GmailBatchModify,
        ("POST", ["messages", "batchDelete"]) => O::GmailDelete,
        ("GET", ["messages", _]) => O::GmailGet,
        ("DELETE", ["messages", _]) => O::GmailDelete,
        ("POST", ["messages", _, "modify"]) => O::GmailModify,
        ("POST", ["messages", _, "trash"]) => O::GmailTrash,
        ("POST", ["messages", _, "untrash"]) => O::GmailUntrash,
        ("GET", ["labels"]) => O::LabelsList,
        ("POST", ["labels"]) => O::LabelCreate,
        ("GET", ["labels", _]) => O::LabelGet,
        ("DELETE", ["labels", _]) => O::LabelDelete,
        ("GET", ["history"]) => O::GmailHistory,
        ("GET", ["settings", ..]) => O::GmailSettings,
        ("POST", ["watch"]) => O::GmailWatch,
        ("POST", ["stop"]) => O::GmailStop,
        _ => O::Unknown,
    }
}

fn directory(method: &str, rest: &[&str]) -> Operation {
    use Operation as O;
    match (method, rest) {
        ("GET", ["users"]) => O::DirectoryUsers,
        ("GET", ["users", _]) => O::DirectoryUser,
        ("GET", ["groups"]) => O::DirectoryGroups,
        ("GET", ["groups", _]) => O::DirectoryGroup,
        ("GET", ["groups", _, "members"]) => O::DirectoryMembers,
        _ => O::Unknown,
    }
}

fn calendar(method: &str, rest: &[&str]) -> Operation {
    use Operation as O;
    match (method, rest) {
        ("GET", []) => O::CalendarList,
        ("DELETE", [_]) => O::CalendarDelete,
        ("PATCH", [_]) => O::CalendarPatch,
        _ => O::Unknown,
    }
}

//! Google's token endpoint: domain-wide delegation, one token for each user.

use std::time::Instant;

use serde_json::{Value, json};

use super::Refused;
use crate::{
    domain::Provider,
    sim::{
        call::{Call, Reply},
        counters::Operation,
        platform::Reach,
        tenant::Tenant,
        tokens::Grant,
    },
};

macro_rules! gmail {
    ($name:literal) => {
        concat!("https://www.googleapis.com/auth/gmail.", $name)
    };
}
macro_rules! directory {
    ($name:literal) => {
        concat!("https://www.googleapis.com/auth/admin.directory.", $name)
    };
}

pub(super) const EVERYTHING: &str = "https://mail.google.com/";
pub(super) const ADDON: &str = gmail!("addons.current.message.readonly");
pub(super) const ALL: &[&str] = &[EVERYTHING];
pub(super) const READ: &[&str] = &[gmail!("readonly"), gmail!("modify"), EVERYTHING];
pub(super) const MODIFY: &[&str] = &[gmail!("modify"), EVERYTHING];
pub(super) const INSERT: &[&str] = &[gmail!("insert"), gmail!("modify"), EVERYTHING];
pub(super) const SEND: &[&str] = &[gmail!("send"), gmail!("modify"), EVERYTHING];
pub(super) const LABELS: &[&str] = &[
    gmail!("labels"),
    gmail!("modify"),
    gmail!("readonly"),
    EVERYTHING,
];
pub(super) const SETTINGS: &[&str] = &[
    gmail!("settings.basic"),
    gmail!("modify"),
    gmail!("readonly"),
    EVERYTHING,
];
pub(super) const USERS: &[&str] = &[directory!("user.readonly"), directory!("user")];
pub(super) const GROUPS: &[&str] = &[
    directory!("group.member.readonly"),
    directory!("group.readonly"),
    directory!("group"),
];

pub(super) const EVENTS: &[&str] = &[
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar",
];

/// The scopes the administrator has granted the service account. Permanent
/// deletion (`https://mail.google.com/`) is not among them.
pub(super) const SCOPES: [&str; 10] = [
    gmail!("readonly"),
    gmail!("modify"),
    gmail!("insert"),
    gmail!("send"),
    gmail!("labels"),
    gmail!("settings.basic"),
    directory!("user.readonly"),
    directory!("group.readonly"),
    directory!("group.member.readonly"),
    "https://www.googleapis.com/auth/calendar.events",
];

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) fn answer(tenant: &Tenant, operation: Operation, call: &Call) -> Result<Reply, Refused> {
    match operation {
        Operation::GoogleCerts => Ok(Reply::json(
            200,
            &json!({"keys": [tenant.keys.google.jwk()]}),
        )
        .with("cache-control", "public, max-age=19800, must-revalidate")),
        _ => token(tenant, call),
    }
}

fn refuse<T>(status: u16, error: &str, description: &str) -> Result<T, Refused> {
    Err(Box::new(Reply::json(
        status,
        &json!({"error": error, "error_description": description}),
    )))
}

fn token(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let form = call.form();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    if field("grant_type") != GRANT {
        return refuse(400, "unsupported_grant_type", "Invalid grant_type");
    }
    let Some(claims) = tenant.keys.service_account.verify(field("assertion")) else {
        return refuse(400, "invalid_grant", "Invalid JWT Signature.");
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("iss") != tenant.identity.service_account_email {
        return refuse(400, "invalid_grant", "Invalid grant: account not found");
    }
    if text("aud") != format!("{}/token", tenant.base()) {
        return refuse(400, "invalid_grant", "Invalid JWT: failed audience check.");
    }
    // the client library takes the machine's time, not the simulated one, so
    // only the length of the span can be checked
    let time = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
    let span = time("exp") - time("iat");
    if !(1..=3600).contains(&span) {
        return refuse(
            400,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes).",
        );
    }
    let scopes: Vec<String> = text("scope")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return refuse(400, "invalid_scope", "Empty or missing scope not allowed.");
    }
    let withheld = tenant.platform().withheld.clone();
    let granted = |scope: &String| SCOPES.contains(&scope.as_str()) && !withheld.contains(scope);
    if !scopes.iter().all(granted) {
        return refuse(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        );
    }
    let Some(user) = tenant.org.find(Provider::Gmail, text("sub")) else {
        return refuse(400, "invalid_grant", "Invalid email or User ID");
    };
    let reach = tenant.mailbox(user.index).map(|mailbox| mailbox.reach);
    if matches!(
        reach,
        Some(Reach::Locked | Reach::SoftDeleted | Reach::Missing)
    ) {
        return refuse(400, "invalid_grant", "Invalid email or User ID");
    }
    let access = tenant.tokens().issue(Grant::Google {
        user: user.index,
        scopes,
        issued: Instant::now(),
    });
    Ok(Reply::json(
        200,
        &json!({"access_token": access, "expires_in": 3599, "token_type": "Bearer"}),
    ))
}

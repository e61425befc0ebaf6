//! The organisation's people.

use serde::Deserialize;

use super::{GraphMail, call::Call, message, path::Path};
use crate::{
    domain::{MailboxAddress, MailboxRef, Provider},
    mailbox::{Family, MailboxEntry, MailboxError, MailboxPage, wire as shared, wire::Effect},
};

/// Users on one page (documented maximum).
pub(super) const TOP: &str = "999";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    id: String,
    mail: Option<String>,
    user_principal_name: Option<String>,
    #[serde(default)]
    proxy_addresses: Vec<String>,
    display_name: Option<String>,
    department: Option<String>,
}

impl GraphMail {
    pub(super) async fn people(&self, cursor: Option<&str>) -> Result<MailboxPage, MailboxError> {
        let body = match cursor {
            Some(link) => self.wire.page(None, Family::Directory, link).await?,
            None => {
                let path = Path::new(&["users"])
                    .ask(
                        "$select",
                        "id,mail,userPrincipalName,proxyAddresses,displayName,userType,department",
                    )
                    .ask("$top", TOP);
                let call = Call::directory(&path);
                self.wire.one(&call).await?.ok(Effect::Read)?
            }
        };
        let (users, next) = message::page(body)?;
        if next.is_some() && next.as_deref() == cursor {
            return Err(MailboxError::Malformed("pages do not end".to_owned()));
        }
        let mailboxes = users
            .into_iter()
            .filter_map(|user| serde_json::from_value(user).ok())
            .filter_map(entry)
            .collect();
        Ok(MailboxPage { mailboxes, next })
    }
}

/// A mailbox for a user that mail can reach. Whether Exchange holds one behind
/// it shows only when it is asked; guests from elsewhere have none here.
fn entry(user: User) -> Option<MailboxEntry> {
    let is_guest = user
        .user_principal_name
        .as_deref()
        .is_some_and(|name| name.contains("#EXT#"));
    let has_mail = user.mail.is_some() || !user.proxy_addresses.is_empty();
    if is_guest || !has_mail {
        return None;
    }
    let address = primary(&user)?;
    let aliases = user
        .proxy_addresses
        .iter()
        .filter_map(|proxy| smtp(proxy))
        .filter(|alias| *alias != address)
        .collect();
    let mailbox = MailboxRef::new(Provider::Graph, user.id.clone(), address).ok()?;
    Some(MailboxEntry {
        mailbox,
        aliases,
        display_name: user.display_name,
        subject: Some(user.id),
        department: user.department.and_then(shared::department),
    })
}

/// `mail`, else the proxy address marked primary, else the sign-in name.
pub(super) fn primary(user: &User) -> Option<MailboxAddress> {
    let mail = user.mail.as_deref().and_then(|mail| mail.parse().ok());
    mail.or_else(|| {
        user.proxy_addresses
            .iter()
            .find(|proxy| proxy.starts_with("SMTP:"))
            .and_then(|proxy| smtp(proxy))
    })
    .or_else(|| user.user_principal_name.as_deref()?.parse().ok())
}

fn smtp(proxy: &str) -> Option<MailboxAddress> {
    let (kind, address) = proxy.split_once(':')?;
    if kind.eq_ignore_ascii_case("smtp") {
        address.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_has_its_primary_address_and_its_aliases() {
        let user = |value| serde_json::from_value::<User>(value).expect("user");
        let entry_of = |value| entry(user(value));
        let ann = entry_of(json!({
            "id": "11-22", "mail": null, "userPrincipalName": "ann@login.example",
            "proxyAddresses": ["smtp:a@x.example", "SMTP:Ann@x.example", "SIP:ann@x.example"],
            "displayName": "Ann"
        }))
        .expect("entry");
        assert_eq!(ann.mailbox.address.as_str(), "ann@x.example");
        assert_eq!(ann.aliases.len(), 1);
        assert!(entry_of(json!({"id": "1", "userPrincipalName": "svc@x.example"})).is_none());
        assert!(entry_of(json!({"id": "../2", "mail": "b@x.example"})).is_none());
        assert!(
            entry_of(json!({
                "id": "3", "mail": "c@else.example",
                "userPrincipalName": "c_else.example#EXT#@x.example"
            }))
            .is_none()
        );
    }
}

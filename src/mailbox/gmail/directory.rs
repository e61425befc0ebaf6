//! The organisation's people and groups, read as an administrator.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{refusal, seat::Access};
use crate::{
    clock::SharedClock,
    domain::{MailboxAddress, MailboxRef, Provider},
    mailbox::{
        Audience, Family, GroupKind, MailboxEntry, MailboxError, MailboxPage,
        counts::Tally,
        pace::{Pace, retry_after},
        wire::{self, Effect},
    },
};

/// What the directory is read with.
pub(super) const SCOPES: [&str; 3] = [
    "https://www.googleapis.com/auth/admin.directory.group.member.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
];

/// The Directory API.
pub(super) struct Directory {
    pub(super) http: reqwest::Client,
    pub(super) access: Access,
    pub(super) root: Url,
    pub(super) customer: String,
    pub(super) pace: Pace,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: SharedClock,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    #[serde(default)]
    users: Vec<User>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    primary_email: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    non_editable_aliases: Vec<String>,
    name: Option<Name>,
    #[serde(default)]
    organizations: Vec<Organization>,
}

#[derive(Debug, Deserialize)]
struct Organization {
    #[serde(default)]
    primary: bool,
    department: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    full_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Group {
    email: Option<String>,
    description: Option<String>,
}

impl Group {
    /// Whether it keeps its conversations, the Directory does not say; those whose
    /// description does are believed.
    fn is_inbox(&self) -> bool {
        let description = self.description.as_deref().unwrap_or_default();
        description.to_lowercase().contains("collaborative inbox")
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default)]
    members: Vec<Member>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Member {
    #[serde(default)]
    email: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Directory {
    pub(super) async fn people(
        &self,
        cursor: Option<&str>,
        most: &str,
    ) -> Result<MailboxPage, MailboxError> {
        let mut ask = vec![
            ("customer", self.customer.as_str()),
            ("maxResults", most),
            ("projection", "basic"),
        ];
        ask.extend(cursor.map(|token| ("pageToken", token)));
        let page: Users = self
            .get("users", &ask)
            .await
            .map_err(|error| wire::stale_page(error, cursor.is_some()))?;
        let next = page.next_page_token.filter(|next| !next.is_empty());
        if next.is_some() && next.as_deref() == cursor {
            return Err(MailboxError::Malformed("pages do not end".to_owned()));
        }
        let mailboxes = page.users.into_iter().filter_map(entry).collect();
        Ok(MailboxPage { mailboxes, next })
    }

    pub(super) async fn audience(
        &self,
        address: &MailboxAddress,
    ) -> Result<Option<Audience>, MailboxError> {
        let group = utf8_percent_encode(address.as_str(), NON_ALPHANUMERIC).to_string();
        let known: Group = match self.get(&format!("groups/{group}"), &[]).await {
            Ok(known) => known,
            Err(MailboxError::Gone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (kind, remark) = if known.is_inbox() {
            (
                GroupKind::CollaborativeInbox,
                "the group's own conversations keep a copy that cannot be searched",
            )
        } else {
            (
                GroupKind::List,
                "conversations that the group itself may keep cannot be searched",
            )
        };
        Ok(Some(Audience {
            kind,
            members: self.members(&group).await?,
            remark: Some(remark.to_owned()),
        }))
    }

    /// Groups whose description says that they are a collaborative inbox.
    pub(super) async fn groups_that_keep(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        let mut keeping = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..wire::PAGE_LIMIT {
            let mut ask = vec![("customer", self.customer.as_str()), ("maxResults", "200")];
            ask.extend(token.as_deref().map(|token| ("pageToken", token)));
            let page: Groups = self.get("groups", &ask).await?;
            let groups = page.groups.into_iter().filter(Group::is_inbox);
            keeping.extend(groups.filter_map(|group| group.email?.parse().ok()));
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => return Ok(keeping),
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(MailboxError::Malformed("pages do not end".to_owned()))
    }

    async fn members(&self, group: &str) -> Result<Vec<MailboxAddress>, MailboxError> {
        let path = format!("groups/{group}/members");
        let mut members = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..wire::PAGE_LIMIT {
            let mut ask = vec![("includeDerivedMembership", "true"), ("maxResults", "200")];
            ask.extend(token.as_deref().map(|token| ("pageToken", token)));
            let page: Members = self.get(&path, &ask).await?;
            for member in page.members {
                match member.kind.as_str() {
                    "USER" => members.extend(member.email.and_then(|mail| mail.parse().ok())),
                    "CUSTOMER" => members.extend(self.everyone().await?),
                    // Nested groups come flattened; outsiders have no mailbox here.
                    _ => {}
                }
            }
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => {
                    members.sort_unstable();
                    members.dedup();
                    return Ok(members);
                }
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(MailboxError::Malformed("pages do not end".to_owned()))
    }

    async fn everyone(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..wire::PAGE_LIMIT * 10 {
            let page = self.people(cursor.as_deref(), "500").await?;
            all.extend(page.mailboxes.into_iter().map(|e| e.mailbox.address));
            match page.next {
                None => return Ok(all),
                next => cursor = next,
            }
        }
        Err(MailboxError::Malformed("pages do not end".to_owned()))
    }

    /// One call; a 401 renews the token once.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        ask: &[(&str, &str)],
    ) -> Result<T, MailboxError> {
        let mut url = self
            .root
            .join(&format!("admin/directory/v1/{path}"))
            .map_err(|_| MailboxError::Malformed("request target".to_owned()))?;
        if !ask.is_empty() {
            url.query_pairs_mut().extend_pairs(ask);
        }
        self.pace.admit(Family::Directory, None, 1).await?;
        let _slot = self.pace.enter([]).await;
        self.tally.call(Family::Directory, 0);
        let mut second = false;
        loop {
            self.tally.exchange();
            let token = self.access.token(&SCOPES).await?;
            let sent = self
                .http
                .get(url.clone())
                .bearer_auth(token.expose_secret())
                .send()
                .await;
            let response = sent.map_err(|error| MailboxError::Unavailable(wire::kind(&error)))?;
            let status = response.status().as_u16();
            if status == 401 && !second {
                second = true;
                self.access.refuse(Some(&token)).await;
                continue;
            }
            let wait = response
                .headers()
                .get(reqwest::header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, self.clock.now()));
            let body = wire::body(response, wire::JSON_LIMIT).await?;
            if status == 200 {
                self.pace.went_through();
                return serde_json::from_slice(&body)
                    .map_err(|_| MailboxError::Malformed("directory answer".to_owned()));
            }
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let error = refusal::meaning(status, &refusal::reason(&body), wait, Effect::Read);
            if let MailboxError::Throttled { retry_after } = &error {
                self.tally.throttled();
                self.pace.hold(Family::Directory, *retry_after);
                self.pace.overloaded();
            }
            return Err(error);
        }
    }
}

fn entry(user: User) -> Option<MailboxEntry> {
    let address: MailboxAddress = user.primary_email.parse().ok()?;
    let Ok(mailbox) = MailboxRef::new(Provider::Gmail, address.as_str(), address.clone()) else {
        // Not silently: this person's mail is never searched.
        tracing::warn!(subject = %wire::plain_code(&user.id), "address cannot be a mailbox key");
        return None;
    };
    let aliases = user
        .aliases
        .iter()
        .chain(&user.non_editable_aliases)
        .filter_map(|alias| alias.parse().ok())
        .filter(|alias| *alias != address)
        .collect();
    Some(MailboxEntry {
        mailbox,
        aliases,
        display_name: user.name.and_then(|name| name.full_name),
        department: user
            .organizations
            .iter()
            .filter(|one| one.department.is_some())
            .max_by_key(|one| one.primary)
            .and_then(|one| one.department.clone())
            .and_then(wire::department),
        subject: Some(user.id),
    })
}

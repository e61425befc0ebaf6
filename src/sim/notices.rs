//! Change notifications of both platforms: who is told of what, and in which
//! form. They are hints; what they say must be fetched.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::Provider;

use super::{
    courier::Notice,
    item_id::GraphId,
    mailstore::{Holding, Mailbox},
    platform::Notifications,
    seed::hash,
    tenant::{Tenant, lock},
    tokens,
};

/// A Graph subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub id: String,
    pub resource: String,
    pub mailbox: u32,
    /// The one folder it is about; all when absent.
    pub folder: Option<u32>,
    pub change_type: String,
    pub url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub expires: DateTime<Utc>,
    /// Whether ids in notifications are immutable ones.
    pub immutable: bool,
}

/// Where Pub/Sub pushes what Gmail publishes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PushTarget {
    /// The URL that is posted to; loopback only.
    pub endpoint: String,
    /// `aud` of its token.
    pub audience: String,
    /// The service account that signs for it: `email` of the token.
    pub account: String,
}

/// A lifecycle notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lifecycle {
    /// The app's token is about to lapse.
    ReauthorizationRequired,
    /// The subscription is gone.
    SubscriptionRemoved,
    /// Notifications were lost.
    Missed,
}

/// How held notifications are let go.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default)]
pub struct Release {
    /// The last one first.
    pub reversed: bool,
    /// How often each is sent.
    pub times: usize,
    /// Graph's in one request for each URL.
    pub together: bool,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            reversed: false,
            times: 1,
            together: false,
        }
    }
}

/// Tells those who subscribed to or watch the mailbox of a new message.
pub(super) fn announce(tenant: &Tenant, user: u32, uid: u32) {
    match tenant.user(user).map(|user| user.provider) {
        Some(Provider::Graph) => {
            for notice in created(tenant, user, uid) {
                emit(tenant, notice);
            }
        }
        Some(Provider::Gmail) => {
            if let Some(notice) = published(tenant, user, uid) {
                emit(tenant, notice);
            }
        }
        None => {}
    }
}

fn emit(tenant: &Tenant, notice: Notice) {
    let fate = tenant.platform().notifications;
    match fate {
        Notifications::Sent => tenant.courier.send(notice),
        Notifications::Held => lock(&tenant.held).push(notice),
        Notifications::Lost => {}
    }
}

fn created(tenant: &Tenant, user: u32, uid: u32) -> Vec<Notice> {
    let now = tenant.now();
    let Some((version, holding)) = tenant
        .mailbox(user)
        .and_then(|m| m.item(uid).map(|item| (item.version, item.holding.clone())))
    else {
        return Vec::new();
    };
    let Some(owner) = tenant.user(user).map(|user| user.id.clone()) else {
        return Vec::new();
    };
    lock(&tenant.subscriptions)
        .iter()
        .filter(|one| one.mailbox == user && one.expires > now)
        .filter(|one| {
            one.change_type
                .split(',')
                .any(|kind| kind.trim() == "created")
        })
        .filter(|one| one.folder.is_none_or(|f| holding == Holding::Folder(f)))
        .map(|one| {
            let id = if one.immutable {
                GraphId::Immutable { mailbox: user, uid }
            } else {
                GraphId::Item {
                    mailbox: user,
                    uid,
                    version,
                }
            }
            .encode();
            let resource = format!("Users/{owner}/Messages/{id}");
            let mut item = about(tenant, one, &resource);
            item.insert("changeType".into(), json!("created"));
            item.insert(
                "resourceData".into(),
                json!({
                    "@odata.type": "#Microsoft.Graph.Message",
                    "@odata.id": resource,
                    "@odata.etag": format!("W/\"CQAAABYAAAB{:016x}\"", hash(&id)),
                    "id": id,
                }),
            );
            Notice {
                url: one.url.clone(),
                body: json!({"value": [item]}),
                authorization: None,
            }
        })
        .collect()
}

fn about(tenant: &Tenant, one: &Subscription, resource: &str) -> Map<String, Value> {
    let expires = one.expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut item = Map::new();
    for (name, value) in [
        ("subscriptionId", json!(one.id)),
        ("subscriptionExpirationDateTime", json!(expires)),
        ("resource", json!(resource)),
        ("tenantId", json!(tenant.identity.tenant_id)),
        ("clientState", json!(one.client_state)),
    ] {
        item.insert(name.into(), value);
    }
    item
}

/// One lifecycle notification for every live subscription that has a URL for
/// them; gives how many were told. A removed subscription is gone afterwards.
pub(super) fn lifecycle(tenant: &Tenant, event: Lifecycle) -> usize {
    let now = tenant.now();
    let mut subscriptions = lock(&tenant.subscriptions);
    let mut told = 0;
    for one in subscriptions.iter().filter(|one| one.expires > now) {
        let Some(url) = one.lifecycle_url.clone() else {
            continue;
        };
        let mut item = about(tenant, one, &one.resource);
        item.insert("lifecycleEvent".into(), json!(event));
        told += 1;
        tenant.courier.send(Notice {
            url,
            body: json!({"value": [item]}),
            authorization: None,
        });
    }
    if event == Lifecycle::SubscriptionRemoved {
        subscriptions.clear();
    }
    told
}

fn published(tenant: &Tenant, user: u32, uid: u32) -> Option<Notice> {
    let now = tenant.now();
    let target = lock(&tenant.push).clone()?;
    let address = tenant.user(user)?.address.clone();
    let history = {
        let mut mailbox = tenant.mailbox(user)?;
        let labels = mailbox.item(uid).map(Mailbox::label_ids)?;
        let history = mailbox.history_id;
        let watch = mailbox.watch.as_mut().filter(|watch| watch.expires > now)?;
        let named = watch.labels.is_empty() || watch.labels.iter().any(|l| labels.contains(l));
        let wanted = watch.labels.is_empty() || named != watch.exclude;
        // one event a second and user; the rest is dropped
        let millis = now.timestamp_millis();
        let early = (millis - watch.last).abs() < 1000;
        if !wanted || early {
            return None;
        }
        watch.last = millis;
        history
    };
    // both forms are seen in the wild
    let history_id = if history % 2 == 0 {
        json!(history)
    } else {
        json!(history.to_string())
    };
    let event = json!({"emailAddress": address, "historyId": history_id}).to_string();
    let number = format!(
        "{:015}",
        hash(&format!("{user}/{history}")) % 1_000_000_000_000_000
    );
    let at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    let token = tokens::push_token(tenant.keys, &target, now, &Map::new());
    Some(Notice {
        url: target.endpoint,
        body: json!({
            "message": {
                "data": URL_SAFE.encode(event),
                "messageId": number,
                "message_id": number,
                "publishTime": at,
                "publish_time": at,
            },
            "subscription": "projects/sim-project/subscriptions/unhook",
        }),
        authorization: Some(format!("Bearer {token}")),
    })
}

/// Lets the held notifications go; gives how many requests that makes.
pub(super) fn release(tenant: &Tenant, how: Release) -> usize {
    let mut held = std::mem::take(&mut *lock(&tenant.held));
    if how.reversed {
        held.reverse();
    }
    let mut notices: Vec<Notice> = held
        .into_iter()
        .flat_map(|notice| std::iter::repeat_n(notice, how.times))
        .collect();
    if how.together {
        notices = together(notices);
    }
    let count = notices.len();
    for notice in notices {
        tenant.courier.send(notice);
    }
    count
}

/// Graph puts several notifications into one request.
fn together(notices: Vec<Notice>) -> Vec<Notice> {
    let mut by_url: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut others = Vec::new();
    for notice in notices {
        match notice.body.get("value").and_then(Value::as_array) {
            Some(items) => by_url
                .entry(notice.url)
                .or_default()
                .extend(items.iter().cloned()),
            None => others.push(notice),
        }
    }
    let joined = by_url.into_iter().map(|(url, items)| Notice {
        url,
        body: json!({ "value": items }),
        authorization: None,
    });
    joined.chain(others).collect()
}

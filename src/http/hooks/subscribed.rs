//! The subscriptions of ours, as last read: what comes for none of them costs no
//! look at the database.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;

use crate::{
    app::App,
    domain::Provider,
    store::{StoreError, subscription::SubscriptionState},
};

/// How soon what names a subscription that is not known makes them be read again.
/// One that was just made by another process is known after this long; Graph sends
/// again what it was refused.
const READ_AGAIN: TimeDelta = TimeDelta::seconds(2);
/// The longest id or secret that is looked at, bytes (Graph: `clientState` 128).
const LONGEST: usize = 128;

/// SHA-256 of a text, as hex.
pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

struct Known {
    mailbox: String,
    client_state_sha256: String,
}

type All = Arc<HashMap<String, Known>>;

/// Graph's subscriptions that are active; shared by all threads.
#[derive(Default)]
pub struct Subscribed {
    known: RwLock<All>,
    read_at: Mutex<Option<DateTime<Utc>>>,
}

impl Subscribed {
    /// The mailbox of the subscription that goes by this id and secret.
    pub(super) async fn mailbox(
        &self,
        app: &App,
        id: &str,
        secret: &str,
    ) -> Result<Option<String>, StoreError> {
        if id.is_empty() || id.len() > LONGEST || secret.is_empty() || secret.len() > LONGEST {
            return Ok(None);
        }
        if !self.all().contains_key(id) {
            self.read(app).await?;
        }
        let all = self.all();
        let given = digest(secret);
        Ok(all.get(id).and_then(|known| {
            let same = known.client_state_sha256.as_bytes().ct_eq(given.as_bytes());
            bool::from(same).then(|| known.mailbox.clone())
        }))
    }

    fn all(&self) -> All {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self, app: &App) -> Result<(), StoreError> {
        // One reads; who waited for it sees what it has read.
        let mut read_at = self.read_at.lock().await;
        let now = app.clock.now();
        if read_at.is_some_and(|at| (now - at).abs() < READ_AGAIN) {
            return Ok(());
        }
        let rows = app.store.read(app.tenant).subscriptions().await?;
        let known = rows
            .into_iter()
            .filter(|one| {
                one.mailbox.provider == Provider::Graph && one.state == SubscriptionState::Active
            })
            .map(|one| {
                let known = Known {
                    mailbox: one.mailbox.key().to_owned(),
                    client_state_sha256: one.client_state_sha256,
                };
                (one.remote_id, known)
            })
            .collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        *read_at = Some(now);
        Ok(())
    }
}

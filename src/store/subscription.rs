//! Subscriptions to the platforms' change notifications: one a mailbox. Of the
//! secret that a notification must name only the SHA-256 is kept.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _,
    sea_query::{Expr, OnConflict},
};

use super::{Scope, StoreError, instant, millis, parse};
use crate::domain::{MailboxRef, Provider};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "subscription")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        pub address: String,
        pub remote_id: String,
        pub client_state_sha256: String,
        pub state: String,
        pub mark: Option<String>,
        pub expires_at: i64,
        pub due_at: i64,
        pub last_error: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// The platform tells of changes until it expires.
    Active,
    /// The platform has ended it: it is made anew.
    Lost,
    /// The platform would not make it; it is asked again later.
    Refused,
}

impl SubscriptionState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Lost => "lost",
            Self::Refused => "refused",
        }
    }
}

/// A mailbox that tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// The platform's own id; the mailbox's key for Gmail, empty before there is one.
    pub remote_id: String,
    /// SHA-256 (hex) of the random text that every notification must name.
    pub client_state_sha256: String,
    /// How it stands.
    pub state: SubscriptionState,
    /// How far notifications were heard: Gmail's history id, or what the last one
    /// was about.
    pub mark: Option<String>,
    /// When the platform ends it by itself.
    pub expires_at: DateTime<Utc>,
    /// When it is to be renewed, or asked for again.
    pub due_at: DateTime<Utc>,
    /// Why the platform would not make it.
    pub last_error: Option<String>,
}

fn subscription_of(row: entity::Model) -> Result<Subscription, StoreError> {
    Ok(Subscription {
        mailbox: MailboxRef::new(
            parse(&row.provider, "subscription.provider")?,
            row.mailbox_key,
            parse(&row.address, "subscription.address")?,
        )
        .map_err(|_| StoreError::Corrupt("subscription.mailbox_key".to_owned()))?,
        remote_id: row.remote_id,
        client_state_sha256: row.client_state_sha256,
        state: match row.state.as_str() {
            "active" => SubscriptionState::Active,
            "lost" => SubscriptionState::Lost,
            "refused" => SubscriptionState::Refused,
            _ => return Err(StoreError::Corrupt("subscription.state".to_owned())),
        },
        mark: row.mark,
        expires_at: instant(row.expires_at),
        due_at: instant(row.due_at),
        last_error: row.last_error,
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// All subscriptions; at most a thousand are ever made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .order_by_asc(entity::Column::Provider)
            .order_by_asc(entity::Column::MailboxKey)
            .all(self.conn)
            .await?;
        rows.into_iter().map(subscription_of).collect()
    }

    /// The subscription of a mailbox.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn subscription(
        &self,
        provider: Provider,
        key: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        let id = (
            self.tenant.clone(),
            provider.as_str().to_owned(),
            key.to_owned(),
        );
        let row = entity::Entity::find_by_id(id).one(self.conn).await?;
        row.map(subscription_of).transpose()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Inserts or overwrites a subscription.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_subscription(&self, kept: &Subscription) -> Result<(), StoreError> {
        use entity::Column as C;
        let row = entity::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            provider: Set(kept.mailbox.provider.to_string()),
            mailbox_key: Set(kept.mailbox.key().to_owned()),
            address: Set(kept.mailbox.address.to_string()),
            remote_id: Set(kept.remote_id.clone()),
            client_state_sha256: Set(kept.client_state_sha256.clone()),
            state: Set(kept.state.as_str().to_owned()),
            mark: Set(kept.mark.clone()),
            expires_at: Set(millis(kept.expires_at)),
            due_at: Set(millis(kept.due_at)),
            last_error: Set(kept.last_error.clone()),
        };
        entity::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([C::TenantId, C::Provider, C::MailboxKey])
                    .update_columns([
                        C::Address,
                        C::RemoteId,
                        C::ClientStateSha256,
                        C::State,
                        C::Mark,
                        C::ExpiresAt,
                        C::DueAt,
                        C::LastError,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Forgets the subscription of a mailbox.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_subscription(&self, mailbox: &MailboxRef) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::delete_many()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Provider.eq(mailbox.provider.as_str()))
            .filter(C::MailboxKey.eq(mailbox.key()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Records how far the notifications of a mailbox were heard.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_subscription(
        &self,
        provider: Provider,
        key: &str,
        mark: &str,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::Mark, Expr::value(mark))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Provider.eq(provider.as_str()))
            .filter(C::MailboxKey.eq(key))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Has a subscription seen to at `now`; `lost` when the platform has ended it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hurry_subscription(
        &self,
        provider: Provider,
        key: &str,
        lost: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let change = entity::Entity::update_many()
            .col_expr(C::DueAt, Expr::value(millis(now)))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Provider.eq(provider.as_str()))
            .filter(C::MailboxKey.eq(key));
        let change = if lost {
            let state = SubscriptionState::Lost.as_str();
            change.col_expr(C::State, Expr::value(state))
        } else {
            change.filter(C::DueAt.gt(millis(now)))
        };
        change.exec(self.conn).await?;
        Ok(())
    }
}

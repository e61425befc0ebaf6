//! The mailboxes of a standing watch: those it looks into first, and those it owes
//! a look.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    ExprTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::{Scope, StoreError, instant, millis, parse};
use crate::domain::{MailboxRef, Provider, RemediationId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "watched")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub remediation_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        pub tenant_id: String,
        pub address: String,
        pub likely: bool,
        pub due_at: Option<i64>,
        pub tries: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A mailbox that is owed a look of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Looks in a row that had no answer.
    pub tries: i32,
}

fn mailbox_of(row: &entity::Model) -> Result<MailboxRef, StoreError> {
    MailboxRef::new(
        parse(&row.provider, "watched.provider")?,
        row.mailbox_key.clone(),
        parse(&row.address, "watched.address")?,
    )
    .map_err(|_| StoreError::Corrupt("watched.mailbox_key".to_owned()))
}

/// Mailboxes after a provider and key, in their order.
fn beyond(after: Option<(&str, &str)>) -> Condition {
    use entity::Column as C;
    let all = Condition::all();
    match after {
        None => all,
        Some((provider, key)) => all.add(
            C::Provider
                .gt(provider)
                .or(C::Provider.eq(provider).and(C::MailboxKey.gt(key))),
        ),
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The watches that are not over and count a mailbox among the likely ones,
    /// each with the time at which it owes it a look.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn watches_of_mailbox(
        &self,
        provider: Provider,
        key: &str,
    ) -> Result<Vec<(RemediationId, Option<DateTime<Utc>>)>, StoreError> {
        use entity::Column as C;
        let rows = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Provider.eq(provider.as_str()))
            .filter(C::MailboxKey.eq(key))
            .filter(C::Likely.eq(true))
            .filter(C::RemediationId.in_subquery(self.open_watches()))
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                let id = parse(&row.remediation_id, "watched.remediation_id")?;
                Ok((id, row.due_at.map(instant)))
            })
            .collect()
    }

    /// The likely mailboxes of one platform of all watches that are not over, each
    /// once, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailboxes_watched(
        &self,
        provider: Provider,
        most: u64,
    ) -> Result<Vec<MailboxRef>, StoreError> {
        use entity::Column as C;
        let rows: Vec<(String, String)> = entity::Entity::find()
            .select_only()
            .column(C::MailboxKey)
            .column_as(C::Address.max(), "address")
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Provider.eq(provider.as_str()))
            .filter(C::Likely.eq(true))
            .filter(C::RemediationId.in_subquery(self.open_watches()))
            .group_by(C::MailboxKey)
            .order_by_asc(C::MailboxKey)
            .limit(most)
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(key, address)| {
                MailboxRef::new(provider, key, parse(&address, "watched.address")?)
                    .map_err(|_| StoreError::Corrupt("watched.mailbox_key".to_owned()))
            })
            .collect()
    }

    /// Likely mailboxes of a watch in key order, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn likely_after(
        &self,
        id: RemediationId,
        after: Option<(&str, &str)>,
        limit: u64,
    ) -> Result<Vec<MailboxRef>, StoreError> {
        use entity::Column as C;
        let rows = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .filter(C::Likely.eq(true))
            .filter(beyond(after))
            .order_by_asc(C::Provider)
            .order_by_asc(C::MailboxKey)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(mailbox_of).collect()
    }

    /// Mailboxes that a watch owes a look at `now`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn owed(
        &self,
        id: RemediationId,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Owed>, StoreError> {
        use entity::Column as C;
        let rows = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .filter(C::DueAt.lte(millis(now)))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Owed {
                    mailbox: mailbox_of(row)?,
                    tries: row.tries,
                })
            })
            .collect()
    }

    /// When a watch owes its next look.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_owed(&self, id: RemediationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        use entity::Column as C;
        let row = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .filter(C::DueAt.is_not_null())
            .order_by_asc(C::DueAt)
            .one(self.conn)
            .await?;
        Ok(row.and_then(|row| row.due_at).map(instant))
    }

    /// How many mailboxes of a watch had no answer at the last `tries` looks.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_unanswered(&self, id: RemediationId, tries: i32) -> Result<u64, StoreError> {
        use entity::Column as C;
        Ok(entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .filter(C::Tries.gte(tries))
            .count(self.conn)
            .await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Counts mailboxes among the likely ones of a watch.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_likely(
        &self,
        id: RemediationId,
        mailboxes: &[MailboxRef],
    ) -> Result<(), StoreError> {
        self.keep_watched(id, mailboxes, true, None).await
    }

    /// Owes mailboxes a look of their own, not before `due`, because the last one
    /// had no answer. Without a time they have been tried often enough.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn owe(
        &self,
        id: RemediationId,
        mailboxes: &[MailboxRef],
        due: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.keep_watched(id, mailboxes, false, Some(due)).await
    }

    /// `again`: counts a look without an answer, and when the next one is due.
    async fn keep_watched(
        &self,
        id: RemediationId,
        mailboxes: &[MailboxRef],
        likely: bool,
        again: Option<Option<DateTime<Utc>>>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let mut taken = HashSet::new();
        let each: Vec<&MailboxRef> = mailboxes
            .iter()
            // Two rows of one statement must not share a key.
            .filter(|m| taken.insert((m.provider, m.key().to_owned())))
            .collect();
        for chunk in each.chunks(500) {
            let rows = chunk.iter().map(|mailbox| entity::ActiveModel {
                remediation_id: Set(id.to_string()),
                provider: Set(mailbox.provider.to_string()),
                mailbox_key: Set(mailbox.key().to_owned()),
                tenant_id: Set(self.tenant.clone()),
                address: Set(mailbox.address.to_string()),
                likely: Set(likely),
                due_at: Set(again.flatten().map(millis)),
                tries: Set(i32::from(again.is_some())),
            });
            let mut known = OnConflict::columns([C::RemediationId, C::Provider, C::MailboxKey]);
            if again.is_some() {
                known
                    .update_column(C::DueAt)
                    .value(C::Tries, Expr::col((entity::Entity, C::Tries)).add(1));
            } else {
                known.update_columns([C::Likely, C::Address]);
            }
            entity::Entity::insert_many(rows)
                .on_conflict(known)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Owes a mailbox a look in each of these watches, unless a look is due later
    /// anyway: one hint or a thousand are one look.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn owe_soon(
        &self,
        watches: &[RemediationId],
        provider: Provider,
        key: &str,
        now: DateTime<Utc>,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::DueAt, Expr::value(millis(due)))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.is_in(watches.iter().map(ToString::to_string)))
            .filter(C::Provider.eq(provider.as_str()))
            .filter(C::MailboxKey.eq(key))
            // One that is due now may be under way: what came since is not seen by it.
            .filter(C::DueAt.is_null().or(C::DueAt.lte(millis(now))))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Mailboxes that answered: no look is owed to them that was due by `by`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn looked(
        &self,
        id: RemediationId,
        mailboxes: &[MailboxRef],
        by: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        for provider in [Provider::Graph, Provider::Gmail] {
            let keys: Vec<&str> = mailboxes
                .iter()
                .filter(|m| m.provider == provider)
                .map(MailboxRef::key)
                .collect();
            for chunk in keys.chunks(500) {
                entity::Entity::update_many()
                    .col_expr(C::Tries, Expr::value(0))
                    .filter(C::TenantId.eq(&self.tenant))
                    .filter(C::RemediationId.eq(id.to_string()))
                    .filter(C::Provider.eq(provider.as_str()))
                    .filter(C::MailboxKey.is_in(chunk.iter().copied()))
                    .exec(self.conn)
                    .await?;
                // A notification that came during the look is owed another one.
                entity::Entity::update_many()
                    .col_expr(C::DueAt, Expr::value(Option::<i64>::None))
                    .filter(C::TenantId.eq(&self.tenant))
                    .filter(C::RemediationId.eq(id.to_string()))
                    .filter(C::Provider.eq(provider.as_str()))
                    .filter(C::MailboxKey.is_in(chunk.iter().copied()))
                    .filter(C::DueAt.lte(millis(by)))
                    .exec(self.conn)
                    .await?;
            }
        }
        Ok(())
    }

    /// Forgets the mailboxes of a watch.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_watched(&self, id: RemediationId) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::delete_many()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

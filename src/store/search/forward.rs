//! Forwards of a campaign's message that a search follows, one row a forward.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::{json, millis, typed};
use crate::{
    domain::{Errand, MailboxRef, SearchId},
    store::{Scope, StoreError},
};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search_forward")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub search_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub message_id: String,
        pub tenant_id: String,
        pub sent_by: String,
        pub depth: i32,
        pub state: String,
        pub mailboxes: Json,
        pub outside: Json,
        pub found_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::Column as C;

/// A forward that was found in somebody's sent mail.
#[derive(Debug, Clone)]
pub struct NewForward {
    /// Its Message-ID, without brackets.
    pub message_id: String,
    /// Who sent it on.
    pub sent_by: String,
    /// Forwards between the seed and this one.
    pub depth: u32,
    /// The mailboxes it went to.
    pub mailboxes: Vec<MailboxRef>,
    /// Addresses outside the organisation that it went to.
    pub outside: Vec<String>,
}

/// A forward whose recipients are to be searched.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Its Message-ID, without brackets.
    pub message_id: String,
    /// Who sent it on.
    pub sent_by: String,
    /// Forwards between the seed and this one.
    pub depth: u32,
    /// Mailboxes that have not answered yet.
    pub mailboxes: Vec<MailboxRef>,
    /// Addresses outside the organisation.
    pub outside: Vec<String>,
}

fn forward_of(row: entity::Model) -> Result<Forward, StoreError> {
    Ok(Forward {
        message_id: row.message_id,
        sent_by: row.sent_by,
        depth: u32::try_from(row.depth).unwrap_or_default(),
        mailboxes: typed(row.mailboxes, "search_forward.mailboxes")?,
        outside: typed(row.outside, "search_forward.outside")?,
    })
}

impl<C2: ConnectionTrait> Scope<'_, C2> {
    fn forwards_of(&self, id: SearchId) -> sea_orm::Select<entity::Entity> {
        entity::Entity::find()
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
    }

    /// Forwards of one search, the nearest first; with `open` only those whose
    /// recipients are still to be searched.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forwards(
        &self,
        id: SearchId,
        open: bool,
        limit: u64,
    ) -> Result<Vec<Forward>, StoreError> {
        let mut query = self.forwards_of(id);
        if open {
            query = query.filter(C::State.eq(Errand::Waiting.as_str()));
        }
        let rows = query
            .order_by_asc(C::Depth)
            .order_by_asc(C::FoundAt)
            .order_by_asc(C::MessageId)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.into_iter().map(forward_of).collect()
    }

    /// How many forwards a search follows, and of how many the recipients are
    /// still to be searched.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_forwards(&self, id: SearchId) -> Result<(u64, u64), StoreError> {
        let all = self.forwards_of(id).count(self.conn).await?;
        let open = self
            .forwards_of(id)
            .filter(C::State.eq(Errand::Waiting.as_str()))
            .count(self.conn)
            .await?;
        Ok((all, open))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Notes forwards that are not known yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn note_forwards(
        &self,
        id: SearchId,
        forwards: &[NewForward],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for chunk in forwards.chunks(200) {
            let rows = chunk
                .iter()
                .map(|f| {
                    let state = if f.mailboxes.is_empty() {
                        Errand::Done
                    } else {
                        Errand::Waiting
                    };
                    Ok(entity::ActiveModel {
                        search_id: Set(id.to_string()),
                        message_id: Set(f.message_id.clone()),
                        tenant_id: Set(self.tenant.clone()),
                        sent_by: Set(f.sent_by.clone()),
                        depth: Set(i32::try_from(f.depth).unwrap_or(i32::MAX)),
                        state: Set(state.to_string()),
                        mailboxes: Set(json(&f.mailboxes, "search_forward.mailboxes")?),
                        outside: Set(json(&f.outside, "search_forward.outside")?),
                        found_at: Set(millis(now)),
                    })
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([C::SearchId, C::MessageId])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Records which mailboxes of a forward are still without an answer.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_forward(
        &self,
        id: SearchId,
        message_id: &str,
        open: &[MailboxRef],
    ) -> Result<(), StoreError> {
        let state = if open.is_empty() {
            Errand::Done
        } else {
            Errand::Waiting
        };
        entity::Entity::update_many()
            .col_expr(C::State, Expr::value(state.as_str()))
            .col_expr(
                C::Mailboxes,
                Expr::value(json(&open, "search_forward.mailboxes")?),
            )
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::MessageId.eq(message_id))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

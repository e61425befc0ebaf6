//! What a search looked at and what it took it for: in a dry run every copy, in a
//! pull what came near and was left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use super::{json, millis, typed};
use crate::{
    domain::{HitOutcome, Locator, MailboxRef, SearchId, Sighting},
    store::{Page, PageRequest, Scope, StoreError, instant, parse},
};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search_hit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub search_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub message: String,
        pub tenant_id: String,
        pub address: String,
        pub outcome: String,
        pub sighting: Json,
        pub found_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::Column as C;

/// A message that a search looked at.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Where it is.
    pub locator: Locator,
    /// What it is and why.
    pub sighting: Sighting,
    /// When it was seen.
    pub found_at: DateTime<Utc>,
}

fn hit_of(row: entity::Model) -> Result<Hit, StoreError> {
    let mailbox = MailboxRef::new(
        parse(&row.provider, "search_hit.provider")?,
        row.mailbox_key,
        parse(&row.address, "search_hit.address")?,
    )
    .map_err(|_| StoreError::Corrupt("search_hit.mailbox_key".to_owned()))?;
    Ok(Hit {
        locator: Locator::new(mailbox, row.message)
            .map_err(|_| StoreError::Corrupt("search_hit.message".to_owned()))?,
        sighting: typed(row.sighting, "search_hit.sighting")?,
        found_at: instant(row.found_at),
    })
}

/// Mailbox and message in one word, for the next page.
fn place_of(hit: &Hit) -> String {
    format!("{} {}", hit.locator.mailbox.key(), hit.locator.message())
}

impl<C2: ConnectionTrait> Scope<'_, C2> {
    /// What a search looked at, in the order of mailboxes; of one outcome, or all.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hits(
        &self,
        id: SearchId,
        outcome: Option<HitOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Hit>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant));
        if let Some(outcome) = outcome {
            query = query.filter(C::Outcome.eq(outcome.as_str()));
        }
        if let Some((mailbox, message)) = page.after.as_deref().and_then(|a| a.split_once(' ')) {
            query = query.filter(
                C::MailboxKey
                    .gt(mailbox)
                    .or(C::MailboxKey.eq(mailbox).and(C::Message.gt(message))),
            );
        }
        let rows = query
            .order_by_asc(C::MailboxKey)
            .order_by_asc(C::Message)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let hits = rows
            .into_iter()
            .map(hit_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(hits, page.limit, place_of))
    }

    /// How many hits a search took for what.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_hits(&self, id: SearchId) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> = entity::Entity::find()
            .select_only()
            .column(C::Outcome)
            .column_as(C::Message.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .group_by(C::Outcome)
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(outcome, n)| (outcome, u64::try_from(n).unwrap_or_default()))
            .collect())
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps what was looked at, each message as it was first met; gives how many are
    /// new.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_hits(&self, id: SearchId, hits: &[Hit]) -> Result<u64, StoreError> {
        let mut new = 0;
        for chunk in hits.chunks(200) {
            let rows = chunk
                .iter()
                .map(|hit| {
                    Ok(entity::ActiveModel {
                        search_id: Set(id.to_string()),
                        provider: Set(hit.locator.mailbox.provider.to_string()),
                        mailbox_key: Set(hit.locator.mailbox.key().to_owned()),
                        message: Set(hit.locator.message().to_owned()),
                        tenant_id: Set(self.tenant.clone()),
                        address: Set(hit.locator.mailbox.address.to_string()),
                        outcome: Set(hit.sighting.outcome.to_string()),
                        sighting: Set(json(&hit.sighting, "search_hit.sighting")?),
                        found_at: Set(millis(hit.found_at)),
                    })
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            new += entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([C::SearchId, C::Provider, C::MailboxKey, C::Message])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(new)
    }
}

//! Copies as the standing watch asks for them: who holds one, which are known
//! already, and which came back.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, sea_query::Expr,
};

use super::{
    Scope, StoreError, millis, parse,
    pull::{Pull, entity, pull_of},
};
use crate::domain::{CampaignId, Desired, Locator, MailboxRef, Observed, PullId};

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The mailboxes that hold or held a copy of a campaign, each once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn holders_of(&self, campaign: CampaignId) -> Result<Vec<MailboxRef>, StoreError> {
        use entity::Column as C;
        let rows: Vec<(String, String, String)> = entity::Entity::find()
            .select_only()
            .column(C::Provider)
            .column(C::MailboxKey)
            .column(C::MailboxAddress)
            .distinct()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CampaignId.eq(campaign.to_string()))
            .filter(C::Observed.ne(Observed::Changed.as_str()))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(provider, key, address)| {
                MailboxRef::new(
                    parse(&provider, "pull.provider")?,
                    key,
                    parse(&address, "pull.mailbox_address")?,
                )
                .map_err(|_| StoreError::Corrupt("pull.mailbox_key".to_owned()))
            })
            .collect()
    }

    /// The rows of those of these messages that have one, whosesoever they are.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn copies_at(
        &self,
        locators: &[Locator],
    ) -> Result<HashMap<Locator, Pull>, StoreError> {
        use entity::Column as C;
        let mut known = HashMap::new();
        for chunk in locators.chunks(200) {
            let rows = entity::Entity::find()
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::Message.is_in(chunk.iter().map(Locator::message)))
                .all(self.conn)
                .await?;
            for row in rows {
                let pull = pull_of(row)?;
                // A message id alone may be another mailbox's too, and its address
                // may have changed since.
                let asked = chunk.iter().find(|l| {
                    l.message() == pull.locator.message()
                        && l.mailbox.key() == pull.locator.mailbox.key()
                        && l.mailbox.provider == pull.locator.mailbox.provider
                });
                if let Some(asked) = asked {
                    known.insert(asked.clone(), pull);
                }
            }
        }
        Ok(known)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Copies that were gone and were seen again: to be pulled, if that is still
    /// wanted. Gives how many.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn came_back(&self, ids: &[PullId], now: DateTime<Utc>) -> Result<u64, StoreError> {
        use entity::Column as C;
        let mut changed = 0;
        for chunk in ids.chunks(500) {
            changed += entity::Entity::update_many()
                .col_expr(C::Observed, Expr::value(Observed::Found.as_str()))
                .col_expr(C::Attempts, Expr::value(0))
                .col_expr(C::RunAfter, Expr::value(millis(now)))
                .col_expr(C::SettledAt, Expr::value(Option::<i64>::None))
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::Id.is_in(chunk.iter().map(ToString::to_string)))
                .filter(C::Observed.eq(Observed::Gone.as_str()))
                .filter(C::Desired.eq(Desired::Pulled.as_str()))
                .exec(self.conn)
                .await?
                .rows_affected;
        }
        Ok(changed)
    }
}

//! The directory as last read: mailboxes and every address that reaches them.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    ExprTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::OnConflict,
};

use super::{Scope, StoreError, instant, millis, parse};
use crate::domain::{MailboxAddress, MailboxRef, Provider};

/// People of one name whose addresses are read.
const MOST_NAMESAKES: u64 = 20;
/// Mailboxes named in one statement: below SQLite's limit of bound values.
const CHUNK: usize = 500;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "mailbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        pub address: String,
        pub display_name: Option<String>,
        pub subject: Option<String>,
        pub seen_at: i64,
        pub name_key: Option<String>,
        pub department: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod address {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "mailbox_address")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub address: String,
        pub provider: String,
        pub mailbox_key: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod reading {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "directory_reading")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        pub read_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A directory entry to keep.
#[derive(Debug, Clone)]
pub struct NewMailbox {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Its other addresses.
    pub aliases: Vec<MailboxAddress>,
    /// Name shown in the directory.
    pub display_name: Option<String>,
    /// That name in a form that can be compared; the caller's.
    pub name_key: Option<String>,
    /// Entra object id or Google user id.
    pub subject: Option<String>,
    /// The department, as the directory names it.
    pub department: Option<String>,
}

fn mailbox_of(row: &entity::Model) -> Result<MailboxRef, StoreError> {
    MailboxRef::new(
        parse(&row.provider, "mailbox.provider")?,
        row.mailbox_key.clone(),
        parse(&row.address, "mailbox.address")?,
    )
    .map_err(|_| StoreError::Corrupt("mailbox.mailbox_key".to_owned()))
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The mailbox an address reaches.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailbox_by_address(
        &self,
        wanted: &MailboxAddress,
    ) -> Result<Option<MailboxRef>, StoreError> {
        let key = (self.tenant.clone(), wanted.as_str().to_owned());
        let Some(found) = address::Entity::find_by_id(key).one(self.conn).await? else {
            return Ok(None);
        };
        let key = (self.tenant.clone(), found.provider, found.mailbox_key);
        let row = entity::Entity::find_by_id(key).one(self.conn).await?;
        row.as_ref().map(mailbox_of).transpose()
    }

    /// Those of these mailboxes whose owners belong to one of the departments.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn of_departments(
        &self,
        among: &[MailboxRef],
        departments: &[String],
    ) -> Result<HashSet<MailboxRef>, StoreError> {
        let mut found = HashSet::new();
        if departments.is_empty() {
            return Ok(found);
        }
        for chunk in among.chunks(CHUNK) {
            let rows = entity::Entity::find()
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::MailboxKey.is_in(chunk.iter().map(MailboxRef::key)))
                .filter(entity::Column::Department.is_in(departments.iter().map(String::as_str)))
                .all(self.conn)
                .await?;
            for row in &rows {
                found.insert(mailbox_of(row)?);
            }
        }
        Ok(found)
    }

    /// The mailbox of a person by the identity provider's stable subject.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailbox_by_subject(
        &self,
        subject: &str,
    ) -> Result<Option<MailboxRef>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Subject.eq(subject))
            .one(self.conn)
            .await?;
        row.as_ref().map(mailbox_of).transpose()
    }

    /// Every address of the people whose name has this key, of at most twenty.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn addresses_of_name(&self, name_key: &str) -> Result<Vec<String>, StoreError> {
        let people = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::NameKey.eq(name_key))
            .order_by_asc(entity::Column::Provider)
            .order_by_asc(entity::Column::MailboxKey)
            .limit(MOST_NAMESAKES)
            .all(self.conn)
            .await?;
        let mut found = Vec::new();
        for person in people {
            let known = address::Entity::find()
                .filter(address::Column::TenantId.eq(&self.tenant))
                .filter(address::Column::Provider.eq(&person.provider))
                .filter(address::Column::MailboxKey.eq(&person.mailbox_key))
                .order_by_asc(address::Column::Address)
                .all(self.conn)
                .await?;
            found.push(person.address);
            found.extend(known.into_iter().map(|row| row.address));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Mailboxes in key order, those after `after` (provider, key).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailboxes_after(
        &self,
        after: Option<(&str, &str)>,
        limit: u64,
    ) -> Result<Vec<MailboxRef>, StoreError> {
        use entity::Column as C;
        let mut query = entity::Entity::find().filter(C::TenantId.eq(&self.tenant));
        if let Some((provider, key)) = after {
            query = query.filter(
                C::Provider
                    .gt(provider)
                    .or(C::Provider.eq(provider).and(C::MailboxKey.gt(key))),
            );
        }
        let rows = query
            .order_by_asc(C::Provider)
            .order_by_asc(C::MailboxKey)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(mailbox_of).collect()
    }

    /// The mailboxes of these keys, of whichever platform; a key that the directory
    /// does not hold any more gives none.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailboxes_of_keys(&self, keys: &[String]) -> Result<Vec<MailboxRef>, StoreError> {
        let mut found = Vec::new();
        for chunk in keys.chunks(500) {
            let rows = entity::Entity::find()
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::MailboxKey.is_in(chunk))
                .all(self.conn)
                .await?;
            for row in &rows {
                found.push(mailbox_of(row)?);
            }
        }
        Ok(found)
    }

    /// How many mailboxes the directory holds.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_mailboxes(&self) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .count(self.conn)
            .await?)
    }

    /// How many mailboxes of one platform the directory holds.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_mailboxes_of(&self, provider: Provider) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Provider.eq(provider.to_string()))
            .count(self.conn)
            .await?)
    }

    /// How many of them no reading since then has shown.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_mailboxes_unseen(
        &self,
        provider: Provider,
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Provider.eq(provider.to_string()))
            .filter(entity::Column::SeenAt.lt(millis(since)))
            .count(self.conn)
            .await?)
    }

    /// When each platform's directory was last read in full.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn directory_readings(
        &self,
    ) -> Result<BTreeMap<Provider, DateTime<Utc>>, StoreError> {
        let rows = reading::Entity::find()
            .filter(reading::Column::TenantId.eq(&self.tenant))
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                let provider = parse(&row.provider, "directory_reading.provider")?;
                Ok((provider, instant(row.read_at)))
            })
            .collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps directory entries, replacing what was known of the same keys.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_mailboxes(
        &self,
        found: &[NewMailbox],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for chunk in found.chunks(500) {
            let rows = chunk.iter().map(|entry| entity::ActiveModel {
                tenant_id: Set(self.tenant.clone()),
                provider: Set(entry.mailbox.provider.to_string()),
                mailbox_key: Set(entry.mailbox.key().to_owned()),
                address: Set(entry.mailbox.address.to_string()),
                display_name: Set(entry.display_name.clone()),
                subject: Set(entry.subject.clone()),
                seen_at: Set(millis(now)),
                name_key: Set(entry.name_key.clone()),
                department: Set(entry.department.clone()),
            });
            entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([
                        entity::Column::TenantId,
                        entity::Column::Provider,
                        entity::Column::MailboxKey,
                    ])
                    .update_columns([
                        entity::Column::Address,
                        entity::Column::DisplayName,
                        entity::Column::Subject,
                        entity::Column::SeenAt,
                        entity::Column::NameKey,
                        entity::Column::Department,
                    ])
                    .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
            self.keep_addresses(chunk).await?;
        }
        Ok(())
    }

    async fn keep_addresses(&self, chunk: &[NewMailbox]) -> Result<(), StoreError> {
        let mut taken = std::collections::HashSet::new();
        let mut rows = Vec::new();
        for entry in chunk {
            for one in std::iter::once(&entry.mailbox.address).chain(&entry.aliases) {
                // Two entries of one statement must not share a key.
                if taken.insert(one.clone()) {
                    rows.push(address::ActiveModel {
                        tenant_id: Set(self.tenant.clone()),
                        address: Set(one.to_string()),
                        provider: Set(entry.mailbox.provider.to_string()),
                        mailbox_key: Set(entry.mailbox.key().to_owned()),
                    });
                }
            }
        }
        address::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([address::Column::TenantId, address::Column::Address])
                    .update_columns([address::Column::Provider, address::Column::MailboxKey])
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Forgets mailboxes of a platform that no reading since then has shown.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_mailboxes_unseen(
        &self,
        provider: Provider,
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let gone = entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Provider.eq(provider.to_string()))
            .filter(entity::Column::SeenAt.lt(millis(since)))
            .exec(self.conn)
            .await?;
        Ok(gone.rows_affected)
    }

    /// Forgets mailboxes of all platforms but these.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_mailboxes_but_of(&self, platforms: &[Provider]) -> Result<u64, StoreError> {
        let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        let gone = entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Provider.is_not_in(names))
            .exec(self.conn)
            .await?;
        Ok(gone.rows_affected)
    }

    /// Records that a platform's directory was read in full.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_directory_reading(
        &self,
        provider: Provider,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = reading::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            provider: Set(provider.to_string()),
            read_at: Set(millis(now)),
        };
        reading::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([reading::Column::TenantId, reading::Column::Provider])
                    .update_column(reading::Column::ReadAt)
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }
}

//! The ledger of a search: one row for every mailbox in its scope, so that no gap
//! is silent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict, Query, SelectStatement},
};
use serde::Serialize;

use super::super::{Page, PageRequest, Scope, StoreError, instant, millis, parse};
use crate::domain::{Cause, Errand, MailboxRef, MailboxState, Provider, SearchId, Way};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search_mailbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub search_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        pub tenant_id: String,
        pub address: String,
        pub rank: i32,
        pub way: String,
        pub state: String,
        pub variants: String,
        pub follow: String,
        pub depth: i32,
        pub reason: Option<String>,
        pub cause: Option<String>,
        pub attempts: i32,
        pub run_after: i64,
        pub searched_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::Column as C;

/// The rank of the sweep; what is searched earlier has a lower one.
const SWEEP: i32 = 100;
/// Causes that stay with a mailbox that was searched.
const PARTLY: [&str; 2] = [Cause::Truncated.as_str(), Cause::SentMail.as_str()];
/// Rows of one statement: below SQLite's limit of bound values.
const CHUNK: usize = 500;

/// A mailbox that goes before the others.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Its place: lower goes first, below 100 is before the sweep.
    pub rank: i32,
    /// Why.
    pub way: Way,
}

/// A mailbox of a search, to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InScope {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// How it came to be searched.
    pub way: Way,
    /// Tries so far.
    pub attempts: i32,
    /// Forwards between the seed and what it holds.
    pub depth: i32,
    /// Its place in the order.
    pub rank: i32,
}

/// A mailbox that answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Whether more candidates than were looked at lie in it.
    pub truncated: bool,
}

/// A mailbox that did not answer.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Whether it is tried again, and when.
    pub again: Option<DateTime<Utc>>,
    /// Why, in plain words.
    pub reason: String,
    /// Why, in one word.
    pub cause: Cause,
    /// Tries so far, this one included.
    pub attempts: i32,
}

/// A mailbox that was not searched (yet), so that no gap is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Where the search stands with it.
    pub state: MailboxState,
    /// Why, in plain words.
    pub reason: String,
    /// Why, in one word.
    pub cause: Option<Cause>,
    /// Tries so far.
    pub attempts: i32,
}

/// How many mailboxes of a search are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MailboxCounts {
    /// In scope.
    pub expected: u64,
    /// Not asked yet.
    pub waiting: u64,
    /// Asked, without an answer so far.
    pub retrying: u64,
    /// Answered.
    pub searched: u64,
    /// Left out by the configuration.
    pub excluded: u64,
    /// Cannot be searched.
    pub unreachable: u64,
    /// Still to be looked through for variants.
    pub variants_open: u64,
    /// Looked through for variants.
    pub variants_done: u64,
    /// Whose sent mail and rules are still to be read.
    pub follow_open: u64,
    /// Whose sent mail and rules were read.
    pub followed: u64,
    /// Of those searched, mailboxes of which a part was not: they hold more
    /// candidates than are looked at, or their sent mail could not be read.
    pub partly: u64,
}

impl MailboxCounts {
    /// Whether nothing is left to ask.
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.waiting == 0
            && self.retrying == 0
            && self.variants_open == 0
            && self.follow_open == 0
            && self.partly == 0
    }
}

fn mailbox_of(row: &entity::Model) -> Result<MailboxRef, StoreError> {
    MailboxRef::new(
        parse(&row.provider, "search_mailbox.provider")?,
        row.mailbox_key.clone(),
        parse(&row.address, "search_mailbox.address")?,
    )
    .map_err(|_| StoreError::Corrupt("search_mailbox.mailbox_key".to_owned()))
}

fn in_scope(row: &entity::Model) -> Result<InScope, StoreError> {
    Ok(InScope {
        mailbox: mailbox_of(row)?,
        way: parse(&row.way, "search_mailbox.way")?,
        attempts: row.attempts,
        depth: row.depth,
        rank: row.rank,
    })
}

fn gap_of(row: &entity::Model) -> Result<Gap, StoreError> {
    Ok(Gap {
        mailbox: mailbox_of(row)?,
        state: parse(&row.state, "search_mailbox.state")?,
        reason: row.reason.clone().unwrap_or_default(),
        cause: row
            .cause
            .as_deref()
            .map(|c| parse(c, "search_mailbox.cause"))
            .transpose()?,
        attempts: row.attempts,
    })
}

impl<C2: ConnectionTrait> Scope<'_, C2> {
    fn of_search(&self, id: SearchId) -> sea_orm::Select<entity::Entity> {
        entity::Entity::find()
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
    }

    /// Mailboxes that have not been asked, in their order; `below` leaves out those
    /// from that rank on.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn waiting_mailboxes(
        &self,
        id: SearchId,
        below: Option<i32>,
        limit: u64,
    ) -> Result<Vec<InScope>, StoreError> {
        let mut query = self
            .of_search(id)
            .filter(C::State.eq(MailboxState::Waiting.as_str()));
        if let Some(below) = below {
            query = query.filter(C::Rank.lt(below));
        }
        let rows = query
            .order_by_asc(C::Rank)
            .order_by_asc(C::Provider)
            .order_by_asc(C::MailboxKey)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(in_scope).collect()
    }

    /// Mailboxes that gave no answer and are tried again, the soonest first, with
    /// the time.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn retrying_mailboxes(
        &self,
        id: SearchId,
        limit: u64,
    ) -> Result<Vec<(InScope, DateTime<Utc>)>, StoreError> {
        let rows = self
            .of_search(id)
            .filter(C::State.eq(MailboxState::Retrying.as_str()))
            .order_by_asc(C::RunAfter)
            .order_by_asc(C::Rank)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter()
            .map(|row| Ok((in_scope(row)?, instant(row.run_after))))
            .collect()
    }

    /// Mailboxes that hold a copy and whose sent mail and rules are to be read.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailboxes_to_follow(
        &self,
        id: SearchId,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<InScope>, StoreError> {
        let rows = self
            .of_search(id)
            .filter(C::Follow.eq(Errand::Waiting.as_str()))
            .filter(C::RunAfter.lte(millis(now)))
            .order_by_asc(C::Depth)
            .order_by_asc(C::Rank)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(in_scope).collect()
    }

    /// When the next of them may be asked again.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_follow(&self, id: SearchId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = self
            .of_search(id)
            .filter(C::Follow.eq(Errand::Waiting.as_str()))
            .order_by_asc(C::RunAfter)
            .one(self.conn)
            .await?;
        Ok(row.map(|row| instant(row.run_after)))
    }

    /// Mailboxes that are still to be looked through for variants.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mailboxes_for_variants(
        &self,
        id: SearchId,
        limit: u64,
    ) -> Result<Vec<InScope>, StoreError> {
        let rows = self
            .of_search(id)
            .filter(C::Variants.eq(Errand::Waiting.as_str()))
            .filter(C::State.eq(MailboxState::Searched.as_str()))
            .order_by_asc(C::Rank)
            .order_by_asc(C::Provider)
            .order_by_asc(C::MailboxKey)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(in_scope).collect()
    }

    /// Mailboxes searched before the sweep: where a late copy is most likely.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn likely_mailboxes(
        &self,
        id: SearchId,
        limit: u64,
    ) -> Result<Vec<MailboxRef>, StoreError> {
        let rows = self
            .of_search(id)
            .filter(C::Rank.lt(SWEEP))
            .filter(C::State.ne(MailboxState::Excluded.as_str()))
            .order_by_asc(C::Rank)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.iter().map(mailbox_of).collect()
    }

    /// Mailboxes that were not searched (yet), page by page in key order; waiting
    /// ones are left out, since they have not been asked.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn gaps(&self, id: SearchId, page: &PageRequest) -> Result<Page<Gap>, StoreError> {
        let open = C::State
            .is_in([
                MailboxState::Retrying.as_str(),
                MailboxState::Unreachable.as_str(),
                MailboxState::Excluded.as_str(),
            ])
            .or(C::Cause.is_in(PARTLY));
        let mut query = self.of_search(id).filter(open);
        if let Some(after) = &page.after {
            query = query.filter(C::MailboxKey.gt(after));
        }
        let rows = query
            .order_by_asc(C::MailboxKey)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let gaps = rows.iter().map(gap_of).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(gaps, page.limit, |gap| {
            gap.mailbox.key().to_owned()
        }))
    }

    /// How many mailboxes are where.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_search(&self, id: SearchId) -> Result<MailboxCounts, StoreError> {
        let rows: Vec<(String, String, String, Option<String>, i64)> = entity::Entity::find()
            .select_only()
            .column(C::State)
            .column(C::Variants)
            .column(C::Follow)
            .column(C::Cause)
            .column_as(C::MailboxKey.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .group_by(C::State)
            .group_by(C::Variants)
            .group_by(C::Follow)
            .group_by(C::Cause)
            .into_tuple()
            .all(self.conn)
            .await?;
        let mut counts = MailboxCounts::default();
        for (state, variants, follow, cause, n) in rows {
            let n = u64::try_from(n).unwrap_or_default();
            counts.expected += n;
            let state: MailboxState = parse(&state, "search_mailbox.state")?;
            let part = cause.is_some_and(|cause| PARTLY.contains(&cause.as_str()));
            if part && state == MailboxState::Searched {
                counts.partly += n;
            }
            *match state {
                MailboxState::Waiting => &mut counts.waiting,
                MailboxState::Retrying => &mut counts.retrying,
                MailboxState::Searched => &mut counts.searched,
                MailboxState::Excluded => &mut counts.excluded,
                MailboxState::Unreachable => &mut counts.unreachable,
            } += n;
            match parse(&variants, "search_mailbox.variants")? {
                // Who could not be searched is not looked through either.
                Errand::Waiting if state == MailboxState::Searched => counts.variants_open += n,
                Errand::Done => counts.variants_done += n,
                Errand::Waiting | Errand::No => {}
            }
            match parse(&follow, "search_mailbox.follow")? {
                Errand::Waiting => counts.follow_open += n,
                Errand::Done => counts.followed += n,
                Errand::No => {}
            }
        }
        Ok(counts)
    }

    /// How many mailboxes of each platform are in scope.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_platforms(
        &self,
        id: SearchId,
    ) -> Result<BTreeMap<Provider, u64>, StoreError> {
        let rows: Vec<(String, i64)> = entity::Entity::find()
            .select_only()
            .column(C::Provider)
            .column_as(C::MailboxKey.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::State.is_in([
                MailboxState::Waiting.as_str(),
                MailboxState::Retrying.as_str(),
                MailboxState::Searched.as_str(),
            ]))
            .group_by(C::Provider)
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(provider, n)| {
                let provider = parse(&provider, "search_mailbox.provider")?;
                Ok((provider, u64::try_from(n).unwrap_or_default()))
            })
            .collect()
    }

    /// How many mailboxes are out of reach for which cause.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_causes(&self, id: SearchId) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(Option<String>, i64)> = entity::Entity::find()
            .select_only()
            .column(C::Cause)
            .column_as(C::MailboxKey.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::State.eq(MailboxState::Unreachable.as_str()))
            .group_by(C::Cause)
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(cause, n)| {
                let cause = cause.unwrap_or_else(|| Cause::Other.as_str().to_owned());
                (cause, u64::try_from(n).unwrap_or_default())
            })
            .collect())
    }

    /// How many mailboxes were asked by which way.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_ways(&self, id: SearchId) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> = entity::Entity::find()
            .select_only()
            .column(C::Way)
            .column_as(C::MailboxKey.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .group_by(C::Way)
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(way, n)| (way, u64::try_from(n).unwrap_or_default()))
            .collect())
    }
}

/// All mailboxes of the directory as rows of the ledger, in one statement.
fn whole_directory(tenant: &str, id: SearchId, variants: Errand) -> SelectStatement {
    Query::select()
        .expr(Expr::value(id.to_string()))
        .column("tenant_id")
        .column("provider")
        .column("mailbox_key")
        .column("address")
        .expr(Expr::value(SWEEP))
        .expr(Expr::value(Way::Sweep.as_str()))
        .expr(Expr::value(MailboxState::Waiting.as_str()))
        .expr(Expr::value(variants.as_str()))
        .expr(Expr::value(Errand::No.as_str()))
        .expr(Expr::value(0_i32))
        .expr(Expr::value(0_i32))
        .expr(Expr::value(0_i64))
        .from("mailbox")
        .and_where(Expr::col("tenant_id").eq(tenant))
        .take()
}

impl Scope<'_, DatabaseTransaction> {
    /// Puts every mailbox of the directory into the scope of a search; those that
    /// are there stay as they are. Gives how many are in scope.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn scope_directory(&self, id: SearchId, variants: Errand) -> Result<u64, StoreError> {
        let mut insert = Query::insert();
        insert.into_table("search_mailbox").columns([
            "search_id",
            "tenant_id",
            "provider",
            "mailbox_key",
            "address",
            "rank",
            "way",
            "state",
            "variants",
            "follow",
            "depth",
            "attempts",
            "run_after",
        ]);
        insert
            .select_from(whole_directory(&self.tenant, id, variants))
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        insert.on_conflict(
            OnConflict::columns(["search_id", "provider", "mailbox_key"])
                .do_nothing()
                .to_owned(),
        );
        self.conn.execute(&insert).await?;
        let n: Option<i64> = entity::Entity::find()
            .select_only()
            .column_as(C::MailboxKey.count(), "n")
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .into_tuple()
            .one(self.conn)
            .await?;
        Ok(u64::try_from(n.unwrap_or_default()).unwrap_or_default())
    }

    fn one_of(&self, id: SearchId, mailboxes: &[MailboxRef]) -> sea_orm::Condition {
        let mut any = sea_orm::Condition::any();
        let mut by_platform: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for mailbox in mailboxes {
            by_platform
                .entry(mailbox.provider.as_str())
                .or_default()
                .push(mailbox.key());
        }
        for (provider, keys) in by_platform {
            any = any.add(C::Provider.eq(provider).and(C::MailboxKey.is_in(keys)));
        }
        sea_orm::Condition::all()
            .add(C::SearchId.eq(id.to_string()))
            .add(C::TenantId.eq(&self.tenant))
            .add(any)
    }

    /// Gives mailboxes that were not asked yet a place before the others; a lower
    /// rank they have already is kept.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn rank_mailboxes(&self, id: SearchId, ranked: &[Ranked]) -> Result<(), StoreError> {
        let mut groups: BTreeMap<(i32, &'static str), Vec<MailboxRef>> = BTreeMap::new();
        for one in ranked {
            groups
                .entry((one.rank, one.way.as_str()))
                .or_default()
                .push(one.mailbox.clone());
        }
        for ((rank, way), mailboxes) in groups {
            for chunk in mailboxes.chunks(CHUNK) {
                entity::Entity::update_many()
                    .col_expr(C::Rank, Expr::value(rank))
                    .col_expr(C::Way, Expr::value(way))
                    .filter(self.one_of(id, chunk))
                    .filter(C::State.eq(MailboxState::Waiting.as_str()))
                    .filter(C::Rank.gt(rank))
                    .exec(self.conn)
                    .await?;
            }
        }
        Ok(())
    }

    /// Gives the mailboxes of these departments a place before the sweep, unless
    /// they have one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn rank_departments(
        &self,
        id: SearchId,
        departments: &[String],
        rank: i32,
    ) -> Result<(), StoreError> {
        if departments.is_empty() {
            return Ok(());
        }
        let of_them = Query::select()
            .column("mailbox_key")
            .from("mailbox")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("department").is_in(departments.iter().map(String::as_str)))
            .take();
        entity::Entity::update_many()
            .col_expr(C::Rank, Expr::value(rank))
            .col_expr(C::Way, Expr::value(Way::First.as_str()))
            .filter(C::SearchId.eq(id.to_string()))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::State.eq(MailboxState::Waiting.as_str()))
            .filter(C::Rank.gt(rank))
            .filter(C::MailboxKey.in_subquery(of_them))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Leaves mailboxes out of a search.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn exclude_mailboxes(
        &self,
        id: SearchId,
        mailboxes: &[MailboxRef],
        reason: &str,
    ) -> Result<u64, StoreError> {
        let mut n = 0;
        for chunk in mailboxes.chunks(CHUNK) {
            n += entity::Entity::update_many()
                .col_expr(C::State, Expr::value(MailboxState::Excluded.as_str()))
                .col_expr(C::Reason, Expr::value(reason))
                .filter(self.one_of(id, chunk))
                .exec(self.conn)
                .await?
                .rows_affected;
        }
        Ok(n)
    }

    /// Names mailboxes that no search reaches (a group's own), so that they are
    /// not left out in silence.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn name_unreachable(
        &self,
        id: SearchId,
        named: &[Unanswered],
    ) -> Result<(), StoreError> {
        for chunk in named.chunks(CHUNK) {
            let rows = chunk.iter().map(|one| entity::ActiveModel {
                search_id: Set(id.to_string()),
                provider: Set(one.mailbox.provider.to_string()),
                mailbox_key: Set(one.mailbox.key().to_owned()),
                tenant_id: Set(self.tenant.clone()),
                address: Set(one.mailbox.address.to_string()),
                rank: Set(SWEEP),
                way: Set(Way::List.to_string()),
                state: Set(MailboxState::Unreachable.to_string()),
                variants: Set(Errand::No.to_string()),
                follow: Set(Errand::No.to_string()),
                depth: Set(0),
                reason: Set(Some(one.reason.clone())),
                cause: Set(Some(one.cause.to_string())),
                attempts: Set(one.attempts),
                run_after: Set(0),
                searched_at: Set(None),
            });
            entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([C::SearchId, C::Provider, C::MailboxKey])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Records mailboxes that answered.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_searched(
        &self,
        id: SearchId,
        answered: &[MailboxRef],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for chunk in answered.chunks(CHUNK) {
            entity::Entity::update_many()
                .col_expr(C::State, Expr::value(MailboxState::Searched.as_str()))
                .col_expr(C::SearchedAt, Expr::value(millis(now)))
                .filter(self.one_of(id, chunk))
                .filter(C::State.ne(MailboxState::Excluded.as_str()))
                .exec(self.conn)
                .await?;
            // Why it was not searched before is over; what was left out of it is not.
            entity::Entity::update_many()
                .col_expr(C::Reason, Expr::value(Option::<String>::None))
                .col_expr(C::Cause, Expr::value(Option::<String>::None))
                .filter(self.one_of(id, chunk))
                .filter(C::Cause.is_not_null())
                .filter(C::Cause.is_not_in(PARTLY))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Records mailboxes that did not answer.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_unanswered(
        &self,
        id: SearchId,
        unanswered: &[Unanswered],
    ) -> Result<(), StoreError> {
        // An outage gives thousands the same reason: one statement for all of them.
        let mut groups: BTreeMap<(Option<i64>, &str, &str, i32), Vec<MailboxRef>> = BTreeMap::new();
        for one in unanswered {
            let key = (
                one.again.map(millis),
                one.reason.as_str(),
                one.cause.as_str(),
                one.attempts,
            );
            groups.entry(key).or_default().push(one.mailbox.clone());
        }
        for ((again, reason, cause, attempts), mailboxes) in groups {
            let state = if again.is_some() {
                MailboxState::Retrying
            } else {
                MailboxState::Unreachable
            };
            for chunk in mailboxes.chunks(CHUNK) {
                entity::Entity::update_many()
                    .col_expr(C::State, Expr::value(state.as_str()))
                    .col_expr(C::Attempts, Expr::value(attempts))
                    .col_expr(C::RunAfter, Expr::value(again.unwrap_or_default()))
                    .filter(self.one_of(id, chunk))
                    .filter(C::State.ne(MailboxState::Excluded.as_str()))
                    .exec(self.conn)
                    .await?;
                // What was left out of it for good is not forgotten for an outage.
                entity::Entity::update_many()
                    .col_expr(C::Reason, Expr::value(reason))
                    .col_expr(C::Cause, Expr::value(cause))
                    .filter(self.one_of(id, chunk))
                    .filter(C::State.ne(MailboxState::Excluded.as_str()))
                    .filter(C::Cause.is_null().or(C::Cause.is_not_in(PARTLY)))
                    .exec(self.conn)
                    .await?;
            }
        }
        Ok(())
    }

    /// Sets how far variants are with these mailboxes.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_variants(
        &self,
        id: SearchId,
        mailboxes: &[MailboxRef],
        errand: Errand,
    ) -> Result<(), StoreError> {
        self.set_errand(id, mailboxes, C::Variants, errand).await
    }

    /// Notes a remark on mailboxes that were searched.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn remark_on(
        &self,
        id: SearchId,
        mailboxes: &[MailboxRef],
        reason: &str,
        cause: Cause,
    ) -> Result<(), StoreError> {
        for chunk in mailboxes.chunks(CHUNK) {
            entity::Entity::update_many()
                .col_expr(C::Reason, Expr::value(reason))
                .col_expr(C::Cause, Expr::value(cause.as_str()))
                .filter(self.one_of(id, chunk))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Mailboxes that hold a copy at this depth: their sent mail and rules are to
    /// be read, unless they were.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn follow_mailboxes(
        &self,
        id: SearchId,
        holders: &[(MailboxRef, u32)],
    ) -> Result<(), StoreError> {
        let mut groups: BTreeMap<u32, Vec<MailboxRef>> = BTreeMap::new();
        for (mailbox, depth) in holders {
            groups.entry(*depth).or_default().push(mailbox.clone());
        }
        for (depth, mailboxes) in groups {
            for chunk in mailboxes.chunks(CHUNK) {
                entity::Entity::update_many()
                    .col_expr(C::Follow, Expr::value(Errand::Waiting.as_str()))
                    .col_expr(
                        C::Depth,
                        Expr::value(i32::try_from(depth).unwrap_or(i32::MAX)),
                    )
                    .filter(self.one_of(id, chunk))
                    .filter(C::Follow.eq(Errand::No.as_str()))
                    .filter(C::State.ne(MailboxState::Excluded.as_str()))
                    .exec(self.conn)
                    .await?;
            }
        }
        Ok(())
    }

    /// Records that the sent mail and the rules of these mailboxes were read.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_followed(
        &self,
        id: SearchId,
        mailboxes: &[MailboxRef],
    ) -> Result<(), StoreError> {
        self.set_errand(id, mailboxes, C::Follow, Errand::Done)
            .await
    }

    /// Has the sent mail of a mailbox read again later; its state stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn postpone_follow(
        &self,
        id: SearchId,
        mailbox: &MailboxRef,
        attempts: i32,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(C::Attempts, Expr::value(attempts))
            .col_expr(C::RunAfter, Expr::value(millis(at)))
            .filter(self.one_of(id, std::slice::from_ref(mailbox)))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    async fn set_errand(
        &self,
        id: SearchId,
        mailboxes: &[MailboxRef],
        column: C,
        errand: Errand,
    ) -> Result<(), StoreError> {
        for chunk in mailboxes.chunks(CHUNK) {
            entity::Entity::update_many()
                .col_expr(column, Expr::value(errand.as_str()))
                .filter(self.one_of(id, chunk))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}

//! Searches: what each was to find, how far it is, what every mailbox in its scope
//! answered, and the chain of what it did.

mod chain;
mod copies;
mod forward;
mod hit;
mod mailbox;
mod receipt;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};

use super::{
    Page, PageRequest, Scope, StoreError, from_json, held, instant, millis, parse, to_json,
};
use crate::domain::{
    CampaignId, DirectoryState, Plan, RemediationId, SearchId, SearchKind, SearchState,
};

pub use chain::Entry;
pub use copies::CopySeen;
pub use forward::{Forward, NewForward};
pub use hit::Hit;
pub use mailbox::{Answered, Gap, InScope, MailboxCounts, Ranked, Unanswered};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub kind: String,
        pub campaign_id: Option<String>,
        pub remediation_id: Option<String>,
        pub actor: String,
        pub state: String,
        pub decision_version: i32,
        pub target: Option<Json>,
        pub plan: Json,
        pub progress: Json,
        pub mailboxes: i64,
        pub paused_reason: Option<String>,
        pub entries: i64,
        pub head: String,
        pub created_at: i64,
        pub finished_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Calls made for a search so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallsMade {
    /// Provider calls, parts of batches counted singly.
    pub calls: u64,
    /// Gmail quota units among them.
    pub units: u64,
    /// Calls for people, lists and the platforms' own records.
    pub directory: u64,
}

/// Where a search stands beside its mailboxes; small, written with every step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Forwards that left the organisation, as addresses: exposure. At most a
    /// thousand are named.
    pub exposed: Vec<String>,
    /// Calls made.
    pub made: CallsMade,
    /// Forwards that went beyond the depth that is followed.
    pub beyond_depth: u64,
    /// Hits that were looked at.
    pub looked_at: u64,
    /// Messages that came near and were left out.
    pub decoys: u64,
    /// Copies, forwards and variants found.
    pub found: u64,
    /// What the receipt is to say beside its figures; at most twenty.
    pub remarks: Vec<String>,
    /// Why it may be incomplete although nothing is open; at most twenty.
    pub doubts: Vec<String>,
}

/// One search of the mailboxes.
#[derive(Debug, Clone)]
pub struct Search {
    /// Identity.
    pub id: SearchId,
    /// Why.
    pub kind: SearchKind,
    /// The campaign it is about; none for a dry run of a message of one's own.
    pub campaign: Option<CampaignId>,
    /// The remediation it works for; none for a dry run.
    pub remediation: Option<RemediationId>,
    /// Who asked: `unhook` or an API key's id.
    pub actor: String,
    /// How far it is.
    pub state: SearchState,
    /// The decision it carries out; 0 for a dry run.
    pub decision_version: i32,
    /// What is looked for where no campaign tells.
    pub target: Option<serde_json::Value>,
    /// What it asks and what that costs.
    pub plan: Plan,
    /// Where it stands.
    pub progress: Progress,
    /// Mailboxes in scope.
    pub mailboxes: i64,
    /// Set while it waits for an administrator.
    pub paused_reason: Option<String>,
    /// Entries of its chain.
    pub entries: i64,
    /// Hash of the last entry; empty before the first.
    pub head: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was through.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(kind: SearchKind, actor: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self {
            id: SearchId::new(now),
            kind,
            campaign: None,
            remediation: None,
            actor: actor.into(),
            state: SearchState::Planning,
            decision_version: 0,
            target: None,
            plan: Plan::default(),
            progress: Progress::default(),
            mailboxes: 0,
            paused_reason: None,
            entries: 0,
            head: String::new(),
            created_at: now,
            finished_at: None,
        }
    }

    /// Whether it has come to its end.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, SearchState::Done | SearchState::Stopped)
    }
}

/// A search with what its mailboxes answered.
#[derive(Debug, Clone)]
pub struct Searched {
    /// The search.
    pub search: Search,
    /// Its mailboxes.
    pub counts: MailboxCounts,
}

/// Reads a plan or progress of any version; what an earlier one kept otherwise is
/// shown as nothing.
fn lenient<T: Default + serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}

fn search_of(row: entity::Model) -> Result<Search, StoreError> {
    Ok(Search {
        id: parse(&row.id, "search.id")?,
        kind: parse(&row.kind, "search.kind")?,
        campaign: row
            .campaign_id
            .map(|id| parse(&id, "search.campaign_id"))
            .transpose()?,
        remediation: row
            .remediation_id
            .map(|id| parse(&id, "search.remediation_id"))
            .transpose()?,
        actor: row.actor,
        state: parse(&row.state, "search.state")?,
        decision_version: row.decision_version,
        target: row.target,
        plan: lenient(row.plan),
        progress: lenient(row.progress),
        mailboxes: row.mailboxes,
        paused_reason: row.paused_reason,
        entries: row.entries,
        head: row.head,
        created_at: instant(row.created_at),
        finished_at: row.finished_at.map(instant),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One search.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn search(&self, id: SearchId) -> Result<Option<Search>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(search_of).transpose()
    }

    /// The newest search of a campaign of one kind.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn last_search(
        &self,
        campaign: CampaignId,
        kind: SearchKind,
    ) -> Result<Option<Search>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .filter(entity::Column::Kind.eq(kind.as_str()))
            .order_by_desc(entity::Column::CreatedAt)
            .order_by_desc(entity::Column::Id)
            .one(self.conn)
            .await?;
        row.map(search_of).transpose()
    }

    /// The newest search that pulls a campaign, with what its mailboxes answered.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn searched(&self, campaign: CampaignId) -> Result<Option<Searched>, StoreError> {
        let Some(search) = self.last_search(campaign, SearchKind::Pull).await? else {
            return Ok(None);
        };
        let counts = self.count_search(search.id).await?;
        Ok(Some(Searched { search, counts }))
    }

    /// Searches, of one campaign or of all, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn searches(
        &self,
        campaign: Option<CampaignId>,
        page: &PageRequest,
    ) -> Result<Page<Search>, StoreError> {
        let mut query = entity::Entity::find().filter(entity::Column::TenantId.eq(&self.tenant));
        if let Some(campaign) = campaign {
            query = query.filter(entity::Column::CampaignId.eq(campaign.to_string()));
        }
        if let Some(after) = &page.after {
            query = query.filter(entity::Column::Id.lt(after));
        }
        let rows = query
            .order_by_desc(entity::Column::Id)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let rows = rows
            .into_iter()
            .map(search_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |s| s.id.to_string()))
    }

    /// How many dry runs are under way.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn open_dry_runs(&self) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Kind.eq(SearchKind::DryRun.as_str()))
            .filter(entity::Column::State.is_in(["planning", "searching"]))
            .count(self.conn)
            .await?)
    }

    /// What the directory holds now, and how much of it only because too many
    /// entries were missing from the last reading at once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn directory_state(&self) -> Result<DirectoryState, StoreError> {
        let readings = self.directory_readings().await?;
        let mut kept = 0;
        for (provider, at) in &readings {
            // A reading takes minutes: what the last one did not show was seen by
            // one an hour earlier.
            let before = *at - chrono::TimeDelta::minutes(30);
            kept += self.count_mailboxes_unseen(*provider, before).await?;
        }
        Ok(DirectoryState {
            mailboxes: self.count_mailboxes().await?,
            kept,
            read_at: readings.values().min().copied(),
        })
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// One search, held until this change ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_search(&self, id: SearchId) -> Result<Option<Search>, StoreError> {
        let query = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(search_of).transpose()
    }

    /// Inserts or overwrites a search.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_search(&self, search: &Search) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(search.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            kind: Set(search.kind.to_string()),
            campaign_id: Set(search.campaign.map(|id| id.to_string())),
            remediation_id: Set(search.remediation.map(|id| id.to_string())),
            actor: Set(search.actor.clone()),
            state: Set(search.state.to_string()),
            decision_version: Set(search.decision_version),
            target: Set(search.target.clone()),
            plan: Set(to_json(&search.plan, "search.plan")?),
            progress: Set(to_json(&search.progress, "search.progress")?),
            mailboxes: Set(search.mailboxes),
            paused_reason: Set(search.paused_reason.clone()),
            entries: Set(search.entries),
            head: Set(search.head.clone()),
            created_at: Set(millis(search.created_at)),
            finished_at: Set(search.finished_at.map(millis)),
        };
        let changed = entity::Entity::update_many()
            .set(row.clone())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(search.id.to_string()))
            .exec(self.conn)
            .await?;
        if changed.rows_affected == 0 {
            entity::Entity::insert(row)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Adds the calls of a pull to the campaign's newest search.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn add_calls(
        &self,
        campaign: CampaignId,
        calls: u64,
        units: u64,
    ) -> Result<(), StoreError> {
        let Some(newest) = self.last_search(campaign, SearchKind::Pull).await? else {
            return Ok(());
        };
        if let Some(mut search) = self.hold_search(newest.id).await? {
            search.progress.made.calls += calls;
            search.progress.made.units += units;
            self.save_search(&search).await?;
        }
        Ok(())
    }

    /// Stops the searches of a remediation that are under way: its decision was
    /// taken back or made anew.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn stop_searches(
        &self,
        remediation: RemediationId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use sea_orm::sea_query::Expr;
        entity::Entity::update_many()
            .col_expr(
                entity::Column::State,
                Expr::value(SearchState::Stopped.as_str()),
            )
            .col_expr(entity::Column::FinishedAt, Expr::value(millis(now)))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::RemediationId.eq(remediation.to_string()))
            .filter(entity::Column::State.is_in(["planning", "searching"]))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

/// Whether rows of a search are the tenant's is decided at the search; its parts
/// are filtered by tenant all the same.
fn json<T: Serialize>(value: &T, what: &str) -> Result<serde_json::Value, StoreError> {
    to_json(value, what)
}

fn typed<T: serde::de::DeserializeOwned>(
    value: serde_json::Value,
    what: &str,
) -> Result<T, StoreError> {
    from_json(value, what)
}

//! What the organisation itself says of values: added by people, withdrawn by them,
//! never deleted.

use std::{collections::HashMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::{
    Page, PageRequest, Scope, StoreError, answer::key, audit::Deed, instant, millis, parse,
};
use crate::domain::{AskedKind, Reputation};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "indicator")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub value_sha256: String,
        pub value: String,
        pub reputation: String,
        pub note: String,
        pub added_by: String,
        pub added_at: i64,
        pub until: Option<i64>,
        pub withdrawn_at: Option<i64>,
        pub withdrawn_by: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the organisation says of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// What the value is.
    pub kind: AskedKind,
    /// The value in the form in which sources are asked about it.
    pub value: String,
    /// How it is seen: bad, doubtful or good.
    pub reputation: Reputation,
    /// Why, in a person's words.
    pub note: String,
    /// Who added it: an API key's id, or the command line with its account.
    pub added_by: String,
    /// When.
    pub added_at: DateTime<Utc>,
    /// When it ends by itself; `None`: never.
    pub until: Option<DateTime<Utc>>,
    /// When it was withdrawn; `None` while it was not.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Who withdrew it.
    pub withdrawn_by: Option<String>,
}

impl Indicator {
    /// Whether it counts at a time.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.withdrawn_at.is_none() && self.until.is_none_or(|until| now < until)
    }

    fn of(row: entity::Model) -> Result<Self, StoreError> {
        Ok(Self {
            kind: parse(&row.kind, "indicator.kind")?,
            value: row.value,
            reputation: parse(&row.reputation, "indicator.reputation")?,
            note: row.note,
            added_by: row.added_by,
            added_at: instant(row.added_at),
            until: row.until.map(instant),
            withdrawn_at: row.withdrawn_at.map(instant),
            withdrawn_by: row.withdrawn_by,
        })
    }
}

/// A place in the list of indicators: `<added, ms>-<kind>-<SHA-256 of the value>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorCursor {
    added_at: i64,
    kind: AskedKind,
    value_sha256: String,
}

impl fmt::Display for IndicatorCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.added_at, self.kind, self.value_sha256)
    }
}

impl FromStr for IndicatorCursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("a cursor of indicators".to_owned());
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or_else(corrupt);
        Ok(Self {
            added_at: parse(part()?, "cursor")?,
            kind: parse(part()?, "cursor")?,
            value_sha256: part()?.to_owned(),
        })
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// What was ever said of these values and not replaced, whether or not it holds.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn indicators_about(
        &self,
        values: &[(AskedKind, &str)],
    ) -> Result<HashMap<(AskedKind, String), Indicator>, StoreError> {
        let mut found = HashMap::new();
        for values in values.chunks(200) {
            let keys: Vec<String> = values.iter().map(|(_, value)| key(value)).collect();
            let rows = entity::Entity::find()
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::ValueSha256.is_in(keys))
                .all(self.conn)
                .await?;
            for row in rows {
                let one = Indicator::of(row)?;
                found.insert((one.kind, one.value.clone()), one);
            }
        }
        Ok(found)
    }

    /// The indicators, the latest added first, also those that hold no longer.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or for a cursor of another list.
    pub async fn indicators(&self, page: &PageRequest) -> Result<Page<Indicator>, StoreError> {
        use entity::Column as C;
        let mut query = entity::Entity::find().filter(C::TenantId.eq(&self.tenant));
        if let Some(after) = &page.after {
            let after: IndicatorCursor = after.parse()?;
            let kind = after.kind.as_str();
            let same_kind = C::Kind.eq(kind).and(C::ValueSha256.gt(after.value_sha256));
            let same_time = C::AddedAt
                .eq(after.added_at)
                .and(C::Kind.gt(kind).or(same_kind));
            query = query.filter(C::AddedAt.lt(after.added_at).or(same_time));
        }
        let rows = query
            .order_by_desc(C::AddedAt)
            .order_by_asc(C::Kind)
            .order_by_asc(C::ValueSha256)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let all = rows
            .into_iter()
            .map(Indicator::of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(all, page.limit, |one| {
            let cursor = IndicatorCursor {
                added_at: millis(one.added_at),
                kind: one.kind,
                value_sha256: key(&one.value),
            };
            cursor.to_string()
        }))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps an indicator, in the place of an earlier one about the same value.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_indicator(&self, one: &Indicator) -> Result<(), StoreError> {
        use entity::Column as C;
        let row = entity::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            kind: Set(one.kind.as_str().to_owned()),
            value_sha256: Set(key(&one.value)),
            value: Set(one.value.clone()),
            reputation: Set(one.reputation.as_str().to_owned()),
            note: Set(one.note.clone()),
            added_by: Set(one.added_by.clone()),
            added_at: Set(millis(one.added_at)),
            until: Set(one.until.map(millis)),
            withdrawn_at: Set(one.withdrawn_at.map(millis)),
            withdrawn_by: Set(one.withdrawn_by.clone()),
        };
        let same = OnConflict::columns([C::TenantId, C::Kind, C::ValueSha256])
            .update_columns([
                C::Reputation,
                C::Note,
                C::AddedBy,
                C::AddedAt,
                C::Until,
                C::WithdrawnAt,
                C::WithdrawnBy,
            ])
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(same)
            .exec_without_returning(self.conn)
            .await?;
        // What it is about may name a person: its hash does for whoever asks.
        let detail = serde_json::json!({
            "kind": one.kind.as_str(),
            "reputation": one.reputation.as_str(),
            "until": one.until,
        });
        let deed = Deed::new("indicator_added", one.added_at).by(&one.added_by);
        self.note(deed.about(key(&one.value)).with(&detail));
        Ok(())
    }

    /// Takes an indicator back. Gives whether it was there and not withdrawn.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn withdraw_indicator(
        &self,
        kind: AskedKind,
        value: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::WithdrawnAt, Expr::value(millis(now)))
            .col_expr(C::WithdrawnBy, Expr::value(by))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Kind.eq(kind.as_str()))
            .filter(C::ValueSha256.eq(key(value)))
            .filter(C::WithdrawnAt.is_null())
            .exec(self.conn)
            .await?;
        let withdrawn = done.rows_affected == 1;
        if withdrawn {
            let detail = serde_json::json!({ "kind": kind.as_str() });
            let deed = Deed::new("indicator_withdrawn", now).by(by);
            self.note(deed.about(key(value)).with(&detail));
        }
        Ok(withdrawn)
    }
}

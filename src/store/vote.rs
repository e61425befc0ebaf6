//! Votes: how right each person's report of a case was, one a person and case.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    FromQueryResult, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use super::{Scope, StoreError, instant, millis, parse, report::Report};
use crate::domain::{Verdict, reputation::Vote, subject_of};

/// Votes of one person that are read, the latest.
const MOST_VOTES: u64 = 500;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "vote")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub case_key: String,
        pub house: String,
        pub outcome: String,
        pub credit: i32,
        pub weight: i32,
        pub decided_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A person who reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// `graph:…` or `gmail:…` and the mailbox's key; the identity where there is none.
    pub key: String,
    /// The mail domain; empty where none is known.
    pub house: String,
}

/// A vote to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVote {
    /// Who; see [`Reporter::key`].
    pub person: String,
    /// What the person is counted with: the mail domain; empty where none is known.
    pub house: String,
    /// How the case ended.
    pub outcome: Verdict,
    /// How right the report was.
    pub vote: Vote,
}

/// Settled reports of one part of the organisation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HouseVotes {
    /// Different people.
    pub people: u64,
    /// Their settled cases, each counted once a person.
    pub votes: u64,
    /// The votes by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Sum of credit times weight, and of weight.
    pub credit: (f64, f64),
}

#[derive(FromQueryResult)]
struct Row {
    person: String,
    house: String,
    outcome: String,
    credit: i32,
    weight: i32,
}

fn thousandths(share: f64) -> i32 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as i32
}

fn share(thousandths: i32) -> f64 {
    f64::from(thousandths) / 1000.0
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// Whom a report counts for; `None` for a guest.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn person_of(&self, report: &Report) -> Result<Option<Reporter>, StoreError> {
        if report.guest {
            return Ok(None);
        }
        self.person(&report.reporter).await.map(Some)
    }

    /// The person behind an identity: the mailbox that owns their address, so that a
    /// person with two accounts or addresses is one, and whoever is given an address
    /// that was another's is another.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn person(&self, identity: &str) -> Result<Reporter, StoreError> {
        let subject = subject_of(identity);
        let Some(own) = self.mailbox_by_subject(subject).await? else {
            return Ok(Reporter {
                key: identity.to_owned(),
                house: String::new(),
            });
        };
        let owner = self.mailbox_by_address(&own.address).await?.unwrap_or(own);
        let domain = owner.address.as_str().rsplit('@').next();
        Ok(Reporter {
            key: format!("{}:{}", owner.provider, owner.key()),
            house: domain.unwrap_or_default().to_owned(),
        })
    }

    /// What these people voted on a case before: how it ended then, and when that was.
    async fn votes_on(
        &self,
        case_key: &str,
        people: &[NewVote],
    ) -> Result<HashMap<String, (String, i64)>, StoreError> {
        let rows: Vec<(String, String, i64)> = entity::Entity::find()
            .select_only()
            .columns([
                entity::Column::Person,
                entity::Column::Outcome,
                entity::Column::DecidedAt,
            ])
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CaseKey.eq(case_key))
            .filter(entity::Column::Person.is_in(people.iter().map(|new| new.person.as_str())))
            .into_tuple()
            .all(self.conn)
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(who, outcome, at)| (who, (outcome, at)))
            .collect())
    }

    /// A person's latest votes; at most 500.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn votes_of(&self, person: &str) -> Result<Vec<(Verdict, Vote)>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Person.eq(person))
            .order_by_desc(entity::Column::DecidedAt)
            .order_by_asc(entity::Column::CaseKey)
            .limit(MOST_VOTES)
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                let vote = Vote {
                    credit: share(row.credit),
                    weight: share(row.weight),
                    at: instant(row.decided_at),
                };
                Ok((parse(&row.outcome, "vote.outcome")?, vote))
            })
            .collect()
    }

    /// Votes from a time until another, by part of the organisation.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn votes_by_house(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<BTreeMap<String, HouseVotes>, StoreError> {
        use entity::Column as C;
        let rows: Vec<Row> = entity::Entity::find()
            .select_only()
            .columns([C::Person, C::House, C::Outcome, C::Credit, C::Weight])
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::DecidedAt.gte(millis(from)))
            .filter(C::DecidedAt.lt(millis(until)))
            .into_model()
            .all(self.conn)
            .await?;
        let mut houses: BTreeMap<String, HouseVotes> = BTreeMap::new();
        let mut people: HashMap<&str, std::collections::HashSet<&str>> = HashMap::new();
        for row in &rows {
            let house = houses.entry(row.house.clone()).or_default();
            let outcome: Verdict = parse(&row.outcome, "vote.outcome")?;
            house.votes += 1;
            *house.outcomes.entry(outcome.as_str()).or_default() += 1;
            house.credit.0 += share(row.credit) * share(row.weight);
            house.credit.1 += share(row.weight);
            people.entry(&row.house).or_default().insert(&row.person);
        }
        for (house, people) in people {
            if let Some(house) = houses.get_mut(house) {
                house.people = people.len() as u64;
            }
        }
        Ok(houses)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps the votes on one case; who voted on it before votes anew. A vote stays as old
    /// as it is where the case ends as it did.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn cast_votes(&self, case_key: &str, votes: &[NewVote]) -> Result<(), StoreError> {
        for votes in votes.chunks(500) {
            let before = self.votes_on(case_key, votes).await?;
            let rows = votes.iter().map(|new| entity::ActiveModel {
                tenant_id: Set(self.tenant.clone()),
                person: Set(new.person.clone()),
                case_key: Set(case_key.to_owned()),
                house: Set(new.house.clone()),
                outcome: Set(new.outcome.to_string()),
                credit: Set(thousandths(new.vote.credit)),
                weight: Set(thousandths(new.vote.weight)),
                decided_at: Set(match before.get(&new.person) {
                    Some((outcome, at)) if outcome == new.outcome.as_str() => *at,
                    _ => millis(new.vote.at),
                }),
            });
            entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([
                        entity::Column::TenantId,
                        entity::Column::Person,
                        entity::Column::CaseKey,
                    ])
                    .update_columns([
                        entity::Column::House,
                        entity::Column::Outcome,
                        entity::Column::Credit,
                        entity::Column::Weight,
                        entity::Column::DecidedAt,
                    ])
                    .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Takes the votes on a case back: it is open again.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn take_votes_back(&self, case_key: &str) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CaseKey.eq(case_key))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Erases every vote; gives how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn erase_votes(&self) -> Result<u64, StoreError> {
        let erased = entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .exec(self.conn)
            .await?;
        Ok(erased.rows_affected)
    }
}

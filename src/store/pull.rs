//! Pulls: one row a copy, with what is wanted, what was seen, and where it was.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, UpdateMany,
    sea_query::{Expr, OnConflict},
};

use super::{Page, PageRequest, Scope, StoreError, from_json, instant, millis, parse, to_json};
use crate::domain::{
    CalendarEntry, CampaignId, Desired, Locator, MailboxRef, Observed, Place, PullId, PullRole,
    PullSnapshot, Sighting, SubmissionId,
};

pub(in crate::store) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "pull")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub campaign_id: Option<String>,
        pub submission_id: Option<String>,
        pub provider: String,
        pub mailbox_key: String,
        pub mailbox_address: String,
        pub message: String,
        pub role: String,
        pub desired: String,
        pub observed: String,
        pub original: Option<Json>,
        pub quarantine: Option<String>,
        pub evidence_sha256: Option<String>,
        pub decision_version: i32,
        pub matched_by: String,
        pub attempts: i32,
        pub run_after: i64,
        pub last_error: Option<String>,
        pub found_at: i64,
        pub intent_at: Option<i64>,
        pub settled_at: Option<i64>,
        pub sighting: Option<Json>,
        pub rank: Option<i32>,
        pub verified_at: Option<i64>,
        pub calendar: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One copy's fate.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Identity.
    pub id: PullId,
    /// The campaign whose decision it carries out; absent while only the
    /// reporter's own copy is held.
    pub campaign: Option<CampaignId>,
    /// The submission whose report brought it here (the reporter's own copy).
    pub submission: Option<SubmissionId>,
    /// The copy.
    pub locator: Locator,
    /// Why it is a target.
    pub role: PullRole,
    /// What is wanted.
    pub desired: Desired,
    /// What was last known.
    pub observed: Observed,
    /// Where it was before it was moved; set with the intent.
    pub original: Option<Place>,
    /// The quarantine it was, or is to be, moved to; set with the intent.
    pub quarantine: Option<String>,
    /// The evidence the decision rests on.
    pub evidence_sha256: Option<String>,
    /// The decision it carries out.
    pub decision_version: i32,
    /// Why it counts as a copy, in plain words.
    pub matched_by: String,
    /// Failed attempts so far.
    pub attempts: i32,
    /// Not before.
    pub run_after: DateTime<Utc>,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// When the last intent became durable.
    pub intent_at: Option<DateTime<Utc>>,
    /// When it came to rest.
    pub settled_at: Option<DateTime<Utc>>,
    /// How it was found and what it looked like when it was first verified.
    pub sighting: Option<Sighting>,
    /// Its place in the order of moving, by exposure: lower goes first; see
    /// [`crate::domain::exposure`].
    pub rank: i32,
    /// When its content was first found to be the campaign's.
    pub verified_at: Option<DateTime<Utc>>,
    /// The calendar entry that it made, where it is an invitation; absent until it is
    /// dealt with.
    pub calendar: Option<CalendarEntry>,
}

impl Pull {
    /// The part that decides what happens next.
    #[must_use]
    pub const fn snapshot(&self) -> PullSnapshot {
        PullSnapshot {
            desired: self.desired,
            observed: self.observed,
        }
    }
}

/// How many copies are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PullCounts {
    /// All copies found.
    pub found: u64,
    /// In quarantine.
    pub pulled: u64,
    /// Back in place.
    pub restored: u64,
    /// Removed by somebody else.
    pub gone: u64,
    /// Not the condemned message any more.
    pub changed: u64,
    /// Given up.
    pub failed: u64,
    /// Still being worked on.
    pub pending: u64,
}

pub(super) fn pull_of(row: entity::Model) -> Result<Pull, StoreError> {
    let mailbox = MailboxRef::new(
        parse(&row.provider, "pull.provider")?,
        row.mailbox_key,
        parse(&row.mailbox_address, "pull.mailbox_address")?,
    )
    .map_err(|_| StoreError::Corrupt("pull.mailbox_key".to_owned()))?;
    Ok(Pull {
        id: parse(&row.id, "pull.id")?,
        campaign: row
            .campaign_id
            .map(|c| parse(&c, "pull.campaign_id"))
            .transpose()?,
        submission: row
            .submission_id
            .map(|s| parse(&s, "pull.submission_id"))
            .transpose()?,
        locator: Locator::new(mailbox, row.message)
            .map_err(|_| StoreError::Corrupt("pull.message".to_owned()))?,
        role: parse(&row.role, "pull.role")?,
        desired: parse(&row.desired, "pull.desired")?,
        observed: parse(&row.observed, "pull.observed")?,
        original: row
            .original
            .map(|p| from_json(p, "pull.original"))
            .transpose()?,
        quarantine: row.quarantine,
        evidence_sha256: row.evidence_sha256,
        decision_version: row.decision_version,
        matched_by: row.matched_by,
        attempts: row.attempts,
        run_after: instant(row.run_after),
        last_error: row.last_error,
        found_at: instant(row.found_at),
        intent_at: row.intent_at.map(instant),
        settled_at: row.settled_at.map(instant),
        // of a later version, or none: the copy counts all the same
        sighting: row.sighting.and_then(|s| serde_json::from_value(s).ok()),
        rank: row.rank.unwrap_or_default(),
        verified_at: row.verified_at.map(instant),
        calendar: row
            .calendar
            .map(|entry| from_json(entry, "pull.calendar"))
            .transpose()?,
    })
}

/// For so long a move without an answer may still take effect: far beyond the time that
/// any one call is given.
const UNCERTAIN: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// Rows not at rest, as the domain's `PullSnapshot::settled` has it.
pub(super) fn unsettled() -> sea_orm::Condition {
    use entity::Column as C;
    sea_orm::Condition::any()
        .add(C::Desired.eq("pulled").and(C::Observed.is_in([
            "found",
            "moving",
            "restoring",
            "restored",
        ])))
        .add(
            C::Desired
                .eq("in_place")
                .and(C::Observed.is_in(["moving", "pulled", "restoring"])),
        )
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One pull.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pull(&self, id: PullId) -> Result<Option<Pull>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(pull_of).transpose()
    }

    /// Pulls of a campaign (or all of the tenant), newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pulls(
        &self,
        campaign: Option<CampaignId>,
        page: &PageRequest,
    ) -> Result<Page<Pull>, StoreError> {
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
            .map(pull_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |p| p.id.to_string()))
    }

    /// The reporter's own copy of a submission, if it was held.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pulls_of_submission(&self, id: SubmissionId) -> Result<Vec<Pull>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(id.to_string()))
            .all(self.conn)
            .await?;
        rows.into_iter().map(pull_of).collect()
    }

    /// The copies in these mailboxes, of any campaign, whose calendar entries were dealt
    /// with.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pulls_with_entries(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Result<Vec<Pull>, StoreError> {
        use entity::Column as C;
        let mut found = Vec::new();
        for chunk in mailboxes.chunks(200) {
            let rows = entity::Entity::find()
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::MailboxKey.is_in(chunk.iter().map(MailboxRef::key)))
                .filter(C::Calendar.is_not_null())
                .all(self.conn)
                .await?;
            for row in rows {
                found.push(pull_of(row)?);
            }
        }
        Ok(found)
    }

    /// The copies of a campaign by where they are.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_pulls(&self, campaign: CampaignId) -> Result<PullCounts, StoreError> {
        let rows: Vec<(String, String, i64)> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Desired)
            .column(entity::Column::Observed)
            .column_as(entity::Column::Id.count(), "n")
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .group_by(entity::Column::Desired)
            .group_by(entity::Column::Observed)
            .into_tuple()
            .all(self.conn)
            .await?;
        let mut counts = PullCounts::default();
        for (desired, observed, n) in rows {
            let n = u64::try_from(n).unwrap_or_default();
            let snapshot = PullSnapshot {
                desired: parse(&desired, "pull.desired")?,
                observed: parse(&observed, "pull.observed")?,
            };
            counts.found += n;
            let slot = match snapshot.observed {
                _ if !snapshot.settled() => &mut counts.pending,
                Observed::Pulled => &mut counts.pulled,
                Observed::Gone => &mut counts.gone,
                Observed::Changed => &mut counts.changed,
                Observed::Failed => &mut counts.failed,
                Observed::Found | Observed::Moving | Observed::Restoring | Observed::Restored => {
                    &mut counts.restored
                }
            };
            *slot += n;
        }
        Ok(counts)
    }

    /// The last time a copy of a campaign came to rest.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn last_settled(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .filter(entity::Column::SettledAt.is_not_null())
            .order_by_desc(entity::Column::SettledAt)
            .one(self.conn)
            .await?;
        Ok(row.and_then(|row| row.settled_at).map(instant))
    }

    /// How many rows of the tenant carry this state, for `/metrics`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_observed(&self, observed: Observed) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Observed.eq(observed.as_str()))
            .count(self.conn)
            .await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    fn pull_row(&self, pull: &Pull) -> Result<entity::ActiveModel, StoreError> {
        let original = pull.original.as_ref().map(|p| to_json(p, "pull.original"));
        let sighting = pull.sighting.as_ref().map(|s| to_json(s, "pull.sighting"));
        let calendar = pull.calendar.as_ref().map(|e| to_json(e, "pull.calendar"));
        let mailbox = &pull.locator.mailbox;
        Ok(entity::ActiveModel {
            id: Set(pull.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            campaign_id: Set(pull.campaign.map(|c| c.to_string())),
            submission_id: Set(pull.submission.map(|s| s.to_string())),
            provider: Set(mailbox.provider.to_string()),
            mailbox_key: Set(mailbox.key().to_owned()),
            mailbox_address: Set(mailbox.address.to_string()),
            message: Set(pull.locator.message().to_owned()),
            role: Set(pull.role.to_string()),
            desired: Set(pull.desired.to_string()),
            observed: Set(pull.observed.to_string()),
            original: Set(original.transpose()?),
            quarantine: Set(pull.quarantine.clone()),
            evidence_sha256: Set(pull.evidence_sha256.clone()),
            decision_version: Set(pull.decision_version),
            matched_by: Set(pull.matched_by.clone()),
            attempts: Set(pull.attempts),
            run_after: Set(millis(pull.run_after)),
            last_error: Set(pull.last_error.clone()),
            found_at: Set(millis(pull.found_at)),
            intent_at: Set(pull.intent_at.map(millis)),
            settled_at: Set(pull.settled_at.map(millis)),
            sighting: Set(sighting.transpose()?),
            rank: Set(Some(pull.rank)),
            verified_at: Set(pull.verified_at.map(millis)),
            calendar: Set(calendar.transpose()?),
        })
    }

    /// Inserts copies that are not known yet (unique by mailbox and message);
    /// known ones are left as they are, but for one that another campaign looked
    /// at and found to be something else, or let go before it had looked: it
    /// becomes this one's to verify. One that this campaign itself left alone counts
    /// again when it was verified now. Gives how many are new to the campaign.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn insert_new_pulls(&self, pulls: &[Pull]) -> Result<u64, StoreError> {
        let mut new = 0;
        for chunk in pulls.chunks(200) {
            let rows = chunk
                .iter()
                .map(|p| self.pull_row(p))
                .collect::<Result<Vec<_>, _>>()?;
            new += entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([
                        entity::Column::TenantId,
                        entity::Column::Provider,
                        entity::Column::MailboxKey,
                        entity::Column::Message,
                    ])
                    .update_columns([
                        entity::Column::CampaignId,
                        entity::Column::SubmissionId,
                        entity::Column::Role,
                        entity::Column::Desired,
                        entity::Column::Observed,
                        entity::Column::EvidenceSha256,
                        entity::Column::DecisionVersion,
                        entity::Column::MatchedBy,
                        entity::Column::Attempts,
                        entity::Column::RunAfter,
                        entity::Column::SettledAt,
                        entity::Column::Sighting,
                        entity::Column::Rank,
                        entity::Column::VerifiedAt,
                    ])
                    .action_and_where(Expr::cust(
                        "((pull.observed = 'changed' \
                           OR (pull.observed IN ('found', 'restored') \
                               AND pull.desired = 'in_place')) \
                          AND pull.campaign_id IS NOT NULL AND \
                          (excluded.campaign_id IS NULL \
                           OR pull.campaign_id <> excluded.campaign_id)) \
                         OR (pull.observed = 'changed' \
                             AND pull.campaign_id = excluded.campaign_id \
                             AND excluded.verified_at IS NOT NULL)",
                    ))
                    .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(new)
    }

    /// The mailboxes of those copies that another campaign has found and not
    /// verified yet (or just now found to be something else): whose they are is
    /// not known, so that they must be looked for again.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn unverified_elsewhere(
        &self,
        campaign: CampaignId,
        copies: &[Pull],
    ) -> Result<Vec<MailboxRef>, StoreError> {
        use entity::Column as C;
        let mut open: Vec<MailboxRef> = Vec::new();
        for chunk in copies.chunks(200) {
            let messages = chunk.iter().map(|p| p.locator.message());
            let rows = entity::Entity::find()
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::Message.is_in(messages))
                .filter(C::CampaignId.ne(campaign.to_string()))
                .filter(C::Observed.is_in(["found", "changed"]))
                .all(self.conn)
                .await?;
            for row in rows {
                // A message id alone may be another mailbox's too.
                let ours = chunk.iter().map(|p| &p.locator).find(|l| {
                    l.message() == row.message
                        && l.mailbox.key() == row.mailbox_key
                        && l.mailbox.provider.as_str() == row.provider
                });
                if let Some(ours) = ours
                    && !open.contains(&ours.mailbox)
                {
                    open.push(ours.mailbox.clone());
                }
            }
        }
        Ok(open)
    }

    /// Writes back what was seen and done. What is wanted, and by which
    /// decision, is left alone: a decision may have changed meanwhile. `false`
    /// when the copy is another campaign's by now: what this one saw of it is
    /// nothing to that one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_pull(&self, pull: &Pull) -> Result<bool, StoreError> {
        let row = entity::ActiveModel {
            id: NotSet,
            desired: NotSet,
            decision_version: NotSet,
            campaign_id: NotSet,
            submission_id: NotSet,
            ..self.pull_row(pull)?
        };
        let mut update = entity::Entity::update_many()
            .set(row)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(pull.id.to_string()));
        // A copy held for its report alone may have joined a campaign since, and is
        // its report's still.
        if let Some(campaign) = pull.campaign {
            update = update.filter(entity::Column::CampaignId.eq(campaign.to_string()));
        } else if let Some(submission) = pull.submission {
            update = update.filter(entity::Column::SubmissionId.eq(submission.to_string()));
        }
        Ok(update.exec(self.conn).await?.rows_affected > 0)
    }

    /// What is wanted now for these copies; read inside the transaction that
    /// records an intent.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn desired_now(
        &self,
        ids: &[PullId],
    ) -> Result<std::collections::HashMap<PullId, Desired>, StoreError> {
        let rows: Vec<(String, String)> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Id)
            .column(entity::Column::Desired)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.is_in(ids.iter().map(ToString::to_string)))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(id, desired)| Ok((parse(&id, "pull.id")?, parse(&desired, "pull.desired")?)))
            .collect()
    }

    /// A new decision for one copy. One that failed is tried again.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn desire_one(
        &self,
        id: PullId,
        desired: Desired,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let this = C::TenantId.eq(&self.tenant).and(C::Id.eq(id.to_string()));
        tried_again(desired, now)
            .filter(this.clone())
            .exec(self.conn)
            .await?;
        decided_anew(desired, now)
            .filter(this)
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// A new decision for the held copies of a submission.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn desire_for_submission(
        &self,
        id: SubmissionId,
        desired: Desired,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for pull in self.pulls_of_submission(id).await? {
            if pull.desired != desired {
                self.desire_one(pull.id, desired, now).await?;
            }
        }
        Ok(())
    }

    /// Has the copies of a campaign of invitations that came to rest before their
    /// calendar entries were dealt with (the reporters' own, held before anything was
    /// known of their content) looked at once more.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn reopen_invitations(
        &self,
        campaign: CampaignId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::Observed, Expr::value(Observed::Moving.as_str()))
            .col_expr(C::RunAfter, Expr::value(millis(now)))
            .col_expr(C::Attempts, Expr::value(0))
            .col_expr(C::SettledAt, Expr::value(Option::<i64>::None))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CampaignId.eq(campaign.to_string()))
            .filter(C::Desired.eq(Desired::Pulled.as_str()))
            .filter(C::Observed.eq(Observed::Pulled.as_str()))
            .filter(C::Calendar.is_null())
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Ties the held copies of a submission to a campaign and its decision.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn adopt_pulls(
        &self,
        submission: SubmissionId,
        campaign: CampaignId,
        decision_version: i32,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(
                entity::Column::CampaignId,
                Expr::value(campaign.to_string()),
            )
            .col_expr(
                entity::Column::DecisionVersion,
                Expr::value(decision_version),
            )
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// A new decision for every copy of a campaign. Copies that failed are tried
    /// again; copies that are gone or changed stay so.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn desire(
        &self,
        campaign: CampaignId,
        desired: Desired,
        decision_version: i32,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let ours = C::TenantId
            .eq(&self.tenant)
            .and(C::CampaignId.eq(campaign.to_string()));
        // A variant that waits for a person is wanted by that person alone.
        let meant = match desired {
            Desired::Pulled => ours.and(C::Role.ne(PullRole::Variant.as_str())),
            Desired::InPlace => ours,
        };
        for change in [tried_again(desired, now), decided_anew(desired, now)] {
            change
                .col_expr(C::DecisionVersion, Expr::value(decision_version))
                .filter(meant.clone())
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}

/// Copies that failed, wanted (again), and not before they were due: a last move may have
/// had no answer. While it may still take effect, or may have, only a look can tell where
/// such a copy is; one that was never moved, or long ago, begins like any other.
fn tried_again(desired: Desired, now: DateTime<Utc>) -> UpdateMany<entity::Entity> {
    use entity::Column as C;
    let unknown = match desired {
        Desired::Pulled => C::IntentAt.gte(millis(now - UNCERTAIN)),
        Desired::InPlace => C::IntentAt.is_not_null(),
    };
    let look = match desired {
        Desired::Pulled => Observed::Moving,
        Desired::InPlace => Observed::Restoring,
    };
    let observed = Expr::case(unknown, look.as_str()).finally(Observed::Found.as_str());
    let due = Expr::case(Expr::col(C::RunAfter).lt(millis(now)), millis(now))
        .finally(Expr::col(C::RunAfter));
    entity::Entity::update_many()
        .col_expr(C::Observed, observed.into())
        .col_expr(C::Desired, Expr::value(desired.as_str()))
        .col_expr(C::RunAfter, due.into())
        .col_expr(C::Attempts, Expr::value(0))
        .col_expr(C::SettledAt, Expr::value(Option::<i64>::None))
        .filter(C::Observed.eq(Observed::Failed.as_str()))
}

/// Copies for which something else was wanted so far.
fn decided_anew(desired: Desired, now: DateTime<Utc>) -> UpdateMany<entity::Entity> {
    use entity::Column as C;
    entity::Entity::update_many()
        .col_expr(C::Desired, Expr::value(desired.as_str()))
        .col_expr(C::RunAfter, Expr::value(millis(now)))
        .col_expr(C::Attempts, Expr::value(0))
        .col_expr(C::SettledAt, Expr::value(Option::<i64>::None))
        .filter(C::Desired.ne(desired.as_str()))
}

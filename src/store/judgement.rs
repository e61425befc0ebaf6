//! What judged and why: policies, models, what is in force, and every assessment with
//! the facts it rested on. Nothing here is ever changed or deleted but a policy's trial.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::OnConflict,
};

use super::{Scope, StoreError, audit::Deed, instant, millis, parse, submission::Submission};
use crate::domain::{AssessmentId, InForceId, SubmissionId, Verdict};

mod policy {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "policy")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: String,
        pub content: String,
        pub note: Option<String>,
        pub created_by: String,
        pub created_at: i64,
        pub trial: Option<Json>,
        pub tried_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod model {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "model")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: String,
        pub blob_sha256: String,
        pub provenance: Json,
        pub trial: Json,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod in_force {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "in_force")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub policy_version: Option<String>,
        pub model_version: Option<String>,
        pub decided_by: String,
        pub since: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod assessment {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "assessment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub submission_id: String,
        pub cause: String,
        pub verdict: String,
        pub policy_version: String,
        pub model_version: Option<String>,
        pub rules_version: String,
        pub facts: String,
        pub assessment: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What two decisions lie apart at least: identities are ordered by milliseconds.
const MOMENT: TimeDelta = TimeDelta::milliseconds(1);
/// The cause of a row that a person's decision made; no engine can make it again.
const BY_ANALYST: &str = "analyst";

/// The cause of a row of a message that another message of its campaign brought a verdict.
const BY_CAMPAIGN: &str = "campaign";
/// The cause of a row that something which became known later made.
pub const HINDSIGHT: &str = "hunt";

/// A decision that was not made on a message's own facts, as it stands among its
/// assessments: a person's, or one on another message of its campaign.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided; `None` for the policy, on another message of the campaign.
    pub by: Option<&'a str>,
    /// Why.
    pub reason: &'a str,
}

/// A policy that was proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRow {
    /// The start of the digest of its text.
    pub version: String,
    /// The policy file.
    pub content: String,
    /// Why it was proposed.
    pub note: Option<String>,
    /// Who proposed it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// What trying it on the history gave; `None` when nobody did.
    pub trial: Option<serde_json::Value>,
    /// When it was tried.
    pub tried_at: Option<DateTime<Utc>>,
}

impl From<policy::Model> for PolicyRow {
    fn from(row: policy::Model) -> Self {
        Self {
            version: row.version,
            content: row.content,
            note: row.note,
            created_by: row.created_by,
            created_at: instant(row.created_at),
            trial: row.trial,
            tried_at: row.tried_at.map(instant),
        }
    }
}

/// A model that was trained here.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// The start of the digest of its file.
    pub version: String,
    /// The blob with the file.
    pub blob_sha256: String,
    /// Where it comes from.
    pub provenance: serde_json::Value,
    /// How it compares with the one that was in force.
    pub trial: serde_json::Value,
    /// Who trained it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What was put into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Identity.
    pub id: InForceId,
    /// The policy; `None` stands for the configuration's.
    pub policy_version: Option<String>,
    /// The model; `None` stands for the one that comes with Unhook.
    pub model_version: Option<String>,
    /// Who decided it.
    pub decided_by: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// One judgement of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Identity.
    pub id: AssessmentId,
    /// What was judged.
    pub submission: SubmissionId,
    /// Why: `report`, `sources` (one that owed its answer gave it), `hunt` (something
    /// has become known since), `analyst` where a person decided, `campaign` where another
    /// message of the campaign was judged.
    pub cause: String,
    /// The engine's verdict.
    pub verdict: Verdict,
    /// The policy that judged.
    pub policy_version: String,
    /// The model that judged; `None` where there was none.
    pub model_version: Option<String>,
    /// The rules that judged.
    pub rules_version: String,
    /// The facts, as JSON.
    pub facts: String,
    /// The engine's assessment, as JSON, byte for byte.
    pub assessment: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Judgement {
    fn of(row: assessment::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse(&row.id, "assessment.id")?,
            submission: parse(&row.submission_id, "assessment.submission_id")?,
            cause: row.cause,
            verdict: parse(&row.verdict, "assessment.verdict")?,
            policy_version: row.policy_version,
            model_version: row.model_version,
            rules_version: row.rules_version,
            facts: row.facts,
            assessment: row.assessment,
            created_at: instant(row.created_at),
        })
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// What is in force; `None` when nothing was ever decided.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn in_force(&self) -> Result<Option<InForce>, StoreError> {
        Ok(self.ever_in_force(1).await?.into_iter().next())
    }

    /// What was in force, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn ever_in_force(&self, most: u64) -> Result<Vec<InForce>, StoreError> {
        let rows = in_force::Entity::find()
            .filter(in_force::Column::TenantId.eq(&self.tenant))
            .order_by_desc(in_force::Column::Id)
            .limit(most)
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(InForce {
                    id: parse(&row.id, "in_force.id")?,
                    policy_version: row.policy_version,
                    model_version: row.model_version,
                    decided_by: row.decided_by,
                    since: instant(row.since),
                })
            })
            .collect()
    }

    /// A policy.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn policy(&self, version: &str) -> Result<Option<PolicyRow>, StoreError> {
        let key = (self.tenant.clone(), version.to_owned());
        let row = policy::Entity::find_by_id(key).one(self.conn).await?;
        Ok(row.map(PolicyRow::from))
    }

    /// The policies, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn policies(&self, most: u64) -> Result<Vec<PolicyRow>, StoreError> {
        let rows = policy::Entity::find()
            .filter(policy::Column::TenantId.eq(&self.tenant))
            .order_by_desc(policy::Column::CreatedAt)
            .limit(most)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(PolicyRow::from).collect())
    }

    /// A model that was trained here.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn model(&self, version: &str) -> Result<Option<ModelRow>, StoreError> {
        let key = (self.tenant.clone(), version.to_owned());
        let row = model::Entity::find_by_id(key).one(self.conn).await?;
        Ok(row.map(|row| ModelRow {
            version: row.version,
            blob_sha256: row.blob_sha256,
            provenance: row.provenance,
            trial: row.trial,
            created_by: row.created_by,
            created_at: instant(row.created_at),
        }))
    }

    /// The engine's judgements of a submission, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn judgements_of(
        &self,
        submission: SubmissionId,
        most: u64,
    ) -> Result<Vec<Judgement>, StoreError> {
        let engines = assessment::Column::Cause.is_not_in([BY_ANALYST, BY_CAMPAIGN]);
        let rows = self.kept_of(submission, most).filter(engines);
        let rows = rows.all(self.conn).await?;
        rows.into_iter().map(Judgement::of).collect()
    }

    fn kept_of(&self, submission: SubmissionId, most: u64) -> Select<assessment::Entity> {
        assessment::Entity::find()
            .filter(assessment::Column::TenantId.eq(&self.tenant))
            .filter(assessment::Column::SubmissionId.eq(submission.to_string()))
            .order_by_desc(assessment::Column::Id)
            .limit(most)
    }

    /// The same with what was decided otherwise among them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn assessments_of(
        &self,
        submission: SubmissionId,
        most: u64,
    ) -> Result<Vec<Judgement>, StoreError> {
        let rows = self.kept_of(submission, most).all(self.conn).await?;
        rows.into_iter().map(Judgement::of).collect()
    }

    /// A submission with the number of the decision that it shows: its campaign's, or,
    /// while it belongs to none, how many decisions of people it has had. The number is read
    /// before what is shown: of a decision made between the two it is too low, so that
    /// whoever decides on what they saw is told, and never too high.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submission_as_decided(
        &self,
        id: SubmissionId,
    ) -> Result<Option<(Submission, i32)>, StoreError> {
        let Some(before) = self.submission(id).await? else {
            return Ok(None);
        };
        let campaign = match before.campaign {
            Some(id) => self.campaign(id).await?,
            None => None,
        };
        let version = match campaign {
            Some(campaign) => campaign.decision_version,
            None => self.decisions_of(id).await?,
        };
        let shown = self.submission(id).await?;
        Ok(shown.map(|shown| (shown, version)))
    }

    /// How often a person decided about a submission.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn decisions_of(&self, submission: SubmissionId) -> Result<i32, StoreError> {
        let decided = assessment::Entity::find()
            .filter(assessment::Column::TenantId.eq(&self.tenant))
            .filter(assessment::Column::SubmissionId.eq(submission.to_string()))
            .filter(assessment::Column::Cause.eq(BY_ANALYST))
            .count(self.conn)
            .await?;
        Ok(i32::try_from(decided).unwrap_or(i32::MAX))
    }

    /// The engine's judgements of all submissions before one of them, the latest first;
    /// without those made with hindsight, which say nothing of how well it judges.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn judgements(
        &self,
        before: Option<AssessmentId>,
        most: u64,
    ) -> Result<Vec<Judgement>, StoreError> {
        let mut query = assessment::Entity::find()
            .filter(assessment::Column::TenantId.eq(&self.tenant))
            .filter(assessment::Column::Cause.is_not_in([BY_ANALYST, BY_CAMPAIGN, HINDSIGHT]))
            .order_by_desc(assessment::Column::Id)
            .limit(most);
        if let Some(before) = before {
            query = query.filter(assessment::Column::Id.lt(before.to_string()));
        }
        let rows = query.all(self.conn).await?;
        rows.into_iter().map(Judgement::of).collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps a policy; one that is known stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_policy(&self, p: &PolicyRow) -> Result<(), StoreError> {
        let row = policy::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            version: Set(p.version.clone()),
            content: Set(p.content.clone()),
            note: Set(p.note.clone()),
            created_by: Set(p.created_by.clone()),
            created_at: Set(millis(p.created_at)),
            trial: Set(p.trial.clone()),
            tried_at: Set(p.tried_at.map(millis)),
        };
        let new = policy::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([policy::Column::TenantId, policy::Column::Version])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        if new > 0 {
            let deed = Deed::new("policy_proposed", p.created_at).by(&p.created_by);
            self.note(deed.about(&p.version));
        }
        Ok(())
    }

    /// Records what trying a policy on the history gave.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn record_trial(
        &self,
        version: &str,
        trial: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = policy::ActiveModel {
            trial: Set(Some(trial.clone())),
            tried_at: Set(Some(millis(now))),
            ..Default::default()
        };
        self.note(Deed::new("policy_tried", now).about(version));
        policy::Entity::update_many()
            .set(row)
            .filter(policy::Column::TenantId.eq(&self.tenant))
            .filter(policy::Column::Version.eq(version))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Keeps a model; one that is known stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_model(&self, m: &ModelRow) -> Result<(), StoreError> {
        let row = model::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            version: Set(m.version.clone()),
            blob_sha256: Set(m.blob_sha256.clone()),
            provenance: Set(m.provenance.clone()),
            trial: Set(m.trial.clone()),
            created_by: Set(m.created_by.clone()),
            created_at: Set(millis(m.created_at)),
        };
        let new = model::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([model::Column::TenantId, model::Column::Version])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        if new > 0 {
            let file = serde_json::json!({ "sha256": m.blob_sha256 });
            let deed = Deed::new("model_trained", m.created_at).by(&m.created_by);
            self.note(deed.about(&m.version).with(&file));
        }
        Ok(())
    }

    /// Puts something into force; by its identity it stands behind all that was before,
    /// whichever clock that was written by.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn put_into_force(&self, f: &InForce) -> Result<(), StoreError> {
        let latest = self.in_force().await?.map(|latest| latest.since);
        let since = latest.map_or(f.since, |latest| f.since.max(latest + MOMENT));
        let id = InForceId::new(since);
        let row = in_force::ActiveModel {
            id: Set(id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            policy_version: Set(f.policy_version.clone()),
            model_version: Set(f.model_version.clone()),
            decided_by: Set(f.decided_by.clone()),
            since: Set(millis(since)),
        };
        in_force::Entity::insert(row)
            .exec_without_returning(self.conn)
            .await?;
        let what = serde_json::json!({
            "policy": f.policy_version.as_deref().unwrap_or("configuration"),
            "model": f.model_version.as_deref().unwrap_or("shipped"),
        });
        let deed = Deed::new("put_into_force", since).by(&f.decided_by);
        self.note(deed.about(id).with(&what));
        Ok(())
    }

    /// Keeps a decision as a row of each of the submissions it holds for.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_decision(
        &self,
        submissions: &[SubmissionId],
        decision: Decision<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let said = serde_json::json!({
            "verdict": decision.verdict,
            "by": decision.by,
            "reason": decision.reason,
        })
        .to_string();
        let cause = decision.by.map_or(BY_CAMPAIGN, |_| BY_ANALYST);
        for submissions in submissions.chunks(500) {
            let rows = submissions.iter().map(|id| assessment::ActiveModel {
                id: Set(AssessmentId::new(now).to_string()),
                tenant_id: Set(self.tenant.clone()),
                submission_id: Set(id.to_string()),
                cause: Set(cause.to_owned()),
                verdict: Set(decision.verdict.to_string()),
                policy_version: Set(String::new()),
                model_version: Set(None),
                rules_version: Set(String::new()),
                facts: Set("null".to_owned()),
                assessment: Set(said.clone()),
                created_at: Set(millis(now)),
            });
            assessment::Entity::insert_many(rows)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Keeps a judgement.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_judgement(&self, j: &Judgement) -> Result<(), StoreError> {
        let row = assessment::ActiveModel {
            id: Set(j.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            submission_id: Set(j.submission.to_string()),
            cause: Set(j.cause.clone()),
            verdict: Set(j.verdict.to_string()),
            policy_version: Set(j.policy_version.clone()),
            model_version: Set(j.model_version.clone()),
            rules_version: Set(j.rules_version.clone()),
            facts: Set(j.facts.clone()),
            assessment: Set(j.assessment.clone()),
            created_at: Set(millis(j.created_at)),
        };
        assessment::Entity::insert(row)
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }
}

//! Submissions: the evidence that reports point at, and what was made of it.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query},
};

use super::{
    Page, PageRequest, Scope, StoreError, batch::Batch, from_json, held, instant, millis, parse,
    to_json,
};
use crate::domain::{
    Assessment, CampaignId, EvidenceState, Locator, MailboxAddress, SubmissionId, Verdict,
    VerdictSource, priority::Stakes,
};

pub(super) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "submission")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub message_key: String,
        pub campaign_id: Option<String>,
        pub mailbox_address: Option<String>,
        pub item_id: Option<String>,
        pub internet_message_id: Option<String>,
        pub locator: Option<Json>,
        pub evidence: String,
        pub evidence_sha256: Option<String>,
        pub evidence_size: Option<i64>,
        pub upload_sha256: Option<String>,
        pub subject: Option<String>,
        pub sender: Option<String>,
        pub message_received_at: Option<i64>,
        pub fingerprint: Option<Json>,
        pub findings: Option<Json>,
        pub assessment: Option<Json>,
        pub verdict: Option<String>,
        pub verdict_source: Option<String>,
        pub reports: i32,
        /// See [`super::super::look`]; nothing else writes it.
        pub looks: i32,
        /// See [`super::super::look`]; nothing else writes it.
        pub holds: i32,
        pub enrichment: Option<Json>,
        /// Written by [`super::Scope::set_stakes`] alone.
        pub urgency: Option<i64>,
        /// Written by [`super::Scope::set_stakes`] alone.
        pub priority: Option<Json>,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The evidence of one message in one mailbox, and what was made of it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Identity.
    pub id: SubmissionId,
    /// Names the message within the tenant.
    pub message_key: String,
    /// The attack it belongs to, once judged.
    pub campaign: Option<CampaignId>,
    /// The mailbox the message lies in: what the client said until the server
    /// has found it itself.
    pub mailbox: Option<MailboxAddress>,
    /// The client's id of the item; unproven.
    pub item_id: Option<String>,
    /// The client's Message-ID; unproven.
    pub internet_message_id: Option<String>,
    /// Where the server itself found it.
    pub locator: Option<Locator>,
    /// How far the server got at fetching it.
    pub evidence: EvidenceState,
    /// The blob with the bytes as fetched.
    pub evidence_sha256: Option<String>,
    /// Their length in octets.
    pub evidence_size: Option<i64>,
    /// The blob with the bytes the client sent.
    pub upload_sha256: Option<String>,
    /// Subject; untrusted.
    pub subject: Option<String>,
    /// Sender's address; untrusted.
    pub sender: Option<String>,
    /// The platform's received time of the message.
    pub message_received_at: Option<DateTime<Utc>>,
    /// Fingerprint to match copies by, as `message::fingerprint` wrote it.
    pub fingerprint: Option<serde_json::Value>,
    /// Observables, headers and defects, as triage wrote them.
    pub findings: Option<serde_json::Value>,
    /// What sources outside answered, and what is still awaited, as triage wrote it.
    pub enrichment: Option<serde_json::Value>,
    /// The assessment.
    pub assessment: Option<Assessment>,
    /// The verdict in force.
    pub verdict: Option<Verdict>,
    /// Who decided it.
    pub verdict_source: Option<VerdictSource>,
    /// How many people reported it.
    pub reports: i32,
    /// What is at stake, once that was worked out; see [`Scope::set_stakes`].
    pub stakes: Option<Stakes>,
    /// When it was first reported.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Submission {
    /// What is at stake while it waits for a person; `None` of any other.
    #[must_use]
    pub fn waiting_stakes(&self) -> Option<&Stakes> {
        let waits = self.verdict.is_none_or(Verdict::needs_review);
        self.stakes.as_ref().filter(|_| waits)
    }

    /// What names its case: the campaign, or itself where it belongs to none.
    #[must_use]
    pub fn case_key(&self) -> String {
        self.campaign
            .map_or_else(|| self.id.to_string(), |campaign| campaign.to_string())
    }

    /// A submission that a first report has just named.
    #[must_use]
    pub fn new(
        id: SubmissionId,
        message_key: String,
        mailbox: Option<MailboxAddress>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            message_key,
            campaign: None,
            mailbox,
            item_id: None,
            internet_message_id: None,
            locator: None,
            evidence: EvidenceState::Pending,
            evidence_sha256: None,
            evidence_size: None,
            upload_sha256: None,
            subject: None,
            sender: None,
            message_received_at: None,
            fingerprint: None,
            findings: None,
            enrichment: None,
            assessment: None,
            verdict: None,
            verdict_source: None,
            reports: 1,
            stakes: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Which submissions a list shows.
#[derive(Debug, Clone, Default)]
pub struct SubmissionFilter {
    /// Only those with this verdict.
    pub verdict: Option<Verdict>,
    /// Only those that wait for an analyst (suspicious, unknown, not judged).
    pub needs_review: bool,
    /// Only those where nothing is left to do: judged to be no attack, or an
    /// attack whose remediation is closed.
    pub closed: bool,
    /// Only those of this campaign.
    pub campaign: Option<CampaignId>,
}

fn submission_of(row: entity::Model) -> Result<Submission, StoreError> {
    Ok(Submission {
        id: parse(&row.id, "submission.id")?,
        message_key: row.message_key,
        campaign: row
            .campaign_id
            .map(|c| parse(&c, "submission.campaign_id"))
            .transpose()?,
        mailbox: row
            .mailbox_address
            .map(|a| parse(&a, "submission.mailbox_address"))
            .transpose()?,
        item_id: row.item_id,
        internet_message_id: row.internet_message_id,
        locator: row
            .locator
            .map(|l| from_json(l, "submission.locator"))
            .transpose()?,
        evidence: parse(&row.evidence, "submission.evidence")?,
        evidence_sha256: row.evidence_sha256,
        evidence_size: row.evidence_size,
        upload_sha256: row.upload_sha256,
        subject: row.subject,
        sender: row.sender,
        message_received_at: row.message_received_at.map(instant),
        fingerprint: row.fingerprint,
        findings: row.findings,
        enrichment: row.enrichment,
        assessment: row
            .assessment
            .map(|a| from_json(a, "submission.assessment"))
            .transpose()?,
        verdict: row
            .verdict
            .map(|v| parse(&v, "submission.verdict"))
            .transpose()?,
        verdict_source: match row.verdict_source.as_deref() {
            None => None,
            Some("policy") => Some(VerdictSource::Policy),
            Some("analyst") => Some(VerdictSource::Analyst),
            Some(_) => return Err(StoreError::Corrupt("submission.verdict_source".to_owned())),
        },
        reports: row.reports,
        // of an older form: worked out anew with the next change
        stakes: row.priority.and_then(|p| serde_json::from_value(p).ok()),
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

/// A place in the list by urgency: `URGENCY~ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByUrgency(i64, SubmissionId);

impl fmt::Display for ByUrgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.0, self.1)
    }
}

impl FromStr for ByUrgency {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::Corrupt("place in the list by urgency".to_owned());
        let (urgency, id) = text.split_once('~').ok_or_else(wrong)?;
        Ok(Self(
            urgency.parse().map_err(|_| wrong())?,
            id.parse().map_err(|_| wrong())?,
        ))
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One submission.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submission(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(submission_of).transpose()
    }

    /// Submissions by the messages they are about: (message key, id).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submissions_by_message(
        &self,
        message_keys: Vec<String>,
    ) -> Result<Vec<(String, SubmissionId)>, StoreError> {
        let rows: Vec<(String, String)> = entity::Entity::find()
            .select_only()
            .column(entity::Column::MessageKey)
            .column(entity::Column::Id)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::MessageKey.is_in(message_keys))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(key, id)| Ok((key, parse(&id, "submission.id")?)))
            .collect()
    }

    /// The submissions of a campaign, oldest first; at most `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submissions_of_campaign(
        &self,
        campaign: CampaignId,
        most: u64,
    ) -> Result<Vec<SubmissionId>, StoreError> {
        let ids: Vec<String> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Id)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .order_by_asc(entity::Column::Id)
            .limit(most)
            .into_tuple()
            .all(self.conn)
            .await?;
        ids.iter().map(|id| parse(id, "submission.id")).collect()
    }

    fn filtered(&self, filter: &SubmissionFilter) -> sea_orm::Select<entity::Entity> {
        use entity::Column as C;
        let mut query = entity::Entity::find().filter(C::TenantId.eq(&self.tenant));
        if let Some(verdict) = filter.verdict {
            query = query.filter(C::Verdict.eq(verdict.as_str()));
        }
        if filter.needs_review {
            query = query.filter(
                C::Verdict
                    .is_null()
                    .or(C::Verdict.is_in(["suspicious", "unknown"])),
            );
        }
        if filter.closed {
            let cleaned_up = Query::select()
                .column("campaign_id")
                .from("remediation")
                .and_where(Expr::col("tenant_id").eq(&self.tenant))
                .and_where(Expr::col("state").eq("closed"))
                .take();
            query = query.filter(
                C::Verdict
                    .is_in(["spam", "bulk", "benign", "simulation"])
                    .or(C::Verdict
                        .eq("malicious")
                        .and(C::CampaignId.in_subquery(cleaned_up))),
            );
        }
        if let Some(campaign) = filter.campaign {
            query = query.filter(C::CampaignId.eq(campaign.to_string()));
        }
        query
    }

    /// Submissions, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submissions(
        &self,
        filter: &SubmissionFilter,
        page: &PageRequest,
    ) -> Result<Page<Submission>, StoreError> {
        let mut query = self.filtered(filter);
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
            .map(submission_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |s| s.id.to_string()))
    }

    /// Submissions, the most urgent first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn submissions_by_urgency(
        &self,
        filter: &SubmissionFilter,
        page: &PageRequest,
    ) -> Result<Page<Submission>, StoreError> {
        use entity::Column as C;
        let mut query = self.filtered(filter);
        if let Some(ByUrgency(at, id)) = page.after.as_deref().and_then(|p| p.parse().ok()) {
            query = query.filter(
                C::Urgency
                    .lt(at)
                    .or(C::Urgency.eq(at).and(C::Id.lt(id.to_string()))),
            );
        }
        let rows = query
            .order_by_desc(C::Urgency)
            .order_by_desc(C::Id)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let rows = rows
            .into_iter()
            .map(|row| Ok((row.urgency.unwrap_or_default(), submission_of(row)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let page = Page::cut(rows, page.limit, |(at, s)| ByUrgency(*at, s.id).to_string());
        Ok(page.map(|(_, submission)| submission))
    }

    /// How many submissions have which verdict; those without one are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_by_verdict(&self) -> Result<Vec<(Verdict, i64)>, StoreError> {
        let rows: Vec<(String, i64)> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Verdict)
            .column_as(entity::Column::Id.count(), "messages")
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Verdict.is_not_null())
            .group_by(entity::Column::Verdict)
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(verdict, count)| Ok((parse(&verdict, "submission.verdict")?, count)))
            .collect()
    }

    /// How many submissions a list would show.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_submissions(&self, filter: &SubmissionFilter) -> Result<u64, StoreError> {
        Ok(self.filtered(filter).count(self.conn).await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    fn submission_row(&self, s: &Submission) -> Result<entity::ActiveModel, StoreError> {
        let locator = s.locator.as_ref().map(|l| to_json(l, "submission.locator"));
        let assessment = s
            .assessment
            .as_ref()
            .map(|a| to_json(a, "submission.assessment"));
        Ok(entity::ActiveModel {
            id: Set(s.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            message_key: Set(s.message_key.clone()),
            campaign_id: Set(s.campaign.map(|c| c.to_string())),
            mailbox_address: Set(s.mailbox.as_ref().map(ToString::to_string)),
            item_id: Set(s.item_id.clone()),
            internet_message_id: Set(s.internet_message_id.clone()),
            locator: Set(locator.transpose()?),
            evidence: Set(s.evidence.to_string()),
            evidence_sha256: Set(s.evidence_sha256.clone()),
            evidence_size: Set(s.evidence_size),
            upload_sha256: Set(s.upload_sha256.clone()),
            subject: Set(s.subject.clone()),
            sender: Set(s.sender.clone()),
            message_received_at: Set(s.message_received_at.map(millis)),
            fingerprint: Set(s.fingerprint.clone()),
            findings: Set(s.findings.clone()),
            enrichment: Set(s.enrichment.clone()),
            assessment: Set(assessment.transpose()?),
            verdict: Set(s.verdict.map(|v| v.to_string())),
            verdict_source: Set(s.verdict_source.map(|v| v.as_str().to_owned())),
            reports: Set(s.reports),
            looks: sea_orm::ActiveValue::NotSet,
            holds: sea_orm::ActiveValue::NotSet,
            urgency: sea_orm::ActiveValue::NotSet,
            priority: sea_orm::ActiveValue::NotSet,
            created_at: Set(millis(s.created_at)),
            updated_at: Set(millis(s.updated_at)),
        })
    }

    /// New submissions.
    pub(super) fn add_submissions(
        &self,
        batch: &mut Batch,
        new: &[Submission],
    ) -> Result<(), StoreError> {
        let rows = new
            .iter()
            .map(|s| {
                Ok(entity::ActiveModel {
                    urgency: Set(Some(Stakes::unknown(s.created_at).urgency())),
                    ..self.submission_row(s)?
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        if !rows.is_empty() {
            batch.add(&entity::Entity::insert_many(rows));
        }
        Ok(())
    }

    /// Records what is at stake, and with it the place in the queue.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn set_stakes(&self, id: SubmissionId, stakes: &Stakes) -> Result<(), StoreError> {
        let json = to_json(stakes, "submission.priority")?;
        entity::Entity::update_many()
            .col_expr(entity::Column::Urgency, Expr::value(stakes.urgency()))
            .col_expr(entity::Column::Priority, Expr::value(json))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(id.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// What was at stake when it was last worked out.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn stakes_of(&self, id: SubmissionId) -> Result<Option<Stakes>, StoreError> {
        let kept: Option<Option<serde_json::Value>> = entity::Entity::find_by_id(id.to_string())
            .select_only()
            .column(entity::Column::Priority)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .into_tuple()
            .one(self.conn)
            .await?;
        // of an older form: as good as none
        Ok(kept
            .flatten()
            .and_then(|kept| serde_json::from_value(kept).ok()))
    }

    /// Counts one more reporter of each.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_reporters(&self, ids: Vec<SubmissionId>) -> Result<(), StoreError> {
        for id in ids {
            entity::Entity::update_many()
                .col_expr(
                    entity::Column::Reports,
                    Expr::col(entity::Column::Reports).add(1),
                )
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::Id.eq(id.to_string()))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Writes a submission's state back; `reports` is left to `count_reporters`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_submission(&self, s: &Submission) -> Result<(), StoreError> {
        self.write_submission(s, self.submission_row(s)?).await
    }

    /// Writes back what was found out about a submission. The verdict and the
    /// campaign are left alone: an analyst may have decided meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_findings(&self, s: &Submission) -> Result<(), StoreError> {
        let mut row = self.submission_row(s)?;
        row.campaign_id = sea_orm::ActiveValue::NotSet;
        row.verdict = sea_orm::ActiveValue::NotSet;
        row.verdict_source = sea_orm::ActiveValue::NotSet;
        self.write_submission(s, row).await
    }

    /// Writes back what sources answered and what follows from it, and nothing else:
    /// other steps may hold the submission at the same time.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_assessment(&self, s: &Submission) -> Result<(), StoreError> {
        let all = self.submission_row(s)?;
        let row = entity::ActiveModel {
            tenant_id: all.tenant_id,
            subject: all.subject,
            sender: all.sender,
            fingerprint: all.fingerprint,
            findings: all.findings,
            enrichment: all.enrichment,
            assessment: all.assessment,
            updated_at: all.updated_at,
            ..Default::default()
        };
        self.write_submission(s, row).await
    }

    async fn write_submission(
        &self,
        s: &Submission,
        mut row: entity::ActiveModel,
    ) -> Result<(), StoreError> {
        row.reports = sea_orm::ActiveValue::NotSet;
        row.created_at = sea_orm::ActiveValue::NotSet;
        row.id = sea_orm::ActiveValue::NotSet;
        entity::Entity::update_many()
            .set(row)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(s.id.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// One submission, held until this change ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_submission(
        &self,
        id: SubmissionId,
    ) -> Result<Option<Submission>, StoreError> {
        let query = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(submission_of).transpose()
    }

    /// Sets the verdict of every submission of a campaign.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn set_campaign_verdict_on_submissions(
        &self,
        campaign: CampaignId,
        verdict: Verdict,
        source: VerdictSource,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Verdict, Expr::value(verdict.as_str()))
            .col_expr(entity::Column::VerdictSource, Expr::value(source.as_str()))
            .col_expr(entity::Column::UpdatedAt, Expr::value(millis(now)))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

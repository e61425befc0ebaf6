//! Reports: one row a person and message, written in groups.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{Page, PageRequest, Scope, StoreError, batch::Batch, instant, millis, parse};
use crate::domain::{
    CampaignId, MailboxAddress, ReportClient, ReportId, ReportReason, ReportStatus, SubmissionId,
    Verdict,
};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "report")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub submission_id: String,
        pub client: String,
        pub reporter: String,
        pub reporter_address: Option<String>,
        pub guest: bool,
        pub message_key: String,
        pub reason: Option<String>,
        pub comment: Option<String>,
        pub upload_sha256: Option<String>,
        pub idempotency_key: Option<String>,
        pub request_digest: String,
        pub status: String,
        pub outcome: Option<String>,
        pub received_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod upload {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "upload")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub report_id: String,
        pub tenant_id: String,
        pub submission_id: String,
        pub sha256: String,
        pub bytes: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One person's click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Identity.
    pub id: ReportId,
    /// The evidence it points at.
    pub submission: SubmissionId,
    /// Which client sent it.
    pub client: ReportClient,
    /// Stable identity of the person: `entra:{tid}:{oid}` or `google:{sub}`.
    pub reporter: String,
    /// Their directory address, once looked up.
    pub reporter_address: Option<MailboxAddress>,
    /// A guest's report carries no weight.
    pub guest: bool,
    /// Names the message within the tenant.
    pub message_key: String,
    /// Why they reported it.
    pub reason: Option<ReportReason>,
    /// Their own words; untrusted.
    pub comment: Option<String>,
    /// SHA-256 of the bytes the client sent, if it sent any.
    pub upload_sha256: Option<String>,
    /// The client's key for retries.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the request, to tell a retry from another request under the same key.
    pub request_digest: String,
    /// How far it got.
    pub status: ReportStatus,
    /// The verdict the reporter was told.
    pub outcome: Option<Verdict>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

fn report_of(row: entity::Model) -> Result<Report, StoreError> {
    Ok(Report {
        id: parse(&row.id, "report.id")?,
        submission: parse(&row.submission_id, "report.submission_id")?,
        client: parse(&row.client, "report.client")?,
        reporter: row.reporter,
        reporter_address: row
            .reporter_address
            .map(|a| parse(&a, "report.reporter_address"))
            .transpose()?,
        guest: row.guest,
        message_key: row.message_key,
        reason: row.reason.map(|r| parse(&r, "report.reason")).transpose()?,
        comment: row.comment,
        upload_sha256: row.upload_sha256,
        idempotency_key: row.idempotency_key,
        request_digest: row.request_digest,
        status: parse(&row.status, "report.status")?,
        outcome: row
            .outcome
            .map(|o| parse(&o, "report.outcome"))
            .transpose()?,
        received_at: instant(row.received_at),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One report.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn report(&self, id: ReportId) -> Result<Option<Report>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(report_of).transpose()
    }

    /// Reports, newest first; `reporter` keeps to one person's own.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn reports(
        &self,
        reporter: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Report>, StoreError> {
        let mut query = entity::Entity::find().filter(entity::Column::TenantId.eq(&self.tenant));
        if let Some(reporter) = reporter {
            query = query.filter(entity::Column::Reporter.eq(reporter));
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
            .map(report_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |r| r.id.to_string()))
    }

    /// All reports of a submission, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn reports_of(&self, submission: SubmissionId) -> Result<Vec<Report>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            .order_by_asc(entity::Column::Id)
            .all(self.conn)
            .await?;
        rows.into_iter().map(report_of).collect()
    }

    /// How many reports a campaign's submissions have.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_reports_of_campaign(&self, campaign: CampaignId) -> Result<u64, StoreError> {
        let count = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.in_subquery(self.members(campaign)))
            .count(self.conn)
            .await?;
        Ok(count)
    }

    /// How many reports a whole case has, its variants' included.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_reports_of_case(&self, case: CampaignId) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.in_subquery(self.submissions_of_case(case)))
            .count(self.conn)
            .await?)
    }

    /// The first reports of a campaign's submissions.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn reports_of_campaign(
        &self,
        campaign: CampaignId,
        most: u64,
    ) -> Result<Vec<Report>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.in_subquery(self.members(campaign)))
            .order_by_asc(entity::Column::Id)
            .limit(most)
            .all(self.conn)
            .await?;
        rows.into_iter().map(report_of).collect()
    }

    /// The submissions of a campaign, for a sub-query.
    fn members(&self, campaign: CampaignId) -> SelectStatement {
        Query::select()
            .column("id")
            .from("submission")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("campaign_id").eq(campaign.to_string()))
            .take()
    }

    /// Which of these (reporter, idempotency key) and (reporter, message key)
    /// pairs are taken, in two queries for a whole group.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn known_reports(
        &self,
        idempotency_keys: Vec<String>,
        message_keys: Vec<String>,
    ) -> Result<Vec<Report>, StoreError> {
        let mut found: HashMap<String, entity::Model> = HashMap::new();
        for (column, keys) in [
            (entity::Column::IdempotencyKey, idempotency_keys),
            (entity::Column::MessageKey, message_keys),
        ] {
            if keys.is_empty() {
                continue;
            }
            let rows = entity::Entity::find()
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(column.is_in(keys))
                .all(self.conn)
                .await?;
            found.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        found.into_values().map(report_of).collect()
    }

    /// The bytes clients sent for a submission that are not in the blob store yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn uploads_of(
        &self,
        submission: SubmissionId,
    ) -> Result<Vec<(ReportId, String, Vec<u8>)>, StoreError> {
        let rows = upload::Entity::find()
            .filter(upload::Column::TenantId.eq(&self.tenant))
            .filter(upload::Column::SubmissionId.eq(submission.to_string()))
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok((
                    parse(&row.report_id, "upload.report_id")?,
                    row.sha256,
                    row.bytes,
                ))
            })
            .collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// New reports and the bytes that came with them.
    pub(super) fn add_reports(
        &self,
        batch: &mut Batch,
        reports: Vec<(Report, Option<bytes::Bytes>)>,
    ) {
        let mut rows = Vec::with_capacity(reports.len());
        let mut uploads = Vec::new();
        for (report, bytes) in reports {
            if let (Some(bytes), Some(sha256)) = (bytes, &report.upload_sha256) {
                uploads.push(upload::ActiveModel {
                    report_id: Set(report.id.to_string()),
                    tenant_id: Set(self.tenant.clone()),
                    submission_id: Set(report.submission.to_string()),
                    sha256: Set(sha256.clone()),
                    bytes: Set(bytes.into()),
                });
            }
            rows.push(self.report_row(report));
        }
        if !rows.is_empty() {
            batch.add(&entity::Entity::insert_many(rows));
        }
        if !uploads.is_empty() {
            batch.add(&upload::Entity::insert_many(uploads));
        }
    }

    fn report_row(&self, report: Report) -> entity::ActiveModel {
        entity::ActiveModel {
            id: Set(report.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            submission_id: Set(report.submission.to_string()),
            client: Set(report.client.to_string()),
            reporter: Set(report.reporter),
            reporter_address: Set(report.reporter_address.map(|a| a.to_string())),
            guest: Set(report.guest),
            message_key: Set(report.message_key),
            reason: Set(report.reason.map(|r| r.to_string())),
            comment: Set(report.comment),
            upload_sha256: Set(report.upload_sha256),
            idempotency_key: Set(report.idempotency_key),
            request_digest: Set(report.request_digest),
            status: Set(report.status.to_string()),
            outcome: Set(report.outcome.map(|o| o.to_string())),
            received_at: Set(millis(report.received_at)),
        }
    }

    /// Sets what the reporters of a submission are told.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn set_report_status(
        &self,
        submission: SubmissionId,
        status: ReportStatus,
        outcome: Option<Verdict>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Status, Expr::value(status.as_str()))
            .col_expr(
                entity::Column::Outcome,
                Expr::value(outcome.map(|o| o.as_str().to_owned())),
            )
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            // A row that says so already is not written again.
            .filter(
                entity::Column::Status
                    .ne(status.as_str())
                    .or(match outcome {
                        Some(outcome) => entity::Column::Outcome
                            .ne(outcome.as_str())
                            .or(entity::Column::Outcome.is_null()),
                        None => entity::Column::Outcome.is_not_null(),
                    }),
            )
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Records a reporter's directory address.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn set_reporter_address(
        &self,
        id: ReportId,
        address: &MailboxAddress,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(
                entity::Column::ReporterAddress,
                Expr::value(address.as_str()),
            )
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(id.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Drops uploads whose bytes are in the blob store now.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn drop_uploads(&self, submission: SubmissionId) -> Result<(), StoreError> {
        upload::Entity::delete_many()
            .filter(upload::Column::TenantId.eq(&self.tenant))
            .filter(upload::Column::SubmissionId.eq(submission.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

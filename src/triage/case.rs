//! One submission on its way from report to verdict.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{EvidenceState, MailboxRef, SubmissionId, subject_of},
    jobs::{self, JobError, Work},
    mailbox::{Disposition, MailboxError},
    store::{
        StoreError, Tx,
        event::Event,
        job::{Lease, NewJob},
        judgement::{Judgement, PolicyRow},
        report::Report,
        sighting::Sighting,
        submission::Submission,
    },
};

/// The triage step.
pub struct Triage(pub Arc<App>);

#[async_trait]
impl Work for Triage {
    fn kind(&self) -> &'static str {
        jobs::TRIAGE
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let mut case = Case::load(&self.0, lease).await?;
        case.name_reporters().await?;
        case.keep_uploads().await?;
        if case.submission.evidence == EvidenceState::Pending {
            case.find().await?;
            case.hold().await?;
            case.await_hold().await?;
            case.fetch().await?;
        } else if case.submission.campaign.is_none() {
            // Its copy belongs to no campaign whose pull step would move it.
            case.hold().await?;
        }
        if case.submission.assessment.is_none() {
            case.enrich().await?;
        }
        case.settle().await?;
        Ok(())
    }
}

/// A submission, its reports and the job it is worked on under.
pub(super) struct Case<'a> {
    pub app: &'a App,
    pub lease: &'a Lease,
    pub submission: Submission,
    pub reports: Vec<Report>,
    /// The reporter's own mailbox in the directory.
    pub mailbox: Option<MailboxRef>,
    /// A judgement that is to be kept with the next save, and its policy.
    pub judgement: Option<(PolicyRow, Judgement)>,
    /// What stands in it, to be kept with the next save.
    pub sightings: Option<Vec<Sighting>>,
}

impl<'a> Case<'a> {
    pub(super) async fn load(app: &'a App, lease: &'a Lease) -> Result<Self, JobError> {
        let id: SubmissionId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no submission".into()))?;
        let rows = app.store.read(app.tenant);
        let submission = rows
            .submission(id)
            .await?
            .ok_or_else(|| JobError::Park("its submission is not there".into()))?;
        let reports = rows.reports_of(id).await?;
        Ok(Self {
            app,
            lease,
            submission,
            reports,
            mailbox: None,
            judgement: None,
            sightings: None,
        })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// A change under the case's lease.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(self.now())).await?;
        Ok(tx)
    }

    /// Saves the submission together with a line of its timeline.
    pub(super) async fn save(&mut self, event: Option<Event>) -> Result<(), StoreError> {
        self.save_and(event.into_iter().collect(), None).await
    }

    /// The same, and queues further work in the same transaction.
    pub(super) async fn save_and(
        &mut self,
        events: Vec<Event>,
        job: Option<NewJob>,
    ) -> Result<(), StoreError> {
        self.submission.updated_at = self.now();
        let tx = self.begin().await?;
        let rows = tx.of(self.app.tenant);
        if self.lease.kind == jobs::ENRICH {
            rows.save_assessment(&self.submission).await?;
        } else {
            rows.save_findings(&self.submission).await?;
        }
        if let Some((policy, judgement)) = self.judgement.take() {
            rows.keep_policy(&policy).await?;
            rows.keep_judgement(&judgement).await?;
        }
        if let Some(seen) = self.sightings.take() {
            let reported_at = self.submission.created_at;
            rows.keep_sightings(self.submission.id, reported_at, &seen)
                .await?;
        }
        rows.record(
            events
                .into_iter()
                .map(|e| e.on(self.submission.id))
                .collect(),
        )
        .await?;
        rows.enqueue(job.into_iter().collect(), self.now()).await?;
        tx.commit().await
    }

    /// Looks the reporters up in the directory: their mailbox, and the address
    /// that letters go to.
    async fn name_reporters(&mut self) -> Result<(), JobError> {
        let rows = self.app.store.read(self.app.tenant);
        let mut named = Vec::new();
        for report in &mut self.reports {
            let Some(mailbox) = rows
                .mailbox_by_subject(subject_of(&report.reporter))
                .await?
            else {
                continue;
            };
            if report.reporter_address.as_ref() != Some(&mailbox.address) {
                report.reporter_address = Some(mailbox.address.clone());
                named.push((report.id, mailbox.address.clone()));
            }
            self.mailbox.get_or_insert(mailbox);
        }
        // Who is not in it is unknown only once all of it has been read; a
        // platform that is away holds up nobody of another.
        if self.mailbox.is_none() {
            let read_at = self.app.store.directory_read_at(self.app.tenant).await?;
            if read_at.is_none() {
                return Err(self.wait_for_directory());
            }
        }
        if !named.is_empty() {
            let tx = self.begin().await?;
            for (id, address) in &named {
                tx.of(self.app.tenant)
                    .set_reporter_address(*id, address)
                    .await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Until the directory has been read, nobody is known not to be in it. Waits a
    /// quarter of the time waited so far.
    fn wait_for_directory(&self) -> JobError {
        let waited = (self.now() - self.submission.created_at).to_std();
        let pause = waited.unwrap_or_default() / 4;
        JobError::Retry {
            reason: "the directory has not been read yet".to_owned(),
            after: Some(pause.clamp(Duration::from_millis(250), Duration::from_secs(60))),
            counts: false,
        }
    }

    /// Moves the bytes that clients sent from the intake rows to the blob store.
    async fn keep_uploads(&mut self) -> Result<(), JobError> {
        let uploads = self
            .app
            .store
            .read(self.app.tenant)
            .uploads_of(self.submission.id)
            .await?;
        if uploads.is_empty() {
            return Ok(());
        }
        for (_, _, bytes) in uploads {
            let name = self
                .app
                .blobs
                .put(bytes.into())
                .await
                .map_err(StoreError::from)?;
            self.submission.upload_sha256.get_or_insert(name);
        }
        let tx = self.begin().await?;
        let rows = tx.of(self.app.tenant);
        rows.save_findings(&self.submission).await?;
        rows.drop_uploads(self.submission.id).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A provider's error as a job's: being throttled, or the provider being away,
/// does not use up attempts.
pub(super) fn job_error(error: &MailboxError) -> JobError {
    let reason = error.to_string();
    match error.disposition() {
        Disposition::Retry(Some(after)) => JobError::Retry {
            reason,
            after: Some(after),
            counts: false,
        },
        Disposition::Retry(None) => match error {
            // an unknown outcome is looked up before the work is repeated
            MailboxError::Throttled { .. }
            | MailboxError::Unavailable(_)
            | MailboxError::OutcomeUnknown(_) => JobError::Outage(reason),
            _ => JobError::Retry {
                reason,
                after: None,
                counts: true,
            },
        },
        Disposition::NeedsAdmin => JobError::Retry {
            reason: format!("paused, an administrator must act: {reason}"),
            after: Some(std::time::Duration::from_secs(300)),
            counts: false,
        },
        Disposition::Settle | Disposition::GiveUp => JobError::Park(reason),
    }
}

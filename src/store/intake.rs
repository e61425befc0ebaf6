//! What arriving reports add, in one batch.

use sea_orm::DatabaseTransaction;

use super::{
    Scope, StoreError, batch::Batch, event::Event, job::NewJob, report::Report,
    submission::Submission,
};

/// The rows of a group of reports that nobody knew before.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// New pieces of evidence.
    pub submissions: Vec<Submission>,
    /// New reports, each with the bytes that its client sent.
    pub reports: Vec<(Report, Option<bytes::Bytes>)>,
    /// What the timelines say of them.
    pub events: Vec<Event>,
    /// What is to be done next.
    pub jobs: Vec<NewJob>,
}

impl Scope<'_, DatabaseTransaction> {
    /// Inserts all of it. Whatever it costs is paid once a group, since one
    /// round trip carries it on SQLite.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a submission or report is there already:
    /// end the change, look which, and begin anew.
    pub async fn take_in(
        &self,
        arrivals: Arrivals,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::on(self.conn);
        self.add_submissions(&mut batch, &arrivals.submissions)?;
        self.add_reports(&mut batch, arrivals.reports);
        self.add_events(&mut batch, arrivals.events);
        self.add_jobs(&mut batch, arrivals.jobs, now);
        Ok(batch.execute(self.conn).await?)
    }
}

//! The group commit: reports that arrive together share one transaction, so
//! that durability costs one sync for many of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    Accepted, IntakeError, NewReport,
    prepare::{Prepared, prepare},
};
use crate::{
    clock::SharedClock,
    domain::{ReportId, ReportStatus, SubmissionId, TenantId},
    jobs::{self, Wake},
    store::{
        Rows, Store, StoreError, event::Event, intake::Arrivals, report::Report,
        submission::Submission,
    },
};

/// Reports in one transaction at most.
const GROUP: usize = 256;
/// Octets of messages in one transaction at most.
const GROUP_BYTES: usize = 24 << 20;
/// Reports that may wait; more are refused with 503.
const WAITING: usize = 1024;
/// KiB of messages that may wait, the group being written included; more are
/// refused with 503, so that memory is bounded whatever is sent. Four of the
/// largest that the default limits let in.
const WAITING_KIB: u32 = 256 << 10;
/// Attempts at a group before its reports are refused.
const TRIES: usize = 5;
/// An attempt that took longer has waited for the database as long as the
/// configuration allows (a second at least), and is not repeated.
const WAITED: Duration = Duration::from_millis(500);

type Answer = oneshot::Sender<Result<Accepted, IntakeError>>;

/// A report in the queue, with the room that it takes until it is answered.
type Waiting = (Prepared, (Answer, OwnedSemaphorePermit));

/// Where reports are handed in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

impl Desk {
    /// Starts the one writer of reports on the current runtime. It ends when the
    /// last clone of the desk is dropped.
    #[must_use]
    pub fn open(store: Store, tenant: TenantId, clock: SharedClock, wake: Wake) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_groups(
            Writer {
                store,
                tenant,
                clock,
                wake,
            },
            waiting,
        ));
        let room = Arc::new(Semaphore::new(WAITING_KIB as usize));
        Self { queue, room }
    }

    /// Makes a report durable; answers after the commit.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing was stored then.
    pub async fn accept(&self, report: NewReport) -> Result<Accepted, IntakeError> {
        let prepared = prepare(report)?;
        let octets = prepared.report.raw.as_ref().map_or(0, Bytes::len);
        let kib =
            u32::try_from(octets.div_ceil(1024)).map_or(WAITING_KIB, |kib| kib.min(WAITING_KIB));
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(kib)
            .map_err(|_| IntakeError::Unavailable)?;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send((prepared, (answer, room)))
            .map_err(|_| IntakeError::Unavailable)?;
        answered.await.map_err(|_| IntakeError::Unavailable)?
    }
}

struct Writer {
    store: Store,
    tenant: TenantId,
    clock: SharedClock,
    wake: Wake,
}

async fn write_groups(writer: Writer, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(first) = waiting.recv().await {
        let mut weight = first.0.report.raw.as_ref().map_or(0, Bytes::len);
        let mut group = vec![first];
        while group.len() < GROUP && weight < GROUP_BYTES {
            let Ok(next) = waiting.try_recv() else { break };
            weight += next.0.report.raw.as_ref().map_or(0, Bytes::len);
            group.push(next);
        }
        let (reports, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let results = writer.settle(reports).await;
        writer.wake.notify();
        for ((answer, room), result) in answers.into_iter().zip(results) {
            drop(room);
            if let Ok(Accepted { new: true, .. }) = result {
                metrics::counter!("unhook_reports_accepted_total").increment(1);
            }
            // A client that has gone away gets the same answer when it retries.
            let _ = answer.send(result);
        }
    }
}

impl Writer {
    /// Commits a group. A lock or a lost race with another replica is tried
    /// again; what then fails is refused whole, since nothing was stored.
    async fn settle(&self, group: Vec<Prepared>) -> Vec<Result<Accepted, IntakeError>> {
        let mut last = None;
        // Nearly every report is new, which the unique keys prove for nothing;
        // only when they object is it worth looking what is there.
        let mut look = false;
        for _ in 0..TRIES {
            let begun = Instant::now();
            match self.commit(&group, look).await {
                Ok(results) => return results,
                Err(error @ StoreError::Conflict(_)) => {
                    look = true;
                    last = Some(error);
                }
                Err(error @ StoreError::Busy(_)) if begun.elapsed() < WAITED => {
                    last = Some(error);
                }
                Err(error) => {
                    last = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = last {
            tracing::error!(error = %error, source = ?std::error::Error::source(&error).map(ToString::to_string), reports = group.len(), "reports were not stored");
        }
        group
            .iter()
            .map(|_| Err(IntakeError::Unavailable))
            .collect()
    }

    async fn commit(
        &self,
        group: &[Prepared],
        look: bool,
    ) -> Result<Vec<Result<Accepted, IntakeError>>, StoreError> {
        let now = self.clock.now();
        let tx = self.store.begin().await?;
        let rows = tx.of(self.tenant);
        let (mut index, mut submissions) = if look {
            known(&rows, group).await?
        } else {
            Default::default()
        };

        let mut results = Vec::with_capacity(group.len());
        let mut plan = Plan::default();
        for prepared in group {
            let result = match index.find(prepared) {
                Some(found) => found,
                None => {
                    let id = ReportId::new(now);
                    index.add(prepared, id);
                    plan.add(prepared, id, &mut submissions, now);
                    Ok(Accepted { id, new: true })
                }
            };
            results.push(result);
        }
        if !plan.new.reports.is_empty() {
            rows.take_in(plan.new, now).await?;
            rows.count_reporters(plan.again).await?;
            tx.commit().await?;
        }
        Ok(results)
    }
}

/// What is there already of a group: its reports, and its submissions by message.
async fn known(
    rows: &Rows<'_>,
    group: &[Prepared],
) -> Result<(Known, HashMap<String, SubmissionId>), StoreError> {
    let keys = group
        .iter()
        .filter_map(|p| p.report.idempotency_key.clone())
        .collect();
    let messages: Vec<String> = group.iter().map(|p| p.message_key.clone()).collect();
    let reports = rows.known_reports(keys, messages.clone()).await?;
    let submissions = rows.submissions_by_message(messages).await?;
    Ok((Known::of(&reports), submissions.into_iter().collect()))
}

/// Reports that are there already, by the two keys that make them one.
#[derive(Default)]
struct Known {
    by_key: HashMap<(String, String), (ReportId, String)>,
    by_message: HashMap<(String, String), ReportId>,
}

impl Known {
    fn of(known: &[Report]) -> Self {
        let mut index = Self {
            by_key: HashMap::new(),
            by_message: HashMap::new(),
        };
        for report in known {
            if let Some(key) = &report.idempotency_key {
                index.by_key.insert(
                    (report.reporter.clone(), key.clone()),
                    (report.id, report.request_digest.clone()),
                );
            }
            index.by_message.insert(
                (report.reporter.clone(), report.message_key.clone()),
                report.id,
            );
        }
        index
    }

    fn find(&self, prepared: &Prepared) -> Option<Result<Accepted, IntakeError>> {
        let reporter = &prepared.report.reporter;
        if let Some(key) = &prepared.report.idempotency_key
            && let Some((id, digest)) = self.by_key.get(&(reporter.clone(), key.clone()))
        {
            return Some(if *digest == prepared.digest {
                Ok(Accepted {
                    id: *id,
                    new: false,
                })
            } else {
                Err(IntakeError::KeyReused)
            });
        }
        // A second click on the same message is the same report.
        self.by_message
            .get(&(reporter.clone(), prepared.message_key.clone()))
            .map(|id| {
                Ok(Accepted {
                    id: *id,
                    new: false,
                })
            })
    }

    fn add(&mut self, prepared: &Prepared, id: ReportId) {
        let reporter = prepared.report.reporter.clone();
        if let Some(key) = &prepared.report.idempotency_key {
            self.by_key.insert(
                (reporter.clone(), key.clone()),
                (id, prepared.digest.clone()),
            );
        }
        self.by_message
            .insert((reporter, prepared.message_key.clone()), id);
    }
}

/// What one transaction inserts.
#[derive(Default)]
struct Plan {
    new: Arrivals,
    again: Vec<SubmissionId>,
    queued: HashSet<SubmissionId>,
}

impl Plan {
    fn add(
        &mut self,
        prepared: &Prepared,
        id: ReportId,
        submissions: &mut HashMap<String, SubmissionId>,
        now: chrono::DateTime<chrono::Utc>,
    ) {
        let NewReport {
            client,
            reporter,
            guest,
            mailbox,
            item_id,
            internet_message_id,
            reason,
            comment,
            raw,
            idempotency_key,
        } = prepared.report.clone();
        let submission = if let Some(known) = submissions.get(&prepared.message_key) {
            self.again.push(*known);
            *known
        } else {
            let new = SubmissionId::new(now);
            submissions.insert(prepared.message_key.clone(), new);
            self.new.submissions.push(Submission {
                item_id,
                internet_message_id,
                upload_sha256: prepared.upload_sha256.clone(),
                ..Submission::new(new, prepared.message_key.clone(), mailbox, now)
            });
            new
        };
        self.new.events.push(
            Event::new("reported", now)
                .on(submission)
                .by("reporter")
                .with(serde_json::json!({ "report": id, "client": client.as_str() })),
        );
        if self.queued.insert(submission) {
            self.new.jobs.push(jobs::triage(submission, now));
        }
        self.new.reports.push((
            Report {
                id,
                submission,
                client,
                reporter,
                reporter_address: None,
                guest,
                message_key: prepared.message_key.clone(),
                reason,
                comment,
                upload_sha256: prepared.upload_sha256.clone(),
                idempotency_key,
                request_digest: prepared.digest.clone(),
                status: ReportStatus::Received,
                outcome: None,
                received_at: now,
            },
            raw,
        ));
    }
}

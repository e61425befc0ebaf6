//! The group commit: reports that arrive together share one transaction, so
//! that durability costs one sync for many of them.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::{Accepted, IntakeError, NewReport};
use crate::{
    clock::SharedClock,
    domain::{ReportId, ReportStatus, SubmissionId, TenantId},
    jobs::{self, Wake},
    store::{Store, StoreError, event::Event, job::NewJob, report::Report, submission::Submission},
};

/// Reports in one transaction at most.
const GROUP: usize = 256;
/// Octets of messages in one transaction at most.
const GROUP_BYTES: usize = 24 << 20;
/// Reports that may wait; more are refused with 503, so that memory is bounded.
const WAITING: usize = 1024;
/// Attempts at a group before its reports are refused.
const TRIES: usize = 5;
/// An attempt that took longer has waited for the database as long as the
/// configuration allows (a second at least), and is not repeated.
const WAITED: Duration = Duration::from_millis(500);

type Answer = oneshot::Sender<Result<Accepted, IntakeError>>;

/// Where reports are handed in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    queue: mpsc::Sender<(Prepared, Answer)>,
}

/// A report whose digests are made; what the writer needs and no more.
#[derive(Debug, Clone)]
struct Prepared {
    report: NewReport,
    message_key: String,
    digest: String,
    upload_sha256: Option<String>,
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
        Self { queue }
    }

    /// Makes a report durable; answers after the commit.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing was stored then.
    pub async fn accept(&self, report: NewReport) -> Result<Accepted, IntakeError> {
        let prepared = prepare(report)?;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send((prepared, answer))
            .map_err(|_| IntakeError::Unavailable)?;
        answered.await.map_err(|_| IntakeError::Unavailable)?
    }
}

fn prepare(report: NewReport) -> Result<Prepared, IntakeError> {
    let limits = [
        ("item_id", report.item_id.as_deref(), 1024, false),
        (
            "internet_message_id",
            report.internet_message_id.as_deref(),
            998,
            false,
        ),
        ("comment", report.comment.as_deref(), 8000, true),
        (
            "Idempotency-Key",
            report.idempotency_key.as_deref(),
            128,
            false,
        ),
    ];
    for (field, value, longest, prose) in limits {
        let Some(value) = value else { continue };
        if value.is_empty() && !prose {
            return Err(IntakeError::Field {
                field,
                problem: "is empty",
            });
        }
        if value.len() > longest {
            return Err(IntakeError::Field {
                field,
                problem: "is too long",
            });
        }
        // PostgreSQL text cannot hold NUL; elsewhere control characters have no business.
        if value.contains('\0') || (!prose && value.chars().any(char::is_control)) {
            return Err(IntakeError::Field {
                field,
                problem: "holds control characters",
            });
        }
    }
    let upload_sha256 = report
        .raw
        .as_ref()
        .map(|raw| hex::encode(Sha256::digest(raw)));
    let named = [
        ("item", report.item_id.as_ref()),
        ("id", report.internet_message_id.as_ref()),
        ("raw", upload_sha256.as_ref()),
    ];
    let Some((how, what)) = named.into_iter().find_map(|(how, what)| Some((how, what?))) else {
        return Err(IntakeError::NothingNamed);
    };
    let message_key = digest(&[&report.reporter, how, what]);
    let digest = digest(&[
        report.client.as_str(),
        report.mailbox.as_ref().map_or("", |m| m.as_str()),
        report.item_id.as_deref().unwrap_or_default(),
        report.internet_message_id.as_deref().unwrap_or_default(),
        report.reason.map_or("", |r| r.as_str()),
        report.comment.as_deref().unwrap_or_default(),
        upload_sha256.as_deref().unwrap_or_default(),
    ]);
    Ok(Prepared {
        report,
        message_key,
        digest,
        upload_sha256,
    })
}

/// SHA-256 over length-prefixed parts, so that no two lists of parts collide.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

struct Writer {
    store: Store,
    tenant: TenantId,
    clock: SharedClock,
    wake: Wake,
}

async fn write_groups(writer: Writer, mut waiting: mpsc::Receiver<(Prepared, Answer)>) {
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
        for (answer, result) in answers.into_iter().zip(results) {
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
        for _ in 0..TRIES {
            let begun = Instant::now();
            match self.commit(&group).await {
                Ok(results) => return results,
                Err(error @ (StoreError::Busy(_) | StoreError::Conflict(_)))
                    if begun.elapsed() < WAITED =>
                {
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
    ) -> Result<Vec<Result<Accepted, IntakeError>>, StoreError> {
        let now = self.clock.now();
        let tx = self.store.begin().await?;
        let rows = tx.of(self.tenant);
        let keys = group
            .iter()
            .filter_map(|p| p.report.idempotency_key.clone())
            .collect();
        let messages: Vec<String> = group.iter().map(|p| p.message_key.clone()).collect();
        let known = rows.known_reports(keys, messages.clone()).await?;
        let mut index = Known::of(&known);
        let mut submissions: HashMap<String, SubmissionId> = rows
            .submissions_by_message(messages)
            .await?
            .into_iter()
            .collect();

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
        if !plan.reports.is_empty() {
            rows.insert_submissions(&plan.submissions).await?;
            rows.insert_reports(plan.reports).await?;
            rows.count_reporters(plan.again).await?;
            rows.record(plan.events).await?;
            rows.enqueue(plan.jobs, now).await?;
            tx.commit().await?;
        }
        Ok(results)
    }
}

/// Reports that are there already, by the two keys that make them one.
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
    submissions: Vec<Submission>,
    reports: Vec<(Report, Option<Bytes>)>,
    again: Vec<SubmissionId>,
    events: Vec<Event>,
    jobs: Vec<NewJob>,
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
            self.submissions.push(Submission {
                item_id,
                internet_message_id,
                upload_sha256: prepared.upload_sha256.clone(),
                ..Submission::new(new, prepared.message_key.clone(), mailbox, now)
            });
            new
        };
        self.events.push(
            Event::new("reported", now)
                .on(submission)
                .by("reporter")
                .with(serde_json::json!({ "report": id, "client": client.as_str() })),
        );
        if self.queued.insert(submission) {
            self.jobs.push(jobs::triage(submission, now));
        }
        self.reports.push((
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

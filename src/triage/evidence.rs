//! The evidence: the item as the server itself finds it in the reporter's own
//! mailbox. Bytes that a client sent are kept, compared, and never authorise a
//! pull.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    domain::{Desired, EvidenceState, Locator, Observed, PullId, PullRole},
    jobs::JobError,
    mailbox::{Disposition, ItemHint, Seen},
    message::{self, Limits, ParsedMessage},
    remediation::Reconciler,
    store::{StoreError, event::Event, look::Tried, pull::Pull},
};

use super::case::{Case, job_error};

/// Looks for the message that the mailbox answered, and tries at holding its copy,
/// before the case goes on without. Kept on the submission: the attempts of its
/// job grow with every outage too.
const PATIENCE: i32 = 4;

impl Case<'_> {
    /// Finds the reported item; without it the case goes on as "missing".
    pub(super) async fn find(&mut self) -> Result<(), JobError> {
        if self.submission.locator.is_some() {
            return Ok(());
        }
        let Some(mailbox) = self.mailbox.clone() else {
            return Ok(self
                .without_evidence("the reporter has no mailbox in the directory")
                .await?);
        };
        let Some(provider) = self.app.mail.of(&mailbox).cloned() else {
            return Ok(self
                .without_evidence("the reporter's mail platform is not configured")
                .await?);
        };
        let hint = self.hint().await?;
        let found = match provider.find(&mailbox, &hint).await {
            Ok(found) => found,
            Err(error) => match error.disposition() {
                Disposition::GiveUp | Disposition::Settle => Vec::new(),
                _ => return Err(job_error(&error)),
            },
        };
        match self.choose(found).await? {
            Ok(seen) => {
                self.submission.mailbox = Some(mailbox.address.clone());
                self.submission.message_received_at = seen.received;
                self.submission.locator = Some(seen.locator);
                self.save(None).await?;
            }
            // Fresh mail can take a moment to show up in a search.
            Err(why) => {
                if self.submission.item_id.is_none() {
                    let reason = "the reported message was not found yet";
                    self.again_after(Tried::Look, reason, self.now()).await?;
                }
                self.without_evidence(why).await?;
            }
        }
        Ok(())
    }

    /// Counts a try that came to nothing; an error for as long as there are more
    /// to come, 1, 2 and 4 seconds apart and none before `due`.
    async fn again_after(
        &self,
        tried: Tried,
        reason: &str,
        due: DateTime<Utc>,
    ) -> Result<(), JobError> {
        let tx = self.begin().await?;
        let tries = tx
            .of(self.app.tenant)
            .count_try(self.submission.id, tried)
            .await?;
        tx.commit().await?;
        if tries >= PATIENCE {
            return Ok(());
        }
        let pause = Duration::from_millis(500 << tries.clamp(0, 8));
        let asked = (due - self.now()).to_std().unwrap_or_default();
        Err(JobError::Retry {
            reason: reason.to_owned(),
            after: Some(pause.max(asked)),
            counts: false,
        })
    }

    /// What the client named; for bytes alone, the Message-ID inside them.
    async fn hint(&self) -> Result<ItemHint, StoreError> {
        let mut hint = ItemHint {
            item_id: self.submission.item_id.clone(),
            internet_message_id: self.submission.internet_message_id.clone(),
        };
        if hint.item_id.is_none() && hint.internet_message_id.is_none() {
            hint.internet_message_id = self.uploaded().await?.and_then(|m| m.message_id);
        }
        Ok(hint)
    }

    /// One item: several under one Message-ID are one only if they are alike.
    async fn choose(&self, found: Vec<Seen>) -> Result<Result<Seen, &'static str>, JobError> {
        let mut found = found.into_iter();
        let Some(first) = found.next() else {
            return Ok(Err("the message is not in the reporter's mailbox"));
        };
        let rest: Vec<Seen> = found.collect();
        if rest.is_empty() {
            return Ok(Ok(first));
        }
        let Some(provider) = self.app.mail.of(&first.locator.mailbox) else {
            return Ok(Err("the reporter's mail platform is not configured"));
        };
        let fetch = async |locator: &Locator| {
            let raw = provider
                .fetch_raw(locator)
                .await
                .map_err(|e| job_error(&e))?;
            Ok::<_, JobError>(message::parse(&raw, &Limits::default()))
        };
        let ours = fetch(&first.locator).await?;
        for other in &rest {
            if !message::content_matches(&ours, &fetch(&other.locator).await?) {
                return Ok(Err("several different messages carry this Message-ID"));
            }
        }
        Ok(Ok(first))
    }

    /// Quarantines the reporter's own copy at once (where it was is kept), or puts
    /// it back when that is wanted by now. Takes one step with what is due.
    pub(super) async fn hold(&mut self) -> Result<(), JobError> {
        let Some(locator) = self.submission.locator.clone() else {
            return Ok(());
        };
        let now = self.now();
        let rows = self.app.store.read(self.app.tenant);
        if rows
            .pulls_of_submission(self.submission.id)
            .await?
            .is_empty()
        {
            let held = Pull {
                id: PullId::new(now),
                campaign: None,
                submission: Some(self.submission.id),
                locator,
                role: PullRole::Reported,
                desired: Desired::Pulled,
                observed: Observed::Found,
                original: None,
                quarantine: None,
                evidence_sha256: None,
                decision_version: 0,
                matched_by: "reported by the owner of the mailbox".to_owned(),
                attempts: 0,
                run_after: now,
                last_error: None,
                found_at: now,
                intent_at: None,
                settled_at: None,
                sighting: None,
                // Before all others: its owner has it before their eyes.
                rank: -1,
                verified_at: None,
                calendar: None,
            };
            let tx = self.begin().await?;
            tx.of(self.app.tenant).insert_new_pulls(&[held]).await?;
            tx.commit().await?;
        }
        let mut due = self.open_copies().await?;
        due.retain(|copy| copy.run_after <= now);
        if due.is_empty() {
            return Ok(());
        }
        let reconciler = Reconciler {
            app: self.app,
            lease: self.lease,
            seed: None,
            campaign: None,
            protected: None,
        };
        let rest = reconciler.settle(due).await?;
        for (kind, copies) in [("quarantined", rest.pulled), ("restored", rest.restored)] {
            if copies > 0 {
                let event =
                    Event::new(kind, self.now()).with(serde_json::json!({ "copies": copies }));
                self.save(Some(event)).await?;
            }
        }
        Ok(())
    }

    /// Gives a copy that is not out of reach yet some tries before the case goes
    /// on; the provider's own wait is kept.
    pub(super) async fn await_hold(&self) -> Result<(), JobError> {
        let open = self.open_copies().await?;
        let Some(due) = open.iter().map(|copy| copy.run_after).min() else {
            return Ok(());
        };
        let reason = "the reporter's copy is not in quarantine yet";
        self.again_after(Tried::Hold, reason, due).await
    }

    /// The copies held for this submission that are not at rest.
    async fn open_copies(&self) -> Result<Vec<Pull>, StoreError> {
        let rows = self.app.store.read(self.app.tenant);
        let mut copies = rows.pulls_of_submission(self.submission.id).await?;
        copies.retain(|copy| !copy.snapshot().settled());
        Ok(copies)
    }

    /// Fetches the bytes and compares them with what the client sent.
    pub(super) async fn fetch(&mut self) -> Result<(), JobError> {
        let Some(locator) = self.submission.locator.clone() else {
            return Ok(());
        };
        let Some(provider) = self.app.mail.of(&locator.mailbox).cloned() else {
            return Ok(());
        };
        let raw = match provider.fetch_raw(&locator).await {
            Ok(raw) => raw,
            Err(error) => match error.disposition() {
                Disposition::Settle | Disposition::GiveUp => {
                    return Ok(self
                        .without_evidence("the message was gone before it was read")
                        .await?);
                }
                _ => return Err(job_error(&error)),
            },
        };
        let fetched = message::parse(&raw, &Limits::default());
        let compared = self
            .uploaded()
            .await?
            .map(|uploaded| message::content_matches(&uploaded, &fetched));
        let alike = compared.unwrap_or(true);
        self.submission.evidence_size = i64::try_from(raw.len()).ok();
        let name = self.app.blobs.put(raw).await.map_err(StoreError::from)?;
        self.submission.evidence_sha256 = Some(name.clone());
        self.submission.evidence = if alike {
            EvidenceState::Fetched
        } else {
            EvidenceState::Mismatch
        };
        let event = Event::new("evidence_fetched", self.now())
            .with(serde_json::json!({ "sha256": name, "matches_upload": compared }));
        self.save(Some(event)).await?;
        Ok(())
    }

    /// What the client sent, if it sent anything.
    async fn uploaded(&self) -> Result<Option<ParsedMessage>, StoreError> {
        let Some(name) = &self.submission.upload_sha256 else {
            return Ok(None);
        };
        let raw = self.app.blobs.get(name).await?;
        Ok(Some(message::parse(&raw, &Limits::default())))
    }

    async fn without_evidence(&mut self, why: &str) -> Result<(), StoreError> {
        self.submission.evidence = EvidenceState::Missing;
        let event =
            Event::new("evidence_missing", self.now()).with(serde_json::json!({ "reason": why }));
        self.save(Some(event)).await
    }
}

//! Enrich, assess, and settle: by policy where it may, else by an analyst.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use crate::{
    config::policy::is_below,
    domain::{
        Assessment, AssessmentId, Desired, EvidenceState, OWN_LIST, ReportStatus, Verdict,
        VerdictSource,
    },
    enrich::{lookups::questions, merged},
    file::FileReport,
    jobs::{self, JobError},
    message::{Fingerprint, ParsedMessage, Recipients},
    policy::{
        dissect::{apart, border, dissect},
        force,
        record::Recorded,
    },
    store::{
        Rows, StoreError,
        campaign::Campaign,
        event::Event,
        judgement::{self, Judgement, PolicyRow},
    },
    verdict::{self, Engine},
};

use super::{
    case::Case,
    findings, hunt, indicators,
    lookups::{self, Enrichment},
    news, own_letter, priority, reassess,
    role::Roles,
    thank,
};

impl Case<'_> {
    /// Takes the evidence apart and assesses it.
    pub(super) async fn enrich(&mut self) -> Result<(), JobError> {
        // Without evidence of the server's own, the client's bytes are looked at
        // so that an analyst sees something; nothing is pulled on them.
        let name = match self.submission.evidence {
            EvidenceState::Fetched | EvidenceState::Mismatch => {
                self.submission.evidence_sha256.clone()
            }
            EvidenceState::Missing | EvidenceState::Pending => {
                self.submission.upload_sha256.clone()
            }
        };
        let raw = match &name {
            Some(name) => self.app.blobs.get(name).await.map_err(StoreError::from)?,
            None => bytes::Bytes::new(),
        };
        let app = self.app;
        let received = self.submission.message_received_at;
        let now = self.now();
        let id = self.submission.id;
        let message = dissect(app, raw.clone(), received, self.holders()).await?;
        let again = self.lease.kind == jobs::ENRICH;
        let evaluated = if again {
            None
        } else {
            lookups::authenticate(app, id, &raw, &message).await?
        };

        let all = merged(&message.observables, &message.inside);
        let whole = name.clone().map(|sha256| (raw, sha256));
        let asked = questions(
            &all,
            &app.config.organisation.domains,
            &Recipients::of(&message.parsed),
            whole,
        );
        let sender = message.parsed.author().map(|author| author.address.clone());
        let before = Enrichment::of(self.submission.enrichment.as_ref());
        let known = if again {
            lookups::renewed(app, &asked, before.clone()).await?
        } else {
            before.clone()
        };
        let patience = if self.submission.assessment.is_some() {
            lookups::AFTER_VERDICT
        } else {
            lookups::BEFORE_VERDICT
        };
        // what became known of old mail is taken in; nobody outside is told of it again
        let old = now - self.submission.created_at > reassess::PATIENCE;
        let reach = lookups::Reach {
            patience,
            outside: !(again && old),
        };
        let mut known = lookups::ask(app, id, &asked, known, reach).await?;
        let of_sender = lookups::known_of(app, id, message.parsed.author()).await?;
        known.history = of_sender.kept();
        // the organisation's own word, as it is now
        known.answers.retain(|answer| answer.source != OWN_LIST);
        known
            .answers
            .extend(indicators::answers(app, &asked).await?);
        let news = news::between(&before, &known);
        let fresh = news.fresh.filter(|_| again);
        known.news = news.kept.filter(|_| again);

        let engine = force::engine(app).await?;
        let trusted = &engine.policy().trusted_authserv_ids;
        let facts = verdict::Facts {
            organisation_domains: app.config.organisation.domains.clone(),
            trusted_authserv_ids: trusted.clone(),
            border: border(app),
            received,
            now,
            files: message.files.clone(),
            people: self.people(&message.parsed),
            answers: known.answers.clone(),
            correspondent: of_sender.correspondent(),
            namesakes: of_sender.namesakes,
            ..verdict::Facts::default()
        };
        let judging = Arc::clone(&engine);
        let (mut assessment, message, all, facts) = apart(move || {
            let assessment = judging.assess(&message.parsed, &all, &facts);
            (assessment, message, all, facts)
        })
        .await?;
        let recorded = Recorded {
            message: name,
            held_by: message.parsed.held_by.clone(),
            facts,
        };
        let cause = match (again, &fresh) {
            (false, _) => "report",
            (true, None) => "sources",
            (true, Some(_)) => judgement::HINDSIGHT,
        };
        self.judgement = Some(self.kept(&engine, &assessment, &recorded, cause));
        self.sightings = Some(hunt::sightings(&asked, &known.answers));
        assessment.awaited = known.awaited.keys().cloned().collect();

        let roles = Roles::of(&message, &app.config.organisation.domains);
        let mut kept = findings::of(&message, &all, &roles, evaluated.as_ref(), trusted);
        // our own checks are made once: keys and policies are those of the first time
        let before = self.submission.findings.as_ref();
        if let Some(before) = before.and_then(|f| f.get("evaluated")).filter(|_| again) {
            kept.evaluated = before.clone();
        }
        self.submission.findings = serde_json::to_value(kept).ok();
        let print = Fingerprint::of(&message.parsed)
            .with_path(&message.path)
            .with_files(fuzzy_hashes(&message.files));
        let own = match &self.mailbox {
            Some(mailbox) if own_letter::plain(&message.parsed) => {
                own_letter::recognised(app, mailbox, &print).await?
            }
            _ => false,
        };
        self.submission.fingerprint = serde_json::to_value(print).ok();
        self.submission.subject = Some(message.parsed.subject.neutral(500));
        self.submission.sender = sender;
        let mut assessment = self.within_limits(assessment);
        if own && self.submission.evidence == EvidenceState::Fetched {
            own_letter::say_so(&mut assessment);
        }
        let told = fresh.map(|news| self.intelligence(&news, assessment.verdict));
        self.submission.assessment = Some(assessment);
        self.submission.enrichment = serde_json::to_value(&known).ok();
        let event = Event::new("enriched", now).with(serde_json::json!({
            "observables": all.len(),
            "files": message.files.len(),
            "defects": message.parsed.defects.len(),
            "answers": known.answers.len(),
            "awaited": known.awaited.keys().collect::<Vec<_>>(),
        }));
        let again = (!known.awaited.is_empty() && self.lease.kind != jobs::ENRICH)
            .then(|| reassess::next_time(self.submission.created_at, now))
            .flatten();
        let events = std::iter::once(event).chain(told).collect();
        self.save_and(events, again.map(|at| jobs::enrich(id, at)))
            .await?;
        Ok(())
    }

    /// What is kept of a judgement, so that it can be made again.
    fn kept(
        &self,
        engine: &Engine,
        assessment: &Assessment,
        recorded: &Recorded,
        cause: &str,
    ) -> (PolicyRow, Judgement) {
        let now = self.now();
        let policy = PolicyRow {
            version: engine.version().to_owned(),
            content: engine.policy().to_toml(),
            note: None,
            created_by: "configuration".to_owned(),
            created_at: now,
            trial: None,
            tried_at: None,
        };
        let judgement = Judgement {
            id: AssessmentId::new(now),
            submission: self.submission.id,
            cause: cause.to_owned(),
            verdict: assessment.verdict,
            policy_version: assessment.policy_version.clone(),
            model_version: assessment.model_version.clone(),
            rules_version: assessment.rules_version.clone(),
            facts: serde_json::to_string(recorded).unwrap_or_default(),
            assessment: serde_json::to_string(assessment).unwrap_or_default(),
            created_at: now,
        };
        (policy, judgement)
    }

    /// Addresses of those who reported it: it lay in their mailboxes, whoever it
    /// names as its recipients.
    fn holders(&self) -> Vec<String> {
        let mailbox = self.mailbox.iter().map(|mailbox| &mailbox.address);
        let reporters = self
            .reports
            .iter()
            .filter_map(|r| r.reporter_address.as_ref());
        mailbox.chain(reporters).map(ToString::to_string).collect()
    }

    /// People of the organisation whom it is known to have reached: those it names, and
    /// those who reported it, guests left out. `None` where it names none of those in
    /// whose mailboxes it lay (a list, a blind copy): how many more got it so is unknown.
    fn people(&self, message: &ParsedMessage) -> Option<u32> {
        let own = &self.app.config.organisation.domains;
        let named: BTreeSet<&str> = message
            .to
            .iter()
            .chain(&message.cc)
            .filter(|person| own.iter().any(|own| is_below(person.domain(), own)))
            .map(|person| person.address.as_str())
            .collect();
        let reports = self.reports.iter().filter(|report| !report.guest);
        let holders: BTreeSet<&str> = self
            .mailbox
            .iter()
            .map(|mailbox| mailbox.address.as_str())
            .chain(reports.filter_map(|r| r.reporter_address.as_ref().map(|a| a.as_str())))
            .collect();
        let all_named = !holders.is_empty() && holders.is_subset(&named);
        all_named.then(|| u32::try_from(named.len()).unwrap_or(u32::MAX))
    }

    /// What this house adds to the engine's judgement: evidence that is not the
    /// server's own, and reports of guests, never carry a pull.
    fn within_limits(&self, mut assessment: Assessment) -> Assessment {
        let hold = match self.submission.evidence {
            EvidenceState::Fetched => None,
            EvidenceState::Mismatch => {
                Some("what the client sent is not the message in the reporter's mailbox")
            }
            EvidenceState::Missing | EvidenceState::Pending => {
                Some("the message was not found in the reporter's own mailbox")
            }
        };
        let hold = hold.or_else(|| {
            self.reports
                .iter()
                .all(|r| r.guest)
                .then_some("reported by guests only")
        });
        if let Some(hold) = hold {
            assessment.may_pull = false;
            assessment.hold_reason = Some(hold.to_owned());
        }
        if self.submission.evidence != EvidenceState::Fetched {
            // Doubt about the evidence is doubt about the verdict.
            assessment.verdict = Verdict::Unknown;
        }
        assessment
    }

    /// The verdict in force, the campaign, and what follows: one transaction.
    pub(super) async fn settle(&mut self) -> Result<(), JobError> {
        let Some(assessment) = self.submission.assessment.clone() else {
            return Err(JobError::Park("it has no assessment".into()));
        };
        let now = self.now();
        let app = self.app;
        let tx = self.begin().await?;
        let rows = tx.of(app.tenant);
        // The campaign before the submission: an analyst's decision takes them in
        // the same order, and either waits for the other.
        let key = self.exact_key();
        let own = self.submission.campaign;
        let campaign = match (own, self.submission.evidence) {
            // wherever a person put it since, there it stays
            (Some(own), _) => rows.hold_campaign(own).await?,
            (None, EvidenceState::Fetched) => rows.hold_campaign_by_exact_key(&key).await?,
            (None, _) => None,
        };
        // The row may carry a verdict that an analyst set meanwhile.
        if let Some(current) = rows.hold_submission(self.submission.id).await? {
            if current.campaign != own {
                return Err(JobError::Retry {
                    reason: "it was put into another campaign meanwhile".to_owned(),
                    after: None,
                    counts: false,
                });
            }
            self.submission.verdict = current.verdict;
            self.submission.verdict_source = current.verdict_source;
            self.submission.campaign = current.campaign;
            // and what late sources told, which this step must not undo
            self.submission.findings = current.findings;
            self.submission.enrichment = current.enrichment;
            self.submission.assessment = current.assessment;
        }
        let first = self.submission.verdict.is_none();
        // Our own answer is no case; unless a person put it into one.
        let case = self.submission.campaign.is_some() || !own_letter::is_one(&assessment);
        if case && self.submission.evidence == EvidenceState::Fetched {
            self.join(&rows, campaign, key, &assessment).await?;
        } else if self.submission.verdict.is_none() {
            self.submission.verdict = Some(assessment.verdict);
            self.submission.verdict_source = Some(VerdictSource::Policy);
            rows.record(vec![self.verdict_event(&assessment)]).await?;
        }
        self.submission.updated_at = now;
        rows.save_submission(&self.submission).await?;
        priority::record(app, &rows, &self.submission, &self.reports, now).await?;
        self.consequences(&rows, first).await?;
        match self.copy_due(&rows).await? {
            Some(due) => tx.repeat_job(self.lease, due.max(now)).await?,
            None => tx.finish_job(self.lease, now).await?,
        }
        tx.commit().await?;
        Ok(())
    }

    /// When a held copy that is not at rest falls due, where this step must move
    /// it: without a campaign there is no pull step that would.
    async fn copy_due(&self, rows: &Rows<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
        if self.submission.campaign.is_some() {
            return Ok(None);
        }
        let copies = rows.pulls_of_submission(self.submission.id).await?;
        let open = copies.iter().filter(|copy| !copy.snapshot().settled());
        Ok(open.map(|copy| copy.run_after).min())
    }

    fn verdict_event(&self, assessment: &Assessment) -> Event {
        // Where there were no bytes at all there is nothing that was scored.
        let bytes = &self.submission;
        let judged = bytes.evidence_sha256.is_some() || bytes.upload_sha256.is_some();
        Event::new("verdict", self.now())
            .on(self.submission.id)
            .with(serde_json::json!({
                "verdict": assessment.verdict,
                "score": judged.then_some(assessment.score),
                "source": "policy",
                "hold": assessment.hold_reason,
            }))
    }

    /// What the submissions of one campaign have in common; see [`exact_key`].
    fn exact_key(&self) -> String {
        self.print()
            .as_ref()
            .map_or_else(|| self.submission.id.to_string(), exact_key)
    }

    /// Joins the campaign of exactly this message (or its own), which is held, or opens it.
    async fn join(
        &mut self,
        rows: &Rows<'_>,
        known: Option<Campaign>,
        key: String,
        assessment: &Assessment,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let remediation = match &known {
            Some(known) => rows.remediation_of(known.id).await?,
            None => None,
        };
        let put_back = remediation.is_some_and(|r| r.state.is_put_back());
        let (campaign, member) = match known {
            Some(mut known) => {
                // What was closed and is now judged otherwise is in doubt: a person looks.
                let graver = self.graver(assessment, &known).filter(|_| !put_back);
                if graver.is_some() && !known.verdict.needs_review() {
                    let doubt = (Verdict::Suspicious, assessment);
                    let why = "a later report of the same message was judged graver";
                    self.raise(rows, &mut known, doubt, why).await?;
                }
                let member = self.same_message(false, &known);
                (known, member)
            }
            None => self.open(rows, key, assessment).await?,
        };
        rows.keep_membership(&member).await?;
        if self.submission.campaign.is_none() {
            rows.record(vec![self.verdict_event(assessment).of(campaign.id)])
                .await?;
        }
        let put_back = put_back && campaign.verdict == Verdict::Malicious;
        // what a policy decided before this one watched is not carried on by it
        let watched = assessment.shadow && campaign.verdict_source == VerdictSource::Policy;
        if put_back || watched {
            // Somebody had the copies put back without another verdict: whether this
            // one is to stay out of reach is for a person to say.
            if self.submission.campaign.is_none() {
                let why = if put_back {
                    "the copies of this campaign were put back by an analyst"
                } else {
                    "the policy is in shadow mode"
                };
                let held = Event::new("held", now).on(self.submission.id);
                rows.record(vec![held.with(serde_json::json!({ "reason": why }))])
                    .await?;
                self.submission.verdict = Some(Verdict::Suspicious);
                self.submission.verdict_source = Some(VerdictSource::Policy);
            }
        } else {
            self.submission.verdict = Some(campaign.verdict);
            self.submission.verdict_source = Some(campaign.verdict_source);
        }
        self.submission.campaign = Some(campaign.id);
        // The job before the copies: the pull step takes them in this order.
        rows.enqueue(vec![jobs::pull(campaign.id, now)], now)
            .await?;
        rows.adopt_pulls(self.submission.id, campaign.id, campaign.decision_version)
            .await
    }

    /// Whether the policy's list of actions gives spam back.
    fn returns_spam(&self, verdict: Verdict) -> bool {
        let by_policy = self.submission.verdict_source == Some(VerdictSource::Policy);
        let assessment = self.submission.assessment.as_ref();
        let action = assessment.and_then(|assessment| assessment.action);
        by_policy && verdict == Verdict::Spam && action.is_some_and(|action| action.return_copy)
    }

    /// What the verdict means for the reporter's own copy and for the letter. What
    /// the reporters are told is set with the `first` verdict; from then on it
    /// changes with the letters alone.
    async fn consequences(&self, rows: &Rows<'_>, first: bool) -> Result<(), StoreError> {
        let now = self.now();
        let Some(verdict) = self.submission.verdict else {
            return Ok(());
        };
        if verdict.returns_copy() || self.returns_spam(verdict) {
            rows.desire_for_submission(self.submission.id, Desired::InPlace, now)
                .await?;
        }
        let status = if verdict.needs_review() {
            ReportStatus::InReview
        } else {
            ReportStatus::Received
        };
        if first {
            rows.set_report_status(self.submission.id, status, None)
                .await?;
        }
        let Some(campaign) = self.submission.campaign else {
            return thank::submission(self.app, rows, &self.submission, now).await;
        };
        match rows.remediation_of(campaign).await? {
            // Thanked when every copy is at rest; a case that is closed has thanked
            // all others already.
            Some(remediation)
                if verdict == Verdict::Malicious
                    && (!remediation.state.is_over()
                        || rows.count_pulls(campaign).await?.pending > 0) =>
            {
                rows.enqueue(vec![jobs::close(remediation.id, now)], now)
                    .await
            }
            _ => thank::submission(self.app, rows, &self.submission, now).await,
        }
    }
}

/// Fuzzy hashes of the files that a message carries itself. Pictures are left out:
/// logos are alike in honest mail too.
fn fuzzy_hashes(files: &[FileReport]) -> impl Iterator<Item = String> + '_ {
    files
        .iter()
        .filter(|file| !file.claimed.starts_with("image/"))
        .filter_map(|file| file.hashes.tlsh.clone())
}

/// The same message exactly: id, sender, visible text and links (and the subject where
/// there is no id). Stable between the platforms' ways of giving it back.
pub(super) fn exact_key(print: &Fingerprint) -> String {
    let mut hash = Sha256::new();
    let links = print.links.join("\n");
    let parts = [
        print.message_id.as_deref().unwrap_or_default(),
        print.from.as_deref().unwrap_or_default(),
        &print.digest,
        if print.message_id.is_none() {
            &print.subject
        } else {
            ""
        },
        // whoever sends the same words with another link sends another message
        &links,
    ];
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

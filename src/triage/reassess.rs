//! Sources that owed an answer are asked again, what has become known since is taken
//! in, and the message is assessed anew.
//!
//! What comes late can only make a verdict graver by itself: it starts a pull that
//! policy allows, or calls a person. A milder assessment is noted and changes
//! nothing that was decided; putting mail back on the word of a late source is for
//! a person. What an analyst decided is a person's to change: news of it stand in the
//! timeline.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    domain::{Assessment, EvidenceState, Verdict, VerdictSource},
    jobs::{self, JobError, Work},
    remediation,
    store::{Rows, StoreError, campaign::Campaign, event::Event, job::Lease, judgement},
};

use super::{case::Case, lookups::Enrichment, overturn::MOST_ROWS, priority, thank};

/// How long sources are asked again for one message.
pub(super) const PATIENCE: TimeDelta = TimeDelta::days(3);

/// The step.
pub struct Reassess(pub Arc<App>);

#[async_trait]
impl Work for Reassess {
    fn kind(&self) -> &'static str {
        jobs::ENRICH
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let mut case = Case::load(&self.0, lease).await?;
        if case.submission.assessment.is_some() {
            case.enrich().await?;
        }
        case.settle_anew().await
    }
}

/// How much a verdict asks for.
const fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Malicious => 3,
        Verdict::Suspicious => 2,
        Verdict::Unknown => 1,
        Verdict::Spam | Verdict::Bulk | Verdict::Benign | Verdict::Simulation => 0,
    }
}

/// When the sources are asked the next time: after a quarter of the time waited so
/// far, a minute at least and an hour at most; `None` when it is no longer of use.
pub(super) fn next_time(since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let waited = now - since;
    if waited > PATIENCE {
        return None;
    }
    let pause = (waited / 4).to_std().unwrap_or_default();
    let pause = pause.clamp(Duration::from_secs(60), Duration::from_secs(3_600));
    Some(now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::hours(1)))
}

impl Case<'_> {
    /// The line of the timeline by which a person sees that something has become known,
    /// and what follows from it.
    pub(super) fn intelligence(&self, news: &str, assessed: Verdict) -> Event {
        let decided = self.submission.verdict;
        let stands = if self.submission.verdict_source == Some(VerdictSource::Analyst) {
            Some("the verdict is an analyst's, and only a person changes it")
        } else if decided.is_some_and(|decided| gravity(assessed) < gravity(decided)) {
            Some("it is milder than what was decided, and nothing is undone by itself")
        } else {
            None
        };
        Event::new("intelligence", self.now()).with(serde_json::json!({
            "reason": format!("new intelligence: {news}"),
            "assessed": assessed,
            "stands": stands,
        }))
    }

    /// Ends the step: carries a graver verdict out, and comes back while sources
    /// still owe answers.
    async fn settle_anew(&self) -> Result<(), JobError> {
        let now = self.now();
        let tx = self.begin().await?;
        let rows = tx.of(self.app.tenant);
        self.worsen(&rows).await?;
        priority::record(self.app, &rows, &self.submission, &self.reports, now).await?;
        let known = Enrichment::of(self.submission.enrichment.as_ref());
        let again = (!known.awaited.is_empty())
            .then(|| next_time(self.submission.created_at, now))
            .flatten();
        match again {
            Some(due) => tx.repeat_job(self.lease, due).await?,
            None => tx.finish_job(self.lease, now).await?,
        }
        tx.commit().await?;
        Ok(())
    }

    async fn worsen(&self, rows: &Rows<'_>) -> Result<(), StoreError> {
        let (Some(assessment), Some(id)) = (&self.submission.assessment, self.submission.campaign)
        else {
            return Ok(());
        };
        let Some(mut campaign) = rows.hold_campaign(id).await? else {
            return Ok(());
        };
        let put_back = rows
            .remediation_of(id)
            .await?
            .is_some_and(|r| r.state.is_put_back());
        let Some(verdict) = self.graver(assessment, &campaign).filter(|_| !put_back) else {
            return Ok(());
        };
        let known = Enrichment::of(self.submission.enrichment.as_ref());
        let reason = known.news.map_or_else(
            || "a source answered that had owed its answer".to_owned(),
            |news| format!("new intelligence: {news}"),
        );
        self.raise(rows, &mut campaign, (verdict, assessment), &reason)
            .await
    }

    /// The verdict that this message's own assessment asks for, where it is graver than
    /// what policy decided of its campaign; never against a person, never by a policy
    /// that only watches, never on bytes that are not the server's own.
    pub(super) fn graver(&self, assessment: &Assessment, campaign: &Campaign) -> Option<Verdict> {
        if assessment.shadow
            || campaign.verdict_source != VerdictSource::Policy
            || self.submission.evidence != EvidenceState::Fetched
        {
            return None;
        }
        let verdict = self.by_policy(assessment);
        // a look that fell short this time is no news
        let grave = gravity(verdict) >= gravity(Verdict::Suspicious);
        (grave && gravity(verdict) > gravity(campaign.verdict)).then_some(verdict)
    }

    /// The verdict that may be put into force by itself now. Malicious by policy is a
    /// decision to pull: what may not be pulled without a person waits for one, also
    /// where pulling was switched off since it was judged.
    pub(super) fn by_policy(&self, assessment: &Assessment) -> Verdict {
        let automatic = self.app.judging.engine().policy().automatic_pull;
        match assessment.by_policy() {
            Verdict::Malicious if !automatic => Verdict::Suspicious,
            verdict => verdict,
        }
    }

    /// Puts a graver verdict on a campaign, which is held, and on all that belongs to it.
    pub(super) async fn raise(
        &self,
        rows: &Rows<'_>,
        campaign: &mut Campaign,
        (verdict, assessment): (Verdict, &Assessment),
        reason: &str,
    ) -> Result<(), StoreError> {
        let now = self.now();
        campaign.verdict = verdict;
        campaign.decision_version += 1;
        campaign.updated_at = now;
        rows.save_campaign(campaign).await?;
        rows.set_campaign_verdict_on_submissions(campaign.id, verdict, VerdictSource::Policy, now)
            .await?;
        let mut others = rows.submissions_of_campaign(campaign.id, MOST_ROWS).await?;
        others.retain(|id| *id != self.submission.id);
        let decision = judgement::Decision {
            verdict,
            by: None,
            reason,
        };
        rows.keep_decision(&others, decision, now).await?;
        let event = Event::new("verdict", now)
            .on(self.submission.id)
            .of(campaign.id)
            .with(serde_json::json!({
                "verdict": verdict,
                "score": assessment.score,
                "source": "policy",
                "hold": assessment.hold_reason,
                "reason": reason,
            }));
        rows.record(vec![event]).await?;
        if verdict == Verdict::Malicious {
            // Reporters hear of it when every copy is at rest.
            remediation::pull_all(rows, campaign, None, now).await
        } else {
            thank::campaign(self.app, rows, campaign.id, now).await
        }
    }
}

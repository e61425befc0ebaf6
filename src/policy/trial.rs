//! A policy tried on the history: every message that was judged is judged again by the
//! engine in force and by the one that is proposed, on the facts of its day.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    dissect::apart,
    force::{ForceError, build, engine},
    record::{Latest, RecordError, again, decided},
};
use crate::{
    app::App,
    domain::{Assessment, SubmissionId, Verdict},
    jobs::{self, JobError, Work},
    store::{StoreError, job::Lease},
    verdict::Engine,
};

/// Changes that are listed.
const LISTED: usize = 200;
/// Messages that a trial asked for at the console or by the API goes through; the command
/// line takes more.
pub const TRIED_ON: usize = 1_000;

/// Tries the policies that were asked for at the console or by the API.
pub struct Trials(pub Arc<App>);

#[async_trait]
impl Work for Trials {
    fn kind(&self) -> &'static str {
        jobs::TRIAL
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        trial(app, &lease.target, TRIED_ON, |_| {})
            .await
            .map_err(|error| match error {
                ForceError::Store(error) => JobError::Store(error),
                other => JobError::Park(other.to_string()),
            })?;
        let tx = app.store.begin().await?;
        tx.finish_job(lease, app.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Has a policy tried; the result stands with it when the workers are through.
///
/// # Errors
/// [`ForceError::Unknown`] when it was not proposed.
pub async fn ask_for_trial(app: &App, version: &str) -> Result<(), ForceError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    if rows.policy(version).await?.is_none() {
        return Err(ForceError::Unknown(version.to_owned()));
    }
    rows.enqueue(vec![jobs::trial(version, now)], now).await?;
    tx.commit().await?;
    Ok(())
}

/// What the policies would have done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every copy pulled without a person.
    Pulled,
    /// A person asked.
    Asked,
    /// Settled without a person.
    Closed,
}

impl Outcome {
    /// In a word.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pulled => "pulled",
            Self::Asked => "a person asked",
            Self::Closed => "closed",
        }
    }

    fn of(assessment: &Assessment) -> Self {
        match assessment.by_policy() {
            Verdict::Malicious => Self::Pulled,
            Verdict::Suspicious | Verdict::Unknown => Self::Asked,
            Verdict::Spam | Verdict::Bulk | Verdict::Benign | Verdict::Simulation => Self::Closed,
        }
    }
}

/// A message that would have been treated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub submission: SubmissionId,
    /// The verdict by what is in force.
    pub before: Verdict,
    /// The verdict by what is proposed.
    pub after: Verdict,
    /// What would have happened.
    pub was: Outcome,
    /// What would happen.
    pub becomes: Outcome,
    /// What an analyst decided, where one did.
    pub analyst: Option<Verdict>,
}

/// One policy on the history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Messages by verdict.
    pub verdicts: BTreeMap<String, usize>,
    /// Pulled without a person.
    pub pulled: usize,
    /// Left to a person.
    pub asked: usize,
    /// Settled without one.
    pub closed: usize,
    /// Pulled, and an analyst said it is not malicious.
    pub wrongly_pulled: usize,
    /// Closed, and an analyst said it is malicious.
    pub wrongly_closed: usize,
}

impl Side {
    fn count(&mut self, assessment: &Assessment, analyst: Option<Verdict>) {
        *self
            .verdicts
            .entry(assessment.verdict.to_string())
            .or_default() += 1;
        let outcome = Outcome::of(assessment);
        match outcome {
            Outcome::Pulled => self.pulled += 1,
            Outcome::Asked => self.asked += 1,
            Outcome::Closed => self.closed += 1,
        }
        match (outcome, analyst) {
            (Outcome::Pulled, Some(said)) if said != Verdict::Malicious => {
                self.wrongly_pulled += 1;
            }
            (Outcome::Closed, Some(Verdict::Malicious)) => self.wrongly_closed += 1,
            _ => {}
        }
    }
}

/// What a trial gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The policy in force.
    pub before_version: String,
    /// The policy tried.
    pub after_version: String,
    /// Messages judged.
    pub messages: usize,
    /// Of those, ones an analyst has decided on.
    pub decided: usize,
    /// Messages whose bytes or facts are not there.
    pub left_out: usize,
    /// What is in force.
    pub before: Side,
    /// What is proposed.
    pub after: Side,
    /// Messages treated otherwise.
    pub changed: usize,
    /// The first of them.
    pub changes: Vec<Change>,
}

/// Tries a policy on the newest messages that were judged, at most `most`, and records
/// what it gave. `done` hears how many are judged.
///
/// # Errors
/// [`ForceError`] when the policy is not there, or the database fails.
pub async fn trial(
    app: &App,
    version: &str,
    most: usize,
    mut done: impl FnMut(usize),
) -> Result<Trial, ForceError> {
    let before = engine(app).await?;
    let model = before.model().map(|model| model.version().to_owned());
    let after = Arc::new(build(app, Some(version), model.as_deref()).await?);
    let mut trial = Trial {
        before_version: before.version().to_owned(),
        after_version: after.version().to_owned(),
        ..Trial::default()
    };
    // the latest judgement of a message stands for it
    let mut latest = Latest::default();
    'pages: while let Some(page) = latest.next(app, |_| true).await? {
        for judgement in &page {
            if trial.messages + trial.left_out >= most {
                break 'pages;
            }
            let again = match again(app, judgement).await {
                Ok(again) => again,
                // bytes that are gone are one message; a database that is away is no result
                Err(RecordError::Store(error)) if !matches!(error, StoreError::Blob(_)) => {
                    return Err(error.into());
                }
                Err(_) => {
                    trial.left_out += 1;
                    continue;
                }
            };
            let analyst = decided(app, judgement.submission).await?;
            let (one, other) = (Arc::clone(&before), Arc::clone(&after));
            let both = apart(move || {
                let by = |engine: &Engine| {
                    engine.assess(&again.message, &again.observables, &again.facts)
                };
                (by(&one), by(&other))
            });
            let Ok((old, new)) = both.await else {
                trial.left_out += 1;
                continue;
            };
            trial.messages += 1;
            trial.decided += usize::from(analyst.is_some());
            trial.before.count(&old, analyst);
            trial.after.count(&new, analyst);
            let (was, becomes) = (Outcome::of(&old), Outcome::of(&new));
            if old.verdict != new.verdict || was != becomes {
                trial.changed += 1;
                if trial.changes.len() < LISTED {
                    trial.changes.push(Change {
                        submission: judgement.submission,
                        before: old.verdict,
                        after: new.verdict,
                        was,
                        becomes,
                        analyst,
                    });
                }
            }
            done(trial.messages);
        }
    }
    let value = serde_json::to_value(&trial).unwrap_or_default();
    let tx = app.store.begin().await?;
    tx.of(app.tenant)
        .record_trial(version, &value, app.clock.now())
        .await?;
    tx.commit().await?;
    Ok(trial)
}

//! Learning from the analysts: what they decided becomes labels, a model is trained on
//! a collection and the history together, compared where it is held back, and put into
//! force only if it is better.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    force::{ForceError, engine},
    record::{Latest, again},
};
use crate::{
    app::App,
    domain::{InForceId, Verdict, VerdictSource},
    learn::{
        FOLDS,
        corpus::Corpus,
        figures::{Judged, Share, recall_against_fine},
    },
    message::registrable,
    store::{
        StoreError,
        judgement::{InForce, ModelRow},
    },
    verdict::{
        model::{Class, Example, Kept, Model, Opinion, TrainError, cross_validate},
        seen_by_model,
    },
};

/// Decisions of analysts that a comparison needs.
const LEAST: usize = 20;
/// Senders of theirs, by domain, that it needs.
const LEAST_SENDERS: usize = 10;
/// The share of what the model in force learned from that has to be in the collection
/// or the history: what is compared is compared on the same mail.
const COVERED: f64 = 0.9;
/// How much of the recall on the collection may be lost.
const LOSS: f64 = 0.02;

/// How a new model compares with the one in force.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Messages of the history that analysts decided on.
    pub history: usize,
    /// Messages of the collection.
    pub collection: usize,
    /// Mean logarithmic loss over the history (lower is better), of the model in force.
    pub loss_before: f64,
    /// The same of the new one, each message held back with its campaign.
    pub loss_after: f64,
    /// Of the history, messages whose likeliest class is the analyst's, before.
    pub right_before: Share,
    /// After.
    pub right_after: Share,
    /// Malicious recall at 99.5 % specificity on the collection, before.
    pub recall_before: Share,
    /// After.
    pub recall_after: Share,
    /// Whether the new model is better.
    pub better: bool,
    /// Why, in plain words.
    pub why: String,
}

/// The label that an analyst's verdict is; what he left open is none.
const fn label(verdict: Verdict) -> Option<Class> {
    match verdict {
        Verdict::Malicious => Some(Class::Malicious),
        Verdict::Spam => Some(Class::Spam),
        Verdict::Bulk => Some(Class::Bulk),
        Verdict::Benign => Some(Class::Ham),
        Verdict::Suspicious | Verdict::Simulation | Verdict::Unknown => None,
    }
}

/// The messages that analysts decided on, each once. `done` hears how many.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn history(app: &App, mut done: impl FnMut(usize)) -> Result<Vec<Example>, StoreError> {
    let rows = app.store.read(app.tenant);
    let mut latest = Latest::default();
    let mut messages = BTreeSet::new();
    let mut examples = Vec::new();
    while let Some(page) = latest.next(app, |_| true).await? {
        for judgement in &page {
            let Some(submission) = rows.submission(judgement.submission).await? else {
                continue;
            };
            let decided = submission
                .verdict
                .filter(|_| submission.verdict_source == Some(VerdictSource::Analyst));
            let (Some(class), Some(name)) = (decided.and_then(label), &submission.evidence_sha256)
            else {
                continue;
            };
            let digest = hex::decode(name)
                .ok()
                .and_then(|bytes| bytes.first_chunk::<8>().copied());
            let Some(digest) = digest.map(u64::from_be_bytes) else {
                continue;
            };
            // the same bytes in two mailboxes are one example
            if !messages.insert(digest) {
                continue;
            }
            let Ok(again) = again(app, judgement).await else {
                continue;
            };
            // a sender's mails are alike: they stand on one side of a split
            let sender = submission.sender.as_deref().unwrap_or_default();
            let domain = registrable(sender.rsplit('@').next().unwrap_or_default());
            let group = if domain.is_empty() {
                submission.id.to_string()
            } else {
                domain
            };
            examples.push(Example {
                features: seen_by_model(&again.message, &again.observables, &again.facts),
                class,
                kind: String::new(),
                group,
                digest,
            });
            done(examples.len());
        }
    }
    Ok(examples)
}

fn loss(opinion: &Opinion, class: Class) -> f64 {
    let said = opinion.probabilities.get(class.index());
    -said.copied().unwrap_or_default().max(1e-6).ln()
}

fn is_right(opinion: &Opinion, class: Class) -> bool {
    let said = |one: Class| opinion.probabilities.get(one.index()).copied();
    Class::ALL
        .into_iter()
        .all(|other| said(other) <= said(class))
}

/// How many groups there are, and the lower 95 % bound of the mean gain over them: mails
/// of one group count as one.
fn sure_gain(gains: &[(&str, f64)]) -> (usize, f64) {
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (group, gain) in gains {
        let sum = groups.entry(group).or_default();
        sum.0 += gain;
        sum.1 += 1.0;
    }
    let means: Vec<f64> = groups.values().map(|(sum, count)| sum / count).collect();
    let count = means.len() as f64;
    if means.len() < 2 {
        return (means.len(), f64::NEG_INFINITY);
    }
    let mean = means.iter().sum::<f64>() / count;
    let spread = means.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (means.len(), mean - 1.96 * (spread / count).sqrt())
}

/// Trains on a collection and the history, and compares. Gives the model's file.
///
/// # Errors
/// [`TrainError`] when there is too little to learn from.
pub fn learn(
    corpus: &Corpus,
    history: &[Example],
    (before, kept_before): (&Model, &Kept),
    trained_on: &str,
    mut done: impl FnMut(usize),
) -> Result<(Vec<u8>, Comparison), TrainError> {
    let collection: Vec<&Example> = corpus.mails.iter().map(|mail| &mail.example).collect();
    let all: Vec<&Example> = collection.iter().copied().chain(history).collect();
    let held_back = cross_validate(&all, FOLDS, 0, &mut done)?;
    let (of_collection, of_history) = held_back.split_at(collection.len());

    // what the model before was trained on says nothing of it
    let fresh: Vec<(&Example, &Opinion)> = history
        .iter()
        .zip(of_history)
        .filter(|(one, _)| kept_before.digests.binary_search(&one.digest).is_err())
        .collect();
    let count = fresh.len().max(1) as f64;
    let old: Vec<Opinion> = fresh
        .iter()
        .map(|(one, _)| before.judge(&one.features))
        .collect();
    let pairs = || fresh.iter().zip(&old);
    let loss_before = pairs()
        .map(|((one, _), old)| loss(old, one.class))
        .sum::<f64>()
        / count;
    let loss_after = pairs()
        .map(|((one, new), _)| loss(new, one.class))
        .sum::<f64>()
        / count;
    let right = |right: usize| Share::new(right, fresh.len());
    let right_before = right(
        pairs()
            .filter(|((one, _), old)| is_right(old, one.class))
            .count(),
    );
    let right_after = right(
        pairs()
            .filter(|((one, new), _)| is_right(new, one.class))
            .count(),
    );

    let judged = corpus.mails.iter().zip(of_collection);
    let after: Vec<Judged> = judged
        .map(|(mail, opinion)| Judged::by_model(mail, opinion))
        .collect();
    let recall_after = recall_against_fine(&after);
    let recall_before = recall_against_fine(&Judged::held_back(&kept_before.held_back));
    let gains: Vec<(&str, f64)> = pairs()
        .map(|((one, new), old)| {
            let gain = loss(old, one.class) - loss(new, one.class);
            (one.group.as_str(), gain)
        })
        .collect();
    let (senders, sure_gain) = sure_gain(&gains);
    let known: BTreeSet<u64> = all.iter().map(|one| one.digest).collect();
    let kept = &kept_before.digests;
    let covered = kept.iter().filter(|digest| known.contains(*digest)).count();
    let (better, why) = if fresh.len() < LEAST || senders < LEAST_SENDERS {
        let why = format!(
            "{} of at least {LEAST} decisions, on {senders} of at least {LEAST_SENDERS} senders",
            fresh.len()
        );
        (false, why)
    } else if (covered as f64) < kept.len() as f64 * COVERED {
        let why = format!(
            "the collection holds {covered} of the {} messages that the model in force learned from",
            kept.len()
        );
        (false, why)
    } else if sure_gain <= 0.0 {
        (false, "it is not surely better on the history".to_owned())
    } else if recall_after.value + LOSS < recall_before.value {
        let why = "it finds less of the collection's malicious mail";
        (false, why.to_owned())
    } else {
        (
            true,
            "it is better on the history, and no worse on the collection".to_owned(),
        )
    };
    let comparison = Comparison {
        history: history.len(),
        collection: collection.len(),
        loss_before,
        loss_after,
        right_before,
        right_after,
        recall_before,
        recall_after,
        better,
        why,
    };
    let file = crate::learn::model_of(&all, trained_on)?;
    Ok((file, comparison))
}

/// Keeps a model with its comparison, and puts it into force where it is better; gives
/// its version.
///
/// # Errors
/// [`ForceError`] when it is none, or the database fails.
pub async fn keep(
    app: &App,
    file: Vec<u8>,
    comparison: &Comparison,
    by: &str,
) -> Result<String, ForceError> {
    let (model, _) = Model::from_bytes(&file).map_err(|reason| ForceError::BadModel {
        version: "new".to_owned(),
        reason,
    })?;
    let version = model.version().to_owned();
    let blob = app.blobs.put(file.into()).await.map_err(StoreError::from)?;
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let before = rows.in_force().await?;
    rows.keep_model(&ModelRow {
        version: version.clone(),
        blob_sha256: blob,
        provenance: serde_json::to_value(model.provenance()).unwrap_or_default(),
        trial: serde_json::to_value(comparison).unwrap_or_default(),
        created_by: by.to_owned(),
        created_at: now,
    })
    .await?;
    if comparison.better {
        rows.put_into_force(&InForce {
            id: InForceId::new(now),
            policy_version: before.and_then(|before| before.policy_version),
            model_version: Some(version.clone()),
            decided_by: by.to_owned(),
            since: now,
        })
        .await?;
    }
    tx.commit().await?;
    engine(app).await?;
    Ok(version)
}

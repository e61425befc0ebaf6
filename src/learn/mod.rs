//! Learning from labelled mail: a corpus is read, a model trained, and its judgement
//! measured and reported.
//!
//! The room reads files and starts the processes that take files of mail apart; what
//! is learned and how it judges is in `verdict::model`.

pub mod corpus;
pub mod figures;
pub mod marks;
pub mod report;
pub mod targets;

use std::collections::BTreeMap;

use crate::{
    sandbox::Sandbox,
    verdict::{
        Engine, RULES_VERSION,
        model::{
            Block, Class, Example, Features, Group, Kept, Model, Opinion, Provenance, TrainError,
            cross_validate, train,
        },
    },
};
use corpus::{Corpus, CorpusError, Mail};
use figures::{Ablated, Judged};

/// Splits of a cross-validation.
pub const FOLDS: usize = 5;

/// Trains a model on a whole corpus; gives the file.
///
/// # Errors
/// [`TrainError`].
pub fn train_on(corpus: &Corpus, trained_on: &str) -> Result<Vec<u8>, TrainError> {
    let examples: Vec<&Example> = corpus.mails.iter().map(|mail| &mail.example).collect();
    model_of(&examples, trained_on)
}

/// Trains a model on examples; gives the file.
///
/// # Errors
/// [`TrainError`].
pub fn model_of(examples: &[&Example], trained_on: &str) -> Result<Vec<u8>, TrainError> {
    let mut counts = BTreeMap::new();
    for example in examples {
        *counts.entry(example.class.name().to_owned()).or_default() += 1;
    }
    let provenance = Provenance {
        examples: counts,
        rules_version: RULES_VERSION.to_owned(),
        trained_on: trained_on.to_owned(),
    };
    let trained = train(examples, provenance)?;
    let mut digests: Vec<u64> = examples.iter().map(|example| example.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    let kept = Kept {
        held_back: examples
            .iter()
            .map(|example| example.class)
            .zip(trained.held_back)
            .collect(),
        digests,
    };
    Ok(trained.model.to_bytes(&kept))
}

/// How a corpus was judged.
#[derive(Debug)]
pub enum Way {
    /// By a model that has seen none of it.
    Unseen,
    /// The model was trained on some of it: every message was judged by one trained
    /// without its group.
    HeldBack,
}

/// Why a corpus could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// No models could be trained for the cross-validation.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The corpus changed meanwhile.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
}

/// Judges a corpus: by the model itself where that has seen none of it, else by
/// cross-validation; then assesses it with those opinions. `done` hears
/// of every part.
///
/// # Errors
/// [`JudgeError`].
pub fn judge(
    corpus: &Corpus,
    (model, kept): (&Model, &Kept),
    seed: u64,
    engine: &Engine,
    sandbox: &Sandbox,
    done: impl FnMut(usize),
) -> Result<(Way, Vec<Judged>), JudgeError> {
    let seen = |mail: &Mail| kept.digests.binary_search(&mail.example.digest).is_ok();
    let examples = || corpus.mails.iter().map(|mail| &mail.example);
    let (way, opinions): (Way, Vec<Opinion>) = if corpus.mails.iter().any(seen) {
        let examples: Vec<&Example> = examples().collect();
        let opinions = cross_validate(&examples, FOLDS, seed, done)?;
        (Way::HeldBack, opinions)
    } else {
        let all = examples().map(|example| model.judge(&example.features));
        (Way::Unseen, all.collect())
    };
    let assessments = corpus.assess(&opinions, engine, sandbox)?;
    let judged = corpus.mails.iter().zip(opinions).zip(assessments);
    let judged = judged.map(|((mail, opinion), assessment)| Judged {
        verdict: assessment.verdict,
        ..Judged::by_model(mail, &opinion)
    });
    Ok((way, judged.collect()))
}

/// What would change with other features: cross-validates the corpus without each
/// group of features, and with the marks of collecting that the model does not see.
/// `done` hears of every row.
///
/// # Errors
/// [`TrainError`].
pub fn ablation(
    corpus: &Corpus,
    seed: u64,
    mut done: impl FnMut(&Ablated),
) -> Result<Vec<Ablated>, TrainError> {
    let same = |mail: &Mail| mail.example.features.clone();
    let mut rows = Vec::new();
    let mut measure = |what: &str, features: &dyn Fn(&Mail) -> Features| {
        let changed: Vec<Example> = corpus
            .mails
            .iter()
            .map(|mail| Example {
                features: features(mail),
                ..mail.example.clone()
            })
            .collect();
        let examples: Vec<&Example> = changed.iter().collect();
        let opinions = cross_validate(&examples, FOLDS, seed, |_| {})?;
        let judged = corpus.mails.iter().zip(opinions);
        let judged: Vec<Judged> = judged
            .map(|(mail, opinion)| Judged::by_model(mail, &opinion))
            .collect();
        let row = Ablated::of(what, &judged);
        done(&row);
        rows.push(row);
        Ok::<(), TrainError>(())
    };
    measure("as it is", &same)?;
    measure("with the marks of collecting", &|mail| {
        mail.example.features.with(Block::Structure, &mail.marks)
    })?;
    for group in Group::ALL {
        let what = format!("without {}", group.name());
        measure(&what, &|mail| mail.example.features.without(group))?;
    }
    Ok(rows)
}

/// The class that a label stands for.
#[must_use]
pub fn class_of(label: &str) -> Option<Class> {
    Some(match label {
        "phishing" | "malicious" => Class::Malicious,
        "spam" => Class::Spam,
        "bulk" => Class::Bulk,
        "ham" | "benign" => Class::Ham,
        _ => return None,
    })
}

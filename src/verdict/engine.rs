//! The engine: a policy, its rules compiled, and a model, ready to judge.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{
    Facts, RULES_VERSION, case::Case, conclude, contrast, doubt, evidence_classes, exercise,
    features, hold, hosts, joined, kind, log_odds, model::Model, model::Opinion, own, probability,
    rules, signals,
};
use crate::{
    config::policy::{Mode, Policy, PolicyError},
    domain::{Action, Assessment, Deed, Signal, Verdict},
    message::{Observable, ParsedMessage},
};

/// A policy, its rules compiled, and a model. The same engine gives the same
/// assessment for the same message and facts, byte for byte.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    rules: Vec<own::Rule>,
    model: Option<Arc<Model>>,
    version: String,
}

impl Engine {
    /// An engine with the model that comes with Unhook.
    ///
    /// # Errors
    /// The first field of the policy that cannot be, or the first rule that cannot be
    /// read, with line and column.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        let model = Model::shipped().ok().map(|(model, _)| Arc::clone(model));
        Self::with_model(policy, model)
    }

    /// An engine with another model, or none.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_model(policy: Policy, model: Option<Arc<Model>>) -> Result<Self, PolicyError> {
        policy.validate()?;
        let text = policy.written()?;
        for (at, entry) in policy.allow.iter().enumerate() {
            if hosts::is_freemail(&entry.sender) {
                return Err(PolicyError::new(
                    format!("allow[{at}].sender"),
                    "is everybody's: name the address",
                ));
            }
        }
        let rules = policy
            .rules
            .iter()
            .map(own::Rule::compile)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version: version_of(&text),
            policy,
            rules,
            model,
        })
    }

    /// The same, only watching: for when what was put into force cannot be used.
    #[must_use]
    pub fn watching(&self) -> Self {
        let policy = Policy {
            mode: Mode::Shadow,
            rules: Vec::new(),
            ..self.policy.clone()
        };
        Self {
            version: version_of(&policy.to_toml()),
            policy,
            rules: Vec::new(),
            model: self.model.clone(),
        }
    }

    /// The same under the version that its policy was kept as: an older release may have
    /// written the same policy otherwise.
    #[must_use]
    pub fn known_as(self, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            ..self
        }
    }

    /// The same without a model.
    #[must_use]
    pub fn without_model(self) -> Self {
        Self {
            model: None,
            ..self
        }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The model; none where it could not be read.
    #[must_use]
    pub const fn model(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
    }

    /// What names the policy: the start of the digest of its text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Judges a message. On anything it cannot read the outcome is a person's look,
    /// never "malicious" and never "benign".
    #[must_use]
    pub fn assess(
        &self,
        message: &ParsedMessage,
        observables: &[Observable],
        facts: &Facts,
    ) -> Assessment {
        let case = self.judged_by_rules(message, observables, facts);
        match &self.model {
            None => self.concluded(case, observables, None),
            Some(model) => {
                let opinion = model.judge(&features(&case, observables));
                self.concluded(case, observables, Some((&opinion, model.version())))
            }
        }
    }

    /// Judges a message with the opinion of a model that was asked elsewhere: one that
    /// has not seen the message.
    #[must_use]
    pub fn assess_with(
        &self,
        message: &ParsedMessage,
        observables: &[Observable],
        facts: &Facts,
        opinion: (&Opinion, &str),
    ) -> Assessment {
        let case = self.judged_by_rules(message, observables, facts);
        self.concluded(case, observables, Some(opinion))
    }

    fn judged_by_rules<'m>(
        &self,
        message: &'m ParsedMessage,
        observables: &'m [Observable],
        facts: &'m Facts,
    ) -> Case<'m> {
        let mut case = Case::new(message, observables, facts);
        rules::run(&mut case);
        rules::beside_model(&mut case, &self.policy);
        case
    }

    fn concluded(
        &self,
        mut case: Case<'_>,
        observables: &[Observable],
        opinion: Option<(&Opinion, &str)>,
    ) -> Assessment {
        let policy = &self.policy;
        let (opinion, model_version) = opinion.unzip();
        own::run(&self.rules, &mut case, opinion);
        let case = &case;
        let (message, facts) = (case.message, case.facts);
        let exercise = exercise::recognised(message, facts, policy);
        let (malice, spam) = log_odds(case);
        let score = probability(opinion.map_or(malice, |opinion| joined(case, opinion)));
        let likely = conclude(case, score, probability(spam), opinion, policy, None);
        let internal = facts.internal_sender || (case.is_proven() && case.is_own(&case.domain));
        let mut signals = signals(case, opinion);
        let doubt = (likely == Verdict::Malicious)
            .then(|| doubt(case, &signals, policy))
            .flatten();
        let verdict = match (&exercise, &doubt) {
            (Some(_), _) => Verdict::Simulation,
            (None, Some(_)) => Verdict::Suspicious,
            (None, None) => likely,
        };
        if let Some((exercise, how)) = exercise {
            let vendor = Case::shown(&exercise.vendor);
            signals.insert(
                0,
                Signal {
                    id: "simulation.recognised".to_owned(),
                    class: "organisation".to_owned(),
                    evidence: format!("an exercise of {vendor}: {how}"),
                    place: "header".to_owned(),
                    weight: 0.0,
                },
            );
        }
        let changes = contrast::changes(case, opinion, &signals, policy, verdict);
        let shadow = (policy.mode == Mode::Shadow)
            .then(|| "the policy is in shadow mode: it judges and does not act".to_owned());
        let action = action(policy, verdict, || Found {
            confidence: confidence(verdict, score, opinion),
            classes: evidence_classes(&signals),
            people: facts.people,
        });
        let hold_reason = doubt
            .or(shadow)
            .or_else(|| action.and_then(held_by).map(str::to_owned))
            .or_else(|| hold(message, verdict, internal, facts, policy));
        let harmful = matches!(verdict, Verdict::Malicious | Verdict::Suspicious);
        Assessment {
            verdict,
            kind: harmful.then(|| kind::of(case, observables)).flatten(),
            score,
            signals,
            changes,
            action,
            shadow: policy.mode == Mode::Shadow,
            rules_version: RULES_VERSION.to_owned(),
            policy_version: self.version.clone(),
            model_version: model_version.map(str::to_owned),
            probabilities: opinion.map(Opinion::by_name).unwrap_or_default(),
            may_pull: hold_reason.is_none(),
            hold_reason,
            awaited: Vec::new(),
        }
    }
}

/// What a policy's list of actions goes by.
struct Found {
    confidence: f64,
    classes: usize,
    people: Option<u32>,
}

/// What the list of actions does; `None` where nothing in it speaks of the verdict.
fn action(policy: &Policy, verdict: Verdict, found: impl FnOnce() -> Found) -> Option<Action> {
    let mut rules = policy
        .actions
        .iter()
        .filter(|rule| rule.verdict == verdict)
        .peekable();
    rules.peek()?;
    let found = found();
    let fitting =
        rules.find(|rule| rule.fits(verdict, found.confidence, found.classes, found.people));
    Some(fitting.map_or(
        Action {
            deed: Deed::Review,
            return_copy: false,
        },
        |rule| Action {
            deed: rule.deed,
            return_copy: rule.return_copy,
        },
    ))
}

/// How sure a verdict is, 0 to 1.
fn confidence(verdict: Verdict, score: f64, opinion: Option<&Opinion>) -> f64 {
    let of_class = |name: &str| {
        let probabilities = opinion.map(Opinion::by_name)?;
        probabilities.get(name).copied()
    };
    match verdict {
        Verdict::Malicious | Verdict::Suspicious => score,
        Verdict::Spam => of_class("spam").unwrap_or(1.0 - score),
        Verdict::Bulk => of_class("bulk").unwrap_or(1.0 - score),
        Verdict::Benign => of_class("ham").unwrap_or(1.0 - score),
        // it was proven to be one
        Verdict::Simulation => 1.0,
        Verdict::Unknown => 0.0,
    }
}

/// Why a list of actions holds a pull back.
const fn held_by(action: Action) -> Option<&'static str> {
    match action.deed {
        Deed::Propose => Some("the policy proposes the pull to an analyst"),
        Deed::Review => Some("the policy's list of actions asks a person"),
        Deed::Pull | Deed::Settle => None,
    }
}

/// The start of the digest of a policy's text.
fn version_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex::encode(digest.first_chunk::<6>().copied().unwrap_or_default())
}

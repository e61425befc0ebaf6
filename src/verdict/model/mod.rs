//! A statistical model of mail: what its wording, sender, links and form resemble.
//!
//! Linear from the features to the classes, so that what each group of features
//! adds can be told. It is trained here ([`train`]) and comes with the program as a
//! small file that holds weights of hashes and no text. Pure: messages and bytes in,
//! numbers out.

mod artifact;
mod features;
mod form;
mod linear;
mod table;
mod train;
mod words;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};

pub use artifact::{BadModel, Kept, Provenance};
pub use features::{Block, Features, Group};
pub use train::{Example, TrainError, Trained, cross_validate, train};

use table::Rarity;

/// Probability from which a message is called spam.
const SPAM_FROM: f64 = 0.6;

/// What a message can be to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It means harm: phishing, fraud, malware.
    Malicious,
    /// Advertising nobody asked for.
    Spam,
    /// Advertising and news somebody subscribed to.
    Bulk,
    /// Ordinary mail.
    Ham,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All, in order.
    pub const ALL: [Self; Self::COUNT] = [Self::Malicious, Self::Spam, Self::Bulk, Self::Ham];

    /// Its place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name, as in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Spam => "spam",
            Self::Bulk => "bulk",
            Self::Ham => "ham",
        }
    }
}

/// Log-odds of the classes up to a common constant, or probabilities.
pub type PerClass = [f64; Class::COUNT];

/// A trained model.
#[derive(Debug, Clone)]
pub struct Model {
    rarity: Rarity,
    /// For each group and each place of its table a weight for each class.
    weights: Vec<Vec<[f32; Class::COUNT]>>,
    /// Added whatever the message.
    bias: PerClass,
    provenance: Provenance,
    /// The start of the digest of its file; empty before it has one.
    version: String,
}

/// What the model makes of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Calibrated probabilities, adding up to one.
    pub probabilities: PerClass,
    /// What each group of features adds, log-odds by class, in the order of
    /// [`Group::ALL`].
    pub groups: [PerClass; Group::COUNT],
}

impl Opinion {
    /// Probability of malice.
    #[must_use]
    pub const fn malice(&self) -> f64 {
        let [malice, _, _, _] = self.probabilities;
        malice
    }

    /// The likeliest class, malice left out. Spam has to be likelier than all else:
    /// a message with hardly a word in it is no spam.
    #[must_use]
    pub fn likeliest_harmless(&self) -> Class {
        let [_, spam, bulk, ham] = self.probabilities;
        if spam >= SPAM_FROM {
            Class::Spam
        } else if bulk > ham {
            Class::Bulk
        } else {
            Class::Ham
        }
    }

    /// The probabilities by the classes' names, to four places.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<String, f64> {
        Class::ALL
            .iter()
            .zip(self.probabilities)
            .map(|(class, share)| (class.name().to_owned(), (share * 1e4).round() / 1e4))
            .collect()
    }

    /// The opinion as if a group of features had spoken for no class.
    #[must_use]
    pub fn without(&self, group: Group) -> Self {
        let mut rest = self.clone();
        let silent = rest.groups.get_mut(group.index()).map(std::mem::take);
        let odds = silent.unwrap_or_default();
        let mut sum = 0.0;
        for (share, odd) in rest.probabilities.iter_mut().zip(odds) {
            *share *= (-odd).exp();
            sum += *share;
        }
        for share in &mut rest.probabilities {
            *share /= sum;
        }
        rest
    }

    /// What a group adds to the log-odds of malice against all else, on average over
    /// the other classes.
    #[must_use]
    pub fn speaks_for_malice(&self, group: Group) -> f64 {
        self.groups.get(group.index()).map_or(0.0, |added| {
            let [malice, spam, bulk, ham] = *added;
            malice - (spam + bulk + ham) / 3.0
        })
    }
}

impl Model {
    /// The model that comes with Unhook; read once.
    ///
    /// # Errors
    /// [`BadModel`] when this program was built with a file that is none.
    pub fn shipped() -> Result<&'static (Arc<Self>, Kept), BadModel> {
        static READ: OnceLock<Result<(Arc<Model>, Kept), BadModel>> = OnceLock::new();
        READ.get_or_init(|| {
            Self::from_bytes(include_bytes!("shipped.model"))
                .map(|(model, kept)| (Arc::new(model), kept))
        })
        .as_ref()
        .map_err(Clone::clone)
    }

    /// Judges a message's features.
    #[must_use]
    pub fn judge(&self, message: &Features) -> Opinion {
        let mut groups = [[0.0; Class::COUNT]; Group::COUNT];
        let parts = self.rarity.vector(message);
        for ((part, table), sums) in parts.iter().zip(&self.weights).zip(&mut groups) {
            for (at, value) in part {
                let Some(weights) = table.get(*at as usize) else {
                    continue;
                };
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += f64::from(value * weight);
                }
            }
        }
        let mut odds = self.bias;
        for sums in &groups {
            for (odd, sum) in odds.iter_mut().zip(sums) {
                *odd += sum;
            }
        }
        Opinion {
            probabilities: linear::softmax(odds),
            groups,
        }
    }

    /// What names it: the start of the digest of its file.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}

#[cfg(test)]
mod tests;

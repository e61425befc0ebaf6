//! Training: kernel ridge regression to the kinds of mail, then a softmax over what
//! each group of features says.
//!
//! The first stage learns, from the likeness of every message to every other, a
//! number for each kind of mail and group of features. The second weighs those
//! numbers, as they come out for messages the first has not seen. Both are linear,
//! so the whole is folded into one weight a class for each feature. Minutes on two
//! cores for five thousand messages; memory grows with their square (at most
//! [`MOST_EXAMPLES`]). The same examples in the same order give the same model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Class, Model, Opinion, Provenance,
    features::{Features, Group},
    linear::{Softmax, dot, softmax, solve},
    table::{Rarity, Sparse},
};

/// Examples that are taken; ten thousand need three gigabytes.
pub const MOST_EXAMPLES: usize = 20_000;
/// Ridge, as a share of a message vector's mean square.
const RIDGE: f32 = 0.02;
/// Messages of one kind below which it is counted with others of its class.
const MIN_OF_A_KIND: usize = 40;
/// Parts that the second stage's inputs are held back in.
const PARTS: usize = 5;
/// Penalty of the second stage for the whole of the examples, shared out among them.
const PENALTY: f64 = 10.0 / 3.0;

/// A labelled message.
#[derive(Debug, Clone)]
pub struct Example {
    /// What the model sees of it.
    pub features: Features,
    /// Its label.
    pub class: Class,
    /// A finer label, where there is one; empty otherwise.
    pub kind: String,
    /// Near-duplicates share it: they are never on both sides of a split.
    pub group: String,
    /// The first eight bytes of the message's SHA-256.
    pub digest: u64,
}

/// Why nothing could be trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// A class has too few examples.
    #[error("only {count} examples of {class}, at least {least} are needed")]
    TooFew {
        /// The class.
        class: &'static str,
        /// How many there are.
        count: usize,
        /// How many there must be.
        least: usize,
    },
    /// More than can be held.
    #[error("{count} examples are more than the {MOST_EXAMPLES} that can be trained on")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The numbers came out unsound.
    #[error("the examples cannot be told apart at all; are the messages all alike?")]
    Unsound,
}

/// A model, and what it makes of its own examples when they are held back.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// For each example the probabilities when the first stage had not seen it.
    pub held_back: Vec<super::PerClass>,
}

/// In which of `parts` each example falls, groups kept together, so that every class
/// is spread evenly. `seed` gives other splits.
#[must_use]
pub fn split(examples: &[&Example], parts: usize, seed: u64) -> Vec<usize> {
    let mut groups: BTreeMap<&str, [usize; Class::COUNT]> = BTreeMap::new();
    for example in examples {
        let counts = groups.entry(&example.group).or_default();
        if let Some(count) = counts.get_mut(example.class.index()) {
            *count += 1;
        }
    }
    // large groups first, those of a size in an order that the seed shuffles
    let mut order: Vec<(&str, [usize; Class::COUNT])> = groups.into_iter().collect();
    order.sort_by_key(|(name, counts)| {
        let size: usize = counts.iter().sum();
        (std::cmp::Reverse(size), shuffled(name, seed))
    });
    let mut totals = [0usize; Class::COUNT];
    for (_, counts) in &order {
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
    let mut filled = vec![[0usize; Class::COUNT]; parts.max(1)];
    let mut placed: HashMap<&str, usize> = HashMap::new();
    for (name, counts) in order {
        // where it makes the fullest class the least full
        let load = |part: &[usize; Class::COUNT]| -> u64 {
            let shares = part.iter().zip(&counts).zip(&totals);
            shares
                .filter(|((_, count), _)| **count > 0)
                .map(|((have, count), total)| ((have + count) * 1_000_000 / (*total).max(1)) as u64)
                .sum()
        };
        let best = filled
            .iter()
            .enumerate()
            .min_by_key(|(at, part)| (load(part), *at))
            .map_or(0, |(at, _)| at);
        if let Some(part) = filled.get_mut(best) {
            for (have, count) in part.iter_mut().zip(counts) {
                *have += count;
            }
        }
        placed.insert(name, best);
    }
    examples
        .iter()
        .map(|example| {
            placed
                .get(example.group.as_str())
                .copied()
                .unwrap_or_default()
        })
        .collect()
}

fn shuffled(name: &str, seed: u64) -> u64 {
    name.bytes()
        .fold(seed ^ 0x9e37_79b9_7f4a_7c15, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A symmetric matrix, its lower half by rows.
type Lower = Vec<Vec<f32>>;

/// The likeness of every message to every other, by one group of features.
fn likeness(vectors: &[Vec<Sparse>], group: Group) -> Lower {
    let mut holders: Vec<Vec<(u32, f32)>> = vec![Vec::new(); 1 << group.bits()];
    let mut rows = Vec::with_capacity(vectors.len());
    for (index, parts) in vectors.iter().enumerate() {
        let mut row = vec![0.0f32; index + 1];
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        for (at, value) in parts.get(group.index()).into_iter().flatten() {
            let Some(list) = holders.get_mut(*at as usize) else {
                continue;
            };
            list.push((number, *value));
            for (other, weight) in list.iter() {
                if let Some(cell) = row.get_mut(*other as usize) {
                    *cell += value * weight;
                }
            }
        }
        rows.push(row);
    }
    rows
}

fn cell(matrix: &Lower, a: usize, b: usize) -> f32 {
    let (row, column) = (a.max(b), a.min(b));
    matrix
        .get(row)
        .and_then(|row| row.get(column))
        .copied()
        .unwrap_or_default()
}

/// The rows and columns of some messages.
fn part_of(matrix: &Lower, members: &[usize]) -> Lower {
    members
        .iter()
        .enumerate()
        .map(|(index, a)| {
            let columns = members.iter().take(index + 1);
            columns.map(|b| cell(matrix, *a, *b)).collect()
        })
        .collect()
}

/// The kinds of mail that are told apart, and the kind of each example.
fn kinds(examples: &[&Example]) -> (Vec<String>, Vec<usize>) {
    let whole = |example: &Example| format!("{}/{}", example.class.name(), example.kind);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for example in examples {
        *counts.entry(whole(example)).or_default() += 1;
    }
    let name = |example: &Example| {
        let own = whole(example);
        if counts
            .get(&own)
            .is_some_and(|count| *count >= MIN_OF_A_KIND)
        {
            own
        } else {
            format!("{}/", example.class.name())
        }
    };
    let names: BTreeSet<String> = examples.iter().map(|example| name(example)).collect();
    let names: Vec<String> = names.into_iter().collect();
    let of = examples
        .iter()
        .map(|example| names.binary_search(&name(example)).unwrap_or_default())
        .collect();
    (names, of)
}

/// Trains a model.
///
/// # Errors
/// [`TrainError`].
pub fn train(examples: &[&Example], provenance: Provenance) -> Result<Trained, TrainError> {
    if examples.len() > MOST_EXAMPLES {
        return Err(TrainError::TooMany {
            count: examples.len(),
        });
    }
    for class in Class::ALL {
        let count = examples.iter().filter(|e| e.class == class).count();
        if count < 2 * PARTS {
            return Err(TrainError::TooFew {
                class: class.name(),
                count,
                least: 2 * PARTS,
            });
        }
    }
    let rarity = Rarity::learn(examples.iter().map(|example| &example.features));
    let vectors: Vec<Vec<Sparse>> = examples
        .iter()
        .map(|example| rarity.vector(&example.features))
        .collect();
    let first = First::of(examples, &vectors);
    let held_back = first.held_back(examples).ok_or(TrainError::Unsound)?;
    let whole = first.solve_all().ok_or(TrainError::Unsound)?;
    let classes: Vec<Class> = examples.iter().map(|example| example.class).collect();
    let second = Second::fit(&held_back, &classes);
    let model = Model {
        weights: fold(&vectors, &whole, &second),
        bias: second.bias,
        rarity,
        provenance,
        version: String::new(),
    };
    Ok(Trained {
        model: model.rounded(),
        held_back: held_back
            .iter()
            .map(|scores| second.judge(scores))
            .collect(),
    })
}

/// Numbers for each group (outer) and kind (inner).
type Scores = Vec<Vec<f64>>;

/// The first stage.
struct First {
    by_group: Vec<Lower>,
    all: Lower,
    ridge: f32,
    /// The share of each kind.
    means: Vec<f64>,
    kind_of: Vec<usize>,
}

impl First {
    fn of(examples: &[&Example], vectors: &[Vec<Sparse>]) -> Self {
        let (names, kind_of) = kinds(examples);
        // the wording takes as long as all else together
        let by_group: Vec<Lower> = std::thread::scope(|scope| {
            let wording = scope.spawn(|| likeness(vectors, Group::Body));
            let others: Vec<Option<Lower>> = Group::ALL
                .iter()
                .map(|group| (*group != Group::Body).then(|| likeness(vectors, *group)))
                .collect();
            let mut wording = wording.join().ok();
            others
                .into_iter()
                .map(|other| other.or_else(|| wording.take()).unwrap_or_default())
                .collect()
        });
        let mut all: Lower = (0..vectors.len()).map(|row| vec![0.0; row + 1]).collect();
        for matrix in &by_group {
            for (sums, row) in all.iter_mut().zip(matrix) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        let count = examples.len().max(1);
        let trace: f32 = all.iter().filter_map(|row| row.last()).sum();
        let means = (0..names.len())
            .map(|kind| kind_of.iter().filter(|own| **own == kind).count() as f64 / count as f64)
            .collect();
        Self {
            ridge: RIDGE * trace / count as f32,
            by_group,
            all,
            means,
            kind_of,
        }
    }

    /// For each kind the part of every member in the answer.
    fn solve(&self, members: &[usize]) -> Option<Vec<Vec<f32>>> {
        let mut sides: Vec<Vec<f32>> = self
            .means
            .iter()
            .enumerate()
            .map(|(kind, mean)| {
                members
                    .iter()
                    .map(|member| {
                        let own = self.kind_of.get(*member) == Some(&kind);
                        (f64::from(u8::from(own)) - mean) as f32
                    })
                    .collect()
            })
            .collect();
        solve(part_of(&self.all, members), self.ridge, &mut sides)?;
        Some(sides)
    }

    fn solve_all(&self) -> Option<Vec<Vec<f32>>> {
        let members: Vec<usize> = (0..self.all.len()).collect();
        self.solve(&members)
    }

    /// What each group says of every message when it was left out.
    fn held_back(&self, examples: &[&Example]) -> Option<Vec<Scores>> {
        let part = split(examples, PARTS, 11);
        let mut scores: Vec<Scores> = vec![Vec::new(); examples.len()];
        for out in 0..PARTS {
            let of = |held: bool| -> Vec<usize> {
                let all = part.iter().enumerate();
                all.filter(|(_, own)| (**own == out) == held)
                    .map(|(index, _)| index)
                    .collect()
            };
            let members = of(false);
            let answer = self.solve(&members)?;
            for held in of(true) {
                let said = self
                    .by_group
                    .iter()
                    .map(|matrix| {
                        let row: Vec<f32> = members
                            .iter()
                            .map(|member| cell(matrix, held, *member))
                            .collect();
                        answer
                            .iter()
                            .map(|side| f64::from(dot(&row, side)))
                            .collect()
                    })
                    .collect();
                *scores.get_mut(held)? = said;
            }
        }
        Some(scores)
    }
}

/// The second stage, already as weights of what the groups say.
struct Second {
    /// For each kind a weight for each class.
    weights: Vec<super::PerClass>,
    bias: super::PerClass,
}

impl Second {
    fn fit(held_back: &[Scores], classes: &[Class]) -> Self {
        let inputs: Vec<Vec<f64>> = held_back.iter().map(inputs).collect();
        let width = inputs.first().map_or(0, Vec::len);
        let count = inputs.len().max(1) as f64;
        let centres: Vec<f64> = (0..width)
            .map(|at| inputs.iter().filter_map(|x| x.get(at)).sum::<f64>() / count)
            .collect();
        let spreads: Vec<f64> = centres
            .iter()
            .enumerate()
            .map(|(at, centre)| {
                let squares = inputs.iter().filter_map(|x| x.get(at));
                let sum: f64 = squares.map(|v| (v - centre) * (v - centre)).sum();
                (sum / count).sqrt().max(1e-9)
            })
            .collect();
        let scaled: Vec<Vec<f64>> = inputs
            .iter()
            .map(|x| {
                let each = x.iter().zip(&centres).zip(&spreads);
                each.map(|((value, centre), spread)| (value - centre) / spread)
                    .collect()
            })
            .collect();
        let fitted = Softmax::fit(&scaled, classes, PENALTY / count);
        let heat = heat(&fitted, &scaled, classes);
        let mut weights = vec![[0.0; Class::COUNT]; width];
        let mut bias = [0.0; Class::COUNT];
        for (class, row) in fitted.rows.iter().enumerate() {
            let mut shift = 0.0;
            let each = row.iter().zip(&spreads).zip(&centres).zip(&mut weights);
            for (((weight, spread), centre), cell) in each {
                let plain = heat * weight / spread;
                shift += plain * centre;
                if let Some(cell) = cell.get_mut(class) {
                    *cell = plain;
                }
            }
            if let Some(bias) = bias.get_mut(class) {
                *bias = heat * row.last().copied().unwrap_or_default() - shift;
            }
        }
        Self { weights, bias }
    }

    fn judge(&self, scores: &Scores) -> super::PerClass {
        let mut odds = self.bias;
        for (value, weights) in inputs(scores).iter().zip(&self.weights) {
            for (odd, weight) in odds.iter_mut().zip(weights) {
                *odd += value * weight;
            }
        }
        softmax(odds)
    }
}

/// The inputs of the second stage: what all groups together say of each kind. Given
/// each group apart it learns the collection.
fn inputs(scores: &Scores) -> Vec<f64> {
    let kinds = scores.first().map_or(0, Vec::len);
    (0..kinds)
        .map(|kind| scores.iter().filter_map(|group| group.get(kind)).sum())
        .collect()
}

/// By how much log-odds are stretched to fit best: a penalty makes them too timid.
fn heat(fitted: &Softmax, inputs: &[Vec<f64>], classes: &[Class]) -> f64 {
    let odds: Vec<super::PerClass> = inputs.iter().map(|input| fitted.odds(input)).collect();
    let loss = |heat: f64| -> f64 {
        odds.iter()
            .zip(classes)
            .map(|(odds, class)| {
                let shares = softmax(odds.map(|odd| odd * heat));
                -shares
                    .get(class.index())
                    .copied()
                    .unwrap_or(1.0)
                    .max(1e-12)
                    .ln()
            })
            .sum()
    };
    // golden section: the loss has one valley
    let (mut low, mut high) = (0.3f64, 4.0f64);
    for _ in 0..40 {
        let third = (high - low) / 3.0;
        if loss(low + third) < loss(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    f64::midpoint(low, high)
}

/// Both stages as one weight a class for every feature.
fn fold(
    vectors: &[Vec<Sparse>],
    answer: &[Vec<f32>],
    second: &Second,
) -> Vec<Vec<[f32; Class::COUNT]>> {
    let pulls: Vec<[f32; Class::COUNT]> = (0..vectors.len())
        .map(|index| {
            let mut pull = [0.0f64; Class::COUNT];
            for (side, weights) in answer.iter().zip(&second.weights) {
                let share = side.get(index).copied().unwrap_or_default();
                for (pull, weight) in pull.iter_mut().zip(weights) {
                    *pull += f64::from(share) * weight;
                }
            }
            pull.map(|pull| pull as f32)
        })
        .collect();
    Group::ALL
        .iter()
        .map(|group| {
            let mut table = vec![[0.0f32; Class::COUNT]; 1 << group.bits()];
            for (parts, pull) in vectors.iter().zip(&pulls) {
                for (at, value) in parts.get(group.index()).into_iter().flatten() {
                    if let Some(cell) = table.get_mut(*at as usize) {
                        for (weight, pull) in cell.iter_mut().zip(pull) {
                            *weight += value * pull;
                        }
                    }
                }
            }
            table
        })
        .collect()
}

/// What a model that has not seen a message's group makes of it, for every example:
/// `parts` models, each trained without one part. `done` hears of every part.
///
/// # Errors
/// [`TrainError`] of the first part that cannot be trained.
pub fn cross_validate(
    examples: &[&Example],
    parts: usize,
    seed: u64,
    mut done: impl FnMut(usize),
) -> Result<Vec<Opinion>, TrainError> {
    let part = split(examples, parts, seed);
    let mut opinions: Vec<Option<Opinion>> = vec![None; examples.len()];
    for out in 0..parts {
        let rest: Vec<&Example> = examples
            .iter()
            .zip(&part)
            .filter(|(_, own)| **own != out)
            .map(|(example, _)| *example)
            .collect();
        let trained = train(&rest, Provenance::default())?;
        for ((example, own), opinion) in examples.iter().zip(&part).zip(&mut opinions) {
            if *own == out {
                *opinion = Some(trained.model.judge(&example.features));
            }
        }
        done(out + 1);
    }
    opinions
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or(TrainError::Unsound)
}

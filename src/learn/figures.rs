//! What the judgement of a labelled corpus is worth, in figures with their
//! intervals.

use serde::Serialize;

use super::corpus::Mail;
use crate::{
    domain::Verdict,
    verdict::model::{Class, Opinion, PerClass},
};

/// Share of fine mail that may stand above the threshold when recall is told.
const FALSE_SHARE: f64 = 0.005;
/// Bins of the calibration curve.
const BINS: usize = 15;
/// Points told of a curve.
const POINTS: usize = 200;
/// Errors that are listed.
const ERRORS: usize = 200;

/// One message with its label and its judgement.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its file.
    pub path: String,
    /// Its label.
    pub class: Class,
    /// Its finer label.
    pub kind: String,
    /// Modern era and HTML.
    pub modern_html: bool,
    /// Probabilities of the classes, by the model.
    pub probabilities: PerClass,
    /// What the whole engine said by its policy.
    pub verdict: Verdict,
}

impl Judged {
    /// What a model makes of a message; a person would have to look at it.
    #[must_use]
    pub fn by_model(mail: &Mail, opinion: &Opinion) -> Self {
        Self {
            path: mail.path.clone(),
            class: mail.example.class,
            kind: mail.example.kind.clone(),
            modern_html: mail.modern_html,
            probabilities: opinion.probabilities,
            verdict: Verdict::Unknown,
        }
    }

    /// What a model's file keeps of messages that were held back.
    #[must_use]
    pub fn held_back(all: &[(Class, PerClass)]) -> Vec<Self> {
        all.iter()
            .map(|(class, probabilities)| Self {
                path: String::new(),
                class: *class,
                kind: String::new(),
                modern_html: false,
                probabilities: *probabilities,
                verdict: Verdict::Unknown,
            })
            .collect()
    }

    fn malice(&self) -> f64 {
        let [malice, ..] = self.probabilities;
        malice
    }

    /// Malice against fine mail alone: spam between them counts on neither side.
    fn against_fine(&self) -> f64 {
        let [malice, _, bulk, ham] = self.probabilities;
        malice / (malice + bulk + ham).max(1e-300)
    }

    fn likeliest(&self) -> Class {
        let of = |class: &Class| {
            self.probabilities
                .get(class.index())
                .copied()
                .unwrap_or(0.0)
        };
        Class::ALL
            .into_iter()
            .max_by(|a, b| of(a).total_cmp(&of(b)).then(b.cmp(a)))
            .unwrap_or(Class::Ham)
    }

    /// The likeliest of malicious, unwanted and fine, whose probabilities are sums.
    fn likeliest_of(&self, fine: &[Class]) -> Three {
        let [malice, ..] = self.probabilities;
        let good: f64 = fine
            .iter()
            .filter_map(|class| self.probabilities.get(class.index()))
            .sum();
        let unwanted = 1.0 - malice - good;
        if malice >= good && malice >= unwanted {
            Three::Malicious
        } else if good >= unwanted {
            Three::Fine
        } else {
            Three::Unwanted
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Three {
    Malicious,
    Unwanted,
    Fine,
}

fn three(class: Class, fine: &[Class]) -> Three {
    match class {
        Class::Malicious => Three::Malicious,
        class if fine.contains(&class) => Three::Fine,
        _ => Three::Unwanted,
    }
}

/// A share with its 95 % interval (Wilson, 1927). Near-duplicates make the true
/// interval wider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Those that count.
    pub of: usize,
    /// Out of how many.
    pub all: usize,
    /// The share; not a number when there are none.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Share {
    /// So many of so many.
    #[must_use]
    pub fn new(of: usize, all: usize) -> Self {
        let z = 1.959_964;
        let n = all as f64;
        let p = of as f64 / n;
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Self {
            of,
            all,
            value: p,
            low: (centre - half).max(0.0),
            high: (centre + half).min(1.0),
        }
    }
}

/// Precision and recall of one class, the likeliest class being the answer.
#[derive(Debug, Clone, Serialize)]
pub struct OfClass {
    /// The class.
    pub class: Class,
    /// Messages of it.
    pub messages: usize,
    /// Of those called so, those that are.
    pub precision: Share,
    /// Of those that are, those called so.
    pub recall: Share,
}

/// One bin of the calibration curve.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bin {
    /// Messages in it.
    pub messages: usize,
    /// Mean probability of malice.
    pub said: f64,
    /// Share that is malicious.
    pub was: f64,
}

/// What the policy settles without a person, and how often wrongly.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Settled {
    /// Messages that no analyst has to see.
    pub settled: Share,
    /// Of those, malicious ones that are closed and harmless ones that are condemned.
    pub wrong: Share,
    /// Of those condemned, the harmless.
    pub condemned_harmless: Share,
    /// Of those closed as harmless, the malicious.
    pub closed_malicious: Share,
    /// Of those settled, the ones whose reporter is given another answer than the
    /// label (malicious, spam, fine) asks for.
    pub other_answer: Share,
}

impl Settled {
    fn of(all: &[Judged]) -> Self {
        let settled: Vec<&Judged> = all
            .iter()
            .filter(|one| !one.verdict.needs_review())
            .collect();
        let is = |one: &Judged| one.class == Class::Malicious;
        let condemned = |one: &Judged| one.verdict == Verdict::Malicious;
        let count =
            |wanted: &dyn Fn(&Judged) -> bool| settled.iter().filter(|one| wanted(one)).count();
        let as_told = |one: &Judged| match one.verdict {
            Verdict::Malicious => Three::Malicious,
            Verdict::Spam => Three::Unwanted,
            _ => Three::Fine,
        };
        let fine = [Class::Bulk, Class::Ham];
        Self {
            settled: Share::new(settled.len(), all.len()),
            wrong: Share::new(count(&|one| is(one) != condemned(one)), settled.len()),
            condemned_harmless: Share::new(
                count(&|one| condemned(one) && !is(one)),
                count(&condemned),
            ),
            closed_malicious: Share::new(
                count(&|one| !condemned(one) && is(one)),
                count(&|one| !condemned(one)),
            ),
            other_answer: Share::new(
                count(&|one| as_told(one) != three(one.class, &fine)),
                settled.len(),
            ),
        }
    }
}

/// A message that was judged wrongly.
#[derive(Debug, Clone, Serialize)]
pub struct Miss {
    /// Its file.
    pub file: String,
    /// Its label.
    pub label: Class,
    /// Its finer label.
    pub kind: String,
    /// What it was called.
    pub called: Class,
    /// Probability of malice.
    pub malice: f64,
}

/// The main figures of a model with other features.
#[derive(Debug, Clone, Serialize)]
pub struct Ablated {
    /// What is different.
    pub what: String,
    /// See [`Figures::recall_against_fine`].
    pub recall_against_fine: Share,
    /// See [`Figures::recall_against_rest`].
    pub recall_against_rest: Share,
    /// See [`Figures::three_way`].
    pub three_way: Share,
}

impl Ablated {
    /// Those of a judged corpus.
    #[must_use]
    pub fn of(what: &str, all: &[Judged]) -> Self {
        let is_fine = |class: Class| matches!(class, Class::Bulk | Class::Ham);
        Self {
            what: what.to_owned(),
            recall_against_fine: recall(all, Judged::malice, is_fine).0,
            recall_against_rest: recall(all, Judged::malice, |class| class != Class::Malicious).0,
            three_way: accuracy(all.iter(), &[Class::Bulk, Class::Ham]),
        }
    }
}

/// The figures of one judgement.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Messages.
    pub messages: usize,
    /// Rows: labels; columns: the likeliest class; both in the order malicious, spam,
    /// bulk, ham.
    pub confusion: [[usize; Class::COUNT]; Class::COUNT],
    /// Each class.
    pub classes: Vec<OfClass>,
    /// Recall of malice at 99.5 % specificity against fine mail (bulk and ham), by
    /// the probability of malice.
    pub recall_against_fine: Share,
    /// The same, ranked by malice against fine alone.
    pub recall_against_fine_alone: Share,
    /// Recall of malice at 99.5 % specificity against everything else.
    pub recall_against_rest: Share,
    /// Malicious, unwanted (spam) and fine (bulk, ham).
    pub three_way: Share,
    /// The same with bulk among the unwanted.
    pub three_way_bulk_unwanted: Share,
    /// Three-way accuracy of modern mail with HTML, where the corpus tells which.
    pub three_way_modern_html: Option<Share>,
    /// Mean distance of said and was in fifteen bins, weighted.
    pub calibration_error: f64,
    /// The calibration curve of malice.
    pub calibration: Vec<Bin>,
    /// False share of fine mail and recall of malice, by threshold.
    pub roc_fine: Vec<[f64; 2]>,
    /// The same against everything else.
    pub roc_rest: Vec<[f64; 2]>,
    /// What the default policy makes of them.
    pub settled: Settled,
    /// Recall by kind of malice, at the threshold of the recall against fine.
    pub kinds: Vec<(String, Share)>,
    /// What other features would change, where that was measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ablation: Vec<Ablated>,
    /// The messages judged wrongly, the surest first.
    pub errors: Vec<Miss>,
}

/// The threshold above which at most so large a share of the others stands.
fn threshold(mut others: Vec<f64>, share: f64) -> f64 {
    others.sort_by(|a, b| b.total_cmp(a));
    let allowed = (others.len() as f64 * share).floor() as usize;
    others.get(allowed).copied().unwrap_or(f64::NEG_INFINITY)
}

fn recall(
    all: &[Judged],
    score: impl Fn(&Judged) -> f64,
    other: impl Fn(Class) -> bool,
) -> (Share, f64) {
    let others = all
        .iter()
        .filter(|one| other(one.class))
        .map(&score)
        .collect();
    let above = threshold(others, FALSE_SHARE);
    let malicious = all.iter().filter(|one| one.class == Class::Malicious);
    let found = malicious.clone().filter(|one| score(one) > above).count();
    (Share::new(found, malicious.count()), above)
}

/// Recall of malice at 99.5 % specificity against fine mail.
#[must_use]
pub fn recall_against_fine(all: &[Judged]) -> Share {
    recall(all, Judged::malice, |class| {
        matches!(class, Class::Bulk | Class::Ham)
    })
    .0
}

/// To five digits: a message is more than that of any collection.
fn rounded(share: f64) -> f64 {
    (share * 1e5).round() / 1e5
}

fn roc(all: &[Judged], other: impl Fn(Class) -> bool) -> Vec<[f64; 2]> {
    let mut marks: Vec<(f64, bool)> = all
        .iter()
        .filter(|one| one.class == Class::Malicious || other(one.class))
        .map(|one| (one.malice(), one.class == Class::Malicious))
        .collect();
    marks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let malicious = marks.iter().filter(|mark| mark.1).count().max(1) as f64;
    let others = (marks.len() as f64 - malicious).max(1.0);
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut points = vec![[0.0, 0.0]];
    let every = (marks.len() / POINTS).max(1);
    for (index, (_, is)) in marks.iter().enumerate() {
        if *is {
            hits += 1.0;
        } else {
            alarms += 1.0;
        }
        // the left edge is what matters: each of its steps is told
        let step = !is && alarms / others < 0.02;
        if index % every == 0 || step || index + 1 == marks.len() {
            points.push([alarms / others, hits / malicious].map(rounded));
        }
    }
    points.dedup();
    points
}

fn accuracy<'a>(all: impl Iterator<Item = &'a Judged>, fine: &[Class]) -> Share {
    let (mut right, mut count) = (0, 0);
    for one in all {
        count += 1;
        right += usize::from(one.likeliest_of(fine) == three(one.class, fine));
    }
    Share::new(right, count)
}

impl Figures {
    /// The figures of a judged corpus.
    #[must_use]
    pub fn of(all: &[Judged]) -> Self {
        let is_fine = |class: Class| matches!(class, Class::Bulk | Class::Ham);
        let mut confusion = [[0; Class::COUNT]; Class::COUNT];
        for one in all {
            let cell = confusion
                .get_mut(one.class.index())
                .and_then(|row| row.get_mut(one.likeliest().index()));
            if let Some(cell) = cell {
                *cell += 1;
            }
        }
        let classes = Class::ALL
            .into_iter()
            .map(|class| {
                let at = class.index();
                let row = confusion.get(at).copied().unwrap_or_default();
                let right = row.get(at).copied().unwrap_or_default();
                let called = confusion.iter().filter_map(|row| row.get(at)).sum();
                OfClass {
                    class,
                    messages: row.iter().sum(),
                    precision: Share::new(right, called),
                    recall: Share::new(right, row.iter().sum()),
                }
            })
            .collect();
        let (against_fine, above) = recall(all, Judged::malice, is_fine);
        let mut bins = vec![(0usize, 0.0f64, 0usize); BINS];
        for one in all {
            let at = ((one.malice() * BINS as f64) as usize).min(BINS - 1);
            if let Some(bin) = bins.get_mut(at) {
                bin.0 += 1;
                bin.1 += one.malice();
                bin.2 += usize::from(one.class == Class::Malicious);
            }
        }
        let calibration: Vec<Bin> = bins
            .into_iter()
            .filter(|(messages, ..)| *messages > 0)
            .map(|(messages, said, was)| Bin {
                messages,
                said: said / messages as f64,
                was: was as f64 / messages as f64,
            })
            .collect();
        let gap = |bin: &Bin| (bin.said - bin.was).abs() * bin.messages as f64;
        let fine = [Class::Bulk, Class::Ham];
        let modern = || all.iter().filter(|one| one.modern_html);
        Self {
            messages: all.len(),
            confusion,
            classes,
            recall_against_fine: against_fine,
            recall_against_fine_alone: recall(all, Judged::against_fine, is_fine).0,
            recall_against_rest: recall(all, Judged::malice, |class| class != Class::Malicious).0,
            three_way: accuracy(all.iter(), &fine),
            three_way_bulk_unwanted: accuracy(all.iter(), &[Class::Ham]),
            three_way_modern_html: modern().next().map(|_| accuracy(modern(), &fine)),
            calibration_error: calibration.iter().map(gap).sum::<f64>() / all.len().max(1) as f64,
            calibration,
            roc_fine: roc(all, is_fine),
            roc_rest: roc(all, |class| class != Class::Malicious),
            settled: Settled::of(all),
            kinds: kinds(all, above),
            ablation: Vec::new(),
            errors: errors(all),
        }
    }
}

fn kinds(all: &[Judged], above: f64) -> Vec<(String, Share)> {
    let mut counts: std::collections::BTreeMap<&str, (usize, usize)> =
        std::collections::BTreeMap::new();
    for one in all.iter().filter(|one| one.class == Class::Malicious) {
        let count = counts.entry(&one.kind).or_default();
        count.0 += usize::from(one.malice() > above);
        count.1 += 1;
    }
    counts
        .into_iter()
        .map(|(kind, (found, count))| (kind.to_owned(), Share::new(found, count)))
        .collect()
}

fn errors(all: &[Judged]) -> Vec<Miss> {
    let of =
        |one: &Judged, class: Class| one.probabilities.get(class.index()).copied().unwrap_or(0.0);
    let mut wrong: Vec<&Judged> = all
        .iter()
        .filter(|one| one.likeliest() != one.class)
        .collect();
    wrong.sort_by(|a, b| {
        of(a, a.class)
            .total_cmp(&of(b, b.class))
            .then(a.path.cmp(&b.path))
    });
    wrong
        .into_iter()
        .take(ERRORS)
        .map(|one| Miss {
            file: one.path.clone(),
            label: one.class,
            kind: one.kind.clone(),
            called: one.likeliest(),
            malice: one.malice(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(class: Class, probabilities: PerClass) -> Judged {
        Judged {
            path: String::new(),
            class,
            kind: "k".to_owned(),
            modern_html: class == Class::Ham,
            probabilities,
            verdict: Verdict::Suspicious,
        }
    }

    #[test]
    fn figures_are_those_of_the_definitions() {
        let mut all: Vec<Judged> = (0..400)
            .map(|i| {
                judged(
                    Class::Ham,
                    [f64::from(i) / 1000.0, 0.0, 0.0, 1.0 - f64::from(i) / 1000.0],
                )
            })
            .collect();
        // two of 400 may stand above: the threshold is the third highest, 0.397
        all.extend((0..10).map(|i| {
            judged(
                Class::Malicious,
                [
                    0.395 + f64::from(i) / 1000.0,
                    0.3,
                    0.2,
                    0.105 - f64::from(i) / 1000.0,
                ],
            )
        }));
        let figures = Figures::of(&all);
        assert_eq!(figures.recall_against_fine.of, 7);
        assert_eq!(figures.recall_against_fine.all, 10);
        assert_eq!(figures.confusion[0][0], 10);
        assert_eq!(figures.confusion[3][3], 400);
        assert_eq!(figures.three_way_modern_html.unwrap().all, 400);
        assert!(figures.errors.is_empty());
        assert_eq!(figures.settled.settled.of, 0);
        assert!(
            (figures.calibration_error - 0.2).abs() < 0.05,
            "{}",
            figures.calibration_error
        );
    }

    #[test]
    fn what_is_settled_wrongly_is_counted_on_both_sides() {
        let told = [
            (Class::Malicious, Verdict::Malicious),
            (Class::Malicious, Verdict::Bulk),
            (Class::Malicious, Verdict::Suspicious),
            (Class::Ham, Verdict::Malicious),
            (Class::Ham, Verdict::Benign),
            (Class::Spam, Verdict::Benign),
            (Class::Spam, Verdict::Unknown),
        ];
        let all = told.map(|(class, verdict)| Judged {
            verdict,
            ..judged(class, [0.25; 4])
        });
        let settled = Figures::of(&all).settled;
        assert_eq!((settled.settled.of, settled.settled.all), (5, 7));
        assert_eq!((settled.wrong.of, settled.wrong.all), (2, 5));
        assert_eq!(
            (
                settled.condemned_harmless.of,
                settled.condemned_harmless.all
            ),
            (1, 2)
        );
        assert_eq!(
            (settled.closed_malicious.of, settled.closed_malicious.all),
            (1, 3)
        );
        assert_eq!(settled.other_answer.of, 3);
    }

    #[test]
    fn an_interval_holds_its_share() {
        let share = Share::new(95, 100);
        assert!(share.low > 0.88 && share.high < 0.98 && share.low < share.value);
        assert!(Share::new(0, 0).value.is_nan());
    }
}

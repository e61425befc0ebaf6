//! The arithmetic of training: dense symmetric systems and a small softmax
//! regression. Deterministic: sums are always taken in the same order.

use super::{Class, PerClass};

/// Numbers that are summed side by side.
const LANES: usize = 16;

/// Probabilities out of log-odds.
pub(super) fn softmax(odds: PerClass) -> PerClass {
    let most = odds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut all = odds.map(|odd| (odd - most).exp());
    let sum: f64 = all.iter().sum();
    for one in &mut all {
        *one /= sum;
    }
    all
}

/// The sum of products.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Solves `(A + ridge I) X = B` for a symmetric, positive matrix given by its rows
/// (only the lower half is read) and as many right sides as `b` has, by Cholesky's
/// decomposition. `b` holds a right side after the other and becomes the answer;
/// `None` when the matrix is not positive.
pub(super) fn solve(mut a: Vec<Vec<f32>>, ridge: f32, b: &mut [Vec<f32>]) -> Option<()> {
    let n = a.len();
    for i in 0..n {
        let (above, from) = a.split_at_mut(i);
        let row = from.first_mut()?;
        for (j, other) in above.iter().enumerate() {
            let sum = row.get(j)? - dot(row.get(..j)?, other.get(..j)?);
            *row.get_mut(j)? = sum / other.get(j)?;
        }
        let left = row.get(..i)?;
        let square = row.get(i)? + ridge - dot(left, left);
        if square <= 0.0 || !square.is_finite() {
            return None;
        }
        *row.get_mut(i)? = square.sqrt();
        row.truncate(i + 1);
    }
    for side in b {
        for (i, row) in a.iter().enumerate() {
            let known = dot(row.get(..i)?, side.get(..i)?);
            let value = side.get_mut(i)?;
            *value = (*value - known) / row.get(i)?;
        }
        for (i, row) in a.iter().enumerate().rev() {
            let value = side.get(i)? / row.get(i)?;
            for (earlier, weight) in side.iter_mut().zip(row).take(i) {
                *earlier -= value * weight;
            }
            *side.get_mut(i)? = value;
        }
    }
    Some(())
}

/// A softmax regression from a few numbers to the classes.
#[derive(Debug, Clone)]
pub(super) struct Softmax {
    /// A row for each class: a weight for each number, then the bias.
    pub rows: Vec<Vec<f64>>,
}

/// Steps of its training, which ends earlier when nothing changes.
const STEPS: usize = 400;
/// Change of the loss at which it ends, relative.
const STILL: f64 = 1e-9;

impl Softmax {
    /// Fits it: mean cross-entropy plus `penalty / 2` times the squared weights, by
    /// accelerated gradient steps (Nesterov) of a length that the data bound.
    pub fn fit(inputs: &[Vec<f64>], classes: &[Class], penalty: f64) -> Self {
        let width = inputs.first().map_or(0, Vec::len) + 1;
        let count = inputs.len().max(1) as f64;
        // half the largest eigenvalue of the second moments bounds the curvature
        let trace: f64 = inputs
            .iter()
            .map(|x| x.iter().map(|v| v * v).sum::<f64>() + 1.0)
            .sum::<f64>()
            / count;
        let step = 1.0 / (0.5 * trace.max(1.0) + penalty);
        let mut rows = vec![vec![0.0; width]; Class::COUNT];
        let mut ahead = rows.clone();
        let mut momentum = 1.0f64;
        let mut last = f64::INFINITY;
        for _ in 0..STEPS {
            let (loss, gradient) = Self {
                rows: ahead.clone(),
            }
            .slope(inputs, classes, penalty);
            let next: Vec<Vec<f64>> = ahead
                .iter()
                .zip(&gradient)
                .map(|(row, slope)| row.iter().zip(slope).map(|(w, g)| w - step * g).collect())
                .collect();
            let faster = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
            let pull = (momentum - 1.0) / faster;
            ahead = next
                .iter()
                .zip(&rows)
                .map(|(new, old)| {
                    new.iter()
                        .zip(old)
                        .map(|(n, o)| n + pull * (n - o))
                        .collect()
                })
                .collect();
            rows = next;
            momentum = faster;
            if (last - loss).abs() <= STILL * loss.abs() {
                break;
            }
            last = loss;
        }
        Self { rows }
    }

    fn slope(&self, inputs: &[Vec<f64>], classes: &[Class], penalty: f64) -> (f64, Vec<Vec<f64>>) {
        let count = inputs.len().max(1) as f64;
        let width = self.rows.first().map_or(0, Vec::len);
        let mut gradient = vec![vec![0.0; width]; Class::COUNT];
        let mut loss = 0.0;
        for (input, class) in inputs.iter().zip(classes) {
            let shares = softmax(self.odds(input));
            for ((row, share), own) in gradient.iter_mut().zip(shares).zip(Class::ALL) {
                let miss = (share - f64::from(u8::from(own == *class))) / count;
                if own == *class {
                    loss -= share.max(1e-12).ln() / count;
                }
                for (slope, value) in row.iter_mut().zip(input.iter().chain(&[1.0])) {
                    *slope += miss * value;
                }
            }
        }
        for (row, weights) in gradient.iter_mut().zip(&self.rows) {
            for (slope, weight) in row.iter_mut().zip(weights).take(width.saturating_sub(1)) {
                *slope += penalty * weight;
                loss += 0.5 * penalty * weight * weight;
            }
        }
        (loss, gradient)
    }

    /// Log-odds of the classes for one input.
    pub fn odds(&self, input: &[f64]) -> PerClass {
        let mut odds = [0.0; Class::COUNT];
        for (odd, row) in odds.iter_mut().zip(&self.rows) {
            *odd = row
                .iter()
                .zip(input.iter().chain(&[1.0]))
                .map(|(weight, value)| weight * value)
                .sum();
        }
        odds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let a = vec![
            vec![3.0, 9.0, 9.0],
            vec![1.0, 4.0, 9.0],
            vec![0.5, 2.0, 5.0],
        ];
        let mut b = vec![vec![1.0, 2.0, 3.0], vec![0.0, 1.0, 0.0]];
        let sides = b.clone();
        solve(a.clone(), 1.0, &mut b).unwrap();
        let full = |i: usize, j: usize| a[i.max(j)][i.min(j)] + if i == j { 1.0 } else { 0.0 };
        for (x, side) in b.iter().zip(&sides) {
            for i in 0..3 {
                let sum: f32 = (0..3).map(|j| full(i, j) * x[j]).sum();
                assert!((sum - side[i]).abs() < 1e-5, "{sum} {side:?}");
            }
        }
        assert!(solve(vec![vec![-2.0]], 1.0, &mut [vec![1.0]]).is_none());
    }

    #[test]
    fn a_regression_parts_what_can_be_parted() {
        let inputs: Vec<Vec<f64>> = (0..40)
            .map(|i| vec![f64::from(i % 4 == 0), f64::from(i % 4 == 1)])
            .collect();
        let classes: Vec<Class> = (0..40).map(|i| Class::ALL[i % 4]).collect();
        let fitted = Softmax::fit(&inputs, &classes, 1e-4);
        let likeliest = |input: &[f64]| {
            let shares = softmax(fitted.odds(input));
            (0..4)
                .max_by(|a, b| shares[*a].total_cmp(&shares[*b]))
                .unwrap()
        };
        assert_eq!(likeliest(&[1.0, 0.0]), 0);
        assert_eq!(likeliest(&[0.0, 1.0]), 1);
        assert!((softmax(fitted.odds(&[0.0, 0.0]))[2] - 0.5).abs() < 0.05);
    }
}

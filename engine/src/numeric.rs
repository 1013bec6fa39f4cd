//! Sums and loops whose results do not depend on threads. Not formulas.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::watch::Watch;

/// A compensated sum (Neumaier 1974): its error does not grow with the number of terms.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let next = self.total + term;
        self.lost += if self.total.abs() >= term.abs() {
            (self.total - next) + term
        } else {
            (term - next) + self.total
        };
        self.total = next;
    }

    pub(crate) fn value(self) -> f64 {
        // An infinite total has lost NaN: the infinity is what must be seen.
        if self.total.is_finite() { self.total + self.lost } else { self.total }
    }
}

/// The compensated sum of `terms`, in their order.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = Sum::default();
    terms.into_iter().for_each(|term| total.add(term));
    total.value()
}

/// Runs `of` over `0..length` by chunks of `size` on all threads; results in the order of the chunks, whatever ran
/// first. `None` when a stop was asked for.
pub(crate) fn in_chunks<T: Send>(
    length: usize,
    size: usize,
    watch: &Watch,
    of: impl Fn(Range<usize>) -> T + Sync,
) -> Option<Vec<T>> {
    let size = size.max(1);
    let done = AtomicUsize::new(0);
    (0..length.div_ceil(size))
        .into_par_iter()
        .map(|chunk| {
            if watch.is_stopped() {
                return None;
            }
            let range = chunk * size..((chunk + 1) * size).min(length);
            let passed = range.len();
            let result = of(range);
            watch.at(done.fetch_add(passed, Ordering::Relaxed) + passed, length)?;
            Some(result)
        })
        .collect()
}

/// Fills `values` in place by chunks of `size` on all threads: `of` gets the index of a chunk's first value. `None` when a
/// stop was asked for.
pub(crate) fn fill<T: Send>(
    values: &mut [T],
    size: usize,
    watch: &Watch,
    of: impl Fn(usize, &mut [T]) + Sync,
) -> Option<()> {
    let (size, length) = (size.max(1), values.len());
    let done = AtomicUsize::new(0);
    values.par_chunks_mut(size).enumerate().try_for_each(|(chunk, part)| {
        if watch.is_stopped() {
            return None;
        }
        of(chunk * size, part);
        watch.at(done.fetch_add(part.len(), Ordering::Relaxed) + part.len(), length)
    })
}

/// Solves a square system by elimination with partial pivoting and one step of refinement; `None` when singular.
pub(crate) fn solve(matrix: Vec<Vec<f64>>, right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    let mut rows = matrix.clone();
    let mut order: Vec<usize> = (0..n).collect();
    let size = matrix.iter().flatten().fold(0.0_f64, |most, cell| most.max(cell.abs()));
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, pivot);
        order.swap(column, pivot);
        if rows[column][column].is_nan() || rows[column][column].abs() <= size * 1e-15 {
            return None;
        }
        let (above, below) = rows.split_at_mut(column + 1);
        for row in below {
            let factor = row[column] / above[column][column];
            row[column] = factor;
            for (cell, over) in row.iter_mut().zip(&above[column]).skip(column + 1) {
                *cell -= factor * over;
            }
        }
    }
    let back = |right: &[f64]| {
        let mut solution: Vec<f64> = order.iter().map(|row| right[*row]).collect();
        for row in 0..n {
            for column in 0..row {
                solution[row] -= rows[row][column] * solution[column];
            }
        }
        for row in (0..n).rev() {
            for column in row + 1..n {
                solution[row] -= rows[row][column] * solution[column];
            }
            solution[row] /= rows[row][row];
        }
        solution
    };
    let mut solution = back(&right);
    let left: Vec<f64> = (matrix.iter().zip(&right))
        .map(|(row, right)| right - sum(row.iter().zip(&solution).map(|(cell, one)| cell * one)))
        .collect();
    solution.iter_mut().zip(back(&left)).for_each(|(one, more)| *one += more);
    solution.iter().all(|one| one.is_finite()).then_some(solution)
}

/// Whittaker-Henderson of order two: minimises `Σ w(v − s)² + λ Σ (Δ²s)²` by the banded normal equations.
pub(crate) fn whittaker(values: &[f64], weights: &[f64], lambda: f64) -> Vec<f64> {
    let n = values.len();
    if n < 3 {
        return values.to_vec();
    }
    // The matrix by its diagonal and two lines above it.
    let mut band = vec![[0.0; 3]; n];
    for (row, weight) in band.iter_mut().zip(weights) {
        // A grain of weight keeps ages without exposure on their neighbours' line.
        row[0] = weight.max(1e-9);
    }
    for first in 0..n - 2 {
        for (one, left) in [1.0, -2.0, 1.0].into_iter().enumerate() {
            for (two, right) in [1.0, -2.0, 1.0].into_iter().enumerate().skip(one) {
                band[first + one][two - one] += lambda * left * right;
            }
        }
    }
    let mut solution: Vec<f64> =
        values.iter().zip(&band).zip(weights).map(|((v, _), w)| v * w.max(1e-9)).collect();
    for row in 0..n {
        for next in 1..3.min(n - row) {
            let factor = band[row][next] / band[row][0];
            for column in next..3 {
                let taken = factor * band[row][column];
                band[row + next][column - next] -= taken;
            }
            solution[row + next] -= factor * solution[row];
        }
    }
    for row in (0..n).rev() {
        for next in 1..3.min(n - row) {
            solution[row] -= band[row][next] * solution[row + next];
        }
        solution[row] /= band[row][0];
    }
    solution
}

/// Exact (Garwood 1936) confidence limits of a Poisson mean for a whole count.
pub(crate) fn poisson_interval(count: f64, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    let least = 1.0;
    let most = count + 20.0 * (count + 1.0).sqrt() + 20.0;
    let low = if count < least {
        0.0
    } else {
        bisect(0.0, most, |mean| 1.0 - poisson_below(count - 1.0, mean) < tail)
    };
    (low, bisect(0.0, most, |mean| poisson_below(count, mean) > tail))
}

/// Probability that a Poisson count is at most `count`.
fn poisson_below(count: f64, mean: f64) -> f64 {
    let mut term = 0.0_f64;
    let mut logs = vec![term];
    for k in 1..=(count as u64) {
        term += (mean / k as f64).ln();
        logs.push(term);
    }
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (sum(logs.iter().map(|log| (log - most).exp())).ln() + most - mean).exp()
}

/// The point where `before` stops to hold, by halving.
fn bisect(mut low: f64, mut high: f64, before: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if before(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_are_not_lost_beside_a_large_one() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum([f64::MAX, f64::MAX]), f64::INFINITY);
    }

    #[test]
    fn a_system_is_solved_and_a_singular_one_is_refused() {
        let solved = solve(vec![vec![0.0, 2.0], vec![4.0, 1.0]], vec![6.0, 11.0]).unwrap();
        assert!((solved[0] - 2.0).abs() < 1e-15 && (solved[1] - 3.0).abs() < 1e-15);
        assert!(solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], vec![1.0, 2.0]).is_none());
    }

    #[test]
    fn a_line_is_not_smoothed_and_no_smoothing_changes_nothing() {
        let line: Vec<f64> = (0..12).map(|x| 0.1 - 0.005 * f64::from(x)).collect();
        let weights: Vec<f64> = (0..12).map(|x| 10.0 + f64::from(x % 3)).collect();
        for (found, expected) in whittaker(&line, &weights, 1e4).iter().zip(&line) {
            assert!((found - expected).abs() < 1e-10);
        }
        let rough = [0.1, 0.3, 0.2, 0.5];
        for (found, expected) in whittaker(&rough, &[1.0; 4], 0.0).iter().zip(&rough) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn poisson_limits_are_garwoods_published_ones() {
        // Garwood, Biometrika 28 (1936), 95 %: 0 → (0, 3.69), 1 → (0.0253, 5.57), 10 → (4.80, 18.4). His table was not at
        // hand; half the quantiles of chi-square that his limits are agree (scipy 1.17.1).
        let printed = [(0.0, 0.0, 3.69), (1.0, 0.0253, 5.57), (10.0, 4.80, 18.4)];
        for (count, low, high) in printed {
            let found = poisson_interval(count, 0.95);
            assert!((found.0 - low).abs() < 6e-3 && (found.1 - high).abs() < 6e-2, "{count}: {found:?}");
        }
    }

    #[test]
    fn chunks_come_back_in_order_and_stop_when_asked() {
        let watch = Watch::default();
        let firsts = in_chunks(10, 3, &watch, |range| range.start).unwrap();
        assert_eq!(firsts, [0, 3, 6, 9]);
        assert_eq!(watch.progress(), 1.0);
        watch.stop();
        assert!(in_chunks(10, 3, &watch, |range| range.start).is_none());
    }
}

//! Svensson's parameters fitted to quotes by variable projection (Golub and Pereyra, 1973): for given time scales the formula
//! is linear in its betas, so that only the two scales are searched. Not the formula.

use super::{Curve, Instrument, Svensson};

/// Least and greatest time scale that is searched, in years.
const SCALES: (f64, f64) = (0.1, 30.0);
/// Points of the grid on each scale, and rounds of the search around its best, which moves or narrows in each.
const GRID: usize = 24;
const ROUNDS: usize = 400;
/// From this condition number of the linear problem on, the betas are told to be poorly determined.
const ILL: f64 = 1e3;

/// A fitted curve, and how well it is determined.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The curve.
    pub curve: Svensson,
    /// Root mean square of the differences of rates.
    pub rms: f64,
    /// Condition number of the linear problem at the scales found (columns scaled to length one).
    pub condition: f64,
    /// Whether [`Fitted::condition`] says that other betas would do nearly as well.
    pub ill_conditioned: bool,
}

/// Rates to fit, in the formula's own compounding.
struct Quotes {
    times: Vec<f64>,
    rates: Vec<f64>,
}

/// Fits the formula to zero-coupon rates: one hump (Nelson and Siegel, 1987) below six quotes. `None` where the quotes
/// determine no curve: fewer than four.
pub fn fit_svensson(
    instruments: &[Instrument],
    continuous: bool,
    curve: Option<&dyn Curve>,
) -> Option<Fitted> {
    let rate = |one: &Instrument| {
        let zero = curve.map_or(one.rate, |curve| curve.zero(one.maturity));
        if continuous { zero.ln_1p() } else { zero }
    };
    let quotes = Quotes {
        times: instruments.iter().map(|one| one.maturity).collect(),
        rates: instruments.iter().map(rate).collect(),
    };
    if quotes.times.len() < 4 {
        return None;
    }
    let humps = if quotes.times.len() < 6 { 1 } else { 2 };
    let (low, high) = (SCALES.0.ln(), SCALES.1.ln());
    let step = (high - low) / (GRID - 1) as f64;
    let mut best: Option<(f64, [f64; 2])> = None;
    let keep = |scales: [f64; 2], best: &mut Option<(f64, [f64; 2])>| {
        let Some(found) = quotes.project(scales.map(f64::exp), humps) else { return };
        if best.is_none_or(|(least, _)| found.squares < least) {
            *best = Some((found.squares, scales));
        }
    };
    for one in 0..GRID {
        // The order of two humps has no meaning: the second is the slower one.
        let others = if humps == 1 { one..one + 1 } else { one + 1..GRID };
        for two in others {
            keep([low + one as f64 * step, low + two as f64 * step], &mut best);
        }
    }
    let mut width = step;
    for _ in 0..ROUNDS {
        let (least, centre) = best?;
        for one in -2..=2 {
            for two in if humps == 1 { 0..=0 } else { -2..=2 } {
                let moved =
                    [centre[0] + f64::from(one) * width / 2.0, centre[1] + f64::from(two) * width / 2.0];
                if moved.iter().all(|scale| (low..=high).contains(scale)) {
                    keep(moved, &mut best);
                }
            }
        }
        if best.is_some_and(|(reached, _)| reached >= least) {
            width /= 2.0;
        }
        if width < 1e-9 {
            break;
        }
    }
    let tau = best?.1.map(f64::exp);
    let found = quotes.project(tau, humps)?;
    let curve = Svensson { beta: found.beta, tau, continuous };
    Some(Fitted {
        curve,
        rms: (found.squares / quotes.times.len() as f64).sqrt(),
        condition: found.condition,
        ill_conditioned: found.condition.is_nan() || found.condition >= ILL,
    })
}

/// The best betas for given scales.
struct Projected {
    beta: [f64; 4],
    squares: f64,
    condition: f64,
}

impl Quotes {
    /// Linear least squares by modified Gram and Schmidt, twice over each column; the condition from the triangular factor.
    fn project(&self, tau: [f64; 2], humps: usize) -> Option<Projected> {
        let load = |time: f64, tau: f64| -(-time / tau).exp_m1() / (time / tau);
        let hump = |time: f64, tau: f64| load(time, tau) - (-time / tau).exp();
        let mut columns: Vec<Vec<f64>> = vec![
            vec![1.0; self.times.len()],
            self.times.iter().map(|time| load(*time, tau[0])).collect(),
            self.times.iter().map(|time| hump(*time, tau[0])).collect(),
        ];
        if humps == 2 {
            columns.push(self.times.iter().map(|time| hump(*time, tau[1])).collect());
        }
        let count = columns.len();
        let lengths: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
        if lengths.iter().any(|length| *length <= 0.0 || !length.is_finite()) {
            return None;
        }
        for (column, length) in columns.iter_mut().zip(&lengths) {
            column.iter_mut().for_each(|cell| *cell /= length);
        }
        // The triangular factor, column by column.
        let mut triangle: Vec<Vec<f64>> = Vec::with_capacity(count);
        for at in 0..count {
            let (done, rest) = columns.split_at_mut(at);
            let mut own = vec![0.0; at + 1];
            for _ in 0..2 {
                for (cell, other) in own.iter_mut().zip(&*done) {
                    let along = dot(other, &rest[0]);
                    *cell += along;
                    rest[0].iter_mut().zip(other).for_each(|(cell, other)| *cell -= along * other);
                }
            }
            let length = dot(&rest[0], &rest[0]).sqrt();
            if length <= 1e-13 {
                return None;
            }
            own[at] = length;
            triangle.push(own);
            rest[0].iter_mut().for_each(|cell| *cell /= length);
        }
        let mut left = self.rates.clone();
        let mut beta = [0.0; 4];
        for _ in 0..2 {
            let mut right: Vec<f64> = columns.iter().map(|column| dot(column, &left)).collect();
            for (column, along) in columns.iter().zip(&right) {
                left.iter_mut().zip(column).for_each(|(cell, other)| *cell -= along * other);
            }
            for row in (0..count).rev() {
                for column in row + 1..count {
                    right[row] -= triangle[column][row] * right[column];
                }
                right[row] /= triangle[row][row];
            }
            for (at, part) in right.iter().enumerate() {
                beta[at] += part / lengths[at];
            }
        }
        let squares = dot(&left, &left);
        squares.is_finite().then(|| Projected { beta, squares, condition: condition(&triangle) })
    }
}

/// Condition number of a small upper triangle given by columns: its norm times that of its inverse (Frobenius), at most
/// `n` times the exact one.
fn condition(triangle: &[Vec<f64>]) -> f64 {
    let inverted = |column: usize| {
        let mut inverse = vec![0.0; column + 1];
        for row in (0..=column).rev() {
            let unit = f64::from(u8::from(row == column));
            let known: f64 = (row + 1..=column).map(|k| triangle[k][row] * inverse[k]).sum();
            inverse[row] = (unit - known) / triangle[row][row];
        }
        inverse
    };
    let norm = |columns: &[Vec<f64>]| columns.iter().flatten().map(|cell| cell * cell).sum::<f64>().sqrt();
    let inverse: Vec<Vec<f64>> = (0..triangle.len()).map(inverted).collect();
    norm(triangle) * norm(&inverse)
}

fn dot(one: &[f64], two: &[f64]) -> f64 {
    one.iter().zip(two).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::super::Sort;
    use super::*;

    #[test]
    fn quotes_made_by_the_formula_give_its_parameters_back() {
        let made = Svensson { beta: [0.03, -0.02, 0.015, -0.01], tau: [1.2, 6.0], continuous: true };
        let maturities = [0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0];
        let quotes: Vec<Instrument> = (maturities.iter())
            .map(|maturity| Instrument { maturity: *maturity, rate: made.zero(*maturity), sort: Sort::Zero })
            .collect();
        let found = fit_svensson(&quotes, true, None).unwrap();
        assert!(found.rms < 1e-9, "{found:?}");
        for (found, made) in found.curve.beta.iter().zip(made.beta) {
            assert!((found - made).abs() < 1e-5, "{found} {made}");
        }
        for (found, made) in found.curve.tau.iter().zip(made.tau) {
            assert!((found / made - 1.0).abs() < 1e-3, "{found} {made}");
        }
    }

    #[test]
    fn a_flat_curve_is_told_to_leave_its_humps_open() {
        let flat = |maturity: f64| Instrument { maturity, rate: 0.02, sort: Sort::Zero };
        let quotes: Vec<Instrument> = [1.0, 2.0, 3.0, 5.0, 7.0, 10.0].map(flat).to_vec();
        let found = fit_svensson(&quotes, false, None).unwrap();
        assert!(found.rms < 1e-12 && (found.curve.beta[0] - 0.02).abs() < 1e-6, "{found:?}");
        // Short of quotes, there is nothing to fit.
        assert_eq!(fit_svensson(&quotes[..3], false, None), None);
    }
}

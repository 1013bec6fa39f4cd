//! Smith and Wilson's curve as EIOPA derives it (Technical documentation of the methodology to derive EIOPA's risk-free
//! interest rate term structures, sections on the Smith-Wilson method). Not the choice of instruments.

use super::{Curve, Instrument};
use crate::numeric::solve;

/// A fitted curve: `P(t) = e^(−ωt)·(1 + H(t, u)·Qb)`.
#[derive(Debug, Clone, PartialEq)]
pub struct SmithWilson {
    /// Ultimate forward intensity `ω = ln(1 + UFR)`.
    pub omega: f64,
    /// Speed of convergence.
    pub alpha: f64,
    /// Dates of the cash flows.
    pub times: Vec<f64>,
    /// `Qb`, a weight a date.
    pub weights: Vec<f64>,
}

/// How near the forward must be to the ultimate one, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convergence {
    /// Years.
    pub point: f64,
    /// Distance allowed between forward intensities.
    pub tolerance: f64,
    /// Least speed.
    pub least: f64,
}

/// Fits the curve to instruments, `None` when their equations are singular.
pub fn fit(instruments: &[Instrument], ufr: f64, alpha: f64) -> Option<SmithWilson> {
    let omega = ufr.ln_1p();
    let flows: Vec<Vec<(f64, f64)>> = instruments.iter().map(Instrument::flows).collect();
    let mut times: Vec<f64> = flows.iter().flatten().map(|(time, _)| *time).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    // Q: cash flows by date and instrument, discounted at the ultimate rate.
    let mut q = vec![vec![0.0; instruments.len()]; times.len()];
    for (column, flows) in flows.iter().enumerate() {
        for (time, amount) in flows {
            let row = times.partition_point(|known| known < time);
            q[row][column] += amount * (-omega * time).exp();
        }
    }
    let heart: Vec<Vec<f64>> =
        times.iter().map(|u| times.iter().map(|v| kernel(alpha, *u, *v)).collect()).collect();
    let hq = product(&heart, &q);
    let system: Vec<Vec<f64>> = (0..instruments.len())
        .map(|one| (0..instruments.len()).map(|two| dot(&q, one, &hq, two)).collect())
        .collect();
    let missing: Vec<f64> = instruments
        .iter()
        .enumerate()
        .map(|(column, instrument)| instrument.price() - q.iter().map(|row| row[column]).sum::<f64>())
        .collect();
    let b = solve(system, missing)?;
    let weights = q.iter().map(|row| row.iter().zip(&b).map(|(q, b)| q * b).sum()).collect();
    Some(SmithWilson { omega, alpha, times, weights })
}

/// The least speed, to six decimals as EIOPA publishes it, for which the forward is near enough at the convergence
/// point. `Err` carries the speeds tried and the distances left.
///
/// # Errors
/// No speed up to ten brings the forward near enough.
pub fn search(
    instruments: &[Instrument],
    ufr: f64,
    goal: Convergence,
) -> Result<SmithWilson, Vec<(f64, f64)>> {
    let gap = |alpha: f64| {
        fit(instruments, ufr, alpha)
            .map_or(f64::INFINITY, |curve| (curve.forward(goal.point) - curve.omega).abs() - goal.tolerance)
    };
    let found = |alpha: f64| fit(instruments, ufr, alpha).ok_or_else(|| vec![(alpha, f64::NAN)]);
    if gap(goal.least) <= 0.0 {
        return found(goal.least);
    }
    let mut path = vec![(goal.least, gap(goal.least))];
    let (mut low, mut high) = (goal.least, goal.least);
    while path.last().is_some_and(|(_, left)| *left > 0.0 || left.is_nan()) {
        if high > 10.0 {
            return Err(path);
        }
        low = high;
        high += 0.025_f64.max(high * 0.05);
        path.push((high, gap(high)));
    }
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if gap(middle) <= 0.0 { high = middle } else { low = middle }
    }
    found((high * 1e6).ceil() / 1e6)
}

/// `H(u, v) = α·min − e^(−α·max)·sinh(α·min)`.
fn kernel(alpha: f64, u: f64, v: f64) -> f64 {
    let (min, max) = (u.min(v), u.max(v));
    // The product of exponentials, so that none overflows.
    alpha * min - ((-alpha * (max - min)).exp() - (-alpha * (max + min)).exp()) / 2.0
}

/// Its derivative by `t`.
fn kernel_slope(alpha: f64, t: f64, u: f64) -> f64 {
    if t <= u {
        alpha - alpha * ((-alpha * (u - t)).exp() + (-alpha * (u + t)).exp()) / 2.0
    } else {
        alpha * ((-alpha * (t - u)).exp() - (-alpha * (t + u)).exp()) / 2.0
    }
}

fn product(left: &[Vec<f64>], right: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let columns = right.first().map_or(0, Vec::len);
    let mut product = vec![vec![0.0; columns]; left.len()];
    for (row, out) in left.iter().zip(&mut product) {
        for (factor, line) in row.iter().zip(right).filter(|(_, line)| line.iter().any(|cell| *cell != 0.0)) {
            out.iter_mut().zip(line).for_each(|(out, cell)| *out += factor * cell);
        }
    }
    product
}

fn dot(left: &[Vec<f64>], one: usize, right: &[Vec<f64>], two: usize) -> f64 {
    left.iter().zip(right).map(|(left, right)| left[one] * right[two]).sum()
}

impl SmithWilson {
    fn weighed(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.times.iter().zip(&self.weights).map(|(u, weight)| of(*u) * weight).sum()
    }
}

impl Curve for SmithWilson {
    fn discount(&self, time: f64) -> f64 {
        (-self.omega * time).exp() * (1.0 + self.weighed(|u| kernel(self.alpha, time, u)))
    }

    fn forward(&self, time: f64) -> f64 {
        let slope = self.weighed(|u| kernel_slope(self.alpha, time, u));
        self.omega - slope / (1.0 + self.weighed(|u| kernel(self.alpha, time, u)))
    }
}

//! The over-dispersed Poisson bootstrap (England and Verrall, 2002, "Stochastic Claims Reserving in General Insurance",
//! section 7 and appendix 3). Not Mack's model.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Gamma};
use rayon::prelude::*;

use super::{Selection, Triangle};
use crate::numeric::{Sum, in_chunks};
use crate::watch::Watch;

/// The predictive distribution of reserves.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// Scale `φ` of the over-dispersed Poisson model: Pearson's statistic over its degrees of freedom.
    pub scale: f64,
    /// Mean reserve of each origin, the total last.
    pub mean: Vec<f64>,
    /// Standard deviation of the reserve of each origin, the total last: the prediction error.
    pub deviation: Vec<f64>,
    /// Reserves of each origin, the total last, each sorted.
    pub sorted: Vec<Vec<f64>>,
}

/// Why no distribution comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No more cells than parameters, or a fit without any residual.
    NoFreedom,
    /// A stop was asked for.
    Stopped,
}

/// The fit that simulations start from.
struct Fit {
    /// Expected incremental amounts of the known cells, origin by origin.
    expected: Vec<f64>,
    /// Their square roots.
    roots: Vec<f64>,
    /// Number of known cells of each origin.
    lengths: Vec<usize>,
    width: usize,
    /// Pearson residuals `(X − m)/√m`, adjusted by `√(n/(n − p))`.
    residuals: Vec<f64>,
    scale: f64,
}

/// Simulations of a chunk: small, so that a stop is heard soon.
const CHUNK: usize = 64;

/// Draws `simulations` reserves; each simulation has its own stream, so that the number of threads changes nothing.
///
/// # Errors
/// Where no residual can be drawn, or a stop was asked for.
pub fn bootstrap(
    triangle: &Triangle,
    simulations: usize,
    seed: u64,
    watch: &Watch,
) -> Result<Bootstrap, Failure> {
    let fit = Fit::new(triangle).ok_or(Failure::NoFreedom)?;
    let origins = fit.lengths.len();
    let chunks = in_chunks(simulations, CHUNK, watch, |range| {
        let mut drawing = Drawing::new(&fit);
        let mut reserves = Vec::with_capacity(range.len() * (origins + 1));
        for simulation in range {
            drawing.draw(stream(seed, simulation as u64), &mut reserves);
        }
        reserves
    });
    let chunks = chunks.ok_or(Failure::Stopped)?;
    let mut sorted = vec![Vec::with_capacity(simulations); origins + 1];
    for line in chunks.iter().flat_map(|chunk| chunk.chunks(origins + 1)) {
        line.iter().zip(&mut sorted).for_each(|(reserve, list)| list.push(*reserve));
    }
    drop(chunks);
    // Each list in the order of its draws: threads change nothing.
    let moments = sorted.par_iter_mut().map(|list| {
        let average = total(list.iter().copied()) / simulations as f64;
        let squares = total(list.iter().map(|reserve| (reserve - average).powi(2)));
        list.sort_unstable_by(f64::total_cmp);
        (average, (squares / (simulations.max(2) - 1) as f64).sqrt())
    });
    let (mean, deviation) = moments.unzip();
    Ok(Bootstrap { scale: fit.scale, mean, deviation, sorted })
}

/// The quantile of a sorted list, linear between its values (type 7 of Hyndman and Fan, 1996).
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len().max(1) - 1) as f64;
    let below = place.floor() as usize;
    let value = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(0.0);
    value(below) + (place - place.floor()) * (value(below + 1) - value(below))
}

/// The random numbers of one simulation: two rounds of multiplication and shifts keep neighbours apart.
fn stream(seed: u64, simulation: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ simulation.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn total(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    terms.for_each(|term| sum.add(term));
    sum.value()
}

impl Fit {
    fn new(triangle: &Triangle) -> Option<Self> {
        let factors = Selection::default().develop(triangle).factors;
        let mut fitted = Vec::new();
        for row in &triangle.rows {
            // Backwards from the last known amount, which chain ladder keeps.
            let mut amounts = vec![row.last().copied().unwrap_or(0.0)];
            for factor in factors[..row.len() - 1].iter().rev() {
                amounts.push(amounts.last().copied().unwrap_or(0.0) / factor);
            }
            amounts.reverse();
            fitted.push(amounts);
        }
        let fitted = Triangle { rows: fitted, width: triangle.width };
        let expected: Vec<f64> = fitted.increments().concat();
        let observed = triangle.increments().concat();
        let roots: Vec<f64> = expected.iter().map(|amount| amount.abs().sqrt()).collect();
        let raw: Vec<f64> = (observed.iter().zip(&expected).zip(&roots))
            .map(|((x, m), root)| if *root > 0.0 { (x - m) / root } else { 0.0 })
            .collect();
        let parameters = triangle.rows.len() + triangle.width - 1;
        let freedom = raw.len().checked_sub(parameters).filter(|freedom| *freedom > 0)? as f64;
        let squares: f64 = raw.iter().map(|residual| residual * residual).sum();
        let adjust = (raw.len() as f64 / freedom).sqrt();
        let scale = squares / freedom;
        (scale > 0.0 && scale.is_finite()).then(|| Self {
            expected,
            roots,
            lengths: triangle.rows.iter().map(Vec::len).collect(),
            width: triangle.width,
            residuals: raw.iter().map(|residual| residual * adjust).collect(),
            scale,
        })
    }
}

/// Room for one simulation at a time.
struct Drawing<'a> {
    fit: &'a Fit,
    cumulative: Vec<f64>,
    from: Vec<f64>,
    to: Vec<f64>,
}

impl<'a> Drawing<'a> {
    fn new(fit: &'a Fit) -> Self {
        let columns = fit.width - 1;
        Self {
            fit,
            cumulative: vec![0.0; fit.expected.len()],
            from: vec![0.0; columns],
            to: vec![0.0; columns],
        }
    }

    /// Adds the reserves of each origin and of all.
    fn draw(&mut self, mut random: Xoshiro256PlusPlus, reserves: &mut Vec<f64>) {
        let fit = self.fit;
        self.from.fill(0.0);
        self.to.fill(0.0);
        let count = fit.residuals.len() as u64;
        let mut cell = 0;
        for length in &fit.lengths {
            let mut amount = 0.0;
            for column in 0..*length {
                // A product of 32 bits takes the place of a division: the bias is below 2⁻³² × the number of cells.
                let drawn = ((u64::from(random.next_u32()) * count) >> 32) as usize;
                let before = amount;
                amount += fit.expected[cell] + fit.residuals[drawn] * fit.roots[cell];
                if column > 0 {
                    self.from[column - 1] += before;
                    self.to[column - 1] += amount;
                }
                self.cumulative[cell] = amount;
                cell += 1;
            }
        }
        let mut last = 0;
        let mut all = 0.0;
        for length in &fit.lengths {
            last += length;
            let mut amount = self.cumulative[last - 1];
            let mut reserve = 0.0;
            for column in length - 1..fit.width - 1 {
                let factor = if self.from[column] > 0.0 { self.to[column] / self.from[column] } else { 1.0 };
                let mean = amount * (factor - 1.0);
                amount *= factor;
                reserve += paid(mean, fit.scale, &mut random);
            }
            reserves.push(reserve);
            all += reserve;
        }
        reserves.push(all);
    }
}

/// A gamma amount of the mean given and of variance `scale × |mean|`.
fn paid(mean: f64, scale: f64, random: &mut Xoshiro256PlusPlus) -> f64 {
    match Gamma::new(mean.abs() / scale, scale) {
        Ok(gamma) => gamma.sample(random).copysign(mean),
        Err(_) => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Triangle {
        let rows =
            vec![vec![100.0, 160.0, 190.0, 200.0], vec![110.0, 170.0, 195.0], vec![90.0, 150.0], vec![120.0]];
        Triangle { rows, width: 4 }
    }

    #[test]
    fn the_fit_keeps_the_sums_of_rows_and_columns() {
        // What makes chain ladder the maximum of the over-dispersed Poisson likelihood.
        let (triangle, fit) = (small(), Fit::new(&small()).unwrap());
        let mut cells = fit.expected.iter().zip(triangle.increments().concat());
        let mut columns = [0.0; 4];
        for row in &triangle.rows {
            let mut difference = 0.0;
            for column in &mut columns[..row.len()] {
                let (expected, observed) = cells.next().unwrap();
                difference += expected - observed;
                *column += expected - observed;
            }
            assert!(difference.abs() < 1e-9);
        }
        assert!(columns.iter().all(|difference| difference.abs() < 1e-9));
    }

    #[test]
    fn any_number_of_threads_draws_the_same_reserves() {
        let watch = Watch::default();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let draw = || bootstrap(&small(), 500, 7, &watch).unwrap();
        assert_eq!(one.install(draw), three.install(draw));
        assert_ne!(draw(), bootstrap(&small(), 500, 8, &watch).unwrap());
    }

    #[test]
    fn a_triangle_without_freedom_has_no_distribution() {
        let triangle = Triangle { rows: vec![vec![1.0, 2.0], vec![1.0]], width: 2 };
        assert_eq!(bootstrap(&triangle, 10, 1, &Watch::default()), Err(Failure::NoFreedom));
    }

    #[test]
    fn quantiles_are_linear_between_values() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|level| quantile(&sorted, level)), [1.0, 2.0, 3.0, 4.0]);
    }
}

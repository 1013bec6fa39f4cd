//! Lee and Carter's model (1992) by singular values, and by Poisson likelihood (Brouhns, Denuit and Vermunt, 2002):
//! `ln μ_{x,t} = α_x + β_x κ_t`, `Σ β = 1`, `Σ κ = 0`. Not projections.

use super::Failure;

/// Deaths and exposures of consecutive ages (rows) and years (columns).
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Age of the first row.
    pub first_age: u32,
    /// Year of the first column.
    pub first_year: i32,
    /// Number of ages.
    pub ages: usize,
    /// Number of years.
    pub years: usize,
    /// Deaths, age by age.
    pub deaths: Vec<f64>,
    /// Central exposures, age by age.
    pub exposures: Vec<f64>,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct LeeCarter {
    /// Level of each age.
    pub alpha: Vec<f64>,
    /// Sensitivity of each age.
    pub beta: Vec<f64>,
    /// Index of each year.
    pub kappa: Vec<f64>,
    /// Deviance of the deaths.
    pub deviance: f64,
    /// Steps of the search; none by singular values alone.
    pub iterations: usize,
}

/// How the model is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Estimation {
    /// Poisson likelihood of deaths.
    #[default]
    Poisson,
    /// Leading singular values of the logarithm of crude rates.
    SingularValues,
}

const MOST_ITERATIONS: usize = 5000;
const MOST_ROUNDS: usize = 500;
/// Relative change of the deviance in a round at which the search ends.
const TOLERANCE: f64 = 1e-12;

/// Fits the model; every age and every year needs a death.
///
/// # Errors
/// When the search does not end, or the rates do not move at all.
pub fn lee_carter(surface: &Surface, by: Estimation, go_on: &dyn Fn() -> bool) -> Result<LeeCarter, Failure> {
    let mut model = singular(surface)?;
    if by == Estimation::SingularValues {
        model.deviance = model.deviance(surface);
        return Ok(model);
    }
    let mut expected = model.expected(surface);
    let mut path = vec![deviance(&surface.deaths, &expected)];
    for round in 1..=MOST_ITERATIONS {
        if !go_on() {
            return Err(Failure::Stopped);
        }
        model.move_ages(surface, &expected);
        expected = model.expected(surface);
        model.move_years(surface, &expected);
        model.constrain()?;
        expected = model.expected(surface);
        let reached = deviance(&surface.deaths, &expected);
        let before = path.last().copied().unwrap_or(f64::INFINITY);
        path.push(reached);
        if !reached.is_finite() {
            return Err(Failure::NotConverged(path));
        }
        if (before - reached).abs() <= TOLERANCE * (reached + 1.0) {
            model.deviance = reached;
            model.iterations = round;
            return Ok(model);
        }
    }
    Err(Failure::NotConverged(path))
}

/// `α` the mean of `ln m`, `β κ` the leading singular pair of what is left, found by repeated products.
fn singular(surface: &Surface) -> Result<LeeCarter, Failure> {
    let Surface { ages, years, deaths, exposures, .. } = surface;
    let logs: Vec<Option<f64>> = (deaths.iter().zip(exposures))
        .map(|(deaths, exposure)| (*exposure > 0.0).then(|| (deaths.max(0.5) / exposure).ln()))
        .collect();
    let alpha: Vec<f64> = (logs.chunks(*years))
        .map(|row| {
            let known: Vec<f64> = row.iter().flatten().copied().collect();
            known.iter().sum::<f64>() / known.len().max(1) as f64
        })
        .collect();
    let rest: Vec<f64> =
        (0..ages * years).map(|cell| logs[cell].map_or(0.0, |log| log - alpha[cell / years])).collect();
    let mut kappa: Vec<f64> = (0..*years).map(|year| *years as f64 / 2.0 - year as f64).collect();
    let mut beta = vec![0.0; *ages];
    for _ in 0..MOST_ROUNDS {
        for (age, value) in beta.iter_mut().enumerate() {
            let row = &rest[age * years..(age + 1) * years];
            *value = row.iter().zip(&kappa).map(|(cell, k)| cell * k).sum();
        }
        let length = beta.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length <= 1e-300 {
            return Err(Failure::Singular);
        }
        beta.iter_mut().for_each(|value| *value /= length);
        let mut next = vec![0.0; *years];
        for (age, value) in beta.iter().enumerate() {
            let row = &rest[age * years..(age + 1) * years];
            next.iter_mut().zip(row).for_each(|(sum, cell)| *sum += value * cell);
        }
        let size = next.iter().map(|value| value.abs()).fold(0.0, f64::max);
        let moved = next.iter().zip(&kappa).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        kappa = next;
        if moved <= 1e-14 * size {
            break;
        }
    }
    let mut model = LeeCarter { alpha, beta, kappa, deviance: 0.0, iterations: 0 };
    model.constrain()?;
    Ok(model)
}

impl LeeCarter {
    /// The force of mortality of an age at an index of time.
    pub fn force(&self, age: usize, kappa: f64) -> f64 {
        (self.alpha[age] + self.beta[age] * kappa).exp()
    }

    fn expected(&self, surface: &Surface) -> Vec<f64> {
        let mut expected = Vec::with_capacity(surface.deaths.len());
        for (age, row) in surface.exposures.chunks(surface.years).enumerate() {
            let force = self.kappa.iter().map(|kappa| self.force(age, *kappa));
            expected.extend(row.iter().zip(force).map(|(exposure, force)| exposure * force));
        }
        expected
    }

    fn deviance(&self, surface: &Surface) -> f64 {
        deviance(&surface.deaths, &self.expected(surface))
    }

    /// Newton's step on `(α, β)` of each age, `κ` given.
    fn move_ages(&mut self, surface: &Surface, expected: &[f64]) {
        let years = surface.years;
        for age in 0..surface.ages {
            let cells = age * years..(age + 1) * years;
            let [mut level, mut slope, mut aa, mut ab, mut bb] = [0.0; 5];
            for ((deaths, weight), k) in
                surface.deaths[cells.clone()].iter().zip(&expected[cells]).zip(&self.kappa)
            {
                level += deaths - weight;
                slope += (deaths - weight) * k;
                aa += weight;
                ab += weight * k;
                bb += weight * k * k;
            }
            let determinant = aa * bb - ab * ab;
            if determinant > 1e-14 * aa * bb {
                self.alpha[age] += ((bb * level - ab * slope) / determinant).clamp(-1.0, 1.0);
                self.beta[age] += (aa * slope - ab * level) / determinant;
            }
        }
    }

    /// Newton's step on each `κ`, the rest given.
    fn move_years(&mut self, surface: &Surface, expected: &[f64]) {
        let years = surface.years;
        let (mut slope, mut weight) = (vec![0.0; years], vec![0.0; years]);
        for (age, beta) in self.beta.iter().enumerate() {
            for year in 0..years {
                let cell = age * years + year;
                slope[year] += beta * (surface.deaths[cell] - expected[cell]);
                weight[year] += beta * beta * expected[cell];
            }
        }
        for ((kappa, slope), weight) in self.kappa.iter_mut().zip(slope).zip(weight) {
            if weight > 0.0 {
                *kappa += slope / weight;
            }
        }
    }

    /// `Σ κ = 0`, `Σ β = 1`; rates do not change.
    fn constrain(&mut self) -> Result<(), Failure> {
        let mean = self.kappa.iter().sum::<f64>() / self.kappa.len() as f64;
        for (alpha, beta) in self.alpha.iter_mut().zip(&self.beta) {
            *alpha += beta * mean;
        }
        let scale: f64 = self.beta.iter().sum();
        let largest = self.beta.iter().map(|beta| beta.abs()).fold(0.0, f64::max);
        if scale.abs() <= 1e-12 * largest || !scale.is_finite() {
            return Err(Failure::Singular);
        }
        self.kappa.iter_mut().for_each(|kappa| *kappa = (*kappa - mean) * scale);
        self.beta.iter_mut().for_each(|beta| *beta /= scale);
        Ok(())
    }
}

/// Deviance of Poisson deaths.
fn deviance(deaths: &[f64], expected: &[f64]) -> f64 {
    let cell = |(deaths, expected): (&f64, &f64)| {
        let log = if *deaths > 0.0 { deaths * (deaths / expected).ln() } else { 0.0 };
        2.0 * (log - (deaths - expected))
    };
    deaths.iter().zip(expected).map(cell).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(beta_of: fn(usize) -> f64) -> Surface {
        let (ages, years) = (12, 20);
        let beta: Vec<f64> = (0..ages).map(beta_of).collect();
        let scale: f64 = beta.iter().sum();
        let mut deaths = Vec::new();
        for (age, beta) in beta.iter().enumerate() {
            for year in 0..years {
                let kappa = 9.5 - year as f64 + if year % 2 == 0 { 0.7 } else { -0.7 };
                deaths.push(1e5 * (-6.0 + 0.1 * age as f64 + beta / scale * kappa).exp());
            }
        }
        Surface { first_age: 60, first_year: 2000, ages, years, deaths, exposures: vec![1e5; 240] }
    }

    #[test]
    fn both_estimations_find_the_model_that_deaths_were_made_by() {
        let surface = surface(|age| 1.0 + age as f64 / 10.0);
        for by in [Estimation::Poisson, Estimation::SingularValues] {
            let found = lee_carter(&surface, by, &|| true).unwrap();
            assert!(found.deviance < 1e-12, "{}", found.deviance);
            assert!((found.beta.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.kappa.iter().sum::<f64>().abs() < 1e-9);
            assert!((found.kappa[0] - 10.2).abs() < 1e-6 && (found.alpha[0] + 6.0).abs() < 1e-7);
        }
    }

    #[test]
    fn the_likelihood_keeps_deaths_of_every_age_and_year() {
        // The equations of the maximum: expected deaths of each age equal the observed.
        let mut surface = surface(|_| 1.0);
        for (cell, deaths) in surface.deaths.iter_mut().enumerate() {
            *deaths = (*deaths * (1.0 + 0.1 * ((cell * 7919 % 13) as f64 - 6.0) / 6.0)).round();
        }
        let found = lee_carter(&surface, Estimation::Poisson, &|| true).unwrap();
        let expected = found.expected(&surface);
        for age in 0..12 {
            let sum = |list: &[f64]| list[age * 20..(age + 1) * 20].iter().sum::<f64>();
            assert!((sum(&expected) / sum(&surface.deaths) - 1.0).abs() < 1e-6);
        }
        let started = lee_carter(&surface, Estimation::SingularValues, &|| true).unwrap();
        assert!(found.deviance < started.deviance);
    }

    #[test]
    fn rates_that_never_move_have_no_model() {
        let surface = Surface {
            first_age: 0,
            first_year: 0,
            ages: 2,
            years: 3,
            deaths: vec![5.0; 6],
            exposures: vec![9.0; 6],
        };
        assert_eq!(lee_carter(&surface, Estimation::Poisson, &|| true), Err(Failure::Singular));
    }
}

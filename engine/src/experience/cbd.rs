//! The model of Cairns, Blake and Dowd (2006): `logit q_{x,t} = κ¹_t + κ²_t (x − x̄)`, each year by binomial likelihood.
//! Not projections.

use super::position::{brass, expit};
use super::{Failure, Surface};

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Cbd {
    /// Mean age `x̄`.
    pub mean_age: f64,
    /// Level and slope of each year.
    pub kappa: Vec<[f64; 2]>,
}

/// Fits each year; initial exposures are central ones with half the deaths added.
///
/// # Errors
/// When a year has no deaths, fewer than two ages, or its search does not end.
pub fn cbd(surface: &Surface) -> Result<Cbd, Failure> {
    let Surface { ages, years, deaths, exposures, first_age, .. } = surface;
    let mean_age = f64::from(*first_age) + (*ages as f64 - 1.0) / 2.0;
    let reference: Vec<f64> =
        (0..*ages).map(|age| expit(f64::from(*first_age) + age as f64 - mean_age)).collect();
    let mut kappa = Vec::new();
    for year in 0..*years {
        let column = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..*ages).map(|age| of(age * years + year)).collect()
        };
        let dead = column(&|cell| deaths[cell]);
        let initial = column(&|cell| exposures[cell] + deaths[cell] / 2.0);
        // A line on x − x̄ is Brass's on a table whose logit is x − x̄.
        let line = brass(&dead, &initial, &reference)?;
        kappa.push([line.a, line.b]);
    }
    Ok(Cbd { mean_age, kappa })
}

impl Cbd {
    /// Probability of death at an age for a level and a slope.
    pub fn death(&self, age: f64, state: [f64; 2]) -> f64 {
        expit(state[0] + state[1] * (age - self.mean_age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_deaths_were_made_by_are_found() {
        let (ages, years) = (20, 4);
        let mut surface =
            Surface { first_age: 60, first_year: 0, ages, years, deaths: vec![], exposures: vec![] };
        for age in 0..ages {
            for year in 0..years {
                let q = expit(-3.0 - 0.02 * year as f64 + 0.1 * (age as f64 - 9.5));
                surface.deaths.push(1000.0 * q);
                surface.exposures.push(1000.0 - 500.0 * q);
            }
        }
        let found = cbd(&surface).unwrap();
        assert_eq!(found.mean_age, 69.5);
        for (year, state) in found.kappa.iter().enumerate() {
            assert!((state[0] + 3.0 + 0.02 * year as f64).abs() < 1e-9 && (state[1] - 0.1).abs() < 1e-10);
        }
    }
}

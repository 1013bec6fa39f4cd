//! Months of pay an employee leaves with, by seniority. Not collective agreements, which clients supply.

/// Over which years a benefit is earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// From hiring to retirement (ANC method 1).
    StraightLine,
    /// Over the last years that open the step reached (IFRIC, April 2021; ANC method 2).
    Ias19Of2021,
}

/// A scale of indemnity in months of gross pay.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// `(years, months)`: from this seniority on, this many months; years increasing.
    Steps(Vec<(f64, f64)>),
    /// `(years, months a year)` from each seniority on, nothing below `minimum` years, at most `cap` months.
    Accruals {
        /// Bands of accrual, years increasing.
        bands: Vec<(f64, f64)>,
        /// Years of service below which nothing is due.
        minimum: f64,
        /// Most months due.
        cap: f64,
    },
}

impl Scale {
    /// Code du travail, D1237-1: retirement at the employee's wish.
    pub fn legal_voluntary() -> Self {
        Self::Steps(vec![(10.0, 0.5), (15.0, 1.0), (20.0, 1.5), (30.0, 2.0)])
    }

    /// Code du travail, R1234-2 (and L1237-7): dismissal, and retirement at the employer's wish.
    pub fn legal_dismissal() -> Self {
        Self::Accruals {
            bands: vec![(0.0, 0.25), (10.0, 1.0 / 3.0)],
            minimum: 8.0 / 12.0,
            cap: f64::INFINITY,
        }
    }

    /// Months of pay due at a seniority in years.
    pub fn months(&self, seniority: f64) -> f64 {
        match self {
            Self::Steps(_) => self.step(seniority).map_or(0.0, |(_, months)| months),
            Self::Accruals { minimum, .. } if seniority < *minimum => 0.0,
            Self::Accruals { bands, cap, .. } => {
                let ends = bands.iter().skip(1).map(|(start, _)| *start).chain([f64::INFINITY]);
                let months: f64 = bands
                    .iter()
                    .zip(ends)
                    .map(|((start, rate), end)| rate * (seniority.min(end) - start).max(0.0))
                    .sum();
                months.min(*cap)
            }
        }
    }

    /// Seniority that opens the step reached; `None` for a scale that accrues every year or below the first step.
    pub fn opening(&self, seniority: f64) -> Option<f64> {
        self.step(seniority).map(|(years, _)| years)
    }

    fn step(&self, seniority: f64) -> Option<(f64, f64)> {
        match self {
            Self::Steps(steps) => steps.iter().rev().find(|(years, _)| seniority >= *years).copied(),
            Self::Accruals { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voluntary_scale_steps_at_ten_fifteen_twenty_and_thirty_years() {
        let scale = Scale::legal_voluntary();
        let months = [9.99, 10.0, 15.0, 29.9, 30.0].map(|years| scale.months(years));
        assert_eq!(months, [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(scale.opening(29.9), Some(20.0));
    }

    #[test]
    fn the_dismissal_scale_accrues_a_quarter_then_a_third() {
        let scale = Scale::legal_dismissal();
        assert_eq!(scale.months(0.5), 0.0);
        assert!((scale.months(10.0) - 2.5).abs() < 1e-12);
        assert!((scale.months(13.0) - 3.5).abs() < 1e-12);
        assert_eq!(scale.opening(13.0), None);
    }
}

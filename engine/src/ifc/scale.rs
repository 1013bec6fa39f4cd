//! Months of pay an employee leaves with, by seniority. Not collective agreements, which clients supply.

/// Over which years a benefit is earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// From hiring to retirement (ANC method 1).
    StraightLine,
    /// Over the last years that bring the benefit to what it is (IFRIC, April 2021; ANC method 2).
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
            Self::Accruals { bands, cap, .. } => accrued(bands, seniority).min(*cap),
        }
    }

    /// The least seniority that has given, ever since, what is due at `seniority`: the opening of a step, or the year in
    /// which accruals met their cap or came to rest. `None` while every year still adds, or where nothing is due.
    pub fn opening(&self, seniority: f64) -> Option<f64> {
        match self {
            Self::Steps(steps) => {
                let reached = steps.iter().rev().skip_while(|(years, _)| seniority < *years);
                let due = self.step(seniority)?.1;
                reached.take_while(|(_, months)| *months == due).last().map(|(years, _)| *years)
            }
            Self::Accruals { minimum, .. } if seniority < *minimum => None,
            Self::Accruals { bands, minimum, cap } => {
                let due = accrued(bands, seniority).min(*cap);
                let mut before = 0.0;
                for ((start, rate), end) in bands.iter().zip(ends(bands)) {
                    let whole = rate * (seniority.min(end) - start).max(0.0);
                    if before + whole >= due && *rate > 0.0 {
                        // Still adding up to now: nothing is at rest.
                        let resting = seniority > end || before + whole > due;
                        return resting.then(|| (start + (due - before) / rate).max(*minimum));
                    }
                    before += whole;
                }
                None
            }
        }
    }

    fn step(&self, seniority: f64) -> Option<(f64, f64)> {
        match self {
            Self::Steps(steps) => steps.iter().rev().find(|(years, _)| seniority >= *years).copied(),
            Self::Accruals { .. } => None,
        }
    }
}

/// Months of all bands up to a seniority, without minimum or cap.
fn accrued(bands: &[(f64, f64)], seniority: f64) -> f64 {
    bands
        .iter()
        .zip(ends(bands))
        .map(|((start, rate), end)| rate * (seniority.min(end) - start).max(0.0))
        .sum()
}

/// Where each band ends: at the next one's start.
fn ends(bands: &[(f64, f64)]) -> impl Iterator<Item = f64> {
    bands.iter().skip(1).map(|(start, _)| *start).chain([f64::INFINITY])
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

    #[test]
    fn a_cap_opens_in_the_year_that_meets_it() {
        // The case put to the IFRIC in 2021: a month for each year of service, at most sixteen.
        let bands = vec![(0.0, 1.0)];
        let capped = Scale::Accruals { bands, minimum: 0.0, cap: 16.0 };
        assert_eq!([10.0, 16.0, 26.0].map(|years| capped.opening(years)), [None, None, Some(16.0)]);
        // A quarter for ten years, then a half, met by a cap of five at fifteen years.
        let bands = vec![(0.0, 0.25), (10.0, 0.5)];
        let two = Scale::Accruals { bands: bands.clone(), minimum: 0.0, cap: 5.0 };
        assert_eq!([15.0, 40.0].map(|years| two.opening(years)), [None, Some(15.0)]);
        // Met in the first band, though the second still runs; never before anything is due.
        let early = Scale::Accruals { bands: bands.clone(), minimum: 8.0, cap: 1.0 };
        assert_eq!([5.0, 40.0].map(|years| early.opening(years)), [None, Some(8.0)]);
        // A last band without accrual is at rest as a cap is.
        let still =
            Scale::Accruals { bands: vec![(0.0, 0.25), (10.0, 0.0)], minimum: 0.0, cap: f64::INFINITY };
        assert_eq!([9.0, 30.0].map(|years| still.opening(years)), [None, Some(10.0)]);
    }

    #[test]
    fn steps_of_equal_months_are_one_step() {
        let scale = Scale::Steps(vec![(10.0, 1.0), (20.0, 2.0), (30.0, 2.0)]);
        assert_eq!(
            [5.0, 12.0, 25.0, 35.0].map(|years| scale.opening(years)),
            [None, Some(10.0), Some(20.0), Some(20.0)]
        );
    }
}

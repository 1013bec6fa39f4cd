//! The obligation for one employee. Not sums over staff.

use jiff::civil::{Date, date};

use super::employee::Shift;
use super::{Assumptions, Attribution, Band, Employee};
use crate::rates::Discount;
use crate::tables::Fraction;

/// What one employee's indemnity is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Obligation {
    /// Obligation earned at valuation, in euros.
    pub dbo: f64,
    /// Cost of the coming year, in euros.
    pub service_cost: f64,
    /// Indemnity with charges at retirement, in euros.
    pub projected_benefit: f64,
    /// Probability of being present at retirement.
    pub probability: f64,
    /// Day of retirement, never before valuation.
    pub retirement: Date,
    /// Years to retirement.
    pub years: f64,
}

/// The obligation for one employee under assumptions.
pub fn value(employee: &Employee<'_>, assumptions: &Assumptions) -> Obligation {
    shifted(employee, assumptions, Shift::default())
}

/// The obligation with assumptions shifted.
pub(crate) fn shifted(employee: &Employee<'_>, assumptions: &Assumptions, shift: Shift) -> Obligation {
    let months = employee.retirement_months + shift.retirement_months;
    let retirement = retirement_date(employee.birth, months).max(assumptions.valuation);
    let age = years(employee.birth, assumptions.valuation);
    let left = years(assumptions.valuation, retirement);
    let served = years(employee.hire, assumptions.valuation);
    let seniority = years(employee.hire, retirement);
    let growth = 1.0 + employee.salary_growth + shift.salary_growth;
    let projected_benefit = assumptions.scale.months(seniority) * employee.annual_salary / 12.0
        * growth.powf(left)
        * (1.0 + assumptions.social_charge_rate);
    let survival =
        employee.survivors.at(age + left, Fraction::Udd) / employee.survivors.at(age, Fraction::Udd);
    let bands = assumptions.turnover.get(employee.turnover).map_or(&[][..], Vec::as_slice);
    let probability = survival * staying(bands, age, left, 1.0 + shift.turnover);
    let rate = assumptions.discount.rate(left) + shift.discount;
    let present_value = projected_benefit * probability * (1.0 + rate).powf(-left);
    let (dbo, service_cost) = attribute(assumptions, present_value, served, seniority, left);
    Obligation { dbo, service_cost, projected_benefit, probability, retirement, years: left }
}

/// Birth day plus an age in months; a day that does not exist becomes the first of the next month.
pub fn retirement_date(birth: Date, months: i32) -> Date {
    let count = i32::from(birth.year()) * 12 + i32::from(birth.month()) - 1 + months;
    let first_of = |count: i32| date(count.div_euclid(12) as i16, (count.rem_euclid(12) + 1) as i8, 1);
    let month = first_of(count);
    if birth.day() <= month.days_in_month() {
        date(month.year(), month.month(), birth.day())
    } else {
        first_of(count + 1)
    }
}

/// Sensitivities and durations need the rate that discounts a time.
pub(crate) fn modified_duration(discount: &Discount, obligation: &Obligation) -> f64 {
    obligation.dbo * obligation.years / (1.0 + discount.rate(obligation.years))
}

fn attribute(assumptions: &Assumptions, value: f64, served: f64, seniority: f64, left: f64) -> (f64, f64) {
    if value == 0.0 || seniority <= 0.0 {
        return (0.0, 0.0);
    }
    let opening = match assumptions.attribution {
        Attribution::StraightLine => None,
        Attribution::Ias19Of2021 => {
            assumptions.scale.opening(seniority).filter(|opening| *opening > 0.0 && seniority > *opening)
        }
    };
    let period = opening.unwrap_or(seniority);
    let waiting = seniority - period;
    let earning = if served < waiting { (served + 1.0 - waiting).max(0.0) } else { 1.0 };
    let dbo = value * (served - waiting).max(0.0) / period;
    (dbo, value * earning.min(left).min(1.0) / period)
}

/// Probability of not leaving between an age and `left` years later; rates hold by age last birthday.
fn staying(bands: &[Band], age: f64, left: f64, factor: f64) -> f64 {
    let end = age + left;
    let mut log = 0.0;
    let mut at = age;
    while at < end {
        let next = (at.floor() + 1.0).min(end);
        let whole = at.floor() as i32;
        let rate =
            bands.iter().find(|band| (band.from..=band.to).contains(&whole)).map_or(0.0, |band| band.rate);
        log += (1.0 - (rate * factor).min(1.0)).ln() * (next - at);
        at = next;
    }
    log.exp()
}

fn years(from: Date, to: Date) -> f64 {
    let days = from.until(to).map_or(0, |span| span.get_days());
    f64::from(days) / 365.25
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retirement_day_that_does_not_exist_becomes_the_first_of_the_next_month() {
        assert_eq!(retirement_date(date(1960, 2, 29), 62 * 12 + 12), date(2023, 3, 1));
        assert_eq!(retirement_date(date(1960, 11, 30), 64 * 12 + 3), date(2025, 3, 1));
        assert_eq!(retirement_date(date(1960, 11, 5), 64 * 12 + 3), date(2025, 2, 5));
    }

    #[test]
    fn a_turnover_of_ten_percent_over_two_years_leaves_eighty_one_percent() {
        let bands = [Band { from: 30, to: 40, rate: 0.1 }];
        assert!((staying(&bands, 33.5, 2.0, 1.0) - 0.81).abs() < 1e-12);
        assert!((staying(&bands, 41.0, 2.0, 1.0) - 1.0).abs() < 1e-12);
    }
}

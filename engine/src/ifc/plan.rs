//! The obligation for each employee: assumptions prepared once, then a few multiplications and one exponential a head.
//! Not sums over staff, nor reading.

use std::ops::Range;

use jiff::civil::Date;

use super::staff::{Line, Staff, day, months_later, years};
use super::{Attribution, Scale};
use crate::numeric::{fill, in_chunks, sum};
use crate::quantity::Probability;
use crate::rates::Discount;
use crate::tables::{Fraction, Survivors};
use crate::watch::Watch;

/// A turnover rate between two ages, both included (ages last birthday).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// First age.
    pub from: i32,
    /// Last age.
    pub to: i32,
    /// Probability to leave in a year.
    pub rate: Probability,
}

/// What holds for the employees of one category.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Yearly growth of pay.
    pub salary_growth: f64,
    /// Probabilities to leave.
    pub turnover: Vec<Band>,
    /// Social charges on the benefit, as a part of it.
    pub social_charge_rate: f64,
    /// Months of pay by seniority.
    pub scale: Scale,
}

/// A staff with all that its valuation rests on.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// Day of valuation.
    pub valuation: Date,
    /// Discounting.
    pub discount: Discount,
    /// Over which years a benefit is earned.
    pub attribution: Attribution,
    /// Rules by category, in the order of [`Staff::categories`].
    pub rules: Vec<Rules>,
    /// Survivors in use.
    pub tables: Vec<&'a Survivors>,
    /// For each employee, the index of his survivors in `tables`.
    pub table_of: Vec<u16>,
    /// For each employee, his retirement age in months.
    pub months_of: Vec<i32>,
}

/// What a sensitivity changes; zero changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shift {
    /// Added to the discount rate.
    pub discount: f64,
    /// Added to the growth of pay.
    pub salary_growth: f64,
    /// Relative change of turnover: 0.1 for ten per cent more.
    pub turnover: f64,
    /// Added to the retirement age, in months.
    pub retirement_months: i32,
}

/// One employee's benefit at one exit, with every intermediate figure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Obligation {
    /// Obligation earned at valuation, in euros.
    pub dbo: f64,
    /// Cost of the coming year, in euros.
    pub service_cost: f64,
    /// Benefit with charges at the exit, in euros.
    pub projected_benefit: f64,
    /// Probability of being present at the exit.
    pub probability: f64,
    /// Of which survival.
    pub survival: f64,
    /// Value now of one euro at the exit.
    pub discount_factor: f64,
    /// Value now of the whole benefit, in euros.
    pub present_value: f64,
    /// Day of the exit.
    pub exit: Date,
    /// Age now, in years.
    pub age: f64,
    /// Years to the exit.
    pub years: f64,
    /// Years of service now.
    pub served: f64,
    /// Years of service at the exit.
    pub seniority: f64,
    /// Months of pay due at the exit.
    pub months: f64,
    /// Years over which the benefit is earned.
    pub period: f64,
}

/// Obligation and service cost of a whole staff, in euros.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Total {
    /// Obligation earned at valuation.
    pub dbo: f64,
    /// Cost of the coming year.
    pub service_cost: f64,
}

/// Employees of a block: sums are made block by block, and the watch is looked at between two.
pub(crate) const CHUNK: usize = 4096;

/// A plan with the logarithms that a shift needs.
pub(crate) struct Prepared<'p, 'a> {
    plan: &'p Plan<'a>,
    shift: Shift,
    valuation_day: i32,
    flat: Option<f64>,
    rules: Vec<Ready<'p>>,
}

struct Ready<'p> {
    rules: &'p Rules,
    ln_growth: f64,
    hazard: Hazard,
}

impl<'a> Plan<'a> {
    pub(crate) fn prepare(&self, shift: Shift) -> Prepared<'_, 'a> {
        let ready = |rules| Ready::new(rules, shift);
        let flat = match self.discount {
            Discount::Flat(rate) => Some((rate.value() + shift.discount).ln_1p()),
            Discount::Curve(_) => None,
        };
        let rules = self.rules.iter().map(ready).collect();
        Prepared { plan: self, shift, valuation_day: day(self.valuation), flat, rules }
    }

    /// Sums over the staff, the same bytes for any number of threads; `None` when a stop was asked for.
    pub fn total(&self, staff: &Staff, shift: Shift, watch: &Watch) -> Option<Total> {
        let prepared = self.prepare(shift);
        let parts = in_chunks(staff.len(), CHUNK, watch, |range| prepared.total(staff, range))?;
        Some(Total {
            dbo: sum(parts.iter().map(|part| part.dbo)),
            service_cost: sum(parts.iter().map(|part| part.service_cost)),
        })
    }

    /// Every employee's obligation; `None` when a stop was asked for.
    pub fn each(&self, staff: &Staff, watch: &Watch) -> Option<Vec<Obligation>> {
        let prepared = self.prepare(Shift::default());
        let mut all = vec![Obligation::default(); staff.len()];
        fill(&mut all, CHUNK, watch, |first, part| {
            for (index, one) in part.iter_mut().enumerate() {
                *one = prepared.retirement(staff, first + index);
            }
        })?;
        Some(all)
    }
}

impl Prepared<'_, '_> {
    /// Obligation and service cost of some of the staff, added in their order.
    pub(crate) fn total(&self, staff: &Staff, range: Range<usize>) -> Total {
        let mut total = Total::default();
        for index in range {
            let one = self.retirement(staff, index);
            total.dbo += one.dbo;
            total.service_cost += one.service_cost;
        }
        total
    }

    /// The benefit paid at retirement, by the scale.
    #[inline]
    pub(crate) fn retirement(&self, staff: &Staff, index: usize) -> Obligation {
        let line = staff.at(index);
        let exit = self.retires(&line, index);
        let scale = &self.rules[line.category].rules.scale;
        let seniority = years(line.hire_day, day(exit));
        let months = scale.months(seniority);
        let opening = match self.plan.attribution {
            Attribution::StraightLine => None,
            Attribution::Ias19Of2021 => {
                scale.opening(seniority).filter(|opening| *opening > 0.0 && seniority > *opening)
            }
        };
        self.value(&line, index, exit, months, None, opening.unwrap_or(seniority))
    }

    pub(crate) fn valuation(&self) -> Date {
        self.plan.valuation
    }

    /// The day of retirement, never before the valuation.
    #[inline]
    pub(crate) fn retires(&self, line: &Line, index: usize) -> Date {
        let months = self.plan.months_of[index] + self.shift.retirement_months;
        months_later(line.birth, months).max(self.plan.valuation)
    }

    /// A benefit of so many months of pay, or of a fixed sum, paid at a day to who is present, earned over the last
    /// `period` years before it.
    #[inline]
    pub(crate) fn value(
        &self,
        line: &Line,
        index: usize,
        exit: Date,
        months: f64,
        fixed: Option<f64>,
        period: f64,
    ) -> Obligation {
        let ready = &self.rules[line.category];
        let exit_day = day(exit);
        let age = years(line.birth_day, self.valuation_day);
        let left = years(self.valuation_day, exit_day);
        let served = years(line.hire_day, self.valuation_day);
        let seniority = years(line.hire_day, exit_day);
        let survivors = self.plan.tables[usize::from(self.plan.table_of[index])];
        let survival = survivors.at(age + left, Fraction::Udd) / survivors.at(age, Fraction::Udd);
        let staying = (ready.hazard.at(age) - ready.hazard.at(age + left)).exp();
        let probability = survival * staying;
        let charged = 1.0 + ready.rules.social_charge_rate;
        let projected_benefit = fixed
            .unwrap_or_else(|| months * line.annual_salary / 12.0 * (ready.ln_growth * left).exp())
            * charged;
        let ln_rate =
            self.flat.unwrap_or_else(|| (self.plan.discount.rate(left) + self.shift.discount).ln_1p());
        let discount_factor = (-ln_rate * left).exp();
        let present_value = projected_benefit * probability * discount_factor;
        let (dbo, service_cost) = attribute(present_value, served, seniority, left, period);
        Obligation {
            dbo,
            service_cost,
            projected_benefit,
            probability,
            survival,
            discount_factor,
            present_value,
            exit,
            age,
            years: left,
            served,
            seniority,
            months,
            period,
        }
    }

    /// Time to the exit over one plus the rate that discounts it: each obligation's part of `−dln(DBO)/di`.
    pub(crate) fn duration(&self, one: &Obligation) -> f64 {
        one.dbo * one.years / (1.0 + self.plan.discount.rate(one.years))
    }
}

/// The part of a value that is earned, and what the coming year earns.
#[inline]
fn attribute(value: f64, served: f64, seniority: f64, left: f64, period: f64) -> (f64, f64) {
    if value == 0.0 || seniority <= 0.0 || period <= 0.0 {
        return (0.0, 0.0);
    }
    let waiting = seniority - period;
    let earning = if served < waiting { (served + 1.0 - waiting).max(0.0) } else { 1.0 };
    let dbo = value * (served - waiting).max(0.0) / period;
    (dbo, value * earning.min(left).min(1.0) / period)
}

impl<'p> Ready<'p> {
    fn new(rules: &'p Rules, shift: Shift) -> Self {
        Self {
            rules,
            ln_growth: (rules.salary_growth + shift.salary_growth).ln_1p(),
            hazard: Hazard::new(&rules.turnover, 1.0 + shift.turnover),
        }
    }
}

/// Cumulated `−ln(1 − w)` by age: turnover between two ages is one difference.
struct Hazard {
    /// At each integer age, what has cumulated, and what the year adds.
    ages: Vec<(f64, f64)>,
}

impl Hazard {
    fn new(bands: &[Band], factor: f64) -> Self {
        let mut cumulated = 0.0;
        let year = |age: i32| {
            let rate = bands
                .iter()
                .find(|band| (band.from..=band.to).contains(&age))
                .map_or(0.0, |band| band.rate.value());
            let hazard = -(-(rate * factor).min(1.0 - 1e-12)).ln_1p();
            let before = cumulated;
            cumulated += hazard;
            (before, hazard)
        };
        Self { ages: (0..=330).map(year).collect() }
    }

    #[inline]
    fn at(&self, age: f64) -> f64 {
        let whole = (age as usize).min(self.ages.len() - 1);
        let (before, year) = self.ages[whole];
        before + year * (age - whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turnover_of_ten_percent_over_two_years_leaves_eighty_one_percent() {
        let hazard = Hazard::new(&[Band { from: 30, to: 40, rate: Probability::new(0.1).unwrap() }], 1.0);
        let staying = |age: f64, left: f64| (hazard.at(age) - hazard.at(age + left)).exp();
        assert!((staying(33.5, 2.0) - 0.81).abs() < 1e-12);
        assert!((staying(41.0, 2.0) - 1.0).abs() < 1e-12);
    }
}

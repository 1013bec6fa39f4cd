//! What an obligation is computed from: an employee, and the assumptions that hold for him. Not reading.

use jiff::civil::Date;

use super::Scale;
use crate::rates::Discount;
use crate::tables::Survivors;

/// One employee with the survivors of his table and generation.
#[derive(Debug, Clone)]
pub struct Employee<'a> {
    /// The client's own reference.
    pub id: String,
    /// Day of birth.
    pub birth: Date,
    /// Day of hiring.
    pub hire: Date,
    /// Gross pay of a year, in euros.
    pub annual_salary: f64,
    /// Mortality.
    pub survivors: &'a Survivors,
    /// Retirement age in months.
    pub retirement_months: i32,
    /// Yearly growth of pay.
    pub salary_growth: f64,
    /// Index of the turnover that holds for the employee in [`Assumptions::turnover`].
    pub turnover: usize,
}

/// A turnover rate between two ages, both included (ages last birthday).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// First age.
    pub from: i32,
    /// Last age.
    pub to: i32,
    /// Probability to leave in a year.
    pub rate: f64,
}

/// Over which years a benefit is earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// From hiring to retirement (ANC method 1).
    StraightLine,
    /// Over the last years that open the step reached (IFRIC, April 2021; ANC method 2).
    Ias19Of2021,
}

/// Assumptions common to all employees.
#[derive(Debug, Clone)]
pub struct Assumptions {
    /// Day of valuation.
    pub valuation: Date,
    /// Discounting.
    pub discount: Discount,
    /// Turnovers by category, or one.
    pub turnover: Vec<Vec<Band>>,
    /// Social charges on the indemnity, as a part of it.
    pub social_charge_rate: f64,
    /// Scale of the indemnity.
    pub scale: Scale,
    /// Attribution of the benefit to years.
    pub attribution: Attribution,
}

/// What a sensitivity changes; zero changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    pub(crate) discount: f64,
    pub(crate) salary_growth: f64,
    pub(crate) turnover: f64,
    pub(crate) retirement_months: i32,
}

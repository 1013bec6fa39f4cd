//! Employees in columns, as valuations run through them. Not assumptions.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

/// A man or a woman, for whom tables differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// A man.
    M,
    /// A woman.
    F,
}

/// One employee.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Employee {
    /// Man or woman.
    pub sex: Sex,
    /// Day of birth.
    pub birth: Date,
    /// Day of hiring.
    pub hire: Date,
    /// Gross pay of a year, in euros.
    pub annual_salary: f64,
    /// Index of the category in [`Staff::categories`].
    pub category: u16,
    /// Retirement age of his own, in months.
    pub retirement_months: Option<i32>,
}

/// Employees, a column a quantity.
#[derive(Debug, Clone, Default)]
pub struct Staff {
    /// Names of the categories; the empty one is that of employees without.
    pub categories: Vec<String>,
    known: BTreeMap<String, u16>,
    sexes: Vec<Sex>,
    births: Vec<Date>,
    birth_days: Vec<i32>,
    hires: Vec<Date>,
    hire_days: Vec<i32>,
    salaries: Vec<f64>,
    categories_of: Vec<u16>,
    retirements: Vec<i32>,
}

impl Staff {
    /// Nobody yet, with room for so many.
    pub(crate) fn with_room(count: usize) -> Self {
        Self {
            sexes: Vec::with_capacity(count),
            births: Vec::with_capacity(count),
            birth_days: Vec::with_capacity(count),
            hires: Vec::with_capacity(count),
            hire_days: Vec::with_capacity(count),
            salaries: Vec::with_capacity(count),
            categories_of: Vec::with_capacity(count),
            retirements: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Adds the employees of another after these; `false` where the categories of both are too many.
    pub(crate) fn append(&mut self, other: &Self) -> bool {
        let categories: Option<Vec<u16>> = other.categories.iter().map(|name| self.category(name)).collect();
        let Some(categories) = categories else { return false };
        self.sexes.extend(&other.sexes);
        self.births.extend(&other.births);
        self.birth_days.extend(&other.birth_days);
        self.hires.extend(&other.hires);
        self.hire_days.extend(&other.hire_days);
        self.salaries.extend(&other.salaries);
        self.categories_of.extend(other.categories_of.iter().map(|own| categories[usize::from(*own)]));
        self.retirements.extend(&other.retirements);
        true
    }

    /// Adds an employee.
    pub fn push(&mut self, employee: Employee) {
        self.sexes.push(employee.sex);
        self.births.push(employee.birth);
        self.birth_days.push(day(employee.birth));
        self.hires.push(employee.hire);
        self.hire_days.push(day(employee.hire));
        self.salaries.push(employee.annual_salary);
        self.categories_of.push(employee.category);
        self.retirements.push(employee.retirement_months.unwrap_or(0));
    }

    /// Index of a category, added when new; `None` past 65 535 of them.
    pub fn category(&mut self, name: &str) -> Option<u16> {
        if let Some(index) = self.known.get(name) {
            return Some(*index);
        }
        let index = u16::try_from(self.categories.len()).ok()?;
        self.categories.push(name.to_owned());
        self.known.insert(name.to_owned(), index);
        Some(index)
    }

    /// Number of employees.
    pub fn len(&self) -> usize {
        self.births.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.births.is_empty()
    }

    /// The employee at an index below [`Self::len`].
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Line {
        Line {
            sex: self.sexes[index],
            birth: self.births[index],
            birth_day: self.birth_days[index],
            hire: self.hires[index],
            hire_day: self.hire_days[index],
            annual_salary: self.salaries[index],
            category: usize::from(self.categories_of[index]),
            own_months: self.retirements[index],
        }
    }

    /// The employees at some indices, in that order.
    pub(crate) fn subset(&self, indices: &[usize]) -> Self {
        let mut subset =
            Self { categories: self.categories.clone(), known: self.known.clone(), ..Self::default() };
        for &index in indices {
            let line = self.at(index);
            subset.push(Employee {
                sex: line.sex,
                birth: line.birth,
                hire: line.hire,
                annual_salary: line.annual_salary,
                category: self.categories_of[index],
                retirement_months: (line.own_months > 0).then_some(line.own_months),
            });
        }
        subset
    }
}

/// One employee with days counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) sex: Sex,
    pub(crate) birth: Date,
    pub(crate) birth_day: i32,
    pub(crate) hire: Date,
    pub(crate) hire_day: i32,
    pub(crate) annual_salary: f64,
    pub(crate) category: usize,
    /// Zero where the assumption holds.
    pub(crate) own_months: i32,
}

/// Days from 1970-01-01.
#[inline]
pub(crate) fn day(of: Date) -> i32 {
    // A year that begins in March puts the leap day last (Hinnant, chrono-compatible date algorithms).
    let (year, month, day) = (i32::from(of.year()), i32::from(of.month()), i32::from(of.day()));
    let year = year - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Years between two counted days: actual days over 365.25.
#[inline]
pub(crate) fn years(from: i32, to: i32) -> f64 {
    f64::from(to - from) / 365.25
}

/// A day plus calendar months; a day that does not exist becomes the first of the next month.
#[inline]
pub fn months_later(from: Date, months: i32) -> Date {
    let count = i32::from(from.year()) * 12 + i32::from(from.month()) - 1 + months;
    let first_of = |count: i32| date(count.div_euclid(12) as i16, (count.rem_euclid(12) + 1) as i8, 1);
    // Every month has 28 days, and the first is a day of all of them.
    if from.day() <= 28 {
        return date(count.div_euclid(12) as i16, (count.rem_euclid(12) + 1) as i8, from.day());
    }
    let month = first_of(count);
    if from.day() <= month.days_in_month() {
        date(month.year(), month.month(), from.day())
    } else {
        first_of(count + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retirement_day_that_does_not_exist_becomes_the_first_of_the_next_month() {
        assert_eq!(months_later(date(1960, 2, 29), 62 * 12 + 12), date(2023, 3, 1));
        assert_eq!(months_later(date(1960, 11, 30), 64 * 12 + 3), date(2025, 3, 1));
        assert_eq!(months_later(date(1960, 11, 5), 64 * 12 + 3), date(2025, 2, 5));
    }

    #[test]
    fn days_are_counted_as_the_calendar_counts_them() {
        let epoch = date(1970, 1, 1);
        let mut at = date(1850, 1, 1);
        while at < date(2200, 12, 31) {
            let expected = epoch.until(at).unwrap().get_days();
            assert_eq!(day(at), expected, "{at}");
            at = at.checked_add(jiff::Span::new().days(17)).unwrap();
        }
    }
}

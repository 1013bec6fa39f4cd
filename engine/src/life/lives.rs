//! The lives a contract rests on, and the probability that it still pays.
//! Not payments.

use crate::field::{Field, Kind};
use crate::quantity::Age;
use crate::reader::{Reader, unknown};
use crate::tables::{Fraction, Survivors, Table};

/// A life in a request.
pub(crate) const LIFE: &[Field] = &[
    Field::new("table", Kind::Table).required(),
    Field::number("age", 0.0, 130.0).required().unit("year"),
    Field::integer("birth_year", 1800, 2200).unit("year"),
];

/// One insured life.
#[derive(Debug, Clone, Copy)]
pub struct Life<'a> {
    /// Survivors of its table and generation.
    pub survivors: &'a Survivors,
    /// Exact age in years, below the closing age.
    pub age: Age,
}

impl Life<'_> {
    /// Probability of being alive `time` years from now.
    pub fn survival(&self, time: f64, fraction: Fraction) -> f64 {
        let age = self.age.value();
        self.survivors.at(age + time, fraction) / self.survivors.at(age, fraction)
    }

    /// Years to the closing age.
    pub fn horizon(&self) -> f64 {
        self.survivors.closing_age() - self.age.value()
    }
}

/// How two lives, assumed independent, are joined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Status {
    /// While both live.
    Joint,
    /// While one lives.
    Last,
    /// While the first lives, then this part while the second lives.
    Reversion(f64),
}

/// The lives of a contract.
#[derive(Debug, Clone, Copy)]
pub enum Lives<'a> {
    /// One life.
    Single(Life<'a>),
    /// Two lives and how they are joined.
    Pair(Life<'a>, Life<'a>, Status),
}

impl<'a> Lives<'a> {
    /// The same lives, so many years older.
    pub fn later(&self, years: f64) -> Self {
        let older = |life: &Life<'a>| Life { survivors: life.survivors, age: life.age.after(years) };
        match self {
            Self::Single(life) => Self::Single(older(life)),
            Self::Pair(first, second, status) => Self::Pair(older(first), older(second), *status),
        }
    }

    /// Probability (weighted by the reversion) that the contract pays at `time`.
    pub fn paying(&self, time: f64, fraction: Fraction) -> f64 {
        match self {
            Self::Single(life) => life.survival(time, fraction),
            Self::Pair(first, second, status) => {
                let one = first.survival(time, fraction);
                let two = second.survival(time, fraction);
                match status {
                    Status::Joint => one * two,
                    Status::Last => one + two - one * two,
                    Status::Reversion(part) => one + part * (1.0 - one) * two,
                }
            }
        }
    }

    /// Years after which the contract never pays.
    pub fn horizon(&self) -> f64 {
        match self {
            Self::Single(life) => life.horizon(),
            Self::Pair(first, second, Status::Joint) => first.horizon().min(second.horizon()),
            Self::Pair(first, second, _) => first.horizon().max(second.horizon()),
        }
    }

    /// Years after which not all lives can be alive.
    pub fn shortest(&self) -> f64 {
        match self {
            Self::Single(life) => life.horizon(),
            Self::Pair(first, second, _) => first.horizon().min(second.horizon()),
        }
    }

    /// Times from now at which a life reaches an integer age, where survivors have a corner; in years, first period only.
    pub fn corners(&self) -> Vec<f64> {
        let corner = |life: &Life<'_>| life.age.value().ceil() - life.age.value();
        match self {
            Self::Single(life) => vec![corner(life)],
            Self::Pair(first, second, _) => vec![corner(first), corner(second)],
        }
    }
}

/// Reads one life `{table, age, birth_year?}` and finds its survivors.
pub(crate) fn read_life<'a>(reader: &Reader<'a>) -> Option<Life<'a>> {
    read_named(reader, ["table", "age", "birth_year"])
}

/// As [`read_life`], under names of its own.
pub(crate) fn read_named<'a>(reader: &Reader<'a>, names: [&str; 3]) -> Option<Life<'a>> {
    let [table_name, age_name, year_name] = names;
    let name = reader.text(table_name);
    let age = reader.number(age_name);
    let birth_year = reader.integer(year_name);
    let name = name?;
    // A faulty birth year has been told already.
    if birth_year.is_none() && reader.value(year_name).is_some() {
        return None;
    }
    let survivors = find_survivors(reader, table_name, name, birth_year, &reader.place(year_name))?;
    let age = age?;
    let table = ("table", name.to_owned());
    let found = ("found", age.to_string());
    if age < f64::from(survivors.first_age) {
        let first = ("first", survivors.first_age.to_string());
        reader.fault(age_name, "age_before_table", &[table, found, first]);
        return None;
    }
    if survivors.at(age, Fraction::Udd) <= 0.0 {
        let last = ("last", survivors.closing_age().to_string());
        reader.fault(age_name, "age_after_table", &[table, found, last]);
        return None;
    }
    Some(Life { survivors, age: Age::new(age).ok()? })
}

/// The survivors of a named table, for a birth year where the table is by generation.
pub(crate) fn find_survivors<'a>(
    reader: &Reader<'a>,
    key: &str,
    name: &str,
    birth_year: Option<i64>,
    year_place: &str,
) -> Option<&'a Survivors> {
    let call = reader.call();
    match call.table(name) {
        None => {
            let codes = ("unknown_value", "unknown_value_near");
            unknown(call, &reader.place(key), name, &call.table_names(), codes);
            None
        }
        Some(Table::Period(survivors)) => Some(survivors),
        Some(Table::Generational { first_year, columns }) => {
            let first_year = i64::from(*first_year);
            let last_year = first_year + columns.len() as i64 - 1;
            let mut parameters = vec![
                ("table", name.to_owned()),
                ("first", first_year.to_string()),
                ("last", last_year.to_string()),
            ];
            let Some(year) = birth_year else {
                call.faults().push(year_place, "birth_year_missing", &parameters);
                return None;
            };
            let column = usize::try_from(year - first_year).ok().and_then(|index| columns.get(index));
            if column.is_none() {
                parameters.push(("found", year.to_string()));
                call.faults().push(year_place, "birth_year_unknown", &parameters);
            }
            column
        }
    }
}

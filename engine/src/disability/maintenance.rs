//! Maintenance tables that the client brings: those still incapacitated or disabled by age at entry and duration, and
//! those who pass from one to the other. Regulatory tables are not in our data.

use serde_json::Value;

use crate::field::{Field, Kind};
use crate::reader::{self, Reader, join, shorten};

const MOST_AGES: usize = 131;
const MOST_DURATIONS: usize = 600;
const CELL: Kind = Kind::Number { minimum: 0.0, maximum: 1e12 };
/// A table: rows by age at entry, columns by duration from zero; or the same as CSV (`age,0,1,2…`).
pub(super) const TABLE: &[Field] = &[
    Field::integer("first_age", 0, 130).unit("year"),
    Field::list("rows", &Kind::List { of: &CELL, minimum: 2, maximum: MOST_DURATIONS }, 1, MOST_AGES),
    Field::text("csv"),
];

/// A table read.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Name in the request.
    pub name: String,
    /// Age at entry of the first row, in years.
    pub first_age: u32,
    /// Values by duration, a row an age at entry.
    pub rows: Vec<Vec<f64>>,
}

/// What the cells of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    /// Those still there: above zero at first, never increasing.
    Survivors,
    /// Those who pass: any that are not negative.
    Passages,
}

impl Maintenance {
    /// The row of an age at entry.
    pub fn row(&self, age: u32) -> Option<&[f64]> {
        self.rows.get(age.checked_sub(self.first_age)? as usize).map(Vec::as_slice)
    }

    /// Age at entry of the last row.
    pub fn last_age(&self) -> u32 {
        self.first_age + self.rows.len() as u32 - 1
    }

    /// The row of an age at entry, told where the table has none.
    pub(super) fn row_or_tell(&self, age: u32, reader: &Reader<'_>, key: &str) -> Option<&[f64]> {
        let row = self.row(age);
        if row.is_none() {
            let table = ("table", self.name.clone());
            let found = ("found", age.to_string());
            if age < self.first_age {
                reader.fault(key, "age_before_table", &[table, found, ("first", self.first_age.to_string())]);
            } else {
                let last = (self.last_age() + 1).to_string();
                reader.fault(key, "age_after_table", &[table, found, ("last", last)]);
            }
        }
        row
    }
}

/// Those of a row still there at a duration, linear between columns, nobody beyond the last.
pub fn still(row: &[f64], duration: f64) -> f64 {
    let whole = duration.floor();
    let at = |index: usize| row.get(index).copied().unwrap_or(0.0);
    let left = at(whole as usize);
    left + (duration - whole) * (at(whole as usize + 1) - left)
}

/// Reads a table that `reader` stands on, and checks its cells.
pub(super) fn read(name: &str, reader: &Reader<'_>, cells: Cells) -> Option<Maintenance> {
    reader.exclude("rows", "csv");
    let (first_age, rows) = match reader.text("csv") {
        Some(text) => {
            reader.refuse("first_age", "csv");
            parse(text, reader)?
        }
        None => {
            reader.required("rows");
            reader.required("first_age");
            (u32::try_from(reader.integer("first_age")?).ok()?, numbers(reader)?)
        }
    };
    let wrong = |row: &Vec<f64>| match cells {
        Cells::Survivors => {
            row.first().is_none_or(|first| *first <= 0.0) || row.windows(2).any(|pair| pair[1] > pair[0])
        }
        Cells::Passages => false,
    };
    if let Some(row) = rows.iter().position(wrong) {
        let parameters = [("table", shorten(name)), ("found", (first_age as usize + row).to_string())];
        reader.fault(if reader.value("csv").is_some() { "csv" } else { "rows" }, "table_values", &parameters);
        return None;
    }
    Some(Maintenance { name: shorten(name), first_age, rows })
}

fn numbers(reader: &Reader<'_>) -> Option<Vec<Vec<f64>>> {
    let call = reader.call();
    let place = reader.place("rows");
    let row = |(index, value): (usize, &Value)| -> Option<Vec<f64>> {
        let place = join(&place, &index.to_string());
        let cells = reader::list(value, &place, 2, MOST_DURATIONS, call)?;
        let numbers: Vec<Option<f64>> = (cells.iter().enumerate())
            .map(|(column, cell)| reader::number(cell, &join(&place, &column.to_string()), 0.0, 1e12, call))
            .collect();
        numbers.into_iter().collect()
    };
    let rows: Vec<Option<Vec<f64>>> = reader.list("rows")?.iter().enumerate().map(row).collect();
    rows.into_iter().collect()
}

/// Reads `age,0,1,2…`: consecutive ages, consecutive durations, numbers with a point.
fn parse(text: &str, reader: &Reader<'_>) -> Option<(u32, Vec<Vec<f64>>)> {
    let tell = |line: usize, found: &str| {
        reader.fault("csv", "csv_cell", &[("line", line.to_string()), ("found", shorten(found))]);
        None
    };
    let mut records = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut first_age: Option<u32> = None;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (index, record) in records.records().enumerate() {
        let Ok(record) = record else { return tell(index + 1, "") };
        if record.len() < 3 || record.len() > MOST_DURATIONS || index > MOST_AGES {
            return tell(index + 1, &record.len().to_string());
        }
        if index == 0 {
            let wrong =
                record.iter().skip(1).enumerate().find(|(rank, cell)| cell.trim() != rank.to_string());
            if let Some((_, cell)) = wrong {
                return tell(1, cell);
            }
            continue;
        }
        let age = record.get(0).unwrap_or_default().trim();
        let expected = first_age.map(|first| first + rows.len() as u32);
        match age.parse::<u32>().ok().filter(|age| *age <= 130 && expected.is_none_or(|next| next == *age)) {
            Some(age) => first_age = Some(first_age.unwrap_or(age)),
            None => return tell(index + 1, age),
        }
        let mut row = Vec::with_capacity(record.len() - 1);
        for cell in record.iter().skip(1) {
            match cell.trim().parse::<f64>().ok().filter(|number| (0.0..=1e12).contains(number)) {
                Some(number) => row.push(number),
                None => return tell(index + 1, cell),
            }
        }
        rows.push(row);
    }
    match first_age {
        Some(first_age) => Some((first_age, rows)),
        None => tell(2, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_still_there_are_linear_between_durations() {
        let row = [100.0, 60.0, 0.0];
        assert_eq!(
            [0.0, 0.5, 1.25, 2.0, 7.5].map(|duration| still(&row, duration)),
            [100.0, 80.0, 45.0, 0.0, 0.0]
        );
    }
}

//! Every cell of a sheet as what the engine declares, all faults at once; what is sound as one canonical CSV. Not files.

use std::collections::HashMap;
use std::sync::Arc;

use aops_engine::{Column, Lines, Values};
use csv::Writer;
use jiff::civil::Date;

use crate::cell::{Noted, Reading, Value, parts};
use crate::fault::{Fault, Faults, short};
use crate::headers::{self, Mapped, Mapping, WORDS};
use crate::matrix;
use crate::plausible;
use crate::profile::{self, Profile};
use crate::sheet::Sheet;

/// What a sheet is checked for.
#[derive(Clone, Copy)]
pub struct Wanted<'w> {
    /// The lines that the module takes.
    pub lines: &'w Lines,
    /// Which column is which, where the names do not tell or tell wrongly.
    pub mapping: &'w Mapping,
    /// The day by which ages are counted.
    pub on: Date,
    /// What replaces identifiers, where that was asked for: the same for the same one.
    pub pseudonym: Option<&'w (dyn Fn(&str) -> String + 'w)>,
}

/// What became of a sheet.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What each column of the file was read as.
    pub mapped: Vec<Mapped>,
    /// What is wrong; where nothing is, `csv` is whole.
    pub faults: Faults,
    /// What is odd, and taken.
    pub warnings: Vec<Fault>,
    /// The lines as the engine names and writes them.
    pub csv: String,
    /// As many as there are.
    pub rows: usize,
    /// Names of the engine's columns, in the order of `csv`.
    pub columns: Vec<&'static str>,
    /// What is in them.
    pub profile: Profile,
}

/// Days that cannot stand before others.
const ORDERS: [(&str, &str); 6] = [
    ("birth_date", "hire_date"),
    ("birth_date", "entry_date"),
    ("entry_date", "exit_date"),
    ("occurrence", "declaration"),
    ("occurrence", "payment"),
    ("occurrence", "closing"),
];

/// A column that is read: where it stands, how it is read, and what was read.
pub(crate) struct Read<'s, 'w> {
    pub(crate) column: &'w Column,
    pub(crate) name: Arc<str>,
    at: usize,
    reading: Reading<'w>,
    pub(crate) cells: Cells<'s>,
}

/// The cells of a column, none where a row has none or a wrong one.
pub(crate) enum Cells<'s> {
    Numbers(Vec<Option<f64>>),
    Days(Vec<Option<Date>>),
    Names(Vec<Option<&'static str>>),
    Texts(Vec<&'s str>),
}

/// Checks a sheet.
pub fn check(sheet: &Sheet, wanted: Wanted<'_>) -> Checked {
    let mapped = headers::guess(sheet.header(), wanted.lines, wanted.mapping);
    if matrix::is_one(sheet.header(), wanted.lines, &mapped) {
        return matrix::check(sheet, wanted.lines);
    }
    let mut faults = headers::faults(sheet.header(), wanted.lines, &mapped, wanted.mapping);
    let mut warnings = sheet.notes.clone();
    left_out(&mapped, &mut warnings);
    let mut columns = columns(sheet, wanted.lines, &mapped, &mut warnings);
    let mut writer = Writer::from_writer(Vec::with_capacity(sheet.len() * 64));
    // Writing to memory does not fail.
    let _ = writer.write_record(columns.iter().map(|one| one.column.name));
    let mut line = Line::default();
    let mut unread = sheet.faults.listed.iter().peekable();
    for index in 0..sheet.len() {
        // Faults stay in the order of the rows.
        while let Some(fault) = unread.next_if(|fault| fault.row <= Some(sheet.row(index))) {
            faults.push(fault.clone());
        }
        line.clear();
        for one in &mut columns {
            one.take(sheet, index, wanted.pseudonym, &mut line, &mut faults);
        }
        ordered(sheet, index, &columns, &mut faults);
        line.write(&mut writer);
    }
    unread.for_each(|fault| faults.push(fault.clone()));
    faults.total += sheet.faults.total - sheet.faults.listed.len();
    repeated(sheet, &columns, &mut faults);
    for one in &columns {
        noted(one, &mut warnings);
    }
    if wanted.pseudonym.is_some() {
        warnings.push(Fault::whole("pseudonyms", &[]));
    }
    warnings.extend(plausible::odd(sheet, &columns, wanted.on));
    let csv = String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default();
    let profile = profile::of(&columns, sheet.len(), wanted.on);
    let columns = columns.iter().map(|one| one.column.name).collect();
    Checked { mapped, faults, warnings, csv, rows: sheet.len(), columns, profile }
}

/// One word for the columns that are of no use, and another for those that name people.
fn left_out(mapped: &[Mapped], warnings: &mut Vec<Fault>) {
    let ours =
        |one: &&Mapped| WORDS.ours.iter().any(|name| headers::plain(name) == headers::plain(&one.column));
    for one in mapped.iter().filter(|one| one.read_as.is_none() && !ours(one)) {
        let code = if one.personal { "dropped_personal" } else { "dropped" };
        let parameters = [("found", one.column.to_string())];
        warnings.push(Fault::new(None, &one.column, code, &parameters));
    }
    for one in mapped.iter().filter(|one| headers::monthly(&headers::plain(&one.column))) {
        warnings.push(Fault::new(None, &one.column, "monthly", &[("found", one.column.to_string())]));
    }
}

/// The columns that are read, in the engine's order.
fn columns<'s, 'w>(
    sheet: &'s Sheet,
    lines: &'w Lines,
    mapped: &[Mapped],
    warnings: &mut Vec<Fault>,
) -> Vec<Read<'s, 'w>> {
    let mut columns = Vec::new();
    for column in &lines.columns {
        let Some(at) = mapped.iter().position(|one| one.read_as.as_deref() == Some(column.name)) else {
            continue;
        };
        let name = Arc::clone(&sheet.header()[at]);
        let mut day_first = true;
        if column.values == Values::Date {
            day_first = days_stand_first(sheet, at);
            if !day_first {
                warnings.push(Fault::new(None, &name, "month_first_read", &[]));
            }
        }
        let room = sheet.len();
        let cells = match column.values {
            Values::Number { .. } | Values::Integer { .. } => Cells::Numbers(Vec::with_capacity(room)),
            Values::Date => Cells::Days(Vec::with_capacity(room)),
            Values::Choice(_) | Values::Flag => Cells::Names(Vec::with_capacity(room)),
            Values::Text => Cells::Texts(Vec::with_capacity(room)),
        };
        columns.push(Read { column, name, at, reading: Reading::new(column, day_first), cells });
    }
    columns
}

/// Days stand before months, as in France, unless the column has days past the twelfth in second place alone.
fn days_stand_first(sheet: &Sheet, column: usize) -> bool {
    let mut second = false;
    for index in 0..sheet.len() {
        let cell = sheet.cell(index, column);
        // What begins by a year needs no order.
        if cell.len() > 4 && cell.as_bytes()[..4].iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Some(parts) = parts(cell).filter(|parts| !parts.named) else { continue };
        if parts.first > 12 {
            return true;
        }
        second |= parts.second > 12;
    }
    !second
}

/// The line that is being written: cells end to end, and where they end.
#[derive(Default)]
struct Line {
    text: String,
    ends: Vec<usize>,
}

impl Line {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) {
        let mut start = 0;
        let cells = self.ends.iter().map(|end| {
            let cell = &self.text[start..*end];
            start = *end;
            cell
        });
        // Writing to memory does not fail.
        let _ = writer.write_record(cells);
    }
}

impl<'s> Read<'s, '_> {
    fn take(
        &mut self,
        sheet: &'s Sheet,
        index: usize,
        pseudonym: Option<&dyn Fn(&str) -> String>,
        line: &mut Line,
        faults: &mut Faults,
    ) {
        let text = sheet.cell(index, self.at);
        let value = if text.is_empty() {
            if self.column.required {
                let parameters = [("name", self.name.to_string())];
                faults.push(Fault::new(Some(sheet.row(index)), &self.name, "missing", &parameters));
            }
            None
        } else {
            match self.reading.read(text) {
                Ok(value) => Some(value),
                Err((code, parameters)) => {
                    faults.push(Fault::new(Some(sheet.row(index)), &self.name, code, &parameters));
                    None
                }
            }
        };
        self.write(value, pseudonym, &mut line.text);
        line.end();
        match (&mut self.cells, value) {
            (Cells::Numbers(cells), Some(Value::Number(number))) => cells.push(Some(number)),
            (Cells::Numbers(cells), _) => cells.push(None),
            (Cells::Days(cells), Some(Value::Day(day))) => cells.push(Some(day)),
            (Cells::Days(cells), _) => cells.push(None),
            (Cells::Names(cells), Some(Value::Name(name))) => cells.push(Some(name)),
            (Cells::Names(cells), Some(Value::Flag(flag))) => {
                cells.push(Some(if flag { "true" } else { "false" }));
            }
            (Cells::Names(cells), _) => cells.push(None),
            (Cells::Texts(cells), _) => cells.push(text),
        }
    }

    fn write(&self, value: Option<Value<'_>>, pseudonym: Option<&dyn Fn(&str) -> String>, to: &mut String) {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = match value {
            Some(Value::Number(number)) => write!(to, "{number}"),
            Some(Value::Day(day)) => write!(to, "{day}"),
            Some(Value::Name(name)) => to.write_str(name),
            Some(Value::Flag(flag)) => write!(to, "{flag}"),
            Some(Value::Text(text)) => match pseudonym.filter(|_| self.column.name == "id") {
                Some(pseudonym) => to.write_str(&pseudonym(text)),
                None => to.write_str(text),
            },
            None => Ok(()),
        };
    }
}

/// The days of a row that stand before what must come first.
fn ordered(sheet: &Sheet, index: usize, columns: &[Read<'_, '_>], faults: &mut Faults) {
    for (first, second) in ORDERS {
        let (Some(first), Some(second)) = (find(columns, first), find(columns, second)) else { continue };
        let (Cells::Days(before), Cells::Days(after)) = (&first.cells, &second.cells) else { continue };
        if let (Some(before), Some(after)) = (before[index], after[index])
            && before > after
        {
            let parameters = [
                ("found", before.to_string()),
                ("limit", after.to_string()),
                ("other", second.name.to_string()),
            ];
            faults.push(Fault::new(Some(sheet.row(index)), &first.name, "after", &parameters));
        }
    }
}

/// Identifiers that stand for somebody else already, where each line must have its own.
fn repeated(sheet: &Sheet, columns: &[Read<'_, '_>], faults: &mut Faults) {
    let Some(ids) = find(columns, "id").filter(|one| one.column.required) else { return };
    let Cells::Texts(texts) = &ids.cells else { return };
    let mut first: HashMap<&str, u32> = HashMap::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let row = sheet.row(index);
        if let Some(before) = first.get(text) {
            let parameters = [("found", short(text)), ("row", before.to_string())];
            faults.push(Fault::new(Some(row), &ids.name, "duplicate", &parameters));
        } else {
            first.insert(text, row);
        }
    }
    faults.listed.sort_by_key(|fault| fault.row);
}

/// What was read in a way that one should know.
fn noted(one: &Read<'_, '_>, warnings: &mut Vec<Fault>) {
    let Noted { serials, short_years, ambiguous } = one.reading.noted;
    for (code, count) in
        [("serial_dates", serials), ("short_years", short_years), ("ambiguous_numbers", ambiguous)]
    {
        if count > 0 {
            warnings.push(Fault::new(None, &one.name, code, &[("count", count.to_string())]));
        }
    }
}

pub(crate) fn find<'c, 's, 'w>(columns: &'c [Read<'s, 'w>], name: &str) -> Option<&'c Read<'s, 'w>> {
    columns.iter().find(|one| one.column.name == name)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::bounds::Bounds;
    use crate::read::read;

    fn checked(text: &str) -> Checked {
        let sheet = read(text.as_bytes(), &Bounds::USUAL).unwrap();
        let lines = aops_engine::lines("ifc").unwrap();
        let mapping = Mapping::new();
        check(&sheet, Wanted { lines: &lines, mapping: &mapping, on: date(2026, 1, 1), pseudonym: None })
    }

    fn told(checked: &Checked) -> Vec<(Option<u32>, &str, &str)> {
        checked.faults.listed.iter().map(|one| (one.row, &*one.column, one.code.as_str())).collect()
    }

    #[test]
    fn a_payroll_export_becomes_what_the_engine_reads() {
        let checked = checked(
            "Matricule;Nom;Sexe;Date de naissance;Date d'entrée;Salaire annuel brut;Statut\n\
             0012;Durand;H;12/05/1970;01/09/1998;45 000,50;Cadre\n\
             0013;Petit;F;25/12/1985;02/01/2015;32000;Non cadre; \n",
        );
        assert_eq!(told(&checked), []);
        assert_eq!(
            checked.csv,
            "id,sex,birth_date,hire_date,annual_salary,category\n\
             0012,M,1970-05-12,1998-09-01,45000.5,Cadre\n\
             0013,F,1985-12-25,2015-01-02,32000,Non cadre\n"
        );
        assert_eq!(checked.rows, 2);
        let warned: Vec<&str> = checked.warnings.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(warned, ["dropped_personal"]);
    }

    #[test]
    fn every_fault_is_told_with_its_row_and_column() {
        let checked = checked(
            "id,sex,birth_date,hire_date,annual_salary\n\
             a,X,1970-05-12,1998-09-01,45000\n\
             ,F,31/02/1970,1998-09-01,abc\n\
             b,F,1999-05-12,1998-09-01,-1,more\n\
             c,F,1999-05-12,1998-09-01,-1\n\
             a,M,1970-05-12,,1\n",
        );
        assert_eq!(
            told(&checked),
            [
                (Some(2), "sex", "unknown_choice"),
                (Some(3), "id", "missing"),
                (Some(3), "birth_date", "no_such_day"),
                (Some(3), "annual_salary", "not_a_number"),
                (Some(4), "", "cells"),
                (Some(5), "annual_salary", "out_of_range"),
                (Some(5), "birth_date", "after"),
                (Some(6), "hire_date", "missing"),
                (Some(6), "id", "duplicate"),
            ]
        );
    }

    #[test]
    fn american_days_are_read_where_a_whole_column_has_them_and_told_where_one_has() {
        let head = "id;sex;birth_date;hire_date;annual_salary\n";
        let american = checked(&format!("{head}a;M;05/28/1970;01/02/2000;1\nb;M;03/04/1971;01/02/2000;1\n"));
        assert_eq!(told(&american), []);
        assert!(american.csv.contains("1970-05-28") && american.csv.contains("1971-03-04"));
        assert!(american.warnings.iter().any(|one| one.code == "month_first_read"));
        let mixed = checked(&format!("{head}a;M;05/28/1970;01/02/2000;1\nb;M;28/05/1971;01/02/2000;1\n"));
        assert_eq!(told(&mixed), [(Some(2), "birth_date", "month_first")]);
    }

    #[test]
    fn identifiers_are_replaced_where_that_is_asked_for() {
        let sheet = read(
            b"id;sex;birth_date;hire_date;annual_salary\nDurand;M;1970-01-01;2000-01-01;1\n",
            &Bounds::USUAL,
        )
        .unwrap();
        let lines = aops_engine::lines("ifc").unwrap();
        let pseudonym = |id: &str| format!("p{}", id.len());
        let (mapping, on) = (Mapping::new(), date(2026, 1, 1));
        let checked =
            check(&sheet, Wanted { lines: &lines, mapping: &mapping, on, pseudonym: Some(&pseudonym) });
        assert!(checked.csv.contains("\np6,M") && !checked.csv.contains("Durand"));
    }
}

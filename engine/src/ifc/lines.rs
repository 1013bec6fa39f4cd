//! Employees from lines of CSV straight into columns: the same checks as for JSON, without a tree in between. Not files.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use csv::{ByteRecord, ReaderBuilder};
use jiff::civil::Date;

use super::assumed::whole_months;
use super::staff::{Employee, Sex, Staff};
use crate::call::Call;
use crate::reader::{shorten, unknown};

/// Columns, in the order of [`Columns`].
const NAMES: [&str; 9] = [
    "id",
    "sex",
    "birth_date",
    "hire_date",
    "annual_salary",
    "category",
    "retirement_age",
    "collective_agreement",
    "part_time",
];
/// The first five are needed.
const NEEDED: usize = 5;
/// Faults told; a wrong separator would make one a cell.
const MOST_FAULTS: usize = 1000;
const PLACE: &str = "/employees";

/// Reads all lines; faults have the pointers they would have in JSON.
pub(super) fn read(
    text: &str,
    most: usize,
    valuation: Option<Date>,
    needed: &[Vec<&str>],
    call: &Call<'_>,
) -> Option<(Staff, Vec<String>)> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let semicolons = first.matches(';').count() > first.matches(',').count();
    let mut reader =
        ReaderBuilder::new().delimiter(if semicolons { b';' } else { b',' }).from_reader(text.as_bytes());
    let columns = Columns::of(reader.byte_headers().ok()?, call)?;
    let mut lines = Lines { call, needed, valuation, staff: Staff::default(), ids: Ids::default() };
    let mut record = ByteRecord::new();
    let mut row = 0;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) if row == most => {
                let parameters = [("found", format!("> {most}")), ("maximum", most.to_string())];
                call.faults().push(PLACE, "too_many", &parameters);
                return None;
            }
            Ok(true) => lines.push(&columns, &record, row),
            Err(error) => {
                let parameters = [("found", error.to_string())];
                call.faults().push(&format!("{PLACE}/{row}"), "not_a_line", &parameters);
            }
        }
        row += 1;
        if call.faults().0.len() > MOST_FAULTS {
            return None;
        }
        // A million lines take half a second: a stop is heard.
        if row % 4096 == 0 {
            call.watch().at(0, 1)?;
        }
    }
    if row == 0 {
        call.faults().push(PLACE, "too_few", &[("found", "0".to_owned()), ("minimum", "1".to_owned())]);
    }
    Some((lines.staff, lines.ids.texts))
}

/// Where each column stands.
struct Columns([Option<usize>; NAMES.len()]);

impl Columns {
    fn of(header: &ByteRecord, call: &Call<'_>) -> Option<Self> {
        let mut places = [None; NAMES.len()];
        for (index, cell) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(cell);
            let name = name.trim();
            match NAMES.iter().position(|known| *known == name) {
                Some(column) => places[column] = Some(index),
                None => {
                    let place = format!("{PLACE}/0/{}", shorten(name));
                    unknown(call, &place, name, &NAMES, ("unknown_key", "unknown_key_near"));
                }
            }
        }
        for (name, _) in NAMES.iter().zip(&places).take(NEEDED).filter(|(_, place)| place.is_none()) {
            call.faults().push(&format!("{PLACE}/0/{name}"), "missing", &[("name", (*name).to_owned())]);
        }
        call.sound()?;
        Some(Self(places))
    }

    /// The cell of a column, `None` when empty.
    fn cell<'r>(&self, record: &'r ByteRecord, column: usize) -> Option<&'r str> {
        let bytes = record.get(self.0[column]?)?;
        std::str::from_utf8(bytes).ok().map(str::trim).filter(|cell| !cell.is_empty())
    }
}

struct Lines<'l, 'a> {
    call: &'l Call<'a>,
    needed: &'l [Vec<&'l str>],
    valuation: Option<Date>,
    staff: Staff,
    ids: Ids,
}

impl Lines<'_, '_> {
    fn push(&mut self, columns: &Columns, record: &ByteRecord, row: usize) {
        let cell = |column: usize| columns.cell(record, column);
        let required = |column: usize| {
            let found = cell(column);
            if found.is_none() {
                self.fault(row, column, "missing", &[("name", NAMES[column].to_owned())]);
            }
            found
        };
        let id = required(0);
        let sex = required(1).and_then(|text| match text {
            "M" => Some(Sex::M),
            "F" => Some(Sex::F),
            other => {
                let place = format!("{PLACE}/{row}/sex");
                unknown(self.call, &place, other, &["M", "F"], ("unknown_value", "unknown_value_near"));
                None
            }
        });
        let day = |column: usize| {
            let text = required(column)?;
            let day = date(text);
            if day.is_none() {
                self.fault(row, column, "not_a_date", &[("found", shorten(text))]);
            }
            day
        };
        let (birth, hire) = (day(2), day(3));
        let salary = required(4).and_then(|text| self.number(text, row, 4, 0.0, 1e9));
        let category = cell(5);
        let retirement = cell(6).map(|text| self.number(text, row, 6, 40.0, 80.0));
        if let Some(text) = cell(8) {
            self.number(text, row, 8, 0.0, 1.0);
        }
        for known in self.needed {
            let category = required(5);
            if let Some(category) = category.filter(|category| !known.contains(category)) {
                let codes = ("unknown_value", "unknown_value_near");
                unknown(self.call, &format!("{PLACE}/{row}/category"), category, known, codes);
            }
        }
        let (Some(birth), Some(hire)) = (birth, hire) else { return };
        for (column, day, limit) in [(3, hire, self.valuation.unwrap_or(hire)), (2, birth, hire)] {
            if day > limit {
                self.fault(
                    row,
                    column,
                    "date_order",
                    &[("found", day.to_string()), ("limit", limit.to_string())],
                );
            }
        }
        let (Some(id), Some(sex), Some(annual_salary)) = (id, sex, salary) else { return };
        if !self.ids.insert(id) {
            self.fault(row, 0, "duplicate", &[("found", shorten(id))]);
        }
        let Some(category) = self.staff.category(category.unwrap_or_default()) else {
            self.fault(row, 5, "too_many", &[("found", "65536".to_owned()), ("maximum", "65535".to_owned())]);
            return;
        };
        let retirement_months = retirement.flatten().map(whole_months);
        self.staff.push(Employee { sex, birth, hire, annual_salary, category, retirement_months });
    }

    fn fault(&self, row: usize, column: usize, code: &'static str, parameters: &[(&'static str, String)]) {
        self.call.faults().push(&format!("{PLACE}/{row}/{}", NAMES[column]), code, parameters);
    }

    /// A number with a dot or a comma, spaces between its thousands.
    fn number(&self, text: &str, row: usize, column: usize, minimum: f64, maximum: f64) -> Option<f64> {
        let number = text.parse::<f64>().ok().or_else(|| {
            let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}')).collect();
            plain.replace(',', ".").parse().ok()
        });
        let Some(number) = number.filter(|number| number.is_finite()) else {
            let parameters = [("expected", "a number".to_owned()), ("found", "a text".to_owned())];
            self.fault(row, column, "wrong_type", &parameters);
            return None;
        };
        if (minimum..=maximum).contains(&number) {
            return Some(number);
        }
        let found = ("found", number.to_string());
        let bounds = [found, ("minimum", minimum.to_string()), ("maximum", maximum.to_string())];
        self.fault(row, column, "out_of_range", &bounds);
        None
    }
}

/// A hasher without keys of the system's: the engine asks it for nothing.
type Keyless = BuildHasherDefault<DefaultHasher>;

/// Identifiers, each once.
#[derive(Default)]
struct Ids {
    texts: Vec<String>,
    /// By hash: the first with it. Another with the same hash is compared in full.
    known: HashMap<u64, u32, Keyless>,
}

impl Ids {
    fn insert(&mut self, id: &str) -> bool {
        let index = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let first = *self.known.entry(Keyless::default().hash_one(id)).or_insert(index);
        let new = first == index || self.texts.get(first as usize).is_none_or(|known| known != id);
        self.texts.push(id.to_owned());
        new
    }
}

/// A day written YYYY-MM-DD, without the general parser: three million of them are read in a breath.
fn date(text: &str) -> Option<Date> {
    let digit = |index: usize| {
        text.as_bytes().get(index).filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
    };
    let dash = |index: usize| text.as_bytes().get(index) == Some(&b'-');
    if text.len() != 10 || !dash(4) || !dash(7) {
        return None;
    }
    let two = |index: usize| Some(digit(index)? * 10 + digit(index + 1)?);
    let year = i16::from(two(0)?) * 100 + i16::from(two(2)?);
    Date::new(year, two(5)? as i8, two(8)? as i8).ok().filter(|_| (1850..=2200).contains(&year))
}

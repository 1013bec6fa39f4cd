//! Employees from lines of CSV straight into columns, part by part on all threads: the same checks as for JSON, without a
//! tree in between. Not files.

use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};
use jiff::civil::Date;
use rayon::prelude::*;

use super::assumed::whole_months;
use super::ids::Ids;
use super::plan::CHUNK;
use super::staff::{Employee, Sex, Staff};
use crate::call::Call;
use crate::fault::Faults;
use crate::reader::{shorten, unknown};
use crate::watch::Watch;

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

/// Bytes of a part: some dozens to share among threads, and a stop is heard between two.
const PART: usize = 1 << 20;

/// Reads all lines; faults have the pointers they would have in JSON. The order of the lines, of the categories and of the
/// faults does not depend on threads.
pub(super) fn read(
    text: String,
    most: usize,
    valuation: Option<Date>,
    needed: &[Vec<&str>],
    call: &Call<'_>,
) -> Option<(Staff, Ids)> {
    let whole = text.trim_start_matches('\u{feff}');
    let delimiter = delimiter(whole);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(whole.as_bytes());
    let columns = Columns::of(reader.byte_headers().ok()?, call)?;
    let start = usize::try_from(reader.position().byte()).ok()?;
    let parts = parts(&whole[start..]);
    let counts: Vec<usize> = parts.par_iter().map(|part| rows(part)).collect();
    let total: usize = counts.iter().sum();
    // Quotes may hold ends of lines: then records are counted as they are read.
    if total > most && parts.len() > 1 {
        too_many(call, &total.to_string(), most);
        return None;
    }
    if total == 0 {
        call.faults().push(PLACE, "too_few", &[("found", "0".to_owned()), ("minimum", "1".to_owned())]);
    }
    let firsts = counts.iter().scan(0, |row, count| {
        *row += count;
        Some(*row - count)
    });
    let work: Vec<(&str, usize)> = parts.into_iter().zip(firsts).collect();
    let (watch, rules) = (call.watch(), Rules { delimiter, columns: &columns, needed, valuation, most });
    let read: Vec<Option<Part>> =
        work.into_par_iter().map(|(part, first)| rules.read(part, first, watch)).collect();
    drop(text);
    merge(read.into_iter().collect::<Option<_>>()?, total, call)
}

/// The lines of some blocks of [`crate::BLOCK`] lines each, under the header; a portfolio that has none of these blocks
/// gives the header alone.
///
/// ```
/// let cut = aops_engine::cut_lines("id,sex\n1,F\n2,M\n", 0..1);
/// assert_eq!(cut, "id,sex\n1,F\n2,M\n");
/// assert_eq!(aops_engine::cut_lines("id,sex\n1,F\n2,M\n", 1..2), "id,sex\n");
/// ```
pub fn cut(text: &str, blocks: Range<usize>) -> String {
    let whole = text.trim_start_matches('\u{feff}');
    // Quotes may hold the end of a line: then records are read one by one.
    let starts: Box<dyn Iterator<Item = usize> + '_> =
        if whole.contains('"') { Box::new(records(whole)) } else { Box::new(starts(whole)) };
    let mut starts = starts.skip(1);
    let first = starts.next().unwrap_or(whole.len());
    // From the first line on: what comes after the end of the lines is their end.
    let mut lines = std::iter::once(first).chain(starts);
    let from = lines.nth(blocks.start * CHUNK).unwrap_or(whole.len());
    let more = (blocks.len() * CHUNK).checked_sub(1);
    let to = more.map_or(from, |more| lines.nth(more).unwrap_or(whole.len()));
    [&whole[..first], &whole[from..to]].concat()
}

/// Where each line begins that is not empty.
fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut next = 0;
    text.as_bytes().split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(move |line| {
        let start = next;
        next += line.len() + 1;
        (!line.is_empty()).then_some(start)
    })
}

/// Where each record begins; what cannot be read is one as well, and is told by who reads the whole.
fn records(text: &str) -> impl Iterator<Item = usize> + '_ {
    let reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let start = |record: csv::Result<ByteRecord>| {
        let position = record.ok()?.position()?.byte();
        usize::try_from(position).ok()
    };
    reader.into_byte_records().map_while(start)
}

/// A comma, or a semicolon where the header has more of them.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let semicolons = first.matches(';').count() > first.matches(',').count();
    if semicolons { b';' } else { b',' }
}

/// Pieces of whole lines; one alone where quotes may hold the end of a line.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    let quoted = text.contains('"');
    while rest.len() > PART && !quoted {
        let Some(end) = rest.as_bytes()[PART..].iter().position(|byte| *byte == b'\n') else { break };
        let (part, after) = rest.split_at(PART + end + 1);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// Lines that are not empty: as many as records, or more where quotes hold some.
fn rows(part: &str) -> usize {
    let lines = part.as_bytes().split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| !line.is_empty()).count()
}

fn too_many(call: &Call<'_>, found: &str, most: usize) {
    let parameters = [("found", found.to_owned()), ("maximum", most.to_string())];
    call.faults().push(PLACE, "too_many", &parameters);
}

/// All parts in their order.
fn merge(parts: Vec<Part>, total: usize, call: &Call<'_>) -> Option<(Staff, Ids)> {
    let (mut staff, mut ids, mut rows) = (Staff::with_room(total), Ids::default(), Vec::with_capacity(total));
    for part in parts {
        for fault in part.faults.0 {
            call.faults().0.push(fault);
            if call.faults().0.len() > MOST_FAULTS {
                return None;
            }
        }
        if !staff.append(&part.staff) {
            too_many(call, "> 65535", usize::from(u16::MAX));
            return None;
        }
        ids.append(&part.ids);
        rows.extend(part.rows);
    }
    for index in ids.repeated().into_iter().take(MOST_FAULTS) {
        let parameters = [("found", shorten(ids.at(index)))];
        call.faults().push(&format!("{PLACE}/{}/{}", rows[index], NAMES[0]), "duplicate", &parameters);
    }
    Some((staff, ids))
}

/// What holds for every line.
struct Rules<'r> {
    delimiter: u8,
    columns: &'r Columns,
    needed: &'r [Vec<&'r str>],
    valuation: Option<Date>,
    most: usize,
}

/// What one part held.
struct Part {
    staff: Staff,
    ids: Ids,
    /// Where each of them stood.
    rows: Vec<u32>,
    faults: Faults,
}

impl Rules<'_> {
    /// Reads a part whose first record is row `first`; `None` when a stop was asked for.
    fn read(&self, text: &str, first: usize, watch: &Watch) -> Option<Part> {
        let call = Call::new(watch);
        let mut lines = Lines {
            call: &call,
            needed: self.needed,
            valuation: self.valuation,
            staff: Staff::default(),
            ids: Ids::default(),
            rows: Vec::new(),
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        let mut row = first;
        loop {
            let more = reader.read_byte_record(&mut record);
            let wrong = match &more {
                Ok(false) => break,
                Ok(true) if row == self.most => {
                    too_many(&call, &format!("> {row}"), self.most);
                    break;
                }
                Ok(true) if record.len() == self.columns.count => None,
                Ok(true) => Some(format!("{} cells instead of {}", record.len(), self.columns.count)),
                Err(error) => Some(error.to_string()),
            };
            match wrong {
                None => lines.push(self.columns, &record, row),
                Some(found) => {
                    call.faults().push(&format!("{PLACE}/{row}"), "not_a_line", &[("found", found)]);
                }
            }
            row += 1;
            if call.faults().0.len() > MOST_FAULTS {
                break;
            }
            if row.is_multiple_of(4096) && watch.is_stopped() {
                return None;
            }
        }
        let Lines { staff, ids, rows, .. } = lines;
        Some(Part { staff, ids, rows, faults: call.into_faults() })
    }
}

/// Where each column stands.
struct Columns {
    places: [Option<usize>; NAMES.len()],
    /// Cells of a line.
    count: usize,
}

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
        Some(Self { places, count: header.len() })
    }

    /// The cell of a column, `None` when empty.
    fn cell<'r>(&self, record: &'r ByteRecord, column: usize) -> Option<&'r str> {
        let bytes = record.get(self.places[column]?)?;
        std::str::from_utf8(bytes).ok().map(str::trim).filter(|cell| !cell.is_empty())
    }
}

struct Lines<'l, 'a> {
    call: &'l Call<'a>,
    needed: &'l [Vec<&'l str>],
    valuation: Option<Date>,
    staff: Staff,
    ids: Ids,
    rows: Vec<u32>,
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
        let Some(category) = self.staff.category(category.unwrap_or_default()) else {
            self.fault(row, 5, "too_many", &[("found", "65536".to_owned()), ("maximum", "65535".to_owned())]);
            return;
        };
        self.ids.push(id);
        self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
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

//! What is odd in data that can be read: people hired as children, pay of a month, the same person twice. Not faults:
//! who sends the data knows best.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::check::{Cells, Read, find};
use crate::fault::{Fault, short};
use crate::sheet::Sheet;

/// Rows told for each oddity; the others are counted.
const MOST: usize = 200;
/// Nobody works before, but for shows and family farms (Code du travail, L4153-1 to L4153-3).
const YOUNGEST: i16 = 14;
/// Ages of people at work.
const AGES: std::ops::RangeInclusive<i16> = 15..=80;
/// Half of what the minimum wage brings in a year (SMIC, about 21 600 € in 2025): a median below is no yearly pay.
const YEARLY: f64 = 10_800.0;
/// Parts of the median pay below and above which one looks again.
const LOW: f64 = 0.1;
const HIGH: f64 = 20.0;

/// What is odd, the rows of each oddity together.
pub(crate) fn odd(sheet: &Sheet, columns: &[Read<'_, '_>], on: Date) -> Vec<Fault> {
    let mut odd = Vec::new();
    people(sheet, columns, on, &mut odd);
    pay(sheet, columns, &mut odd);
    twice(sheet, columns, &mut odd);
    identifiers(columns, &mut odd);
    odd
}

/// The first rows of an oddity, and how many more there are.
struct Rows<'r> {
    odd: &'r mut Vec<Fault>,
    code: &'static str,
    count: usize,
}

impl<'r> Rows<'r> {
    fn of(code: &'static str, odd: &'r mut Vec<Fault>) -> Self {
        Self { odd, code, count: 0 }
    }

    fn push(&mut self, row: u32, one: &Read<'_, '_>, parameters: &[(&str, String)]) {
        self.count += 1;
        if self.count <= MOST {
            self.odd.push(Fault::new(Some(row), &one.name, self.code, parameters));
        }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if self.count > MOST {
            let parameters = [("count", (self.count - MOST).to_string()), ("code", self.code.to_owned())];
            self.odd.push(Fault::whole("more_warnings", &parameters));
        }
    }
}

fn days<'c>(columns: &'c [Read<'_, '_>], name: &str) -> Option<(&'c Read<'c, 'c>, &'c [Option<Date>])> {
    let one = find(columns, name)?;
    match &one.cells {
        Cells::Days(days) => Some((one, days)),
        _ => None,
    }
}

fn people(sheet: &Sheet, columns: &[Read<'_, '_>], on: Date, odd: &mut Vec<Fault>) {
    let (births, hires) = (days(columns, "birth_date"), days(columns, "hire_date"));
    if let (Some((_, births)), Some((one, hires))) = (births, hires) {
        let mut rows = Rows::of("hired_young", odd);
        for (index, (birth, hire)) in births.iter().zip(hires).enumerate() {
            let (Some(birth), Some(hire)) = (*birth, *hire) else { continue };
            let age = years(birth, hire);
            if birth <= hire && age < YOUNGEST {
                rows.push(sheet.row(index), one, &[("found", age.to_string())]);
            }
        }
    }
    if let Some((one, births)) = births.filter(|_| hires.is_some()) {
        let mut rows = Rows::of("age_odd", odd);
        for (index, birth) in births.iter().enumerate() {
            let Some(birth) = *birth else { continue };
            let age = years(birth, on);
            if !AGES.contains(&age) {
                rows.push(sheet.row(index), one, &[("found", age.to_string())]);
            }
        }
    }
    for (one, days) in [births, hires].into_iter().flatten() {
        let mut rows = Rows::of("future", odd);
        for (index, day) in days.iter().enumerate() {
            if let Some(day) = day.filter(|day| *day > on) {
                rows.push(sheet.row(index), one, &[("found", day.to_string())]);
            }
        }
    }
}

fn pay(sheet: &Sheet, columns: &[Read<'_, '_>], odd: &mut Vec<Fault>) {
    let Some(one) = find(columns, "annual_salary") else { return };
    let Cells::Numbers(pays) = &one.cells else { return };
    let mut sorted: Vec<f64> = pays.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let Some(median) = sorted.get(sorted.len() / 2).copied().filter(|median| *median > 0.0) else { return };
    if median < YEARLY && !odd.iter().any(|one| one.code == "monthly") {
        let parameters = [("found", format!("{median:.0}"))];
        odd.push(Fault::new(None, &one.name, "monthly", &parameters));
    }
    for (code, wrong) in [
        ("salary_low", &(|pay: f64| pay < LOW * median) as &dyn Fn(f64) -> bool),
        ("salary_high", &|pay: f64| pay > HIGH * median),
    ] {
        let mut rows = Rows::of(code, odd);
        for (index, pay) in pays.iter().enumerate() {
            if let Some(pay) = pay.filter(|pay| wrong(*pay)) {
                let parameters = [("found", pay.to_string()), ("median", format!("{median:.0}"))];
                rows.push(sheet.row(index), one, &parameters);
            }
        }
    }
}

/// Lines that say the same of somebody under another identifier.
fn twice(sheet: &Sheet, columns: &[Read<'_, '_>], odd: &mut Vec<Fault>) {
    let (Some((_, births)), Some((_, hires))) = (days(columns, "birth_date"), days(columns, "hire_date"))
    else {
        return;
    };
    let (Some(ids), Some(sexes), Some(pays)) =
        (find(columns, "id"), find(columns, "sex"), find(columns, "annual_salary"))
    else {
        return;
    };
    let (Cells::Names(sexes), Cells::Numbers(pays)) = (&sexes.cells, &pays.cells) else { return };
    let mut first = HashMap::with_capacity(births.len());
    let mut rows = Rows::of("same_person", odd);
    for index in 0..births.len() {
        let (Some(birth), Some(hire), Some(sex), Some(pay)) =
            (births[index], hires[index], sexes[index], pays[index])
        else {
            continue;
        };
        let row = sheet.row(index);
        if let Some(before) = first.insert((birth, hire, sex, pay.to_bits()), row) {
            rows.push(row, ids, &[("row", before.to_string())]);
        }
    }
}

/// Numbers of social security (NIR: 13 digits, and a key of two) say more of people than is needed.
fn identifiers(columns: &[Read<'_, '_>], odd: &mut Vec<Fault>) {
    let Some(ids) = find(columns, "id") else { return };
    let Cells::Texts(texts) = &ids.cells else { return };
    let is_nir = |text: &&&str| {
        let digits: String = text.chars().filter(|one| !one.is_whitespace()).collect();
        matches!(digits.len(), 13 | 15)
            && digits.starts_with(['1', '2'])
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && digits.bytes().filter(u8::is_ascii_digit).count() + 2 > digits.len()
    };
    let count = texts.iter().filter(is_nir).count();
    let like_mail = texts.iter().find(|text| text.contains('@'));
    if count * 2 > texts.len() || like_mail.is_some() {
        let found = like_mail.map_or(String::new(), |text| short(text));
        odd.push(Fault::new(None, &ids.name, "personal_identifier", &[("found", found)]));
    }
}

/// Whole years between two days.
pub(crate) fn years(from: Date, to: Date) -> i16 {
    to.year() - from.year() - i16::from((to.month(), to.day()) < (from.month(), from.day()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use crate::bounds::Bounds;
    use crate::check::{Wanted, check};
    use crate::headers::Mapping;
    use crate::read::read;

    #[test]
    fn what_is_odd_is_told_and_taken() {
        let mut text = String::from("id;sex;birth_date;hire_date;annual_salary\n");
        for index in 0..20 {
            text += &format!("{index};M;1970-01-{:02};2000-01-01;3000\n", index + 1);
        }
        text += "young;F;1990-01-01;2000-01-01;3000\nold;F;1930-01-01;2000-01-01;3100\n\
                 low;F;1980-01-01;2000-01-01;12\nhigh;M;1980-01-01;2000-01-01;900000\n\
                 twice;M;1970-01-01;2000-01-01;3000\n160057512300187;M;1960-05-01;2000-01-01;3000\n";
        let sheet = read(text.as_bytes(), &Bounds::USUAL).unwrap();
        let lines = aops_engine::lines("ifc").unwrap();
        let (mapping, on) = (Mapping::new(), date(2026, 1, 1));
        let checked = check(&sheet, Wanted { lines: &lines, mapping: &mapping, on, pseudonym: None });
        assert!(checked.faults.is_empty());
        let told: Vec<(&str, Option<u32>)> =
            checked.warnings.iter().map(|one| (one.code.as_str(), one.row)).collect();
        assert_eq!(
            told,
            [
                ("hired_young", Some(22)),
                ("age_odd", Some(23)),
                ("monthly", None),
                ("salary_low", Some(24)),
                ("salary_high", Some(25)),
                ("same_person", Some(26)),
            ]
        );
    }
}

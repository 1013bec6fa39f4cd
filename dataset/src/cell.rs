//! One cell as what the engine wants there: numbers with a comma or a point, days as people write them, names by what
//! they are called. Not rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aops_engine::{Column, Values};
use jiff::civil::{Date, date};

use crate::fault::short;
use crate::headers::{WORDS, plain};

/// Days that the engine takes.
const YEARS: std::ops::RangeInclusive<i16> = 1850..=2200;
/// Two digits of a year up to this one are of this century.
const PIVOT: i16 = 39;
const MONTHS: [&str; 12] =
    ["jan", "fev", "mar", "avr", "mai", "juin", "juil", "aou", "sep", "oct", "nov", "dec"];

/// How the cells of a column are read.
pub(crate) struct Reading<'c> {
    pub(crate) column: &'c Column,
    /// Plain names of choices.
    choices: BTreeMap<String, &'static str>,
    /// Whether days stand before months.
    pub(crate) day_first: bool,
    pub(crate) noted: Noted,
}

/// What was read in a way that one should know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) serials: usize,
    pub(crate) short_years: usize,
    pub(crate) ambiguous: usize,
}

/// A cell that was understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'c> {
    Number(f64),
    Day(Date),
    Name(&'static str),
    Text(&'c str),
    Flag(bool),
}

/// Why a cell was not: a code, and what its sentence needs.
pub(crate) type Wrong = (&'static str, Vec<(&'static str, String)>);

impl<'c> Reading<'c> {
    pub(crate) fn new(column: &'c Column, day_first: bool) -> Self {
        let mut choices = BTreeMap::new();
        if let Values::Choice(names) = column.values {
            let more = WORDS.values.get(column.name);
            for name in names {
                let others = more.and_then(|more| more.get(*name)).into_iter().flatten();
                choices.extend(others.map(|other| (plain(other), *name)));
                choices.insert(plain(name), *name);
            }
        }
        Self { column, choices, day_first, noted: Noted::default() }
    }

    /// Reads a cell that is not empty.
    pub(crate) fn read<'t>(&mut self, text: &'t str) -> Result<Value<'t>, Wrong> {
        match self.column.values {
            Values::Number { minimum, maximum } => {
                let number = self.number(text)?;
                within(number, minimum, maximum).map(Value::Number)
            }
            Values::Integer { minimum, maximum } => {
                let number = self.number(text)?;
                if number.fract() != 0.0 {
                    return Err(("not_whole", vec![("found", short(text))]));
                }
                within(number, minimum as f64, maximum as f64).map(Value::Number)
            }
            Values::Date => self.day(text).map(Value::Day),
            Values::Choice(names) => match self.choices.get(plain(text).as_str()) {
                Some(name) => Ok(Value::Name(name)),
                None => Err(("unknown_choice", vec![("found", short(text)), ("known", names.join(", "))])),
            },
            Values::Flag => flag(text).map(Value::Flag),
            Values::Text => Ok(Value::Text(text)),
        }
    }

    fn number(&mut self, text: &str) -> Result<f64, Wrong> {
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'E' | b'e' | b'+'))
        {
            return Ok(number);
        }
        let (number, ambiguous) =
            number(text).ok_or_else(|| ("not_a_number", vec![("found", short(text))]))?;
        self.noted.ambiguous += usize::from(ambiguous);
        Ok(number)
    }

    fn day(&mut self, text: &str) -> Result<Date, Wrong> {
        let not = |code: &'static str| (code, vec![("found", short(text))]);
        if let Some(day) = iso(text) {
            return day.filter(|day| YEARS.contains(&day.year())).ok_or_else(|| not("no_such_day"));
        }
        if let Some(day) = serial(text) {
            self.noted.serials += 1;
            return Ok(day);
        }
        let parts = parts(text).ok_or_else(|| not("not_a_date"))?;
        self.noted.short_years += usize::from(parts.short_year);
        let (day, month) = if self.day_first || parts.named {
            (parts.first, parts.second)
        } else {
            (parts.second, parts.first)
        };
        match Date::new(parts.year, month, day) {
            Ok(day) if YEARS.contains(&day.year()) => Ok(day),
            _ if Date::new(parts.year, day, month).is_ok() => Err(not("month_first")),
            _ => Err(not("no_such_day")),
        }
    }
}

fn within(number: f64, minimum: f64, maximum: f64) -> Result<f64, Wrong> {
    if (minimum..=maximum).contains(&number) {
        return Ok(number);
    }
    let [found, minimum, maximum] = [number, minimum, maximum].map(|number| number.to_string());
    Err(("out_of_range", vec![("found", found), ("minimum", minimum), ("maximum", maximum)]))
}

fn flag(text: &str) -> Result<bool, Wrong> {
    match plain(text).as_str() {
        "true" | "vrai" | "oui" | "yes" | "1" | "o" | "y" | "x" => Ok(true),
        "false" | "faux" | "non" | "no" | "0" | "n" => Ok(false),
        _ => Err(("not_a_flag", vec![("found", short(text))])),
    }
}

/// A number as people write it, and whether its comma or point could mean thousands too.
fn number(text: &str) -> Option<(f64, bool)> {
    let mut percent = false;
    let kept = |one: &char| !one.is_whitespace() && !matches!(one, '\u{a0}' | '\u{202f}' | '\'' | '’' | '€');
    let mut digits: String = text.chars().filter(kept).collect();
    for unit in ["EUR", "eur", "Eur", "%"] {
        if let Some(rest) = digits.strip_suffix(unit) {
            percent = unit == "%";
            digits = rest.to_owned();
        }
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || b",.-+".contains(&byte)) {
        return None;
    }
    let (commas, points) = (digits.matches(',').count(), digits.matches('.').count());
    let thousands = |mark: char| {
        let mut groups = digits.trim_start_matches(['-', '+']).split(mark);
        let first = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
        first && groups.all(|group| group.len() == 3)
    };
    let (plain, ambiguous): (Cow<'_, str>, bool) = match (commas, points) {
        (0, 0 | 1) => (Cow::Borrowed(&digits), false),
        (1, 0) => (digits.replace(',', ".").into(), thousands(',') && !digits.starts_with('0')),
        (0, _) if thousands('.') => (digits.replace('.', "").into(), false),
        (_, 0) if thousands(',') => (digits.replace(',', "").into(), false),
        // Whichever stands last marks the decimals.
        (_, 1) if digits.rfind('.') > digits.rfind(',') => (digits.replace(',', "").into(), false),
        (1, _) if digits.rfind(',') > digits.rfind('.') => {
            (digits.replace('.', "").replace(',', ".").into(), false)
        }
        _ => return None,
    };
    let number = plain.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some((if percent { number / 100.0 } else { number }, ambiguous))
}

/// A day by ISO 8601, with or without marks, a time after it left out; `Some(None)` where it is written so and is none.
fn iso(text: &str) -> Option<Option<Date>> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i16> {
        let part = bytes.get(range)?;
        part.iter().all(u8::is_ascii_digit).then(|| {
            part.iter().fold(0_i16, |sum, digit| sum.wrapping_mul(10).wrapping_add(i16::from(digit - b'0')))
        })
    };
    let made = |year: i16, month: i16, day: i16| Date::new(year, month as i8, day as i8).ok();
    if bytes.len() >= 10
        && matches!(bytes[4], b'-' | b'/' | b'.')
        && bytes[7] == bytes[4]
        && bytes.get(10).is_none_or(|next| matches!(next, b' ' | b'T'))
        && let (Some(year), Some(month), Some(day)) = (digits(0..4), digits(5..7), digits(8..10))
    {
        return Some(made(year, month, day));
    }
    if bytes.len() == 8
        && let (Some(year), Some(month), Some(day)) = (digits(0..4), digits(4..6), digits(6..8))
    {
        return Some(made(year, month, day));
    }
    None
}

/// A day as spreadsheets count them, from 1927 to 2119: the days since 1899-12-30 (ECMA-376 part 1 § 18.17.4.1).
fn serial(text: &str) -> Option<Date> {
    let whole = text.split(['.', ',']).next()?;
    if whole.len() != 5 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')) {
        return None;
    }
    let days: i64 = whole.parse().ok().filter(|days| (10_000..=80_000).contains(days))?;
    date(1899, 12, 30).checked_add(jiff::Span::new().days(days)).ok()
}

/// The parts of a day that begins by a day or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) first: i8,
    pub(crate) second: i8,
    pub(crate) year: i16,
    /// Whether the month stands by its name.
    pub(crate) named: bool,
    pub(crate) short_year: bool,
}

/// `12/05/1970`, `12.5.70`, `12-05-1970 00:00`, `12 mai 1970`.
pub(crate) fn parts(text: &str) -> Option<Parts> {
    let text = text.split_once([' ', 'T']).map_or(text, |(day, rest)| {
        // What follows a blank is a time, unless the day is written with blanks.
        if rest.contains(':') && day.contains(['/', '.', '-']) { day } else { text }
    });
    let mut parts = text.split(['/', '.', '-', ' ', '\u{a0}']).filter(|part| !part.is_empty());
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let small = |text: &str| {
        (text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i8>().ok())
            .flatten()
    };
    let first = if first == "1er" { 1 } else { small(first)? };
    let (second, named) = match small(second) {
        Some(month) => (month, false),
        None => (month(second)?, true),
    };
    let short_year = year.len() == 2;
    if !matches!(year.len(), 2 | 4) || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year: i16 = year.parse().ok()?;
    let year = match (short_year, year <= PIVOT) {
        (false, _) => year,
        (true, true) => 2000 + year,
        (true, false) => 1900 + year,
    };
    Some(Parts { first, second, year, named, short_year })
}

fn month(name: &str) -> Option<i8> {
    let name = plain(name);
    if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let at = MONTHS.iter().position(|known| name.starts_with(known))?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written_in_france_and_elsewhere() {
        for (text, expected) in [
            ("1234.56", 1234.56),
            ("1234,56", 1234.56),
            ("1 234,56", 1234.56),
            ("1\u{202f}234,56 €", 1234.56),
            ("1.234,56", 1234.56),
            ("1,234.56", 1234.56),
            ("1,234,567", 1_234_567.0),
            ("1.234.567,8", 1_234_567.8),
            ("45 000 EUR", 45_000.0),
            ("80 %", 0.8),
            ("-12,5", -12.5),
            ("'42", 42.0),
        ] {
            assert_eq!(number(text).map(|(number, _)| number), Some(expected), "{text}");
        }
        for text in ["", "abc", "12h", "1,2,3", "1.2.3", "--", "NaN", "inf", "1e5x"] {
            assert_eq!(number(text).map(|(number, _)| number), None, "{text}");
        }
        assert_eq!(number("45,000"), Some((45.0, true)));
        assert_eq!(number("0,800"), Some((0.8, false)));
    }

    fn read(text: &str, day_first: bool) -> Result<String, &'static str> {
        let lines = aops_engine::lines("ifc").unwrap();
        let mut reading = Reading::new(&lines.columns[2], day_first);
        match reading.read(text) {
            Ok(Value::Day(day)) => Ok(day.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err((code, _)) => Err(code),
        }
    }

    #[test]
    fn days_are_read_in_french_in_iso_and_as_spreadsheets_count_them() {
        for text in [
            "1970-05-12",
            "1970/05/12",
            "19700512",
            "1970-05-12T00:00:00",
            "1970-05-12 00:00",
            "12/05/1970",
            "12.05.1970",
            "12-5-1970",
            "12/05/70",
            "12/05/1970 00:00",
            "12 mai 1970",
            "25700",
            "25700.0",
        ] {
            assert_eq!(read(text, true), Ok("1970-05-12".into()), "{text}");
        }
        assert_eq!(read("05/12/1970", false), Ok("1970-05-12".into()));
        assert_eq!(read("1er février 2001", true), Ok("2001-02-01".into()));
        assert_eq!(read("01/02/25", true), Ok("2025-02-01".into()));
        for (text, code) in [
            ("31/02/1970", "no_such_day"),
            ("1970-13-01", "no_such_day"),
            ("05/28/1970", "month_first"),
            ("hier", "not_a_date"),
            ("1/2", "not_a_date"),
            ("12/05/197", "not_a_date"),
            ("5", "not_a_date"),
            ("1700-01-01", "no_such_day"),
        ] {
            assert_eq!(read(text, true), Err(code), "{text}");
        }
    }

    #[test]
    fn men_and_women_are_told_apart_whatever_they_are_called() {
        let lines = aops_engine::lines("ifc").unwrap();
        let mut reading = Reading::new(&lines.columns[1], true);
        for (text, expected) in
            [("H", "M"), ("Femme", "F"), ("FÉMININ", "F"), ("Mme", "F"), ("M.", "M"), ("2", "F"), ("m", "M")]
        {
            assert_eq!(reading.read(text), Ok(Value::Name(expected)), "{text}");
        }
        assert_eq!(reading.read("X").unwrap_err().0, "unknown_choice");
    }
}

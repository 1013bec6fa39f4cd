//! What people type into a calculator: numbers and dates as the French and the English write them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::civil::Date;
use serde_json::{Value, json};

/// Fields by name, as typed.
pub(super) type Typed = BTreeMap<String, String>;
/// By field, the code of the message.
pub(super) type Errors = BTreeMap<String, String>;

/// Spaces that stand between thousands.
pub(super) const SPACES: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// Reads fields one by one and gathers what is wrong with all of them.
pub(super) struct Reading<'a> {
    typed: &'a Typed,
    pub(super) errors: Errors,
}

impl<'a> Reading<'a> {
    /// Begins to read.
    pub(super) fn new(typed: &'a Typed) -> Self {
        Self { typed, errors: Errors::new() }
    }

    /// A field's text without spaces around it; empty when it is absent.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.typed.get(name).map_or("", |value| value.trim())
    }

    /// Notes that a field is wrong, by the code of its message; the first fault of a field stands.
    pub(super) fn fault(&mut self, name: &str, code: &str) {
        self.errors.entry(name.to_owned()).or_insert_with(|| code.to_owned());
    }

    /// One of the known values.
    pub(super) fn choice(&mut self, name: &str, known: &[&str]) -> &'a str {
        let text = self.text(name);
        if text.is_empty() {
            self.fault(name, "required");
        } else if !known.contains(&text) {
            self.fault(name, "choice");
        }
        text
    }

    /// A number that may be left out.
    pub(super) fn optional(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let Some(value) = number(text) else {
            self.fault(name, "number");
            return None;
        };
        if !range.contains(&value) {
            self.fault(name, "range");
            return None;
        }
        Some(value)
    }

    /// A number that must be given; 0 in its place when it is not, with a fault.
    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> f64 {
        if self.text(name).is_empty() {
            self.fault(name, "required");
        }
        self.optional(name, range).unwrap_or_default()
    }

    /// A day: `2026-11-24`, as browsers send it, or `24/11/2026`.
    pub(super) fn date(&mut self, name: &str) -> Option<Date> {
        let text = self.text(name);
        if text.is_empty() {
            self.fault(name, "required");
            return None;
        }
        let day = date(text);
        if day.is_none() {
            self.fault(name, "date");
        }
        day
    }
}

/// A number with a comma or a point, and spaces between thousands; never `inf` or `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| !SPACES.contains(c)).collect();
    let plain = text.len() <= 32 && text.chars().all(|c| c.is_ascii_digit() || "+-,.".contains(c));
    text.replace(',', ".").parse::<f64>().ok().filter(|value| plain && value.is_finite())
}

/// The engine reads years as integers where they are; `5.0` from a form is meant as `5`.
pub(super) fn whole_if_whole(years: f64) -> Value {
    if years.fract() == 0.0 { json!(years as i64) } else { json!(years) }
}

/// Gives the fields that are absent the values that the calculation assumed, so that the form shows what was done.
pub(super) fn fill(typed: &mut Typed, assumed: &[(&str, &str)]) {
    for (name, value) in assumed {
        typed.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
    }
}

fn date(text: &str) -> Option<Date> {
    if let Ok(day) = text.parse::<Date>() {
        return Some(day);
    }
    let mut parts = text.split(['/', '.']);
    let mut next = |length: usize| {
        let part = parts.next().filter(|part| (1..=length).contains(&part.len()))?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten()
    };
    let (day, month, year) = (next(2)?, next(2)?, next(4)?);
    parts
        .next()
        .is_none()
        .then(|| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_days_are_read_as_people_write_them() {
        for (text, value) in [("2,5", 2.5), ("12 000", 12_000.0), ("-1.5", -1.5), ("1\u{202f}234,5", 1234.5)]
        {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "1e9", "inf", "nan", "0x1", "1,2,3", "cent", "١", &"9".repeat(400)] {
            assert_eq!(number(text), None, "{text}");
        }
        let day = Some(jiff::civil::date(1976, 3, 5));
        for text in ["1976-03-05", "05/03/1976", "5/3/1976", "05.03.1976"] {
            assert_eq!(date(text), day, "{text}");
        }
        for text in ["31/02/2000", "1976", "05/03/76/1", "a/b/c", "5/3/+976", "03-05-1976"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let typed = Typed::from([("a".to_owned(), text)]);
            let mut reading = Reading::new(&typed);
            reading.optional("a", 0.0..=1.0);
            reading.date("a");
            reading.choice("a", &["b"]);
        }
    }
}

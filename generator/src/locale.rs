//! Dates, numbers and amounts as each language writes them. It reads no template and no page.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aops_manifest::Language;
use jiff::civil::Date;
use serde::Deserialize;

use crate::messages::fill;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locales {
    fr: Locale,
    en: Locale,
}

/// How one language writes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locale {
    name: String,
    months: Vec<String>,
    date: String,
    first_day: String,
    decimal: String,
    group: String,
    money: String,
    alerts: BTreeMap<String, String>,
}

/// The name of a language, in French, as editors read it.
pub(crate) fn name(language: Language) -> &'static str {
    &of(language).name
}

/// The title of an alert: `note`, `tip`, `important`, `warning`, `caution`.
pub(crate) fn alert(name: &str, language: Language) -> &'static str {
    of(language).alerts.get(name).map_or("", String::as_str)
}

/// `25 janvier 2023`.
pub(crate) fn long_date(date: Date, language: Language) -> String {
    let locale = of(language);
    let month = locale.months.get(usize::from(date.month().unsigned_abs()) - 1).map_or("", String::as_str);
    let day = if date.day() == 1 { locale.first_day.clone() } else { date.day().to_string() };
    fill(&locale.date, &[("day", &day), ("month", month), ("year", &date.year().to_string())])
}

/// A number with so many decimals, in groups of three digits.
pub(crate) fn number(value: f64, decimals: usize, language: Language) -> String {
    let written = format!("{:.decimals$}", value.abs());
    let sign = if value < 0.0 && written.bytes().any(|b| matches!(b, b'1'..=b'9')) { "\u{2212}" } else { "" };
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    parts(sign, whole, fraction, language)
}

/// An amount of euros from cents.
pub(crate) fn money(cents: i64, language: Language) -> String {
    let sign = if cents < 0 { "\u{2212}" } else { "" };
    let cents = cents.unsigned_abs();
    let amount = parts(sign, &(cents / 100).to_string(), &format!("{:02}", cents % 100), language);
    fill(&of(language).money, &[("amount", &amount)])
}

fn parts(sign: &str, whole: &str, fraction: &str, language: Language) -> String {
    let locale = of(language);
    let mut written = sign.to_owned();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            written.push_str(&locale.group);
        }
        written.push(digit);
    }
    if !fraction.is_empty() {
        written.push_str(&locale.decimal);
        written.push_str(fraction);
    }
    written
}

fn of(language: Language) -> &'static Locale {
    static LOCALES: OnceLock<Locales> = OnceLock::new();
    let locales =
        LOCALES.get_or_init(|| toml::from_str(include_str!("../messages/locales.toml")).unwrap_or_default());
    match language {
        Language::Fr => &locales.fr,
        Language::En => &locales.en,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn each_language_writes_its_way() {
        assert_eq!(long_date(date(2023, 1, 25), Language::Fr), "25 janvier 2023");
        assert_eq!(long_date(date(2023, 8, 1), Language::Fr), "1er août 2023");
        assert_eq!(long_date(date(2023, 1, 25), Language::En), "25 January 2023");
        assert_eq!(money(120_000, Language::Fr), "1\u{202F}200,00\u{A0}€");
        assert_eq!(money(120_000, Language::En), "€1,200.00");
        assert_eq!(number(-1_234_567.891, 2, Language::Fr), "\u{2212}1\u{202F}234\u{202F}567,89");
        assert_eq!(number(-0.001, 2, Language::En), "0.00");
        assert_eq!(number(999.0, 0, Language::En), "999");
    }
}

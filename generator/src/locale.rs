//! Dates, money and numbers as readers of each language write them.

use aops_manifest::Language;
use jiff::civil::Date;

const MONTHS_FR: [&str; 12] = [
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
];

/// A long date: « 25 janvier 2023 », “25 January 2023”.
pub(crate) fn date(date: Date, language: Language) -> String {
    let month = usize::from(date.month().unsigned_abs()) - 1;
    match language {
        Language::Fr if date.day() == 1 => format!("1er {} {}", MONTHS_FR[month], date.year()),
        Language::Fr => format!("{} {} {}", date.day(), MONTHS_FR[month], date.year()),
        Language::En => format!("{} {} {}", date.day(), MONTHS_EN[month], date.year()),
    }
}

/// An amount in hundredths of a euro: « 1 200,00 € », “€1,200.00”.
pub(crate) fn money(cents: i64, language: Language) -> String {
    let euros = number(cents as f64 / 100.0, 2, language);
    match language {
        Language::Fr => format!("{euros}\u{a0}€"),
        Language::En => match euros.strip_prefix('\u{2212}') {
            Some(positive) => format!("\u{2212}€{positive}"),
            None => format!("€{euros}"),
        },
    }
}

/// A number with so many decimals, its thousands set apart.
pub(crate) fn number(value: f64, decimals: usize, language: Language) -> String {
    let (group, point) = match language {
        Language::Fr => ('\u{202f}', ','),
        Language::En => (',', '.'),
    };
    let fixed = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let mut text = String::with_capacity(fixed.len() * 2);
    if value < 0.0 && fixed.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        text.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_writes_dates_money_and_numbers_its_own_way() {
        let day = jiff::civil::date(2023, 1, 25);
        assert_eq!(date(day, Language::Fr), "25 janvier 2023");
        assert_eq!(date(day, Language::En), "25 January 2023");
        assert_eq!(money(129_000, Language::Fr), "1\u{202f}290,00\u{a0}€");
        assert_eq!(money(-129_050, Language::En), "\u{2212}€1,290.50");
        assert_eq!(number(1_234_567.5, 1, Language::Fr), "1\u{202f}234\u{202f}567,5");
        assert_eq!(number(-0.001, 2, Language::Fr), "0,00");
    }
}

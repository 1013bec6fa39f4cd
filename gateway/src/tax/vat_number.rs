//! The intra-community VAT number of a buyer, checked by its form and its check digits alone: whether it is in force
//! today, only the register of its state (VIES) could tell.
//!
//! Forms are those of the European Commission's VIES FAQ, question 11. Check digits are the published rules of each
//! state as python-stdnum gives them with their sources (`stdnum.eu.vat`); where a state publishes none, the form has
//! to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number whose form and check digits are right, without blanks and in capitals, its state's prefix first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VatNumber(String);

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VatFault {
    /// It does not begin with a member state's prefix.
    #[error("no member state of the European Union has this prefix")]
    State,
    /// Not the number of letters and digits that its state writes.
    #[error("the form is not that of its state")]
    Form,
    /// A digit is mistyped.
    #[error("the check digits are wrong")]
    CheckDigits,
}

impl VatNumber {
    /// Reads a number as people type it: with blanks, points or dashes, in small letters or capitals.
    ///
    /// # Errors
    /// [`VatFault`].
    pub fn parse(typed: &str) -> Result<Self, VatFault> {
        let dropped = |c: &char| !c.is_whitespace() && !matches!(c, '.' | '-' | '/');
        let text: String = typed.chars().filter(dropped).map(|c| c.to_ascii_uppercase()).collect();
        if !text.is_ascii() || text.len() < 4 || text.len() > 16 {
            return Err(VatFault::Form);
        }
        let (state, number) = text.split_at(2);
        let form = FORMS.iter().find(|(prefix, _)| *prefix == state).ok_or(VatFault::State)?;
        if !form.1.iter().any(|pattern| matches(pattern, number)) {
            return Err(VatFault::Form);
        }
        if !checks(state, number) {
            return Err(VatFault::CheckDigits);
        }
        Ok(Self(text))
    }

    /// The member state, as ISO 3166-1 writes it: Greece is `GR`, though its numbers begin with `EL`.
    pub fn country(&self) -> &str {
        match &self.0[..2] {
            "EL" => "GR",
            state => state,
        }
    }

    /// The whole number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a country, by ISO 3166-1, is a member state.
pub(super) fn is_member_state(country: &str) -> bool {
    let prefix = if country == "GR" { "EL" } else { country };
    country != "EL" && FORMS.iter().any(|(state, _)| *state == prefix)
}

/// By state: `9` is a digit, `A` a letter, `X` either, anything else itself.
const FORMS: [(&str, &[&str]); 27] = [
    ("AT", &["U99999999"]),
    ("BE", &["0999999999", "1999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CY", &["99999999A"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("EL", &["999999999"]),
    ("ES", &["A9999999X", "99999999A"]),
    ("FI", &["99999999"]),
    ("FR", &["XX999999999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9999999A", "9999999AA", "9X99999A"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["999999999B99"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    ("RO", &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"]),
    ("SE", &["999999999901"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
];

fn matches(pattern: &str, number: &str) -> bool {
    let one = |(wanted, given): (u8, u8)| match wanted {
        b'9' => given.is_ascii_digit(),
        b'A' => given.is_ascii_uppercase(),
        b'X' => given.is_ascii_digit() || given.is_ascii_uppercase(),
        literal => given == literal,
    };
    pattern.len() == number.len() && pattern.bytes().zip(number.bytes()).all(one)
}

fn checks(state: &str, number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    match state {
        "AT" => digits[7] == (16 - luhn(&digits[..7]) % 10) % 10,
        "BE" => 97 - value(&number[..8]) % 97 == value(&number[8..]),
        "DE" | "HR" => mod_11_10(&digits),
        "DK" => weighted(&digits, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        "EE" => weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10),
        "EL" => digits[..8].iter().fold(0, |sum, digit| sum * 2 + digit) * 2 % 11 % 10 == digits[8],
        "FI" => weighted(&digits, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11),
        "FR" => french(number),
        "HU" => weighted(&digits, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10),
        "IT" | "SE" => {
            let checked = if state == "SE" { &digits[..10] } else { &digits[..] };
            luhn(checked).is_multiple_of(10)
        }
        "LU" => value(&number[..6]) % 89 == value(&number[6..]),
        "MT" => weighted(&digits, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37),
        // Companies have the older rule, sole traders since 2020 the newer one.
        "NL" => dutch_company(&digits) || dutch_trader(number),
        "PL" => weighted(&digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digits[9],
        "PT" => (11 - weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == digits[8],
        "SI" => match 11 - weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) % 11 {
            10 => digits[7] == 0,
            11 => false,
            check => digits[7] == check,
        },
        "SK" => value(number).is_multiple_of(11),
        _ => true,
    }
}

/// BOFiP BOI-TVA-DECLA-20-10-20 § 50: the key is (12 + 3 × (SIREN mod 97)) mod 97. Keys with letters follow no
/// published rule.
fn french(number: &str) -> bool {
    let (key, siren) = number.split_at(2);
    // Numbers of Monaco have no SIREN.
    let known = siren.starts_with("000")
        || luhn(&siren.chars().filter_map(|c| c.to_digit(10)).collect::<Vec<_>>()).is_multiple_of(10);
    known
        && (key.bytes().any(|c| c.is_ascii_uppercase()) || value(key) == (12 + 3 * (value(siren) % 97)) % 97)
}

fn dutch_company(digits: &[u32]) -> bool {
    digits[0..9].iter().any(|digit| *digit != 0)
        && weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8]
}

/// ISO 7064 Mod 97-10 over the whole number, letters as 10 to 35.
fn dutch_trader(number: &str) -> bool {
    let value = |c: char| c.to_digit(36).map_or(0, u64::from);
    let step = |sum: u64, c: char| (sum * if value(c) > 9 { 100 } else { 10 } + value(c)) % 97;
    "NL".chars().chain(number.chars()).fold(0, step) == 1
}

/// ISO 7064 Mod 11,10 over all digits, the last being the check.
fn mod_11_10(digits: &[u32]) -> bool {
    let step = |check: u32, digit: &u32| (if check == 0 { 10 } else { check } * 2 % 11 + digit) % 10;
    digits.iter().fold(5, step) == 1
}

/// ISO/IEC 7812-1 annex B: every second digit from the right but the last is doubled, its own digits summed.
fn luhn(digits: &[u32]) -> u32 {
    let doubled = |(index, digit): (usize, &u32)| match index % 2 {
        0 => *digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    };
    digits.iter().rev().enumerate().map(doubled).sum()
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// Digits as a number; at most twelve of them come here.
fn value(digits: &str) -> u64 {
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of python-stdnum 2.2's modules, read there and judged by them.
    const GOOD: [&str; 34] = [
        "ATU13585627",
        "BE0403019261",
        "BE0428759497",
        "BG175074752",
        "BG7523169263",
        "CY10259033P",
        "CZ25123891",
        "CZ640903926",
        "DE136695976",
        "DK13585628",
        "EE100931558",
        "EL094259216",
        "ESB58378431",
        "ES54362315K",
        "FI20774740",
        "FR40303265045",
        "FR23334175221",
        "FRK7399859412",
        "HR33392005961",
        "HU12892312",
        "IE6433435F",
        "IT00743110157",
        "LT119511515",
        "LU15027442",
        "LV40003521600",
        "MT11679112",
        "NL004495445B01",
        "NL123456789B13",
        "PL8567346215",
        "PT501964843",
        "RO18547290",
        "SE123456789701",
        "SI50223054",
        "SK2022749619",
    ];

    #[test]
    fn numbers_that_python_stdnum_gives_as_examples_are_taken() {
        for number in GOOD {
            assert_eq!(VatNumber::parse(number).map(|read| read.0), Ok(number.to_owned()));
        }
    }

    #[test]
    fn a_digit_mistyped_is_found_where_the_state_has_check_digits() {
        for number in GOOD
            .iter()
            .filter(|number| !matches!(&number[..2], "BG" | "CY" | "CZ" | "ES" | "IE" | "LT" | "LV" | "RO"))
        {
            // The last digit that is neither fixed by the form nor a company's establishment.
            let place = match &number[..2] {
                "SE" => 11,
                "NL" => 10,
                _ => number.len() - 1,
            };
            let digit = number[place..=place].parse::<u32>().unwrap();
            let typed = format!("{}{}{}", &number[..place], (digit + 1) % 10, &number[place + 1..]);
            assert_eq!(VatNumber::parse(&typed), Err(VatFault::CheckDigits), "{typed}");
        }
    }

    #[test]
    fn it_is_read_as_people_type_it_and_nothing_else_is() {
        assert_eq!(VatNumber::parse(" fr 40.303-265 045 ").unwrap().as_str(), "FR40303265045");
        assert_eq!(VatNumber::parse("EL094259216").unwrap().country(), "GR");
        for (typed, fault) in [
            ("GB980780684", VatFault::State),
            ("XI110305878", VatFault::State),
            ("US123456789", VatFault::State),
            ("", VatFault::Form),
            ("FR", VatFault::Form),
            ("FR4030326504", VatFault::Form),
            ("DE13669597６", VatFault::Form),
            ("FR40303265045FR40303265045", VatFault::Form),
            ("FR41303265045", VatFault::CheckDigits),
        ] {
            assert_eq!(VatNumber::parse(typed), Err(fault), "{typed}");
        }
        assert!(is_member_state("FR") && is_member_state("GR"));
        assert!(!is_member_state("EL") && !is_member_state("GB") && !is_member_state("CH"));
    }
}

//! Figures as French readers write them: groups of three, a comma, a true minus. Not what they mean.

use crate::table::{Cell, Kind};

/// Between groups of three digits.
const NARROW: char = '\u{202f}';
/// Before a unit.
const FIXED: char = '\u{a0}';
const MINUS: char = '\u{2212}';

/// What a cell shows.
pub fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Number(number, Kind::Money) => format!("{}{FIXED}€", grouped(*number, 2)),
        Cell::Number(number, Kind::Rate) => format!("{}{NARROW}%", grouped(number * 100.0, 2)),
        Cell::Number(number, Kind::Plain) => plain(*number),
    }
}

/// A change in percent, with its sign.
pub(crate) fn change(part: f64) -> String {
    let text = format!("{}{NARROW}%", grouped(part * 100.0, 2));
    if part > 0.0 { format!("+{text}") } else { text }
}

/// A number as precise as it is of use: years and ages whole, small ones to six digits.
fn plain(number: f64) -> String {
    let size = number.abs();
    if number.fract() == 0.0 && size < 1e15 {
        // A year is no amount.
        return if size < 10_000.0 { signed(format!("{number:.0}")) } else { grouped(number, 0) };
    }
    match size {
        1e15.. => signed(format!("{number:e}")),
        1_000.0.. => grouped(number, 2),
        1.0.. => trimmed(format!("{number:.4}")),
        1e-6.. => trimmed(format!("{number:.6}")),
        _ => signed(format!("{number:.3e}").replace('.', ",")),
    }
}

fn trimmed(text: String) -> String {
    signed(text.trim_end_matches('0').trim_end_matches('.').replace('.', ","))
}

/// So many decimals, and groups of three before them.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = if text.trim_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text };
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mut written = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            written.push(NARROW);
        }
        written.push(digit);
    }
    if !part.is_empty() {
        written.push(',');
        written.push_str(part);
    }
    signed(written)
}

fn signed(text: String) -> String {
    text.replace('-', &MINUS.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_french_readers_write_them() {
        let cases = [
            (1_234_567.891, Kind::Money, "1\u{202f}234\u{202f}567,89\u{a0}€"),
            (-0.001, Kind::Money, "0,00\u{a0}€"),
            (-1_000.0, Kind::Money, "\u{2212}1\u{202f}000,00\u{a0}€"),
            (0.034, Kind::Rate, "3,40\u{202f}%"),
            (2036.0, Kind::Plain, "2036"),
            (100_000.0, Kind::Plain, "100\u{202f}000"),
            (53.661_875_43, Kind::Plain, "53,6619"),
            (-0.0025, Kind::Plain, "\u{2212}0,0025"),
            (12_345.678, Kind::Plain, "12\u{202f}345,68"),
            (1.25e-9, Kind::Plain, "1,250e\u{2212}9"),
        ];
        for (number, kind, expected) in cases {
            assert_eq!(shown(&Cell::Number(number, kind)), expected);
        }
        assert_eq!(change(0.0635), "+6,35\u{202f}%");
    }
}

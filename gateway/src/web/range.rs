//! The `Range` field: at most one range of bytes (RFC 9110 § 14).

use std::ops::Range;

/// What a `Range` field asks of a body of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// No range that we answer: the whole body (another unit, several ranges, malformed).
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// A range past the end: 416.
    Unsatisfiable,
}

/// Reads a `Range` field value for a body of `length` bytes.
pub fn asked(value: &str, length: u64) -> Asked {
    let Some(set) = value.trim().strip_prefix("bytes=") else {
        return Asked::Whole;
    };
    let Some((first, last)) = set.split_once('-') else {
        return Asked::Whole;
    };
    match (number(first), number(last)) {
        (Number::Is(first), Number::Is(last)) if first > last => Asked::Whole,
        (Number::Is(first), _) if first >= length => Asked::Unsatisfiable,
        (Number::Is(first), Number::Is(last)) => Asked::Part(first..last.saturating_add(1).min(length)),
        (Number::Is(first), Number::Missing) => Asked::Part(first..length),
        (Number::Missing, Number::Is(0)) => Asked::Unsatisfiable,
        (Number::Missing, Number::Is(_)) if length == 0 => Asked::Unsatisfiable,
        (Number::Missing, Number::Is(suffix)) => Asked::Part(length.saturating_sub(suffix)..length),
        _ => Asked::Whole,
    }
}

enum Number {
    Is(u64),
    Missing,
    Malformed,
}

fn number(text: &str) -> Number {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Number::Missing;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Number::Malformed;
    }
    // More digits than a u64 holds are still a number, past any end.
    Number::Is(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let cases = [
            ("bytes=0-0", 10, Asked::Part(0..1)),
            ("bytes=2-5", 10, Asked::Part(2..6)),
            ("bytes=2-", 10, Asked::Part(2..10)),
            ("bytes=-3", 10, Asked::Part(7..10)),
            ("bytes=-30", 10, Asked::Part(0..10)),
            ("bytes=5-99", 10, Asked::Part(5..10)),
            ("bytes=10-", 10, Asked::Unsatisfiable),
            ("bytes=-0", 10, Asked::Unsatisfiable),
            ("bytes=99999999999999999999-", 10, Asked::Unsatisfiable),
            ("bytes=5-2", 10, Asked::Whole),
            ("bytes=0-1,3-4", 10, Asked::Whole),
            ("bytes=+1-2", 10, Asked::Whole),
            ("bytes=-", 10, Asked::Whole),
            ("bytes=a-b", 10, Asked::Whole),
            ("lines=1-2", 10, Asked::Whole),
        ];
        for (value, length, expected) in cases {
            assert_eq!(asked(value, length), expected, "{value}");
        }
    }
}

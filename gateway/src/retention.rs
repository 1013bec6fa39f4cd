//! How long personal data are kept: declared beside each type, as terms counted in calendar time.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// What is kept, how long, and on what ground (GDPR art. 5.1.e and 6).
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// What is kept.
    pub what: &'static str,
    /// How long.
    pub term: Term,
    /// From which event.
    pub from: &'static str,
    /// The legal ground of keeping it.
    pub ground: Ground,
}

/// A length of calendar time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// Calendar years.
    Years(i8),
    /// Calendar months.
    Months(i8),
    /// Days of 24 hours.
    Days(i16),
}

/// Legal grounds in use here (GDPR art. 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Art. 6.1.a.
    Consent,
    /// Art. 6.1.b.
    Contract,
    /// Art. 6.1.f.
    LegitimateInterest,
}

impl Retention {
    /// The instant from which it must be gone.
    pub fn end(&self, from: Timestamp) -> Timestamp {
        let span = match self.term {
            Term::Years(years) => Span::new().years(years),
            Term::Months(months) => Span::new().months(months),
            Term::Days(days) => Span::new().days(days),
        };
        // A day that the month lacks becomes its last one; past the end of time, nothing is kept longer.
        from.to_zoned_datetime(TimeZone::UTC).checked_add(span).map_or(Timestamp::MAX, |end| end.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_counted_in_calendar_time() {
        let end = |term, from: &str| {
            let retention = Retention { what: "x", term, from: "y", ground: Ground::Contract };
            retention.end(from.parse().unwrap()).to_string()
        };
        assert_eq!(end(Term::Years(3), "2024-02-29T12:00:00Z"), "2027-02-28T12:00:00Z");
        assert_eq!(end(Term::Months(6), "2025-08-31T00:00:00Z"), "2026-02-28T00:00:00Z");
        assert_eq!(end(Term::Days(30), "2026-01-31T00:00:00Z"), "2026-03-02T00:00:00Z");
    }
}

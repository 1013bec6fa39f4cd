//! How long personal data are kept: declared beside each type, carried out by one engine, and told on the privacy
//! page from the same declarations.

mod engine;
mod terms;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Serialize;

pub use self::engine::{Done, Ended, Kept, PROOF, Proof, SHAPES, follow, proofs, run};
pub use self::terms::{TermError, Terms};

/// What is kept, how long, and on what ground (GDPR art. 5.1.e and 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What is kept; with `_` for spaces, the key of its words in the theme and of `[retention]` in `site.toml`.
    pub what: &'static str,
    /// How long.
    pub term: Term,
    /// From which event.
    pub from: &'static str,
    /// The legal ground of keeping it.
    pub ground: Ground,
    /// What happens at the end.
    pub then: Then,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Art. 6.1.a.
    Consent,
    /// Art. 6.1.b.
    Contract,
    /// Art. 6.1.c.
    LegalObligation,
    /// Art. 6.1.f.
    LegitimateInterest,
}

/// What happens when a term has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is destroyed, and the key that sealed it.
    Delete,
    /// It leaves the live base for the legal archive, which marketing cannot read.
    Archive,
}

/// A declaration as the privacy page tells it: words are the theme's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    what: String,
    /// `years`, `months` or `days`.
    unit: &'static str,
    count: i32,
    from: String,
    ground: Ground,
    then: Then,
}

impl Retention {
    /// Its name in `site.toml`, in proofs and in the theme's words.
    pub fn name(&self) -> String {
        self.what.replace(' ', "_")
    }

    /// The instant from which it must be gone, by the declared term.
    pub fn end(&self, from: Timestamp) -> Timestamp {
        self.term.after(from)
    }

    /// For the privacy page, with the term that is in force.
    pub fn told(&self, terms: &Terms) -> Told {
        let (unit, count) = match terms.of(self) {
            Term::Years(count) => ("years", i32::from(count)),
            Term::Months(count) => ("months", i32::from(count)),
            Term::Days(count) => ("days", i32::from(count)),
        };
        let from = self.from.replace(' ', "_");
        Told { what: self.name(), unit, count, from, ground: self.ground, then: self.then }
    }
}

impl Term {
    /// An instant so much later. A day that the month lacks becomes its last one; past the end of time, nothing is
    /// kept longer.
    pub fn after(self, from: Timestamp) -> Timestamp {
        let span = match self {
            Self::Years(years) => Span::new().years(years),
            Self::Months(months) => Span::new().months(months),
            Self::Days(days) => Span::new().days(days),
        };
        from.to_zoned_datetime(TimeZone::UTC).checked_add(span).map_or(Timestamp::MAX, |end| end.timestamp())
    }
}

/// How long after its end a document leaves the store even if the engine never ran. The engine finds what is due by
/// that instant, which it can read without the key; readers of the types that it carries out hide what is past its
/// end themselves.
const BACKSTOP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long before the end somebody is warned.
pub const WARNING: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The expiry to give a document whose end is this one, so that the engine finds it.
pub fn expiry(end: Timestamp) -> Option<Timestamp> {
    end.saturating_add(BACKSTOP).ok()
}

/// The end of a document from its expiry.
pub fn end_of(expires: Timestamp) -> Timestamp {
    expires.saturating_sub(BACKSTOP).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_counted_in_calendar_time() {
        let end = |term: Term, from: &str| term.after(from.parse().unwrap()).to_string();
        assert_eq!(end(Term::Years(3), "2024-02-29T12:00:00Z"), "2027-02-28T12:00:00Z");
        assert_eq!(end(Term::Months(6), "2025-08-31T00:00:00Z"), "2026-02-28T00:00:00Z");
        assert_eq!(end(Term::Days(30), "2026-01-31T00:00:00Z"), "2026-03-02T00:00:00Z");
    }

    #[test]
    fn an_expiry_tells_the_end() {
        let end: Timestamp = "2027-02-28T12:00:00Z".parse().unwrap();
        assert_eq!(end_of(expiry(end).unwrap()), end);
    }
}

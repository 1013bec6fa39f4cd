//! The terms in force: those declared, unless `[retention]` in `site.toml` says a shorter one. A longer one would
//! break what the privacy page promises, and is refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{Retention, Term, WARNING};

/// The `[retention]` table: by name of a declaration (`contact_message = "2 years"`), a shorter term.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Terms(BTreeMap<String, Shorter>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shorter(Term);

/// The table says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// No such declaration.
    #[error("[retention] in site.toml: nothing is kept under the name `{0}` ({1})")]
    Unknown(String, String),
    /// A promise would be broken.
    #[error("[retention] in site.toml: `{0}` may be shortened, not kept longer than the policy says")]
    Longer(String),
}

impl Terms {
    /// The term of a declaration.
    pub fn of(&self, retention: &Retention) -> Term {
        self.0.get(&retention.name()).map_or(retention.term, |shorter| shorter.0)
    }

    /// The instant from which what is declared must be gone.
    pub fn end(&self, retention: &Retention, from: Timestamp) -> Timestamp {
        self.of(retention).after(from)
    }

    /// Whether there is time for a warning: in a term that is no longer than it, everybody would be warned at once.
    pub fn warn(&self, retention: &Retention) -> bool {
        let from = Timestamp::UNIX_EPOCH;
        self.end(retention, from).duration_since(from) > WARNING
    }

    /// Checks the table against all declarations.
    ///
    /// # Errors
    /// [`TermError`].
    pub fn check(&self, declared: &[&Retention]) -> Result<(), TermError> {
        for (name, shorter) in &self.0 {
            let Some(retention) = declared.iter().find(|one| one.name() == *name) else {
                let known: Vec<String> = declared.iter().map(|one| one.name()).collect();
                return Err(TermError::Unknown(name.clone(), known.join(", ")));
            };
            let from = Timestamp::UNIX_EPOCH;
            if shorter.0.after(from) > retention.term.after(from) {
                return Err(TermError::Longer(name.clone()));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Shorter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parsed(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("a term such as \"2 years\", \"6 months\" or \"30 days\""))
    }
}

fn parsed(text: &str) -> Option<Term> {
    let (count, unit) = text.split_once(' ')?;
    let positive = |count: i16| (count > 0).then_some(count);
    let count = positive(count.parse().ok()?)?;
    match unit {
        "year" | "years" => Some(Term::Years(count.try_into().ok()?)),
        "month" | "months" => Some(Term::Months(count.try_into().ok()?)),
        "day" | "days" => Some(Term::Days(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ground, Then};
    use super::*;

    const KEPT: Retention = Retention {
        what: "contact message",
        term: Term::Years(3),
        from: "last contact",
        ground: Ground::LegitimateInterest,
        then: Then::Delete,
    };

    #[test]
    fn there_is_a_warning_where_the_term_leaves_time_for_it() {
        for (table, warned) in [
            ("", true),
            ("contact_message = \"2 months\"", true),
            ("contact_message = \"31 days\"", true),
            ("contact_message = \"30 days\"", false),
            ("contact_message = \"1 day\"", false),
        ] {
            assert_eq!(toml::from_str::<Terms>(table).unwrap().warn(&KEPT), warned, "{table}");
        }
    }

    #[test]
    fn a_term_may_be_shortened_and_nothing_else() {
        let judged = |table: &str| -> Result<Term, String> {
            let terms: Terms = toml::from_str(table).map_err(|error| error.message().to_owned())?;
            terms.check(&[&KEPT]).map_err(|error| error.to_string())?;
            Ok(terms.of(&KEPT))
        };
        assert_eq!(judged(""), Ok(Term::Years(3)));
        assert_eq!(judged("contact_message = \"2 years\""), Ok(Term::Years(2)));
        assert_eq!(judged("contact_message = \"36 months\""), Ok(Term::Months(36)));
        for (table, why) in [
            ("contact_message = \"4 years\"", "not kept longer"),
            ("contact_mesage = \"1 year\"", "nothing is kept under the name"),
            ("contact_message = \"0 days\"", "such as"),
            ("contact_message = \"soon\"", "such as"),
            ("contact_message = 3", "string"),
        ] {
            assert!(judged(table).unwrap_err().contains(why), "{table}: {:?}", judged(table));
        }
    }
}

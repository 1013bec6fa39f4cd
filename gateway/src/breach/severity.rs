//! How severe a breach is, and what follows from it.
//!
//! The score is ENISA's (Recommendations for a methodology of the assessment of severity of personal data breaches,
//! v1.0, December 2013): what the data are, times how easily somebody is known by them, plus how it happened. It guides;
//! whoever reports may say otherwise, and the register keeps both.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is sealed, its key safe, hardly tells who it is about: ENISA's lowest ease of identification; in clear, its
/// highest, which is 1.
const SEALED: f64 = 0.25;
/// What each circumstance adds.
const CIRCUMSTANCE: f64 = 0.5;

/// Kinds of data, by what is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Addresses of the newsletter.
    Newsletter,
    /// Names, professions, companies and addresses of accounts.
    Accounts,
    /// What people wrote to the firm.
    Messages,
    /// Hashes of passwords, keys, second factors.
    Credentials,
    /// Orders, invoices, what is kept of means of payment.
    Orders,
    /// What clients load: salaries, ages, causes of leave.
    Calculations,
}

impl Data {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Newsletter,
        Self::Accounts,
        Self::Messages,
        Self::Credentials,
        Self::Orders,
        Self::Calculations,
    ];

    /// The processing context: 1 for simple data, 2 for behaviour, 3 for money, 4 for what is sensitive.
    fn context(self) -> f64 {
        match self {
            Self::Newsletter | Self::Accounts => 1.0,
            Self::Messages => 2.0,
            Self::Orders | Self::Credentials => 3.0,
            Self::Calculations => 4.0,
        }
    }
}

/// How it happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Somebody may have read them.
    pub disclosed: bool,
    /// They may have been changed.
    pub altered: bool,
    /// They are lost, or cannot be reached.
    pub lost: bool,
    /// Somebody meant it.
    pub malicious: bool,
    /// What is out is sealed, and its key is not.
    pub sealed: bool,
}

/// ENISA's four levels, which are the CNIL's: négligeable, limité, important, maximal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Persons will not be affected, or hardly.
    Negligible,
    /// Inconvenience that they overcome.
    Limited,
    /// Consequences that they overcome with difficulty.
    Significant,
    /// Consequences that they may not overcome.
    Maximal,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Self; 4] = [Self::Negligible, Self::Limited, Self::Significant, Self::Maximal];

    /// The score from which on it is this one.
    fn begins(self) -> f64 {
        match self {
            Self::Negligible => 0.0,
            Self::Limited => 2.0,
            Self::Significant => 3.0,
            Self::Maximal => 4.0,
        }
    }

    /// Whether the CNIL is told: wherever a risk is not unlikely (art. 33.1).
    pub fn concerns_authority(self) -> bool {
        self >= Self::Limited
    }

    /// Whether persons are told: where the risk is high (art. 34.1).
    pub fn concerns_persons(self) -> bool {
        self >= Self::Significant
    }
}

/// The score, and the level that it means.
pub(super) fn judged(data: &[Data], how: Circumstances) -> (f64, Level) {
    let context = data.iter().map(|data| data.context()).fold(0.0, f64::max);
    let identified = if how.sealed { SEALED } else { 1.0 };
    let circumstances = [how.disclosed, how.altered, how.lost, how.malicious].into_iter();
    let circumstances = circumstances.map(|so| if so { CIRCUMSTANCE } else { 0.0 }).sum::<f64>();
    let score = context * identified + circumstances;
    let reached = Level::ALL.into_iter().rev().find(|level| level.begins() <= score);
    (score, reached.unwrap_or(Level::Negligible))
}

/// The guide by its numbers, for whoever fills in a report: what each kind of data counts, what sealing leaves of it, what
/// each circumstance adds, and from which score on each level begins, with whom it has told.
pub fn guide() -> Value {
    let data = Data::ALL.map(|data| json!({ "data": data, "counts": data.context() }));
    let level = |level: Level| {
        json!({
            "level": level,
            "begins": level.begins(),
            "authority": level.concerns_authority(),
            "persons": level.concerns_persons(),
        })
    };
    json!({
        "data": data,
        "sealed": SEALED,
        "circumstance": CIRCUMSTANCE,
        "levels": Level::ALL.map(level),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_follows_from_the_data_and_from_what_happened() {
        let read = Circumstances { disclosed: true, ..Circumstances::default() };
        let stolen = Circumstances { malicious: true, ..read };
        for (data, how, level) in [
            (vec![Data::Newsletter], read, Level::Negligible),
            (vec![Data::Newsletter], stolen, Level::Limited),
            (vec![Data::Newsletter, Data::Messages], read, Level::Limited),
            (vec![Data::Orders], read, Level::Significant),
            (vec![Data::Calculations], read, Level::Maximal),
            (vec![Data::Calculations], Circumstances { sealed: true, ..read }, Level::Negligible),
            (vec![], Circumstances::default(), Level::Negligible),
        ] {
            assert_eq!(judged(&data, how).1, level, "{data:?} {how:?}");
        }
        assert!(Level::Limited.concerns_authority() && !Level::Limited.concerns_persons());
    }
}

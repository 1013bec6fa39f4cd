//! How severe a breach is, and what follows from it.
//!
//! The score is ENISA's (Recommendations for a methodology of the assessment of severity of personal data breaches,
//! v1.0, December 2013): what the data are, times how easily somebody is known by them, plus how it happened. It guides;
//! whoever reports may say otherwise, and the register keeps both.

use serde::{Deserialize, Serialize};

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
    let identified = if how.sealed { 0.25 } else { 1.0 };
    let part = |so: bool, worth: f64| if so { worth } else { 0.0 };
    let circumstances = part(how.disclosed, 0.5) + part(how.altered, 0.5) + part(how.lost, 0.5) + part(how.malicious, 0.5);
    let score = context * identified + circumstances;
    let level = match score {
        ..2.0 => Level::Negligible,
        2.0..3.0 => Level::Limited,
        3.0..4.0 => Level::Significant,
        _ => Level::Maximal,
    };
    (score, level)
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

//! What a contract costs its holder, and what the insurer keeps for it: premiums and reserves. Not the contract's value.

use super::contract::Basis;
use super::{Annuity, Contract, Lives, Status, Timing, annuity};
use crate::quantity::Duration;

/// How premiums are paid: at the beginning of each period, as long as the status of the lives holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Premium {
    /// Years of payment; zero for a single premium.
    pub years: Duration,
    /// Payments a year.
    pub frequency: u32,
    /// Loadings.
    pub loadings: Loadings,
}

/// What the premium bears beside the risk.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loadings {
    /// Part of each gross premium.
    pub on_premium: f64,
    /// Part of the benefits.
    pub on_benefits: f64,
    /// Euros a year of payment, or once for a single premium.
    pub per_policy: f64,
}

/// Premiums of a year (the whole premium when single), in euros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Premiums {
    /// Value of one euro of premium a year.
    pub annuity: f64,
    /// Benefits alone.
    pub net: f64,
    /// With the loadings.
    pub gross: f64,
}

impl Premium {
    /// The premiums that pay for benefits worth `present_value`: `P·(1−α)·ä = (1+β)·PV + γ·ä`.
    pub fn of(&self, basis: &Basis<'_>, present_value: f64) -> Premiums {
        let annuity = self.value_at(basis, 0.0);
        let Loadings { on_premium, on_benefits, per_policy } = self.loadings;
        let gross = ((1.0 + on_benefits) * present_value / annuity + per_policy) / (1.0 - on_premium);
        Premiums { annuity, net: present_value / annuity, gross }
    }

    /// Value, after `elapsed` years with all alive, of one euro a year still to be paid.
    pub fn value_at(&self, basis: &Basis<'_>, elapsed: f64) -> f64 {
        if self.years == Duration::default() {
            return f64::from(u8::from(elapsed == 0.0));
        }
        self.contract().value_at(&self.basis(basis), elapsed).present_value
    }

    /// The same, of the premiums that fall before the next anniversary.
    fn year(&self, basis: &Basis<'_>, elapsed: u32) -> f64 {
        if self.years == Duration::default() {
            return f64::from(u8::from(elapsed == 0));
        }
        self.contract().year(&self.basis(basis), elapsed)
    }

    fn contract(&self) -> Contract {
        let annuity = Annuity {
            timing: Timing::Due,
            frequency: self.frequency,
            term: Some(self.years),
            ..Annuity::default()
        };
        Contract::Annuity(annuity)
    }

    /// Who pays: the annuitant where there is a reversion, the status otherwise.
    fn basis<'a>(&self, basis: &Basis<'a>) -> Basis<'a> {
        let lives = match basis.lives {
            Lives::Pair(first, _, Status::Reversion(_)) => Lives::Single(first),
            lives => lives,
        };
        Basis { lives, ..*basis }
    }
}

/// Prospective reserve after `elapsed` years with all alive: benefits to come less net premiums to come, in euros.
pub fn reserve(
    contract: &Contract,
    amount: f64,
    premium: Option<(&Premium, f64)>,
    basis: &Basis<'_>,
    elapsed: f64,
) -> f64 {
    let benefits = contract.value_at(basis, elapsed).present_value * amount;
    benefits - premium.map_or(0.0, |(premium, net)| net * premium.value_at(basis, elapsed))
}

/// Reserves at the anniversaries 0, 1, … `years` by Fackler's recursion `(V + P − benefits of the year)/(v·p)`, from the
/// reserve before the first premium. `None` where the contract outlives the status of its lives.
pub fn fackler(
    contract: &Contract,
    amount: f64,
    premium: Option<(&Premium, f64)>,
    basis: &Basis<'_>,
    years: u32,
) -> Option<Vec<f64>> {
    if !contract.ends_with(&basis.lives) {
        return None;
    }
    let mut reserves = vec![reserve(contract, amount, premium, basis, 0.0)];
    for year in 0..years {
        let lives = basis.lives.later(f64::from(year));
        let kept = lives.paying(1.0, basis.fraction) * basis.discount.between(f64::from(year), 1.0);
        if kept <= 0.0 {
            break;
        }
        let paid = premium.map_or(0.0, |(premium, net)| net * premium.year(basis, year));
        let before = reserves.last().copied().unwrap_or(0.0);
        reserves.push((before + paid - amount * contract.year(basis, year)) / kept);
    }
    Some(reserves)
}

/// The annuity of old software: yearly payments corrected by two terms of Woolhouse's formula,
/// `ä^(m) ≈ ä − (m−1)/2m · (dEx − d+nEx)`; plus for arrears, `m → ∞` when continuous.
pub fn woolhouse2(contract: &Annuity, basis: &Basis<'_>) -> f64 {
    let Annuity { timing, term, .. } = *contract;
    let deferral = contract.deferral.value();
    let yearly = Annuity {
        timing: if timing == Timing::Immediate { timing } else { Timing::Due },
        frequency: 1,
        ..*contract
    };
    let m = f64::from(contract.frequency.max(1));
    let correction = match timing {
        Timing::Due => -(m - 1.0) / (2.0 * m),
        Timing::Immediate => (m - 1.0) / (2.0 * m),
        Timing::Continuous => -0.5,
    };
    let endowment = |time: f64| basis.lives.paying(time, basis.fraction) * basis.discount.factor(time);
    let ends = endowment(deferral) - term.map_or(0.0, |term| endowment(deferral + term.value()));
    annuity(&basis.lives, &yearly, basis.discount, basis.fraction).present_value + correction * ends
}

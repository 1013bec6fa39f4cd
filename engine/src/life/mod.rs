//! Annuities and insurances on one or two lives: typed contracts, their premiums and reserves, and the request of module
//! `rente`. Not tables or rates.

mod annuity;
mod contract;
mod insurance;
mod lives;
mod portfolio;
mod premium;
mod quadrature;
mod request;
mod yearly;

pub(crate) use annuity::payments_of;
pub use annuity::{Annuity, Timing, annuity};
pub use contract::{Basis, Contract};
pub use insurance::{Insurance, InsuranceKind, insurance};
pub(crate) use lives::find_survivors;
pub(crate) use lives::{LIFE, read_life};
pub use lives::{Life, Lives, Status};
pub use premium::{Loadings, Premium, Premiums, fackler, reserve, woolhouse2};
use quadrature::smooth;
pub(crate) use request::MODULE;
pub use yearly::yearly;

/// A present value, with expected payments by policy year (undiscounted, first year first).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Valuation {
    /// Expected discounted payments, in euros.
    pub present_value: f64,
    /// Expected payments of each policy year, in euros.
    pub expected: Vec<f64>,
}

impl Valuation {
    /// Adds one expected payment of a policy year (0 = the first).
    fn add(&mut self, year: usize, payment: f64, discount: f64) {
        if self.expected.len() <= year {
            self.expected.resize(year + 1, 0.0);
        }
        self.expected[year] += payment;
        self.present_value += payment * discount;
    }
}

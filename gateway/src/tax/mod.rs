//! The tax of a sale: French VAT by our own rules, Stripe Tax, or none; pure rules, no store and no HTTP.
//!
//! What is sold are services supplied electronically. To a business they are taxed where it is established (CGI art.
//! 259, 1°; directive 2006/112/CE art. 44): in France at the normal rate (art. 278), in another member state by the
//! buyer (reverse charge, directive art. 196), elsewhere not in the Union. To a consumer of the Union the French rate
//! is applied, which holds below 10,000 € a year to other member states (CGI art. 259 D, II); past that it is Stripe
//! Tax, or an adviser, who knows the rates of the others. A consumer elsewhere is outside of French VAT (art. 259 D, I).

mod vat_number;

use serde::{Deserialize, Serialize};

use self::vat_number::is_member_state;

pub use self::vat_number::{VatFault, VatNumber};

/// The `[tax]` table of `site.toml`; without it prices are charged as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxConfig {
    /// Whose rules.
    pub rules: Rules,
    /// Our own VAT number, for invoices.
    pub number: String,
    /// The normal rate, in hundredths of a percent (CGI art. 278: 20 %).
    #[serde(default = "TaxConfig::normal")]
    pub basis_points: u32,
    /// `txr_…`: that rate as it was made at Stripe, exclusive; needed where Stripe charges by our rules.
    #[serde(default)]
    pub stripe_rate: Option<String>,
}

impl TaxConfig {
    fn normal() -> u32 {
        2_000
    }
}

/// Whose rules of tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rules {
    /// French VAT, by this module.
    French,
    /// Stripe Tax, which asks the buyer for what it needs.
    Stripe,
}

/// What a sale is, for VAT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tax {
    /// No `[tax]`.
    #[default]
    Untold,
    /// Taxed at this rate, in hundredths of a percent.
    At(u32),
    /// The buyer pays it to their own state.
    ReverseCharge,
    /// Not taxed in France.
    OutOfScope,
    /// Stripe tells.
    ByStripe,
}

/// What the tax depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer<'a> {
    /// ISO 3166-1, two letters.
    pub country: &'a str,
    /// Whether a number of that country was given, its check digits right.
    pub has_number: bool,
    /// Whether they buy as a consumer.
    pub consumer: bool,
}

impl Tax {
    /// The tax of a sale.
    pub fn of(config: Option<&TaxConfig>, buyer: &Buyer<'_>) -> Self {
        let Some(config) = config else { return Self::Untold };
        if config.rules == Rules::Stripe {
            return Self::ByStripe;
        }
        let normal = Self::At(config.basis_points);
        match buyer.country {
            // Monaco is French territory for VAT (convention of 18 May 1963).
            "FR" | "MC" => normal,
            country if is_member_state(country) => match !buyer.consumer && buyer.has_number {
                true => Self::ReverseCharge,
                false => normal,
            },
            _ => Self::OutOfScope,
        }
    }

    /// The tax on an amount, to the nearest cent.
    pub fn on(self, net_cents: i64) -> i64 {
        match self {
            Self::At(basis_points) => part(net_cents, basis_points),
            Self::Untold | Self::ReverseCharge | Self::OutOfScope | Self::ByStripe => 0,
        }
    }

    /// The interface string of what an invoice must say of it (CGI annexe II art. 242 nonies A), if anything.
    pub fn mention(self) -> Option<&'static str> {
        match self {
            Self::ReverseCharge => Some("invoice.reverse_charge"),
            Self::OutOfScope => Some("invoice.out_of_scope"),
            Self::Untold | Self::At(_) | Self::ByStripe => None,
        }
    }
}

/// A part of an amount in hundredths of a percent, to the nearest cent, half a cent away from zero.
pub fn part(cents: i64, basis_points: u32) -> i64 {
    let exact = i128::from(cents) * i128::from(basis_points);
    let rounded = (exact.abs() + 5_000) / 10_000;
    i64::try_from(if exact < 0 { -rounded } else { rounded }).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_is_taxed_where_the_law_says() {
        use Tax::{At, ByStripe, OutOfScope, ReverseCharge, Untold};
        let french = TaxConfig {
            rules: Rules::French,
            number: "FR83404833048".into(),
            basis_points: 2_000,
            stripe_rate: None,
        };
        let cases = [
            ("FR", false, false, At(2_000)),
            ("FR", true, false, At(2_000)),
            ("MC", false, false, At(2_000)),
            ("DE", true, false, ReverseCharge),
            ("GR", true, false, ReverseCharge),
            ("DE", false, false, At(2_000)),
            ("DE", true, true, At(2_000)),
            ("CH", false, false, OutOfScope),
            ("US", false, true, OutOfScope),
        ];
        for (country, has_number, consumer, expected) in cases {
            let buyer = Buyer { country, has_number, consumer };
            assert_eq!(Tax::of(Some(&french), &buyer), expected, "{buyer:?}");
            assert_eq!(Tax::of(None, &buyer), Untold);
            let stripe = TaxConfig { rules: Rules::Stripe, ..french.clone() };
            assert_eq!(Tax::of(Some(&stripe), &buyer), ByStripe);
        }
        assert_eq!((At(2_000).on(49_000), ReverseCharge.on(49_000)), (9_800, 0));
    }
}

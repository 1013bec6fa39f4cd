//! Savings turned into an annuity: the price of one euro a year for life, at one rate or at those of each scenario.
//! Not savings.

use super::Market;
use super::market::Price;
use crate::field::{Field, Kind, names};
use crate::life::{Annuity, Life, Lives, Timing, annuity, find_survivors, payments_of};
use crate::numeric::sum;
use crate::outcome::Working;
use crate::quantity::Age;
use crate::rates::{self, Discount};
use crate::reader::Reader;
use crate::tables::Fraction;

pub(super) const CONVERSION: &[Field] = &[
    Field::new("table", Kind::Table).required(),
    rates::rate("rate").required(),
    Field::choice("factor", &names(&FACTORS)).or_name("scenario"),
    Field::choice("timing", &TIMING_NAMES).or_name("due"),
    Field::integer("frequency", 1, 12).or(12.0).unit("per_year"),
    Field::number("guarantee", 0.0, 60.0).or(0.0).unit("year"),
    Field::number("growth", -0.5, 0.5).or(0.0).unit("per_year"),
    Field::number("fee", 0.0, 0.5).or(0.0),
];
const FACTORS: [(&str, bool); 2] = [("scenario", true), ("single", false)];
const TIMINGS: [(&str, Timing); 3] =
    [("due", Timing::Due), ("immediate", Timing::Immediate), ("continuous", Timing::Continuous)];
const TIMING_NAMES: [&str; 3] = names(&TIMINGS);

/// What one euro of annuity a year costs at retirement.
pub(super) struct Conversion {
    /// At the request's own rate, fees of payment included.
    pub(super) factor: f64,
    /// Whether each scenario has its own price, at its rates.
    pub(super) by_scenario: bool,
    /// Years from retirement of each payment, and its expected amount with the fees.
    payments: Vec<(f64, f64)>,
}

impl Conversion {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let given = reader.object("conversion")?;
        let (table, rate) = (given.text("table"), given.quantity("rate"));
        let (timing, by_scenario) = (given.choice("timing", &TIMINGS), given.choice("factor", &FACTORS));
        let frequency = given.count("frequency");
        let (guarantee, growth, fee) =
            (given.quantity("guarantee"), given.quantity("growth"), given.number("fee"));
        let year = reader.integer("birth_year");
        let survivors = find_survivors(&given, "table", table?, year, "/birth_year")?;
        let age = reader.number("retirement_age")?;
        let parameters = [
            ("table", table?.to_owned()),
            ("found", age.to_string()),
            ("first", survivors.first_age.to_string()),
            ("last", survivors.closing_age().to_string()),
        ];
        if age < f64::from(survivors.first_age) {
            reader.fault("retirement_age", "age_before_table", &parameters);
            return None;
        }
        if survivors.at(age, Fraction::Udd) <= 0.0 {
            reader.fault("retirement_age", "age_after_table", &parameters);
            return None;
        }
        let contract = Annuity {
            timing: timing?,
            frequency: u32::try_from(frequency?).ok()?,
            guarantee: guarantee?,
            growth: growth?,
            ..Annuity::default()
        };
        let lives = Lives::Single(Life { survivors, age: Age::new(age).ok()? });
        let charged = 1.0 + fee?;
        let value = annuity(&lives, &contract, &Discount::Flat(rate?), Fraction::Udd).present_value;
        if value <= 0.0 {
            reader.fault("retirement_age", "age_after_table", &parameters);
            return None;
        }
        let payments = payments_of(&lives, &contract, Fraction::Udd);
        let payments = payments.into_iter().map(|(time, amount)| (time, amount * charged)).collect();
        Some(Self { factor: value * charged, by_scenario: by_scenario?, payments })
    }

    /// Payments that each scenario prices.
    pub(super) fn count(&self) -> usize {
        if self.by_scenario { self.payments.len() } else { 0 }
    }

    /// The payments as a market prices them at retirement.
    pub(super) fn priced(&self, market: &Market, retirement: f64) -> Option<Priced> {
        let line = |(time, amount): &(f64, f64)| (*amount, market.price(retirement, *time));
        self.by_scenario.then(|| Priced { lines: self.payments.iter().map(line).collect() })
    }

    /// Every payment with its price in a scenario whose short rate at retirement is without noise.
    pub(super) fn working(&self, market: &Market, retirement: f64) -> Working {
        const MOST: usize = 1000;
        let formula = r"a(x) = \sum_t e(t)\, \frac{P(0,T+t)}{P(0,T)} e^{-B(t)\,x - \frac12\left(V(T+t)-V(T)-V(t)\right)}, \quad x = r_T - \mathbb E[r_T]";
        let mut working =
            Working::new("annuity_factor", formula, &["t", "e(t)", "B(t)", "P(T,T+t \\mid x=0)"]);
        for (time, amount) in self.payments.iter().take(MOST) {
            let price = market.price(retirement, *time);
            working.row(&[*time, *amount, price.loading, price.central]);
        }
        working
    }
}

/// An annuity's payments as a market prices them at a day to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    /// Expected amount of each payment, and its price by the noise of the short rate.
    lines: Vec<(f64, Price)>,
}

impl Priced {
    /// The value of all payments where the short rate stands so far from what it would be without noise.
    pub fn factor(&self, noise: f64) -> f64 {
        sum(self.lines.iter().map(|(amount, price)| amount * price.at(noise)))
    }

    /// Their value today, of one life alive at retirement: what discounted factors must have as mean.
    pub(super) fn today(&self, market: &Market, retirement: f64) -> f64 {
        sum(self.lines.iter().map(|(amount, price)| amount * market.bond(retirement + price.time)))
    }
}

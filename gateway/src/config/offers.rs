//! What is sold, as the `[[offers]]` of `site.toml` say it.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// One of the `[[offers]]` of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The name in forms and orders.
    pub id: String,
    /// The engine's module to which it gives access.
    pub module: String,
    /// The price, all taxes left aside, in hundredths of the currency: of one seat where seats are sold.
    pub price_cents: u32,
    /// ISO 4217.
    pub currency: String,
    /// How long access lasts, and how often it is charged.
    pub period: Period,
    /// Whether it is paid for by the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Seats>,
    /// Whether calculations are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<Metered>,
    /// Whether the price is only an example.
    #[serde(default)]
    pub example: bool,
    /// By language.
    pub name: BTreeMap<String, String>,
    /// By language.
    pub summary: BTreeMap<String, String>,
}

/// How long an offer gives access, and how often it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// For good, paid once.
    Once,
    /// A subscription by the month.
    Month,
    /// A subscription by the year.
    Year,
}

/// Seats that an order may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seats {
    /// At most so many.
    pub most: u32,
}

/// Calculations that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metered {
    /// So many are in the price of a period.
    pub included: u32,
    /// What each one more costs, without tax, in hundredths of the currency; without it none is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<u32>,
}

/// What cannot be sold as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferFault {
    /// Twice the same.
    #[error("[[offers]] in site.toml: two offers have the id `{0}`")]
    Twice(String),
    /// What is counted by the period needs one.
    #[error(
        "[[offers]] in site.toml: the calculations of `{0}` are counted by the period, and it is sold once; \
         give it period = \"month\" or \"year\""
    )]
    MeteredOnce(String),
    /// Nobody could sit.
    #[error(
        "[[offers]] in site.toml: `{0}` sells no seat; give seats = {{ most = 1 }} or more, or none at all"
    )]
    NoSeat(String),
}

impl Offer {
    /// Its name in a language; its id where it has none.
    pub fn name_in(&self, language: &str) -> &str {
        self.name.get(language).or_else(|| self.name.values().next()).unwrap_or(&self.id)
    }

    /// How many seats may be asked for.
    pub fn most_seats(&self) -> u32 {
        self.seats.map_or(1, |seats| seats.most)
    }
}

impl Period {
    /// Whether it is charged again and again.
    pub fn recurs(self) -> bool {
        self != Self::Once
    }

    /// The end of a period from its beginning: the same day and time of the next month or year, in UTC, or the last
    /// day of the month where it lacks that one; none for what is sold for good.
    pub fn end(self, from: Timestamp) -> Option<Timestamp> {
        self.after(from, 1)
    }

    /// The end of so many periods from a beginning: counted from it, so that a 31st stays one where it can.
    pub fn after(self, from: Timestamp, periods: i32) -> Option<Timestamp> {
        let span = match self {
            Self::Once => return None,
            Self::Month => Span::new().months(periods),
            Self::Year => Span::new().years(i16::try_from(periods).unwrap_or(i16::MAX)),
        };
        let end = from.to_zoned_datetime(TimeZone::UTC).checked_add(span);
        Some(end.map_or(Timestamp::MAX, |end| end.timestamp()))
    }
}

/// Checks what serde cannot.
///
/// # Errors
/// [`OfferFault`].
pub fn check(offers: &[Offer]) -> Result<(), OfferFault> {
    for (index, offer) in offers.iter().enumerate() {
        let id = || offer.id.clone();
        if offers[..index].iter().any(|other| other.id == offer.id) {
            return Err(OfferFault::Twice(id()));
        }
        if offer.metered.is_some() && !offer.period.recurs() {
            return Err(OfferFault::MeteredOnce(id()));
        }
        if offer.seats.is_some_and(|seats| seats.most == 0) {
            return Err(OfferFault::NoSeat(id()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_counted_from_the_first_day() {
        let from: Timestamp = "2028-01-31T10:00:00Z".parse().unwrap();
        let ends = |count| Period::Month.after(from, count).unwrap().to_string();
        assert_eq!((ends(1), ends(2)), ("2028-02-29T10:00:00Z".into(), "2028-03-31T10:00:00Z".into()));
        let leap: Timestamp = "2028-02-29T10:00:00Z".parse().unwrap();
        assert_eq!(Period::Year.end(leap).unwrap().to_string(), "2029-02-28T10:00:00Z");
        assert_eq!(Period::Once.end(leap), None);
    }

    #[test]
    fn an_offer_that_cannot_be_sold_is_told() {
        let read = |more: &str| {
            let text = format!(
                "[[offers]]\nid = \"a\"\nmodule = \"ifc\"\nprice_cents = 1\ncurrency = \"EUR\"\n{more}\n\
                 name = {{ fr = \"A\" }}\nsummary = {{}}"
            );
            #[derive(Deserialize)]
            struct File {
                offers: Vec<Offer>,
            }
            toml::from_str::<File>(&text).map(|file| file.offers)
        };
        let judged = |more: &str| check(&read(more).unwrap());
        assert_eq!(judged("period = \"month\"\nmetered = { included = 100, price_cents = 50 }"), Ok(()));
        assert_eq!(
            judged("period = \"once\"\nmetered = { included = 1 }"),
            Err(OfferFault::MeteredOnce("a".into()))
        );
        assert_eq!(judged("period = \"year\"\nseats = { most = 0 }"), Err(OfferFault::NoSeat("a".into())));
        let one = read("period = \"year\"").unwrap().remove(0);
        let twice = [one.clone(), one];
        assert_eq!(check(&twice), Err(OfferFault::Twice("a".into())));
        assert!(read("period = \"day\"").is_err());
    }
}

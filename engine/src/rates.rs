//! Discounting: one annual effective rate, or a curve of zero-coupon rates.
//! Not the making of a curve.

use crate::field::{Field, Kind};
use crate::quantity::AnnualRate;
use crate::reader::Reader;

/// What a euro at a later time is worth now.
#[derive(Debug, Clone, PartialEq)]
pub enum Discount {
    /// One annual effective rate.
    Flat(AnnualRate),
    /// Maturities in years, increasing, with annual effective zero-coupon rates; linear between, flat beyond.
    Curve(Vec<(f64, f64)>),
}

impl Discount {
    /// Annual effective rate for a maturity in years.
    pub fn rate(&self, maturity: f64) -> f64 {
        let points = match self {
            Self::Flat(rate) => return rate.value(),
            Self::Curve(points) => points,
        };
        let after = points.partition_point(|(known, _)| *known <= maturity);
        match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
            (Some(left), Some(right)) => {
                left.1 + (right.1 - left.1) * (maturity - left.0) / (right.0 - left.0)
            }
            (Some(end), None) | (None, Some(end)) => end.1,
            (None, None) => 0.0,
        }
    }

    /// Value now of one euro at `time` years.
    pub fn factor(&self, time: f64) -> f64 {
        match self {
            // `ln_1p` keeps the digits that `1 + rate` loses.
            Self::Flat(rate) => (-time * rate.value().ln_1p()).exp(),
            Self::Curve(_) => (-time * self.rate(time).ln_1p()).exp(),
        }
    }

    /// Value at `from` of one euro `time` years later.
    pub fn between(&self, from: f64, time: f64) -> f64 {
        match self {
            Self::Flat(_) => self.factor(time),
            Self::Curve(_) if from == 0.0 => self.factor(time),
            Self::Curve(_) => self.factor(from + time) / self.factor(from),
        }
    }
}

/// A rate a year.
pub(crate) const fn rate(name: &'static str) -> Field {
    Field::rate(name)
}

/// `curve: [{maturity, rate}]`.
pub(crate) const CURVE: Field = Field::list("curve", &Kind::Object(POINT), 1, 400);

const POINT: &[Field] =
    &[Field::number("maturity", 0.0, 200.0).required().unit("year"), rate("rate").required()];

/// Reads a rate (under the name given) or `curve`, one of both.
pub(crate) fn read(reader: &Reader<'_>, rate_name: &str) -> Option<Discount> {
    reader.exclude(rate_name, "curve");
    if reader.value("curve").is_some() {
        return read_curve(reader);
    }
    reader.required(rate_name);
    reader.quantity(rate_name).map(Discount::Flat)
}

/// Reads `curve` where it is given.
pub(crate) fn read_curve(reader: &Reader<'_>) -> Option<Discount> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for point in reader.objects("curve")?.into_iter().flatten() {
        let (Some(maturity), Some(rate)) = (point.number("maturity"), point.number("rate")) else { continue };
        if let Some((before, _)) = points.last().filter(|(before, _)| maturity <= *before) {
            let parameters = [("found", maturity.to_string()), ("limit", before.to_string())];
            point.fault("maturity", "not_increasing", &parameters);
        }
        points.push((maturity, rate));
    }
    Some(Discount::Curve(points))
}

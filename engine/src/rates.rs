//! Discounting: one annual effective rate, or a curve of zero-coupon rates.
//! Not the making of a curve.

use std::cell::RefCell;

use crate::fault::Faults;
use crate::reader::{Reader, join};

/// What a euro at a later time is worth now.
#[derive(Debug, Clone, PartialEq)]
pub enum Discount {
    /// One annual effective rate.
    Flat(f64),
    /// Maturities in years, increasing, with annual effective zero-coupon rates; linear between, flat beyond.
    Curve(Vec<(f64, f64)>),
}

impl Discount {
    /// Annual effective rate for a maturity in years.
    pub fn rate(&self, maturity: f64) -> f64 {
        let points = match self {
            Self::Flat(rate) => return *rate,
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
        (1.0 + self.rate(time)).powf(-time)
    }
}

/// Reads `rate` (under the name given) or `curve: [{maturity, rate}]`, one of both.
pub(crate) fn read(reader: &Reader<'_>, rate_name: &str) -> Option<Discount> {
    match (reader.value(rate_name), reader.value("curve")) {
        (Some(_), Some(_)) => {
            let names = [("name", rate_name.to_owned()), ("other", "curve".to_owned())];
            reader.fault("curve", "conflict", &names);
            None
        }
        (_, None) => reader.required_number(rate_name, -0.5, 1.0).map(Discount::Flat),
        (None, Some(_)) => read_curve(reader, reader.faults()),
    }
}

fn read_curve(reader: &Reader<'_>, faults: &RefCell<Faults>) -> Option<Discount> {
    let mut points = Vec::new();
    let mut previous = 0.0;
    for (index, value) in reader.list("curve", 1, 400)?.iter().enumerate() {
        let place = join(&reader.place("curve"), &index.to_string());
        let Some(point) = Reader::new(value, &place, &["maturity", "rate"], faults) else { continue };
        let maturity = point.required_number("maturity", previous, 200.0);
        let rate = point.required_number("rate", -0.5, 1.0);
        if let (Some(maturity), Some(rate)) = (maturity, rate) {
            previous = maturity + 1e-6;
            points.push((maturity, rate));
        }
    }
    Some(Discount::Curve(points))
}

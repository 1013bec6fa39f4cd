//! Zero-coupon rates from instruments, one maturity after the other: each price fixes the next rate, linear from the one
//! before, flat beyond the ends. Not smoothing.

use super::{Curve, Instrument};
use crate::rates::Discount;

/// Zero-coupon rates at the instruments' maturities.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap(Discount);

/// Solves for the rates, by halving then secants; `None` where no rate above −99 % gives the price.
pub fn bootstrap(instruments: &[Instrument]) -> Option<Bootstrap> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for instrument in instruments {
        points.push((instrument.maturity, 0.0));
        let error = |rate: f64, points: &mut Vec<(f64, f64)>| {
            if let Some(last) = points.last_mut() {
                last.1 = rate;
            }
            instrument.priced(&Bootstrap(Discount::Curve(points.clone()))) - instrument.price()
        };
        let (mut low, mut high) = (-0.99, 10.0);
        if error(low, &mut points) < 0.0 || error(high, &mut points) > 0.0 {
            return None;
        }
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if error(middle, &mut points) > 0.0 { low = middle } else { high = middle }
        }
    }
    Some(Bootstrap(Discount::Curve(points)))
}

impl Curve for Bootstrap {
    fn discount(&self, time: f64) -> f64 {
        self.0.factor(time)
    }

    fn forward(&self, time: f64) -> f64 {
        // t·ln(1 + z(t)) is smooth between knots: the slope of z there is constant.
        let Discount::Curve(points) = &self.0 else { return 0.0 };
        let after = points.partition_point(|(known, _)| *known <= time);
        let slope = match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
            (Some(left), Some(right)) => (right.1 - left.1) / (right.0 - left.0),
            _ => 0.0,
        };
        let rate = self.0.rate(time);
        rate.ln_1p() + time * slope / (1.0 + rate)
    }
}

//! A scale that readers can read: round ticks around values, and where a value stands between them.

/// From the least tick to the greatest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// The ticks, in order; two at least.
    pub(super) ticks: Vec<f64>,
}

/// Ticks aimed at.
const TICKS: f64 = 5.0;

impl Scale {
    /// Around values; from zero where that wastes less than half.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            least = least.min(value);
            most = most.max(value);
        }
        if least > most {
            return None;
        }
        if least > 0.0 && (least < most / 2.0 || least == most) {
            least = 0.0;
        }
        if most < 0.0 && (most > least / 2.0 || least == most) {
            most = 0.0;
        }
        if least == most {
            most = 1.0;
        }
        let step = round_step((most - least) / TICKS);
        let (first, last) = ((least / step).floor(), (most / step).ceil());
        let count = (last - first) as usize;
        Some(Self { ticks: (0..=count).map(|index| (first + index as f64) * step).collect() })
    }

    /// Where a value stands, from 0 to 1.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (least, most) = (self.ticks[0], self.ticks[self.ticks.len() - 1]);
        ((value - least) / (most - least)).clamp(0.0, 1.0)
    }
}

/// The next of 1, 2, 5, 10, … times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= least).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_every_value() {
        let ticks = |values: &[f64]| Scale::around(values.iter().copied()).unwrap().ticks;
        assert_eq!(ticks(&[3.0, 97.0]), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(&[-4.0, 4.0]), [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(ticks(&[2026.0, 2056.0]), [2020.0, 2030.0, 2040.0, 2050.0, 2060.0]);
        for constant in [[0.0], [7.0], [-7.0]] {
            let scale = Scale::around(constant.into_iter()).unwrap();
            assert!((0.0..=1.0).contains(&scale.at(constant[0])) && scale.ticks.len() > 1);
        }
        assert_eq!(Scale::around([f64::NAN].into_iter()), None);
    }
}

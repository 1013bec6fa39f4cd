//! Integration over pieces of a year. Not what is integrated.

use crate::tables::Fraction;

/// Points and weights for a piece where survivors follow one rule: exact to rounding where they are linear or geometric;
/// Balducci's rule has a pole beside the piece and takes sixteen parts.
pub(super) fn smooth(from: f64, to: f64, fraction: Fraction) -> impl Iterator<Item = (f64, f64)> {
    let parts = if fraction == Fraction::Balducci { 16 } else { 1 };
    let width = (to - from) / f64::from(parts);
    (0..parts).flat_map(move |part| gauss(from + width * f64::from(part), from + width * f64::from(part + 1)))
}

/// Gauss-Legendre points and weights, exact to rounding for the smooth pieces met here (at most a year long).
pub(super) fn gauss(from: f64, to: f64) -> impl Iterator<Item = (f64, f64)> {
    const HALF: [(f64, f64); 4] = [
        (0.183_434_642_495_649_8, 0.362_683_783_378_362),
        (0.525_532_409_916_329, 0.313_706_645_877_887_3),
        (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
        (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
    ];
    let (middle, half) = (f64::midpoint(from, to), (to - from) / 2.0);
    HALF.into_iter()
        .flat_map(|(point, weight)| [(-point, weight), (point, weight)])
        .map(move |(point, weight)| (middle + half * point, half * weight))
}

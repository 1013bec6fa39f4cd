//! The options of a request: which pairs make the factors, the tail, exposures. Not methods.

use serde_json::{Value, json};

use super::read::{LARGEST, MOST, ROW};
use super::{Average, Curve, Development, EXTRAPOLATED, LastSigma, Selection, Triangle, curve_tail};
use crate::field::{Field, Kind, names};
use crate::reader::{self, Reader, join};

const AMOUNT: Kind = Kind::Number { minimum: 1e-6, maximum: LARGEST };
const RATIO: Kind = Kind::Number { minimum: 0.0, maximum: 1000.0 };
const LEVEL: Kind = Kind::Number { minimum: 0.0, maximum: 1.0 };
const PLACE: Kind = Kind::Integer { minimum: 0, maximum: MOST as i64 - 1 };
/// What `options` may hold.
pub(super) const OPTIONS: &[Field] = &[
    Field::list("exposure", &AMOUNT, 1, MOST),
    Field::new("apriori", Kind::Either(&[RATIO, Kind::List { of: &RATIO, minimum: 1, maximum: MOST }]))
        .or(1.0),
    Field::number("trend", -0.5, 1.0).or(0.0).unit("per_year"),
    Field::number("decay", 0.0, 1.0).or(1.0),
    Field::integer("iterations", 1, 1000).or(2.0),
    Field::list("incurred", &ROW, 1, MOST).bulk(),
    Field::integer("simulations", 1, 10_000_000).or(10_000.0),
    Field::integer("seed", 0, 9_007_199_254_740_991).or(1.0),
    Field::list("quantiles", &LEVEL, 1, 100),
    Field::choice("average", &names(&AVERAGES)).or_name("volume"),
    Field::choice("sigma", &names(&SIGMAS)).or_name("mack"),
    Field::integer("last_diagonals", 1, MOST as i64),
    Field::list("exclude", &Kind::List { of: &PLACE, minimum: 2, maximum: 2 }, 0, MOST * MOST),
    Field::new("tail", Kind::Either(&[TAIL_FACTOR, Kind::Choice(&CURVE_NAMES), Kind::Object(TAIL)])),
    Field::flag("diagnostics", false),
];
const TAIL_FACTOR: Kind = Kind::Number { minimum: 0.1, maximum: 10.0 };
const TAIL: &[Field] = &[
    Field::number("factor", 0.1, 10.0),
    Field::choice("curve", &CURVE_NAMES),
    Field::integer("from", 0, MOST as i64).or(0.0),
    Field::integer("periods", 1, 10_000).or(EXTRAPOLATED as f64),
    Field::number("sigma", 0.0, LARGEST),
    Field::number("standard_error", 0.0, 10.0),
];
const AVERAGES: [(&str, Average); 3] =
    [("volume", Average::Volume), ("simple", Average::Simple), ("regression", Average::Regression)];
const SIGMAS: [(&str, LastSigma); 3] =
    [("mack", LastSigma::Mack), ("log-linear", LastSigma::LogLinear), ("log_linear", LastSigma::LogLinear)];
const CURVES: [(&str, Curve); 3] = [
    ("exponential", Curve::Exponential),
    ("inverse_power", Curve::InversePower),
    ("weibull", Curve::Weibull),
];
const CURVE_NAMES: [&str; 3] = names(&CURVES);

/// Which pairs make the factors, as the options say.
pub(super) fn selection(options: &Reader<'_>, triangle: &Triangle) -> Option<Selection> {
    let mut exclude = Vec::new();
    for (index, value) in options.list("exclude").unwrap_or_default().iter().enumerate() {
        let place = join(&options.place("exclude"), &index.to_string());
        let pair = reader::list(value, &place, 2, 2, options.call())?;
        let cell = |at: usize| {
            let number =
                reader::number(&pair[at], &join(&place, &at.to_string()), 0.0, MOST as f64, options.call())?;
            (number.fract() == 0.0).then_some(number as usize)
        };
        let (origin, development) = (cell(0)?, cell(1)?);
        if !triangle.pairs(development).any(|pair| pair.0 == origin) {
            let parameters = [("origin", origin.to_string()), ("development", development.to_string())];
            options.call().faults().push(&place, "no_such_factor", &parameters);
        }
        exclude.push((origin, development));
    }
    Some(Selection {
        average: options.choice("average", &AVERAGES)?,
        last_sigma: options.choice("sigma", &SIGMAS)?,
        last_diagonals: options.count("last_diagonals"),
        exclude,
    })
}

/// Tells, at a key, the columns that no pair gives a positive factor to.
pub(crate) fn check_factors(reader: &Reader<'_>, name: &str, development: &Development) -> Option<()> {
    for (column, factor) in development.factors.iter().enumerate() {
        if !factor.is_finite() || *factor <= 0.0 {
            reader.fault(name, "no_factor", &[("column", (column + 1).to_string())]);
        }
    }
    reader.call().sound()
}

/// Adds the tail asked for to the factors; what was added is told.
pub(super) fn push_tail(options: &Reader<'_>, development: &mut Development) -> Option<Value> {
    let value = options.value("tail")?;
    let columns = development.factors.len();
    let (mut sigma, mut error) = (None, None);
    let fitted = |curve: Curve, from: usize, periods: usize| {
        let tail = curve_tail(&development.factors, curve, from, periods);
        if tail.is_none() {
            options.fault("tail", "no_tail", &[]);
        }
        tail
    };
    let tail = match value {
        Value::String(_) => fitted(options.choice("tail", &CURVES)?, 0, EXTRAPOLATED)?,
        Value::Object(_) => {
            let tail = options.object("tail")?;
            tail.exclude("factor", "curve");
            (sigma, error) = (tail.number("sigma"), tail.number("standard_error"));
            let (from, periods) = (tail.count("from")?, tail.count("periods")?);
            if tail.value("factor").is_none() {
                tail.required("curve");
            }
            match tail.number("factor") {
                Some(factor) => factor,
                None => fitted(tail.choice("curve", &CURVES)?, from, periods)?,
            }
        }
        _ => options.number("tail")?,
    };
    if !tail.is_finite() || tail > 1000.0 {
        options.fault("tail", "no_tail", &[]);
        return None;
    }
    development.push_tail(tail, sigma, error);
    let square = |squares: &[f64]| squares[columns].sqrt();
    Some(json!({
        "factor": tail, "sigma": square(&development.variances), "standard_error": square(&development.errors),
    }))
}

/// The exposure of each origin.
pub(super) fn exposure(options: &Reader<'_>, origins: usize) -> Option<Vec<f64>> {
    let given = options.required("exposure")?;
    reader::list(given, &options.place("exposure"), origins, origins, options.call())?;
    options.numbers("exposure")
}

/// The a priori losses: exposure times a ratio for all origins or one for each.
pub(super) fn a_priori(options: &Reader<'_>, exposure: &[f64]) -> Option<Vec<f64>> {
    let Some(given) = options.value("apriori").filter(|value| value.is_array()) else {
        let ratio = options.number("apriori")?;
        return Some(exposure.iter().map(|exposure| exposure * ratio).collect());
    };
    reader::list(given, &options.place("apriori"), exposure.len(), exposure.len(), options.call())?;
    let ratios = options.numbers("apriori")?;
    Some(ratios.iter().zip(exposure).map(|(ratio, exposure)| ratio * exposure).collect())
}

//! Turnover from a file of past departures: exact exposure by age, crude rates with their confidence, smoothed rates.
//! Not the use of the rates.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::staff::{day, years};
use crate::field::{Field, Kind};
use crate::numeric::{poisson_interval, whittaker};
use crate::reader::Reader;

const MOST: usize = 1_000_000;
const MEMBER: &[Field] = &[
    Field::date("birth_date").required(),
    Field::date("hire_date").required(),
    Field::date("exit_date"),
    Field::flag("counts", true),
];
/// A study: the days it looks at, and everybody present on one of them.
pub(super) const STUDY: &[Field] = &[
    Field::date("from").required(),
    Field::date("to").required(),
    Field::list("staff", &Kind::Object(MEMBER), 1, MOST).required().bulk(),
    Field::number("smoothing", 0.0, 1e9).or(100.0),
    Field::number("confidence", 0.5, 0.999).or(0.95),
];
/// Ages of the study.
const AGES: std::ops::Range<usize> = 14..81;

/// By age last birthday: person-years, departures, rate `1 − exp(−D/E)` with exact Poisson limits, smoothed rate.
pub(super) fn calculate(study: &Reader<'_>) -> Option<Value> {
    let (from, to) = (study.date("from"), study.date("to"));
    let lines = study.objects("staff");
    let (smoothing, confidence) = (study.number("smoothing")?, study.number("confidence")?);
    let (from, to) = (from?, to?);
    if to <= from {
        study.fault("to", "not_increasing", &[("found", to.to_string()), ("limit", from.to_string())]);
    }
    let mut exposure = vec![0.0; AGES.end];
    let mut departures = vec![0.0; AGES.end];
    for line in lines?.into_iter().flatten() {
        let (birth, hire, exit) = (line.date("birth_date"), line.date("hire_date"), line.date("exit_date"));
        let (Some(birth), Some(hire)) = (birth, hire) else { continue };
        let orders = [("birth_date", birth, hire), ("hire_date", hire, exit.unwrap_or(hire))];
        for (name, day, limit) in orders.into_iter().filter(|(_, day, limit)| day > limit) {
            line.fault(name, "date_order", &[("found", day.to_string()), ("limit", limit.to_string())]);
        }
        let leaves = exit.filter(|exit| *exit > from && *exit <= to);
        expose(&mut exposure, birth, hire.max(from), exit.unwrap_or(to).min(to));
        if let (Some(exit), true) = (leaves, line.flag("counts"))
            && hire <= to
            && let Some(count) = departures.get_mut(years(day(birth), day(exit)) as usize)
        {
            *count += 1.0;
        }
    }
    study.call().sound()?;
    let ages: Vec<usize> = AGES.filter(|age| exposure[*age] > 0.0).collect();
    let (Some(first), Some(last)) = (ages.first(), ages.last()) else { return Some(json!([])) };
    let range = *first..last + 1;
    let crude = |age: usize| if exposure[age] > 0.0 { departures[age] / exposure[age] } else { 0.0 };
    let values: Vec<f64> = range.clone().map(crude).collect();
    let smooth = whittaker(&values, &exposure[range.clone()], smoothing);
    let line = |(age, smooth): (usize, f64)| {
        let (low, high) = poisson_interval(departures[age], confidence);
        let rate = |force: f64| -(-force.max(0.0)).exp_m1();
        let limit = |count: f64| if exposure[age] > 0.0 { rate(count / exposure[age]) } else { 1.0 };
        json!({
            "age": age,
            "exposure": exposure[age],
            "departures": departures[age],
            "rate": rate(crude(age)),
            "lower": limit(low),
            "upper": limit(high),
            "smoothed": rate(smooth),
        })
    };
    Some(range.zip(smooth).map(line).collect())
}

/// Spreads the days from `start` to `end` over ages last birthday.
fn expose(exposure: &mut [f64], birth: Date, start: Date, end: Date) {
    if start >= end {
        return;
    }
    let (mut at, until) = (years(day(birth), day(start)), years(day(birth), day(end)));
    while at < until {
        let next = (at.floor() + 1.0).min(until);
        if let Some(cell) = exposure.get_mut(at as usize) {
            *cell += next - at;
        }
        at = next;
    }
}

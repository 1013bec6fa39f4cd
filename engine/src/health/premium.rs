//! Pure premiums by guarantee, frequency times cost, and the tariff that follows: relativities by level, capped and
//! rebalanced. Not the fits.

use serde_json::{Value, json};

use super::design::{Column, Data, Variable};
use super::model::{self, DATA, Fitted, MODEL, lines};
use super::{Link, Part};
use crate::field::{Field, Kind};
use crate::numeric::sum;
use crate::reader::Reader;

/// A guarantee of a request.
pub(super) const GUARANTEE: &[Field] = &[
    Field::text("name").required(),
    Field::object("frequency", MODEL).required(),
    Field::object("cost", MODEL).required(),
    Field::new("claims", DATA).required().bulk(),
    Field::number("ceiling", 0.0, 1e12).unit("euro"),
];
/// Bounds of relativities, and loadings.
pub(super) const TARIFF: &[Field] = &[
    Field::number("minimum", 0.0, 1.0).or(0.0),
    Field::number("maximum", 1.0, 1e6).or(1e6),
    Field::number("loading", 0.0, 0.9).or(0.0),
];

/// Most guarantees of a request.
pub(super) const MOST: usize = 50;
pub(super) const GUARANTEES: Field = Field::list("guarantees", &Kind::Object(GUARANTEE), 1, MOST);

struct Bounds {
    minimum: f64,
    maximum: f64,
    loading: f64,
}

/// Answers `work = pure_premium`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<Value> {
    reader.required("data");
    reader.required("guarantees");
    let data = model::data(reader, "data")?;
    let bounds = match reader.section("tariff") {
        Some(tariff) => Bounds {
            minimum: tariff.number("minimum")?,
            maximum: tariff.number("maximum")?,
            loading: tariff.number("loading")?,
        },
        None => return None,
    };
    let profiles =
        if reader.value("profiles").is_some() { Some(model::data(reader, "profiles")?) } else { None };
    let mut told = Vec::new();
    let mut premiums: Vec<f64> = vec![0.0; profiles.as_ref().map_or(0, lines)];
    let mut total = 0.0;
    for guarantee in reader.objects("guarantees")?.into_iter().flatten() {
        let (told_one, of_profiles, of_portfolio) = one(&guarantee, &data, profiles.as_ref(), &bounds)?;
        premiums.iter_mut().zip(&of_profiles).for_each(|(sum, premium)| *sum += premium);
        total += of_portfolio;
        told.push(told_one);
    }
    reader.call().sound()?;
    let mut answer = json!({ "guarantees": told, "total": { "pure_premium": total } });
    if profiles.is_some() {
        answer["profiles"] = premiums
            .iter()
            .map(|premium| json!({ "pure_premium": premium, "premium": premium / (1.0 - bounds.loading) }))
            .collect();
    }
    Some(answer)
}

/// A guarantee's fits and tariff, the premiums of the profiles, and the portfolio's.
fn one(
    guarantee: &Reader<'_>,
    data: &Data,
    profiles: Option<&Data>,
    bounds: &Bounds,
) -> Option<(Value, Vec<f64>, f64)> {
    let mut claims = model::data(guarantee, "claims")?;
    let (frequency_model, cost_model) = (guarantee.object("frequency")?, guarantee.object("cost")?);
    if let (Some(ceiling), Some(name)) = (guarantee.number("ceiling"), cost_model.text("response"))
        && let Some(Variable::Numbers(costs)) = claims.get_mut(name)
    {
        costs.iter_mut().for_each(|cost| *cost = cost.min(ceiling));
    }
    let frequency = model::fitted(&frequency_model, data, false)?;
    let cost = model::fitted(&cost_model, &claims, false)?;
    for (model, fitted) in [(&frequency_model, &frequency), (&cost_model, &cost)] {
        if fitted.link != Link::Log {
            model.refuse("link", "work = pure_premium");
            return None;
        }
    }
    let exposure: Vec<f64> = match frequency.exposure.as_ref().and_then(|name| data.get(name)) {
        Some(Variable::Numbers(exposure)) => exposure.clone(),
        _ => vec![1.0; lines(data)],
    };
    let tariff = Tariff::new(&frequency, &cost, bounds);
    let free = tariff.premiums(guarantee, data, |line| line.relativity)?;
    let capped = tariff.premiums(guarantee, data, |line| line.capped)?;
    let portfolio =
        |premiums: &[f64]| sum(premiums.iter().zip(&exposure).map(|(premium, years)| premium * years));
    let (before, after) = (portfolio(&free), portfolio(&capped));
    // What the bounds take away is given back by the base, so that the portfolio pays the same.
    let rebalanced = before / after;
    let of_profiles = match profiles {
        Some(profiles) => {
            let premiums = tariff.premiums(guarantee, profiles, |line| line.capped)?;
            premiums.iter().map(|premium| premium * rebalanced).collect()
        }
        None => Vec::new(),
    };
    let mut told = json!({
        "name": guarantee.text("name")?,
        "frequency": frequency.tell(),
        "cost": cost.tell(),
        "base_premium": tariff.base,
        "rebalanced_base_premium": tariff.base * rebalanced,
        "tariff": tariff.tell(),
        "portfolio_pure_premium": before,
    });
    if !of_profiles.is_empty() {
        told["profiles"] = json!(of_profiles);
    }
    Some((told, of_profiles, before))
}

/// One line of the tariff.
struct Line {
    column: Column,
    relativity: f64,
    capped: f64,
}

struct Tariff {
    base: f64,
    lines: Vec<Line>,
    bases: Vec<(String, String)>,
}

impl Tariff {
    /// Relativities of frequency and cost multiplied column by column; bounds hold for levels, not for a unit of a number.
    fn new(frequency: &Fitted, cost: &Fitted, bounds: &Bounds) -> Self {
        let mut base = 1.0;
        let mut lines: Vec<Line> = Vec::new();
        for fitted in [frequency, cost] {
            for (column, coefficient) in fitted.columns.iter().zip(&fitted.fit.coefficients) {
                let effect = coefficient.unwrap_or(0.0).exp();
                if column.parts.is_empty() {
                    base *= effect;
                    continue;
                }
                match lines.iter_mut().find(|line| line.column.parts == column.parts) {
                    Some(line) => line.relativity *= effect,
                    None => lines.push(Line { column: column.clone(), relativity: effect, capped: effect }),
                }
            }
        }
        for line in &mut lines {
            line.capped = if line.column.is_group() {
                line.relativity.clamp(bounds.minimum, bounds.maximum)
            } else {
                line.relativity
            };
        }
        let mut bases: Vec<(String, String)> = Vec::new();
        for fitted in [frequency, cost] {
            for Part { variable, level } in fitted.columns.iter().flat_map(|column| &column.parts) {
                let first = fitted.levels.get(variable).and_then(|levels| levels.first());
                let base = fitted.base.get(variable).or(first);
                if let (Some(_), Some(base)) = (level, base)
                    && !bases.iter().any(|(known, _)| known == variable)
                {
                    bases.push((variable.clone(), base.clone()));
                }
            }
        }
        Self { base, lines, bases }
    }

    /// Yearly premiums of lines of data.
    fn premiums(&self, guarantee: &Reader<'_>, data: &Data, of: fn(&Line) -> f64) -> Option<Vec<f64>> {
        let count = lines(data);
        let mut premiums = vec![self.base; count];
        for line in &self.lines {
            let Ok(values) = line.column.values(data, count) else {
                let name = line.column.name();
                guarantee.fault("cost", "no_variable", &[("found", name)]);
                return None;
            };
            let log = of(line).ln();
            premiums.iter_mut().zip(values).for_each(|(premium, value)| *premium *= (log * value).exp());
        }
        Some(premiums)
    }

    fn tell(&self) -> Value {
        let bases = self.bases.iter().map(
            |(variable, level)| json!({ "name": variable, "level": level, "relativity": 1.0, "capped": 1.0 }),
        );
        let lines = self.lines.iter().map(|line| {
            let name: Vec<&str> = line.column.parts.iter().map(|part| part.variable.as_str()).collect();
            let level: Vec<&str> =
                line.column.parts.iter().filter_map(|part| part.level.as_deref()).collect();
            json!({
                "name": name.join(":"), "level": level.join(":"),
                "relativity": line.relativity, "capped": line.capped,
            })
        });
        bases.chain(lines).collect()
    }
}

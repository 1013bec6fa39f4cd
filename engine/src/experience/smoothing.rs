//! Answers for crude rates, ratios, smoothing and positioning. Not the request's choice among them.

use serde_json::{Value, json};
use statrs::distribution::{ContinuousCDF, Normal};

use super::read::{self, Experience};
use super::{Criterion, Failure, Grid, Smoothed, Target, brass, choose, poisson_bounds, ratio};
use crate::field::{Field, names};
use crate::numeric::sum;
use crate::reader::Reader;

/// How rates are smoothed.
pub(super) const SMOOTHING: &[Field] = &[
    Field::integer("order", 1, 4).or(2.0),
    Field::integer("order_years", 1, 4).or(2.0),
    Field::number("lambda", 0.0, 1e15),
    Field::number("lambda_years", 0.0, 1e15),
    Field::choice("criterion", &names(&CRITERIA)).or_name("reml"),
    Field::choice("of", &names(&TARGETS)).or_name("hazard"),
];
const CRITERIA: [(&str, Criterion); 2] = [("reml", Criterion::Reml), ("gcv", Criterion::Gcv)];
const TARGETS: [(&str, Of); 2] = [("hazard", Of::Hazard), ("rate", Of::Rate)];
/// Elementary steps of one system in two dimensions that are allowed.
const MOST_STEPS: f64 = 5e9;

#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// The logarithm of the force of mortality, by penalised likelihood.
    Hazard,
    /// Crude probabilities, weighted by central exposure.
    Rate,
}

/// Exposures, crude rates and their exact intervals, age by age.
pub(super) fn crude(experience: &Experience, confidence: f64) -> Vec<Value> {
    let line = |row: usize| {
        let (deaths, central, initial) =
            (experience.deaths[row], experience.central[row], experience.initial[row]);
        let mut line = json!({
            "age": experience.age(row), "deaths": deaths, "central_exposure": central, "initial_exposure": initial,
        });
        if initial > 0.0 {
            line["q"] = json!(deaths / initial);
        }
        if central > 0.0 {
            line["mu"] = json!(deaths / central);
            if let Some((low, high)) = poisson_bounds(deaths, confidence) {
                line["mu_lower"] = json!(low / central);
                line["mu_upper"] = json!(high / central);
            }
        }
        line
    };
    (0..experience.deaths.len()).map(line).collect()
}

/// Answers `work = exposure`.
pub(super) fn exposure(reader: &Reader<'_>) -> Option<Value> {
    let confidence = reader.number("confidence")?;
    let experience = read::experience(reader)?;
    Some(json!({
        "ages": crude(&experience, confidence),
        "total": {
            "deaths": sum(experience.deaths.iter().copied()),
            "central_exposure": sum(experience.central.iter().copied()),
            "initial_exposure": sum(experience.initial.iter().copied()),
        },
    }))
}

/// Answers `work = smr`.
pub(super) fn smr(reader: &Reader<'_>) -> Option<Value> {
    let confidence = reader.number("confidence")?;
    let experience = read::experience(reader);
    reader.required("reference");
    let experience = experience?;
    let reference = read::reference(reader, experience.first_age, experience.deaths.len())?;
    tell_ratio(reader, &experience, &reference, confidence)
}

/// Observed deaths over those expected from the reference: `Σ E₀ q`.
pub(super) fn tell_ratio(
    reader: &Reader<'_>,
    experience: &Experience,
    reference: &[f64],
    confidence: f64,
) -> Option<Value> {
    let expected: Vec<f64> = experience.initial.iter().zip(reference).map(|(e, q)| e * q).collect();
    let observed = sum(experience.deaths.iter().copied());
    let Some(found) = ratio(observed, sum(expected.iter().copied()), confidence) else {
        reader.fault("reference", "nothing_expected", &[]);
        return None;
    };
    let ages: Vec<Value> = (0..expected.len())
        .map(|row| {
            json!({ "age": experience.age(row), "observed": experience.deaths[row], "expected": expected[row] })
        })
        .collect();
    Some(json!({
        "observed": found.observed, "expected": found.expected, "smr": found.ratio,
        "lower": found.bounds.0, "upper": found.bounds.1, "ages": ages,
    }))
}

/// Answers `work = brass`.
pub(super) fn answer_brass(reader: &Reader<'_>) -> Option<Value> {
    let experience = read::experience(reader);
    reader.required("reference");
    let experience = experience?;
    let reference = read::reference(reader, experience.first_age, experience.deaths.len())?;
    let line = brass(&experience.deaths, &experience.initial, &reference);
    let line = line.map_err(|failure| tell(reader, "experience", "Brass", &failure)).ok()?;
    let positioned: Vec<Value> = (reference.iter().enumerate())
        .map(|(row, q)| {
            let moved = if *q <= 0.0 || *q >= 1.0 { *q } else { line.death(*q) };
            json!({ "age": experience.age(row), "reference": q, "q": moved })
        })
        .collect();
    Some(json!({
        "a": line.a, "b": line.b, "a_standard_error": line.errors.0, "b_standard_error": line.errors.1,
        "iterations": line.iterations, "ages": positioned,
    }))
}

/// Answers `work = hazard`: one multiple of the reference's forces.
pub(super) fn answer_hazard(reader: &Reader<'_>) -> Option<Value> {
    let confidence = reader.number("confidence")?;
    let experience = read::experience(reader);
    reader.required("reference");
    let experience = experience?;
    let reference = read::reference(reader, experience.first_age, experience.deaths.len())?;
    let expected = sum(experience.central.iter().zip(&reference).map(|(central, q)| -central * (-q).ln_1p()));
    let observed = sum(experience.deaths.iter().copied());
    let Some(found) = ratio(observed, expected, confidence) else {
        reader.fault("reference", "nothing_expected", &[]);
        return None;
    };
    let positioned: Vec<Value> = (reference.iter().enumerate())
        .map(|(row, q)| {
            // 1 − (1 − q)^θ, without the loss of digits of small q.
            let moved = -(found.ratio * (-q).ln_1p()).exp_m1();
            json!({ "age": experience.age(row), "reference": q, "q": moved })
        })
        .collect();
    Some(json!({
        "multiple": found.ratio, "lower": found.bounds.0, "upper": found.bounds.1,
        "observed": found.observed, "expected": found.expected, "ages": positioned,
    }))
}

/// Answers `work = whittaker`, in two dimensions where a surface is given.
pub(super) fn whittaker(reader: &Reader<'_>) -> Option<Value> {
    let confidence = reader.number("confidence")?;
    if reader.value("surface").is_some() || reader.flag("by_year") {
        let surface = read::surface(reader)?;
        let found =
            smooth(reader, surface.ages, surface.years, &surface.deaths, &surface.exposures, confidence)?;
        let mut answer = found.told;
        let row =
            |age: usize| -> Value { json!(found.hazards[age * surface.years..(age + 1) * surface.years]) };
        answer["first_age"] = json!(surface.first_age);
        answer["first_year"] = json!(surface.first_year);
        answer["mu"] = (0..surface.ages).map(row).collect();
        return Some(answer);
    }
    let experience = read::experience(reader)?;
    let found =
        smooth(reader, experience.deaths.len(), 1, &experience.deaths, &experience.central, confidence)?;
    let mut answer = found.told;
    answer["ages"] = json!(crude(&experience, confidence));
    if let Some(lines) = answer["ages"].as_array_mut() {
        for (row, line) in lines.iter_mut().enumerate() {
            line["smoothed_mu"] = json!(found.hazards[row]);
            line["smoothed_q"] = json!(-(-found.hazards[row]).exp_m1());
            line["smoothed_lower"] = json!(found.bounds[row].0);
            line["smoothed_upper"] = json!(found.bounds[row].1);
        }
    }
    Some(answer)
}

/// A smoothed table, and what is told of it.
pub(super) struct Found {
    /// Forces of mortality.
    pub(super) hazards: Vec<f64>,
    /// Bounds of the forces.
    pub(super) bounds: Vec<(f64, f64)>,
    /// Effective degrees of freedom.
    pub(super) freedom: f64,
    pub(super) told: Value,
}

/// Smooths with the options of `smoothing`.
pub(super) fn smooth(
    reader: &Reader<'_>,
    ages: usize,
    years: usize,
    deaths: &[f64],
    exposures: &[f64],
    confidence: f64,
) -> Option<Found> {
    let call = reader.call();
    let options = reader.section("smoothing")?;
    let of = options.choice("of", &TARGETS)?;
    let by = options.choice("criterion", &CRITERIA)?;
    let orders = [options.count("order")?, options.count("order_years")?];
    for (order, size) in [(orders[0], ages), (orders[1], if years > 1 { years } else { usize::MAX })] {
        if size <= order {
            let parameters = [("found", size.to_string()), ("minimum", (order + 1).to_string())];
            options.fault("order", "too_few", &parameters);
            return None;
        }
    }
    if deaths.iter().sum::<f64>() <= 0.0 {
        reader.fault("experience", "no_deaths", &[("found", "0".to_owned())]);
        return None;
    }
    let narrow = ages.min(years) as f64 * orders[0].max(orders[1]) as f64;
    call.afford(&reader.place("surface"), (ages * years) as f64 * narrow * narrow, MOST_STEPS)?;
    let grid = Grid::new(ages, years, orders);
    let crude: Vec<f64> =
        deaths.iter().zip(exposures).map(|(d, e)| if *e > 0.0 { d / e } else { 0.0 }).collect();
    let target = match of {
        Of::Hazard => Target::Hazard { deaths, exposures },
        Of::Rate => Target::Values { values: &crude, weights: exposures },
    };
    let watch = call.watch();
    let given = options.number("lambda").map(|one| [one, options.number("lambda_years").unwrap_or(one)]);
    let (lambda, smoothed) = match given {
        Some(lambda) => (lambda, grid.smooth(target, lambda, None)),
        None => match choose(&grid, target, by, &|| !watch.is_stopped()) {
            Ok((lambda, smoothed)) => (lambda, Ok(smoothed)),
            Err(failure) => ([0.0; 2], Err(failure)),
        },
    };
    let smoothed =
        smoothed.map_err(|failure| tell(reader, "smoothing", "Whittaker-Henderson", &failure)).ok()?;
    let (variances, freedom) = grid.uncertainty(&smoothed);
    let quantile = Normal::standard().inverse_cdf(0.5 + confidence / 2.0);
    let known = exposures.iter().filter(|exposure| **exposure > 0.0).count() as f64;
    let (hazards, bounds): (Vec<f64>, Vec<(f64, f64)>) = match of {
        Of::Hazard => {
            let one = |(value, variance): (&f64, &f64)| {
                let half = quantile * variance.max(0.0).sqrt();
                (value.exp(), ((value - half).exp(), (value + half).exp()))
            };
            smoothed.values.iter().zip(&variances).map(one).unzip()
        }
        Of::Rate => {
            let dispersion = smoothed.deviance / (known - freedom).max(1.0);
            let one = |(value, variance): (&f64, &f64)| {
                let half = quantile * (variance * dispersion).max(0.0).sqrt();
                (*value, (value - half, value + half))
            };
            smoothed.values.iter().zip(&variances).map(one).unzip()
        }
    };
    let told = tell_smoothed(&grid, &smoothed, target, lambda, freedom);
    Some(Found { hazards, bounds, freedom, told })
}

fn tell_smoothed(
    grid: &Grid,
    smoothed: &Smoothed,
    target: Target<'_>,
    lambda: [f64; 2],
    freedom: f64,
) -> Value {
    let mut told = json!({
        "lambda": lambda[0], "deviance": smoothed.deviance, "penalty": smoothed.penalty,
        "effective_degrees": freedom, "iterations": smoothed.iterations,
    });
    // Without any penalty the criteria have no meaning.
    for (name, by) in [("reml", Criterion::Reml), ("gcv", Criterion::Gcv)] {
        let score = grid.score(smoothed, target, lambda, by);
        if score.is_finite() {
            told[name] = json!(score);
        }
    }
    if grid.dimensions() == 2 {
        told["lambda_years"] = json!(lambda[1]);
    }
    told
}

/// Tells a failure of a search, with its path.
pub(super) fn tell(reader: &Reader<'_>, field: &str, name: &str, failure: &Failure) {
    match failure {
        Failure::Stopped => {}
        Failure::Singular => reader.fault(field, "undetermined", &[("name", name.to_owned())]),
        Failure::NotConverged(path) => {
            let last: Vec<String> =
                path.iter().rev().take(5).rev().map(|step| format!("{step:.6e}")).collect();
            let parameters = [
                ("name", name.to_owned()),
                ("found", path.len().to_string()),
                ("path", format!("… {}", last.join(", "))),
            ];
            reader.fault(field, "not_converged", &parameters);
        }
    }
}

//! Answers for projected mortality: Lee-Carter and Cairns-Blake-Dowd with their fans. Not the fits.

use serde_json::{Value, json};

use super::read;
use super::smoothing::tell;
use super::{Estimation, Fan, Surface, Walk, along, cbd, expectancy, fan, lee_carter};
use crate::field::{Field, Kind, names};
use crate::reader::Reader;
use crate::reserving::quantile;

/// How mortality is carried on.
pub(super) const PROJECTION: &[Field] = &[
    Field::choice("estimation", &names(&ESTIMATIONS)).or_name("poisson"),
    Field::integer("horizon", 1, 150).or(30.0).unit("year"),
    Field::integer("paths", 100, 1_000_000).or(2000.0),
    Field::integer("seed", 0, 9_007_199_254_740_991).or(1.0),
    Field::list("ages", &Kind::Integer { minimum: 0, maximum: 130 }, 1, 20).unit("year"),
    Field::list("quantiles", &Kind::Number { minimum: 0.0, maximum: 1.0 }, 1, 20),
    Field::integer("closing_age", 60, 130).unit("year"),
];
const ESTIMATIONS: [(&str, Estimation); 2] =
    [("poisson", Estimation::Poisson), ("singular_values", Estimation::SingularValues)];
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
const MOST_STEPS: f64 = 2e10;
/// Ages that give the slope by which a table is closed.
const CLOSING_AGES: usize = 20;

/// Every age and every year needs a death, and years enough for the variance of a step.
fn check(reader: &Reader<'_>, surface: &Surface) -> Option<()> {
    let place = if reader.value("lives").is_some() { "lives" } else { "surface" };
    let Surface { ages, years, deaths, .. } = surface;
    for (found, minimum) in [(*years, 4), (*ages, 2)] {
        if found < minimum {
            let parameters = [("found", found.to_string()), ("minimum", minimum.to_string())];
            reader.fault(place, "too_few", &parameters);
        }
    }
    for age in (0..*ages).filter(|age| deaths[age * years..(age + 1) * years].iter().sum::<f64>() <= 0.0) {
        let age = surface.first_age as usize + age;
        reader.fault(place, "no_deaths", &[("found", age.to_string())]);
    }
    for year in (0..*years).filter(|year| (0..*ages).all(|age| deaths[age * years + year] <= 0.0)) {
        let year = surface.first_year + year as i32;
        reader.fault(place, "no_deaths", &[("found", year.to_string())]);
    }
    reader.call().sound()
}

/// Answers `work = lee_carter`.
pub(super) fn answer_lee_carter(reader: &Reader<'_>) -> Option<Value> {
    let surface = read::surface(reader)?;
    check(reader, &surface)?;
    let options = reader.section("projection")?;
    let by = options.choice("estimation", &ESTIMATIONS)?;
    let watch = reader.call().watch();
    let model = lee_carter(&surface, by, &|| !watch.is_stopped());
    let model = model.map_err(|failure| tell(reader, "surface", "Lee-Carter", &failure)).ok()?;
    let states: Vec<Vec<f64>> = model.kappa.iter().map(|kappa| vec![*kappa]).collect();
    let deaths = |state: &[f64]| -> Vec<f64> {
        (0..surface.ages).map(|age| -(-model.force(age, state[0])).exp_m1()).collect()
    };
    let mut answer = project(&options, &surface, &states, &deaths)?;
    answer["alpha"] = json!(model.alpha);
    answer["beta"] = json!(model.beta);
    answer["kappa"] = json!(model.kappa);
    answer["deviance"] = json!(model.deviance);
    answer["iterations"] = json!(model.iterations);
    Some(answer)
}

/// Answers `work = cbd`.
pub(super) fn answer_cbd(reader: &Reader<'_>) -> Option<Value> {
    let surface = read::surface(reader)?;
    check(reader, &surface)?;
    let options = reader.section("projection")?;
    let model =
        cbd(&surface).map_err(|failure| tell(reader, "surface", "Cairns-Blake-Dowd", &failure)).ok()?;
    let states: Vec<Vec<f64>> = model.kappa.iter().map(|state| state.to_vec()).collect();
    let first = f64::from(surface.first_age);
    let deaths = |state: &[f64]| -> Vec<f64> {
        (0..surface.ages).map(|age| model.death(first + age as f64, [state[0], state[1]])).collect()
    };
    let mut answer = project(&options, &surface, &states, &deaths)?;
    answer["mean_age"] = json!(model.mean_age);
    let index = |at: usize| -> Vec<f64> { model.kappa.iter().map(|state| state[at]).collect() };
    answer["kappa_1"] = json!(index(0));
    answer["kappa_2"] = json!(index(1));
    Some(answer)
}

/// The walk, the central path, and the fan of life expectancies.
fn project(
    options: &Reader<'_>,
    surface: &Surface,
    states: &[Vec<f64>],
    model: &(dyn Fn(&[f64]) -> Vec<f64> + Sync),
) -> Option<Value> {
    let call = options.call();
    let (horizon, paths) = (options.count("horizon")?, options.count("paths")?);
    let seed = options.integer("seed")?.unsigned_abs();
    let closing = closing(options, surface)?;
    let rows = rows(options, surface)?;
    let levels =
        if options.value("quantiles").is_some() { options.numbers("quantiles")? } else { LEVELS.into() };
    let steps = (horizon * paths) as f64 * (surface.ages + closing) as f64;
    call.afford(&options.place("paths"), steps, MOST_STEPS)?;
    call.afford(&options.place("paths"), (horizon * paths * rows.len()) as f64, 1e8)?;
    let walk = Walk::new(states)?;
    let deaths = |state: &[f64]| close(model(state), closing);
    let of = Fan { horizon, paths, seed, deaths: &deaths, rows: &rows };
    let fanned = fan(&walk, &of, call.watch())?;
    let quantiles = |list: &[f64]| -> Value {
        levels.iter().map(|level| json!({ "level": level, "value": quantile(list, *level) })).collect()
    };
    let central: Vec<Vec<f64>> = (1..=horizon).map(|year| deaths(&walk.central(year))).collect();
    let first_year = surface.first_year + surface.years as i32;
    let age = |row: usize| surface.first_age as usize + row;
    let mut years = Vec::new();
    for (year, deaths) in central.iter().enumerate() {
        let error: Vec<f64> = walk.variance(year + 1).iter().map(|variance| variance.sqrt()).collect();
        let expectancies: Vec<Value> = (rows.iter().enumerate())
            .map(|(at, row)| {
                json!({
                    "age": age(*row), "central": expectancy(&deaths[*row..]),
                    "quantiles": quantiles(&fanned.period[year][at]),
                })
            })
            .collect();
        years.push(json!({
            "year": first_year + year as i32, "state": walk.central(year + 1), "state_standard_error": error,
            "q": deaths, "life_expectancy": expectancies,
        }));
    }
    let cohorts: Vec<Value> = (rows.iter().enumerate())
        .map(|(at, row)| {
            json!({
                "age": age(*row), "year": first_year, "central": along(&central, *row),
                "quantiles": quantiles(&fanned.cohort[at]),
            })
        })
        .collect();
    Some(json!({
        "first_age": surface.first_age, "first_year": surface.first_year,
        "drift": walk.drift, "covariance": walk.covariance,
        "projection": years, "cohort_life_expectancy": cohorts,
    }))
}

/// Ages added above the surface's last.
fn closing(options: &Reader<'_>, surface: &Surface) -> Option<usize> {
    let last = surface.first_age as usize + surface.ages - 1;
    Some(options.count("closing_age").map_or(0, |age| age.saturating_sub(last)))
}

fn rows(options: &Reader<'_>, surface: &Surface) -> Option<Vec<usize>> {
    if options.value("ages").is_none() {
        return Some(vec![0]);
    }
    let first = f64::from(surface.first_age);
    let last = first + surface.ages as f64 - 1.0;
    let mut rows = Vec::new();
    for (index, value) in options.list("ages")?.iter().enumerate() {
        let place = crate::reader::join(&options.place("ages"), &index.to_string());
        let age = crate::reader::number(value, &place, first, last, options.call())?;
        rows.push((age - first) as usize);
    }
    Some(rows)
}

/// Carries the logarithm of forces on by the line of the last ages, so that nobody is left out of the expectancies.
fn close(mut deaths: Vec<f64>, more: usize) -> Vec<f64> {
    if more == 0 || deaths.len() < 2 {
        return deaths;
    }
    let from = deaths.len().saturating_sub(CLOSING_AGES);
    let logs: Vec<f64> =
        deaths[from..].iter().map(|q| (-(-q.min(1.0 - 1e-12)).ln_1p()).max(1e-12).ln()).collect();
    let count = logs.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, logs.iter().sum::<f64>() / count);
    let products: f64 = logs.iter().enumerate().map(|(at, log)| (at as f64 - middle) * (log - mean)).sum();
    let slope = products / (count * (count * count - 1.0) / 12.0);
    for step in 0..more {
        let log = mean + slope * (count - middle + step as f64);
        deaths.push(-(-log.min(3.0).exp()).exp_m1());
    }
    deaths
}

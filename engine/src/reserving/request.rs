//! The request of module `provisionnement`: its method called, its answer written. Not formulas.

use serde_json::{Value, json};

use super::options::{self, OPTIONS};
use super::read::{self, INPUT};
use super::{
    Bootstrap, Development, Failure, Mack, Selection, Test, Triangle, benktander, bootstrap,
    bornhuetter_ferguson, calendar, cape_cod, correlation, mack, merz_wuthrich, munich, quantile, residuals,
    ultimates,
};
use crate::calculate::Module;
use crate::field::{Field, names};
use crate::outcome::{Answer, Working};
use crate::reader::Reader;

/// Reserves from run-off triangles.
pub(crate) const MODULE: Module = Module {
    name: "provisionnement",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/provisionnement.json"),
    example: include_str!("../../data/examples/provisionnement.json"),
};

const FIELDS: &[Field] = &[
    INPUT[0],
    INPUT[1],
    INPUT[2],
    INPUT[3],
    INPUT[4],
    INPUT[5],
    Field::choice("method", &METHOD_NAMES).required(),
    Field::object("options", OPTIONS),
];
const METHODS: [(&str, Method); 8] = [
    ("chain_ladder", Method::ChainLadder),
    ("mack", Method::Mack),
    ("bornhuetter_ferguson", Method::BornhuetterFerguson),
    ("benktander", Method::Benktander),
    ("cape_cod", Method::CapeCod),
    ("munich", Method::Munich),
    ("merz_wuthrich", Method::MerzWuthrich),
    ("bootstrap", Method::Bootstrap),
];
const METHOD_NAMES: [&str; 8] = names(&METHODS);

#[derive(Clone, Copy, PartialEq)]
enum Method {
    ChainLadder,
    Mack,
    BornhuetterFerguson,
    Benktander,
    CapeCod,
    Munich,
    MerzWuthrich,
    Bootstrap,
}

impl Method {
    /// Options that change the method's results.
    fn uses(self) -> &'static [&'static str] {
        match self {
            Self::ChainLadder | Self::Mack => {
                &["average", "sigma", "last_diagonals", "exclude", "tail", "diagnostics"]
            }
            Self::BornhuetterFerguson => {
                &["exposure", "apriori", "average", "last_diagonals", "exclude", "tail", "diagnostics"]
            }
            Self::Benktander => &[
                "exposure",
                "apriori",
                "iterations",
                "average",
                "last_diagonals",
                "exclude",
                "tail",
                "diagnostics",
            ],
            Self::CapeCod => {
                &["exposure", "trend", "decay", "average", "last_diagonals", "exclude", "tail", "diagnostics"]
            }
            Self::Munich => &["incurred"],
            Self::MerzWuthrich => &["sigma", "diagnostics"],
            Self::Bootstrap => &["simulations", "seed", "quantiles", "diagnostics"],
        }
    }
}

/// Answers a request of module `provisionnement`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let call = reader.call();
    let method = reader.choice("method", &METHODS);
    let triangle = read::triangle(reader);
    let options = reader.section("options")?;
    let (method, triangle) = (method?, triangle?);
    for field in OPTIONS.iter().filter(|field| !method.uses().contains(&field.name)) {
        if options.value(field.name).is_some() {
            let parameters = [("name", field.name.to_owned()), ("context", "/method".to_owned())];
            call.warn(&options.place(field.name), "not_applicable", &parameters);
        }
    }
    if method == Method::Munich {
        return answer_munich(&options, &triangle);
    }
    let used = |name: &str| method.uses().contains(&name);
    let mut selection = options::selection(&options, &triangle)?;
    if !used("average") {
        selection = Selection { last_sigma: selection.last_sigma, ..Selection::default() };
    }
    let mut development = selection.develop(&triangle);
    options::check_factors(&options, "exclude", &development)?;
    let fitted = development.clone();
    let tail = if used("tail") { options::push_tail(&options, &mut development) } else { None };
    call.sound()?;
    let factors = &development.factors;
    let mut explanation = Vec::new();
    let mut results = match method {
        Method::BornhuetterFerguson | Method::Benktander | Method::CapeCod => {
            let exposure = options::exposure(&options, triangle.rows.len())?;
            let a_priori = match method {
                Method::CapeCod => {
                    let (trend, decay) = (options.number("trend")?, options.number("decay")?);
                    cape_cod(&triangle, factors, &exposure, trend, decay)
                }
                _ => options::a_priori(&options, &exposure)?,
            };
            let found = match method {
                Method::Benktander => benktander(&triangle, factors, &a_priori, options.count("iterations")?),
                _ => bornhuetter_ferguson(&triangle, factors, &a_priori),
            };
            let mut results = answer(&triangle, &found);
            results["a_priori"] = json!(a_priori);
            results
        }
        Method::Bootstrap => simulate(&options, &triangle, factors)?,
        _ => answer(&triangle, &ultimates(&triangle, factors)),
    };
    results["factors"] = json!(fitted.factors);
    if let Some(tail) = tail {
        results["tail"] = tail;
    }
    if matches!(method, Method::Mack | Method::MerzWuthrich) {
        positive(reader, &triangle)?;
        let sigma: Vec<f64> = fitted.variances.iter().map(|variance| variance.sqrt()).collect();
        results["sigma"] = json!(sigma);
        let errors = mack(&triangle, &development);
        if method == Method::Mack {
            put_mack(&mut results, &errors);
        } else {
            put_one_year(reader, &triangle, &development, &errors, &mut results)?;
        }
    }
    if options.flag("diagnostics") {
        results["diagnostics"] = diagnose(&triangle, &selection, &fitted);
    }
    if call.explain() {
        explanation = explain(&triangle, &fitted, &development);
    }
    Some(Answer { results, explanation })
}

fn answer(triangle: &Triangle, ultimates: &[f64]) -> Value {
    let latest = triangle.latest();
    let reserves: Vec<f64> =
        ultimates.iter().zip(&latest).map(|(ultimate, latest)| ultimate - latest).collect();
    json!({
        "ultimate": ultimates,
        "reserve": reserves,
        "total": { "ultimate": ultimates.iter().sum::<f64>(), "reserve": reserves.iter().sum::<f64>() },
    })
}

fn put_mack(results: &mut Value, errors: &Mack) {
    results["standard_error"] = json!(errors.standard_error);
    results["process_error"] = json!(errors.process);
    results["parameter_error"] = json!(errors.parameter);
    results["total"]["standard_error"] = json!(errors.total);
    results["total"]["process_error"] = json!(errors.total_process);
    results["total"]["parameter_error"] = json!(errors.total_parameter);
}

/// The one-year view beside Mack's; rows must get shorter one by one.
fn put_one_year(
    reader: &Reader<'_>,
    triangle: &Triangle,
    development: &Development,
    errors: &Mack,
    results: &mut Value,
) -> Option<()> {
    for (row, pair) in triangle.rows.windows(2).enumerate() {
        if pair[1].len() == pair[0].len() && pair[0].len() < triangle.width {
            let parameters = [
                ("row", (row + 2).to_string()),
                ("found", pair[1].len().to_string()),
                ("expected", (pair[0].len() - 1).to_string()),
            ];
            reader.fault("triangle", "triangle_shape", &parameters);
        }
    }
    reader.call().sound()?;
    let one_year = merz_wuthrich(triangle, development);
    results["standard_error"] = json!(one_year.standard_error);
    results["mack_standard_error"] = json!(errors.standard_error);
    results["total"]["standard_error"] = json!(one_year.total);
    results["total"]["mack_standard_error"] = json!(errors.total);
    Some(())
}

/// Mack's variances are proportional to amounts: a last amount below zero has none.
fn positive(reader: &Reader<'_>, triangle: &Triangle) -> Option<()> {
    for (row, latest) in triangle.latest().iter().enumerate().filter(|(_, latest)| **latest < 0.0) {
        let parameters = [("row", (row + 1).to_string()), ("found", latest.to_string())];
        reader.fault("triangle", "negative_amount", &parameters);
    }
    reader.call().sound()
}

fn answer_munich(options: &Reader<'_>, triangle: &Triangle) -> Option<Answer> {
    let incurred = read::read(options, "incurred", false)?;
    read::check_same_shape(options, triangle, &incurred);
    options.call().sound()?;
    let found = munich(triangle, &incurred);
    let mut results = answer(triangle, &found.paid);
    results["ultimate_incurred"] = json!(found.incurred);
    results["total"]["ultimate_incurred"] = json!(found.incurred.iter().sum::<f64>());
    Some(results.into())
}

/// Elementary steps of a bootstrap that are allowed: about a minute of two cores.
const MOST_STEPS: f64 = 2e10;
/// Reserves kept at once.
const MOST_KEPT: f64 = 5e7;
const LEVELS: [f64; 7] = [0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995];

fn simulate(options: &Reader<'_>, triangle: &Triangle, factors: &[f64]) -> Option<Value> {
    let call = options.call();
    let simulations = options.count("simulations")?;
    let seed = options.integer("seed")?.unsigned_abs();
    let levels =
        if options.value("quantiles").is_some() { options.numbers("quantiles")? } else { LEVELS.into() };
    let (origins, width) = (triangle.rows.len() as f64, triangle.width as f64);
    let place = options.place("simulations");
    call.afford(&place, simulations as f64 * origins * width, MOST_STEPS)?;
    call.afford(&place, simulations as f64 * (origins + 1.0), MOST_KEPT)?;
    let found = match bootstrap(triangle, simulations, seed, call.watch()) {
        Ok(found) => found,
        Err(Failure::Stopped) => return None,
        Err(Failure::NoFreedom) => {
            call.faults().push("/triangle", "no_freedom", &[]);
            return None;
        }
    };
    let mut results = answer(triangle, &ultimates(triangle, factors));
    let Bootstrap { scale, mean, deviation, sorted } = &found;
    let origins = triangle.rows.len();
    let quantiles = |list: &[f64]| -> Value {
        levels.iter().map(|level| json!({ "level": level, "reserve": quantile(list, *level) })).collect()
    };
    results["standard_error"] = json!(deviation[..origins]);
    results["mean"] = json!(mean[..origins]);
    results["quantiles"] = sorted[..origins].iter().map(|list| quantiles(list)).collect();
    results["scale"] = json!(scale);
    results["simulations"] = json!(simulations);
    results["total"]["standard_error"] = json!(deviation[origins]);
    results["total"]["mean"] = json!(mean[origins]);
    results["total"]["quantiles"] = quantiles(&sorted[origins]);
    Some(results)
}

fn diagnose(triangle: &Triangle, selection: &Selection, development: &Development) -> Value {
    let residuals: Vec<Value> = residuals(triangle, selection, development)
        .iter()
        .map(|one| {
            json!({
                "origin": one.origin, "development": one.development,
                "calendar": one.origin + one.development + 1, "residual": one.value,
            })
        })
        .collect();
    let mut found = json!({ "residuals": residuals });
    let tests = [("calendar_effect", calendar(triangle)), ("correlation", correlation(triangle))];
    for (name, test) in tests {
        if let Some(test) = test {
            found[name] = tell(&test);
        }
    }
    found
}

fn tell(test: &Test) -> Value {
    json!({
        "statistic": test.statistic, "expectation": test.expectation, "variance": test.variance,
        "range": [test.range.0, test.range.1], "rejected": test.rejects(),
    })
}

fn explain(triangle: &Triangle, fitted: &Development, development: &Development) -> Vec<Working> {
    let formula =
        r"f_j = \frac{\sum_i C_{i,j}^{\alpha-1} C_{i,j+1}}{\sum_i C_{i,j}^{\alpha}},\quad \hat\sigma_j^2";
    let mut factors = Working::new("factors", formula, &["j", "f_j", r"\hat\sigma_j"]);
    for (column, (factor, variance)) in fitted.factors.iter().zip(&fitted.variances).enumerate() {
        factors.row(&[column as f64, *factor, variance.sqrt()]);
    }
    let formula = r"\hat C_{i,J} = C_{i,k} \prod_{j \ge k} f_j";
    let mut projected = Working::new("ultimate", formula, &["i", "C_{i,k}", r"\prod f_j", r"\hat C_{i,J}"]);
    let products = triangle.to_ultimate(&development.factors);
    for (origin, (latest, product)) in triangle.latest().iter().zip(products).enumerate() {
        projected.row(&[origin as f64, *latest, product, latest * product]);
    }
    vec![factors, projected]
}

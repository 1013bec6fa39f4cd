//! The request of module `courbe`: read, fitted, told with its repricing and its shocks. Not formulas.

use serde_json::{Value, json};

use super::{Convergence, Curve, Fitted, Instrument, Sort, Svensson, bootstrap, fit, fit_svensson, search};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::{Answer, Working};
use crate::rates;
use crate::reader::Reader;

/// Yield curves.
pub(crate) const MODULE: Module = Module {
    name: "courbe",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/courbe.json"),
    example: include_str!("../../data/examples/courbe.json"),
};

const FIELDS: &[Field] = &[
    Field::choice("method", &METHOD_NAMES).required(),
    Field::list("instruments", &Kind::Object(INSTRUMENT), 1, 200),
    Field::choice("instrument", &SORT_NAMES).or_name("zero"),
    Field::integer("frequency", 1, 12).or(1.0).unit("per_year"),
    rates::rate("ufr"),
    Field::number("alpha", 1e-4, 10.0),
    Field::number("convergence_point", 1.0, 200.0).unit("year"),
    Field::number("tolerance", 1e-8, 0.01).or(1e-4),
    Field::number("minimum_alpha", 1e-4, 1.0).or(0.05),
    Field::object("parameters", PARAMETERS),
    Field::choice("compounding", &COMPOUNDING_NAMES).or_name("annual"),
    Field::list("maturities", &Kind::Number { minimum: 0.0, maximum: 200.0 }, 1, 2000).unit("year"),
    Field::list("shocks", &Kind::Number { minimum: -0.5, maximum: 0.5 }, 0, 20),
];
const INSTRUMENT: &[Field] =
    &[Field::number("maturity", 1e-3, 150.0).required().unit("year"), rates::rate("rate").required()];
const PARAMETERS: &[Field] = &[
    Field::number("beta0", -1.0, 1.0).required(),
    Field::number("beta1", -1.0, 1.0).required(),
    Field::number("beta2", -2.0, 2.0).required(),
    Field::number("beta3", -2.0, 2.0).or(0.0),
    Field::number("tau1", 1e-3, 100.0).required().unit("year"),
    Field::number("tau2", 1e-3, 100.0).or(1.0).unit("year"),
];
const METHODS: [(&str, Method); 3] =
    [("svensson", Method::Svensson), ("smith_wilson", Method::SmithWilson), ("bootstrap", Method::Bootstrap)];
const METHOD_NAMES: [&str; 3] = names(&METHODS);
const SORTS: [(&str, bool); 2] = [("zero", false), ("par", true)];
const SORT_NAMES: [&str; 2] = names(&SORTS);
const COMPOUNDINGS: [(&str, bool); 2] = [("annual", false), ("continuous", true)];
const COMPOUNDING_NAMES: [&str; 2] = names(&COMPOUNDINGS);
/// Shifts of all rates where nothing else is asked for.
const SHOCKS: [f64; 4] = [-0.02, -0.01, 0.01, 0.02];

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Svensson,
    SmithWilson,
    Bootstrap,
}

/// Answers a request of module `courbe`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let method = reader.choice("method", &METHODS)?;
    refuse_others(reader, method);
    let wanted = reader.value("maturities").map(|_| reader.numbers("maturities"));
    let shocks = match reader.value("shocks") {
        Some(_) => reader.numbers("shocks"),
        None => Some(SHOCKS.to_vec()),
    };
    let mut results = json!({});
    let mut explanation = Vec::new();
    let mut instruments = Vec::new();
    let curve: Box<dyn Curve> = match method {
        Method::Svensson if reader.value("instruments").is_some() => {
            reader.exclude("instruments", "parameters");
            instruments = read_instruments(reader)?;
            let found = fitted(reader, &instruments)?;
            let Svensson { beta: [beta0, beta1, beta2, beta3], tau: [tau1, tau2], .. } = found.curve;
            results["parameters"] = json!({
                "beta0": beta0, "beta1": beta1, "beta2": beta2, "beta3": beta3, "tau1": tau1, "tau2": tau2,
            });
            results["fit"] = json!({ "root_mean_square": found.rms, "condition": found.condition });
            explanation = vec![svensson_working(&found.curve, &instruments)];
            Box::new(found.curve)
        }
        Method::Svensson => {
            let curve = read_svensson(reader)?;
            explanation = vec![svensson_working(&curve, &[])];
            Box::new(curve)
        }
        Method::Bootstrap => {
            instruments = read_instruments(reader)?;
            reader.call().sound()?;
            let found = bootstrap(&instruments);
            if found.is_none() {
                reader.fault("instruments", "no_curve", &[("found", "instruments".into())]);
            }
            Box::new(found?)
        }
        Method::SmithWilson => {
            instruments = read_instruments(reader)?;
            let curve = read_smith_wilson(reader, &instruments)?;
            results["alpha"] = json!(curve.alpha);
            results["ultimate_intensity"] = json!(curve.omega);
            results["qb"] = json!(curve.weights);
            explanation = vec![working(&curve)];
            Box::new(curve)
        }
    };
    let (wanted, shocks) = (wanted.unwrap_or_else(|| Some(default_maturities(&instruments)))?, shocks?);
    reader.call().sound()?;
    let lowest = wanted.iter().copied().find(|time| curve.discount(*time) <= 0.0);
    if let Some(time) = lowest {
        reader.fault("instruments", "no_curve", &[("found", time.to_string())]);
        return None;
    }
    results["curve"] = wanted.iter().map(|time| point(&*curve, *time)).collect();
    if !instruments.is_empty() {
        results["instruments"] = instruments.iter().map(|one| repriced(one, &*curve)).collect();
    }
    results["shocks"] = shocks.iter().map(|shift| shocked(&*curve, &wanted, *shift)).collect();
    Some(Answer { results, explanation: if reader.call().explain() { explanation } else { Vec::new() } })
}

/// What each method does not use.
fn refuse_others(reader: &Reader<'_>, method: Method) {
    let market = ["instruments", "instrument", "frequency"];
    let extrapolation = ["ufr", "alpha", "convergence_point", "tolerance", "minimum_alpha"];
    let formula = ["parameters", "compounding"];
    let refuse = |names: &[&str], context: &str| names.iter().for_each(|name| reader.refuse(name, context));
    match method {
        Method::Svensson => {
            if reader.value("instruments").is_none() {
                refuse(&market[1..], "method = svensson");
            }
            refuse(&extrapolation, "method = svensson");
        }
        Method::SmithWilson => refuse(&formula, "method = smith_wilson"),
        Method::Bootstrap => {
            refuse(&extrapolation, "method = bootstrap");
            refuse(&formula, "method = bootstrap");
        }
    }
}

fn read_svensson(reader: &Reader<'_>) -> Option<Svensson> {
    reader.required("parameters")?;
    let given = reader.object("parameters")?;
    let number = |name: &str| given.number(name);
    let beta = [number("beta0"), number("beta1"), number("beta2"), number("beta3")];
    let tau = [number("tau1"), number("tau2")];
    let continuous = reader.choice("compounding", &COMPOUNDINGS)?;
    let [Some(level), Some(slope), Some(first), Some(second)] = beta else { return None };
    let [Some(one), Some(two)] = tau else { return None };
    Some(Svensson { beta: [level, slope, first, second], tau: [one, two], continuous })
}

/// The formula fitted to the quotes; those at par through their bootstrapped zero-coupon rates.
fn fitted(reader: &Reader<'_>, instruments: &[Instrument]) -> Option<Fitted> {
    let continuous = reader.choice("compounding", &COMPOUNDINGS)?;
    reader.call().sound()?;
    if instruments.len() < 4 {
        let parameters = [("found", instruments.len().to_string()), ("minimum", "4".to_owned())];
        reader.fault("instruments", "too_few", &parameters);
        return None;
    }
    let par = instruments.iter().any(|one| one.sort != Sort::Zero);
    let zero = if par { bootstrap(instruments) } else { None };
    let found = if par && zero.is_none() {
        None
    } else {
        fit_svensson(instruments, continuous, zero.as_ref().map(|curve| curve as &dyn Curve))
    };
    match &found {
        None => reader.fault("instruments", "no_curve", &[("found", "instruments".into())]),
        Some(found) if found.ill_conditioned => {
            let condition = ("found", format!("{:.3e}", found.condition));
            reader.call().warn(&reader.place("instruments"), "ill_conditioned", &[condition]);
        }
        Some(_) => {}
    }
    found
}

fn read_instruments(reader: &Reader<'_>) -> Option<Vec<Instrument>> {
    reader.required("instruments")?;
    let par = reader.choice("instrument", &SORTS)?;
    let frequency = u32::try_from(reader.count("frequency")?).ok()?;
    let mut instruments: Vec<Instrument> = Vec::new();
    for line in reader.objects("instruments")?.into_iter().flatten() {
        let (Some(maturity), Some(rate)) = (line.number("maturity"), line.number("rate")) else { continue };
        if let Some(before) = instruments.last().filter(|before| maturity <= before.maturity) {
            let parameters = [("found", maturity.to_string()), ("limit", before.maturity.to_string())];
            line.fault("maturity", "not_increasing", &parameters);
        }
        let periods = maturity * f64::from(frequency);
        if par && (periods - periods.round()).abs() > 1e-9 {
            line.fault("maturity", "not_integer", &[("found", periods.to_string())]);
        }
        let sort = if par { Sort::Par(frequency) } else { Sort::Zero };
        instruments.push(Instrument { maturity, rate, sort });
    }
    Some(instruments)
}

fn read_smith_wilson(reader: &Reader<'_>, instruments: &[Instrument]) -> Option<super::SmithWilson> {
    reader.required("ufr");
    let ufr = reader.number("ufr");
    let alpha = reader.number("alpha");
    let last = instruments.last().map_or(0.0, |one| one.maturity);
    // EIOPA: the later of sixty years and forty years past the last liquid point.
    let point = reader.number("convergence_point").unwrap_or_else(|| (last + 40.0).max(60.0));
    let (tolerance, least) = (reader.number("tolerance")?, reader.number("minimum_alpha")?);
    if alpha.is_some() {
        for name in ["convergence_point", "tolerance", "minimum_alpha"] {
            reader.refuse(name, "alpha");
        }
    } else if point <= last {
        let parameters = [("found", point.to_string()), ("limit", last.to_string())];
        reader.fault("convergence_point", "not_increasing", &parameters);
    }
    let ufr = ufr?;
    reader.call().sound()?;
    let curve = match alpha {
        Some(alpha) => fit(instruments, ufr, alpha),
        None => match search(instruments, ufr, Convergence { point, tolerance, least }) {
            Ok(curve) => Some(curve),
            Err(path) => {
                let told: Vec<String> = path
                    .iter()
                    .rev()
                    .take(5)
                    .rev()
                    .map(|(alpha, gap)| format!("{alpha:.4} → {gap:.2e}"))
                    .collect();
                let parameters = [
                    ("name", "alpha".to_owned()),
                    ("found", path.len().to_string()),
                    ("path", told.join(", ")),
                ];
                reader.fault("alpha", "not_converged", &parameters);
                return None;
            }
        },
    };
    if curve.is_none() {
        reader.fault("instruments", "no_curve", &[("found", "instruments".into())]);
    }
    curve
}

/// Every year to sixty past the last instrument, a hundred at least.
fn default_maturities(instruments: &[Instrument]) -> Vec<f64> {
    let last = instruments.last().map_or(0.0, |one| one.maturity.ceil());
    let years = if instruments.is_empty() { 60.0 } else { (last + 60.0).clamp(100.0, 200.0) };
    (1..=years as u32).map(f64::from).collect()
}

fn point(curve: &dyn Curve, time: f64) -> Value {
    json!({ "maturity": time, "discount": curve.discount(time), "zero": curve.zero(time), "forward": curve.forward(time) })
}

fn repriced(instrument: &Instrument, curve: &dyn Curve) -> Value {
    let (price, model) = (instrument.price(), instrument.priced(curve));
    json!({
        "maturity": instrument.maturity, "rate": instrument.rate, "price": price, "model_price": model,
        "error": model - price,
    })
}

/// All zero-coupon rates moved alike; a rate at or below −100 % is left out.
fn shocked(curve: &dyn Curve, maturities: &[f64], shift: f64) -> Value {
    let moved =
        maturities.iter().map(|time| (*time, curve.zero(*time) + shift)).filter(|(_, zero)| *zero > -1.0);
    let line = |(time, zero): (f64, f64)| json!({ "maturity": time, "zero": zero, "discount": (-time * zero.ln_1p()).exp() });
    json!({ "shift": shift, "curve": moved.map(line).collect::<Vec<_>>() })
}

/// The parts of the formula's rate at each quote, or at a few maturities.
fn svensson_working(curve: &Svensson, instruments: &[Instrument]) -> Working {
    let formula = r"z(t) = \beta_0 + \beta_1 \frac{1 - e^{-t/\tau_1}}{t/\tau_1} + \beta_2 \left(\frac{1 - e^{-t/\tau_1}}{t/\tau_1} - e^{-t/\tau_1}\right) + \beta_3 \left(\frac{1 - e^{-t/\tau_2}}{t/\tau_2} - e^{-t/\tau_2}\right)";
    let columns = ["t", r"\beta_0", r"\beta_1 \cdot L", r"\beta_2 \cdot H_1", r"\beta_3 \cdot H_2", "z(t)"];
    let mut working = Working::new("curve", formula, &columns);
    let few = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0];
    let quoted: Vec<f64> = instruments.iter().map(|one| one.maturity).collect();
    for time in if quoted.is_empty() { &few[..] } else { &quoted } {
        let [level, slope, first, second] = curve.parts(*time);
        working.row(&[*time, level, slope, first, second, level + slope + first + second]);
    }
    working
}

fn working(curve: &super::SmithWilson) -> Working {
    let formula = r"P(t) = e^{-\omega t} \Bigl( 1 + \sum_j H(t, u_j) \, (Qb)_j \Bigr), \quad H(t,u) = \alpha \min(t,u) - e^{-\alpha \max(t,u)} \sinh(\alpha \min(t,u))";
    let mut working = Working::new("curve", formula, &["u_j", "(Qb)_j", "P(u_j)"]);
    for (time, weight) in curve.times.iter().zip(&curve.weights) {
        working.row(&[*time, *weight, curve.discount(*time)]);
    }
    working
}

//! The request of module `retraite`: read, checked as a whole, projected or simulated, converted. Not formulas.

use rayon::prelude::*;
use serde_json::{Value, json};

use super::conversion::{CONVERSION, Conversion};
use super::fan;
use super::market::{Level, Market};
use super::projection::{Saving, project};
use super::simulation::{Simulated, Simulation, simulate};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::{Answer, Working};
use crate::rates;
use crate::reader::Reader;

/// Savings and pension projection.
pub(crate) const MODULE: Module = Module {
    name: "retraite",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/retraite.json"),
    example: include_str!("../../data/examples/retraite.json"),
};

/// Scenarios times months: about a minute of one core.
const MOST_STEPS: f64 = 2e9;
/// Scenarios times years kept for the quantiles.
const MOST_KEPT: f64 = 4e7;
const EUROS: f64 = 1e9;
const FIELDS: &[Field] = &[
    Field::number("age", 0.0, 100.0).required().unit("year"),
    Field::number("retirement_age", 1.0, 110.0).required().unit("year"),
    Field::integer("birth_year", 1800, 2200).unit("year"),
    Field::number("initial", 0.0, EUROS).or(0.0).unit("euro"),
    Field::number("contribution", 0.0, EUROS).or(0.0).unit("euro"),
    Field::number("contribution_growth", -0.5, 0.5).or(0.0).unit("per_year"),
    Field::object("fees", FEES),
    Field::new("yield", Kind::Either(&[YIELD, Kind::List { of: &YIELD, minimum: 1, maximum: 100 }])),
    Field::object("taxes", TAXES),
    Field::object("conversion", CONVERSION),
    Field::number("salary", 0.0, EUROS).unit("euro"),
    Field::number("salary_growth", -0.5, 0.5).or(0.0).unit("per_year"),
    Field::number("other_pension", 0.0, EUROS).or(0.0).unit("euro"),
    Field::object("simulation", SIMULATION),
];
const YIELD: Kind = Kind::Number { minimum: -0.99, maximum: 1.0 };
const FEES: &[Field] = &[Field::number("entry", 0.0, 0.5).or(0.0), Field::number("yearly", 0.0, 0.5).or(0.0)];
const TAXES: &[Field] =
    &[Field::number("gains", 0.0, 1.0).or(0.0), Field::number("annuity", 0.0, 1.0).or(0.0)];
const SIMULATION: &[Field] = &[
    Field::integer("scenarios", 2, 10_000_000).or(10_000.0),
    Field::integer("seed", 0, 9_007_199_254_740_992).or(1.0),
    Field::flag("antithetic", false),
    Field::number("equity_share", 0.0, 1.0).or(0.5),
    Field::object("equity", EQUITY),
    Field::object("short_rate", SHORT_RATE).required(),
    Field::number("correlation", -0.999, 0.999).or(0.0),
];
const EQUITY: &[Field] = &[
    Field::number("volatility", 0.0, 2.0).or(0.16).unit("per_year"),
    Field::number("premium", -0.5, 0.5).or(0.0).unit("per_year"),
];
const SHORT_RATE: &[Field] = &[
    Field::choice("model", &MODEL_NAMES).or_name("vasicek"),
    Field::number("speed", 1e-4, 20.0).required().unit("per_year"),
    Field::number("volatility", 0.0, 1.0).required().unit("per_year"),
    Field::number("initial", -0.2, 1.0).unit("per_year"),
    Field::number("mean", -0.2, 1.0).unit("per_year"),
    rates::rate("rate"),
    rates::CURVE,
];
const MODELS: [(&str, bool); 2] = [("vasicek", false), ("hull_white", true)];
const MODEL_NAMES: [&str; 2] = names(&MODELS);

/// Answers a request of module `retraite`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let saving = read_saving(reader);
    let taxes = reader.section("taxes").map(|taxes| (taxes.number("gains"), taxes.number("annuity")));
    let conversion = reader.value("conversion").map(|_| Conversion::read(reader));
    let salary = reader.number("salary");
    let (salary_growth, other) = (reader.number("salary_growth"), reader.number("other_pension"));
    let yields = read_yields(reader);
    let simulated = reader.value("simulation").map(|_| read_simulation(reader));
    if yields.is_none() && simulated.is_none() {
        reader.required("yield");
    }
    let saving = saving?;
    let (Some(gains), Some(on_annuity)) = taxes? else { return None };
    reader.call().sound()?;
    let years = saving.months as f64 / 12.0;
    let conversion = match conversion {
        None => None,
        Some(factor) => Some(factor?),
    };
    let factor = conversion.as_ref().map(|conversion| conversion.factor);
    let outcome = Retirement {
        paid: saving.paid(),
        gains,
        on_annuity,
        salary: salary.map(|salary| salary * (1.0 + salary_growth.unwrap_or(0.0)).powf(years)),
        other: other?,
    };
    let mut results = json!({ "contributions": outcome.paid });
    let mut explanation = Vec::new();
    if let Some(yields) = &yields {
        let table = project(&saving, yields);
        let fund = table.last().map_or(saving.initial, |year| year.fund);
        results["fund"] = json!(fund);
        if let (Some(members), Value::Object(told)) = (results.as_object_mut(), outcome.of(fund, factor)) {
            members.extend(told);
        }
        results["years"] = table
            .iter()
            .enumerate()
            .map(|(year, line)| {
                json!({ "year": year + 1, "contributions": line.contributions, "fees": line.fees,
                    "interest": line.interest, "fund": line.fund })
            })
            .collect();
        if reader.call().explain() {
            explanation.push(working(&saving, yields));
        }
    }
    if let Some(simulated) = simulated {
        let (market, simulation) = simulated?;
        let each = conversion.as_ref().map_or(0, Conversion::count) as f64;
        let steps = simulation.scenarios as f64 * (saving.months as f64 + each);
        reader.call().afford("/simulation/scenarios", steps, MOST_STEPS)?;
        let priced = conversion.as_ref().and_then(|conversion| conversion.priced(&market, years));
        let found = simulate(&saving, &market, &simulation, priced.as_ref(), reader.call().watch())?;
        results["simulation"] = summary(&found, &outcome, factor, &market, &simulation, saving.months);
        if let Some(priced) = &priced {
            let (mean, error) = found.factor_today;
            results["simulation"]["checks"]["annuity"] = json!({
                "mean": mean, "standard_error": error, "closed_form": priced.today(&market, years),
            });
        }
        if let Some(conversion) = conversion.filter(|one| one.by_scenario && reader.call().explain()) {
            explanation.push(conversion.working(&market, years));
        }
    }
    if let Some(factor) = factor {
        results["annuity_factor"] = json!(factor);
    }
    Some(Answer { results, explanation })
}

fn read_saving(reader: &Reader<'_>) -> Option<Saving> {
    let (age, retirement) = (reader.number("age"), reader.number("retirement_age"));
    let fees = reader.section("fees")?;
    let (entry_fee, yearly_fee) = (fees.number("entry"), fees.number("yearly"));
    let (initial, contribution) = (reader.number("initial"), reader.number("contribution"));
    let contribution_growth = reader.number("contribution_growth");
    let (age, retirement) = (age?, retirement?);
    let months = ((retirement - age) * 12.0).round();
    if months < 1.0 {
        let parameters = [("found", retirement.to_string()), ("limit", age.to_string())];
        reader.fault("retirement_age", "not_increasing", &parameters);
        return None;
    }
    Some(Saving {
        months: months as usize,
        initial: initial?,
        contribution: contribution?,
        contribution_growth: contribution_growth?,
        entry_fee: entry_fee?,
        yearly_fee: yearly_fee?,
    })
}

fn read_yields(reader: &Reader<'_>) -> Option<Vec<f64>> {
    match reader.value("yield")? {
        Value::Array(_) => reader.numbers("yield"),
        _ => reader.number("yield").map(|rate| vec![rate]),
    }
}

fn read_simulation(reader: &Reader<'_>) -> Option<(Market, Simulation)> {
    let given = reader.object("simulation")?;
    let (scenarios, seed) = (given.count("scenarios"), given.integer("seed"));
    let equity_share = given.number("equity_share");
    let equity = given.section("equity")?;
    let (equity_volatility, premium) = (equity.number("volatility"), equity.number("premium"));
    let correlation = given.number("correlation");
    let rate = given.object("short_rate")?;
    let (speed, rate_volatility) = (rate.number("speed"), rate.number("volatility"));
    let level = if rate.choice("model", &MODELS)? {
        rate.refuse("initial", "model = hull_white");
        rate.refuse("mean", "model = hull_white");
        rates::read(&rate, "rate").map(Level::Fitted)
    } else {
        rate.refuse("rate", "model = vasicek");
        rate.refuse("curve", "model = vasicek");
        rate.required("initial");
        rate.required("mean");
        rate.number("initial").zip(rate.number("mean")).map(|(start, mean)| Level::Vasicek { start, mean })
    };
    let scenarios = scenarios?;
    let months = (reader.number("retirement_age")? - reader.number("age")?).max(0.0) * 12.0;
    let count = scenarios as f64;
    reader.call().afford("/simulation/scenarios", count * months, MOST_STEPS)?;
    reader.call().afford("/simulation/scenarios", count * months / 12.0, MOST_KEPT)?;
    let antithetic = given.flag("antithetic");
    let market = Market {
        speed: speed?,
        rate_volatility: rate_volatility?,
        level: level?,
        equity_volatility: equity_volatility?,
        premium: premium?,
        correlation: correlation?,
    };
    let simulation = Simulation {
        scenarios: if antithetic { scenarios.next_multiple_of(2) } else { scenarios },
        seed: u64::try_from(seed?).ok()?,
        antithetic,
        equity_share: equity_share?,
    };
    Some((market, simulation))
}

/// What savings become at retirement.
struct Retirement {
    paid: f64,
    gains: f64,
    on_annuity: f64,
    /// Pay of the last year.
    salary: Option<f64>,
    other: f64,
}

impl Retirement {
    /// Savings after tax on gains.
    fn net(&self, fund: f64) -> f64 {
        fund - self.gains * (fund - self.paid).max(0.0)
    }

    /// Annuity of a year after tax, at the price of one euro a year.
    fn annuity(&self, fund: f64, factor: f64) -> f64 {
        self.net(fund) / factor * (1.0 - self.on_annuity)
    }

    /// All pensions over the last pay, where there is one.
    fn replaced(&self, annuity: f64) -> Option<f64> {
        self.salary.filter(|salary| *salary > 0.0).map(|salary| (annuity + self.other) / salary)
    }

    fn of(&self, fund: f64, factor: Option<f64>) -> Value {
        let mut told = json!({ "net_fund": self.net(fund) });
        if let Some(factor) = factor {
            let annuity = self.annuity(fund, factor);
            told["annuity"] = json!(annuity);
            told["annuity_monthly"] = json!(annuity / 12.0);
            if let Some(ratio) = self.replaced(annuity) {
                told["replacement_ratio"] = json!(ratio);
            }
        }
        told
    }
}

fn summary(
    found: &Simulated,
    outcome: &Retirement,
    factor: Option<f64>,
    market: &Market,
    simulation: &Simulation,
    months: usize,
) -> Value {
    let pair = if simulation.antithetic { 2 } else { 1 };
    let fans: Vec<Value> = found.funds.par_iter().map(|values| fan::told(values, pair)).collect();
    let years = fans.into_iter().enumerate().map(|(year, mut fan)| {
        fan["year"] = json!(year + 1);
        fan
    });
    let mut told = json!({
        "scenarios": simulation.scenarios,
        "fan": years.collect::<Vec<_>>(),
        "checks": checks(found, market, months),
    });
    let last = found.funds.last().map_or(&[][..], Vec::as_slice);
    let each = |of: &dyn Fn(usize, f64) -> f64| {
        fan::told(&last.iter().enumerate().map(|(rank, fund)| of(rank, *fund)).collect::<Vec<_>>(), pair)
    };
    told["net_fund"] = each(&|_, fund| outcome.net(fund));
    if let Some(single) = factor {
        // The price of the scenario, or the one of all.
        let factor = |rank: usize| found.factors.get(rank).copied().unwrap_or(single);
        if !found.factors.is_empty() {
            told["annuity_factor"] = fan::told(&found.factors, pair);
        }
        told["annuity"] = each(&|rank, fund| outcome.annuity(fund, factor(rank)));
        if outcome.replaced(0.0).is_some() {
            told["replacement_ratio"] =
                each(&|rank, fund| outcome.replaced(outcome.annuity(fund, factor(rank))).unwrap_or(0.0));
        }
    }
    told
}

/// The scenarios' own prices beside the closed forms.
fn checks(found: &Simulated, market: &Market, months: usize) -> Value {
    let bonds = found.bonds.iter().enumerate().map(|(year, (mean, error))| {
        let maturity = ((year + 1) * 12).min(months) as f64 / 12.0;
        json!({ "maturity": maturity, "simulated": mean, "standard_error": error, "closed_form": market.bond(maturity) })
    });
    json!({
        "martingale": { "mean": found.martingale.0, "standard_error": found.martingale.1, "expected": 1 },
        "bonds": bonds.collect::<Vec<_>>(),
    })
}

fn working(saving: &Saving, yields: &[f64]) -> Working {
    let formula = r"F_{k+1} = \bigl( F_k + c_k (1-e) \bigr) (1+j)^{1/12} (1-f)^{1/12}";
    let mut working = Working::new("fund", formula, &["k", "F_k", "c_k", "F_{k+1}"]);
    let mut fund = saving.initial;
    for month in 0..saving.months.min(1200) {
        let mut one = saving.clone();
        one.months = 1;
        one.initial = fund;
        one.contribution = saving.contribution_of(month);
        let rate = yields.get(month / 12).or(yields.last()).copied().unwrap_or(0.0);
        let after = project(&one, &[rate]).last().map_or(fund, |year| year.fund);
        working.row(&[month as f64, fund, one.contribution, after]);
        fund = after;
    }
    working
}

//! Whatever numbers stand in a request of the right shape, these modules answer with numbers or tell faults.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use aops_engine::calculate;
use proptest::prelude::*;
use serde_json::{Value, json};

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

fn sound(module: &str, request: &Value) -> Result<(), TestCaseError> {
    match calculate(module, request) {
        Ok(answer) => prop_assert!(!has_null(&answer), "{request}"),
        Err(faults) => prop_assert!(!faults.is_empty()),
    }
    Ok(())
}

/// Amounts of all sizes, zeros and negatives among them.
fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1e6f64,
        1 => Just(0.0),
        1 => -1e3..0.0f64,
        1 => prop::sample::select(vec![1e-12, 1e15, 1.0, 5e-324]),
    ]
}

fn triangle() -> impl Strategy<Value = Vec<Vec<f64>>> {
    (2..7usize).prop_flat_map(|size| {
        (0..size).map(|origin| prop::collection::vec(amount(), size - origin)).collect::<Vec<_>>()
    })
}

/// Response, number, level, weight.
type Line = (f64, f64, usize, f64);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_method_answers_any_triangle_or_tells_why_not(
        rows in triangle(),
        method in prop::sample::select(vec![
            "mack", "chain_ladder", "bornhuetter_ferguson", "benktander", "cape_cod", "munich", "merz_wuthrich", "bootstrap",
        ]),
        average in prop::sample::select(vec!["volume", "simple", "regression"]),
        tail in prop::sample::select(vec![json!(null), json!(1.05), json!("exponential"), json!("inverse_power"), json!("weibull")]),
        last in prop::option::of(1..4usize), exclude in prop::collection::vec((0..4usize, 0..3usize), 0..3),
        incremental in any::<bool>(),
    ) {
        let exclude: Vec<[usize; 2]> = exclude.into_iter().map(|(origin, column)| [origin, column]).collect();
        let request = json!({
            "triangle": rows, "method": method, "basis": if incremental { "incremental" } else { "cumulative" },
            "options": {
                "exposure": vec![100.0; rows.len()], "incurred": rows, "simulations": 20, "average": average, "tail": tail,
                "last_diagonals": last, "exclude": exclude, "diagnostics": true,
            },
        });
        sound("provisionnement", &request)?;
    }

    #[test]
    fn any_lines_are_fitted_or_told(
        lines in prop::collection::vec((amount(), amount(), 0..3usize, amount()), 1..25),
        family in prop::sample::select(vec!["poisson", "gamma", "tweedie", "negative_binomial", "gaussian"]),
        link in prop::sample::select(vec!["log", "identity", "inverse"]),
        weighted in any::<bool>(),
    ) {
        let column = |of: fn(&Line) -> Value| -> Value { lines.iter().map(of).collect() };
        let mut model = json!({ "response": "y", "family": family, "link": link, "terms": ["x", "g", "g:x"] });
        if weighted {
            model["weights"] = json!("w");
        }
        let request = json!({
            "data": {
                "y": column(|line| line.0.into()), "x": column(|line| line.1.into()),
                "g": column(|line| ["a", "b", "c"][line.2].into()), "w": column(|line| line.3.into()),
            },
            "model": model, "deviance_table": true, "predict": { "x": [1.0, 1e6], "g": ["a", "b"] },
        });
        sound("sante", &request)?;
    }

    #[test]
    fn any_counts_are_smoothed_placed_and_projected_or_told(
        cells in prop::collection::vec((amount(), amount()), 24),
        work in prop::sample::select(vec![
            "exposure", "smr", "whittaker", "brass", "hazard", "lee_carter", "cbd", "certificate",
        ]),
        two in any::<bool>(), of in prop::sample::select(vec!["hazard", "rate"]),
        lambda in prop::option::of(prop::sample::select(vec![0.0, 1e-9, 10.0, 1e15])),
    ) {
        let (deaths, exposures): (Vec<f64>, Vec<f64>) = cells.into_iter().unzip();
        let rows = |list: &[f64]| -> Value { list.chunks(6).map(|row| json!(row)).collect() };
        let mut request = json!({
            "work": work, "reference": { "table": "TH 00-02" }, "smoothing": { "order": 1, "order_years": 1, "of": of, "lambda": lambda },
            "projection": { "paths": 100, "horizon": 3 },
        });
        if two || matches!(work, "lee_carter" | "cbd") {
            request["surface"] =
                json!({ "first_age": 60, "first_year": 2000, "deaths": rows(&deaths), "exposures": rows(&exposures) });
        } else {
            request["experience"] = json!({ "first_age": 50, "deaths": deaths, "exposures": exposures });
        }
        sound("mortalite", &request)?;
    }

    #[test]
    fn any_claims_and_models_are_valued_or_told(
        row in prop::collection::vec(amount(), 3..8), passages in prop::collection::vec(amount(), 2..7),
        duration in 0..9u32, benefit in amount(), rate in -0.99..1.0f64,
        rates in prop::collection::vec(prop_oneof![0.0..2.0f64, Just(1000.0)], 4),
        method in prop::sample::select(vec!["continuous", "monthly", "annual"]),
    ) {
        let mut falling = row.clone();
        falling.sort_by(|left, right| right.total_cmp(left));
        let request = json!({
            "rate": rate, "end_age": 60,
            "maintenance": {
                "incapacity": { "first_age": 40, "rows": [falling] }, "passage": { "first_age": 40, "rows": [passages] },
                "disability": { "2": { "first_age": 40, "rows": [falling] } },
            },
            "claims": [
                { "state": "incapacity", "entry_age": 40, "duration": duration, "benefit": benefit, "disability_benefit": benefit },
                { "state": "disability", "entry_age": 40, "duration": f64::from(duration) / 2.0, "benefit": benefit },
            ],
        });
        sound("prevoyance", &request)?;
        let request = json!({
            "work": "multi_state", "rate": rate,
            "model": {
                "states": ["a", "b", "c"], "start": "a", "age": 40, "years": 2, "method": method,
                "transitions": [
                    { "from": "a", "to": "b", "rate": rates[0] }, { "from": "b", "to": "a", "rate": rates[1], "amount": 10 },
                    { "from": "a", "to": "c", "rate": rates[2] }, { "from": "b", "to": "c", "rate": rates[3] },
                ],
                "benefits": [{ "state": "b", "amount": 100 }],
            },
        });
        sound("prevoyance", &request)?;
    }
}

#[test]
fn lists_too_long_are_refused_before_they_are_read() {
    let many = vec![Value::Null; 2_000_001];
    let told = |module: &str, request: Value| calculate(module, &request).unwrap_err().to_string();
    let layout = json!({ "valuation_date": "2024-12-31" });
    let request = json!({ "method": "mack", "layout": layout, "claims": many });
    assert_eq!(told("provisionnement", request), "/claims: 2000001 elements exceed the limit of 2000000.");
    let observation = json!({ "start": "2024-01-01", "end": "2024-12-31" });
    let request = json!({ "work": "exposure", "observation": observation, "lives": many });
    assert_eq!(told("mortalite", request), "/lives: 2000001 elements exceed the limit of 2000000.");
    let request = json!({ "rate": 0.01, "claims": many, "maintenance": {} });
    assert_eq!(told("prevoyance", request), "/claims: 2000001 elements exceed the limit of 500000.");
}

//! Incapacity, disability and death through their requests. Maintenance tables here are made by formula, for tests alone:
//! regulatory ones are brought by clients.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use aops_engine::{Fault, calculate, example};
use serde_json::{Value, json};

fn ask(request: &Value) -> Value {
    match calculate("prevoyance", request) {
        Ok(outcome) => outcome.into_json(),
        Err(faults) => panic!("{faults}"),
    }
}

fn faults(request: &Value) -> Vec<(String, &'static str)> {
    let faults = calculate("prevoyance", request).unwrap_err();
    faults.iter().map(|Fault { pointer, code, .. }| (pointer.clone(), *code)).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-9),
        "{found} instead of {expected}"
    );
}

/// A tenth recovers each month; a hundredth of those there passes to disability, where nobody recovers.
fn maintenance() -> Value {
    let incapacity: Vec<f64> = (0..=36).map(|month| 1000.0 * 0.9_f64.powi(month)).collect();
    let passage: Vec<f64> = incapacity.iter().take(36).map(|there| there / 100.0).collect();
    json!({
        "incapacity": { "first_age": 30, "rows": vec![incapacity; 30] },
        "passage": { "first_age": 30, "rows": vec![passage; 30] },
        "disability": { "2": { "first_age": 30, "rows": vec![vec![1.0; 41]; 35] } },
    })
}

fn portfolio() -> Value {
    json!({
        "rate": 0.0, "end_age": 62, "maintenance": maintenance(), "details": true,
        "claims": [
            { "id": "A", "state": "incapacity", "entry_age": 40, "duration": 6, "benefit": 1000.0, "disability_benefit": 6000.0 },
            { "id": "B", "state": "disability", "entry_age": 50, "duration": 2.0, "benefit": 12000.0 },
        ],
    })
}

/// Σ 0.9^j over months.
fn series(months: i32) -> f64 {
    (1.0 - 0.9_f64.powi(months)) / 0.1
}

#[test]
fn claims_are_reserved_as_their_closed_forms() {
    let answer = ask(&portfolio());
    near(number(&answer["claims"][0]["incapacity"]), 1000.0 * series(30), 1e-12);
    // Each month a hundredth passes to an annuity certain to 62: from 40 until month 11, 41 and 42 after.
    let passage: f64 =
        (6..36).map(|at| 0.9_f64.powi(at - 6) / 100.0 * 6000.0 * f64::from(62 - 40 - at / 12)).sum();
    near(number(&answer["claims"][0]["passage"]), passage, 1e-12);
    near(number(&answer["claims"][1]["disability"]), 12000.0 * 10.0, 1e-12);
    let total = &answer["total"];
    near(number(&total["reserve"]), 1000.0 * series(30) + passage + 120_000.0, 1e-12);
}

#[test]
fn dates_give_the_age_and_duration_that_may_be_typed() {
    let mut request = portfolio();
    request["valuation_date"] = json!("2024-12-31");
    request["claims"] = json!([
        { "state": "incapacity", "birth_date": "1984-01-01", "entry_date": "2024-06-30", "benefit": 1000.0, "disability_benefit": 6000.0 }
    ]);
    let dated = ask(&request);
    assert_eq!(dated["claims"][0]["passage"], ask(&portfolio())["claims"][0]["passage"]);
    request["claims"][0]["entry_date"] = json!("2025-06-30");
    assert_eq!(faults(&request), [("/claims/0/entry_date".to_owned(), "date_order")]);
}

#[test]
fn a_csv_table_is_the_same_as_its_rows() {
    let mut request = portfolio();
    let mut text = String::from("age");
    (0..=36).for_each(|month| text += &format!(",{month}"));
    for age in 30..60 {
        text += &format!("\n{age}");
        (0..=36).for_each(|month| text += &format!(",{}", 1000.0 * 0.9_f64.powi(month)));
    }
    request["maintenance"]["incapacity"] = json!({ "csv": text });
    assert_eq!(ask(&request)["total"], ask(&portfolio())["total"]);
    request["maintenance"]["incapacity"] = json!({ "csv": text.replace("\n31,1000,", "\n31,x,") });
    assert_eq!(faults(&request), [("/maintenance/incapacity/csv".to_owned(), "csv_cell")]);
    request["maintenance"]["incapacity"] = json!({ "csv": text.replace("\n31,", "\n33,") });
    assert_eq!(faults(&request)[0].1, "csv_cell");
}

#[test]
fn opening_and_closing_reserves_are_reconciled() {
    let mut request = portfolio();
    request["rate"] = json!(0.02);
    request["claims"] = json!([
        { "id": "B", "state": "disability", "entry_age": 50, "duration": 3.0, "benefit": 12000.0 },
        { "id": "C", "state": "disability", "entry_age": 45, "duration": 0.5, "benefit": 6000.0 },
    ]);
    request["opening"] = json!({ "payments": 12000.0, "claims": [
        { "id": "B", "state": "disability", "entry_age": 50, "duration": 2.0, "benefit": 12000.0 },
        { "id": "Z", "state": "incapacity", "entry_age": 40, "duration": 35, "benefit": 100.0 },
    ] });
    let movement = ask(&request)["movement"].clone();
    let sum: f64 = ["opening", "interest", "payments", "new_claims", "experience"]
        .iter()
        .map(|name| number(&movement[*name]))
        .sum();
    near(sum, number(&movement["closing"]), 1e-12);
    near(number(&movement["opening_reserve_of_closed_claims"]), 100.0, 1e-12);
    // Nobody left disability: experience is the gain on Z, and what half a year of interest says of monthly payments.
    assert!((number(&movement["experience"]) + 100.0).abs() < 30.0, "{movement}");
}

#[test]
fn late_claims_and_expenses_enter_the_best_estimate() {
    let mut request = portfolio();
    request["expenses"] = json!(0.05);
    request["ibnr"] = json!({ "triangle": [[100, 150], [200, null]] });
    let answer = ask(&request);
    near(number(&answer["best_estimate"]["ibnr"]), 100.0, 1e-12);
    let known = number(&answer["total"]["reserve"]);
    near(number(&answer["best_estimate"]["total"]), 1.05 * (known + 100.0), 1e-12);
}

#[test]
fn death_covers_are_those_of_rente() {
    let ask_rente = |request: Value| number(&calculate("rente", &request).unwrap()["present_value"]);
    let member = json!({ "table": "TH 00-02", "age": 40 });
    let spouse = json!({ "table": "TF 00-02", "age": 38 });
    let request = json!({
        "work": "death", "rate": 0.02, "frequency": 1, "details": true,
        "lives": [{
            "table": "TH 00-02", "age": 40, "capital": 100_000.0,
            "spouse": { "table": "TF 00-02", "age": 38, "amount": 5000.0 },
            "children": [{ "age": 10, "end_age": 26, "amount": 2000.0 }],
        }],
    });
    let answer = ask(&request);
    let assurance =
        ask_rente(json!({ "lives": [member], "benefit": "assurance", "rate": 0.02, "amount": 100_000.0 }));
    near(number(&answer["total"]["capital"]), assurance, 1e-12);
    // Paid each year after the death of one while the other lives: a_y − a_xy.
    let single =
        ask_rente(json!({ "lives": [spouse], "benefit": "annuity", "rate": 0.02, "timing": "immediate" }));
    let joint = ask_rente(json!({
        "lives": [member, spouse], "status": "joint", "benefit": "annuity", "rate": 0.02, "timing": "immediate"
    }));
    near(number(&answer["total"]["spouse"]), 5000.0 * (single - joint), 1e-11);
    // To a child without mortality: an annuity certain less that while the member lives, payments at years 1 to 15.
    let certain: f64 = (1..16).map(|year| 1.02_f64.powi(-year)).sum();
    let temporary = ask_rente(json!({
        "lives": [member], "benefit": "annuity", "rate": 0.02, "timing": "immediate", "term": 15
    }));
    near(number(&answer["total"]["children"]), 2000.0 * (certain - temporary), 1e-11);
}

#[test]
fn a_cover_of_one_year_is_the_risk_of_the_year() {
    let request = json!({
        "work": "death", "rate": 0.0, "term": 1, "lives": [{ "table": "TH 00-02", "age": 40, "capital": 1.0 }],
    });
    let risk = calculate(
        "rente",
        &json!({ "lives": [{ "table": "TH 00-02", "age": 40 }], "benefit": "pure_endowment", "rate": 0.0, "term": 1 }),
    );
    near(number(&ask(&request)["total"]["capital"]), 1.0 - number(&risk.unwrap()["present_value"]), 1e-10);
}

fn model(method: &str) -> Value {
    json!({
        "work": "multi_state", "rate": 0.03,
        "model": {
            "states": ["valide", "invalide", "mort"], "start": "valide", "age": 40, "years": 10, "method": method,
            "transitions": [
                { "from": "valide", "to": "invalide", "rate": 0.05 },
                { "from": "invalide", "to": "valide", "rate": 0.2 },
                { "from": "valide", "to": "mort", "rate": 0.01 },
                { "from": "invalide", "to": "mort", "rate": 0.01, "amount": 1000.0 },
            ],
            "benefits": [{ "state": "invalide", "amount": 12000.0 }],
        },
    })
}

#[test]
fn equal_deaths_leave_the_balance_of_two_states() {
    // With the same mortality everywhere: e^{−μt} σ/(σ+ρ) (1 − e^{−(σ+ρ)t}) are disabled.
    for method in ["continuous", "monthly", "annual"] {
        let answer = ask(&model(method));
        for (year, line) in answer["years"].as_array().unwrap().iter().enumerate() {
            let t = year as f64;
            let disabled = (-0.01 * t).exp() * 0.2 * (1.0 - (-0.25 * t).exp());
            assert!((number(&line["probabilities"]["invalide"]) - disabled).abs() < 1e-9, "{method} {year}");
        }
    }
    // 12 000 a year and 1000 at each death while disabled, at the force ln 1.03.
    let part = |mu: f64| (1.0 - (-10.0 * (mu + 1.03_f64.ln())).exp()) / (mu + 1.03_f64.ln());
    let value = (12_000.0 + 1000.0 * 0.01) * 0.2 * (part(0.01) - part(0.26));
    near(number(&ask(&model("continuous"))["present_value"]), value, 1e-8);
}

#[test]
fn wrong_claims_are_told_line_by_line() {
    let told = |change: fn(&mut Value), expected: &[(&str, &str)]| {
        let mut request = portfolio();
        change(&mut request);
        let expected: Vec<(String, &str)> =
            expected.iter().map(|(place, code)| ((*place).into(), *code)).collect();
        assert_eq!(faults(&request), expected);
    };
    told(|r| r["claims"][0]["entry_age"] = json!(20), &[("/claims/0/entry_age", "age_before_table")]);
    told(|r| r["claims"][0]["entry_age"] = json!(99), &[("/claims/0/entry_age", "age_after_table")]);
    told(|r| r["claims"][0]["duration"] = json!(40), &[("/claims/0/duration", "out_of_range")]);
    told(|r| r["claims"][0]["duration"] = json!(1.5), &[("/claims/0/duration", "not_integer")]);
    told(|r| r["claims"][1]["category"] = json!("9"), &[("/claims/1/category", "unknown_value")]);
    told(|r| r["claims"][1]["benefit"] = Value::Null, &[("/claims/1/benefit", "missing")]);
    told(|r| r["rate"] = json!(-1.5), &[("/rate", "out_of_range")]);
    told(
        |r| r["end_age"] = Value::Null,
        &[("/claims/0/end_age", "missing"), ("/claims/1/end_age", "missing")],
    );
    told(
        |r| r["maintenance"]["passage"]["rows"][0][3] = json!(5000.0),
        &[("/maintenance/passage", "passages_exceed")],
    );
    told(
        |r| r["maintenance"]["incapacity"]["rows"][2][3] = json!(5000.0),
        &[("/maintenance/incapacity/rows", "table_values")],
    );
    told(
        |r| {
            r["maintenance"].as_object_mut().unwrap().remove("incapacity");
            r["maintenance"].as_object_mut().unwrap().remove("passage");
        },
        &[("/claims/0/state", "no_table")],
    );
    let mut request = portfolio();
    request["maintenance"]["incapacity"]["rows"][2][3] = json!(5000.0);
    let message = calculate("prevoyance", &request).unwrap_err().to_string();
    assert_eq!(
        message,
        "/maintenance/incapacity/rows: Table incapacity: survivors must begin above zero and never increase; see age 32."
    );
}

#[test]
fn wrong_models_are_told() {
    let told = |change: fn(&mut Value), place: &str, code: &'static str| {
        let mut request = model("annual");
        change(&mut request["model"]);
        assert_eq!(faults(&request), [(place.to_owned(), code)]);
    };
    told(|m| m["start"] = json!("valides"), "/model/start", "unknown_value_near");
    told(|m| m["states"][1] = json!("valide"), "/model/states/1", "duplicate");
    told(|m| m["years"] = json!(10_000), "/model/years", "out_of_range");
    told(|m| m["transitions"][0]["to"] = json!("valide"), "/model/transitions/0/to", "duplicate");
    told(
        |m| m["matrices"] = json!([[[0.9, 0.2, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]),
        "/model/matrices/0/0",
        "not_one",
    );
    told(
        |m| m["transitions"][0]["steps"] = json!([{ "age": 40, "rate": 1 }]),
        "/model/transitions/0/steps",
        "conflict",
    );
    told(
        |m| {
            m["transitions"][0] = json!({
                "from": "valide", "to": "mort", "steps": [{ "age": 40, "rate": 1 }, { "age": 30, "rate": 1 }]
            });
        },
        "/model/transitions/0/steps/1/age",
        "not_increasing",
    );
}

#[test]
fn the_example_explains_its_first_claim() {
    let mut request = example("prevoyance").unwrap();
    request["explain"] = json!(true);
    let rows = ask(&request)["explanation"][0]["rows"].as_array().unwrap().clone();
    assert_eq!(rows[0], json!([0.0, 500.0, 1.0, 1500.0]));
}

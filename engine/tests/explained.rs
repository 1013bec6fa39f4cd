//! Explanations: each work shows its formula in LaTeX and MathML, and figures that lead to its result.

mod support;

use aops_engine::{MODULES, example};
use serde_json::{Value, json};
use support::{answer, near, number};

/// The workings of a request, each whole: MathML for its formula and for every column, as many figures as columns.
#[track_caller]
fn explained(module: &str, request: &Value) -> (Value, Vec<Value>) {
    let mut request = request.clone();
    request["explain"] = json!(true);
    let found = answer(module, &request).into_json();
    let workings = found["explanation"].as_array().cloned().unwrap_or_default();
    assert!(!workings.is_empty(), "{module}: nothing is explained");
    for working in &workings {
        let columns = working["columns"].as_array().map_or(0, Vec::len);
        let formula = working["mathml"]["formula"].as_str().unwrap_or_default();
        assert!(formula.starts_with("<math") && formula.ends_with("</math>"), "{}", working["formula"]);
        assert!(!formula.contains("merror"), "{formula}");
        assert_eq!(working["mathml"]["columns"].as_array().map_or(0, Vec::len), columns);
        let rows = working["rows"].as_array().cloned().unwrap_or_default();
        assert!(!rows.is_empty(), "{module}: {}", working["name"]);
        for row in rows {
            let figures = row.as_array().cloned().unwrap_or_default();
            assert_eq!(figures.len(), columns, "{}", working["name"]);
            assert!(figures.iter().all(|figure| figure.is_number()), "{row}");
        }
    }
    (found, workings)
}

/// The sum of a column of a working.
fn column(working: &Value, index: usize) -> f64 {
    working["rows"].as_array().into_iter().flatten().filter_map(|row| row[index].as_f64()).sum()
}

#[test]
fn every_module_explains_its_example() {
    for module in MODULES {
        let mut request = example(module).unwrap();
        if request["simulation"].is_object() {
            request["simulation"]["scenarios"] = json!(20);
        }
        explained(module, &request);
    }
}

#[test]
fn a_portfolio_shows_each_head_and_the_payments_of_the_first_ones() {
    let request = json!({
        "benefit": "annuity", "rate": 0.02, "term": 5,
        "heads": [
            { "id": "a", "table": "TF 00-02", "age": 65, "amount": 1200 },
            { "id": "b", "table": "TH 00-02", "age": 70, "amount": 600, "rate": 0.01 },
        ],
    });
    let (found, workings) = explained("rente", &request);
    near(column(&workings[0], 3), number(&found, "/present_value"), 1e-12);
    near(600.0 * column(&workings[2], 4), number(&found, "/heads/1/present_value"), 1e-12);
}

#[test]
fn awards_add_up_to_the_obligation() {
    let (found, workings) = explained("medailles", &example("medailles").unwrap());
    near(column(&workings[0], 9), number(&found, "/dbo"), 1e-12);
    for row in workings[0]["rows"].as_array().unwrap() {
        let at = |index: usize| row[index].as_f64().unwrap();
        near(at(5) * at(6) * at(7), at(8), 1e-12);
        near(at(8) * at(3) / at(4), at(9), 1e-12);
    }
}

#[test]
fn death_covers_show_each_life_and_each_year_of_the_first() {
    let request = json!({
        "work": "death", "rate": 0.02, "term": 20,
        "lives": [
            { "table": "TH 00-02", "age": 40, "capital": 100_000.0,
              "spouse": { "table": "TF 00-02", "age": 38, "amount": 5000.0 },
              "children": [{ "age": 10, "end_age": 26, "amount": 2000.0 }] },
            { "table": "TF 00-02", "age": 50, "capital": 50_000.0 },
        ],
    });
    let (found, workings) = explained("prevoyance", &request);
    near(column(&workings[0], 4), number(&found, "/total/present_value"), 1e-12);
    let rows = workings[1]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 20);
    let spouse: f64 = rows.iter().map(|row| row[1].as_f64().unwrap() * row[2].as_f64().unwrap()).sum();
    near(spouse, number(&found, "/total/spouse"), 1e-12);
}

#[test]
fn every_work_on_mortality_is_explained() {
    let counts = json!({
        "first_age": 60, "deaths": [10, 12, 15, 17, 22, 25], "exposures": [1000, 990, 980, 960, 950, 940],
    });
    let row = |age: i32| -> Vec<f64> {
        (0..8)
            .map(|year| {
                (2000.0 * (-9.0 + 0.1 * f64::from(age) - 0.02 * f64::from(year * year % 7)).exp()).round()
            })
            .collect()
    };
    let deaths: Vec<Vec<f64>> = (60..68).map(row).collect();
    let surface = json!({ "first_age": 60, "first_year": 2000, "deaths": deaths, "exposures": vec![vec![2000.0; 8]; 8] });
    for work in ["exposure", "smr", "whittaker", "brass", "hazard", "certificate"] {
        let request = json!({ "work": work, "experience": counts, "reference": { "table": "TH 00-02" } });
        let mut request = request;
        if matches!(work, "exposure" | "whittaker") {
            request["reference"] = Value::Null;
        }
        explained("mortalite", &request);
    }
    for work in ["whittaker", "lee_carter", "cbd"] {
        let request =
            json!({ "work": work, "surface": surface, "projection": { "paths": 100, "horizon": 5 } });
        explained("mortalite", &request);
    }
}

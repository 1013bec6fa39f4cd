//! The engine against requests and results computed by other programs.

use aops_engine::calculate;
use serde_json::Value;

const LIFE: &str = include_str!("../data/reference/life.json");
const RESERVING: &str = include_str!("../data/reference/reserving.json");

fn near(found: &Value, expected: &Value, tolerance: f64, place: &str) {
    match expected {
        Value::Number(number) => {
            let (found, expected) = (found.as_f64().unwrap_or(f64::NAN), number.as_f64().unwrap_or(f64::NAN));
            let error = (found - expected).abs() / expected.abs().max(1e-9);
            assert!(error <= tolerance, "{place}: {found} instead of {expected} ({error:e})");
        }
        Value::Array(list) => {
            assert_eq!(found.as_array().map(Vec::len), Some(list.len()), "{place}");
            for (index, value) in list.iter().enumerate() {
                near(&found[index], value, tolerance, &format!("{place}/{index}"));
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                near(&found[key], value, tolerance, &format!("{place}/{key}"));
            }
        }
        other => assert_eq!(found, other, "{place}"),
    }
}

#[test]
fn rente_equals_the_reference_to_twelve_digits() {
    let reference: Value = serde_json::from_str(LIFE).unwrap();
    let cases = reference["rente"].as_array().unwrap();
    assert_eq!(cases.len(), 40);
    for (index, case) in cases.iter().enumerate() {
        let answer = calculate("rente", &case["request"]).unwrap();
        near(&answer["present_value"], &case["present_value"], 1e-12, &format!("rente {index}"));
    }
}

#[test]
fn ifc_equals_the_reference_to_twelve_digits() {
    let reference: Value = serde_json::from_str(LIFE).unwrap();
    let cases = reference["ifc"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for (index, case) in cases.iter().enumerate() {
        let answer = calculate("ifc", &case["request"]).unwrap();
        near(&answer, &case["result"], 1e-12, &format!("ifc {index}"));
    }
}

#[test]
fn provisionnement_equals_the_reference_to_ten_digits() {
    let cases: Vec<Value> = serde_json::from_str(RESERVING).unwrap();
    assert_eq!(cases.len(), 9);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let answer = calculate("provisionnement", &case["request"]).unwrap();
        near(&answer, &case["result"], 1e-10, name);
    }
}

#[test]
fn mack_gives_the_published_reserves_and_standard_errors() {
    let cases: Vec<Value> = serde_json::from_str(RESERVING).unwrap();
    let published = [("genins", 18_680_856.0, 2_447_095.0), ("raa", 52_135.0, 26_909.0)];
    for (name, reserve, error) in published {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let answer = calculate("provisionnement", &case["request"]).unwrap();
        assert_eq!(answer["total"]["reserve"].as_f64().unwrap().round(), reserve, "{name}");
        assert_eq!(answer["total"]["standard_error"].as_f64().unwrap().round(), error, "{name}");
    }
}

//! The engine against requests and results computed by other programs.

use aops_engine::calculate;
use serde_json::Value;

const LIFE: &str = include_str!("../data/reference/life.json");

fn near(found: &Value, expected: &Value, tolerance: f64, place: &str) {
    match expected {
        Value::Number(number) => {
            let (found, expected) = (found.as_f64().unwrap(), number.as_f64().unwrap());
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

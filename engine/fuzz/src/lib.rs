//! What every target does: ask a module, and look at the answer.

use serde_json::Value;

/// A request that is JSON is answered without NaN, or refused with faults; small ones only, so that time is spent on
/// shapes.
pub fn ask(module: &str, text: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Value>(text) else { return };
    if request["simulation"]["scenarios"].as_f64().is_some_and(|count| count > 100.0) {
        return;
    }
    match aops_engine::calculate(module, &request) {
        Ok(outcome) => assert!(!has_null(&outcome), "a result is no number"),
        Err(faults) => assert!(!faults.is_empty()),
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

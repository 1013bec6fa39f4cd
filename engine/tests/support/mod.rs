//! What the tests of modules share: asking, and comparing.
#![allow(dead_code, reason = "each test file uses some of it")]

use aops_engine::{Outcome, calculate};
use serde_json::Value;

/// The outcome of a request that must be answered.
#[track_caller]
pub(crate) fn answer(module: &str, request: &Value) -> Outcome {
    match calculate(module, request) {
        Ok(outcome) => outcome,
        Err(faults) => panic!("{faults}"),
    }
}

/// The only fault of a request, as it is told.
#[track_caller]
pub(crate) fn refused(module: &str, request: &Value) -> String {
    match calculate(module, request) {
        Ok(outcome) => panic!("answered: {}", &*outcome),
        Err(faults) => faults.to_string(),
    }
}

/// The number at a JSON pointer.
#[track_caller]
pub(crate) fn number(outcome: &Value, pointer: &str) -> f64 {
    match outcome.pointer(pointer).and_then(Value::as_f64) {
        Some(number) => number,
        None => panic!("no number at {pointer}: {outcome}"),
    }
}

/// Compares with a relative tolerance.
#[track_caller]
pub(crate) fn near(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs() / expected.abs().max(1e-9);
    assert!(error <= tolerance, "{found} instead of {expected} ({error:e})");
}

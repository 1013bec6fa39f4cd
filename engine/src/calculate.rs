//! The one door of the engine: a module by name, a request, an answer or all faults. Not formulas.

use std::cell::RefCell;

use serde_json::Value;

use crate::fault::Faults;
use crate::{ifc, life, reserving};

/// Names of the modules that answer.
pub const MODULES: &[&str] = &["rente", "ifc", "provisionnement"];

/// Answers `request` for `module`; every fault of the request is told at once.
///
/// # Errors
/// The faults, never empty, with JSON pointers into `request`.
pub fn calculate(module: &str, request: &Value) -> Result<Value, Faults> {
    let faults = RefCell::new(Faults::default());
    let answer = match module {
        "rente" => life::calculate(request, &faults),
        "ifc" => ifc::calculate(request, &faults),
        "provisionnement" => reserving::calculate(request, &faults),
        _ => {
            let found: String = module.chars().take(60).collect();
            let parameters = [("found", found), ("known", MODULES.join(", "))];
            faults.borrow_mut().push("", "unknown_module", &parameters);
            None
        }
    };
    let mut faults = faults.into_inner();
    match answer {
        Some(answer) if faults.is_empty() && finite(&answer) => Ok(answer),
        _ => {
            if faults.is_empty() {
                faults.push("", "not_finite", &[]);
            }
            Err(faults)
        }
    }
}

/// JSON has no NaN or infinity: a number that is not finite was written as null.
fn finite(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().all(finite),
        Value::Object(map) => map.values().all(finite),
        _ => true,
    }
}

//! What a calculation costs, in units of the limits by key and by account: known from the request, before it is made.

use serde_json::Value;

/// People in one unit.
const HEADS: usize = 100;
/// Cells of a triangle in one unit.
const CELLS: usize = 1_000;
/// Scenarios in one unit.
const SCENARIOS: usize = 1_000;

/// One unit for asking, and more for what is large: an obligation by its heads, reserves by the cells of their
/// triangles, a projection by its scenarios. An annuity is one, a portfolio counts its heads.
pub(super) fn of(module: &str, input: &Value) -> u32 {
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    let more = match module {
        "ifc" | "medailles" => input.get("employees").map_or(0, length) / HEADS,
        "rente" => input.get("heads").map_or(0, length) / HEADS,
        "retraite" => {
            let scenarios = input.pointer("/simulation/scenarios").and_then(Value::as_f64).unwrap_or(0.0);
            scenarios as usize / SCENARIOS
        }
        "provisionnement" => {
            let triangles = input.as_object().into_iter().flat_map(|members| members.values());
            let rows = triangles.filter_map(Value::as_array).flatten();
            rows.map(length).sum::<usize>() / CELLS
        }
        _ => 0,
    };
    u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
}

/// Of lines of data that are loaded beside the request.
pub(super) fn of_lines(count: usize) -> u32 {
    u32::try_from(count / HEADS).unwrap_or(u32::MAX).saturating_add(1)
}

/// The same, for who asks before it asks.
pub(super) fn tariff() -> Value {
    serde_json::json!({ "request": 1, "heads_a_unit": HEADS, "cells_a_unit": CELLS, "scenarios_a_unit": SCENARIOS })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn size_costs_and_shape_does_not_confuse() {
        let staff = |n: usize| json!({ "employees": vec![json!({}); n] });
        assert_eq!(of("ifc", &staff(0)), 1);
        assert_eq!(of("ifc", &staff(99)), 1);
        assert_eq!(of("ifc", &staff(2_500)), 26);
        assert_eq!(of("medailles", &staff(2_500)), 26);
        assert_eq!(of("rente", &staff(2_500)), 1);
        assert_eq!(of("rente", &json!({ "heads": vec![json!({}); 150] })), 2);
        assert_eq!(of("retraite", &json!({ "simulation": { "scenarios": 5e3 } })), 6);
        assert_eq!(of("retraite", &json!({ "simulation": { "scenarios": 1e30 } })), u32::MAX);
        let triangle = json!({ "triangle": vec![vec![1.0; 100]; 100], "method": "mack", "other": [1, 2] });
        assert_eq!(of("provisionnement", &triangle), 11);
        for odd in [json!(null), json!([]), json!({ "employees": 3 }), json!({ "triangle": { "a": [] } })] {
            assert_eq!(of("ifc", &odd), 1);
            assert_eq!(of("provisionnement", &odd), 1);
        }
    }
}

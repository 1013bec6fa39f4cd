//! Identities of life contingencies, to twelve digits.

use aops_engine::calculate;
use proptest::prelude::*;
use serde_json::{Value, json};

fn present_value(request: &Value) -> f64 {
    let answer = calculate("rente", request).ok();
    answer.and_then(|answer| answer["present_value"].as_f64()).unwrap_or(f64::NAN)
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-12 * right.abs().max(1.0)
}

fn table() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["TH 00-02", "TF 00-02", "TPRV 93", "TD 88-90"])
}

proptest! {
    #[test]
    fn assurance_plus_discounted_annuity_is_one(table in table(), age in 0u32..95, rate in 0.0..0.1f64) {
        let lives = json!([{ "table": table, "age": age }]);
        let assurance = present_value(&json!({ "lives": lives, "benefit": "assurance", "rate": rate }));
        let annuity = present_value(&json!({ "lives": lives, "benefit": "annuity", "rate": rate }));
        prop_assert!(near(assurance + rate / (1.0 + rate) * annuity, 1.0));
    }

    #[test]
    fn an_annuity_is_one_payment_and_the_next_annuity(table in table(), age in 0u32..95, rate in 0.0..0.1f64) {
        let annuity = |age: u32| {
            present_value(&json!({ "lives": [{ "table": table, "age": age }], "benefit": "annuity", "rate": rate }))
        };
        let lives = json!([{ "table": table, "age": age }]);
        let next = present_value(&json!({ "lives": lives, "benefit": "pure_endowment", "rate": rate, "term": 1 }));
        prop_assert!(near(annuity(age), 1.0 + next * annuity(age + 1)));
    }

    #[test]
    fn two_single_annuities_are_the_joint_and_the_last(
        tables in (table(), table()), ages in (20u32..95, 20u32..95), rate in 0.0..0.1f64,
        frequency in prop::sample::select(vec![1, 2, 4, 12]),
    ) {
        let (first, second) =
            (json!({ "table": tables.0, "age": ages.0 }), json!({ "table": tables.1, "age": ages.1 }));
        let value = |lives: Value, status: Value| present_value(&json!({
            "lives": lives, "benefit": "annuity", "rate": rate, "frequency": frequency, "status": status
        }));
        let singles = value(json!([first]), Value::Null) + value(json!([second]), Value::Null);
        let both = json!([first, second]);
        prop_assert!(near(value(both.clone(), json!("joint")) + value(both, json!("last")), singles));
    }

    #[test]
    fn a_flat_curve_is_the_rate(table in table(), age in 20u32..95, rate in 0.0..0.1f64,
        timing in prop::sample::select(vec!["due", "immediate", "continuous"])) {
        let lives = json!([{ "table": table, "age": age }]);
        let flat = json!({ "lives": lives, "benefit": "annuity", "timing": timing, "rate": rate });
        let curve = json!({ "lives": lives, "benefit": "annuity", "timing": timing,
            "curve": [{ "maturity": 1, "rate": rate }, { "maturity": 10, "rate": rate }] });
        prop_assert!(near(present_value(&flat), present_value(&curve)));
    }
}

//! Yield curves against EIOPA's own tool, repricing and closed forms.

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{answer, near, number, refused};

/// EIOPA's Smith-Wilson Risk-Free Interest Rate Extrapolation Tool of 27 October 2015: zero-coupon rates at 1 to 20 years…
const OBSERVED: [f64; 20] = [
    0.0131074591432979,
    0.0222629098372424,
    0.0273403667327403,
    0.0317884414257146,
    0.0327205345299401,
    0.0332867589595655,
    0.0336112121443886,
    0.0341947663149128,
    0.0345165922380981,
    0.0346854377006694,
    0.035717334079127,
    0.0368501673784445,
    0.0376263620230677,
    0.0385237084707761,
    0.0395043823351044,
    0.0401574909803133,
    0.0405715278625131,
    0.0415574765441695,
    0.0415582458410996,
    0.042551132694631,
];
/// … and what the tool extrapolates from them at 25, 30, 40, 50 and 65 years.
const EXTRAPOLATED: [(u32, f64); 5] = [
    (25, 0.0462512293260686),
    (30, 0.0472183095640757),
    (40, 0.0468731518591676),
    (50, 0.0460868203676226),
    (65, 0.0451835414157220),
];

fn eiopa() -> Value {
    let instruments: Vec<Value> = OBSERVED
        .iter()
        .enumerate()
        .map(|(index, rate)| json!({ "maturity": index + 1, "rate": rate }))
        .collect();
    json!({ "method": "smith_wilson", "ufr": 0.042, "instruments": instruments,
        "maturities": EXTRAPOLATED.map(|(maturity, _)| maturity) })
}

#[test]
fn smith_wilson_extrapolates_as_eiopas_tool() {
    let mut request = eiopa();
    request["alpha"] = json!(0.142068);
    let found = answer("courbe", &request);
    for (index, (_, zero)) in EXTRAPOLATED.iter().enumerate() {
        near(number(&found, &format!("/curve/{index}/zero")), *zero, 1e-10);
    }
}

#[test]
fn the_speed_found_is_the_one_eiopas_tool_published() {
    near(number(&answer("courbe", &eiopa()), "/alpha"), 0.142068, 1e-5);
}

#[test]
fn forwards_tend_to_the_ultimate_one_and_are_within_a_basis_point_at_convergence() {
    let mut request = eiopa();
    request["maturities"] = json!([60, 200]);
    let found = answer("courbe", &request);
    let gap = (number(&found, "/curve/0/forward") - 0.042_f64.ln_1p()).abs();
    assert!(gap <= 1e-4 && gap > 0.99e-4, "{gap}");
    near(number(&found, "/curve/1/forward"), 0.042_f64.ln_1p(), 1e-6);
}

#[test]
fn svensson_is_its_formula_and_its_forward_is_the_slope() {
    // z(t) by hand at 7 years, in the formula's own terms.
    let (b, t1, t2, t) = ([0.02, -0.015, 0.03, -0.01], 1.7_f64, 6.3_f64, 7.0_f64);
    let load = |tau: f64| (1.0 - (-t / tau).exp()) / (t / tau);
    let rate =
        b[0] + b[1] * load(t1) + b[2] * (load(t1) - (-t / t1).exp()) + b[3] * (load(t2) - (-t / t2).exp());
    for (compounding, zero) in [("annual", rate), ("continuous", rate.exp() - 1.0)] {
        let request = json!({ "method": "svensson", "compounding": compounding, "maturities": [7, 6.999, 7.001],
            "parameters": { "beta0": b[0], "beta1": b[1], "beta2": b[2], "beta3": b[3], "tau1": t1, "tau2": t2 } });
        let found = answer("courbe", &request);
        near(number(&found, "/curve/0/zero"), zero, 1e-12);
        let discount = |index: usize| number(&found, &format!("/curve/{index}/discount")).ln();
        near(number(&found, "/curve/0/forward"), (discount(1) - discount(2)) / 0.002, 1e-7);
    }
}

#[test]
fn a_bootstrap_of_two_par_rates_is_solved_by_hand() {
    let found = answer(
        "courbe",
        &json!({ "method": "bootstrap", "instrument": "par", "maturities": [1, 2],
        "instruments": [{ "maturity": 1, "rate": 0.02 }, { "maturity": 2, "rate": 0.03 }] }),
    );
    let first = 1.0 / 1.02;
    near(number(&found, "/curve/0/discount"), first, 1e-14);
    near(number(&found, "/curve/1/discount"), (1.0 - 0.03 * first) / 1.03, 1e-14);
}

#[test]
fn shocks_move_every_zero_rate_alike() {
    let found = answer("courbe", &eiopa());
    for (index, shift) in [-0.02, -0.01, 0.01, 0.02].into_iter().enumerate() {
        let zero = number(&found, &format!("/shocks/{index}/curve/2/zero"));
        near(zero - number(&found, "/curve/2/zero"), shift, 1e-12);
        near(number(&found, &format!("/shocks/{index}/curve/2/discount")), (1.0 + zero).powi(-40), 1e-12);
    }
}

#[test]
fn each_bad_curve_is_told_with_its_place() {
    let with = |name: &str, value: Value| {
        let mut request = eiopa();
        request[name] = value;
        request
    };
    let cases = [
        (with("ufr", Value::Null), "/ufr: “ufr” is required."),
        (with("instruments", Value::Null), "/instruments: “instruments” is required."),
        (
            with("instruments", json!([{ "maturity": 2, "rate": 0.01 }, { "maturity": 1, "rate": 0.01 }])),
            "/instruments/1/maturity: 1 does not come after 2; give them in increasing order.",
        ),
        (
            with("instruments", json!([{ "maturity": 2, "rate": -1 }])),
            "/instruments/0/rate: -1 is out of range: expected from -0.99 to 10.",
        ),
        (
            with("convergence_point", json!(15)),
            "/convergence_point: 15 does not come after 20; give them in increasing order.",
        ),
        (
            with("parameters", json!({ "beta0": 0, "beta1": 0, "beta2": 0, "tau1": 1 })),
            "/parameters: “parameters” has no meaning here: method = smith_wilson.",
        ),
        (
            json!({ "method": "bootstrap", "instrument": "par", "instruments": [{ "maturity": 1.5, "rate": 0.01 }] }),
            "/instruments/0/maturity: 1.5 is not a whole number.",
        ),
        (
            json!({ "method": "bootstrap", "instrument": "par", "instruments": [{ "maturity": 1, "rate": 0.01 }, { "maturity": 2, "rate": 5 }] }),
            "/instruments: No curve with positive discount factors goes through these instruments (instruments).",
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(refused("courbe", &request), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn instruments_are_repriced(
        rates in prop::collection::vec(-0.005..0.06f64, 2..20), par in any::<bool>(), smith in any::<bool>(),
        frequency in prop::sample::select(vec![1, 2, 4]),
    ) {
        // Neighbours do not jump by more than a market's do.
        let mut level = rates[0];
        let instruments: Vec<Value> = rates.iter().enumerate().map(|(index, rate)| {
            level += (rate - level) * 0.1;
            json!({ "maturity": index + 1, "rate": level })
        }).collect();
        let mut request = json!({ "method": if smith { "smith_wilson" } else { "bootstrap" }, "instruments": instruments,
            "instrument": if par { "par" } else { "zero" }, "frequency": frequency, "maturities": [1] });
        if smith {
            request["ufr"] = json!(0.033);
        }
        let found = answer("courbe", &request);
        for line in found["instruments"].as_array().unwrap() {
            prop_assert!(line["error"].as_f64().unwrap().abs() < 1e-10, "{line}");
        }
    }
}

#[test]
fn svensson_fitted_to_quotes_gives_the_curve_that_made_them() {
    let made =
        json!({ "beta0": 0.03, "beta1": -0.02, "beta2": 0.015, "beta3": -0.01, "tau1": 1.2, "tau2": 6 });
    let maturities = [1, 2, 3, 4, 5, 7, 10, 12, 15, 20, 25, 30];
    let given = json!({ "method": "svensson", "parameters": made, "maturities": maturities });
    let curve = answer("courbe", &given);
    let quotes: Vec<Value> = curve["curve"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|point| json!({ "maturity": point["maturity"], "rate": point["zero"] }))
        .collect();
    let found =
        answer("courbe", &json!({ "method": "svensson", "instruments": quotes, "maturities": maturities }));
    assert!(number(&found, "/fit/root_mean_square") < 1e-8);
    for at in 0..maturities.len() {
        let zero = format!("/curve/{at}/zero");
        assert!((number(&found, &zero) - number(&curve, &zero)).abs() < 1e-7);
    }
    // Coupons at par of a flat curve are its rate: the humps have nothing to say, and that is told.
    let par = |maturity: u32| json!({ "maturity": maturity, "rate": 0.025 });
    let quotes: Vec<Value> = (1..=8).map(par).collect();
    let flat =
        json!({ "method": "svensson", "instruments": quotes, "instrument": "par", "maturities": [10] });
    near(number(&answer("courbe", &flat), "/curve/0/zero"), 0.025, 1e-6);
}

#[test]
fn quotes_that_do_not_tell_the_humps_apart_are_told() {
    // Four maturities beyond fifteen years: level and slope look alike.
    let quotes: Vec<Value> = [20.0, 20.5, 21.0, 21.5, 22.0, 22.5]
        .iter()
        .zip([0.021, 0.022, 0.0215, 0.023, 0.0212, 0.0225])
        .map(|(maturity, rate)| json!({ "maturity": maturity, "rate": rate }))
        .collect();
    let found = answer("courbe", &json!({ "method": "svensson", "instruments": quotes, "maturities": [21] }));
    assert_eq!(found["warnings"][0]["code"], "ill_conditioned");
    assert!(number(&found, "/fit/condition") > 1e3);
    let three = json!({ "method": "svensson", "instruments": quotes[..3] });
    assert_eq!(refused("courbe", &three), "/instruments: 3 elements are fewer than the 4 required.");
    let both = json!({ "method": "svensson", "instruments": quotes, "parameters": { "beta0": 0.02, "beta1": 0, "beta2": 0, "tau1": 1 } });
    assert!(refused("courbe", &both).contains("cannot be given together"));
}

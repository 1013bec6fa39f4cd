//! Generalised linear models against results published of R's `glm` and against statsmodels; wrong requests told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use aops_engine::{Fault, calculate};
use serde_json::{Value, json};

/// Data and results of statsmodels 0.15.0.
const STATSMODELS: &str = include_str!("../data/reference/glm.json");

fn ask(request: &Value) -> Value {
    match calculate("sante", request) {
        Ok(outcome) => outcome.into_json(),
        Err(faults) => panic!("{faults}"),
    }
}

fn faults(request: &Value) -> Vec<(String, &'static str)> {
    let faults = calculate("sante", request).unwrap_err();
    faults.iter().map(|Fault { pointer, code, .. }| (pointer.clone(), *code)).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn near(found: f64, expected: f64, tolerance: f64, place: &str) {
    let error = (found - expected).abs() / expected.abs().max(1e-6);
    assert!(error <= tolerance, "{place}: {found} instead of {expected} ({error:e})");
}

/// Compares with what is printed: estimates to half a unit of the last digit; standard errors to a unit and a half, since
/// R takes them from the weights of the iteration before the last.
fn printed(answer: &Value, expected: &[(&str, f64, f64)], unit: f64) {
    let lines = answer["coefficients"].as_array().unwrap();
    assert_eq!(lines.len(), expected.len());
    for (line, (name, estimate, error)) in lines.iter().zip(expected) {
        assert_eq!(line["name"], *name);
        let off = |key: &str, expected: f64| (number(&line[key]) - expected).abs();
        assert!(off("estimate", *estimate) <= 0.51 * unit, "{name}: {}", line["estimate"]);
        assert!(off("standard_error", *error) <= 1.5 * unit, "{name}: {}", line["standard_error"]);
    }
}

/// Ships of McCullagh and Nelder (1989), table 6.2 (the data frame `ships` of R's MASS), without those never at sea:
/// type, year of construction, period of operation, months of service, incidents.
const SHIPS: [(&str, &str, &str, u32, u32); 34] = [
    ("A", "60", "60", 127, 0),
    ("A", "60", "75", 63, 0),
    ("A", "65", "60", 1095, 3),
    ("A", "65", "75", 1095, 4),
    ("A", "70", "60", 1512, 6),
    ("A", "70", "75", 3353, 18),
    ("A", "75", "75", 2244, 11),
    ("B", "60", "60", 44882, 39),
    ("B", "60", "75", 17176, 29),
    ("B", "65", "60", 28609, 58),
    ("B", "65", "75", 20370, 53),
    ("B", "70", "60", 7064, 12),
    ("B", "70", "75", 13099, 44),
    ("B", "75", "75", 7117, 18),
    ("C", "60", "60", 1179, 1),
    ("C", "60", "75", 552, 1),
    ("C", "65", "60", 781, 0),
    ("C", "65", "75", 676, 1),
    ("C", "70", "60", 783, 6),
    ("C", "70", "75", 1948, 2),
    ("C", "75", "75", 274, 1),
    ("D", "60", "60", 251, 0),
    ("D", "60", "75", 105, 0),
    ("D", "65", "60", 288, 0),
    ("D", "65", "75", 192, 0),
    ("D", "70", "60", 349, 2),
    ("D", "70", "75", 1208, 11),
    ("D", "75", "75", 2051, 4),
    ("E", "60", "60", 45, 0),
    ("E", "65", "60", 789, 7),
    ("E", "65", "75", 437, 7),
    ("E", "70", "60", 1157, 5),
    ("E", "70", "75", 2161, 12),
    ("E", "75", "75", 542, 1),
];

fn ships() -> Value {
    let column = |of: fn(&(&str, &str, &str, u32, u32)) -> Value| -> Value { SHIPS.iter().map(of).collect() };
    json!({
        "type": column(|ship| ship.0.into()), "year": column(|ship| ship.1.into()),
        "period": column(|ship| ship.2.into()), "service": column(|ship| ship.3.into()),
        "incidents": column(|ship| ship.4.into()),
    })
}

#[test]
fn ship_damage_is_that_of_mccullagh_and_nelder() {
    // McCullagh and Nelder (1989), section 6.3.2 and table 6.3; R prints, for `glm(incidents ~ type + year + period +
    // offset(log(service)), family = poisson)`: residual deviance 38.695 on 25 degrees, null 146.328 on 33, AIC 154.56. The
    // coefficients were read in published outputs of that call; all figures, `X²` too, by statsmodels 0.15.0 as well.
    let model = json!({
        "response": "incidents", "family": "poisson", "exposure": "service", "terms": ["type", "year", "period"]
    });
    let answer = ask(&json!({ "data": ships(), "model": model, "deviance_table": true }));
    let expected = [
        ("(Intercept)", -6.40590, 0.21744),
        ("typeB", -0.54334, 0.17759),
        ("typeC", -0.68740, 0.32904),
        ("typeD", -0.07596, 0.29058),
        ("typeE", 0.32558, 0.23588),
        ("year65", 0.69714, 0.14964),
        ("year70", 0.81843, 0.16977),
        ("year75", 0.45343, 0.23317),
        ("period75", 0.38447, 0.11827),
    ];
    printed(&answer, &expected, 1e-5);
    let rounded = |name: &str| (number(&answer[name]) * 1000.0).round() / 1000.0;
    assert_eq!([rounded("deviance"), rounded("null_deviance")], [38.695, 146.328]);
    assert_eq!([number(&answer["residual_degrees"]), number(&answer["null_degrees"])], [25.0, 33.0]);
    assert_eq!((number(&answer["aic"]) * 100.0).round(), 15456.0);
    // The book's dispersion, with which its standard errors are given: X² = 42.28 on 25 degrees, 1.69.
    assert_eq!((number(&answer["pearson"]) * 100.0).round(), 4228.0);
    let table = answer["deviance_table"].as_array().unwrap();
    let steps: f64 = table[1..].iter().map(|line| number(&line["deviance"])).sum();
    near(steps, number(&answer["null_deviance"]) - number(&answer["deviance"]), 1e-10, "steps");
    assert_eq!(table.iter().filter_map(|line| line["degrees"].as_f64()).collect::<Vec<_>>(), [4.0, 3.0, 1.0]);
}

#[test]
fn dobsons_counts_are_as_r_prints_them() {
    // Dobson (1990), page 93, in the help page of R's `glm`: deviances 10.5814 on 8 and 5.1291 on 4, AIC 56.76; the same
    // by statsmodels 0.15.0.
    let answer = ask(&aops_engine::example("sante").unwrap());
    let expected = [
        ("(Intercept)", 3.0445224, 0.1708987),
        ("outcome2", -0.4542553, 0.2021708),
        ("outcome3", -0.2929871, 0.1927423),
        ("treatment2", 0.0, 0.2),
        ("treatment3", 0.0, 0.2),
    ];
    printed(&answer, &expected, 1e-7);
    assert_eq!((number(&answer["deviance"]) * 1e4).round(), 51291.0);
    assert_eq!((number(&answer["null_deviance"]) * 1e4).round(), 105_814.0);
    assert_eq!((number(&answer["aic"]) * 100.0).round(), 5676.0);
}

#[test]
fn profile_intervals_are_those_of_r_and_of_refits() {
    // `confint(glm.D93)` as the manual of R's package profileCI prints it: R interpolates the profile, within 2e-5 of it.
    // The bounds to ten digits are roots (scipy 1.17, `brentq`) of the deviance of refits by statsmodels 0.15.
    let mut counts = aops_engine::example("sante").unwrap();
    counts["model"]["intervals"] = json!("profile");
    let r = [
        (2.6958215, 3.36655581),
        (-0.8577018, -0.0625584),
        (-0.6753696, 0.08244089),
        (-0.3932548, 0.39325483),
        (-0.3932548, 0.39325483),
    ];
    let refits = [
        (2.695828361031, 3.366563512841),
        (-0.857687940579, -0.062555115049),
        (-0.675359148331, 0.082441103871),
        (-0.393248847239, 0.393248847239),
        (-0.393248847239, 0.393248847239),
    ];
    let bounds = |request: &Value| -> Vec<(f64, f64)> {
        let answer = ask(request);
        let lines = answer["coefficients"].as_array().unwrap().clone();
        lines.iter().map(|line| (number(&line["lower"]), number(&line["upper"]))).collect()
    };
    let apart = |found: &[(f64, f64)], expected: &[(f64, f64)]| {
        assert_eq!(found.len(), expected.len());
        let pairs = found.iter().zip(expected);
        pairs.map(|(a, b)| (a.0 - b.0).abs().max((a.1 - b.1).abs())).fold(0.0, f64::max)
    };
    assert!(apart(&bounds(&counts), &r) < 2e-5);
    assert!(apart(&bounds(&counts), &refits) < 2e-9);
    // Clotting times of the first lot, by the logarithm, at 90 %.
    let logs: Vec<f64> = [5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0_f64].map(f64::ln).into();
    let clotting = json!({ "data": { "time": [118, 58, 42, 35, 27, 25, 21, 19, 18], "log_u": logs }, "model": {
        "response": "time", "family": "gamma", "terms": ["log_u"], "confidence": 0.9, "intervals": "profile" } });
    let refits = [(5.211877806539, 5.803956748042), (-0.687951665833, -0.516694734855)];
    assert!(apart(&bounds(&clotting), &refits) < 2e-9);
}

#[test]
fn clotting_times_are_as_r_prints_them() {
    // McCullagh and Nelder (1989), pages 300-302, in the help page of R's `glm` (family = Gamma): dispersion 0.002446059,
    // deviances 3.51283 on 8 and 0.01673 on 7, AIC 37.99. Julia's GLM.jl tests the same figures (test/runtests.jl, `gm8`).
    let u = [5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0_f64];
    let data = json!({
        "log_u": u.map(f64::ln), "lot1": [118, 58, 42, 35, 27, 25, 21, 19, 18],
    });
    let model = json!({ "response": "lot1", "family": "gamma", "link": "inverse", "terms": ["log_u"] });
    let answer = ask(&json!({ "data": data, "model": model }));
    let expected = [("(Intercept)", -0.01655438, 0.00092754), ("log_u", 0.01534311, 0.00041496)];
    printed(&answer, &expected, 1e-8);
    // R stops at a change of 1e-8 of the deviance: its Pearson statistic has five digits of the limit.
    near(number(&answer["dispersion"]), 0.002_446_059, 1e-5, "dispersion");
    near(number(&answer["null_deviance"]), 3.51283, 2e-6, "null");
    near(number(&answer["deviance"]), 0.01673, 4e-4, "deviance");
    assert_eq!((number(&answer["aic"]) * 100.0).round(), 3799.0);
    // `Pr(>|t|)` of both lines: 4.28e-07 and 2.75e-09, by Student's law with 7 degrees.
    let p = |line: usize| number(&answer["coefficients"][line]["p_value"]);
    assert_eq!([format!("{:.2e}", p(0)), format!("{:.2e}", p(1))], ["4.28e-7", "2.75e-9"]);
}

#[test]
fn every_family_link_weight_and_offset_equals_statsmodels() {
    let reference: Value = serde_json::from_str(STATSMODELS).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let answer = ask(&json!({ "data": reference["data"], "model": case["model"] }));
        near(number(&answer["deviance"]), number(&case["deviance"]), 1e-10, name);
        near(number(&answer["pearson"]), number(&case["pearson"]), 1e-8, name);
        for (index, pair) in case["coefficients"].as_array().unwrap().iter().enumerate() {
            let line = &answer["coefficients"][index];
            near(number(&line["estimate"]), number(&pair[0]), 1e-7, name);
            near(number(&line["standard_error"]), number(&pair[1]), 1e-7, name);
        }
    }
}

#[test]
fn theta_of_a_negative_binomial_law_equals_statsmodels() {
    let reference: Value = serde_json::from_str(STATSMODELS).unwrap();
    let expected = &reference["theta"];
    let answer = ask(&json!({ "data": reference["data"], "model": expected["model"] }));
    near(number(&answer["theta"]), number(&expected["theta"]), 1e-5, "theta");
    for (index, estimate) in expected["coefficients"].as_array().unwrap().iter().enumerate() {
        near(number(&answer["coefficients"][index]["estimate"]), number(estimate), 2e-5, "coefficient");
    }
    // Five parameters, `θ` among them.
    let aic = 10.0 - 2.0 * number(&expected["log_likelihood"]);
    near(number(&answer["aic"]), aic, 1e-9, "aic");
}

#[test]
fn a_saturated_poisson_model_gives_the_rates_of_its_cells() {
    let data = json!({ "y": [4, 10, 6, 3], "e": [2.0, 4.0, 3.0, 1.0], "zone": ["A", "A", "B", "B"] });
    let model = json!({ "response": "y", "exposure": "e", "terms": ["zone"] });
    let request =
        json!({ "data": data, "model": model, "predict": { "zone": ["A", "B"], "e": [1.0, 10.0] } });
    let answer = ask(&request);
    near(number(&answer["predictions"][0]["mean"]), 14.0 / 6.0, 1e-12, "A");
    near(number(&answer["predictions"][1]["mean"]), 10.0 * 9.0 / 4.0, 1e-12, "B");
    // The variance of the logarithm of a Poisson rate is one over its count.
    near(number(&answer["predictions"][0]["predictor_standard_error"]), (1.0 / 14.0_f64).sqrt(), 1e-10, "A");
    let unknown = json!({ "data": data, "model": model, "predict": { "zone": ["C"] } });
    assert_eq!(faults(&unknown), [("/predict".to_owned(), "no_level")]);
}

#[test]
fn an_aliased_column_is_told_and_left_out() {
    let data = json!({ "y": [1, 2, 4, 3], "a": [1, 2, 3, 5], "b": [2, 4, 6, 10] });
    let answer = ask(&json!({ "data": data, "model": { "response": "y", "terms": ["a", "b"] } }));
    assert_eq!(answer["coefficients"][2], json!({ "name": "b", "aliased": true }));
    assert_eq!(answer["rank"], 2);
    assert_eq!(
        answer["warnings"][0]["message"],
        "“b” is a combination of the columns before it: it has no coefficient of its own."
    );
}

#[test]
fn a_level_without_a_claim_is_told_before_the_fit() {
    let data = json!({ "y": [4, 10, 0, 0], "zone": ["A", "A", "B", "B"] });
    let request = json!({ "data": data, "model": { "response": "y", "terms": ["zone"] } });
    assert_eq!(faults(&request), [("/model/terms".to_owned(), "separated")]);
    let told = calculate("sante", &request).unwrap_err().to_string();
    assert_eq!(
        told,
        "/model/terms: “zoneB” has no claim at all: its coefficient has no finite value. Join it with another level."
    );
}

#[test]
fn wrong_models_are_told() {
    let data =
        json!({ "y": [4, 10, 6, 3], "w": [0, 0, 0, 0], "n": [-1, 2, 3, 4], "zone": ["A", "A", "B", "B"] });
    let told = |model: Value, place: &str, code: &'static str| {
        assert_eq!(faults(&json!({ "data": data, "model": model })), [(format!("/model{place}"), code)]);
    };
    told(json!({ "response": "z" }), "/response", "no_variable");
    told(json!({ "response": "zone" }), "/response", "wrong_type");
    told(json!({ "response": "y", "terms": ["age"] }), "/terms", "no_variable");
    told(json!({ "response": "y", "terms": ["zone"], "base": { "zone": "Z" } }), "/base", "no_level");
    told(json!({ "response": "y", "weights": "w" }), "/weights", "no_weight");
    told(json!({ "response": "y", "weights": "n" }), "/weights", "not_above_zero");
    told(json!({ "response": "y", "exposure": "n" }), "/exposure", "not_above_zero");
    told(json!({ "response": "n", "family": "gamma" }), "/response", "not_above_zero");
    told(json!({ "response": "w" }), "/response", "separated");
    told(json!({ "response": "y", "family": "poison" }), "/family", "unknown_value_near");
    assert_eq!(
        faults(&json!({ "data": { "y": [1, 2], "x": [1] }, "model": { "response": "y" } })),
        [("/data/y".to_owned(), "length")]
    );
    assert_eq!(
        faults(&json!({ "data": { "y": [1, "x"] }, "model": { "response": "y" } })),
        [("/data/y/1".to_owned(), "wrong_type")]
    );
}

#[test]
fn a_fit_that_does_not_end_tells_its_path() {
    // Lines at x = 0 have no claim: the coefficients run to infinity, and the deviance to that of the others.
    let data = json!({ "y": [0, 0, 0, 5, 7], "x": [0, 0, 0, 1, 1] });
    let request = json!({ "data": data, "model": { "response": "y", "terms": ["x"] } });
    assert_eq!(faults(&request), [("/model/terms".to_owned(), "not_converged")]);
    let told = calculate("sante", &request).unwrap_err().to_string();
    let path = "/model/terms: The search for deviance did not converge after 30 steps; its path: … 0.33";
    assert!(told.starts_with(path), "{told}");
}

fn guarantee() -> Value {
    json!({
        "name": "optique",
        "frequency": { "response": "n", "exposure": "e", "terms": ["zone"] },
        "claims": { "cost": [100.0, 140.0, 300.0, 340.0, 5000.0], "zone": ["A", "A", "B", "B", "B"] },
        "cost": { "response": "cost", "family": "gamma", "terms": ["zone"] },
    })
}

#[test]
fn a_pure_premium_is_frequency_times_cost() {
    let mut first = guarantee();
    first["ceiling"] = json!(400.0);
    let request = json!({
        "work": "pure_premium",
        "data": { "n": [2, 1, 4, 2], "e": [10.0, 5.0, 10.0, 5.0], "zone": ["A", "A", "B", "B"] },
        "guarantees": [first],
        "profiles": { "zone": ["A", "B"] },
        "tariff": { "loading": 0.2 },
    });
    let answer = ask(&request);
    // Zone A: 3 claims in 15 years at 120; zone B: 6 in 15 at the mean of 300, 340 and the ceiling.
    let expected = [3.0 / 15.0 * 120.0, 6.0 / 15.0 * (300.0 + 340.0 + 400.0) / 3.0];
    for (index, premium) in expected.iter().enumerate() {
        near(number(&answer["profiles"][index]["pure_premium"]), *premium, 1e-10, "pure premium");
        near(number(&answer["profiles"][index]["premium"]), premium / 0.8, 1e-10, "premium");
    }
    near(number(&answer["total"]["pure_premium"]), 15.0 * (expected[0] + expected[1]), 1e-10, "portfolio");
    let tariff = answer["guarantees"][0]["tariff"].as_array().unwrap();
    assert_eq!(tariff[0], json!({ "name": "zone", "level": "A", "relativity": 1.0, "capped": 1.0 }));
    near(number(&tariff[1]["relativity"]), expected[1] / expected[0], 1e-10, "relativity");
}

#[test]
fn bounds_on_relativities_leave_the_portfolio_the_same_premium() {
    let request = json!({
        "work": "pure_premium",
        "data": { "n": [2, 1, 4, 2], "e": [10.0, 5.0, 10.0, 5.0], "zone": ["A", "A", "B", "B"] },
        "guarantees": [guarantee()],
        "profiles": { "zone": ["A", "B"] },
        "tariff": { "maximum": 2.0 },
    });
    let answer = ask(&request);
    let premium = |index: usize| number(&answer["profiles"][index]["pure_premium"]);
    near(premium(1) / premium(0), 2.0, 1e-12, "bound");
    near(15.0 * (premium(0) + premium(1)), number(&answer["total"]["pure_premium"]), 1e-12, "portfolio");
}

#[test]
fn an_open_year_is_completed_by_months() {
    // Every month pays 60, then 30, then 10: factors 1.5 and 10/9.
    let rows: Vec<Vec<Value>> = (0..14_usize)
        .map(|month| {
            let known = (14 - month).min(3);
            [60.0, 90.0, 100.0].iter().take(known).map(|amount| json!(amount)).collect()
        })
        .collect();
    let answer = ask(&json!({ "work": "completion", "completion": { "triangle": rows } }));
    near(number(&answer["factors"][0]), 1.5, 1e-12, "first");
    near(number(&answer["open_year"]["completed"]), 1200.0, 1e-12, "completed");
    near(number(&answer["open_year"]["known"]), 1150.0, 1e-12, "known");
}

/// Car insurance claims of Baxter, Coutts and Ross (1980), the data frame `Insurance` of R's MASS: by district, group of the
/// car and age of the driver, in that order, holders and claims.
const INSURANCE: [(u32, u32); 64] = [
    (197, 38),
    (264, 35),
    (246, 20),
    (1680, 156),
    (284, 63),
    (536, 84),
    (696, 89),
    (3582, 400),
    (133, 19),
    (286, 52),
    (355, 74),
    (1640, 233),
    (24, 4),
    (71, 18),
    (99, 19),
    (452, 77),
    (85, 22),
    (139, 19),
    (151, 22),
    (931, 87),
    (149, 25),
    (313, 51),
    (419, 49),
    (2443, 290),
    (66, 14),
    (175, 46),
    (221, 39),
    (1110, 143),
    (9, 4),
    (48, 15),
    (72, 12),
    (322, 53),
    (35, 5),
    (73, 11),
    (89, 10),
    (648, 67),
    (53, 10),
    (155, 24),
    (240, 37),
    (1635, 187),
    (24, 8),
    (78, 19),
    (121, 24),
    (692, 101),
    (7, 3),
    (29, 2),
    (43, 8),
    (245, 37),
    (20, 2),
    (33, 5),
    (40, 4),
    (316, 36),
    (31, 7),
    (81, 10),
    (122, 22),
    (724, 102),
    (18, 5),
    (39, 7),
    (68, 16),
    (344, 63),
    (3, 0),
    (16, 6),
    (25, 8),
    (114, 33),
];

#[test]
fn car_insurance_claims_are_as_r_prints_them() {
    // `glm(Claims ~ District + Group + Age + offset(log(Holders)), family = poisson)`, printed in the help page of MASS:
    // null deviance 236.3 on 63 degrees, residual 51.42003 on 54, Pearson 48.62933 (by `loglm`), AIC 388.7; intercept and
    // districts. Group and Age are ordered there: their contrasts are not ours, but the model is the same.
    let groups = ["<1l", "1-1.5l", "1.5-2l", ">2l"];
    let ages = ["<25", "25-29", "30-35", ">35"];
    let data = json!({
        "district": (0..64).map(|line| (line / 16 + 1).to_string()).collect::<Vec<_>>(),
        "group": (0..64).map(|line| groups[line / 4 % 4]).collect::<Vec<_>>(),
        "age": (0..64).map(|line| ages[line % 4]).collect::<Vec<_>>(),
        "holders": INSURANCE.map(|(holders, _)| holders).to_vec(), "claims": INSURANCE.map(|(_, claims)| claims).to_vec(),
    });
    let model = json!({
        "response": "claims", "family": "poisson", "exposure": "holders", "terms": ["district", "group", "age"]
    });
    let answer = ask(&json!({ "data": data, "model": model }));
    let near_printed = |name: &str, printed: f64, unit: f64| {
        assert!((number(&answer[name]) - printed).abs() <= 0.51 * unit, "{name}: {}", answer[name]);
    };
    near_printed("null_deviance", 236.3, 0.1);
    near_printed("deviance", 51.42003, 1e-5);
    // `loglm` fits by proportions, and stops before the last of these digits.
    near_printed("pearson", 48.62933, 1e-4);
    near_printed("aic", 388.7, 0.1);
    assert_eq!([number(&answer["null_degrees"]), number(&answer["residual_degrees"])], [63.0, 54.0]);
    let lines = answer["coefficients"].as_array().unwrap();
    let estimate =
        |name: &str| lines.iter().find(|line| line["name"] == name).map(|line| number(&line["estimate"]));
    for (name, printed) in [("district2", 0.025868), ("district3", 0.038524), ("district4", 0.234205)] {
        assert!((estimate(name).unwrap() - printed).abs() <= 0.51e-6, "{name}: {:?}", estimate(name));
    }
}

#[test]
fn akaikes_criterion_of_a_tweedie_law_is_that_of_its_density() {
    // The density of statsmodels 0.15.0 (`Tweedie(eql=False)`) at its own fit, with the dispersion and the degrees of R's
    // `AICtweedie`: the deviance over the weights, and one more than the coefficients.
    let reference: Value = serde_json::from_str(STATSMODELS).unwrap();
    let expected = [("Tweedie 1.5", 242.8768516418549), ("Tweedie 1.2 with weights", 702.7801544418536)];
    for (name, aic) in expected {
        let case = reference["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        let answer = ask(&json!({ "data": reference["data"], "model": case["model"] }));
        near(number(&answer["aic"]), aic, 1e-9, name);
    }
}

//! What the engine says of requests that are wrong.

use std::collections::{BTreeMap, BTreeSet};

use aops_engine::{CODES, MODULES, calculate, example};
use proptest::prelude::*;
use serde_json::{Value, json};

const FRENCH: &str = include_str!("../../themes/aops/i18n/faults.fr.toml");
const ENGLISH: &str = include_str!("../../themes/aops/i18n/faults.en.toml");

fn placeholders(sentence: &str) -> BTreeSet<&str> {
    sentence.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn every_code_has_both_sentences_with_the_same_placeholders() {
    let french: BTreeMap<String, String> = toml::from_str(FRENCH).unwrap();
    let english: BTreeMap<String, String> = toml::from_str(ENGLISH).unwrap();
    assert_eq!((french.len(), english.len()), (CODES.len(), CODES.len()));
    for (code, sentence) in CODES {
        assert_eq!(english[*code], *sentence, "{code}");
        assert_eq!(placeholders(&french[*code]), placeholders(sentence), "{code}");
    }
}

#[test]
fn all_faults_of_a_request_are_told_at_once_with_their_places() {
    let request = json!({
        "lives": [{ "table": "TH 00-03", "age": 200 }], "benefit": "annuity", "rate": "x", "frequencyy": 12
    });
    let faults = calculate("rente", &request).unwrap_err();
    let found: Vec<(&str, &str)> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    assert_eq!(
        found,
        [
            ("/frequencyy", "unknown_key_near"),
            ("/lives/0/age", "out_of_range"),
            ("/lives/0/table", "unknown_value_near"),
            ("/rate", "wrong_type"),
        ]
    );
    assert!(faults.to_string().contains("Did you mean “TH 00-02”?"));
}

#[test]
fn an_unknown_module_is_told_with_the_known_ones() {
    let faults = calculate("rentes", &json!({})).unwrap_err();
    assert_eq!(faults.iter().next().unwrap().code, "unknown_module");
    assert!(faults.to_string().contains(&MODULES.join(", ")));
}

#[test]
fn an_age_before_a_generation_begins_names_both() {
    let request = json!({
        "lives": [{ "table": "TGH05", "age": 20, "birth_year": 1950 }], "benefit": "annuity", "rate": 0.01
    });
    let faults = calculate("rente", &request).unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!((fault.code, fault.parameters["found"].as_str()), ("age_before_table", "20"));
    assert!(fault.parameters.contains_key("first"));
}

fn anything() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "lives",
        "benefit",
        "rate",
        "table",
        "age",
        "birth_year",
        "triangle",
        "method",
        "options",
        "employees",
        "assumptions",
        "valuation_date",
        "scale",
        "steps",
        "mortality",
        "turnover",
        "curve",
        "exposure",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-10i32..200).prop_map(Value::from),
        prop::sample::select(vec!["annuity", "mack", "munich", "TH 00-02", "2020-01-01", "é/~"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..7)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

#[test]
fn an_origin_with_nothing_known_is_refused() {
    let request = json!({ "triangle": [[1.0, 2.0], [null], [null]], "method": "mack" });
    let faults = calculate("provisionnement", &request).unwrap_err();
    let found: Vec<(&str, &str)> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    assert_eq!(found, [("/triangle/1", "triangle_shape"), ("/triangle/2", "triangle_shape")]);
}

/// Puts something in the place of the leaf that comes `at` in the order of reading.
fn disturb(value: &mut Value, at: &mut usize, with: &Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| disturb(value, at, with)),
        Value::Object(map) => map.values_mut().for_each(|value| disturb(value, at, with)),
        leaf => {
            if *at == 0 {
                *leaf = with.clone();
            }
            *at = at.wrapping_sub(1);
        }
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec![0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, f64::MAX, 0.5, 64.25, 1e6, 130.0])
            .prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-200i32..3000).prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        prop::sample::select(vec!["", "TGH05", "1850-01-01", "2200-12-31", "2024-02-30", "continuous", "x"])
            .prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_near_an_example_panics_or_answers_with_nan(
        module in 0..MODULES.len(), changes in prop::collection::vec((0..60usize, leaf()), 1..4), explain in any::<bool>(),
    ) {
        let mut request = example(MODULES[module]).unwrap();
        if request["simulation"].is_object() {
            request["simulation"]["scenarios"] = json!(20);
        }
        for (mut at, with) in changes {
            disturb(&mut request, &mut at, &with);
        }
        request["explain"] = json!(explain);
        // What would be long is not what is asked here.
        if request["simulation"]["scenarios"].as_f64().is_some_and(|count| count > 200.0) {
            request["simulation"]["scenarios"] = json!(20);
        }
        match calculate(MODULES[module], &request) {
            Ok(answer) => prop_assert!(!has_null(&answer), "{}", &*answer),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}

proptest! {
    #[test]
    fn no_request_panics_or_answers_with_nan(request in anything(), module in 0..MODULES.len()) {
        match calculate(MODULES[module], &request) {
            Ok(answer) => prop_assert!(!has_null(&answer)),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn any_triangle_is_answered_or_refused(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![Just(None), (-1e6..1e6f64).prop_map(Some)], 1..5), 2..5),
        method in prop::sample::select(vec!["mack", "chain_ladder", "munich"]),
    ) {
        let mut request = json!({ "triangle": rows, "method": method });
        if method == "munich" {
            request["options"] = json!({ "incurred": rows });
        }
        if let Ok(answer) = calculate("provisionnement", &request) {
            prop_assert!(!has_null(&answer));
        }
    }
}

//! What must hold of the modules whatever the request: identities, bounds, monotony, the same bytes for any number of threads.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod support;

use aops_engine::calculate;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{answer, number};

fn close(left: f64, right: f64, tolerance: f64) -> bool {
    (left - right).abs() <= tolerance * left.abs().max(right.abs()).max(1e-9)
}

/// The same bytes on one thread and on three.
fn same_on_any_threads(module: &str, request: &Value) -> bool {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| answer(module, request).into_json().to_string())
    };
    on(1) == on(3)
}

type Head = (bool, (i32, u32, u32), (i32, u32, u32), f64);

fn head() -> impl Strategy<Value = Head> {
    let day = |years: std::ops::Range<i32>| (years, 1..13u32, 1..29u32);
    (any::<bool>(), day(1962..1985), day(2003..2024), 15_000.0..150_000.0f64)
}

fn staff(heads: &[Head]) -> Value {
    let line = |(index, (man, birth, hire, salary)): (usize, &Head)| {
        let written = |(year, month, day): (i32, u32, u32)| format!("{year}-{month:02}-{day:02}");
        json!({ "id": format!("{index}"), "sex": if *man { "M" } else { "F" }, "birth_date": written(*birth),
            "hire_date": written(*hire), "annual_salary": salary })
    };
    heads.iter().enumerate().map(line).collect()
}

fn ifc(heads: &[Head], rate: f64, attribution: &str, scale: &str) -> Value {
    json!({ "valuation_date": "2025-12-31", "scale": scale, "employees": staff(heads), "sensitivities": false,
        "assumptions": { "discount_rate": rate, "salary_growth": 0.015, "mortality": { "M": "TH 00-02", "F": "TF 00-02" },
            "turnover": [{ "age_from": 18, "age_to": 54, "rate": 0.04 }], "retirement_age": 64.25, "attribution": attribution } })
}

fn cumulative(sizes: &[f64]) -> Vec<Vec<f64>> {
    let count = 6;
    let mut cells = sizes.iter().cycle();
    (0..count)
        .map(|origin| {
            let mut amount = 0.0;
            (0..count - origin)
                .map(|column| {
                    amount += cells.next().unwrap() * [1.0, 0.7, 0.4, 0.2, 0.1, 0.05][column];
                    amount
                })
                .collect()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn obligations_add_up_fall_with_the_rate_and_never_pass_the_value_of_the_benefit(
        heads in prop::collection::vec(head(), 1..6), rate in 0.0..0.08f64,
        attribution in prop::sample::select(vec!["straight_line", "ias19_2021"]),
        scale in prop::sample::select(vec!["legal_voluntary", "legal_dismissal"]),
    ) {
        let all = answer("ifc", &ifc(&heads, rate, attribution, scale));
        let mut sum = 0.0;
        for (index, line) in all["employees"].as_array().unwrap().iter().enumerate() {
            let of = |name: &str| line[name].as_f64().unwrap();
            prop_assert!((0.0..=1.0).contains(&of("probability")) && of("survival") >= of("probability"));
            prop_assert!(of("dbo") >= 0.0 && of("dbo") <= of("present_value") * (1.0 + 1e-12));
            prop_assert!(of("dbo") + of("service_cost") <= of("present_value") * (1.0 + 1e-9));
            let alone = number(&answer("ifc", &ifc(&heads[index..=index], rate, attribution, scale)), "/dbo");
            prop_assert!(close(alone, of("dbo"), 1e-12));
            sum += alone;
        }
        prop_assert!(close(number(&all, "/dbo"), sum, 1e-12));
        let dearer = number(&answer("ifc", &ifc(&heads, rate + 0.01, attribution, scale)), "/dbo");
        prop_assert!(dearer <= sum);
        prop_assert!(same_on_any_threads("ifc", &ifc(&heads, rate, attribution, scale)));
    }

    #[test]
    fn a_reconciliation_closes_and_nothing_changed_is_no_gain(
        heads in prop::collection::vec(head(), 2..5), rate in 0.005..0.05f64, moved in -0.004..0.01f64,
    ) {
        let mut request = ifc(&heads, rate + moved, "ias19_2021", "legal_voluntary");
        let mut opening = ifc(&heads, rate, "ias19_2021", "legal_voluntary");
        opening.as_object_mut().unwrap().remove("sensitivities");
        opening["valuation_date"] = json!("2024-12-31");
        request["opening"] = opening;
        let found = answer("ifc", &request).into_json();
        let line = &found["reconciliation"];
        let of = |name: &str| line[name].as_f64().unwrap_or(0.0);
        let gains = line["actuarial"].as_object().unwrap();
        let gain = |name: &str| gains[name].as_f64().unwrap();
        let total = gain("demographic") + gain("financial") + gain("experience");
        let reached = of("opening") + of("service_cost") + of("interest_cost") - of("payments") + of("plan_changes") + total
            + of("entries") + of("exits");
        prop_assert!(close(reached, number(&found, "/dbo"), 1e-9), "{line}");
        prop_assert!(gain("demographic").abs() < 1e-6 * of("opening").max(1.0));
        prop_assert!(gain("financial") * moved <= 1e-9);
    }

    #[test]
    fn reserves_follow_the_unit_of_the_triangle(
        sizes in prop::collection::vec(50.0..500.0f64, 21), factor in 0.01..1000.0f64,
        method in prop::sample::select(vec!["mack", "chain_ladder", "merz_wuthrich", "bootstrap"]),
    ) {
        let rows = cumulative(&sizes);
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|cell| cell * factor).collect()).collect();
        let ask = |rows: &[Vec<f64>]| {
            answer("provisionnement", &json!({ "triangle": rows, "method": method, "options": { "simulations": 60 } }))
        };
        let (one, many) = (ask(&rows), ask(&scaled));
        for place in ["/total/reserve", "/total/ultimate", "/reserve/5"] {
            prop_assert!(close(number(&many, place), number(&one, place) * factor, 1e-9), "{place}");
        }
        if method != "chain_ladder" && method != "bootstrap" {
            prop_assert!(close(number(&many, "/total/standard_error"), number(&one, "/total/standard_error") * factor, 1e-7));
        }
    }

    #[test]
    fn bornhuetter_ferguson_on_the_ultimates_of_chain_ladder_is_chain_ladder(sizes in prop::collection::vec(50.0..500.0f64, 21)) {
        let rows = cumulative(&sizes);
        let ladder = answer("provisionnement", &json!({ "triangle": rows, "method": "chain_ladder" }));
        let options = json!({ "exposure": ladder["ultimate"], "apriori": 1.0 });
        let ferguson = answer("provisionnement", &json!({ "triangle": rows, "method": "bornhuetter_ferguson", "options": options }));
        for origin in 0..6 {
            let place = format!("/ultimate/{origin}");
            prop_assert!(close(number(&ferguson, &place), number(&ladder, &place), 1e-12));
        }
        let one_year = answer("provisionnement", &json!({ "triangle": rows, "method": "merz_wuthrich" }));
        prop_assert!(
            number(&one_year, "/total/standard_error") <= number(&one_year, "/total/mack_standard_error") * (1.0 + 1e-9)
        );
    }

    #[test]
    fn a_curve_prices_its_instruments_again_and_tends_to_its_ultimate_rate(
        start in -0.005..0.04f64, slopes in prop::collection::vec(-0.001..0.002f64, 5), ufr in 0.02..0.05f64,
        instrument in prop::sample::select(vec!["zero", "par"]),
    ) {
        let mut rate = start;
        let instruments: Vec<Value> = [1, 2, 5, 10, 20].iter().zip(&slopes).map(|(maturity, slope)| {
            rate += slope;
            json!({ "maturity": maturity, "rate": rate })
        }).collect();
        let request = json!({ "method": "smith_wilson", "instruments": instruments, "instrument": instrument, "ufr": ufr,
            "maturities": [1, 20, 60, 120] });
        let found = answer("courbe", &request);
        for line in found["instruments"].as_array().unwrap() {
            prop_assert!(line["error"].as_f64().unwrap().abs() < 1e-10);
        }
        let gap = |index: usize| (number(&found, &format!("/curve/{index}/forward")) - ufr.ln_1p()).abs();
        prop_assert!(gap(2) <= 1.0001e-4 && gap(3) <= gap(2) + 1e-12);
        prop_assert!(number(&found, "/curve/3/discount") > 0.0);
    }

    #[test]
    fn a_poisson_model_keeps_the_sums_of_its_columns_and_profiles_hold_the_estimate(
        counts in prop::collection::vec(0u32..30, 12), exposure in prop::collection::vec(0.5..20.0f64, 12),
    ) {
        let level: Vec<&str> = (0..12).map(|line| ["a", "b", "c"][line % 3]).collect();
        let sum_of = |name: &str| -> u32 {
            counts.iter().zip(&level).filter(|(_, level)| **level == name).map(|(count, _)| count).sum()
        };
        prop_assume!(["a", "b", "c"].iter().all(|name| sum_of(name) > 0));
        let data = json!({ "n": counts, "e": exposure, "g": level });
        let request = json!({ "data": data, "model": { "response": "n", "exposure": "e", "terms": ["g"], "intervals": "profile" },
            "predict": { "g": level, "e": exposure } });
        let found = answer("sante", &request);
        for name in ["a", "b", "c"] {
            let lines = found["predictions"].as_array().unwrap().iter().zip(&level);
            let fitted: f64 = lines.filter(|(_, level)| **level == name).map(|(line, _)| line["mean"].as_f64().unwrap()).sum();
            prop_assert!(close(fitted, f64::from(sum_of(name)), 1e-8), "{name}");
        }
        for line in found["coefficients"].as_array().unwrap() {
            let of = |name: &str| line[name].as_f64().unwrap();
            prop_assert!(of("lower") < of("estimate") && of("estimate") < of("upper"));
        }
    }

    #[test]
    fn savings_grow_with_what_is_paid_in_and_with_the_yield(
        contribution in 0.0..1000.0f64, rate in -0.02..0.08f64, fee in 0.0..0.02f64, initial in 0.0..1e5f64,
    ) {
        let fund = |contribution: f64, rate: f64, initial: f64| {
            let request = json!({ "age": 40, "retirement_age": 47.5, "initial": initial, "contribution": contribution,
                "fees": { "yearly": fee }, "yield": rate });
            number(&answer("retraite", &request), "/fund")
        };
        let base = fund(contribution, rate, initial);
        prop_assert!(fund(contribution + 10.0, rate, initial) > base);
        prop_assert!(fund(contribution, rate + 0.01, initial) >= base);
        // Linear in what is paid in.
        let parts = fund(contribution, rate, 0.0) + fund(0.0, rate, initial);
        prop_assert!(close(parts, base, 1e-11));
    }

    #[test]
    fn exposures_add_up_and_a_ratio_follows_the_deaths(
        births in prop::collection::vec((1930..1990i32, 1..13u32, 1..29u32, any::<bool>()), 2..12),
    ) {
        let line = |(year, month, day, died): &(i32, u32, u32, bool)| {
            let mut line = json!({ "birth_date": format!("{year}-{month:02}-{day:02}"), "entry_date": "2018-03-01" });
            if *died {
                line["exit_date"] = json!("2021-07-15");
                line["exit"] = json!("death");
            }
            line
        };
        let lines: Vec<Value> = births.iter().map(line).collect();
        let ask = |lines: &[Value]| {
            calculate("mortalite", &json!({ "work": "exposure", "lives": lines,
                "observation": { "start": "2019-01-01", "end": "2022-12-31" } }))
        };
        let central = |lines: &[Value]| match ask(lines) {
            Ok(found) => number(&found, "/total/central_exposure"),
            Err(faults) => panic!("{faults}"),
        };
        let (first, second) = lines.split_at(lines.len() / 2);
        prop_assert!(close(central(first) + central(second), central(&lines), 1e-12));
        prop_assert!(central(&lines) <= 4.0 * lines.len() as f64);
    }
}

#[test]
fn no_number_of_threads_changes_a_byte() {
    for module in aops_engine::MODULES {
        let request = aops_engine::example(module).unwrap();
        assert!(same_on_any_threads(module, &request), "{module}");
    }
}

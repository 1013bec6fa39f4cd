//! Experience of mortality through its requests: against closed forms, properties of the estimators, wrong requests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use aops_engine::tables::{Fraction, Survivors, Table, find};
use aops_engine::{Fault, calculate};
use serde_json::{Value, json};

fn ask(request: &Value) -> Value {
    match calculate("mortalite", request) {
        Ok(outcome) => outcome.into_json(),
        Err(faults) => panic!("{faults}"),
    }
}

fn faults(request: &Value) -> Vec<(String, &'static str)> {
    let faults = calculate("mortalite", request).unwrap_err();
    faults.iter().map(|Fault { pointer, code, .. }| (pointer.clone(), *code)).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-9),
        "{found} instead of {expected}"
    );
}

fn survivors(name: &str) -> &'static Survivors {
    match find(name) {
        Some(Table::Period(survivors)) => survivors,
        _ => panic!("{name}"),
    }
}

fn death(table: &Survivors, age: u32) -> f64 {
    1.0 - table.at(f64::from(age + 1), Fraction::Udd) / table.at(f64::from(age), Fraction::Udd)
}

/// Counts whose forces are `multiple` times those of TH 00-02, ages 50 to 89.
fn experience(multiple: f64) -> Value {
    let table = survivors("TH 00-02");
    let deaths: Vec<f64> = (50..90).map(|age| -2000.0 * multiple * (-death(table, age)).ln_1p()).collect();
    json!({ "first_age": 50, "deaths": deaths, "exposures": vec![2000.0; 40] })
}

/// Deaths of a Lee-Carter model with trembling indices, ages 60 to 89, years 1990 to 2019.
fn surface() -> Value {
    let row = |age: i32| -> Vec<f64> {
        (0..30)
            .map(|year| {
                let kappa = 15.0 - f64::from(year) + if year % 3 == 0 { 1.0 } else { -0.5 };
                (50_000.0 * (-5.0 + 0.1 * f64::from(age) + kappa / 30.0).exp()).round()
            })
            .collect()
    };
    let deaths: Vec<Vec<f64>> = (0..30).map(row).collect();
    json!({ "first_age": 60, "first_year": 1990, "deaths": deaths, "exposures": vec![vec![50_000.0; 30]; 30] })
}

#[test]
fn people_are_counted_in_days_and_rates_follow() {
    let lives = json!([
        { "birth_date": "1950-01-01", "entry_date": "2019-01-01", "exit_date": "2021-07-01", "exit": "death" },
        { "birth_date": "1950-07-01", "entry_date": "2020-07-01" },
        { "birth_date": "1951-01-01", "entry_date": "2020-01-01", "exit_date": "2020-12-31" },
    ]);
    let request = json!({
        "work": "exposure", "lives": lives, "observation": { "start": "2020-01-01", "end": "2021-12-31" },
    });
    let answer = ask(&request);
    // Days by age: 366 at 70 and 181 at 71 for the first; 365 at 70 and 184 at 71 for the second; 365 at 69 for the third.
    let days: Vec<f64> = answer["ages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| number(&line["central_exposure"]) * 365.25)
        .collect();
    for (found, expected) in days.iter().zip([365.0, 366.0 + 365.0, 181.0 + 184.0]) {
        near(*found, expected, 1e-12);
    }
    // The death at 71 counts to 1 January 2022.
    near(number(&answer["ages"][2]["q"]), 365.25 / (365.0 + 184.0), 1e-12);
    near(number(&answer["ages"][2]["mu"]), 365.25 / 365.0, 1e-12);
}

#[test]
fn observed_over_expected_is_the_multiple_that_deaths_were_made_by() {
    let reference = json!({ "table": "TH 00-02" });
    let answer = ask(&json!({ "work": "hazard", "experience": experience(0.8), "reference": reference }));
    near(number(&answer["multiple"]), 0.8, 1e-12);
    let table = survivors("TH 00-02");
    near(number(&answer["ages"][20]["q"]), 1.0 - (1.0 - death(table, 70)).powf(0.8), 1e-12);
    let smr = ask(&json!({ "work": "smr", "experience": experience(1.0), "reference": reference }));
    let (lower, ratio, upper) = (number(&smr["lower"]), number(&smr["smr"]), number(&smr["upper"]));
    assert!(lower < ratio && ratio < upper && lower > 0.9 && upper < 1.1);
    // D/Σ E₀ q, with E₀ = Ec + D/2.
    let expected: f64 = (50..90)
        .map(|age| {
            let q = death(table, age);
            (2000.0 - 1000.0 * (-q).ln_1p()) * q
        })
        .sum();
    near(number(&smr["expected"]), expected, 1e-12);
}

#[test]
fn brass_follows_its_line_through_the_request() {
    let table = survivors("TF 00-02");
    let logit = |q: f64| (q / (1.0 - q)).ln();
    let moved: Vec<f64> =
        (50..90).map(|age| 1.0 / (1.0 + (0.2 - 0.9 * logit(death(table, age))).exp())).collect();
    let deaths: Vec<f64> = moved.iter().map(|q| 3000.0 * q).collect();
    let experience = json!({
        "first_age": 50, "deaths": deaths, "exposures": vec![2900.0; 40], "initial_exposures": vec![3000.0; 40],
    });
    let answer =
        ask(&json!({ "work": "brass", "experience": experience, "reference": { "table": "TF 00-02" } }));
    near(number(&answer["a"]), -0.2, 1e-9);
    near(number(&answer["b"]), 0.9, 1e-9);
    near(number(&answer["ages"][10]["q"]), moved[10], 1e-9);
}

#[test]
fn smoothing_keeps_deaths_and_tells_its_freedom() {
    for criterion in ["reml", "gcv"] {
        let mut counts = experience(1.0);
        let mut state = 1_u32;
        for deaths in counts["deaths"].as_array_mut().unwrap() {
            // Numerical Recipes' quick generator: trembles without order from age to age.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tremble = 0.85 + 0.3 * f64::from(state) / f64::from(u32::MAX);
            *deaths = json!((number(deaths) * tremble).round());
        }
        let request =
            json!({ "work": "whittaker", "experience": counts, "smoothing": { "criterion": criterion } });
        let answer = ask(&request);
        let lines = answer["ages"].as_array().unwrap();
        let sum = |of: &dyn Fn(&Value) -> f64| lines.iter().map(of).sum::<f64>();
        let expected = sum(&|line| number(&line["smoothed_mu"]) * number(&line["central_exposure"]));
        near(expected, sum(&|line| number(&line["deaths"])), 1e-7);
        let freedom = number(&answer["effective_degrees"]);
        assert!((2.0..20.0).contains(&freedom), "{criterion}: {freedom}");
        assert!(lines.iter().all(|line| number(&line["smoothed_lower"]) < number(&line["smoothed_mu"])
            && number(&line["smoothed_mu"]) < number(&line["smoothed_upper"])));
    }
}

#[test]
fn a_straight_line_of_logarithms_is_not_changed_by_smoothing() {
    // Gompertz' forces: second differences of their logarithm are zero, whatever the parameter.
    let forces: Vec<f64> = (0..30).map(|age| (-9.0 + 0.1 * f64::from(age)).exp()).collect();
    let deaths: Vec<f64> = forces.iter().map(|force| force * 1e5).collect();
    let experience = json!({ "first_age": 40, "deaths": deaths, "exposures": vec![1e5; 30] });
    let answer =
        ask(&json!({ "work": "whittaker", "experience": experience, "smoothing": { "lambda": 1234.0 } }));
    for (line, force) in answer["ages"].as_array().unwrap().iter().zip(&forces) {
        near(number(&line["smoothed_mu"]), *force, 1e-8);
    }
    assert_eq!(answer["lambda"], 1234.0);
}

/// A corner of the surface: the search in two dimensions solves a hundred systems, slow without optimisation.
fn corner() -> Value {
    let mut surface = surface();
    for name in ["deaths", "exposures"] {
        let rows = surface[name].as_array_mut().unwrap();
        rows.truncate(9);
        rows.iter_mut().for_each(|row| row.as_array_mut().unwrap().truncate(7));
    }
    surface
}

#[test]
fn two_dimensions_are_smoothed_together() {
    let answer = ask(&json!({ "work": "whittaker", "surface": corner() }));
    let mu = answer["mu"].as_array().unwrap();
    assert_eq!((mu.len(), mu[0].as_array().unwrap().len()), (9, 7));
    let request = json!({ "work": "whittaker", "surface": corner(), "smoothing": {
        "lambda": answer["lambda"], "lambda_years": answer["lambda_years"]
    } });
    let again = ask(&request);
    near(number(&again["reml"]), number(&answer["reml"]), 1e-6);
    // The parameters chosen are a minimum: a third more or less on each side is not better.
    for (name, factor) in [("lambda", 1.3), ("lambda", 0.7), ("lambda_years", 1.3), ("lambda_years", 0.7)] {
        let mut moved = request.clone();
        moved["smoothing"][name] = json!(number(&answer[name]) * factor);
        assert!(number(&ask(&moved)["reml"]) > number(&answer["reml"]) - 1e-3, "{name} {factor}");
    }
}

#[test]
fn lee_carter_is_projected_with_its_fan() {
    let request = json!({
        "work": "lee_carter", "surface": surface(),
        "projection": { "horizon": 20, "paths": 500, "ages": [60, 65], "closing_age": 120 },
    });
    let answer = ask(&request);
    let list = |name: &str| -> Vec<f64> { answer[name].as_array().unwrap().iter().map(number).collect() };
    near(list("beta").iter().sum::<f64>(), 1.0, 1e-10);
    assert!(list("kappa").iter().sum::<f64>().abs() < 1e-8);
    let kappa = list("kappa");
    near(number(&answer["drift"][0]), (kappa[29] - kappa[0]) / 29.0, 1e-12);
    let last = &answer["projection"][19];
    assert_eq!(last["year"], 2039);
    near(number(&last["state"][0]), kappa[29] + 20.0 * number(&answer["drift"][0]), 1e-10);
    let variance = number(&answer["covariance"][0]) * (20.0 + 400.0 / 29.0);
    near(number(&last["state_standard_error"][0]), variance.sqrt(), 1e-10);
    let fan = last["life_expectancy"][0]["quantiles"].as_array().unwrap();
    assert!(fan.windows(2).all(|pair| number(&pair[0]["value"]) < number(&pair[1]["value"])));
    let central = number(&last["life_expectancy"][0]["central"]);
    assert!((number(&fan[2]["value"]) - central).abs() < 0.5);
    // Mortality falls: who follows the years lives longer than by next year's table.
    let cohort = number(&answer["cohort_life_expectancy"][0]["central"]);
    assert!(cohort > number(&answer["projection"][0]["life_expectancy"][0]["central"]));
    assert_eq!(ask(&request), answer);
}

#[test]
fn cairns_blake_and_dowd_is_projected_too() {
    let request =
        json!({ "work": "cbd", "surface": surface(), "projection": { "horizon": 5, "paths": 200 } });
    let answer = ask(&request);
    let first: Vec<f64> = answer["kappa_1"].as_array().unwrap().iter().map(number).collect();
    assert!(first[0] > first[29]);
    near(number(&answer["drift"][0]), (first[29] - first[0]) / 29.0, 1e-12);
    // logit q = κ₁ + κ₂ (x − x̄) on the central path.
    let state = &answer["projection"][4]["state"];
    let predictor = number(&state[0]) + number(&state[1]) * (60.0 - number(&answer["mean_age"]));
    near(number(&answer["projection"][4]["q"][0]), 1.0 / (1.0 + (-predictor).exp()), 1e-12);
}

#[test]
fn a_file_becomes_what_a_certificate_holds() {
    // Two thousand people whose deaths are drawn by remainders, so that the file is the same for everybody.
    let lives: Vec<Value> = (0..2000)
        .map(|index| {
            let birth = format!("{}-{:02}-15", 1935 + index % 25, 1 + index % 12);
            if index % 17 == 0 {
                let exit = format!("{}-{:02}-20", 2018 + index % 3, 1 + index * 5 % 12);
                json!({ "birth_date": birth, "entry_date": "2015-01-01", "exit_date": exit, "exit": "death" })
            } else {
                json!({ "birth_date": birth, "entry_date": "2015-01-01" })
            }
        })
        .collect();
    let request = json!({
        "work": "certificate", "lives": lives, "observation": { "start": "2018-01-01", "end": "2020-12-31" },
        "reference": { "table": "TH 00-02" }, "explain": true,
    });
    let answer = ask(&request);
    assert_eq!(number(&answer["data"]["deaths"]), 118.0);
    let observed: f64 =
        answer["bands"].as_array().unwrap().iter().map(|band| number(&band["observed"])).sum();
    assert_eq!(observed, 118.0);
    let table = answer["table"]["qx"].as_array().unwrap();
    assert!(table.iter().all(|q| (0.0..=1.0).contains(&number(q))) && table.last().unwrap() == 1.0);
    for name in ["chi_squared_p_value", "signs_p_value", "runs_p_value"] {
        assert!((0.0..=1.0).contains(&number(&answer["tests"][name])), "{name}");
    }
    assert!(!answer["explanation"].as_array().unwrap().is_empty());
    // The table may be given back as a table of another request.
    let own = json!({
        "lives": [{ "table": "experience", "age": 65 }], "benefit": "annuity", "rate": 0.02,
        "tables": { "experience": answer["table"] },
    });
    assert!(number(&calculate("rente", &own).unwrap()["present_value"]) > 5.0);
}

#[test]
fn wrong_files_are_told_line_by_line() {
    let request = json!({
        "work": "exposure", "observation": { "start": "2021-01-01", "end": "2020-01-01" },
        "lives": [
            { "birth_date": "1960-01-01", "entry_date": "1950-01-01" },
            { "birth_date": "1960-01-01", "entry_date": "2010-01-01", "exit_date": "2000-01-01" },
            { "birth_date": "1960-01-01", "entry_date": "2010-01-01", "exit": "death" },
            { "birth_date": "1960-02-30", "entry_date": "2010-01-01" },
        ],
    });
    assert_eq!(
        faults(&request),
        [
            ("/lives/0/birth_date".to_owned(), "date_order"),
            ("/lives/1/entry_date".to_owned(), "date_order"),
            ("/lives/2/exit_date".to_owned(), "missing"),
            ("/lives/3/birth_date".to_owned(), "not_a_date"),
            ("/observation/start".to_owned(), "date_order"),
        ]
    );
    let nobody = json!({
        "work": "exposure", "observation": { "start": "2021-01-01", "end": "2021-12-31" },
        "lives": [{ "birth_date": "1960-01-01", "entry_date": "2010-01-01", "exit_date": "2011-01-01" }],
    });
    assert_eq!(faults(&nobody), [("/observation".to_owned(), "nothing_observed")]);
}

#[test]
fn wrong_counts_are_told() {
    let told = |request: Value, place: &str, code: &'static str| {
        assert_eq!(faults(&request), [(place.to_owned(), code)], "{request}");
    };
    let counts = |deaths: Value, exposures: Value| json!({ "first_age": 60, "deaths": deaths, "exposures": exposures });
    told(
        json!({ "work": "exposure", "experience": counts(json!([1, 2]), json!([10])) }),
        "/experience/exposures",
        "length",
    );
    told(
        json!({ "work": "exposure", "experience": counts(json!([1, 2]), json!([10, 0])) }),
        "/experience/deaths/1",
        "deaths_exceed",
    );
    let whittaker =
        |deaths: Value| json!({ "work": "whittaker", "experience": counts(deaths, json!([10, 10, 10, 10])) });
    told(whittaker(json!([0, 0, 0, 0])), "/experience", "no_deaths");
    let short = json!({ "work": "whittaker", "experience": counts(json!([1, 2]), json!([10, 10])) });
    told(short, "/smoothing/order", "too_few");
    let smr = |age: u32, table: &str| {
        let experience = json!({ "first_age": age, "deaths": [1], "exposures": [10] });
        json!({ "work": "smr", "experience": experience, "reference": { "table": table } })
    };
    told(smr(60, "TH 00-03"), "/reference/table", "unknown_value_near");
    told(smr(125, "TH 00-02"), "/reference/table", "age_after_table");
    told(smr(60, "TGH05"), "/reference/birth_year", "birth_year_missing");
    let mut short = surface();
    short["deaths"][4] = json!([1, 2]);
    told(json!({ "work": "lee_carter", "surface": short }), "/surface/deaths/4", "length");
    let mut empty = surface();
    empty["deaths"][4] = json!(vec![0; 30]);
    told(json!({ "work": "lee_carter", "surface": empty }), "/surface", "no_deaths");
    let request = json!({ "work": "lee_carter", "surface": empty });
    let message = calculate("mortalite", &request).unwrap_err().to_string();
    assert_eq!(
        message,
        "/surface: There is no death at 64: rates have no logarithm there. Join ages or years."
    );
    told(
        json!({ "work": "lee_carter", "surface": surface(), "projection": { "paths": 1e12 } }),
        "/projection/paths",
        "out_of_range",
    );
    let still = json!({ "first_age": 60, "first_year": 2000, "deaths": vec![vec![5; 6]; 3], "exposures": vec![vec![100; 6]; 3] });
    told(json!({ "work": "lee_carter", "surface": still }), "/surface", "undetermined");
}

#[test]
fn lee_carter_and_cbd_are_what_other_programs_fit() {
    // The Poisson fit by numpy, Fisher's scoring on all ninety parameters at once, where ours takes ages and years in turn;
    // each year's binomial fit of Cairns, Blake and Dowd by statsmodels 0.15.0. No table printed in a publication together
    // with its data was at hand.
    let ask_for = |work: &str| {
        let projection = json!({ "paths": 100, "horizon": 1 });
        ask(&json!({ "work": work, "surface": surface(), "projection": projection }))
    };
    let found = ask_for("lee_carter");
    near(number(&found["deviance"]), 0.07506024528564059, 1e-8);
    for (at, kappa) in [15.501247865967782, 13.001282684520701, 12.000712927566523].iter().enumerate() {
        near(number(&found["kappa"][at]), *kappa, 1e-5);
    }
    for (at, beta) in [0.033329349466316625, 0.03334770653560992, 0.03334071275480599].iter().enumerate() {
        near(number(&found["beta"][at]), *beta, 1e-5);
    }
    for (at, alpha) in [-4.983600332405621, -4.883562915456646, -4.783594598796911].iter().enumerate() {
        near(number(&found["alpha"][at]), *alpha, 1e-6);
    }
    let found = ask_for("cbd");
    for (at, level, slope) in
        [(0, -2.9844641933993157, 0.10415314604583095), (29, -4.021877404930364, 0.10145935908586676)]
    {
        near(number(&found["kappa_1"][at]), level, 1e-10);
        near(number(&found["kappa_2"][at]), slope, 1e-9);
    }
}

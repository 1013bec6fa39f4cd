//! Indemnities and awards against hand calculations, revaluations and their own balance.

mod support;

use aops_engine::{Watch, calculate, calculate_lines};
use serde_json::{Value, json};
use support::{answer, near, number, refused};

fn staff() -> Value {
    json!([
        { "id": "a", "sex": "F", "birth_date": "1968-02-29", "hire_date": "1994-09-01", "annual_salary": 41_000, "category": "cadre" },
        { "id": "b", "sex": "M", "birth_date": "1979-07-14", "hire_date": "2008-01-15", "annual_salary": 36_500, "category": "non cadre" },
        { "id": "c", "sex": "M", "birth_date": "1990-12-31", "hire_date": "2019-03-01", "annual_salary": 29_000, "category": "non cadre" },
    ])
}

fn request() -> Value {
    json!({
        "valuation_date": "2024-12-31", "scale": "legal_voluntary", "employees": staff(),
        "assumptions": {
            "discount_rate": 0.034, "salary_growth": 0.02, "mortality": { "M": "TH 00-02", "F": "TF 00-02" },
            "turnover": [{ "age_from": 18, "age_to": 54, "rate": 0.03 }], "social_charge_rate": 0.42,
            "retirement_age": 64, "attribution": "ias19_2021",
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut changed = request();
    if let Some(place) = changed.pointer_mut(pointer) {
        *place = value;
    }
    changed
}

#[test]
fn every_sensitivity_is_a_valuation_under_the_shifted_assumption() {
    let found = answer("ifc", &request());
    let dbo = |index: usize| number(&found, &format!("/sensitivities/{index}/dbo"));
    let cases = [
        (0, with("/assumptions/discount_rate", json!(0.029))),
        (2, with("/assumptions/discount_rate", json!(0.0365))),
        (5, with("/assumptions/salary_growth", json!(0.025))),
        (7, with("/assumptions/turnover/0/rate", json!(0.033))),
        (8, with("/assumptions/retirement_age", json!(63))),
        (9, with("/assumptions/retirement_age", json!(65))),
    ];
    for (index, changed) in cases {
        near(dbo(index), number(&answer("ifc", &changed), "/dbo"), 1e-12);
    }
}

#[test]
fn the_duration_is_the_slope_of_the_obligation() {
    let dbo = |rate: f64| number(&answer("ifc", &with("/assumptions/discount_rate", json!(rate))), "/dbo");
    let slope = (dbo(0.034 - 1e-5).ln() - dbo(0.034 + 1e-5).ln()) / 2e-5;
    near(number(&answer("ifc", &request()), "/duration"), slope, 1e-6);
}

#[test]
fn an_employees_line_multiplies_out() {
    let found = answer("ifc", &request());
    for line in found["employees"].as_array().unwrap() {
        let of = |name: &str| line[name].as_f64().unwrap();
        near(of("present_value"), of("projected_benefit") * of("probability") * of("discount_factor"), 1e-12);
        let (served, seniority, period) =
            (of("seniority"), of("seniority_at_retirement"), of("attribution_years"));
        let earned = (served - (seniority - period)).max(0.0) / period;
        near(of("dbo"), of("present_value") * earned, 1e-12);
    }
    // Born on 29 February 1968: at 64 in 2032, a leap year, the day exists.
    assert_eq!(found["employees"][0]["retirement_date"], "2032-02-29");
    assert_eq!(
        (&found["method"], &found["presentation"]),
        (&json!("anc_2013_02_method_2"), &json!("provision"))
    );
}

#[test]
fn categories_and_generations_have_their_own_assumptions() {
    let mut changed = with("/assumptions/salary_growth", json!({ "cadre": 0.02, "non cadre": 0.02 }));
    changed["assumptions"]["social_charge_rate"] = json!({ "cadre": 0.42, "non cadre": 0.42 });
    changed["scale"] = json!({ "categories": { "cadre": "legal_voluntary", "non cadre": {
        "steps": [{ "years": 10, "months": 0.5 }, { "years": 15, "months": 1 }, { "years": 20, "months": 1.5 }, { "years": 30, "months": 2 }] } } });
    changed["assumptions"]["retirement_age"] =
        json!([{ "born_from": "1960-01-01", "age": 64 }, { "born_from": "1985-01-01", "age": 64 }]);
    near(number(&answer("ifc", &changed), "/dbo"), number(&answer("ifc", &request()), "/dbo"), 1e-12);
    changed["assumptions"]["retirement_age"][1]["age"] = json!(67.25);
    let found = answer("ifc", &changed);
    // Born on 31 December 1990, 67 years and 3 months later is 31 March 2058.
    assert_eq!(found["employees"][2]["retirement_date"], "2058-03-31");
    assert_eq!(found["employees"][1]["retirement_date"], "2043-07-14");
    changed["employees"][0]["category"] = json!("cadres");
    assert_eq!(
        refused("ifc", &changed).lines().next().unwrap(),
        "/employees/0/category: “cadres” is not a value known here. Did you mean “cadre”?"
    );
}

#[test]
fn a_band_of_a_category_and_an_age_by_year_of_birth_hold_for_who_they_name() {
    let dbo = |turnover: Value, index: usize| {
        number(&answer("ifc", &with("/assumptions/turnover", turnover)), &format!("/employees/{index}/dbo"))
    };
    let band = |rate: f64| json!({ "age_from": 18, "age_to": 54, "rate": rate });
    let mut own = band(0.05);
    own["category"] = json!("cadre");
    near(dbo(json!([own, band(0.03)]), 0), dbo(json!([band(0.05)]), 0), 1e-12);
    near(dbo(json!([own, band(0.03)]), 1), dbo(json!([band(0.03)]), 1), 1e-12);
    let found = answer("ifc", &with("/assumptions/retirement_age", json!({ "1960": 62, "1970": 64.5 })));
    assert_eq!(found["employees"][0]["retirement_date"], "2030-03-01");
    assert_eq!(found["employees"][1]["retirement_date"], "2044-01-14");
}

#[test]
fn lines_of_csv_are_valued_as_the_same_employees_in_json_and_their_faults_have_the_same_places() {
    let csv = "id;sex;birth_date;hire_date;annual_salary;category\na;F;1968-02-29;1994-09-01;41 000,00;cadre\n\
               b;M;1979-07-14;2008-01-15;36500;non cadre\nc;M;1990-12-31;2019-03-01;29000;non cadre\n";
    let mut rest = request();
    rest["employees"] = Value::Null;
    let lines = |csv: &str| calculate_lines("ifc", &rest, csv.to_owned(), &Watch::default());
    assert_eq!(lines(csv).unwrap(), answer("ifc", &request()));
    let bad = csv.replace("1979-07-14", "1979-02-30").replace("c;M", "a;X").replace("29000", "beaucoup");
    let told = lines(&bad).unwrap_err().to_string();
    let expected = [
        "/employees/1/birth_date: “1979-02-30” is not a date; write YYYY-MM-DD.",
        "/employees/2/sex: “X” is not a value known here. Known values: M, F.",
        "/employees/2/annual_salary: Expected a number, found a text.",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let twice = csv.replace("c;M", "a;M");
    assert_eq!(lines(&twice).unwrap_err().to_string(), "/employees/2/id: “a” appears more than once.");
    let header = csv.replace("hire_date", "hired");
    assert!(
        lines(&header).unwrap_err().to_string().contains("/employees/0/hire_date: “hire_date” is required.")
    );
}

#[test]
fn accruals_have_a_minimum_and_a_cap() {
    let months = |scale: Value| {
        let mut changed = with("/scale", scale);
        changed["employees"][0]["hire_date"] = json!("2000-02-29");
        number(&answer("ifc", &changed), "/employees/0/months")
    };
    // 32 years of service at retirement, by actual days over 365.25.
    near(
        months(
            json!({ "accruals": [{ "years": 0, "months_per_year": 0.1 }, { "years": 20, "months_per_year": 0.2 }] }),
        ),
        4.4,
        1e-4,
    );
    near(months(json!({ "accruals": [{ "years": 0, "months_per_year": 0.1 }], "cap": 3 })), 3.0, 1e-12);
    assert!(
        months(json!({ "accruals": [{ "years": 0, "months_per_year": 0.1 }], "minimum": 33 })).abs() < 1e-12
    );
}

#[test]
fn a_benefit_that_meets_its_cap_is_earned_over_the_last_years_that_fill_it() {
    // The case of the IFRIC's decision of 2021: a month a year, at most sixteen, so the last sixteen years earn.
    let mut changed =
        with("/scale", json!({ "accruals": [{ "years": 0, "months_per_year": 1 }], "cap": 16 }));
    let found = answer("ifc", &changed);
    for line in found["employees"].as_array().unwrap() {
        let of = |name: &str| line[name].as_f64().unwrap();
        near(of("attribution_years"), 16.0, 1e-12);
        let earned = (of("seniority") - (of("seniority_at_retirement") - 16.0)).max(0.0) / 16.0;
        near(of("dbo"), of("present_value") * earned, 1e-12);
    }
    // Nobody is there before the year from which service counts: hired at 28, it begins 19 years on.
    assert_eq!(number(&found, "/employees/2/dbo"), 0.0);
    let straight = |request: &Value| {
        let mut request = request.clone();
        request["assumptions"]["attribution"] = json!("straight_line");
        number(&answer("ifc", &request), "/dbo")
    };
    assert!(straight(&changed) > number(&found, "/dbo"));
    // Without a cap every year adds: both attributions agree.
    changed["scale"]["cap"] = Value::Null;
    near(number(&answer("ifc", &changed), "/dbo"), straight(&changed), 1e-12);
}

fn reconciled(opening: &Value, closing: &Value, payments: f64) -> Value {
    let mut request = closing.clone();
    request["opening"] = opening.clone();
    request["payments"] = json!(payments);
    let found = answer("ifc", &request);
    let part = |pointer: &str| number(&found, &format!("/reconciliation/{pointer}"));
    let parts = [
        "opening",
        "service_cost",
        "interest_cost",
        "payments",
        "plan_changes",
        "actuarial/total",
        "entries",
        "exits",
    ];
    near(parts.iter().map(|name| part(name)).sum(), part("closing"), 1e-12);
    near(part("closing"), number(&found, "/dbo"), 1e-12);
    found["reconciliation"].clone()
}

#[test]
fn a_reconciliation_adds_up_and_blames_what_changed() {
    let mut opening = request();
    opening["valuation_date"] = json!("2023-12-31");
    // Pay has grown as it was assumed to.
    for employee in opening["employees"].as_array_mut().unwrap() {
        employee["annual_salary"] = json!(employee["annual_salary"].as_f64().unwrap() / 1.02);
    }
    let quiet = reconciled(&opening, &request(), 0.0);
    for name in ["/plan_changes", "/actuarial/demographic", "/actuarial/financial", "/entries", "/exits"] {
        assert!(number(&quiet, name).abs() < 1e-9, "{name}");
    }
    // Nobody left and nothing was paid although turnover was expected: experience is a loss.
    assert!(number(&quiet, "/actuarial/experience") > 0.0);
    let financial = reconciled(&opening, &with("/assumptions/discount_rate", json!(0.03)), 0.0);
    assert!(number(&financial, "/actuarial/financial") > 0.0);
    near(number(&financial, "/actuarial/experience"), number(&quiet, "/actuarial/experience"), 1e-9);
    let demographic = reconciled(&opening, &with("/assumptions/turnover", json!([])), 0.0);
    assert!(number(&demographic, "/actuarial/demographic") > 0.0);
    let dearer = reconciled(
        &opening,
        &with(
            "/scale",
            json!({ "steps": [
        { "years": 10, "months": 1 }, { "years": 15, "months": 2 }, { "years": 20, "months": 3 }, { "years": 30, "months": 4 }] }),
        ),
        0.0,
    );
    assert!(number(&dearer, "/plan_changes") > 0.0);
    let mut gone = request();
    gone["employees"].as_array_mut().unwrap().remove(0);
    gone["employees"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": "d", "sex": "F", "birth_date": "1980-01-01",
        "hire_date": "2010-06-01", "annual_salary": 33_000, "category": "cadre" }));
    let moved = reconciled(&opening, &gone, 1_000.0);
    near(number(&moved, "/exits"), -number(&answer("ifc", &opening), "/employees/0/dbo"), 1e-12);
    assert!(number(&moved, "/entries") > 0.0);
}

#[test]
fn entries_bring_the_provision_from_the_opening_to_the_closing() {
    let mut opening = request();
    opening["valuation_date"] = json!("2023-12-31");
    let mut request = with("/assumptions/discount_rate", json!(0.038));
    request["opening"] = opening.clone();
    request["payments"] = json!(250.0);
    let found = answer("ifc", &request);
    let moved: f64 = found["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let amount = entry["amount"].as_f64().unwrap();
            assert!(amount >= 0.0);
            if entry["credit"] == "153" { amount } else { -amount }
        })
        .sum();
    near(moved, number(&found, "/dbo") - number(&answer("ifc", &opening), "/dbo"), 1e-9);
    request["presentation"] = json!("note");
    assert!(answer("ifc", &request).get("entries").is_none());
}

#[test]
fn the_annex_counts_everybody_and_everything_once() {
    let found = answer("ifc", &request());
    let sum = |table: &str, name: &str| -> f64 {
        found["annex"][table].as_array().unwrap().iter().map(|line| line[name].as_f64().unwrap()).sum()
    };
    near(sum("population", "employees"), 3.0, 1e-12);
    near(sum("population", "dbo"), number(&found, "/dbo"), 1e-12);
    near(sum("maturities", "dbo"), number(&found, "/dbo"), 1e-12);
    near(sum("population", "payroll"), 106_500.0, 1e-12);
}

#[test]
fn turnover_is_estimated_from_exact_exposure() {
    // Two people observed through 2022 and 2023; one leaves on 1 July 2023, aged 30 since 1 January of that year.
    let found = answer(
        "ifc",
        &json!({ "valuation_date": "2024-01-01", "turnover_study": {
        "from": "2022-01-01", "to": "2023-12-31", "smoothing": 0,
        "staff": [
            { "birth_date": "1993-01-01", "hire_date": "2020-01-01", "exit_date": "2023-07-01" },
            { "birth_date": "1993-01-01", "hire_date": "2023-01-01" },
        ],
    } }),
    );
    let line = found["turnover"].as_array().unwrap().iter().find(|line| line["age"] == 30).unwrap();
    // Days between 1 January 2023, where both turn 30 (10 957 days, 29.9986 years of 365.25), and the ends.
    let start = 30.0 * 365.25;
    let exposure = ((11_138.0 - start) + (11_321.0 - 10_957.0_f64).min(11_321.0 - start)) / 365.25;
    near(line["exposure"].as_f64().unwrap(), exposure, 1e-9);
    near(line["rate"].as_f64().unwrap(), 1.0 - (-1.0 / exposure).exp(), 1e-9);
    assert!(line["lower"].as_f64().unwrap() < line["rate"].as_f64().unwrap());
    assert!(line["upper"].as_f64().unwrap() > line["rate"].as_f64().unwrap());
}

#[test]
fn an_award_is_its_pay_discounted_and_earned_from_hiring() {
    let request = json!({
        "valuation_date": "2025-01-01",
        "employees": [{ "id": 7, "sex": "M", "birth_date": "1980-01-01", "hire_date": "2010-01-01", "annual_salary": 36_000 }],
        "awards": [{ "years": 10, "months": 1 }, { "years": 20, "months": 1 }, { "years": 30, "amount": 900 }, { "years": 40, "months": 2 }],
        "assumptions": { "discount_rate": 0.03, "salary_growth": 0.02, "retirement_age": 64,
            "mortality": { "M": "x", "F": "x" }, "turnover": [{ "age_from": 18, "age_to": 64, "rate": 0.04 }] },
        "tables": { "x": { "lx": vec![1.0; 110] } },
    });
    let found = answer("medailles", &request);
    let awards = found["employees"][0]["awards"].as_array().unwrap();
    // The first is past, the last after retirement.
    let years: Vec<f64> = awards.iter().map(|award| award["years"].as_f64().unwrap()).collect();
    assert_eq!(years, [20.0, 30.0]);
    let (t, n, whole) = (1826.0 / 365.25, 5479.0 / 365.25, 7305.0 / 365.25);
    let expected = 3_000.0 * 1.02_f64.powf(t) * 0.96_f64.powf(t) * 1.03_f64.powf(-t) * n / whole;
    near(awards[0]["dbo"].as_f64().unwrap(), expected, 1e-12);
    let t = 5478.0 / 365.25;
    let fixed = 900.0 * 0.96_f64.powf(t) * 1.03_f64.powf(-t) * n / (10_957.0 / 365.25);
    near(awards[1]["dbo"].as_f64().unwrap(), fixed, 1e-12);
    near(number(&found, "/dbo"), expected + fixed, 1e-12);
    near(number(&found, "/by_award/0/dbo"), expected, 1e-12);
    let mut steps = request.clone();
    steps["scale"] = json!({ "steps": request["awards"] });
    steps["awards"] = Value::Null;
    near(number(&answer("medailles", &steps), "/dbo"), expected + fixed, 1e-12);
}

#[test]
fn results_are_the_same_bytes_for_any_number_of_threads() {
    let mut request = request();
    let employees: Vec<Value> = (0..4_500)
        .map(|index| {
            json!({
                "id": index, "sex": if index % 2 == 0 { "M" } else { "F" }, "category": "x",
                "birth_date": format!("{}-{:02}-{:02}", 1962 + index % 40, 1 + index % 12, 1 + index % 28),
                "hire_date": format!("{}-05-01", 2003 + index % 20), "annual_salary": 20_000 + index % 977,
            })
        })
        .collect();
    request["employees"] = json!(employees);
    request["sensitivities"] = json!(false);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| calculate("ifc", &request)).unwrap().to_string()
    };
    assert!(run(1) == run(2));
}

#[test]
fn each_bad_employee_or_assumption_is_told_with_its_place() {
    let cases = [
        (
            with("/employees/1/hire_date", json!("1975-01-01")),
            "/employees/1/birth_date: 1979-07-14 is after 1975-01-01; check both dates.",
        ),
        (
            with("/employees/1/hire_date", json!("2025-01-01")),
            "/employees/1/hire_date: 2025-01-01 is after 2024-12-31; check both dates.",
        ),
        (
            with("/employees/1/birth_date", json!("1979-02-30")),
            "/employees/1/birth_date: “1979-02-30” is not a date; write YYYY-MM-DD.",
        ),
        (with("/employees/1/id", json!("a")), "/employees/1/id: “a” appears more than once."),
        (
            with("/employees/1/annual_salary", json!(-1)),
            "/employees/1/annual_salary: -1 is out of range: expected from 0 to 1000000000.",
        ),
        (with("/employees", json!([])), "/employees: 0 elements are fewer than the 1 required."),
        (
            with("/assumptions/turnover/0/rate", json!(1.0)),
            "/assumptions/turnover/0/rate: 1 is out of range: expected from 0 to 0.9.",
        ),
        (
            with("/assumptions/turnover/0/age_to", json!(10)),
            "/assumptions/turnover/0/age_to: 10 does not come after 18; give them in increasing order.",
        ),
        (with("/assumptions/mortality/F", json!("TGF05")), ""),
        (
            with("/assumptions/mortality/F", json!("TGF06")),
            "/assumptions/mortality/F: “TGF06” is not a value known here. Did you mean “TGF05”?",
        ),
        (
            with("/assumptions/discount_rate", json!(-1.5)),
            "/assumptions/discount_rate: -1.5 is out of range: expected from -0.99 to 10.",
        ),
        (
            with("/scale", json!({ "steps": [{ "years": 10, "months": 1 }, { "years": 10, "months": 2 }] })),
            "/scale/steps/1/years: 10 does not come after 10; give them in increasing order.",
        ),
    ];
    for (request, expected) in cases {
        if expected.is_empty() {
            answer("ifc", &request);
        } else {
            assert_eq!(refused("ifc", &request), expected);
        }
    }
}

#[test]
fn who_is_past_retirement_is_valued_today_and_told() {
    let found = answer("ifc", &with("/employees/0/birth_date", json!("1955-03-03")));
    assert_eq!(found["employees"][0]["retirement_date"], "2024-12-31");
    assert_eq!(found["warnings"][0]["code"], "retirement_past");
    assert_eq!(found["warnings"][0]["pointer"], "/employees/0");
}

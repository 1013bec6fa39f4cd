//! Savings against closed forms, and scenarios against the prices they must give.

mod support;

use aops_engine::{Watch, calculate_watched};
use serde_json::{Value, json};
use support::{answer, near, number, refused};

#[test]
fn a_projection_is_the_closed_form_of_level_contributions() {
    let found = answer(
        "retraite",
        &json!({ "age": 40, "retirement_age": 60, "initial": 1000, "contribution": 100,
        "fees": { "entry": 0.03, "yearly": 0.006 }, "yield": 0.04 }),
    );
    let month = (1.04_f64 * 0.994).powf(1.0 / 12.0);
    let expected = 1000.0 * month.powi(240) + 97.0 * month * (month.powi(240) - 1.0) / (month - 1.0);
    near(number(&found, "/fund"), expected, 1e-12);
    near(number(&found, "/contributions"), 25_000.0, 1e-12);
    let years = found["years"].as_array().unwrap();
    let sum = |name: &str| years.iter().map(|year| year[name].as_f64().unwrap()).sum::<f64>();
    near(1000.0 + sum("contributions") + sum("interest") - sum("fees"), expected, 1e-12);
}

#[test]
fn savings_are_converted_by_the_annuity_of_module_rente_net_of_taxes() {
    let request = json!({ "age": 50, "retirement_age": 65, "birth_year": 1975, "contribution": 200, "yield": 0.05,
        "taxes": { "gains": 0.172, "annuity": 0.1 }, "conversion": { "table": "TGF05", "rate": 0.01 },
        "salary": 30_000, "salary_growth": 0.02, "other_pension": 15_000 });
    let found = answer("retraite", &request);
    let factor = number(
        &answer(
            "rente",
            &json!({ "lives": [{ "table": "TGF05", "age": 65, "birth_year": 1975 }],
        "benefit": "annuity", "rate": 0.01, "frequency": 12 }),
        ),
        "/present_value",
    );
    near(number(&found, "/annuity_factor"), factor, 1e-12);
    let fund = number(&found, "/fund");
    let net = fund - 0.172 * (fund - 36_000.0);
    near(number(&found, "/net_fund"), net, 1e-12);
    near(number(&found, "/annuity"), net / factor * 0.9, 1e-12);
    near(
        number(&found, "/replacement_ratio"),
        (net / factor * 0.9 + 15_000.0) / (30_000.0 * 1.02_f64.powi(15)),
        1e-12,
    );
}

fn simulated(short_rate: Value, antithetic: bool, seed: u64) -> Value {
    answer(
        "retraite",
        &json!({ "age": 45, "retirement_age": 60.5, "initial": 100, "simulation": {
        "scenarios": 6_000, "seed": seed, "antithetic": antithetic, "equity_share": 0.7,
        "equity": { "volatility": 0.2 }, "correlation": -0.3, "short_rate": short_rate } }),
    )
    .into_json()
}

fn models() -> [Value; 2] {
    [
        json!({ "model": "vasicek", "speed": 0.2, "volatility": 0.015, "initial": 0.01, "mean": 0.03 }),
        json!({ "model": "hull_white", "speed": 0.1, "volatility": 0.01,
            "curve": [{ "maturity": 1, "rate": 0.01 }, { "maturity": 5, "rate": 0.02 }, { "maturity": 20, "rate": 0.03 }] }),
    ]
}

/// Vasicek's bond by the textbook formula (Brigo and Mercurio, Interest Rate Models, 2nd edition, formula 3.8).
fn vasicek(time: f64) -> f64 {
    let (k, theta, sigma, start) = (0.2_f64, 0.03, 0.015_f64, 0.01);
    let b = (1.0 - (-k * time).exp()) / k;
    let ln_a = (theta - sigma * sigma / (2.0 * k * k)) * (b - time) - sigma * sigma / (4.0 * k) * b * b;
    (ln_a - b * start).exp()
}

#[test]
fn scenarios_price_bonds_and_the_portfolio_within_three_standard_errors() {
    for model in models() {
        for antithetic in [false, true] {
            let found = simulated(model.clone(), antithetic, 11);
            let check = &found["simulation"]["checks"];
            let (mean, error) =
                (number(check, "/martingale/mean"), number(check, "/martingale/standard_error"));
            assert!((mean - 1.0).abs() < 3.0 * error && error > 0.0, "{mean} {error}");
            for bond in check["bonds"].as_array().unwrap() {
                let of = |name: &str| bond[name].as_f64().unwrap();
                assert!((of("simulated") - of("closed_form")).abs() < 3.0 * of("standard_error"), "{bond}");
            }
        }
    }
}

#[test]
fn closed_forms_are_the_textbooks_and_the_fitted_curves() {
    let [vasicek_model, hull_white] = models();
    let found = simulated(vasicek_model, true, 1);
    for bond in found["simulation"]["checks"]["bonds"].as_array().unwrap() {
        near(bond["closed_form"].as_f64().unwrap(), vasicek(bond["maturity"].as_f64().unwrap()), 1e-12);
    }
    let found = simulated(hull_white, true, 1);
    near(number(&found, "/simulation/checks/bonds/4/closed_form"), 1.02_f64.powi(-5), 1e-12);
    near(number(&found, "/simulation/checks/bonds/14/maturity"), 15.0, 1e-12);
}

#[test]
fn shares_alone_have_the_quantiles_of_the_lognormal() {
    // No rate, all in shares: the fund is 100·exp(−σ²t/2 + σ√t·z); Phi(1.644854) = 0.95.
    let rate = json!({ "speed": 1, "volatility": 0, "initial": 0, "mean": 0 });
    let found = answer(
        "retraite",
        &json!({ "age": 50, "retirement_age": 60, "initial": 100, "simulation": {
        "scenarios": 20_000, "equity_share": 1, "equity": { "volatility": 0.15 }, "short_rate": rate } }),
    );
    let spread = 0.15 * 10.0_f64.sqrt();
    for (index, z) in [(1, -1.644_854), (3, 0.0), (5, 1.644_854)] {
        let expected = 100.0 * (-spread * spread / 2.0 + spread * z).exp();
        let place = format!("/simulation/fan/9/quantiles/{index}");
        let (value, error) =
            (number(&found, &format!("{place}/value")), number(&found, &format!("{place}/standard_error")));
        // The asymptotic standard error √(p(1−p)/n)/f, with the lognormal density f at the quantile.
        let level = number(&found, &format!("{place}/level"));
        let density = (-z * z / 2.0_f64).exp() / (std::f64::consts::TAU.sqrt() * spread * expected);
        near(error, (level * (1.0 - level) / 20_000.0).sqrt() / density, 0.15);
        assert!((value - expected).abs() < 3.0 * error, "{level}: {value} {expected} {error}");
    }
}

#[test]
fn antithetic_variates_narrow_the_mean() {
    let [model, _] = models();
    let error = |antithetic: bool| {
        number(&simulated(model.clone(), antithetic, 3), "/simulation/fan/15/standard_error")
    };
    assert!(error(true) < 0.8 * error(false));
}

#[test]
fn scenarios_are_the_same_bytes_for_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simulated(models()[0].clone(), true, 5)).to_string()
    };
    assert!(run(1) == run(2));
}

#[test]
fn what_is_too_large_is_refused_before_work_and_a_stop_is_heard() {
    let request = |scenarios: f64| json!({ "age": 20, "retirement_age": 65, "contribution": 1, "simulation": { "scenarios": scenarios, "short_rate": models()[0] } });
    assert_eq!(
        refused("retraite", &request(1e12)),
        "/simulation/scenarios: 1000000000000 is out of range: expected from 2 to 10000000."
    );
    assert_eq!(
        refused("retraite", &request(5e6)),
        "/simulation/scenarios: This needs about 2700000000 steps of calculation; at most 2000000000 are allowed. Ask for less."
    );
    let watch = std::sync::Arc::new(Watch::default());
    let stopper = watch.clone();
    let stop = std::thread::spawn(move || {
        while stopper.progress() < 0.01 {
            std::thread::yield_now();
        }
        stopper.stop();
    });
    let faults = calculate_watched("retraite", &request(200_000.0), &watch).unwrap_err();
    stop.join().unwrap();
    assert_eq!(faults.to_string(), "/: The calculation was stopped before its end.");
    assert!(watch.progress() < 0.9);
}

#[test]
fn each_bad_request_is_told_with_its_place() {
    let base = json!({ "age": 40, "retirement_age": 64, "contribution": 100, "yield": 0.03 });
    let with = |name: &str, value: Value| {
        let mut request = base.clone();
        request[name] = value;
        request
    };
    let cases = [
        (
            with("retirement_age", json!(40)),
            "/retirement_age: 40 does not come after 40; give them in increasing order.",
        ),
        (with("yield", json!(-1.0)), "/yield: -1 is out of range: expected from -0.99 to 1."),
        (with("yield", Value::Null), "/yield: “yield” is required."),
        (
            with("fees", json!({ "yearly": 0.7 })),
            "/fees/yearly: 0.7 is out of range: expected from 0 to 0.5.",
        ),
        (
            with("conversion", json!({ "table": "TGH05", "rate": 0 })),
            "/birth_year: Table TGH05 is by generation: give birth_year, from 1900 to 2005.",
        ),
        (
            with("simulation", json!({ "short_rate": { "speed": 1, "volatility": 0.01, "initial": 0.01 } })),
            "/simulation/short_rate/mean: “mean” is required.",
        ),
        (
            with("simulation", json!({ "short_rate": { "model": "cir", "speed": 1, "volatility": 0.01 } })),
            "/simulation/short_rate/model: “cir” is not a value known here. Known values: vasicek, hull_white.",
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(refused("retraite", &request), expected);
    }
}

/// Savings with an annuity on TGF05 at 62 and a half, in a Vasicek market.
fn converted(conversion: Value) -> Value {
    json!({ "age": 50, "retirement_age": 62.5, "birth_year": 1975, "initial": 1000, "conversion": conversion,
        "salary": 40_000, "simulation": { "scenarios": 4_000, "seed": 3, "equity_share": 0.4,
        "short_rate": models()[0] } })
}

#[test]
fn each_scenario_prices_its_annuity_at_its_own_rates() {
    let conversion = json!({ "table": "TGF05", "rate": 0.02, "fee": 0.03, "guarantee": 5, "growth": 0.01 });
    for antithetic in [false, true] {
        let mut request = converted(conversion.clone());
        request["simulation"]["antithetic"] = json!(antithetic);
        let found = answer("retraite", &request);
        // Discounted to today the price of the annuity has the closed form's mean.
        let check = &found["simulation"]["checks"]["annuity"];
        let [mean, error, closed] =
            ["mean", "standard_error", "closed_form"].map(|name| check[name].as_f64().unwrap());
        assert!((mean - closed).abs() < 3.0 * error && error < 0.02 * closed, "{check}");
        // That form written out: the payments of module `rente`, at no rate, on Vasicek's bonds.
        let mut expected = 0.0;
        let life = json!([{ "table": "TGF05", "age": 62.5, "birth_year": 1975 }]);
        let alive = answer(
            "rente",
            &json!({ "lives": life, "benefit": "annuity", "rate": 0, "frequency": 12, "guarantee": 5, "growth": 0.01,
                "explain": true }),
        );
        for row in alive["explanation"][0]["rows"].as_array().unwrap() {
            let [time, probability, amount] = [0, 1, 2].map(|column| row[column].as_f64().unwrap());
            expected += 1.03 * probability * amount * vasicek(12.5 + time);
        }
        near(closed, expected, 1e-12);
    }
}

#[test]
fn one_price_for_all_scenarios_is_kept_where_it_is_asked_for() {
    let request = converted(json!({ "table": "TGF05", "rate": 0.02, "factor": "single" }));
    let found = answer("retraite", &request);
    let of = |name: &str| number(&found, &format!("/simulation/{name}/quantiles/3/value"));
    near(of("annuity"), of("net_fund") / number(&found, "/annuity_factor"), 1e-12);
    assert!(found["simulation"].get("annuity_factor").is_none());
    // Without any noise both are the same once the rate is that of the market.
    let mut certain = request;
    certain["simulation"]["short_rate"] =
        json!({ "speed": 0.2, "volatility": 0, "initial": 0.03, "mean": 0.03 });
    certain["conversion"]["rate"] = json!(0.03_f64.exp_m1());
    let single = answer("retraite", &certain);
    certain["conversion"]["factor"] = json!("scenario");
    let each = answer("retraite", &certain);
    for name in ["mean", "quantiles/0/value", "quantiles/6/value"] {
        let place = format!("/simulation/annuity/{name}");
        near(number(&each, &place), number(&single, &place), 1e-12);
    }
}

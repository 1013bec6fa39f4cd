//! The working of each work of `mortalite`: its formula, and the intermediate values that its results hold line by line.
//! Not the certificate's, which has its own.

use serde_json::Value;

use super::request::Work;
use crate::outcome::Working;

/// Lines of one working, at most.
const MOST: usize = 1000;

/// A column: its symbol in LaTeX, and the figure in a line of results.
type Column<'a> = (&'static str, &'a dyn Fn(&Value) -> Option<f64>);

/// The workings of a work, from its results.
pub(super) fn workings(work: Work, results: &Value) -> Vec<Working> {
    let own = |name: &'static str| move |line: &Value| line[name].as_f64();
    let (age, deaths) = (own("age"), own("deaths"));
    let (central, initial, q, mu) = (own("central_exposure"), own("initial_exposure"), own("q"), own("mu"));
    match work {
        Work::Exposure => vec![by_line(
            "ages",
            r"\hat q_x = \frac{D_x}{E^0_x}, \quad \hat\mu_x = \frac{D_x}{E^c_x}",
            &results["ages"],
            &[
                ("x", &age),
                ("D_x", &deaths),
                ("E^c_x", &central),
                ("E^0_x", &initial),
                (r"\hat q_x", &q),
                (r"\hat\mu_x", &mu),
            ],
        )],
        Work::Smr => vec![by_line(
            "smr",
            r"SMR = \frac{\sum_x D_x}{\sum_x E^0_x \, q^{ref}_x}",
            &results["ages"],
            &[("x", &age), ("D_x", &own("observed")), (r"E^0_x \, q^{ref}_x", &own("expected"))],
        )],
        Work::Hazard => {
            let force = |line: &Value| Some(-(-line["reference"].as_f64()?).ln_1p());
            vec![by_line(
                "multiple",
                r"\theta = \frac{\sum_x D_x}{\sum_x E^c_x \, \mu^{ref}_x}, \quad q_x = 1 - (1 - q^{ref}_x)^\theta",
                &results["ages"],
                &[("x", &age), ("q^{ref}_x", &own("reference")), (r"\mu^{ref}_x", &force), ("q_x", &q)],
            )]
        }
        Work::Brass => {
            let logit = |q: Option<f64>| q.filter(|q| *q > 0.0 && *q < 1.0).map(|q| (q / (1.0 - q)).ln());
            let before = |line: &Value| logit(line["reference"].as_f64());
            let after = |line: &Value| logit(line["q"].as_f64());
            vec![by_line(
                "ages",
                r"\ln\frac{q_x}{1-q_x} = a + b \, \ln\frac{q^{ref}_x}{1-q^{ref}_x}",
                &results["ages"],
                &[
                    ("x", &age),
                    ("q^{ref}_x", &own("reference")),
                    (r"\operatorname{logit} q^{ref}_x", &before),
                    (r"\operatorname{logit} q_x", &after),
                    ("q_x", &q),
                ],
            )]
        }
        Work::Whittaker if results["ages"].is_array() => {
            let smoothed = own("smoothed_mu");
            vec![by_line(
                "ages",
                r"\hat\theta = \arg\min\left[D(\theta) + \lambda \sum_x (\Delta^z \theta_x)^2\right], \quad \hat\mu_x = e^{\hat\theta_x}",
                &results["ages"],
                &[
                    ("x", &age),
                    ("D_x", &deaths),
                    ("E^c_x", &central),
                    ("D_x / E^c_x", &mu),
                    (r"\hat\mu_x", &smoothed),
                ],
            )]
        }
        Work::Whittaker => vec![surface(results)],
        Work::LeeCarter => lee_carter(results),
        Work::Cbd => cbd(results),
        Work::Certificate => Vec::new(),
    }
}

/// A line a line of results; those without one of the figures are left out.
fn by_line(name: &str, formula: &str, lines: &Value, columns: &[Column<'_>]) -> Working {
    let symbols: Vec<&'static str> = columns.iter().map(|(symbol, _)| *symbol).collect();
    let mut working = Working::new(name, formula, &symbols);
    for line in lines.as_array().into_iter().flatten().take(MOST) {
        let figures: Option<Vec<f64>> = columns.iter().map(|(_, of)| of(line)).collect();
        if let Some(figures) = figures {
            working.row(&figures);
        }
    }
    working
}

/// Figures side by side: the first of each, then the second.
fn side_by_side(
    name: &str,
    formula: &str,
    symbols: &[&'static str],
    first: f64,
    columns: &[&Value],
) -> Working {
    let mut working = Working::new(name, formula, symbols);
    for at in 0..columns[0].as_array().map_or(0, Vec::len).min(MOST) {
        let mut row = vec![first + at as f64];
        row.extend(columns.iter().filter_map(|column| column[at].as_f64()));
        working.row(&row);
    }
    working
}

fn surface(results: &Value) -> Working {
    let formula = r"\hat\theta = \arg\min\left[D(\theta) + \lambda_x \sum (\Delta_x^z \theta_{x,t})^2 + \lambda_t \sum (\Delta_t^{z'} \theta_{x,t})^2\right], \quad \hat\mu_{x,t} = e^{\hat\theta_{x,t}}";
    let mut working = Working::new("mu", formula, &["x", "t", r"\hat\mu_{x,t}"]);
    let first = |name: &str| results[name].as_f64().unwrap_or_default();
    let rows = results["mu"].as_array().into_iter().flatten().enumerate();
    let cells = rows.flat_map(|(age, row)| {
        let row = row.as_array().into_iter().flatten().enumerate();
        row.filter_map(move |(year, force)| Some((age as f64, year as f64, force.as_f64()?)))
    });
    for (age, year, force) in cells.take(MOST) {
        working.row(&[first("first_age") + age, first("first_year") + year, force]);
    }
    working
}

fn lee_carter(results: &Value) -> Vec<Working> {
    let (age, year) = (results["first_age"].as_f64(), results["first_year"].as_f64());
    let (age, year) = (age.unwrap_or_default(), year.unwrap_or_default());
    let model = r"\ln \mu_{x,t} = \alpha_x + \beta_x \, \kappa_t, \quad \sum_x \beta_x = 1, \quad \sum_t \kappa_t = 0";
    vec![
        side_by_side(
            "alpha, beta",
            model,
            &["x", r"\alpha_x", r"\beta_x"],
            age,
            &[&results["alpha"], &results["beta"]],
        ),
        side_by_side("kappa", model, &["t", r"\kappa_t"], year, &[&results["kappa"]]),
        walk(
            results,
            r"\kappa_{t+h} = \kappa_t + h \, d, \quad \sigma_h = \sqrt{\sigma^2 \left(h + \frac{h^2}{n-1}\right)}",
        ),
    ]
}

fn cbd(results: &Value) -> Vec<Working> {
    let year = results["first_year"].as_f64().unwrap_or_default();
    let model = r"\ln\frac{q_{x,t}}{1-q_{x,t}} = \kappa^{(1)}_t + \kappa^{(2)}_t \, (x - \bar x)";
    let columns = [&results["kappa_1"], &results["kappa_2"]];
    vec![
        side_by_side("kappa", model, &["t", r"\kappa^{(1)}_t", r"\kappa^{(2)}_t"], year, &columns),
        walk(
            results,
            r"\kappa^{(1)}_{t+h} = \kappa^{(1)}_t + h \, d_1, \quad \sigma_h = \sqrt{\sigma_{11} \left(h + \frac{h^2}{n-1}\right)}",
        ),
    ]
}

/// The first index of the walk in each future year, its standard error, and the life expectancy at the first age asked.
fn walk(results: &Value, formula: &str) -> Working {
    let state = |line: &Value| line["state"][0].as_f64();
    let error = |line: &Value| line["state_standard_error"][0].as_f64();
    let life = |line: &Value| line["life_expectancy"][0]["central"].as_f64();
    let year = |line: &Value| line["year"].as_f64();
    let columns: [Column<'_>; 4] =
        [("t", &year), (r"\kappa_t", &state), (r"\sigma_h", &error), ("e_{x,t}", &life)];
    by_line("projection", formula, &results["projection"], &columns)
}

//! From a file to what a certificate of an experience table holds: data, crude rates, smoothing, positioning, tests,
//! comparison, and the table. Not the certifying actuary's opinion.

use serde_json::{Value, json};
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

use super::read::{self, Experience};
use super::smoothing::{Found, crude, smooth, tell, tell_ratio};
use super::{brass, expectancy, ratio};
use crate::numeric::sum;
use crate::outcome::Working;
use crate::reader::Reader;

/// Ages in a band of the comparison.
const BAND: u32 = 10;

/// Answers `work = certificate`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<(Value, Vec<Working>)> {
    let confidence = reader.number("confidence")?;
    let experience = read::experience(reader);
    reader.required("reference");
    let experience = experience?;
    let count = experience.deaths.len();
    let reference = read::reference(reader, experience.first_age, count)?;
    let smoothed = smooth(reader, count, 1, &experience.deaths, &experience.central, confidence)?;
    let line = brass(&experience.deaths, &experience.initial, &reference);
    let line = line.map_err(|failure| tell(reader, "reference", "Brass", &failure)).ok()?;
    let positioned: Vec<f64> =
        reference.iter().map(|q| if *q <= 0.0 || *q >= 1.0 { *q } else { line.death(*q) }).collect();
    let (table, first_age) = table(reader, &experience, &smoothed, &line)?;
    let certified: Vec<f64> = table[(experience.first_age - first_age) as usize..][..count].to_vec();
    let mut ages = crude(&experience, confidence);
    for (row, line) in ages.iter_mut().enumerate() {
        line["reference_q"] = json!(reference[row]);
        line["smoothed_q"] = json!(-(-smoothed.hazards[row]).exp_m1());
        line["smoothed_lower_mu"] = json!(smoothed.bounds[row].0);
        line["smoothed_upper_mu"] = json!(smoothed.bounds[row].1);
        line["positioned_q"] = json!(positioned[row]);
        line["table_q"] = json!(certified[row]);
    }
    let results = json!({
        "data": {
            "first_age": experience.first_age, "last_age": experience.age(count - 1),
            "deaths": sum(experience.deaths.iter().copied()),
            "central_exposure": sum(experience.central.iter().copied()),
        },
        "ages": ages,
        "smr": tell_ratio(reader, &experience, &reference, confidence)?,
        "bands": bands(&experience, &reference, &certified, confidence),
        "smoothing": smoothed.told,
        "brass": {
            "a": line.a, "b": line.b, "a_standard_error": line.errors.0, "b_standard_error": line.errors.1,
        },
        "tests": tests(&experience, &smoothed),
        "prudence": prudence(&experience, &reference, &certified),
        "table": { "first_age": first_age, "qx": table },
        "life_expectancy": expectancy(&table),
    });
    let mut working = Working::new(
        "table",
        r"\hat q_x = 1 - e^{-\hat\mu_x},\quad \ln\hat\mu = \arg\min\left[D(\theta) + \lambda \sum (\Delta^z \theta_x)^2\right]",
        &["x", "D_x", "E^c_x", r"\hat q_x"],
    );
    if reader.call().explain() {
        for (row, q) in certified.iter().enumerate() {
            let (deaths, central) = (experience.deaths[row], experience.central[row]);
            working.row(&[f64::from(experience.age(row)), deaths, central, *q]);
        }
    }
    let explanation = if working.rows.is_empty() { Vec::new() } else { vec![working] };
    Some((results, explanation))
}

/// The table: smoothed where there are deaths enough to tell from the reference, on Brass's line above and below, from the
/// first age observed to the closing of the reference, never decreasing past the last smoothed age by the join itself.
fn table(
    reader: &Reader<'_>,
    experience: &Experience,
    smoothed: &Found,
    line: &super::Brass,
) -> Option<(Vec<f64>, u32)> {
    let first_age = experience.first_age;
    let whole = read::reference_to_the_end(reader, first_age)?;
    let last_death = experience.deaths.iter().rposition(|deaths| *deaths > 0.0).unwrap_or(0);
    let first_death = experience.deaths.iter().position(|deaths| *deaths > 0.0).unwrap_or(0);
    let at = |(row, q): (usize, &f64)| {
        if (first_death..=last_death).contains(&row) {
            -(-smoothed.hazards[row]).exp_m1()
        } else if *q <= 0.0 || *q >= 1.0 {
            *q
        } else {
            line.death(*q)
        }
    };
    let mut table: Vec<f64> = whole.iter().enumerate().map(at).collect();
    // The table closes where the reference does.
    if let Some(last) = table.last_mut() {
        *last = 1.0;
    }
    Some((table, first_age))
}

/// Observed deaths against those of the reference and of the table, by bands of ages.
fn bands(experience: &Experience, reference: &[f64], table: &[f64], confidence: f64) -> Vec<Value> {
    let mut bands = Vec::new();
    let mut row = 0;
    while row < experience.deaths.len() {
        let start = experience.age(row) / BAND * BAND;
        let end = (row..experience.deaths.len())
            .find(|row| experience.age(*row) >= start + BAND)
            .unwrap_or(experience.deaths.len());
        let expected = |q: &[f64]| sum((row..end).map(|at| experience.initial[at] * q[at]));
        let observed = sum(experience.deaths[row..end].iter().copied());
        let mut band = json!({
            "from": experience.age(row), "to": experience.age(end - 1), "observed": observed,
            "expected_reference": expected(reference), "expected_table": expected(table),
        });
        if let Some(found) = ratio(observed, expected(reference), confidence) {
            band["smr"] = json!(found.ratio);
            band["lower"] = json!(found.bounds.0);
            band["upper"] = json!(found.bounds.1);
        }
        bands.push(band);
        row = end;
    }
    bands
}

/// How well the smoothed forces go with the deaths: χ², signs, and runs of signs (Wald and Wolfowitz, 1940).
fn tests(experience: &Experience, smoothed: &Found) -> Value {
    let standard: Vec<f64> = (0..experience.deaths.len())
        .filter(|row| experience.central[*row] > 0.0)
        .map(|row| {
            let expected = experience.central[row] * smoothed.hazards[row];
            (experience.deaths[row] - expected) / expected.sqrt()
        })
        .collect();
    let squares: f64 = standard.iter().map(|residual| residual * residual).sum();
    let freedom = standard.len() as f64 - smoothed.freedom;
    let mut told = json!({ "chi_squared": squares, "degrees": freedom });
    if let Ok(law) = ChiSquared::new(freedom.max(1e-3)) {
        told["chi_squared_p_value"] = json!(law.sf(squares));
    }
    let above = standard.iter().filter(|residual| **residual > 0.0).count() as f64;
    let below = standard.len() as f64 - above;
    let total = above + below;
    let two_sided = |z: f64| 2.0 * Normal::standard().sf(z.abs());
    told["signs_above"] = json!(above);
    told["signs_p_value"] = json!(two_sided((above - total / 2.0) / (total.sqrt() / 2.0)));
    let runs = 1.0 + standard.windows(2).filter(|pair| (pair[0] > 0.0) != (pair[1] > 0.0)).count() as f64;
    let product = 2.0 * above * below;
    let variance = product * (product - total) / (total * total * (total - 1.0));
    told["runs"] = json!(runs);
    if variance > 0.0 {
        told["runs_p_value"] = json!(two_sided((runs - 1.0 - product / total) / variance.sqrt()));
    }
    told
}

/// Deaths expected by the table over those observed, and over those of the reference.
fn prudence(experience: &Experience, reference: &[f64], table: &[f64]) -> Value {
    let expected = |q: &[f64]| sum(experience.initial.iter().zip(q).map(|(exposed, q)| exposed * q));
    let observed = sum(experience.deaths.iter().copied());
    let mut told = json!({ "expected_table": expected(table), "expected_reference": expected(reference) });
    if observed > 0.0 {
        told["table_over_observed"] = json!(expected(table) / observed);
    }
    if expected(reference) > 0.0 {
        told["table_over_reference"] = json!(expected(table) / expected(reference));
    }
    told
}

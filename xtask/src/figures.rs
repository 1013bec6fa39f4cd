//! `cargo xtask figures`: what articles state comes from the engine, and from nowhere else.
//!
//! Beside a page, `requests.json` says what to compute and `tables.json` which figures stand together; the files
//! that the page shows are written from them. The formats are told in `tests/figures/README.md`.

mod format;
mod prose;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::format::Format;
use crate::sh;

/// The difference up to which a stored figure is the engine's: relative, or absolute where the figure is what is
/// left between two amounts that should be equal. Such a rest is rounding noise, which differs from one processor's
/// mathematical functions to another's.
const TOLERANCE: f64 = 1e-9;

/// One figure to compute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    key: String,
    #[serde(default)]
    format: Format,
    module: Option<String>,
    request: Option<Value>,
    /// JSON pointer into the outcome.
    pick: Option<String>,
    divide: Option<(String, String)>,
    growth: Option<(String, String)>,
    subtract: Option<(String, String)>,
    sum: Option<Vec<String>>,
    quadrature: Option<Vec<String>>,
    product: Option<Vec<String>>,
    /// Mean, standard error, and how many standard deviations from the middle.
    lognormal: Option<(String, String, String)>,
    /// An assumption that later figures build on.
    given: Option<f64>,
}

/// One computed figure.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
struct Figure {
    value: f64,
    text: String,
}

type Figures = BTreeMap<String, Figure>;

/// Computes the figures of every page; with `check`, compares instead of writing.
///
/// # Errors
/// What cannot be computed, or (when checking) everything that differs.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for requests in request_files(&sh::repository().join("content"))? {
        let figures = compute(&requests).with_context(|| requests.display().to_string())?;
        count += figures.len();
        let folder = requests.parent().context("a file without a folder")?;
        let mut files = tables::written(folder, &figures)?;
        if check {
            wrong.extend(prose::typed_figures(&folder.join("index.md"))?);
            wrong.extend(differences(&folder.join("figures.json"), &figures)?);
            for (name, text) in files {
                let path = folder.join(name);
                if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                    wrong.push(format!("{} is not what its figures give", path.display()));
                }
            }
        } else {
            files.insert("figures.json".into(), serde_json::to_string_pretty(&figures)? + "\n");
            for (name, text) in files {
                fs::write(folder.join(name), text)?;
            }
        }
    }
    if count == 0 {
        bail!("no page states any figure: there is nothing to compare");
    }
    if !wrong.is_empty() {
        bail!(
            "figures that the engine does not confirm (`cargo xtask figures` writes anew those that it computes):\n{}",
            wrong.join("\n")
        );
    }
    println!("\n{count} figures of the pages {}.", if check { "are the engine's" } else { "were computed" });
    Ok(())
}

fn compute(path: &Path) -> Result<Figures> {
    let requests: Vec<Request> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut figures = Figures::new();
    for request in requests {
        let value = value(&request, &figures).with_context(|| request.key.clone())?;
        let text = request.format.text(value);
        if figures.insert(request.key.clone(), Figure { value, text }).is_some() {
            bail!("the key {} stands twice", request.key);
        }
    }
    Ok(figures)
}

/// The value of a request: the engine's, or computed from earlier ones.
fn value(request: &Request, figures: &Figures) -> Result<f64> {
    let of = |key: &String| {
        figures.get(key).map(|figure| figure.value).with_context(|| format!("no earlier figure `{key}`"))
    };
    let all = |keys: &Vec<String>| keys.iter().map(of).collect::<Result<Vec<f64>>>();
    if let (Some(module), Some(asked), Some(pick)) = (&request.module, &request.request, &request.pick) {
        let outcome = aops_engine::calculate(module, asked).map_err(|faults| anyhow!("{faults}"))?;
        return outcome.pointer(pick).and_then(Value::as_f64).with_context(|| format!("no number at {pick}"));
    }
    match request {
        Request { divide: Some((a, b)), .. } => Ok(of(a)? / of(b)?),
        Request { growth: Some((a, b)), .. } => Ok(of(a)? / of(b)? - 1.0),
        Request { subtract: Some((a, b)), .. } => Ok(of(a)? - of(b)?),
        Request { sum: Some(keys), .. } => Ok(all(keys)?.iter().sum()),
        Request { quadrature: Some(keys), .. } => Ok(all(keys)?.iter().map(|x| x * x).sum::<f64>().sqrt()),
        Request { product: Some(keys), .. } => Ok(all(keys)?.iter().product()),
        Request { lognormal: Some((mean, error, deviations)), .. } => {
            Ok(lognormal(of(mean)?, of(error)?, of(deviations)?))
        }
        Request { given: Some(number), .. } => Ok(*number),
        _ => bail!("neither a module with its request and pick, nor a rule over earlier figures"),
    }
}

/// The quantile of the lognormal law that has this mean and this standard error.
fn lognormal(mean: f64, error: f64, deviations: f64) -> f64 {
    let variance = (error / mean).powi(2).ln_1p();
    mean * (deviations * variance.sqrt() - variance / 2.0).exp()
}

fn differences(path: &Path, computed: &Figures) -> Result<Vec<String>> {
    let stored: Figures =
        serde_json::from_str(&fs::read_to_string(path).with_context(|| path.display().to_string())?)
            .with_context(|| path.display().to_string())?;
    Ok(compared(&stored, computed).into_iter().map(|line| format!("{}: {line}", path.display())).collect())
}

fn compared(stored: &Figures, computed: &Figures) -> Vec<String> {
    let orphans = stored.keys().filter(|key| !computed.contains_key(*key));
    let mut lines: Vec<String> = orphans.map(|key| format!("{key} is computed nowhere")).collect();
    for (key, figure) in computed {
        match stored.get(key) {
            None => lines.push(format!("{key} is missing")),
            Some(old) => {
                let near = (old.value - figure.value).abs() <= TOLERANCE * figure.value.abs().max(1.0);
                if !near || old.text != figure.text {
                    let Figure { value, text } = figure;
                    lines.push(format!(
                        "{key} is {} ({}), the engine says {value} ({text})",
                        old.value, old.text
                    ));
                }
            }
        }
    }
    lines
}

fn request_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "requests.json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lognormal_quantile_keeps_the_mean_between_its_median_and_its_tail() {
        let median = lognormal(100.0, 100.0, 0.0);
        assert!((median - 100.0 / 2f64.sqrt()).abs() < 1e-9);
        let ratio = lognormal(100.0, 100.0, 1.0) / median;
        assert!((ratio - 2f64.ln().sqrt().exp()).abs() < 1e-9);
    }

    #[test]
    fn a_figure_is_made_from_assumptions_and_earlier_figures() {
        let read = |text: &str| serde_json::from_str::<Request>(text).unwrap();
        let figure = |value| Figure { value, text: String::new() };
        let figures = Figures::from([("a".into(), figure(2.0)), ("b".into(), figure(-3.0))]);
        let product = read(r#"{"key": "c", "product": ["a", "b"]}"#);
        assert_eq!(value(&product, &figures).unwrap(), -6.0);
        assert_eq!(value(&read(r#"{"key": "d", "given": 1.5}"#), &figures).unwrap(), 1.5);
        assert!(value(&read(r#"{"key": "e", "product": ["absent"]}"#), &figures).is_err());
    }

    #[test]
    fn a_changed_missing_or_orphan_figure_is_told() {
        let figure = |value| Figure { value, text: value.to_string() };
        let stored = Figures::from([("a".into(), figure(1.0)), ("b".into(), figure(2.0))]);
        let computed = Figures::from([("a".into(), figure(1.5)), ("c".into(), figure(3.0))]);
        let told = compared(&stored, &computed);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(compared(&stored, &stored).is_empty());
    }

    #[test]
    fn what_is_left_of_a_check_may_be_noise_and_an_amount_may_not() {
        let figures = |value: f64| Figures::from([("a".into(), Figure { value, text: "0,00 €".into() })]);
        assert!(compared(&figures(-5.4e-11), &figures(2.5e-11)).is_empty());
        assert_eq!(compared(&figures(0.001), &figures(0.002)).len(), 1);
    }
}

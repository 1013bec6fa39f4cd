//! `cargo xtask figures`: what articles state comes from the engine, and from nowhere else.
//!
//! Beside a page, `requests.json` lists what to compute; `figures.json` holds the answers that the page shows.
//! The format is told in `tests/figures/README.md`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sh;

/// The relative difference up to which a stored figure is the engine's.
const TOLERANCE: f64 = 1e-12;

/// One figure to compute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    key: String,
    module: String,
    request: Value,
    /// JSON pointer into the outcome.
    pick: String,
    format: Format,
}

/// How a figure is written in French.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    decimals: usize,
    #[serde(default)]
    unit: String,
    /// What the value is multiplied by before it is written (100 for percentages).
    #[serde(default = "one")]
    factor: f64,
}

/// One computed figure.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Figure {
    value: f64,
    text: String,
}

type Figures = std::collections::BTreeMap<String, Figure>;

/// Computes the figures of every page; with `check`, compares instead of writing.
///
/// # Errors
/// What cannot be computed, or (when checking) every page whose figures differ.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for requests in request_files(&sh::repository().join("content"))? {
        let computed = compute(&requests).with_context(|| requests.display().to_string())?;
        count += computed.len();
        let path = requests.with_file_name("figures.json");
        if !check {
            fs::write(&path, serde_json::to_string_pretty(&computed)? + "\n")?;
            continue;
        }
        let stored: Figures =
            serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
        wrong.extend(
            differences(&stored, &computed).into_iter().map(|line| format!("{}: {line}", path.display())),
        );
    }
    if !wrong.is_empty() {
        bail!(
            "figures that the engine does not confirm (`cargo xtask figures` writes them anew):\n{}",
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
        let outcome = aops_engine::calculate(&request.module, &request.request)
            .map_err(|faults| anyhow!("{}: {faults}", request.key))?;
        let value = outcome
            .pointer(&request.pick)
            .and_then(Value::as_f64)
            .with_context(|| format!("{}: no number at {}", request.key, request.pick))?;
        let text = written(value * request.format.factor, &request.format);
        if figures.insert(request.key.clone(), Figure { value, text }).is_some() {
            bail!("the key {} stands twice", request.key);
        }
    }
    Ok(figures)
}

fn differences(stored: &Figures, computed: &Figures) -> Vec<String> {
    let mut lines: Vec<String> = stored
        .keys()
        .filter(|key| !computed.contains_key(*key))
        .map(|key| format!("{key} is computed nowhere"))
        .collect();
    for (key, figure) in computed {
        match stored.get(key) {
            None => lines.push(format!("{key} is missing")),
            Some(old)
                if (old.value - figure.value).abs() > TOLERANCE * figure.value.abs()
                    || old.text != figure.text =>
            {
                lines.push(format!(
                    "{key} is {} ({}), the engine says {} ({})",
                    old.value, old.text, figure.value, figure.text
                ));
            }
            Some(_) => {}
        }
    }
    lines
}

/// French: a narrow no-break space between thousands, a decimal comma, a no-break space before the unit.
fn written(value: f64, format: &Format) -> String {
    let fixed = format!("{:.*}", format.decimals, value.abs());
    let (whole, decimals) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let mut text = String::new();
    if value < 0.0 {
        text.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if !decimals.is_empty() {
        text.push(',');
        text.push_str(decimals);
    }
    if !format.unit.is_empty() {
        text.push('\u{a0}');
        text.push_str(&format.unit);
    }
    text
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

fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_french_readers_write_them() {
        let format = |decimals, unit: &str| Format { decimals, unit: unit.into(), factor: 1.0 };
        assert_eq!(written(1_234_567.891, &format(2, "€")), "1\u{202f}234\u{202f}567,89\u{a0}€");
        assert_eq!(written(-0.5, &format(1, "")), "\u{2212}0,5");
        assert_eq!(written(999.6, &format(0, "")), "1\u{202f}000");
    }

    #[test]
    fn a_changed_missing_or_orphan_figure_is_told() {
        let figure = |value| Figure { value, text: value.to_string() };
        let stored = Figures::from([("a".into(), figure(1.0)), ("b".into(), figure(2.0))]);
        let computed = Figures::from([("a".into(), figure(1.5)), ("c".into(), figure(3.0))]);
        let told = differences(&stored, &computed);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(differences(&stored, &stored).is_empty());
    }
}

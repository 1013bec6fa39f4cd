//! Reads the data and the models of a request, and fits them. Not what is made of the fits.

use std::collections::BTreeMap;

use serde_json::Value;

use super::design::{Column, Data, Unknown, Variable, columns};
use super::fit::{Failure, Fit, Model, fit};
use super::fitted::normal_quantile;
use super::profile::intervals;
use super::theta;
use super::{Family, Link};
use crate::field::{Field, Kind, names};
use crate::reader::{Reader, join, shorten};

/// Most lines of the data of a request.
pub(super) const MOST_LINES: usize = 5_000_000;
const MOST_COLUMNS: usize = 200;
const NUMBER: Kind = Kind::Number { minimum: -1e15, maximum: 1e15 };
/// A variable: numbers, or texts.
const VARIABLE: Kind = Kind::Either(&[
    Kind::List { of: &NUMBER, minimum: 1, maximum: MOST_LINES },
    Kind::List { of: &Kind::Text, minimum: 1, maximum: MOST_LINES },
]);
/// Variables by name.
pub(super) const DATA: Kind = Kind::Map(&VARIABLE);
/// A model of a request.
pub(super) const MODEL: &[Field] = &[
    Field::text("response").required(),
    Field::choice("family", &names(&FAMILIES)).or_name("poisson"),
    Field::choice("link", &names(&LINKS)).or_name("log"),
    Field::number("power", 1.01, 1.99).or(1.5),
    Field::number("theta", 1e-6, 1e9),
    Field::list("terms", &Kind::Text, 0, 100),
    Field::new("base", Kind::Map(&Kind::Text)),
    Field::flag("intercept", true),
    Field::text("exposure"),
    Field::text("offset"),
    Field::text("weights"),
    Field::choice("dispersion", &["law", "pearson"]).or_name("law"),
    Field::number("confidence", 0.5, 0.9999).or(0.95),
    Field::choice("intervals", &names(&INTERVALS)).or_name("wald"),
];
const INTERVALS: [(&str, bool); 2] = [("wald", false), ("profile", true)];
const FAMILIES: [(&str, Law); 5] = [
    ("poisson", Law::Poisson),
    ("gamma", Law::Gamma),
    ("tweedie", Law::Tweedie),
    ("negative_binomial", Law::NegativeBinomial),
    ("gaussian", Law::Gaussian),
];
const LINKS: [(&str, Link); 3] =
    [("log", Link::Log), ("identity", Link::Identity), ("inverse", Link::Inverse)];
/// Steps of a fit that are allowed: lines times the square of columns.
const MOST_STEPS: f64 = 2e10;

#[derive(Clone, Copy, PartialEq)]
enum Law {
    Poisson,
    Gamma,
    Tweedie,
    NegativeBinomial,
    Gaussian,
}

/// A model read and fitted.
pub(super) struct Fitted {
    pub(super) columns: Vec<Column>,
    pub(super) fit: Fit,
    pub(super) family: Family,
    pub(super) link: Link,
    /// Dispersion that standard errors take.
    pub(super) dispersion: f64,
    pub(super) confidence: f64,
    /// Bounds by profile likelihood of the columns kept, where they were asked for.
    pub(super) profile: Option<Vec<[Option<f64>; 2]>>,
    pub(super) exposure: Option<String>,
    pub(super) offset: Option<String>,
    /// Whether the dispersion is estimated.
    pub(super) estimated: bool,
    pub(super) aic: Option<f64>,
    pub(super) null: Option<f64>,
    pub(super) theta_error: Option<f64>,
    /// Nested fits, a term more each time.
    pub(super) sequence: Vec<(String, Fit)>,
    /// Levels of the variables that the fit knows.
    pub(super) levels: BTreeMap<String, Vec<String>>,
    pub(super) base: BTreeMap<String, String>,
}

/// Reads variables; all as long as the first.
pub(super) fn data(reader: &Reader<'_>, name: &str) -> Option<Data> {
    let call = reader.call();
    let place = reader.place(name);
    let mut data = Data::new();
    let mut expected: Option<usize> = None;
    for (name, value) in reader.members(name)? {
        let place = join(&place, name);
        let Some(list) = crate::reader::list(value, &place, 1, MOST_LINES, call) else { continue };
        if expected.is_some_and(|expected| expected != list.len()) {
            let parameters =
                [("found", list.len().to_string()), ("expected", expected.unwrap_or_default().to_string())];
            call.faults().push(&place, "length", &parameters);
            continue;
        }
        expected = Some(list.len());
        let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let variable = match texts {
            Some(texts) => Variable::levels(texts.iter().copied()),
            None => {
                let read = list.iter().enumerate().map(|(line, value)| {
                    crate::reader::number(value, &join(&place, &line.to_string()), -1e15, 1e15, call)
                });
                // The first faults are enough: a text column with one number would tell each line.
                let mut numbers = Vec::with_capacity(list.len());
                for number in read {
                    let Some(number) = number else { break };
                    numbers.push(number);
                }
                Variable::Numbers(numbers)
            }
        };
        data.insert(name.clone(), variable);
    }
    call.sound()?;
    if expected.is_none() {
        reader.fault(name, "too_few", &[("found", "0".to_owned()), ("minimum", "1".to_owned())]);
        return None;
    }
    Some(data)
}

/// Number of lines.
pub(super) fn lines(data: &Data) -> usize {
    data.values().next().map_or(0, Variable::len)
}

/// Reads a model and fits it to `data`.
pub(super) fn fitted(reader: &Reader<'_>, data: &Data, with_table: bool) -> Option<Fitted> {
    let call = reader.call();
    let law = reader.choice("family", &FAMILIES)?;
    let link = reader.choice("link", &LINKS)?;
    let response = numbers(reader, "response", data)?;
    let terms: Vec<String> = texts(reader, "terms")?;
    let base = levels(reader, "base")?;
    let family = match law {
        Law::Poisson => Family::Poisson,
        Law::Gamma => Family::Gamma,
        Law::Gaussian => Family::Gaussian,
        Law::Tweedie => Family::Tweedie(reader.number("power")?),
        Law::NegativeBinomial => Family::NegativeBinomial(reader.number("theta").unwrap_or(1.0)),
    };
    let offset = read_offset(reader, data, link)?;
    let weights = match reader.value("weights") {
        Some(_) => numbers(reader, "weights", data)?.to_vec(),
        None => Vec::new(),
    };
    check_lines(reader, response, &weights, family)?;
    let made = columns(&terms, &base, data, reader.flag("intercept"));
    let columns = made.map_err(|unknown| tell_unknown(reader, &unknown)).ok()?;
    let lines = response.len();
    if columns.len() > MOST_COLUMNS {
        let parameters = [("found", columns.len().to_string()), ("maximum", MOST_COLUMNS.to_string())];
        reader.fault("terms", "too_many", &parameters);
        return None;
    }
    call.afford(&reader.place("terms"), lines as f64 * (columns.len() as f64 + 1.0).powi(2), MOST_STEPS)?;
    let values: Result<Vec<Vec<f64>>, Unknown> =
        columns.iter().map(|column| column.values(data, lines)).collect();
    let values = values.map_err(|unknown| tell_unknown(reader, &unknown)).ok()?;
    check_separation(reader, &columns, &values, response, &weights, family)?;
    let mut model = Model { columns: &values, response, offset: &offset, weights: &weights, family, link };
    let mut theta_error = None;
    let fit = if law == Law::NegativeBinomial && reader.value("theta").is_none() {
        let found = theta::fit(&model, call.watch());
        let (fit, theta, error) = found.map_err(|failure| tell_failure(reader, &failure)).ok()?;
        model.family = Family::NegativeBinomial(theta);
        theta_error = Some(error);
        fit
    } else {
        attempt(reader, &model)?
    };
    if fit.freedom() < 0.0 || fit.rank() == 0 {
        reader.fault("terms", "no_freedom", &[]);
        return None;
    }
    for (column, _) in columns.iter().zip(&fit.coefficients).filter(|(_, found)| found.is_none()) {
        call.warn(&reader.place("terms"), "aliased", &[("name", shorten(&column.name()))]);
    }
    if family != Family::Gaussian && fit.smallest < 1e-9 {
        call.warn(&reader.place("terms"), "fitted_zero", &[]);
    }
    let pearson = reader.choice("dispersion", &[("law", false), ("pearson", true)])?;
    let estimated = pearson || !family.has_unit_dispersion();
    let dispersion = if !estimated {
        1.0
    } else if fit.freedom() > 0.0 {
        fit.dispersion()
    } else {
        reader.fault("terms", "no_freedom", &[]);
        return None;
    };
    let confidence = reader.number("confidence")?;
    let profile = if reader.choice("intervals", &INTERVALS)? {
        Some(profiled(reader, &model, &fit, dispersion, confidence)?)
    } else {
        None
    };
    let mut sequence = Vec::new();
    if with_table {
        for count in 0..terms.len() {
            let kept: Vec<Vec<f64>> = (columns.iter().zip(&values))
                .filter(|(column, _)| column.term.is_none_or(|term| term < count))
                .map(|(_, values)| values.clone())
                .collect();
            let name = if count == 0 { String::new() } else { terms[count - 1].clone() };
            if !kept.is_empty() {
                sequence.push((name, attempt(reader, &Model { columns: &kept, ..model })?));
            }
        }
        sequence.push((terms.last().cloned().unwrap_or_default(), fit.clone()));
    }
    let null = if reader.flag("intercept") {
        let constant = [vec![1.0; lines]];
        Some(attempt(reader, &Model { columns: &constant, ..model })?.deviance())
    } else {
        None
    };
    let aic = model.aic(&fit).map(|aic| aic + if theta_error.is_some() { 2.0 } else { 0.0 });
    let known = |(name, variable): (&String, &Variable)| match variable {
        Variable::Levels(levels, _) => Some((name.clone(), levels.clone())),
        Variable::Numbers(_) => None,
    };
    let named = |name: &str| reader.text(name).map(str::to_owned);
    Some(Fitted {
        columns,
        fit,
        family: model.family,
        link,
        dispersion,
        confidence,
        profile,
        exposure: named("exposure"),
        offset: named("offset"),
        estimated,
        aic,
        null,
        theta_error,
        sequence,
        levels: data.iter().filter_map(known).collect(),
        base,
    })
}

/// Bounds by profile likelihood; each takes some ten fits without its column.
fn profiled(
    reader: &Reader<'_>,
    model: &Model<'_>,
    fit: &Fit,
    dispersion: f64,
    confidence: f64,
) -> Option<Vec<[Option<f64>; 2]>> {
    let (lines, columns) = (model.response.len() as f64, model.columns.len() as f64);
    reader.call().afford(&reader.place("intervals"), 20.0 * lines * columns.powi(3), MOST_STEPS)?;
    let quantile = normal_quantile(confidence);
    let found = intervals(model, fit, dispersion, quantile, reader.call().watch());
    found.map_err(|failure| tell_failure(reader, &failure)).ok()
}

fn attempt(reader: &Reader<'_>, model: &Model<'_>) -> Option<Fit> {
    fit(model, reader.call().watch()).map_err(|failure| tell_failure(reader, &failure)).ok()
}

fn tell_failure(reader: &Reader<'_>, failure: &Failure) {
    match failure {
        Failure::Stopped => {}
        Failure::OutOfLink => reader.fault("link", "out_of_link", &[]),
        Failure::NotConverged(path) => {
            let last: Vec<String> =
                path.iter().rev().take(5).rev().map(|deviance| format!("{deviance:.6}")).collect();
            let parameters = [
                ("name", "deviance".to_owned()),
                ("found", path.len().to_string()),
                ("path", format!("… {}", last.join(", "))),
            ];
            reader.fault("terms", "not_converged", &parameters);
        }
    }
}

fn tell_unknown(reader: &Reader<'_>, unknown: &Unknown) {
    match unknown {
        Unknown::Variable(name) => reader.fault("terms", "no_variable", &[("found", shorten(name))]),
        Unknown::Level(variable, level) => {
            let parameters = [("name", shorten(variable)), ("found", shorten(level))];
            reader.fault("base", "no_level", &parameters);
        }
    }
}

/// The numbers of the variable that a field names.
fn numbers<'d>(reader: &Reader<'_>, field: &str, data: &'d Data) -> Option<&'d [f64]> {
    let name = reader.text(field)?;
    match data.get(name) {
        Some(Variable::Numbers(numbers)) => Some(numbers),
        Some(Variable::Levels(..)) => {
            let parameters = [("expected", "numbers".to_owned()), ("found", "texts".to_owned())];
            reader.fault(field, "wrong_type", &parameters);
            None
        }
        None => {
            reader.fault(field, "no_variable", &[("found", shorten(name))]);
            None
        }
    }
}

fn texts(reader: &Reader<'_>, field: &str) -> Option<Vec<String>> {
    let Some(_) = reader.value(field) else { return Some(Vec::new()) };
    let list = reader.list(field)?;
    let texts: Option<Vec<String>> = list.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    if texts.is_none() {
        let parameters = [("expected", "texts".to_owned()), ("found", "another value".to_owned())];
        reader.fault(field, "wrong_type", &parameters);
    }
    texts
}

fn levels(reader: &Reader<'_>, field: &str) -> Option<BTreeMap<String, String>> {
    let Some(_) = reader.value(field) else { return Some(BTreeMap::new()) };
    let members = reader.members(field)?;
    let texts: Option<BTreeMap<String, String>> =
        members.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    if texts.is_none() {
        let parameters = [("expected", "texts".to_owned()), ("found", "another value".to_owned())];
        reader.fault(field, "wrong_type", &parameters);
    }
    texts
}

/// The logarithm of the exposure under the logarithmic link, or the offset as it is; the sum of both.
fn read_offset(reader: &Reader<'_>, data: &Data, link: Link) -> Option<Vec<f64>> {
    let mut offset = Vec::new();
    if reader.value("exposure").is_some() {
        if link != Link::Log {
            reader.refuse("exposure", "link ≠ log");
            return None;
        }
        let exposure = numbers(reader, "exposure", data)?;
        if let Some(line) = exposure.iter().position(|exposure| *exposure <= 0.0) {
            let parameters = [("line", (line + 1).to_string()), ("found", exposure[line].to_string())];
            reader.fault("exposure", "not_above_zero", &parameters);
            return None;
        }
        offset = exposure.iter().map(|exposure| exposure.ln()).collect();
    }
    if reader.value("offset").is_some() {
        let given = numbers(reader, "offset", data)?;
        if offset.is_empty() {
            offset = given.to_vec();
        } else {
            offset.iter_mut().zip(given).for_each(|(sum, value)| *sum += value);
        }
    }
    Some(offset)
}

/// Responses that the law may give, weights that are not negative, and some of them above zero.
fn check_lines(reader: &Reader<'_>, response: &[f64], weights: &[f64], family: Family) -> Option<()> {
    let counts = |line: usize| weights.get(line).is_none_or(|weight| *weight > 0.0);
    if let Some(line) = weights.iter().position(|weight| *weight < 0.0) {
        let parameters = [("line", (line + 1).to_string()), ("found", weights[line].to_string())];
        reader.fault("weights", "not_above_zero", &parameters);
        return None;
    }
    if !weights.is_empty() && weights.iter().all(|weight| *weight == 0.0) {
        reader.fault("weights", "no_weight", &[]);
        return None;
    }
    let wrong = (0..response.len()).find(|line| counts(*line) && !family.allows(response[*line]));
    if let Some(line) = wrong {
        let parameters = [("line", (line + 1).to_string()), ("found", response[line].to_string())];
        reader.fault("response", "not_above_zero", &parameters);
        return None;
    }
    if family != Family::Gaussian && (0..response.len()).all(|line| !counts(line) || response[line] == 0.0) {
        reader.fault("response", "separated", &[("name", "(Intercept)".to_owned())]);
        return None;
    }
    Some(())
}

/// A group without any claim has no finite coefficient: it is told before the fit runs away.
fn check_separation(
    reader: &Reader<'_>,
    columns: &[Column],
    values: &[Vec<f64>],
    response: &[f64],
    weights: &[f64],
    family: Family,
) -> Option<()> {
    if matches!(family, Family::Gaussian | Family::Gamma) {
        return Some(());
    }
    for (column, values) in columns.iter().zip(values).filter(|(column, _)| column.is_group()) {
        let weight = |line: usize| weights.get(line).copied().unwrap_or(1.0);
        let lines = || (0..response.len()).filter(|line| values[*line] > 0.0 && weight(*line) > 0.0);
        if lines().next().is_some() && lines().all(|line| response[line] == 0.0) {
            reader.fault("terms", "separated", &[("name", shorten(&column.name()))]);
        }
    }
    reader.call().sound()
}

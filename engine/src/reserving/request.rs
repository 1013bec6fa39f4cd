//! The request of module `provisionnement`: read, checked as a whole, answered. Not formulas.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::{Triangle, bornhuetter_ferguson, cape_cod, mack, munich, ultimates};
use crate::fault::Faults;
use crate::reader::{self, Reader, join};

const MOST: usize = 200;
const LARGEST: f64 = 1e15;
const OPTIONS: &[&str] = &["exposure", "apriori", "trend", "decay", "incurred"];

#[derive(Clone, Copy, PartialEq)]
enum Method {
    ChainLadder,
    Mack,
    BornhuetterFerguson,
    CapeCod,
    Munich,
}

/// Answers a request of module `provisionnement`.
pub(crate) fn calculate(request: &Value, faults: &RefCell<Faults>) -> Option<Value> {
    let reader = Reader::new(request, "", &["triangle", "method", "options"], faults)?;
    let methods = [
        ("chain_ladder", Method::ChainLadder),
        ("mack", Method::Mack),
        ("bornhuetter_ferguson", Method::BornhuetterFerguson),
        ("cape_cod", Method::CapeCod),
        ("munich", Method::Munich),
    ];
    let method = reader.required("method").and(reader.choice("method", &methods));
    let triangle = read_triangle(&reader, "triangle");
    let empty = json!({});
    let options = Reader::new(reader.value("options").unwrap_or(&empty), "/options", OPTIONS, faults)?;
    let (method, triangle) = (method?, triangle?);
    refuse_options(&options, method);
    let exposed = matches!(method, Method::BornhuetterFerguson | Method::CapeCod);
    let exposure = if exposed { read_exposure(&options, triangle.rows.len()) } else { Some(Vec::new()) };
    let apriori = options.number("apriori", 0.0, 100.0).unwrap_or(1.0);
    let trend = options.number("trend", -0.5, 1.0).unwrap_or(0.0);
    let decay = options.number("decay", 0.0, 1.0).unwrap_or(1.0);
    let incurred = if method == Method::Munich { read_triangle(&options, "incurred") } else { None };
    if let Some(incurred) = &incurred {
        check_same_shape(&options, &triangle, incurred);
    }
    let exposure = exposure?;
    if !faults.borrow().is_empty() {
        return None;
    }
    let factors = triangle.factors();
    match method {
        Method::ChainLadder => Some(answer(&triangle, Some(&factors), &ultimates(&triangle, &factors))),
        Method::Mack => {
            let errors = mack(&triangle, &factors);
            let mut answer = answer(&triangle, Some(&factors), &ultimates(&triangle, &factors));
            answer["sigma"] = json!(errors.sigma);
            answer["standard_error"] = json!(errors.standard_error);
            answer["total"]["standard_error"] = json!(errors.total_standard_error);
            Some(answer)
        }
        Method::BornhuetterFerguson => {
            let losses: Vec<f64> = exposure.iter().map(|exposure| exposure * apriori).collect();
            Some(answer(&triangle, Some(&factors), &bornhuetter_ferguson(&triangle, &factors, &losses)))
        }
        Method::CapeCod => {
            let found = cape_cod(&triangle, &factors, &exposure, trend, decay);
            Some(answer(&triangle, Some(&factors), &found))
        }
        Method::Munich => {
            let found = munich(&triangle, &incurred?);
            let mut answer = answer(&triangle, None, &found.paid);
            answer["ultimate_incurred"] = json!(found.incurred);
            Some(answer)
        }
    }
}

fn answer(triangle: &Triangle, factors: Option<&[f64]>, ultimates: &[f64]) -> Value {
    let latest = triangle.latest();
    let reserves: Vec<f64> =
        ultimates.iter().zip(&latest).map(|(ultimate, latest)| ultimate - latest).collect();
    let mut answer = json!({
        "ultimate": ultimates,
        "reserve": reserves,
        "total": { "ultimate": ultimates.iter().sum::<f64>(), "reserve": reserves.iter().sum::<f64>() },
    });
    if let Some(factors) = factors {
        answer["factors"] = json!(factors);
    }
    answer
}

/// Tells the options that the method would not use.
fn refuse_options(options: &Reader<'_>, method: Method) {
    let used: &[&str] = match method {
        Method::ChainLadder | Method::Mack => &[],
        Method::BornhuetterFerguson => &["exposure", "apriori"],
        Method::CapeCod => &["exposure", "trend", "decay"],
        Method::Munich => &["incurred"],
    };
    for name in OPTIONS.iter().filter(|name| !used.contains(name) && options.value(name).is_some()) {
        let context = "/method".to_owned();
        options.fault(name, "not_applicable", &[("name", (*name).to_owned()), ("context", context)]);
    }
}

fn read_exposure(options: &Reader<'_>, origins: usize) -> Option<Vec<f64>> {
    options.required("exposure")?;
    let list = options.list("exposure", origins, origins)?;
    let place = options.place("exposure");
    let numbers = list.iter().enumerate().map(|(index, value)| {
        reader::number(value, &join(&place, &index.to_string()), 1e-6, LARGEST, options.faults())
    });
    numbers.collect()
}

/// Reads a triangle: first row whole, each row a run of numbers then nulls, never longer than the one before.
fn read_triangle(reader: &Reader<'_>, name: &str) -> Option<Triangle> {
    reader.required(name)?;
    let place = reader.place(name);
    let before = reader.faults().borrow().0.len();
    let mut rows = Vec::new();
    for (index, value) in reader.list(name, 2, MOST)?.iter().enumerate() {
        let place = join(&place, &index.to_string());
        let Some(cells) = reader::list(value, &place, 1, MOST, reader.faults()) else { continue };
        let known = cells.iter().rposition(|cell| !cell.is_null()).map_or(0, |last| last + 1);
        let numbers = cells[..known].iter().enumerate().map(|(column, cell)| {
            reader::number(cell, &join(&place, &column.to_string()), -LARGEST, LARGEST, reader.faults())
        });
        rows.push(numbers.collect::<Vec<_>>());
    }
    let rows: Option<Vec<Vec<f64>>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
    if reader.faults().borrow().0.len() > before {
        return None;
    }
    let rows = rows?;
    let width = rows.first().map_or(0, Vec::len);
    let shape = |row: usize, found: usize, expected: usize| {
        let parameters = [
            ("row", (row + 1).to_string()),
            ("found", found.to_string()),
            ("expected", expected.to_string()),
        ];
        reader.faults().borrow_mut().push(&join(&place, &row.to_string()), "triangle_shape", &parameters);
    };
    if width < 2 {
        shape(0, width, 2);
        return None;
    }
    let mut longest = width;
    for (index, row) in rows.iter().enumerate() {
        if row.is_empty() || row.len() > longest {
            shape(index, row.len(), row.len().clamp(1, longest));
        }
        longest = row.len().max(1);
    }
    let triangle = Triangle { rows, width };
    for column in 0..width - 1 {
        let from: f64 = triangle.pairs(column).map(|(from, _)| from).sum();
        let to: f64 = triangle.pairs(column).map(|(_, to)| to).sum();
        if from <= 0.0 || to <= 0.0 {
            reader.fault(name, "not_positive", &[("column", (column + 1).to_string())]);
        }
    }
    Some(triangle)
}

/// Munich chain ladder needs both triangles known at the same places, and positive.
fn check_same_shape(options: &Reader<'_>, paid: &Triangle, incurred: &Triangle) {
    for index in 0..paid.rows.len().max(incurred.rows.len()) {
        let expected = paid.rows.get(index).map_or(0, Vec::len);
        let found = incurred.rows.get(index).map_or(0, Vec::len);
        if expected != found {
            let row = ("row", (index + 1).to_string());
            let parameters = [row, ("found", found.to_string()), ("expected", expected.to_string())];
            options.fault("incurred", "triangle_shape", &parameters);
        }
    }
    for column in 0..paid.width {
        let positive = |triangle: &Triangle| {
            triangle.rows.iter().filter_map(|row| row.get(column)).all(|cell| *cell > 0.0)
        };
        if !positive(paid) || !positive(incurred) {
            options.fault("incurred", "not_positive", &[("column", (column + 1).to_string())]);
        }
    }
}

//! The request of module `provisionnement`: read, checked as a whole, answered. Not formulas.

use serde_json::{Value, json};

use super::{Triangle, bornhuetter_ferguson, cape_cod, mack, munich, ultimates};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::Answer;
use crate::reader::{self, Reader, join};

/// Reserves from run-off triangles.
pub(crate) const MODULE: Module = Module {
    name: "provisionnement",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/provisionnement.json"),
    example: include_str!("../../data/examples/provisionnement.json"),
};

const MOST: usize = 200;
const LARGEST: f64 = 1e15;
const ROW: Kind =
    Kind::List { of: &Kind::Cell { minimum: -LARGEST, maximum: LARGEST }, minimum: 1, maximum: MOST };
const FIELDS: &[Field] = &[
    Field::list("triangle", &ROW, 2, MOST).required().bulk(),
    Field::choice("method", &METHOD_NAMES).required(),
    Field::object("options", OPTIONS),
];
const OPTIONS: &[Field] = &[
    Field::list("exposure", &Kind::Number { minimum: 1e-6, maximum: LARGEST }, 1, MOST),
    Field::number("apriori", 0.0, 100.0).or(1.0),
    Field::number("trend", -0.5, 1.0).or(0.0).unit("per_year"),
    Field::number("decay", 0.0, 1.0).or(1.0),
    Field::list("incurred", &ROW, 2, MOST).bulk(),
];
const METHODS: [(&str, Method); 5] = [
    ("chain_ladder", Method::ChainLadder),
    ("mack", Method::Mack),
    ("bornhuetter_ferguson", Method::BornhuetterFerguson),
    ("cape_cod", Method::CapeCod),
    ("munich", Method::Munich),
];
const METHOD_NAMES: [&str; 5] = names(&METHODS);

#[derive(Clone, Copy, PartialEq)]
enum Method {
    ChainLadder,
    Mack,
    BornhuetterFerguson,
    CapeCod,
    Munich,
}

/// Answers a request of module `provisionnement`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let method = reader.choice("method", &METHODS);
    let triangle = read_triangle(reader, "triangle");
    let options = reader.section("options")?;
    let (method, triangle) = (method?, triangle?);
    refuse_options(&options, method);
    let exposed = matches!(method, Method::BornhuetterFerguson | Method::CapeCod);
    let exposure = if exposed { read_exposure(&options, triangle.rows.len()) } else { Some(Vec::new()) };
    let apriori = options.number("apriori")?;
    let trend = options.number("trend")?;
    let decay = options.number("decay")?;
    let incurred = if method == Method::Munich { read_triangle(&options, "incurred") } else { None };
    if let Some(incurred) = &incurred {
        check_same_shape(&options, &triangle, incurred);
    }
    let exposure = exposure?;
    reader.call().sound()?;
    let factors = triangle.factors();
    let results = match method {
        Method::ChainLadder => answer(&triangle, Some(&factors), &ultimates(&triangle, &factors)),
        Method::Mack => {
            let errors = mack(&triangle, &factors);
            let mut answer = answer(&triangle, Some(&factors), &ultimates(&triangle, &factors));
            answer["sigma"] = json!(errors.sigma);
            answer["standard_error"] = json!(errors.standard_error);
            answer["total"]["standard_error"] = json!(errors.total_standard_error);
            answer
        }
        Method::BornhuetterFerguson => {
            let losses: Vec<f64> = exposure.iter().map(|exposure| exposure * apriori).collect();
            answer(&triangle, Some(&factors), &bornhuetter_ferguson(&triangle, &factors, &losses))
        }
        Method::CapeCod => {
            let found = cape_cod(&triangle, &factors, &exposure, trend, decay);
            answer(&triangle, Some(&factors), &found)
        }
        Method::Munich => {
            let found = munich(&triangle, &incurred?);
            let mut answer = answer(&triangle, None, &found.paid);
            answer["ultimate_incurred"] = json!(found.incurred);
            answer
        }
    };
    Some(results.into())
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
    for field in OPTIONS.iter().filter(|field| !used.contains(&field.name)) {
        options.refuse(field.name, "/method");
    }
}

fn read_exposure(options: &Reader<'_>, origins: usize) -> Option<Vec<f64>> {
    let given = options.required("exposure")?;
    reader::list(given, &options.place("exposure"), origins, origins, options.call())?;
    options.numbers("exposure")
}

/// Reads a triangle: first row whole, each row a run of numbers then nulls, never longer than the one before.
fn read_triangle(reader: &Reader<'_>, name: &str) -> Option<Triangle> {
    let call = reader.call();
    let place = reader.place(name);
    let before = call.faults().0.len();
    let mut rows = Vec::new();
    reader.required(name)?;
    for (index, value) in reader.list(name)?.iter().enumerate() {
        let place = join(&place, &index.to_string());
        let Some(cells) = reader::list(value, &place, 1, MOST, call) else { continue };
        let known = cells.iter().rposition(|cell| !cell.is_null()).map_or(0, |last| last + 1);
        let numbers = cells[..known].iter().enumerate().map(|(column, cell)| {
            reader::number(cell, &join(&place, &column.to_string()), -LARGEST, LARGEST, call)
        });
        rows.push(numbers.collect::<Vec<_>>());
    }
    let rows: Option<Vec<Vec<f64>>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
    if call.faults().0.len() > before {
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
        call.faults().push(&join(&place, &row.to_string()), "triangle_shape", &parameters);
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

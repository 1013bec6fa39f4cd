//! Reads the triangles of a request and checks them as a whole. Not options.

use serde_json::Value;

use super::{Triangle, claims};
use crate::field::{Field, Kind};
use crate::reader::{self, Reader, join};

/// Most origins or developments of a triangle.
pub(super) const MOST: usize = 400;
pub(super) const LARGEST: f64 = 1e15;
pub(super) const ROW: Kind =
    Kind::List { of: &Kind::Cell { minimum: -LARGEST, maximum: LARGEST }, minimum: 1, maximum: MOST };

/// What gives the triangle of a request.
pub(crate) const INPUT: [Field; 6] = [
    Field::list("triangle", &ROW, 1, MOST).bulk(),
    Field::choice("basis", &["cumulative", "incremental"]).or_name("cumulative"),
    Field::list("claims", &Kind::Object(claims::CLAIM), 1, claims::MOST).bulk(),
    Field::object("layout", claims::LAYOUT),
    Field::list("add", &Kind::List { of: &ROW, minimum: 1, maximum: MOST }, 1, 100).bulk(),
    Field::integer("join_periods", 1, 12).or(1.0),
];

/// The cumulative triangle of a request: given, or made from claim lines; other triangles added, periods joined.
pub(crate) fn triangle(reader: &Reader<'_>) -> Option<Triangle> {
    let call = reader.call();
    reader.exclude("triangle", "claims");
    let name = if reader.value("claims").is_some() { "claims" } else { "triangle" };
    let incremental = reader.choice("basis", &[("cumulative", false), ("incremental", true)])?;
    let mut triangle = if name == "claims" {
        reader.refuse("basis", "claims");
        let triangle = claims::read(reader)?;
        check(&triangle, reader, name)?;
        triangle
    } else {
        reader.refuse("layout", "triangle");
        self::read(reader, name, incremental)?
    };
    if let Some(others) = reader.list("add") {
        for (index, value) in others.iter().enumerate() {
            let place = join(&reader.place("add"), &index.to_string());
            let rows = rows(value, &place, reader)?;
            let other = whole(rows, incremental);
            let Some(sum) = triangle.plus(&other) else {
                let row = (0..triangle.rows.len())
                    .find(|row| other.rows.get(*row).map(Vec::len) != triangle.rows.get(*row).map(Vec::len));
                let row = row.unwrap_or(triangle.rows.len());
                let length = |triangle: &Triangle| triangle.rows.get(row).map_or(0, Vec::len);
                shape(reader, &place, row, length(&other), length(&triangle));
                return None;
            };
            triangle = sum;
        }
    }
    if let Some(size) = reader.count("join_periods").filter(|size| *size > 1) {
        let Some(coarser) = triangle.coarser(size) else {
            let parameters = [
                ("origins", triangle.rows.len().to_string()),
                ("developments", triangle.width.to_string()),
                ("found", size.to_string()),
            ];
            reader.fault("join_periods", "not_divisible", &parameters);
            return None;
        };
        triangle = coarser;
    }
    check(&triangle, reader, name)?;
    call.sound()?;
    Some(triangle)
}

/// Reads a triangle on its own.
pub(super) fn read(reader: &Reader<'_>, name: &str, incremental: bool) -> Option<Triangle> {
    let value = reader.required(name)?;
    reader.list(name)?;
    let rows = rows(value, &reader.place(name), reader)?;
    let triangle = whole(rows, incremental);
    check(&triangle, reader, name)?;
    Some(triangle)
}

fn whole(mut rows: Vec<Vec<f64>>, incremental: bool) -> Triangle {
    if incremental {
        Triangle::accumulate(&mut rows);
    }
    let width = rows.first().map_or(0, Vec::len);
    Triangle { rows, width }
}

/// Each row a run of numbers, then nulls.
fn rows(value: &Value, place: &str, reader: &Reader<'_>) -> Option<Vec<Vec<f64>>> {
    let call = reader.call();
    let before = call.faults().0.len();
    let mut rows = Vec::new();
    for (index, value) in reader::list(value, place, 1, MOST, call)?.iter().enumerate() {
        let place = join(place, &index.to_string());
        let Some(cells) = reader::list(value, &place, 1, MOST, call) else { continue };
        let known = cells.iter().rposition(|cell| !cell.is_null()).map_or(0, |last| last + 1);
        let mut row = Vec::with_capacity(known);
        for (column, cell) in cells[..known].iter().enumerate() {
            let place = join(&place, &column.to_string());
            if cell.is_null() {
                let parameters = [("row", (index + 1).to_string()), ("column", (column + 1).to_string())];
                call.faults().push(&place, "triangle_hole", &parameters);
                continue;
            }
            row.extend(reader::number(cell, &place, -LARGEST, LARGEST, call));
        }
        rows.push(row);
    }
    (call.faults().0.len() == before).then_some(rows)
}

fn shape(reader: &Reader<'_>, place: &str, row: usize, found: usize, expected: usize) {
    let parameters =
        [("row", (row + 1).to_string()), ("found", found.to_string()), ("expected", expected.to_string())];
    reader.call().faults().push(&join(place, &row.to_string()), "triangle_shape", &parameters);
}

/// At least two origins and two developments; the first row whole, none longer than the one before; columns with a
/// positive sum, without which no factor is defined.
fn check(triangle: &Triangle, reader: &Reader<'_>, name: &str) -> Option<()> {
    let place = reader.place(name);
    let Triangle { rows, width } = triangle;
    if rows.len() < 2 {
        let parameters = [("found", rows.len().to_string()), ("minimum", "2".to_owned())];
        reader.fault(name, "too_few", &parameters);
        return None;
    }
    if *width < 2 {
        shape(reader, &place, 0, *width, 2);
        return None;
    }
    let before = reader.call().faults().0.len();
    if rows.len() > MOST || *width > MOST {
        let parameters = [("found", rows.len().max(*width).to_string()), ("maximum", MOST.to_string())];
        reader.fault(name, "too_many", &parameters);
    }
    let mut longest = *width;
    for (index, row) in rows.iter().enumerate() {
        if row.is_empty() || row.len() > longest {
            shape(reader, &place, index, row.len(), row.len().clamp(1, longest));
        }
        longest = row.len().max(1);
    }
    for column in 0..width - 1 {
        let (from, to) =
            triangle.pairs(column).fold((0.0, 0.0), |sum, (_, from, to)| (sum.0 + from, sum.1 + to));
        if from <= 0.0 || to <= 0.0 {
            reader.fault(name, "not_positive", &[("column", (column + 1).to_string())]);
        }
    }
    (reader.call().faults().0.len() == before).then_some(())
}

/// Munich chain ladder needs both triangles known at the same places, and positive.
pub(super) fn check_same_shape(options: &Reader<'_>, paid: &Triangle, incurred: &Triangle) {
    for index in 0..paid.rows.len().max(incurred.rows.len()) {
        let expected = paid.rows.get(index).map_or(0, Vec::len);
        let found = incurred.rows.get(index).map_or(0, Vec::len);
        if expected != found {
            shape(options, &options.place("incurred"), index, found, expected);
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

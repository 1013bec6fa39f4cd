//! Completes an open year: chain ladder on months of occurrence and of payment. Not the fit of what is completed.

use serde_json::{Value, json};

use crate::field::Field;
use crate::numeric::sum;
use crate::outcome::Working;
use crate::reader::Reader;
use crate::reserving::{self, Selection};

/// How months are read and completed: the triangle as in `provisionnement`, and the diagonals that make the factors.
pub(super) const COMPLETION: &[Field] = &[
    reserving::INPUT[0],
    reserving::INPUT[1],
    reserving::INPUT[2],
    reserving::INPUT[3],
    reserving::INPUT[4],
    reserving::INPUT[5],
    Field::integer("last_diagonals", 1, 400),
    Field::integer("open_months", 1, 36).or(12.0).unit("month"),
];

/// Answers `work = completion`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<(Value, Vec<Working>)> {
    reader.required("completion");
    let completion = reader.object("completion")?;
    let triangle = reserving::read_triangle(&completion)?;
    let selection = Selection { last_diagonals: completion.count("last_diagonals"), ..Selection::default() };
    let development = selection.develop(&triangle);
    reserving::check_factors(&completion, "triangle", &development)?;
    let open = completion.count("open_months")?.min(triangle.rows.len());
    let latest = triangle.latest();
    let completed = reserving::ultimates(&triangle, &development.factors);
    let months: Vec<Value> = (latest.iter().zip(&completed))
        .map(|(known, completed)| {
            let mut month = json!({ "known": known, "completed": completed });
            if *completed != 0.0 {
                month["completion"] = json!(known / completed);
            }
            month
        })
        .collect();
    let first = triangle.rows.len() - open;
    let (known, whole) = (sum(latest[first..].iter().copied()), sum(completed[first..].iter().copied()));
    let mut formula =
        Working::new("completed", r"\hat C_i = C_{i,k} \prod_{j \ge k} f_j", &["i", "C_{i,k}", r"\hat C_i"]);
    if reader.call().explain() {
        for (month, (known, completed)) in latest.iter().zip(&completed).enumerate() {
            formula.row(&[month as f64, *known, *completed]);
        }
    }
    let explanation = if formula.rows.is_empty() { Vec::new() } else { vec![formula] };
    let mut open_year =
        json!({ "months": open, "known": known, "completed": whole, "to_come": whole - known });
    if whole != 0.0 {
        open_year["completion"] = json!(known / whole);
    }
    Some((json!({ "factors": development.factors, "months": months, "open_year": open_year }), explanation))
}

//! `POST /calculateurs/provisionnement/resultat`: reserves of a pasted triangle by chain ladder, with Mack's error.
//! A triangle is larger than an address should be; it is answered at once and not kept.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};

use super::pasted::{self, Fault, Pasted};
use super::typed::{Errors, Typed, fill};
use crate::app::SharedApp;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, render_titled};

const PATH: &str = "/calculateurs/provisionnement/resultat";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(form).post(result))
}

/// `GET`: an address that somebody kept; the form is elsewhere.
async fn form() -> Response {
    Redirect::to("/calculateurs/provisionnement/").into_response()
}

async fn result(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let mut typed: Typed = posted.fields.clone();
    fill(&mut typed, &[("amounts", "cumulative"), ("triangle", "")]);
    let computed = match request(&typed) {
        Err(refused) => Err(refused),
        Ok(triangle) => {
            let input = json!({ "method": "mack", "triangle": padded(&triangle) });
            match app.calculations.run("provisionnement", input).await? {
                Ok(answer) => present(&triangle, &answer).ok_or_else(|| told("triangle", "calculation")),
                Err(faults) => {
                    let positive = faults.iter().any(|fault| fault.code == "not_positive");
                    Err(told("triangle", if positive { "not_positive" } else { "calculation" }))
                }
            }
        }
    };
    let (status, result, refused) = match computed {
        Ok(result) => (StatusCode::OK, Some(result), (Errors::new(), Vec::new())),
        Err(refused) => (StatusCode::UNPROCESSABLE_ENTITY, None, refused),
    };
    let (errors, faults) = refused;
    let context = json!({
        "form": { "values": typed, "errors": errors, "action": PATH },
        "faults": faults,
        "result": &result
    });
    let language = posted.language;
    let title = match result {
        Some(_) => app.site.load().texts.text(language, "provisionnement.result.title", &[]),
        None => fault_title(&app, language, "form.provisionnement.title"),
    };
    Ok(render_titled(&app, status, language, &title, "gateway/provisionnement.html", context))
}

type Refused = (Errors, Vec<Fault>);

fn told(field: &str, code: &str) -> Refused {
    (Errors::from([(field.to_owned(), code.to_owned())]), Vec::new())
}

/// The cumulative triangle that was meant.
fn request(typed: &Typed) -> Result<Pasted, Refused> {
    let text = typed.get("triangle").map(String::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(told("triangle", "required"));
    }
    let incremental = match typed.get("amounts").map(String::as_str) {
        Some("cumulative") => false,
        Some("incremental") => true,
        _ => return Err(told("amounts", "choice")),
    };
    let read = pasted::read(text).map_err(|faults| (told("triangle", "triangle").0, faults))?;
    Ok(if incremental { read.cumulated() } else { read })
}

/// Each row as long as the first, what is not known yet as null.
fn padded(triangle: &Pasted) -> Vec<Vec<Option<f64>>> {
    let width = triangle.rows.first().map_or(0, Vec::len);
    let pad = |row: &Vec<f64>| (0..width).map(|column| row.get(column).copied()).collect();
    triangle.rows.iter().map(pad).collect()
}

/// One line for each origin, with the shares that its bar shows.
fn present(triangle: &Pasted, answer: &Value) -> Option<Value> {
    let numbers = |name: &str| -> Option<Vec<f64>> {
        answer.get(name)?.as_array()?.iter().map(Value::as_f64).collect()
    };
    let (ultimates, reserves) = (numbers("ultimate")?, numbers("reserve")?);
    // The error of the last factor of a short triangle is not defined (Mack, 1993).
    let errors = answer.get("standard_error")?.as_array()?;
    let largest = ultimates.iter().copied().fold(1.0, f64::max);
    let width = |amount: f64| (amount.max(0.0) / largest * 1000.0).round() / 10.0;
    let lines =
        triangle.origins.iter().zip(&triangle.rows).enumerate().filter_map(|(index, (origin, row))| {
            let (latest, reserve) = (*row.last()?, *reserves.get(index)?);
            Some(json!({
                "origin": origin,
                "latest": latest,
                "ultimate": ultimates.get(index)?,
                "reserve": reserve,
                "standard_error": errors.get(index)?,
                "known_width": width(latest),
                "reserve_width": width(reserve),
            }))
        });
    let total = answer.get("total")?;
    let reserve = total.get("reserve")?.as_f64()?;
    let error = total.get("standard_error").and_then(Value::as_f64);
    Some(json!({
        "factors": numbers("factors")?,
        "lines": lines.collect::<Vec<_>>(),
        "ultimate": total.get("ultimate")?,
        "reserve": reserve,
        "standard_error": error,
        "coefficient": error.filter(|_| reserve != 0.0).map(|error| error / reserve * 100.0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(name: &str) -> String {
        let path = format!("{}/../engine/data/triangles/{name}.csv", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    fn computed(text: &str) -> Value {
        let typed = Typed::from([
            ("triangle".to_owned(), text.to_owned()),
            ("amounts".to_owned(), "cumulative".to_owned()),
        ]);
        let triangle = request(&typed).unwrap();
        let input = json!({ "method": "mack", "triangle": padded(&triangle) });
        present(&triangle, &aops_engine::calculate("provisionnement", &input).unwrap()).unwrap()
    }

    /// Mack, "Distribution-free calculation of the standard error of chain ladder reserve estimates",
    /// ASTIN Bulletin 23 (1993), tables for Taylor and Ashe's triangle and for RAA (Mack, 1994).
    #[test]
    fn pasted_as_published_the_triangles_of_mack_give_his_reserves_and_errors() {
        for (name, reserve, error) in [("genins", 18_680_856.0, 2_447_095.0), ("raa", 52_135.0, 26_909.0)] {
            let result = computed(&published(name));
            assert!(
                (result["reserve"].as_f64().unwrap() - reserve).abs() < 1.0,
                "{name} {}",
                result["reserve"]
            );
            assert!((result["standard_error"].as_f64().unwrap() - error).abs() < 1.0, "{name}");
            assert_eq!(result["lines"].as_array().unwrap().len(), 10);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_field() {
        let refused = |text: &str, amounts: &str| {
            let typed = Typed::from([
                ("triangle".to_owned(), text.to_owned()),
                ("amounts".to_owned(), amounts.to_owned()),
            ]);
            request(&typed).unwrap_err().0
        };
        assert_eq!(refused(" ", "cumulative")["triangle"], "required");
        assert_eq!(refused("1;2\n3", "both")["amounts"], "choice");
        assert_eq!(refused(&"🙂".repeat(10_000), "cumulative")["triangle"], "triangle");
    }
}

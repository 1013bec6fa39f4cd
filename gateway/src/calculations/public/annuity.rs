//! `GET /calculateurs/rente/resultat`: the public annuity, without a key and without JavaScript. One life,
//! one annuity; what is typed is not kept.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::typed::{Errors, Reading, Typed, fill, whole_if_whole};
use crate::app::SharedApp;
use crate::web::posted::fault_title;
use crate::web::{WebError, negotiation, render_titled};

const PATH: &str = "/calculateurs/rente/resultat";
const TABLES: [&str; 6] = ["TGF05", "TGH05", "TF 00-02", "TH 00-02", "TV 88-90", "TD 88-90"];
const FREQUENCIES: [&str; 4] = ["1", "2", "4", "12"];
const TIMINGS: [&str; 2] = ["due", "immediate"];
/// What holds for a field that an address does not name.
const ASSUMED: [(&str, &str); 6] = [
    ("amount", "1"),
    ("frequency", "1"),
    ("timing", "due"),
    ("birth_year", ""),
    ("deferral", ""),
    ("term", ""),
];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(result))
}

async fn result(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let mut typed: Typed = negotiation::query(&uri)?;
    fill(&mut typed, &ASSUMED);
    let (status, result, errors) = match request(&typed) {
        Err(errors) => (StatusCode::UNPROCESSABLE_ENTITY, None, errors),
        Ok((input, amount)) => match app.calculations.run("rente", input).await? {
            Ok(answer) => (StatusCode::OK, present(&answer, amount), Errors::new()),
            Err(faults) => {
                let errors = faults.iter().map(|fault| field_of(&fault.pointer, fault.code)).collect();
                (StatusCode::UNPROCESSABLE_ENTITY, None, errors)
            }
        },
    };
    let context = json!({ "form": { "values": typed, "errors": errors, "action": PATH }, "result": &result });
    let language = negotiation::language(&uri, &headers);
    let title = match result {
        Some(_) => app.site.load().texts.text(language, "rente.result.title", &[]),
        None => fault_title(&app, language, "form.rente.title"),
    };
    Ok(render_titled(&app, status, language, &title, "gateway/rente.html", context))
}

/// The engine's request for what was typed, and the yearly amount.
fn request(typed: &Typed) -> Result<(Value, f64), Errors> {
    let mut reading = Reading::new(typed);
    let mut input = Map::from_iter([("benefit".to_owned(), json!("annuity"))]);
    let mut life = Map::from_iter([
        ("table".to_owned(), json!(reading.choice("table", &TABLES))),
        ("age".to_owned(), json!(reading.number("age", 0.0..=120.0))),
    ]);
    if let Some(year) = reading.optional("birth_year", 1900.0..=2010.0) {
        if year.fract() != 0.0 {
            reading.fault("birth_year", "integer");
        }
        life.insert("birth_year".into(), json!(year as i64));
    }
    input.insert("rate".into(), json!(reading.number("rate", -5.0..=20.0) / 100.0));
    let amount = reading.number("amount", 0.0..=10_000_000.0);
    input.insert("amount".into(), json!(amount));
    let frequency = reading.choice("frequency", &FREQUENCIES);
    input.insert("frequency".into(), json!(frequency.parse::<u8>().unwrap_or(1)));
    input.insert("timing".into(), json!(reading.choice("timing", &TIMINGS)));
    for (name, range) in [("deferral", 0.0..=80.0), ("term", 0.0..=120.0)] {
        if let Some(years) = reading.optional(name, range) {
            input.insert(name.into(), whole_if_whole(years));
        }
    }
    input.insert("lives".into(), json!([life]));
    if reading.errors.is_empty() { Ok((Value::Object(input), amount)) } else { Err(reading.errors) }
}

/// The value, and the value of one euro a year.
fn present(answer: &Value, amount: f64) -> Option<Value> {
    let value = answer.get("present_value")?.as_f64()?;
    let factor = if amount > 0.0 { json!(value / amount) } else { Value::Null };
    Some(json!({ "present_value": value, "factor": factor, "amount": amount }))
}

/// The field of the form that an engine's fault is about, and the code of its message there.
fn field_of(pointer: &str, code: &str) -> (String, String) {
    let (field, message) = match (code, pointer.rsplit('/').next().unwrap_or_default()) {
        ("birth_year_missing", _) => ("birth_year", "birth_year"),
        ("birth_year_unknown", _) => ("birth_year", "range"),
        ("age_before_table" | "age_after_table", _) => ("age", "table"),
        (_, "table") => ("table", "table"),
        (_, field @ ("age" | "birth_year" | "rate" | "amount" | "deferral" | "term")) => (field, "range"),
        _ => ("table", "calculation"),
    };
    (field.to_owned(), message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_typed_becomes_the_engine_s_request() {
        let form = typed(&[
            ("table", "TGF05"),
            ("age", "65"),
            ("birth_year", "1960"),
            ("rate", "2,5"),
            ("amount", "12 000"),
            ("frequency", "12"),
            ("timing", "immediate"),
            ("deferral", ""),
            ("term", "10"),
        ]);
        let (input, amount) = request(&form).unwrap();
        assert_eq!(amount, 12_000.0);
        assert_eq!(
            input,
            json!({
                "lives": [{ "table": "TGF05", "age": 65.0, "birth_year": 1960 }],
                "benefit": "annuity", "rate": 0.025, "amount": 12_000.0,
                "frequency": 12, "timing": "immediate", "term": 10,
            })
        );
    }

    #[test]
    fn every_fault_is_told_by_its_field() {
        let form = typed(&[
            ("table", "TPG 93"),
            ("age", "cent"),
            ("birth_year", "1960.5"),
            ("rate", "99"),
            ("amount", "1e9"),
            ("frequency", "3"),
            ("timing", "later"),
            ("deferral", "-1"),
        ]);
        let errors = request(&form).unwrap_err();
        let expected = [
            ("age", "number"),
            ("amount", "number"),
            ("birth_year", "integer"),
            ("deferral", "range"),
            ("frequency", "choice"),
            ("rate", "range"),
            ("table", "choice"),
            ("timing", "choice"),
        ];
        assert_eq!(errors, typed(&expected));
        let mut empty = Typed::new();
        fill(&mut empty, &ASSUMED);
        let empty = request(&empty).unwrap_err();
        assert_eq!(empty, typed(&[("age", "required"), ("rate", "required"), ("table", "required")]));
    }

    #[test]
    fn the_engine_s_faults_are_told_at_the_form_s_fields() {
        let told = |pointer, code| field_of(pointer, code);
        let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
        assert_eq!(told("/lives/0", "birth_year_missing"), pair("birth_year", "birth_year"));
        assert_eq!(told("/lives/0/age", "age_before_table"), pair("age", "table"));
        assert_eq!(told("/term", "out_of_range"), pair("term", "range"));
        assert_eq!(told("", "not_finite"), pair("table", "calculation"));
    }
}

//! `GET /calculateurs/ifc/resultat`: the end-of-career indemnity of one employee, as the offer values it for all.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::typed::{Errors, Reading, Typed, fill};
use crate::app::SharedApp;
use crate::web::posted::fault_title;
use crate::web::{WebError, negotiation, render_titled};

const PATH: &str = "/calculateurs/ifc/resultat";
/// What holds for a field that an address does not name.
const ASSUMED: [(&str, &str); 6] = [
    ("growth", "0"),
    ("turnover", "0"),
    ("charges", "0"),
    ("departure", "voluntary"),
    ("attribution", "straight_line"),
    ("mortality", "00-02"),
];
/// Nobody leaves of their own will from this age on, in this calculator.
const LAST_TURNOVER_AGE: u8 = 54;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(result))
}

async fn result(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let mut typed: Typed = negotiation::query(&uri)?;
    fill(&mut typed, &ASSUMED);
    let today = app.clock.now().to_zoned_datetime(TimeZone::UTC).date();
    typed.retain(|name, value| name != "valuation_date" || !value.trim().is_empty());
    fill(&mut typed, &[("valuation_date", &today.to_string())]);
    let (status, result, errors) = match request(&typed) {
        Err(errors) => (StatusCode::UNPROCESSABLE_ENTITY, None, errors),
        Ok((input, valuation)) => match app.calculations.run("ifc", input).await? {
            Ok(answer) => (StatusCode::OK, present(&answer, valuation), Errors::new()),
            Err(faults) => {
                let errors = faults.iter().map(|fault| field_of(&fault.pointer)).collect();
                (StatusCode::UNPROCESSABLE_ENTITY, None, errors)
            }
        },
    };
    let context = json!({ "form": { "values": typed, "errors": errors, "action": PATH }, "result": &result });
    let language = negotiation::language(&uri, &headers);
    let title = match result {
        Some(_) => app.site.load().texts.text(language, "ifc.result.title", &[]),
        None => fault_title(&app, language, "form.ifc.title"),
    };
    Ok(render_titled(&app, status, language, &title, "gateway/ifc.html", context))
}

/// The engine's request for what was typed, and the day of valuation.
fn request(typed: &Typed) -> Result<(Value, Date), Errors> {
    let mut reading = Reading::new(typed);
    let sex = reading.choice("sex", &["F", "M"]);
    let (birth, hire) = (reading.date("birth_date"), reading.date("hire_date"));
    let salary = reading.number("salary", 1.0..=10_000_000.0);
    let valuation = reading.date("valuation_date");
    let percent = |reading: &mut Reading<'_>, name, range| reading.number(name, range) / 100.0;
    let rate = percent(&mut reading, "discount", -5.0..=20.0);
    let growth = percent(&mut reading, "growth", -5.0..=20.0);
    let turnover = percent(&mut reading, "turnover", 0.0..=80.0);
    let charges = percent(&mut reading, "charges", 0.0..=150.0);
    let retirement_age = reading.number("retirement_age", 55.0..=75.0);
    let departure = reading.choice("departure", &["voluntary", "employer"]);
    let attribution = reading.choice("attribution", &["straight_line", "ias19_2021"]);
    let tables = match reading.choice("mortality", &["00-02", "05"]) {
        "05" => json!({ "M": "TGH05", "F": "TGF05" }),
        _ => json!({ "M": "TH 00-02", "F": "TF 00-02" }),
    };
    if let (Some(birth), Some(hire)) = (birth, hire)
        && hire.year() < birth.year() + 14
    {
        reading.fault("hire_date", "hired_as_child");
    }
    if let (Some(hire), Some(valuation)) = (hire, valuation)
        && hire > valuation
    {
        reading.fault("hire_date", "after_valuation");
    }
    let (Some(birth), Some(hire), Some(valuation), true) =
        (birth, hire, valuation, reading.errors.is_empty())
    else {
        return Err(reading.errors);
    };
    let input = json!({
        "valuation_date": valuation.to_string(),
        "scale": if departure == "employer" { "legal_dismissal" } else { "legal_voluntary" },
        "employees": [{
            "id": "1", "sex": sex, "birth_date": birth.to_string(), "hire_date": hire.to_string(),
            "annual_salary": salary,
        }],
        "assumptions": {
            "discount_rate": rate,
            "salary_growth": growth,
            "mortality": tables,
            "turnover": [{ "age_from": 14, "age_to": LAST_TURNOVER_AGE, "rate": turnover }],
            "social_charge_rate": charges,
            "retirement_age": retirement_age,
            "attribution": attribution,
        },
    });
    Ok((input, valuation))
}

/// The figures of the one employee, and the sensitivities as changes of the obligation.
fn present(answer: &Value, valuation: Date) -> Option<Value> {
    let one = answer.pointer("/employees/0")?;
    let dbo = one.get("dbo")?.as_f64()?;
    let moves = answer.get("sensitivities")?.as_array()?.iter().filter_map(|line| {
        let moved = line.get("dbo")?.as_f64()?;
        let shift = line.get("shift")?.as_f64()?;
        let assumption = line.get("assumption")?.as_str()?;
        let in_points = matches!(assumption, "discount_rate" | "salary_growth" | "turnover");
        let shift = if in_points { shift * 100.0 } else { shift };
        let decimals =
            if assumption == "discount_rate" { 2 } else { usize::from(assumption == "salary_growth") };
        let change = if dbo > 0.0 { json!((moved / dbo - 1.0) * 100.0) } else { Value::Null };
        Some(json!({
            "assumption": assumption, "shift": shift, "decimals": decimals, "dbo": moved, "change": change,
        }))
    });
    Some(json!({
        "dbo": dbo,
        "service_cost": one.get("service_cost")?,
        "projected_benefit": one.get("projected_benefit")?,
        "probability": one.get("probability")?.as_f64()? * 100.0,
        "retirement_date": one.get("retirement_date")?,
        "valuation_date": valuation.to_string(),
        "duration": answer.get("duration")?,
        "sensitivities": moves.collect::<Vec<_>>(),
    }))
}

/// The field of the form that an engine's fault is about, and the code of its message there.
fn field_of(pointer: &str) -> (String, String) {
    let field = match pointer.rsplit('/').next().unwrap_or_default() {
        field @ ("birth_date" | "hire_date" | "valuation_date" | "retirement_age") => field,
        "annual_salary" => "salary",
        "discount_rate" => "discount",
        "salary_growth" => "growth",
        "social_charge_rate" => "charges",
        _ => return ("birth_date".into(), "calculation".into()),
    };
    (field.into(), "calculation".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        let mut typed: Typed =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        fill(&mut typed, &ASSUMED);
        typed
    }

    const EMPLOYEE: [(&str, &str); 10] = [
        ("sex", "F"),
        ("birth_date", "15/03/1976"),
        ("hire_date", "2004-09-01"),
        ("salary", "36 000"),
        ("valuation_date", "2025-12-31"),
        ("discount", "3,5"),
        ("growth", "2"),
        ("turnover", "3"),
        ("charges", "42"),
        ("retirement_age", "64"),
    ];

    #[test]
    fn the_result_is_the_engine_s_for_one_employee() {
        let (input, valuation) = request(&typed(&EMPLOYEE)).unwrap();
        assert_eq!(input["employees"][0]["annual_salary"], 36_000.0);
        assert_eq!(input["assumptions"]["discount_rate"], 0.035);
        let answer = aops_engine::calculate("ifc", &input).unwrap();
        let result = present(&answer, valuation).unwrap();
        // Labour code art. D. 1237-1: two months of salary after thirty years of service, grown to 2040, with charges.
        let benefit = result["projected_benefit"].as_f64().unwrap();
        let years = 14.2;
        let expected = 36_000.0 / 12.0 * 2.0 * 1.42 * 1.02_f64.powf(years);
        assert!((benefit / expected - 1.0).abs() < 0.02, "{benefit} {expected}");
        assert_eq!(result["dbo"], answer["dbo"]);
        assert_eq!(result["sensitivities"].as_array().unwrap().len(), 10);
    }

    #[test]
    fn every_fault_is_told_by_its_field() {
        let errors = request(&typed(&[
            ("sex", "X"),
            ("birth_date", "31/02/1976"),
            ("salary", "🙂"),
            ("discount", "99"),
            ("valuation_date", "2025-12-31"),
        ]))
        .unwrap_err();
        let told: Vec<_> = errors.iter().map(|(name, code)| (name.as_str(), code.as_str())).collect();
        let expected = [
            ("birth_date", "date"),
            ("discount", "range"),
            ("hire_date", "required"),
            ("retirement_age", "required"),
            ("salary", "number"),
            ("sex", "choice"),
        ];
        assert_eq!(told, expected);
        let mut child = typed(&EMPLOYEE);
        child.insert("hire_date".into(), "1985-01-01".into());
        assert_eq!(request(&child).unwrap_err()["hire_date"], "hired_as_child");
    }
}

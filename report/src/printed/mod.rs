//! A report as a PDF that is an archive and can be read aloud: what was asked, of which data, what came of it, how, and
//! within which limits. The template is the theme's, the words are the theme's; here they meet the figures.

mod accounts;
mod charts;
mod digest;
mod drawings;
mod formulas;
mod parts;
mod profile;
mod scale;
mod sections;

use aops_engine::Apart;
use aops_typeset::{Template, TypesetError};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub use self::digest::digest;
pub use self::drawings::{Drawing, drawings};
use crate::words::Words;

const TEMPLATE: Template =
    Template { name: "report.typ", source: include_str!("../../../themes/aops/reports/report.typ") };

/// A calculation to be told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The module.
    pub module: &'a str,
    /// What was asked; lines of data that came beside it may be missing.
    pub request: &'a Value,
    /// What the engine answered.
    pub outcome: &'a Value,
    /// What is told of a list that stands apart from it.
    pub apart: Option<&'a Apart>,
    /// When it was computed.
    pub made: Timestamp,
    /// The [`digest`] of all that was asked.
    pub digest: &'a str,
    /// Whose calculation it is, and of which data, as far as it is known.
    pub owner: Option<&'a str>,
    /// The name of the data.
    pub data: Option<&'a str>,
}

/// The report as PDF/A-2a and PDF/UA-1. The same calculation gives the same bytes.
///
/// # Errors
/// [`TypesetError`]: the template's fault, never the client's.
pub fn printed(told: &Told<'_>, words: &Words) -> Result<Vec<u8>, TypesetError> {
    aops_typeset::pdf(TEMPLATE, &values(told, words), told.made)
}

/// A request that tells its working, where that is short: lines of data have a line of working each, and keep it out.
pub fn with_working(request: &Value) -> Value {
    let mut request = request.clone();
    let lined = formulas::LINES.iter().any(|name| request.get(*name).is_some());
    if let Some(members) = request.as_object_mut().filter(|_| !lined) {
        members.entry("explain").or_insert(Value::Bool(true));
    }
    request
}

/// What the template reads.
fn values(told: &Told<'_>, words: &Words) -> Value {
    let title = words.of("module", told.module);
    let made = day(told.made.to_zoned_datetime(TimeZone::UTC).date(), words);
    let valued = told.request.get("valuation_date").and_then(Value::as_str);
    let valued = valued.and_then(|date| date.parse::<Date>().ok()).map(|date| day(date, words));
    let summary = match &valued {
        Some(date) => words.of("report", "valued").replace("{date}", date),
        None => words.of("report", "computed").replace("{date}", &made),
    };
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: Option<&str>| {
        facts.extend(value.map(|value| json!([words.of("report", name), value])));
    };
    fact("owner", told.owner);
    fact("data", told.data);
    fact("valuation_date", valued.as_deref());
    fact("made", Some(&made));
    fact("engine", told.outcome.pointer("/engine/version").and_then(Value::as_str));
    fact("digest", told.digest.get(..16));
    json!({
        "title": title,
        "author": words.of("report", "author"),
        "summary": summary,
        "lang": "fr",
        "footer": words.of("report", "footer").replace("{date}", &made),
        "decision": words.of("note", "decision"),
        "labels": {
            "contents": words.of("report", "contents"),
            "item": words.of("note", "item"),
            "value": words.of("note", "value"),
        },
        "facts": facts,
        "sections": sections::all(told, words),
    })
}

/// A day in words.
fn day(date: Date, words: &Words) -> String {
    let month = date.month().to_string();
    let day = if date.day() == 1 { words.of("month", "first").to_owned() } else { date.day().to_string() };
    format!("{day} {} {}", words.of("month", &month), date.year())
}

#[cfg(test)]
mod tests;

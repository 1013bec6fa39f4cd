//! Faults and data sets as clients read them: where, which, and in words.

use aops_dataset::{Fault, Faults};
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use super::document::{Dataset, Details};
use crate::app::App;
use crate::texts::Texts;

/// The members of problem+json that tell all faults at once. What is wrong with a whole file is told at its first row.
pub(super) fn faults(texts: &Texts, language: Language, faults: &Faults) -> Map<String, Value> {
    let told: Vec<Value> = faults
        .listed
        .iter()
        .map(|fault| {
            let mut told = one(texts, language, fault);
            told["row"] = json!(fault.row.unwrap_or(1));
            told
        })
        .collect();
    Map::from_iter([("faults".to_owned(), Value::Array(told)), ("total".to_owned(), json!(faults.total))])
}

/// What is odd.
pub(super) fn warnings(texts: &Texts, language: Language, warnings: &[Fault]) -> Value {
    warnings.iter().map(|warning| one(texts, language, warning)).collect()
}

fn one(texts: &Texts, language: Language, fault: &Fault) -> Value {
    let message = sentence(texts, language, fault);
    json!({ "row": fault.row, "column": fault.column, "code": fault.code, "message": message })
}

/// The theme's sentence of a fault.
pub(super) fn sentence(texts: &Texts, language: Language, fault: &Fault) -> String {
    let parameters: Vec<(&str, &str)> =
        fault.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    texts.text(language, &format!("dataset_fault.{}", fault.code), &parameters)
}

/// A data set without what is in it.
pub(super) fn head(app: &App, id: &str, dataset: &Dataset) -> Value {
    json!({
        "id": id,
        "module": dataset.module,
        "name": dataset.name,
        "rows": dataset.rows,
        "columns": dataset.columns.len(),
        "column_names": dataset.columns,
        "created": dataset.created,
        "ends": dataset.ends(&app.settings.retention),
        "digest": dataset.digest,
        "pseudonyms": dataset.pseudonyms,
        "warranty": { "version": dataset.warranty.version, "at": dataset.warranty.at },
    })
}

/// A data set with what was found in it.
pub(super) fn whole(app: &App, language: Language, id: &str, dataset: &Dataset, details: &Details) -> Value {
    let mut told = head(app, id, dataset);
    told["mapping"] = json!(details.mapped);
    told["profile"] = json!(details.profile);
    told["warnings"] = warnings(&app.site.load().texts, language, &details.warnings);
    told
}

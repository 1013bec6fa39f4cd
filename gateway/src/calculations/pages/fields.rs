//! The fields of a form from those that the engine declares: its schema, walked once for showing and once for reading.
//! What has no simple field is typed as JSON, under « more ».

use std::collections::BTreeMap;

use aops_report::{Kind, Words};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::calculations::assumptions::{Note, is_assumption};

/// Members of requests that are no assumptions: asked for elsewhere.
const ELSEWHERE: [&str; 2] = ["explain", "tables"];
/// Lines of data, which a dataset brings.
const LINES: [&str; 3] = ["employees", "heads", "triangle"];
/// Between the names of a path.
const BETWEEN: char = '.';

/// A field of a form.
#[derive(Debug, Clone, Serialize)]
pub(in crate::calculations) struct Field {
    name: String,
    title: String,
    /// `number`, `choice`, `date`, `flag`, `text` or `json`.
    kind: &'static str,
    unit: Option<String>,
    value: String,
    required: bool,
    /// What holds where nothing is typed.
    default: Option<String>,
    options: Vec<Value>,
    /// Shown under « more ».
    more: bool,
    /// What it is for and where its value comes from.
    note: Option<Note>,
}

/// The fields of a module with these values; lines of data where no dataset brings them.
pub(in crate::calculations) fn of(
    module: &str,
    values: &Value,
    with_data: bool,
    words: &Words,
) -> Vec<Field> {
    let mut fields = Vec::new();
    let Some(schema) = aops_engine::schema(module) else { return fields };
    walk(&schema, "", "", Some(values), &mut |place| {
        let top = place.name.split(BETWEEN).next().unwrap_or_default();
        if !(with_data && LINES.contains(&top)) {
            fields.push(field(&place, words));
        }
    });
    fields.sort_by_key(|field| field.more);
    fields
}

/// The fields of a module's assumptions alone.
pub(in crate::calculations) fn assumptions(module: &str, values: &Value, words: &Words) -> Vec<Field> {
    let mut fields = of(module, values, false, words);
    fields.retain(|field| is_assumption(module, &field.name));
    // None is asked for before it is needed.
    fields.iter_mut().for_each(|field| field.required = false);
    fields
}

/// Says of fields what they are for, where it is known; these are in sight, filled in or not.
pub(in crate::calculations) fn noted(fields: &mut [Field], notes: &[Note]) {
    for note in notes {
        for field in fields.iter_mut().filter(|field| field.name == note.field) {
            field.note = Some(note.clone());
            field.more = false;
        }
    }
    fields.sort_by_key(|field| field.more);
}

/// The fields as they were typed, so that nothing that is wrong is lost or out of sight.
pub(in crate::calculations) fn as_typed(fields: &mut [Field], typed: &BTreeMap<String, String>) {
    for field in fields.iter_mut() {
        if let Some(text) = typed.get(&field.name) {
            field.value.clone_from(text);
            field.more &= text.trim().is_empty();
        }
    }
    fields.sort_by_key(|field| field.more);
}

/// A place in the schema with its value.
struct Place<'a> {
    name: String,
    title: String,
    schema: &'a Value,
    value: Option<&'a Value>,
    required: bool,
}

fn walk<'a>(
    schema: &'a Value,
    path: &str,
    title: &str,
    values: Option<&'a Value>,
    each: &mut dyn FnMut(Place<'a>),
) {
    let required = |name: &str| {
        let mut names = schema["required"].as_array().into_iter().flatten();
        names.any(|required| required == name)
    };
    for (name, inside) in schema["properties"].as_object().into_iter().flatten() {
        if ELSEWHERE.contains(&name.as_str()) {
            continue;
        }
        let value = values.and_then(|values| values.get(name)).filter(|value| !value.is_null());
        let path = if path.is_empty() { name.clone() } else { format!("{path}{BETWEEN}{name}") };
        let own = inside["title"].as_str().unwrap_or(name);
        let titled = if title.is_empty() { own.to_owned() } else { format!("{title} › {own}") };
        let group =
            inside["properties"].is_object() && (required(name) || value.is_some_and(Value::is_object));
        if group {
            // The group of all assumptions needs no name.
            let title = if path == "assumptions" { "" } else { titled.as_str() };
            walk(inside, &path, title, value, each);
        } else {
            each(Place { name: path, title: titled, schema: inside, value, required: required(name) });
        }
    }
}

fn field(place: &Place<'_>, words: &Words) -> Field {
    let last = place.name.rsplit(BETWEEN).next().unwrap_or_default();
    let simple = place.value.is_none_or(|value| !value.is_object() && !value.is_array());
    let shape = shapes(place.schema).into_iter().find(|shape| kind(shape) != "json").filter(|_| simple);
    let kind = shape.map_or("json", kind);
    let percent = kind == "number" && is_rate(last);
    let word = |code: &str| words.of(&format!("value.{last}"), code).to_owned();
    let choices = shape.and_then(|shape| shape["enum"].as_array().or_else(|| shape["examples"].as_array()));
    let options = choices.into_iter().flatten().filter_map(Value::as_str);
    let unit =
        if percent { Some("%".to_owned()) } else { place.schema["x-unit"].as_str().map(str::to_owned) };
    Field {
        name: place.name.clone(),
        title: place.title.clone(),
        kind,
        unit,
        value: place.value.map(|value| shown(value, percent)).unwrap_or_default(),
        required: place.required,
        default: place.schema.get("default").map(|value| match value {
            Value::String(code) => word(code),
            Value::Bool(_) => value.to_string(),
            value => shown(value, percent),
        }),
        options: options.map(|code| json!({ "value": code, "label": word(code) })).collect(),
        more: !place.required && place.value.is_none(),
        note: None,
    }
}

fn shapes(schema: &Value) -> Vec<&Value> {
    match schema["anyOf"].as_array() {
        Some(shapes) => shapes.iter().collect(),
        None => vec![schema],
    }
}

fn kind(shape: &Value) -> &'static str {
    match (shape["type"].as_str(), shape["format"].as_str()) {
        (Some("string"), _) if shape["enum"].is_array() || shape["examples"].is_array() => "choice",
        (Some("string"), Some("date")) => "date",
        (Some("string"), _) => "text",
        (Some("number" | "integer"), _) => "number",
        (Some("boolean"), _) => "flag",
        _ => "json",
    }
}

fn is_rate(name: &str) -> bool {
    Kind::of(name) == Kind::Rate
}

fn shown(value: &Value, percent: bool) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default() * if percent { 100.0 } else { 1.0 };
            // Without the digits that multiplying brought.
            let rounded = format!("{number:.10}");
            rounded.trim_end_matches('0').trim_end_matches('.').replace('.', ",")
        }
        other => other.to_string(),
    }
}

/// What was typed as parameters; or as far as it is one, and by field the code of what is wrong.
pub(in crate::calculations) fn read(
    module: &str,
    typed: &BTreeMap<String, String>,
) -> Result<Map<String, Value>, (Value, BTreeMap<String, String>)> {
    let (mut parameters, mut errors) = (json!({}), BTreeMap::new());
    let schema = aops_engine::schema(module).unwrap_or_default();
    for (name, text) in typed.iter().filter(|(_, text)| !text.trim().is_empty()) {
        let Some(shape) = at(&schema, name) else {
            errors.insert(name.clone(), "unknown_field".to_owned());
            continue;
        };
        match value(name, shape, text.trim()) {
            Ok(value) => put(&mut parameters, name, value),
            Err(code) => {
                errors.insert(name.clone(), code.to_owned());
            }
        }
    }
    match parameters {
        Value::Object(members) if errors.is_empty() => Ok(members),
        partial => Err((partial, errors)),
    }
}

fn at<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    name.split(BETWEEN).try_fold(schema, |schema, name| schema["properties"].get(name))
}

fn value(name: &str, schema: &Value, text: &str) -> Result<Value, &'static str> {
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|_| "json");
    }
    let mut wrong = "json";
    for shape in shapes(schema) {
        match kind(shape) {
            "choice" | "date" | "text" if allowed(shape, text) => return Ok(json!(text)),
            "choice" => wrong = "choice",
            "flag" => match text {
                "true" => return Ok(json!(true)),
                "false" => return Ok(json!(false)),
                _ => wrong = "choice",
            },
            "number" => {
                let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                if let Ok(number) = plain.replace(',', ".").trim_end_matches('%').parse::<f64>()
                    && number.is_finite()
                {
                    let last = name.rsplit(BETWEEN).next().unwrap_or_default();
                    return Ok(json!(if is_rate(last) { rounded(number / 100.0) } else { number }));
                }
                wrong = "number";
            }
            _ => {}
        }
    }
    Err(wrong)
}

fn allowed(shape: &Value, text: &str) -> bool {
    shape["enum"].as_array().is_none_or(|names| names.iter().any(|name| name == text))
}

/// Without the digits that dividing brought.
fn rounded(number: f64) -> f64 {
    format!("{number:.12}").parse().unwrap_or(number)
}

fn put(parameters: &mut Value, name: &str, value: Value) {
    let mut place = parameters;
    for name in name.split(BETWEEN) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[Field]) -> BTreeMap<String, String> {
        fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect()
    }

    /// Whether two values say the same: 12 and 12.0 are one number.
    fn same(one: &Value, other: &Value) -> bool {
        aops_report::digest(one, None) == aops_report::digest(other, None)
    }

    #[test]
    fn the_form_of_every_example_reads_back_as_the_example() {
        let words = Words::french().unwrap();
        for module in aops_engine::MODULES {
            let example = aops_engine::example(module).unwrap();
            let fields = of(module, &example, false, &words);
            let read = read(module, &typed(&fields)).unwrap();
            let read = aops_engine::calculate(module, &Value::Object(read)).unwrap().into_json();
            let own = aops_engine::calculate(module, &example).unwrap().into_json();
            assert!(same(&read["assumptions"], &own["assumptions"]), "{module}: {}", read["assumptions"]);
            assert!(fields.iter().all(|field| !field.title.contains('_')), "{module}: {fields:?}");
        }
    }

    #[test]
    fn rates_are_typed_in_percent_and_lines_of_data_are_left_to_the_dataset() {
        let words = Words::french().unwrap();
        let fields = of("ifc", &aops_engine::example("ifc").unwrap(), true, &words);
        assert!(fields.iter().all(|field| field.name != "employees"));
        let rate = fields.iter().find(|field| field.name == "assumptions.discount_rate").unwrap();
        assert_eq!((rate.value.as_str(), rate.unit.as_deref(), rate.more), ("3,4", Some("%"), false));
        let scale = fields.iter().find(|field| field.name == "scale").unwrap();
        assert_eq!((scale.kind, scale.options.len()), ("choice", 2));
    }

    #[test]
    fn what_is_no_value_is_told_by_its_field() {
        let typed = [
            ("assumptions.discount_rate", "trois"),
            ("scale", "inconnu"),
            ("assumptions.turnover", "[{"),
            ("assumptions.nothing", "1"),
            ("assumptions.salary_growth", " 2,5 % "),
        ];
        let typed: BTreeMap<String, String> =
            typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let (partial, errors) = read("ifc", &typed).unwrap_err();
        let codes: Vec<&str> = errors.values().map(String::as_str).collect();
        assert_eq!(codes, ["number", "unknown_field", "json", "choice"]);
        assert_eq!(partial["assumptions"]["salary_growth"], 0.025);
        let mut fields = of("ifc", &partial, false, &Words::french().unwrap());
        as_typed(&mut fields, &typed);
        let rate = fields.iter().find(|field| field.name == "assumptions.discount_rate").unwrap();
        assert_eq!((rate.value.as_str(), rate.more), ("trois", false));
    }
}

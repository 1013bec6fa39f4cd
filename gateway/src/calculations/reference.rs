//! `GET /api/reference`: the description that programs get at `/api/openapi.json`, as a page to read.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::openapi;
use crate::app::SharedApp;
use crate::texts::Texts;
use crate::web::render;

/// Objects in lists in objects, and so on: deeper ones are left to the description itself.
const DEEPEST: usize = 6;
/// Values of a choice, past which the first few are named.
const MOST_VALUES: usize = 12;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/reference", get(page))
}

async fn page(State(app): State<SharedApp>) -> Response {
    let operations = {
        let site = app.site.load();
        operations(&openapi::document(&site.texts), &site.texts)
    };
    let context = json!({ "statuses": statuses(&operations), "operations": operations });
    render(&app, StatusCode::OK, Language::Fr, "api_reference.title", "gateway/api_reference.html", context)
}

/// Every operation, in the order of paths.
fn operations(document: &Value, texts: &Texts) -> Vec<Value> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().cloned().unwrap_or_default();
        methods
            .iter()
            .map(|(method, told)| operation(document, texts, path, method, told))
            .collect::<Vec<_>>()
    };
    paths.flat_map(of_path).collect()
}

/// What each status means, once.
fn statuses(operations: &[Value]) -> Value {
    let answers = operations.iter().filter_map(|one| one["answers"].as_array()).flatten();
    let told: BTreeMap<&str, &Value> =
        answers.filter_map(|one| Some((one["status"].as_str()?, &one["description"]))).collect();
    told.into_iter().map(|(status, meaning)| json!({ "status": status, "meaning": meaning })).collect()
}

fn operation(document: &Value, texts: &Texts, path: &str, method: &str, told: &Value) -> Value {
    let mut bodies = Vec::new();
    for (media_type, content) in told["requestBody"]["content"].as_object().into_iter().flatten() {
        let mut fields = Vec::new();
        describe(document, texts, &content["schema"], "", DEEPEST, &mut fields);
        let example = content.get("example").and_then(|example| serde_json::to_string_pretty(example).ok());
        bodies.push(json!({ "media_type": media_type, "fields": fields, "example": example }));
    }
    let parameters: Vec<Value> = told["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            json!({
                "name": one["name"], "in": one["in"], "required": one["required"] == json!(true),
                "kind": kind(texts, resolved(document, &one["schema"])),
            })
        })
        .collect();
    let answers: Vec<Value> = told["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(status, answer)| {
            let answer = resolved(document, answer);
            let kinds: Vec<&String> = answer["content"].as_object().into_iter().flat_map(Map::keys).collect();
            json!({ "status": status, "description": answer["description"], "media_types": kinds })
        })
        .collect();
    json!({
        "id": told["operationId"], "method": method.to_uppercase(), "path": path, "summary": told["summary"],
        "without_key": told["security"].as_array().is_some_and(Vec::is_empty),
        "parameters": parameters, "bodies": bodies, "answers": answers,
    })
}

/// What a `$ref` names, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let named = value["$ref"].as_str().and_then(|place| document.pointer(place.strip_prefix('#')?));
    named.unwrap_or(value)
}

/// The fields of a schema, a row each: those of lists as `lives[].age`, those of maps as `scales{}.age`.
fn describe(
    document: &Value,
    texts: &Texts,
    schema: &Value,
    path: &str,
    depth: usize,
    fields: &mut Vec<Value>,
) {
    let schema = resolved(document, schema);
    if depth == 0 {
        return;
    }
    for one in schema["anyOf"].as_array().into_iter().flatten() {
        describe(document, texts, one, path, depth - 1, fields);
    }
    if schema["items"].is_object() {
        describe(document, texts, &schema["items"], &format!("{path}[]"), depth - 1, fields);
    }
    if schema["additionalProperties"].is_object() {
        let inside = format!("{path}{{}}");
        describe(document, texts, &schema["additionalProperties"], &inside, depth - 1, fields);
    }
    let required: Vec<&Value> = schema["required"].as_array().into_iter().flatten().collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let property = resolved(document, property);
        let inside = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields.push(json!({
            "path": inside, "title": property["title"], "unit": property["x-unit"],
            "kind": kind(texts, property), "default": property.get("default").map(Value::to_string),
            "required": required.iter().any(|one| *one == name),
        }));
        describe(document, texts, property, &inside, depth - 1, fields);
    }
}

/// What a value may be, in words.
fn kind(texts: &Texts, schema: &Value) -> String {
    let word = |name: &str| texts.text(Language::Fr, &format!("api_reference.kinds.{name}"), &[]);
    if let Some(kinds) = schema["anyOf"].as_array() {
        let kinds: Vec<String> = kinds.iter().map(|one| kind(texts, one)).collect();
        return kinds.join(&word("or"));
    }
    if let Some(values) = schema["enum"].as_array() {
        let mut told: Vec<String> =
            values.iter().take(MOST_VALUES).map(|value| value.to_string().replace('"', "")).collect();
        if values.len() > MOST_VALUES {
            told.push("…".into());
        }
        return told.join(", ");
    }
    let names = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::String(name) => vec![name.as_str()],
        _ => vec!["any"],
    };
    let names = names.iter().map(|name| match schema["format"].as_str() {
        Some(format @ ("date" | "date-time")) if *name == "string" => word(format),
        _ => word(name),
    });
    let told = names.collect::<Vec<_>>().join(&word("or"));
    match bounds(texts, schema) {
        Some(bounds) => format!("{told}, {bounds}"),
        None => told,
    }
}

fn bounds(texts: &Texts, schema: &Value) -> Option<String> {
    let number =
        |names: [&str; 3]| names.iter().find_map(|name| schema[*name].as_number().map(ToString::to_string));
    let least = number(["minimum", "minLength", "minItems"]);
    let most = number(["maximum", "maxLength", "maxItems"]);
    let of = match () {
        () if schema["minLength"].is_number() || schema["maxLength"].is_number() => "characters",
        () if schema["minItems"].is_number() || schema["maxItems"].is_number() => "items",
        () => "values",
    };
    let told = |name: &str, arguments: &[(&str, &str)]| {
        texts.text(Language::Fr, &format!("api_reference.{of}.{name}"), arguments)
    };
    match (least.as_deref(), most.as_deref()) {
        (Some(least), Some(most)) => Some(told("between", &[("least", least), ("most", most)])),
        (Some("1"), None) if of == "characters" => Some(told("some", &[])),
        (Some(least), None) => Some(told("least", &[("least", least)])),
        (None, Some(most)) => Some(told("most", &[("most", most)])),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn the_page_tells_each_operation_of_the_description_and_each_of_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let site = app.site.load();
        let document = openapi::document(&site.texts);
        let told = operations(&document, &site.texts);
        let count: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(told.len(), count);
        for one in &told {
            let words = ["summary", "id", "method", "path"];
            assert!(
                words.iter().all(|word| one[*word].as_str().is_some_and(|text| !text.is_empty())),
                "{one}"
            );
            assert!(!one["answers"].as_array().unwrap().is_empty(), "{one}");
        }
        let annuity = told.iter().find(|one| one["id"] == "rente").unwrap();
        let fields = annuity["bodies"][0]["fields"].as_array().unwrap();
        let age = fields.iter().find(|field| field["path"] == "lives[].age").unwrap();
        assert_eq!(age["required"], json!(true));
        assert!(age["title"].is_string() && age["kind"].is_string(), "{age}");
        let shown = testing::ask(&app, Method::GET, "/api/reference", &HeaderMap::new(), Body::empty()).await;
        assert_eq!(shown.status(), StatusCode::OK);
    }
}

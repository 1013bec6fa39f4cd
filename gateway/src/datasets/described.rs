//! The data sets' part of `GET /api/openapi.json`. Not answering.

use aops_engine::{MODULES, lines};
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use crate::texts::Texts;

/// Paths of OpenAPI 3.1.
pub fn described(texts: &Texts) -> Map<String, Value> {
    let word = |name: &str| texts.text(Language::Fr, &format!("openapi_datasets.{name}"), &[]);
    let answers = |good: &str, content: Value, bad: &[u16]| {
        let mut answers = Map::from_iter([(good.to_owned(), json!({ "description": word(good) }))]);
        if !content.is_null() {
            answers[good]["content"] = json!({ "application/json": { "schema": content } });
        }
        let problem = json!({ "application/problem+json": { "schema": { "type": "object" } } });
        answers.extend(bad.iter().map(|status| {
            (status.to_string(), json!({ "description": word(&status.to_string()), "content": problem }))
        }));
        answers
    };
    let query = |name: &str, required: bool, schema: Value| json!({ "name": name, "in": "query", "required": required, "schema": schema });
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
    let modules: Vec<&str> = MODULES.iter().copied().filter(|module| lines(module).is_some()).collect();
    let list = json!({ "type": "object", "required": ["datasets", "next"], "properties": {
        "datasets": { "type": "array", "items": head() }, "next": { "type": ["string", "null"] },
    } });
    let file = json!({ "schema": { "type": "string", "contentMediaType": "text/csv" } });
    let book = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Map::from_iter([
        (
            "/api/v1/datasets".to_owned(),
            json!({
                "get": {
                    "operationId": "dataset_list", "summary": word("list"),
                    "parameters": [
                        query("cursor", false, json!({ "type": "string" })),
                        query("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 100 })),
                    ],
                    "responses": answers("200", list, &[400, 401, 429, 503]),
                },
                "post": {
                    "operationId": "dataset_create", "summary": word("create"),
                    "parameters": [
                        query("module", true, json!({ "type": "string", "enum": modules })),
                        query("warranty", true, json!({ "type": "string", "const": "accepted" })),
                        query("name", false, json!({ "type": "string", "maxLength": 100 })),
                        query("pseudonyms", false, json!({ "type": "string", "enum": ["yes", "no"] })),
                    ],
                    "requestBody": { "required": true, "content": { "text/csv": file, book: {} } },
                    "responses": answers("201", head(), &[400, 401, 408, 413, 415, 422, 429, 503]),
                },
            }),
        ),
        (
            "/api/v1/datasets/{id}".to_owned(),
            json!({
                "get": {
                    "operationId": "dataset_show", "summary": word("show"), "parameters": [id],
                    "responses": answers("200", head(), &[401, 404, 429, 503]),
                },
                "delete": {
                    "operationId": "dataset_delete", "summary": word("delete"), "parameters": [id],
                    "responses": answers("204", Value::Null, &[401, 404, 429, 503]),
                },
            }),
        ),
    ])
}

/// A data set, in a list or alone.
fn head() -> Value {
    json!({
        "type": "object",
        "required": ["id", "module", "name", "rows", "columns", "created", "ends"],
        "properties": {
            "id": { "type": "string" }, "module": { "type": "string" }, "name": { "type": "string" },
            "rows": { "type": "integer", "minimum": 1 }, "columns": { "type": "integer", "minimum": 1 },
            "created": { "type": "string", "format": "date-time" },
            "ends": { "type": "string", "format": "date-time" },
            "warnings": { "type": "array", "items": { "type": "object" } },
        },
    })
}

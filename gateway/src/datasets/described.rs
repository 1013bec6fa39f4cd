//! The data sets' part of `GET /api/openapi.json`. Not answering.

use aops_engine::{MODULES, lines};
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use super::uploads;
use crate::texts::Texts;
use crate::web::described::{answers, bears, guarded, in_path, in_query, of_json, reference, tagged};

/// A file of `ifc` that is kept.
const EXAMPLE: &str = "\
    id;sex;birth_date;hire_date;annual_salary\n\
    1;F;12/05/1980;01/09/2010;32000,50\n\
    2;M;25/12/1972;02/01/2001;45000\n";

/// Paths of OpenAPI 3.1.
pub fn described(texts: &Texts) -> Map<String, Value> {
    let mut paths = of_files(texts);
    paths.extend(uploads::described(texts));
    paths
}

/// What the routes tell.
pub fn schemas() -> Map<String, Value> {
    let mut schemas = uploads::schemas();
    schemas.insert("Dataset".to_owned(), dataset_schema());
    schemas
}

/// Files that come at once.
fn of_files(texts: &Texts) -> Map<String, Value> {
    let act = |name: &str, parameters: Value, answers: Value| {
        json!({
            "operationId": format!("dataset_{name}"),
            "summary": texts.text(Language::Fr, &format!("openapi_datasets.{name}"), &[]),
            "parameters": parameters, "responses": answers,
        })
    };
    let modules: Vec<&str> = MODULES.iter().copied().filter(|module| lines(module).is_some()).collect();
    let listed = json!({ "type": "object", "required": ["datasets", "next"], "properties": {
        "datasets": { "type": "array", "items": reference("schemas", "Dataset") },
        "next": { "type": ["string", "null"] },
    } });
    let cursor = in_query("cursor", false, json!({ "type": "string", "minLength": 1 }));
    let limit = in_query("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 100 }));
    let list = act("list", json!([cursor, limit]), answers(texts, 200, of_json(listed), &[]));
    let asked = json!([
        in_query("module", true, json!({ "type": "string", "enum": modules })),
        in_query("warranty", true, json!({ "type": "string", "const": "accepted" })),
        in_query("name", false, json!({ "type": "string" })),
        in_query("pseudonyms", false, json!({ "type": "string", "enum": ["yes", "no"] })),
    ]);
    let head = of_json(reference("schemas", "Dataset"));
    let mut create = act("create", asked, answers(texts, 201, head.clone(), &[408, 413, 415, 422]));
    create["parameters"][0]["example"] = json!("ifc");
    let file = json!({ "schema": { "type": "string", "contentMediaType": "text/csv" }, "example": EXAMPLE });
    let book = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    create["requestBody"] = json!({ "required": true, "content": { "text/csv": file, book: {} } });
    bears(&mut create, 201, "Location");
    let id = in_path("id");
    let mut show = act("show", json!([id]), answers(texts, 200, head, &[404]));
    tagged(texts, &mut show);
    let mut remove = act("delete", json!([id]), answers(texts, 204, Value::Null, &[404]));
    guarded(&mut remove);
    Map::from_iter([
        ("/api/v1/datasets".to_owned(), json!({ "get": list, "post": create })),
        ("/api/v1/datasets/{id}".to_owned(), json!({ "get": show, "delete": remove })),
    ])
}

/// A data set, in a list or alone.
fn dataset_schema() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let required = [
        "id",
        "module",
        "name",
        "rows",
        "columns",
        "column_names",
        "created",
        "ends",
        "digest",
        "pseudonyms",
    ];
    json!({
        "type": "object",
        "required": required,
        "properties": {
            "id": text, "module": text, "name": text,
            "rows": { "type": "integer", "minimum": 1 }, "columns": { "type": "integer", "minimum": 1 },
            "column_names": { "type": "array", "items": text },
            "created": time, "ends": time, "digest": text, "pseudonyms": { "type": "boolean" },
            "warranty": { "type": "object", "properties": { "version": text, "at": time } },
            "mapping": { "type": "array", "items": { "type": "object" } },
            "profile": { "type": "object" },
            "warnings": { "type": "array", "items": reference("schemas", "Fault") },
        },
    })
}

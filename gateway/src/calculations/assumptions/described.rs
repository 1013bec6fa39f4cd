//! The assumptions' part of `GET /api/openapi.json`. Not answering.

use aops_engine::MODULES;
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use super::keep::{LONGEST_NAME, LONGEST_SOURCE};
use crate::texts::Texts;
use crate::web::described::{answers, bears, guarded, in_path, in_query, of_json, reference, tagged};

/// Paths of OpenAPI 3.1.
pub(in crate::calculations) fn described(texts: &Texts) -> Map<String, Value> {
    let act = |name: &str, parameters: Value, answers: Value| {
        json!({
            "operationId": format!("assumptions_{name}"),
            "summary": texts.text(Language::Fr, &format!("openapi_assumptions.{name}"), &[]),
            "parameters": parameters, "responses": answers,
        })
    };
    let asked = |schema: Value, example: Value| json!({ "required": true, "content": { "application/json": { "schema": schema, "example": example } } });
    let one = || of_json(reference("schemas", "Assumptions"));
    let modules = json!({ "type": "string", "enum": MODULES });
    let name = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_NAME });
    let source = json!({ "type": ["string", "null"], "maxLength": LONGEST_SOURCE });
    let values = json!({ "type": "object" });
    let listed = json!({ "type": "object", "required": ["assumptions"], "properties": {
        "assumptions": { "type": "array", "items": reference("schemas", "Assumptions") },
    } });
    let list = act(
        "list",
        json!([in_query("module", false, modules.clone())]),
        answers(texts, 200, of_json(listed), &[]),
    );
    let mut create = act("create", json!([]), answers(texts, 201, one(), &[408, 413, 415, 422]));
    create["requestBody"] = asked(
        json!({ "type": "object", "required": ["module", "name", "values"], "additionalProperties": false,
            "properties": { "module": modules, "name": name, "source": source, "values": values } }),
        json!({ "module": "ifc", "name": "Clôture 2026", "source": "Comité du 12 novembre",
            "values": { "scale": "legal_voluntary", "assumptions": { "salary_growth": 0.02 } } }),
    );
    bears(&mut create, 201, "Location");
    bears(&mut create, 201, "ETag");
    let id = || in_path("id");
    let mut show = act("show", json!([id()]), answers(texts, 200, one(), &[404]));
    tagged(texts, &mut show);
    let mut change = act("change", json!([id()]), answers(texts, 200, one(), &[404, 408, 413, 415, 422]));
    change["requestBody"] = asked(
        json!({ "type": "object", "additionalProperties": false,
            "properties": { "name": { "type": ["string", "null"], "maxLength": LONGEST_NAME }, "source": source,
                "values": { "type": ["object", "null"] } } }),
        json!({ "values": { "assumptions": { "discount_rate": 0.034 } } }),
    );
    bears(&mut change, 200, "ETag");
    guarded(&mut change);
    let mut remove = act("delete", json!([id()]), answers(texts, 204, Value::Null, &[404]));
    guarded(&mut remove);
    Map::from_iter([
        ("/api/v1/assumptions".to_owned(), json!({ "get": list, "post": create })),
        ("/api/v1/assumptions/{id}".to_owned(), json!({ "get": show, "patch": change, "delete": remove })),
    ])
}

/// Assumptions, in a list (without values) or alone.
pub(in crate::calculations) fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let note = json!({ "type": "object", "required": ["field", "help", "source"], "properties": {
        "field": text, "help": text, "source": text,
    } });
    let one = json!({ "type": "object", "required": ["id", "origin", "module"], "properties": {
        "id": text, "origin": { "type": "string", "enum": ["preset", "last", "own"] },
        "module": { "type": "string", "enum": MODULES }, "name": text, "about": text, "source": text,
        "changed": { "type": "string", "format": "date-time" }, "values": { "type": "object" },
        "notes": { "type": "array", "items": note },
    } });
    Map::from_iter([("Assumptions".to_owned(), one)])
}

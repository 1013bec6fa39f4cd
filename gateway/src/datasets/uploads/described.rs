//! The uploads' part of `GET /api/openapi.json`. Not answering.

use aops_engine::{MODULES, lines};
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use crate::edge::route_class::FILE_LIMIT;
use crate::texts::Texts;
use crate::web::described::{answers, bears, in_path, in_query, of_json, reference};

/// The fields that say where an upload stands.
const STANDS: [&str; 3] = ["Tus-Resumable", "Upload-Offset", "Upload-Length"];
/// The fields that say what is spoken.
const OFFERED: [&str; 5] = ["Allow", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size"];

/// Paths of OpenAPI 3.1.
pub(in crate::datasets) fn described(texts: &Texts) -> Map<String, Value> {
    let act = |name: &str, parameters: Value, answers: Value| {
        json!({
            "operationId": format!("upload_{name}"),
            "summary": texts.text(Language::Fr, &format!("openapi_uploads.{name}"), &[]),
            "parameters": parameters, "responses": answers,
        })
    };
    let field = |name: &str, required: bool, schema: Value| json!({ "name": name, "in": "header", "required": required, "schema": schema });
    let version = || field("Tus-Resumable", false, json!({ "type": "string", "const": "1.0.0" }));
    let stands =
        |operation: &mut Value, status: u16| STANDS.iter().for_each(|field| bears(operation, status, field));
    let one = || of_json(reference("schemas", "Upload"));
    let modules: Vec<&str> = MODULES.iter().copied().filter(|module| lines(module).is_some()).collect();
    let listed = json!({ "type": "object", "required": ["uploads"], "properties": {
        "uploads": { "type": "array", "items": reference("schemas", "Upload") },
    } });
    let list = act("list", json!([]), answers(texts, 200, of_json(listed), &[]));
    let mut offer = act("offer", json!([]), answers(texts, 204, Value::Null, &[]));
    OFFERED.iter().for_each(|field| bears(&mut offer, 204, field));
    let asked = json!([
        in_query("module", true, json!({ "type": "string", "enum": modules })),
        in_query("warranty", true, json!({ "type": "string", "const": "accepted" })),
        in_query("name", false, json!({ "type": "string" })),
        in_query("pseudonyms", false, json!({ "type": "string", "enum": ["yes", "no"] })),
        version(),
        field("Upload-Length", true, json!({ "type": "integer", "minimum": 1, "maximum": FILE_LIMIT })),
    ]);
    let mut create = act("create", asked, answers(texts, 201, one(), &[412, 413, 422]));
    create["parameters"][0]["example"] = json!("ifc");
    create["parameters"][5]["example"] = json!(100);
    bears(&mut create, 201, "Location");
    stands(&mut create, 201);
    let mut show = act("show", json!([in_path("id")]), answers(texts, 200, one(), &[404, 412]));
    stands(&mut show, 200);
    let parameters = json!([
        in_path("id"),
        version(),
        field("Upload-Offset", true, json!({ "type": "integer", "minimum": 0, "maximum": FILE_LIMIT }))
    ]);
    let refusals = [404, 408, 409, 412, 413, 415, 422];
    let mut send = act("send", parameters, answers(texts, 204, Value::Null, &refusals));
    send["requestBody"] =
        json!({ "required": true, "content": { "application/offset+octet-stream": { "schema": {} } } });
    stands(&mut send, 204);
    let delete =
        act("delete", json!([in_path("id"), version()]), answers(texts, 204, Value::Null, &[404, 412]));
    Map::from_iter([
        ("/api/v1/uploads".to_owned(), json!({ "get": list, "post": create, "options": offer })),
        ("/api/v1/uploads/{id}".to_owned(), json!({ "get": show, "patch": send, "delete": delete })),
    ])
}

/// An upload, under way or kept.
pub(in crate::datasets) fn schemas() -> Map<String, Value> {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    let time = json!({ "type": "string", "format": "date-time" });
    let upload = json!({ "type": "object", "required": ["id", "state", "offset", "length", "created", "ends"],
        "properties": {
            "id": text, "state": { "type": "string", "enum": ["receiving", "received", "kept"] }, "module": text,
            "name": text, "offset": number, "length": number, "created": time, "ends": time, "dataset": text,
        } });
    Map::from_iter([("Upload".to_owned(), upload)])
}

//! What the descriptions of features' APIs share (OpenAPI 3.1): refusals as problem documents, their fields, parameters.
//! Not which routes there are.

use aops_manifest::Language;
use serde_json::{Map, Value, json};

use crate::texts::Texts;

/// What any route of the API may answer to a program, whatever it asks.
const ANYWHERE: [u16; 6] = [400, 401, 403, 429, 500, 503];
/// The fields that tell what is left of a limit, on any answer.
const LIMITS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];

/// The answers of a route: the good one, those that any route may give, and these.
pub fn answers(texts: &Texts, good: u16, content: Value, refusals: &[u16]) -> Value {
    let mut told = json!({ "description": word(texts, &good.to_string()), "headers": fields(&LIMITS) });
    if !content.is_null() {
        told["content"] = content;
    }
    let mut answers = Map::from_iter([(good.to_string(), told)]);
    for status in ANYWHERE.iter().chain(refusals) {
        answers.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
    Value::Object(answers)
}

/// One `application/json` body of this schema.
pub fn of_json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Says that an answer has a field.
pub fn bears(operation: &mut Value, status: u16, field: &str) {
    let name = status.to_string();
    operation["responses"][name]["headers"][field] = reference("headers", field);
}

/// Says that a representation has a tag, which may be asked for again by it.
pub fn tagged(texts: &Texts, operation: &mut Value) {
    bears(operation, 200, "ETag");
    let unchanged =
        json!({ "description": word(texts, "304"), "headers": { "ETag": reference("headers", "ETag") } });
    operation["responses"]["304"] = unchanged;
    asks(operation, "If-None-Match");
}

/// Says that a change may be made to depend on what was seen.
pub fn guarded(operation: &mut Value) {
    operation["responses"]["412"] = reference("responses", "412");
    asks(operation, "If-Match");
}

fn asks(operation: &mut Value, field: &str) {
    let parameter = json!({ "name": field, "in": "header", "schema": { "type": "string", "pattern": TAGS } });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

/// One tag, or whatever is there.
const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*")$"#;

/// A parameter of a path.
pub fn in_path(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
}

/// A parameter of a query.
pub fn in_query(name: &str, required: bool, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "required": required, "schema": schema })
}

/// `#/components/{kind}/{name}`.
pub fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The refusals that [`answers`] names (RFC 9457).
pub fn refusals(texts: &Texts) -> Value {
    const ALL: [u16; 15] = [400, 401, 402, 403, 404, 408, 409, 410, 412, 413, 415, 422, 429, 500, 503];
    let one = |status: &u16| {
        let mut bearing = LIMITS.to_vec();
        match status {
            401 => bearing.push("WWW-Authenticate"),
            429 | 503 => bearing.push("Retry-After"),
            _ => {}
        }
        let told = json!({
            "description": word(texts, &status.to_string()),
            "headers": fields(&bearing),
            "content": { "application/problem+json": { "schema": reference("schemas", "Problem") } },
        });
        (status.to_string(), told)
    };
    Value::Object(ALL.iter().map(one).collect())
}

/// The fields that answers bear.
pub fn headers(texts: &Texts) -> Value {
    let text = |name: &str, schema: Value| json!({ "description": word(texts, &format!("field.{name}")), "schema": schema });
    json!({
        "RateLimit": text("ratelimit", json!({ "type": "string" })),
        "RateLimit-Policy": text("ratelimit_policy", json!({ "type": "string" })),
        "Retry-After": text("retry_after", json!({ "type": "integer", "minimum": 1 })),
        "WWW-Authenticate": text("www_authenticate", json!({ "type": "string" })),
        "Location": text("location", json!({ "type": "string", "format": "uri-reference" })),
        "ETag": text("etag", json!({ "type": "string" })),
        "Tus-Resumable": text("tus_resumable", json!({ "type": "string", "const": "1.0.0" })),
        "Tus-Version": text("tus_version", json!({ "type": "string", "const": "1.0.0" })),
        "Tus-Extension": text("tus_extension", json!({ "type": "string" })),
        "Tus-Max-Size": text("tus_max_size", json!({ "type": "integer", "minimum": 1 })),
        "Allow": text("allow", json!({ "type": "string" })),
        "Upload-Offset": text("upload_offset", json!({ "type": "integer", "minimum": 0 })),
        "Upload-Length": text("upload_length", json!({ "type": "integer", "minimum": 1 })),
        "Content-Disposition": text("content_disposition", json!({ "type": "string" })),
    })
}

/// Schemas of what every feature tells.
pub fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let fault = json!({ "type": "object", "required": ["code", "message"], "properties": {
        "pointer": text, "row": { "type": ["integer", "null"], "minimum": 1 }, "column": text,
        "code": text, "message": text,
    } });
    let problem = json!({ "type": "object", "required": ["type", "title", "status", "detail", "instance"], "properties": {
        "type": { "type": "string", "format": "uri-reference" }, "title": text,
        "status": { "type": "integer", "minimum": 400, "maximum": 599 }, "detail": text,
        "instance": { "type": "string", "format": "uri-reference" },
        "faults": { "type": "array", "items": reference("schemas", "Fault") },
        "total": { "type": "integer", "minimum": 0 },
        "errors": { "type": "object", "additionalProperties": text },
        "violated-policies": { "type": "array", "items": text },
        "cost": { "type": "integer" }, "most": { "type": "integer" },
    } });
    Map::from_iter([("Fault".to_owned(), fault), ("Problem".to_owned(), problem)])
}

fn fields(names: &[&str]) -> Value {
    Value::Object(names.iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect())
}

fn word(texts: &Texts, name: &str) -> String {
    texts.text(Language::Fr, &format!("openapi.{name}"), &[])
}

//! The webhooks' part of `GET /api/openapi.json`: the routes, and the messages that are sent (OpenAPI 3.1 `webhooks`). Not
//! answering.

use aops_engine::MODULES;
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use super::document::Kind;
use crate::texts::Texts;
use crate::web::described::{answers, bears, guarded, in_path, in_query, of_json, reference, tagged};

/// Paths of OpenAPI 3.1.
pub fn described(texts: &Texts) -> Map<String, Value> {
    let act = |name: &str, parameters: Value, answers: Value| {
        json!({
            "operationId": format!("webhook_{name}"),
            "summary": texts.text(Language::Fr, &format!("openapi_webhooks.{name}"), &[]),
            "parameters": parameters, "responses": answers,
        })
    };
    let asked = |schema: Value, example: Value| json!({ "required": true, "content": { "application/json": { "schema": schema, "example": example } } });
    let events = json!({ "type": "array", "items": { "type": "string", "enum": Kind::ALL }, "minItems": 1 });
    let url = json!({ "type": "string", "format": "uri", "pattern": "^https://", "maxLength": 2000 });
    let id = || in_path("id");
    let one = || of_json(reference("schemas", "Webhook"));
    let message = || of_json(reference("schemas", "Delivery"));

    let listed = json!({ "type": "object", "required": ["webhooks"], "properties": {
        "webhooks": { "type": "array", "items": reference("schemas", "Webhook") },
    } });
    let list = act("list", json!([]), answers(texts, 200, of_json(listed), &[]));
    let mut create = act("create", json!([]), answers(texts, 201, one(), &[408, 413, 415, 422]));
    create["requestBody"] = asked(
        json!({ "type": "object", "required": ["url"], "additionalProperties": false,
            "properties": { "url": url, "events": events } }),
        json!({ "url": "https://client.example/aops", "events": Kind::ALL }),
    );
    bears(&mut create, 201, "Location");
    bears(&mut create, 201, "ETag");

    let mut show = act("show", json!([id()]), answers(texts, 200, one(), &[404]));
    tagged(texts, &mut show);
    let mut change = act("change", json!([id()]), answers(texts, 200, one(), &[404, 408, 413, 415, 422]));
    change["requestBody"] = asked(
        json!({ "type": "object", "additionalProperties": false,
            "properties": { "url": url, "events": events, "active": { "type": "boolean" } } }),
        json!({ "active": true }),
    );
    bears(&mut change, 200, "ETag");
    let mut remove = act("delete", json!([id()]), answers(texts, 204, Value::Null, &[404]));
    let mut secret = act("secret", json!([id()]), answers(texts, 200, one(), &[404]));
    bears(&mut secret, 200, "ETag");
    for operation in [&mut change, &mut remove, &mut secret] {
        guarded(operation);
    }

    let test = act("test", json!([id()]), answers(texts, 202, message(), &[404, 409]));
    let page = json!({ "type": "object", "required": ["deliveries", "next"], "properties": {
        "deliveries": { "type": "array", "items": reference("schemas", "Delivery") },
        "next": { "type": ["string", "null"] },
    } });
    let cursor = in_query("cursor", false, json!({ "type": "string", "minLength": 1 }));
    let limit = in_query("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 50 }));
    let deliveries =
        act("deliveries", json!([id(), cursor, limit]), answers(texts, 200, of_json(page), &[404]));
    let retry = act("retry", json!([id(), in_path("delivery")]), answers(texts, 202, message(), &[404, 409]));
    Map::from_iter([
        ("/api/v1/webhooks".to_owned(), json!({ "get": list, "post": create })),
        ("/api/v1/webhooks/{id}".to_owned(), json!({ "get": show, "patch": change, "delete": remove })),
        ("/api/v1/webhooks/{id}/secret".to_owned(), json!({ "post": secret })),
        ("/api/v1/webhooks/{id}/test".to_owned(), json!({ "post": test })),
        ("/api/v1/webhooks/{id}/deliveries".to_owned(), json!({ "get": deliveries })),
        ("/api/v1/webhooks/{id}/deliveries/{delivery}/retry".to_owned(), json!({ "post": retry })),
    ])
}

/// What is sent to clients' servers, by its type.
pub fn messages(texts: &Texts) -> Value {
    let text = |name: &str| texts.text(Language::Fr, &format!("openapi_webhooks.{name}"), &[]);
    let field = |name: &str| {
        json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" },
            "description": text(&name.replace('-', "_")) })
    };
    let fields = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(field);
    let one = |kind: Kind| {
        let operation = json!({
            "summary": text(&kind.name().replace('.', "_")),
            "parameters": fields,
            "requestBody": { "required": true, "content": of_json(reference("schemas", "Message")) },
            "responses": { "2XX": { "description": text("taken") }, "410": { "description": text("gone") } },
        });
        (kind.name().to_owned(), json!({ "post": operation }))
    };
    Value::Object(Kind::ALL.into_iter().chain([Kind::Test]).map(one).collect())
}

/// A webhook, a message with its tries, and what is sent.
pub fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let off = json!({ "type": "object", "required": ["at", "why"], "properties": {
        "at": time, "why": { "type": "string", "enum": ["asked", "failing", "gone"] },
    } });
    let webhook = json!({ "type": "object", "required": ["id", "url", "events", "created", "active", "failures"],
        "properties": {
            "id": text, "url": text, "events": { "type": "array", "items": { "type": "string", "enum": Kind::ALL } },
            "created": time, "active": { "type": "boolean" }, "failures": number, "failing_since": time, "off": off,
            "former_secret_until": time, "secret": text,
        } });
    let faults = ["name", "refused", "connection", "certificate", "timeout", "off"];
    let attempt = json!({ "type": "object", "required": ["at", "millis"], "properties": {
        "at": time, "millis": number, "status": number, "fault": { "type": "string", "enum": faults },
    } });
    let delivery = json!({ "type": "object", "required": ["id", "type", "created", "data", "state", "attempts"],
        "properties": {
            "id": text, "type": kind(), "created": time, "data": { "type": "object" },
            "state": { "type": "string", "enum": ["waiting", "delivered", "failed"] },
            "attempts": { "type": "array", "items": attempt }, "next": { "type": ["string", "null"], "format": "date-time" },
        } });
    let data = json!({ "type": "object", "required": ["id"], "properties": {
        "id": text, "module": { "type": "string", "enum": MODULES }, "state": { "type": "string", "enum": ["done", "failed"] },
        "test": { "type": "boolean" },
    } });
    let message = json!({ "type": "object", "required": ["type", "timestamp", "data"], "properties": {
        "type": kind(), "timestamp": time, "data": data,
    } });
    Map::from_iter([
        ("Webhook".to_owned(), webhook),
        ("Delivery".to_owned(), delivery),
        ("Message".to_owned(), message),
    ])
}

fn kind() -> Value {
    let kinds = Kind::ALL.into_iter().chain([Kind::Test]).map(Kind::name);
    json!({ "type": "string", "enum": kinds.collect::<Vec<_>>() })
}

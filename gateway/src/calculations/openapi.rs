//! `GET /api/openapi.json`: what programs may ask, as OpenAPI 3.1. The schemas are the engine's own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header;
use serde_json::{Map, Value, json};

use crate::app::SharedApp;
use crate::calculations::MODULES;
use crate::calculations::assumptions;
use crate::calculations::jobs::Form;
use crate::datasets;
use crate::texts::Texts;
use crate::web::described;
use crate::webhooks;
use aops_manifest::Language;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/openapi.json", get(told))
}

async fn told(State(app): State<SharedApp>) -> Response {
    let site = app.site.load();
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&site.texts))).into_response()
}

/// The whole description.
pub(super) fn document(texts: &Texts) -> Value {
    let mut schemas: Map<String, Value> = MODULES
        .iter()
        .filter_map(|module| Some(((*module).to_owned(), aops_engine::schema(module)?)))
        .collect();
    let mut paths: Map<String, Value> = MODULES
        .iter()
        .map(|module| (format!("/api/v1/compute/{module}"), compute(module, &schemas, texts)))
        .collect();
    schemas.extend(described::schemas());
    schemas.extend([("Calculation".to_owned(), calculation()), ("Account".to_owned(), account())]);
    schemas.extend(datasets::schemas());
    schemas.extend(assumptions::schemas());
    schemas.extend(webhooks::schemas());
    let told = described::of_json(described::reference("schemas", "Account"));
    let account = json!({ "get": { "operationId": "account", "summary": word(texts, "account"),
        "responses": described::answers(texts, 200, told, &[]) } });
    paths.insert("/api/v1/account".into(), account);
    let told = described::of_json(usage());
    let usage = json!({ "get": { "operationId": "usage", "summary": word(texts, "usage"),
        "responses": described::answers(texts, 200, told, &[]) } });
    paths.insert("/api/v1/usage".into(), usage);
    paths.insert("/api/openapi.json".into(), itself(texts));
    paths.extend(jobs(texts));
    paths.extend(assumptions::described(texts));
    paths.extend(datasets::described(texts));
    paths.extend(webhooks::described(texts));
    json!({
        "openapi": "3.1.0",
        "info": { "title": word(texts, "title"), "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "key": [] }],
        "paths": paths,
        "webhooks": webhooks::messages(texts),
        "components": {
            "schemas": schemas,
            "responses": described::refusals(texts),
            "headers": described::headers(texts),
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer", "description": word(texts, "key") } },
        },
    })
}

/// This description, which needs no key.
fn itself(texts: &Texts) -> Value {
    let mut get = json!({ "operationId": "openapi", "summary": word(texts, "itself"), "security": [],
        "responses": described::answers(texts, 200, described::of_json(json!({ "type": "object" })), &[]) });
    if let Some(answers) = get["responses"].as_object_mut() {
        answers.retain(|status, _| !["401", "403"].contains(&status.as_str()));
    }
    json!({ "get": get })
}

fn compute(module: &str, schemas: &Map<String, Value>, texts: &Texts) -> Value {
    let title = schemas.get(module).map_or(Value::Null, |schema| schema["title"].clone());
    let result = described::of_json(json!({ "type": "object" }));
    json!({ "post": {
        "operationId": module,
        "summary": title,
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": described::reference("schemas", module), "example": aops_engine::example(module),
        } } },
        "responses": described::answers(texts, 200, result, &[402, 408, 413, 415, 422]),
    } })
}

/// Calculations that are fetched later.
fn jobs(texts: &Texts) -> Map<String, Value> {
    let id = described::in_path("id");
    let once = json!({ "name": "Idempotency-Key", "in": "header",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255 } });
    let asked = json!({ "type": "object", "required": ["module"], "additionalProperties": false, "properties": {
        "module": { "type": "string", "enum": MODULES },
        "dataset": { "type": ["string", "null"] },
        "assumptions": { "type": ["string", "null"] },
        "parameters": { "type": "object" },
        "name": { "type": ["string", "null"] },
        "notify": { "type": ["string", "null"], "enum": ["mail", null] },
    } });
    let act = |name: &str, good: u16, content: Value, refusals: &[u16], parameters: &[&Value]| {
        json!({
            "operationId": name, "summary": word(texts, name), "parameters": parameters,
            "responses": described::answers(texts, good, content, refusals),
        })
    };
    let told = || described::of_json(described::reference("schemas", "Calculation"));
    let accepted = described::of_json(json!({ "type": "object", "required": ["id", "state"], "properties": {
        "id": { "type": "string" }, "state": state(),
    } }));
    let mut create = act("calculation_create", 202, accepted, &[402, 404, 408, 410, 413, 415, 422], &[&once]);
    let example = json!({ "module": "ifc", "parameters": aops_engine::example("ifc") });
    create["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": asked, "example": example } } });
    described::bears(&mut create, 202, "Location");
    let refusals = [402, 404, 408, 413, 415, 422];
    let mut estimate =
        act("calculation_estimate", 200, described::of_json(estimate_schema()), &refusals, &[]);
    estimate["requestBody"] = create["requestBody"].clone();
    let limit =
        described::in_query("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 50 }));
    let cursor = described::in_query("cursor", false, json!({ "type": "string", "minLength": 1 }));
    let listed =
        described::of_json(json!({ "type": "object", "required": ["calculations", "next"], "properties": {
        "calculations": { "type": "array", "items": described::reference("schemas", "Calculation") },
        "next": { "type": ["string", "null"] },
    } }));
    let list = act("calculation_list", 200, listed, &[], &[&cursor, &limit]);
    let mut show = act("calculation_show", 200, told(), &[404], &[&id]);
    described::tagged(texts, &mut show);
    let mut remove = act("calculation_delete", 204, Value::Null, &[404], &[&id]);
    described::guarded(&mut remove);
    // One event of the stream: its data are the state as JSON.
    let event = json!({ "type": "object", "required": ["event", "data"], "properties": {
        "event": { "type": "string", "enum": ["state", "end"] },
        "data": { "type": "string", "contentMediaType": "application/json" },
    } });
    let stream = json!({ "text/event-stream": { "schema": event } });
    let events = act("calculation_events", 200, stream, &[404], &[&id]);
    let mut paths = Map::from_iter([
        ("/api/v1/calculations".to_owned(), json!({ "get": list, "post": create })),
        ("/api/v1/calculations/estimate".to_owned(), json!({ "post": estimate })),
        ("/api/v1/calculations/{id}".to_owned(), json!({ "get": show, "delete": remove })),
        ("/api/v1/calculations/{id}/events".to_owned(), json!({ "get": events })),
    ]);
    for form in [Form::Json, Form::Xlsx, Form::Pdf] {
        let ending = form.ending();
        let mut report = act("calculation_report", 200, json!({ form.media_type(): {} }), &[404], &[&id]);
        report["operationId"] = json!(format!("calculation_report_{ending}"));
        described::bears(&mut report, 200, "Content-Disposition");
        paths.insert(format!("/api/v1/calculations/{{id}}/report.{ending}"), json!({ "get": report }));
    }
    paths
}

fn state() -> Value {
    json!({ "type": "string", "enum": ["queued", "running", "done", "failed", "cancelled"] })
}

/// A calculation, in a list or alone.
fn calculation() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    json!({ "type": "object", "required": ["id", "state", "progress", "module", "created", "ends"], "properties": {
        "id": text, "state": state(), "progress": { "type": "number", "minimum": 0, "maximum": 1 },
        "module": { "type": "string", "enum": MODULES }, "created": time, "ended": time, "ends": time,
        "name": text, "dataset": text, "incident": text, "result": { "type": "object" },
        "notify": { "type": "string", "const": "mail" }, "test": { "type": "boolean" },
        "faults": { "type": "array", "items": described::reference("schemas", "Fault") },
    } })
}

/// What a calculation would use and cost.
fn estimate_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    let required = ["module", "units", "offer", "counts", "quota", "billed", "price", "possible"];
    json!({ "type": "object", "required": required, "properties": {
        "module": { "type": "string", "enum": MODULES }, "units": number,
        "offer": { "type": ["string", "null"] }, "counts": { "type": "integer", "minimum": 0, "maximum": 1 },
        "quota": { "type": ["object", "null"], "required": ["used", "included", "left", "left_after", "until"], "properties": {
            "used": number, "included": number, "left": number, "left_after": number,
            "until": { "type": ["string", "null"], "format": "date-time" },
        } },
        "billed": { "type": "boolean" },
        "price": { "type": ["object", "null"], "required": ["cents", "currency"], "properties": {
            "cents": number, "currency": { "type": "string" },
        } },
        "possible": { "type": "boolean" },
    } })
}

/// What a key opens.
fn account() -> Value {
    let text = json!({ "type": "string" });
    let required = ["organisation", "account", "key", "mode", "modules", "plans", "tariff"];
    json!({ "type": "object", "required": required, "properties": {
        "organisation": text, "account": text, "key": text, "mode": { "type": "string", "enum": ["live", "test"] },
        "modules": { "type": "array", "items": { "type": "string", "enum": MODULES } },
        "plans": { "type": "array", "items": { "type": "object" } },
        "tariff": { "type": "object", "additionalProperties": { "type": "integer" } },
    } })
}

/// What was used of what a key opens.
fn usage() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let number = json!({ "type": ["integer", "null"], "minimum": 0 });
    let plan = json!({ "type": "object",
        "required": ["offer", "module", "from", "until", "used", "included", "billed_beyond"],
        "properties": {
            "offer": text, "module": text, "from": time, "until": { "type": ["string", "null"], "format": "date-time" },
            "used": number, "included": number, "billed_beyond": { "type": "boolean" },
        } });
    json!({ "type": "object", "required": ["plans"], "properties": { "plans": { "type": "array", "items": plan } } })
}

fn word(texts: &Texts, name: &str) -> String {
    texts.text(Language::Fr, &format!("openapi.{name}"), &[])
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode};

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn every_module_is_described_with_its_schema_and_an_example_without_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let response = testing::ask(
            &app,
            Method::GET,
            "/api/openapi.json",
            &HeaderMap::new(),
            axum::body::Body::empty(),
        )
        .await;
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        for module in MODULES {
            let post = &document["paths"][format!("/api/v1/compute/{module}")]["post"];
            assert!(post["requestBody"]["content"]["application/json"]["example"].is_object(), "{module}");
            assert!(document["components"]["schemas"][module]["properties"].is_object(), "{module}");
        }
        for path in ["", "/{id}", "/{id}/events", "/{id}/report.pdf"] {
            let described = &document["paths"][format!("/api/v1/calculations{path}")]["get"];
            assert_eq!(described["responses"]["404"].is_object(), !path.is_empty(), "{path}");
            assert!(described["operationId"].is_string(), "{path}");
        }
    }
}

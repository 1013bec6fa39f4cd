//! `GET /api/openapi.json`: what programs may ask, as OpenAPI 3.1. The schemas are the engine's own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header;
use serde_json::{Map, Value, json};

use crate::app::SharedApp;
use crate::calculations::MODULES;
use crate::calculations::jobs::Form;
use crate::texts::Texts;
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
fn document(texts: &Texts) -> Value {
    let schemas: Map<String, Value> = MODULES
        .iter()
        .filter_map(|module| Some(((*module).to_owned(), aops_engine::schema(module)?)))
        .collect();
    let mut paths: Map<String, Value> = MODULES
        .iter()
        .map(|module| (format!("/api/v1/compute/{module}"), compute(module, &schemas, texts)))
        .collect();
    let account = json!({ "get": { "operationId": "account", "summary": word(texts, "account"),
        "responses": responses(texts, &[200, 401]) } });
    paths.insert("/api/v1/account".into(), account);
    paths.extend(jobs(texts));
    paths.extend(crate::datasets::described(texts));
    json!({
        "openapi": "3.1.0",
        "info": { "title": word(texts, "title"), "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer", "description": word(texts, "key") } },
        },
    })
}

fn compute(module: &str, schemas: &Map<String, Value>, texts: &Texts) -> Value {
    let title = schemas.get(module).map_or(Value::Null, |schema| schema["title"].clone());
    let schema = json!({ "$ref": format!("#/components/schemas/{module}") });
    json!({ "post": {
        "operationId": module,
        "summary": title,
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": schema, "example": aops_engine::example(module),
        } } },
        "responses": responses(texts, &[200, 400, 401, 402, 413, 415, 422, 429, 503]),
    } })
}

/// Calculations that are fetched later.
fn jobs(texts: &Texts) -> Map<String, Value> {
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
    let query = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let once = json!({ "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "maxLength": 255 } });
    let asked = json!({ "type": "object", "required": ["module"], "additionalProperties": false, "properties": {
        "module": { "type": "string", "enum": MODULES },
        "dataset": { "type": "string" },
        "parameters": { "type": "object" },
        "name": { "type": "string", "maxLength": 120 },
    } });
    let act = |name: &str, statuses: &[u16], parameters: Vec<&Value>| {
        json!({
            "operationId": name, "summary": word(texts, name), "parameters": parameters,
            "responses": responses(texts, statuses),
        })
    };
    let mut create =
        act("calculation_create", &[202, 400, 401, 402, 404, 410, 413, 415, 422, 429, 503], vec![&once]);
    create["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": asked } } });
    let limit = query("limit", json!({ "type": "integer", "minimum": 1, "maximum": 50 }));
    let cursor = query("cursor", json!({ "type": "string" }));
    let list = act("calculation_list", &[200, 400, 401, 429, 503], vec![&cursor, &limit]);
    let show = act("calculation_show", &[200, 401, 404, 429, 503], vec![&id]);
    let remove = act("calculation_delete", &[204, 401, 404, 429, 503], vec![&id]);
    let mut events = act("calculation_events", &[200, 401, 404, 429, 503], vec![&id]);
    events["responses"]["200"]["content"] =
        json!({ "text/event-stream": { "schema": { "type": "string" } } });
    let mut paths = Map::from_iter([
        ("/api/v1/calculations".to_owned(), json!({ "get": list, "post": create })),
        ("/api/v1/calculations/{id}".to_owned(), json!({ "get": show, "delete": remove })),
        ("/api/v1/calculations/{id}/events".to_owned(), json!({ "get": events })),
    ]);
    for form in [Form::Json, Form::Xlsx, Form::Pdf] {
        let ending = form.ending();
        let mut report = act("calculation_report", &[200, 401, 404, 429, 503], vec![&id]);
        report["operationId"] = json!(format!("calculation_report_{ending}"));
        report["responses"]["200"]["content"] = json!({ form.media_type(): {} });
        paths.insert(format!("/api/v1/calculations/{{id}}/report.{ending}"), json!({ "get": report }));
    }
    paths
}

/// What each status means; refusals are problem documents (RFC 9457).
fn responses(texts: &Texts, statuses: &[u16]) -> Value {
    let one = |status: &u16| {
        let mut response = json!({ "description": word(texts, &status.to_string()) });
        let kind = if *status < 300 { "application/json" } else { "application/problem+json" };
        if *status != 204 {
            response["content"] = json!({ kind: { "schema": { "type": "object" } } });
        }
        (status.to_string(), response)
    };
    Value::Object(statuses.iter().map(one).collect())
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

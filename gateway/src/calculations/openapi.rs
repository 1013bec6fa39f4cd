//! `GET /api/openapi.json`: what programs may ask, as OpenAPI 3.1. The schemas are the engine's own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header;
use serde_json::{Map, Value, json};

use crate::app::SharedApp;
use crate::calculations::MODULES;
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

/// What each status means; refusals are problem documents (RFC 9457).
fn responses(texts: &Texts, statuses: &[u16]) -> Value {
    let one = |status: &u16| {
        let mut response = json!({ "description": word(texts, &status.to_string()) });
        let kind = if *status == 200 { "application/json" } else { "application/problem+json" };
        response["content"] = json!({ kind: { "schema": { "type": "object" } } });
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
    }
}

//! Errors for programs: `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// A problem document.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status code, repeated in the body.
    pub status: StatusCode,
    /// The same for every occurrence of this kind, in the client's language.
    pub title: String,
    /// What to do about this occurrence.
    pub detail: String,
    /// Members of our own (`faults`, `instance`), and a registered `type` where there is one.
    pub extra: Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.extra;
        body.entry("type").or_insert_with(|| json!("about:blank"));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("title".into(), json!(self.title));
        body.insert("detail".into(), json!(self.detail));
        let mut response = Response::new(Value::Object(body).to_string().into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

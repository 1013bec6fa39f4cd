//! The body of a request of the API that is one JSON value of a known shape.

use axum::body::Body;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::WebError;
use super::posted::read_body;

/// What such a body may call itself; the second where it changes something (RFC 7396).
const KINDS: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// The value, of at most `limit` bytes.
///
/// # Errors
/// [`WebError::Unsupported`] for another media type, [`WebError::BadRequest`] for what is no JSON,
/// [`WebError::Unprocessable`] for another shape, and as [`read_body`].
pub async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body, limit: usize) -> Result<T, WebError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !KINDS.contains(&kind.as_str()) {
        return Err(WebError::Unsupported);
    }
    let body = read_body(body, limit).await?;
    let value: Value =
        serde_json::from_slice(&body).map_err(|_| WebError::BadRequest("the body is not JSON"))?;
    serde_json::from_value(value).map_err(|error| {
        let told = json!([{ "pointer": "", "code": "wrong_type", "message": error.to_string() }]);
        WebError::Unprocessable(Map::from_iter([("faults".to_owned(), told)]))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        name: String,
    }

    async fn tried(kind: &'static str, body: &'static str) -> Result<Shape, WebError> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        read(&headers, Body::from(body), 32).await
    }

    #[tokio::test]
    async fn a_body_is_json_of_its_shape_or_told_why_not() {
        let sound = r#"{"name":"a"}"#;
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert_eq!(tried(kind, sound).await.unwrap().name, "a", "{kind}");
        }
        assert!(matches!(tried("text/plain", sound).await, Err(WebError::Unsupported)));
        assert!(matches!(tried("application/json", "{").await, Err(WebError::BadRequest(_))));
        for other in [r#"{"name":1}"#, r#"{"name":"a","b":1}"#] {
            assert!(
                matches!(tried("application/json", other).await, Err(WebError::Unprocessable(_))),
                "{other}"
            );
        }
        let long = r#"{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;
        assert!(matches!(tried("application/json", long).await, Err(WebError::TooLarge)));
    }
}

//! `POST /api/v1/compute/{module}`: one calculation for a program, answered at once.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::Value;

use crate::accounts::api_keys::{ApiClient, Mode};
use crate::app::{App, SharedApp};
use crate::calculations::paying::Paying;
use crate::calculations::{MODULES, cost, faults};
use crate::checkout::{self, Plan};
use crate::web::posted::read_body;
use crate::web::{WebError, negotiation};

/// The largest request, in bytes.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/v1/compute/{module}", post(compute))
}

/// Who asks is settled first, then how often, then what: nothing is told to who has no key.
async fn compute(
    State(app): State<SharedApp>,
    Path(module): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let (mut paid, plans) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => answer(&app, &plans, &module, &uri, &headers, body, &mut paid).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn answer(
    app: &App,
    plans: &[Plan],
    module: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    paid: &mut Paying<'_>,
) -> Result<Response, WebError> {
    let module = MODULES.iter().copied().find(|known| *known == module).ok_or(WebError::NotFound)?;
    if paid.client.mode == Mode::Test {
        return tried(app, module, headers, body, paid).await;
    }
    let now = app.clock.now();
    if !plans.iter().any(|plan| plan.opens(module, now)) {
        return Err(WebError::PaymentRequired);
    }
    if !is_json(headers) {
        return Err(WebError::Unsupported);
    }
    let body = read_body(body, BODY_LIMIT).await?;
    let input: Value =
        serde_json::from_slice(&body).map_err(|_| WebError::BadRequest("the body is not JSON"))?;
    paid.spend(cost::of(module, &input) - 1)?;
    let counted = checkout::meter(app, &paid.client.organisation, plans, module).await?;
    match app.calculations.run(module, input).await {
        Ok(Ok(result)) => json(&result),
        Err(error) => {
            counted.take_back(app).await?;
            Err(error)
        }
        Ok(Err(found)) => {
            counted.take_back(app).await?;
            let site = app.site.load();
            let told = faults::told(&site.texts, negotiation::language(uri, headers), &found);
            Err(WebError::Unprocessable(told))
        }
    }
}

/// What a key for trying out asks: the sample of the module, whatever data came with it; nothing is counted.
async fn tried(
    app: &App,
    module: &'static str,
    headers: &HeaderMap,
    body: Body,
    paid: &mut Paying<'_>,
) -> Result<Response, WebError> {
    if !is_json(headers) {
        return Err(WebError::Unsupported);
    }
    let body = read_body(body, BODY_LIMIT).await?;
    serde_json::from_slice::<Value>(&body).map_err(|_| WebError::BadRequest("the body is not JSON"))?;
    let sample = aops_engine::example(module).unwrap_or_default();
    paid.spend(cost::of(module, &sample) - 1)?;
    let answered = app.calculations.run(module, sample).await?;
    let mut result =
        answered.map_err(|_| WebError::Internal(format!("the sample of {module} is refused")))?;
    result["test"] = Value::Bool(true);
    json(&result)
}

fn json(result: &Value) -> Result<Response, WebError> {
    // `Display` would pass each piece through a formatter.
    let bytes = serde_json::to_vec(result).map_err(|error| WebError::Internal(error.to_string()))?;
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `application/json`, or a media type built on it (RFC 6839 § 3.1).
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::*;
    use crate::accounts::api_keys;
    use crate::config::Rate;
    use crate::testing;

    #[test]
    fn only_json_is_read() {
        let of = |kind: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
        };
        for kind in
            ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/a+json"]
        {
            assert!(is_json(&of(kind)), "{kind}");
        }
        for kind in ["", "text/json", "application/x-www-form-urlencoded", "application/xml"] {
            assert!(!is_json(&of(kind)), "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    async fn status(
        app: &SharedApp,
        key: &str,
        module: &str,
        kind: &'static str,
        body: String,
    ) -> StatusCode {
        let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        if !key.is_empty() {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap());
        }
        let response =
            testing::ask(app, Method::POST, &format!("/api/v1/compute/{module}"), &headers, body.into())
                .await;
        let told = response.headers().contains_key("ratelimit");
        assert_eq!(told, response.status() != StatusCode::UNAUTHORIZED);
        response.status()
    }

    #[tokio::test]
    async fn each_refusal_has_its_status_and_who_has_no_key_learns_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let plan = checkout::staff_plan(&app, "rente", app.clock.now()).unwrap();
        checkout::grant(&app, &account, &plan).await.unwrap();
        let key = api_keys::create(&app, &account).await.unwrap().key;
        let stranger = api_keys::create(
            &testing::app(&folder.path().join("other"), jiff::SignedDuration::ZERO).await,
            &account,
        )
        .await
        .unwrap()
        .key;
        const JSON: &str = "application/json";
        let cases = [
            ("", "rente", JSON, "{}".to_owned(), 401),
            ("aops_x", "inconnu", JSON, "{}".to_owned(), 401),
            (&stranger, "rente", JSON, "{}".to_owned(), 401),
            (&key, "inconnu", JSON, "{}".to_owned(), 404),
            (&key, "ifc", JSON, "{}".to_owned(), 402),
            (&key, "rente", "text/plain", "{}".to_owned(), 415),
            (&key, "rente", JSON, "{".to_owned(), 400),
            (&key, "rente", JSON, " ".repeat(BODY_LIMIT + 1), 413),
        ];
        for (key, module, kind, body, expected) in cases {
            assert_eq!(status(&app, key, module, kind, body).await.as_u16(), expected, "{module} {kind}");
        }
    }

    #[tokio::test]
    async fn a_key_past_its_limit_is_told_when_to_come_back() {
        let folder = tempfile::tempdir().unwrap();
        drop(testing::app(folder.path(), jiff::SignedDuration::ZERO).await);
        let mut settings = testing::settings(folder.path(), jiff::SignedDuration::ZERO);
        settings.gateway.limits.api_key = Rate { per_minute: 1, burst: 2 };
        let app = std::sync::Arc::new(crate::server::open(settings, None).await.unwrap());
        let account = testing::account(&app, "a@example.com").await;
        let key = api_keys::create(&app, &account).await.unwrap().key;
        for expected in [StatusCode::NOT_FOUND, StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS] {
            assert_eq!(status(&app, &key, "inconnu", "application/json", String::new()).await, expected);
        }
    }
}

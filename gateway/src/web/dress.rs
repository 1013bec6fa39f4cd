//! Gives every bare refusal its body: a page of the theme for people, problem+json for programs.

use aops_manifest::Language;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, StatusCode, header};
use serde_json::{Map, json};

use crate::app::App;
use crate::web::error::{Violated, WebError};
use crate::web::negotiation;
use crate::web::problem::Problem;
use crate::web::{RequestId, shown};

/// What of the request decides how a refusal is told; taken before the handler consumes the request.
#[derive(Debug, Clone)]
pub struct Audience {
    language: Language,
    program: bool,
    request: String,
}

impl Audience {
    /// From the request's head.
    pub fn of(parts: &Parts) -> Self {
        let path = parts.uri.path();
        Self {
            language: negotiation::language(&parts.uri, &parts.headers),
            program: path.starts_with("/api/")
                || path.starts_with("/webhooks/")
                || negotiation::wants_json(&parts.headers),
            request: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }
}

/// The same response when it has a body of its own or is no refusal; otherwise one with the body.
pub fn dress(app: &App, audience: &Audience, mut response: Response) -> Response {
    let status = response.status();
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    if !(status.is_client_error() || status.is_server_error()) || !bare {
        return response;
    }
    let error = response.extensions_mut().remove::<WebError>();
    if let Some(WebError::Internal(why) | WebError::Unavailable(why)) = &error {
        tracing::error!(%why, status = status.as_u16(), "a request failed");
    }
    let violated = response.extensions_mut().remove::<Violated>();
    let mut dressed = if audience.program {
        problem(app, audience, status, error, violated).into_response()
    } else {
        page(app, audience, status)
    };
    let limits = ["ratelimit", "ratelimit-policy"].map(HeaderName::from_static);
    let kept = [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW, header::CONNECTION];
    for name in kept.into_iter().chain(limits) {
        if let Some(value) = response.headers().get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

fn page(app: &App, audience: &Audience, status: StatusCode) -> Response {
    let site = app.site.load();
    let code = told(status).as_u16();
    shown(&site, status, audience.language, || {
        site.refusal(audience.language, code, &audience.request, &app.settings)
    })
}

fn problem(
    app: &App,
    audience: &Audience,
    status: StatusCode,
    error: Option<WebError>,
    violated: Option<Violated>,
) -> Problem {
    let code = told(status).as_u16();
    let site = app.site.load();
    let text = |part: &str| site.texts.text(audience.language, &format!("error_page.{code}.{part}"), &[]);
    let mut extra = match error {
        Some(WebError::Unprocessable(members)) => members,
        Some(WebError::TooDear { cost, most }) => {
            Map::from_iter([("cost".into(), json!(cost)), ("most".into(), json!(most))])
        }
        _ => Map::new(),
    };
    if let Some(Violated(limit)) = violated {
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => "quota-exceeded",
            _ => "temporary-reduced-capacity",
        };
        extra.insert("type".into(), json!(format!("https://iana.org/assignments/http-problem-types#{kind}")));
        extra.insert("violated-policies".into(), json!([limit]));
    }
    extra.insert("instance".into(), json!(format!("urn:request:{}", audience.request)));
    Problem { status, title: text("title"), detail: text("text"), extra }
}

/// The status whose text is shown; the theme has no words of its own for the rarer ones.
fn told(status: StatusCode) -> StatusCode {
    const WORDED: [u16; 17] =
        [400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 421, 422, 429, 500, 503];
    match status.as_u16() {
        code if WORDED.contains(&code) => status,
        400..=499 => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

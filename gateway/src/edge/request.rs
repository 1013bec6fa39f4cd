//! The way of one request through the phases, in one place:
//! protocol → authority → address filter → route class → limits → handler → response headers → log.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;

use crate::app::SharedApp;
use crate::edge::access_log::{self, Line};
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;
use crate::edge::timed::DeadlineBody;
use crate::edge::{authority, headers, protocol};
use crate::web::dress::{Audience, dress};
use crate::web::error::WebError;
use crate::web::router::{self, Routes};
use crate::web::{Peer, RequestId, compression};

/// The longest that a body may take to come whole.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The longest that a handler may take to begin its answer.
const HANDLER_PATIENCE: Duration = Duration::from_secs(60);

/// What every request of a listener shares.
#[derive(Clone)]
pub struct Service {
    /// The application.
    pub app: SharedApp,
    /// The features' routes.
    pub routes: Arc<Routes>,
}

impl Service {
    /// Answers one request; whatever happens, there is an answer and a line in the log.
    pub async fn answer(&self, peer: IpAddr, mut request: Request<Incoming>) -> Response {
        let started = Instant::now();
        let id = request_id();
        request.extensions_mut().insert(RequestId(id.clone()));
        request.extensions_mut().insert(Peer(peer));
        let method = request.method().clone();
        let raw_path = request.uri().path().to_owned();
        let mut class = RouteClass::Pages;

        let (parts, body) = request.into_parts();
        let audience = Audience::of(&parts);
        let compressed = compression::wanted(&parts.headers);
        let request = Request::from_parts(parts, body);
        let phases = async {
            let path = protocol::check(&request)?;
            authority::check(&request, &self.app.hosts)?;
            class = RouteClass::of(request.method(), &path);
            if self.app.blocklist.refuses(peer, self.app.clock.now()) {
                return Err(Refusal::Closing(StatusCode::FORBIDDEN));
            }
            self.app.limits.take(class, ClientPrefix::of(peer)).map_err(Refusal::TooMany)?;
            // What is declared too large is refused unread: nobody is told to go on (RFC 9110 § 10.1.1).
            if http_body::Body::size_hint(request.body()).lower() > class.body_limit() {
                return Err(Refusal::Closing(StatusCode::PAYLOAD_TOO_LARGE));
            }
            let request = request.map(|body| Body::new(DeadlineBody::new(body, BODY_PATIENCE)));
            Ok(router::answer(&self.app, &self.routes, &path, request).await)
        };
        let response = guarded(phases, &id).await;
        let mut response = dress(&self.app, &audience, response);
        if compressed {
            response = compression::compressed(response).await;
        }
        headers::set(response.headers_mut(), &id);
        access_log::write(&Line {
            request: &id,
            peer,
            method: &method,
            path: &raw_path,
            class,
            status: response.status(),
            bytes: http_body::Body::size_hint(response.body()).exact(),
            elapsed: started.elapsed(),
        });
        response
    }
}

/// Why a phase ended the request's way.
enum Refusal {
    Status(StatusCode),
    Closing(StatusCode),
    TooMany(Duration),
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::Status(status)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => {
                let mut response = status.into_response();
                if status == StatusCode::METHOD_NOT_ALLOWED {
                    let methods = HeaderValue::from_static("GET, HEAD, POST, DELETE");
                    response.headers_mut().insert(header::ALLOW, methods);
                }
                // Whoever frames a request badly may have sent the beginning of another one behind it.
                if status == StatusCode::BAD_REQUEST {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
            Self::Closing(status) => {
                let mut response = status.into_response();
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                response
            }
            Self::TooMany(wait) => WebError::TooMany(wait).into_response(),
        }
    }
}

/// Runs the phases within their time; a panic in a handler costs its own request alone.
async fn guarded(phases: impl Future<Output = Result<Response, Refusal>>, id: &str) -> Response {
    let timed = tokio::time::timeout(HANDLER_PATIENCE, AssertUnwindSafe(phases).catch_unwind());
    match timed.await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(refusal))) => refusal.into_response(),
        Ok(Err(_)) => {
            tracing::error!(request = %id, "a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => WebError::Unavailable("the handler took too long".into()).into_response(),
    }
}

/// 128 random bits: it says nothing about the client, and nobody can guess another's.
fn request_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        tracing::error!("the system gives no randomness for request ids");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! How a phase ends a request's way: a status, the phase that says it, and why, counted under these labels.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use metrics::counter;

use crate::web::error::{Violated, WebError};

/// What a phase answers instead of letting a request pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What is answered.
    pub status: StatusCode,
    /// The phase, as metrics label it.
    pub phase: &'static str,
    /// The reason, as metrics label it; one of a few.
    pub why: &'static str,
    /// Whether the connection ends: nothing that follows on it can be trusted.
    pub closing: bool,
    /// What `Retry-After` or `Allow` says.
    pub hint: Hint,
}

/// What a client needs to do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    None,
    /// How long to wait.
    Wait(Duration),
    /// The methods that exist.
    Allow(&'static str),
}

impl Refusal {
    /// A refusal after which the connection goes on.
    pub fn new(status: StatusCode, phase: &'static str, why: &'static str) -> Self {
        Self { status, phase, why, closing: false, hint: Hint::None }
    }

    /// A refusal that ends the connection.
    pub fn closing(status: StatusCode, phase: &'static str, why: &'static str) -> Self {
        Self { closing: true, ..Self::new(status, phase, why) }
    }

    /// Come back later.
    pub fn wait(self, wait: Duration) -> Self {
        Self { hint: Hint::Wait(wait), ..self }
    }

    /// These methods exist.
    pub fn allow(self, methods: &'static str) -> Self {
        Self { hint: Hint::Allow(methods), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        counter!("requests_refused_total", "phase" => self.phase, "why" => self.why).increment(1);
        let mut response = match self.hint {
            Hint::Wait(wait) if self.status == StatusCode::TOO_MANY_REQUESTS => {
                let mut response = WebError::TooMany(wait).into_response();
                response.extensions_mut().insert(Violated(self.why.to_owned()));
                response
            }
            Hint::Wait(_) => WebError::Unavailable(self.why.into()).into_response(),
            Hint::Allow(methods) => {
                (self.status, [(header::ALLOW, HeaderValue::from_static(methods))]).into_response()
            }
            Hint::None => self.status.into_response(),
        };
        if self.closing {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

//! What a handler answers when it cannot do what was asked; [`crate::web::dress`] turns it into a page or
//! into problem+json, so that no handler writes an error by hand.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use crate::store::StoreError;

/// A refusal or a failure, by what the client can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebError {
    /// The request cannot be understood.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// A key or a session is missing or wrong.
    #[error("not authenticated")]
    Unauthorized,
    /// No plan covers it.
    #[error("payment required")]
    PaymentRequired,
    /// Not from here, not by this way.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// Nothing there, or nothing that this client may know of.
    #[error("not found")]
    NotFound,
    /// The link was good once.
    #[error("gone")]
    Gone,
    /// Not as it stands now.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// It is not as the client last saw it.
    #[error("precondition failed")]
    PreconditionFailed,
    /// The body came too slowly.
    #[error("request timeout")]
    TooSlow,
    /// The body is larger than this route takes.
    #[error("content too large")]
    TooLarge,
    /// The body is of a kind that this route does not read.
    #[error("unsupported media type")]
    Unsupported,
    /// Understood, but wrong; the value goes into problem+json as it is.
    #[error("unprocessable content")]
    Unprocessable(Map<String, Value>),
    /// More, at once, than may ever be had.
    #[error("a request of {cost} units, where {most} may be had at once")]
    TooDear {
        /// What it costs.
        cost: u32,
        /// What may be had.
        most: u32,
    },
    /// Too often.
    #[error("too many requests, retry in {0:?}")]
    TooMany(Duration),
    /// Later, perhaps: the store or a processor does not answer.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Ours to mend; told in the log, never to the client.
    #[error("internal: {0}")]
    Internal(String),
}

impl WebError {
    /// The status code (RFC 9110 § 15).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge | Self::TooDear { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The limit that a refusal is about, for problem+json (draft-ietf-httpapi-ratelimit-headers-11 § 5).
#[derive(Debug, Clone)]
pub struct Violated(pub String);

impl From<StoreError> for WebError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { .. } => Self::Internal(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        match &self {
            Self::TooMany(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            Self::Unavailable(_) => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            // RFC 9110 § 15.5.9: who waits no longer says so.
            Self::TooSlow => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Unauthorized => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

//! Fourth phase: shapes of requests that no honest client sends, refused before anything reads them.
//!
//! [`framing`] and [`frames`] follow the bytes of a connection, [`guard`] stands in its stream; [`check`] looks at
//! what hyper made of them.

pub mod frames;
pub mod framing;
pub mod guard;

use std::borrow::Cow;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::edge::refusal::Refusal;

/// The phase, as metrics label it.
pub const PHASE: &str = "protocol";

/// The method that stands in for a head that [`framing`] refuses; no client's request with it passes.
pub const REFUSED: &str = "REFUSED";

/// What the handshake settled (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1, and 1.0.
    One,
    /// HTTP/2.
    Two,
}

/// Checks a request's head and gives the path, decoded once.
///
/// # Errors
/// 400 for ambiguous framing (RFC 9112 § 6.3) or a path that is no path of ours, 405 for a method that nothing here
/// has, 414 for too long a target, and what [`framing::Fault`] says of a head that did not pass.
pub fn check<B>(request: &http::Request<B>, version: Version) -> Result<Cow<'_, str>, Refusal> {
    const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    // No route has them: what a resource has instead is known where the resource is (RFC 9110 § 15.5.6).
    const KNOWN: [Method; 3] = [Method::OPTIONS, Method::PUT, Method::PATCH];
    let uri = request.uri();
    let of_resource = KNOWN.contains(request.method()) && uri.path().starts_with('/');
    if !of_resource && !METHODS.contains(request.method()) {
        if version == Version::One && request.method().as_str() == REFUSED {
            return Err(told(uri.path()));
        }
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, PHASE, "method");
        return Err(refusal.allow("GET, HEAD, POST, DELETE"));
    }
    let headers = request.headers();
    // HTTP/1.1 was looked at before; h2 refuses `Transfer-Encoding` by itself. A door that is shut twice.
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err(Refusal::closing(StatusCode::BAD_REQUEST, PHASE, "two_framings"));
    }
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > framing::TARGET_LIMIT) {
        return Err(Refusal::closing(StatusCode::URI_TOO_LONG, PHASE, "target"));
    }
    decoded_path(uri.path()).ok_or(Refusal::closing(StatusCode::BAD_REQUEST, PHASE, "path"))
}

fn told(path: &str) -> Refusal {
    let label = path.trim_start_matches('/');
    match framing::Fault::ALL.iter().find(|fault| fault.label() == label) {
        Some(fault) => Refusal::closing(fault.status(), PHASE, fault.label()),
        None => Refusal::closing(StatusCode::BAD_REQUEST, PHASE, "unknown"),
    }
}

/// A path decoded once; none when it is not UTF-8, climbs, or holds what no path of ours holds.
pub fn decoded_path(path: &str) -> Option<Cow<'_, str>> {
    let decoded = match path.contains('%') {
        true => percent_decode_str(path).decode_utf8().ok()?,
        false => Cow::Borrowed(path),
    };
    let climbs =
        decoded.contains("/.") && decoded.split('/').any(|segment| segment == "." || segment == "..");
    let strange = decoded.chars().any(|c| c.is_control() || c == '\\');
    (decoded.starts_with('/') && !climbs && !strange).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

    fn judged(method: &str, target: &str, fields: &[(&str, &str)]) -> Result<String, u16> {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap(), Version::Two)
            .map(Cow::into_owned)
            .map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn ambiguous_framing_and_strange_paths_are_refused() {
        let long = format!("/{}", "a".repeat(framing::TARGET_LIMIT));
        let cases: [Case<'_>; 7] = [
            ("TRACE", "/", &[], 405),
            ("POST", "/", &[("content-length", "3"), ("transfer-encoding", "chunked")], 400),
            ("GET", "/a/%2e%2e/b", &[], 400),
            ("GET", "/a%00", &[], 400),
            ("GET", "/%ff", &[], 400),
            ("REFUSED", "/chunk", &[], 405),
            ("GET", &long, &[], 414),
        ];
        for (method, target, fields, expected) in cases {
            assert_eq!(judged(method, target, fields), Err(expected), "{method} {target:.40} {fields:?}");
        }
    }

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(judged("GET", "/th%C3%A8mes/a%2520b", &[]), Ok("/thèmes/a%20b".into()));
    }
}

//! Fourth phase: shapes of requests that no honest client sends, refused before anything reads them.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

/// The longest path with its query, in bytes.
const TARGET_LIMIT: usize = 8 * 1024;

/// Checks a request's head and gives the path, decoded once.
///
/// # Errors
/// The status to refuse with: 400 for ambiguous framing (RFC 9112 § 6.3) or a path that is no path of ours,
/// 405 for a method that nothing here has, 414 for too long a target, 415 for a compressed body.
pub fn check<B>(request: &http::Request<B>) -> Result<String, StatusCode> {
    const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    if !METHODS.contains(request.method()) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let chunked = codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        if !chunked || codings.next().is_some() || headers.contains_key(CONTENT_LENGTH) {
            return Err(StatusCode::BAD_REQUEST);
        }
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 || headers.contains_key(UPGRADE) {
        return Err(StatusCode::BAD_REQUEST);
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let uri = request.uri();
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_LIMIT) {
        return Err(StatusCode::URI_TOO_LONG);
    }
    decoded_path(uri.path()).ok_or(StatusCode::BAD_REQUEST)
}

/// A path decoded once; none when it is not UTF-8, climbs, or holds what no path of ours holds.
fn decoded_path(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let climbs = decoded.split('/').any(|segment| segment == "." || segment == "..");
    let strange = decoded.chars().any(|c| c.is_control() || c == '\\');
    (decoded.starts_with('/') && !climbs && !strange).then(|| decoded.into_owned())
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
        check(&request.body(()).unwrap()).map_err(|status| status.as_u16())
    }

    #[test]
    fn ambiguous_framing_and_strange_paths_are_refused() {
        let long = format!("/{}", "a".repeat(TARGET_LIMIT));
        let cases: [Case<'_>; 11] = [
            ("TRACE", "/", &[], 405),
            ("POST", "/", &[("content-length", "3"), ("transfer-encoding", "chunked")], 400),
            ("POST", "/", &[("content-length", "3"), ("content-length", "4")], 400),
            ("POST", "/", &[("transfer-encoding", "gzip, chunked")], 400),
            ("POST", "/", &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], 400),
            ("POST", "/", &[("content-encoding", "gzip")], 415),
            ("GET", "/", &[("upgrade", "websocket")], 400),
            ("GET", "/a/%2e%2e/b", &[], 400),
            ("GET", "/a%00", &[], 400),
            ("GET", "/%ff", &[], 400),
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

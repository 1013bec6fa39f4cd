//! The fields of tus 1.0.0, read and written. Not what they are about.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::edge::route_class::FILE_LIMIT;
use crate::web::WebError;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
/// What is spoken beyond the core.
const EXTENSIONS: HeaderValue = HeaderValue::from_static("creation,expiration,termination");
/// What a part is sent as.
const PART: &str = "application/offset+octet-stream";

/// The refusal of another version of the protocol than the one that is spoken; it bears the version that is.
pub(super) fn refused(headers: &HeaderMap) -> Option<Response> {
    headers.get(&RESUMABLE).filter(|version| *version != VERSION)?;
    let mut refused = WebError::PreconditionFailed.into_response();
    refused.headers_mut().insert("tus-version", VERSION);
    Some(spoken(refused))
}

/// What is spoken here, for who asks before it sends; `methods` are those of the resource.
pub(super) fn offered(methods: &str) -> Response {
    let mut answer = spoken(StatusCode::NO_CONTENT.into_response());
    let headers = answer.headers_mut();
    headers.insert("tus-version", VERSION);
    headers.insert("tus-extension", EXTENSIONS);
    headers.insert("tus-max-size", HeaderValue::from(FILE_LIMIT));
    if let Ok(methods) = HeaderValue::from_str(methods) {
        headers.insert(header::ALLOW, methods);
    }
    answer
}

/// How much will come, in bytes.
///
/// # Errors
/// [`WebError`]: not told, none at all, or more than a file may be.
pub(super) fn length(headers: &HeaderMap) -> Result<u64, WebError> {
    match number(headers, &LENGTH) {
        Some(0) | None => Err(WebError::BadRequest("Upload-Length is the size of the file, in bytes")),
        Some(length) if length > FILE_LIMIT => Err(WebError::TooLarge),
        Some(length) => Ok(length),
    }
}

/// Where a part begins.
///
/// # Errors
/// [`WebError`]: not told, or the part is not sent as one.
pub(super) fn offset(headers: &HeaderMap) -> Result<u64, WebError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case(PART) {
        return Err(WebError::Unsupported);
    }
    number(headers, &OFFSET).ok_or(WebError::BadRequest("Upload-Offset is where the part begins, in bytes"))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut given = headers.get_all(name).iter();
    let text = given.next()?.to_str().ok()?;
    let plain = given.next().is_none() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// The name of the file, where a client tells it: `filename` of `Upload-Metadata`.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    let all = headers.get(&METADATA)?.to_str().ok()?;
    let coded = all.split(',').find_map(|pair| pair.trim().strip_prefix("filename "))?;
    String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()
}

/// Where an upload stands, on an answer.
pub(super) fn stands(answer: Response, offset: u64, length: u64, ends: Timestamp) -> Response {
    let mut answer = spoken(answer);
    let headers = answer.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(offset));
    headers.insert(LENGTH, HeaderValue::from(length));
    let day = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&ends);
    if let Ok(day) = day.map_err(drop).and_then(|day| HeaderValue::from_str(&day).map_err(drop)) {
        headers.insert(EXPIRES, day);
    }
    answer
}

/// The version that is spoken, on an answer that nobody keeps.
pub(super) fn spoken(mut answer: Response) -> Response {
    answer.headers_mut().insert(RESUMABLE, VERSION);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn fields_are_read_as_the_protocol_has_them_and_nothing_else_is_a_number() {
        assert_eq!(length(&with(&[("upload-length", "12")])).unwrap(), 12);
        for wrong in ["", "0", "-1", "+3", "1e3", "0x3", " 3 4", "9999999999999999999999"] {
            assert!(
                matches!(length(&with(&[("upload-length", wrong)])), Err(WebError::BadRequest(_))),
                "{wrong}"
            );
        }
        assert!(matches!(length(&with(&[("upload-length", "33554433")])), Err(WebError::TooLarge)));
        let part = [("content-type", PART), ("upload-offset", "0")];
        assert_eq!(offset(&with(&part)).unwrap(), 0);
        assert!(matches!(offset(&with(&part[1..])), Err(WebError::Unsupported)));
        assert!(matches!(offset(&with(&part[..1])), Err(WebError::BadRequest(_))));
        let named = with(&[("upload-metadata", "filetype dGV4dC9jc3Y=, filename cGFpZS5jc3Y=")]);
        assert_eq!(file_name(&named).as_deref(), Some("paie.csv"));
        assert_eq!(file_name(&with(&[("upload-metadata", "filename ???")])), None);
        assert!(
            refused(&with(&[("tus-resumable", "1.0.0")])).is_none() && refused(&HeaderMap::new()).is_none()
        );
        let other = refused(&with(&[("tus-resumable", "0.2.2")])).unwrap();
        assert_eq!(other.headers()["tus-version"], "1.0.0");
    }
}

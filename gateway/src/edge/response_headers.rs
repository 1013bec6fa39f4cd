//! Tenth phase: fields that every answer bears.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// A head with every fixed field, and a place for each that changes from answer to answer: the quota's and
/// the name. Who starts from a copy of it grows no table.
pub fn places() -> HeaderMap {
    const CHANGING: [HeaderName; 3] =
        [HeaderName::from_static("ratelimit-policy"), HeaderName::from_static("ratelimit"), REQUEST_ID];
    let mut headers: HeaderMap =
        FIXED.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING);
    headers.extend(CHANGING.map(|name| (name, HeaderValue::from_static(""))));
    headers
}

/// Sets what an answer does not say by itself.
///
/// The values follow the OWASP Secure Headers Project; `Referrer-Policy` keeps addresses of reports and
/// tokens from other sites (`p-report-recipient`).
pub fn set(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in FIXED {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    name(headers, request_id);
}

/// Sets the request's name.
pub fn name(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(mut id) = HeaderValue::from_str(request_id) {
        // Never twice the same: HPACK need not remember it (RFC 7541 § 7.1.3).
        id.set_sensitive(true);
        headers.insert(REQUEST_ID, id);
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The policy of what is no page.
const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");

const FIXED: [(HeaderName, &str); 9] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("origin-agent-cluster"), "?1"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

//! Answers for the built site: variants, conditions, ranges, HEAD. It decides nothing that the manifest says.

use aops_manifest::Coding;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::web::negotiation::weighted;
use crate::web::range::{Asked, asked};
use crate::web::resource::{Representation, Resource};
use crate::web::stored::Leaving;

/// The answer to a GET or HEAD of a resource (RFC 9110 § 13, § 14).
pub fn answer(resource: &Resource, method: &Method, headers: &HeaderMap) -> Response<Leaving> {
    whole(resource, StatusCode::OK, method, headers)
}

/// The page for what does not exist: never conditional, never in parts.
pub fn not_found(resource: &Resource, method: &Method, headers: &HeaderMap) -> Response<Leaving> {
    let conditional = [header::IF_NONE_MATCH, header::IF_MATCH, header::RANGE, header::IF_RANGE];
    let mut response = if conditional.iter().any(|name| headers.contains_key(name)) {
        let mut headers = headers.clone();
        for name in conditional {
            headers.remove(name);
        }
        whole(resource, StatusCode::NOT_FOUND, method, &headers)
    } else {
        whole(resource, StatusCode::NOT_FOUND, method, headers)
    };
    response.headers_mut().remove(header::ETAG);
    response
}

fn whole(resource: &Resource, status: StatusCode, method: &Method, headers: &HeaderMap) -> Response<Leaving> {
    let (representation, coding) = choose(resource, headers);
    if let Some(condition) = headers.get(header::IF_MATCH)
        && !names(condition, &representation.etag)
    {
        return described(resource, representation, None, StatusCode::PRECONDITION_FAILED, Leaving::NONE);
    }
    if let Some(condition) = headers.get(header::IF_NONE_MATCH)
        && names(condition, &representation.etag)
    {
        return described(resource, representation, None, StatusCode::NOT_MODIFIED, Leaving::NONE);
    }
    let length = representation.body.len();
    let part =
        if resource.ranges && method == Method::GET { range(headers, representation) } else { Asked::Whole };
    let mut response = match part {
        Asked::Unsatisfiable => {
            let mut refused =
                described(resource, representation, None, StatusCode::RANGE_NOT_SATISFIABLE, Leaving::NONE);
            insert(&mut refused, header::CONTENT_RANGE, &format!("bytes */{length}"));
            return refused;
        }
        Asked::Part(part) => {
            let body = representation.body.part(part.clone());
            let mut partial = described(resource, representation, coding, StatusCode::PARTIAL_CONTENT, body);
            let value = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            insert(&mut partial, header::CONTENT_RANGE, &value);
            partial
        }
        Asked::Whole => {
            described(resource, representation, coding, status, representation.body.part(0..length))
        }
    };
    if method == Method::HEAD {
        // The length that was told stays.
        *response.body_mut() = Leaving::NONE;
    }
    response
}

/// The best form that the client accepts; identity when nothing else is.
fn choose<'a>(resource: &'a Resource, headers: &HeaderMap) -> (&'a Representation, Option<Coding>) {
    let identity = (&resource.identity, None);
    let Some(accept) = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()) else {
        return identity;
    };
    let quality = |token: &str| {
        let named = weighted(accept).find(|(name, _)| name.eq_ignore_ascii_case(token));
        named.or_else(|| weighted(accept).find(|(name, _)| *name == "*")).map(|(_, q)| q)
    };
    let mut best: Option<(f32, &Representation, Coding)> = None;
    for (coding, representation) in &resource.variants {
        let q = quality(coding.token()).unwrap_or(0.0);
        if q > 0.0 && best.is_none_or(|(found, ..)| q > found) {
            best = Some((q, representation, *coding));
        }
    }
    let identity_quality =
        weighted(accept).find(|(name, _)| name.eq_ignore_ascii_case("identity")).map_or(0.0, |(_, q)| q);
    match best {
        Some((q, representation, coding)) if q >= identity_quality => (representation, Some(coding)),
        _ => identity,
    }
}

fn range(headers: &HeaderMap, representation: &Representation) -> Asked {
    // One field, once (RFC 9110 § 14.2): two are no range that can be read.
    if headers.get_all(header::RANGE).iter().nth(1).is_some() {
        return Asked::Whole;
    }
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Asked::Whole;
    };
    // A range of another state of the resource would be glued to the wrong bytes (RFC 9110 § 13.1.5).
    if headers.get(header::IF_RANGE).is_some_and(|condition| condition != representation.etag) {
        return Asked::Whole;
    }
    asked(range, representation.body.len())
}

/// A copy of the head made for this kind of file, with what is this answer's own in its places.
fn described(
    resource: &Resource,
    representation: &Representation,
    coding: Option<Coding>,
    status: StatusCode,
    body: Leaving,
) -> Response<Leaving> {
    let not_modified = status == StatusCode::NOT_MODIFIED;
    let head = if not_modified { resource.heads.not_modified() } else { resource.heads.whole(coding) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = head.clone();
    headers.insert(header::ETAG, representation.etag.clone());
    if let Some(csp) = &resource.csp {
        headers.insert(header::CONTENT_SECURITY_POLICY, csp.clone());
    }
    if !not_modified {
        let whole = response.body().len() == representation.body.len();
        let length = if whole { representation.length.clone() } else { response.body().len().into() };
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    response
}

/// Whether a list of entity tags names this one (weak comparison, which strong tags satisfy likewise).
fn names(condition: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(condition), Ok(etag)) = (condition.to_str(), etag.to_str()) else {
        return false;
    };
    let mut tags = condition.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn insert(response: &mut Response<Leaving>, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use aops_manifest::Cache;

    use super::*;
    use crate::web::heads::{Kind, Kinds};
    use crate::web::stored::Stored;

    fn page() -> Resource {
        let representation = |body: &'static str, etag: &'static str| Representation {
            body: Stored::Memory(bytes::Bytes::from_static(body.as_bytes())),
            etag: HeaderValue::from_static(etag),
            length: body.len().into(),
        };
        let kind = Kind {
            content_type: HeaderValue::from_static("text/html; charset=utf-8"),
            cache: Cache::Revalidate,
            language: None,
            ranges: true,
            page: false,
        };
        Resource {
            identity: representation("0123456789", "\"id\""),
            variants: vec![
                (Coding::Br, representation("br", "\"br\"")),
                (Coding::Zstd, representation("zs", "\"zs\"")),
                (Coding::Gzip, representation("gz", "\"gz\"")),
            ],
            heads: Kinds::default().heads(kind),
            csp: None,
            ranges: true,
            to_platform: Default::default(),
        }
    }

    fn ask(pairs: &[(header::HeaderName, &'static str)]) -> Response<Leaving> {
        let headers =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        answer(&page(), &Method::GET, &headers)
    }

    #[test]
    fn the_form_follows_the_weights_of_accept_encoding() {
        let cases = [
            ("br", Some("br")),
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip;q=1.0, br;q=0.2", Some("gzip")),
            ("br;q=0, *", Some("zstd")),
            ("identity, br;q=0.5", None),
            ("*;q=0", None),
            ("deflate", None),
        ];
        for (accept, expected) in cases {
            let response = ask(&[(header::ACCEPT_ENCODING, accept)]);
            let coding = response.headers().get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap());
            assert_eq!(coding, expected, "{accept}");
            assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
        }
    }

    #[test]
    fn a_condition_is_met_only_by_the_tag_of_the_chosen_form() {
        let same = ask(&[(header::ACCEPT_ENCODING, "br"), (header::IF_NONE_MATCH, "\"x\", W/\"br\"")]);
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
        let other = ask(&[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, "\"br\"")]);
        assert_eq!(other.status(), StatusCode::OK);
        let failed = ask(&[(header::IF_MATCH, "\"x\"")]);
        assert_eq!(failed.status(), StatusCode::PRECONDITION_FAILED);
    }

    #[test]
    fn a_range_of_another_state_gets_the_whole_body() {
        let part = ask(&[(header::RANGE, "bytes=2-3"), (header::IF_RANGE, "\"id\"")]);
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 2-3/10");
        let stale = ask(&[(header::RANGE, "bytes=2-3"), (header::IF_RANGE, "\"old\"")]);
        assert_eq!(stale.status(), StatusCode::OK);
        let past = ask(&[(header::RANGE, "bytes=10-")]);
        assert_eq!(past.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(past.headers()[header::CONTENT_RANGE], "bytes */10");
    }
}

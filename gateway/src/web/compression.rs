//! Pages written now, in brotli, for those who send no credentials: a page that holds a secret beside what its
//! address says must not be compressed (BREACH), and without a cookie or a key there is no secret in it.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

use crate::web::negotiation::weighted;
use crate::web::posted::read_body;

/// Below it nothing is gained, in bytes.
const LEAST: usize = 1_024;
/// Larger ones are no pages, in bytes.
const MOST: usize = 1 << 20;
/// Of brotli's eleven; a millisecond for a page.
const QUALITY: i32 = 5;

/// Whether an answer to this request may be compressed on its way.
pub fn wanted(headers: &HeaderMap) -> bool {
    let credentials = headers.contains_key(header::COOKIE) || headers.contains_key(header::AUTHORIZATION);
    let accept = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    !credentials
        && weighted(accept.unwrap_or_default())
            .any(|(coding, q)| coding.eq_ignore_ascii_case("br") && q > 0.0)
}

/// The same page in brotli; anything else as it is.
pub async fn compressed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let page =
        parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let size = http_body::Body::size_hint(&body).exact().unwrap_or_default() as usize;
    let coded = parts.headers.contains_key(header::CONTENT_ENCODING)
        || parts.headers.contains_key(header::SET_COOKIE);
    if !page || coded || !(LEAST..=MOST).contains(&size) || parts.headers.contains_key(header::ETAG) {
        return Response::from_parts(parts, body);
    }
    let Ok(bytes) = read_body(body, MOST).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let parameters = brotli::enc::BrotliEncoderParams { quality: QUALITY, ..Default::default() };
    let mut smaller = Vec::with_capacity(bytes.len() / 3);
    if brotli::BrotliCompress(&mut &bytes[..], &mut smaller, &parameters).is_err()
        || smaller.len() >= bytes.len()
    {
        return Response::from_parts(parts, bytes.into());
    }
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    parts.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, smaller.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn who_sends_credentials_gets_no_compressed_page() {
        let br = (header::ACCEPT_ENCODING, "gzip, br;q=0.8");
        assert!(wanted(&headers(std::slice::from_ref(&br))));
        assert!(!wanted(&headers(&[br.clone(), (header::COOKIE, "a=b")])));
        assert!(!wanted(&headers(&[br, (header::AUTHORIZATION, "Bearer x")])));
        assert!(!wanted(&headers(&[(header::ACCEPT_ENCODING, "gzip, br;q=0")])));
        assert!(!wanted(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_page_is_compressed_once_and_what_is_no_page_never() {
        let page = "<p>bonjour</p>".repeat(200);
        let answer = |kind: &'static str, body: String| {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let done = compressed(answer("text/html; charset=utf-8", page.clone())).await;
        assert_eq!(done.headers()[header::CONTENT_ENCODING], "br");
        let body = read_body(done.into_body(), MOST).await.unwrap();
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &body[..], &mut plain).unwrap();
        assert_eq!(plain, page.as_bytes());
        for (kind, body) in [("application/json", page), ("text/html", "court".into())] {
            assert!(!compressed(answer(kind, body)).await.headers().contains_key(header::CONTENT_ENCODING));
        }
    }
}

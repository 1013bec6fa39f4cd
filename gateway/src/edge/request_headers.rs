//! Eighth phase: fields that ask for something we do not do, and bodies that are not welcome.

use http::header::{CONTENT_ENCODING, EXPECT, UPGRADE};
use http::{Request, StatusCode};
use http_body::Body;

use crate::edge::refusal::Refusal;
use crate::edge::route_class::RouteClass;

const PHASE: &str = "headers";

/// Checks the fields of a request. Nothing of its body has been read: who waits for `100 Continue` is told no.
///
/// # Errors
/// 400 for `Upgrade`, which no route here answers (RFC 9110 § 7.8); 413 for a body declared larger than the class
/// takes; 415 for a compressed one, whose size nothing tells (§ 15.5.16); 417 for another expectation than the one
/// there is (§ 10.1.1).
pub fn check<B: Body>(request: &Request<B>, class: RouteClass) -> Result<(), Refusal> {
    let headers = request.headers();
    if headers.contains_key(UPGRADE) {
        return Err(Refusal::closing(StatusCode::BAD_REQUEST, PHASE, "upgrade"));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::closing(StatusCode::UNSUPPORTED_MEDIA_TYPE, PHASE, "content_encoding"));
    }
    if headers.get_all(EXPECT).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::closing(StatusCode::EXPECTATION_FAILED, PHASE, "expect"));
    }
    if request.body().size_hint().lower() > class.body_limit(request.uri().path()) {
        return Err(Refusal::closing(StatusCode::PAYLOAD_TOO_LARGE, PHASE, "body"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn judged(fields: &[(&str, &str)], body: usize) -> Result<(), u16> {
        let mut request = Request::builder().method("POST").uri("/contact");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(vec![0; body]))).unwrap();
        check(&request, RouteClass::Forms).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn what_is_not_done_here_is_refused_before_a_body_is_read() {
        assert_eq!(judged(&[("expect", "100-Continue")], 9), Ok(()));
        assert_eq!(judged(&[("upgrade", "websocket")], 0), Err(400));
        assert_eq!(judged(&[("content-encoding", "gzip")], 9), Err(415));
        assert_eq!(judged(&[("expect", "200-ok")], 9), Err(417));
        assert_eq!(judged(&[], 65_537), Err(413));
        assert_eq!(judged(&[], 65_536), Ok(()));
    }
}

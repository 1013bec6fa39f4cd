//! Fifth phase: the request is for one of our names, told once and the same everywhere (RFC 9110 § 7.2).

use http::header::HOST;
use http::{StatusCode, Version};

use crate::edge::refusal::Refusal;
use crate::web::hosts::Hosts;

/// The authority of a request, which is ours.
///
/// # Errors
/// 400 when it is missing, doubled or told in two ways; 421 when it is not ours.
pub fn check<'a, B>(request: &'a http::Request<B>, hosts: &Hosts) -> Result<&'a str, Refusal> {
    let bad = |why| Refusal::closing(StatusCode::BAD_REQUEST, "authority", why);
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields.next().map(|value| value.to_str().map_err(|_| bad("host"))).transpose()?;
    if fields.next().is_some() {
        return Err(bad("two_hosts"));
    }
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    let authority = match (target, field) {
        // In HTTP/1.1 the field is required even with an absolute target; a proxy may have missed it.
        (_, None) if request.version() == Version::HTTP_11 => return Err(bad("no_host")),
        (Some(target), Some(field)) if !target.eq_ignore_ascii_case(field) => {
            return Err(bad("two_hosts"));
        }
        (Some(target), _) => target,
        (None, Some(field)) => field,
        (None, None) => return Err(bad("no_host")),
    };
    if hosts.names(authority) {
        Ok(authority)
    } else {
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "authority", "unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (Version, &'static str, &'static [&'static str], Result<(), u16>);

    fn judged(version: Version, target: &str, fields: &[&str]) -> Result<(), u16> {
        let mut request = http::Request::builder().version(version).uri(target);
        for field in fields {
            request = request.header(HOST, *field);
        }
        let hosts = Hosts::new(&["localhost".into()], &[8443]);
        check(&request.body(()).unwrap(), &hosts).map(|_| ()).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn one_authority_of_ours_passes_and_every_other_shape_is_refused() {
        let h1 = Version::HTTP_11;
        let h2 = Version::HTTP_2;
        let cases: [Case; 9] = [
            (h1, "/", &["localhost:8443"], Ok(())),
            (h1, "/", &[], Err(400)),
            (h1, "/", &["localhost", "localhost"], Err(400)),
            (h1, "/", &["example.com"], Err(421)),
            (h1, "https://example.com/", &["localhost"], Err(400)),
            (h1, "https://localhost/", &["localhost"], Ok(())),
            (h2, "https://localhost:8443/", &[], Ok(())),
            (h2, "https://example.com/", &[], Err(421)),
            (h2, "https://localhost/", &["example.com"], Err(400)),
        ];
        for (version, target, fields, expected) in cases {
            assert_eq!(judged(version, target, fields), expected, "{version:?} {target} {fields:?}");
        }
    }
}

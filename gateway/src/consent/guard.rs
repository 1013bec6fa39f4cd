//! The last look at what an answer sets: a cookie that the registry does not list does not leave
//! (`p-cookie-categories`).

use axum::response::Response;
use http::header;

use crate::consent::registry::Registry;

/// The same response without cookies that are not listed.
pub fn registered(registry: &Registry, mut response: Response) -> Response {
    if !response.headers().contains_key(header::SET_COOKIE) {
        return response;
    }
    let set: Vec<_> = response.headers_mut().get_all(header::SET_COOKIE).iter().cloned().collect();
    response.headers_mut().remove(header::SET_COOKIE);
    for line in set {
        let name = line.to_str().unwrap_or_default().split('=').next().unwrap_or_default();
        if registry.knows_cookie(name) {
            response.headers_mut().append(header::SET_COOKIE, line);
        } else {
            tracing::error!(cookie = %name, "a cookie that services.toml does not list was not set");
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::HeaderValue;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn p_cookie_categories_a_cookie_that_is_not_listed_does_not_leave() {
        let folder = tempfile::tempdir().unwrap();
        let registry = crate::testing::settings(folder.path(), SignedDuration::ZERO).consent;
        let mut response = Response::new(Body::empty());
        for line in ["__Host-session=1; Path=/", "tracker=2", "_ga=; Max-Age=0"] {
            response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(line));
        }
        let response = registered(&registry, response);
        let left: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(left, ["__Host-session=1; Path=/", "_ga=; Max-Age=0"]);
    }
}

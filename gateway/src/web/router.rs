//! From a request to its handler: the built site first, then the features' routes.

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, Request, StatusCode, header};
use tower::ServiceExt;

use crate::app::{App, SharedApp};
use crate::edge::refusal::Refusal;
use crate::edge::response_headers;
use crate::web::places::{self, Place};
use crate::web::resource::Resource;
use crate::web::stored::Leaving;
use crate::web::{live_reload, negotiation, pages, search};

/// The features' routes, ready to answer.
#[derive(Debug, Clone)]
pub struct Routes(Router);

impl Routes {
    /// The routes of every feature, each behind the guard.
    pub fn new(app: &SharedApp) -> Self {
        let guard = axum::middleware::from_fn_with_state(app.clone(), crate::authorisation::guard);
        Self(Self::unguarded(app).route_layer(guard).with_state(app.clone()))
    }

    /// The routes of every feature.
    pub(crate) fn unguarded(app: &SharedApp) -> Router<SharedApp> {
        let mut features = Router::new()
            .merge(crate::antispam::routes())
            .merge(crate::accounts::routes())
            .merge(crate::checkout::routes())
            .merge(crate::calculations::routes())
            .merge(crate::datasets::routes())
            .merge(crate::webhooks::routes())
            .merge(crate::newsletter::routes())
            .merge(crate::contact::routes())
            .merge(crate::consent::routes())
            .merge(crate::audience::routes())
            .merge(crate::suppression::routes())
            .merge(crate::rights::routes())
            .merge(crate::client_audit::routes())
            .merge(crate::sheets::routes())
            .merge(crate::letters::routes(&app.settings))
            .merge(crate::staff::routes());
        if app.live_reload.is_some() {
            features = features.merge(live_reload::routes());
        }
        features
    }
}

/// Where two names share the work: the way to the one that a request should have asked.
///
/// # Errors
/// 421 for what is more than a reading: nothing that a form or a program sends is sent on.
pub fn at_other_name<B>(
    app: &App,
    authority: &str,
    path: &str,
    request: &Request<B>,
) -> Result<Option<http::Response<Leaving>>, Refusal> {
    if !app.hosts.are_two() {
        return Ok(None);
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let other = |origin: &str| {
        let origin = origin.strip_prefix("https://").unwrap_or(origin);
        app.hosts.names(origin) && !origin.eq_ignore_ascii_case(authority)
    };
    // What the pages of one name send to the other is as little asked for there as what a stranger's do.
    if !reads(request.method()) && origin.is_some_and(other) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "authority", "other_origin"));
    }
    let place = match Place::of(path) {
        Some(Place::Site) if app.site.load().resource(path).is_some_and(Resource::posts_to_platform) => {
            Some(Place::Platform)
        }
        place => place,
    };
    let Some(name) = place.and_then(|place| app.hosts.elsewhere(authority, place)) else { return Ok(None) };
    if !reads(request.method()) {
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "authority", "other_name"));
    }
    let there = format!("https://{name}{path}");
    Ok(Some(redirected(&there, StatusCode::PERMANENT_REDIRECT, request.uri().query())))
}

/// What the built site answers by itself, at once: files, what has moved, and what is nowhere.
pub fn built<B>(
    app: &App,
    path: &str,
    peer: IpAddr,
    request: &Request<B>,
) -> Option<http::Response<Leaving>> {
    if !reads(request.method()) {
        return None;
    }
    let site = app.site.load();
    if let Some(resource) = site.resource(path) {
        if !is_canonical(request.uri().path()) {
            return Some(redirected(path, StatusCode::PERMANENT_REDIRECT, request.uri().query()));
        }
        if request.uri().query().is_some() && search::is_page(&site, path) {
            return None;
        }
        let response = pages::answer(resource, request.method(), request.headers());
        count(app, resource, path, peer, request, response.status());
        return Some(response);
    }
    if let Some((to, status)) = moved(&site, path) {
        return Some(redirected(&to, status, request.uri().query()));
    }
    if places::may_be_a_feature(path) || negotiation::wants_json(request.headers()) {
        return None;
    }
    let language = negotiation::language(request.uri(), request.headers());
    Some(pages::not_found(site.not_found(language)?, request.method(), request.headers()))
}

/// Answers a request whose path, decoded once, is `path`, and which the built site does not answer by itself.
pub async fn answer(app: &SharedApp, routes: &Routes, path: &str, request: Request<Body>) -> Response {
    let site = app.site.load_full();
    let head = (request.method(), request.uri(), request.headers());
    if reads(request.method()) {
        if let Some(results) = search::answer(app, &site, path, head) {
            return results;
        }
        // A search page that is asked nothing after all.
        if let Some(resource) = site.resource(path) {
            return pages::answer(resource, request.method(), request.headers()).map(Body::new);
        }
    }
    let method = request.method().clone();
    let headers = request.headers().clone();
    let language = negotiation::language(request.uri(), &headers);
    let page = site.resource(path).is_some();
    // axum's own error is impossible: a router is infallible.
    let response = match routes.0.clone().oneshot(request).await {
        Ok(response) => crate::consent::registered(&app.settings.consent, response),
        Err(never) => match never {},
    };
    if response.status() != StatusCode::NOT_FOUND || !is_bare(&response) {
        return response;
    }
    if page {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let program = path.starts_with("/api/") || negotiation::wants_json(&headers);
    match site.not_found(language) {
        Some(page) if !program => pages::not_found(page, &method, &headers).map(Body::new),
        _ => response,
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Counts a page of the site that somebody opened, whole or as they have it already.
fn count<B>(
    app: &App,
    resource: &Resource,
    path: &str,
    peer: IpAddr,
    request: &Request<B>,
    status: StatusCode,
) {
    let page = resource.csp.is_some() && request.method() == Method::GET;
    let shown = matches!(status, StatusCode::OK | StatusCode::NOT_MODIFIED);
    if page && shown {
        app.audience.saw(app, peer, path, request.headers());
    }
}

/// Where a path has moved: told by the manifest, or its canonical form with a slash at the end.
fn moved(site: &crate::web::Site, path: &str) -> Option<(String, StatusCode)> {
    if let Some(redirect) = site.manifest.redirects.get(path) {
        let status = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::PERMANENT_REDIRECT);
        return Some((redirect.to.clone(), status));
    }
    let canonical = match path.strip_suffix("index.html") {
        Some(folder) => folder.to_owned(),
        None => format!("{path}/"),
    };
    site.resource(&canonical).map(|_| (canonical, StatusCode::PERMANENT_REDIRECT))
}

/// Whether a path encodes nothing that needs no encoding, and writes the rest in capitals (RFC 3986 § 6.2.2): a page
/// has one address.
fn is_canonical(path: &str) -> bool {
    let needless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.split('%').skip(1).all(|encoded| {
        let Some(digits) = encoded.get(..2) else { return true };
        let small = digits.bytes().any(|digit| digit.is_ascii_lowercase());
        u8::from_str_radix(digits, 16).map_or(true, |byte| !small && !needless(byte))
    })
}

fn redirected(to: &str, status: StatusCode, query: Option<&str>) -> http::Response<Leaving> {
    const PATH: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'?').add(b'#').add(b'%');
    let mut location = percent_encoding::utf8_percent_encode(to, PATH).to_string();
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    let mut response = http::Response::new(Leaving::NONE);
    *response.headers_mut() = response_headers::places();
    match HeaderValue::from_str(&location) {
        Ok(location) => {
            *response.status_mut() = status;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}

fn is_bare(response: &Response) -> bool {
    !response.headers().contains_key(header::CONTENT_TYPE)
}

#[cfg(test)]
mod tests {
    use super::is_canonical;

    #[test]
    fn a_path_has_one_form() {
        for one in ["/", "/offres/", "/th%C3%A8mes/", "/a%20b", "/a%", "/a%zz"] {
            assert!(is_canonical(one), "{one}");
        }
        for other in ["/%6fffres/", "/%6Fffres/", "/th%c3%a8mes/", "/a%2Db", "/%7E"] {
            assert!(!is_canonical(other), "{other}");
        }
    }
}

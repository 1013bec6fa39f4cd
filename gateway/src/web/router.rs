//! From a request to its handler: the built site first, then the features' routes.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, Request, StatusCode, header};
use tower::ServiceExt;

use crate::app::SharedApp;
use crate::web::site::Resource;
use crate::web::{Peer, live_reload, negotiation, pages, search};

/// The features' routes, ready to answer.
#[derive(Debug, Clone)]
pub struct Routes(Router);

impl Routes {
    /// The routes of every feature.
    pub fn new(app: &SharedApp) -> Self {
        let mut features = Router::new()
            .merge(crate::antispam::routes())
            .merge(crate::accounts::routes())
            .merge(crate::checkout::routes())
            .merge(crate::calculations::routes())
            .merge(crate::newsletter::routes())
            .merge(crate::contact::routes())
            .merge(crate::consent::routes())
            .merge(crate::audience::routes());
        if app.live_reload.is_some() {
            features = features.merge(live_reload::routes());
        }
        Self(features.with_state(app.clone()))
    }
}

/// Answers a request whose path, decoded once, is `path`.
pub async fn answer(app: &SharedApp, routes: &Routes, path: &str, request: Request<Body>) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let site = app.site.load_full();
    let head = (request.method(), request.uri(), request.headers());
    if let (true, Some(results)) = (reads, search::answer(app, &site, path, head)) {
        return results;
    }
    if let (true, Some(resource)) = (reads, site.resource(path)) {
        let response = pages::answer(resource, request.method(), request.headers());
        count(app, resource, path, &request, response.status());
        return response;
    }
    if let (true, Some(to)) = (reads, moved(&site, path)) {
        return redirected(&to.0, to.1, request.uri().query());
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
        Some(page) if !program => pages::not_found(page, &method, &headers),
        _ => response,
    }
}

/// Counts a page of the site that somebody opened, whole or as they have it already.
fn count(app: &SharedApp, resource: &Resource, path: &str, request: &Request<Body>, status: StatusCode) {
    let page = resource.csp.is_some() && request.method() == Method::GET;
    let shown = matches!(status, StatusCode::OK | StatusCode::NOT_MODIFIED);
    if let (true, true, Some(Peer(peer))) = (page, shown, request.extensions().get::<Peer>()) {
        app.audience.saw(app, *peer, path, request.headers());
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

fn redirected(to: &str, status: StatusCode, query: Option<&str>) -> Response {
    const PATH: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'?').add(b'#').add(b'%');
    let mut location = percent_encoding::utf8_percent_encode(to, PATH).to_string();
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    match HeaderValue::from_str(&location) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn is_bare(response: &Response) -> bool {
    !response.headers().contains_key(header::CONTENT_TYPE)
}

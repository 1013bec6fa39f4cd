//! Between the edge and the features: the built site, pages written at run time, posted forms, errors.

pub mod compression;
pub mod conditional;
pub mod cookies;
pub mod described;
pub mod dress;
pub mod error;
pub mod heads;
pub mod hosts;
pub mod json_body;
pub mod live_reload;
pub mod negotiation;
pub mod pages;
pub mod places;
pub mod posted;
pub mod problem;
pub mod range;
mod refusal_pages;
pub mod resource;
pub mod router;
mod search;
pub mod site;
pub mod stored;

use std::net::IpAddr;

use aops_manifest::{Language, Shell};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

pub use self::error::WebError;
pub use self::site::{Site, SiteError};
use crate::app::App;

/// The client's address, as the edge settled it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The request's id, told in the answer and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A page written now: a template of the theme, set into the theme's frame.
///
/// `title_key` names an interface string. The page is not to be kept by any cache.
pub fn render(
    app: &App,
    status: StatusCode,
    language: Language,
    title_key: &str,
    template: &str,
    context: Value,
) -> Response {
    let title = app.site.load().texts.text(language, title_key, &[]);
    render_titled(app, status, language, &title, template, context)
}

/// As [`render`], with the words of the title.
pub fn render_titled(
    app: &App,
    status: StatusCode,
    language: Language,
    title: &str,
    template: &str,
    context: Value,
) -> Response {
    let site = app.site.load();
    shown(&site, status, language, || site.render(language, title, template, context, &app.settings))
}

/// A page written now, with the fields that all such pages bear.
fn shown(
    site: &Site,
    status: StatusCode,
    language: Language,
    page: impl FnOnce() -> Result<String, SiteError>,
) -> Response {
    let (status, page) = match page() {
        Ok(page) => (status, page),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, String::from("<!doctype html><title>500</title><h1>500</h1>"))
        }
    };
    let mut response = Response::new(page.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    if let Some(csp) = site.shell_csp(language) {
        headers.insert(header::CONTENT_SECURITY_POLICY, csp.clone());
    }
    response
}

/// Puts a title and a main part into a frame of the theme. The title is escaped, the main part is HTML.
fn frame(shell: &Shell, title: &str, main: &str) -> String {
    shell.html.replacen(Shell::TITLE, &escape(title), 1).replacen(Shell::HEAD, "", 1).replacen(
        Shell::MAIN,
        main,
        1,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

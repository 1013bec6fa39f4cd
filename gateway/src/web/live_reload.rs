//! While a site is being written: open pages take over what changed, and show what is at fault (`serve --watch` alone).

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::watch;

use crate::app::SharedApp;

/// What is set before the end of every page.
pub(super) const TAG: &str = r#"<script src="/-/rechargement.js" defer></script>"#;

const SCRIPT: &str = include_str!("live_reload.js");

/// What open pages are told of the last change.
#[derive(Debug, Clone, Default, Serialize)]
pub struct News {
    /// What is at fault, as it is told in the terminal; the site is still that of before.
    pub fault: Option<Arc<str>>,
    /// Paths whose content changed.
    pub paths: Arc<[String]>,
    /// Whether any page may have changed.
    pub all: bool,
}

/// Tells open pages that the site changed.
pub type LiveReload = watch::Sender<News>;

/// The script and the events; absent unless the site is watched.
pub fn routes() -> Router<SharedApp> {
    Router::new().route("/-/rechargement.js", get(script)).route("/-/rechargement", get(events))
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

async fn events(State(app): State<SharedApp>) -> Response {
    let Some(sender) = &app.live_reload else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut news = sender.subscribe();
    // A page that is opened while something is at fault shows it at once.
    if sender.borrow().fault.is_some() {
        news.mark_changed()
    } else {
        news.mark_unchanged()
    }
    let events = stream::unfold(news, |mut news| async move {
        news.changed().await.ok()?;
        let told = serde_json::to_string(&*news.borrow_and_update()).unwrap_or_default();
        Some((Ok::<_, Infallible>(Event::default().data(told)), news))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

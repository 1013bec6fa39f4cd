//! While a site is being written: open pages load again when it was built anew (`serve --watch` alone).

use std::convert::Infallible;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use http::{StatusCode, header};
use tokio::sync::watch;

use crate::app::SharedApp;

/// What is set before the end of every page.
pub(super) const TAG: &str = r#"<script src="/-/rechargement.js" defer></script>"#;

const SCRIPT: &str = "new EventSource('/-/rechargement').onmessage = () => location.reload();\n";

/// Tells open pages that the site changed.
pub type LiveReload = watch::Sender<u64>;

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
    let mut builds = sender.subscribe();
    builds.mark_unchanged();
    let events = stream::unfold(builds, |mut builds| async move {
        builds.changed().await.ok()?;
        let build = *builds.borrow_and_update();
        Some((Ok::<_, Infallible>(Event::default().data(build.to_string())), builds))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

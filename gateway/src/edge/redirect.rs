//! The plain listener: it sends everybody to https and answers nothing else but an authority's challenges
//! (`p-transport-encryption`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::counter;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app::SharedApp;
use crate::edge::accept::told_to_stop;
use crate::edge::timed::WriteTimed;
use crate::edge::tls::acme::Acme;

const PATIENCE: Duration = Duration::from_secs(10);
/// Where an authority looks (RFC 8555 § 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Redirects until told to stop.
pub async fn serve(listener: TcpListener, app: SharedApp, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(app.settings.gateway.connections.total));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to_stop(&mut stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        if app.blocklist.refuses(peer.ip(), app.clock.now()) {
            continue;
        }
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let _place = place;
            let answer = service_fn(move |request: Request<Incoming>| {
                let response = redirect(&app, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let stream = TokioIo::new(WriteTimed::new(stream, PATIENCE));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false).max_headers(64);
            // A peer that breaks off here has nothing to be told.
            let _ = tokio::time::timeout(PATIENCE * 2, builder.serve_connection(stream, answer)).await;
        });
    }
}

fn redirect(app: &SharedApp, request: &Request<Incoming>) -> Response<Body> {
    let token = request.uri().path().strip_prefix(CHALLENGES);
    if let Some((acme, token)) = app.acme.as_ref().zip(token) {
        return proof(acme, token);
    }
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(host) = host else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(name) = app.hosts.canonical(host) else {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    };
    let port = match app.settings.gateway.https.port() {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match HeaderValue::from_str(&format!("https://{name}{port}{target}")) {
        Ok(location) => (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The token is what nobody can guess: the name under which it is asked for is of no account.
fn proof(acme: &Acme, token: &str) -> Response<Body> {
    let Some(answer) = acme.challenges.http(token) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    counter!("acme_challenges_total", "kind" => "http-01").increment(1);
    ([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response()
}

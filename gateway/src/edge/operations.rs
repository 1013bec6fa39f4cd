//! The operations listener: `/livez`, `/readyz` and `/metrics`, in plain HTTP, for the machine itself.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::SharedApp;
use crate::edge::tls::acme::Acme;

/// Answers until told to stop; readiness is withdrawn first.
pub async fn serve(
    listener: TcpListener,
    app: SharedApp,
    metrics: Option<PrometheusHandle>,
    stop: watch::Receiver<bool>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (app, metrics, stop) = (app.clone(), metrics.clone(), stop.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let (app, metrics) = (app.clone(), metrics.clone());
                let stopping = *stop.borrow();
                async move { Ok::<_, Infallible>(answer(&app, metrics.as_ref(), stopping, &request).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(
    app: &SharedApp,
    metrics: Option<&PrometheusHandle>,
    stopping: bool,
    request: &Request<Incoming>,
) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    match request.uri().path() {
        "/livez" => "ok\n".into_response(),
        "/readyz" if stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
        "/readyz" => match app.store.ready().await {
            Ok(()) => match app.acme.as_ref().and_then(Acme::unready) {
                Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
                None => "ok\n".into_response(),
            },
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        },
        "/metrics" => match metrics {
            Some(metrics) => {
                #[cfg(feature = "count-allocations")]
                metrics::counter!("allocations_total")
                    .absolute(stats_alloc::INSTRUMENTED_SYSTEM.stats().allocations as u64);
                ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

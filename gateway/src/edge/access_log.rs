//! Last phase: one line a request, without personal data: addresses are cut, queries are left out.

use std::net::IpAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{counter, histogram};

use crate::edge::prefix::Truncated;
use crate::edge::route_class::RouteClass;

/// What is told of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// The request's id.
    pub request: &'a str,
    /// The client.
    pub peer: IpAddr,
    /// The method.
    pub method: &'a Method,
    /// The path as sent, without its query.
    pub path: &'a str,
    /// The kind of route.
    pub class: RouteClass,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's body, in bytes, where it is known beforehand.
    pub bytes: Option<u64>,
    /// From the head's arrival to the answer's head.
    pub elapsed: Duration,
}

/// Writes the line and counts the request.
pub fn write(line: &Line<'_>) {
    let family = match line.status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    };
    let class = line.class.label();
    counter!("http_requests_total", "class" => class, "status" => family).increment(1);
    histogram!("http_request_seconds", "class" => class).record(line.elapsed.as_secs_f64());
    tracing::info!(
        target: "access",
        request = line.request,
        client = %Truncated(line.peer),
        method = %line.method,
        path = told(line.path),
        class,
        status = line.status.as_u16(),
        bytes = line.bytes,
        micros = u64::try_from(line.elapsed.as_micros()).unwrap_or(u64::MAX),
    );
}

/// Paths are told up to a length, and none that bears a payment session's id.
fn told(path: &str) -> &str {
    const LIMIT: usize = 200;
    if path.starts_with("/paiement-test/") {
        return "/paiement-test/…";
    }
    match path.char_indices().nth(LIMIT) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

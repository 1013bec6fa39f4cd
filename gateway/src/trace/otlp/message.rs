//! Spans in the messages of OTLP, named as OpenTelemetry's conventions for HTTP name them (semantic conventions 1.27).

use std::time::SystemTime;

use http::Version;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::told::{Told, What};
use crate::edge::prefix::Truncated;

/// The flag of a span that is told.
const SAMPLED: u32 = 1;

/// The message of these spans.
pub(super) fn message(spans: &[Told]) -> ExportTraceServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: vec![text("service.name", "aops"), text("service.version", version)],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").into(),
        version: version.into(),
        ..InstrumentationScope::default()
    };
    let spans = spans.iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

fn span(told: &Told) -> Span {
    let (name, kind, attributes, failed) = match &told.what {
        What::Answered { method, path, version, class, peer, status, bytes } => {
            let mut attributes = vec![
                text("http.request.method", method.as_str()),
                text("url.scheme", "https"),
                text("url.path", path),
                text("network.protocol.name", "http"),
                text("network.protocol.version", number(*version)),
                text("client.address", &Truncated(*peer).to_string()),
                text("aops.class", class),
                whole("http.response.status_code", i64::from(status.as_u16())),
            ];
            attributes.extend(
                bytes.map(|bytes| whole("http.response.body.size", bytes.try_into().unwrap_or(i64::MAX))),
            );
            let failed = status.is_server_error();
            attributes.extend(failed.then(|| text("error.type", status.as_str())));
            (format!("{method} {class}"), SpanKind::Server, attributes, failed)
        }
        What::Called { service, status } => {
            let mut attributes = vec![text("http.request.method", "POST"), text("peer.service", service)];
            attributes.extend(status.map(|status| whole("http.response.status_code", status.into())));
            let failed = status.is_none_or(|status| status >= 400);
            let why = status.map_or_else(|| "no_answer".to_owned(), |status| status.to_string());
            attributes.extend(failed.then(|| text("error.type", &why)));
            (format!("POST {service}"), SpanKind::Client, attributes, failed)
        }
    };
    Span {
        trace_id: bytes(told.trace.id()),
        span_id: bytes(told.trace.span()),
        parent_span_id: told.trace.parent().map(bytes).unwrap_or_default(),
        flags: SAMPLED,
        name,
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(told.began),
        end_time_unix_nano: nanoseconds(told.ended),
        attributes,
        status: failed.then(|| Status { code: Outcome::Error.into(), ..Status::default() }),
        ..Span::default()
    }
}

fn number(version: Version) -> &'static str {
    match version {
        Version::HTTP_3 => "3",
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn whole(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The bytes that hexadecimal digits name.
fn bytes(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.as_bytes().chunks(2).filter_map(byte).collect()
}

fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

//! A call to another service, in the trace of the request that causes it.

use std::time::Instant;

use http::HeaderValue;

use super::Trace;

/// A call that is under way.
#[derive(Debug)]
pub struct Call {
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told to a collector alone"))]
    service: &'static str,
    trace: Trace,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told to a collector alone"))]
    began: Instant,
}

impl Call {
    /// A call that begins now, for the request that is being answered or of our own accord.
    pub fn begin(service: &'static str) -> Self {
        let trace = Trace::current().map_or_else(Trace::draw, |request| request.child());
        Self { service, trace, began: Instant::now() }
    }

    /// The value of its field `traceparent`.
    pub fn field(&self) -> HeaderValue {
        // Digits and hyphens.
        HeaderValue::from_str(&self.trace.field()).unwrap_or(HeaderValue::from_static(""))
    }

    /// Tells how it ended: the answer's status, or none where there was no answer.
    pub fn ended(self, _status: Option<u16>) {
        #[cfg(feature = "otlp")]
        super::otlp::called(self.service, self.trace, self.began, _status);
    }
}

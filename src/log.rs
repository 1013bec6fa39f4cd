//! The log: JSON lines on standard error, each with the request that it was written for.

use std::fmt;

use aops_gateway::trace::Trace;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// async-stripe takes an event that it does not know for an error; we keep it, and say what is wrong ourselves.
const DEFAULT: &str = "info,stripe_webhook=off";

/// Writes lines from now on; `RUST_LOG` chooses what is told.
pub(crate) fn to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    tracing_subscriber::fmt()
        // It would be told on standard error, which is what cannot be written.
        .log_internal_errors(false)
        .event_format(Lines::new())
        .fmt_fields(JsonFields::new())
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// A line of JSON for each event; while a request is answered, with `request` and `span` as the access log has them.
struct Lines(Format<Json>);

impl Lines {
    fn new() -> Self {
        // The spans of crates below are no spans of a trace.
        let format = format::json().flatten_event(true).with_current_span(false).with_span_list(false);
        Self(format)
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = Trace::current() else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let open = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        writeln!(writer, "{open},\"request\":\"{}\",\"span\":\"{}\"}}", trace.id(), trace.span())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[tokio::test]
    async fn what_is_written_while_a_request_is_answered_names_it() {
        let written = Written::default();
        let log = tracing_subscriber::fmt()
            .event_format(Lines::new())
            .fmt_fields(JsonFields::new())
            .with_writer(written.clone())
            .finish();
        let trace = Trace::draw();
        let kept = tracing::subscriber::set_default(log);
        trace.scope(async { tracing::info!(status = 500, "within \"it\"") }).await;
        tracing::info_span!("theirs").in_scope(|| tracing::info!("beside"));
        drop(kept);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["request"], &lines[0]["span"]), (&trace.id().into(), &trace.span().into()));
        assert_eq!((&lines[0]["message"], &lines[0]["status"]), (&"within \"it\"".into(), &500.into()));
        assert_eq!(lines[1]["message"], "beside");
        assert!(lines[1].get("request").is_none() && lines[1].get("span").is_none(), "{}", lines[1]);
    }
}

use http::{Method, Version};
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::told::Queue;
use super::*;
use crate::edge::route_class::RouteClass;
use crate::testing;

fn told(path: &str) -> Told {
    let line = Line {
        trace: &Trace::draw(),
        peer: "192.0.2.77".parse().unwrap(),
        version: Version::HTTP_2,
        method: &Method::GET,
        path,
        class: RouteClass::Pages,
        status: http::StatusCode::INTERNAL_SERVER_ERROR,
        bytes: None,
        elapsed: Duration::from_micros(34),
    };
    Told::new(*line.trace, line.elapsed, What::answered(&line))
}

#[test]
fn a_queue_keeps_its_bound_and_its_order_and_what_is_lost_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let queue = Queue::new(3);
    metrics::with_local_recorder(&recorder, || {
        queue.push(told("/early/"));
        assert_eq!(queue.len(), 0, "nobody takes any yet");
        queue.open();
        for path in ["/a/", "/b/", "/c/", "/d/", "/e/"] {
            queue.push(told(path));
        }
    });
    assert!(recorder.handle().render().contains("traces_spans_lost_total{why=\"full\"} 2"));
    let paths = |spans: Vec<Told>| -> Vec<String> {
        let path = |told: Told| match told.what {
            What::Answered { path, .. } => path,
            What::Called { service, .. } => service.into(),
        };
        spans.into_iter().map(path).collect()
    };
    assert_eq!(paths(queue.take(2)), ["/a/", "/b/"]);
    queue.close();
    queue.push(told("/late/"));
    assert_eq!(paths(queue.take(9)), ["/c/"]);
}

#[test]
fn spans_are_what_the_conventions_say_and_name_no_person() {
    let spans = [told("/paiement-test/cs_1")];
    let message = message::message(&spans);
    let span = &message.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 0));
    assert_eq!((span.name.as_str(), span.kind), ("GET pages", 2));
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 34_000);
    assert_eq!(span.status.as_ref().unwrap().code, 2, "a failure of ours");
    let told = format!("{message:?}");
    assert!(told.contains("192.0.2.0/24") && told.contains("/paiement-test/..."), "{told}");
    assert!(!told.contains("192.0.2.77") && !told.contains("cs_1"), "{told}");
}

#[test]
fn a_part_of_the_traces_is_chosen_by_their_numbers() {
    let half = NUMBERS / 2;
    for (id, told) in [
        ("ffffffffffffffffff00000000000000", true),
        ("0000000000000000007fffffffffffff", true),
        ("00000000000000000080000000000000", false),
        ("000000000000000000ffffffffffffff", false),
    ] {
        assert_eq!(is_below(id, half), told, "{id}");
        assert!(!is_below(id, 0) && is_below(id, NUMBERS), "{id}");
    }
}

#[test]
fn a_collector_is_reached_over_tls_but_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let reached = |table: &str, authorization: Option<&str>| {
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        settings.traces = Some(toml::from_str(table).unwrap());
        settings.secrets.otlp_authorization = authorization.map(str::to_owned);
        Collector::of(&settings)
    };
    for url in ["https://collector.example/v1/traces", "http://127.0.0.1:4318/v1/traces", "http://[::1]:1/"] {
        assert!(reached(&format!("otlp = \"{url}\""), Some("Bearer x")).is_ok(), "{url}");
    }
    let clear = reached("otlp = \"http://collector.example/v1/traces\"", None);
    assert!(matches!(clear, Err(CollectorError::Clear(_))));
    let token = reached("otlp = \"https://collector.example/v1/traces\"", Some("Bearer\nx"));
    assert!(matches!(token, Err(CollectorError::Authorization)));
    let authority = reached("otlp = \"https://collector.example/\"\nauthority = \"/nowhere/ca.pem\"", None);
    assert!(matches!(authority, Err(CollectorError::File { .. })));
    for wrong in ["otlp = \"collector\"", "otlp = \"http://localhost/\"\nratio = 1.5", "ratio = 1.0"] {
        assert!(toml::from_str::<crate::config::TracesConfig>(wrong).is_err(), "{wrong}");
    }
}

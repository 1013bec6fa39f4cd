//! Traces: every line of the log bears its request and span, and a collector is told of them by a binary that can.

use std::fs;

use serde_json::Value;

use crate::support::{Gateway, eventually};

/// A gateway that believes a proxy on this machine, with more in its `site.toml`.
fn prepared(more: &str, environment: &[(&str, &str)]) -> Gateway {
    let gateway = Gateway::prepare(environment);
    let config = gateway.root().join("site.toml");
    let trusted = "hosts = [\"localhost\"]\ntrusted = { proxies = [\"127.0.0.1/32\"] }";
    let text = fs::read_to_string(&config).unwrap().replace("hosts = [\"localhost\"]", trusted);
    fs::write(&config, format!("{text}\n{more}")).unwrap();
    gateway
}

fn accesses(gateway: &Gateway) -> Vec<Value> {
    let lines = gateway.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "access").collect()
}

#[tokio::test]
async fn lines_of_the_log_bear_the_answers_request_and_a_span_each() {
    let gateway = Gateway::start().await;
    let mut names = Vec::new();
    for path in ["/", "/nulle-part/", "/"] {
        let answer = gateway.get(path).await;
        names.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let lines = eventually("the lines", || Some(accesses(&gateway)).filter(|lines| lines.len() == 3)).await;
    let told: Vec<_> = lines.iter().map(|line| line["request"].as_str().unwrap()).collect();
    assert_eq!(told, names);
    let mut spans: Vec<_> = lines.iter().map(|line| line["span"].as_str().unwrap()).collect();
    assert!(spans.iter().all(|span| span.len() == 16), "{spans:?}");
    spans.dedup();
    assert_eq!(spans.len(), 3);
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_collector_is_refused_by_a_binary_that_tells_none() {
    let gateway = prepared("[traces]\notlp = \"http://127.0.0.1:9/v1/traces\"\n", &[]);
    let ended = gateway.command(&["serve"]).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && told.contains("--features otlp"), "{told}");
    let doctor = gateway.command(&["doctor"]).output().unwrap();
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("traces: "), "{doctor:?}");
}

#[cfg(feature = "otlp")]
mod otlp {
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;
    use serde_json::json;
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::{accesses, prepared};
    use crate::support::Gateway;

    const SERVER: i32 = 2;
    const CLIENT: i32 = 3;

    async fn answering(collector: &MockServer, answer: ResponseTemplate, times: u64) {
        Mock::given(method("POST"))
            .and(path("/v1/traces"))
            .and(header("content-type", "application/x-protobuf"))
            .and(header("authorization", "Bearer word"))
            .respond_with(answer)
            .up_to_n_times(times)
            .mount(collector)
            .await;
    }

    async fn told(collector: &str, environment: &[(&str, &str)]) -> Gateway {
        let traces = format!("[traces]\notlp = \"{collector}/v1/traces\"\n");
        let mut gateway = prepared(&traces, environment);
        gateway.set("AOPS_OTLP_AUTHORIZATION", "Bearer word");
        gateway.set("AOPS_LIMITS_FACTOR", "1000");
        gateway.launch().await;
        gateway
    }

    async fn messages(collector: &MockServer) -> Vec<Vec<u8>> {
        let requests = collector.received_requests().await.unwrap();
        requests.into_iter().map(|request| request.body).filter(|body| !body.is_empty()).collect()
    }

    async fn spans(collector: &MockServer) -> Vec<Span> {
        let messages = messages(collector).await;
        let messages = messages.iter().map(|body| ExportTraceServiceRequest::decode(&**body).unwrap());
        messages
            .flat_map(|message| message.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    async fn span(collector: &MockServer, wanted: impl Fn(&Span) -> bool) -> Span {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(span) = spans(collector).await.into_iter().find(&wanted) {
                return span;
            }
            assert!(Instant::now() < deadline, "no such span: {:?}", spans(collector).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn attributes(span: &Span) -> BTreeMap<String, String> {
        let told = |value: Any| match value {
            Any::StringValue(text) => text,
            Any::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        let attributes = span.attributes.iter().cloned();
        attributes.map(|one| (one.key, told(one.value.unwrap().value.unwrap()))).collect()
    }

    async fn figure(gateway: &Gateway, name: &str) -> u64 {
        let metrics = reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |figure| figure.parse().unwrap())
    }

    async fn until(gateway: &Gateway, name: &str, least: u64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while figure(gateway, name).await < least {
            assert!(Instant::now() < deadline, "{name} stays at {}", figure(gateway, name).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test]
    async fn a_request_and_the_call_that_it_causes_are_one_trace_that_names_nobody() {
        let (collector, stripe) = (MockServer::start().await, MockServer::start().await);
        answering(&collector, ResponseTemplate::new(200), u64::MAX).await;
        let session =
            json!({ "id": "cs_test_1", "object": "checkout.session", "url": "https://pay.example/1" });
        let opened = ResponseTemplate::new(200).set_body_json(session);
        Mock::given(method("POST")).respond_with(opened).mount(&stripe).await;
        let (base, keys) =
            (stripe.uri(), [("STRIPE_SECRET_KEY", "sk_test_x"), ("STRIPE_WEBHOOK_SECRET", "whsec_x")]);
        let gateway = told(&collector.uri(), &[keys[0], keys[1], ("STRIPE_API_BASE", &base)]).await;

        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let asked = gateway.client().get(gateway.url("/?jeton=secret"));
        let asked = asked
            .header("forwarded", "for=192.0.2.77")
            .header("traceparent", format!("00-{trace}-{parent}-01"));
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], trace);
        let page = span(&collector, |span| hexadecimal(&span.trace_id) == trace).await;
        assert_eq!(
            (page.name.as_str(), page.kind, hexadecimal(&page.parent_span_id).as_str()),
            ("GET pages", SERVER, parent)
        );
        assert!(page.end_time_unix_nano >= page.start_time_unix_nano && page.status.is_none());
        let told = attributes(&page);
        for (key, value) in [
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("url.path", "/"),
            ("client.address", "192.0.2.0/24"),
            ("aops.class", "pages"),
            ("network.protocol.version", "2"),
        ] {
            assert_eq!(told.get(key).map(String::as_str), Some(value), "{key}: {told:?}");
        }
        let line = accesses(&gateway).into_iter().find(|line| line["request"] == trace).unwrap();
        assert_eq!(line["span"], hexadecimal(&page.span_id));

        let (password, _) = gateway.client_account("client@example.org", None);
        let cookie = gateway.sign_in("client@example.org", &password).await;
        let order = [("offre", "rente"), ("cgv", "accepte")];
        assert_eq!(gateway.post_as("/commande", &order, Some(&cookie)).await.status(), 303);
        let call = span(&collector, |span| span.kind == CLIENT && span.name == "POST stripe").await;
        let cause = span(&collector, |span| span.span_id == call.parent_span_id).await;
        assert_eq!((cause.name.as_str(), &cause.trace_id), ("POST checkout", &call.trace_id));
        assert!(cause.start_time_unix_nano <= call.start_time_unix_nano);
        for message in messages(&collector).await {
            let text = String::from_utf8_lossy(&message).into_owned();
            for private in ["192.0.2.77", "127.0.0.1", "secret", "example.org", "jeton", "sk_test"] {
                assert!(!text.contains(private), "{private} in {text}");
            }
        }
    }

    #[tokio::test]
    async fn a_busy_collector_is_told_all_later_and_what_it_refuses_or_rejects_is_counted() {
        let collector = MockServer::start().await;
        answering(&collector, ResponseTemplate::new(503), 1).await;
        answering(&collector, ResponseTemplate::new(429).insert_header("retry-after", "1"), 1).await;
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".into() };
        let partial = ExportTraceServiceResponse { partial_success: Some(partial) };
        let rejecting =
            ResponseTemplate::new(200).set_body_raw(partial.encode_to_vec(), "application/x-protobuf");
        answering(&collector, rejecting, 1).await;
        answering(&collector, ResponseTemplate::new(400), 1).await;
        answering(&collector, ResponseTemplate::new(200), u64::MAX).await;
        let gateway = told(&collector.uri(), &[]).await;
        for _ in 0..5 {
            assert_eq!(gateway.get("/").await.status(), 200);
        }
        until(&gateway, "traces_spans_lost_total{why=\"rejected\"}", 1).await;
        let sent = messages(&collector).await;
        assert!(sent.len() >= 3 && sent[0] == sent[1] && sent[0] == sent[2], "sent again as it was");
        let first = ExportTraceServiceRequest::decode(&*sent[0]).unwrap();
        let taken = first.resource_spans[0].scope_spans[0].spans.len() as u64 - 1;
        assert_eq!(figure(&gateway, "traces_spans_total").await, taken);
        assert_eq!(gateway.get("/").await.status(), 200);
        until(&gateway, "traces_spans_lost_total{why=\"refused\"}", 1).await;
        assert_eq!(gateway.get("/").await.status(), 200);
        until(&gateway, "traces_spans_total", taken + 1).await;
        let faults = gateway.log().lines().filter(|line| line.contains("takes no spans")).count();
        assert_eq!(faults, 2, "once a failure, not once a try");
    }

    #[tokio::test]
    async fn a_collector_that_never_answers_holds_up_neither_requests_nor_the_end() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut gateway = told(&format!("http://{}", silent.local_addr().unwrap()), &[]).await;
        for _ in 0..20 {
            assert_eq!(gateway.get("/").await.status(), 200);
        }
        // A message is on its way, and hangs.
        let (held, _) = silent.accept().unwrap();
        assert_eq!(gateway.get("/").await.status(), 200);
        // Our own connections go, which nothing of ours would end while we wait for the process.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        assert!(gateway.stop().success());
        assert!(begun.elapsed() < Duration::from_secs(15), "the end waits for nobody");
        drop(held);
        let doctor = gateway.command(&["doctor"]).output().unwrap();
        let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(found.contains("traces: 127.0.0.1: no answer in time"), "{found}");
    }
}

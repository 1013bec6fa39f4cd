//! What the edge lets through, and what it refuses, over real sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Gateway, eventually};

#[tokio::test]
async fn plain_http_is_sent_to_https_and_another_name_is_refused() {
    let gateway = Gateway::start().await;
    let ask = |host: &str| {
        raw(
            gateway.http(),
            &format!("GET /offres/?a=b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
    };
    let moved = ask("localhost");
    assert!(moved.starts_with("HTTP/1.1 301"), "{moved}");
    let location = format!("location: {}\r\n", gateway.url("/offres/?a=b"));
    assert!(moved.contains(&location), "{moved}");
    assert!(ask("example.com").starts_with("HTTP/1.1 421"));
}

#[tokio::test]
async fn an_unknown_name_gets_no_certificate_and_an_unknown_authority_no_page() {
    let gateway = Gateway::start().await;
    let answer = gateway.client().get(gateway.url("/")).header("host", "example.com").send().await.unwrap();
    assert!(matches!(answer.status().as_u16(), 400 | 421), "{}", answer.status());
    let local = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .resolve("example.com", gateway.https())
        .build()
        .unwrap();
    let refused = local.get(format!("https://example.com:{}/", gateway.https().port())).send().await;
    assert!(refused.unwrap_err().is_connect(), "the handshake fails");
}

#[tokio::test]
async fn every_answer_bears_the_security_fields_and_a_request_id() {
    let gateway = Gateway::start().await;
    for path in ["/", "/en/", "/nulle-part", "/api/v1/account", "/compte/connexion"] {
        let answer = gateway.get(path).await;
        let headers = answer.headers();
        assert!(
            headers["strict-transport-security"].to_str().unwrap().contains("max-age=63072000"),
            "{path}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-request-id"].to_str().unwrap().len(), 32, "{path}");
        assert!(!headers.contains_key("server"), "{path}");
        assert!(!headers.contains_key("alt-svc"), "{path}: nothing listens elsewhere");
    }
}

#[tokio::test]
async fn a_client_past_its_limit_is_told_when_to_come_back() {
    let gateway = Gateway::start_with(&[]).await;
    let client = gateway.client();
    let mut refused = None;
    for _ in 0..60 {
        let answer = client
            .post(gateway.url("/newsletter"))
            .header("origin", gateway.url(""))
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("email=x")
            .send()
            .await
            .unwrap();
        if answer.status() == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), 422);
    }
    let refused = refused.expect("sixty posts in a row are past any limit");
    let wait: u32 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(gateway.get("/").await.status(), 200, "pages have a limit of their own");
}

#[tokio::test]
async fn a_listed_address_is_refused_before_the_handshake_and_served_once_unlisted() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    fs::remove_file(gateway.root().join("deploy")).unwrap();
    fs::create_dir(gateway.root().join("deploy")).unwrap();
    let list = gateway.root().join("deploy/blocklist.txt");
    fs::write(&list, "# personne\n").unwrap();
    gateway.launch().await;
    let served = || {
        TcpStream::connect(gateway.https()).is_ok_and(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        // A listener that waits for our hello keeps us waiting; one that refuses closes at once.
        matches!(stream.read(&mut [0; 1]), Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
    })
    };
    assert!(served());
    fs::write(&list, "127.0.0.0/8\n").unwrap();
    eventually("refusal", || (!served()).then_some(())).await;
    fs::write(&list, "127.0.0.0/8\nnot an address\n").unwrap();
    eventually("word of the wrong line", || gateway.log().contains("blocklist.txt:2").then_some(())).await;
    assert!(!served(), "a wrong file changes nothing");
    fs::write(&list, "").unwrap();
    eventually("service", || served().then_some(())).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_and_others_are_served_meanwhile() {
    let gateway = Gateway::start().await;
    let mut slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(gateway.http()).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    }
    assert_eq!(gateway.get("/").await.status(), 200);
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
}

#[tokio::test]
async fn the_access_log_holds_no_address_and_no_query() {
    let gateway = Gateway::start().await;
    gateway.get("/newsletter/confirmation?jeton=secret-token-value").await;
    eventually("a log line", || gateway.log().contains("/newsletter/confirmation").then_some(())).await;
    let log = gateway.log();
    assert!(!log.contains("secret-token-value"), "{log}");
    assert!(!log.contains("\"127.0.0.1\"") && log.contains("127.0.0.0/24"), "{log}");
}

#[tokio::test]
async fn health_and_metrics_are_told_to_the_machine_alone() {
    let mut gateway = Gateway::start().await;
    gateway.get("/").await;
    let client = reqwest::Client::new();
    let operations = |path: &str| format!("http://{}{path}", gateway.operations());
    assert_eq!(client.get(operations("/livez")).send().await.unwrap().status(), 200);
    let metrics = client.get(operations("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("http_requests_total{class=\"pages\",status=\"2xx\"} 1"), "{metrics}");
    assert_eq!(gateway.get("/metrics").await.status(), 404);
    assert!(gateway.stop().success(), "SIGTERM is a clean end");
}

#[tokio::test]
async fn a_body_declared_too_large_is_refused_unread() {
    let gateway = Gateway::start().await;
    let client = gateway.client();
    for (path, length) in
        [("/contact", 65_537), ("/api/v1/compute/rente", (1 << 20) + 1), ("/webhooks/stripe", (1 << 20) + 1)]
    {
        let pending =
            reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let post = client.post(gateway.url(path)).header("content-length", length).body(pending);
        let answer = post.send().await.unwrap();
        assert_eq!(answer.status(), 413, "{path}");
    }
}

fn raw(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

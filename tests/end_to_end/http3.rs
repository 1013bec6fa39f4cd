//! HTTP/3, in a binary that has it: the pages, refusals and ends of the TLS listener, and what only QUIC lets a peer
//! try (`http3_cases`).

use std::fs;
use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, ReadError, ReadToEndError};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::http3_cases::{self, EXCESSIVE_LOAD, Outcome, frame};
use crate::process::activated;
use crate::support::{Gateway, eventually};

async fn gateway(limits_factor: &str) -> (Gateway, SocketAddr) {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let environment = [("AOPS_LIMITS_FACTOR", limits_factor), ("AOPS_HTTP3", &address.to_string())];
    (Gateway::start_with(&environment).await, address)
}

/// A client's side that trusts the local authority.
fn endpoint(gateway: &Gateway) -> Endpoint {
    let mut roots = rustls::RootCertStore::empty();
    let authority = fs::read(gateway.data().join("tls/ca.pem")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    tls.enable_early_data = true;
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    endpoint
}

async fn connect(gateway: &Gateway, to: SocketAddr) -> Result<quinn::Connection, ConnectionError> {
    endpoint(gateway).connect(to, "localhost").unwrap().await
}

type Sender = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

/// A client whose connection goes on as long as it is held.
async fn client(quic: quinn::Connection) -> Sender {
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(quic)).await.unwrap();
    tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
    sender
}

async fn ask(sender: &mut Sender, request: Request<()>, body: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut stream = sender.send_request(request).await.unwrap();
    // An answer may come before the whole body is wanted.
    if body.is_empty() || stream.send_data(Bytes::from(body.to_owned())).await.is_ok() {
        let _ = stream.finish().await;
    }
    let (head, ()) = stream.recv_response().await.unwrap().into_parts();
    let mut answer = Vec::new();
    while let Some(mut data) = stream.recv_data().await.unwrap() {
        answer.extend(data.copy_to_bytes(data.remaining()));
    }
    (head.status, head.headers, answer)
}

fn request(method: Method, url: &str) -> http::request::Builder {
    Request::builder().method(method).uri(url)
}

#[tokio::test]
async fn pages_forms_and_refusals_are_those_of_the_tls_listener() {
    let (gateway, address) = gateway("1000").await;
    let mut sender = client(connect(&gateway, address).await.unwrap()).await;
    let over_tls = gateway.get("/").await;
    assert_eq!(over_tls.headers()["alt-svc"], format!("h3=\":{}\"; ma=86400", address.port()));
    let page = request(Method::GET, &gateway.url("/")).body(()).unwrap();
    let (status, headers, body) = ask(&mut sender, page, "").await;
    assert_eq!(status, 200);
    for name in ["etag", "content-security-policy", "strict-transport-security", "ratelimit-policy"] {
        assert_eq!(headers.get(name), over_tls.headers().get(name), "{name}");
    }
    assert_eq!(body, over_tls.bytes().await.unwrap());

    let form = request(Method::POST, &gateway.url("/newsletter"))
        .header("origin", gateway.url(""))
        .header("content-type", "application/x-www-form-urlencoded");
    let (status, ..) = ask(&mut sender, form.body(()).unwrap(), "email=lectrice%40example.org").await;
    assert_eq!(status, 303);
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["email"], "lectrice@example.org");

    for (method, url, expected) in [
        (Method::GET, gateway.url("/nulle-part/"), 404),
        (Method::DELETE, gateway.url("/"), 405),
        (Method::GET, "https://ailleurs.example/".into(), 421),
        (Method::GET, gateway.url("/%00"), 400),
    ] {
        let refused = request(method, &url).body(()).unwrap();
        assert_eq!(ask(&mut sender, refused, "").await.0, expected, "{url}");
    }
    let long = request(Method::POST, &gateway.url("/newsletter"))
        .header("origin", gateway.url(""))
        .header("content-type", "application/x-www-form-urlencoded");
    let (status, ..) = ask(&mut sender, long.body(()).unwrap(), &"a".repeat(1 << 20)).await;
    assert_eq!(status, 413, "a body past its route's bound");
    for (path, expected) in [("/", 200), ("/nulle-part/", 404), ("/api/v1/account", 401), ("/%00", 400)] {
        let asked = request(Method::HEAD, &gateway.url(path)).body(()).unwrap();
        let (status, headers, body) = ask(&mut sender, asked, "").await;
        assert_eq!(status, expected, "{path}");
        assert!(body.is_empty() && headers.contains_key("content-length"), "{path}: {headers:?}");
    }
}

#[tokio::test]
async fn limits_count_and_a_ban_cuts_the_connection_that_is_open() {
    let (gateway, address) = gateway("1").await;
    let quic = connect(&gateway, address).await.unwrap();
    let mut sender = client(quic.clone()).await;
    let mut refused = None;
    for _ in 0..80 {
        let form = request(Method::POST, &gateway.url("/newsletter"))
            .header("content-type", "application/x-www-form-urlencoded");
        let (status, headers, _) = ask(&mut sender, form.body(()).unwrap(), "email=x").await;
        if status == 429 {
            refused = headers.get("retry-after").cloned();
            break;
        }
    }
    assert!(refused.is_some(), "the limit of forms holds over QUIC");
    gateway.admin(&["ban", "add", "127.0.0.1/32"]);
    assert!(tokio::time::timeout(Duration::from_secs(5), quic.closed()).await.is_ok(), "cut at once");
    assert!(connect(&gateway, address).await.is_err(), "and no other comes");
}

#[tokio::test]
async fn at_the_end_open_requests_are_answered_and_new_connections_refused() {
    let (mut gateway, address) = gateway("1000").await;
    let mut sender = client(connect(&gateway, address).await.unwrap()).await;
    let page = || request(Method::GET, &gateway.url("/")).body(()).unwrap();
    assert_eq!(ask(&mut sender, page(), "").await.0, 200);
    let form = request(Method::POST, &gateway.url("/newsletter"))
        .header("origin", gateway.url(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(())
        .unwrap();
    let mut open = sender.send_request(form).await.unwrap();
    open.send_data(Bytes::from_static(b"email=derniere%40")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.signal("-TERM");
    eventually("the end", || gateway.log().contains("open requests may end").then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    open.send_data(Bytes::from_static(b"example.org")).await.unwrap();
    open.finish().await.unwrap();
    assert_eq!(open.recv_response().await.unwrap().status(), 303);
    drop((open, sender));
    assert!(gateway.ended().success());
}

/// Sends streams of one direction, then a request, as they are.
async fn outcome(gateway: &Gateway, to: SocketAddr, aside: &[&[u8]], bytes: &[u8]) -> Outcome {
    let quic = connect(gateway, to).await.unwrap();
    let mut held = Vec::new();
    for stream in aside {
        let mut sending = quic.open_uni().await.unwrap();
        let _ = sending.write_all(stream).await;
        held.push(sending);
    }
    let (mut sending, mut receiving) = quic.open_bi().await.unwrap();
    let _ = sending.write_all(bytes).await;
    let _ = sending.finish();
    let closed = async {
        match quic.closed().await {
            ConnectionError::ApplicationClosed(close) => Outcome::Closed(close.error_code.into()),
            other => panic!("{other}"),
        }
    };
    let read = async {
        match receiving.read_to_end(1 << 20).await {
            Ok(answer) if !answer.is_empty() => Outcome::Answered,
            Err(ReadToEndError::Read(ReadError::Reset(code))) => Outcome::Reset(code.into()),
            _ => std::future::pending().await,
        }
    };
    let patience = tokio::time::sleep(Duration::from_secs(10));
    tokio::select! {
        biased;
        outcome = closed => outcome,
        outcome = read => outcome,
        () = patience => panic!("nothing became of it"),
    }
}

#[tokio::test]
async fn what_no_honest_client_sends_ends_its_stream_or_its_connection_and_nothing_else() {
    let (gateway, address) = gateway("1000").await;
    for case in http3_cases::cases(gateway.https().port()) {
        let got = outcome(&gateway, address, &case.aside, &case.bytes).await;
        assert_eq!(got, case.right, "{}", case.what);
    }
    let quic = connect(&gateway, address).await.unwrap();
    let mut control = quic.open_uni().await.unwrap();
    control.write_all(b"\x00\x04\x00").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    control.finish().unwrap();
    assert_eq!(closed(&quic).await, 0x104, "the control stream must not end");
    let mut sender = client(connect(&gateway, address).await.unwrap()).await;
    let page = request(Method::GET, &gateway.url("/")).body(()).unwrap();
    assert_eq!(ask(&mut sender, page, "").await.0, 200, "the others are served");
}

/// The code with which we are left.
async fn closed(quic: &quinn::Connection) -> u64 {
    match tokio::time::timeout(Duration::from_secs(10), quic.closed()).await.unwrap() {
        ConnectionError::ApplicationClosed(close) => close.error_code.into(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn requests_that_are_taken_back_without_end_cost_the_connection() {
    let (gateway, address) = gateway("1000").await;
    let quic = connect(&gateway, address).await.unwrap();
    let mut control = quic.open_uni().await.unwrap();
    control.write_all(b"\x00\x04\x00").await.unwrap();
    let begun = frame(1, b"\x00\x00\xd1\xd7\xc1");
    for _ in 0..1_000 {
        let Ok((mut sending, mut receiving)) = quic.open_bi().await else { break };
        let _ = sending.write_all(&begun[..begun.len() - 1]).await;
        let _ = sending.reset(0x10c_u32.into());
        let _ = receiving.stop(0x10c_u32.into());
    }
    assert_eq!(closed(&quic).await, EXCESSIVE_LOAD);
    assert_eq!(gateway.get("/").await.status(), 200, "the others are served");
}

#[tokio::test]
async fn malformed_requests_lead_to_jail_as_over_tcp() {
    let mut gateway = Gateway::prepare(&[]);
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    gateway.set("AOPS_HTTP3", &address.to_string());
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let rule = "[gateway.jails]\nloopback = true\n[gateway.jails.rules]\n\
                malformed = { count = 3, within = \"1m\", term = \"10m\" }\n";
    fs::write(&config, format!("{text}\n{rule}")).unwrap();
    gateway.launch().await;
    let quic = connect(&gateway, address).await.unwrap();
    let mut control = quic.open_uni().await.unwrap();
    control.write_all(b"\x00\x04\x00").await.unwrap();
    let malformed = http3_cases::request(b"\xd1\xd7\xc1", gateway.https().port(), &[("te", "gzip")]);
    for _ in 0..3 {
        let (mut sending, mut receiving) = quic.open_bi().await.unwrap();
        sending.write_all(&malformed).await.unwrap();
        sending.finish().unwrap();
        // The last may be cut by the ban already.
        let _ = receiving.read_to_end(1 << 10).await;
    }
    let closed = tokio::time::timeout(Duration::from_secs(10), quic.closed()).await;
    assert!(closed.is_ok(), "the ban ends what stands");
    let bans = gateway.admin(&["ban", "list"]);
    assert_eq!(bans[0]["jail"], "malformed", "{bans}");
    assert!(connect(&gateway, address).await.is_err(), "and no other comes");
}

#[tokio::test]
async fn an_address_must_show_that_it_is_its_own_once_many_shake_hands_and_nothing_is_taken_early() {
    let mut gateway = Gateway::prepare(&[]);
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    gateway.set("AOPS_HTTP3", &address.to_string());
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    // An eighth of it is none: every handshake is one too many.
    fs::write(&config, format!("{text}\n[gateway.connections]\nhandshakes = 7\n")).unwrap();
    gateway.launch().await;
    let endpoint = endpoint(&gateway);
    let to = |endpoint: &Endpoint| endpoint.connect(address, "localhost").unwrap();
    let mut sender = client(to(&endpoint).await.unwrap()).await;
    let page = request(Method::GET, &gateway.url("/")).body(()).unwrap();
    assert_eq!(ask(&mut sender, page, "").await.0, 200);
    let metrics = reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap();
    assert!(metrics.text().await.unwrap().contains("http3_retries_total 1"));
    // A second handshake resumes the first one's session, and may still send nothing before it is done.
    assert!(to(&endpoint).into_0rtt().is_err());
}

#[tokio::test]
async fn a_socket_that_systemd_holds_is_listened_on_and_told_of() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000"), ("AOPS_HTTP3", "127.0.0.1:0")]);
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let [https, http] = [gateway.https(), gateway.http()].map(|address| TcpListener::bind(address).unwrap());
    let given = [OwnedFd::from(https), http.into(), held.into()];
    gateway.launch_by(activated(&gateway, "https:http:http3", given)).await;
    let told = gateway.get("/").await.headers()["alt-svc"].to_str().unwrap().to_owned();
    assert!(told.starts_with(&format!("h3=\":{}\"", address.port())), "{told}");
    let mut sender = client(connect(&gateway, address).await.unwrap()).await;
    let page = request(Method::GET, &gateway.url("/")).body(()).unwrap();
    assert_eq!(ask(&mut sender, page, "").await.0, 200);
}

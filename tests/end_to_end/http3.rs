//! HTTP/3, in a binary that has it: the pages, refusals and ends of the TLS listener, and what only QUIC lets a peer
//! try. The cases follow RFC 9114 as h3spec lists them.

use std::fs;
use std::future::poll_fn;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, ReadError, ReadToEndError};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::support::{Gateway, eventually};

const FRAME_UNEXPECTED: u64 = 0x105;
const FRAME_ERROR: u64 = 0x106;
const MESSAGE_ERROR: u64 = 0x10e;

/// `:method GET`, `:scheme https`, `:path /favicon.svg`, all by the static table; an authority follows.
const GET: &[u8] = b"\xd1\xd7\x51\x0c/favicon.svg";

async fn gateway(limits_factor: &str) -> (Gateway, SocketAddr) {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let environment = [("AOPS_LIMITS_FACTOR", limits_factor), ("AOPS_HTTP3", &address.to_string())];
    (Gateway::start_with(&environment).await, address)
}

async fn connect(gateway: &Gateway, to: SocketAddr) -> Result<quinn::Connection, ConnectionError> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = fs::read(gateway.data().join("tls/ca.pem")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    endpoint.connect(to, "localhost").unwrap().await
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
    if !body.is_empty() {
        stream.send_data(Bytes::from(body.to_owned())).await.unwrap();
    }
    stream.finish().await.unwrap();
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

/// What becomes of a stream, or of the connection with it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    Reset(u64),
    Closed(u64),
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

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap() | 0x4000;
    [&[kind][..], &length.to_be_bytes(), payload].concat()
}

/// A section of fields: what stands by the static table, then literal names.
fn section(by_table: &[u8], port: u16, literal: &[(&str, &str)]) -> Vec<u8> {
    let authority = format!("localhost:{port}");
    let mut section =
        [b"\x00\x00", by_table, b"\x50", &[authority.len() as u8], authority.as_bytes()].concat();
    for (name, value) in literal {
        match name.len() {
            short @ ..7 => section.push(0x20 | short as u8),
            long => section.extend([0x27, (long - 7) as u8]),
        }
        section.extend(name.bytes());
        section.push(value.len() as u8);
        section.extend(value.bytes());
    }
    section
}

#[tokio::test]
async fn malformed_requests_end_their_stream_and_forbidden_frames_the_connection() {
    let (gateway, address) = gateway("1000").await;
    let port = gateway.https().port();
    let control: &[u8] = b"\x00\x04\x00";
    let headers = |by_table: &[u8], literal: &[(&str, &str)]| frame(1, &section(by_table, port, literal));
    let good = headers(GET, &[]);
    let post = b"\xd4\xd7\x51\x0b/newsletter";
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("a request", good.clone(), Outcome::Answered),
        ("a reserved frame before it", [frame(0x21, b"any"), good.clone()].concat(), Outcome::Answered),
        ("DATA first", frame(0, b"a"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("SETTINGS", frame(4, b""), Outcome::Closed(FRAME_UNEXPECTED)),
        ("GOAWAY", frame(7, b"\x00"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("PRIORITY of HTTP/2", frame(2, b"\x00"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("PING of HTTP/2", frame(6, b"\x00"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("WINDOW_UPDATE of HTTP/2", frame(8, b"\x00"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("CONTINUATION of HTTP/2", frame(9, b"\x00"), Outcome::Closed(FRAME_UNEXPECTED)),
        ("a frame cut by the end", good[..good.len() - 4].to_vec(), Outcome::Closed(FRAME_ERROR)),
        ("two paths", headers(&[GET, b"\xc1"].concat(), &[]), Outcome::Reset(MESSAGE_ERROR)),
        ("no method", headers(b"\xd7\xc1", &[]), Outcome::Reset(MESSAGE_ERROR)),
        ("a status", headers(&[GET, b"\xd9"].concat(), &[]), Outcome::Reset(MESSAGE_ERROR)),
        ("an unknown pseudo-field", headers(GET, &[(":x", "1")]), Outcome::Reset(MESSAGE_ERROR)),
        ("a capital letter", headers(GET, &[("Abc", "1")]), Outcome::Reset(MESSAGE_ERROR)),
        ("connection", headers(GET, &[("connection", "close")]), Outcome::Reset(MESSAGE_ERROR)),
        (
            "transfer-encoding",
            headers(post, &[("transfer-encoding", "chunked")]),
            Outcome::Reset(MESSAGE_ERROR),
        ),
        ("te", headers(GET, &[("te", "gzip")]), Outcome::Reset(MESSAGE_ERROR)),
        (
            "two lengths",
            headers(post, &[("content-length", "1"), ("content-length", "1")]),
            Outcome::Reset(MESSAGE_ERROR),
        ),
        ("a length that is none", headers(post, &[("content-length", "+1")]), Outcome::Reset(MESSAGE_ERROR)),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(outcome(&gateway, address, &[control], &bytes).await, expected, "{name}");
    }
    let mut sender = client(connect(&gateway, address).await.unwrap()).await;
    let page = request(Method::GET, &gateway.url("/")).body(()).unwrap();
    assert_eq!(ask(&mut sender, page, "").await.0, 200, "the others are served");
}

#[tokio::test]
async fn streams_beside_the_requests_keep_the_rules_of_the_protocol() {
    let (gateway, address) = gateway("1000").await;
    let good = frame(1, &section(GET, gateway.https().port(), &[]));
    const STREAM_CREATION: u64 = 0x103;
    const CLOSED_CRITICAL: u64 = 0x104;
    const REQUEST_INCOMPLETE: u64 = 0x10d;
    const SETTINGS: u64 = 0x109;
    const MISSING_SETTINGS: u64 = 0x10a;
    let settings: &[u8] = b"\x00\x04\x00";
    let cases: Vec<(&str, Vec<&[u8]>, Outcome)> = vec![
        ("reserved stream", vec![settings, b"\x21any"], Outcome::Answered),
        ("reserved setting", vec![b"\x00\x04\x02\x21\x01"], Outcome::Answered),
        ("two control streams", vec![settings, settings], Outcome::Closed(STREAM_CREATION)),
        // Not the connection error of RFC 9114 § 6.2.2: h3 drops the stream, and the empty request ends by itself.
        ("push stream", vec![settings, b"\x01\x00"], Outcome::Reset(REQUEST_INCOMPLETE)),
        ("no SETTINGS", vec![b"\x00\x07\x01\x00"], Outcome::Closed(MISSING_SETTINGS)),
        ("two SETTINGS", vec![b"\x00\x04\x00\x04\x00"], Outcome::Closed(FRAME_UNEXPECTED)),
        ("a setting of HTTP/2", vec![b"\x00\x04\x02\x02\x01"], Outcome::Closed(SETTINGS)),
        ("DATA on the control stream", vec![b"\x00\x04\x00\x00\x01a"], Outcome::Closed(FRAME_UNEXPECTED)),
        ("HEADERS on the control stream", vec![b"\x00\x04\x00\x01\x01a"], Outcome::Closed(FRAME_UNEXPECTED)),
    ];
    for (name, aside, expected) in cases {
        // The request waits: what is wrong beside it comes first.
        let got =
            outcome(&gateway, address, &aside, if expected == Outcome::Answered { &good } else { b"" }).await;
        assert_eq!(got, expected, "{name}");
    }
    let quic = connect(&gateway, address).await.unwrap();
    let mut control = quic.open_uni().await.unwrap();
    control.write_all(settings).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    control.finish().unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), quic.closed()).await.unwrap();
    assert!(
        matches!(&closed, ConnectionError::ApplicationClosed(close) if u64::from(close.error_code) == CLOSED_CRITICAL),
        "{closed}"
    );
}

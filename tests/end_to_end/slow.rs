//! Peers that take their time: heads, bodies, readers and windows that hold a connection are cut, and told when.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::raw::{Raw, fields, frame};
use crate::support::Gateway;

/// A POST whose body is still to come.
fn post(gateway: &Gateway) -> Raw {
    let mut raw = Raw::h1(gateway);
    let head = format!(
        "POST /contact HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n",
        gateway.https().port(),
        gateway.url("")
    );
    raw.send(head.as_bytes()).unwrap();
    raw
}

/// Sends something now and then until the gateway ends the connection; how long it took, and what it said.
fn until_cut(
    mut raw: Raw,
    now_and_then: impl Fn(u32) -> Vec<u8>,
    patience: Duration,
) -> Option<(Duration, Vec<u8>)> {
    let mut said = Vec::new();
    raw.patience(Duration::from_millis(500));
    let begun = Instant::now();
    for n in 0.. {
        let _ = raw.send(&now_and_then(n));
        let (part, end) = raw.rest();
        said.extend(part);
        if end.is_ok() {
            return Some((begun.elapsed(), said));
        }
        if begun.elapsed() > patience {
            break;
        }
    }
    None
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_once_its_grace_is_over() {
    let gateway = Gateway::start().await;
    let cut = until_cut(post(&gateway), |_| b"a".to_vec(), Duration::from_secs(30));
    let (cut, said) = cut.expect("the connection ends though a byte comes now and then");
    assert!((8..20).contains(&cut.as_secs()), "{cut:?}");
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("\r\nconnection: close\r\n"), "{said}");
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_head_over_tls_that_trickles_is_cut() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").unwrap();
    let cut = until_cut(raw, |_| b"a".to_vec(), Duration::from_secs(40));
    let (cut, _) = cut.expect("the connection ends");
    assert!((10..25).contains(&cut.as_secs()), "{cut:?}");
}

#[tokio::test]
async fn a_body_in_http2_that_trickles_is_cut_by_its_stream() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h2(&gateway);
    let origin = gateway.url("");
    let authority = format!("localhost:{}", gateway.https().port());
    let head = fields(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", &authority),
        (":path", "/contact"),
        ("origin", &origin),
        ("content-type", "application/x-www-form-urlencoded"),
    ]);
    raw.send(&frame(1, 4, 1, &head)).unwrap();
    let begun = Instant::now();
    raw.patience(Duration::from_millis(500));
    while begun.elapsed() < Duration::from_secs(30) {
        let _ = raw.send(&frame(0, 0, 1, b"a"));
        if matches!(raw.frame(), Ok((1 | 3, _, 1, _))) {
            assert!(begun.elapsed() > Duration::from_secs(8));
            return;
        }
    }
    panic!("nothing ends the stream");
}

/// A connection whose peer takes in next to nothing.
fn narrow(to: SocketAddr) -> std::net::TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

#[tokio::test]
async fn a_reader_of_a_byte_a_second_loses_the_connection() {
    let gateway = Gateway::start().await;
    let socket = narrow(gateway.https());
    let mut slow = socket.try_clone().unwrap();
    let mut raw = Raw::over(&gateway, socket, b"http/1.1");
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n";
    raw.send(get.repeat(400).as_bytes()).unwrap();
    let (head, body) = raw.answer().unwrap();
    let all = 399 * (head.len() + body.len());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(50) {
        std::thread::sleep(Duration::from_secs(1));
        if !matches!(slow.read(&mut [0]), Ok(1)) {
            break;
        }
    }
    // What had left stands in buffers on the way; what is behind it never comes.
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut came, mut part) = (0, vec![0; 1 << 16]);
    let end = loop {
        match slow.read(&mut part) {
            Ok(0) => break None,
            Ok(length) => came += length,
            Err(error) => break Some(error.kind()),
        }
    };
    assert!(
        !matches!(end, Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)),
        "the gateway still waits after {came} of {all} bytes"
    );
    assert!(came < all, "{came} of {all} bytes came to a reader of a byte a second");
}

#[tokio::test]
async fn windows_that_open_a_byte_at_a_time_do_not_hold_a_connection() {
    if std::env::var_os("AOPS_TEST_SLOW").is_none() {
        return;
    }
    let gateway = Gateway::start().await;
    let mut raw = Raw::h2(&gateway);
    raw.send(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    let head =
        fields(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]);
    for n in 0..50u32 {
        raw.send(&frame(1, 5, 2 * n + 1, &head)).unwrap();
    }
    let byte = |n: u32| if n.is_multiple_of(10) { frame(8, 0, 1, &[0, 0, 0, 1]) } else { Vec::new() };
    let cut = until_cut(raw, byte, Duration::from_secs(200));
    println!("cut after {cut:?}");
    cut.expect("a byte of window now and then holds no connection");
}

//! What no honest client sends, byte by byte over real TLS: each case says what we do, and which section says so.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::raw::{Raw, connect_from, fields, frame, status};
use crate::support::{Gateway, eventually};

const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Heads that are refused and end the connection: the section and the case, what is sent, and the status.
pub(crate) fn heads() -> Vec<(&'static str, String, u16)> {
    let long = "a".repeat(9_000);
    let many = "x: y\r\n".repeat(80);
    let large = format!("x: {}\r\n", "y".repeat(20_000));
    vec![
        ("RFC 9112 § 6.3: both framings", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.3: both framings, the other way round", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.3: two lengths", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".into(), 400),
        ("RFC 9112 § 6.3: the same length twice", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc".into(), 400),
        ("RFC 9110 § 8.6: a list of lengths", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3, 3\r\n\r\nabc".into(), 400),
        ("RFC 9110 § 8.6: a length with a sign", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc".into(), 400),
        ("RFC 9110 § 8.6: a length past all numbers", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: another coding", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: chunked twice in a list", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: chunked in two fields", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: identity hides chunked", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: a vertical tab before chunked", "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 6.1: chunked in HTTP/1.0", "POST /contact HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        ("RFC 9112 § 5.1: space before the colon", "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n".into(), 400),
        ("RFC 9112 § 5.2: a folded line", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n".into(), 400),
        ("RFC 9112 § 2.2: a first field that is folded", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n".into(), 400),
        ("RFC 9112 § 2.2: LF alone", "GET / HTTP/1.1\nHost: localhost\n\n".into(), 400),
        ("RFC 9112 § 2.2: CR alone", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n".into(), 400),
        ("RFC 9110 § 5.5: NUL in a value", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n".into(), 400),
        ("RFC 9110 § 5.1: no name", "GET / HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n".into(), 400),
        ("RFC 9112 § 3: two spaces", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9112 § 3: HTTP/0.9", "GET /\r\n\r\n".into(), 400),
        ("RFC 9112 § 2.3: another version", "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n".into(), 505),
        ("RFC 9113 § 3.4: a preface where HTTP/1.1 was agreed", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505),
        ("RFC 9110 § 15.5.15: a long target", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414),
        ("RFC 6585 § 5: many fields", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431),
        ("RFC 6585 § 5: a large field", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{large}\r\n"), 431),
        ("RFC 9112 § 3.2: no Host", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("RFC 9112 § 3.2: two Hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9112 § 3.2.2: another authority in the target", "GET https://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9110 § 3.3: a path that climbs", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9110 § 3.3: a path that climbs, encoded", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9110 § 3.3: NUL in a path", "GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("RFC 9110 § 7.8: Upgrade", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".into(), 400),
        ("RFC 9110 § 15.5.16: a compressed body", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc".into(), 415),
        ("RFC 9110 § 15.5.14: a body declared too large", "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n".into(), 413),
        ("RFC 9110 § 10.1.1: another expectation", "POST /contact HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc".into(), 417),
        ("RFC 9110 § 10.1.1: a body that is not welcome", "POST /contact HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100000000\r\n\r\n".into(), 413),
    ]
}

#[tokio::test]
async fn heads_that_can_be_read_in_two_ways_get_one_answer_and_the_connection_ends() {
    let gateway = Gateway::start().await;
    for (case, head, expected) in heads() {
        let mut raw = Raw::h1(&gateway);
        raw.send(head.as_bytes()).unwrap();
        // The beginning of another request, which nobody may answer.
        let _ = raw.send(b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (answers, end) = raw.rest();
        let text = String::from_utf8_lossy(&answers);
        assert_eq!(status(&text), expected, "{case}: {text:.200}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{case}: one answer");
        assert!(text.contains("x-content-type-options: nosniff"), "{case}: an answer like all others");
        assert!(end.is_ok(), "{case}: the connection ends");
    }
    assert!(!gateway.log().contains("/smuggled"));
    let metrics =
        reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("requests_refused_total{phase=\"protocol\",why=\"two_framings\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_told_and_an_unknown_authority_misdirected() {
    let gateway = Gateway::start().await;
    for (head, expected, says) in [
        ("PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "allow: GET, HEAD"),
        ("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "allow: "),
        ("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", 405, "allow: "),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405, "allow: GET, HEAD"),
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 421, ""),
        ("GET / HTTP/1.1\r\nHost: localhost@example.com\r\n\r\n", 421, ""),
    ] {
        let mut raw = Raw::h1(&gateway);
        raw.send(head.as_bytes()).unwrap();
        let (answer, _) = raw.answer().unwrap();
        assert_eq!(status(&answer), expected, "{head:?}");
        assert!(answer.contains(says), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_up_to_the_one_that_is_refused() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    let good = "GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    raw.send(format!("{good}{good}GET / HTTP/1.1\r\nHost : localhost\r\n\r\n{good}").as_bytes()).unwrap();
    let (answers, end) = raw.rest();
    let text = String::from_utf8_lossy(&answers);
    let found: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| status(&text[at..])).collect();
    assert_eq!(found, [200, 200, 400]);
    end.unwrap();
}

#[tokio::test]
async fn chunks_that_break_their_framing_end_the_connection_and_nothing_is_done() {
    let gateway = Gateway::start().await;
    let head = format!(
        "POST /newsletter HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
        gateway.https().port(),
        gateway.url("")
    );
    for body in [
        "zz\r\n",
        "3\r\nabcdef\r\n",
        "5;\nGET\r\n",
        "-1\r\n",
        "ffffffffffffffffff\r\n",
        "3\r\nabc\r\n0\r\n\nGET ",
    ] {
        let mut raw = Raw::h1(&gateway);
        raw.send(head.as_bytes()).unwrap();
        let _ = raw.send(body.as_bytes());
        let (answer, end) = raw.rest();
        end.unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || matches!(status(&text), 400..=499), "{body:?}: {text}");
    }
}

#[tokio::test]
async fn whoever_waits_to_send_a_welcome_body_is_told_to_go_on() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    let head = "POST /contact HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
    raw.send(
        head.replace(
            "localhost",
            &format!("localhost:{}\r\nOrigin: {}", gateway.https().port(), gateway.url("")),
        )
        .as_bytes(),
    )
    .unwrap();
    let (interim, _) = raw.answer().unwrap();
    assert_eq!(status(&interim), 100);
    raw.send(b"a=b").unwrap();
    let (answer, _) = raw.answer().unwrap();
    assert_eq!(status(&answer), 422, "{answer}");
}

#[tokio::test]
async fn ranges_are_answered_one_at_a_time() {
    let gateway = Gateway::start().await;
    let flood = (0..1_000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(",");
    for (range, expected) in [
        ("bytes=0-9", 206),
        ("bytes=0-1,2-3", 200),
        (&format!("bytes={flood}"), 200),
        ("bytes=99999999-", 416),
    ] {
        let mut raw = Raw::h1(&gateway);
        raw.send(
            format!("GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\nRange: {range}\r\n\r\n").as_bytes(),
        )
        .unwrap();
        assert_eq!(status(&raw.answer().unwrap().0), expected, "{range:.40}");
    }
}

#[tokio::test]
async fn an_authority_that_is_not_ours_is_misdirected_in_http2_too() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h2(&gateway);
    let block =
        fields(&[(":method", "GET"), (":scheme", "https"), (":authority", "example.com"), (":path", "/")]);
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).unwrap();
    let (.., block) = loop {
        let next = raw.frame().unwrap();
        if next.0 == HEADERS {
            break next;
        }
    };
    // 421 is in no table, and h2 writes digits in Huffman's code: 4 is 011010, 2 is 00010, 1 is 00001.
    assert!(block.windows(2).any(|two| two == [0b0110_1000, 0b0100_0001]), "{block:x?}");
}

#[tokio::test]
async fn a_client_that_holds_too_many_gives_up_one_that_rests_for_a_new_one() {
    let gateway = Gateway::start_with(&[]).await;
    let mut held: Vec<TcpStream> = (0..256).map(|_| TcpStream::connect(gateway.https()).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let mut raw = Raw::h1(&gateway);
    raw.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status(&raw.answer().unwrap().0), 200);
    let ended = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    };
    assert_eq!(held.iter_mut().filter_map(|stream| ended(stream).then_some(())).count(), 1);
}

#[tokio::test]
async fn a_ban_ends_connections_that_are_open() {
    let gateway = Gateway::start().await;
    let socket = connect_from([127, 0, 0, 3], gateway.https()).unwrap();
    let mut raw = Raw::over(&gateway, socket, b"http/1.1");
    raw.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status(&raw.answer().unwrap().0), 200);
    let banned = gateway.command(&["admin", "ban", "add", "127.0.0.3", "--for", "10m"]).output().unwrap();
    assert!(banned.status.success(), "{}", String::from_utf8_lossy(&banned.stderr));
    let (_, end) = raw.rest();
    end.expect("the open connection ends");
    let again = connect_from([127, 0, 0, 3], gateway.https());
    let refused = again.and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&[0x16, 3, 1])?;
        stream.read(&mut [0])
    });
    assert!(!matches!(&refused, Err(error) if error.kind() == io::ErrorKind::WouldBlock), "{refused:?}");
    assert!(gateway.command(&["admin", "ban", "remove", "127.0.0.3"]).output().unwrap().status.success());
    eventually("service", || connect_from([127, 0, 0, 3], gateway.https()).ok()).await;
}

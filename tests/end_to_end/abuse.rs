//! What no honest client sends, byte by byte over real TLS: each case says what we do, and which section says so.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::raw::{Raw, connect_from, fields, frame, status};
use crate::support::{Gateway, eventually};

const GOAWAY: u8 = 7;
const RESET: u8 = 3;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[tokio::test]
async fn heads_that_can_be_read_in_two_ways_get_one_answer_and_the_connection_ends() {
    let gateway = Gateway::start().await;
    let long = "a".repeat(9_000);
    let many = "x: y\r\n".repeat(80);
    let large = format!("x: {}\r\n", "y".repeat(20_000));
    let cases: Vec<(&str, String, u16)> = vec![
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
    ];
    for (case, head, expected) in cases {
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

/// What ends a connection of HTTP/2: GOAWAY, or no farewell at all.
fn ended(raw: &mut Raw) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        match raw.frame() {
            Ok((GOAWAY, ..)) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
            }
        }
    }
    false
}

fn get(stream: u32, flags: u8) -> Vec<u8> {
    let block = fields(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/favicon.svg"),
    ]);
    frame(HEADERS, flags, stream, &block)
}

#[tokio::test]
async fn floods_of_frames_end_the_connection_of_their_sender_alone() {
    let gateway = Gateway::start().await;
    let reset = |n: u32| {
        [get(2 * n + 1, END_STREAM | END_HEADERS), frame(RESET, 0, 2 * n + 1, &8u32.to_be_bytes())].concat()
    };
    type Flood = Box<dyn Fn(u32) -> Vec<u8>>;
    let floods: Vec<(&str, Flood)> = vec![
        ("CVE-2023-44487: rapid reset", Box::new(reset)),
        (
            "CVE-2024-27316: CONTINUATION without end",
            Box::new(|n| if n == 0 { get(1, 0) } else { frame(9, 0, 1, &fields(&[("x", "y")])) }),
        ),
        ("CVE-2019-9512: PING", Box::new(|_| frame(6, 0, 0, &[0; 8]))),
        ("CVE-2019-9515: SETTINGS", Box::new(|_| frame(4, 0, 0, &[]))),
        (
            "CVE-2019-9518: empty DATA",
            Box::new(|n| if n == 0 { get(1, END_HEADERS) } else { frame(DATA, 0, 1, &[]) }),
        ),
        ("RFC 9113 § 5.3.2: PRIORITY", Box::new(|n| frame(2, 0, 2 * n + 1, &[0; 5]))),
        ("RFC 9113 § 5.5: frames that nobody knows", Box::new(|_| frame(0xbe, 0, 0, &[]))),
    ];
    for (case, flood) in floods {
        let mut raw = Raw::h2(&gateway);
        for n in 0..5_000 {
            if raw.send(&flood(n)).is_err() {
                break;
            }
        }
        assert!(ended(&mut raw), "{case}");
        assert_eq!(gateway.get("/").await.status(), 200, "{case}: others are served");
    }
}

#[tokio::test]
async fn frames_that_break_the_protocol_are_refused_by_stream_or_by_connection() {
    let gateway = Gateway::start().await;
    let request = |more: &[(&str, &str)]| {
        let mut all =
            vec![(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")];
        all.extend_from_slice(more);
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields(&all))
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("§ 8.2.2: connection", request(&[("connection", "close")])),
        ("§ 8.2.2: transfer-encoding", request(&[("transfer-encoding", "chunked")])),
        ("§ 8.2.2: upgrade", request(&[("upgrade", "h2c")])),
        ("§ 8.2.2: te other than trailers", request(&[("te", "gzip")])),
        ("§ 8.2.1: a name in capitals", request(&[("X-Upper", "a")])),
        ("§ 8.2.1: a line end in a value", request(&[("x", "a\r\nb")])),
        ("§ 8.3: a pseudo-field that does not exist", request(&[(":strange", "a")])),
        ("§ 8.3: a pseudo-field behind a field", request(&[("x", "a"), (":path", "/b")])),
        (
            "§ 8.3.1: no path",
            frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                1,
                &fields(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost")]),
            ),
        ),
        ("§ 8.3.1: two paths", request(&[(":path", "/b")])),
        ("§ 6.1: DATA on an idle stream", frame(DATA, END_STREAM, 1, b"abc")),
        (
            "§ 5.1.1: a stream of ours",
            frame(HEADERS, END_STREAM | END_HEADERS, 2, &fields(&[(":method", "GET")])),
        ),
        (
            "§ 6.2: HEADERS on no stream",
            frame(HEADERS, END_STREAM | END_HEADERS, 0, &fields(&[(":method", "GET")])),
        ),
        ("§ 6.9: a window of nothing", frame(8, 0, 0, &[0; 4])),
        (
            "§ 6.9.1: a window past its end",
            [frame(8, 0, 0, &0x7fff_ffffu32.to_be_bytes()), frame(8, 0, 0, &0x7fff_ffffu32.to_be_bytes())]
                .concat(),
        ),
        ("§ 6.5: SETTINGS of half an entry", frame(4, 0, 0, &[0, 1, 2])),
        ("§ 6.5: SETTINGS on a stream", frame(4, 0, 1, &[])),
        ("§ 6.7: PING of seven bytes", frame(6, 0, 0, &[0; 7])),
        ("§ 6.6: a promise from a client", frame(5, END_HEADERS, 1, &[0, 0, 0, 2, 0])),
        ("§ 6.4: a reset of an idle stream", frame(RESET, 0, 9, &[0; 4])),
        ("§ 6.10: CONTINUATION of nothing", frame(9, END_HEADERS, 1, &fields(&[("x", "y")]))),
        ("§ 4.2: a frame past its size", frame(DATA, 0, 1, &[0; 20_000])),
        (
            "§ 4.3: a header block that cannot be read",
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 20]),
        ),
    ];
    for (case, bytes) in cases {
        let mut raw = Raw::h2(&gateway);
        let _ = raw.send(&bytes);
        let refused = loop {
            match raw.frame() {
                Ok((RESET | GOAWAY, ..)) => break true,
                Ok((HEADERS, _, _, block)) => break is_status(&block, "400"),
                Ok(_) => {}
                Err(error) => {
                    break !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                }
            }
        };
        assert!(refused, "RFC 9113 {case}");
    }
}

/// Whether a block of fields begins with this status, indexed or as a literal.
fn is_status(block: &[u8], code: &str) -> bool {
    let indexed = [
        ("200", 0x88),
        ("204", 0x89),
        ("206", 0x8a),
        ("304", 0x8b),
        ("400", 0x8c),
        ("404", 0x8d),
        ("500", 0x8e),
    ];
    let by_index = indexed.iter().any(|(status, index)| *status == code && block.contains(index));
    by_index || block.windows(3).any(|three| three == code.as_bytes())
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
async fn many_idle_connections_of_one_address_do_not_slow_another_client() {
    let gateway = Gateway::start_with(&[]).await;
    let idle: Vec<_> = (0..600).map(|_| connect_from([127, 0, 0, 2], gateway.https())).collect();
    let client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.get(gateway.url("/")).send().await.unwrap().status(), 200);
    }
    let mut open = 0;
    for stream in idle.into_iter().flatten() {
        stream.set_nonblocking(true).unwrap();
        let mut stream = stream;
        open += usize::from(
            matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock),
        );
    }
    assert!((1..=256).contains(&open), "{open} are held for one address");
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
async fn a_reader_who_stops_reading_and_a_body_that_trickles_are_cut() {
    let gateway = Gateway::start().await;
    let mut trickling = Raw::h1(&gateway);
    let head = format!(
        "POST /contact HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n",
        gateway.url("")
    );
    trickling
        .send(
            head.replace("Host: localhost", &format!("Host: localhost:{}", gateway.https().port()))
                .as_bytes(),
        )
        .unwrap();
    trickling.patience(Duration::from_millis(200));
    let begun = Instant::now();
    let end = loop {
        let _ = trickling.send(b"a");
        let (answer, end) = trickling.rest();
        if end.is_ok() || begun.elapsed() > Duration::from_secs(50) {
            break (answer, end);
        }
    };
    end.1.expect("the connection ends though a byte comes now and then");
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

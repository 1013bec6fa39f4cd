//! Shapes of HTTP/1 requests beside those of [`crate::abuse`]: names, targets, methods, versions, fields, handshakes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::raw::{Raw, connect_from, status};
use crate::support::Gateway;

/// What is sent as the beginning of a request, the status that is right, and what its head must say.
pub(crate) struct Shape {
    /// The section that says so.
    pub(crate) source: &'static str,
    /// In words.
    pub(crate) what: &'static str,
    /// The status.
    pub(crate) status: u16,
    head: String,
    says: &'static str,
}

impl Shape {
    /// What is sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.head.as_bytes()
    }
}

fn shape(source: &'static str, what: &'static str, head: impl Into<String>, status: u16) -> Shape {
    Shape { source, what, status, head: head.into(), says: "" }
}

/// A GET of a target from ours.
fn target(source: &'static str, what: &'static str, target: &str, status: u16, says: &'static str) -> Shape {
    Shape { says, ..shape(source, what, format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"), status) }
}

/// A GET for a name.
fn host(what: &'static str, host: &str, status: u16) -> Shape {
    shape("RFC 9110 § 7.2", what, format!("GET /favicon.svg HTTP/1.1\r\nHost: {host}\r\n\r\n"), status)
}

/// A GET with a field more.
fn field(source: &'static str, what: &'static str, field: &str, status: u16) -> Shape {
    let head = format!("GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n");
    shape(source, what, head, status)
}

/// A request without fields but `Host`.
fn line(source: &'static str, what: &'static str, line: &str, status: u16) -> Shape {
    shape(source, what, format!("{line}\r\nHost: localhost\r\n\r\n"), status)
}

/// Every shape.
pub(crate) fn shapes() -> Vec<Shape> {
    let ranges = (0..1_300).map(|n| format!("0-{n}")).collect::<Vec<_>>().join(",");
    vec![
        line("RFC 9112 § 2.3", "HTTP/1.0 with a name", "GET /favicon.svg HTTP/1.0", 200),
        shape("RFC 9112 § 3.2", "HTTP/1.0 without a name", "GET /favicon.svg HTTP/1.0\r\n\r\n", 400),
        line("RFC 9112 § 2.3", "HTTP/1.2", "GET / HTTP/1.2", 505),
        line("RFC 9112 § 2.3", "HTTP/2.0 in HTTP/1's form", "GET / HTTP/2.0", 505),
        line("RFC 9112 § 2.3", "a version in small letters", "GET / http/1.1", 400),
        line("RFC 9112 § 2.3", "a version of more digits", "GET / HTTP/1.10", 505),
        line("RFC 9112 § 3", "a tab between the parts of the line", "GET\t/ HTTP/1.1", 400),
        line("RFC 9112 § 3", "space behind the version", "GET / HTTP/1.1 ", 400),
        line("RFC 9110 § 9.1", "a method in small letters", "get / HTTP/1.1", 405),
        line("RFC 9110 § 9.1", "a method that nobody knows", "BREW / HTTP/1.1", 405),
        line("RFC 9110 § 9.3.8", "TRACE", "TRACE / HTTP/1.1", 405),
        line("RFC 9110 § 9.1", "TRACK", "TRACK / HTTP/1.1", 405),
        line("RFC 9110 § 9.3.7", "OPTIONS of the server", "OPTIONS * HTTP/1.1", 405),
        line("RFC 9112 § 3.2.4", "GET of the server", "GET * HTTP/1.1", 400),
        line("RFC 9110 § 9.3.6", "CONNECT", "CONNECT localhost:443 HTTP/1.1", 405),
        line("RFC 9112 § 3.2.2", "absolute form, ours", "GET https://localhost/favicon.svg HTTP/1.1", 200),
        line(
            "RFC 9112 § 3.2.2",
            "absolute form, another authority",
            "GET https://example.com/favicon.svg HTTP/1.1",
            400,
        ),
        line(
            "RFC 9110 § 4.2.4",
            "absolute form with user information",
            "GET https://a:b@localhost/favicon.svg HTTP/1.1",
            400,
        ),
        host("user information before our name", "a@localhost", 421),
        host("our name as user information", "localhost@example.com", 421),
        host("a trailing dot", "localhost.", 421),
        host("another port", "localhost:1", 421),
        host("an empty port", "localhost:", 421),
        host("a port that is no number", "localhost:443x", 421),
        host("a name in capitals", "LOCALHOST", 200),
        host("an internationalised name in letters", "löcalhost", 400),
        host("an internationalised name in ASCII", "xn--lcalhost-n4a", 421),
        host("an address", "127.0.0.1", 421),
        host("an address of IPv6", "[::1]", 421),
        host("nothing", "", 421),
        host("two names in one field", "localhost, example.com", 421),
        target("RFC 3986 § 6.2.2", "dots that climb", "/../etc/passwd", 400, ""),
        target("RFC 3986 § 6.2.2", "encoded dots that climb", "/%2e%2e/etc/passwd", 400, ""),
        target("RFC 3986 § 6.2.2", "encoded dots in capitals and a mixed form", "/.%2E/etc/passwd", 400, ""),
        target("RFC 3986 § 2.4", "dots encoded twice are a name as any", "/%252e%252e/etc/passwd", 404, ""),
        target("RFC 3986 § 6.2.2", "an encoded slash that climbs", "/..%2fetc/passwd", 400, ""),
        target("RFC 3986 § 6.2.2", "a single dot", "/./", 400, ""),
        target("RFC 3986 § 2.2", "a backslash", "/..\\etc", 400, ""),
        target("RFC 3986 § 2.2", "an encoded backslash", "/..%5cetc", 400, ""),
        target("RFC 3629 § 3", "an overlong slash", "/..%c0%afetc", 400, ""),
        target("RFC 3629 § 3", "half a character", "/%c3", 400, ""),
        target("RFC 3986 § 2.1", "NUL", "/offres/%00", 400, ""),
        target("RFC 3986 § 2.1", "a line end in a path", "/offres%0d%0aX-Split:%20yes", 400, ""),
        target("RFC 3986 § 2.1", "a percent sign without digits", "/%zz", 404, ""),
        target("RFC 3986 § 6.2.2.1", "a path in capitals", "/OFFRES/", 404, ""),
        target(
            "RFC 3986 § 6.2.2.2",
            "letters that need no encoding",
            "/%6fffres/",
            308,
            "location: /offres/\r\n",
        ),
        target("RFC 9110 § 15.4.9", "a page without its slash", "/offres", 308, "location: /offres/\r\n"),
        target(
            "RFC 9110 § 15.4.9",
            "a page by its file",
            "/offres/index.html",
            308,
            "location: /offres/\r\n",
        ),
        target(
            "RFC 9112 § 11.1",
            "a line end in a query stays encoded",
            "/offres?a=%0d%0aX-Split:%20yes",
            308,
            "location: /offres/?a=%0d%0aX-Split:%20yes\r\n",
        ),
        target(
            "RFC 9112 § 11.1",
            "a line end in `suite`",
            "/compte/connexion?suite=/a%0d%0aX-Split:%20yes",
            200,
            "",
        ),
        target(
            "RFC 9112 § 11.1",
            "`suite` to another host",
            "/compte/connexion?suite=//example.com/",
            200,
            "",
        ),
        target("RFC 3986 § 3.4", "a fragment", "/favicon.svg#a", 400, ""),
        field("RFC 9110 § 5.1", "a name beyond ASCII", "é: b", 400),
        field("RFC 9110 § 5.1", "a name with a control character", "x\u{1}: b", 400),
        field("RFC 9113 § 8.3", "a pseudo-field", ":method: POST", 400),
        field("RFC 9110 § 5.5", "a value beyond ASCII is opaque", "x: é", 200),
        field("RFC 6265 § 6.1", "a giant cookie", &format!("cookie: a={}", "b".repeat(17_000)), 431),
        field("RFC 6265 § 5.4", "many cookies", &format!("cookie: {}", "a=b; ".repeat(500)), 200),
        field(
            "RFC 9110 § 14.2",
            "ranges that overlap, 1,300 of them",
            &format!("range: bytes={ranges}"),
            200,
        ),
        field("RFC 9110 § 14.2", "a range past all numbers", "range: bytes=0-99999999999999999999999", 206),
        field(
            "RFC 9110 § 15.5.17",
            "a range that begins past all numbers",
            "range: bytes=99999999999999999999999-",
            416,
        ),
        field("RFC 9110 § 14.2", "a range of nothing", "range: bytes=-0", 416),
        field("RFC 9110 § 14.2", "two Range fields", "range: bytes=0-1\r\nrange: bytes=4-5", 200),
        field(
            "RFC 9110 § 13.1.5",
            "If-Range with another tag",
            "range: bytes=0-1\r\nif-range: \"other\"",
            200,
        ),
        field(
            "RFC 9110 § 13.1.5",
            "If-Range with a date",
            "range: bytes=0-1\r\nif-range: Thu, 01 Jan 1970 00:00:00 GMT",
            200,
        ),
        field(
            "RFC 9113 § 3.1",
            "an upgrade to h2c",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
            400,
        ),
        field(
            "RFC 6455 § 4.2.2",
            "an upgrade to WebSocket",
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13",
            400,
        ),
        field(
            "RFC 7239 § 8.1",
            "`Forwarded` of anybody is noise",
            "forwarded: for=203.0.113.7;host=example.com;proto=http",
            200,
        ),
        field(
            "RFC 7239 § 8.1",
            "`X-Forwarded-Host` and its kind are noise",
            "x-forwarded-host: example.com\r\nx-forwarded-for: 203.0.113.7\r\nx-original-url: /equipe\r\nx-rewrite-url: /equipe\r\nx-http-method-override: DELETE",
            200,
        ),
        field(
            "RFC 9110 § 12.5.3",
            "weights past all numbers",
            "accept-encoding: br;q=1e999, gzip;q=-1, *;q=NaN",
            200,
        ),
    ]
}

#[tokio::test]
async fn each_shape_of_a_request_gets_the_answer_that_the_rfc_gives_it() {
    let gateway = Gateway::start().await;
    let mut wrong = Vec::new();
    for shape in shapes() {
        let mut raw = Raw::h1(&gateway);
        raw.send(shape.bytes()).unwrap();
        let answer = raw.answer().map(|(head, _)| head).unwrap_or_default();
        let split = answer.to_ascii_lowercase().lines().any(|line| line.starts_with("x-split"));
        if status(&answer) != shape.status || split || !answer.contains(shape.says) {
            wrong.push(format!("{}, {}: {answer:.300}", shape.source, shape.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_thousand_pipelined_requests_are_answered_in_their_order() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    let paths = ["/favicon.svg", "/nulle-part", "/offres"];
    let mut sent = String::new();
    for n in 0..1_000 {
        sent.push_str(&format!("HEAD {} HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[n % 3]));
    }
    sent.push_str("GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw.send(sent.as_bytes()).unwrap();
    let (answers, end) = raw.rest();
    end.unwrap();
    let text = String::from_utf8_lossy(&answers);
    let found: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| status(&text[at..])).collect();
    let expected: Vec<_> = [200, 404, 308].into_iter().cycle().take(1_000).chain([200]).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn trailers_and_extensions_of_chunks_change_no_request_behind_them() {
    let gateway = Gateway::start().await;
    let origin = gateway.url("");
    let port = gateway.https().port();
    for (body, answers) in [
        ("3;a=b;c=\"d\"\r\na=b\r\n0\r\n\r\n", vec![422, 200]),
        (
            "3\r\na=b\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\nHost: example.com\r\n\r\n",
            vec![422, 200],
        ),
        ("0\r\n\r\n", vec![422, 200]),
        ("000000000003\r\na=b\r\n0\r\n\r\n", vec![422, 200]),
        ("3\r\na=b\r\n0\r\nX : y\r\n\r\n", vec![]),
        ("3\r\na=b\r\n0\r\n folded: y\r\n\r\n", vec![]),
        ("3;\u{b}\r\na=b\r\n0\r\n\r\n", vec![]),
        ("3 \r\na=b\r\n0\r\n\r\n", vec![]),
        ("0x3\r\na=b\r\n0\r\n\r\n", vec![]),
        ("3\r\na=b0\r\n\r\n", vec![]),
    ] {
        let mut raw = Raw::h1(&gateway);
        let head = format!(
            "POST /contact HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        raw.send(format!("{head}{body}").as_bytes()).unwrap();
        let _ = raw.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let (came, end) = raw.rest();
        end.unwrap();
        let text = String::from_utf8_lossy(&came);
        let found: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| status(&text[at..])).collect();
        match answers.as_slice() {
            [] => assert!(!found.contains(&200), "{body:?}: nothing behind a broken body is read: {found:?}"),
            answers => assert_eq!(found, answers, "{body:?}"),
        }
    }
}

#[tokio::test]
async fn of_two_cookies_of_one_name_neither_is_believed() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("double@example.fr", Some("illimite"));
    let cookie = gateway.sign_in("double@example.fr", &password).await;
    let client = gateway.client();
    let ask = async |cookies: String| {
        client.get(gateway.url("/espace-client/")).header("cookie", cookies).send().await.unwrap().status()
    };
    assert_eq!(ask(cookie.clone()).await, 200);
    assert_eq!(ask(format!("{cookie}; __Host-session=planted")).await, 303);
    assert_eq!(ask(format!("__Host-session=planted; {cookie}")).await, 303);
}

#[tokio::test]
async fn the_protocol_is_the_one_that_the_handshake_settled() {
    let gateway = Gateway::start().await;
    let open = |protocol: &[u8]| Raw::over(&gateway, TcpStream::connect(gateway.https()).unwrap(), protocol);
    let get = b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut one = open(b"h2");
    one.send(get).unwrap();
    let (answer, end) = one.rest();
    end.unwrap();
    assert!(!answer.windows(8).any(|window| window == b"HTTP/1.1"), "HTTP/1.1 where h2 was agreed");
    let mut none = open(b"");
    none.send(get).unwrap();
    assert_eq!(status(&none.answer().unwrap().0), 200, "without ALPN it is HTTP/1.1");
    assert!(open(b"spdy/3").send(get).is_err() || open(b"spdy/3").answer().is_err(), "RFC 7301 § 3.2");
}

#[tokio::test]
async fn handshakes_that_are_none_end_and_others_are_served_meanwhile() {
    let gateway = Gateway::start().await;
    let huge = [&[0x16, 3, 1, 0xff, 0xff][..], &[0; 20_000]].concat();
    let long = [&[0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[3; 16_379]].concat();
    let cases: [(&str, &[u8]); 7] = [
        ("RFC 8446 § 5.1: a record past its length", &huge),
        ("RFC 8446 § 4.1.2: a ClientHello of 16 MiB", &long),
        ("RFC 8446 § 5.1: rubbish", &[0xaa; 512]),
        ("RFC 6176: SSL 2", &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80]),
        ("RFC 8446 § 5.1: an empty record", &[0x16, 3, 1, 0, 0]),
        ("RFC 8446 § 6: an alert at once", &[0x15, 3, 3, 0, 2, 2, 40]),
        ("RFC 9110 § 4.2.2: HTTP without TLS", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ];
    // From an address of their own: many, and as many that never begin.
    let half_open: Vec<_> =
        (0..200).filter_map(|_| connect_from([127, 0, 0, 4], gateway.https()).ok()).collect();
    for (case, bytes) in cases {
        for n in 0..20 {
            let mut stream = connect_from([127, 0, 0, 5], gateway.https()).unwrap();
            let _ = stream.write_all(bytes);
            if n == 0 {
                stream.set_read_timeout(Some(Duration::from_secs(14))).unwrap();
                let mut rest = Vec::new();
                let ended = stream.read_to_end(&mut rest).err().map(|error| error.kind());
                assert!(
                    !matches!(ended, Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)),
                    "{case}: it ends"
                );
                assert!(!String::from_utf8_lossy(&rest).contains("HTTP/"), "{case}");
            }
        }
        assert_eq!(gateway.get("/").await.status(), 200, "{case}: others are served");
    }
    drop(half_open);
}

//! Requests and their fields (section 8).

use super::*;

pub(super) fn cases() -> Vec<Case> {
    use Code::*;
    use Right::*;
    let malformed = Stream(&[PROTOCOL_ERROR]);
    let request = |more: &[(&str, &str)]| get(1, WHOLE, more);
    let only = |all: &[(&str, &str)]| frame(HEADERS, WHOLE, 1, &fields(all));
    let data = |bytes: &[u8], flags: u8| frame(DATA, flags, 1, bytes);
    let trailers = |flags: u8, all: &[(&str, &str)]| frame(HEADERS, flags, 1, &fields(all));
    vec![
        case(
            "generic 4",
            "HEAD",
            only(&[
                (":method", "HEAD"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", "/favicon.svg"),
            ]),
            GoesOn,
        ),
        case(
            "generic 4",
            "POST with trailers",
            [post(1, END_HEADERS, &[("trailer", "x")]), data(b"a", 0), trailers(WHOLE, &[("x", "y")])]
                .concat(),
            Answer,
        ),
        case(
            "8.1",
            "second HEADERS that do not end the stream",
            [post(1, END_HEADERS, &[]), trailers(END_HEADERS, &[("x", "y")])].concat(),
            malformed,
        ),
        case("8.1.2", "a name in capitals", request(&[("X-Upper", "a")]), malformed),
        case("8.1.2", "a name with a space", request(&[("x y", "a")]), malformed),
        case("8.1.2", "a name with a control character", request(&[("x\u{1}", "a")]), malformed),
        case("8.1.2", "a name beyond ASCII", request(&[("é", "a")]), malformed),
        case("8.1.2", "an empty name", request(&[("", "a")]), malformed),
        case("8.1.2", "a name with a colon inside", request(&[("x:y", "a")]), malformed),
        case("8.1.2", "a line end in a value", request(&[("x", "a\r\nb: c")]), malformed),
        case("8.1.2", "LF in a value", request(&[("x", "a\nb")]), malformed),
        case("8.1.2", "NUL in a value", request(&[("x", "a\0b")]), malformed),
        case("8.1.2.1", "a pseudo-field that nobody knows", request(&[(":test", "a")]), malformed),
        case("8.1.2.1", "a pseudo-field of answers", request(&[(":status", "200")]), malformed),
        case(
            "8.1.2.1",
            ":protocol without extended CONNECT (RFC 8441)",
            request(&[(":protocol", "websocket")]),
            malformed,
        ),
        case(
            "8.1.2.1",
            "a pseudo-field in trailers",
            [post(1, END_HEADERS, &[]), data(b"a", 0), trailers(WHOLE, &[(":method", "GET")])].concat(),
            malformed,
        ),
        case(
            "8.1.2.1",
            ":path in trailers",
            [post(1, END_HEADERS, &[]), data(b"a", 0), trailers(WHOLE, &[("x", "y"), (":path", "/b")])]
                .concat(),
            malformed,
        ),
        case(
            "8.1.2.1",
            "a pseudo-field behind a field",
            only(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                ("x", "a"),
                (":path", "/"),
            ]),
            malformed,
        ),
        case("8.1.2.2", "connection", request(&[("connection", "keep-alive")]), malformed),
        case("8.1.2.2", "keep-alive", request(&[("keep-alive", "timeout=5")]), malformed),
        case("8.1.2.2", "proxy-connection", request(&[("proxy-connection", "keep-alive")]), malformed),
        case("8.1.2.2", "transfer-encoding", request(&[("transfer-encoding", "chunked")]), malformed),
        case("8.1.2.2", "upgrade", request(&[("upgrade", "h2c")]), malformed),
        case(
            "8.1.2.2",
            "te of anything but trailers",
            request(&[("te", "trailers, deflate;q=0.5")]),
            malformed,
        ),
        case("8.1.2.2", "te of trailers", request(&[("te", "trailers")]), Answer),
        case(
            "8.1.2.3",
            "an empty :path",
            only(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "")]),
            malformed,
        ),
        case(
            "8.1.2.3",
            "a :path that does not begin with a slash",
            only(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", "favicon.svg"),
            ]),
            malformed,
        ),
        case(
            "8.1.2.3",
            "a :path with a line end",
            only(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", "/\r\nx: y"),
            ]),
            malformed,
        ),
        case(
            "8.1.2.3",
            "no :method",
            only(&[(":scheme", "https"), (":authority", "localhost"), (":path", "/")]),
            malformed,
        ),
        case(
            "8.1.2.3",
            "no :scheme",
            only(&[(":method", "GET"), (":authority", "localhost"), (":path", "/")]),
            malformed,
        ),
        case(
            "8.1.2.3",
            "no :path",
            only(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost")]),
            malformed,
        ),
        case("8.1.2.3", "two :method", request(&[(":method", "GET")]), malformed),
        case("8.1.2.3", "two :scheme", request(&[(":scheme", "https")]), malformed),
        case("8.1.2.3", "two :path", request(&[(":path", "/b")]), malformed),
        case("8.1.2.3", "two :authority", request(&[(":authority", "localhost")]), malformed),
        case("8.1.2.3", ":authority and another host", request(&[("host", "example.com")]), malformed),
        case(
            "8.1.2.3",
            "neither :authority nor host",
            only(&[(":method", "GET"), (":scheme", "https"), (":path", "/")]),
            malformed,
        ),
        case(
            "8.1.2.6",
            "a content-length that DATA do not reach",
            [post(1, END_HEADERS, &[("content-length", "2")]), data(b"a", END_STREAM)].concat(),
            malformed,
        ),
        case(
            "8.1.2.6",
            "a content-length that DATA pass",
            [post(1, END_HEADERS, &[("content-length", "1")]), data(b"abc", END_STREAM)].concat(),
            malformed,
        ),
        case(
            "8.1.2.6",
            "a content-length that several DATA pass",
            [post(1, END_HEADERS, &[("content-length", "1")]), data(b"a", 0), data(b"b", END_STREAM)]
                .concat(),
            malformed,
        ),
        case(
            "8.1.2.6",
            "a content-length without DATA",
            post(1, WHOLE, &[("content-length", "1")]),
            malformed,
        ),
        case(
            "8.1.2.6",
            "a content-length that is no number",
            [post(1, END_HEADERS, &[("content-length", "+1")]), data(b"a", END_STREAM)].concat(),
            malformed,
        ),
        case(
            "8.1.2.6",
            "two content-lengths",
            [
                post(1, END_HEADERS, &[("content-length", "1"), ("content-length", "2")]),
                data(b"a", END_STREAM),
            ]
            .concat(),
            malformed,
        ),
        case(
            "8.3",
            "CONNECT with :path",
            only(&[
                (":method", "CONNECT"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", "/"),
            ]),
            malformed,
        ),
    ]
}

//! What no honest client sends over HTTP/3, after h3spec's list and RFC 9114 itself; `http3` sends it in a binary that
//! speaks HTTP/3, and `listing` tells of it in any.

/// What becomes of a stream, or of the connection with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Reset(u64),
    Closed(u64),
}

impl Outcome {
    /// In words, with the code as RFC 9114 § 8.1 calls it.
    pub(crate) fn told(self) -> String {
        match self {
            Self::Answered => "answered".into(),
            Self::Reset(code) => format!("stream error `{}`", name(code)),
            Self::Closed(code) => format!("connection error `{}`", name(code)),
        }
    }
}

/// Streams of one direction, and what comes on a request's stream.
#[cfg_attr(not(feature = "http3"), expect(dead_code, reason = "sent over HTTP/3 alone"))]
pub(crate) struct Case {
    pub(crate) what: &'static str,
    /// A section of RFC 9114, or of the RFC that is named.
    pub(crate) source: &'static str,
    pub(crate) aside: Vec<&'static [u8]>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) right: Outcome,
}

const STREAM_CREATION: u64 = 0x103;
const CLOSED_CRITICAL: u64 = 0x104;
const FRAME_UNEXPECTED: u64 = 0x105;
const FRAME_ERROR: u64 = 0x106;
pub(crate) const EXCESSIVE_LOAD: u64 = 0x107;
const SETTINGS: u64 = 0x109;
const MISSING_SETTINGS: u64 = 0x10a;
const REQUEST_INCOMPLETE: u64 = 0x10d;
const MESSAGE_ERROR: u64 = 0x10e;
const DECOMPRESSION_FAILED: u64 = 0x200;

fn name(code: u64) -> &'static str {
    match code {
        STREAM_CREATION => "H3_STREAM_CREATION_ERROR",
        CLOSED_CRITICAL => "H3_CLOSED_CRITICAL_STREAM",
        FRAME_UNEXPECTED => "H3_FRAME_UNEXPECTED",
        FRAME_ERROR => "H3_FRAME_ERROR",
        EXCESSIVE_LOAD => "H3_EXCESSIVE_LOAD",
        SETTINGS => "H3_SETTINGS_ERROR",
        MISSING_SETTINGS => "H3_MISSING_SETTINGS",
        REQUEST_INCOMPLETE => "H3_REQUEST_INCOMPLETE",
        MESSAGE_ERROR => "H3_MESSAGE_ERROR",
        DECOMPRESSION_FAILED => "QPACK_DECOMPRESSION_FAILED",
        other => panic!("no name for {other:#x}"),
    }
}

/// A control stream that says nothing of interest.
const CONTROL: &[u8] = b"\x00\x04\x00";
/// `:method GET`, `:scheme https`, `:path /favicon.svg`, all by the static table; an authority follows.
const GET: &[u8] = b"\xd1\xd7\x51\x0c/favicon.svg";
const POST: &[u8] = b"\xd4\xd7\x51\x0b/newsletter";

/// Every case, for a gateway that answers for `localhost` at this port.
pub(crate) fn cases(port: u16) -> Vec<Case> {
    let requests = requests(port).into_iter().map(|(what, source, bytes, right)| Case {
        what,
        source,
        aside: vec![CONTROL],
        bytes,
        right,
    });
    let good = request(GET, port, &[]);
    let aside = streams().into_iter().map(|(what, source, aside, right)| {
        // Where the connection is to end the request waits: what is wrong beside it comes first.
        let bytes = if right == Outcome::Answered { good.clone() } else { Vec::new() };
        Case { what, source, aside, bytes, right }
    });
    requests.chain(aside).collect()
}

fn requests(port: u16) -> Vec<(&'static str, &'static str, Vec<u8>, Outcome)> {
    use Outcome::{Answered, Closed, Reset};
    let get = |literal: &[(&str, &str)]| request(GET, port, literal);
    let post = |literal: &[(&str, &str)]| request(POST, port, literal);
    let good = get(&[]);
    let many = [("abc", "1")].repeat(460);
    vec![
        ("a request", "4.1", good.clone(), Answered),
        ("a reserved frame before HEADERS", "9", [frame(0x21, b"any"), good.clone()].concat(), Answered),
        ("DATA before HEADERS", "4.1", frame(0, b"a"), Closed(FRAME_UNEXPECTED)),
        ("CANCEL_PUSH on a request's stream", "7.2.3", frame(3, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("SETTINGS on a request's stream", "7.2.4", frame(4, b""), Closed(FRAME_UNEXPECTED)),
        ("PUSH_PROMISE of a client", "7.2.5", frame(5, b"\x00\x00\x00"), Closed(FRAME_UNEXPECTED)),
        ("GOAWAY on a request's stream", "7.2.6", frame(7, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("MAX_PUSH_ID on a request's stream", "7.2.7", frame(13, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("PRIORITY of HTTP/2", "7.2.8", frame(2, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("PING of HTTP/2", "7.2.8", frame(6, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("WINDOW_UPDATE of HTTP/2", "7.2.8", frame(8, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("CONTINUATION of HTTP/2", "7.2.8", frame(9, b"\x00"), Closed(FRAME_UNEXPECTED)),
        ("a frame cut by the stream's end", "7.1", good[..good.len() - 4].to_vec(), Closed(FRAME_ERROR)),
        ("a stream without a request", "4.1", Vec::new(), Reset(REQUEST_INCOMPLETE)),
        ("more than 16 KiB of fields (431)", "4.2.2", get(&many), Answered),
        ("two :path", "4.3.1", request(&[GET, b"\xc1"].concat(), port, &[]), Reset(MESSAGE_ERROR)),
        ("no :method", "4.3.1", request(b"\xd7\xc1", port, &[]), Reset(MESSAGE_ERROR)),
        ("no :scheme", "4.3.1", request(b"\xd1\xc1", port, &[]), Reset(MESSAGE_ERROR)),
        ("no :path", "4.3.1", request(b"\xd1\xd7", port, &[]), Reset(MESSAGE_ERROR)),
        (
            "a pseudo-field of answers",
            "4.3",
            request(&[GET, b"\xd9"].concat(), port, &[]),
            Reset(MESSAGE_ERROR),
        ),
        ("a pseudo-field that nobody knows", "4.3", get(&[(":x", "1")]), Reset(MESSAGE_ERROR)),
        ("a pseudo-field behind a field", "4.3", get(&[("abc", "1"), (":path", "/")]), Reset(MESSAGE_ERROR)),
        ("a capital letter in a name", "4.2", get(&[("Abc", "1")]), Reset(MESSAGE_ERROR)),
        ("connection", "4.2", get(&[("connection", "close")]), Reset(MESSAGE_ERROR)),
        ("transfer-encoding", "4.2", post(&[("transfer-encoding", "chunked")]), Reset(MESSAGE_ERROR)),
        ("te of anything but trailers", "4.2", get(&[("te", "gzip")]), Reset(MESSAGE_ERROR)),
        (
            "two content-lengths",
            "4.1.2",
            post(&[("content-length", "1"), ("content-length", "1")]),
            Reset(MESSAGE_ERROR),
        ),
        (
            "a content-length that is no number",
            "4.1.2",
            post(&[("content-length", "+1")]),
            Reset(MESSAGE_ERROR),
        ),
        (
            "an index that the static table has not",
            "RFC 9204 § 3.1",
            request(&[GET, b"\xff\x24"].concat(), port, &[]),
            Closed(DECOMPRESSION_FAILED),
        ),
        (
            "a field from the dynamic table, which is empty",
            "RFC 9204 § 2.2.3",
            request(&[GET, b"\x80"].concat(), port, &[]),
            Closed(DECOMPRESSION_FAILED),
        ),
    ]
}

type Beside = (&'static str, &'static str, Vec<&'static [u8]>, Outcome);

fn streams() -> Vec<Beside> {
    use Outcome::{Answered, Closed, Reset};
    vec![
        ("a reserved stream", "6.2.3", vec![CONTROL, b"\x21any"], Answered),
        ("a reserved setting", "7.2.4.1", vec![b"\x00\x04\x02\x21\x01"], Answered),
        ("two control streams", "6.2.1", vec![CONTROL, CONTROL], Closed(STREAM_CREATION)),
        ("two encoder streams", "RFC 9204 § 4.2", vec![CONTROL, b"\x02", b"\x02"], Closed(STREAM_CREATION)),
        // Not the connection error that the section asks for: h3 drops the stream, and the empty request ends by
        // itself.
        ("a push stream of a client", "6.2.2", vec![CONTROL, b"\x01\x00"], Reset(REQUEST_INCOMPLETE)),
        ("a control stream without SETTINGS", "6.2.1", vec![b"\x00\x07\x01\x00"], Closed(MISSING_SETTINGS)),
        ("two SETTINGS", "7.2.4", vec![b"\x00\x04\x00\x04\x00"], Closed(FRAME_UNEXPECTED)),
        ("a setting of HTTP/2", "7.2.4.1", vec![b"\x00\x04\x02\x02\x01"], Closed(SETTINGS)),
        ("DATA on the control stream", "7.2.1", vec![b"\x00\x04\x00\x00\x01a"], Closed(FRAME_UNEXPECTED)),
        ("HEADERS on the control stream", "7.2.2", vec![b"\x00\x04\x00\x01\x01a"], Closed(FRAME_UNEXPECTED)),
    ]
}

/// A frame of this kind.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap() | 0x4000;
    [&[kind][..], &length.to_be_bytes(), payload].concat()
}

/// HEADERS: what stands by the static table, the authority, then literal names.
pub(crate) fn request(by_table: &[u8], port: u16, literal: &[(&str, &str)]) -> Vec<u8> {
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
    frame(1, &section)
}

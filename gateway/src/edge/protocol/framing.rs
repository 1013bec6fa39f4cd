//! HTTP/1 framing by the letter (RFC 9112): where a message begins and ends is told in one way, or not believed.
//!
//! hyper forgives what RFC 9112 lets a recipient forgive (a bare LF, the same length told twice, a length beside
//! `chunked`); whoever stands in front of us may forgive it otherwise, and there lies the smuggled request. So the
//! bytes of a connection are read here first, and pass unchanged.

use http::StatusCode;

/// The longest head, in bytes.
pub const HEAD_LIMIT: usize = 16 << 10;
/// The longest target, in bytes.
pub const TARGET_LIMIT: usize = 8 << 10;
/// The most fields of a head or of trailers.
pub const FIELDS_LIMIT: usize = 64;
/// The longest extension of a chunk, and the longest trailers, in bytes.
const EXTRA_LIMIT: usize = 1 << 10;

/// What was looked at, and what may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// So many bytes from the beginning may pass.
    pub passed: usize,
    /// What comes next.
    pub then: Then,
}

/// What follows the bytes that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Everything was looked at, or a head is not whole yet.
    More,
    /// A head that is refused; nothing of it may pass.
    Refused(Fault),
    /// A body that breaks its framing; its head has passed.
    Broken(Fault),
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $label:literal, $status:ident;)*) => {
        /// What is wrong with the framing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The label in metrics; a path segment too.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// What is answered.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

faults! {
    /// A request line that is not `method SP target SP version` (§ 3).
    RequestLine = "request_line", BAD_REQUEST;
    /// Neither HTTP/1.1 nor HTTP/1.0 (§ 2.3).
    Version = "version", HTTP_VERSION_NOT_SUPPORTED;
    /// Too long a target (§ 3).
    Target = "target", URI_TOO_LONG;
    /// Too long a head, or too many fields (RFC 6585 § 5).
    Head = "head", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// A line that ends in LF alone, or a CR that ends none (§ 2.2).
    LineEnd = "line_end", BAD_REQUEST;
    /// A field that goes on in the next line (§ 5.2).
    Folded = "folded", BAD_REQUEST;
    /// A field's name that is no token, space before the colon among others (§ 5.1).
    FieldName = "field_name", BAD_REQUEST;
    /// A control character in a field's value (RFC 9110 § 5.5).
    FieldValue = "field_value", BAD_REQUEST;
    /// A length that is no number, or told twice (§ 6.3).
    ContentLength = "content_length", BAD_REQUEST;
    /// Another coding than exactly one `chunked` (§ 6.1).
    TransferEncoding = "transfer_encoding", BAD_REQUEST;
    /// Both a length and a coding (§ 6.3).
    TwoFramings = "two_framings", BAD_REQUEST;
    /// A chunk that is not told as § 7.1 says.
    Chunk = "chunk", BAD_REQUEST;
}

/// Follows one connection's requests, byte by byte.
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    /// Bytes of the head known not to end it.
    searched: usize,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Body(u64),
    Size {
        digits: u8,
        size: u64,
    },
    Extension {
        length: usize,
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data(u64),
    DataEnd,
    DataEndLine,
    Trailers {
        length: usize,
        part: Part,
    },
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Start,
    Name,
    Value,
    End,
    LastEnd,
}

impl Framing {
    /// Whether the bytes that come next begin a request.
    pub fn between_requests(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Looks at bytes that follow those that passed. What does not pass is to be given again, with more behind it.
    pub fn look(&mut self, bytes: &[u8]) -> Looked {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let taken = match self.state {
                State::Head => match self.head(rest) {
                    Ok(Some(length)) => length,
                    Ok(None) => return Looked { passed: at, then: Then::More },
                    Err(fault) => return Looked { passed: at, then: Then::Refused(fault) },
                },
                State::Body(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.state = match left - taken as u64 {
                        0 => State::Head,
                        left => State::Body(left),
                    };
                    taken
                }
                State::Data(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.state = match left - taken as u64 {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    taken
                }
                chunked => match step(chunked, rest[0]) {
                    Some(next) => {
                        self.state = next;
                        1
                    }
                    None => return Looked { passed: at, then: Then::Broken(Fault::Chunk) },
                },
            };
            at += taken;
        }
        Looked { passed: at, then: Then::More }
    }

    /// The length of a whole head at the beginning of `bytes`; none while it is not whole.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        // One empty line before a request is forgiven (§ 2.2): old clients send it behind a body.
        if bytes == b"\r" {
            return Ok(None);
        }
        let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let from = self.searched.max(skipped);
        let Some(end) = end_of_head(bytes, from.saturating_sub(3).max(skipped)) else {
            self.searched = bytes.len();
            let line = bytes[skipped..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            return match bytes.len() {
                _ if line > TARGET_LIMIT + 64 => Err(Fault::Target),
                length if length > HEAD_LIMIT => Err(Fault::Head),
                _ => Ok(None),
            };
        };
        self.searched = 0;
        self.state = body_of(&bytes[skipped..end])?;
        Ok(Some(end))
    }
}

/// One past the empty line that ends a head; a bare LF counts, so that it is looked at and refused.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        at += found + 1;
        match &bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// How the body of a request is framed, by its whole head.
fn body_of(head: &[u8]) -> Result<State, Fault> {
    let mut lines = Lines(head);
    let first = lines.next().ok_or(Fault::RequestLine)??;
    let old = request_line(first)?;
    if head.len() > HEAD_LIMIT {
        return Err(Fault::Head);
    }
    let (mut length, mut chunked, mut count) = (None, false, 0);
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > FIELDS_LIMIT {
            return Err(Fault::Head);
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() {
                return Err(Fault::ContentLength);
            }
            length = Some(number(value).ok_or(Fault::ContentLength)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || old || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::TransferEncoding);
            }
            chunked = true;
        }
    }
    match (length, chunked) {
        (Some(_), true) => Err(Fault::TwoFramings),
        (None, true) => Ok(State::Size { digits: 0, size: 0 }),
        (None | Some(0), false) => Ok(State::Head),
        (Some(length), false) => Ok(State::Body(length)),
    }
}

/// Whether it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::RequestLine);
    };
    // A fragment is no part of a target (RFC 9112 § 3.2); what reads on would drop it in silence.
    let visible = target.iter().all(|byte| (0x21..0x7f).contains(byte) && *byte != b'#');
    if !is_token(method) || target.is_empty() || !visible || method == super::REFUSED.as_bytes() {
        return Err(Fault::RequestLine);
    }
    if target.len() > TARGET_LIMIT {
        return Err(Fault::Target);
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        other if other.starts_with(b"HTTP/") => Err(Fault::Version),
        _ => Err(Fault::RequestLine),
    }
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(Fault::FieldName)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if !is_token(name) {
        return Err(Fault::FieldName);
    }
    if !value.iter().all(|byte| is_text(*byte)) {
        return Err(Fault::FieldValue);
    }
    Ok((name, value))
}

/// `1*DIGIT`, without sign, list or space.
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

/// A token of RFC 9110 § 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

/// The state of a chunked body after one more byte; none when it breaks RFC 9112 § 7.1.
fn step(state: State, byte: u8) -> Option<State> {
    Some(match (state, byte) {
        (State::Size { digits: digits @ 0..16, size }, byte) if byte.is_ascii_hexdigit() => {
            let digit = u64::from(char::from(byte).to_digit(16)?);
            State::Size { digits: digits + 1, size: size.checked_mul(16)?.checked_add(digit)? }
        }
        (State::Size { digits: 1.., size }, b';') => State::Extension { length: 0, size },
        (State::Size { digits: 1.., size }, b'\r') => State::SizeEnd { size },
        (State::Extension { size, .. }, b'\r') => State::SizeEnd { size },
        (State::Extension { length: length @ ..EXTRA_LIMIT, size }, byte) if is_text(byte) => {
            State::Extension { length: length + 1, size }
        }
        (State::SizeEnd { size: 0 }, b'\n') => State::Trailers { length: 0, part: Part::Start },
        (State::SizeEnd { size }, b'\n') => State::Data(size),
        (State::DataEnd, b'\r') => State::DataEndLine,
        (State::DataEndLine, b'\n') => State::Size { digits: 0, size: 0 },
        (State::Trailers { length: length @ ..EXTRA_LIMIT, part }, byte) => {
            let part = match (part, byte) {
                (Part::Start, b'\r') => Part::LastEnd,
                (Part::LastEnd, b'\n') => return Some(State::Head),
                (Part::Start | Part::Name, byte) if is_token(&[byte]) => Part::Name,
                (Part::Name, b':') => Part::Value,
                (Part::Value, b'\r') => Part::End,
                (Part::Value, byte) if is_text(byte) => Part::Value,
                (Part::End, b'\n') => Part::Start,
                _ => return None,
            };
            State::Trailers { length: length + 1, part }
        }
        _ => return None,
    })
}

/// Lines, each without the CRLF that ends it.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        let whole = line.strip_suffix(b"\r").filter(|line| !line.contains(&b'\r'));
        Some(whole.ok_or(Fault::LineEnd))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(text: &str) -> Looked {
        Framing::default().look(text.as_bytes())
    }

    #[test]
    fn messages_that_honest_clients_send_pass_whole() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET /a?b=c HTTP/1.0\r\nHost:a\r\nX:\ttabbed \u{e9}\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert_eq!(judged(text), Looked { passed: text.len(), then: Then::More }, "{text}");
        }
    }

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused_before_a_byte_of_them_passes() {
        let cases: [(&str, Fault); 24] = [
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nHost: a\n\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Fault::Folded),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::FieldName),
            ("GET / HTTP/1.1\r\n: a\r\n\r\n", Fault::FieldName),
            ("GET / HTTP/1.1\r\nX\0: a\r\n\r\n", Fault::FieldName),
            ("GET / HTTP/1.1\r\nX: \0\r\n\r\n", Fault::FieldValue),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", Fault::FieldName),
            ("GET  / HTTP/1.1\r\n\r\n", Fault::RequestLine),
            ("GET /\tHTTP/1.1\r\n\r\n", Fault::RequestLine),
            ("GET /\u{e9} HTTP/1.1\r\n\r\n", Fault::RequestLine),
            ("REFUSED /chunk HTTP/1.1\r\n\r\n", Fault::RequestLine),
            ("GET / HTTP/1.2\r\n\r\n", Fault::Version),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::Version),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", Fault::ContentLength),
            ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", Fault::ContentLength),
            ("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc", Fault::ContentLength),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
                Fault::TwoFramings,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                Fault::TwoFramings,
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Fault::TransferEncoding),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                Fault::TransferEncoding,
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", Fault::TransferEncoding),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::TransferEncoding),
        ];
        for (text, fault) in cases {
            assert_eq!(judged(text), Looked { passed: 0, then: Then::Refused(fault) }, "{text:?}");
        }
    }

    #[test]
    fn a_body_that_breaks_its_chunks_is_stopped_where_it_breaks() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in [
            "g\r\n",
            "\r\n",
            "-1\r\n",
            "0x3\r\n",
            " 3\r\n",
            "3 \r\n",
            "3\nabc",
            "3\r\nabcd",
            "3\r\nabc\n",
            "fffffffffffffffff\r\n",
            "3;a\nb\r\n",
            "0\r\nX : y\r\n",
            "0\r\n\n",
            "0\r\nX: a\nb",
        ] {
            let looked = judged(&format!("{head}{body}"));
            assert_eq!(looked.then, Then::Broken(Fault::Chunk), "{body:?}");
        }
    }

    #[test]
    fn heads_past_their_limits_are_refused_even_before_they_end() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(TARGET_LIMIT));
        assert_eq!(judged(&long).then, Then::Refused(Fault::Target));
        assert_eq!(judged(&"a".repeat(TARGET_LIMIT + 65)).then, Then::Refused(Fault::Target));
        let fields = "X: y\r\n".repeat(FIELDS_LIMIT + 1);
        assert_eq!(judged(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).then, Then::Refused(Fault::Head));
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(HEAD_LIMIT));
        assert_eq!(judged(&endless).then, Then::Refused(Fault::Head));
    }

    proptest! {
        /// However the network cuts the bytes, the same ones pass.
        #[test]
        fn what_passes_does_not_depend_on_how_bytes_arrive(
            text in prop::sample::select(vec![
                "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\nHost: a\r\n\r\n",
                "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n b: c\r\n\r\n",
            ]),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let whole = judged(text);
            let (mut framing, mut held, mut passed) = (Framing::default(), Vec::new(), 0);
            let mut rest = text.as_bytes();
            let mut then = Then::More;
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() && then == Then::More {
                let (part, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                rest = after;
                held.extend_from_slice(part);
                let looked = framing.look(&held);
                held.drain(..looked.passed);
                passed += looked.passed;
                then = looked.then;
            }
            prop_assert_eq!((passed, then), (whole.passed, whole.then));
        }

        /// No bytes make it fail.
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let looked = Framing::default().look(&bytes);
            prop_assert!(looked.passed <= bytes.len());
        }
    }
}

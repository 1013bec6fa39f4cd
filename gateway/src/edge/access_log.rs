//! Last phase: one line a request, without personal data: addresses are cut, queries are left out.
//!
//! Lines are gathered and written by a thread of their own: a slow or full disk holds no request up.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode, Version};
use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, histogram};

use crate::edge::prefix::Truncated;
use crate::edge::route_class::RouteClass;
use crate::trace::Trace;

/// How long a line may wait for others.
const GATHERING: Duration = Duration::from_millis(50);
/// Bytes that may wait; lines beyond them are lost, and counted.
const MOST_WAITING: usize = 8 << 20;

/// What is told of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// The request's id, which is its trace's, and its span.
    pub trace: &'a Trace,
    /// The client.
    pub peer: IpAddr,
    /// The protocol.
    pub version: Version,
    /// The method.
    pub method: &'a Method,
    /// The path as sent, without its query.
    pub path: &'a str,
    /// The kind of route.
    pub class: RouteClass,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's body, in bytes, where it is known beforehand.
    pub bytes: Option<u64>,
    /// From the head's arrival to the answer's head.
    pub elapsed: Duration,
}

/// Writes the line, counts the request, and tells a collector of it where there is one.
pub fn write(line: &Line<'_>) {
    let figures = &FIGURES[line.class as usize];
    figures.answered[usize::from(line.status.as_u16() / 100).clamp(1, 5) - 1].increment(1);
    figures.seconds.record(line.elapsed.as_secs_f64());
    // What `RUST_LOG` asks holds for these lines as for all others.
    if tracing::enabled!(target: "access", tracing::Level::INFO) {
        WAITING.push(line);
    }
    #[cfg(feature = "otlp")]
    crate::trace::otlp::answered(line);
}

/// Writes what waits, for ever; ends when the thread's owner has gone.
pub fn start() -> io::Result<Flush> {
    let flush = Flush(Arc::new(()));
    let owner = Arc::downgrade(&flush.0);
    std::thread::Builder::new().name("access-log".into()).spawn(move || {
        while owner.strong_count() > 0 {
            std::thread::sleep(GATHERING);
            WAITING.flush();
        }
    })?;
    Ok(flush)
}

/// Keeps the writing thread; at its end every line is written.
#[derive(Debug)]
pub struct Flush(Arc<()>);

impl Drop for Flush {
    fn drop(&mut self) {
        WAITING.flush();
    }
}

static WAITING: Waiting = Waiting { lines: Mutex::new(Vec::new()), writing: Mutex::new(Vec::new()) };

struct Waiting {
    lines: Mutex<Vec<u8>>,
    /// Held while bytes leave, so that lines keep their order; the room is used again.
    writing: Mutex<Vec<u8>>,
}

impl Waiting {
    fn push(&self, line: &Line<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST_WAITING {
            format(&mut lines, Timestamp::now(), line);
        } else {
            counter!("log_lines_lost_total", "why" => "slow").increment(1);
        }
    }

    fn flush(&self) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *writing, &mut self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if !writing.is_empty() && io::stderr().lock().write_all(&writing).is_err() {
            let lost = writing.iter().filter(|byte| **byte == b'\n').count();
            counter!("log_lines_lost_total", "why" => "refused").increment(lost as u64);
        }
        writing.clear();
    }
}

/// A line of JSON, its members as those of every other line of the log. The machinery of `write!` is spared where a
/// line needs it each time.
fn format(out: &mut Vec<u8>, now: Timestamp, line: &Line<'_>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    SECOND.with_borrow_mut(|second| out.extend_from_slice(second.told(now.as_second())));
    digits(out, u64::from(now.subsec_microsecond().unsigned_abs()), 6);
    out.extend_from_slice(b"Z\",\"level\":\"INFO\",\"target\":\"access\",\"request\":\"");
    out.extend_from_slice(line.trace.id().as_bytes());
    out.extend_from_slice(b"\",\"span\":\"");
    out.extend_from_slice(line.trace.span().as_bytes());
    out.extend_from_slice(b"\",\"client\":\"");
    client(out, line.peer);
    out.extend_from_slice(b"\",\"method\":\"");
    let mut text = Text(out);
    text.0.extend_from_slice(line.method.as_str().as_bytes());
    text.0.extend_from_slice(b"\",\"path\":\"");
    text.escaped(told(line.path));
    text.0.extend_from_slice(b"\",\"class\":\"");
    text.0.extend_from_slice(line.class.label().as_bytes());
    out.extend_from_slice(b"\",\"status\":");
    digits(out, u64::from(line.status.as_u16()), 1);
    if let Some(bytes) = line.bytes {
        out.extend_from_slice(b",\"bytes\":");
        digits(out, bytes, 1);
    }
    out.extend_from_slice(b",\"micros\":");
    digits(out, u64::try_from(line.elapsed.as_micros()).unwrap_or(u64::MAX), 1);
    out.extend_from_slice(b"}\n");
}

/// The client's address, cut as [`Truncated`] cuts it.
fn client(out: &mut Vec<u8>, peer: IpAddr) {
    if let IpAddr::V4(address) = peer.to_canonical() {
        for octet in &address.octets()[..3] {
            digits(out, u64::from(*octet), 1);
            out.push(b'.');
        }
        out.extend_from_slice(b"0/24");
        return;
    }
    // Writing to memory cannot fail.
    let _ = write!(out, "{}", Truncated(peer));
}

/// A number in decimal, in at least so many digits.
fn digits(out: &mut Vec<u8>, mut number: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < least {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}

thread_local! {
    static SECOND: RefCell<Second> = const { RefCell::new(Second { at: i64::MIN, text: String::new() }) };
}

/// The last second that was told, up to its point: `2026-11-26T08:00:00.`
struct Second {
    at: i64,
    text: String,
}

impl Second {
    fn told(&mut self, second: i64) -> &[u8] {
        if self.at != second {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
            self.text = format!("{at:.0}").replace('Z', ".");
            self.at = second;
        }
        self.text.as_bytes()
    }
}

struct Text<'a>(&'a mut Vec<u8>);

impl Text<'_> {
    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend([b'\\', byte]),
                0x20..0x7f => self.0.push(byte),
                // A target holds none of these; whatever came through is told without being written.
                _ => self.0.push(b'?'),
            }
        }
    }
}

/// Paths are told up to a length, and none that bears a payment session's id.
pub fn told(path: &str) -> &str {
    const LIMIT: usize = 200;
    if path.starts_with("/paiement-test/") {
        return "/paiement-test/...";
    }
    match path.char_indices().nth(LIMIT) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

/// The figures of a class, found once.
struct Figures {
    answered: [Counter; 5],
    seconds: Histogram,
}

static FIGURES: LazyLock<[Figures; RouteClass::ALL.len()]> = LazyLock::new(|| {
    RouteClass::ALL.map(|class| Figures {
        answered: ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .map(|family| counter!("http_requests_total", "class" => class.label(), "status" => family)),
        seconds: histogram!("http_request_seconds", "class" => class.label()),
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-confidentiality.
    #[test]
    fn a_line_is_json_whatever_the_path_and_names_no_person() {
        let (mut out, trace) = (Vec::new(), Trace::draw());
        let line = Line {
            trace: &trace,
            version: Version::HTTP_2,
            peer: "192.0.2.77".parse().unwrap(),
            method: &Method::GET,
            path: "/a\"b\\c/é",
            class: RouteClass::Pages,
            status: StatusCode::OK,
            bytes: Some(12),
            elapsed: Duration::from_micros(34),
        };
        format(&mut out, Timestamp::from_second(0).unwrap(), &line);
        assert!(out.ends_with(b"}\n"));
        let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!({
            "timestamp": "1970-01-01T00:00:00.000000Z", "level": "INFO", "target": "access",
            "request": trace.id(), "span": trace.span(),
            "client": "192.0.2.0/24", "method": "GET", "path": "/a\"b\\c/??", "class": "pages", "status": 200,
            "bytes": 12, "micros": 34,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn the_order_of_classes_is_that_of_their_figures() {
        for (index, class) in RouteClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index, "{class:?}");
        }
    }
}

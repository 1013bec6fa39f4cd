//! Last phase: one line a request, without personal data: addresses are cut, queries are left out.
//!
//! Lines are gathered and written by a thread of their own: a slow or full disk holds no request up.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, histogram};

use crate::edge::prefix::Truncated;
use crate::edge::route_class::RouteClass;

/// How long a line may wait for others.
const GATHERING: Duration = Duration::from_millis(50);
/// Bytes that may wait; lines beyond them are lost, and counted.
const MOST_WAITING: usize = 8 << 20;

/// What is told of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// The request's id, which is its trace id too.
    pub request: &'a str,
    /// The client.
    pub peer: IpAddr,
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

/// Writes the line and counts the request.
pub fn write(line: &Line<'_>) {
    let figures = &FIGURES[line.class as usize];
    figures.answered[usize::from(line.status.as_u16() / 100).clamp(1, 5) - 1].increment(1);
    figures.seconds.record(line.elapsed.as_secs_f64());
    // What `RUST_LOG` asks holds for these lines as for all others.
    if tracing::enabled!(target: "access", tracing::Level::INFO) {
        WAITING.push(line);
    }
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

/// A line of JSON, its members as those of every other line of the log.
fn format(out: &mut Vec<u8>, now: Timestamp, line: &Line<'_>) {
    let mut text = Text(out);
    // Writing to memory cannot fail.
    let _ = write!(
        text,
        "{{\"timestamp\":\"{now:.6}\",\"level\":\"INFO\",\"target\":\"access\",\"request\":\"{}\",\"client\":\"{}\",\"method\":\"{}\",\"path\":\"",
        line.request,
        Truncated(line.peer),
        line.method,
    );
    text.escaped(told(line.path));
    let _ = write!(text, "\",\"class\":\"{}\",\"status\":{}", line.class.label(), line.status.as_u16());
    if let Some(bytes) = line.bytes {
        let _ = write!(text, ",\"bytes\":{bytes}");
    }
    let _ = writeln!(text, ",\"micros\":{}}}", line.elapsed.as_micros());
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

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Paths are told up to a length, and none that bears a payment session's id.
fn told(path: &str) -> &str {
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

    #[test]
    fn a_line_is_json_whatever_the_path_and_names_no_person() {
        let mut out = Vec::new();
        let line = Line {
            request: "0123",
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
            "timestamp": "1970-01-01T00:00:00.000000Z", "level": "INFO", "target": "access", "request": "0123",
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

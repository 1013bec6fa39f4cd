//! What costs us more than its sender, without end or all at once: the sender is cut, others are served, and memory
//! comes back.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::raw::{Raw, connect_from, fields, frame, status};
use crate::support::{Gateway, eventually};
use crate::{conformance, shapes};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Frames without end, by the number of each.
pub(crate) struct Flood {
    /// Its number, or the section.
    pub(crate) source: &'static str,
    /// In words.
    pub(crate) what: &'static str,
    frames: fn(u32) -> Vec<u8>,
}

/// Every flood that ends the connection.
pub(crate) fn floods() -> Vec<Flood> {
    let flood = |source, what, frames| Flood { source, what, frames };
    vec![
        flood("CVE-2023-44487", "rapid reset", |n| [get(stream(n), WHOLE), reset(n)].concat()),
        flood("CVE-2025-8671", "a stream that we reset: a window of nothing", |n| {
            [post(stream(n)), frame(WINDOW, 0, stream(n), &[0; 4])].concat()
        }),
        flood("CVE-2025-8671", "a stream that we reset: a window past its end", |n| {
            [post(stream(n)), frame(WINDOW, 0, stream(n), &[0x7f, 255, 255, 255])].concat()
        }),
        flood("CVE-2025-8671", "a stream that we reset: DATA behind its end", |n| {
            [get(stream(n), WHOLE), frame(DATA, 0, stream(n), b"a")].concat()
        }),
        flood("CVE-2025-8671", "a stream that we reset: HEADERS behind its end", |n| {
            [get(stream(n), WHOLE), get(stream(n), END_HEADERS)].concat()
        }),
        flood("CVE-2025-8671", "a stream that we reset: a length that DATA pass", |n| {
            [sized(stream(n)), frame(DATA, END_STREAM, stream(n), b"abc")].concat()
        }),
        flood("CVE-2025-8671", "a stream that we reset: fields that are none", |n| {
            frame(HEADERS, WHOLE, stream(n), &fields(&[(":method", "GET"), ("connection", "close")]))
        }),
        flood("CVE-2024-27316", "CONTINUATION without end", |n| match n {
            0 => get(1, 0),
            _ => frame(CONTINUATION, 0, 1, &fields(&[("x", "y")])),
        }),
        flood("CVE-2024-27316", "empty CONTINUATION without end", |n| match n {
            0 => get(1, 0),
            _ => frame(CONTINUATION, 0, 1, &[]),
        }),
        flood("CVE-2019-9512", "PING", |_| frame(PING, 0, 0, &[0; 8])),
        flood("CVE-2019-9515", "SETTINGS", |_| frame(SETTINGS, 0, 0, &[])),
        flood("CVE-2019-9513", "PRIORITY that shuffles", |n| frame(PRIORITY, 0, stream(n), &[0; 5])),
        flood("CVE-2019-9516", "fields without names", |n| {
            frame(HEADERS, WHOLE, stream(n), &fields(&[("", "")]))
        }),
        flood("CVE-2019-9518", "empty DATA", |n| match n {
            0 => post(1),
            _ => frame(DATA, 0, 1, &[]),
        }),
        flood("CVE-2019-9518", "DATA of padding alone", |n| match n {
            0 => post(1),
            _ => frame(DATA, 8, 1, &[1, 0]),
        }),
        flood("RFC 9113 § 10.5", "frames that nobody knows", |_| frame(0xbe, 0, 0, &[])),
        flood("RFC 9113 § 10.5", "PRIORITY_UPDATE (RFC 9218)", |_| frame(0x10, 0, 0, &[0, 0, 0, 1, b'u'])),
        flood("RFC 9113 § 5.1.2", "streams past their number", |n| post(stream(n))),
    ]
}

const WHOLE: u8 = END_STREAM | END_HEADERS;

fn stream(n: u32) -> u32 {
    2 * n + 1
}

fn reset(n: u32) -> Vec<u8> {
    frame(RESET, 0, stream(n), &8u32.to_be_bytes())
}

fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut all =
        vec![(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)];
    all.extend_from_slice(more);
    fields(&all)
}

fn get(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &request("GET", "/favicon.svg", &[]))
}

/// A request whose handler waits for a body.
fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request("POST", "/webhooks/stripe", &[]))
}

fn sized(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request("POST", "/webhooks/stripe", &[("content-length", "1")]))
}

/// Whether the gateway ends the connection: by GOAWAY, or without a farewell.
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

fn survives(gateway: &Gateway, flood: &Flood) -> bool {
    let mut raw = Raw::h2(gateway);
    for n in 0..5_000 {
        if raw.send(&(flood.frames)(n)).is_err() {
            return false;
        }
    }
    !ended(&mut raw)
}

#[tokio::test]
async fn floods_of_frames_end_the_connection_of_their_sender_alone() {
    let gateway = Gateway::start().await;
    let mut survivors = Vec::new();
    for flood in floods() {
        if survives(&gateway, &flood) {
            survivors.push(format!("{}: {}", flood.source, flood.what));
        }
        assert_eq!(gateway.get("/").await.status(), 200, "{}: others are served", flood.what);
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// A header block that names one large field of the table again and again: 100 kB become 100 MB (CVE-2016-6581).
fn reference_bomb(stream: u32) -> Vec<u8> {
    let mut block = request("GET", "/favicon.svg", &[]);
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'a'; 4_000]);
    block.extend([0xbe; 12_000]);
    frame(HEADERS, WHOLE, stream, &block)
}

/// Streams that ask for a page and never let it come.
fn stalled(gateway: &Gateway, from: [u8; 4]) -> io::Result<Raw> {
    let mut raw = Raw::over(gateway, connect_from(from, gateway.https())?, b"h2");
    raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]))?;
    for n in 0..100 {
        raw.send(&frame(HEADERS, WHOLE, stream(n), &request("GET", "/", &[])))?;
    }
    Ok(raw)
}

#[tokio::test]
async fn fields_that_grow_when_they_are_read_are_refused_by_size() {
    let gateway = Gateway::start().await;
    let before = memory(&gateway);
    for _ in 0..20 {
        let mut raw = Raw::h2(&gateway);
        for n in 0..20 {
            if raw.send(&reference_bomb(stream(n))).is_err() {
                break;
            }
        }
        loop {
            match raw.frame() {
                // 431 or a reset; never the page.
                Ok((DATA, _, _, payload)) => assert!(payload.is_empty(), "a bomb is answered with a page"),
                Ok((RESET | GOAWAY, ..)) | Err(_) => break,
                Ok((HEADERS, flags, ..)) if flags & END_STREAM != 0 => break,
                Ok(_) => {}
            }
        }
    }
    assert_eq!(gateway.get("/").await.status(), 200);
    let grown = memory(&gateway).saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
}

/// The memory that a gateway holds, in KiB.
fn memory(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn memory_after_every_abuse_is_within_64_mib_of_before() {
    let gateway = Gateway::start().await;
    let client = gateway.client();
    for _ in 0..50 {
        assert_eq!(client.get(gateway.url("/")).send().await.unwrap().status(), 200);
    }
    let before = memory(&gateway);
    for flood in floods() {
        survives(&gateway, &flood);
    }
    for case in conformance::cases() {
        let _ = conformance::judge(&gateway, &case);
    }
    for shape in shapes::shapes() {
        let mut raw = Raw::h1(&gateway);
        raw.send(shape.bytes()).unwrap();
        let _ = raw.answer();
    }
    let held: Vec<_> = (0..20).filter_map(|n| stalled(&gateway, [127, 0, 2, n]).ok()).collect();
    let idle: Vec<_> =
        (0..1_000).filter_map(|n| connect_from([127, 0, 3, (n % 8) as u8], gateway.https()).ok()).collect();
    assert_eq!(client.get(gateway.url("/")).send().await.unwrap().status(), 200);
    let most = memory(&gateway);
    drop((held, idle));
    let near = || {
        let after = memory(&gateway);
        (after < before + (64 << 10)).then_some(after)
    };
    let after = eventually("memory within 64 MiB of before", near).await;
    println!("memory: {before} KiB before, {most} KiB at most, {after} KiB after");
    assert_eq!(client.get(gateway.url("/")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn many_idle_connections_of_one_address_do_not_slow_another_client() {
    let gateway = Gateway::start_with(&[]).await;
    let idle: Vec<_> = (0..1_500).map(|_| connect_from([127, 0, 0, 2], gateway.https())).collect();
    let client = gateway.client();
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        assert_eq!(client.get(gateway.url("/")).send().await.unwrap().status(), 200);
        times.push(begun.elapsed());
    }
    times.sort();
    println!("beside 1,500 idle connections: median {:?}, p99 {:?}", times[100], times[198]);
    let held = |stream: TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let mut stream = stream;
        matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    };
    let open = idle.into_iter().flatten().filter(|stream| held(stream.try_clone().unwrap())).count();
    assert!((1..=256).contains(&open), "{open} are held for one address");
}

#[tokio::test]
async fn keys_that_are_renewed_without_end_cost_their_sender_the_connection() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    raw.send(b"HEAD /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let cut = (0..2_000).any(|_| raw.renew_keys().is_err());
    println!("cut after key updates: {cut}");
    assert_eq!(gateway.get("/").await.status(), 200, "others are served");
    let mut other = Raw::h1(&gateway);
    other.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status(&other.answer().unwrap().0), 200);
}

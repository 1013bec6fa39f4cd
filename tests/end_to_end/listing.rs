//! `docs/abuse.md`: every case that the tests send, with what we do and which section says so, made from their tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::conformance::{self, Right};
use crate::support::REPOSITORY;
use crate::{abuse, floods, http3_cases, shapes};

/// What no table holds: the test sends it by hand. The case, what we do, the source.
const CONNECTIONS: [(&str, &str, &str); 22] = [
    (
        "1,500 idle connections from one address",
        "256 are held, the oldest that rests gives way; others are served",
        "RFC 9110 § 17",
    ),
    ("a connection that never begins its handshake", "closed after 10 s", "RFC 8446 § 4"),
    (
        "a ClientHello that is none: rubbish, SSL 2, HTTP, a record or a message past its length",
        "alert or close",
        "RFC 8446 § 5.1, § 6",
    ),
    ("key updates without end", "others are served; rustls bounds them", "RFC 8446 § 4.6.3"),
    ("a name that is not ours in the handshake", "alert, no certificate", "RFC 6066 § 3"),
    ("a protocol that we do not speak in ALPN", "alert `no_application_protocol`", "RFC 7301 § 3.2"),
    ("HTTP/1.1 where h2 was agreed", "GOAWAY, closed", "RFC 9113 § 3.4"),
    ("a head that trickles", "closed after 15 s", "RFC 9110 § 15.5.9"),
    ("a body that trickles", "cut after 10 s and a second for each 2 KiB that came", "RFC 9110 § 15.5.9"),
    (
        "a reader that takes a byte a second",
        "closed once nothing could be written for 30 s",
        "RFC 9293 § 3.8.6.1",
    ),
    (
        "windows that open a byte at a time",
        "closed once nothing was asked and no answer moved for 90 s, after two hours in any case",
        "RFC 9113 § 10.5",
    ),
    (
        "fields that grow from a small block (CVE-2016-6581)",
        "431 or a reset past 16 KiB of fields",
        "RFC 7541 § 7.3",
    ),
    ("1,000 pipelined requests", "answered in order", "RFC 9112 § 9.3.2"),
    (
        "chunks, their extensions and trailers that break their framing",
        "closed, nothing behind them is read",
        "RFC 9112 § 7.1",
    ),
    ("trailers that name a length, a coding or a host", "passed over", "RFC 9110 § 6.5.1"),
    ("two session cookies", "neither is believed", "RFC 6265 § 5.4"),
    ("`Forwarded` or a PROXY header from a peer that is not listed", "noise; closed", "RFC 7239 § 8.1"),
    ("a balancer that does not say for whom it speaks", "closed", "PROXY protocol § 2.2"),
    ("a banned or listed address", "reset before the handshake, open connections ended", ""),
    (
        "descriptors exhausted, the log's disk full",
        "accepting waits; lines are dropped and counted; service goes on",
        "",
    ),
    ("a certificate replaced by rubbish under load", "the one before stays", ""),
    ("a clock that is set back", "service goes on", ""),
];

/// The same of HTTP/3.
const HTTP3: [(&str, &str, &str); 5] = [
    ("a control stream that ends", "connection error `H3_CLOSED_CRITICAL_STREAM`", "6.2.1"),
    (
        "requests that are begun and taken back, without end",
        "connection error `H3_EXCESSIVE_LOAD`, others served",
        "10.5",
    ),
    ("malformed requests, again and again", "jailed as over TCP, open connections ended", "10.5"),
    (
        "first packets from addresses that may be forged",
        "past an eighth of the handshakes that may be under way, each must come back with a token (Retry)",
        "RFC 9000 § 8.1.2",
    ),
    ("a request before the handshake is done", "no early data are taken", "RFC 8470 § 3"),
];

#[test]
fn the_list_of_abuse_cases_is_what_the_tests_send() {
    let path = Path::new(REPOSITORY).join("docs/abuse.md");
    let listed = listing();
    if std::env::var_os("AOPS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &listed).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = listed.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(
        listed == kept,
        "docs/abuse.md differs: {differs:?}; AOPS_WRITE_DOCS=1 cargo test --test end_to_end listing writes it"
    );
}

fn listing() -> String {
    let mut text = String::from(
        "# Abuse\n\nWhat no honest client sends, and what the edge does. Made from the tables of `tests/end_to_end/`, \
         which send each case over real sockets: `AOPS_WRITE_DOCS=1 cargo test --test end_to_end listing` writes it \
         again, and a test fails where it differs.\n",
    );
    let mut table = |title: &str, heads: [&str; 3], rows: Vec<[String; 3]>| {
        let _ = writeln!(text, "\n## {title}\n\n| {} |\n| --- | --- | --- |", heads.join(" | "));
        for row in rows {
            let _ = writeln!(text, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    };
    let by_status = |status: u16, closes: &str| format!("{status}{closes}");
    let rows = CONNECTIONS.map(|(what, done, source)| [what, done, source].map(str::to_owned));
    table("Connections, and time", ["case", "what we do", "source"], rows.to_vec());
    let rows = abuse::heads().into_iter().map(|(case, _, status)| {
        let (source, what) = case.split_once(": ").unwrap_or(("", case));
        [what.to_owned(), by_status(status, ", closed"), source.to_owned()]
    });
    table("HTTP/1 heads that end the connection", ["case", "answer", "source"], rows.collect());
    let rows = shapes::shapes()
        .into_iter()
        .map(|shape| [shape.what.to_owned(), by_status(shape.status, ""), shape.source.to_owned()]);
    table("Requests, one by one", ["case", "answer", "source"], rows.collect());
    let rows = floods::floods().into_iter().map(|flood| {
        [flood.what.to_owned(), "connection ended, others served".to_owned(), flood.source.to_owned()]
    });
    table("HTTP/2 floods", ["frames without end", "what we do", "source"], rows.collect());
    let rows = conformance::cases().into_iter().map(|case| {
        let codes = |codes: &[conformance::Code]| {
            codes.iter().map(|code| format!("`{code:?}`")).collect::<Vec<_>>().join(" or ")
        };
        let right = match case.right {
            Right::Connection(allowed) => format!("connection error {}", codes(allowed)),
            Right::Stream(allowed) => format!("stream error {}, or 400", codes(allowed)),
            Right::Answer => "answered".to_owned(),
            Right::GoesOn => "the connection goes on".to_owned(),
        };
        let coarse = conformance::OTHER_CODE.contains(&format!("{} {}", case.section, case.what).as_str());
        let right = if coarse { format!("{right}; told as `PROTOCOL_ERROR`") } else { right };
        [case.what.to_owned(), right, case.section.to_owned()]
    });
    table("HTTP/2 by h2spec's list", ["case", "what we do", "h2spec's section"], rows.collect());
    let rows = http3_cases::cases(443)
        .into_iter()
        .map(|case| [case.what.to_owned(), case.right.told(), case.source.to_owned()]);
    let more = HTTP3.map(|(what, done, source)| [what, done, source].map(str::to_owned));
    table(
        "HTTP/3, where it is built in",
        ["case", "what we do", "section of RFC 9114"],
        rows.chain(more).collect(),
    );
    text
}

#[test]
fn no_case_stands_twice_in_the_list() {
    let mut seen = BTreeMap::new();
    for line in listing().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        *seen.entry(line.to_owned()).or_insert(0) += 1;
    }
    let twice: Vec<_> =
        seen.into_iter().filter(|(line, count)| *count > 1 && !line.contains(" | source |")).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

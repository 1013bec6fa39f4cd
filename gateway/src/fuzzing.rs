//! What fuzzers call: each function takes any bytes, and panics when a promise about them is broken. It is compiled
//! into `fuzz/` too, with the readers that it calls and nothing else of this crate.

use std::net::IpAddr;
use std::time::Instant;

use http::header::{COOKIE, FORWARDED};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::edge::blocks::Blocks;
use crate::edge::protocol::frames::Frames;
use crate::edge::protocol::framing::{Framing, Then};
use crate::edge::{forwarded, proxy_protocol};
use crate::web::hosts::Hosts;
use crate::web::{cookies, negotiation, range};

/// A header that is believed names a client, and what stands behind it changes nothing.
pub fn proxy_protocol(bytes: &[u8]) {
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    for bytes in [bytes.to_vec(), [SIGNATURE, bytes].concat()] {
        if let Ok(header) = proxy_protocol::parse(&bytes) {
            assert!(bytes.starts_with(SIGNATURE) && bytes.len() >= 16);
            let longer = [&bytes[..], b"GET / HTTP/1.1"].concat();
            assert_eq!(proxy_protocol::parse(&longer), Ok(header));
        }
    }
}

/// A part lies within the body and holds something.
pub fn range(bytes: &[u8]) {
    let Some((length, value)) = bytes.split_first_chunk::<8>() else { return };
    let Ok(value) = std::str::from_utf8(value) else { return };
    // Short bodies and long ones.
    let length = u64::from_le_bytes(*length) >> (length[0] % 64);
    if let range::Asked::Part(part) = range::asked(value, length) {
        assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
    }
}

/// Weights lie between 0 and 1, and an element is no list.
pub fn accept_encoding(bytes: &[u8]) {
    let Ok(list) = std::str::from_utf8(bytes) else { return };
    for (name, weight) in negotiation::weighted(list) {
        assert!((0.0..=1.0).contains(&weight), "{name} weighs {weight}");
        assert!(!name.contains([',', ';']), "{name}");
    }
}

/// Only our own name is ours, whatever stands around it.
pub fn authority(bytes: &[u8]) {
    let Ok(authority) = std::str::from_utf8(bytes) else { return };
    let hosts = Hosts::new(&["localhost".into()], &[8443]);
    if hosts.names(authority) {
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        assert!(host.eq_ignore_ascii_case("localhost"), "{authority}");
        assert!(matches!(port.parse(), Ok(443 | 8443)), "{authority}");
    }
}

/// A cookie that is believed stands once.
pub fn cookies(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for field in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(field) else { return };
        headers.append(COOKIE, value);
    }
    if let Some(value) = cookies::sole(&headers, "a") {
        assert!(!value.contains(';'));
        assert_eq!(cookies::all(&headers).filter(|(name, _)| *name == "a").count(), 1);
    }
}

/// However the network cuts a stream, as much of it passes, and it is refused or not.
pub fn framing(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let told = |then| match then {
        Then::More => 0,
        Then::Refused(_) => 1,
        Then::Broken(_) => 2,
    };
    let whole = Framing::default().look(stream);
    let (mut framing, mut held, mut passed, mut outcome) = (Framing::default(), Vec::new(), 0, 0);
    for part in stream.chunks(usize::from(*cut) + 1) {
        held.extend_from_slice(part);
        let looked = framing.look(&held);
        assert!(looked.passed <= held.len());
        held.drain(..looked.passed);
        passed += looked.passed;
        outcome = told(looked.then);
        if outcome != 0 {
            break;
        }
    }
    assert_eq!((passed, outcome), (whole.passed, told(whole.then)));
}

/// However the network cuts a stream, the same flood is seen in it.
pub fn frames(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let now = Instant::now();
    let whole = Frames::new(now).look(stream, now);
    let mut frames = Frames::new(now);
    let parts = stream.chunks(usize::from(*cut) + 1).try_for_each(|part| frames.look(part, now));
    assert_eq!(parts, whole);
}

/// Nobody but a listed proxy speaks for others.
pub fn forwarded(bytes: &[u8]) {
    let proxies: Blocks = ["10.0.0.0/8".parse().expect("a block")].into_iter().collect();
    let (stranger, proxy) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([10, 0, 0, 1]));
    for name in [FORWARDED, HeaderName::from_static("x-forwarded-for")] {
        let mut headers = HeaderMap::new();
        for field in bytes.split(|byte| *byte == b'\n') {
            let Ok(value) = HeaderValue::from_bytes(field) else { return };
            headers.append(&name, value);
        }
        assert_eq!(forwarded::client(stranger, &headers, &proxies), stranger);
        forwarded::client(proxy, &headers, &proxies);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every input that fuzzing found worth keeping, given again to its function.
    #[test]
    fn the_corpus_breaks_no_promise() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        type Target = (&'static str, fn(&[u8]));
        let targets: [Target; 8] = [
            ("accept_encoding", accept_encoding),
            ("authority", authority),
            ("cookies", cookies),
            ("forwarded", forwarded),
            ("frames", frames),
            ("framing", framing),
            ("proxy_protocol", proxy_protocol),
            ("range", range),
        ];
        for (name, target) in targets {
            let inputs: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().collect();
            assert!(inputs.len() >= 3, "{name} has {}", inputs.len());
            for input in inputs {
                target(&fs::read(input.unwrap().path()).unwrap());
            }
        }
    }
}

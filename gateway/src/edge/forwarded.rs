//! Whom a listed proxy speaks for: `Forwarded` (RFC 7239), or `X-Forwarded-For`; from anybody else both are noise.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::FORWARDED;

use crate::edge::blocks::Blocks;

/// The longest chain that is followed.
const LONGEST: usize = 16;

/// The client of a request that came from `peer`: the nearest address that is no listed proxy's.
pub fn client(peer: IpAddr, headers: &HeaderMap, proxies: &Blocks) -> IpAddr {
    if !proxies.hold(peer) {
        return peer;
    }
    let mut client = peer;
    for address in chain(headers).into_iter().rev().take(LONGEST) {
        // What cannot be read hides whatever stands before it.
        let Some(address) = address else { return client };
        client = address;
        if !proxies.hold(address) {
            return client;
        }
    }
    client
}

/// The addresses told, the farthest first.
fn chain(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key(FORWARDED) {
        let elements =
            headers.get_all(FORWARDED).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
        return elements.map(for_parameter).collect();
    }
    let elements = headers.get_all("x-forwarded-for").iter().flat_map(|v| v.as_bytes().split(|b| *b == b','));
    elements.map(|element| address(element.trim_ascii())).collect()
}

fn for_parameter(element: &[u8]) -> Option<IpAddr> {
    let mut parameters = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })?;
    address(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let found = match bare {
        Some(address) => address.parse().ok()?,
        None => text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())?,
    };
    Some(IpAddr::to_canonical(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &str, fields: &[(&'static str, &str)]) -> String {
        let proxies: Blocks =
            ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into_iter().collect();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_listed_proxies_are_believed_and_only_for_the_nearest_stranger() {
        assert_eq!(told("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.1");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]), "198.51.100.1");
        assert_eq!(
            told("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, 198.51.100.1, 10.0.0.2")]),
            "198.51.100.1"
        );
        assert_eq!(
            told("10.0.0.1", &[("forwarded", "for=203.0.113.9, For=\"[2001:db8::1]:80\";proto=https")]),
            "2001:db8::1"
        );
        assert_eq!(
            told("10.0.0.1", &[("forwarded", "for=192.0.2.5"), ("x-forwarded-for", "203.0.113.9")]),
            "192.0.2.5"
        );
        assert_eq!(told("10.0.0.1", &[("forwarded", "for=unknown")]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "198.51.100.1, rubbish")]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
    }
}

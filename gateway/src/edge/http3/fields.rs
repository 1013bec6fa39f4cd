//! Shapes of fields that HTTP/3 forbids (RFC 9114 § 4.2, § 4.3) and that h3 0.0.8 lets pass: pseudo-fields twice, late
//! or of an answer, fields of a connection, lengths that are none.

use http::Request;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};

/// The most fields that a request may have, as in HTTP/1.1.
const COUNT_LIMIT: usize = 64;

/// Checks the fields that h3 has read, and gives the declared length.
///
/// # Errors
/// Why the request is malformed, as metrics label it.
pub(super) fn check<B>(request: &Request<B>) -> Result<Option<u64>, &'static str> {
    const OF_A_CONNECTION: [HeaderName; 5] = [
        CONNECTION,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    let headers = request.headers();
    if OF_A_CONNECTION.iter().any(|name| headers.contains_key(name)) {
        return Err("connection_field");
    }
    if headers.get_all(TE).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        return Err("te");
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(None) };
    let text = length.to_str().unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(length) if digits && lengths.next().is_none() => Ok(Some(length)),
        _ => Err("content_length"),
    }
}

/// Checks an encoded section of fields (RFC 9204 § 4.5), which h3 keeps to itself: which names are pseudo-fields is
/// told by the static table or by the first letter of a literal name, without decoding anything.
///
/// # Errors
/// Why the request is malformed, as metrics label it.
pub(super) fn section(bytes: &[u8]) -> Result<(), &'static str> {
    walk(bytes).unwrap_or(Err("field_section"))
}

/// `None` for what is no section of the static table alone.
fn walk(bytes: &[u8]) -> Option<Result<(), &'static str>> {
    let (mut seen, mut count, mut fields_begun) = ([false; 4], 0, false);
    let mut rest = bytes;
    // The required insert count and the base: nothing is ever inserted here.
    integer(&mut rest, 8)?;
    integer(&mut rest, 7)?;
    while let Some(first) = rest.first().copied() {
        let name = if first & 0x80 != 0 {
            named(integer(&mut rest, 6)?)
        } else if first & 0x40 != 0 {
            let name = named(integer(&mut rest, 4)?);
            string(&mut rest, 7)?;
            name
        } else if first & 0x20 != 0 {
            let huffman = first & 0x08 != 0;
            let name = string(&mut rest, 3)?;
            string(&mut rest, 7)?;
            // ':' is 1011100 in the code of RFC 7541 appendix B, and no other code begins so.
            let colon = |byte: u8| if huffman { byte >> 1 == 0b101_1100 } else { byte == b':' };
            if name.first().copied().is_some_and(colon) { Name::Foreign } else { Name::Field }
        } else {
            return None;
        };
        count += 1;
        match name {
            _ if count > COUNT_LIMIT + 4 => return Some(Err("field_count")),
            Name::Field => fields_begun = true,
            Name::Foreign => return Some(Err("pseudo_field")),
            Name::Pseudo(_) if fields_begun => return Some(Err("late_pseudo_field")),
            Name::Pseudo(which) if std::mem::replace(&mut seen[which], true) => {
                return Some(Err("two_pseudo_fields"));
            }
            Name::Pseudo(_) => {}
        }
    }
    Some(Ok(()))
}

enum Name {
    Field,
    /// One of a request's four.
    Pseudo(usize),
    /// `:status`, `:protocol`, or a literal name that an encoder takes from the static table.
    Foreign,
}

/// What a name of the static table is (RFC 9204 appendix A).
fn named(index: u64) -> Name {
    match index {
        0 => Name::Pseudo(0),
        1 => Name::Pseudo(1),
        15..=21 => Name::Pseudo(2),
        22 | 23 => Name::Pseudo(3),
        24..=28 | 63..=71 => Name::Foreign,
        _ => Name::Field,
    }
}

/// An integer with a prefix of so many bits (RFC 7541 § 5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Option<u64> {
    let mask = (1_u64 << bits) - 1;
    let mut value = u64::from(take(rest)?) & mask;
    if value < mask {
        return Some(value);
    }
    for shift in [0, 7, 14, 21] {
        let byte = u64::from(take(rest)?);
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string, as it is encoded.
fn string<'a>(rest: &mut &'a [u8], bits: u32) -> Option<&'a [u8]> {
    let length = usize::try_from(integer(rest, bits)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `:method GET`, `:scheme https`, `:path /`, `:authority localhost`.
    const HEAD: &[u8] = b"\x00\x00\xd1\xd7\xc1\x50\x09localhost";

    fn judged(more: &[u8]) -> Result<(), &'static str> {
        section(&[HEAD, more].concat())
    }

    #[test]
    fn a_pseudo_field_comes_once_and_before_the_fields() {
        assert_eq!(judged(b""), Ok(()));
        assert_eq!(judged(b"\x23abc\x01d"), Ok(()));
        assert_eq!(judged(b"\xc1"), Err("two_pseudo_fields"));
        assert_eq!(judged(b"\x50\x07evil.fr"), Err("two_pseudo_fields"));
        assert_eq!(section(b"\x00\x00\xd1\x23abc\x01d\xd7"), Err("late_pseudo_field"));
        assert_eq!(judged(b"\xd9"), Err("pseudo_field"), ":status");
        assert_eq!(judged(b"\x25:path\x01/"), Err("pseudo_field"));
        // The same name by the code of Huffman.
        assert_eq!(judged(b"\x2c\xb9\x58\xd3\x3f\x01/"), Err("pseudo_field"));
    }

    #[test]
    fn what_is_no_section_is_told_so() {
        for bytes in
            [&b""[..], b"\x00", b"\x00\x00\x23ab", b"\x00\x00\x10", b"\x00\x00\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(section(bytes), Err("field_section"), "{bytes:?}");
        }
        assert_eq!(judged(&b"\x23abc\x01d".repeat(65)), Err("field_count"));
        assert_eq!(judged(&b"\x23abc\x01d".repeat(64)), Ok(()));
    }

    #[test]
    fn fields_of_a_connection_and_lengths_that_are_none_are_malformed() {
        type Case = (&'static [(&'static str, &'static str)], Result<Option<u64>, &'static str>);
        let cases: [Case; 11] = [
            (&[], Ok(None)),
            (&[("te", "trailers")], Ok(None)),
            (&[("te", "gzip")], Err("te")),
            (&[("connection", "close")], Err("connection_field")),
            (&[("keep-alive", "1")], Err("connection_field")),
            (&[("transfer-encoding", "chunked")], Err("connection_field")),
            (&[("upgrade", "websocket")], Err("connection_field")),
            (&[("content-length", "5")], Ok(Some(5))),
            (&[("content-length", "+5")], Err("content_length")),
            (&[("content-length", "5"), ("content-length", "5")], Err("content_length")),
            (&[("content-length", "99999999999999999999")], Err("content_length")),
        ];
        for (fields, expected) in cases {
            let mut request = Request::builder();
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            assert_eq!(check(&request.body(()).unwrap()), expected, "{fields:?}");
        }
    }
}

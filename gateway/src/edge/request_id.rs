//! Names for requests: 128 random bits that say nothing about the client, a W3C trace id at once.

use std::cell::RefCell;

use http::HeaderMap;

const IDS: usize = 128;

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; IDS * 16], left: 0 }) };
}

struct Drawn {
    bytes: [u8; IDS * 16],
    left: usize,
}

/// An id of 32 hexadecimal digits (the `trace-id` of W3C Trace Context § 3.2.2.3); randomness is drawn in advance.
pub fn draw() -> String {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.left == 0 {
            if getrandom::fill(&mut drawn.bytes).is_err() {
                tracing::error!("the system gives no randomness for request ids");
            }
            drawn.left = IDS;
        }
        drawn.left -= 1;
        hexadecimal(&drawn.bytes[drawn.left * 16..][..16])
    })
}

/// The trace id that a trusted peer gave, if there is one `traceparent` and it is well formed (W3C Trace Context
/// § 3.2.2). A later version may have more behind its flags (§ 4.3); of it only what version 00 has is understood.
pub fn of_trace(headers: &HeaderMap) -> Option<String> {
    let mut fields = headers.get_all("traceparent").iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let mut parts = field.to_str().ok()?.splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let known = digits(version, 2) && version != "ff" && digits(flags, 2);
    let ends = version != "00" || parts.next().is_none();
    let named = digits(trace, 32) && some(trace) && digits(span, 16) && some(span);
    (known && ends && named).then(|| trace.to_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn ids_are_of_their_length_and_never_the_same() {
        let ids: HashSet<String> = (0..IDS * 3).map(|_| draw()).collect();
        assert_eq!(ids.len(), IDS * 3);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn a_trace_goes_on_only_from_one_whole_traceparent() {
        let told = |fields: &[&str]| {
            let named = |field: &&str| {
                (HeaderName::from_static("traceparent"), HeaderValue::from_str(field).unwrap())
            };
            of_trace(&fields.iter().map(named).collect())
        };
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for good in [
            format!("00-{trace}-{span}-01"),
            format!("00-{trace}-{span}-00"),
            format!("cc-{trace}-{span}-01"),
            format!("cc-{trace}-{span}-01-what-the-future-holds"),
        ] {
            assert_eq!(told(&[&good]).as_deref(), Some(trace), "{good}");
        }
        let whole = format!("00-{trace}-{span}-01");
        for wrong in [
            String::new(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("00-{trace}-{span}-0"),
            format!("00-{trace}-{span}-0x"),
            format!("ff-{trace}-{span}-01"),
            format!("0-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", &trace[1..]),
            format!("cc-{trace}-{span}-01.more"),
            format!(" 00_{trace}_{span}_01"),
        ] {
            assert_eq!(told(&[&wrong]), None, "{wrong}");
        }
        assert_eq!(told(&[&whole, &whole]), None, "two");
        assert_eq!(told(&[]), None);
    }
}

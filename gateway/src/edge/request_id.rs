//! Names for requests: 128 random bits that say nothing about the client, a W3C trace id at once.

use std::cell::RefCell;

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

/// The trace id that a trusted peer gave, if `traceparent` is one of version 00.
pub fn of_trace(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let known = version == "00" && flags.len() == 2 && parts.next().is_none();
    (known && digits(trace, 32) && digits(span, 16)).then(|| trace.to_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_of_their_length_and_never_the_same() {
        let ids: HashSet<String> = (0..IDS * 3).map(|_| draw()).collect();
        assert_eq!(ids.len(), IDS * 3);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn a_trace_goes_on_only_from_a_whole_traceparent() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(of_trace(&format!("00-{trace}-b7ad6b7169203331-01")).as_deref(), Some(trace));
        for wrong in ["", "00-x-y-01", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
            assert_eq!(of_trace(wrong), None, "{wrong}");
        }
        assert_eq!(of_trace(&format!("00-{}-b7ad6b7169203331-01", "0".repeat(32))), None);
    }
}

//! Where a request stands among those that caused it and the calls that it causes (W3C Trace Context): names of random
//! bits that say nothing about the client. With the feature `otlp`, `otlp` tells a collector.

mod call;
#[cfg(feature = "otlp")]
pub mod otlp;

use std::cell::RefCell;

use http::{HeaderMap, HeaderName};

pub use self::call::Call;

/// The field that carries a trace from one service to the next.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const DRAWS: usize = 128;
const DRAW: usize = 24;

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWS * DRAW], left: 0 }) };
}

tokio::task_local! {
    static CURRENT: Trace;
}

/// One request that we answer, or one call that we make, in the trace that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    id: [u8; 32],
    span: [u8; 16],
    parent: Option<[u8; 16]>,
    told: bool,
}

impl Trace {
    /// A trace that begins here.
    pub fn draw() -> Self {
        let bytes = drawn();
        let id = hexadecimal(&bytes[..16]);
        Self { id, span: hexadecimal(&bytes[16..]), parent: None, told: chosen(&id) }
    }

    /// The trace that a trusted peer gave, if there is one `traceparent` and it is well formed (W3C Trace Context
    /// § 3.2.2). A later version may have more behind its flags (§ 4.3); of it only what version 00 has is understood.
    pub fn following(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(TRACEPARENT).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return None };
        let mut parts = field.to_str().ok()?.splitn(5, '-');
        let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let ends = version != "00" || parts.next().is_none();
        if !ends || !digits::<2>(version)?.iter().any(|digit| *digit != b'f') {
            return None;
        }
        let (id, parent, [_, flags]) = (some(digits(id)?)?, some(digits(span)?)?, digits::<2>(flags)?);
        // The lowest bit says that the caller tells of this trace.
        let told = matches!(flags, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f');
        Some(Self { id, span: hexadecimal(&drawn()[16..]), parent: Some(parent), told })
    }

    /// Of the request that is being answered here, if one is.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|trace| *trace).ok()
    }

    /// Lets a future know for which request it runs.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// A call that this causes.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: hexadecimal(&drawn()[16..]), parent: Some(self.span), ..*self }
    }

    /// The trace, in 32 hexadecimal digits: the request's name too.
    pub fn id(&self) -> &str {
        ascii(&self.id)
    }

    /// The request or call itself, in 16 hexadecimal digits.
    pub fn span(&self) -> &str {
        ascii(&self.span)
    }

    /// What caused it, if another did, in 16 hexadecimal digits.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_ref().map(|parent| ascii(parent))
    }

    /// Whether a collector is told of it.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// The field `traceparent` of a call that is this (§ 3.2).
    pub fn field(&self) -> String {
        format!("00-{}-{}-{:02x}", self.id(), self.span(), u8::from(self.told))
    }
}

fn chosen(_id: &[u8; 32]) -> bool {
    #[cfg(feature = "otlp")]
    return otlp::chosen(ascii(_id));
    #[cfg(not(feature = "otlp"))]
    false
}

struct Drawn {
    bytes: [u8; DRAWS * DRAW],
    left: usize,
}

/// Random bytes, drawn from the system many at a time.
fn drawn() -> [u8; DRAW] {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.left == 0 {
            if getrandom::fill(&mut drawn.bytes).is_err() {
                tracing::error!("the system gives no randomness for request ids");
            }
            drawn.left = DRAWS;
        }
        drawn.left -= 1;
        let mut bytes = [0; DRAW];
        bytes.copy_from_slice(&drawn.bytes[drawn.left * DRAW..][..DRAW]);
        bytes
    })
}

/// So many lower-case hexadecimal digits and nothing else.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: [u8; N] = text.as_bytes().try_into().ok()?;
    digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(digits)
}

/// Zeros name nothing.
fn some<const N: usize>(digits: [u8; N]) -> Option<[u8; N]> {
    digits.iter().any(|digit| *digit != b'0').then_some(digits)
}

fn hexadecimal<const N: usize>(bytes: &[u8]) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; N];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn ascii(digits: &[u8]) -> &str {
    // They are digits.
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::HeaderValue;

    use super::*;

    #[test]
    fn ids_are_of_their_length_and_never_the_same() {
        let drawn: Vec<Trace> = (0..DRAWS * 3).map(|_| Trace::draw()).collect();
        for (part, length) in [(Trace::id as fn(&Trace) -> &str, 32), (Trace::span, 16)] {
            let different: HashSet<&str> = drawn.iter().map(part).collect();
            assert_eq!(different.len(), DRAWS * 3);
            let whole = |id: &&str| id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(different.iter().all(whole));
        }
    }

    fn following(fields: &[&str]) -> Option<Trace> {
        let named = |field: &&str| (TRACEPARENT, HeaderValue::from_str(field).unwrap());
        Trace::following(&fields.iter().map(named).collect())
    }

    #[test]
    fn a_trace_goes_on_only_from_one_whole_traceparent() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for (good, told) in [
            (format!("00-{trace}-{span}-01"), true),
            (format!("00-{trace}-{span}-00"), false),
            (format!("cc-{trace}-{span}-03"), true),
            (format!("cc-{trace}-{span}-02-what-the-future-holds"), false),
        ] {
            let followed = following(&[&good]).unwrap();
            assert_eq!((followed.id(), followed.parent()), (trace, Some(span)), "{good}");
            assert!(followed.is_told() == told && followed.span() != span, "{good}");
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
            assert_eq!(following(&[&wrong]), None, "{wrong}");
        }
        assert_eq!(following(&[&whole, &whole]), None, "two");
        assert_eq!(following(&[]), None);
    }

    #[tokio::test]
    async fn a_call_goes_on_in_the_trace_of_the_request_that_causes_it() {
        let request = Trace::draw();
        let call = request.scope(async { Call::begin("service") }).await;
        let field = call.field().to_str().unwrap().to_owned();
        assert!(field.starts_with(&format!("00-{}-", request.id())) && !field.contains(request.span()));
        let received = following(&[&field]).unwrap();
        assert_eq!(received.id(), request.id());
        assert_ne!(Call::begin("service").field(), field, "of its own accord");
        assert_eq!(Trace::current(), None);
    }
}

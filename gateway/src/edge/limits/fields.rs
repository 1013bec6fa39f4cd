//! What a client is told of a limit: `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-11
//! says (lists of RFC 9651). Values are written once at the start: on a request's way one is only picked.
//!
//! `r` is what is left, `t` the seconds that it should last: as long as the rate takes to give it, so that a client
//! that spreads `r` over `t` goes on for ever, and `r / t` never tells more than the policy (§ 6, § 8.5). With nothing
//! left, `t` is when there will be something; `Retry-After` is never earlier (§ 6).

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::gcra::{Gcra, Ticks};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// The most values written beforehand; what is above (load tests) is written each time.
const WRITTEN: u32 = 1024;

/// The fields of one limit.
#[derive(Debug)]
pub struct Fields {
    name: String,
    limit: Gcra,
    policy: HeaderValue,
    /// By what is left.
    states: Box<[HeaderValue]>,
}

impl Fields {
    /// The fields of a limit of this name.
    pub fn new(name: &str, limit: Gcra) -> Self {
        let window = limit.seconds(limit.burst());
        let policy = fixed(format!("\"{name}\";q={};w={window}", limit.burst()));
        let count = if limit.burst() < WRITTEN { limit.burst() + 1 } else { 0 };
        let states = (0..count).map(|left| {
            let mut value = fixed(state(name, left, lasting(limit, left)));
            // It changes with each answer: HPACK need not remember it (RFC 7541 § 7.1.3).
            value.set_sensitive(true);
            value
        });
        Self { name: name.to_owned(), limit, policy, states: states.collect() }
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds what is left. An answer that says when to come back says the same here.
    pub fn tell(&self, remaining: u32, headers: &mut HeaderMap) {
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let value = match self.states.get(remaining as usize) {
            Some(value) if wait.is_none() => value.clone(),
            _ => {
                let lasting = lasting(self.limit, remaining);
                self.written(remaining, wait.map_or(lasting, |wait: u64| wait.min(lasting)), "")
            }
        };
        join(headers, STATE, value);
        join(headers, POLICY, self.policy.clone());
    }

    /// The same, with what the request cost: a parameter of our own, which others read as a comment (§ 4.1).
    pub fn tell_cost(&self, remaining: u32, cost: u32, headers: &mut HeaderMap) {
        let cost = format!(";aops-cost={cost}");
        join(headers, STATE, self.written(remaining, lasting(self.limit, remaining), &cost));
        join(headers, POLICY, self.policy.clone());
    }

    /// Adds that nothing is left: until `Retry-After`, where the answer has it.
    pub fn tell_nothing(&self, headers: &mut HeaderMap) {
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if let Some(wait) = wait {
            join(headers, STATE, self.written(0, wait.max(1), ""));
        }
        join(headers, POLICY, self.policy.clone());
    }

    /// Adds what is left to who must wait so long for what it asked.
    pub fn tell_wait(&self, remaining: u32, wait: Ticks, headers: &mut HeaderMap) {
        join(headers, STATE, self.written(remaining, wait.seconds(), ""));
        join(headers, POLICY, self.policy.clone());
    }

    fn written(&self, remaining: u32, seconds: u64, more: &str) -> HeaderValue {
        let mut line = Line::default();
        line.add(b"\"").add(self.name.as_bytes()).add(b"\";r=").number(u64::from(remaining));
        line.add(b";t=").number(seconds).add(more.as_bytes());
        let written = HeaderValue::from_bytes(line.written());
        let mut value = written.unwrap_or(HeaderValue::from_static("\"limit\";r=0"));
        value.set_sensitive(true);
        value
    }
}

/// A short line on the stack; what does not fit is left out.
struct Line {
    bytes: [u8; 128],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 128], length: 0 }
    }
}

impl Line {
    fn add(&mut self, more: &[u8]) -> &mut Self {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + more.len()) {
            room.copy_from_slice(more);
            self.length += more.len();
        }
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.add(&digits[first..]);
            }
        }
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn state(name: &str, remaining: u32, seconds: u64) -> String {
    format!("\"{name}\";r={remaining};t={seconds}")
}

/// How long the rate takes to give what is left, or the next unit.
fn lasting(limit: Gcra, remaining: u32) -> u64 {
    limit.seconds(remaining.max(1))
}

/// Sets a field, or adds to the list that the answer bears already; a place that is kept free is no list.
fn join(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let Some(before) = headers.insert(name.clone(), value) else { return };
    if before.is_empty() {
        return;
    }
    let both = headers.get(&name).map(|now| [before.as_bytes(), b", ", now.as_bytes()].concat());
    if let Some(Ok(mut both)) = both.map(|bytes| HeaderValue::from_bytes(&bytes)) {
        both.set_sensitive(before.is_sensitive());
        headers.insert(name, both);
    }
}

/// A value that is never freed, so that copies of it count no references: a few hundred, made once at the start.
fn fixed(text: String) -> HeaderValue {
    match text.is_ascii() {
        true => HeaderValue::from_static(Box::leak(text.into_boxed_str())),
        false => HeaderValue::from_static(""),
    }
}

#[cfg(test)]
mod tests {
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;
    use crate::config::Rate;

    /// By policy, its parameters, as a parser of structured fields reads them.
    fn read(headers: &HeaderMap, name: &str) -> Vec<(String, Vec<(String, i64)>)> {
        let list: List = Parser::new(headers[name].as_bytes()).parse().unwrap();
        let item = |entry: &ListEntry| {
            let ListEntry::Item(item) = entry else { panic!("an inner list") };
            let BareItem::String(policy) = &item.bare_item else { panic!("no string") };
            let number = |value: &BareItem| match value {
                BareItem::Integer(n) => i64::from(*n),
                other => panic!("{other:?}"),
            };
            let params = item.params.iter().map(|(key, value)| (key.to_string(), number(value)));
            (policy.to_string(), params.collect())
        };
        list.iter().map(item).collect()
    }

    fn params(of: &[(&str, i64)]) -> Vec<(String, i64)> {
        of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_parser_of_structured_fields_reads_what_is_told() {
        let fields = Fields::new("sign_in", Gcra::new(Rate { per_minute: 10, burst: 10 }, 1));
        for (left, lasts) in [(10, 60), (9, 54), (1, 6), (0, 6)] {
            let mut headers = HeaderMap::new();
            fields.tell(left, &mut headers);
            let told = params(&[("r", i64::from(left)), ("t", lasts)]);
            assert_eq!(read(&headers, "ratelimit"), [("sign_in".to_owned(), told)]);
            let policy = params(&[("q", 10), ("w", 60)]);
            assert_eq!(read(&headers, "ratelimit-policy"), [("sign_in".to_owned(), policy)]);
        }
    }

    #[test]
    fn values_written_beforehand_and_values_written_now_are_the_same() {
        let fields = Fields::new("pages", Gcra::new(Rate { per_minute: 6_000, burst: 400 }, 1));
        for left in 0..=400 {
            let now = fields.written(left, lasting(fields.limit, left), "");
            assert_eq!(now, fields.states[left as usize]);
        }
        assert_eq!(fields.written(u32::MAX, u64::MAX, ""), "\"pages\";r=4294967295;t=18446744073709551615");
    }

    #[test]
    fn several_limits_are_a_list_and_a_kept_place_is_none() {
        let one = Fields::new("key", Gcra::new(Rate { per_minute: 60, burst: 2 }, 1));
        let other = Fields::new("api", Gcra::new(Rate { per_minute: 600, burst: 20_000 }, 1));
        let mut headers = HeaderMap::from_iter([
            (POLICY, HeaderValue::from_static("")),
            (STATE, HeaderValue::from_static("")),
        ]);
        one.tell_cost(1, 7, &mut headers);
        other.tell(19_999, &mut headers);
        let told = read(&headers, "ratelimit");
        assert_eq!(told.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["key", "api"]);
        assert_eq!(told[0].1[2], ("aops-cost".into(), 7));
        assert_eq!(read(&headers, "ratelimit-policy").len(), 2);
    }

    #[test]
    fn the_effective_window_ends_no_later_than_retry_after() {
        let fields = Fields::new("sign_in", Gcra::new(Rate { per_minute: 10, burst: 10 }, 1));
        for (left, wait, told) in [(9, "2", 2), (0, "900", 6), (9, "900", 54)] {
            let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(wait))]);
            fields.tell(left, &mut headers);
            let window = read(&headers, "ratelimit")[0].1[1].1;
            assert_eq!(window, told, "{left} {wait}");
        }
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("37"))]);
        fields.tell_nothing(&mut headers);
        assert_eq!(read(&headers, "ratelimit")[0].1, params(&[("r", 0), ("t", 37)]));
        let mut headers = HeaderMap::new();
        fields.tell_nothing(&mut headers);
        assert!(!headers.contains_key(STATE), "nothing is known, nothing is told");
    }
}

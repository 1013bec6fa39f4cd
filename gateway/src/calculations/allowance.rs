//! How often one API key may ask (GCRA, by governor), and the header fields that tell it
//! (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Rate;
use crate::edge::limits::quota;

/// Past so many keys remembered, those at rest are forgotten.
const KEYS_BEFORE_SWEEP: usize = 10_000;

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// What each key may still ask.
#[derive(Debug)]
pub(super) struct Allowances {
    limiter: Limiter,
    quota: Quota,
    clock: DefaultClock,
}

/// What is left to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    burst: u32,
    window: Duration,
    left: u32,
    /// Until a request is allowed again; zero while some are left.
    pub(super) wait: Duration,
}

impl Allowances {
    /// This rate for every key, multiplied by `factor`.
    pub(super) fn new(rate: Rate, factor: u32) -> Self {
        let quota = quota(rate, factor);
        let limiter = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, quota, clock: DefaultClock::default() }
    }

    /// Counts a request of a key.
    ///
    /// # Errors
    /// The allowance with its wait, when nothing is left.
    pub(super) fn take(&self, key: &str) -> Result<Allowance, Allowance> {
        let burst = self.quota.burst_size().get();
        let window = self.quota.burst_size_replenished_in();
        match self.limiter.check_key(&key.to_owned()) {
            Ok(state) => {
                Ok(Allowance { burst, window, left: state.remaining_burst_capacity(), wait: Duration::ZERO })
            }
            Err(refusal) => {
                Err(Allowance { burst, window, left: 0, wait: refusal.wait_time_from(self.clock.now()) })
            }
        }
    }

    /// Forgets keys whose allowance is whole again, where many are remembered.
    pub(super) fn sweep(&self) {
        if self.limiter.len() > KEYS_BEFORE_SWEEP {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

impl Allowance {
    /// Tells it in `RateLimit-Policy` and `RateLimit`.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let seconds = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        let policy = format!("\"key\";q={};w={}", self.burst, seconds(self.window).max(1));
        let state = format!("\"key\";r={};t={}", self.left, seconds(self.wait));
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_what_is_left_and_when_to_come_back() {
        let allowances = Allowances::new(Rate { per_minute: 60, burst: 2 }, 1);
        assert_eq!(allowances.take("a").unwrap().left, 1);
        assert_eq!(allowances.take("a").unwrap().left, 0);
        let refused = allowances.take("a").unwrap_err();
        assert!(refused.wait > Duration::ZERO && refused.wait <= Duration::from_secs(1));
        let mut headers = HeaderMap::new();
        refused.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"key\";q=2;w=2");
        assert_eq!(headers["ratelimit"], "\"key\";r=0;t=1");
        assert_eq!(allowances.take("b").unwrap().left, 1);
    }
}

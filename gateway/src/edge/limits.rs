//! Seventh phase: how often one client may ask for one class of route (GCRA, by governor), and what it is told of it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{LimitsConfig, Rate};
use crate::edge::prefix::{ClientPrefix, Region};
use crate::edge::route_class::RouteClass;

/// Clients remembered in a class, at most: about 4 MB each class.
const MOST_CLIENTS: usize = 65_536;
/// How many requests pass between two looks at how many clients are remembered.
const LOOK_EVERY: u32 = 256;
/// A region's allowance is that of so many clients.
const CLIENTS_OF_A_REGION: u32 = 16;

/// How often clients at rest are forgotten.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(5);

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits of every class.
#[derive(Debug)]
pub struct Limits {
    classes: [Class; RouteClass::ALL.len()],
    clock: DefaultClock,
}

#[derive(Debug)]
struct Class {
    clients: Keyed<ClientPrefix>,
    /// Counted instead of clients while there are too many to remember; bounded by its keys.
    regions: Keyed<Region>,
    crowded: AtomicBool,
    until_look: AtomicU32,
    policy: HeaderValue,
    name: &'static str,
}

/// What is left to a client, for its answer's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    class: RouteClass,
    remaining: u32,
    /// Until the whole quota is there again.
    reset: Duration,
}

impl Limits {
    /// Limits as configured, each multiplied by `factor`.
    pub fn new(config: &LimitsConfig, factor: u32) -> Self {
        let rate = |class| match class {
            RouteClass::Pages => config.pages,
            RouteClass::Forms => config.forms,
            RouteClass::SignIn => config.sign_in,
            RouteClass::Checkout => config.checkout,
            RouteClass::Calculators => config.calculators,
            RouteClass::Api => config.api,
            RouteClass::Webhooks => config.webhooks,
        };
        let classes = RouteClass::ALL.map(|class| Class::new(class, rate(class), factor));
        Self { classes, clock: DefaultClock::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, when the client is past its limit.
    pub fn take(&self, class: RouteClass, client: ClientPrefix) -> Result<Allowance, Duration> {
        let limiter = &self.classes[class as usize];
        limiter.look_around();
        let taken = match limiter.crowded.load(Ordering::Relaxed) {
            true => limiter.regions.check_key(&client.region()),
            false => limiter.clients.check_key(&client),
        };
        match taken {
            Ok(state) => Ok(Allowance::of(class, &state)),
            Err(refusal) => Err(refusal.wait_time_from(self.clock.now())),
        }
    }

    /// Tells what is left: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
    pub fn tell(&self, class: RouteClass, allowance: Option<&Allowance>, headers: &mut HeaderMap) {
        let limiter = &self.classes[class as usize];
        headers.insert(HeaderName::from_static("ratelimit-policy"), limiter.policy.clone());
        let (remaining, reset) = match allowance {
            Some(allowance) => (allowance.remaining, allowance.reset.as_secs_f32().ceil() as u32),
            None => (0, 1),
        };
        let told = format!("\"{}\";r={remaining};t={reset}", limiter.name);
        if let Ok(mut value) = HeaderValue::from_str(&told) {
            // It changes with each answer: HPACK need not remember it.
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
    }

    /// Forgets clients whose allowance is whole again.
    pub fn sweep(&self) {
        for class in &self.classes {
            class.sweep();
        }
    }
}

impl Class {
    fn new(class: RouteClass, rate: Rate, factor: u32) -> Self {
        let quota = quota(rate, factor);
        let window = (quota.burst_size().get() as f32 * quota.replenish_interval().as_secs_f32()).ceil();
        let policy = format!("\"{}\";q={};w={}", class.label(), quota.burst_size(), window.max(1.0) as u32);
        Self {
            clients: RateLimiter::dashmap(quota).with_middleware(),
            regions: RateLimiter::dashmap(self::quota(rate, factor.saturating_mul(CLIENTS_OF_A_REGION)))
                .with_middleware(),
            crowded: AtomicBool::new(false),
            until_look: AtomicU32::new(LOOK_EVERY),
            policy: HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("")),
            name: class.label(),
        }
    }

    /// Now and then: are too many remembered?
    fn look_around(&self) {
        if self.until_look.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        self.until_look.store(LOOK_EVERY, Ordering::Relaxed);
        if self.clients.len() >= MOST_CLIENTS && !self.crowded.load(Ordering::Relaxed) {
            self.sweep();
        }
    }

    fn sweep(&self) {
        self.clients.retain_recent();
        self.regions.retain_recent();
        if self.clients.len() < MOST_CLIENTS / 8 {
            self.clients.shrink_to_fit();
        }
        self.crowded.store(self.clients.len() >= MOST_CLIENTS / 2, Ordering::Relaxed);
    }
}

impl Allowance {
    fn of(class: RouteClass, state: &StateSnapshot) -> Self {
        let (quota, remaining) = (state.quota(), state.remaining_burst_capacity());
        let spent = quota.burst_size().get().saturating_sub(remaining);
        Self { class, remaining, reset: quota.replenish_interval().saturating_mul(spent) }
    }

    /// The class that it is of.
    pub fn class(&self) -> RouteClass {
        self.class
    }
}

/// A rate as governor wants it, multiplied by `factor`; what is below 1 counts as 1.
pub fn quota(rate: Rate, factor: u32) -> Quota {
    let at_least_one = |n: u32| NonZeroU32::new(n.saturating_mul(factor)).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(at_least_one(rate.per_minute)).allow_burst(at_least_one(rate.burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientPrefix {
        ClientPrefix::of(text.parse().unwrap())
    }

    #[test]
    fn one_client_past_its_limit_does_not_slow_another_client_or_class() {
        let limits = Limits::new(&LimitsConfig::default(), 1);
        let burst = LimitsConfig::default().sign_in.burst;
        for left in (0..burst).rev() {
            let allowance = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap();
            assert_eq!(allowance.remaining, left);
        }
        let wait = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(6), "{wait:?}");
        limits.take(RouteClass::SignIn, client("192.0.2.2")).unwrap();
        limits.take(RouteClass::Pages, client("192.0.2.1")).unwrap();
    }

    #[test]
    fn the_factor_multiplies_the_burst() {
        let limits = Limits::new(&LimitsConfig::default(), 10);
        let burst = LimitsConfig::default().forms.burst * 10;
        let client = client("192.0.2.1");
        let taken = (0..burst * 2).take_while(|_| limits.take(RouteClass::Forms, client).is_ok()).count();
        assert!(taken as u32 >= burst, "{taken}");
    }

    #[test]
    fn fields_tell_quota_window_and_what_is_left() {
        let limits = Limits::new(&LimitsConfig::default(), 1);
        let allowance = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap();
        let mut headers = HeaderMap::new();
        limits.tell(RouteClass::SignIn, Some(&allowance), &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"sign_in\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"sign_in\";r=9;t=6");
    }

    #[test]
    fn many_clients_at_once_are_counted_by_region_and_memory_stays_bounded() {
        let limits = Limits::new(&LimitsConfig::default(), 1);
        let forms = &limits.classes[RouteClass::Forms as usize];
        for n in 0..3 * MOST_CLIENTS as u32 {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
            let _ = limits.take(RouteClass::Forms, ClientPrefix::of(address.into()));
        }
        assert!(forms.clients.len() <= MOST_CLIENTS + LOOK_EVERY as usize, "{}", forms.clients.len());
        assert!(forms.crowded.load(Ordering::Relaxed));
        let same_region: Vec<_> =
            (0..2_000).map(|_| limits.take(RouteClass::Forms, client("10.0.0.1")).is_ok()).collect();
        assert!(!same_region[1_999], "a region has a limit too");
        limits.take(RouteClass::Forms, client("198.51.100.1")).unwrap();
    }
}

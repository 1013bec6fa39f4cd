//! Seventh phase: how often one client may ask for one class of route (GCRA, by governor).

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::{LimitsConfig, Rate};
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;

/// Past so many clients remembered in a class, those at rest are forgotten.
const KEYS_BEFORE_SWEEP: usize = 100_000;

/// How often rest is looked for.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(10);

/// The limits of every class.
#[derive(Debug)]
pub struct Limits {
    classes: Vec<(RouteClass, DefaultKeyedRateLimiter<ClientPrefix>)>,
    clock: DefaultClock,
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
        let limiter = |class| (class, RateLimiter::dashmap(quota(rate(class), factor)));
        Self { classes: RouteClass::ALL.into_iter().map(limiter).collect(), clock: DefaultClock::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, when the client is past its limit.
    pub fn take(&self, class: RouteClass, client: ClientPrefix) -> Result<(), Duration> {
        let Some((_, limiter)) = self.classes.iter().find(|(other, _)| *other == class) else {
            return Ok(());
        };
        limiter.check_key(&client).map_err(|refusal| refusal.wait_time_from(self.clock.now()))
    }

    /// Forgets clients whose allowance is whole again, where many are remembered.
    pub fn sweep(&self) {
        for (_, limiter) in &self.classes {
            if limiter.len() > KEYS_BEFORE_SWEEP {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
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

    #[test]
    fn one_client_past_its_limit_does_not_slow_another_client_or_class() {
        let limits = Limits::new(&LimitsConfig::default(), 1);
        let client = |text: &str| ClientPrefix::of(text.parse().unwrap());
        let burst = LimitsConfig::default().sign_in.burst;
        for _ in 0..burst {
            limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap();
        }
        let wait = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(6), "{wait:?}");
        limits.take(RouteClass::SignIn, client("192.0.2.2")).unwrap();
        limits.take(RouteClass::Pages, client("192.0.2.1")).unwrap();
    }

    #[test]
    fn the_factor_multiplies_the_burst() {
        let limits = Limits::new(&LimitsConfig::default(), 10);
        let client = ClientPrefix::of("192.0.2.1".parse().unwrap());
        let burst = LimitsConfig::default().forms.burst * 10;
        let taken = (0..burst * 2).take_while(|_| limits.take(RouteClass::Forms, client).is_ok()).count();
        assert!(taken as u32 >= burst, "{taken}");
    }
}

//! The generic cell rate algorithm (ITU-T I.371): whether a client that owes so much time may have more, and how long
//! it waits. Pure arithmetic; it decides as governor does, which a test asks of both.
//!
//! A client owes time: each unit adds the interval of its rate, and time pays it back. It may owe at most the
//! tolerance, which is the interval times the burst. One number a client is all that must be remembered, and a
//! client that owes nothing need not be remembered at all.

use std::time::Duration;

use crate::config::Rate;

/// Time as it is counted here: steps of 8.192 µs, so that forty bits hold a hundred days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticks(pub u64);

/// The most that can be owed: half of what forty bits tell apart, and half again.
const MOST_OWED: u64 = 1 << 38;

impl Ticks {
    const SHIFT: u32 = 13;

    /// A span, rounded down.
    pub fn of(span: Duration) -> Self {
        Self((span.as_nanos() >> Self::SHIFT) as u64)
    }

    /// The span.
    pub fn span(self) -> Duration {
        Duration::from_nanos(self.0 << Self::SHIFT)
    }

    /// Whole seconds, rounded up, and at least one; a millisecond is what intervals were rounded up by.
    pub fn seconds(self) -> u64 {
        let span = self.span().saturating_sub(Duration::from_millis(1));
        (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
    }
}

/// A rate and a burst, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    /// What one unit adds to what is owed.
    interval: Ticks,
    /// How much may be owed.
    tolerance: Ticks,
    burst: u32,
    /// The rate as it was given, and by how many it is shared, for what is told of it.
    a_minute: u64,
    parts: u64,
}

/// Why a client gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Later: after so long.
    Wait(Ticks),
    /// Never: it costs more than the burst.
    TooDear,
}

impl Gcra {
    /// A rate, multiplied by `factor`; what is below 1 counts as 1.
    pub fn new(rate: Rate, factor: u32) -> Self {
        const MINUTE: u64 = 60_000_000_000;
        let a_minute = u64::from(rate.per_minute.max(1)) * u64::from(factor.max(1));
        // Rounded up: a client gets rather less than more.
        let interval = MINUTE.div_ceil(a_minute).div_ceil(1 << Ticks::SHIFT);
        let burst = rate.burst.max(1).saturating_mul(factor.max(1)).min(most_units(interval));
        Self {
            interval: Ticks(interval),
            tolerance: Ticks(interval * u64::from(burst)),
            burst,
            a_minute,
            parts: 1,
        }
    }

    /// The part of one among `gateways`: everything costs so many times more, against the same tolerance, so that what
    /// is owed means the same under both. At least one unit can be had.
    pub fn share(self, gateways: u32) -> Self {
        let gateways = gateways.max(1);
        let parts = u64::from(gateways);
        let interval = Ticks(self.interval.0 * parts);
        let burst = (self.burst / gateways).max(1);
        Self { interval, tolerance: self.tolerance.max(interval), burst, parts, ..self }
    }

    /// A wider one: so many clients' worth.
    pub fn of_clients(self, clients: u32) -> Self {
        let interval = Ticks((self.interval.0 / u64::from(clients)).max(1));
        let burst = self.burst.saturating_mul(clients).min(most_units(interval.0));
        let a_minute = self.a_minute.saturating_mul(u64::from(clients));
        Self { interval, tolerance: Ticks(interval.0 * u64::from(burst)), burst, a_minute, parts: self.parts }
    }

    /// What is owed after `cost` more units.
    ///
    /// # Errors
    /// [`Denied`]: nothing is owed more.
    pub fn take(self, owed: Ticks, cost: u32) -> Result<Ticks, Denied> {
        if cost > self.burst {
            return Err(Denied::TooDear);
        }
        let after = owed.0 + self.worth(cost).0;
        match after.checked_sub(self.tolerance.0) {
            None | Some(0) => Ok(Ticks(after)),
            Some(over) => Err(Denied::Wait(Ticks(over))),
        }
    }

    /// What is owed after a charge that cannot be refused: at most the tolerance.
    pub fn charge(self, owed: Ticks, cost: u32) -> Ticks {
        Ticks(owed.0 + self.worth(cost).0).min(self.tolerance.max(owed))
    }

    /// Time that so many units are worth.
    pub fn worth(self, cost: u32) -> Ticks {
        Ticks(self.interval.0 * u64::from(cost))
    }

    /// Whole seconds in which the rate gives so many units, rounded up, and at least one.
    pub fn seconds(self, units: u32) -> u64 {
        (u64::from(units) * 60 * self.parts).div_ceil(self.a_minute).max(1)
    }

    /// Units left to who owes so much.
    pub fn remaining(self, owed: Ticks) -> u32 {
        (self.tolerance.0.saturating_sub(owed.0) / self.interval.0) as u32
    }

    /// Units at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// How much may be owed.
    pub fn tolerance(self) -> Ticks {
        self.tolerance
    }
}

fn most_units(interval: u64) -> u32 {
    u32::try_from(MOST_OWED / interval).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_had_at_once_then_one_unit_an_interval() {
        let limit = Gcra::new(Rate { per_minute: 60, burst: 3 }, 1);
        let mut owed = Ticks::default();
        for left in [2, 1, 0] {
            owed = limit.take(owed, 1).unwrap();
            assert_eq!(limit.remaining(owed), left);
        }
        let Err(Denied::Wait(wait)) = limit.take(owed, 1) else { panic!("a fourth") };
        assert_eq!(wait.seconds(), 1);
        assert!(limit.take(Ticks(owed.0 - wait.0), 1).is_ok());
        assert_eq!(limit.take(Ticks::default(), 4), Err(Denied::TooDear));
    }

    #[test]
    fn the_shares_of_all_gateways_are_the_whole() {
        let limit = Gcra::new(Rate { per_minute: 600, burst: 40 }, 1);
        let part = limit.share(4);
        let taken = (0..).scan(Ticks::default(), |owed, _| part.take(*owed, 1).ok().map(|next| *owed = next));
        assert_eq!(taken.count(), 10);
        assert_eq!(Gcra::new(Rate { per_minute: 1, burst: 1 }, 1).share(9).burst(), 1);
        assert!(Gcra::new(Rate { per_minute: 1, burst: 1 }, 1).share(9).take(Ticks::default(), 1).is_ok());
    }

    #[test]
    fn extremes_neither_overflow_nor_stand_still() {
        for rate in [Rate { per_minute: 0, burst: 0 }, Rate { per_minute: 1, burst: u32::MAX }] {
            for factor in [0, 1, u32::MAX] {
                for limit in [Gcra::new(rate, factor), Gcra::new(rate, factor).of_clients(16)] {
                    assert!(limit.tolerance().0 <= MOST_OWED, "{limit:?}");
                    assert!(limit.take(Ticks::default(), 1).is_ok(), "{limit:?}");
                    assert!(limit.charge(Ticks::default(), u32::MAX) <= limit.tolerance());
                }
            }
        }
    }

    proptest! {
        /// Among requests at random instants, the same are let in; at a boundary governor's nanoseconds and our ticks
        /// may differ, by no more than one unit at any time.
        #[test]
        fn governor_decides_the_same(
            per_minute in 1u32..100_000,
            burst in 1u32..200,
            gaps in prop::collection::vec((0u64..2_000_000_000, 1usize..40), 1..60),
        ) {
            let clock = FakeRelativeClock::default();
            let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap())
                .allow_burst(NonZeroU32::new(burst).unwrap());
            let oracle = RateLimiter::direct_with_clock(quota, clock.clone());
            let ours = Gcra::new(Rate { per_minute, burst }, 1);
            let (mut now, mut until) = (0u64, 0u64);
            let (mut theirs, mut mine) = (0i64, 0i64);
            for (gap, asked) in gaps {
                clock.advance(Duration::from_nanos(gap));
                now += gap;
                let tick = Ticks::of(Duration::from_nanos(now)).0;
                for _ in 0..asked {
                    theirs += i64::from(oracle.check().is_ok());
                    if let Ok(owed) = ours.take(Ticks(until.saturating_sub(tick)), 1) {
                        until = tick + owed.0;
                        mine += 1;
                    }
                }
                // A tick is up to 1.4 % of the shortest interval here.
                prop_assert!((theirs - mine).abs() <= 1 + theirs / 50, "governor {theirs}, we {mine}");
            }
        }
    }
}

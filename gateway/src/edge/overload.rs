//! Shedding load in time: what has waited too long for too long is refused at once, before it is worked on.
//!
//! The measure is how late a worker comes to what is due, the controller is CoDel's (RFC 8289 § 4): a delay above
//! `TARGET` through a whole `INTERVAL` begins it, and it refuses ever more often until the delay is gone.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, histogram};

/// The delay that may stand.
const TARGET: Duration = Duration::from_millis(50);
/// The time within which a burst must be worked off.
const INTERVAL: Duration = Duration::from_millis(500);
/// How often a worker's delay is measured.
const PERIOD: Duration = Duration::from_millis(10);

/// One worker's controller.
#[derive(Debug, Default)]
pub struct Overload(Mutex<CoDel>);

#[derive(Debug, Default)]
struct CoDel {
    /// When the delay will have stood above the target for an interval.
    above_until: Option<Instant>,
    /// While shedding: when the next request is refused, and how many have been.
    shedding: Option<(Instant, u32)>,
}

impl Overload {
    /// Measures for ever.
    pub async fn measure(&self) {
        loop {
            let due = Instant::now() + PERIOD;
            tokio::time::sleep_until(due.into()).await;
            // The timer itself is a millisecond coarse.
            let delay = due.elapsed().saturating_sub(Duration::from_millis(1));
            histogram!("worker_delay_seconds").record(delay.as_secs_f64());
            self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(Instant::now(), delay);
        }
    }

    /// Whether this request is refused, so that others are answered in time.
    pub fn sheds(&self) -> bool {
        let sheds = self.0.lock().unwrap_or_else(PoisonError::into_inner).sheds(Instant::now());
        if sheds {
            counter!("load_shed_total").increment(1);
        }
        sheds
    }
}

impl CoDel {
    fn observe(&mut self, now: Instant, delay: Duration) {
        if delay < TARGET {
            *self = Self::default();
            return;
        }
        let until = *self.above_until.get_or_insert(now + INTERVAL);
        if now >= until && self.shedding.is_none() {
            self.shedding = Some((now, 0));
        }
    }

    fn sheds(&mut self, now: Instant) -> bool {
        let Some((next, count)) = &mut self.shedding else { return false };
        if now < *next {
            return false;
        }
        *count += 1;
        // CoDel's law spaces drops by the root of their count; a stream of requests is denser than its packets.
        *next += INTERVAL.div_f64(f64::from(*count).powi(2));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_borne_and_a_standing_delay_is_shed_ever_more() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut codel = CoDel::default();
        codel.observe(at(0), TARGET * 2);
        codel.observe(at(400), TARGET * 2);
        assert!(!codel.sheds(at(450)), "a burst");
        codel.observe(at(500), TARGET * 2);
        assert!(codel.sheds(at(500)), "it stands");
        assert!(!codel.sheds(at(501)), "not all at once");
        let shed =
            |codel: &mut CoDel, from: u64| (from..from + 500).filter(|ms| codel.sheds(at(*ms))).count();
        let (first, second) = (shed(&mut codel, 1_000), shed(&mut codel, 1_500));
        assert!(second > first && second > 100, "{first}, {second}");
        codel.observe(at(3_000), Duration::ZERO);
        assert!(!codel.sheds(at(3_000)), "it is gone");
    }
}

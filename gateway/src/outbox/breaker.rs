//! When the mailer fails again and again it is left alone for a while: letters keep their tries for a time when
//! they can leave.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long the mailer is left alone at first, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// The circuit between the outbox and one mailer.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// Letters leave; so many failed in a row.
    Closed(u32),
    /// Nothing leaves before this instant; then one letter tries.
    Open { until: Instant, spell: Duration },
    /// That letter is on its way.
    Trying { spell: Duration },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Breaker {
    /// Whether a letter may be handed over now; if not, how long to wait before asking again.
    ///
    /// # Errors
    /// That wait.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed(_) => Ok(()),
            State::Open { until, spell } if until <= now => {
                *state = State::Trying { spell };
                Ok(())
            }
            State::Open { until, .. } => Err(until - now),
            State::Trying { .. } => Err(FIRST),
        }
    }

    /// The mailer took a letter, or refused it for what it is: it is there.
    pub fn succeeded(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Open { .. }) {
            // It was on its way when the circuit opened: what was asked for since then stands.
            return;
        }
        *state = State::default();
        metrics::gauge!("mail_circuit_open").set(0.0);
    }

    /// The mailer took nothing; `after` is how long it asked to be left alone.
    pub fn failed(&self, now: Instant, after: Option<Duration>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spell = match *state {
            State::Closed(failures) if failures + 1 < FAILURES && after.is_none() => {
                *state = State::Closed(failures + 1);
                return;
            }
            // Letters that were already on their way when it opened do not make it longer.
            State::Open { until, .. } if after.is_none_or(|after| now + after <= until) => return,
            State::Closed(_) | State::Open { .. } => FIRST,
            State::Trying { spell } => (spell * 2).min(LONGEST),
        };
        *state = State::Open { until: now + after.unwrap_or(spell), spell };
        metrics::gauge!("mail_circuit_open").set(1.0);
    }

    /// Forgets that the letter which tries is on its way: it was not handed over after all.
    pub fn unused(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Trying { spell } = *state {
            *state = State::Open { until: now, spell };
        }
    }

    /// For how long nothing will leave.
    pub fn closed_for(&self, now: Instant) -> Option<Duration> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open { until, .. } if until > now => Some(until - now),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailer_that_fails_again_and_again_is_left_alone_longer_and_longer() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.failed(now, None);
        }
        let mut spell = FIRST;
        for _ in 0..8 {
            assert_eq!(breaker.admit(now), Err(spell));
            breaker.failed(now, None);
            assert_eq!(breaker.admit(now), Err(spell), "what was under way changes nothing");
            now += spell;
            assert_eq!(breaker.admit(now), Ok(()), "one letter tries");
            assert!(breaker.admit(now).is_err(), "and no other");
            breaker.failed(now, None);
            spell = (spell * 2).min(LONGEST);
        }
        now += spell;
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.succeeded();
        assert!((0..100).all(|_| breaker.admit(now).is_ok()));
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_failures_with_successes_between_are_forgiven() {
        let breaker = Breaker::default();
        let now = Instant::now();
        breaker.failed(now, Some(Duration::from_secs(30)));
        assert_eq!(breaker.admit(now), Err(Duration::from_secs(30)));
        breaker.succeeded();
        assert_eq!(
            breaker.closed_for(now),
            Some(Duration::from_secs(30)),
            "what was on its way changes nothing"
        );
        let breaker = Breaker::default();
        for _ in 0..3 * FAILURES {
            breaker.failed(now, None);
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(now), Ok(()));
        assert_eq!(breaker.closed_for(now), None);
    }

    #[test]
    fn a_try_that_was_not_made_leaves_its_turn_to_the_next() {
        let breaker = Breaker::default();
        let now = Instant::now();
        breaker.failed(now, Some(Duration::ZERO));
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.unused(now);
        assert_eq!(breaker.admit(now), Ok(()));
    }
}

//! When a certificate is renewed, and how long a failure waits: numbers alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The first pause after a failure; four times as long after each further one. An authority that allows five failures
/// of a name an hour (Let's Encrypt) is not provoked: the sixth comes between 85 minutes and three hours after the
/// first.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);
/// However wrong a clock or an authority's advice is, no certificate is renewed by itself sooner than this.
pub(super) const YOUNGEST: SignedDuration = SignedDuration::from_hours(1);

/// How long to rest after so many failures in a row: between half the step and all of it. `chance` lies in 0..1.
pub(super) fn pause(failures: u32, factor: u32, chance: f64, asked: Option<Duration>) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(failures.saturating_sub(1)));
    let step = step.min(LONGEST_PAUSE) / factor.max(1);
    step.mul_f64(0.5 + chance / 2.0).max(asked.unwrap_or_default())
}

/// When to renew without advice: at two thirds of the life, up to a thirtieth of it sooner.
pub(super) fn at_two_thirds(from: Timestamp, until: Timestamp, chance: f64) -> Timestamp {
    let life = until.duration_since(from);
    part(from, life, 2.0 / 3.0 - chance / 30.0)
}

/// When to renew by the authority's advice (RFC 9773 § 4.2): anywhere in its window, but never in the last tenth of
/// the life.
pub(super) fn in_window(
    window: (Timestamp, Timestamp),
    life: (Timestamp, Timestamp),
    chance: f64,
) -> Timestamp {
    let chosen = part(window.0, window.1.duration_since(window.0), chance);
    chosen.min(part(life.0, life.1.duration_since(life.0), 0.9))
}

fn part(from: Timestamp, length: SignedDuration, share: f64) -> Timestamp {
    let seconds = (length.as_secs_f64().max(0.0) * share) as i64;
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn failures_wait_longer_each_time_up_to_a_bound_and_as_long_as_the_authority_asks() {
        let longest = |failures| pause(failures, 1, 1.0, None).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 40].map(longest), [30, 120, 480, 1_920, 7_680, 21_600, 21_600]);
        assert_eq!(pause(1, 1, 0.0, None).as_secs(), 15);
        assert_eq!(pause(1, 1, 0.0, Some(Duration::from_secs(900))).as_secs(), 900);
        assert_eq!(pause(6, 1, 0.0, Some(Duration::from_secs(900))).as_secs(), 10_800);
        let sixth =
            |chance| (1..=5).map(|failures| pause(failures, 1, chance, None).as_secs() / 60).sum::<u64>();
        assert_eq!((sixth(0.0), sixth(1.0)), (85, 170), "as the comment above has it");
    }

    #[test]
    fn without_advice_a_third_of_the_life_is_left() {
        assert_eq!(at_two_thirds(at(0), at(900), 0.0), at(600));
        assert_eq!(at_two_thirds(at(0), at(900), 1.0), at(570));
        assert_eq!(at_two_thirds(at(900), at(0), 0.5), at(900), "an absurd life");
    }

    #[test]
    fn advice_is_followed_within_its_window_but_not_past_the_life() {
        let life = (at(0), at(1_000));
        assert_eq!(in_window((at(400), at(500)), life, 0.5), at(450));
        assert_eq!(in_window((at(5_000), at(6_000)), life, 0.5), at(900));
        assert_eq!(in_window((at(500), at(400)), life, 0.5), at(500), "a window the wrong way round");
    }
}

//! Slows down the guessing of one account's password, without letting a stranger lock its owner out.
//!
//! Failures are counted per account and client prefix, and per account over all prefixes. The first count
//! makes that client wait ever longer; the second makes strangers wait, but never a prefix from which the
//! account signed in before. What is typed is counted whether or not the account exists.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::edge::prefix::ClientPrefix;

/// Failures of one client on one account before it waits.
const FREE_FOR_CLIENT: u32 = 5;
/// Failures on one account from everywhere before strangers wait.
const FREE_FOR_ACCOUNT: u32 = 50;
/// The longest wait of one client.
const LONGEST_FOR_CLIENT: Duration = Duration::from_secs(15 * 60);
/// The longest wait of strangers.
const LONGEST_FOR_STRANGERS: Duration = Duration::from_secs(30);
/// Failures are forgotten after so long without another.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Past so many accounts remembered, those at rest are forgotten.
const ACCOUNTS_BEFORE_SWEEP: usize = 20_000;

/// Failures so far, in memory.
#[derive(Debug)]
pub struct Throttle {
    factor: u32,
    accounts: Mutex<HashMap<String, Account>>,
}

#[derive(Debug, Default)]
struct Account {
    all: Failures,
    clients: HashMap<ClientPrefix, Failures>,
    trusted: HashSet<ClientPrefix>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Failures {
    count: u32,
    last: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Throttle {
    /// Nothing failed yet; `factor` times as many failures are free as usual.
    pub fn new(factor: u32) -> Self {
        Self { factor: factor.max(1), accounts: Mutex::default() }
    }

    /// How long this client must wait before another try on this account (by the keyed hash of its address).
    pub fn wait(&self, account: &str, client: ClientPrefix, now: Timestamp) -> Option<Duration> {
        let accounts = self.lock();
        let account = accounts.get(account)?;
        let own = account.clients.get(&client).and_then(|failures| failures.until);
        let strangers = account.all.until.filter(|_| !account.trusted.contains(&client));
        let until = own.max(strangers)?;
        Duration::try_from(until.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    }

    /// Counts a failure.
    pub fn failed(&self, account: &str, client: ClientPrefix, now: Timestamp) {
        let mut accounts = self.lock();
        if accounts.len() >= ACCOUNTS_BEFORE_SWEEP {
            accounts.retain(|_, account| account.all.fresh(now));
        }
        let account = accounts.entry(account.to_owned()).or_default();
        account.clients.retain(|_, failures| failures.fresh(now));
        account.all.add(now, self.free(FREE_FOR_ACCOUNT), LONGEST_FOR_STRANGERS);
        account.clients.entry(client).or_default().add(now, self.free(FREE_FOR_CLIENT), LONGEST_FOR_CLIENT);
    }

    /// Forgets this client's failures and trusts its prefix for this account.
    pub fn succeeded(&self, account: &str, client: ClientPrefix) {
        let mut accounts = self.lock();
        let account = accounts.entry(account.to_owned()).or_default();
        account.clients.remove(&client);
        account.trusted.insert(client);
    }

    fn free(&self, failures: u32) -> u32 {
        failures.saturating_mul(self.factor)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        // Counters are whole at every step, so a panic elsewhere leaves nothing half-done.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn fresh(&self, now: Timestamp) -> bool {
        self.last.is_some_and(|last| now.duration_since(last) < FORGOTTEN_AFTER)
    }

    fn add(&mut self, now: Timestamp, free: u32, longest: Duration) {
        if !self.fresh(now) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        if self.count >= free {
            let doublings = (self.count - free).min(16);
            let wait = Duration::from_secs(2 << doublings).min(longest);
            self.until = now.checked_add(wait).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientPrefix {
        ClientPrefix::of(text.parse().unwrap())
    }

    #[test]
    fn a_client_that_guesses_waits_ever_longer_and_another_does_not() {
        let throttle = Throttle::new(1);
        let (attacker, owner) = (client("192.0.2.1"), client("198.51.100.1"));
        let mut now = Timestamp::UNIX_EPOCH;
        for _ in 0..FREE_FOR_CLIENT - 1 {
            throttle.failed("a", attacker, now);
        }
        assert_eq!(throttle.wait("a", attacker, now), None);
        throttle.failed("a", attacker, now);
        let first = throttle.wait("a", attacker, now).unwrap();
        now = now.checked_add(first).unwrap();
        assert_eq!(throttle.wait("a", attacker, now), None);
        throttle.failed("a", attacker, now);
        assert!(throttle.wait("a", attacker, now).unwrap() > first);
        assert_eq!(throttle.wait("a", owner, now), None);
        assert_eq!(throttle.wait("b", attacker, now), None);
    }

    #[test]
    fn an_owner_who_signed_in_before_is_not_locked_out_by_many_strangers() {
        let throttle = Throttle::new(1);
        let (owner, stranger) = (client("198.51.100.1"), client("203.0.113.200"));
        let now = Timestamp::UNIX_EPOCH;
        throttle.succeeded("a", owner);
        for n in 0..FREE_FOR_ACCOUNT {
            throttle.failed("a", client(&format!("192.0.2.{n}")), now);
        }
        assert!(throttle.wait("a", stranger, now).unwrap() <= LONGEST_FOR_STRANGERS);
        assert_eq!(throttle.wait("a", owner, now), None);
    }

    #[test]
    fn failures_are_forgotten_after_a_rest() {
        let throttle = Throttle::new(1);
        let someone = client("192.0.2.1");
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..FREE_FOR_CLIENT + 3 {
            throttle.failed("a", someone, now);
        }
        let later = now.checked_add(FORGOTTEN_AFTER).unwrap();
        throttle.failed("a", someone, later);
        assert_eq!(throttle.wait("a", someone, later), None);
    }
}

//! Slows down the guessing of one account's password, without letting a stranger lock its owner out.
//!
//! Failures are counted per account and client prefix, and per account over all prefixes. The first count
//! makes that client wait ever longer. The second makes strangers wait, but never a prefix from which the account
//! signed in before, and nobody at the first try from its network: who wants to shut the owner out of a new place
//! needs a thousand networks an hour. What is typed is counted whether or not the account exists.
//!
//! Time is that of a clock that no setting moves, and memory is bounded: of accounts that failed, the last twenty to
//! forty thousand are known.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);
/// Accounts in a generation; there are two.
const ACCOUNTS: usize = 20_000;
/// Clients of an account whose failures are told apart.
const CLIENTS: usize = 1_000;
/// Prefixes from which an account signed in, as far as they are remembered.
const TRUSTED: usize = 64;

/// Failures so far, in memory.
#[derive(Debug)]
pub struct Throttle {
    factor: u32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When the young are many, they become the old, and the old are forgotten: no request sweeps.
    young: HashMap<String, Account>,
    old: HashMap<String, Account>,
    /// Only who knows the password adds to these.
    trusted: HashMap<String, HashSet<ClientPrefix>>,
}

#[derive(Debug, Default)]
struct Account {
    all: Failures,
    clients: HashMap<ClientPrefix, Failures>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Failures {
    count: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

impl Throttle {
    /// Nothing failed yet; `factor` times as many failures are free as usual.
    pub fn new(factor: u32) -> Self {
        Self { factor: factor.max(1), known: Mutex::default() }
    }

    /// How long this client must wait before another try on this account (by the keyed hash of its address).
    pub fn wait(&self, account: &str, client: ClientPrefix, now: Instant) -> Option<Duration> {
        let known = self.lock();
        let failed = known.young.get(account).or_else(|| known.old.get(account))?;
        let own = failed.clients.get(&client).and_then(|failures| failures.until);
        let trusted = known.trusted.get(account).is_some_and(|trusted| trusted.contains(&client));
        let strangers =
            failed.all.until.filter(|until| *until > now && !trusted && !failed.first(client, now));
        Some(own.max(strangers)?.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Counts a failure.
    pub fn failed(&self, account: &str, client: ClientPrefix, now: Instant) {
        let mut known = self.lock();
        let failed = known.account(account);
        if failed.clients.len() >= CLIENTS && !failed.clients.contains_key(&client) {
            failed.clients.retain(|_, failures| failures.fresh(now));
        }
        failed.all.add(now, self.free(FREE_FOR_ACCOUNT), LONGEST_FOR_STRANGERS);
        if failed.clients.len() < CLIENTS || failed.clients.contains_key(&client) {
            let own = failed.clients.entry(client).or_default();
            own.add(now, self.free(FREE_FOR_CLIENT), LONGEST_FOR_CLIENT);
        }
    }

    /// Forgets this client's failures and trusts its prefix for this account.
    pub fn succeeded(&self, account: &str, client: ClientPrefix) {
        let mut known = self.lock();
        let Known { young, old, trusted } = &mut *known;
        for failed in [young.get_mut(account), old.get_mut(account)].into_iter().flatten() {
            failed.clients.remove(&client);
        }
        let prefixes = trusted.entry(account.to_owned()).or_default();
        if prefixes.len() >= TRUSTED {
            prefixes.clear();
        }
        prefixes.insert(client);
    }

    fn free(&self, failures: u32) -> u32 {
        failures.saturating_mul(self.factor)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Counters are whole at every step, so a panic elsewhere leaves nothing half-done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn account(&mut self, name: &str) -> &mut Account {
        if !self.young.contains_key(name) && self.young.len() >= ACCOUNTS {
            self.old = std::mem::take(&mut self.young);
        }
        let before = self.old.remove(name);
        self.young.entry(name.to_owned()).or_insert_with(|| before.unwrap_or_default())
    }
}

impl Account {
    /// Whether nobody of the client's network failed lately, as far as that is known.
    fn first(&self, client: ClientPrefix, now: Instant) -> bool {
        let near = |other: &ClientPrefix| other.network() == client.network();
        self.clients.len() < CLIENTS
            && !self.clients.iter().any(|(other, failures)| near(other) && failures.fresh(now))
    }
}

impl Failures {
    fn fresh(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < FORGOTTEN_AFTER)
    }

    fn add(&mut self, now: Instant, free: u32, longest: Duration) {
        if !self.fresh(now) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        if self.count >= free {
            let doublings = (self.count - free).min(16);
            let wait = Duration::from_secs(2 << doublings).min(longest);
            self.until = now.checked_add(wait);
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
        let mut now = Instant::now();
        for _ in 0..FREE_FOR_CLIENT - 1 {
            throttle.failed("a", attacker, now);
        }
        assert_eq!(throttle.wait("a", attacker, now), None);
        throttle.failed("a", attacker, now);
        let first = throttle.wait("a", attacker, now).unwrap();
        now += first;
        assert_eq!(throttle.wait("a", attacker, now), None);
        throttle.failed("a", attacker, now);
        assert!(throttle.wait("a", attacker, now).unwrap() > first);
        assert_eq!(throttle.wait("a", owner, now), None);
        assert_eq!(throttle.wait("b", attacker, now), None);
    }

    #[test]
    fn an_owner_who_signed_in_before_is_not_locked_out_by_many_strangers() {
        let throttle = Throttle::new(1);
        let owner = client("198.51.100.1");
        let now = Instant::now();
        throttle.succeeded("a", owner);
        for n in 0..FREE_FOR_ACCOUNT {
            throttle.failed("a", client(&format!("192.0.2.{n}")), now);
        }
        let stranger = client("192.0.2.200");
        assert!(throttle.wait("a", stranger, now).unwrap() <= LONGEST_FOR_STRANGERS);
        throttle.failed("a", owner, now);
        assert_eq!(throttle.wait("a", owner, now), None);
    }

    #[test]
    fn an_owner_in_a_new_place_has_a_try_while_an_attack_never_rests() {
        let throttle = Throttle::new(1);
        let (owner, now) = (client("198.51.100.1"), Instant::now());
        // One customer of an IPv6 provider has a /48, and may use every /64 of it.
        for n in 0..900 {
            throttle.failed("a", client(&format!("2001:db8:1:{n:x}::1")), now);
        }
        assert!(throttle.wait("a", client("2001:db8:1:ffff::1"), now).is_some(), "the attacker waits");
        assert_eq!(throttle.wait("a", owner, now), None);
        throttle.failed("a", owner, now);
        assert!(throttle.wait("a", owner, now).is_some(), "a second try waits as others do");
    }

    #[test]
    fn failures_are_forgotten_after_a_rest() {
        let throttle = Throttle::new(1);
        let someone = client("192.0.2.1");
        let now = Instant::now();
        for _ in 0..FREE_FOR_CLIENT + 3 {
            throttle.failed("a", someone, now);
        }
        let later = now + FORGOTTEN_AFTER;
        throttle.failed("a", someone, later);
        assert_eq!(throttle.wait("a", someone, later), None);
    }

    #[test]
    fn a_flood_of_accounts_and_clients_is_forgotten_in_bounded_memory() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        for n in 0..3 * ACCOUNTS {
            throttle.failed(&n.to_string(), client("192.0.2.1"), now);
        }
        for n in 0..3 * CLIENTS {
            throttle.failed("a", client(&format!("10.0.{}.{}", n / 256, n % 256)), now);
        }
        let known = throttle.lock();
        assert!(known.young.len() + known.old.len() <= 2 * ACCOUNTS);
        assert_eq!(known.young["a"].clients.len(), CLIENTS);
    }
}

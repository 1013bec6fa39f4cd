//! Offences counted by client, in bounded memory and by a clock that nobody can set back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::Offence;
use crate::edge::prefix::ClientPrefix;

/// Tallies kept at most: about 4 MB.
const MOST: usize = 65_536;

/// What each client did, by offence.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<(ClientPrefix, Offence), Tally>);

#[derive(Debug, Clone, Copy)]
struct Tally {
    /// The first, and until when others count with it.
    until: Instant,
    count: u32,
}

impl Tallies {
    /// Counts one more; how many there were within this time.
    pub(super) fn count(
        &mut self,
        client: ClientPrefix,
        offence: Offence,
        now: Instant,
        within: Duration,
    ) -> u32 {
        if self.0.len() >= MOST && !self.0.contains_key(&(client, offence)) {
            self.make_room(now);
        }
        let fresh = Tally { until: now + within, count: 0 };
        let tally = self.0.entry((client, offence)).or_insert(fresh);
        if now >= tally.until {
            *tally = fresh;
        }
        tally.count = tally.count.saturating_add(1);
        tally.count
    }

    /// Forgets a client.
    pub(super) fn forget(&mut self, client: ClientPrefix) {
        self.0.retain(|(other, _), _| *other != client);
    }

    /// Forgets the clients of a block.
    pub(super) fn pardon(&mut self, net: &IpNet) {
        self.0.retain(|(client, _), _| !net.contains(&client.net()));
    }

    /// Those whose time is over go first; then, if a flood of clients fills the table, those who did little.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, tally| now < tally.until);
        for least in [2, 4, 8, u32::MAX] {
            if self.0.len() <= MOST / 8 * 7 {
                return;
            }
            self.0.retain(|_, tally| tally.count >= least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happens_within_the_time_counts_together() {
        let mut tallies = Tallies::default();
        let client = ClientPrefix::of("192.0.2.1".parse().unwrap());
        let (begin, minute) = (Instant::now(), Duration::from_secs(60));
        let mut count =
            |after: u64| tallies.count(client, Offence::Trap, begin + Duration::from_secs(after), minute);
        assert_eq!([count(0), count(59), count(60), count(61)], [1, 2, 1, 2]);
    }

    #[test]
    fn a_flood_of_clients_fills_only_so_much_and_hides_no_offender() {
        let mut tallies = Tallies::default();
        let (now, hour) = (Instant::now(), Duration::from_secs(3_600));
        let client = |n: u32| ClientPrefix::of(std::net::Ipv4Addr::from(n).into());
        for _ in 0..8 {
            tallies.count(client(1), Offence::NotFound, now, hour);
        }
        for n in 0..5 * MOST as u32 {
            tallies.count(client(0x0a00_0000 + n), Offence::NotFound, now, hour);
        }
        assert!(tallies.0.len() <= MOST);
        assert_eq!(tallies.count(client(1), Offence::NotFound, now, hour), 9);
    }
}

//! How often each client has been banned, until it has been free for long enough.

use std::collections::HashMap;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::edge::address_filter::Ban;

/// Clients remembered at most.
const MOST: usize = 65_536;

/// By block: how many bans, and the end of the last.
#[derive(Debug, Default)]
pub(super) struct Record(HashMap<IpNet, (u32, Timestamp)>);

impl Record {
    pub(super) fn new(before: &[Ban]) -> Self {
        let jailed = before.iter().filter(|ban| ban.jail.is_some());
        Self(jailed.filter_map(|ban| Some((ban.net, (ban.times, ban.until?)))).collect())
    }

    /// How many bans are remembered.
    pub(super) fn times(&self, net: &IpNet, now: Timestamp, memory: SignedDuration) -> u32 {
        let remembered = |until: Timestamp| now.duration_since(until) < memory;
        self.0.get(net).filter(|(_, until)| remembered(*until)).map_or(0, |(times, _)| *times)
    }

    pub(super) fn note(&mut self, net: IpNet, times: u32, until: Timestamp) {
        if self.0.len() >= MOST {
            // The half whose bans ended first.
            let mut ends: Vec<Timestamp> = self.0.values().map(|(_, until)| *until).collect();
            let (_, middle, _) = ends.select_nth_unstable(MOST / 2);
            let middle = *middle;
            self.0.retain(|_, (_, until)| *until > middle);
        }
        self.0.insert(net, (times, until));
    }

    pub(super) fn pardon(&mut self, net: &IpNet) {
        self.0.retain(|other, _| !net.contains(other));
    }
}

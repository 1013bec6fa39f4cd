//! How many connections may be open: in all, by client, by network, and in handshake.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::gauge;

use crate::config::Connections;
use crate::edge::prefix::{ClientPrefix, Network};

/// The connections that are open, counted.
#[derive(Debug, Clone)]
pub struct Bounds {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug)]
struct Counts {
    most: Connections,
    open: usize,
    handshaking: usize,
    clients: HashMap<ClientPrefix, usize>,
    networks: HashMap<Network, usize>,
}

impl Bounds {
    /// Bounds as configured, nothing open; those of one client, of one network and of handshakes times `factor`.
    pub fn new(config: Connections, factor: u32) -> Self {
        let (clients, networks) = (HashMap::new(), HashMap::new());
        let counts = Counts { most: most(config, factor), open: 0, handshaking: 0, clients, networks };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }

    /// Other bounds from now on; what is open stays.
    pub fn adopt(&self, config: Connections, factor: u32) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).most = most(config, factor);
    }

    /// A place for a connection, in handshake at first.
    ///
    /// # Errors
    /// Which bound is reached.
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let client = ClientPrefix::of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.open >= counts.most.total {
            return Err(Full::Total);
        }
        if counts.handshaking >= counts.most.handshakes {
            return Err(Full::Handshakes);
        }
        if counts.clients.get(&client).is_some_and(|open| *open >= counts.most.per_prefix) {
            return Err(Full::Client);
        }
        if counts.networks.get(&client.network()).is_some_and(|open| *open >= counts.most.per_network) {
            return Err(Full::Network);
        }
        Ok(self.place(&mut counts, client))
    }

    /// A place beyond the bound of the client: another connection of its own has just been ended for it.
    pub fn take_over(&self, address: IpAddr) -> Place {
        self.place(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner), ClientPrefix::of(address))
    }

    fn place(&self, counts: &mut Counts, client: ClientPrefix) -> Place {
        counts.open += 1;
        counts.handshaking += 1;
        *counts.clients.entry(client).or_default() += 1;
        *counts.networks.entry(client.network()).or_default() += 1;
        told(counts);
        Place { client, handshaking: true, counts: Arc::clone(&self.counts) }
    }
}

fn most(config: Connections, factor: u32) -> Connections {
    let times = |bound: usize| bound.saturating_mul(factor as usize);
    Connections {
        total: config.total,
        per_prefix: times(config.per_prefix),
        per_network: times(config.per_network),
        handshakes: times(config.handshakes),
    }
}

/// The bound that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Connections in all.
    Total,
    /// Connections in handshake.
    Handshakes,
    /// Connections of this client.
    Client,
    /// Connections of this network.
    Network,
}

impl Full {
    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Handshakes => "handshakes",
            Self::Client => "client",
            Self::Network => "network",
        }
    }
}

/// One connection's place; given back when it closes.
#[derive(Debug)]
pub struct Place {
    client: ClientPrefix,
    handshaking: bool,
    counts: Arc<Mutex<Counts>>,
}

impl Place {
    /// The handshake is over.
    pub fn shaken(&mut self) {
        if std::mem::take(&mut self.handshaking) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.handshaking -= 1;
            told(&counts);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shaken();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.open -= 1;
        release(&mut counts.clients, &self.client);
        release(&mut counts.networks, &self.client.network());
        told(&counts);
    }
}

fn told(counts: &Counts) {
    gauge!("connections_open").set(counts.open as f64);
    gauge!("connections_handshaking").set(counts.handshaking as f64);
}

fn release<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_bound_holds_by_itself_and_places_come_back() {
        let bounds = Bounds::new(Connections { total: 5, per_prefix: 2, per_network: 3, handshakes: 4 }, 1);
        let mut first = bounds.take(address("192.0.2.1")).unwrap();
        let _second = bounds.take(address("192.0.2.1")).unwrap();
        assert_eq!(bounds.take(address("192.0.2.1")).unwrap_err(), Full::Client);
        let third = bounds.take(address("192.0.2.2")).unwrap();
        assert_eq!(bounds.take(address("192.0.2.3")).unwrap_err(), Full::Network);
        let _fourth = bounds.take(address("198.51.100.1")).unwrap();
        assert_eq!(bounds.take(address("203.0.113.1")).unwrap_err(), Full::Handshakes);
        first.shaken();
        let _fifth = bounds.take(address("203.0.113.1")).unwrap();
        assert_eq!(bounds.take(address("203.0.113.2")).unwrap_err(), Full::Total);
        drop((first, third));
        bounds.take(address("192.0.2.1")).unwrap();
    }

    #[test]
    fn one_v6_customer_and_one_v6_network_are_bounded() {
        let bounds = Bounds::new(Connections { total: 9, per_prefix: 1, per_network: 2, handshakes: 9 }, 1);
        let _one = bounds.take(address("2001:db8:1:1::1")).unwrap();
        assert_eq!(bounds.take(address("2001:db8:1:1::2")).unwrap_err(), Full::Client);
        let _two = bounds.take(address("2001:db8:1:2::1")).unwrap();
        assert_eq!(bounds.take(address("2001:db8:1:3::1")).unwrap_err(), Full::Network);
    }
}

//! The names that this gateway answers to.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// The set of names served, compared without case and without our own ports.
#[derive(Debug)]
pub struct Hosts {
    names: ArcSwap<Vec<String>>,
    ports: Vec<u16>,
}

impl Hosts {
    /// The names of `[gateway] hosts`, and the ports that may stand behind them.
    pub fn new(names: &[String], ports: &[u16]) -> Self {
        Self { names: ArcSwap::from_pointee(lowered(names)), ports: ports.to_vec() }
    }

    /// Other names from now on.
    pub fn adopt(&self, names: &[String]) {
        self.names.store(Arc::new(lowered(names)));
    }

    /// The names, in order.
    pub fn all(&self) -> Arc<Vec<String>> {
        self.names.load_full()
    }

    /// Whether an authority (`host[:port]`, RFC 3986 § 3.2) is ours; user information never is.
    pub fn names(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let known_port = port.is_none_or(|port| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && port.parse().is_ok_and(|port: u16| port == 443 || self.ports.contains(&port))
        });
        let host = host.to_ascii_lowercase();
        known_port && self.names.load().contains(&host)
    }

    /// The name to redirect to when a request over plain HTTP names one of ours, if it does.
    pub fn canonical(&self, authority: &str) -> Option<String> {
        let host = authority.split(':').next()?.to_ascii_lowercase();
        self.names.load().iter().find(|name| **name == host).cloned()
    }
}

fn lowered(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_with_our_ports_are_ours() {
        let hosts = Hosts::new(&["localhost".into(), "AOPS.fr".into()], &[8443]);
        for ours in ["localhost", "localhost:8443", "LOCALHOST:8443", "aops.fr", "aops.fr:443"] {
            assert!(hosts.names(ours), "{ours}");
        }
        for other in [
            "",
            "example.com",
            "localhost:80",
            "localhost:",
            "localhost:+8443",
            "evil@localhost",
            "[::1]:8443",
            "localhost.",
            "aops.fr:8443:1",
        ] {
            assert!(!hosts.names(other), "{other}");
        }
    }
}

//! The unit in which clients are counted: an IPv4 address, or the /64 that one IPv6 customer holds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// One client, as far as addresses tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientPrefix(u128);

impl ClientPrefix {
    /// The client that an address belongs to; an IPv4-mapped address counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u128::from(u32::from(address)) | (0xffff << 32)),
            IpAddr::V6(address) => Self(u128::from(address) & !u128::from(u64::MAX)),
        }
    }

    /// The addresses that are this client.
    pub fn net(self) -> IpNet {
        match self.0 >> 32 {
            0xffff => Ipv4Net::from(Ipv4Addr::from(self.0 as u32)).into(),
            _ => {
                let address = Ipv6Addr::from(self.0);
                // A length of 64 is one.
                Ipv6Net::new(address, 64).unwrap_or_else(|_| address.into()).into()
            }
        }
    }
}

impl ClientPrefix {
    /// The same for the same client, whatever the machine.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The /48 of an IPv6 client.
    pub fn v6_network(self) -> Option<[u8; 6]> {
        if self.0 >> 32 == 0xffff {
            return None;
        }
        let [a, b, c, d, e, f, ..] = self.bytes();
        Some([a, b, c, d, e, f])
    }
}

/// A wide neighbourhood of clients: an IPv4 /16 or an IPv6 /32, folded into few enough values to remember them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(u16);

impl ClientPrefix {
    /// The region of a client; several regions share a value.
    pub fn region(self) -> Region {
        const FOLD: u32 = 0x9E37_79B1;
        let wide = match self.0 >> 32 {
            0xffff => (self.0 as u32) >> 16,
            _ => ((self.0 >> 96) as u32) | 1 << 31,
        };
        Region((wide.wrapping_mul(FOLD) >> 19) as u16)
    }
}

impl From<Region> for usize {
    fn from(region: Region) -> Self {
        Self::from(region.0)
    }
}

/// A network that a provider gives out as one: an IPv4 /24 or an IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(u128);

impl ClientPrefix {
    /// The network of a client.
    pub fn network(self) -> Network {
        match self.0 >> 32 {
            0xffff => Network(self.0 & !0xff),
            _ => Network(self.0 & (!0 << 80)),
        }
    }
}

/// An address cut so that it names no person: a /24 or a /48.
#[derive(Debug, Clone, Copy)]
pub struct Truncated(pub IpAddr);

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_canonical() {
            IpAddr::V4(address) => write!(f, "{}/24", Ipv4Addr::from(u32::from(address) & !0xff)),
            IpAddr::V6(address) => write!(f, "{}/48", Ipv6Addr::from(u128::from(address) & (!0 << 80))),
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
    fn one_client_is_one_v4_address_or_one_v6_customer() {
        let same = |a, b| ClientPrefix::of(address(a)) == ClientPrefix::of(address(b));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    }

    #[test]
    fn a_network_is_a_24_or_a_48() {
        let network = |text| ClientPrefix::of(address(text)).network();
        assert_eq!(network("192.0.2.1"), network("192.0.2.200"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ffff::1"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
    }

    #[test]
    fn a_logged_address_is_cut() {
        assert_eq!(Truncated(address("192.0.2.77")).to_string(), "192.0.2.0/24");
        assert_eq!(Truncated(address("2001:db8:aa:bb::1")).to_string(), "2001:db8:aa::/48");
    }
}

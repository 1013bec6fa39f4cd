//! A set of address blocks that is read often and made anew as a whole: sorted ranges without overlap.
//!
//! A range costs eight bytes in IPv4 and thirty-two in IPv6, whatever its size, and a look-up is a search among
//! the ranges of one /16. What a longest-prefix tree tells beyond "some block holds it" is not asked here.

use std::net::IpAddr;

use ipnet::IpNet;

/// The blocks.
#[derive(Debug)]
pub struct Blocks {
    v4: Vec<(u32, u32)>,
    /// By the upper half of an address: the first range that begins there or later.
    halves: Vec<u32>,
    v6: Vec<(u128, u128)>,
}

impl Default for Blocks {
    fn default() -> Self {
        std::iter::empty().collect()
    }
}

impl FromIterator<IpNet> for Blocks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((u32::from(net.network()), u32::from(net.broadcast()))),
                IpNet::V6(net) => v6.push((u128::from(net.network()), u128::from(net.broadcast()))),
            }
        }
        let v4 = merged(v4, |end| end.checked_add(1));
        let v6 = merged(v6, |end| end.checked_add(1));
        let mut halves = Vec::new();
        if !v4.is_empty() {
            let first = |half: u32| v4.partition_point(|(start, _)| *start < half << 16) as u32;
            halves.extend((0..1 << 16).map(first));
            halves.push(v4.len() as u32);
        }
        Self { v4, halves, v6 }
    }
}

impl Blocks {
    /// Whether some block holds an address; an IPv4-mapped one counts as IPv4.
    pub fn hold(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let address = u32::from(address);
                let half = (address >> 16) as usize;
                let (Some(from), Some(to)) = (self.halves.get(half), self.halves.get(half + 1)) else {
                    return false;
                };
                let (from, to) = (*from as usize, *to as usize);
                let after = from + self.v4[from..to].partition_point(|(start, _)| *start <= address);
                after > 0 && address <= self.v4[after - 1].1
            }
            IpAddr::V6(address) => {
                let address = u128::from(address);
                let after = self.v6.partition_point(|(start, _)| *start <= address);
                after > 0 && address <= self.v6[after - 1].1
            }
        }
    }
}

/// Sorted ranges, those that touch made one; `next` is what follows an end, if anything does.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let touches = next(earlier.1).is_none_or(|next| later.0 <= next);
        if touches {
            earlier.1 = earlier.1.max(later.1);
        }
        touches
    });
    ranges.shrink_to_fit();
    ranges
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ends_of_the_address_space_are_held() {
        let all: Blocks = ["0.0.0.0/0", "::/0"].map(|net| net.parse().unwrap()).into_iter().collect();
        for address in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert!(all.hold(address.parse().unwrap()), "{address}");
        }
        assert_eq!((all.v4.len(), all.v6.len()), (1, 1));
        assert!(!Blocks::default().hold("192.0.2.1".parse().unwrap()));
    }

    proptest! {
        /// The set says what its blocks say one by one.
        #[test]
        fn a_set_holds_what_some_block_holds(
            nets in prop::collection::vec((0u32..4096, 20u8..=32), 0..40),
            wide in prop::option::of(0u8..16),
            probes in prop::collection::vec(0u32..8192, 50),
        ) {
            let address = |n: u32| Ipv4Addr::from(0x0a00_f800u32 + n * 16);
            let mut nets: Vec<IpNet> = nets
                .into_iter()
                .map(|(n, length)| ipnet::Ipv4Net::new(address(n), length).unwrap().trunc().into())
                .collect();
            nets.extend(wide.map(|w| IpNet::from(ipnet::Ipv4Net::new(Ipv4Addr::new(w, 0, 0, 0), 6).unwrap().trunc())));
            let blocks: Blocks = nets.iter().copied().collect();
            for probe in probes {
                let probe = IpAddr::from(Ipv4Addr::from(0x0a00_f800u32 + probe * 7));
                prop_assert_eq!(blocks.hold(probe), nets.iter().any(|net| net.contains(&probe)), "{}", probe);
            }
        }
    }
}

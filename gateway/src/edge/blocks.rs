//! A set of address blocks that is read often and made anew as a whole: sorted ranges without overlap.
//!
//! A range costs eight bytes in IPv4 and some forty in IPv6, whatever its size. A look-up is a search among the
//! ranges of one /16 in IPv4, and in IPv6 among the few that a tree over the starts leaves. What a longest-prefix tree tells beyond "some block holds it" is not asked here.

mod tree;

use std::net::IpAddr;

use ipnet::IpNet;

use self::tree::Tree;

/// The blocks.
#[derive(Debug)]
pub struct Blocks {
    v4: Vec<(u32, u32)>,
    /// By the upper half of an address: the first range that begins there or later.
    halves: Vec<u32>,
    v6: Vec<(u128, u128)>,
    tree: Tree,
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
        Self::of(v4, v6)
    }
}

impl Blocks {
    /// The addresses from each first to each last, IPv4-mapped ones as IPv4.
    pub fn of_ranges(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (first, last) in ranges {
            match (first.to_canonical(), last.to_canonical()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((u32::from(first), u32::from(last))),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((u128::from(first), u128::from(last))),
                // A range across the families is none.
                _ => {}
            }
        }
        Self::of(v4, v6)
    }

    /// Several sets as one.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for set in sets {
            v4.extend_from_slice(&set.v4);
            v6.extend_from_slice(&set.v6);
        }
        Self::of(v4, v6)
    }

    /// How many ranges are left once those that touch are made one.
    pub fn ranges(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether some block holds an address of this one.
    pub fn meet(&self, net: &IpNet) -> bool {
        fn met<T: Ord + Copy>(ranges: &[(T, T)], first: T, last: T) -> bool {
            let after = ranges.partition_point(|(start, _)| *start <= last);
            after > 0 && ranges[after - 1].1 >= first
        }
        match net {
            IpNet::V4(net) => met(&self.v4, net.network().into(), net.broadcast().into()),
            IpNet::V6(net) => met(&self.v6, net.network().into(), net.broadcast().into()),
        }
    }

    fn of(v4: Vec<(u32, u32)>, v6: Vec<(u128, u128)>) -> Self {
        let v4 = merged(v4, |end| end.checked_add(1));
        let v6 = merged(v6, |end| end.checked_add(1));
        let mut halves = Vec::new();
        if !v4.is_empty() {
            let first = |half: u32| v4.partition_point(|(start, _)| *start < half << 16) as u32;
            halves.extend((0..1 << 16).map(first));
            halves.push(v4.len() as u32);
        }
        let tree = Tree::over(&v6);
        Self { v4, halves, v6, tree }
    }

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
                let (from, to) = self.tree.near(address);
                let after = from + self.v6[from..to].partition_point(|(start, _)| *start <= address);
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
    fn sets_are_made_one_and_meet_what_they_share_an_address_with() {
        let set = |nets: &[&str]| nets.iter().map(|net| net.parse::<IpNet>().unwrap()).collect::<Blocks>();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mapped = (address("::ffff:203.0.113.8"), address("::ffff:203.0.113.9"));
        let ranges = Blocks::of_ranges([(address("198.51.100.7"), address("198.51.100.9")), mapped]);
        let all =
            Blocks::union([&set(&["192.0.2.0/25", "2001:db8::/32"]), &set(&["192.0.2.128/25"]), &ranges]);
        assert_eq!(all.ranges(), 4, "neighbours are one");
        for held in ["192.0.2.255", "198.51.100.9", "203.0.113.8", "2001:db8::1"] {
            assert!(all.hold(address(held)), "{held}");
        }
        assert!(!all.hold(address("198.51.100.10")) && !all.hold(address("203.0.113.10")));
        let meets = |net: &str| all.meet(&net.parse().unwrap());
        assert!(
            meets("198.51.100.0/24") && meets("198.51.100.8/32") && meets("0.0.0.0/0") && meets("2001::/16")
        );
        assert!(
            !meets("198.51.100.0/30")
                && !meets("2001:db9::/32")
                && !Blocks::default().meet(&"::/0".parse().unwrap())
        );
    }

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

        /// The same in IPv6, with more ranges than one entry of the index covers.
        #[test]
        fn a_set_of_ipv6_holds_what_some_block_holds(
            nets in prop::collection::vec((0u128..4096, 112u8..=128), 0..400),
            probes in prop::collection::vec(0u128..8192, 50),
        ) {
            let base = 0x2001_0db8u128 << 96 | 0xffff_f000;
            let net = |(n, length): (u128, u8)| ipnet::Ipv6Net::new((base + n * 0x800).into(), length).unwrap().trunc().into();
            let nets: Vec<IpNet> = nets.into_iter().map(net).collect();
            let blocks: Blocks = nets.iter().copied().collect();
            for probe in probes {
                let probe = IpAddr::from(std::net::Ipv6Addr::from(base + probe * 0x3ff));
                prop_assert_eq!(blocks.hold(probe), nets.iter().any(|net| net.contains(&probe)), "{}", probe);
            }
        }
    }
}

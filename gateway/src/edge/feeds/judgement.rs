//! Whether a list may be believed: whoever keeps it may err, be broken into, or send only half.

use ipnet::IpNet;

use super::Doubt;
use crate::config::GatewayConfig;
use crate::edge::blocks::Blocks;

/// From so many blocks on a list that loses more than half of them is doubted.
const SUBSTANTIAL: usize = 16;

/// Addresses that no public list concerns: this machine's own networks, and none that a packet comes from.
const PRIVATE: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Addresses that no feed may take from us.
#[derive(Debug)]
pub(super) struct Spared {
    private: Vec<IpNet>,
    /// Balancers, proxies, where SSH comes from, where we listen.
    ours: Blocks,
}

/// A list that is believed.
#[derive(Debug)]
pub(super) struct Believed {
    pub(super) blocks: Vec<IpNet>,
    /// Blocks left out since they are private or ours.
    pub(super) left_out: usize,
}

impl Spared {
    pub(super) fn of(gateway: &GatewayConfig) -> Self {
        let listeners = [gateway.https, gateway.http].map(|address| address.ip());
        let listeners = listeners.into_iter().filter(|address| !address.is_unspecified()).map(IpNet::from);
        let trusted = gateway.trusted.balancers.iter().chain(&gateway.trusted.proxies);
        let ours = trusted.chain(&gateway.firewall.ssh_from).copied().chain(listeners).collect();
        Self { private: PRIVATE.iter().filter_map(|net| net.parse().ok()).collect(), ours }
    }

    /// Judges what was read, beside how many blocks are in force.
    ///
    /// # Errors
    /// [`Doubt`]: nothing of it is taken.
    pub(super) fn judge(&self, blocks: Vec<IpNet>, before: usize) -> Result<Believed, Doubt> {
        let found = blocks.len();
        let mut taken = Vec::with_capacity(found);
        for block in blocks {
            if self.private.iter().any(|private| private.contains(&block)) {
                continue;
            }
            // Whatever of it is private or ours.
            if too_wide(&block) {
                return Err(Doubt::TooWide(block));
            }
            if !self.ours.meet(&block) {
                taken.push(block);
            }
        }
        match taken.len() {
            0 => Err(Doubt::Empty),
            now if before >= SUBSTANTIAL && now < before / 2 => Err(Doubt::Shrunk { before, now }),
            now => Ok(Believed { blocks: taken, left_out: found - now }),
        }
    }
}

/// Whether a block is more of the world than anybody should refuse at a stroke.
pub fn too_wide(block: &IpNet) -> bool {
    match block {
        IpNet::V4(block) => block.prefix_len() < 8,
        IpNet::V6(block) => block.prefix_len() < 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(list: &[&str], before: usize) -> Result<(usize, usize), Doubt> {
        let gateway = serde_json::json!({
            "hosts": ["localhost"], "https": "198.51.100.80:443",
            "trusted": { "proxies": ["203.0.113.0/28"] }, "firewall": { "ssh_from": ["192.0.2.0/24"] },
        });
        let gateway: GatewayConfig = serde_json::from_value(gateway).unwrap();
        let blocks = list.iter().map(|net| net.parse().unwrap()).collect();
        Spared::of(&gateway).judge(blocks, before).map(|believed| (believed.blocks.len(), believed.left_out))
    }

    #[test]
    fn the_whole_world_and_halves_of_it_are_refused() {
        for world in ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"] {
            assert!(
                matches!(judged(&["1.2.3.0/24", world], 0), Err(Doubt::TooWide(_) | Doubt::Empty)),
                "{world}"
            );
        }
    }

    #[test]
    fn private_space_and_what_is_ours_are_left_out_and_the_rest_is_taken() {
        let bogons =
            ["1.2.3.0/24", "10.0.0.0/8", "192.168.7.0/24", "127.0.0.1/32", "240.0.0.0/4", "fc00::/7"];
        assert_eq!(judged(&bogons, 0).unwrap(), (1, 5));
        for ours in ["203.0.113.0/24", "203.0.113.4/32", "192.0.2.7/32", "198.51.100.0/24"] {
            assert_eq!(judged(&["1.2.3.0/24", ours], 0).unwrap(), (1, 1), "{ours}");
        }
        assert!(matches!(judged(&["10.0.0.0/8"], 0), Err(Doubt::Empty)));
        assert!(matches!(judged(&[], 0), Err(Doubt::Empty)));
    }

    #[test]
    fn a_list_that_loses_more_than_half_is_doubted_unless_it_was_small() {
        assert!(matches!(judged(&["1.2.3.0/24"; 7], 16), Err(Doubt::Shrunk { before: 16, now: 7 })));
        assert!(judged(&["1.2.3.0/24"; 8], 16).is_ok());
        assert!(judged(&["1.2.3.0/24"; 3], 15).is_ok());
    }
}

//! Where among many sorted ranges of IPv6 an address may lie: a tree over the starts, eight bits a step.
//!
//! Lists of IPv6 lie in a few narrow parts of the space, so that a table of upper halves as in IPv4 would put nearly
//! all of them into a few of its entries. Here a step leaves out the bits that all starts below it share.

/// From so many ranges on a step is made; below, they are searched. It keeps the tree below 50 bytes a range.
const SEARCHED: usize = 64;

/// The tree; without nodes where all ranges are searched.
#[derive(Debug, Default)]
pub(super) struct Tree {
    ranges: u32,
    /// The root comes last.
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// What all starts share, above the eight bits that tell them apart.
    shared: u128,
    /// How far these eight bits are from the lowest.
    shift: u32,
    from: u32,
    to: u32,
    slots: Box<[Slot; 256]>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    /// From the first of these ranges to before the last.
    Ranges(u32, u32),
    Node(u32),
}

impl Tree {
    /// A tree over sorted ranges without overlap.
    pub(super) fn over(ranges: &[(u128, u128)]) -> Self {
        let mut tree = Self { ranges: ranges.len() as u32, nodes: Vec::new() };
        tree.slot(ranges, 0, ranges.len());
        tree.nodes.shrink_to_fit();
        tree
    }

    fn slot(&mut self, ranges: &[(u128, u128)], from: usize, to: usize) -> Slot {
        if to - from <= SEARCHED {
            return Slot::Ranges(from as u32, to as u32);
        }
        // The starts differ, or they would be one range.
        let differ = 128 - (ranges[from].0 ^ ranges[to - 1].0).leading_zeros();
        let shift = differ.saturating_sub(8);
        let mut begun = from;
        let slots = Box::new(std::array::from_fn(|bits| {
            let below = ranges[begun..to].partition_point(|(start, _)| bits_at(*start, shift) <= bits);
            let slot = self.slot(ranges, begun, begun + below);
            begun += below;
            slot
        }));
        self.nodes.push(Node {
            shared: shared(ranges[from].0, shift),
            shift,
            from: from as u32,
            to: to as u32,
            slots,
        });
        Slot::Node(self.nodes.len() as u32 - 1)
    }

    /// Between which ranges the first one that starts past the address lies: from, and up to and with.
    pub(super) fn near(&self, address: u128) -> (usize, usize) {
        let Some(mut node) = self.nodes.last() else { return (0, self.ranges as usize) };
        loop {
            let at = shared(address, node.shift).cmp(&node.shared);
            let (from, to) = match (at, node.slots[bits_at(address, node.shift)]) {
                (std::cmp::Ordering::Less, _) => (node.from, node.from),
                (std::cmp::Ordering::Greater, _) => (node.to, node.to),
                (_, Slot::Ranges(from, to)) => (from, to),
                (_, Slot::Node(below)) => {
                    node = &self.nodes[below as usize];
                    continue;
                }
            };
            return (from as usize, to as usize);
        }
    }
}

fn bits_at(address: u128, shift: u32) -> usize {
    (address >> shift) as usize & 0xff
}

fn shared(address: u128, shift: u32) -> u128 {
    address.checked_shr(shift + 8).unwrap_or(0)
}

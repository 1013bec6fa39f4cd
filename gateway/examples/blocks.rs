//! What a blocklist costs: memory, and time for a look-up. `blocks [COUNT]`, a million by default; prints a table.
//!
//! The blocks are spread over the space and of many lengths, and so are the addresses asked for: no cache helps more
//! than it does with strangers.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use aops_gateway::edge::blocks::Blocks;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const LOOK_UPS: u64 = 5_000_000;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    println!("| blocklist | ranges | memory MB | look-up ns | of which refused |");
    println!("| --- | --- | --- | --- | --- |");
    let v4 = |n: u64| Ok(Ipv4Net::new(Ipv4Addr::from(mixed(n) as u32), 18 + (n % 15) as u8)?.trunc().into());
    measure(&format!("{count} blocks of IPv4"), count, v4, |n| Ipv4Addr::from(mixed(n) as u32).into())?;
    let address = |n: u64| Ipv6Addr::from(0x2000 << 112 | u128::from(mixed(n)) << 61);
    let v6 = |n: u64| Ok(Ipv6Net::new(address(n), 32 + (n % 33) as u8)?.trunc().into());
    measure(&format!("{count} blocks of IPv6"), count, v6, |n| address(n).into())
}

fn measure(
    name: &str,
    count: u64,
    block: impl Fn(u64) -> Result<IpNet, Error>,
    address: impl Fn(u64) -> IpAddr,
) -> Result<(), Error> {
    let nets = (0..count).map(block).collect::<Result<Vec<_>, _>>()?;
    let before = resident()?;
    let blocks: Blocks = nets.iter().copied().collect();
    let held = resident()? - before;
    drop(nets);
    // Other numbers than those of the blocks: most of these addresses are strangers.
    let probes: Vec<IpAddr> = (0..1 << 16).map(|n| address(n + (1 << 40))).collect();
    let begun = Instant::now();
    let refused = (0..LOOK_UPS)
        .filter(|n| black_box(&blocks).hold(black_box(probes[*n as usize % probes.len()])))
        .count();
    let nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / LOOK_UPS as f64;
    let share = refused as f64 / LOOK_UPS as f64 * 100.0;
    println!("| {name} | {} | {:.1} | {nanoseconds:.0} | {share:.0} % |", blocks.ranges(), held / 1e6);
    Ok(())
}

/// A number whose bits say nothing of its neighbours' (Fibonacci hashing, then a fold).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ (n >> 32)
}

/// The resident memory of this process, in bytes (proc(5), `status`).
fn resident() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let told = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(told.ok_or("no VmRSS")?.trim().parse::<f64>()? * 1024.0)
}

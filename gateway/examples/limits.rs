//! Measures the limits: resident memory under ten million distinct addresses, and the time of one decision.
//! `cargo run --release -p aops-gateway --example limits`; `cargo xtask bench --edge` runs it.

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use aops_gateway::config::LimitsConfig;
use aops_gateway::edge::limits::Limits;
use aops_gateway::edge::prefix::ClientPrefix;
use aops_gateway::edge::route_class::RouteClass;
use http::HeaderMap;

const ADDRESSES: u64 = 10_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let before = resident()?;
    let limits = Limits::new(&LimitsConfig::default(), 1, [1; 16]);
    let begun = Instant::now();
    for n in 0..ADDRESSES {
        // The slowest class, in which one request is owed the longest.
        let _ = black_box(limits.take(RouteClass::SignIn, client(n)));
    }
    let each = begun.elapsed().as_nanos() as u64 / ADDRESSES;
    let grown = (resident()? - before) as f64 / (1 << 20) as f64;
    println!("{ADDRESSES} distinct addresses, IPv4 and IPv6: {grown:.1} MiB resident, {each} ns each");
    let one = client(0);
    let mut headers = HeaderMap::with_capacity(16);
    let rounds = 5_000_000u32;
    let begun = Instant::now();
    for _ in 0..rounds {
        let taken = limits.take(RouteClass::Pages, one);
        headers.clear();
        limits.tell(RouteClass::Pages, taken.as_ref().ok(), &mut headers);
        black_box(&headers);
    }
    println!("one client, taken and told: {:.0} ns", begun.elapsed().as_nanos() as f64 / f64::from(rounds));
    let begun = Instant::now();
    limits.sweep();
    println!("one sweep, every five seconds, beside the requests: {} µs", begun.elapsed().as_micros());
    Ok(())
}

/// Every third is an IPv6 /64; neighbours are far apart, as a botnet's are.
fn client(n: u64) -> ClientPrefix {
    let spread = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ClientPrefix::of(match n % 3 {
        0 => IpAddr::from(Ipv6Addr::from(u128::from(spread >> 3 | 1 << 61) << 64)),
        _ => IpAddr::from(Ipv4Addr::from((n as u32).wrapping_mul(0x9E37_79B1))),
    })
}

/// Bytes in memory (proc(5), `statm`).
fn resident() -> Result<u64, Box<dyn Error>> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("statm is short")?.parse()?;
    Ok(pages * PAGE)
}

//! nftables rules for this configuration: only our ports, listed addresses dropped, newcomers counted by the kernel.
//!
//! What they say follows nft(8), and RFC 4890 for ICMPv6. The rules are a table of their own: loading them again
//! replaces it whole, and leaves other tables alone.

use std::fmt::Write as _;

use ipnet::IpNet;

use crate::config::Settings;
use crate::edge::address_filter::{self, BlocklistError};

/// New connections a second from one address, and at once.
const RATE: (u32, u32) = (60, 240);
/// Open connections from one address, and from one IPv6 /64: above the gateway's own bound, which answers better.
const OPEN: u32 = 512;

/// The rules, ready for `nft -f -`.
///
/// With `synproxy`, the kernel shakes hands first (it needs `nf_synproxy` and `net.netfilter.nf_conntrack_tcp_loose=0`).
///
/// # Errors
/// [`BlocklistError`] when a list is wrong.
pub fn rules(settings: &Settings, synproxy: bool) -> Result<String, BlocklistError> {
    let gateway = &settings.gateway;
    let blocked = address_filter::blocks(gateway.blocklist.as_deref())?;
    let allowed = address_filter::blocks(gateway.allowlist.as_deref())?;
    let mut out = String::from(HEAD);
    for (name, nets) in [("blocked", &blocked), ("allowed", &allowed)] {
        set(&mut out, name, nets);
    }
    out.push_str(COUNTED);
    let ports = ports(settings);
    // Writing to memory cannot fail.
    if synproxy {
        let _ = write!(
            out,
            "\n\tchain prerouting {{\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\ttcp dport {{ {ports} }} tcp flags syn notrack\n\t}}\n"
        );
    }
    out.push_str(INPUT);
    if synproxy {
        let _ = writeln!(
            out,
            "\t\ttcp dport {{ {ports} }} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm"
        );
    }
    let _ = write!(
        out,
        "\t\tct state invalid counter drop\n{ICMP}\
         \t\ttcp dport {{ {ports} }} ct state new add @newcomers4 {{ ip saddr limit rate over {rate}/second burst {burst} packets }} counter drop\n\
         \t\ttcp dport {{ {ports} }} ct state new add @newcomers6 {{ ip6 saddr and ffff:ffff:ffff:ffff:: limit rate over {rate}/second burst {burst} packets }} counter drop\n\
         \t\ttcp dport {{ {ports} }} ct state new add @crowds4 {{ ip saddr ct count over {OPEN} }} counter reject with tcp reset\n\
         \t\ttcp dport {{ {ports} }} ct state new add @crowds6 {{ ip6 saddr and ffff:ffff:ffff:ffff:: ct count over {OPEN} }} counter reject with tcp reset\n\
         \t\ttcp dport {{ {ports} }} accept\n",
        rate = RATE.0,
        burst = RATE.1,
    );
    if let Some(quic) = gateway.http3 {
        let port = quic.port();
        let _ = write!(
            out,
            "\t\tudp dport {port} ct state new add @newcomers4 {{ ip saddr limit rate over {rate}/second burst {burst} packets }} counter drop\n\
             \t\tudp dport {port} ct state new add @newcomers6 {{ ip6 saddr and ffff:ffff:ffff:ffff:: limit rate over {rate}/second burst {burst} packets }} counter drop\n\
             \t\tudp dport {port} accept\n",
            rate = RATE.0,
            burst = RATE.1,
        );
    }
    ssh(&mut out, &gateway.firewall.ssh_from);
    out.push_str("\t\tcounter\n\t}\n}\n");
    Ok(out)
}

const HEAD: &str = "\
#!/usr/sbin/nft -f
# Written by `aops firewall`; to load: aops firewall | nft -f -

table inet aops
delete table inet aops

table inet aops {
";

const COUNTED: &str = "
\tset newcomers4 { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 65536; }
\tset newcomers6 { type ipv6_addr; flags dynamic,timeout; timeout 1m; size 65536; }
\tset crowds4 { type ipv4_addr; flags dynamic; size 65536; }
\tset crowds6 { type ipv6_addr; flags dynamic; size 65536; }
";

const INPUT: &str = "
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t\tiif lo accept
\t\tip saddr @blocked4 ip saddr != @allowed4 counter drop
\t\tip6 saddr @blocked6 ip6 saddr != @allowed6 counter drop
\t\tct state established,related accept
";

/// What RFC 4890 § 4.3 and § 4.4 say must or should pass, and its like in IPv4.
const ICMP: &str = "\
\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem } accept
\t\ticmp type echo-request limit rate 20/second burst 50 packets accept
\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
\t\ticmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit { 1, 255 } accept
\t\ticmpv6 type echo-request limit rate 20/second burst 50 packets accept
";

/// The public ports; that of operations is the machine's own.
fn ports(settings: &Settings) -> String {
    let mut ports = [settings.gateway.https.port(), settings.gateway.http.port()];
    ports.sort_unstable();
    ports.map(|port| port.to_string()).join(", ")
}

fn set(out: &mut String, name: &str, nets: &[IpNet]) {
    let v4 = nets.iter().filter(|net| matches!(net, IpNet::V4(_)));
    let v6 = nets.iter().filter(|net| matches!(net, IpNet::V6(_)));
    for (family, kind, nets) in [(4, "ipv4_addr", v4.collect::<Vec<_>>()), (6, "ipv6_addr", v6.collect())] {
        let _ = writeln!(out, "\tset {name}{family} {{\n\t\ttype {kind}; flags interval; auto-merge;");
        if !nets.is_empty() {
            let mut nets: Vec<_> = nets.into_iter().collect();
            nets.sort_unstable();
            nets.dedup();
            let elements: Vec<_> = nets.iter().map(ToString::to_string).collect();
            let _ = writeln!(out, "\t\telements = {{\n\t\t\t{}\n\t\t}}", elements.join(",\n\t\t\t"));
        }
        out.push_str("\t}\n");
    }
}

/// The way in for those who look after the machine: from listed addresses, else slowly from everywhere.
fn ssh(out: &mut String, from: &[IpNet]) {
    if from.is_empty() {
        out.push_str("\t\ttcp dport 22 ct state new limit rate 6/minute burst 6 packets accept\n");
    }
    for net in from {
        let family = if matches!(net, IpNet::V4(_)) { "ip" } else { "ip6" };
        let _ = writeln!(out, "\t\t{family} saddr {net} tcp dport 22 accept");
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    /// Proves p-firewalls.
    #[test]
    fn rules_are_those_of_the_configuration_and_of_its_lists() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("blocklist.txt");
        std::fs::write(&list, "192.0.2.0/24\n198.51.100.7 # one\n2001:db8::/32\n").unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        settings.gateway.blocklist = Some(list.clone());
        settings.gateway.firewall.ssh_from = vec!["203.0.113.0/24".parse().unwrap()];
        insta::assert_snapshot!(rules(&settings, true).unwrap());
        std::fs::write(&list, "rubbish\n").unwrap();
        assert!(rules(&settings, false).is_err());
    }

    #[test]
    fn http3_opens_its_port_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        let without = rules(&settings, false).unwrap();
        settings.gateway.http3 = Some("0.0.0.0:8443".parse().unwrap());
        let with = rules(&settings, false).unwrap();
        let added: Vec<_> = with.lines().filter(|line| !without.contains(line)).collect();
        assert_eq!(added.len(), 3);
        assert!(added.iter().all(|line| line.contains("udp dport 8443 ")), "{added:?}");
    }
}

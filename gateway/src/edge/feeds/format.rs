//! The shapes that lists come in, told apart line by line: a block or an address a line with comments behind `#` or
//! `;` (FireHOL's netsets, Spamhaus' DROP as text), ranges `first-last`, and DROP as a JSON object a line.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde::Deserialize;

use super::Doubt;
use crate::edge::address_filter::parse_block;

/// Blocks of one list at most.
const MOST: usize = 2_000_000;

/// A line of DROP: a block, or at the end what the list says of itself.
#[derive(Deserialize)]
struct Entry {
    cidr: Option<String>,
    records: Option<usize>,
}

/// The blocks of a list.
///
/// # Errors
/// [`Doubt`]: a line that is none of the shapes, or fewer blocks than the list says it has.
pub(super) fn read(text: &str) -> Result<Vec<IpNet>, Doubt> {
    let mut blocks = Vec::new();
    let (mut entries, mut records) = (0, None);
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let wrong = || Doubt::Line(index + 1, line.chars().take(60).collect());
        if line.starts_with('{') {
            let entry: Entry = serde_json::from_str(line).map_err(|_| wrong())?;
            records = entry.records.or(records);
            if let Some(cidr) = entry.cidr {
                blocks.push(parse_block(&cidr).ok_or_else(wrong)?);
                entries += 1;
            }
            continue;
        }
        let bare = line.split(['#', ';']).next().unwrap_or_default().trim();
        if bare.is_empty() {
            continue;
        }
        match parse_block(bare) {
            Some(block) => blocks.push(block),
            None => blocks.extend(range(bare).ok_or_else(wrong)?),
        }
        if blocks.len() > MOST {
            return Err(Doubt::TooMany(MOST));
        }
    }
    match records {
        Some(records) if records != entries => Err(Doubt::Incomplete { told: records, found: entries }),
        _ => Ok(blocks),
    }
}

/// `192.0.2.7-192.0.2.9`.
fn range(text: &str) -> Option<Vec<IpNet>> {
    let (first, last) = text.split_once('-')?;
    match (first.trim().parse().ok()?, last.trim().parse().ok()?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Some(Ipv4Subnets::new(first, last, 0).map(IpNet::from).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Some(Ipv6Subnets::new(first, last, 0).map(IpNet::from).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        read(text).unwrap().iter().map(IpNet::to_string).collect()
    }

    #[test]
    fn lists_are_read_in_the_shapes_in_which_they_are_published() {
        let drop = "; Spamhaus DROP List 2026/11/26\n1.10.16.0/20 ; SBL256894\r\n1.19.0.0/16 ; SBL434604\n";
        assert_eq!(told(drop), ["1.10.16.0/20", "1.19.0.0/16"]);
        let json = "{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n\
                    {\"cidr\":\"2a06:f680::/29\",\"sblid\":\"SBL1\",\"rir\":\"ripe\"}\n\
                    {\"type\":\"metadata\",\"timestamp\":1764151261,\"size\":96,\"records\":2,\"copyright\":\"x\"}\n";
        assert_eq!(told(json), ["1.10.16.0/20", "2a06:f680::/29"]);
        let firehol = "#\n# firehol_level1\n#\n# Entries : 2\n\n5.134.128.0/19\n5.188.11.7\n";
        assert_eq!(told(firehol), ["5.134.128.0/19", "5.188.11.7/32"]);
        assert_eq!(told("1.0.0.254-1.0.1.1 # un intervalle"), ["1.0.0.254/31", "1.0.1.0/31"]);
        assert_eq!(told("\u{feff}1.2.3.4\n"), ["1.2.3.4/32"]);
    }

    #[test]
    fn what_is_no_list_or_not_the_whole_of_one_is_doubted() {
        assert!(matches!(read("<!doctype html>\n"), Err(Doubt::Line(1, _))));
        assert!(matches!(read("1.2.3.0/24\n1.2.3.300\n"), Err(Doubt::Line(2, _))));
        assert!(matches!(read("{\"cidr\":\"1.10.16.0/20\"\n"), Err(Doubt::Line(1, _))));
        assert!(matches!(read("1.2.3.9-1.2.3.1\n"), Err(Doubt::Line(1, _))));
        let cut = "{\"cidr\":\"1.10.16.0/20\"}\n{\"type\":\"metadata\",\"records\":3}\n";
        assert!(matches!(read(cut), Err(Doubt::Incomplete { told: 3, found: 1 })));
    }
}

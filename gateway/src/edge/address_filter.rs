//! Second phase: addresses that are refused before the handshake (`p-ip-blacklist`).
//!
//! Blocks come from a file, read again when it changes, and from bans, which end by themselves.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use prefix_trie::PrefixMap;

/// How often the file is looked at.
const RELOAD_PERIOD: Duration = Duration::from_secs(1);

/// The blocks in force; look-ups never wait for a change.
#[derive(Debug, Default)]
pub struct AddressFilter {
    file: Option<PathBuf>,
    sets: ArcSwap<Sets>,
    sources: Mutex<Sources>,
}

/// A ban, as `aops admin ban list` tells it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ban {
    /// The addresses.
    pub net: IpNet,
    /// The end; none for good.
    pub until: Option<Timestamp>,
}

/// What is wrong with a blocklist file.
#[derive(Debug, thiserror::Error)]
pub enum BlocklistError {
    /// It cannot be read.
    #[error("{path}: {source}; the blocks read before stay in force")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is no address and no CIDR block.
    #[error("{path}:{line}: `{text}` is no address and no CIDR block; the blocks read before stay in force")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

#[derive(Debug, Default)]
struct Sets {
    v4: PrefixMap<Ipv4Net, Option<Timestamp>>,
    v6: PrefixMap<Ipv6Net, Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct Sources {
    listed: Vec<IpNet>,
    bans: Vec<Ban>,
}

impl AddressFilter {
    /// A filter over a blocklist file, with the bans that were in force before a restart.
    ///
    /// # Errors
    /// [`BlocklistError`] when the file exists and is wrong; a missing file blocks nobody.
    pub fn new(file: Option<PathBuf>, bans: Vec<Ban>) -> Result<Self, BlocklistError> {
        let listed = match &file {
            Some(path) if path.exists() => read(path)?,
            _ => Vec::new(),
        };
        let filter = Self { file, sets: ArcSwap::default(), sources: Mutex::new(Sources { listed, bans }) };
        filter.change(|_| ());
        Ok(filter)
    }

    /// Whether an address is refused now: some block in force holds it.
    pub fn refuses(&self, address: IpAddr, now: Timestamp) -> bool {
        let sets = self.sets.load();
        let in_force = |until: &Option<Timestamp>| until.is_none_or(|until| now < until);
        match address.to_canonical() {
            IpAddr::V4(address) => sets.v4.cover(&address.into()).any(|(_, until)| in_force(until)),
            IpAddr::V6(address) => sets.v6.cover(&address.into()).any(|(_, until)| in_force(until)),
        }
    }

    /// Adds a ban, or moves the end of one of the same block.
    pub fn ban(&self, ban: Ban) {
        self.change(|sources| {
            sources.bans.retain(|other| other.net != ban.net);
            sources.bans.push(ban);
        });
    }

    /// Lifts the ban of exactly this block; whether there was one.
    pub fn lift(&self, net: &IpNet) -> bool {
        let mut found = false;
        self.change(|sources| {
            let before = sources.bans.len();
            sources.bans.retain(|ban| ban.net != *net);
            found = sources.bans.len() < before;
        });
        found
    }

    /// The bans that have not ended.
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        let sources = self.sources.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sources.bans.iter().filter(|ban| ban.until.is_none_or(|until| now < until)).cloned().collect()
    }

    /// Reads the file again whenever it changes, for ever; a wrong file changes nothing and is told.
    pub async fn follow(&self) {
        let Some(path) = self.file.clone() else {
            return std::future::pending().await;
        };
        let mut seen = stamp(&path);
        loop {
            tokio::time::sleep(RELOAD_PERIOD).await;
            let found = stamp(&path);
            if found == seen {
                continue;
            }
            seen = found;
            match read(&path) {
                Ok(listed) => {
                    tracing::info!(blocks = listed.len(), "the blocklist was read again");
                    self.change(|sources| sources.listed = listed);
                }
                Err(error) => tracing::error!(%error, "the blocklist was not taken"),
            }
        }
    }

    fn change(&self, act: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut sources);
        let mut sets = Sets::default();
        let listed = sources.listed.iter().map(|net| (*net, None));
        // A block that is both listed and banned stays for good.
        for (net, until) in sources.bans.iter().map(|ban| (ban.net, ban.until)).chain(listed) {
            match net {
                IpNet::V4(net) => drop(sets.v4.insert(net.trunc(), until)),
                IpNet::V6(net) => drop(sets.v6.insert(net.trunc(), until)),
            }
        }
        self.sets.store(std::sync::Arc::new(sets));
    }
}

/// A block from text: `192.0.2.0/24`, `2001:db8::/32`, or one address.
pub fn parse_block(text: &str) -> Option<IpNet> {
    let net = IpNet::from_str(text).ok().or_else(|| Some(IpNet::from(IpAddr::from_str(text).ok()?)))?;
    Some(net.trunc())
}

fn read(path: &Path) -> Result<Vec<IpNet>, BlocklistError> {
    let source = std::fs::read_to_string(path)
        .map_err(|source| BlocklistError::File { path: path.to_owned(), source })?;
    let mut blocks = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let text = line.split(['#', ';']).next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let wrong = || BlocklistError::Line { path: path.to_owned(), line: index + 1, text: text.to_owned() };
        blocks.push(parse_block(text).ok_or_else(wrong)?);
    }
    Ok(blocks)
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn filter(list: &str) -> AddressFilter {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), list).unwrap();
        AddressFilter::new(Some(file.path().to_owned()), Vec::new()).unwrap()
    }

    #[test]
    fn listed_blocks_of_both_families_are_refused_and_their_neighbours_are_not() {
        let filter = filter("# liste\n192.0.2.0/24 ; SBL1\n2001:db8::/32\n198.51.100.7\n");
        for refused in ["192.0.2.0", "192.0.2.255", "2001:db8:ffff::1", "198.51.100.7", "::ffff:192.0.2.9"] {
            assert!(filter.refuses(refused.parse().unwrap(), at(0)), "{refused}");
        }
        for served in ["192.0.3.0", "2001:db9::1", "198.51.100.8"] {
            assert!(!filter.refuses(served.parse().unwrap(), at(0)), "{served}");
        }
    }

    #[test]
    fn a_ban_ends_at_its_instant_and_can_be_lifted() {
        let filter = AddressFilter::default();
        let net = parse_block("203.0.113.0/24").unwrap();
        filter.ban(Ban { net, until: Some(at(100)) });
        let address = "203.0.113.9".parse().unwrap();
        assert!(filter.refuses(address, at(99)));
        assert!(!filter.refuses(address, at(100)));
        assert!(filter.bans(at(100)).is_empty());
        assert!(filter.lift(&net));
        assert!(!filter.lift(&net));
        assert!(!filter.refuses(address, at(99)));
    }

    #[test]
    fn a_narrow_ban_that_ended_does_not_open_a_wider_one() {
        let filter = AddressFilter::default();
        filter.ban(Ban { net: parse_block("203.0.113.0/24").unwrap(), until: None });
        filter.ban(Ban { net: parse_block("203.0.113.9").unwrap(), until: Some(at(10)) });
        assert!(filter.refuses("203.0.113.9".parse().unwrap(), at(20)));
    }

    #[test]
    fn a_wrong_line_is_told_with_its_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "192.0.2.0/24\n300.1.1.1\n").unwrap();
        let error = AddressFilter::new(Some(file.path().to_owned()), Vec::new()).unwrap_err();
        assert!(error.to_string().contains(":2: `300.1.1.1` is no address"), "{error}");
    }
}

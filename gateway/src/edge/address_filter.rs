//! Second phase: addresses that are refused before the handshake (`p-ip-blacklist`).
//!
//! Blocks come from a file, read again when it changes, and from bans, which end by themselves. The addresses of the
//! allow-list are never refused.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use metrics::gauge;
use prefix_trie::PrefixMap;

use crate::edge::blocks::Blocks;
use crate::edge::open_connections::OpenConnections;

/// How often the files are looked at.
const RELOAD_PERIOD: Duration = Duration::from_secs(1);
/// A list from so many blocks on that loses more than half of them looks cut short, and must stand for a while.
const LARGE: usize = 1_000;
/// How long it must stand.
const DOUBT: Duration = Duration::from_secs(60);
/// The largest list, in bytes: past three million blocks.
const LARGEST: u64 = 64 << 20;

/// The blocks in force; look-ups never wait for a change.
#[derive(Debug, Default)]
pub struct AddressFilter {
    files: Files,
    listed: ArcSwap<Listed>,
    banned: ArcSwap<Banned>,
    bans: Mutex<Vec<Ban>>,
}

/// The files that blocks come from.
#[derive(Debug, Default, Clone)]
pub struct Files {
    /// Blocks to refuse.
    pub block: Option<PathBuf>,
    /// Blocks never to refuse.
    pub allow: Option<PathBuf>,
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
    /// It is too large to be one.
    #[error("{path}: {size} bytes, where {LARGEST} are the most; the blocks read before stay in force")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
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
struct Listed {
    block: Blocks,
    allow: Blocks,
    /// As the list of blocks told them.
    count: usize,
}

#[derive(Debug, Default)]
struct Banned {
    v4: PrefixMap<Ipv4Net, Option<Timestamp>>,
    v6: PrefixMap<Ipv6Net, Option<Timestamp>>,
}

impl AddressFilter {
    /// A filter over its files, with the bans that were in force before a restart.
    ///
    /// # Errors
    /// [`BlocklistError`] when a file exists and is wrong; a missing list of blocks blocks nobody.
    pub fn new(files: Files, bans: Vec<Ban>) -> Result<Self, BlocklistError> {
        let listed = ArcSwap::from_pointee(Listed::read(&files)?);
        let filter = Self { files, listed, banned: ArcSwap::default(), bans: Mutex::new(bans) };
        filter.change(|_| ());
        Ok(filter)
    }

    /// Whether an address is refused now: some block in force holds it, and none of the allow-list.
    pub fn refuses(&self, address: IpAddr, now: Timestamp) -> bool {
        let listed = self.listed.load();
        (listed.block.hold(address) || self.banned.load().hold(address, now)) && !listed.allow.hold(address)
    }

    /// Adds a ban, or moves the end of one of the same block.
    pub fn ban(&self, ban: Ban) {
        self.change(|bans| {
            bans.retain(|other| other.net != ban.net);
            bans.push(ban);
        });
    }

    /// Lifts the ban of exactly this block; whether there was one.
    pub fn lift(&self, net: &IpNet) -> bool {
        let mut found = false;
        self.change(|bans| {
            let before = bans.len();
            bans.retain(|ban| ban.net != *net);
            found = bans.len() < before;
        });
        found
    }

    /// The bans that have not ended.
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        let bans = self.bans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        bans.iter().filter(|ban| ban.until.is_none_or(|until| now < until)).cloned().collect()
    }

    /// Reads the files again whenever one changes, for ever, and ends the connections of those refused from then
    /// on; a wrong file changes nothing and is told.
    pub async fn follow(&self, open: &OpenConnections, now: impl Fn() -> Timestamp) {
        let stamps = || [&self.files.block, &self.files.allow].map(|path| path.as_deref().and_then(stamp));
        let mut seen = stamps();
        let mut doubted = None;
        loop {
            tokio::time::sleep(RELOAD_PERIOD).await;
            let found = stamps();
            let settled = doubted.is_some_and(|since: Instant| since.elapsed() >= DOUBT);
            if found == seen && !settled {
                continue;
            }
            if found != seen {
                doubted = None;
            }
            seen = found;
            // A million lines take a while; requests are answered meanwhile.
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || Listed::read(&files)).await;
            match read {
                Ok(Ok(listed)) => {
                    let before = self.listed.load().count;
                    if before >= LARGE && listed.count < before / 2 && !settled {
                        let (blocks, after) = (listed.count, DOUBT);
                        tracing::error!(
                            before,
                            blocks,
                            "the blocklist lost most of its blocks: it is taken if it stays so for {after:?}"
                        );
                        doubted = Some(Instant::now());
                        continue;
                    }
                    doubted = None;
                    tracing::info!(blocks = listed.count, "the blocklist was read again");
                    self.listed.store(Arc::new(listed));
                    let now = now();
                    open.cut(|address| self.refuses(address, now));
                }
                Ok(Err(error)) => tracing::error!(%error, "the blocklist was not taken"),
                Err(error) => tracing::error!(%error, "the blocklist could not be read"),
            }
        }
    }

    fn change(&self, act: impl FnOnce(&mut Vec<Ban>)) {
        let mut bans = self.bans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut bans);
        let mut banned = Banned::default();
        for ban in bans.iter() {
            match ban.net {
                IpNet::V4(net) => drop(banned.v4.insert(net.trunc(), ban.until)),
                IpNet::V6(net) => drop(banned.v6.insert(net.trunc(), ban.until)),
            }
        }
        self.banned.store(Arc::new(banned));
    }
}

impl Banned {
    fn hold(&self, address: IpAddr, now: Timestamp) -> bool {
        let in_force = |until: &Option<Timestamp>| until.is_none_or(|until| now < until);
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.cover(&address.into()).any(|(_, until)| in_force(until)),
            IpAddr::V6(address) => self.v6.cover(&address.into()).any(|(_, until)| in_force(until)),
        }
    }
}

impl Listed {
    fn read(files: &Files) -> Result<Self, BlocklistError> {
        let (block, allow) = (blocks(files.block.as_deref())?, blocks(files.allow.as_deref())?);
        gauge!("blocklist_blocks").set(block.len() as f64);
        Ok(Self {
            count: block.len(),
            block: block.into_iter().collect(),
            allow: allow.into_iter().collect(),
        })
    }
}

/// A block from text: `192.0.2.0/24`, `2001:db8::/32`, or one address.
pub fn parse_block(text: &str) -> Option<IpNet> {
    let net = IpNet::from_str(text).ok().or_else(|| Some(IpNet::from(IpAddr::from_str(text).ok()?)))?;
    Some(net.trunc())
}

/// The blocks of a list; none when it is not configured or not there.
///
/// # Errors
/// [`BlocklistError`].
pub fn blocks(path: Option<&Path>) -> Result<Vec<IpNet>, BlocklistError> {
    match path {
        Some(path) if path.exists() => read(path),
        _ => Ok(Vec::new()),
    }
}

fn read(path: &Path) -> Result<Vec<IpNet>, BlocklistError> {
    let wrong = |source| BlocklistError::File { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(wrong)?.len();
    if size > LARGEST {
        return Err(BlocklistError::Size { path: path.to_owned(), size });
    }
    let source = std::fs::read_to_string(path).map_err(wrong)?;
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
        let files = Files { block: Some(file.path().to_owned()), allow: None };
        AddressFilter::new(files, Vec::new()).unwrap()
    }

    #[test]
    fn the_allow_list_wins_over_blocks_and_bans() {
        let allow = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(allow.path(), "192.0.2.128/25\n").unwrap();
        let files = Files { block: None, allow: Some(allow.path().to_owned()) };
        let filter = AddressFilter::new(files, Vec::new()).unwrap();
        filter.ban(Ban { net: parse_block("192.0.2.0/24").unwrap(), until: None });
        assert!(filter.refuses("192.0.2.1".parse().unwrap(), at(0)));
        assert!(!filter.refuses("192.0.2.129".parse().unwrap(), at(0)));
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
        let error =
            AddressFilter::new(Files { block: Some(file.path().to_owned()), allow: None }, Vec::new())
                .unwrap_err();
        assert!(error.to_string().contains(":2: `300.1.1.1` is no address"), "{error}");
    }
}

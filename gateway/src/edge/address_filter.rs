//! Second phase: addresses that are refused before the handshake (`p-ip-blacklist`).
//!
//! Blocks come from a file and a table of countries, read again when they change, from feeds, and from bans, which end
//! by themselves. The addresses of the allow-list are never refused.

use std::collections::BTreeMap;
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
use serde::Deserialize;

use crate::config::GatewayConfig;
use crate::countries::{Countries, CountriesError, Country};
use crate::edge::blocks::Blocks;
use crate::edge::open_connections::OpenConnections;
use crate::edge::route_class::RouteClass;

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
    files: ArcSwap<Files>,
    /// How the files stood just before they were read first: what changes from then on is read again.
    first: Stamps,
    listed: ArcSwap<Listed>,
    fed: ArcSwap<Blocks>,
    banned: ArcSwap<Banned>,
    bans: Mutex<BTreeMap<IpNet, Ban>>,
}

/// The files that blocks come from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Files {
    /// Blocks to refuse.
    pub block: Option<PathBuf>,
    /// Blocks never to refuse.
    pub allow: Option<PathBuf>,
    /// Countries to refuse.
    pub countries: Option<CountriesConfig>,
}

impl Files {
    /// Those that the `[gateway]` table names.
    pub fn of(gateway: &GatewayConfig) -> Self {
        let countries = gateway.countries.clone();
        Self { block: gateway.blocklist.clone(), allow: gateway.allowlist.clone(), countries }
    }
}

/// The `[gateway.countries]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountriesConfig {
    /// A CSV of `start,end,country`, as `[audience] country_table` has it.
    pub table: PathBuf,
    /// The countries refused, by their two letters (ISO 3166-1).
    pub block: Vec<Country>,
    /// The classes of routes refused to them; without any, they are refused before the handshake.
    #[serde(default)]
    pub classes: Vec<RouteClass>,
}

/// A ban, as `aops admin ban list` tells it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ban {
    /// The addresses.
    pub net: IpNet,
    /// The end; none for good.
    pub until: Option<Timestamp>,
    /// The beginning.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// The jail that pronounced it, if none of the staff did.
    #[serde(default)]
    pub jail: Option<String>,
    /// How many bans in a row this is.
    #[serde(default = "once")]
    pub times: u32,
    /// What for.
    #[serde(default)]
    pub reason: Option<String>,
}

fn once() -> u32 {
    1
}

impl Ban {
    /// A ban by hand.
    pub fn by_hand(net: IpNet, since: Timestamp, until: Option<Timestamp>) -> Self {
        Self { net, until, since: Some(since), jail: None, times: 1, reason: None }
    }

    /// Whether it has not ended.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether a ban of a jail may take its place: not where it would end sooner.
    fn yields_to(&self, other: &Self) -> bool {
        other.jail.is_none() || self.until.is_some_and(|until| other.until.is_none_or(|end| until <= end))
    }
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
    /// The table of countries.
    #[error("[gateway.countries] table: {0}")]
    Countries(#[from] CountriesError),
}

#[derive(Debug, Default)]
struct Listed {
    block: Blocks,
    allow: Blocks,
    /// Countries refused to some classes alone.
    abroad: Blocks,
    /// As the list of blocks told them.
    count: usize,
    /// Ranges of the countries refused.
    countries: usize,
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
        let files = Arc::new(files);
        let first = stamps(&files);
        let listed = Listed::read(&files)?;
        listed.tell();
        let (files, listed) = (ArcSwap::new(files), ArcSwap::from_pointee(listed));
        let bans = bans.into_iter().map(|ban| (ban.net, ban)).collect();
        let filter = Self { files, first, listed, bans: Mutex::new(bans), ..Self::default() };
        filter.change(|_| ());
        Ok(filter)
    }

    /// Whether an address is refused now: some block in force holds it, and none of the allow-list.
    pub fn refuses(&self, address: IpAddr, now: Timestamp) -> bool {
        let listed = self.listed.load();
        (listed.block.hold(address) || self.fed.load().hold(address) || self.banned.load().hold(address, now))
            && !listed.allow.hold(address)
    }

    /// Other files from now on; they are read at the next look.
    pub fn adopt(&self, files: Files) {
        self.files.store(Arc::new(files));
    }

    /// Whether this kind of route is refused to the country of an address.
    pub fn refuses_class(&self, address: IpAddr, class: RouteClass) -> bool {
        let refused = |countries: &CountriesConfig| countries.classes.contains(&class);
        if !self.files.load().countries.as_ref().is_some_and(refused) {
            return false;
        }
        let listed = self.listed.load();
        listed.abroad.hold(address) && !listed.allow.hold(address)
    }

    /// Whether a block holds an address that is never refused.
    pub fn allows_part_of(&self, net: &IpNet) -> bool {
        self.listed.load().allow.meet(net)
    }

    /// Takes the blocks of all feeds in place of those before.
    pub fn feed(&self, blocks: Blocks) {
        self.fed.store(Arc::new(blocks));
    }

    /// Adds bans, or moves the end of those of the same blocks; those of a jail shorten none that stands.
    pub fn ban(&self, new: impl IntoIterator<Item = Ban>, now: Timestamp) {
        self.change(|bans| {
            bans.retain(|_, ban| ban.in_force(now));
            for ban in new {
                if bans.get(&ban.net).is_none_or(|standing| standing.yields_to(&ban)) {
                    bans.insert(ban.net, ban);
                }
            }
        });
    }

    /// Lifts the ban of exactly this block; whether there was one.
    pub fn lift(&self, net: &IpNet) -> bool {
        let mut found = false;
        self.change(|bans| found = bans.remove(net).is_some());
        found
    }

    /// The bans that have not ended.
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        let bans = self.bans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        bans.values().filter(|ban| ban.in_force(now)).cloned().collect()
    }

    /// Reads the files again whenever one changes, for ever, and ends the connections of those refused from then
    /// on; a wrong file changes nothing and is told.
    pub async fn follow(&self, open: &OpenConnections, now: impl Fn() -> Timestamp) {
        let mut seen = self.first;
        let mut doubted = None;
        loop {
            tokio::time::sleep(RELOAD_PERIOD).await;
            let found = stamps(&self.files.load_full());
            let settled = doubted.is_some_and(|since: Instant| since.elapsed() >= DOUBT);
            if found == seen && !settled {
                continue;
            }
            if found != seen {
                doubted = None;
            }
            seen = found;
            // A million lines take a while; requests are answered meanwhile.
            let files = self.files.load_full();
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
                    listed.tell();
                    self.listed.store(Arc::new(listed));
                    let now = now();
                    open.cut(|address| self.refuses(address, now));
                }
                Ok(Err(error)) => tracing::error!(%error, "the blocklist was not taken"),
                Err(error) => tracing::error!(%error, "the blocklist could not be read"),
            }
        }
    }

    fn change(&self, act: impl FnOnce(&mut BTreeMap<IpNet, Ban>)) {
        let mut bans = self.bans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut bans);
        let mut banned = Banned::default();
        gauge!("blocklist_blocks", "source" => "bans").set(bans.len() as f64);
        for ban in bans.values() {
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
        let count = block.len();
        let (mut block, mut abroad): (Blocks, _) = (block.into_iter().collect(), Blocks::default());
        let mut countries = 0;
        if let Some(config) = &files.countries {
            let refused = Blocks::of_ranges(Countries::read(&config.table)?.ranges(&config.block));
            countries = refused.ranges();
            match config.classes.is_empty() {
                true => block = Blocks::union([&block, &refused]),
                false => abroad = refused,
            }
        }
        Ok(Self { block, allow: allow.into_iter().collect(), abroad, count, countries })
    }

    fn tell(&self) {
        gauge!("blocklist_blocks", "source" => "file").set(self.count as f64);
        gauge!("blocklist_blocks", "source" => "countries").set(self.countries as f64);
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

/// How the files stand, and which they are.
type Stamps = ([Option<(SystemTime, u64)>; 3], usize);

fn stamps(files: &Arc<Files>) -> Stamps {
    let table = files.countries.as_ref().map(|countries| &countries.table);
    let stamped = [files.block.as_ref(), files.allow.as_ref(), table].map(|path| stamp(path?));
    // Other files, or other countries, are another list.
    (stamped, Arc::as_ptr(files) as usize)
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

    fn banned(net: &str, until: Option<i64>) -> Ban {
        Ban::by_hand(parse_block(net).unwrap(), at(0), until.map(at))
    }

    fn filter(list: &str) -> AddressFilter {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), list).unwrap();
        let files = Files { block: Some(file.path().to_owned()), ..Files::default() };
        AddressFilter::new(files, Vec::new()).unwrap()
    }

    #[test]
    fn the_allow_list_wins_over_blocks_and_bans() {
        let allow = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(allow.path(), "192.0.2.128/25\n").unwrap();
        let files = Files { allow: Some(allow.path().to_owned()), ..Files::default() };
        let filter = AddressFilter::new(files, Vec::new()).unwrap();
        filter.ban([banned("192.0.2.0/24", None)], at(0));
        assert!(filter.refuses("192.0.2.1".parse().unwrap(), at(0)));
        assert!(!filter.refuses("192.0.2.129".parse().unwrap(), at(0)));
    }

    /// Proves p-ip-blacklist.
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
        filter.ban([banned("203.0.113.0/24", Some(100))], at(0));
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
        filter.ban([banned("203.0.113.0/24", None)], at(0));
        filter.ban([banned("203.0.113.9", Some(10))], at(0));
        assert!(filter.refuses("203.0.113.9".parse().unwrap(), at(20)));
    }

    #[test]
    fn a_jail_shortens_no_ban_that_stands_and_staff_may() {
        let filter = AddressFilter::default();
        let jailed = |until| Ban { jail: Some("trap".into()), ..banned("192.0.2.1", Some(until)) };
        let ends = |filter: &AddressFilter| filter.bans(at(0)).first().and_then(|ban| ban.until);
        filter.ban([banned("192.0.2.1", Some(100))], at(0));
        filter.ban([jailed(50)], at(0));
        assert_eq!(ends(&filter), Some(at(100)));
        filter.ban([jailed(200)], at(0));
        assert_eq!(ends(&filter), Some(at(200)));
        filter.ban([banned("192.0.2.1", Some(10))], at(0));
        assert_eq!(ends(&filter), Some(at(10)));
        filter.ban([banned("192.0.2.1", None), jailed(500)], at(0));
        assert_eq!(ends(&filter), None);
    }

    #[test]
    fn countries_are_refused_whole_or_for_some_kinds_of_route() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("countries.csv");
        std::fs::write(&table, "192.0.2.0,192.0.2.255,XX\n198.51.100.0,198.51.100.255,FR\n").unwrap();
        let filter = |classes| {
            let countries = CountriesConfig {
                table: table.clone(),
                block: vec!["XX".to_owned().try_into().unwrap()],
                classes,
            };
            AddressFilter::new(Files { countries: Some(countries), ..Files::default() }, Vec::new()).unwrap()
        };
        let [abroad, here] = ["192.0.2.7", "198.51.100.7"].map(|address| address.parse().unwrap());
        let whole = filter(Vec::new());
        assert!(whole.refuses(abroad, at(0)) && !whole.refuses(here, at(0)));
        let some = filter(vec![RouteClass::SignIn]);
        assert!(!some.refuses(abroad, at(0)));
        assert!(
            some.refuses_class(abroad, RouteClass::SignIn) && !some.refuses_class(abroad, RouteClass::Pages)
        );
        assert!(!some.refuses_class(here, RouteClass::SignIn));
    }

    #[tokio::test]
    async fn a_change_between_the_first_reading_and_the_first_look_is_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let files = Files { block: Some(file.path().to_owned()), ..Files::default() };
        let (filter, open) = (AddressFilter::new(files, Vec::new()).unwrap(), OpenConnections::default());
        std::fs::write(file.path(), "192.0.2.0/24\n").unwrap();
        let taken = async {
            while !filter.refuses("192.0.2.7".parse().unwrap(), at(0)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let taken = tokio::time::timeout(Duration::from_secs(60), taken);
        tokio::select! {
            () = filter.follow(&open, || at(0)) => panic!("it goes on for ever"),
            taken = taken => taken.unwrap(),
        }
    }

    #[test]
    fn a_wrong_line_is_told_with_its_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "192.0.2.0/24\n300.1.1.1\n").unwrap();
        let error =
            AddressFilter::new(Files { block: Some(file.path().to_owned()), ..Files::default() }, Vec::new())
                .unwrap_err();
        assert!(error.to_string().contains(":2: `300.1.1.1` is no address"), "{error}");
    }
}

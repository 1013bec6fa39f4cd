//! Bans: kept in the store so that they outlive a restart, and put in force at once where the gateway runs.
//!
//! A ban of a jail stays in the store past its end, for as long as its offender is remembered.

use ipnet::IpNet;
use jiff::Timestamp;
use metrics::counter;

use crate::app::{App, SharedApp};
use crate::edge::address_filter::{Ban, parse_block};
use crate::edge::feeds;
use crate::edge::jails::Sentence;
use crate::store::{Batch, Expect, Scan, Store, StoreError};

const BANS: &str = "bans";
const PARTITION: &str = "edge";
/// Documents read at once.
const PAGE: usize = 1_000;
/// Sentences carried out at once.
const TOGETHER: usize = 256;
/// Bans of jails in force at once; past them limits must do.
const MOST_JAILED: usize = 16_384;

/// A ban that was made, and what staff should know of it.
pub(super) struct Added {
    pub(super) ban: Ban,
    /// Some of its addresses stay served: they are on the allow-list.
    pub(super) partly_allowed: bool,
}

/// Why there is no ban.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unbanned {
    /// The text is no block.
    NoBlock,
    /// It is too much of the world.
    TooWide,
}

/// The bans that have not ended, as the store knows them.
///
/// # Errors
/// [`StoreError`]; a ban that cannot be read is [`StoreError::Damaged`].
pub async fn stored(store: &dyn Store, now: Timestamp) -> Result<Vec<Ban>, StoreError> {
    let mut bans = remembered(store).await?;
    bans.retain(|ban| ban.in_force(now));
    Ok(bans)
}

/// Those too that have ended and are remembered; what the gateway starts with.
///
/// # Errors
/// As [`stored`].
pub async fn remembered(store: &dyn Store) -> Result<Vec<Ban>, StoreError> {
    let mut bans = Vec::new();
    let mut after = None;
    loop {
        let partition = Some(PARTITION.to_owned());
        let page = store
            .scan(Scan { collection: BANS, partition, prefix: String::new(), after, limit: PAGE })
            .await?;
        for (address, stored) in page.documents {
            let ban = serde_json::from_slice(&stored.body);
            bans.push(ban.map_err(|error| StoreError::Damaged { address, why: error.to_string() })?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(bans);
        }
    }
}

/// Bans a block, or moves the end of its ban.
///
/// # Errors
/// [`StoreError`]: nothing is in force then.
pub(super) async fn add(
    app: &App,
    block: &str,
    until: Option<Timestamp>,
) -> Result<Result<Added, Unbanned>, StoreError> {
    let Some(net) = parse_block(block) else {
        return Ok(Err(Unbanned::NoBlock));
    };
    if feeds::too_wide(&net) {
        return Ok(Err(Unbanned::TooWide));
    }
    let now = app.clock.now();
    let ban = Ban::by_hand(net, now, until);
    app.store.commit(put(Batch::new(PARTITION), &ban, until)?).await?;
    enforce(app, vec![ban.clone()], now);
    Ok(Ok(Added { ban, partly_allowed: app.blocklist.allows_part_of(&net) }))
}

/// Lifts the ban of exactly this block, and forgets what its clients did; whether there was one, or none when the text
/// is no block.
///
/// # Errors
/// [`StoreError`]: the ban stays in force then.
pub(super) async fn remove(app: &App, block: &str) -> Result<Option<bool>, StoreError> {
    let Some(net) = parse_block(block) else {
        return Ok(None);
    };
    app.store.commit(Batch::new(PARTITION).delete(BANS, net.to_string(), Expect::Anything)).await?;
    app.jails.pardon(&net);
    let now = app.clock.now();
    let in_force = app.blocklist.bans(now).iter().any(|ban| ban.net == net);
    Ok(Some(app.blocklist.lift(&net) && in_force))
}

/// Carries out what the jails pronounce, for ever.
pub async fn carry_out(app: SharedApp) {
    let Some(mut sentences) = app.jails.sentences() else { return };
    let mut pronounced = Vec::with_capacity(TOGETHER);
    while sentences.recv_many(&mut pronounced, TOGETHER).await > 0 {
        let bans = pronounce(&app, pronounced.drain(..));
        let batch = bans.iter().try_fold(Batch::new(PARTITION), |batch, ban| {
            put(batch, ban, ban.until.and_then(|until| until.saturating_add(app.jails.memory()).ok()))
        });
        // In force first: the store may take its time, or be away.
        enforce(&app, bans, app.clock.now());
        let written = async { app.store.commit(batch?).await };
        if let Err(error) = written.await {
            tracing::error!(%error, "bans of the jails are in force, but will not outlive a restart");
        }
    }
}

/// The bans that sentences mean; none for those who are never refused, and none where too many are in force.
fn pronounce(app: &App, sentences: impl Iterator<Item = Sentence>) -> Vec<Ban> {
    let now = app.clock.now();
    let standing = app.blocklist.bans(now);
    let mut room = MOST_JAILED.saturating_sub(standing.iter().filter(|ban| ban.jail.is_some()).count());
    let mut bans: Vec<Ban> = Vec::new();
    for sentence in sentences {
        let net = sentence.client.net();
        // Already out, and offending on a connection that is just being cut.
        let out = app.blocklist.refuses(net.addr(), now) || bans.iter().any(|ban| ban.net == net);
        if out || app.blocklist.allows_part_of(&net) {
            continue;
        }
        if room == 0 {
            counter!("jail_bans_total", "jail" => "full").increment(1);
            continue;
        }
        room -= 1;
        let ban = app.jails.ban(sentence, now);
        counter!("jail_bans_total", "jail" => sentence.offence.label()).increment(1);
        tracing::warn!(
            client = %crate::edge::prefix::Truncated(net.addr()),
            jail = sentence.offence.label(),
            times = ban.times,
            until = ban.until.map(tracing::field::display),
            "a client is jailed"
        );
        bans.push(ban);
    }
    bans
}

/// Puts bans in force, on open connections too.
fn enforce(app: &App, bans: Vec<Ban>, now: Timestamp) {
    if bans.is_empty() {
        return;
    }
    let nets: Vec<IpNet> = bans.iter().map(|ban| ban.net).collect();
    app.blocklist.ban(bans, now);
    app.connections.cut(|address| {
        let address = address.to_canonical();
        nets.iter().any(|net| net.contains(&address)) && app.blocklist.refuses(address, now)
    });
}

fn put(batch: Batch, ban: &Ban, expires: Option<Timestamp>) -> Result<Batch, StoreError> {
    let body = serde_json::to_vec(ban).map_err(|error| StoreError::Away(error.to_string()))?;
    Ok(batch.put(BANS, ban.net.to_string(), Expect::Anything, body, expires))
}

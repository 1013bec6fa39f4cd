//! Bans: kept in the store so that they outlive a restart, and put in force at once where the gateway runs.

use jiff::Timestamp;

use crate::app::App;
use crate::edge::address_filter::{Ban, parse_block};
use crate::store::{Batch, Expect, Scan, Store, StoreError};

const BANS: &str = "bans";
const PARTITION: &str = "edge";
/// Documents read at once.
const PAGE: usize = 1_000;

/// The bans that have not ended, as the store knows them; what the gateway starts with.
///
/// # Errors
/// [`StoreError`]; a ban that cannot be read is [`StoreError::Damaged`].
pub async fn stored(store: &dyn Store) -> Result<Vec<Ban>, StoreError> {
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

/// Bans a block, or moves the end of its ban; none when the text is no block.
///
/// # Errors
/// [`StoreError`]: nothing is in force then.
pub(super) async fn add(app: &App, block: &str, until: Option<Timestamp>) -> Result<Option<Ban>, StoreError> {
    let Some(net) = parse_block(block) else {
        return Ok(None);
    };
    let ban = Ban { net, until };
    let body = serde_json::to_vec(&ban).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let batch = Batch::new(PARTITION).put(BANS, net.to_string(), Expect::Anything, body, until);
    app.store.commit(batch).await?;
    app.blocklist.ban(ban.clone());
    let now = app.clock.now();
    app.connections.cut(|address| net.contains(&address) && app.blocklist.refuses(address, now));
    Ok(Some(ban))
}

/// Lifts the ban of exactly this block; whether there was one, or none when the text is no block.
///
/// # Errors
/// [`StoreError`]: the ban stays in force then.
pub(super) async fn remove(app: &App, block: &str) -> Result<Option<bool>, StoreError> {
    let Some(net) = parse_block(block) else {
        return Ok(None);
    };
    app.store.commit(Batch::new(PARTITION).delete(BANS, net.to_string(), Expect::Anything)).await?;
    Ok(Some(app.blocklist.lift(&net)))
}

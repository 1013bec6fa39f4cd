//! The distributed side of the store: Valkey or Redis, one server or a cluster.
//!
//! A partition is a hash tag, so it lies on one node, where a script applies a batch whole or not at all. Each batch has
//! an id, which its partition remembers for a minute: after a lost answer it is asked again and not applied twice. What
//! was acknowledged is in the server's append-only file, and where replicas are asked for, in their memory as well.
//! A server that has lost documents is told as such: the index knows which partitions were written, and
//! `data/store.identity` which store it was. What ends is judged by the clock port; the server's clock decides nothing.

mod copying;
mod fault;
mod following;
mod identity;
mod index;
mod layout;
mod link;
mod partition;
mod requirements;
mod script;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use tokio::sync::{OnceCell, broadcast, mpsc};
use tokio::task::AbortHandle;

use self::fault::odd;
use self::index::Index;
use self::layout::{ENDS, Names, decode};
use self::link::Link;
use self::partition::{AT_ONCE, Applied, Shared, past, written};
use self::script::{Call, READ};
use super::watch::WAITING;
use super::{Address, Batch, Copied, Page, Scan, Store, StoreError, Stored, Watch};
use crate::clock::Clock;
use crate::valkey::Valkey;

/// The longest that the server is waited for, whatever it takes to reach it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections for writes where replicas confirm: whoever waits for them holds up what comes after on the same one.
const WRITERS: usize = 8;

/// The distributed store.
pub struct ValkeyStore {
    shared: Arc<Shared>,
    follower: OnceCell<AbortHandle>,
}

impl ValkeyStore {
    /// Opens the store of a server, which `folder` knows afterwards.
    ///
    /// # Errors
    /// [`StoreError`] when the server is away or would lose what it acknowledges, or when it is not the one that
    /// `folder` knows.
    pub async fn open(
        server: &Valkey,
        replicas: u32,
        folder: &Path,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::with(server, replicas, folder, clock, PATIENCE).await
    }

    async fn with(
        server: &Valkey,
        replicas: u32,
        folder: &Path,
        clock: Clock,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let known = identity::known(folder)?;
        let reads = Link::new(server.clone().with_patience(patience), 0, patience);
        let index = Index::open(&reads, known.as_deref(), &identity::random()?).await?;
        if known.is_none() {
            identity::remember(folder, index.identity())?;
        }
        Ok(Self::of(server, replicas, index, clock, patience))
    }

    /// Whether a data folder knows a store on a server.
    pub fn is_known(folder: &Path) -> bool {
        // One that cannot be read is told when it is opened.
        !matches!(identity::known(folder), Ok(None))
    }

    /// What is wrong with a server that could be reached, each with what to do about it; nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be looked at.
    pub async fn faults(server: &Valkey, replicas: u32, folder: &Path) -> Result<Vec<String>, StoreError> {
        let of = |error| fault::of(&error).into_error();
        let connection = server.clone().with_patience(PATIENCE).connect().await.map_err(of)?;
        let mut faults =
            requirements::faults(&connection, replicas, server.is_encrypted()).await.map_err(of)?;
        if let Some(known) = identity::known(folder)? {
            let link = Link::new(server.clone().with_patience(PATIENCE), 0, PATIENCE);
            if let Err(error) = Index::at(known).knows(&link, "").await {
                faults.push(error.to_string());
            }
        }
        Ok(faults)
    }

    /// Takes an empty server for a backup to be restored into; [`Self::restored`] ends it.
    ///
    /// # Errors
    /// [`StoreError`] when a store stands there.
    pub async fn restoring(server: &Valkey, replicas: u32, clock: Clock) -> Result<Self, StoreError> {
        let reads = Link::new(server.clone().with_patience(PATIENCE), 0, PATIENCE);
        let index = Index::restoring(&reads, &identity::random()?).await?;
        Ok(Self::of(server, replicas, index, clock, PATIENCE))
    }

    /// The restore has ended: `folder` knows the store from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restored(self, folder: &Path) -> Result<(), StoreError> {
        let index = self.shared.index.restored(&self.shared.reads).await?;
        identity::remember(folder, index.identity())
    }

    fn of(server: &Valkey, replicas: u32, index: Index, clock: Clock, patience: Duration) -> Self {
        let link = |replicas| Link::new(server.clone().with_patience(patience), replicas, patience);
        let writers = if replicas == 0 { 1 } else { WRITERS };
        let shared = Shared {
            reads: link(0),
            writes: (0..writers).map(|_| link(replicas)).collect(),
            index,
            clock,
            told: broadcast::Sender::new(WAITING),
        };
        Self { shared: Arc::new(shared), follower: OnceCell::new() }
    }
}

impl Drop for ValkeyStore {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get() {
            follower.abort();
        }
    }
}

#[async_trait]
impl Store for ValkeyStore {
    async fn read(&self, address: &Address) -> Result<Option<Stored>, StoreError> {
        let shared = &self.shared;
        let names = Names::of(&address.partition);
        let call = Call::on([names.about(), names.documents(address.collection)]).with(&address.key);
        let found = shared.ask(&address.partition, &READ, &call).await?.bytes()?;
        let Some(value) = found else { return Ok(None) };
        let damaged = || StoreError::Damaged { address: address.clone(), why: "it has no head".into() };
        let now = shared.clock.now();
        let stored = decode(&value).ok_or_else(damaged)?;
        Ok(Some(stored).filter(|stored| stored.expires.is_none_or(|end| end > now)))
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let writes: Vec<_> = batch.writes.iter().map(written).collect();
        match self.shared.apply(&batch.partition, &writes).await? {
            Applied::Yes(_) => Ok(()),
            Applied::Conflict(place) => {
                let at = batch.writes.get(place).ok_or_else(odd)?;
                Err(StoreError::Conflict(Address::new(at.collection, batch.partition, &at.key)))
            }
        }
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StoreError> {
        let wanted = scan.limit.saturating_add(1);
        let mut documents = match &scan.partition {
            Some(partition) => self.shared.page(&scan, partition, wanted).await?,
            None => self.shared.everywhere(&scan, wanted).await?,
        };
        let more = documents.len() > scan.limit;
        documents.truncate(scan.limit);
        let next = documents.last().filter(|_| more).map(|(address, _)| address.clone());
        Ok(Page { documents, next })
    }

    async fn count(&self, collection: &'static str, partition: Option<&str>) -> Result<u64, StoreError> {
        if let Some(partition) = partition {
            return self.shared.count(collection, partition).await;
        }
        let (mut sum, mut from) = (0, String::new());
        loop {
            let found = self.shared.index.holding(&self.shared.reads, collection, &from, AT_ONCE).await?;
            let counts = found.iter().map(|partition| self.shared.count(collection, partition));
            sum += try_join_all(counts).await?.into_iter().sum::<u64>();
            match found.last() {
                Some(last) if found.len() == AT_ONCE => from = past(last),
                _ => return Ok(sum),
            }
        }
    }

    async fn watch(&self, collection: &'static str) -> Result<Watch, StoreError> {
        self.follower.get_or_try_init(|| following::start(&self.shared)).await?;
        Ok(Watch::new(collection, self.shared.told.subscribe()))
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let (mut swept, mut from) = (0, String::new());
        let now = self.shared.clock.now().as_second().to_string();
        loop {
            let found = self.shared.index.holding(&self.shared.reads, ENDS, &from, AT_ONCE).await?;
            for partition in &found {
                if swept < limit {
                    swept += self.shared.sweep(partition, &now, limit - swept).await?;
                }
            }
            match found.last() {
                Some(last) if found.len() == AT_ONCE && swept < limit => from = past(last),
                _ => return Ok(swept),
            }
        }
    }

    async fn copy(&self, to: mpsc::Sender<Copied>) -> Result<(), StoreError> {
        copying::copy(&self.shared, &to).await
    }

    async fn load(&self, copied: Vec<Copied>) -> Result<(), StoreError> {
        copying::load(&self.shared, &copied).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.shared.index.ready(&self.shared.reads).await
    }
}

//! From one master key to the next: the store is opened under both, every key is wrapped anew, the old one is let go.
//!
//! Three documents guard this. `check` is wrapped under the key that the whole store can be read with; `rolling`,
//! from the moment a newer key may have wrapped anything, under that one; both must open, so that a store half-way
//! is never served with one key. `root` holds what look-ups follow from, which a roll must not change.

use futures::{StreamExt, stream};

use super::{KEY_BYTES, MasterKey, SealError, Sealer, authenticated, hex, random};
use crate::store::{Address, Batch, Expect, Scan, Store, StoreError};

const KEYS: &str = "keys";
pub(crate) const PARTITION: &str = "system";
const CHECK: &str = "check";
const ROLLING: &str = "rolling";
pub(crate) const ROOT: &str = "root";
/// Keys read at once, and wrapped at once.
const PAGE: usize = 256;
const AT_ONCE: usize = 64;

/// What became of one key.
enum Outcome {
    Rolled,
    Already,
    Unreadable,
    Erased,
}

/// What a roll did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rolled {
    /// Keys wrapped under the new key now.
    pub rolled: u64,
    /// Keys that were so already.
    pub already: u64,
    /// Keys that no given master key opens; while there is one, the roll does not end.
    pub unreadable: u64,
    /// Whether the old key may be taken away.
    pub ended: bool,
}

impl Sealer {
    /// The sealer of a store, made sure of; a new store remembers its key.
    ///
    /// # Errors
    /// [`SealError::WrongMaster`] and [`SealError::HalfRolled`] when keys are missing; nothing was written then.
    pub async fn open(masters: Vec<MasterKey>, store: &dyn Store) -> Result<Self, SealError> {
        let mut sealer = Self::new(masters)?;
        let read = async |key| store.read(&Address::new(KEYS, PARTITION, key)).await;
        let check = read(CHECK).await?;
        if let Some(check) = &check {
            sealer.bare(CHECK, &check.body).map_err(|_| SealError::WrongMaster)?;
        }
        let rolling = read(ROLLING).await?;
        if let Some(rolling) = &rolling {
            sealer.bare(ROLLING, &rolling.body).map_err(|_| SealError::HalfRolled)?;
        }
        let mut batch = Batch::new(PARTITION);
        if let Some(root) = read(ROOT).await? {
            sealer.root = sealer.bare(ROOT, &root.body).map_err(|_| SealError::HalfRolled)?;
        } else {
            // A store from before there was a root: all in it was derived from the key that it was written with,
            // whatever the order in which keys are given now.
            let before = check.as_ref().and_then(|check| sealer.wrapper(&check.body));
            if let Some(root) = before.map(|(master, _)| master.bytes.clone()) {
                sealer.root = root;
            }
            batch = batch.put(KEYS, ROOT, Expect::Absent, sealer.wrap(ROOT, &sealer.root)?, None);
        }
        match &check {
            None => batch = batch.put(KEYS, CHECK, Expect::Absent, sealer.fresh(CHECK)?, None),
            // From now on the newer key wraps: the old one alone must not open this store any more.
            Some(check) if rolling.is_none() && !sealer.is_current(&check.body) => {
                batch = batch.put(KEYS, ROLLING, Expect::Absent, sealer.fresh(ROLLING)?, None);
            }
            Some(_) => {}
        }
        if !batch.writes.is_empty() {
            store.commit(batch).await?;
        }
        Ok(sealer)
    }

    /// Wraps every key under the first master key. It may be killed and begun again, and runs beside a gateway.
    ///
    /// # Errors
    /// [`SealError::OneKey`] when there is nothing to roll to; the store's own.
    pub async fn roll(&self, store: &dyn Store) -> Result<Rolled, SealError> {
        let mut done = Rolled::default();
        let check = Address::new(KEYS, PARTITION, CHECK);
        let standing = store.read(&check).await?;
        if self.masters.len() < 2 && standing.as_ref().is_some_and(|check| self.is_current(&check.body)) {
            return Err(SealError::OneKey);
        }
        let mut after = None;
        loop {
            let scan = Scan { collection: KEYS, partition: None, prefix: String::new(), after, limit: PAGE };
            let page = store.scan(scan).await?;
            // Many at once share one sync of the disk.
            let each = page.documents.into_iter().map(|(address, _)| address).filter(|at| *at != check);
            let mut outcomes =
                stream::iter(each.map(|address| self.roll_one(store, address))).buffer_unordered(AT_ONCE);
            while let Some(outcome) = outcomes.next().await {
                match outcome? {
                    Outcome::Rolled => done.rolled += 1,
                    Outcome::Already => done.already += 1,
                    Outcome::Unreadable => done.unreadable += 1,
                    Outcome::Erased => {}
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if done.unreadable > 0 {
            tracing::error!(
                keys = done.unreadable,
                "keys that no master key opens keep the roll from ending"
            );
            return Ok(done);
        }
        let expect = standing.map_or(Expect::Absent, |standing| Expect::Version(standing.version));
        let batch = Batch::new(PARTITION).put(KEYS, CHECK, expect, self.fresh(CHECK)?, None).delete(
            KEYS,
            ROLLING,
            Expect::Anything,
        );
        store.commit(batch).await?;
        done.ended = true;
        Ok(done)
    }

    async fn roll_one(&self, store: &dyn Store, address: Address) -> Result<Outcome, SealError> {
        loop {
            let Some(stored) = store.read(&address).await? else { return Ok(Outcome::Erased) };
            let Ok(key) = self.bare(&address.key, &stored.body) else { return Ok(Outcome::Unreadable) };
            if self.is_current(&stored.body) {
                return Ok(Outcome::Already);
            }
            let wrapped = self.wrap(&address.key, &key)?;
            let expect = Expect::Version(stored.version);
            let batch =
                Batch::new(&address.partition).put(KEYS, &address.key, expect, wrapped, stored.expires);
            match store.commit(batch).await {
                Ok(()) => return Ok(Outcome::Rolled),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What may be told of a key once it is destroyed: by this a backup's copy of it is known, and nothing else.
    ///
    /// # Errors
    /// [`SealError::Unreadable`].
    pub fn tombstone(&self, subject: &str, wrapped: &[u8]) -> Result<String, SealError> {
        let key = self.bare(subject, wrapped)?;
        Ok(hex(&authenticated(&self.derive("erased"), &[key.as_slice()])))
    }

    /// Takes the root that another store has for its own.
    pub(crate) fn follow(&mut self, wrapped: &[u8]) -> Result<(), SealError> {
        self.root = self.bare(ROOT, wrapped)?;
        Ok(())
    }

    /// Something of no use but to be opened.
    fn fresh(&self, name: &str) -> Result<Vec<u8>, SealError> {
        self.wrap(name, &random::<KEY_BYTES>()?)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::clock::Clock;
    use crate::store::RedbStore;

    fn masters(bytes: &[u8]) -> Vec<MasterKey> {
        let key = |byte: &u8| MasterKey::from_base64(&STANDARD.encode([*byte; KEY_BYTES]), "test").unwrap();
        bytes.iter().map(key).collect()
    }

    fn store(folder: &std::path::Path) -> RedbStore {
        RedbStore::open(&folder.join("a.redb"), Clock::default()).unwrap()
    }

    async fn subject(sealer: &Sealer, store: &dyn Store, name: &str) {
        let (_, wrapped) = sealer.new_subject_key(name).unwrap();
        let batch = Batch::new("p").put(KEYS, name, Expect::Absent, wrapped, None);
        store.commit(batch).await.unwrap();
    }

    async fn opens(sealer: &Sealer, store: &dyn Store, name: &str) -> bool {
        let stored = store.read(&Address::new(KEYS, "p", name)).await.unwrap().unwrap();
        sealer.unwrap(name, &stored.body).is_ok()
    }

    #[tokio::test]
    async fn a_roll_leaves_the_old_key_without_use_and_look_ups_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let old = Sealer::open(masters(&[1]), &store).await.unwrap();
        for n in 0..600 {
            subject(&old, &store, &format!("s{n}")).await;
        }
        assert!(matches!(old.roll(&store).await, Err(SealError::OneKey)));
        let both = Sealer::open(masters(&[2, 1]), &store).await.unwrap();
        subject(&both, &store, "new").await;
        let done = both.roll(&store).await.unwrap();
        // `root` among the first, `rolling` among the others.
        assert_eq!(done, Rolled { rolled: 601, already: 2, unreadable: 0, ended: true });
        assert!(matches!(Sealer::open(masters(&[1]), &store).await, Err(SealError::WrongMaster)));
        let new = Sealer::open(masters(&[2]), &store).await.unwrap();
        assert_eq!(new.lookup("x", "y"), old.lookup("x", "y"));
        assert_eq!(new.derive("tokens"), old.derive("tokens"));
        for name in ["s0", "s599", "new"] {
            assert!(opens(&new, &store, name).await, "{name}");
        }
    }

    #[tokio::test]
    async fn a_store_from_before_there_was_a_root_keeps_its_look_ups_through_a_roll() {
        for given in [&[1][..], &[2, 1], &[1, 2]] {
            let folder = tempfile::tempdir().unwrap();
            let store = store(folder.path());
            let mut before = Sealer::open(masters(&[1]), &store).await.unwrap();
            before.root = before.masters[0].bytes.clone();
            let gone = Batch::new(PARTITION).delete(KEYS, ROOT, Expect::Anything);
            store.commit(gone).await.unwrap();
            let migrated = Sealer::open(masters(given), &store).await.unwrap();
            assert_eq!(migrated.lookup("x", "y"), before.lookup("x", "y"), "{given:?}");
            Sealer::open(masters(&[2, 1]), &store).await.unwrap().roll(&store).await.unwrap();
            let rolled = Sealer::open(masters(&[2]), &store).await.unwrap();
            assert_eq!(rolled.lookup("x", "y"), before.lookup("x", "y"), "{given:?}");
        }
    }

    #[tokio::test]
    async fn the_root_of_a_new_store_follows_from_no_master_key() {
        let [one, two] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, two] = [store(one.path()), store(two.path())];
        let first = Sealer::open(masters(&[1]), &one).await.unwrap();
        let other = Sealer::open(masters(&[1]), &two).await.unwrap();
        assert_ne!(first.derive("tokens"), other.derive("tokens"));
        let again = Sealer::open(masters(&[1]), &one).await.unwrap();
        assert_eq!(first.derive("tokens"), again.derive("tokens"));
    }

    #[tokio::test]
    async fn a_store_half_rolled_opens_with_both_keys_alone_and_the_roll_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let old = Sealer::open(masters(&[1]), &store).await.unwrap();
        for name in ["a", "b", "c"] {
            subject(&old, &store, name).await;
        }
        let both = Sealer::open(masters(&[2, 1]), &store).await.unwrap();
        // As far as a kill let it come.
        both.roll_one(&store, Address::new(KEYS, "p", "a")).await.unwrap();
        let before = store.count(KEYS, None).await.unwrap();
        assert!(matches!(Sealer::open(masters(&[1]), &store).await, Err(SealError::HalfRolled)));
        assert!(matches!(Sealer::open(masters(&[2]), &store).await, Err(SealError::WrongMaster)));
        assert!(matches!(Sealer::open(masters(&[3]), &store).await, Err(SealError::WrongMaster)));
        assert_eq!(store.count(KEYS, None).await.unwrap(), before, "a refusal writes nothing");
        let again = Sealer::open(masters(&[2, 1]), &store).await.unwrap();
        assert!(opens(&again, &store, "a").await && opens(&again, &store, "b").await);
        let done = again.roll(&store).await.unwrap();
        assert_eq!(done, Rolled { rolled: 3, already: 2, unreadable: 0, ended: true });
        assert!(Sealer::open(masters(&[2]), &store).await.is_ok());
    }

    #[tokio::test]
    async fn a_key_that_nothing_opens_is_told_and_the_others_are_rolled() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let old = Sealer::open(masters(&[1]), &store).await.unwrap();
        subject(&old, &store, "a").await;
        subject(&old, &store, "b").await;
        let place = Address::new(KEYS, "p", "a");
        let mut body = store.read(&place).await.unwrap().unwrap().body;
        body[40] ^= 1;
        store.commit(Batch::new("p").put(KEYS, "a", Expect::Anything, body, None)).await.unwrap();
        let both = Sealer::open(masters(&[2, 1]), &store).await.unwrap();
        let done = both.roll(&store).await.unwrap();
        assert_eq!((done.rolled, done.unreadable, done.ended), (2, 1, false));
        assert!(matches!(Sealer::open(masters(&[2]), &store).await, Err(SealError::WrongMaster)));
        assert!(opens(&both, &store, "b").await);
    }
}

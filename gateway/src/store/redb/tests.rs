//! What the store promises, and what it does when the disk fails. The first part asks nothing of redb: the
//! distributed side will pass it too.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use redb::StorageBackend;

use super::*;
use crate::store::{Change, Expect, Write};

fn put(key: &str, expect: Expect, body: &str) -> Batch {
    Batch::new("p").put("things", key, expect, body.into(), None)
}

fn address(key: &str) -> Address {
    Address::new("things", "p", key)
}

fn store(folder: &Path) -> RedbStore {
    RedbStore::open(&folder.join("a.redb"), Clock::default()).unwrap()
}

async fn body(store: &RedbStore, key: &str) -> Option<(u64, String)> {
    let stored = store.read(&address(key)).await.unwrap()?;
    Some((stored.version, String::from_utf8(stored.body).unwrap()))
}

#[tokio::test]
async fn versions_grow_and_expectations_hold() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    assert!(matches!(store.commit(put("a", Expect::Absent, "x")).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.commit(put("a", Expect::Version(2), "x")).await, Err(StoreError::Conflict(_))));
    store.commit(put("a", Expect::Version(1), "2")).await.unwrap();
    assert_eq!(body(&store, "a").await, Some((2, "2".into())));
    store.commit(Batch::new("p").delete("things", "a", Expect::Version(2))).await.unwrap();
    assert_eq!(body(&store, "a").await, None);
}

#[tokio::test]
async fn a_batch_is_applied_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut batch = put("a", Expect::Absent, "1").put("things", "b", Expect::Version(7), b"2".to_vec(), None);
    assert!(store.commit(batch.clone()).await.is_err());
    assert_eq!(body(&store, "a").await, None);
    batch.writes[1] =
        Write { collection: "things", key: "c".into(), expect: Expect::Absent, change: Change::Check };
    store.commit(batch).await.unwrap();
    assert_eq!(body(&store, "a").await, Some((1, "1".into())));
    assert_eq!(body(&store, "c").await, None, "a check writes nothing");
}

#[tokio::test]
async fn of_many_who_create_the_same_document_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(store(folder.path()));
    let tries: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(put("a", Expect::Absent, &n.to_string())).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for result in tries {
        won += usize::from(result.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn scans_page_through_a_prefix_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for (partition, key) in [("p", "a1"), ("p", "a2"), ("p", "a3"), ("p", "b1"), ("q", "a9")] {
        let batch = Batch::new(partition).put("things", key, Expect::Absent, key.into(), None);
        store.commit(batch).await.unwrap();
    }
    let other = Batch::new("p").put("thingsx", "a0", Expect::Absent, vec![], None);
    store.commit(other).await.unwrap();
    let mut scan =
        Scan { collection: "things", partition: Some("p".into()), prefix: "a".into(), after: None, limit: 2 };
    let first = store.scan(scan.clone()).await.unwrap();
    assert_eq!(first.documents.iter().map(|(a, _)| a.key.as_str()).collect::<Vec<_>>(), ["a1", "a2"]);
    scan.after = first.next;
    let second = store.scan(scan).await.unwrap();
    assert_eq!(second.documents.iter().map(|(a, _)| a.key.as_str()).collect::<Vec<_>>(), ["a3"]);
    assert_eq!(second.next, None);
    let all = Scan { collection: "things", partition: None, prefix: "a".into(), after: None, limit: 10 };
    assert_eq!(store.scan(all).await.unwrap().documents.len(), 4, "all partitions");
}

#[tokio::test]
async fn what_expired_is_gone_for_readers_and_swept() {
    let folder = tempfile::tempdir().unwrap();
    let end = Timestamp::now() + SignedDuration::from_secs(3_600);
    {
        let store = store(folder.path());
        let batch = Batch::new("p").put("things", "short", Expect::Absent, b"x".to_vec(), Some(end)).put(
            "things",
            "long",
            Expect::Absent,
            b"y".to_vec(),
            None,
        );
        store.commit(batch).await.unwrap();
        assert_eq!(store.sweep(10).await.unwrap(), 0);
        assert!(body(&store, "short").await.is_some());
    }
    let later = Clock::shifted(SignedDuration::from_secs(3_601));
    let store = RedbStore::open(&folder.path().join("a.redb"), later).unwrap();
    assert_eq!(body(&store, "short").await, None);
    store.commit(put("short", Expect::Absent, "again")).await.unwrap();
    assert_eq!(body(&store, "short").await, Some((1, "again".into())));
    assert_eq!(store.sweep(10).await.unwrap(), 0, "the new document does not end");
    assert!(body(&store, "long").await.is_some());
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.redb");
    drop(RedbStore::open(&path, Clock::default()).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = RedbStore::open(&path, Clock::default()).err().unwrap();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

/// A disk in memory that can be full.
#[derive(Debug, Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> Result<(), io::Error> {
        if self.full.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let offset = offset as usize;
        out.copy_from_slice(&self.bytes.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.check()?;
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.check()?;
        let offset = offset as usize;
        self.bytes.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_writes_nothing_and_the_store_recovers_by_itself() {
    let disk = Disk::default();
    let opened = disk.clone();
    let opener = move || redb::Builder::new().create_with_backend(opened.clone());
    let store = RedbStore::with(Box::new(opener), Clock::default()).unwrap();
    store.commit(put("before", Expect::Absent, "1")).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    for n in 0..3 {
        let refused = store.commit(put(&format!("during{n}"), Expect::Absent, "2")).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    disk.full.store(false, Ordering::SeqCst);
    store.commit(put("after", Expect::Absent, "3")).await.unwrap();
    assert_eq!(body(&store, "before").await, Some((1, "1".into())));
    assert_eq!(body(&store, "during0").await, None);
    assert_eq!(body(&store, "after").await, Some((1, "3".into())));
}

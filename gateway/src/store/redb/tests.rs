//! The embedded side against what every side promises, and against disks and ends that are its own.

mod disk;
mod kill;

use self::disk::{Disk, Failure};
use super::*;
use crate::store::{Expect, conformance};

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

fn on(disk: &Disk) -> Result<RedbStore, StoreError> {
    let disk = disk.clone();
    RedbStore::with(
        Box::new(move || redb::Builder::new().create_with_backend(disk.opened())),
        Clock::default(),
    )
}

#[tokio::test]
async fn batches_are_whole_or_not_at_all_and_versions_grow() {
    let folder = tempfile::tempdir().unwrap();
    conformance::batches(&store(folder.path())).await;
}

#[tokio::test]
async fn scans_page_through_a_prefix_in_order() {
    let folder = tempfile::tempdir().unwrap();
    conformance::scans(&store(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_are_stable_under_writes() {
    let folder = tempfile::tempdir().unwrap();
    conformance::scans_are_stable(Arc::new(store(folder.path()))).await;
}

#[tokio::test]
async fn documents_end_to_the_second_by_the_clock_port() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.redb");
    conformance::expiry(|ahead| {
        let path = path.clone();
        async move {
            let store: Arc<dyn Store> = Arc::new(RedbStore::open(&path, Clock::shifted(ahead)).unwrap());
            store
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_linearizable_under_concurrent_clients() {
    let folder = tempfile::tempdir().unwrap();
    conformance::linearizable(Arc::new(store(folder.path()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    conformance::reservations(Arc::new(store(folder.path()))).await;
}

#[tokio::test]
async fn a_watch_tells_every_write_or_that_some_were_missed() {
    let folder = tempfile::tempdir().unwrap();
    conformance::watches(&store(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_load_is_of_one_instant_and_loads_elsewhere() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    conformance::copies(Arc::new(store(folder.path())), &store(other.path())).await;
}

#[tokio::test]
async fn a_file_without_counts_is_counted_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = store(folder.path());
        for key in ["a", "b", "c"] {
            store.commit(put(key, Expect::Absent, "1")).await.unwrap();
        }
        let transaction = store.file.database().unwrap().begin_write().unwrap();
        assert!(transaction.delete_table(COUNTS).unwrap());
        transaction.commit().unwrap();
    }
    let store = store(folder.path());
    assert_eq!(store.count("things", None).await.unwrap(), 3);
}

/// Proves p-nosql-secured.
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

#[tokio::test]
async fn a_file_that_another_holds_is_told_as_held() {
    let folder = tempfile::tempdir().unwrap();
    let _held = store(folder.path());
    let error = RedbStore::open(&folder.path().join("a.redb"), Clock::default()).err().unwrap();
    assert!(matches!(&error, StoreError::Away(why) if why.contains("another process holds")), "{error}");
}

#[tokio::test]
async fn a_full_or_read_only_disk_is_told_as_such_and_the_store_recovers_by_itself() {
    type Expected = fn(&StoreError) -> bool;
    let cases: [(Failure, Expected); 4] = [
        (Failure::Full, |error| matches!(error, StoreError::Full(_))),
        (Failure::ReadOnly, |error| matches!(error, StoreError::ReadOnly(_))),
        (Failure::Late, |error| matches!(error, StoreError::Slow(_))),
        (Failure::Broken, |error| matches!(error, StoreError::Away(_))),
    ];
    for (failure, expected) in cases {
        let disk = Disk::default();
        let store = on(&disk).unwrap();
        store.commit(put("before", Expect::Absent, "1")).await.unwrap();
        disk.fail_writes(Some(failure));
        for n in 0..3 {
            let refused = store.commit(put(&format!("during{n}"), Expect::Absent, "2")).await.unwrap_err();
            assert!(expected(&refused), "{failure:?}: {refused}");
        }
        disk.fail_writes(None);
        store.commit(put("after", Expect::Absent, "3")).await.unwrap();
        assert_eq!(body(&store, "before").await, Some((1, "1".into())));
        assert_eq!(body(&store, "during0").await, None);
        assert_eq!(body(&store, "after").await, Some((1, "3".into())));
    }
}

/// Two documents that belong together, written again and again; what was acknowledged last.
async fn write_pairs(store: &RedbStore, from: u64, rounds: u64) -> u64 {
    let mut acknowledged = from;
    for n in from + 1..=from + rounds {
        let value = n.to_string();
        let batch = put("left", Expect::Anything, &value).put(
            "things",
            "right",
            Expect::Anything,
            value.into(),
            None,
        );
        match store.commit(batch).await {
            Ok(()) => acknowledged = n,
            Err(_) => break,
        }
    }
    acknowledged
}

/// Panics unless both stand at the same value, which is the acknowledged one or a later one.
async fn hold_together(store: &RedbStore, acknowledged: u64, what: &str) -> u64 {
    let value = async |key| body(store, key).await.map_or(0, |(_, value)| value.parse::<u64>().unwrap());
    let (left, right) = (value("left").await, value("right").await);
    assert_eq!(left, right, "half a batch: {what}");
    assert!(left >= acknowledged, "{acknowledged} was acknowledged, {left} is there: {what}");
    assert_eq!(store.count("things", None).await.unwrap(), if left == 0 { 0 } else { 2 }, "{what}");
    left
}

#[tokio::test]
async fn an_error_at_any_call_of_the_disk_loses_nothing_that_was_acknowledged() {
    let disk = Disk::default();
    let store = on(&disk).unwrap();
    let mut acknowledged = write_pairs(&store, 0, 1).await;
    let mut call = 0;
    loop {
        let before = disk.failures();
        disk.fail_once_after(call);
        let reached = write_pairs(&store, acknowledged, 3).await;
        disk.fail_writes(None);
        // What failed may have been written all the same, whole; the next number is past it.
        acknowledged = hold_together(&store, reached, &format!("call {call}")).await;
        acknowledged = write_pairs(&store, acknowledged, 1).await;
        if disk.failures() == before {
            break;
        }
        call += 1;
    }
    assert!(call > 12, "three batches write to the disk and sync it each: {call} calls failed");
}

#[tokio::test]
async fn a_power_cut_at_any_call_loses_nothing_that_was_acknowledged() {
    let disk = Disk::default();
    let mut acknowledged = 0;
    let mut seed = 7;
    for call in 0..150_u64 {
        {
            let store = on(&disk).unwrap();
            acknowledged = hold_together(&store, acknowledged, &format!("after cut {call}")).await;
            disk.cut_after(call % 60);
            acknowledged = write_pairs(&store, acknowledged, 12).await;
        }
        // Of what was written since the last sync, any part may have reached the disk.
        seed = disk.restart(seed);
    }
    assert!(acknowledged > 100, "{acknowledged} writes");
    assert!(disk.lost() > 100, "{} writes were lost, so nothing was tried", disk.lost());
}

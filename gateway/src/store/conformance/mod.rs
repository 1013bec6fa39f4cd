//! What a side of the store promises, asked of any side: nothing here knows how one is made.

mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::*;
use history::History;

const THINGS: &str = "things";

fn put(key: &str, expect: Expect, body: &str) -> Batch {
    Batch::new("p").put(THINGS, key, expect, body.into(), None)
}

fn address(key: &str) -> Address {
    Address::new(THINGS, "p", key)
}

fn scan(prefix: &str, after: Option<Address>, limit: usize) -> Scan {
    Scan { collection: THINGS, partition: Some("p".into()), prefix: prefix.into(), after, limit }
}

async fn read(store: &dyn Store, key: &str) -> Option<(u64, String)> {
    let stored = store.read(&address(key)).await.unwrap()?;
    Some((stored.version, String::from_utf8(stored.body).unwrap()))
}

/// Every document, as a copy tells it.
pub(super) async fn copied(store: &dyn Store) -> BTreeMap<(String, String, String), Stored> {
    let (to, mut from) = mpsc::channel::<Copied>(16);
    let gather = async {
        let mut all = BTreeMap::new();
        while let Some(one) = from.recv().await {
            let name = (one.collection, one.partition, one.key);
            match one.stored {
                Some(stored) => all.insert(name, stored),
                None => all.remove(&name),
            };
        }
        all
    };
    let (done, all) = tokio::join!(store.copy(to), gather);
    done.unwrap();
    all
}

/// Versions, expectations, batches whole or not at all.
pub(super) async fn batches(store: &dyn Store) {
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    for refused in [Expect::Absent, Expect::Version(2)] {
        let error = store.commit(put("a", refused, "x")).await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict(at) if *at == address("a")), "{error}");
    }
    store.commit(put("a", Expect::Version(1), "2")).await.unwrap();
    assert_eq!(read(store, "a").await, Some((2, "2".into())));
    let half = put("b", Expect::Absent, "1").put(THINGS, "a", Expect::Version(7), b"x".to_vec(), None);
    assert!(matches!(store.commit(half).await, Err(StoreError::Conflict(_))));
    assert_eq!((read(store, "b").await, read(store, "a").await), (None, Some((2, "2".into()))));
    let mut checked = put("b", Expect::Absent, "1");
    let check = |expect| Write { collection: THINGS, key: "a".into(), expect, change: Change::Check };
    checked.writes.push(check(Expect::Version(1)));
    assert!(store.commit(checked.clone()).await.is_err());
    checked.writes[1] = check(Expect::Version(2));
    store.commit(checked).await.unwrap();
    assert_eq!(read(store, "a").await, Some((2, "2".into())), "a check writes nothing");
    store.commit(Batch::new("p").delete(THINGS, "a", Expect::Version(2))).await.unwrap();
    assert_eq!(read(store, "a").await, None);
    store.commit(Batch::new("p").delete(THINGS, "a", Expect::Anything)).await.unwrap();
    let whole: Vec<u8> = (0..=255).collect();
    store.commit(Batch::new("p").put(THINGS, "bytes", Expect::Absent, whole.clone(), None)).await.unwrap();
    assert_eq!(store.read(&address("bytes")).await.unwrap().unwrap().body, whole);
}

/// Scans in order, by page, in one partition and in all; counts.
pub(super) async fn scans(store: &dyn Store) {
    for (partition, key) in [("p", "a1"), ("p", "a2"), ("p", "a3"), ("p", "b1"), ("q", "a9"), ("p", "é")] {
        let batch = Batch::new(partition).put(THINGS, key, Expect::Absent, key.into(), None);
        store.commit(batch).await.unwrap();
    }
    store.commit(Batch::new("p").put("thingsx", "a0", Expect::Absent, vec![], None)).await.unwrap();
    let keys = |page: &Page| page.documents.iter().map(|(a, _)| a.key.clone()).collect::<Vec<_>>();
    let first = store.scan(scan("a", None, 2)).await.unwrap();
    assert_eq!(keys(&first), ["a1", "a2"]);
    let second = store.scan(scan("a", first.next, 2)).await.unwrap();
    assert_eq!((keys(&second), second.next), (vec!["a3".into()], None));
    assert_eq!(keys(&store.scan(scan("", None, 9)).await.unwrap()), ["a1", "a2", "a3", "b1", "é"]);
    let mut everywhere = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(Scan { partition: None, ..scan("a", after, 1) }).await.unwrap();
        everywhere.extend(page.documents.into_iter().map(|(at, _)| (at.partition, at.key)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected = [("p", "a1"), ("p", "a2"), ("p", "a3"), ("q", "a9")];
    assert_eq!(everywhere, expected.map(|(partition, key)| (partition.to_owned(), key.to_owned())));
    assert_eq!(store.count(THINGS, None).await.unwrap(), 6);
    assert_eq!(store.count(THINGS, Some("p")).await.unwrap(), 5);
    assert_eq!(store.count("nothing", None).await.unwrap(), 0);
    store.commit(Batch::new("p").delete(THINGS, "a1", Expect::Anything)).await.unwrap();
    store.commit(Batch::new("p").delete(THINGS, "a1", Expect::Anything)).await.unwrap();
    assert_eq!(store.count(THINGS, Some("p")).await.unwrap(), 4);
}

/// What stands throughout a scan is seen once, whatever is written between its pages.
pub(super) async fn scans_are_stable(store: Arc<dyn Store>) {
    let stays = |n: u32| format!("{n:03}");
    for n in 0..100 {
        store.commit(put(&stays(n), Expect::Absent, "stays")).await.unwrap();
    }
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..300_u32 {
                let key = format!("{:03}x{n}", n % 100);
                store.commit(put(&key, Expect::Absent, "comes")).await.unwrap();
                store.commit(Batch::new("p").delete(THINGS, key, Expect::Version(1))).await.unwrap();
                store.commit(put(&stays(n % 100), Expect::Anything, "stays")).await.unwrap();
            }
        })
    };
    let mut rounds = 0;
    while !writer.is_finished() || rounds == 0 {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store.scan(scan("", after, 7)).await.unwrap();
            let steady = page.documents.into_iter().filter(|(_, stored)| stored.body == b"stays");
            seen.extend(steady.map(|(at, _)| at.key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..100).map(stays).collect::<Vec<_>>());
        rounds += 1;
    }
    writer.await.unwrap();
}

/// The end of a document, to the second, by the clock port: `at` makes the store with its clock so far ahead.
pub(super) async fn expiry<F: Future<Output = Arc<dyn Store>>>(at: impl Fn(SignedDuration) -> F) {
    let end = Timestamp::from_second(Timestamp::now().as_second() + 1_000_000).unwrap();
    let ahead = |seconds: i64| {
        let target = end.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        target.duration_since(Timestamp::now())
    };
    {
        let store = at(SignedDuration::ZERO).await;
        let batch = Batch::new("p").put(THINGS, "short", Expect::Absent, b"x".to_vec(), Some(end)).put(
            THINGS,
            "long",
            Expect::Absent,
            b"y".to_vec(),
            None,
        );
        store.commit(batch).await.unwrap();
        assert_eq!(store.sweep(10).await.unwrap(), 0);
    }
    {
        // A second before: half of it is left for slow machines.
        let store = at(ahead(-1)).await;
        let found = store.read(&address("short")).await.unwrap();
        assert_eq!(found.unwrap().expires, Some(end));
        assert_eq!(store.scan(scan("", None, 9)).await.unwrap().documents.len(), 2);
    }
    let store = at(ahead(0)).await;
    assert_eq!(read(&*store, "short").await, None);
    assert_eq!(store.scan(scan("", None, 9)).await.unwrap().documents.len(), 1);
    store.commit(put("short", Expect::Absent, "again")).await.unwrap();
    assert_eq!(read(&*store, "short").await, Some((1, "again".into())), "what had expired begins anew");
    assert_eq!(store.sweep(10).await.unwrap(), 0, "the new document does not end");
    let soon = Batch::new("p").put(THINGS, "past", Expect::Absent, b"z".to_vec(), Some(end));
    store.commit(soon).await.unwrap();
    assert_eq!(store.count(THINGS, None).await.unwrap(), 3);
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(store.count(THINGS, None).await.unwrap(), 2);
    assert_eq!(read(&*store, "long").await, Some((1, "y".into())));
}

/// A document under concurrent clients is linearizable: every read and every guarded write fits one order.
pub(super) async fn linearizable(store: Arc<dyn Store>) {
    let history = Arc::new(History::default());
    let clients = (0..8_u32).map(|client| {
        let (store, history) = (Arc::clone(&store), Arc::clone(&history));
        tokio::spawn(async move {
            for n in 0..40 {
                let begun = history.now();
                let found = store.read(&address("one")).await.unwrap();
                let seen = found.map(|stored| (stored.version, String::from_utf8(stored.body).unwrap()));
                history.read(begun, seen.clone());
                let value = format!("{client}-{n}");
                let expect = seen.map_or(Expect::Absent, |(version, _)| Expect::Version(version));
                let begun = history.now();
                match store.commit(put("one", expect, &value)).await {
                    Ok(()) => history.wrote(begun, expect, value),
                    Err(StoreError::Conflict(_)) => history.refused(begun, expect),
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    for client in join_all(clients).await {
        client.unwrap();
    }
    history.check();
}

/// Of many who ask for a name, one has it; a name not confirmed frees itself.
pub(super) async fn reservations(store: Arc<dyn Store>) {
    let name = Address::new("names", "global", "a@example.org");
    let until = Timestamp::now().saturating_add(SignedDuration::from_hours(1)).unwrap();
    let asked = (0..32_u8).map(|owner| {
        let (store, name) = (Arc::clone(&store), name.clone());
        tokio::spawn(async move { (owner, reserve(&*store, &name, &[owner], until).await.unwrap()) })
    });
    let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    let owners: Vec<u8> =
        answers.iter().filter(|(_, told)| *told == Reserved::Yes).map(|(owner, _)| *owner).collect();
    let [owner] = owners[..] else { panic!("{owners:?} have one name") };
    assert!(answers.iter().all(|(who, told)| *who == owner || *told == Reserved::Taken(vec![owner])));
    assert_eq!(reserve(&*store, &name, &[owner], until).await.unwrap(), Reserved::Yes, "asked again");
    assert!(!confirm(&*store, &name, &[99]).await.unwrap());
    assert!(confirm(&*store, &name, &[owner]).await.unwrap());
    assert_eq!(store.read(&name).await.unwrap().unwrap().expires, None);
    assert!(!release(&*store, &name, &[99]).await.unwrap());
    assert!(release(&*store, &name, &[owner]).await.unwrap());
    let past = Timestamp::now().saturating_sub(SignedDuration::from_secs(1)).unwrap();
    assert_eq!(reserve(&*store, &name, &[1], past).await.unwrap(), Reserved::Yes);
    assert_eq!(reserve(&*store, &name, &[2], until).await.unwrap(), Reserved::Yes, "it freed itself");
}

/// A watch tells every write of its collection, in order; whoever is too slow is told so.
pub(super) async fn watches(store: &dyn Store) {
    let mut watch = store.watch(THINGS).await.unwrap();
    let mut slow = store.watch(THINGS).await.unwrap();
    let expired = Timestamp::now().saturating_sub(SignedDuration::from_secs(5)).unwrap();
    store
        .commit(put("a", Expect::Absent, "1").put("others", "b", Expect::Absent, vec![], None))
        .await
        .unwrap();
    store.commit(put("a", Expect::Version(1), "2")).await.unwrap();
    assert!(store.commit(put("a", Expect::Absent, "3")).await.is_err());
    store.commit(Batch::new("p").delete(THINGS, "a", Expect::Anything)).await.unwrap();
    let ended = Batch::new("p").put(THINGS, "e", Expect::Absent, vec![], Some(expired));
    store.commit(ended).await.unwrap();
    store.sweep(10).await.unwrap();
    for expected in [
        Seen::Written(address("a"), 1),
        Seen::Written(address("a"), 2),
        Seen::Removed(address("a")),
        Seen::Written(address("e"), 1),
        Seen::Removed(address("e")),
    ] {
        assert_eq!(watch.next().await, Some(expected));
    }
    for n in 0..super::watch::WAITING / 100 + 1 {
        let batch = (0..100).fold(Batch::new("p"), |batch, key| {
            batch.put(THINGS, format!("{n}-{key}"), Expect::Absent, vec![], None)
        });
        store.commit(batch).await.unwrap();
        // A side may tell a little later: whoever keeps up has heard all when the slow one is asked.
        for key in 0..100 {
            assert_eq!(watch.next().await, Some(Seen::Written(address(&format!("{n}-{key}")), 1)));
        }
    }
    assert_eq!(slow.next().await, Some(Seen::Missed));
}

/// A copy is the store at one instant, under load: each batch wholly in it, or not at all; loaded elsewhere, it is
/// the same to the byte.
pub(super) async fn copies(store: Arc<dyn Store>, empty: &dyn Store) {
    let end = Timestamp::from_second(4_000_000_000).unwrap();
    for n in 0..200 {
        let batch = put(&format!("k{n}"), Expect::Absent, "1");
        store.commit(batch.put("ends", "e", Expect::Anything, vec![0, 255], Some(end))).await.unwrap();
    }
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..400_u32 {
                let value = n.to_string().into_bytes();
                let batch = Batch::new("p")
                    .put(THINGS, "left", Expect::Anything, value.clone(), None)
                    .put(THINGS, "right", Expect::Anything, value, None)
                    .delete(THINGS, format!("k{}", n % 200), Expect::Anything);
                store.commit(batch).await.unwrap();
            }
        })
    };
    let mut values = BTreeSet::new();
    while !writer.is_finished() {
        let all = copied(&*store).await;
        let side = |key: &str| all.get(&(THINGS.into(), "p".into(), key.into())).map(|stored| &stored.body);
        assert_eq!(side("left"), side("right"), "half a batch");
        values.insert(side("left").cloned());
    }
    writer.await.unwrap();
    assert!(!values.is_empty());
    let all = copied(&*store).await;
    let parts = all.iter().map(|((collection, partition, key), stored)| Copied {
        collection: collection.clone(),
        partition: partition.clone(),
        key: key.clone(),
        stored: Some(stored.clone()),
    });
    empty.load(parts.collect()).await.unwrap();
    assert_eq!(copied(empty).await, all);
    assert_eq!(empty.count(THINGS, None).await.unwrap(), store.count(THINGS, None).await.unwrap());
}

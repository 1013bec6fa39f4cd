//! A server that is killed at random instants while it is written to: what was acknowledged is there, whole.

use std::sync::atomic::{AtomicU64, Ordering};

use super::server::{Server, folder};
use super::*;
use crate::store::Expect;

const WRITERS: u64 = 4;

fn pair(writer: u64, value: u64) -> Batch {
    let body = value.to_string().into_bytes();
    Batch::new(format!("p{writer}")).put("things", "left", Expect::Anything, body.clone(), None).put(
        "things",
        "right",
        Expect::Anything,
        body,
        None,
    )
}

async fn value(store: &dyn Store, writer: u64, side: &str) -> (u64, u64) {
    let found = store.read(&Address::new("things", format!("p{writer}"), side)).await.unwrap();
    found.map_or((0, 0), |stored| (stored.version, String::from_utf8(stored.body).unwrap().parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_loses_nothing_that_was_acknowledged_and_applies_nothing_twice() {
    let kills = if std::env::var_os("AOPS_TEST_SLOW").is_some() { 1_000 } else { 20 };
    let (mut server, folder) = (Server::start(&[]).await, folder());
    let store = Arc::new(store(&server.valkey(), folder.path()).await);
    let told: Arc<[AtomicU64]> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, told, stopped) = (Arc::clone(&store), Arc::clone(&told), stopped.clone());
            tokio::spawn(async move {
                let mut unsure = false;
                let mut next = 1;
                while !*stopped.borrow() {
                    match store.commit(pair(writer, next)).await {
                        Ok(()) => {
                            told[writer as usize].store(next, Ordering::Relaxed);
                            next += 1;
                        }
                        // It may have been done: asked again it would be another write.
                        Err(StoreError::Slow(_) | StoreError::Away(_)) => {
                            unsure = true;
                            break;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                unsure
            })
        })
        .collect();
    for n in 0..kills {
        tokio::time::sleep(Duration::from_millis((n * 7_919) % 61)).await;
        server.kill();
        let before: Vec<u64> = told.iter().map(|told| told.load(Ordering::Relaxed)).collect();
        server.launch().await;
        for writer in 0..WRITERS {
            let (left, right) = (value(&*store, writer, "left").await, value(&*store, writer, "right").await);
            // Read one after the other, while it is written on.
            assert!(left.1 >= before[writer as usize] && right.1 >= left.1, "kill {n}: {left:?} {right:?}");
        }
    }
    stop.send(true).unwrap();
    for (writer, task) in (0..WRITERS).zip(writers) {
        assert!(!task.await.unwrap(), "the server was back in time, each time");
        let last = told[writer as usize].load(Ordering::Relaxed);
        assert!(last >= kills / 2, "{last} writes are no load");
        // Each value was written by one version: none twice, none lost.
        assert_eq!(value(&*store, writer, "left").await, (last, last));
        assert_eq!(value(&*store, writer, "right").await, (last, last));
    }
}

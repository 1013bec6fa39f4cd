//! A server that is cut off from its own, or whose clock has parted from ours.

use std::time::Instant;

use jiff::Timestamp;

use super::server::{Cluster, Server, folder};
use super::*;
use crate::store::{Expect, Seen};

fn put(key: &str, end: Option<Timestamp>) -> Batch {
    Batch::new("p").put("things", key, Expect::Absent, b"1".to_vec(), end)
}

async fn stands(store: &dyn Store, key: &str) -> bool {
    store.read(&Address::new("things", "p", key)).await.unwrap().is_some()
}

/// The holder of a partition hears nobody and is heard by nobody; its replica takes over; then it comes back, and is
/// sure for a moment that it still holds it.
#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_node_was_cut_off_and_came_back() {
    let (mut cluster, folder) = (Cluster::start(1).await, folder());
    let store = ValkeyStore::open(&cluster.valkey(), 1, folder.path(), Clock::default()).await.unwrap();
    store.commit(put("before", None)).await.unwrap();
    let mut holder = None;
    for (place, node) in cluster.nodes.iter().enumerate() {
        let role = node.ask(&["INFO", "replication"]).await;
        if role.contains("role:master") && node.ask(&["KEYS", "*"]).await.contains("{.p}:about") {
            holder = Some(place);
        }
    }
    let cut_off = &mut cluster.nodes[holder.unwrap()];
    cut_off.signal("-STOP");
    let begun = Instant::now();
    let (mut acknowledged, mut back) = (Vec::new(), false);
    while acknowledged.len() < 40 {
        let key = format!("{:03}", acknowledged.len());
        match store.commit(put(&key, None)).await {
            // What could not be told whether it was done was done.
            Ok(()) | Err(StoreError::Conflict(_)) => acknowledged.push(key),
            Err(StoreError::Slow(why)) if why.contains("replicas") && !back => {
                // The other side of the split comes back, with what it was asked and could not say meanwhile.
                cut_off.signal("-CONT");
                back = true;
            }
            Err(StoreError::Away(_) | StoreError::Slow(_) | StoreError::ReadOnly(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "no replica took over");
    }
    assert!(back, "the one that took over acknowledged alone");
    for key in acknowledged.iter().map(String::as_str).chain(["before"]) {
        assert!(stands(&store, key).await, "{key}");
    }
    assert_eq!(store.count("things", Some("p")).await.unwrap(), 41);
    assert!(
        cut_off.ask(&["INFO", "replication"]).await.contains("role:slave"),
        "it follows the one that took over"
    );
}

/// Ends are told by our clock: a server whose own leaps to 2040, then back to 2020, ends nothing and keeps
/// nothing longer; who listens hears all.
#[tokio::test]
async fn a_leap_of_the_servers_clock_ends_nothing_early_and_nothing_late() {
    let (mut server, folder) = (Server::start(&[]).await, folder());
    let store = ValkeyStore::open(&server.valkey(), 0, folder.path(), Clock::default()).await.unwrap();
    let mut watch = store.watch("things").await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_secs(4);
    store.commit(put("for ever", None)).await.unwrap();
    store.commit(put("an hour", Some(Timestamp::now() + SignedDuration::from_hours(1)))).await.unwrap();
    store.commit(put("soon", Some(soon))).await.unwrap();
    for (n, leap) in ["2040-01-01", "2020-01-01"].into_iter().enumerate() {
        server.kill();
        server.launch_at(leap).await;
        let told: u64 = server.ask(&["EVAL", "return redis.call('TIME')[1]", "0"]).await.parse().unwrap();
        let ours = u64::try_from(Timestamp::now().as_second()).unwrap();
        assert!(told.abs_diff(ours) > 300 * 86_400, "the server's clock did not leap: {told}");
        assert!(stands(&store, "for ever").await && stands(&store, "an hour").await, "{leap}");
        store.commit(put(&format!("after {n}"), None)).await.unwrap();
    }
    while Timestamp::now() < soon {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!stands(&store, "soon").await);
    let all = Scan {
        collection: "things",
        partition: Some("p".into()),
        prefix: String::new(),
        after: None,
        limit: 9,
    };
    let listed: Vec<_> = store.scan(all).await.unwrap().documents.into_iter().map(|(at, _)| at.key).collect();
    assert_eq!(listed, ["after 0", "after 1", "an hour", "for ever"]);
    let mut heard = Vec::new();
    while heard.len() < 5 {
        match watch.next().await {
            Some(Seen::Written(address, 1)) => heard.push(address.key),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, ["for ever", "an hour", "soon", "after 0", "after 1"]);
}

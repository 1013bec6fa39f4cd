//! What befalls a server: each is told as what it is, and nothing that was acknowledged is lost.

use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::{Cluster, Server, folder, valkey};
use super::*;
use crate::store::{Expect, Seen, reserve};

fn put(key: &str, expect: Expect, body: &str) -> Batch {
    Batch::new("p").put("things", key, expect, body.into(), None)
}

fn address(key: &str) -> Address {
    Address::new("things", "p", key)
}

async fn body(store: &dyn Store, key: &str) -> Option<(u64, String)> {
    let stored = store.read(&address(key)).await.unwrap()?;
    Some((stored.version, String::from_utf8(stored.body).unwrap()))
}

async fn impatient(valkey: &Valkey, replicas: u32, folder: &Path) -> ValkeyStore {
    let patience = Duration::from_secs(2);
    ValkeyStore::with(valkey, replicas, folder, Clock::default(), patience).await.unwrap()
}

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_has_all_and_the_store_recovers_by_itself() {
    let (mut server, folder) = (Server::start(&[]).await, folder());
    let store = impatient(&server.valkey(), 0, folder.path()).await;
    let mut watch = store.watch("things").await.unwrap();
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    server.kill();
    let begun = Instant::now();
    let error = store.commit(put("b", Expect::Absent, "2")).await.unwrap_err();
    assert!(matches!(error, StoreError::Away(_)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "it is not waited for for ever");
    assert!(matches!(store.ready().await, Err(StoreError::Away(_))));
    server.launch().await;
    store.commit(put("c", Expect::Absent, "3")).await.unwrap();
    assert_eq!(body(&store, "a").await, Some((1, "1".into())));
    assert_eq!(body(&store, "b").await, None);
    // What another gateway writes while nobody hears is told once the server is heard again.
    let seen = [watch.next().await, watch.next().await];
    assert_eq!(seen, [("a", 1), ("c", 1)].map(|(key, version)| Some(Seen::Written(address(key), version))));
}

#[tokio::test]
async fn a_write_that_begins_while_the_server_starts_again_waits_for_it() {
    let (mut server, folder) = (Server::start(&[]).await, folder());
    let store = Arc::new(store(&server.valkey(), folder.path()).await);
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    server.kill();
    let writing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.commit(put("a", Expect::Version(1), "2")).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.launch().await;
    writing.await.unwrap().unwrap();
    assert_eq!(body(&*store, "a").await, Some((2, "2".into())));
}

#[tokio::test]
async fn a_server_that_lost_its_file_is_told_and_not_taken_for_empty() {
    let (mut server, folder) = (Server::start(&[]).await, folder());
    let running = store(&server.valkey(), folder.path()).await;
    running.commit(put("a", Expect::Absent, "1")).await.unwrap();
    server.kill();
    server.forget();
    server.launch().await;
    let told =
        |error: StoreError| matches!(&error, StoreError::Away(why) if why.contains("has lost documents"));
    assert!(told(running.read(&address("a")).await.unwrap_err()));
    assert!(told(running.commit(put("b", Expect::Absent, "2")).await.unwrap_err()));
    let scan = Scan { collection: "things", partition: None, prefix: String::new(), after: None, limit: 9 };
    assert!(told(running.scan(scan.clone()).await.unwrap_err()));
    assert!(told(running.scan(Scan { partition: Some("p".into()), ..scan }).await.unwrap_err()));
    assert!(told(running.count("things", None).await.unwrap_err()));
    assert!(told(running.sweep(9).await.unwrap_err()));
    assert!(told(running.ready().await.unwrap_err()));
    let again = ValkeyStore::open(&server.valkey(), 0, folder.path(), Clock::default()).await;
    assert!(told(again.err().unwrap()), "a gateway that starts knows it too");
    assert_eq!(server.ask(&["DBSIZE"]).await, "0", "nothing was written");
}

#[tokio::test]
async fn a_node_of_a_cluster_that_lost_its_file_is_told_and_not_taken_for_empty() {
    let (mut cluster, folder) = (Cluster::start(0).await, folder());
    let store = impatient(&cluster.valkey(), 0, folder.path()).await;
    let partitions: Vec<String> = (0..12).map(|n| format!("p{n}")).collect();
    let batch = |partition: &str, key: &str| {
        Batch::new(partition).put("things", key, Expect::Absent, b"1".to_vec(), None)
    };
    for partition in &partitions {
        store.commit(batch(partition, "a")).await.unwrap();
    }
    // The index is kept: it is another node that forgets.
    let mut holder = None;
    for (place, node) in cluster.nodes.iter().enumerate() {
        let keys = node.ask(&["KEYS", "*"]).await;
        if !keys.contains("{index}") && keys.contains(":about") {
            holder = Some(place);
        }
    }
    let node = &mut cluster.nodes[holder.unwrap()];
    node.kill();
    node.forget();
    node.launch().await;
    for tries in 0.. {
        if node.ask(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
            break;
        }
        assert!(tries < 500, "the node does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut kept, mut lost) = (0, 0);
    for partition in &partitions {
        let read = store.read(&Address::new("things", partition.as_str(), "a")).await;
        let written = store.commit(batch(partition, "b")).await;
        match (read, written) {
            (Ok(Some(_)), Ok(())) => kept += 1,
            (Err(StoreError::Away(read)), Err(StoreError::Away(written))) => {
                assert!(
                    read.contains("has lost documents") && written.contains("has lost documents"),
                    "{read}"
                );
                lost += 1;
            }
            other => panic!("{partition}: {other:?}"),
        }
    }
    assert!(kept > 0 && lost > 0, "{kept} kept, {lost} lost");
    let scan = Scan { collection: "things", partition: None, prefix: String::new(), after: None, limit: 99 };
    assert!(store.scan(scan).await.is_err(), "a list is not taken for whole");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_replica_takes_over() {
    let (mut cluster, folder) = (Cluster::start(1).await, folder());
    let store = ValkeyStore::open(&cluster.valkey(), 1, folder.path(), Clock::default()).await.unwrap();
    let key = |n: u32| format!("{n:03}");
    for n in 0..100 {
        store.commit(put(&key(n), Expect::Absent, "1")).await.unwrap();
    }
    let mut holder = None;
    for (place, node) in cluster.nodes.iter().enumerate() {
        let role = node.ask(&["INFO", "replication"]).await;
        if role.contains("role:master") && node.ask(&["KEYS", "*"]).await.contains("{.p}:about") {
            holder = Some(place);
        }
    }
    let fallen = &mut cluster.nodes[holder.unwrap()];
    fallen.kill();
    let (mut acknowledged, mut back) = (100, false);
    let begun = Instant::now();
    while acknowledged < 120 {
        // Whoever is told that it may have been done asks again: what was done is not done twice.
        match store.commit(put(&key(acknowledged), Expect::Absent, "1")).await {
            Ok(()) | Err(StoreError::Conflict(_)) => acknowledged += 1,
            // The one that took over has no replica, until the one that fell is its.
            Err(StoreError::Slow(why)) if why.contains("replicas") && !back => {
                fallen.launch().await;
                back = true;
            }
            Err(StoreError::Away(_) | StoreError::Slow(_) | StoreError::ReadOnly(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "no replica took over");
    }
    for n in 0..acknowledged {
        assert_eq!(body(&store, &key(n)).await, Some((1, "1".into())), "{n}");
    }
    assert_eq!(store.count("things", Some("p")).await.unwrap(), u64::from(acknowledged));
}

#[tokio::test]
async fn a_write_that_no_replica_confirms_is_told_as_slow() {
    let (server, folder) = (Server::start(&[]).await, folder());
    let (valkey, patience) = (server.valkey(), Duration::from_secs(2));
    let store = ValkeyStore::with(&valkey, 1, folder.path(), Clock::default(), patience).await.unwrap();
    let error = store.commit(put("a", Expect::Absent, "1")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Slow(why) if why.contains("replicas")), "{error}");
}

#[tokio::test]
async fn a_server_out_of_memory_is_told_as_full_writes_no_half_batch_and_still_forgets() {
    let (server, folder) = (Server::start(&[]).await, folder());
    let store = store(&server.valkey(), folder.path()).await;
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let two = put("b", Expect::Absent, "2").put("things", "c", Expect::Absent, b"3".to_vec(), None);
    let error = store.commit(two.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert_eq!((body(&store, "b").await, body(&store, "c").await), (None, None));
    assert_eq!(body(&store, "a").await, Some((1, "1".into())));
    store.commit(Batch::new("p").delete("things", "a", Expect::Version(1))).await.unwrap();
    assert!(matches!(store.ready().await, Err(StoreError::Full(_))));
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    store.commit(two).await.unwrap();
    assert_eq!((body(&store, "a").await, store.count("things", None).await.unwrap()), (None, 2));
}

#[tokio::test]
async fn a_replica_is_read_and_told_as_read_only() {
    let (server, folder) = (Server::start(&[]).await, folder());
    let store = impatient(&server.valkey(), 0, folder.path()).await;
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    // Of a server that is not there, so that it keeps what it has.
    server.ask(&["REPLICAOF", &server.host.to_string(), "1"]).await;
    let error = store.commit(put("b", Expect::Absent, "2")).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error}");
    assert!(matches!(store.ready().await, Err(StoreError::ReadOnly(_))));
    assert_eq!(body(&store, "a").await, Some((1, "1".into())));
    server.ask(&["REPLICAOF", "NO", "ONE"]).await;
    store.commit(put("b", Expect::Absent, "2")).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let (server, folder) = (Server::start(&["--requirepass", "right-one"]).await, folder());
    let with = |password| {
        let config = crate::config::ValkeyConfig {
            urls: vec![server.url()],
            user: None,
            authority: None,
            certificate: None,
        };
        Valkey::new(&config, password).unwrap()
    };
    for wrong in [None, Some("wrong-one")] {
        let refused =
            ValkeyStore::open(&with(wrong), 0, folder.path(), Clock::default()).await.err().unwrap();
        assert!(matches!(refused, StoreError::Away(_)) && !refused.to_string().contains("-one"), "{refused}");
    }
    store(&with(Some("right-one")), folder.path()).await;
}

#[tokio::test]
async fn a_server_that_would_lose_what_it_acknowledged_is_refused() {
    for (settings, why) in
        [(vec![], "append-only file is off"), (vec!["--appendonly", "yes"], "appendfsync always")]
    {
        let settings: Vec<String> = settings.into_iter().map(String::from).collect();
        let (server, folder) = (Server::with(settings).await, folder());
        let refused = ValkeyStore::open(&server.valkey(), 0, folder.path(), Clock::default()).await;
        let told = refused.err().unwrap().to_string();
        assert!(told.contains(why), "{told}");
    }
}

/// A way to the server that is as late as is asked for.
async fn late(server: &Server) -> (Valkey, watch::Sender<Duration>) {
    let (delay, delays) = watch::channel(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let to = (server.host, server.port);
    tokio::spawn(async move {
        while let Ok((inward, _)) = listener.accept().await {
            let mut delays = delays.clone();
            tokio::spawn(async move {
                let outward = TcpStream::connect(to).await.unwrap();
                let (mut from_client, mut to_client) = inward.into_split();
                let (mut from_server, mut to_server) = outward.into_split();
                let back = async {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) =
                        tokio::io::AsyncReadExt::read(&mut from_server, &mut bytes).await
                    {
                        let wait = *delays.borrow_and_update();
                        tokio::time::sleep(wait).await;
                        if tokio::io::AsyncWriteExt::write_all(&mut to_client, &bytes[..read]).await.is_err()
                        {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = back => {}
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                }
            });
        }
    });
    (valkey(&[url]), delay)
}

#[tokio::test]
async fn a_server_two_seconds_late_is_waited_for_and_one_that_is_later_is_told_as_slow() {
    let (server, folder) = (Server::start(&[]).await, folder());
    let (valkey, delay) = late(&server).await;
    let patience = Duration::from_secs(3);
    let store = ValkeyStore::with(&valkey, 0, folder.path(), Clock::default(), patience).await.unwrap();
    store.commit(put("a", Expect::Absent, "1")).await.unwrap();
    delay.send(Duration::from_secs(2)).unwrap();
    store.commit(put("a", Expect::Version(1), "2")).await.unwrap();
    delay.send(Duration::from_secs(60)).unwrap();
    let error = store.commit(put("a", Expect::Version(2), "3")).await.unwrap_err();
    assert!(matches!(error, StoreError::Slow(_)), "{error}");
    delay.send(Duration::ZERO).unwrap();
    assert_eq!(
        body(&store, "a").await,
        Some((3, "3".into())),
        "it had been done, as was said to be possible"
    );
}

/// Answers are lost once each, after the server has done what it was asked.
#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_not_applied_twice() {
    let (server, folder) = (Server::start(&[]).await, folder());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let valkey = valkey(&[format!("redis://{}", listener.local_addr().unwrap())]);
    let to = (server.host, server.port);
    let (cut, cuts) = watch::channel(0_u32);
    tokio::spawn(async move {
        while let Ok((inward, _)) = listener.accept().await {
            let mut cuts = cuts.clone();
            tokio::spawn(async move {
                let before = *cuts.borrow();
                let outward = TcpStream::connect(to).await.unwrap();
                let (mut from_client, mut to_client) = inward.into_split();
                let (mut from_server, mut to_server) = outward.into_split();
                let back = async {
                    tokio::select! {
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => return,
                        _ = cuts.wait_for(|wanted| *wanted > before) => {}
                    }
                    // What is asked from here on reaches the server; what it answers reaches nobody.
                    let mut bytes = [0; 4096];
                    let _ = tokio::io::AsyncReadExt::read(&mut from_server, &mut bytes).await;
                };
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    () = back => {}
                }
            });
        }
    });
    let store = store(&valkey, folder.path()).await;
    store.commit(put("a", Expect::Absent, "0")).await.unwrap();
    for n in 1..=8_u32 {
        cut.send(n).unwrap();
        // Unguarded and guarded in turn: neither is done twice, neither is told as refused.
        let expect = if n % 2 == 0 { Expect::Anything } else { Expect::Version(u64::from(n)) };
        store.commit(put("a", expect, &n.to_string())).await.unwrap();
        assert_eq!(body(&store, "a").await, Some((u64::from(n) + 1, n.to_string())));
    }
    assert_eq!(server.ask(&["HGET", "aops:store:{.p}:about", "number"]).await, "9");
}

#[tokio::test]
async fn a_watcher_that_was_cut_off_hears_what_it_missed_and_is_told_what_nobody_knows_any_more() {
    let (server, here, there) = (Server::start(&[]).await, folder(), folder());
    let (watching, writing) =
        (store(&server.valkey(), here.path()).await, store(&server.valkey(), there.path()).await);
    writing.commit(put("a", Expect::Absent, "1")).await.unwrap();
    let mut watch = watching.watch("things").await.unwrap();
    // Whoever hears is cut off again and again, while another writes.
    for n in 0..40 {
        if n % 10 == 0 {
            server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        }
        let batch = Batch::new(format!("q{}", n % 3));
        writing.commit(batch.put("things", format!("{n}"), Expect::Absent, vec![], None)).await.unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 40 {
        match watch.next().await {
            Some(Seen::Written(at, 1)) => assert!(seen.insert(at), "told twice"),
            other => panic!("{other:?}"),
        }
    }
    // The log of a partition goes, and it is written meanwhile: that is a gap.
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    writing.commit(put("b", Expect::Absent, "1")).await.unwrap();
    server.ask(&["DEL", "aops:store:{.p}:log"]).await;
    assert_eq!(watch.next().await, Some(Seen::Missed));
}

#[tokio::test]
async fn a_backup_is_restored_into_an_empty_server_alone_and_half_of_one_is_not_opened() {
    let (server, here, there) = (Server::start(&[]).await, folder(), folder());
    let restoring = ValkeyStore::restoring(&server.valkey(), 0, Clock::default()).await.unwrap();
    let one = |key: &str| Copied {
        collection: "things".into(),
        partition: "p".into(),
        key: key.into(),
        stored: Some(Stored { version: 7, body: b"x".to_vec(), expires: None }),
    };
    restoring.load(vec![one("a")]).await.unwrap();
    let open = async || ValkeyStore::open(&server.valkey(), 0, here.path(), Clock::default()).await;
    assert!(open().await.err().unwrap().to_string().contains("half-way"));
    let restoring = ValkeyStore::restoring(&server.valkey(), 0, Clock::default()).await.unwrap();
    restoring.load(vec![one("a"), one("b")]).await.unwrap();
    restoring.restored(there.path()).await.unwrap();
    let store = open().await.unwrap();
    assert_eq!(body(&store, "b").await, Some((7, "x".into())));
    let again = ValkeyStore::restoring(&server.valkey(), 0, Clock::default()).await;
    assert!(again.err().unwrap().to_string().contains("a store stands"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_not_given_twice_by_two_gateways() {
    let (server, here, there) = (Server::start(&[]).await, folder(), folder());
    let stores = [
        Arc::new(store(&server.valkey(), here.path()).await),
        Arc::new(store(&server.valkey(), there.path()).await),
    ];
    let until = jiff::Timestamp::from_second(4_000_000_000).unwrap();
    let asked = (0..40_u8).map(|owner| {
        let store = Arc::clone(&stores[usize::from(owner) % 2]);
        let name = Address::new("names", format!("global{}", owner / 8), "a@example.org");
        tokio::spawn(async move { (owner / 8, reserve(&*store, &name, &[owner], until).await.unwrap()) })
    });
    let mut given = [0; 5];
    for answer in futures::future::join_all(asked).await {
        let (name, told) = answer.unwrap();
        given[usize::from(name)] += u32::from(told == crate::store::Reserved::Yes);
    }
    assert_eq!(given, [1; 5]);
}

//! Measures the embedded store beside SQLite (WAL, `synchronous=FULL`): durable batches of 64 clients, and reads of one
//! document. `cargo run --release -p aops-gateway --example store`; `cargo xtask bench --data` runs it.
//!
//! A batch is what a subscription writes: a wrapped key, a subscriber, a letter, none of which may stand there already.
//! In SQLite it is one transaction of three inserts into one table with an index over the ends. One connection writes
//! for all clients, so that none waits for the busy handler; `grouped` lets it commit all that wait at once, as our own
//! writer does, which SQLite leaves to whoever uses it.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aops_gateway::clock::Clock;
use aops_gateway::store::{Address, Batch, Expect, RedbStore, Store};
use rusqlite::Connection;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CLIENTS: u64 = 64;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(3);
/// Documents among which reads choose.
const DOCUMENTS: u64 = 100_000;
const READS: u64 = 1_000_000;
/// What stands in a subscription's batch: collection and length of the body.
const BATCH: [(&str, usize); 3] = [("keys", 77), ("subscribers", 450), ("outbox", 1_100)];

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("| durable batches of three documents, {CLIENTS} clients | batches/s | p50 ms | p99 ms |");
    println!("| --- | --- | --- | --- |");
    // In turns, so that what else the machine does falls on all of them; the round in the middle is told.
    let (mut ours, mut theirs, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(runtime.block_on(store_writes())?);
        theirs.push(sqlite_writes(1)?);
        grouped.push(sqlite_writes(256)?);
    }
    let (ours, theirs, grouped) = (middle(ours), middle(theirs), middle(grouped));
    for (name, told) in [("store", &ours), ("SQLite", &theirs), ("SQLite, grouped", &grouped)] {
        println!("| {name} | {:.0} | {:.2} | {:.2} |", told.rate, told.p50, told.p99);
    }
    println!("\n{:.1} × SQLite, {:.1} × SQLite grouped\n", ours.rate / theirs.rate, ours.rate / grouped.rate);
    println!("{}\n", appended()?);
    println!("| reads of one document among {DOCUMENTS} | reads/s |\n| --- | --- |");
    for readers in [1, 2] {
        println!("| store, {readers} readers | {:.0} |", runtime.block_on(store_reads(readers))?);
    }
    println!("| SQLite, 1 reader | {:.0} |", sqlite_reads()?);
    Ok(())
}

/// What it would take to append each group to a file beside the store as well, for a restore to any instant.
fn appended() -> Outcome<String> {
    let folder = tempfile::tempdir()?;
    let mut file = std::fs::File::create(folder.path().join("export"))?;
    let group = body(1, CLIENTS as usize * BATCH.iter().map(|(_, length)| length + 120).sum::<usize>());
    let mut times = Vec::new();
    for _ in 0..300 {
        let begun = Instant::now();
        file.write_all(&group)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    let Told { rate, p50, .. } = Told::of(times, Duration::from_secs(1));
    let bytes = group.len() / CLIENTS as usize;
    Ok(format!(
        "{bytes} bytes a batch appended and synced in groups of {CLIENTS}: {p50:.2} ms a group (of {rate:.0})"
    ))
}

/// What one round told: batches a second, and milliseconds.
struct Told {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Told {
    fn of(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        times.sort_unstable();
        let at = |part: f64| {
            let place = (times.len() as f64 * part) as usize;
            times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        Self { rate: times.len() as f64 / elapsed.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
    }
}

fn middle(mut rounds: Vec<Told>) -> Told {
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds.swap_remove(rounds.len() / 2)
}

/// A name that looks like a keyed hash: what comes next stands elsewhere in the tree.
fn name(client: u64, n: u64) -> String {
    let spread = (client << 40 | n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{spread:016x}{:048x}", client << 40 | n)
}

fn partition(name: &str) -> String {
    format!("newsletter-{}", name.get(..2).unwrap_or_default())
}

/// No two bodies are the same, and none compresses.
fn body(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(next).collect()
}

async fn store_writes() -> Outcome<Told> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(RedbStore::open(&folder.path().join("a.redb"), Clock::default())?);
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begun.elapsed() < ROUND {
                    let name = name(client, times.len() as u64);
                    let batch =
                        BATCH.iter().fold(Batch::new(partition(&name)), |batch, (collection, length)| {
                            let body = body(client << 40 | times.len() as u64, *length);
                            batch.put(collection, &name, Expect::Absent, body, None)
                        });
                    let asked = Instant::now();
                    store.commit(batch).await?;
                    times.push(asked.elapsed());
                }
                Outcome::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    Ok(Told::of(times, begun.elapsed()))
}

/// A batch on its way to the connection, and who waits for it.
type Waiting = (Vec<(String, Vec<u8>)>, mpsc::Sender<()>);

fn sqlite_writes(group: usize) -> Outcome<Told> {
    let folder = tempfile::tempdir()?;
    let connection = sqlite(&folder.path().join("a.sqlite"))?;
    let (to, from) = mpsc::channel::<Waiting>();
    let begun = Instant::now();
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (to, all) = (to.clone(), &times);
            scope.spawn(move || {
                let mut times = Vec::new();
                let (reply, answer) = mpsc::channel();
                while begun.elapsed() < ROUND {
                    let n = times.len() as u64;
                    let name = name(client, n);
                    let documents = BATCH
                        .iter()
                        .map(|(collection, length)| {
                            (address(collection, &name), body(client << 40 | n, *length))
                        })
                        .collect();
                    let asked = Instant::now();
                    if to.send((documents, reply.clone())).is_err() || answer.recv().is_err() {
                        break;
                    }
                    times.push(asked.elapsed());
                }
                if let Ok(mut all) = all.lock() {
                    all.append(&mut times);
                }
            });
        }
        drop(to);
        write(&connection, &from, group)
    })?;
    let elapsed = begun.elapsed();
    Ok(Told::of(times.into_inner().map_err(|_| "a client panicked")?, elapsed))
}

fn write(connection: &Connection, from: &mpsc::Receiver<Waiting>, group: usize) -> Outcome<()> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut insert = connection.prepare("INSERT INTO documents VALUES (?1, 1, ?2, ?3)")?;
    let mut commit = connection.prepare("COMMIT")?;
    while let Ok(first) = from.recv() {
        let mut waiting = vec![first];
        while waiting.len() < group {
            let Ok(next) = from.try_recv() else { break };
            waiting.push(next);
        }
        begin.execute([])?;
        for (documents, _) in &waiting {
            for (name, body) in documents {
                insert.execute((name, None::<i64>, body))?;
            }
        }
        commit.execute([])?;
        for (_, reply) in waiting {
            // A client that ended its round waits no more.
            let _ = reply.send(());
        }
    }
    Ok(())
}

fn sqlite(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    // The same memory for pages as ours.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
         CREATE TABLE documents (name TEXT PRIMARY KEY, version INTEGER, ends INTEGER, body BLOB) WITHOUT ROWID;
         CREATE INDEX ends ON documents (ends) WHERE ends IS NOT NULL;",
    )?;
    Ok(connection)
}

fn address(collection: &str, name: &str) -> String {
    format!("{collection}/{}/{name}", partition(name))
}

async fn store_reads(readers: u64) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(RedbStore::open(&folder.path().join("a.redb"), Clock::default())?);
    let places: Vec<Address> = (0..DOCUMENTS)
        .map(|n| {
            let name = name(0, n);
            Address::new("subscribers", partition(&name), name)
        })
        .collect();
    for chunk in places.chunks(4_000) {
        let puts = chunk.iter().map(|at| {
            let batch = Batch::new(&at.partition);
            store.commit(batch.put("subscribers", &at.key, Expect::Absent, body(1, 450), None))
        });
        futures::future::try_join_all(puts).await?;
    }
    let places = Arc::new(places);
    let begun = Instant::now();
    let reading: Vec<_> = (0..readers)
        .map(|reader| {
            let (store, places) = (Arc::clone(&store), Arc::clone(&places));
            tokio::spawn(async move {
                for n in 0..READS / readers {
                    let place = (n.wrapping_mul(0x9E37_79B9) + reader) % DOCUMENTS;
                    let found = store.read(&places[place as usize]).await?;
                    black_box(found.ok_or("a document is gone")?);
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for reader in reading {
        reader.await??;
    }
    Ok(READS as f64 / begun.elapsed().as_secs_f64())
}

fn sqlite_reads() -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let connection = sqlite(&folder.path().join("a.sqlite"))?;
    let names: Vec<String> = (0..DOCUMENTS).map(|n| address("subscribers", &name(0, n))).collect();
    connection.execute_batch("BEGIN")?;
    let mut insert = connection.prepare("INSERT INTO documents VALUES (?1, 1, NULL, ?2)")?;
    for name in &names {
        insert.execute((name, body(1, 450)))?;
    }
    connection.execute_batch("COMMIT")?;
    let mut select = connection.prepare("SELECT version, ends, body FROM documents WHERE name = ?1")?;
    let begun = Instant::now();
    for n in 0..READS {
        let name = &names[(n.wrapping_mul(0x9E37_79B9) % DOCUMENTS) as usize];
        let found: (i64, Option<i64>, Vec<u8>) =
            select.query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        black_box(found);
    }
    Ok(READS as f64 / begun.elapsed().as_secs_f64())
}

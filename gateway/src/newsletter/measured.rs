//! What a million subscribers cost: a count, a page, the removal of those whose term has passed while requests go on,
//! memory, and the recovery drill. `cargo xtask bench --data` runs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aops_manifest::Language;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::retained::{Subscribers, ends};
use super::subscriber::{SUBSCRIBERS, State, Subscriber, page, partition};
use crate::antispam::Antispam;
use crate::app::{App, SharedApp};
use crate::records::{self, KEYS};
use crate::store::{Batch, Expect, RedbStore, Store};
use crate::{backup, files, retention, testing};

/// Subscribers, unless `AOPS_SUBSCRIBERS` says another number.
const MANY: u64 = 1_000_000;
const PARTITIONS: u64 = 256;
/// Written in one batch.
const CHUNK: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure, run by `cargo xtask bench --data`"]
async fn a_million_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let many = std::env::var("AOPS_SUBSCRIBERS").map_or(MANY, |told| told.parse().unwrap());
    let app = unlimited(folder.path()).await;
    let begun = Instant::now();
    fill(&app, many).await;
    let size = std::fs::metadata(app.settings.data.join("aops.redb")).unwrap().len();
    println!("\n{many} subscribers written in {:.0?}, {} MB of file", begun.elapsed(), size / 1_000_000);
    // As after a start: nothing of the seeding is in memory.
    drop(app);
    let app = unlimited(folder.path()).await;
    println!("| {many} subscribers | found |\n| --- | --- |");
    let mut times = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        assert_eq!(app.store.count(SUBSCRIBERS, None).await.unwrap(), many);
        times.push(asked.elapsed());
    }
    println!("| count, p50 and p99 | {} |", told(&mut times));
    let (mut times, mut after) = (Vec::new(), None);
    for _ in 0..200 {
        let asked = Instant::now();
        let (lines, next) = page(&app, after, 50).await.unwrap();
        times.push(asked.elapsed());
        assert!(lines.len() > 30, "one in ten is hidden");
        after = next;
    }
    println!("| page of 50, opened, p50 and p99 | {} |", told(&mut times));
    let asking = Asking::begin(&app, "reader");
    let begun = Instant::now();
    let done = retention::run(&app, &[&Subscribers], app.clock.now()).await.unwrap();
    println!("| {} due removed, each with its key | {:.1?} |", done[0].count, begun.elapsed());
    let (mut times, most) = asking.end().await;
    println!("| {} subscriptions meanwhile, p50 and p99 | {} |", times.len(), told(&mut times));
    println!("| memory, at most | {most} MB |");
    let left = app.store.count(SUBSCRIBERS, None).await.unwrap();
    assert_eq!(left, many - done[0].count + times.len() as u64);
    let begun = Instant::now();
    assert_eq!(retention::run(&app, &[&Subscribers], app.clock.now()).await.unwrap(), []);
    println!("| a run with nothing due | {:.1?} |", begun.elapsed());
    drill(&app, folder.path()).await;
}

/// An application that takes any number of posts from one client.
pub(crate) async fn unlimited(folder: &std::path::Path) -> SharedApp {
    let mut app = testing::app(folder, SignedDuration::ZERO).await;
    app.antispam = Antispam::new(&app.sealer, 1_000_000);
    Arc::new(app)
}

/// Backs up while subscriptions come in, reads the backup through, and restores it elsewhere.
async fn drill(app: &SharedApp, folder: &std::path::Path) {
    let file = folder.join("drill.backup");
    let asking = Asking::begin(app, "late");
    let begun = Instant::now();
    let written = backup::write(&*app.store, None, &app.sealer, &file).await.unwrap();
    let backed_up = begun.elapsed();
    let (mut times, _) = asking.end().await;
    println!("\n| recovery drill, {} documents | found |\n| --- | --- |", written.documents);
    println!("| backup of {} MB | {backed_up:.1?} |", written.bytes / 1_000_000);
    println!("| {} subscriptions meanwhile, p50 and p99 | {} |", times.len(), told(&mut times));
    let begun = Instant::now();
    assert_eq!(backup::verify(&app.sealer, &file).unwrap(), written);
    println!("| read through | {:.1?} |", begun.elapsed());
    let settings = testing::settings(&folder.join("elsewhere"), SignedDuration::ZERO);
    std::fs::create_dir_all(&settings.data).unwrap();
    let key = std::fs::read(app.settings.data.join("master.key")).unwrap();
    files::write_private(&settings.data.join("master.key"), &key).unwrap();
    let begun = Instant::now();
    let restored = backup::restore_place(&settings, &file, &Default::default()).await.unwrap();
    println!("| restored | {:.1?} |", begun.elapsed());
    assert_eq!(restored, written);
    let begun = Instant::now();
    let store = RedbStore::open(&settings.data.join("aops.redb"), settings.clock).unwrap();
    let standing = store.count(SUBSCRIBERS, None).await.unwrap();
    println!("| opened, with {standing} subscribers | {:.1?} |", begun.elapsed());
    // The file as a kill leaves it: it is not marked as closed, and redb looks at all of it.
    let killed = folder.join("killed.redb");
    std::fs::copy(app.settings.data.join("aops.redb"), &killed).unwrap();
    let begun = Instant::now();
    let store = RedbStore::open(&killed, settings.clock).unwrap();
    assert!(store.count(SUBSCRIBERS, None).await.unwrap() >= standing);
    println!("| opened after a kill | {:.1?} |", begun.elapsed());
}

/// Subscriptions that come in one after the other, two hundred a second at most.
struct Asking {
    stop: watch::Sender<bool>,
    asking: JoinHandle<(Vec<Duration>, u64)>,
}

impl Asking {
    fn begin(app: &SharedApp, name: &'static str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let app = app.clone();
        let asking = tokio::spawn(async move {
            let (mut times, mut most) = (Vec::new(), 0);
            while !*stopped.borrow() {
                let form = format!("email={name}{}%40example.org", times.len());
                let asked = Instant::now();
                let answer = testing::post(&app, "/newsletter", &HeaderMap::new(), &form).await;
                times.push(asked.elapsed());
                assert_eq!(answer.status(), 303);
                most = most.max(testing::resident());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (times, most)
        });
        Self { stop, asking }
    }

    /// How long each took, and the most memory meanwhile.
    async fn end(self) -> (Vec<Duration>, u64) {
        self.stop.send(true).unwrap();
        self.asking.await.unwrap()
    }
}

/// So many confirmed subscribers, spread over the partitions.
pub(crate) async fn fill(app: &App, many: u64) {
    for part in 0..PARTITIONS {
        let standing = many * (part + 1) / PARTITIONS - many * part / PARTITIONS;
        for from in (0..standing).step_by(CHUNK as usize) {
            put(app, part, from..standing.min(from + CHUNK)).await;
        }
    }
}

/// Confirmed subscribers of one partition; the term of one in ten has passed.
async fn put(app: &App, part: u64, numbers: std::ops::Range<u64>) {
    let days = |days: i64| app.clock.now() - SignedDuration::from_hours(24 * days);
    let named = |number: u64| format!("{part:02x}{number:062x}");
    let mut batch = Batch::new(partition(&named(0)));
    for number in numbers {
        let id = named(number);
        let confirmed = if number % 10 == 0 { days(3 * 366) } else { days((number % 900) as i64) };
        let subscriber = confirmed_at(confirmed, format!("reader{number}.of.{part}@example.org"));
        let (key, wrapped) = app.sealer.new_subject_key(&id).unwrap();
        batch = batch.put(KEYS, &id, Expect::Absent, wrapped, None);
        let expires = retention::expiry(ends(&app.settings.retention, &subscriber));
        records::put_sealed(&mut batch, &key, SUBSCRIBERS, &id, Expect::Absent, &subscriber, expires)
            .unwrap();
    }
    app.store.commit(batch).await.unwrap();
}

fn confirmed_at(at: Timestamp, email: String) -> Subscriber {
    Subscriber {
        email,
        language: Language::Fr,
        state: State::Confirmed,
        created: at,
        asked: at,
        confirmed: Some(at),
        request: Some(super::subscriber::Request {
            at,
            policy: "2026-01".into(),
            page: "/newsletter/".into(),
            text: Some("0123456789ab".into()),
        }),
        contact: Some(at),
        left: None,
        warned: None,
        client: false,
    }
}

fn told(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    format!("{:.2} ms, {:.2} ms", at(0.5), at(0.99))
}

//! What one person's rights cost among a million records: a copy, an erasure, a request that names a client, and the
//! evidence pack of the whole. `cargo xtask bench --policy` runs it.

use std::time::{Duration, Instant};

use aops_manifest::Language;
use http::HeaderMap;
use jiff::SignedDuration;

use super::copy;
use super::desk::{Act, act};
use super::request::{self, Channel, Request, Right, State, Told};
use crate::accounts::Account;
use crate::app::{App, SharedApp};
use crate::consent::Proof;
use crate::contact::{self, Message, Thread};
use crate::email::Email;
use crate::records::{self, Use};
use crate::store::{Batch, Expect};
use crate::{accounts, audit, evidence, inventory, newsletter, testing, working_days};

/// Records, unless `AOPS_RECORDS` says another number: of a hundred, so many of each kind.
const MANY: u64 = 1_000_000;
const SUBSCRIBERS: u64 = 60;
const MESSAGES: u64 = 20;
const CLIENTS: u64 = 10;
const CONSENTS: u64 = 9;
const REQUESTS: u64 = 1;
/// People who are looked for, one after the other.
const PEOPLE: usize = 20;
/// Written at once.
const CHUNK: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure, run by `cargo xtask bench --policy`"]
async fn one_person_among_a_million() {
    let folder = tempfile::tempdir().unwrap();
    let many = std::env::var("AOPS_RECORDS").map_or(MANY, |told| told.parse().unwrap());
    let app = newsletter::measured::unlimited(folder.path()).await;
    let begun = Instant::now();
    newsletter::measured::fill(&app, many * SUBSCRIBERS / 100).await;
    accounts::measured::fill(&app, many * CLIENTS / 100).await;
    filled(many * MESSAGES / 100, |number| wrote(&app, number)).await;
    filled(many * CONSENTS / 100, |number| chose(&app, number)).await;
    filled(many * REQUESTS / 100, |number| asked(&app, number)).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(person(&app, number).await);
    }
    println!("\n{many} records written in {:.0?}", begun.elapsed());
    let begun = Instant::now();
    audit::settle(&app).await.unwrap();
    println!("what was noted of them entered in the audit log in {:.0?}", begun.elapsed());
    // As after a start: nothing of the seeding is in memory.
    drop(app);
    let app = newsletter::measured::unlimited(folder.path()).await;
    println!("\n| one person among {many} records | p50 | at most | goal |\n| --- | --- | --- | --- |");
    records::reading_for(Use::Rights, copies(&app, &people)).await;
    told("a request that names a client, on its way to it", "", {
        let mut times = Vec::new();
        for (number, account) in people.iter().enumerate() {
            let client = Some(format!("Mutuelle {number}"));
            times.push(timed(opened(&app, account, Right::Access, client)).await.1);
        }
        times
    });
    let mut times = Vec::new();
    for account in &people {
        let id = opened(&app, account, Right::Erasure, None).await;
        let fulfil = Act::Fulfil { id, proved: None, text: String::new() };
        let (done, time) = timed(act(&app, fulfil)).await;
        assert_eq!(done.unwrap()["state"], "fulfilled");
        times.push(time);
    }
    told("erased everywhere, by the officer's command", "1 s", times);
    for account in &people {
        let email = Email::parse(&account.email).unwrap();
        let kept = inventory::about_address(&app, &email).await.unwrap();
        let kept: Vec<&String> = kept["records"].as_object().unwrap().keys().collect();
        assert_eq!(kept, ["rights_requests", "suppressions"]);
        assert!(accounts::find(&app, &email).await.unwrap().is_none());
    }
    pack(&app, folder.path()).await;
}

/// Copies for people who are signed in, and of what stands under their addresses alone.
async fn copies(app: &App, people: &[Account]) {
    let (mut whole, mut addressed, mut size) = (Vec::new(), Vec::new(), 0);
    for account in people {
        let (bytes, time) = timed(async {
            let about = inventory::about(app, account).await.unwrap();
            for kept in ["accounts", "messages", "subscribers"] {
                assert!(about["records"].as_object().unwrap().contains_key(kept), "{kept}");
            }
            copy::bytes(app, Language::Fr, &about).unwrap()
        })
        .await;
        size = bytes.len();
        whole.push(time);
        let email = Email::parse(&account.email).unwrap();
        let copied = async {
            let about = inventory::about_address(app, &email).await.unwrap();
            copy::bytes(app, Language::Fr, &about).unwrap()
        };
        addressed.push(timed(copied).await.1);
    }
    told(&format!("a copy of everything, as a ZIP of {} kB", size / 1_000), "1 s", whole);
    told("a copy of what stands under an address", "1 s", addressed);
}

async fn pack(app: &App, folder: &std::path::Path) {
    audit::settle(app).await.unwrap();
    let entries = audit::verify(app, &[]).await.unwrap().entries;
    let today = working_days::today(app.clock.now());
    let days = evidence::Days { from: today.yesterday().unwrap(), to: today };
    let path = folder.join("dossier.zip");
    let writing = records::reading_for(Use::Law, evidence::write(app, days, None, &path));
    let (files, time) = timed(writing).await;
    let size = std::fs::metadata(&path).unwrap().len();
    println!(
        "| an evidence pack of {} files, {entries} entries of the audit log, {} kB | {time:.2?} | | 30 s |",
        files.unwrap(),
        size / 1_000
    );
    let key = evidence::public_key(app).await.unwrap();
    let begun = Instant::now();
    let verified = evidence::verify(&path, &key).unwrap();
    assert!(verified.damaged.is_empty(), "it is as it was written");
    println!("| its check, without a gateway | {:.2?} | | |", begun.elapsed());
    println!("| memory at the end | {} MB | | |", testing::resident());
}

/// Somebody with an account, a message and a subscription, as they come in.
async fn person(app: &SharedApp, number: usize) -> Account {
    let email = format!("person{number}@people.example");
    let typed = email.replace('@', "%40");
    let account = testing::account(app, &email).await;
    let form = format!("nom=Durand&prenom=B&email={typed}&raison_sociale=C&adresse=D&message=un");
    testing::post(app, "/contact", &HeaderMap::new(), &form).await;
    testing::post(app, "/newsletter", &HeaderMap::new(), &format!("email={typed}")).await;
    account
}

async fn opened(app: &App, account: &Account, right: Right, client: Option<String>) -> String {
    let open = Act::Open {
        email: account.email.clone(),
        right,
        channel: Channel::Post,
        proved: Some("vu".into()),
        language: Language::Fr,
        said: String::new(),
        client,
        received: None,
    };
    act(app, open).await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn filled<W: Future<Output = ()>>(many: u64, write: impl Fn(u64) -> W) {
    for from in (0..many).step_by(CHUNK as usize) {
        futures::future::join_all((from..many.min(from + CHUNK)).map(&write)).await;
    }
}

/// A message in a thread of its own.
async fn wrote(app: &App, number: u64) {
    let email = format!("writer{number}@people.example");
    let place = contact::place(app, &Email::parse(&email).unwrap());
    let now = app.clock.now();
    let thread = Thread {
        state: contact::State::Closed,
        email: email.clone(),
        language: Language::Fr,
        created: now,
        contact: now,
        answer_by: None,
        closed: Some(now),
        satisfaction: None,
        client: false,
        warned: None,
    };
    let message = Message {
        nom: "Durand".into(),
        prenom: "Claire".into(),
        email,
        telephone: None,
        raison_sociale: "Mutuelle A".into(),
        adresse: "1 rue de la Paix, 75002 Paris".into(),
        message: "Bonjour, une question sur l’offre. ".repeat(8),
        created: now,
        kind: Default::default(),
        language: Language::Fr,
        spam: Default::default(),
    };
    let mut batch = Batch::new(&place.partition);
    let key = records::subject_key(app, &place.partition, &place.partition, &mut batch).await.unwrap();
    records::put_sealed(&mut batch, &key, "contact_threads", "thread", Expect::Absent, &thread, None)
        .unwrap();
    records::put_sealed(&mut batch, &key, "messages", "msg_1", Expect::Absent, &message, None).unwrap();
    app.store.commit(batch).await.unwrap();
}

/// A choice of cookies.
async fn chose(app: &App, number: u64) {
    let id = format!("{:02x}{number:030x}", number % 256);
    let config = &app.settings.consent.config;
    let proof = Proof {
        id: id.clone(),
        created: app.clock.now(),
        audience: number.is_multiple_of(2),
        social: number.is_multiple_of(5),
        services: Vec::new(),
        policy: config.policy.clone(),
        banner: config.banner.clone(),
    };
    let mut batch = Batch::new(format!("consent-{}", &id[..2]));
    records::put_plain(&mut batch, "consents", &id, Expect::Absent, &proof, None).unwrap();
    app.store.commit(batch).await.unwrap();
}

/// A request that was answered.
async fn asked(app: &App, number: u64) {
    let email = Email::parse(&format!("asker{number}@people.example")).unwrap();
    let now = app.clock.now() - SignedDuration::from_hours(24 * (number % 900) as i64);
    let request = Request {
        state: State::Fulfilled,
        closed: Some(Told { at: now, why: "at once".into() }),
        ..Request::new(Right::Access, &email, Language::Fr, Channel::Form, now)
    };
    request::keep(app, &request::new_id().unwrap(), &request, |_, _| Ok(())).await.unwrap();
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

fn told(what: &str, goal: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("| {what} | {:.1?} | {:.1?} | {goal} |", times[times.len() / 2], times[times.len() - 1]);
}

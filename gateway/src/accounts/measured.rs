//! What the check of a session costs, and accounts to measure among; `cargo xtask bench --accounts` runs it.

use std::time::{Duration, Instant};

use crate::accounts::{self, ACCOUNTS, Account, Organisation, holder, retained, sessions};
use crate::app::App;
use crate::audit::{self, Event};
use crate::records;
use crate::store::{Batch, Expect};
use crate::testing;

const CHECKS: u32 = 20_000;
const ROUNDS: usize = 5;

#[tokio::test]
#[ignore = "a measure, run by `cargo xtask bench --accounts`"]
async fn a_session_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let mut last = None;
    // Among others, as it would stand.
    for n in 0..1_000 {
        let account = crate::accounts::Account {
            id: format!("acc_{n}"),
            organisation: format!("org_{n}"),
            email: format!("client{n}@example.com"),
            ..match last.take() {
                Some((account, _)) => account,
                None => testing::account(&app, "client@example.com").await,
            }
        };
        let headers = testing::signed_in(&app, &account).await;
        last = Some((account, headers));
    }
    let (_, headers) = last.unwrap();
    let mut rounds: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CHECKS {
            assert!(sessions::current(&app, &headers).await.unwrap().is_some());
        }
        rounds.push(begun.elapsed() / CHECKS);
    }
    rounds.sort_unstable();
    println!("\n| the check of a session, among 1,000 | {:.1?} |", rounds[ROUNDS / 2]);
}

/// Written at once.
const CHUNK: u64 = 1_000;
/// One in so many has an entry in the audit log.
const NOTED: u64 = 20;

/// So many clients, each in an organisation of its own.
pub(crate) async fn fill(app: &App, many: u64) {
    let first = testing::account(app, "first@clients.example").await;
    for from in (0..many).step_by(CHUNK as usize) {
        let writing = (from..many.min(from + CHUNK)).map(|number| put(app, &first, number));
        futures::future::join_all(writing).await;
    }
}

async fn put(app: &App, like: &Account, number: u64) {
    let account = Account {
        id: format!("acc_filled{number}"),
        organisation: format!("org_filled{number}"),
        email: format!("client{number}@clients.example"),
        ..like.clone()
    };
    accounts::reserve(app, &account).await.unwrap();
    let mut batch = Batch::new(&account.organisation);
    let organisation = Organisation {
        raison_sociale: format!("Mutuelle {number}"),
        adresse: "1 rue de la Paix, 75002 Paris".into(),
        telephone: None,
    };
    holder::put(app, &mut batch, &organisation).await.unwrap();
    let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await.unwrap();
    let expires = retained::expiry(app, &account);
    records::put_sealed(&mut batch, &key, ACCOUNTS, &account.id, Expect::Absent, &account, expires).unwrap();
    if number.is_multiple_of(NOTED) {
        audit::note(&mut batch, &Event::of(app, &account, "account created", &account.id)).unwrap();
    }
    app.store.commit(batch).await.unwrap();
}

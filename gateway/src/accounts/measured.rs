//! What the check of a session costs; `cargo xtask bench --accounts` runs it.

use std::time::{Duration, Instant};

use crate::accounts::sessions;
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

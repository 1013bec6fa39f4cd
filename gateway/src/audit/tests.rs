use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::chain::{self, ENTRIES};
use super::*;
use crate::retention::{Kept, run};
use crate::store::Address;
use crate::testing;

async fn app_with(folder: &std::path::Path, events: usize) -> Arc<App> {
    let app = testing::shared(folder).await;
    for number in 0..events {
        let event = Event::new(&app, "ban add", &format!("192.0.2.{number}/32"));
        record(&app, &event.concerning(&format!("org_{}", number % 2))).await.unwrap();
    }
    settle(&app).await.unwrap();
    app
}

/// What a hand in the store does to an entry.
async fn alter(app: &App, number: u64, change: impl FnOnce(&mut chain::Entry)) {
    let address = Address::new(ENTRIES, PARTITION, chain::name(number));
    let (mut entry, version) = records::read_plain::<chain::Entry>(app, &address).await.unwrap().unwrap();
    change(&mut entry);
    let mut batch = Batch::new(PARTITION);
    let expect = Expect::Version(version);
    records::put_plain(&mut batch, ENTRIES, &address.key, expect, &entry, None).unwrap();
    app.store.commit(batch).await.unwrap();
}

async fn remove(app: &App, number: u64) {
    let batch = Batch::new(PARTITION).delete(ENTRIES, chain::name(number), Expect::Anything);
    app.store.commit(batch).await.unwrap();
}

/// The numbers of the entries that a reading finds wrong.
async fn wrong(app: &App) -> Vec<u64> {
    let verified = verify(app, &[]).await.unwrap();
    verified.damaged.iter().map(|fault| fault["entry"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn p_access_control_what_was_noted_stands_in_the_chain_in_order_and_each_organisation_has_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), 7).await;
    let lines = list(&app, None, None).await.unwrap();
    let objects: Vec<&str> = lines.iter().map(|line| line.event.object.as_str()).collect();
    assert_eq!(objects, (0..7).map(|n| format!("192.0.2.{n}/32")).collect::<Vec<_>>());
    let verified = verify(&app, &[]).await.unwrap();
    assert_eq!((verified.entries, verified.first, verified.last), (7, 1, 7));
    assert_eq!(verified.damaged, Vec::<serde_json::Value>::new());
    assert_eq!(verified.digest, lines[6].digest);
    let part = part(&app, "org_1", None).await.unwrap();
    let own: Vec<&str> = part.events.iter().map(|event| event.object.as_str()).collect();
    assert_eq!(own, ["192.0.2.5/32", "192.0.2.3/32", "192.0.2.1/32"], "the newest first");
}

#[tokio::test]
async fn p_access_control_an_entry_changed_taken_out_swapped_or_cut_off_is_told_with_its_place() {
    let fresh = async || {
        let folder = tempfile::tempdir().unwrap();
        let app = app_with(folder.path(), 6).await;
        (folder, app)
    };
    let (_folder, app) = fresh().await;
    alter(&app, 3, |entry| entry.event = entry.event.replace("ban add", "ban list")).await;
    assert_eq!(wrong(&app).await, [3]);
    let (_folder, app) = fresh().await;
    let before = list(&app, None, None).await.unwrap()[1].digest.clone();
    alter(&app, 3, |entry| {
        entry.event = entry.event.replace("ban add", "ban list");
        entry.digest = chain::digest(&before, 3, &entry.event);
    })
    .await;
    assert_eq!(wrong(&app).await, [4], "its digest was made anew, from which the next does not follow");
    let (_folder, app) = fresh().await;
    remove(&app, 4).await;
    assert_eq!(wrong(&app).await, [4]);
    let (_folder, app) = fresh().await;
    let told = list(&app, None, None).await.unwrap();
    let event = |number: usize| serde_json::to_string(&told[number - 1].event).unwrap();
    alter(&app, 2, |entry| entry.event = event(5)).await;
    alter(&app, 5, |entry| entry.event = event(2)).await;
    assert_eq!(wrong(&app).await, [2, 5]);
    let (_folder, app) = fresh().await;
    remove(&app, 6).await;
    assert_eq!(wrong(&app).await, [6], "the tail is cut off");
    let (_folder, app) = fresh().await;
    remove(&app, 1).await;
    remove(&app, 2).await;
    assert_eq!(wrong(&app).await, [1], "and the head");
}

#[tokio::test]
async fn a_log_rewritten_as_a_whole_is_told_by_its_seal_and_by_an_anchor_from_before() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), 3).await;
    let lines = list(&app, None, None).await.unwrap();
    let anchor = |line: &Line| format!("{}:{}", line.number, line.digest).parse::<Anchor>().unwrap();
    let kept: Vec<Anchor> = lines.iter().map(anchor).collect();
    assert_eq!(verify(&app, &kept).await.unwrap().damaged, Vec::<serde_json::Value>::new());
    // Whoever can write the store makes the last two entries anew, digests and all, but cannot seal the head.
    let mut before = lines[0].digest.clone();
    for number in [2, 3] {
        let event = serde_json::to_string(&lines[0].event).unwrap();
        let digest = chain::digest(&before, number, &event);
        before.clone_from(&digest);
        alter(&app, number, |entry| (entry.event, entry.digest) = (event, digest)).await;
    }
    let (head, expect) = chain::head(&app).await.unwrap();
    let forged = chain::Head { digest: before, ..head };
    let mut batch = Batch::new(PARTITION);
    records::put_plain(&mut batch, "audit_head", "audit_head", expect, &forged, None).unwrap();
    app.store.commit(batch).await.unwrap();
    let verified = verify(&app, &kept[1..2]).await.unwrap();
    let told: Vec<&str> = verified.damaged.iter().map(|fault| fault["why"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        ["the head of the log was not written by a gateway", "it is not the one that the anchor tells"]
    );
    let later: Anchor = format!("9:{}", "0".repeat(64)).parse().unwrap();
    assert_eq!(verify(&app, &[later]).await.unwrap().damaged[1]["entry"], json!(9));
}

#[tokio::test]
async fn a_note_left_by_a_kill_between_two_writes_is_entered_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), 2).await;
    let event = Event::new(&app, "backup", "all").concerning("org_0");
    let mut noted = Batch::new("org_0");
    note(&mut noted, &event).unwrap();
    app.store.commit(noted.clone()).await.unwrap();
    settle(&app).await.unwrap();
    // The note stands there again, as if its removal had not been written.
    app.store.commit(noted).await.unwrap();
    settle(&app).await.unwrap();
    assert_eq!(list(&app, None, None).await.unwrap().len(), 3);
    assert_eq!(part(&app, "org_0", None).await.unwrap().events.len(), 2);
    assert_eq!(wrong(&app).await, [0_u64; 0]);
}

#[tokio::test]
async fn several_gateways_enter_at_once_and_the_chain_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let writers = (0..8).map(|writer| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            for _ in 0..10 {
                record(&app, &Event::new(&app, "backup", &format!("{writer}"))).await.unwrap();
                settle(&app).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(verify(&app, &[]).await.unwrap().entries, 80);
    assert_eq!(wrong(&app).await, [0_u64; 0]);
}

#[tokio::test]
async fn p_retention_entries_go_after_a_year_and_the_rest_of_the_chain_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), 4).await;
    let kept: [&dyn Kept; 1] = [&Entries];
    drop(app);
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let app = Arc::new(testing::app(folder.path(), days(300)).await);
    record(&app, &Event::new(&app, "backup", "all")).await.unwrap();
    settle(&app).await.unwrap();
    let now = app.clock.now();
    assert_eq!(run(&app, &kept, now).await.unwrap(), []);
    let done = run(&app, &kept, now + days(70)).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("audit_entry", 4));
    let verified = verify(&app, &[]).await.unwrap();
    assert_eq!((verified.first, verified.last, verified.damaged.len()), (5, 5, 0));
    // The last one stays, however old, until another follows.
    assert_eq!(run(&app, &kept, now + days(370)).await.unwrap(), []);
    record(&app, &Event::new(&app, "backup", "all")).await.unwrap();
    assert_eq!(verify(&app, &[]).await.unwrap().last, 6);
}

#[tokio::test]
async fn who_acts_and_from_where_is_known_without_being_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let asked = from("192.0.2.77".parse().unwrap(), async { Event::of(&app, &account, "signed in", "x") });
    let event = asked.await;
    assert_eq!((event.actor.kind(&account.id), event.from.as_deref()), ("self", Some("192.0.2.0/24")));
    let typed = by(Actor::operator(1000), async { Event::of(&app, &account, "key created", "x") }).await;
    assert_eq!((typed.actor, typed.from), (Actor("uid:1000".into()), None));
}

proptest! {
    #[test]
    fn an_anchor_is_read_as_it_is_told(number: u64, digest in "[0-9a-f]{64}") {
        let anchor = Anchor { number, digest };
        prop_assert_eq!(format!("{}:{}", anchor.number, anchor.digest).parse(), Ok(anchor));
    }

    #[test]
    fn what_is_no_anchor_is_refused(text in "[0-9a-f:]{0,63}") {
        prop_assert!(text.parse::<Anchor>().is_err());
    }
}

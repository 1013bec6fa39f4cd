//! Portfolios in chunks: the bytes of the whole, kills at every stage, what stops or deletes them, and chunks that give
//! nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aops_engine::BLOCK;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::queue::Waiting;
use super::super::records::{CHUNKS, HEADS, INPUTS, OUTCOMES, PARTIALS, QUEUE, Queued};
use super::super::worker::{Attempt, MOST_DEATHS, attempt};
use super::super::{CALCULATION, Calculated, Who, cancel, follow, remove};
use super::{ALL, asked, client, count, counted, example, get, run};
use crate::accounts::{Account, api_keys};
use crate::app::SharedApp;
use crate::records::{self, KEYS};
use crate::retention::{self, Kept};
use crate::store::{Address, Batch, Expect};
use crate::testing;

/// Two chunks and the beginning of a third.
const LINES: usize = 2 * BLOCK + 100;
const NUMBERS: [&str; 3] = ["00000", "00001", "00002"];

/// A gateway that cuts what has more lines than these.
pub(super) async fn opened(folder: &Path, chunk_lines: usize) -> SharedApp {
    let mut app = testing::app(folder, SignedDuration::ZERO).await;
    app.settings.calculations.chunk_lines = chunk_lines;
    Arc::new(app)
}

/// The lines of a portfolio.
pub(super) fn staff() -> String {
    let mut lines = String::from("id;sex;birth_date;hire_date;annual_salary\n");
    for n in 0..LINES {
        let (sex, birth, hire) = (["M", "F"][n % 2], 1963 + n % 37, 2003 + n % 21);
        lines += &format!("{n};{sex};{birth}-05-12;{hire}-09-01;{}.37\n", 24_000 + n % 997 * 40);
    }
    lines
}

/// What asks for the valuation of a portfolio, which is loaded; its lines are not told.
pub(super) async fn portfolio(app: &SharedApp, headers: &HeaderMap) -> Value {
    let mut sent = headers.clone();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    let path = "/api/v1/datasets?module=ifc&warranty=accepted";
    let loaded = testing::ask(app, Method::POST, path, &sent, Body::from(staff())).await;
    let loaded: Value = serde_json::from_str(&testing::text(loaded).await).unwrap();
    let mut body = example("ifc");
    body["parameters"].as_object_mut().unwrap().remove("employees");
    body["parameters"]["detail"] = json!(false);
    body["dataset"] = json!(loaded["id"].as_str().unwrap_or_else(|| panic!("{loaded}")));
    body
}

pub(super) async fn submitted(app: &SharedApp, headers: &HeaderMap, body: &Value) -> String {
    let (status, told) = asked(app, headers, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{told}");
    told["id"].as_str().unwrap().to_owned()
}

/// The report for programs, without the moment at which it was computed.
async fn report(app: &SharedApp, headers: &HeaderMap, id: &str) -> String {
    let path = format!("{ALL}/{id}/report.json");
    let text = testing::text(testing::ask(app, Method::GET, &path, headers, Body::empty()).await).await;
    let made = text.find("\"made\":\"").unwrap() + 8;
    let end = made + text[made..].find('"').unwrap();
    format!("{}{}", &text[..made], &text[end..])
}

/// How many documents there are of chunks that wait, of what others computed, and of calculations that wait.
async fn left(app: &SharedApp, account: &Account) -> [usize; 3] {
    let organisation = &account.organisation;
    [
        count(app, CHUNKS, organisation).await,
        count(app, PARTIALS, organisation).await,
        count(app, QUEUE, organisation).await,
    ]
}

#[tokio::test]
async fn a_portfolio_in_chunks_has_the_bytes_of_one_that_is_not_and_tells_how_many_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let app = opened(folder.path(), 0).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let body = portfolio(&app, &headers).await;
    let id = submitted(&app, &headers, &body).await;
    assert_eq!(left(&app, &account).await, [0, 0, 1]);
    assert_eq!(run(&app, &account, &id).await, Attempt::Over);
    let uncut = report(&app, &headers, &id).await;
    drop(app);

    let app = opened(folder.path(), BLOCK).await;
    let mut told = body.clone();
    told["parameters"]["detail"] = json!(true);
    submitted(&app, &headers, &told).await;
    assert_eq!(left(&app, &account).await, [0, 0, 1], "it would spare nothing");
    let id = submitted(&app, &headers, &body).await;
    assert_eq!(left(&app, &account).await, [3, 0, 1]);
    // In any order, and one of them twice.
    for (number, done) in [("00002", 1), ("00000", 2), ("00002", 2)] {
        assert_eq!(run(&app, &account, &format!("{id}/{number}")).await, Attempt::Over);
        let (_, told) = get(&app, &headers, &format!("/{id}")).await;
        assert_eq!((&told["state"], &told["progress"]), (&json!("running"), &json!(f64::from(done) / 4.0)));
    }
    assert_eq!(run(&app, &account, &id).await, Attempt::Over, "it is not its turn");
    assert_eq!(left(&app, &account).await, [1, 2, 1]);
    assert_eq!(run(&app, &account, &format!("{id}/00001")).await, Attempt::Over);
    assert_eq!(left(&app, &account).await, [0, 3, 2]);
    for _ in 0..2 {
        assert_eq!(run(&app, &account, &id).await, Attempt::Over);
    }
    assert_eq!(left(&app, &account).await, [0, 0, 1]);
    assert_eq!(get(&app, &headers, &format!("/{id}")).await.1["state"], "done");
    assert!(report(&app, &headers, &id).await == uncut, "the bytes differ");
}

/// Begins one and is killed in the middle of it.
async fn begun(app: &SharedApp, account: &Account, name: &str) {
    let (running, waiting) = (
        Arc::clone(app),
        Waiting { organisation: account.organisation.clone(), id: name.to_owned(), size: 1 },
    );
    let attempt = tokio::spawn(async move { attempt(&running, &waiting).await.map(drop) });
    while app.calculations.jobs.progress(name).is_none() && !attempt.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    attempt.abort();
    // Whichever way it ended, it holds the store no longer.
    let _ = attempt.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_stage_of_a_portfolio_in_chunks_loses_nothing_and_it_is_counted_once() {
    for stage in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let app = opened(folder.path(), BLOCK).await;
        let account = testing::account(&app, "a@example.com").await;
        counted(&app, &account, 2).await;
        let key = api_keys::create(&app, &account).await.unwrap().key;
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        let body = portfolio(&app, &headers).await;
        let id = submitted(&app, &headers, &body).await;
        // Asked for; a chunk begun; one ended; two; all; the whole begun.
        let (ended, middle) =
            [(0, None), (0, Some(0)), (1, None), (2, Some(2)), (3, None), (3, Some(3))][stage];
        for number in &NUMBERS[..ended] {
            run(&app, &account, &format!("{id}/{number}")).await;
        }
        if let Some(middle) = middle {
            let name = NUMBERS.get(middle).map_or_else(|| id.clone(), |number| format!("{id}/{number}"));
            begun(&app, &account, &name).await;
        }
        drop(app);

        let app = opened(folder.path(), BLOCK).await;
        let workers = tokio::spawn(follow(Arc::clone(&app)));
        let mut told = Value::Null;
        for _ in 0..1_200 {
            told = get(&app, &headers, &format!("/{id}")).await.1;
            if told["state"] == "done" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        workers.abort();
        assert_eq!(told["state"], "done", "stage {stage}: {told}");
        assert_eq!(left(&app, &account).await, [0, 0, 0], "stage {stage}");
        let used = testing::ask(&app, Method::GET, "/api/v1/usage", &headers, Body::empty()).await;
        let used: Value = serde_json::from_str(&testing::text(used).await).unwrap();
        assert_eq!(used["plans"][0]["used"], 1, "stage {stage}");
    }
}

#[tokio::test]
async fn p_delete_6_months_what_stops_or_ends_a_calculation_takes_its_chunks_and_what_they_computed() {
    let folder = tempfile::tempdir().unwrap();
    let app = opened(folder.path(), BLOCK).await;
    // Each asks for one: what may be had at once is bounded.
    let mut begun = Vec::new();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        let (account, headers) = client(&app, email).await;
        let body = portfolio(&app, &headers).await;
        let id = submitted(&app, &headers, &body).await;
        run(&app, &account, &format!("{id}/00001")).await;
        assert_eq!(left(&app, &account).await, [2, 1, 0]);
        begun.push((account, headers, id));
    }
    let [(stopping, headers, stopped), (deleting, _, deleted), (waiting, _, past)] = &begun[..] else {
        panic!("three began")
    };
    fn who(account: &Account) -> Who<'_> {
        Who { organisation: &account.organisation, account: &account.id }
    }
    assert!(cancel(&app, who(stopping), stopped).await.unwrap());
    let seen = crate::web::conditional::IfMatch::default();
    assert!(remove(&app, who(deleting), deleted, &seen).await.unwrap());
    for (account, _, id) in &begun[..2] {
        assert_eq!(left(&app, account).await, [0, 0, 0]);
        assert_eq!(run(&app, account, &format!("{id}/00000")).await, Attempt::Over);
    }
    assert_eq!(get(&app, headers, &format!("/{stopped}")).await.1["state"], "cancelled");
    let kept: [&dyn Kept; 1] = [&Calculated];
    let end = CALCULATION.end(app.clock.now()) + SignedDuration::from_hours(1);
    retention::run(&app, &kept, end).await.unwrap();
    for (account, id) in [(deleting, deleted), (waiting, past)] {
        assert!(app.store.read(&Address::new(KEYS, &account.organisation, id)).await.unwrap().is_none());
    }
    for (account, _, _) in &begun {
        for collection in [HEADS, INPUTS, OUTCOMES, QUEUE, CHUNKS, PARTIALS] {
            assert_eq!(count(&app, collection, &account.organisation).await, 0, "{collection}");
        }
    }
}

#[tokio::test]
async fn a_chunk_that_never_ends_fails_nothing_and_data_that_are_gone_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = opened(folder.path(), BLOCK).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let body = portfolio(&app, &headers).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(submitted(&app, &headers, &body).await);
    }
    // Two chunks of the first took three processes down.
    for number in ["00000", "00002"] {
        let name = format!("{}/{number}", ids[0]);
        let place = Address::new(CHUNKS, &account.organisation, &name);
        let (queued, version) = records::read_plain::<Queued>(&app, &place).await.unwrap().unwrap();
        let mut batch = Batch::new(&account.organisation);
        let died = Queued { died: MOST_DEATHS, ..queued };
        records::put_plain(&mut batch, CHUNKS, &name, Expect::Version(version), &died, None).unwrap();
        app.store.commit(batch).await.unwrap();
    }
    let mut told = Vec::new();
    for id in &ids {
        for number in NUMBERS {
            assert_eq!(run(&app, &account, &format!("{id}/{number}")).await, Attempt::Over);
        }
        run(&app, &account, id).await;
        told.push(get(&app, &headers, &format!("/{id}")).await.1);
    }
    assert_eq!((&told[0]["state"], &told[0]["result"]), (&json!("done"), &told[1]["result"]));

    let (account, headers) = client(&app, "b@example.com").await;
    let body = portfolio(&app, &headers).await;
    let id = submitted(&app, &headers, &body).await;
    let path = format!("/api/v1/datasets/{}", body["dataset"].as_str().unwrap());
    let gone = testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    for name in [format!("{id}/00002"), format!("{id}/00000"), format!("{id}/00001"), id.clone()] {
        assert_eq!(run(&app, &account, &name).await, Attempt::Over);
    }
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    assert_eq!((&told["state"], &told["faults"][0]["pointer"]), (&json!("failed"), &json!("/dataset")));
    assert_eq!(left(&app, &account).await, [0, 0, 0]);
}

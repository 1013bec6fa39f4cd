mod adverse;
mod apart;
mod chunks;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::queue::Waiting;
use super::records::{INPUTS, OUTCOMES, QUEUE};
use super::worker::{Attempt, attempt};
use super::*;
use crate::accounts::{Account, api_keys};
use crate::app::SharedApp;
use crate::checkout::{self, Counted, Plan, PlanSource};
use crate::config::Period;
use crate::records::KEYS;
use crate::retention::{self, Kept};
use crate::store::{Address, Scan};
use crate::testing;

const ALL: &str = "/api/v1/calculations";

/// An organisation with a key, whose plan opens everything.
async fn client(app: &SharedApp, email: &str) -> (Account, HeaderMap) {
    let account = testing::account(app, email).await;
    let plan = Plan::of("illimite", "*", Period::Once, app.clock.now(), PlanSource::Order);
    checkout::grant(app, &account, &plan).await.unwrap();
    let key = api_keys::create(app, &account).await.unwrap().key;
    let headers = HeaderMap::from_iter([
        (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    (account, headers)
}

fn example(module: &str) -> Value {
    json!({ "module": module, "parameters": aops_engine::example(module).unwrap() })
}

async fn asked(app: &SharedApp, headers: &HeaderMap, body: &Value) -> (StatusCode, Value) {
    let response = testing::ask(app, Method::POST, ALL, headers, Body::from(body.to_string())).await;
    let status = response.status();
    if status == StatusCode::ACCEPTED {
        let place = testing::location(&response).to_owned();
        let told: Value = serde_json::from_str(&testing::text(response).await).unwrap();
        assert_eq!(place, format!("{ALL}/{}", told["id"].as_str().unwrap()));
        return (status, told);
    }
    (status, serde_json::from_str(&testing::text(response).await).unwrap_or_default())
}

async fn get(app: &SharedApp, headers: &HeaderMap, path: &str) -> (StatusCode, Value) {
    let response = testing::ask(app, Method::GET, &format!("{ALL}{path}"), headers, Body::empty()).await;
    let status = response.status();
    (status, serde_json::from_str(&testing::text(response).await).unwrap_or_default())
}

/// Runs what waits, as workers do.
async fn run(app: &SharedApp, account: &Account, id: &str) -> Attempt {
    let organisation = account.organisation.clone();
    attempt(app, &Waiting { organisation, id: id.to_owned(), size: 1 }).await.unwrap()
}

async fn count(app: &SharedApp, collection: &'static str, organisation: &str) -> usize {
    let partition = Some(organisation.to_owned());
    let scan = Scan { collection, partition, prefix: String::new(), after: None, limit: 99 };
    app.store.scan(scan).await.unwrap().documents.len()
}

#[tokio::test]
async fn a_calculation_waits_runs_and_tells_its_outcome_and_its_reports() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let (status, told) = asked(&app, &headers, &example("ifc")).await;
    assert_eq!((status, &told["state"]), (StatusCode::ACCEPTED, &json!("queued")));
    let id = told["id"].as_str().unwrap();
    assert_eq!(get(&app, &headers, &format!("/{id}/report.json")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(run(&app, &account, id).await, Attempt::Over);
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    let expected = aops_engine::calculate("ifc", &aops_engine::example("ifc").unwrap()).unwrap();
    assert_eq!(told["state"], "done");
    assert_eq!(told["progress"], 1.0);
    assert_eq!(told["result"]["dbo"], expected["dbo"]);
    for (form, begins) in [("json", &b"{"[..]), ("xlsx", b"PK"), ("pdf", b"%PDF-")] {
        let path = format!("{ALL}/{id}/report.{form}");
        let response = testing::ask(&app, Method::GET, &path, &headers, Body::empty()).await;
        assert_eq!(response.status(), StatusCode::OK, "{form}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let saved = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
        assert!(saved.starts_with("attachment; filename=\"ifc-") && saved.ends_with(&format!(".{form}\"")));
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        assert!(bytes.starts_with(begins), "{form}");
    }
    let (_, all) = get(&app, &headers, "").await;
    assert_eq!((&all["calculations"][0]["id"], &all["next"]), (&json!(id), &Value::Null));
    assert_eq!(count(&app, QUEUE, &account.organisation).await, 0);
}

#[tokio::test]
async fn what_ended_since_it_was_read_is_not_deleted_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let (_, told) = asked(&app, &headers, &example("courbe")).await;
    let id = told["id"].as_str().unwrap();
    let path = format!("{ALL}/{id}");
    let tag = async || {
        let read = testing::ask(&app, Method::GET, &path, &headers, Body::empty()).await;
        read.headers()[header::ETAG].clone()
    };
    let waiting = tag().await;
    run(&app, &account, id).await;
    let done = tag().await;
    assert_ne!(waiting, done);
    let with = |name: header::HeaderName, tag: &HeaderValue| {
        let mut headers = headers.clone();
        headers.insert(name, tag.clone());
        headers
    };
    let had = with(header::IF_NONE_MATCH, &done);
    let had = testing::ask(&app, Method::GET, &path, &had, Body::empty()).await;
    assert_eq!(had.status(), StatusCode::NOT_MODIFIED);
    for (tag, expected) in [(&waiting, StatusCode::PRECONDITION_FAILED), (&done, StatusCode::NO_CONTENT)] {
        let headers = with(header::IF_MATCH, tag);
        let deleted = testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
        assert_eq!(deleted.status(), expected);
    }
}

#[tokio::test]
async fn whoever_asks_for_it_has_one_letter_with_the_page_and_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let mut ids = Vec::new();
    for (notify, parameters) in [
        (json!("mail"), example("courbe")["parameters"].clone()),
        (json!("mail"), json!({})),
        (Value::Null, example("courbe")["parameters"].clone()),
    ] {
        let body =
            json!({ "module": "courbe", "name": "Clôture", "parameters": parameters, "notify": notify });
        let (_, told) = asked(&app, &headers, &body).await;
        ids.push(told["id"].as_str().unwrap().to_owned());
        for _ in 0..2 {
            assert_eq!(run(&app, &account, ids.last().unwrap()).await, Attempt::Over);
        }
    }
    let letters = testing::letters(&app).await;
    let letters: Vec<_> = letters.iter().filter(|mail| mail.template == "calcul_termine").collect();
    let states: Vec<&Value> = letters.iter().map(|mail| &mail.context["state"]).collect();
    assert_eq!(states, ["done", "failed"], "one each, and none where none was asked for");
    assert_eq!(letters[0].to, "a@example.com");
    let link = format!("https://localhost:8443/espace-client/calculs/{}", ids[0]);
    assert_eq!(letters[0].context, json!({ "module": "courbe", "state": "done", "link": link }));
    assert_eq!(get(&app, &headers, &format!("/{}", ids[0])).await.1["notify"], "mail");
    for wrong in [json!("sms"), json!(true), json!(["mail"])] {
        let body = json!({ "module": "courbe", "notify": wrong });
        assert_eq!(asked(&app, &headers, &body).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    // Stopped by who asked: nobody needs to be told.
    let mut body = example("courbe");
    body["notify"] = json!("mail");
    let (_, told) = asked(&app, &headers, &body).await;
    let id = told["id"].as_str().unwrap();
    let who = Who { organisation: &account.organisation, account: &account.id };
    assert!(cancel(&app, who, id).await.unwrap());
    run(&app, &account, id).await;
    assert_eq!(testing::letters(&app).await.len(), 2);
}

#[tokio::test]
async fn a_key_for_trying_out_computes_samples_that_count_nothing_and_are_gone_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    // No plan at all.
    let account = testing::account(&app, "a@example.com").await;
    let key = api_keys::create_for_trials(&app, &account).await.unwrap().key;
    assert!(key.starts_with("aops_test_"));
    let headers = HeaderMap::from_iter([
        (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    let body = json!({ "module": "courbe", "dataset": "ds_anybody", "parameters": { "mine": 1 } });
    let (status, told) = asked(&app, &headers, &body).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = told["id"].as_str().unwrap().to_owned();
    run(&app, &account, &id).await;
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    let sample = aops_engine::calculate("courbe", &aops_engine::example("courbe").unwrap()).unwrap();
    assert_eq!((&told["state"], &told["test"]), (&json!("done"), &json!(true)));
    assert_eq!(told["result"]["engine"], sample["engine"]);
    let ends: jiff::Timestamp = told["ends"].as_str().unwrap().parse().unwrap();
    assert!(ends <= app.clock.now() + SignedDuration::from_hours(24));
    let (_, report) = get(&app, &headers, &format!("/{id}/report.json")).await;
    assert_eq!(report["test"], true);
    // A real key does not see it, nor a trial what is real.
    let (_, live) = client(&app, "b@example.com").await;
    let live_key = api_keys::create(&app, &account).await.unwrap().key;
    let mut mine = live.clone();
    mine.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {live_key}")).unwrap());
    assert_eq!(get(&app, &mine, &format!("/{id}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, &mine, "").await.1["calculations"], json!([]));
    assert_eq!(asked(&app, &mine, &example("courbe")).await.0, StatusCode::PAYMENT_REQUIRED);
    let path = "/api/v1/compute/rente";
    let computed = testing::ask(&app, Method::POST, path, &headers, Body::from("{}")).await;
    let computed: Value = serde_json::from_str(&testing::text(computed).await).unwrap();
    assert_eq!(computed["test"], true);
    for closed in ["/api/v1/datasets", "/api/v1/webhooks"] {
        let refused = testing::ask(&app, Method::GET, closed, &headers, Body::empty()).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{closed}");
    }
    let kept: [&dyn Kept; 1] = [&Calculated];
    let done = retention::run(&app, &kept, app.clock.now() + SignedDuration::from_hours(25)).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("calculation", 1));
}

#[tokio::test]
async fn p_report_recipient_what_is_anothers_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let (_, told) = asked(&app, &headers, &example("courbe")).await;
    let id = told["id"].as_str().unwrap();
    run(&app, &account, id).await;
    let (_, stranger) = client(&app, "b@example.com").await;
    for path in [
        format!("/{id}"),
        format!("/{id}/report.pdf"),
        format!("/{id}/events"),
        "/calc_x".into(),
        "/%00".into(),
    ] {
        assert_eq!(get(&app, &stranger, &path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let path = format!("{ALL}/{id}");
    let refused = testing::ask(&app, Method::DELETE, &path, &stranger, Body::empty()).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&app, &stranger, "").await.1["calculations"], json!([]));
    assert_eq!(get(&app, &HeaderMap::new(), &format!("/{id}")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&app, &headers, &format!("/{id}")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let cases = [
        (json!({ "module": "inconnu" }), 422),
        (json!({ "module": "ifc", "dataset": "ds_of_another", "parameters": {} }), 404),
        (json!({ "module": "ifc", "parametres": {} }), 422),
        (json!([]), 422),
        (json!({ "module": "ifc", "parameters": 3 }), 422),
    ];
    for (body, expected) in cases {
        let (status, told) = asked(&app, &headers, &body).await;
        assert_eq!(status.as_u16(), expected, "{body}: {told}");
    }
    assert_eq!(count(&app, records::HEADS, &account.organisation).await, 0);
    let unpaid = testing::account(&app, "c@example.com").await;
    let key = api_keys::create(&app, &unpaid).await.unwrap().key;
    let mut without = headers.clone();
    without.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap());
    assert_eq!(asked(&app, &without, &example("ifc")).await.0, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn a_request_with_faults_fails_and_tells_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let mut body = example("ifc");
    body["parameters"]["employees"][0]["sex"] = json!("X");
    body["parameters"]["valuation_date"] = json!("hier");
    let (_, told) = asked(&app, &headers, &body).await;
    let id = told["id"].as_str().unwrap();
    assert_eq!(run(&app, &account, id).await, Attempt::Over);
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    assert_eq!(told["state"], "failed");
    let pointers: Vec<&str> =
        told["faults"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert!(pointers.contains(&"/valuation_date") && pointers.contains(&"/employees/0/sex"), "{pointers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_sent_again_makes_one_calculation_and_another_under_its_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, mut headers) = client(&app, "a@example.com").await;
    headers.insert("idempotency-key", HeaderValue::from_static("k-1"));
    let body = example("courbe");
    let sent = (0..8).map(|_| {
        let (app, headers, body) = (Arc::clone(&app), headers.clone(), body.clone());
        tokio::spawn(async move { asked(&app, &headers, &body).await.1["id"].clone() })
    });
    let mut ids = Vec::new();
    for sent in sent.collect::<Vec<_>>() {
        ids.push(sent.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(count(&app, records::HEADS, &account.organisation).await, 1);
    assert_eq!(asked(&app, &headers, &example("ifc")).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (_, other) = client(&app, "b@example.com").await;
    let mut other = other;
    other.insert("idempotency-key", HeaderValue::from_static("k-1"));
    assert_eq!(
        asked(&app, &other, &example("ifc")).await.0,
        StatusCode::ACCEPTED,
        "another's key is another"
    );
    drop(app);
    let later = Arc::new(testing::app(folder.path(), SignedDuration::from_hours(25)).await);
    assert_eq!(
        asked(&later, &headers, &example("ifc")).await.0,
        StatusCode::ACCEPTED,
        "a day later it is free"
    );
}

#[tokio::test]
async fn p_delete_6_months_a_calculation_goes_whole_at_once_or_at_its_term_and_its_key_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let organisation = &account.organisation;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (_, told) = asked(&app, &headers, &example("courbe")).await;
        ids.push(told["id"].as_str().unwrap().to_owned());
        run(&app, &account, ids.last().unwrap()).await;
    }
    let key = async |id: &str| app.store.read(&Address::new(KEYS, organisation, id)).await.unwrap();
    assert!(key(&ids[0]).await.is_some());
    let path = format!("{ALL}/{}", ids[0]);
    let gone = testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(get(&app, &headers, &format!("/{}", ids[0])).await.0, StatusCode::NOT_FOUND);
    assert!(key(&ids[0]).await.is_none());
    for collection in [records::HEADS, INPUTS, OUTCOMES] {
        assert_eq!(count(&app, collection, organisation).await, 1, "{collection}");
    }
    let kept: [&dyn Kept; 1] = [&Calculated];
    let end = CALCULATION.end(app.clock.now());
    let before = end - SignedDuration::from_hours(1);
    assert_eq!(retention::run(&app, &kept, before).await.unwrap(), []);
    let done = retention::run(&app, &kept, end + SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("calculation", 1));
    assert!(key(&ids[1]).await.is_none());
    for collection in [records::HEADS, INPUTS, OUTCOMES, QUEUE] {
        assert_eq!(count(&app, collection, organisation).await, 0, "{collection}");
    }
}

#[tokio::test]
async fn p_delete_6_months_what_is_past_its_term_is_not_told_even_where_nothing_ran_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let (_, told) = asked(&app, &headers, &example("courbe")).await;
    let id = told["id"].as_str().unwrap().to_owned();
    run(&app, &account, &id).await;
    drop(app);
    let later = Arc::new(testing::app(folder.path(), SignedDuration::from_hours(24 * 185)).await);
    assert_eq!(get(&later, &headers, &format!("/{id}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&later, &headers, "").await.1["calculations"], json!([]));
}

/// A plan of so many calculations.
async fn counted(app: &SharedApp, account: &Account, included: u32) {
    let mut plan = Plan::of("compte", "*", Period::Once, app.clock.now(), PlanSource::Order);
    plan.counted = Some(Counted { counter: "sub_1-0".into(), included, beyond: false });
    checkout::grant(app, account, &plan).await.unwrap();
}

#[tokio::test]
async fn a_calculation_is_charged_once_and_not_when_it_fails_or_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    counted(&app, &account, 1).await;
    let key = api_keys::create(&app, &account).await.unwrap().key;
    let headers = HeaderMap::from_iter([
        (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    // Faults: not counted.
    let (_, told) = asked(&app, &headers, &json!({ "module": "ifc", "parameters": {} })).await;
    run(&app, &account, told["id"].as_str().unwrap()).await;
    // Deleted before it ran: not counted.
    let (status, told) = asked(&app, &headers, &example("courbe")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let path = format!("{ALL}/{}", told["id"].as_str().unwrap());
    testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
    assert_eq!(run(&app, &account, told["id"].as_str().unwrap()).await, Attempt::Over);
    // Done: counted, also when the worker comes twice.
    let (status, told) = asked(&app, &headers, &example("courbe")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = told["id"].as_str().unwrap();
    assert_eq!(asked(&app, &headers, &example("courbe")).await.0, StatusCode::PAYMENT_REQUIRED);
    for _ in 0..2 {
        assert_eq!(run(&app, &account, id).await, Attempt::Over);
    }
    assert_eq!(asked(&app, &headers, &example("courbe")).await.0, StatusCode::PAYMENT_REQUIRED);
    // Deleting what was had does not give it back.
    let path = format!("{ALL}/{id}");
    testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
    assert_eq!(asked(&app, &headers, &example("courbe")).await.0, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_take_up_what_waited_when_the_gateway_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, headers) = client(&app, "a@example.com").await;
    let mut ids = Vec::new();
    for module in ["courbe", "ifc", "rente"] {
        ids.push(asked(&app, &headers, &example(module)).await.1["id"].as_str().unwrap().to_owned());
    }
    drop(app);
    let app = testing::shared(folder.path()).await;
    let workers = tokio::spawn(follow(Arc::clone(&app)));
    for id in &ids {
        for _ in 0..200 {
            if get(&app, &headers, &format!("/{id}")).await.1["state"] == "done" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(get(&app, &headers, &format!("/{id}")).await.1["state"], "done");
    }
    // Events of what is over: its end, at once.
    let path = format!("{ALL}/{}/events", ids[0]);
    let response = testing::ask(&app, Method::GET, &path, &headers, Body::empty()).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let told = testing::text(response).await;
    assert!(told.contains("event: end") && told.contains("\"state\":\"done\""), "{told}");
    workers.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p_instructions_a_calculation_is_stopped_or_deleted_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let mut body = example("retraite");
    body["parameters"]["simulation"]["scenarios"] = json!(20_000);
    for deleted in [true, false] {
        let (_, told) = asked(&app, &headers, &body).await;
        let id = told["id"].as_str().unwrap().to_owned();
        let (running, waiting) = (
            Arc::clone(&app),
            Waiting { organisation: account.organisation.clone(), id: id.clone(), size: 1 },
        );
        let attempt = tokio::spawn(async move { attempt(&running, &waiting).await.unwrap() });
        for _ in 0..200 {
            if app.calculations.jobs.progress(&id).is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let who = Who { organisation: &account.organisation, account: &account.id };
        let seen = crate::web::conditional::IfMatch::default();
        let done = if deleted { remove(&app, who, &id, &seen).await } else { cancel(&app, who, &id).await };
        assert!(done.unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(60), attempt).await.unwrap().unwrap();
        assert!(matches!(ended, Attempt::Over | Attempt::Again));
        let (status, told) = get(&app, &headers, &format!("/{id}")).await;
        if deleted {
            assert_eq!(status, StatusCode::NOT_FOUND);
        } else {
            assert_eq!(told["state"], "cancelled");
        }
        assert_eq!(count(&app, OUTCOMES, &account.organisation).await, 0);
    }
}

#[tokio::test]
async fn no_portfolio_is_too_large_to_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, headers) = client(&app, "a@example.com").await;
    let lines = (0..20_000).map(|n| format!("{n};M;1970-05-12;1998-09-01;45000\n")).collect::<String>();
    let lines = format!("id;sex;birth_date;hire_date;annual_salary\n{lines}");
    let mut sent = headers.clone();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    let place = "/api/v1/datasets?module=ifc&warranty=accepted";
    let loaded = testing::ask(&app, Method::POST, place, &sent, Body::from(lines)).await;
    assert_eq!(loaded.status(), StatusCode::CREATED);
    let loaded: Value = serde_json::from_str(&testing::text(loaded).await).unwrap();
    let mut ask = example("ifc");
    ask["parameters"].as_object_mut().unwrap().remove("employees");
    ask["dataset"] = loaded["id"].clone();
    let (status, told) = asked(&app, &headers, &ask).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{told}");
    // Asking goes on being bounded: two of its size are all that may be had at once.
    let mut came = Vec::new();
    for _ in 0..3 {
        came.push(asked(&app, &headers, &ask).await.0);
    }
    assert!(came.contains(&StatusCode::TOO_MANY_REQUESTS), "{came:?}");
}

//! What goes wrong around a calculation: a disk that is full, data and plans that are gone, a process that dies.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::records::{OUTCOMES, QUEUE, Queued};
use super::super::worker::{Attempt, MOST_BEGINNINGS, MOST_DEATHS};
use super::{asked, client, count, example, get, run};
use crate::accounts::{Account, api_keys};
use crate::app::SharedApp;
use crate::checkout::{self, Plan, PlanSource};
use crate::config::Period;
use crate::records;
use crate::store::{Address, Batch, Copied, Expect, Page, Scan, Store, StoreError, Stored, Watch};
use crate::testing;

/// One as kills and panics in the middle leave it.
async fn begun_and_died(
    app: &SharedApp,
    account: &Account,
    headers: &HeaderMap,
    begun: u32,
    died: u32,
) -> String {
    let (_, told) = asked(app, headers, &example("courbe")).await;
    let id = told["id"].as_str().unwrap().to_owned();
    let place = Address::new(QUEUE, &account.organisation, &id);
    let (queued, version) = records::read_plain::<Queued>(app, &place).await.unwrap().unwrap();
    let mut batch = Batch::new(&account.organisation);
    let left = Queued { begun, died, ..queued };
    records::put_plain(&mut batch, QUEUE, &id, Expect::Version(version), &left, None).unwrap();
    app.store.commit(batch).await.unwrap();
    assert_eq!(run(app, account, &id).await, Attempt::Over);
    id
}

#[tokio::test]
async fn what_never_ends_or_takes_its_thread_down_is_set_apart_and_what_was_only_killed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    for (begun, died) in [(MOST_BEGINNINGS, 0), (MOST_DEATHS, MOST_DEATHS)] {
        let id = begun_and_died(&app, &account, &headers, begun, died).await;
        let (_, told) = get(&app, &headers, &format!("/{id}")).await;
        assert_eq!(told["state"], "failed");
        assert_eq!(told["incident"].as_str().unwrap().len(), 12);
    }
    let id = begun_and_died(&app, &account, &headers, MOST_BEGINNINGS - 1, MOST_DEATHS - 1).await;
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    assert_eq!(told["state"], "done", "{told}");
}

/// Rows of staff as a client loads them.
const STAFF: &str = "id;sex;birth_date;hire_date;annual_salary\n1;F;1972-05-03;2001-09-01;38000\n2;M;1985-11-30;2016-02-15;45000\n";

async fn loaded(app: &SharedApp, headers: &HeaderMap) -> String {
    let mut headers = headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    let path = "/api/v1/datasets?module=ifc&warranty=accepted";
    let response = testing::ask(app, Method::POST, path, &headers, Body::from(STAFF)).await;
    let told: Value = serde_json::from_str(&testing::text(response).await).unwrap();
    told["id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test]
async fn data_are_computed_for_their_owner_alone_and_their_deletion_before_the_turn_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let dataset = loaded(&app, &headers).await;
    let mut body = example("ifc");
    body["dataset"] = json!(dataset);
    let (_, told) = asked(&app, &headers, &body).await;
    run(&app, &account, told["id"].as_str().unwrap()).await;
    let (_, told) = get(&app, &headers, &format!("/{}", told["id"].as_str().unwrap())).await;
    let expected = aops_engine::calculate("ifc", &aops_engine::example("ifc").unwrap()).unwrap();
    let (found, expected) = (told["result"]["dbo"].as_f64().unwrap(), expected["dbo"].as_f64().unwrap());
    assert!((found / expected - 1.0).abs() < 1e-12, "{told}");
    let (_, stranger) = client(&app, "b@example.com").await;
    assert_eq!(asked(&app, &stranger, &body).await.0, StatusCode::NOT_FOUND);
    body["module"] = json!("medailles");
    assert_eq!(asked(&app, &headers, &body).await.0, StatusCode::UNPROCESSABLE_ENTITY, "for another module");
    body["module"] = json!("ifc");
    let (_, told) = asked(&app, &headers, &body).await;
    let path = format!("/api/v1/datasets/{dataset}");
    let gone = testing::ask(&app, Method::DELETE, &path, &headers, Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    run(&app, &account, told["id"].as_str().unwrap()).await;
    let (_, told) = get(&app, &headers, &format!("/{}", told["id"].as_str().unwrap())).await;
    assert_eq!((&told["state"], &told["faults"][0]["pointer"]), (&json!("failed"), &json!("/dataset")));
}

#[tokio::test]
async fn what_was_paid_for_when_it_was_asked_is_computed_though_the_plan_ended_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let plan = Plan::of("mois", "*", Period::Month, app.clock.now(), PlanSource::Order);
    checkout::grant(&app, &account, &plan).await.unwrap();
    let key = api_keys::create(&app, &account).await.unwrap().key;
    let headers = HeaderMap::from_iter([
        (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    let (_, told) = asked(&app, &headers, &example("courbe")).await;
    drop(app);
    let later = Arc::new(testing::app(folder.path(), SignedDuration::from_hours(24 * 40)).await);
    let id = told["id"].as_str().unwrap();
    run(&later, &account, id).await;
    assert_eq!(get(&later, &headers, &format!("/{id}")).await.1["state"], "done");
    assert_eq!(asked(&later, &headers, &example("courbe")).await.0, StatusCode::PAYMENT_REQUIRED);
}

/// A store whose disk has no room for outcomes.
struct Full(Arc<dyn Store>);

#[async_trait::async_trait]
impl Store for Full {
    async fn read(&self, address: &Address) -> Result<Option<Stored>, StoreError> {
        self.0.read(address).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.writes.iter().any(|write| write.collection == OUTCOMES) {
            return Err(StoreError::Full("no space left on device".into()));
        }
        self.0.commit(batch).await
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StoreError> {
        self.0.scan(scan).await
    }

    async fn count(&self, collection: &'static str, partition: Option<&str>) -> Result<u64, StoreError> {
        self.0.count(collection, partition).await
    }

    async fn watch(&self, collection: &'static str) -> Result<Watch, StoreError> {
        self.0.watch(collection).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(limit).await
    }

    async fn copy(&self, to: tokio::sync::mpsc::Sender<Copied>) -> Result<(), StoreError> {
        self.0.copy(to).await
    }

    async fn load(&self, copied: Vec<Copied>) -> Result<(), StoreError> {
        self.0.load(copied).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
}

#[tokio::test]
async fn a_full_disk_fails_a_calculation_with_an_incident_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = testing::app(folder.path(), SignedDuration::ZERO).await;
    app.store = Arc::new(Full(Arc::clone(&app.store)));
    let app = Arc::new(app);
    let (account, headers) = client(&app, "a@example.com").await;
    let (_, told) = asked(&app, &headers, &example("courbe")).await;
    let id = told["id"].as_str().unwrap();
    assert_eq!(run(&app, &account, id).await, Attempt::Over);
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    assert_eq!(told["state"], "failed");
    assert_eq!(told["incident"].as_str().unwrap().len(), 12);
    for collection in [OUTCOMES, QUEUE] {
        assert_eq!(count(&app, collection, &account.organisation).await, 0, "{collection}");
    }
}

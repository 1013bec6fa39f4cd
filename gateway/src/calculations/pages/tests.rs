use http::{HeaderMap, Method, StatusCode};

use crate::app::SharedApp;
use crate::calculations::jobs;
use crate::checkout::{self, Plan, PlanSource};
use crate::config::Period;
use crate::testing;

async fn client(app: &SharedApp, email: &str) -> (crate::accounts::Account, HeaderMap) {
    let account = testing::account(app, email).await;
    let plan = Plan::of("illimite", "*", Period::Once, app.clock.now(), PlanSource::Order);
    checkout::grant(app, &account, &plan).await.unwrap();
    let headers = testing::signed_in(app, &account).await;
    (account, headers)
}

async fn page(app: &SharedApp, headers: &HeaderMap, path: &str) -> (StatusCode, String) {
    let response = testing::ask(app, Method::GET, path, headers, axum::body::Body::empty()).await;
    (response.status(), testing::text(response).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_look_goes_from_the_example_to_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, headers) = client(&app, "a@example.com").await;
    let workers = tokio::spawn(jobs::follow(app.clone()));
    let posted = testing::post(&app, super::ALL, &headers, "module=ifc&nom=Exemple&exemple=1").await;
    assert_eq!(posted.status(), StatusCode::SEE_OTHER);
    let place = testing::location(&posted).to_owned();
    let mut told = page(&app, &headers, &place).await;
    for _ in 0..200 {
        if !told.1.contains("<main>queued") && !told.1.contains("<main>running") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        told = page(&app, &headers, &place).await;
    }
    assert!(told.1.contains("<main>done <svg"), "{}", told.1);
    let path = format!("{place}/rapport.pdf");
    let report = testing::ask(&app, Method::GET, &path, &headers, axum::body::Body::empty()).await;
    assert_eq!(report.status(), StatusCode::OK);
    let (_, other) = client(&app, "b@example.com").await;
    for path in [place.clone(), path, format!("{place}/evenements")] {
        assert_eq!(page(&app, &other, &path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(page(&app, &HeaderMap::new(), &path).await.0, StatusCode::SEE_OTHER, "{path}");
    }
    let (_, form) = page(
        &app,
        &headers,
        &format!("/espace-client/calculs/nouveau?copie={}", place.rsplit('/').next().unwrap()),
    )
    .await;
    assert!(form.contains("assumptions.discount_rate=3,4\n"), "{form}");
    let gone = testing::post(&app, &format!("{place}/suppression"), &headers, "").await;
    assert_eq!(testing::location(&gone), "/espace-client/calculs?fait=supprime");
    assert_eq!(page(&app, &headers, &place).await.0, StatusCode::NOT_FOUND);
    workers.abort();
}

#[tokio::test]
async fn what_is_typed_wrongly_comes_back_with_the_form() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, headers) = client(&app, "a@example.com").await;
    let form = "module=ifc&nom=&assumptions.discount_rate=trois&scale=legal_voluntary";
    let refused = testing::post(&app, super::ALL, &headers, form).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told = testing::text(refused).await;
    assert!(told.contains("assumptions.discount_rate:number"), "{told}");
    assert!(told.contains("scale=legal_voluntary"), "{told}");
    let unknown = testing::post(&app, super::ALL, &headers, "module=inconnu").await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::stored::{self, COLLECTION};
use crate::accounts::{Account, api_keys};
use crate::app::SharedApp;
use crate::calculations::jobs;
use crate::checkout::{self, Counted, Plan, PlanSource};
use crate::config::Period;
use crate::store::Address;
use crate::testing;

const ALL: &str = "/api/v1/assumptions";

async fn client(app: &SharedApp, email: &str) -> (Account, HeaderMap) {
    let account = testing::account(app, email).await;
    let plan = Plan::of("illimite", "*", Period::Once, app.clock.now(), PlanSource::Order);
    checkout::grant(app, &account, &plan).await.unwrap();
    (account.clone(), keyed(app, &account).await)
}

async fn keyed(app: &SharedApp, account: &Account) -> HeaderMap {
    let key = api_keys::create(app, account).await.unwrap().key;
    let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, bearer)])
}

async fn send(app: &SharedApp, key: &HeaderMap, method: Method, path: &str, body: &Value) -> Response {
    let mut headers = key.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    testing::ask(app, method, path, &headers, Body::from(body.to_string())).await
}

async fn told(response: Response) -> Value {
    serde_json::from_str(&testing::text(response).await).unwrap_or_default()
}

async fn get(app: &SharedApp, key: &HeaderMap, path: &str) -> Value {
    told(testing::ask(app, Method::GET, path, key, Body::empty()).await).await
}

fn own(name: &str) -> Value {
    let values = json!({ "scale": "legal_voluntary", "assumptions": { "salary_growth": 0.02 } });
    json!({ "module": "ifc", "name": name, "source": "Comité", "values": values })
}

#[tokio::test]
async fn assumptions_are_saved_changed_and_deleted_by_their_organisation_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, key) = client(&app, "a@example.com").await;
    let (_, stranger) = client(&app, "b@example.com").await;
    let made = send(&app, &key, Method::POST, ALL, &own("Clôture 2026")).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let (place, tag) = (testing::location(&made).to_owned(), made.headers()[header::ETAG].clone());
    let whole = told(made).await;
    assert_eq!((&whole["origin"], &whole["values"]["scale"]), (&json!("own"), &json!("legal_voluntary")));
    for (wrong, field) in [
        (own("Clôture 2026"), "name"),
        (own(" "), "name"),
        (json!({ "module": "x", "name": "a", "values": {} }), "module"),
        (json!({ "module": "ifc", "name": "a", "values": {} }), "values"),
        (json!({ "module": "ifc", "name": "a", "values": { "employees": [{ "id": "1" }] } }), "values"),
        (json!({ "module": "ifc", "name": "a", "values": { "valuation_date": "2026-12-31" } }), "values"),
    ] {
        let refused = send(&app, &key, Method::POST, ALL, &wrong).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let error = refused.extensions().get::<crate::web::WebError>().cloned();
        let Some(crate::web::WebError::Unprocessable(errors)) = error else { panic!("{error:?}") };
        assert!(errors["errors"][field].is_string(), "{wrong}: {errors:?}");
    }
    let patch = json!({ "values": { "assumptions": { "discount_rate": 0.034 } } });
    let mut seen = key.clone();
    seen.insert(header::IF_MATCH, tag);
    let changed = send(&app, &seen, Method::PATCH, &place, &patch).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let expected = json!({ "salary_growth": 0.02, "discount_rate": 0.034 });
    assert_eq!(told(changed).await["values"]["assumptions"], expected);
    let again = send(&app, &seen, Method::PATCH, &place, &patch).await;
    assert_eq!(again.status(), StatusCode::PRECONDITION_FAILED, "it was changed since");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let foreign = send(&app, &stranger, method, &place, &json!({})).await;
        assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    }
    assert!(
        get(&app, &stranger, ALL).await["assumptions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["origin"] == "preset")
    );
    let gone = send(&app, &key, Method::DELETE, &place, &json!({})).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let preset = send(&app, &key, Method::DELETE, &format!("{ALL}/preset_ifc_ias19"), &json!({})).await;
    assert_eq!(preset.status(), StatusCode::NOT_FOUND);
    let unknown = testing::ask(&app, Method::GET, &format!("{ALL}?module=x"), &key, Body::empty()).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_who_save_one_name_at_once_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, key) = client(&app, "a@example.com").await;
    let asked = (0..20).map(|_| {
        let (app, key) = (app.clone(), key.clone());
        tokio::spawn(async move { send(&app, &key, Method::POST, ALL, &own("Une")).await.status() })
    });
    let mut made = 0;
    for asked in asked.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            StatusCode::CREATED => made += 1,
            status => assert!(
                status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::SERVICE_UNAVAILABLE,
                "{status}"
            ),
        }
    }
    assert_eq!((made, stored::all(&app, &account.organisation).await.unwrap().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calculation_begins_with_assumptions_and_is_remembered_for_the_next_closing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, key) = client(&app, "a@example.com").await;
    let workers = tokio::spawn(jobs::follow(app.clone()));
    let Some(Value::Object(mut example)) = aops_engine::example("ifc") else { panic!() };
    let Some(Value::Object(assumptions)) = example.remove("assumptions") else { panic!() };
    let saved = json!({ "module": "ifc", "name": "Une", "values": { "assumptions": assumptions } });
    let id = told(send(&app, &key, Method::POST, ALL, &saved).await).await["id"].as_str().unwrap().to_owned();
    let over = json!({ "discount_rate": 0.01 });
    example.insert("assumptions".into(), over);
    let asked = json!({ "module": "ifc", "assumptions": id, "parameters": example });
    let estimate = send(&app, &key, Method::POST, "/api/v1/calculations/estimate", &asked).await;
    assert_eq!(estimate.status(), StatusCode::OK);
    let estimate = told(estimate).await;
    assert_eq!(
        (&estimate["possible"], &estimate["counts"], &estimate["price"]),
        (&json!(true), &json!(0), &Value::Null)
    );
    let made = send(&app, &key, Method::POST, "/api/v1/calculations", &asked).await;
    assert_eq!(made.status(), StatusCode::ACCEPTED);
    let place = testing::location(&made).to_owned();
    let mut state = json!(null);
    for _ in 0..2400 {
        state = get(&app, &key, &place).await;
        if state["state"] == "done" || state["state"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(state["state"], "done", "{state}");
    let last = get(&app, &key, &format!("{ALL}/last_ifc")).await;
    assert_eq!(
        last["values"]["assumptions"]["discount_rate"], 0.01,
        "what was asked comes over what was saved"
    );
    assert_eq!(last["values"]["assumptions"]["salary_growth"], 0.02);
    assert!(last["values"].get("employees").is_none() && last["values"].get("valuation_date").is_none());
    // They outlive the calculation, which is deleted with its data.
    assert_eq!(send(&app, &key, Method::DELETE, &place, &json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(get(&app, &key, &format!("{ALL}/last_ifc")).await["origin"], "last");
    for (wrong, status) in [("as_none", 404), ("preset_rente_viagere", 422)] {
        let asked = json!({ "module": "ifc", "assumptions": wrong });
        for path in ["/api/v1/calculations", "/api/v1/calculations/estimate"] {
            assert_eq!(
                send(&app, &key, Method::POST, path, &asked).await.status().as_u16(),
                status,
                "{path} {wrong}"
            );
        }
    }
    workers.abort();
    let _ = workers.await;
    let organisation = account.organisation.clone();
    // What a calculation began may still hold the store for a moment.
    let free = async {
        while Arc::strong_count(&app) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), free).await.unwrap();
    drop(app);
    // Two years on and more, nothing is left of what nobody used.
    let ahead = SignedDuration::from_hours(24 * 31 * 27);
    let app = testing::app(folder.path(), ahead).await;
    assert_eq!(stored::all(&app, &organisation).await.unwrap().len(), 0);
    assert!(app.store.read(&Address::new(COLLECTION, &organisation, &id)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_page_begins_with_what_is_chosen_tells_the_price_and_saves_what_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    drop(testing::app(folder.path(), SignedDuration::ZERO).await);
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let mut plan = Plan::of("ifc", "ifc", Period::Year, app.clock.now(), PlanSource::Order);
    plan.counted = Some(Counted { counter: "sub_1-0".into(), included: 1, beyond: false });
    checkout::grant(&app, &account, &plan).await.unwrap();
    let headers = testing::signed_in(&app, &account).await;
    let page = async |path: &str| {
        testing::text(testing::ask(&app, Method::GET, path, &headers, Body::empty()).await).await
    };
    let new = "/espace-client/calculs/nouveau";
    let preset = page(&format!("{new}?module=ifc&hypotheses=preset_ifc_anc")).await;
    assert!(preset.contains("chosen=preset_ifc_anc") && preset.contains("quote=included"), "{preset}");
    assert!(preset.contains("assumptions.attribution=straight_line\n"), "{preset}");
    assert!(
        preset.contains("assumptions.discount_rate=\n"),
        "what only the market knows is left open: {preset}"
    );
    let unknown =
        testing::ask(&app, Method::GET, &format!("{new}?hypotheses=as_x"), &headers, Body::empty()).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let form = "module=ifc&hypotheses_nom=Cl%C3%B4ture&hypotheses_source=Comit%C3%A9&donnees=ds_x&scale=legal_voluntary&assumptions.salary_growth=2";
    let saved = testing::post(&app, "/espace-client/hypotheses", &headers, form).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    let place = testing::location(&saved).split('?').next().unwrap().to_owned();
    assert!(page(&place).await.contains("assumptions.salary_growth=2\n"));
    let twice = testing::post(&app, "/espace-client/hypotheses", &headers, form).await;
    assert_eq!(twice.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(testing::text(twice).await.contains("hypotheses_nom:assumptions_name"));
    let changed = "hypotheses_nom=Autre&assumptions.salary_growth=trois";
    let refused = testing::post(&app, &place, &headers, changed).await;
    assert!(testing::text(refused).await.contains("assumptions.salary_growth:number"));
    let changed = "hypotheses_nom=Autre&assumptions.salary_growth=3";
    assert_eq!(testing::post(&app, &place, &headers, changed).await.status(), StatusCode::SEE_OTHER);
    assert!(page("/espace-client/hypotheses").await.contains("Autre"));
    let id = place.rsplit('/').next().unwrap();
    assert!(page(&format!("{new}?hypotheses={id}")).await.contains("assumptions.salary_growth=3\n"));
    checkout::meter(&app, &account.organisation, &[plan], "ifc").await.map(drop).unwrap();
    assert!(page(&format!("{new}?module=ifc")).await.contains("quote=refused"));
    let stranger = testing::account(&app, "b@example.com").await;
    let others = testing::signed_in(&app, &stranger).await;
    let foreign = testing::ask(&app, Method::GET, &place, &others, Body::empty()).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    let gone = testing::post(&app, &format!("{place}/suppression"), &headers, "").await;
    assert_eq!(testing::location(&gone), "/espace-client/hypotheses?fait=supprime");
}

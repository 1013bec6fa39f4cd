use axum::body::Body;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::Value;

use super::*;
use crate::testing;

const PAGE: &str = "/espace-client/cles";

async fn posted(app: &SharedApp, by: &Account, path: &str, form: &str) -> http::Response<Body> {
    let mut session = testing::signed_in(app, by).await;
    session.insert(header::ACCEPT, "application/json".parse().unwrap());
    testing::post(app, path, &session, form).await
}

async fn made(app: &SharedApp, by: &Account, form: &str) -> NewKey {
    let answer = posted(app, by, PAGE, form).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{form}");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let told: Value = serde_json::from_str(&testing::text(answer).await).unwrap();
    NewKey { id: told["id"].as_str().unwrap().into(), key: told["key"].as_str().unwrap().into() }
}

fn with(key: &NewKey) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {}", key.key).parse().unwrap())])
}

async fn asks(app: &SharedApp, key: &NewKey, method: Method, path: &str) -> u16 {
    testing::ask(app, method, path, &with(key), Body::empty()).await.status().as_u16()
}

#[test]
fn a_key_is_read_from_one_bearer_field_only() {
    let headers = |fields: &[&str]| {
        let field = |text: &&str| (header::AUTHORIZATION, http::HeaderValue::from_str(text).unwrap());
        fields.iter().map(field).collect::<HeaderMap>()
    };
    assert_eq!(bearer(&headers(&["Bearer k"])), Some("k"));
    assert_eq!(bearer(&headers(&["bearer k"])), Some("k"));
    for fields in [&[][..], &["Basic k"], &["k"], &["Bearer a", "Bearer b"]] {
        assert_eq!(bearer(&headers(fields)), None, "{fields:?}");
    }
}

#[test]
fn a_key_of_before_there_were_scopes_opens_everything() {
    let first = First {
        digest: "d".into(),
        organisation: "org_1".into(),
        account: "acc_1".into(),
        created: Timestamp::UNIX_EPOCH,
    };
    let written = records::encode(&address("abc"), &first).unwrap();
    let read: Record = records::decode(&address("abc"), &written).unwrap();
    assert_eq!((read.scopes, read.expires), (Scope::ALL.to_vec(), None));
}

#[tokio::test]
async fn p_access_control_a_key_opens_what_was_ticked_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    for wrong in [
        "",
        "nom_cle=A&duree=90",
        "nom_cle=A&compute=oui&duree=91",
        "nom_cle=A&compute=oui",
        "nom_cle=A&compute=oui&duree=90&role=owner",
        "nom_cle=A&admin=oui&duree=90",
        "compute=oui&duree=90",
    ] {
        assert_eq!(posted(&app, &owner, PAGE, wrong).await.status(), 422, "{wrong}");
    }
    let key = made(&app, &owner, "nom_cle=Paie&account%3Aread=oui&duree=30").await;
    assert_eq!(asks(&app, &key, Method::GET, "/api/v1/account").await, 200);
    assert_eq!(asks(&app, &key, Method::POST, "/api/v1/compute/rente").await, 403);
    let letters = testing::letters(&app).await;
    assert!(letters.iter().any(|mail| mail.template == "cle_api" && mail.to == "a@example.com"));
    let (record, version) = kept(&app, &key.id).await.unwrap().unwrap();
    assert!(record.used.is_some());
    assert_eq!(asks(&app, &key, Method::GET, "/api/v1/account").await, 200);
    assert_eq!(kept(&app, &key.id).await.unwrap().unwrap().1, version, "no write a request");
    drop(app);
    let month = SignedDuration::from_hours(24 * 30);
    let app = std::sync::Arc::new(testing::app(folder.path(), month).await);
    assert_eq!(asks(&app, &key, Method::GET, "/api/v1/account").await, 401);
    assert!(list::of(&app, &owner.organisation).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_is_replaced_with_a_day_to_change_over_and_revoked_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let old = made(&app, &owner, "nom_cle=Paie&account%3Aread=oui&duree=0").await;
    let replaced = posted(&app, &owner, &format!("{PAGE}/{}/remplacement", old.id), "").await;
    assert_eq!(replaced.status(), StatusCode::CREATED);
    let told: Value = serde_json::from_str(&testing::text(replaced).await).unwrap();
    let new = NewKey { id: told["id"].as_str().unwrap().into(), key: told["key"].as_str().unwrap().into() };
    for key in [&old, &new] {
        assert_eq!(asks(&app, key, Method::GET, "/api/v1/account").await, 200);
        assert_eq!(asks(&app, key, Method::POST, "/api/v1/compute/rente").await, 403, "the same scopes");
    }
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_hours(25)).await);
    assert_eq!(asks(&app, &old, Method::GET, "/api/v1/account").await, 401);
    assert_eq!(asks(&app, &new, Method::GET, "/api/v1/account").await, 200);
    let stranger = testing::account(&app, "b@example.com").await;
    for act in ["retrait", "remplacement"] {
        let path = format!("{PAGE}/{}/{act}", new.id);
        assert_eq!(posted(&app, &stranger, &path, "").await.status(), 404, "of another organisation");
    }
    let path = format!("{PAGE}/{}/retrait", new.id);
    let revoked = posted(&app, &owner, &path, "").await;
    assert!(revoked.status().is_success() || revoked.status().is_redirection());
    assert_eq!(asks(&app, &new, Method::GET, "/api/v1/account").await, 401);
    assert_eq!(posted(&app, &owner, &path, "").await.status(), 404);
}

#[tokio::test]
async fn an_organisation_has_twenty_keys_and_staff_make_more() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    for _ in 0..list::MOST {
        made(&app, &owner, "nom_cle=Paie&compute=oui&duree=0").await;
    }
    let full = posted(&app, &owner, PAGE, "nom_cle=Paie&compute=oui&duree=0").await;
    assert_eq!(full.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let more = create(&app, &owner).await.unwrap();
    assert_eq!(authenticate(&app, &with(&more)).await.unwrap().scopes, Scope::ALL);
    assert_eq!(list::of(&app, &owner.organisation).await.unwrap().len(), list::MOST + 1);
    assert_eq!(records::verify(&app, &crate::inventory::SHAPES).await.unwrap().damaged, []);
}

//! `POST,GET,DELETE /api/v1/datasets[/{id}]`: data sets for programs.

use std::collections::BTreeMap;

use aops_dataset::{Mapping, plain};
use aops_engine::MODULES;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Map, Value, json};

use super::guard::{self, Who};
use super::receive::{self, Asked, Received, receive};
use super::{keep, mapping, told};
use crate::accounts::api_keys::ApiClient;
use crate::app::{App, SharedApp};
use crate::edge::route_class::FILE_LIMIT;
use crate::web::conditional::{self, IfMatch};
use crate::web::posted::read_body;
use crate::web::{WebError, negotiation};

/// Data sets of a page, where no number is asked for, and at most.
const PAGE: usize = 20;
const MOST_OF_PAGE: usize = 100;
const KINDS: [&str; 7] = [
    "text/csv",
    "application/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/vnd.ms-excel",
    "application/octet-stream",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/api/v1/datasets", get(list).post(upload))
        .route("/api/v1/datasets/{id}", get(show).delete(remove))
}

/// Who asks is settled first, then what for, then the file: nothing is read of who may not send it.
async fn upload(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let who = Who::from(client);
    let language = negotiation::language(&uri, &headers);
    let mut asked = asked(&app, &uri, &headers)?;
    if !KINDS.contains(&kind(&headers).as_str()) {
        return Err(WebError::Unsupported);
    }
    let mut mapping = mapping::of(&app, &who.organisation, asked.module).await?;
    mapping.extend(asked.mapping);
    asked.mapping = mapping;
    let turn = app.datasets.receive().await?;
    let bytes = read_body(body, FILE_LIMIT as usize).await?;
    guard::program_still(&app, &headers).await?;
    let received = receive(&app, &who, asked, bytes).await?;
    drop(turn);
    let site = app.site.load();
    match received {
        Received::Faulty(faults) => {
            Err(WebError::Unprocessable(told::faults(&site.texts, language, &faults)))
        }
        Received::Kept(named, warnings) => {
            let (id, dataset) = *named;
            let mut head = told::head(&app, &id, &dataset);
            head["warnings"] = told::warnings(&site.texts, language, &warnings);
            let place = HeaderValue::from_str(&format!("/api/v1/datasets/{id}"));
            let mut answer = private((StatusCode::CREATED, Json(head)).into_response());
            if let Ok(place) = place {
                answer.headers_mut().insert(header::LOCATION, place);
            }
            Ok(answer)
        }
    }
}

/// `?module=&warranty=accepted[&name=][&pseudonyms=yes][&map.COLUMN=NAME…]`.
pub(super) fn asked(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<Asked, WebError> {
    let query = negotiation::query(uri)?;
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let module = MODULES.iter().copied().find(|known| *known == given("module"));
    let module = module.filter(|module| aops_engine::lines(module).is_some());
    let mut errors = BTreeMap::new();
    if module.is_none() {
        let taking: Vec<&str> =
            MODULES.iter().copied().filter(|module| aops_engine::lines(module).is_some()).collect();
        errors.insert("module", ("module", taking.join(", ")));
    }
    if given("warranty") != "accepted" {
        errors.insert("warranty", ("warranty", super::WARRANTY.to_owned()));
    }
    if !matches!(given("pseudonyms"), "" | "yes" | "no") {
        errors.insert("pseudonyms", ("pseudonyms", String::new()));
    }
    let (Some(module), true) = (module, errors.is_empty()) else {
        let site = app.site.load();
        let language = negotiation::language(uri, headers);
        let sentence = |(code, known): (&str, String)| {
            site.texts.text(language, &format!("dataset_asked.{code}"), &[("known", &known)])
        };
        let told: Map<String, Value> =
            errors.into_iter().map(|(name, error)| (name.to_owned(), json!(sentence(error)))).collect();
        return Err(WebError::Unprocessable(Map::from_iter([("errors".to_owned(), Value::Object(told))])));
    };
    let mapping: Mapping = query
        .iter()
        .filter_map(|(name, target)| Some((plain(name.strip_prefix("map.")?), target.clone())))
        .collect();
    let name = receive::name(given("name")).unwrap_or_else(|| module.to_owned());
    Ok(Asked { module, name, mapping, pseudonyms: given("pseudonyms") == "yes" })
}

fn kind(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `?cursor=&limit=`: the latest first.
async fn list(State(app): State<SharedApp>, uri: Uri, client: ApiClient) -> Result<Response, WebError> {
    let who = Who::from(client);
    let query = negotiation::query(&uri)?;
    let limit = match query.get("limit").map(|limit| limit.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) if (1..=MOST_OF_PAGE).contains(&limit) => limit,
        Some(_) => return Err(WebError::BadRequest("the limit is from 1 to 100")),
    };
    let cursor = query.get("cursor").map(String::as_str);
    if cursor.is_some_and(|cursor| !super::document::well_formed(cursor)) {
        return Err(WebError::BadRequest("the cursor is none of ours"));
    }
    let (found, next) = keep::page(&app, &who.organisation, cursor, limit).await?;
    let told: Vec<Value> = found.iter().map(|(id, dataset)| told::head(&app, id, dataset)).collect();
    Ok(private(Json(json!({ "datasets": told, "next": next })).into_response()))
}

async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let who = Who::from(client);
    let (dataset, version) = keep::read(&app, &who.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let named = (id, dataset);
    let details = keep::details(&app, &who.organisation, &named).await?.ok_or(WebError::NotFound)?;
    let (id, dataset) = named;
    let language = negotiation::language(&uri, &headers);
    conditional::answer(&headers, version, &told::whole(&app, language, &id, &dataset, &details))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let who = Who::from(client);
    match keep::remove(&app, &who, &id, &IfMatch::of(&headers)?).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(WebError::NotFound),
    }
}

fn private(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;

    use super::super::{Loaded, load};
    use super::*;
    use crate::accounts::api_keys;
    use crate::retention::{self, Kept, run};
    use crate::store::Scan;
    use crate::testing;

    const CSV: &str = "id;sex;birth_date;hire_date;annual_salary;nom\n1;H;12/05/1970;01/09/1998;45 000,50;Durand\n2;F;25/12/1985;02/01/2015;32000;Petit\n";
    const ACCEPTED: &str = "/api/v1/datasets?module=ifc&warranty=accepted&name=paie%202025.csv";

    async fn keyed(app: &SharedApp, email: &str) -> (String, HeaderMap) {
        let account = testing::account(app, email).await;
        let key = api_keys::create(app, &account).await.unwrap().key;
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
        (account.organisation, HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
    }

    async fn send(app: &SharedApp, key: &HeaderMap, path: &str, kind: &'static str, body: &str) -> Response {
        let mut headers = key.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        testing::ask(app, Method::POST, path, &headers, body.to_owned().into()).await
    }

    async fn ask(app: &SharedApp, key: &HeaderMap, method: Method, path: &str) -> Response {
        testing::ask(app, method, path, key, Body::empty()).await
    }

    async fn json(response: Response) -> Value {
        serde_json::from_str(&testing::text(response).await).unwrap()
    }

    #[tokio::test]
    async fn a_sound_file_is_kept_and_loaded_as_the_engine_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (organisation, key) = keyed(&app, "a@example.com").await;
        let answer = send(&app, &key, ACCEPTED, "text/csv; charset=utf-8", CSV).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let place = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let told = json(answer).await;
        assert_eq!(
            (&told["rows"], &told["columns"], &told["name"]),
            (&json!(2), &json!(5), &json!("paie 2025.csv"))
        );
        assert_eq!(told["warnings"][0]["code"], "dropped_personal");
        let id = told["id"].as_str().unwrap();
        assert_eq!(place, format!("/api/v1/datasets/{id}"));
        let Loaded { module, rows, portfolio, .. } = load(&app, &organisation, id).await.unwrap().unwrap();
        assert_eq!((module.as_str(), rows), ("ifc", 2));
        let expected = "id,sex,birth_date,hire_date,annual_salary\n1,M,1970-05-12,1998-09-01,45000.5\n2,F,1985-12-25,2015-01-02,32000\n";
        assert_eq!(portfolio, aops_dataset::Portfolio::Csv(expected.into()));
        let whole = json(ask(&app, &key, Method::GET, &place).await).await;
        assert_eq!(whole["profile"]["rows"], 2);
        assert_eq!(whole["mapping"][5], json!({ "column": "nom", "as": null, "personal": true }));
        let listed = json(ask(&app, &key, Method::GET, "/api/v1/datasets").await).await;
        assert_eq!((listed["datasets"].as_array().unwrap().len(), &listed["next"]), (1, &Value::Null));
    }

    #[tokio::test]
    async fn p_client_controller_nothing_is_read_before_the_key_the_module_and_the_warranty() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (_, key) = keyed(&app, "a@example.com").await;
        let cases = [
            (HeaderMap::new(), ACCEPTED, "text/csv", CSV.to_owned(), 401),
            (key.clone(), "/api/v1/datasets?module=ifc", "text/csv", CSV.to_owned(), 422),
            (key.clone(), "/api/v1/datasets?module=ifc&warranty=no", "text/csv", CSV.to_owned(), 422),
            (key.clone(), "/api/v1/datasets?module=x&warranty=accepted", "text/csv", CSV.to_owned(), 422),
            (
                key.clone(),
                "/api/v1/datasets?module=courbe&warranty=accepted",
                "text/csv",
                CSV.to_owned(),
                422,
            ),
            (key.clone(), "/api/v1/datasets?warranty=accepted", "text/csv", CSV.to_owned(), 422),
            (key.clone(), ACCEPTED, "text/html", CSV.to_owned(), 415),
            (key.clone(), ACCEPTED, "text/csv", " ".repeat(FILE_LIMIT as usize + 1), 413),
            (key.clone(), ACCEPTED, "text/csv", String::new(), 422),
            (key.clone(), ACCEPTED, "text/csv", "PK\u{3}\u{4}".into(), 422),
        ];
        for (key, path, kind, body, expected) in cases {
            let answer = send(&app, &key, path, kind, &body).await;
            assert_eq!(answer.status().as_u16(), expected, "{path} {kind}");
        }
        let listed = json(ask(&app, &key, Method::GET, "/api/v1/datasets").await).await;
        assert_eq!(listed["datasets"], json!([]));
    }

    #[tokio::test]
    async fn a_data_set_that_is_known_is_not_sent_again_and_another_is_not_removed_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (_, key) = keyed(&app, "a@example.com").await;
        let told = json(send(&app, &key, ACCEPTED, "text/csv", CSV).await).await;
        let path = format!("/api/v1/datasets/{}", told["id"].as_str().unwrap());
        let read = ask(&app, &key, Method::GET, &path).await;
        let tag = read.headers()[header::ETAG].clone();
        let with = |name: header::HeaderName, tag: &HeaderValue| {
            let mut headers = key.clone();
            headers.insert(name, tag.clone());
            headers
        };
        let had = ask(&app, &with(header::IF_NONE_MATCH, &tag), Method::GET, &path).await;
        assert_eq!((had.status(), &had.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &tag));
        let other = HeaderValue::from_static("\"7.000000000000000000000000\"");
        let refused = ask(&app, &with(header::IF_MATCH, &other), Method::DELETE, &path).await;
        assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
        let removed = ask(&app, &with(header::IF_MATCH, &tag), Method::DELETE, &path).await;
        assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    }

    #[tokio::test]
    async fn every_fault_is_in_the_answer_with_its_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (_, key) = keyed(&app, "a@example.com").await;
        let body = "id,sex,birth_date,hire_date,annual_salary\na,X,1970-05-12,1998-09-01,1\nb,F,hier,1998-09-01,-5\n";
        let answer = send(&app, &key, ACCEPTED, "text/csv", body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let error = answer.extensions().get::<WebError>().cloned();
        let Some(WebError::Unprocessable(told)) = error else { panic!("{error:?}") };
        let places: Vec<(u64, &str)> = told["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (fault["row"].as_u64().unwrap(), fault["column"].as_str().unwrap()))
            .collect();
        assert_eq!(places, [(2, "sex"), (3, "birth_date"), (3, "annual_salary")]);
        assert_eq!(told["total"], 3);
    }

    #[tokio::test]
    async fn what_another_organisation_owns_is_as_what_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (_, key) = keyed(&app, "a@example.com").await;
        let (other, stranger) = keyed(&app, "b@example.com").await;
        let told = json(send(&app, &key, ACCEPTED, "text/csv", CSV).await).await;
        let id = told["id"].as_str().unwrap();
        for id in [id, "ds_none", "../x", "ds_0000000000000000000000000"] {
            let path = format!("/api/v1/datasets/{id}");
            for method in [Method::GET, Method::DELETE] {
                let answer = ask(&app, &stranger, method, &path).await;
                assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{id}");
            }
        }
        assert_eq!(load(&app, &other, id).await.unwrap(), None);
        let nobody = ask(&app, &HeaderMap::new(), Method::GET, &format!("/api/v1/datasets/{id}")).await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            ask(&app, &key, Method::GET, &format!("/api/v1/datasets/{id}")).await.status(),
            StatusCode::OK
        );
    }

    /// Documents of an organisation by which data could be found.
    async fn left(app: &App, organisation: &str) -> usize {
        let mut left = 0;
        for collection in ["datasets", "blobs"] {
            let partition = Some(organisation.to_owned());
            let scan = Scan { collection, partition, prefix: String::new(), after: None, limit: 99 };
            left += app.store.scan(scan).await.unwrap().documents.len();
        }
        left
    }

    #[tokio::test]
    async fn p_instructions_a_data_set_goes_at_once_with_its_key_and_all_its_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (organisation, key) = keyed(&app, "a@example.com").await;
        let told = json(send(&app, &key, ACCEPTED, "text/csv", CSV).await).await;
        let again = json(send(&app, &key, ACCEPTED, "text/csv", CSV).await).await;
        let codes: Vec<&str> =
            again["warnings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&"same_file"), "the same file twice is told: {codes:?}");
        assert_eq!(left(&app, &organisation).await, 6);
        for told in [&told, &again] {
            let id = told["id"].as_str().unwrap();
            let path = format!("/api/v1/datasets/{id}");
            assert_eq!(ask(&app, &key, Method::DELETE, &path).await.status(), StatusCode::NO_CONTENT);
            assert_eq!(ask(&app, &key, Method::DELETE, &path).await.status(), StatusCode::NOT_FOUND);
            let wrapped = crate::store::Address::new(crate::records::KEYS, &organisation, id);
            assert_eq!(app.store.read(&wrapped).await.unwrap(), None);
        }
        assert_eq!(left(&app, &organisation).await, 0);
    }

    #[tokio::test]
    async fn p_delete_6_months_data_go_six_calendar_months_after_recording_also_after_downtime() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (organisation, key) = keyed(&app, "a@example.com").await;
        let told = json(send(&app, &key, ACCEPTED, "text/csv", CSV).await).await;
        let (created, ends): (jiff::Timestamp, jiff::Timestamp) = (
            told["created"].as_str().unwrap().parse().unwrap(),
            told["ends"].as_str().unwrap().parse().unwrap(),
        );
        assert_eq!(ends, retention::Term::Months(6).after(created));
        let kept: [&dyn Kept; 1] = [&super::super::Retained];
        let hour = SignedDuration::from_hours(1);
        assert_eq!(run(&app, &kept, ends - hour).await.unwrap(), []);
        drop(app);
        // The gateway was down for months: nobody reads the data, and the first run removes them.
        let ahead = ends.duration_since(created) + SignedDuration::from_hours(24 * 20);
        let app = std::sync::Arc::new(testing::app(folder.path(), ahead).await);
        let path = format!("/api/v1/datasets/{}", told["id"].as_str().unwrap());
        assert_eq!(ask(&app, &key, Method::GET, &path).await.status(), StatusCode::NOT_FOUND);
        let done = run(&app, &kept, app.clock.now()).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("calculation_data", 1));
        assert_eq!(left(&app, &organisation).await, 0);
        let proofs = retention::proofs(&app).await.unwrap();
        assert!(proofs.iter().any(|proof| proof.done.what == "calculation_data"));
    }

    /// Proves p-purpose-calc, p-no-own-use.
    #[tokio::test]
    async fn p_confidentiality_nothing_of_a_file_stands_in_clear_and_copies_of_accounts_hold_none() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let key = api_keys::create(&app, &account).await.unwrap().key;
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
        let key = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let body = CSV.replace("1;H", "MATRICULE7;H").replace("paie", "fichier");
        assert_eq!(send(&app, &key, ACCEPTED, "text/csv", &body).await.status(), StatusCode::CREATED);
        let about = crate::inventory::about(&app, &account).await.unwrap().to_string();
        assert!(!about.contains("MATRICULE7") && !about.contains("paie 2025"), "p-purpose-calc");
        let verified = crate::records::verify(&app, &crate::inventory::SHAPES).await.unwrap();
        assert_eq!(verified.damaged, []);
        drop(app);
        let store = std::fs::read(folder.path().join("data/aops.redb")).unwrap();
        for secret in [&b"MATRICULE7"[..], b"paie 2025", b"1970-05-12"] {
            assert_eq!(memchr::memmem::find(&store, secret), None);
        }
        let others: Vec<_> =
            walk(folder.path()).into_iter().filter(|path| !path.ends_with("aops.redb")).collect();
        for path in others {
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(memchr::memmem::find(&bytes, b"MATRICULE7"), None, "{}", path.display());
        }
    }

    fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
    }
}

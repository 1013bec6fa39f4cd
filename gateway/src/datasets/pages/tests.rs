//! The pages as a browser without a script uses them.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;

use super::super::{Drafts, Retained};
use crate::accounts::Account;
use crate::app::SharedApp;
use crate::retention::{Kept, run};
use crate::testing;

const HEAD: &str = "id;sex;birth_date;hire_date;annual_salary\n";
const SOUND: &str = "1;M;1970-05-12;1998-09-01;45000\n2;F;1985-12-25;2015-01-02;32000\n";

async fn signed_in(folder: &std::path::Path) -> (SharedApp, Account, HeaderMap) {
    let app = testing::shared(folder).await;
    let account = testing::account(&app, "a@example.com").await;
    let cookie = testing::signed_in(&app, &account).await;
    (app, account, cookie)
}

/// A form as browsers send it; `file` is its name and its content.
async fn send(app: &SharedApp, cookie: &HeaderMap, fields: &[(&str, &str)], file: (&str, &str)) -> Response {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--x\r\ncontent-disposition: form-data; name=\"fichier\"; filename=\"{}\"\r\ncontent-type: text/csv\r\n\r\n{}\r\n--x--\r\n",
        file.0, file.1
    );
    sent(app, cookie, body).await
}

async fn sent(app: &SharedApp, cookie: &HeaderMap, body: String) -> Response {
    let mut headers = cookie.clone();
    let kind = HeaderValue::from_static("multipart/form-data; boundary=x");
    headers.insert(header::CONTENT_TYPE, kind);
    testing::ask(app, Method::POST, super::PATH, &headers, body.into()).await
}

async fn page(app: &SharedApp, cookie: &HeaderMap, path: &str) -> (StatusCode, String) {
    let answer = testing::ask(app, Method::GET, path, cookie, Body::empty()).await;
    (answer.status(), testing::text(answer).await)
}

const ASKED: [(&str, &str); 2] = [("module", "ifc"), ("garantie", "accepte")];

fn drafted(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("id=")).unwrap().to_owned()
}

#[tokio::test]
async fn a_sound_file_is_loaded_under_its_name_and_its_lines_are_taken_away_as_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, cookie) = signed_in(folder.path()).await;
    let file = format!("{HEAD}=1+1;M;1970-05-12;1998-09-01;45000\n");
    let answer = send(&app, &cookie, &ASKED, ("../../paie.csv", &file)).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = testing::location(&answer).to_owned();
    assert!(place.ends_with("?fait=charge"), "{place}");
    let place = place.split('?').next().unwrap();
    assert!(page(&app, &cookie, super::PATH).await.1.contains(" paie.csv"));
    assert_eq!(page(&app, &cookie, place).await.0, StatusCode::OK);
    let lines = testing::ask(&app, Method::GET, &format!("{place}/lignes.csv"), &cookie, Body::empty()).await;
    assert_eq!(lines.headers()[header::CONTENT_DISPOSITION], "attachment; filename=\"paie.csv\"");
    assert!(testing::text(lines).await.contains("\n'=1+1,M,"), "no formula goes out");
    let gone = testing::post(&app, &format!("{place}/supprimer"), &cookie, "").await;
    assert_eq!(testing::location(&gone), "/espace-client/donnees?fait=supprime");
    assert_eq!(page(&app, &cookie, place).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn p_client_controller_without_the_warranty_nothing_is_received_and_others_are_sent_to_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, cookie) = signed_in(folder.path()).await;
    let file = format!("{HEAD}{SOUND}");
    let answer = send(&app, &cookie, &[("module", "ifc")], ("a.csv", &file)).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(testing::text(answer).await.contains("garantie=warranty"));
    let nothing = send(&app, &cookie, &[("garantie", "accepte")], ("", "")).await;
    assert!(testing::text(nothing).await.contains("fichier=file module=choose"));
    let stranger = send(&app, &HeaderMap::new(), &ASKED, ("a.csv", &file)).await;
    assert_eq!(testing::location(&stranger), "/compte/connexion?suite=/espace-client/donnees");
    let mut other = cookie.clone();
    other.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    assert_eq!(send(&app, &other, &ASKED, ("a.csv", &file)).await.status(), StatusCode::FORBIDDEN);
    let unreadable = send(&app, &cookie, &ASKED, ("a.csv", "id;sex\n")).await;
    assert_eq!(unreadable.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(testing::text(unreadable).await.contains("header_only"));
    assert!(!page(&app, &cookie, super::PATH).await.1.contains("ds_"));
}

#[tokio::test]
async fn a_form_cut_half_way_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (app, account, cookie) = signed_in(folder.path()).await;
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"fichier\"; filename=\"a.csv\"\r\n\r\n{HEAD}{SOUND}"
    );
    assert_eq!(sent(&app, &cookie, body).await.status(), StatusCode::BAD_REQUEST);
    for collection in ["datasets", "dataset_drafts", "blobs"] {
        assert_eq!(app.store.count(collection, Some(&account.organisation)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn thirty_thousand_faults_are_read_page_by_page_and_kind_by_kind_and_sent_back_marked() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, cookie) = signed_in(folder.path()).await;
    let mut file = HEAD.to_owned();
    for row in 0..30_000 {
        file += &format!("{row};X;1970-05-12;1998-09-01;{}\n", if row == 9 { "abc" } else { "1" });
    }
    let answer = send(&app, &cookie, &ASKED, ("paie.csv", &file)).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = testing::text(answer).await;
    assert!(text.contains("total=30001 1/301 30001\n2 sex\n") && text.len() < 4_000, "{}", text.len());
    let place = format!("/espace-client/donnees/corriger/{}", drafted(&text));
    let last = page(&app, &cookie, &format!("{place}?page=301")).await.1;
    assert!(last.contains("301/301") && last.contains("30001 sex"), "{last}");
    let kind = page(&app, &cookie, &format!("{place}?motif=1")).await.1;
    assert!(kind.contains("total=30001 1/1 1\n11 annual_salary"), "{kind}");
    let marked =
        testing::ask(&app, Method::GET, &format!("{place}/a-corriger.xlsx"), &cookie, Body::empty()).await;
    assert_eq!(
        marked.headers()[header::CONTENT_DISPOSITION],
        "attachment; filename=\"paie-a-corriger.xlsx\""
    );
    assert_eq!(marked.status(), StatusCode::OK);
    let gone = testing::post(&app, &format!("{place}/supprimer"), &cookie, "").await;
    assert_eq!(testing::location(&gone), "/espace-client/donnees?fait=abandonne");
    assert_eq!(page(&app, &cookie, &place).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn columns_are_told_once_and_remembered_for_the_next_file() {
    let folder = tempfile::tempdir().unwrap();
    let (app, account, cookie) = signed_in(folder.path()).await;
    let file = format!("code interne;sex;birth_date;hire_date;paye\n{SOUND}");
    let text = testing::text(send(&app, &cookie, &ASKED, ("a.csv", &file)).await).await;
    let place = format!("/espace-client/donnees/corriger/{}", drafted(&text));
    let half = testing::post(
        &app,
        &place,
        &cookie,
        "colonne-0=id&colonne-1=sex&colonne-2=birth_date&colonne-3=hire_date&colonne-4=",
    )
    .await;
    assert_eq!(half.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let form = "colonne-0=id&colonne-1=sex&colonne-2=birth_date&colonne-3=hire_date&colonne-4=annual_salary&pseudonymes=oui";
    let told = testing::post(&app, &place, &cookie, form).await;
    assert_eq!(told.status(), StatusCode::SEE_OTHER, "{}", testing::text(told).await);
    assert!(testing::location(&told).ends_with("?fait=charge"));
    assert_eq!(page(&app, &cookie, &place).await.0, StatusCode::NOT_FOUND, "the draft is gone");
    let again = send(&app, &cookie, &ASKED, ("b.csv", &file.replace("45000", "46000"))).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER, "its columns are known");
    let place = testing::location(&again).split('?').next().unwrap().to_owned();
    let listed = page(&app, &cookie, super::PATH).await.1;
    let names: Vec<&str> = listed.lines().filter(|line| line.starts_with("ds_")).collect();
    let first = names[1].split(' ').next().unwrap();
    let loaded = crate::datasets::load(&app, &account.organisation, first).await.unwrap().unwrap();
    let aops_dataset::Portfolio::Csv(csv) = loaded.portfolio else { panic!("employees are lines") };
    assert!(!csv.contains("\n1,M"), "identifiers were replaced: {csv}");
    let compared = page(&app, &cookie, &format!("{place}?avec={first}")).await.1;
    assert!(compared.contains(" 2 2<"), "other identifiers are other people: {compared}");
}

#[tokio::test]
async fn p_delete_6_months_a_draft_waits_a_week_and_another_organisation_sees_neither_draft_nor_data() {
    let folder = tempfile::tempdir().unwrap();
    let (app, account, cookie) = signed_in(folder.path()).await;
    let text = testing::text(send(&app, &cookie, &ASKED, ("a.csv", &format!("{HEAD}1;X;;;\n"))).await).await;
    let place = format!("/espace-client/donnees/corriger/{}", drafted(&text));
    let sound = send(&app, &cookie, &ASKED, ("b.csv", &format!("{HEAD}{SOUND}"))).await;
    let kept = testing::location(&sound).split('?').next().unwrap().to_owned();
    let other = testing::account(&app, "b@example.com").await;
    let stranger = testing::signed_in(&app, &other).await;
    for path in [&place, &format!("{place}/a-corriger.xlsx"), &kept, &format!("{kept}/lignes.csv")] {
        assert_eq!(page(&app, &stranger, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [&place, &format!("{place}/supprimer"), &format!("{kept}/supprimer")] {
        assert_eq!(testing::post(&app, path, &stranger, "").await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let all: [&dyn Kept; 2] = [&Drafts, &Retained];
    let days = |days: i64| app.clock.now() + SignedDuration::from_hours(24 * days);
    assert_eq!(run(&app, &all, days(6)).await.unwrap(), []);
    let done = run(&app, &all, days(8)).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("calculation_draft", 1));
    assert_eq!(app.store.count("blobs", Some(&account.organisation)).await.unwrap(), 2, "the data stay");
}

#[tokio::test]
async fn templates_are_there_for_every_module_that_takes_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, cookie) = signed_in(folder.path()).await;
    for (module, _) in super::list::modules() {
        for form in ["csv", "xlsx"] {
            let path = format!("/espace-client/donnees/modele/{module}.{form}");
            let answer = testing::ask(&app, Method::GET, &path, &cookie, Body::empty()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let name = answer.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
            assert_eq!(name, format!("attachment; filename=\"aops-{module}.{form}\""));
        }
    }
    let none = page(&app, &cookie, "/espace-client/donnees/modele/courbe.csv").await;
    assert_eq!(none.0, StatusCode::NOT_FOUND);
}

use std::io::{Cursor, Read};

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt;

use super::*;
use crate::newsletter;
use crate::outbox::{Mail, Purpose};
use crate::records::{self, Use};
use crate::rights::State as Standing;
use crate::suppression;
use crate::testing;

async fn asked(app: &SharedApp, form: &str) -> Response {
    testing::post(app, PATH, &HeaderMap::new(), form).await
}

/// The letters of one template.
async fn letters(app: &App, template: &str) -> Vec<Mail> {
    let all = testing::letters(app).await.into_iter();
    all.filter(|mail| mail.template == template).collect()
}

/// The path of the link in the last letter of a template.
async fn followed(app: &App, template: &str) -> String {
    let letter = letters(app, template).await.pop().unwrap();
    letter.context["link"].as_str().unwrap().replace("https://localhost:8443", "")
}

async fn states(app: &App) -> Vec<Standing> {
    request::all(app, None).await.unwrap().into_iter().map(|found| found.request.state).collect()
}

/// Proves p-rights, p-rights-help.
#[tokio::test]
async fn p_rights_the_answer_is_the_same_for_everybody_and_a_link_proves_an_address_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "known@example.org").await;
    for email in ["known%40example.org", "unknown%40example.org"] {
        let answer = asked(&app, &format!("droit=rectification&email={email}&demande=mon+nom")).await;
        assert_eq!((answer.status(), testing::location(&answer)), (StatusCode::SEE_OTHER, THANKS));
    }
    assert_eq!(letters(&app, "droits_confirmation").await.len(), 2);
    assert_eq!(states(&app).await, [Standing::Unproved; 2]);
    let link = followed(&app, "droits_confirmation").await;
    let page = testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(states(&app).await, [Standing::Unproved; 2], "a mail filter that follows it changes nothing");
    assert_eq!(testing::post(&app, &link, &HeaderMap::new(), "").await.status(), StatusCode::OK);
    assert_eq!(testing::post(&app, &link, &HeaderMap::new(), "").await.status(), StatusCode::GONE, "once");
    assert!(states(&app).await.contains(&Standing::Open));
    let told = letters(&app, "droits_reponse").await.pop().unwrap();
    assert_eq!((told.to.as_str(), told.context["state"].as_str()), ("unknown@example.org", Some("received")));
    let officer = letters(&app, "droits_delegue").await.pop().unwrap();
    assert_eq!((officer.purpose, officer.context["said"].as_str()), (Purpose::Staff, Some("mon nom")));
    for wrong in ["jeton=x", "", "jeton=x&jeton=y"] {
        let path = format!("/donnees-personnelles/confirmation?{wrong}");
        let answer = testing::post(&app, &path, &HeaderMap::new(), "").await;
        assert!(answer.status().is_client_error(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_kept_and_nobody_is_flooded() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    for wrong in [
        "email=a%40example.org",
        "droit=tout&email=a%40example.org",
        "droit=acces&email=a",
        "droit=acces&email=a%40example.org&role=dpo",
    ] {
        assert_eq!(asked(&app, wrong).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let robot = format!("droit=acces&email=a%40example.org&{}=x", antispam::TRAP);
    assert_eq!(testing::location(&asked(&app, &robot).await), THANKS);
    assert_eq!(states(&app).await, []);
    for _ in 0..HOURLY + 3 {
        let answer = asked(&app, "droit=acces&email=a%40example.org").await;
        assert_eq!(testing::location(&answer), THANKS);
    }
    assert_eq!(letters(&app, "droits_confirmation").await.len(), HOURLY);
}

#[tokio::test]
async fn p_rights_an_objection_and_a_restriction_are_in_force_the_moment_they_are_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let email = Email::parse("a@example.org").unwrap();
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=a%40example.org").await;
    for (right, state) in [("opposition", Standing::Fulfilled), ("limitation", Standing::Open)] {
        asked(&app, &format!("droit={right}&email=a%40example.org")).await;
        let link = followed(&app, "droits_confirmation").await;
        testing::post(&app, &link, &HeaderMap::new(), "").await;
        let blocked = suppression::blocks(&app, &email, Purpose::Newsletter).await.unwrap();
        assert!(blocked.is_some(), "{right}");
        assert_eq!(states(&app).await.last(), Some(&state), "{right}");
    }
    assert!(suppression::is_restricted(&app, &email).await.unwrap());
    let contract = suppression::blocks(&app, &email, Purpose::Contract).await.unwrap();
    assert_eq!(contract, None, "what is owed to them still comes");
    assert!(newsletter::list(&app).await.unwrap().is_empty(), "what is restricted is in no list of ours");
    let listed = records::reading_for(Use::Rights, newsletter::list(&app)).await;
    let reader = listed.unwrap().remove(0);
    assert_eq!(reader.state, newsletter::State::Unsubscribed);
}

#[tokio::test]
async fn p_rights_a_copy_comes_as_a_page_json_and_tables_of_the_address_that_was_proved_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let message = "nom=Durand&prenom=B&raison_sociale=C&adresse=D&message=un&email=";
    // Look-alikes are other addresses.
    for email in ["a%40example.org", "%D0%B0%40example.org", "a%40example.org.example.com"] {
        testing::post(&app, "/contact", &HeaderMap::new(), &format!("{message}{email}")).await;
    }
    testing::account(&app, "a@example.org").await;
    asked(&app, "droit=portabilite&email=A%40Example.org").await;
    let link = followed(&app, "droits_confirmation").await;
    testing::post(&app, &link, &HeaderMap::new(), "").await;
    let link = followed(&app, "droits_reponse").await;
    let page = testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(page.headers()[http::header::CONTENT_TYPE], "text/html; charset=utf-8");
    let answer = testing::post(&app, &link, &HeaderMap::new(), "").await;
    assert_eq!(answer.headers()[http::header::CACHE_CONTROL], "no-store");
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    for name in ["index.html", "donnees.json", "messages.csv", "rights_requests.csv"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let mut json = String::new();
    zip.by_name("donnees.json").unwrap().read_to_string(&mut json).unwrap();
    let about: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(about["records"]["messages"].as_array().unwrap().len(), 1);
    assert!(!about["records"].as_object().unwrap().contains_key("accounts"), "an account wants a sign-in");
    let mut index = String::new();
    zip.by_name("index.html").unwrap().read_to_string(&mut index).unwrap();
    assert!(index.contains("messages.csv"), "{index}");
}

#[tokio::test]
async fn p_rights_forward_a_request_about_a_client_s_data_leaves_for_the_client_as_it_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let sign_up = "nom=Martin&prenom=Claire&profession=Actuaire&raison_sociale=Mutuelle+Alpha&adresse=1+rue+B&\
        email=claire%40example.com&mot_de_passe=Vr7!kd0%23QzpL&cgu=accepte";
    testing::post(&app, "/compte/inscription", &HeaderMap::new(), sign_up).await;
    let link = testing::letters(&app).await.remove(0).context["link"].as_str().unwrap().to_owned();
    let link = link.replace("https://localhost:8443", "");
    testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    let about =
        |client: &str| format!("droit=acces&email=salarie%40example.org&client={client}&demande=mes+droits");
    asked(&app, &about("mutuelle++ALPHA")).await;
    let told = letters(&app, "droits_client").await.pop().unwrap();
    assert_eq!((told.to.as_str(), told.purpose), ("claire@example.com", Purpose::Contract));
    assert_eq!(told.context["said"], "mes droits");
    let due = outbox::list(&app).await.unwrap();
    let waits = due.iter().find(|letter| letter.template == "droits_client").unwrap();
    let json = serde_json::to_value(waits).unwrap();
    let at: Timestamp = json["due"].as_str().unwrap().parse().unwrap();
    assert!(at.duration_since(app.clock.now()) < SignedDuration::from_mins(1), "{json}");
    assert_eq!(states(&app).await, [Standing::Forwarded]);
    let answer = letters(&app, "droits_reponse").await.pop().unwrap();
    assert_eq!(answer.context["state"], "forwarded");
    // A name that is only like it is nobody's: the officer looks.
    asked(&app, &about("Mutuelle+Alfa")).await;
    assert_eq!(letters(&app, "droits_client").await.len(), 1);
    assert_eq!(states(&app).await, [Standing::Forwarded, Standing::Unproved]);
}

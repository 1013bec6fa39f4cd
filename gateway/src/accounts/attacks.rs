//! What strangers try on every form of accounts at once; what is tried on one alone stands beside it.

use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::accounts::{self, ACCOUNTS, Account, sessions};
use crate::app::SharedApp;
use crate::edge::prefix::ClientPrefix;
use crate::email::Email;
use crate::store::Address;
use crate::testing;

/// Every form that is posted, as it is posted in earnest by somebody who is signed in.
const FORMS: [(&str, &str); 19] = [
    (
        "/compte/inscription",
        "nom=A&prenom=B&profession=C&raison_sociale=D&adresse=E&email=n%40example.com&cgu=accepte&mot_de_passe=Vr7!kd0%23QzpL",
    ),
    ("/compte/connexion", "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL"),
    ("/compte/cle-acces", "jeton=x&reponse=%7B%7D"),
    ("/compte/double-authentification", "code=123456"),
    ("/compte/confirmation", "mot_de_passe_actuel=Vr7!kd0%23QzpL"),
    ("/compte/mot-de-passe-oublie", "email=a%40example.com"),
    ("/compte/reinitialisation", "jeton=x&mot_de_passe=Nouveau-secret-9182"),
    ("/compte/adresse", "jeton=x"),
    ("/compte/adresse/retour", "jeton=x"),
    ("/espace-client/mot-de-passe", "mot_de_passe_actuel=Vr7!kd0%23QzpL&mot_de_passe=Nouveau-secret-9182"),
    ("/espace-client/double-authentification", "jeton=x&mot_de_passe_actuel=Vr7!kd0%23QzpL&code=123456"),
    ("/espace-client/double-authentification/codes", "mot_de_passe_actuel=Vr7!kd0%23QzpL&code=123456"),
    ("/espace-client/double-authentification/retrait", "mot_de_passe_actuel=Vr7!kd0%23QzpL&code=123456"),
    ("/espace-client/appareils", "session=autres"),
    ("/espace-client/cles-acces", "jeton=x&reponse=%7B%7D&nom_cle=x"),
    ("/espace-client/cles-acces/nom", "cle=x&nom_cle=x"),
    ("/espace-client/cles-acces/retrait", "cle=x"),
    ("/espace-client/adresse", "email=n%40example.com"),
    ("/espace-client/fermeture", "fermeture=accepte"),
];

/// An account, what its holder's browser sends, and how the account stands in the store.
async fn somebody(app: &SharedApp) -> (Account, HeaderMap, u64) {
    let account = testing::account(app, "a@example.com").await;
    let session = testing::signed_in(app, &account).await;
    let version = standing(app, &account).await;
    (account, session, version)
}

async fn standing(app: &SharedApp, account: &Account) -> u64 {
    let address = Address::new(ACCOUNTS, &account.organisation, &account.id);
    app.store.read(&address).await.unwrap().map_or(0, |stored| stored.version)
}

fn with(headers: &HeaderMap, more: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = headers.clone();
    for (name, value) in more {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[tokio::test]
async fn no_form_is_posted_for_somebody_by_another_site() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, session, before) = somebody(&app).await;
    let shapes: [&[(&str, &str)]; 12] = [
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://sub.localhost:8443")],
        &[("origin", "https://localhost.evil.example")],
        &[("origin", "http://localhost:8443")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://localhost:8443")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://localhost:8443")],
        // Browsers that speak neither.
        &[("referer", "https://evil.example/https://localhost:8443/")],
        &[("referer", "http://localhost:8443/espace-client/")],
        &[("referer", "about:blank")],
    ];
    for (path, form) in
        FORMS.into_iter().chain([("/compte/deconnexion", ""), ("/compte/verification", "jeton=x")])
    {
        for shape in shapes {
            let answer = testing::post(&app, path, &with(&session, shape), form).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {shape:?}");
            assert!(!answer.headers().contains_key(header::SET_COOKIE), "{path} {shape:?}");
        }
    }
    assert_eq!(standing(&app, &account).await, before);
    assert!(sessions::current(&app, &session).await.unwrap().is_some());
    assert!(testing::letters(&app).await.is_empty());
}

#[tokio::test]
async fn where_a_browser_tells_no_origin_the_cookies_themselves_stay_behind() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    somebody(&app).await;
    let form = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
    let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), form).await;
    let set: Vec<&str> =
        answer.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set.len(), 2);
    // A post from elsewhere does not carry them (RFC 6265bis § 5.6.7.1), nor can a sub-domain plant them.
    assert!(
        set.iter().all(|cookie| cookie.starts_with("__Host-") && cookie.contains("; SameSite=Lax")),
        "{set:?}"
    );
}

#[tokio::test]
async fn nothing_is_done_by_following_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, session, before) = somebody(&app).await;
    for (path, form) in FORMS.into_iter().chain([("/compte/deconnexion", "")]) {
        for method in [Method::GET, Method::HEAD] {
            let answer = testing::ask(&app, method, &format!("{path}?{form}"), &session, Body::empty()).await;
            assert!(!answer.headers().contains_key(header::SET_COOKIE), "{path}");
            assert!(!answer.status().is_server_error(), "{path} {}", answer.status());
        }
    }
    assert_eq!(standing(&app, &account).await, before);
    assert!(sessions::current(&app, &session).await.unwrap().is_some());
    assert!(testing::letters(&app).await.is_empty());
    let nobody = Email::parse("n@example.com").unwrap();
    assert!(accounts::find(&app, &nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn a_field_that_a_form_does_not_have_changes_nothing_whatever_it_says_and_however_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (mut account, session, _) = somebody(&app).await;
    accounts::second_factor::tests::add_to(&app, &mut account).await;
    let before = standing(&app, &account).await;
    // Who has a second factor already is not asked to add one.
    let without = testing::account(&app, "b@example.com").await;
    let without = testing::signed_in(&app, &without).await;
    let planted = [
        "role=owner",
        "verified=true",
        "organisation=org_other",
        "id=acc_other",
        "password=x",
        "_method=DELETE",
    ];
    for (path, form) in FORMS {
        let adds = path == "/espace-client/double-authentification";
        let session = if adds { &without } else { &session };
        for field in planted {
            let answer = testing::post(&app, path, session, &format!("{form}&{field}")).await;
            refused(&answer, &format!("{path} {field}"));
            let json = as_json(&format!("{form}&{field}"));
            refused(&ask_json(&app, path, session, &json).await, &format!("{path} {json}"));
            let mine = sessions::current(&app, session).await.unwrap().unwrap().account;
            app.throttle.succeeded(&mine, ClientPrefix::of(testing::PEER));
            app.throttle.succeeded(
                &accounts::lookup(&app, &Email::parse("a@example.com").unwrap()),
                ClientPrefix::of(testing::PEER),
            );
        }
        for strange in
            [r#"{"email":{"$ne":""},"role":["owner"]}"#, r#"[["role","owner"]]"#, "{", "\"role\"", "null"]
        {
            refused(&ask_json(&app, path, session, strange).await, &format!("{path} {strange}"));
        }
    }
    assert_eq!(standing(&app, &account).await, before);
    assert!(testing::letters(&app).await.is_empty());
}

/// It is refused, or leads to the sign-in page.
fn refused(answer: &Response, what: &str) {
    let led = answer.status() == StatusCode::SEE_OTHER && testing::location(answer) == "/compte/connexion";
    assert!(answer.status().is_client_error() || led, "{what}: {}", answer.status());
    assert!(!answer.headers().contains_key(header::SET_COOKIE), "{what}");
}

fn as_json(form: &str) -> String {
    let fields: std::collections::BTreeMap<String, String> = serde_urlencoded::from_str(form).unwrap();
    serde_json::to_string(&fields).unwrap()
}

async fn ask_json(app: &SharedApp, path: &str, headers: &HeaderMap, body: &str) -> Response {
    let headers = with(headers, &[("content-type", "application/json"), ("accept", "application/json")]);
    testing::ask(app, Method::POST, path, &headers, body.to_owned().into()).await
}

#[tokio::test]
async fn a_session_that_was_planted_before_sign_in_is_worth_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (victim, ..) = somebody(&app).await;
    let attacker = testing::account(&app, "evil@example.com").await;
    let planted = testing::signed_in(&app, &attacker).await;
    let form = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
    let answer = testing::post(&app, "/compte/connexion", &planted, form).await;
    let new = testing::sent_back(&answer);
    assert!(sessions::current(&app, &planted).await.unwrap().is_none(), "who planted it has lost it");
    assert_eq!(sessions::current(&app, &new).await.unwrap().unwrap().account, victim.id);
    let made_up = HeaderMap::from_iter([(
        header::COOKIE,
        HeaderValue::from_str(&format!("{}={}", sessions::COOKIE, "A".repeat(43))).unwrap(),
    )]);
    let answer = testing::post(&app, "/compte/connexion", &made_up, form).await;
    assert!(
        sessions::current(&app, &made_up).await.unwrap().is_none(),
        "a name that somebody chose is never taken"
    );
    assert!(sessions::current(&app, &testing::sent_back(&answer)).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_session_cookies_neither_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, session, _) = somebody(&app).await;
    let attacker = testing::account(&app, "evil@example.com").await;
    let theirs = testing::signed_in(&app, &attacker).await;
    let cookie = |headers: &HeaderMap| headers[header::COOKIE].to_str().unwrap().to_owned();
    for (one, other) in [(&session, &theirs), (&theirs, &session), (&session, &session)] {
        let tossed = format!("{}; {}", cookie(one), cookie(other));
        let tossed = HeaderMap::from_iter([(header::COOKIE, tossed.parse().unwrap())]);
        let answer = testing::ask(&app, Method::GET, "/espace-client/", &tossed, Body::empty()).await;
        assert_eq!(testing::location(&answer), "/compte/connexion?suite=/espace-client/");
    }
    let mut apart = session.clone();
    apart.append(header::COOKIE, theirs[header::COOKIE].clone());
    let answer = testing::ask(&app, Method::GET, "/espace-client/", &apart, Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "in fields of their own neither");
}

#[tokio::test]
async fn a_name_cannot_write_into_the_head_of_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let json = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
    for field in ["nom", "prenom", "profession", "raison_sociale", "adresse", "email"] {
        for planted in ["A%0D%0ABcc%3A+c%40example.org", "A%0AB", "A%0DB", "A%00B"] {
            let form: Vec<String> = FORMS[0]
                .1
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, _)) if name == field => format!("{name}={planted}"),
                    _ => pair.to_owned(),
                })
                .collect();
            let answer = testing::post(&app, "/compte/inscription", &json, &form.join("&")).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field} {planted}");
            let told: Value = serde_json::from_str(&testing::text(answer).await).unwrap();
            assert!(told["errors"][field].is_string(), "{field} {planted}: {told}");
        }
    }
    assert!(testing::letters(&app).await.is_empty());
}

/// How far two samples are from being drawn alike, in standard deviations (Mann and Whitney 1947, normal approximation).
fn apart(one: &[f64], other: &[f64]) -> f64 {
    let wins: f64 = one
        .iter()
        .flat_map(|a| {
            other.iter().map(move |b| {
                if a < b {
                    1.0
                } else if a > b {
                    0.0
                } else {
                    0.5
                }
            })
        })
        .sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn the_rank_test_tells_samples_apart_that_are() {
    let sample = |shift: f64| (0..24_u32).map(|n| f64::from(n * 7 % 24) + shift).collect::<Vec<_>>();
    assert!(apart(&sample(0.0), &sample(0.0)).abs() < 1e-9);
    assert!(apart(&sample(0.0), &sample(30.0)) > 5.9);
    assert!(apart(&sample(0.0), &sample(14.0)) > UNLIKELY, "a sixth of them overlap");
}

/// Two samples drawn alike are so far apart once in a hundred thousand times.
const UNLIKELY: f64 = 4.5;
/// Tries of each kind.
const TRIES: usize = 24;

#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_whether_an_address_has_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let model = testing::account(&app, "known0@example.com").await;
    for n in 1..TRIES {
        // The same hash: what is measured is answering.
        let (id, organisation) = (format!("acc_{n}"), format!("org_{n}"));
        let email = format!("known{n}@example.com");
        let account = Account { id, organisation, email, ..model.clone() };
        accounts::establish(&app, &account, None, None).await.unwrap();
    }
    let kinds = [
        ("/compte/connexion", "email=n%40example.com&mot_de_passe=Faux-mot-de-passe-1"),
        ("/compte/mot-de-passe-oublie", "email=n%40example.com"),
        FORMS[0],
    ];
    // The three at once: what is waited for takes the most of it.
    let [one, two, three] = kinds.map(|(path, form)| told_apart(&app, path, form));
    tokio::join!(one, two, three);
}

async fn told_apart(app: &SharedApp, path: &str, form: &str) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..TRIES {
        // In turns, and each first as often: what else the machine does concerns both.
        let mut pair = [(&mut known, "known"), (&mut unknown, "nobody")];
        if n % 2 == 1 {
            pair.reverse();
        }
        for (times, who) in pair {
            let form = form.replace("n%40example.com", &format!("{who}{n}%40example.com"));
            let begun = Instant::now();
            let answer = testing::post(app, path, &HeaderMap::new(), &form).await;
            times.push(begun.elapsed().as_secs_f64());
            assert!(matches!(answer.status().as_u16(), 303 | 401), "{path}: {}", answer.status());
        }
    }
    let apart = apart(&known, &unknown);
    assert!(apart.abs() < UNLIKELY, "{path}: {apart:.1} deviations apart: {known:?} {unknown:?}");
}

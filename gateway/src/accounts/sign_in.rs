//! Signing in and out: the page, the posted form, and nothing that tells a known address from an unknown one.

use std::collections::BTreeMap;
use std::time::Instant;

use aops_manifest::Language;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::json;

use crate::accounts::{self, Account, LocalPath, even, passkeys, second_factor, sessions, sign_up};
use crate::app::{App, SharedApp};
use crate::audit::{self, Actor, Event};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::store::{Batch, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{Peer, WebError, negotiation, render, render_titled};

/// Where one lands without a `suite`.
pub(super) const AREA: &str = "/espace-client/";
pub(super) const PAGE: &str = "/compte/connexion";
const FIELDS: [&str; 3] = ["email", "mot_de_passe", "suite"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(sign_in)).route("/compte/deconnexion", post(sign_out))
}

/// `GET /compte/connexion?suite=`: the form; who is signed in already goes on.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let query = negotiation::query(&uri)?;
    let wanted = query.get("suite").and_then(|suite| LocalPath::parse(suite));
    if sessions::current(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(wanted.as_ref().map_or(AREA, LocalPath::as_str)).into_response());
    }
    let values = BTreeMap::from_iter(wanted.map(|path| ("suite".to_owned(), path.as_str().to_owned())));
    let language = negotiation::language(&uri, &headers);
    Ok(form(&app, StatusCode::OK, language, &values, &BTreeMap::new()))
}

/// `POST /compte/connexion`: 303 with a new session, or 401 with the form.
async fn sign_in(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let since = tokio::time::Instant::now();
    let mut checker = posted.check(&FIELDS);
    let email = checker.email("email");
    let password = posted.fields.get("mot_de_passe").map_or("", String::as_str);
    if password.is_empty() {
        checker.fault("mot_de_passe", "required");
    }
    let (Ok(()), Some(email)) = (checker.finish(), email) else {
        return Ok(refused(&app, &posted, "credentials"));
    };
    let client = ClientPrefix::of(peer);
    let counted = accounts::lookup(&app, &email);
    if let Some(wait) = app.throttle.wait(&counted, client, Instant::now()) {
        return Err(WebError::TooMany(wait));
    }
    let account = accounts::find(&app, &email).await?;
    let known = account.as_ref().map(|account| account.password.as_str());
    let matches = app.passwords.verify(bounded(password), known).await?;
    if let (false, Some(account)) = (matches, &account) {
        app.refused_sign_ins.saw(&app, account, peer);
    }
    let (true, Some(account)) = (matches, account) else {
        app.throttle.failed(&counted, client, Instant::now());
        app.jails.saw(Offence::FailedSignIn, peer);
        even::step(since).await;
        return Ok(refused(&app, &posted, "credentials"));
    };
    let account = renewed(&app, account, password).await?;
    if !account.verified {
        // Whoever has the password may know that there is an account.
        sign_up::ask_again(&app, &account, &email, posted.language).await?;
        return Ok(refused(&app, &posted, "unverified"));
    }
    if account.has_second_factor() {
        return second_factor::ask(&app, &account, &posted);
    }
    app.throttle.succeeded(&counted, client);
    seen(&app, &account, posted.language).await?;
    let cookies = sessions::begin(&app, &headers, &account).await?;
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(wanted.as_ref().map_or(AREA, LocalPath::as_str)).into_response(),
    };
    cookies.onto(&mut response);
    Ok(response)
}

/// `POST /compte/deconnexion`: the session ends, whether or not there was one.
async fn sign_out(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    if let Some(session) = sessions::current(&app, &headers).await? {
        let left = Event::new(&app, "signed out", &session.account).concerning(&session.organisation);
        audit::record(&app, &Event { actor: Actor::account(&session.account), ..left }).await?;
    }
    let cookie = sessions::end_current(&app, &headers).await?;
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(posted.language.root()).into_response(),
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// A password past the policy's length cannot be right; it is cut so that hashing it costs nothing more.
pub(super) fn bounded(password: &str) -> &str {
    let end = password.floor_char_boundary(super::password_policy::MAX_BYTES + 1);
    &password[..end]
}

/// The account with its password hashed anew, if that was by other parameters than those in force or without the pepper.
async fn renewed(app: &App, account: Account, password: &str) -> Result<Account, WebError> {
    if !app.passwords.outdated(&account.password) {
        return Ok(account);
    }
    let hashed = app.passwords.hash(password).await?;
    let found = accounts::versioned(app, &account.organisation, &account.id).await?;
    let Some((now, version)) = found.filter(|(now, _)| now.password == account.password) else {
        return Ok(account);
    };
    let stronger = Account { password: hashed, ..now };
    let mut batch = Batch::new(&stronger.organisation);
    accounts::put(app, &mut batch, &stronger, version).await?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(stronger),
        // It is tried again at the next sign-in.
        Err(StoreError::Conflict(_)) => Ok(account),
        Err(error) => Err(error.into()),
    }
}

/// Notes the contact; another write of the account at the same moment is one as well.
async fn seen(app: &App, account: &Account, language: Language) -> Result<(), WebError> {
    let Some((account, version)) = accounts::versioned(app, &account.organisation, &account.id).await? else {
        return Ok(());
    };
    let account = Account { seen: Some(app.clock.now()), language, warned: None, ..account };
    let mut batch = Batch::new(&account.organisation);
    accounts::put(app, &mut batch, &account, version).await?;
    audit::note(&mut batch, &Event::of(app, &account, "signed in", &account.id))?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// One answer for a wrong password, an unknown address and what is no address: 401 with what was typed.
fn refused(app: &App, posted: &Posted, code: &str) -> Response {
    refused_for(app, posted, BTreeMap::from([("email".to_owned(), code.to_owned())]))
}

/// 401 with what was typed and what is wrong.
pub(super) fn refused_for(app: &App, posted: &Posted, errors: BTreeMap<String, String>) -> Response {
    if posted.wants_json {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "errors": errors }))).into_response();
    }
    let mut values = posted.fields.clone();
    values.retain(|name, value| match name.as_str() {
        "email" => true,
        "suite" => LocalPath::parse(value).is_some(),
        _ => false,
    });
    form(app, StatusCode::UNAUTHORIZED, posted.language, &values, &errors)
}

fn form(
    app: &App,
    status: StatusCode,
    language: Language,
    values: &BTreeMap<String, String>,
    errors: &BTreeMap<String, String>,
) -> Response {
    let context = json!({
        "form": { "values": values, "errors": errors, "action": PAGE },
        "suite": values.get("suite"),
        "passkey": passkeys::offered(app),
    });
    if errors.is_empty() {
        return render(app, status, language, "connexion.title", "gateway/connexion.html", context);
    }
    let title = fault_title(app, language, "connexion.title");
    render_titled(app, status, language, &title, "gateway/connexion.html", context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_huge_password_is_cut_on_a_character_before_it_is_hashed() {
        assert_eq!(bounded("court"), "court");
        let huge = "é".repeat(100_000);
        assert!(bounded(&huge).len() <= super::super::password_policy::MAX_BYTES + 1);
        assert!(bounded(&huge).len() >= super::super::password_policy::MAX_BYTES);
    }

    async fn attempt(app: &SharedApp, form: &str) -> Response {
        testing::post(app, PAGE, &HeaderMap::new(), form).await
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_address_get_the_same_page_with_what_was_typed_but_the_password()
    {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "connue@example.com").await;
        let mut pages = Vec::new();
        for email in ["connue%40example.com", "autre1%40example.com", "pas-une-adresse"] {
            let response = attempt(&app, &format!("email={email}&mot_de_passe=Faux-mot-de-passe-1")).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(!response.headers().contains_key(header::SET_COOKIE));
            let page = testing::text(response).await;
            let typed = email.replace("%40", "@");
            assert!(page.contains(&typed) && !page.contains("Faux-mot"), "{page}");
            // What a passkey is asked is another each time.
            let asked = |line: &&str| !line.starts_with("token=") && !line.starts_with("options=");
            pages.push(page.replace(&typed, "").lines().filter(asked).collect::<Vec<_>>().join("\n"));
        }
        assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:?}");
    }

    #[tokio::test]
    async fn who_signs_in_goes_where_it_was_going_and_never_to_another_host() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        for (suite, expected) in [
            ("", AREA),
            ("&suite=%2Foffres%2Fifc%2F", "/offres/ifc/"),
            ("&suite=%2F%2Fevil.example", AREA),
            ("&suite=%2F%5Cevil.example", AREA),
            ("&suite=https%3A%2F%2Fevil.example", AREA),
        ] {
            let form = format!("email=A%40Example.com&mot_de_passe={}{suite}", "Vr7!kd0%23QzpL");
            let response = attempt(&app, &form).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{suite}");
            assert_eq!(testing::location(&response), expected);
            let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
            assert!(cookie.starts_with("__Host-session="), "{cookie}");
        }
    }

    /// Proves p-client-area.
    #[tokio::test]
    async fn the_client_area_asks_to_sign_in_and_then_shows_itself() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let nobody = HeaderMap::new();
        let asked =
            testing::ask(&app, http::Method::GET, "/espace-client/", &nobody, axum::body::Body::empty())
                .await;
        assert_eq!(asked.status(), StatusCode::SEE_OTHER);
        assert_eq!(testing::location(&asked), "/compte/connexion?suite=/espace-client/");
        let someone = testing::signed_in(&app, &account).await;
        let shown =
            testing::ask(&app, http::Method::GET, "/espace-client/", &someone, axum::body::Body::empty())
                .await;
        assert_eq!(shown.status(), StatusCode::OK);
        let left = testing::post(&app, "/compte/deconnexion", &someone, "").await;
        assert_eq!(left.status(), StatusCode::SEE_OTHER);
        let after =
            testing::ask(&app, http::Method::GET, "/espace-client/", &someone, axum::body::Body::empty())
                .await;
        assert_eq!(after.status(), StatusCode::SEE_OTHER);
    }

    #[tokio::test]
    async fn an_account_whose_address_is_not_confirmed_opens_once_its_letter_s_link_was_followed() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let email = crate::email::Email::parse("a@example.com").unwrap();
        let new = accounts::NewAccount {
            email,
            password: String::from(testing::PASSWORD).into(),
            role: accounts::Role::Owner,
            verified: false,
        };
        accounts::create(&app, new).await.unwrap();
        let form = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
        let response = attempt(&app, form).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key(header::SET_COOKIE));
        let letter = testing::letters(&app).await.remove(0);
        let link = letter.context["link"].as_str().unwrap().replace("https://localhost:8443", "");
        let followed = testing::ask(&app, http::Method::GET, &link, &HeaderMap::new(), "".into()).await;
        assert_eq!(followed.status(), StatusCode::OK);
        assert_eq!(attempt(&app, form).await.status(), StatusCode::SEE_OTHER);
    }

    #[tokio::test]
    async fn p_password_hash_one_of_before_is_made_anew_at_sign_in() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let older = accounts::passwords::tests::bare();
        let (found, version) =
            accounts::versioned(&app, &account.organisation, &account.id).await.unwrap().unwrap();
        let mut batch = Batch::new(&found.organisation);
        let older = Account { password: older, ..found };
        accounts::put(&app, &mut batch, &older, version).await.unwrap();
        app.store.commit(batch).await.unwrap();
        for _ in 0..2 {
            let response = attempt(&app, "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL").await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER);
        }
        let now = accounts::read(&app, &account.organisation, &account.id).await.unwrap().unwrap();
        assert_ne!(now.password, older.password);
        assert!(!app.passwords.outdated(&now.password));
    }

    #[tokio::test]
    async fn guessing_is_slowed_down_even_with_the_right_password() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        for _ in 0..5 {
            let response = attempt(&app, "email=a%40example.com&mot_de_passe=Faux-mot-de-passe-1").await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
        let response = attempt(&app, "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL").await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}

//! A forgotten password: a letter with a link that serves once, within the hour (`p-password-policy`), and ends every
//! session. Whether an account has the address is told to nobody.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::accounts::sign_up::link;
use crate::accounts::{self, Account, even, notified, password_policy, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::outbox;
use crate::sealing;
use crate::store::{Batch, StoreError};
use crate::web::posted::{self, Posted};
use crate::web::{WebError, negotiation, render};

pub(super) const ASK: &str = "/compte/mot-de-passe-oublie";
const ASKED: &str = "/compte/mot-de-passe-oublie/envoye";
const CHOOSE: &str = "/compte/reinitialisation";
const CHOSEN: &str = "/compte/reinitialisation/faite";
/// What reset links are signed for.
const RESET: &str = "password reset";
/// How long a link is good: the CNIL allows 24 hours (deliberation 2022-100).
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(ASK, get(ask_page).post(ask))
        .route(ASKED, get(asked))
        .route(CHOOSE, get(choose_page).post(choose))
        .route(CHOSEN, get(chosen))
}

/// `GET /compte/mot-de-passe-oublie`.
async fn ask_page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    posted::blank(&app, language, "mot_de_passe_oublie", ASK, &BTreeMap::new())
}

/// `POST /compte/mot-de-passe-oublie`: 303, whoever has the address.
async fn ask(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let since = tokio::time::Instant::now();
    let mut checker = posted.check(&["email"]);
    let email = checker.email("email");
    let email = match (checker.finish(), email) {
        (Ok(()), Some(email)) => email,
        (Err(errors), _) => return Ok(posted.refused(&app, "mot_de_passe_oublie", ASK, &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into())),
    };
    let may_write = notified::may_write(&app, &email).await?;
    match accounts::find(&app, &email).await? {
        Some(account) if may_write => {
            let link = format!("{}{}", app.settings.platform_url, choice(&app, &account, posted.language));
            let context = json!({ "link": link, "minutes": LIFETIME.as_mins() });
            accounts::write_to(&app, &account, "mot_de_passe", posted.language, context).await?;
        }
        _ => notified::write_nothing(&app, &email).await?,
    }
    app.outbox.wake();
    even::step(since).await;
    Ok(posted.accepted(ASKED))
}

/// Where the holder of an account's address chooses another password, once, within the hour.
pub(super) fn choice(app: &App, account: &Account, language: Language) -> String {
    let until = app.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(RESET, &subject(account), until);
    let asked = if language == Language::En { "&lang=en" } else { "" };
    format!("{CHOOSE}?jeton={token}{asked}")
}

/// `GET /compte/mot-de-passe-oublie/envoye`.
async fn asked(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, "mot_de_passe_oublie", &uri, &headers)
}

/// The query of a link in a letter.
#[derive(Default, Deserialize)]
struct Link {
    #[serde(default)]
    jeton: String,
}

/// `GET /compte/reinitialisation?jeton=`: asks, and changes nothing (mail filters follow links).
async fn choose_page(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let token = Query::<Link>::try_from_uri(&uri).map(|link| link.0.jeton).unwrap_or_default();
    let language = negotiation::language(&uri, &headers);
    match meant(&app, RESET, &token).await? {
        Some(_) => {
            let values = BTreeMap::from([("jeton", token.as_str())]);
            Ok(posted::blank(&app, language, "reinitialisation", CHOOSE, &values))
        }
        None => Ok(over(&app, language)),
    }
}

/// `POST /compte/reinitialisation`: 303 with the new password in force and every session ended.
async fn choose(State(app): State<SharedApp>, uri: Uri, posted: Posted) -> Result<Response, WebError> {
    let checker = posted.check(&["jeton", "mot_de_passe"]);
    let in_query = Query::<Link>::try_from_uri(&uri).map(|link| link.0.jeton).unwrap_or_default();
    let token = posted.fields.get("jeton").cloned().unwrap_or(in_query);
    let Some((account, version)) = meant(&app, RESET, &token).await? else {
        if posted.wants_json {
            let errors = json!({ "errors": { "jeton": "token" } });
            return Ok((StatusCode::GONE, axum::Json(errors)).into_response());
        }
        return Ok(over(&app, posted.language));
    };
    if let Err(errors) = checker.finish() {
        return Ok(posted.refused(&app, "reinitialisation", CHOOSE, &errors));
    }
    let password = posted.fields.get("mot_de_passe").map_or("", String::as_str);
    if let Some(code) = password_policy::fault(password, known(&account)) {
        let errors = BTreeMap::from([("mot_de_passe".to_owned(), code.to_owned())]);
        return Ok(posted.refused(&app, "reinitialisation", CHOOSE, &errors));
    }
    let changed = Account { verified: true, ..account };
    match change(&app, changed, version, password, posted.language).await? {
        Some(_) => Ok(posted.accepted(CHOSEN)),
        // Another post with the same link came first.
        None => Ok(over(&app, posted.language)),
    }
}

/// `GET /compte/reinitialisation/faite`.
async fn chosen(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, "reinitialisation", &uri, &headers)
}

/// Puts a new password in force, ends every session, and tells the holder by letter; none when the account changed
/// meanwhile.
///
/// # Errors
/// [`WebError`]; nothing was written.
pub(super) async fn change(
    app: &App,
    account: Account,
    version: u64,
    password: &str,
    language: Language,
) -> Result<Option<Account>, WebError> {
    let account = Account { password: app.passwords.hash(password).await?, moving: None, ..account };
    let mut batch = Batch::new(&account.organisation);
    let key = accounts::put(app, &mut batch, &account, version).await?;
    sessions::end_all(app, &mut batch, &account.id).await?;
    audit::note(&mut batch, &Event::of(app, &account, "password changed", &account.id))?;
    let context = json!({ "link": link(app, ASK, language) });
    let mail = accounts::letter(&account, "mot_de_passe_change", language, context);
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    match app.store.commit(batch).await {
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(()) => {
            app.outbox.wake();
            Ok(Some(account))
        }
    }
}

/// What is known of an account's holder, that a password must not be built on.
pub(super) fn known(account: &Account) -> impl Iterator<Item = &str> {
    let names = account.holder.iter().flat_map(|holder| [holder.nom.as_str(), holder.prenom.as_str()]);
    names.chain([account.email.as_str()])
}

/// The account of a token that still serves.
pub(super) async fn meant(
    app: &App,
    purpose: &'static str,
    token: &str,
) -> Result<Option<(Account, u64)>, WebError> {
    let Ok(signed) = app.tokens.verify(purpose, token, app.clock.now()) else {
        return Ok(None);
    };
    let mut parts = signed.split('/');
    let (Some(organisation), Some(id)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let found = accounts::versioned(app, organisation, id).await?;
    Ok(found.filter(|(account, _)| subject(account) == signed))
}

/// Whom a link is about, the password that it replaces and the address that it went to: once either is another, the link
/// serves no more.
pub(super) fn subject(account: &Account) -> String {
    let digest = Sha256::digest(format!("{}\n{}", account.password, account.email));
    let stamp = sealing::hex(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
    format!("{}/{}/{stamp}", account.organisation, account.id)
}

/// The link has served, or is too old, or was never ours: one page for all.
fn over(app: &App, language: Language) -> Response {
    let context = json!({ "state": "reset" });
    let (title, template) = ("compte_verification.reset.title", "gateway/compte_verification.html");
    render(app, StatusCode::GONE, language, title, template, context)
}

/// `GET /.well-known/change-password` (W3C, A Well-Known URL for Changing Passwords).
pub(super) async fn well_known() -> Redirect {
    Redirect::to(super::password_change::PAGE)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::testing;

    async fn ask_for(app: &SharedApp, email: &str) -> Response {
        testing::post(app, ASK, &HeaderMap::new(), &format!("email={email}")).await
    }

    /// The tokens of the letters that were asked for.
    async fn tokens(app: &App) -> Vec<String> {
        let letters = testing::letters(app).await;
        let mine = letters.into_iter().filter(|mail| mail.template == "mot_de_passe");
        mine.map(|mail| mail.context["link"].as_str().unwrap().split_once("jeton=").unwrap().1.to_owned())
            .collect()
    }

    async fn choose(app: &SharedApp, token: &str, password: &str) -> Response {
        let form = format!("jeton={token}&mot_de_passe={password}");
        testing::post(app, CHOOSE, &HeaderMap::new(), &form).await
    }

    #[tokio::test]
    async fn p_password_policy_a_link_serves_once_within_the_hour_and_ends_every_session() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let session = testing::signed_in(&app, &account).await;
        for _ in 0..2 {
            assert_eq!(ask_for(&app, "a%40example.com").await.status(), StatusCode::SEE_OTHER);
        }
        let links = tokens(&app).await;
        let path = format!("{CHOOSE}?jeton={}", links[0]);
        let page = testing::ask(&app, Method::GET, &path, &HeaderMap::new(), "".into()).await;
        assert_eq!(page.status(), StatusCode::OK);
        let weak = choose(&app, &links[0], "court").await;
        assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let done = choose(&app, &links[0], "Nouveau-secret-9182").await;
        assert_eq!((done.status(), testing::location(&done)), (StatusCode::SEE_OTHER, CHOSEN));
        assert!(sessions::current(&app, &session).await.unwrap().is_none(), "every session is over");
        for token in &links {
            let again = choose(&app, token, "Encore-un-autre-9182").await;
            assert_eq!(again.status(), StatusCode::GONE, "both links replaced the same password");
        }
        let form = |password: &str| format!("email=a%40example.com&mot_de_passe={password}");
        for (password, status) in [("Nouveau-secret-9182", 303), ("Vr7!kd0%23QzpL", 401)] {
            let tried = testing::post(&app, "/compte/connexion", &HeaderMap::new(), &form(password)).await;
            assert_eq!(tried.status(), status, "{password}");
        }
        assert!(testing::letters(&app).await.iter().any(|mail| mail.template == "mot_de_passe_change"));
    }

    #[tokio::test]
    async fn two_posts_at_once_with_one_link_change_the_password_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        ask_for(&app, "a%40example.com").await;
        let token = tokens(&app).await.remove(0);
        let (one, other) = tokio::join!(
            choose(&app, &token, "Premier-secret-9182"),
            choose(&app, &token, "Second-secret-9182")
        );
        let mut statuses = [one.status().as_u16(), other.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410]);
    }

    #[tokio::test]
    async fn an_unknown_address_gets_the_same_answer_and_nobody_more_than_five_letters_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        for _ in 0..8 {
            let known = ask_for(&app, "a%40example.com").await;
            let unknown = ask_for(&app, "b%40example.com").await;
            assert_eq!(known.status(), unknown.status());
            assert_eq!(testing::location(&known), testing::location(&unknown));
        }
        assert_eq!(tokens(&app).await.len(), 5);
        assert_eq!(ask_for(&app, "nulle-part").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn a_link_past_its_hour_or_of_another_kind_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        ask_for(&app, "a%40example.com").await;
        let token = tokens(&app).await.remove(0);
        let other = app.tokens.sign("account verification", &subject(&account), Timestamp::MAX);
        for wrong in [other.as_str(), "", "abc"] {
            assert_eq!(choose(&app, wrong, "Nouveau-secret-9182").await.status(), StatusCode::GONE);
        }
        drop(app);
        let late = testing::app(folder.path(), LIFETIME + SignedDuration::from_secs(1)).await;
        let late = std::sync::Arc::new(late);
        assert_eq!(choose(&late, &token, "Nouveau-secret-9182").await.status(), StatusCode::GONE);
    }
}

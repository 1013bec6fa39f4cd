//! `/espace-client/fermeture`: closing one's account, once one proved who one is (`p-relogin`), with a copy of what is
//! kept before, and a letter after. What the law has us archive stays, and the page says so (`p-legal-archive`).

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::accounts::{self, ACCOUNTS, Account, Role, SignInNeeded, holder, people, retained, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::inventory;
use crate::outbox::{self, Mail};
use crate::records::{self, KEYS, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};
use crate::{calculations, checkout, datasets, webhooks};

const PAGE: &str = "/espace-client/fermeture";
const COPY: &str = "/espace-client/donnees.json";
const CLOSED: &str = "/compte/ferme";
const TEMPLATE: &str = "gateway/fermeture.html";
const TITLE: &str = "account_closing.title";
/// How long the letter of farewell may be on its way.
const FAREWELL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(close_posted)).route(COPY, get(copy)).route(CLOSED, get(closed))
}

/// `GET /espace-client/fermeture`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    let context = shown(&app, &account, &BTreeMap::new()).await?;
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `GET /espace-client/donnees.json`: everything that is kept about the account's holder.
async fn copy(State(app): State<SharedApp>, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, COPY).await?;
    let about = inventory::about(&app, &account).await?;
    audit::record(&app, &Event::of(&app, &account, "copy of data made", &account.id)).await?;
    let text = serde_json::to_vec_pretty(&about).map_err(|error| WebError::Internal(error.to_string()))?;
    let mut response = text.into_response();
    let fields = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"actuarem-donnees.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// `POST /espace-client/fermeture`: 303, and the account is no more.
async fn close_posted(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["fermeture"]);
    if posted.fields.get("fermeture").map(String::as_str) != Some("accepte") {
        checker.fault("fermeture", "closing");
    }
    if last_owner_of_others(&app, &account).await? {
        checker.fault("fermeture", "last_owner");
    }
    if let Err(errors) = checker.finish() {
        if posted.wants_json {
            let body = json!({ "errors": errors });
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response());
        }
        let title = fault_title(&app, posted.language, TITLE);
        let context = shown(&app, &account, &errors).await?;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(render_titled(&app, status, posted.language, &title, TEMPLATE, context));
    }
    if !close_once(&app, &account, posted.language).await? {
        return Ok(posted.accepted(PAGE));
    }
    let forget = sessions::end_current(&app, &headers).await?;
    let mut response = posted.accepted(CLOSED);
    response.headers_mut().insert(header::SET_COOKIE, forget);
    Ok(response)
}

/// `GET /compte/ferme`; who is signed in has not closed anything.
async fn closed(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    if sessions::current(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(accounts::sign_in::AREA).into_response());
    }
    Ok(crate::web::posted::thanks(&app, "fermeture", &uri, &headers))
}

/// Ends an account, and its organisation with the last of its people, with a letter that says so; false when it was
/// written at the same moment, or others would be left with nobody who answers for them.
async fn close_once(app: &App, account: &Account, language: Language) -> Result<bool, RecordError> {
    let Some(batch) = gone(app, account).await? else { return Ok(false) };
    let told = Account { language, ..account.clone() };
    commit(app, account, farewell(app, batch, &told, "compte_ferme", json!({}))?).await
}

/// As [`close`] once, without its letter, for somebody who goes to another organisation.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn leave(app: &App, account: &Account) -> Result<bool, RecordError> {
    match gone(app, account).await? {
        Some(batch) => commit(app, account, batch).await,
        None => Ok(false),
    }
}

/// What closes an account, unless others would be left with nobody who answers for them.
async fn gone(app: &App, account: &Account) -> Result<Option<Batch>, RecordError> {
    let Some(mut batch) = ended(app, account).await? else { return Ok(None) };
    if account.role == Role::Owner && !people::answers_without(&batch) {
        return Ok(None);
    }
    audit::note(&mut batch, &Event::of(app, account, "account closed", &account.id))?;
    Ok(Some(batch))
}

/// Whether an account was ended; only then others may have what was reserved for it.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn commit(app: &App, account: &Account, batch: Batch) -> Result<bool, RecordError> {
    match app.store.commit(batch).await {
        Ok(()) => {
            app.outbox.wake();
            retained::let_go(app, account).await?;
            Ok(true)
        }
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends an account whatever is written to it meanwhile, for whoever asked to be erased; as long as it is there and others
/// are not left with nobody who answers for them.
///
/// # Errors
/// [`RecordError`].
pub async fn close(app: &App, account: &Account, language: Language) -> Result<(), RecordError> {
    let mut account = account.clone();
    loop {
        if close_once(app, &account, language).await? || last_owner_of_others(app, &account).await? {
            return Ok(());
        }
        match accounts::read(app, &account.organisation, &account.id).await? {
            Some(again) => account = again,
            None => return Ok(()),
        }
    }
}

/// What ends an account, and its organisation with the last of its people; none when it is no more, or was written at
/// the same moment.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn ended(app: &App, account: &Account) -> Result<Option<Batch>, RecordError> {
    let address = Address::new(ACCOUNTS, &account.organisation, &account.id);
    let Some(stored) = app.store.read(&address).await? else { return Ok(None) };
    let mut batch = retained::ending(app, &address, &stored).await?;
    // The key is not only gone: backups forget it too. Sessions are over rather than forgotten.
    let mine = |collection: &str| [KEYS, sessions::GENERATIONS].contains(&collection);
    batch.writes.retain(|write| !(mine(write.collection) && write.key == account.id));
    records::erase(app, &mut batch, &account.id).await?;
    sessions::end_for_good(app, &mut batch, &account.id).await?;
    if people::empties(&batch) {
        batch = checkout::end_plans(app, batch).await?;
        datasets::end_all(app, &mut batch).await?;
        calculations::end_all(app, &mut batch).await?;
        webhooks::end_all(app, &mut batch).await?;
        records::erase(app, &mut batch, &account.organisation).await?;
        batch = batch.delete(holder::ORGANISATIONS, &account.organisation, Expect::Anything);
    }
    Ok(Some(batch))
}

/// The last letter, under a key of its own: the account's is gone.
///
/// # Errors
/// [`RecordError`].
pub(super) fn farewell(
    app: &App,
    batch: Batch,
    account: &Account,
    template: &str,
    context: Value,
) -> Result<Batch, RecordError> {
    let subject = sealing::hex(&sealing::random::<16>()?);
    let (key, wrapped) = app.sealer.new_subject_key(&subject)?;
    let end = app.clock.now().saturating_add(FAREWELL).unwrap_or(Timestamp::MAX);
    let mut batch = batch.put(KEYS, &subject, Expect::Absent, wrapped, Some(end));
    let mail = Mail { subject, ..accounts::letter(account, template, account.language, context) };
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    Ok(batch)
}

/// Whether others are left for whom nobody else answers.
///
/// # Errors
/// [`RecordError`].
pub async fn last_owner_of_others(app: &App, account: &Account) -> Result<bool, RecordError> {
    let (roster, _) = people::of(app, &account.organisation).await?;
    Ok(account.role == Role::Owner && roster.orphans(&account.id))
}

async fn shown(app: &App, account: &Account, errors: &BTreeMap<String, String>) -> Result<Value, WebError> {
    Ok(json!({
        "alone": people::of(app, &account.organisation).await?.0.is_alone(),
        "bought": checkout::has_bought(app, &account.organisation).await?,
        "plans": checkout::plans(app, &account.organisation).await?.len(),
        "form": { "values": {}, "errors": errors, "action": PAGE },
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Method;

    use super::*;
    use crate::email::Email;
    use crate::testing;

    const POSTED: &str = "fermeture=accepte";

    #[tokio::test]
    async fn p_rights_a_closed_account_is_no_more_and_its_address_sessions_and_access_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let plan = checkout::staff_plan(&app, checkout::UNLIMITED, app.clock.now()).unwrap();
        checkout::grant(&app, &account, &plan).await.unwrap();
        let [mine, other] =
            [testing::signed_in(&app, &account).await, testing::signed_in(&app, &account).await];
        for wrong in ["", "fermeture=oui", "fermeture=accepte&role=owner"] {
            let refused = testing::post(&app, PAGE, &mine, wrong).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
        let closed = testing::post(&app, PAGE, &mine, POSTED).await;
        assert_eq!((closed.status(), testing::location(&closed)), (StatusCode::SEE_OTHER, CLOSED));
        let email = Email::parse("a@example.com").unwrap();
        assert!(accounts::find(&app, &email).await.unwrap().is_none());
        for session in [&mine, &other] {
            assert!(sessions::current(&app, session).await.unwrap().is_none());
        }
        assert!(checkout::plans(&app, &account.organisation).await.unwrap().is_empty());
        assert!(accounts::organisation(&app, &account.organisation).await.unwrap().is_none());
        assert!(!records::erased(&app).await.unwrap().is_empty(), "a backup forgets it too");
        let letters = testing::letters(&app).await;
        let last = letters.iter().find(|mail| mail.template == "compte_ferme").unwrap();
        assert_eq!(last.to, "a@example.com");
        let again = testing::account(&app, "a@example.com").await;
        assert_ne!(again.id, account.id, "somebody may have the address at once");
        let verified = records::verify(&app, &inventory::SHAPES).await.unwrap();
        assert_eq!(verified.damaged, []);
    }

    #[tokio::test]
    async fn p_instructions_what_an_organisation_loaded_and_computed_goes_with_the_last_of_its_people() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let plan = checkout::staff_plan(&app, checkout::UNLIMITED, app.clock.now()).unwrap();
        checkout::grant(&app, &account, &plan).await.unwrap();
        let key = accounts::api_keys::create(&app, &account).await.unwrap().key;
        let sent = async |path: &str, kind: &'static str, body: String| {
            let headers = HeaderMap::from_iter([
                (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).unwrap()),
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            ]);
            let answer = testing::ask(&app, Method::POST, path, &headers, body.into()).await;
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            let told: Value = serde_json::from_str(&testing::text(answer).await).unwrap();
            told["id"].as_str().unwrap().to_owned()
        };
        let lines = "id;sex;birth_date;hire_date;annual_salary\n1;M;1970-05-12;1998-09-01;45000\n";
        let dataset =
            sent("/api/v1/datasets?module=ifc&warranty=accepted", "text/csv", lines.to_owned()).await;
        let asked = json!({ "module": "rente", "parameters": aops_engine::example("rente").unwrap() });
        let calculation = sent("/api/v1/calculations", "application/json", asked.to_string()).await;
        let stands = async |collection: &'static str, id: &str| {
            let address = Address::new(collection, &account.organisation, id);
            app.store.read(&address).await.unwrap().is_some()
        };
        let kept = [("datasets", &dataset), ("calculations", &calculation)];
        for (collection, id) in kept {
            assert!(stands(collection, id).await && stands(KEYS, id).await, "{collection}");
        }
        let session = testing::signed_in(&app, &account).await;
        assert_eq!(testing::post(&app, PAGE, &session, POSTED).await.status(), StatusCode::SEE_OTHER);
        for (collection, id) in kept {
            assert!(!stands(collection, id).await && !stands(KEYS, id).await, "{collection}");
        }
        assert!(records::erased(&app).await.unwrap().len() > 2, "a backup forgets them too");
    }

    #[tokio::test]
    async fn who_alone_answers_for_others_does_not_close_and_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let owner = testing::account(&app, "a@example.com").await;
        let member = Account {
            id: "acc_member".into(),
            email: "b@example.com".into(),
            role: Role::Member,
            ..owner.clone()
        };
        accounts::establish(&app, &member, None, None).await.unwrap();
        let session = testing::signed_in(&app, &owner).await;
        let refused = testing::post(&app, PAGE, &session, POSTED).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let theirs = testing::signed_in(&app, &member).await;
        assert_eq!(testing::post(&app, PAGE, &theirs, POSTED).await.status(), StatusCode::SEE_OTHER);
        assert!(accounts::read(&app, &owner.organisation, &owner.id).await.unwrap().is_some());
        let session = testing::signed_in(&app, &owner).await;
        assert_eq!(testing::post(&app, PAGE, &session, POSTED).await.status(), StatusCode::SEE_OTHER);
    }

    #[tokio::test]
    async fn who_may_not_close_keeps_the_address_and_signs_in_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let owner = testing::account(&app, "a@example.com").await;
        let member = Account {
            id: "acc_member".into(),
            email: "b@example.com".into(),
            role: Role::Member,
            ..owner.clone()
        };
        accounts::establish(&app, &member, None, None).await.unwrap();
        let email = Email::parse("a@example.com").unwrap();
        let found = async || accounts::find(&app, &email).await.unwrap().map(|account| account.id);
        assert!(!close_once(&app, &owner, Language::Fr).await.unwrap());
        assert_eq!(found().await, Some(owner.id.clone()));
        // Erasure of who alone answers for others stops at the same place.
        close(&app, &owner, Language::Fr).await.unwrap();
        assert_eq!(found().await, Some(owner.id.clone()));
    }

    #[tokio::test]
    async fn p_rights_a_copy_holds_all_that_is_kept_about_its_holder_and_no_secret_nor_anything_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = "nom=Durand&prenom=Claire&profession=Actuaire&raison_sociale=Mutuelle+A&adresse=1+rue+B&\
            email=claire%40example.org&mot_de_passe=Vr7!kd0%23QzpL&cgu=accepte&telephone=0102030405";
        testing::post(&app, "/compte/inscription", &HeaderMap::new(), form).await;
        let letter = testing::letters(&app).await.remove(0);
        let link = letter.context["link"].as_str().unwrap().replace("https://localhost:8443", "");
        testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
        testing::post(&app, "/newsletter", &HeaderMap::new(), "email=claire%40example.org").await;
        let mut account =
            accounts::find(&app, &Email::parse("claire@example.org").unwrap()).await.unwrap().unwrap();
        accounts::second_factor::tests::add_to(&app, &mut account).await;
        testing::account(&app, "other@example.com").await;
        let session = testing::signed_in(&app, &account).await;
        let answer = testing::ask(&app, Method::GET, COPY, &session, Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            answer.headers()[header::CONTENT_DISPOSITION],
            "attachment; filename=\"actuarem-donnees.json\""
        );
        let text = testing::text(answer).await;
        let copy: Value = serde_json::from_str(&text).unwrap();
        let records = copy["records"].as_object().unwrap();
        for kept in ["accounts", "organisations", "subscribers", "account_devices"] {
            assert!(records.contains_key(kept), "{kept}: {text}");
        }
        for said in ["Durand", "Claire", "Actuaire", "Mutuelle A", "0102030405", "claire@example.org"] {
            assert!(text.contains(said), "{said}");
        }
        assert_eq!(
            copy["terms"].as_array().unwrap().len(),
            inventory::declared(&Default::default()).unwrap().len()
        );
        for secret in ["$argon2id", "\"secret\"", "\"recovery\"", "other@example.com"] {
            assert!(!text.contains(secret), "{secret}");
        }
        let nobody = testing::ask(&app, Method::GET, COPY, &HeaderMap::new(), Body::empty()).await;
        assert_eq!(nobody.status(), StatusCode::SEE_OTHER);
    }
}

//! Signing up: what is typed waits, sealed, until the address's holder follows the link of a letter; only then is
//! there an account. Whether one has the address already is told to its holder alone, by letter.
//!
//! Several who sign up with one address do not touch each other's: each link opens what was typed with it, so
//! that nobody can prepare an account for somebody else's address and wait.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accounts::holder::{self, Profile};
use crate::accounts::{self, Account, AccountError, Role, even, notified, password_policy, random};
use crate::app::{App, SharedApp};
use crate::edge::jails::Offence;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, KEYS, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::tokens::TokenError;
use crate::web::posted::{self, Posted};
use crate::web::{Peer, WebError, negotiation, render};

const PAGE: &str = "/compte/inscription";
const THANKS: &str = "/compte/inscription/merci";
const VERIFICATION: &str = "/compte/verification";
const FORM: &str = "inscription";
/// What verification links are signed for.
const VERIFY: &str = "account verification";
/// What waits for its holder.
pub(super) const SIGN_UPS: &str = "sign_ups";

/// An account that was asked for and never confirmed.
pub const UNCONFIRMED: Retention = Retention {
    what: "unconfirmed account",
    term: Term::Days(3),
    from: "last request",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// What was typed, until its address is confirmed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SignUp {
    account: String,
    organisation: String,
    email: Email,
    /// Argon2id, as a PHC string.
    password: String,
    profile: Profile,
    language: Language,
}

impl records::Document for SignUp {}

/// What stands where a confirmed one waited: its link says so again, and nothing of it is left.
#[derive(Serialize, Deserialize)]
pub(super) struct Done;

impl records::Document for Done {}

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE, get(page).post(sign_up))
        .route(THANKS, get(thanks))
        .route(VERIFICATION, get(verify).post(verify_posted))
}

/// `GET /compte/inscription`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    posted::blank(&app, language, FORM, PAGE, &BTreeMap::new())
}

/// `POST /compte/inscription`: 303, whoever has the address.
async fn sign_up(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    posted: Posted,
) -> Result<Response, WebError> {
    let since = tokio::time::Instant::now();
    let mut checker = posted.check(&[&holder::FIELDS[..], &["email", "mot_de_passe", "cgu"]].concat());
    let profile = holder::read(&mut checker, app.clock.now());
    let email = checker.email("email");
    let password = posted.fields.get("mot_de_passe").map_or("", String::as_str);
    let others = [&profile.holder.nom, &profile.holder.prenom, &profile.organisation.raison_sociale];
    let known = others.into_iter().map(String::as_str).chain(email.as_ref().map(Email::as_str));
    if let Some(code) = password_policy::fault(password, known) {
        checker.fault("mot_de_passe", code);
    }
    if posted.fields.get("cgu").map(String::as_str) != Some("accepte") {
        checker.fault("cgu", "cgu");
    }
    let email = match (checker.finish(), email) {
        (Ok(()), Some(email)) => email,
        (Err(errors), _) => return Ok(posted.refused(&app, FORM, PAGE, &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into())),
    };
    // The same work, whoever has the address.
    let password = app.passwords.hash(password).await?;
    let may_write = notified::may_write(&app, &email).await?;
    if !may_write {
        app.jails.saw(Offence::Limited, peer);
    }
    match (may_write, accounts::find(&app, &email).await?) {
        (true, Some(account)) => {
            let context = json!({
                "link": link(&app, "/compte/connexion", posted.language),
                "forgotten": link(&app, "/compte/mot-de-passe-oublie", posted.language),
            });
            accounts::write_to(&app, &account, "compte_existant", posted.language, context).await?;
        }
        (true, None) => wait(&app, email, password, profile, posted.language).await?,
        (false, _) => notified::write_nothing(&app, &email).await?,
    }
    app.outbox.wake();
    even::step(since).await;
    Ok(posted.accepted(THANKS))
}

/// `GET /compte/inscription/merci`.
async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, "inscription", &uri, &headers)
}

/// The query of a link in a letter.
#[derive(Default, Deserialize)]
struct Link {
    #[serde(default)]
    jeton: String,
}

/// `GET /compte/verification?jeton=`: following the link twice does no harm.
async fn verify(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let token = axum::extract::Query::<Link>::try_from_uri(&uri).map(|link| link.0.jeton).unwrap_or_default();
    verified(&app, &token, negotiation::language(&uri, &headers)).await
}

/// `POST /compte/verification`: the same, for who would rather post.
async fn verify_posted(State(app): State<SharedApp>, uri: Uri, posted: Posted) -> Result<Response, WebError> {
    let in_query = axum::extract::Query::<Link>::try_from_uri(&uri).map(|link| link.0.jeton);
    let token = posted.fields.get("jeton").cloned().or(in_query.ok()).unwrap_or_default();
    verified(&app, &token, posted.language).await
}

async fn verified(app: &App, token: &str, language: Language) -> Result<Response, WebError> {
    let (status, state) = match app.tokens.verify(VERIFY, token, app.clock.now()) {
        Ok(id) => match confirm(app, &id).await {
            Ok(Confirmed::Yes) => (StatusCode::OK, "confirmed"),
            Ok(Confirmed::Gone) => (StatusCode::GONE, "expired"),
            Err(AccountError::Exists) => (StatusCode::CONFLICT, "taken"),
            Err(AccountError::Record(error)) => return Err(error.into()),
            Err(error) => return Err(WebError::Internal(error.to_string())),
        },
        Err(TokenError::Expired) => (StatusCode::GONE, "expired"),
        Err(TokenError::Invalid) => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let title = format!("compte_verification.{state}.title");
    let context = json!({ "state": state });
    Ok(render(app, status, language, &title, "gateway/compte_verification.html", context))
}

/// What following a verification link did.
enum Confirmed {
    /// There is an account, now or since before.
    Yes,
    /// Nothing waits for it any more.
    Gone,
}

/// Keeps what was typed, with the letter that asks its holder to confirm.
async fn wait(
    app: &App,
    email: Email,
    password: String,
    profile: Profile,
    language: Language,
) -> Result<(), WebError> {
    let fault = |error: sealing::SealError| WebError::from(RecordError::from(error));
    let id = sealing::hex(&sealing::random::<16>().map_err(fault)?);
    let end = app.settings.retention.end(&UNCONFIRMED, app.clock.now());
    let token = app.tokens.sign(VERIFY, &id, end);
    let mail = Mail {
        to: email.as_str().to_owned(),
        reply_to: None,
        template: "compte_verification".into(),
        language,
        purpose: Purpose::Confirmation,
        context: json!({ "link": link(app, &format!("{VERIFICATION}?jeton={token}"), language) }),
        unsubscribe: None,
        subject: id.clone(),
    };
    let sign_up = SignUp {
        account: format!("acc_{}", random::base62(20)?),
        organisation: format!("org_{}", random::base62(20)?),
        email,
        password,
        profile,
        language,
    };
    let mut batch = Batch::new(partition(&id));
    let (key, wrapped) = app.sealer.new_subject_key(&id).map_err(fault)?;
    batch = batch.put(KEYS, &id, Expect::Absent, wrapped, Some(end));
    records::put_sealed(&mut batch, &key, SIGN_UPS, &id, Expect::Absent, &sign_up, Some(end))?;
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    app.store.commit(batch).await?;
    Ok(())
}

/// Asks the holder of an account that staff made to confirm the address, by letter.
pub(super) async fn ask_again(
    app: &App,
    account: &Account,
    email: &Email,
    language: Language,
) -> Result<(), WebError> {
    if !notified::may_write(app, email).await? {
        return Ok(());
    }
    let end = app.settings.retention.end(&UNCONFIRMED, app.clock.now());
    let token = app.tokens.sign(VERIFY, &format!("{}/{}", account.organisation, account.id), end);
    let context = json!({ "link": link(app, &format!("{VERIFICATION}?jeton={token}"), language) });
    accounts::write_to(app, account, "compte_verification", language, context).await?;
    app.outbox.wake();
    Ok(())
}

/// Notes that the address of an account that staff made is its holder's.
async fn confirm_made(app: &App, organisation: &str, id: &str) -> Result<Confirmed, AccountError> {
    let Some((account, version)) = accounts::versioned(app, organisation, id).await? else {
        return Ok(Confirmed::Gone);
    };
    if account.verified {
        return Ok(Confirmed::Yes);
    }
    let account = Account { verified: true, ..account };
    let mut batch = Batch::new(organisation);
    accounts::put(app, &mut batch, &account, version).await?;
    app.store.commit(batch).await?;
    Ok(Confirmed::Yes)
}

/// Makes the account of a verified link, once.
async fn confirm(app: &App, id: &str) -> Result<Confirmed, AccountError> {
    if let Some((organisation, account)) = id.split_once('/') {
        return confirm_made(app, organisation, account).await;
    }
    let address = Address::new(SIGN_UPS, partition(id), id);
    let Some((sign_up, version)) = records::read_sealed::<SignUp>(app, &address, id).await? else {
        let done = app.store.read(&address).await?.is_some();
        return Ok(if done { Confirmed::Yes } else { Confirmed::Gone });
    };
    let account = Account {
        id: sign_up.account,
        organisation: sign_up.organisation,
        email: sign_up.email.as_str().to_owned(),
        password: sign_up.password,
        role: Role::Owner,
        verified: true,
        created: app.clock.now(),
        holder: Some(sign_up.profile.holder),
        accepted: sign_up.profile.accepted,
        seen: None,
        language: sign_up.language,
        warned: None,
        second_factor: None,
        passkeys: Vec::new(),
        moving: None,
        left: Vec::new(),
    };
    let welcome = Some(sign_up.language);
    accounts::establish(app, &account, Some(&sign_up.profile.organisation), welcome).await?;
    let end = app.settings.retention.end(&UNCONFIRMED, app.clock.now());
    let mut batch = Batch::new(&address.partition).delete(KEYS, id, Expect::Anything);
    records::put_plain(&mut batch, SIGN_UPS, id, Expect::Version(version), &Done, Some(end))?;
    match app.store.commit(batch).await {
        // The link was followed twice at once.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(Confirmed::Yes),
        Err(error) => Err(error.into()),
    }
}

/// Spread over 256 partitions, so that no single one holds every sign-up.
fn partition(id: &str) -> String {
    format!("sign-ups-{}", id.get(..2).unwrap_or_default())
}

/// A path of ours as letters tell it.
pub(super) fn link(app: &App, path: &str, language: Language) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    let asked = match language {
        Language::En => format!("{mark}lang=en"),
        Language::Fr => String::new(),
    };
    format!("{}{path}{asked}", app.settings.platform_url)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;
    use serde_json::Value;

    use super::*;
    use crate::testing;

    const FORM_POSTED: &str = "nom=Durand&prenom=Claire&profession=Actuaire&telephone=&date_naissance=&\
        raison_sociale=Mutuelle+A&adresse=1+rue+B&telephone_entreprise=&email=Claire%40example.org&\
        mot_de_passe=Vr7!kd0%23QzpL&cgu=accepte";

    async fn sign_up(app: &SharedApp, form: &str) -> Response {
        testing::post(app, PAGE, &HeaderMap::new(), form).await
    }

    async fn follow(app: &SharedApp, path: &str) -> StatusCode {
        testing::ask(app, Method::GET, path, &HeaderMap::new(), axum::body::Body::empty()).await.status()
    }

    /// The links of the letters that wait, by template.
    async fn letters(app: &App) -> Vec<(String, String)> {
        testing::letters(app)
            .await
            .into_iter()
            .map(|mail| {
                let link = mail.context["link"].as_str().unwrap_or_default().to_owned();
                (mail.template, link.replace("https://localhost:8443", ""))
            })
            .collect()
    }

    #[tokio::test]
    async fn p_account_fields_an_account_exists_once_its_address_is_confirmed_and_holds_what_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let response = sign_up(&app, FORM_POSTED).await;
        assert_eq!((response.status(), testing::location(&response)), (StatusCode::SEE_OTHER, THANKS));
        let email = Email::parse("claire@example.org").unwrap();
        assert!(accounts::find(&app, &email).await.unwrap().is_none());
        let letters = letters(&app).await;
        assert_eq!(letters[0].0, "compte_verification");
        for _ in 0..2 {
            assert_eq!(follow(&app, &letters[0].1).await, StatusCode::OK, "twice does no harm");
        }
        let account = accounts::find(&app, &email).await.unwrap().unwrap();
        let holder = account.holder.clone().unwrap();
        assert_eq!((holder.nom.as_str(), holder.telephone, holder.date_naissance), ("Durand", None, None));
        assert_eq!(account.accepted[0].version, holder::CGU_VERSION);
        let organisation = holder::organisation(&app, &account.organisation).await.unwrap().unwrap();
        assert_eq!(organisation.raison_sociale, "Mutuelle A");
        assert!(account.verified && account.role == Role::Owner);
        let scan = crate::store::Scan {
            collection: SIGN_UPS,
            partition: None,
            prefix: String::new(),
            after: None,
            limit: 9,
        };
        let left = app.store.scan(scan).await.unwrap().documents;
        assert!(left.iter().all(|(_, stored)| stored.body == b"null"), "nothing of it is left");
    }

    /// Proves p-account-fields, p-by-design.
    #[tokio::test]
    async fn every_fault_is_told_at_once_and_no_field_but_those_promised_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let json = HeaderMap::from_iter([(http::header::ACCEPT, "application/json".parse().unwrap())]);
        let faults = async |form: &str| {
            let response = testing::post(&app, PAGE, &json, form).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
            serde_json::from_str::<Value>(&testing::text(response).await).unwrap()["errors"].clone()
        };
        let empty = faults("email=x&date_naissance=2026-02-30&telephone=abcdef").await;
        for (field, code) in [
            ("nom", "required"),
            ("prenom", "required"),
            ("profession", "required"),
            ("raison_sociale", "required"),
            ("adresse", "required"),
            ("email", "email"),
            ("date_naissance", "date"),
            ("telephone", "phone"),
            ("mot_de_passe", "required"),
            ("cgu", "cgu"),
        ] {
            assert_eq!(empty[field], code, "{field}");
        }
        assert_eq!(empty.as_object().unwrap().len(), 10);
        assert_eq!(faults(&format!("{FORM_POSTED}&role=owner")).await["role"], "unknown_field");
        assert_eq!(faults(&FORM_POSTED.replace("accepte", "oui")).await["cgu"], "cgu");
        let weak = |password: &str| FORM_POSTED.replace("Vr7!kd0%23QzpL", password);
        assert_eq!(faults(&weak("azerty")).await["mot_de_passe"], "password_short");
        assert_eq!(faults(&weak("motdepasse123456")).await["mot_de_passe"], "password_common");
        assert_eq!(faults(&weak("claire.durand!1")).await["mot_de_passe"], "password_personal");
        assert_eq!(faults(&weak(&"a1B!".repeat(500))).await["mot_de_passe"], "password_long");
        assert!(letters(&app).await.is_empty());
    }

    #[tokio::test]
    async fn a_known_address_gets_the_same_answer_and_its_holder_a_letter() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let known = testing::account(&app, "claire@example.org").await;
        let response = sign_up(&app, FORM_POSTED).await;
        assert_eq!((response.status(), testing::location(&response)), (StatusCode::SEE_OTHER, THANKS));
        let templates: Vec<_> = letters(&app).await.into_iter().map(|(template, _)| template).collect();
        assert_eq!(templates, ["compte_existant"]);
        let still = accounts::find(&app, &Email::parse("claire@example.org").unwrap()).await.unwrap();
        assert_eq!(still.unwrap().password, known.password);
    }

    #[tokio::test]
    async fn nobody_prepares_an_account_for_another_s_address_nor_floods_it_with_letters() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let theirs = FORM_POSTED.replace("Vr7!kd0%23QzpL", "Autre-secret-9182");
        for form in [&theirs, FORM_POSTED] {
            sign_up(&app, form).await;
        }
        let before = letters(&app).await;
        let (first, second) = (&before[0].1, &before[1].1);
        assert_eq!(follow(&app, second).await, StatusCode::OK);
        assert_eq!(follow(&app, first).await, StatusCode::CONFLICT, "the address has its account");
        let email = Email::parse("claire@example.org").unwrap();
        let account = accounts::find(&app, &email).await.unwrap().unwrap();
        assert!(app.passwords.verify(testing::PASSWORD, Some(&account.password)).await.unwrap());
        for _ in 0..10 {
            assert_eq!(sign_up(&app, FORM_POSTED).await.status(), StatusCode::SEE_OTHER);
        }
        let written = letters(&app).await.iter().filter(|(name, _)| name == "compte_existant").count();
        assert_eq!(written, 3, "five letters an hour, two of them to confirm");
    }

    #[tokio::test]
    async fn a_link_that_is_followed_several_times_at_once_makes_one_account() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        sign_up(&app, FORM_POSTED).await;
        let link = letters(&app).await[0].1.clone();
        let follow = || follow(&app, &link);
        let (a, b, c) = tokio::join!(follow(), follow(), follow());
        assert_eq!([a, b, c], [StatusCode::OK; 3]);
        assert_eq!(accounts::list(&app).await.unwrap().len(), 1);
        let welcomes = letters(&app).await.iter().filter(|(name, _)| name == "compte_bienvenue").count();
        assert_eq!(welcomes, 1);
    }

    #[tokio::test]
    async fn a_link_of_another_kind_or_an_old_one_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        sign_up(&app, FORM_POSTED).await;
        let link = letters(&app).await[0].1.clone();
        drop(app);
        assert_eq!(
            follow(&testing::shared(folder.path()).await, "/compte/verification?jeton=abc").await,
            StatusCode::BAD_REQUEST
        );
        let late = SignedDuration::from_hours(72) + SignedDuration::from_secs(1);
        let late = testing::app(folder.path(), late).await;
        assert_eq!(follow(&std::sync::Arc::new(late), &link).await, StatusCode::GONE);
    }

    #[tokio::test]
    async fn p_retention_a_shorter_term_ends_the_link_and_what_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let mut app = testing::app(folder.path(), SignedDuration::ZERO).await;
        app.settings.retention = serde_json::from_value(json!({ "unconfirmed_account": "1 days" })).unwrap();
        let app = std::sync::Arc::new(app);
        sign_up(&app, FORM_POSTED).await;
        let link = letters(&app).await[0].1.clone();
        drop(app);
        let late = testing::app(folder.path(), SignedDuration::from_hours(25)).await;
        let scan = crate::store::Scan {
            collection: SIGN_UPS,
            partition: None,
            prefix: String::new(),
            after: None,
            limit: 9,
        };
        assert_eq!(late.store.scan(scan).await.unwrap().documents, []);
        assert_eq!(follow(&std::sync::Arc::new(late), &link).await, StatusCode::GONE);
    }
}

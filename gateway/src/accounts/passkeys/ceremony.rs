//! What is asked of an authenticator, and what its answer is worth; by `webauthn-rs`, which checks signature, origin,
//! challenge, the presence and verification of the person, and the counter.
//!
//! What was asked stays with the browser, signed: nothing is written for whoever merely looks at the sign-in page. An
//! answer that is right is noted, so that it serves once (§ 13.4.3 of the standard).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url,
    Webauthn, WebauthnBuilder, WebauthnError,
};

use super::{Credential, Passkey, handle, place};
use crate::accounts::{self, Account, Owner};
use crate::app::App;
use crate::audit::{self, Event};
use crate::config::Environment;
use crate::outbox;
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;
use crate::web::posted::Posted;

/// Answers that have served, until what they answer has passed.
pub(in crate::accounts) const ANSWERS: &str = "passkey_answers";
/// What questions are signed for.
const REGISTER: &str = "passkey registration";
const PROVE: &str = "passkey proof";
/// How long an answer may take, from when the page was shown.
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// Stands where no account is meant: whoever has the passkey signs in.
const ANYBODY: &str = "-";
/// Writes of one account at the same moment.
const TRIES: usize = 5;

/// A question to an authenticator.
#[derive(Serialize)]
pub(in crate::accounts) struct Asked {
    /// The question, signed; it comes back with the answer.
    token: String,
    /// What the browser is given, as JSON.
    options: String,
}

/// What a passkey is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Occasion {
    /// A session begins.
    SignIn,
    /// Somebody signed in proves it.
    Proof,
}

/// This site, as authenticators know it: the platform's name, to which accounts belong.
fn site(app: &App) -> Result<Webauthn, WebError> {
    let fault = |error: &dyn std::fmt::Display| WebError::Internal(format!("passkeys: {error}"));
    let origin = Url::parse(&app.settings.platform_url).map_err(|error| fault(&error))?;
    let host = origin.host_str().unwrap_or_default();
    let builder = WebauthnBuilder::new(host, &origin).map_err(|error| fault(&error))?;
    let name = app.settings.company.get("name").map_or(host, String::as_str);
    // In development the port is whichever was free.
    let builder = builder.rp_name(name).allow_any_port(app.settings.environment == Environment::Development);
    builder.build().map_err(|error| fault(&error))
}

/// Asks for a new passkey of an account.
///
/// # Errors
/// [`WebError::Internal`].
pub(super) fn asked_to_register(app: &App, account: &Account) -> Result<Asked, WebError> {
    let shown = account.holder.as_ref().map(|holder| format!("{} {}", holder.prenom, holder.nom));
    let shown = shown.as_deref().unwrap_or(&account.email);
    let started =
        site(app)?.start_passkey_registration(handle(app, &account.id), &account.email, shown, None);
    let (options, state) = started.map_err(internal)?;
    let mut options = json(&options)?;
    // So that it signs in by itself: the authenticator keeps the name of the account beside the key.
    options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
    options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
    options["publicKey"]["excludeCredentials"] = listed(&account.passkeys);
    asked(app, REGISTER, &account.id, &state, &options)
}

/// Asks for any passkey of this site.
///
/// # Errors
/// [`WebError::Internal`].
pub(super) fn asked_of_anybody(app: &App) -> Result<Asked, WebError> {
    let (options, state) = site(app)?.start_discoverable_authentication().map_err(internal)?;
    asked(app, PROVE, ANYBODY, &state, &json(&options)?)
}

/// Asks for a passkey of an account, if it has any.
///
/// # Errors
/// [`WebError::Internal`].
pub(in crate::accounts) fn asked_of(app: &App, account: &Account) -> Result<Option<Asked>, WebError> {
    if account.passkeys.is_empty() {
        return Ok(None);
    }
    let (options, state) = site(app)?.start_discoverable_authentication().map_err(internal)?;
    let mut options = json(&options)?;
    options["publicKey"]["allowCredentials"] = listed(&account.passkeys);
    Ok(Some(asked(app, PROVE, &account.id, &state, &options)?))
}

/// The passkey that a browser has made for an account, or the code of what is wrong with it. Nothing is written but
/// that this answer has served.
///
/// # Errors
/// [`WebError`].
pub(super) async fn registered(
    app: &App,
    account: &Account,
    posted: &Posted,
) -> Result<Result<Credential, &'static str>, WebError> {
    let (state, answer) = match answered::<PasskeyRegistration, RegisterPublicKeyCredential>(
        app,
        REGISTER,
        &account.id,
        posted,
    ) {
        Ok(answered) => answered,
        Err(code) => return Ok(Err(code)),
    };
    let made = match site(app)?.finish_passkey_registration(&answer, &state) {
        Ok(made) => made,
        Err(error) => return Ok(Err(refused(&error))),
    };
    match serves(app, posted).await? {
        true => Ok(Ok(made)),
        false => Ok(Err("passkey_late")),
    }
}

/// Takes the answer of an authenticator: that of an account where one is meant, and of whoever has the passkey
/// otherwise. Answers the account as it stands then, or the code of what is wrong.
///
/// # Errors
/// [`WebError`].
pub(in crate::accounts) async fn take(
    app: &App,
    meant: Option<&Account>,
    posted: &Posted,
    occasion: Occasion,
) -> Result<Result<Account, &'static str>, WebError> {
    let whom = meant.map_or(ANYBODY, |account| account.id.as_str());
    let (state, answer) =
        match answered::<DiscoverableAuthentication, PublicKeyCredential>(app, PROVE, whom, posted) {
            Ok(answered) => answered,
            Err(code) => return Ok(Err(code)),
        };
    let site = site(app)?;
    for attempt in 0..TRIES {
        let Some((account, version)) = holder(app, &answer).await? else { return Ok(Err("passkey_unknown")) };
        let expected = handle(app, &account.id);
        let fits = match (meant, answer.get_user_unique_id()) {
            (Some(meant), said) => {
                meant.id == account.id && said.is_none_or(|said| said == expected.as_bytes())
            }
            (None, said) => said == Some(expected.as_bytes().as_slice()),
        };
        let named =
            |passkey: &&Passkey| passkey.credential.cred_id().as_slice() == answer.get_credential_id();
        let Some(passkey) = account.passkeys.iter().find(named).filter(|_| fits) else {
            return Ok(Err("passkey_unknown"));
        };
        let proved =
            match site.finish_discoverable_authentication_v2(&answer, state.clone(), &passkey.credential) {
                Ok(proved) => proved,
                Err(WebauthnError::CredentialPossibleCompromise) => {
                    told_of_a_copy(app, &account).await?;
                    return Ok(Err("passkey_wrong"));
                }
                Err(error) => return Ok(Err(refused(&error))),
            };
        if attempt == 0 && !serves(app, posted).await? {
            return Ok(Err("passkey_late"));
        }
        let (now, id) = (app.clock.now(), passkey.id.clone());
        let mut account = account;
        for passkey in account.passkeys.iter_mut().filter(|passkey| passkey.id == id) {
            passkey.credential.update_credential(&proved);
            passkey.used = Some(now);
        }
        let mut batch = Batch::new(&account.organisation);
        // As it was before, for whoever asks whether this is the first sign-in.
        let seen = account.seen;
        if occasion == Occasion::SignIn {
            (account.seen, account.language, account.warned) = (Some(now), posted.language, None);
            audit::note(&mut batch, &Event::of(app, &account, "signed in with passkey", &account.id))?;
        }
        accounts::put(app, &mut batch, &account, version).await?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(Ok(Account { seen, ..account })),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the account was written by others at the same moment".into()))
}

/// The account that has the passkey of an answer.
async fn holder(app: &App, answer: &PublicKeyCredential) -> Result<Option<(Account, u64)>, RecordError> {
    let address = place(app, answer.get_credential_id());
    match records::read_plain::<Owner>(app, &address).await? {
        Some((owner, _)) => accounts::versioned(app, &owner.organisation, &owner.account).await,
        None => Ok(None),
    }
}

/// Whose passkey counts backwards is told: it may have been copied (§ 6.1.1 of the standard).
async fn told_of_a_copy(app: &App, account: &Account) -> Result<(), RecordError> {
    let mut batch = Batch::new(&account.organisation);
    let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
    audit::note(&mut batch, &Event::of(app, account, "passkey refused", &account.id))?;
    let letter = accounts::letter(account, "cle_acces", account.language, json!({ "what": "refused" }));
    outbox::enqueue(app, &mut batch, &key, &letter)?;
    app.store.commit(batch).await?;
    app.outbox.wake();
    Ok(())
}

/// Whether an answer serves for the first time.
async fn serves(app: &App, posted: &Posted) -> Result<bool, RecordError> {
    let token = posted.fields.get("jeton").map_or("", String::as_str);
    let name = sealing::hex(&Sha256::digest(token.as_bytes()));
    // Spread over 256 partitions, so that no single one holds every answer.
    let mut batch = Batch::new(format!("passkey-answers-{}", name.get(..2).unwrap_or_default()));
    let end = app.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    records::put_plain(&mut batch, ANSWERS, &name, Expect::Absent, &(), Some(end))?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn asked<S: Serialize>(
    app: &App,
    purpose: &'static str,
    whom: &str,
    state: &S,
    options: &Value,
) -> Result<Asked, WebError> {
    let until = app.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(purpose, &format!("{whom}/{}", json(state)?), until);
    Ok(Asked { token, options: options["publicKey"].to_string() })
}

/// What was asked of whom and what a browser answered, or the code of what is wrong.
fn answered<S: DeserializeOwned, A: DeserializeOwned>(
    app: &App,
    purpose: &'static str,
    whom: &str,
    posted: &Posted,
) -> Result<(S, A), &'static str> {
    let typed = |name: &str| posted.fields.get(name).map_or("", String::as_str);
    let signed = app.tokens.verify(purpose, typed("jeton"), app.clock.now()).map_err(|_| "passkey_late")?;
    let state = signed.strip_prefix(whom).and_then(|rest| rest.strip_prefix('/')).ok_or("passkey_late")?;
    let state = serde_json::from_str(state).map_err(|_| "passkey_late")?;
    let answer = serde_json::from_str(typed("reponse")).map_err(|_| "passkey_wrong")?;
    Ok((state, answer))
}

/// Passkeys as browsers are told of them.
fn listed(passkeys: &[Passkey]) -> Value {
    let id = |passkey: &Passkey| URL_SAFE_NO_PAD.encode(passkey.credential.cred_id());
    passkeys.iter().map(|passkey| json!({ "type": "public-key", "id": id(passkey) })).collect()
}

fn json<T: Serialize>(value: &T) -> Result<Value, WebError> {
    serde_json::to_value(value).map_err(|error| WebError::Internal(format!("passkeys: {error}")))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn internal(error: WebauthnError) -> WebError {
    WebError::Internal(format!("passkeys: {error}"))
}

/// One code for whatever is wrong with an answer; the log tells which, without what was answered.
fn refused(error: &WebauthnError) -> &'static str {
    tracing::info!(%error, "a passkey's answer is refused");
    "passkey_wrong"
}

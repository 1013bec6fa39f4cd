//! Accounts: who may sign up and in, by session or by key, and for which organisation. It sells nothing and
//! computes nothing.
//!
//! An organisation is a partition of the store; its accounts are sealed there under a key each. One account
//! per address is held by a reservation: a document named by a keyed hash of the address, created if absent.

mod address;
pub mod api_keys;
mod area;
#[cfg(test)]
mod attacks;
mod closing;
mod devices;
mod duties;
mod even;
mod holder;
mod journal;
mod local_path;
#[cfg(test)]
pub(crate) mod measured;
mod notified;
mod passkeys;
mod password_change;
mod password_policy;
mod password_reset;
mod passwords;
mod people;
mod proof;
pub mod random;
pub mod refused;
mod renewals;
mod retained;
mod second_factor;
pub mod sessions;
mod sign_in;
mod sign_up;
mod strays;
mod throttle;

use aops_manifest::Language;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::authorisation::Actor;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError, Shape};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::web::WebError;

pub use self::address::{Left, Moving};
pub use self::closing::{close, last_owner_of_others};
pub use self::devices::KNOWN;
pub use self::duties::{Duties, ELEVATED, Elevation, Reviewed, change_duties, duties, review};
pub use self::holder::{Accepted, Holder, Organisation, organisation, owners_of_named};
pub use self::local_path::LocalPath;
pub use self::passkeys::Passkey;
pub use self::password_policy::WeakPassword;
pub use self::passwords::{PasswordError, Passwords};
pub use self::people::{INVITED, owners_of, people_of};
pub use self::renewals::follow as follow_renewals;
pub use self::retained::{Accounts, LAPSED};
pub use self::second_factor::{NotTaken, SecondFactor, take_away};
pub use self::sessions::{Session, SignInNeeded, recently_proved, require, require_proof};
pub use self::sign_up::UNCONFIRMED;
pub use self::throttle::Throttle;
pub use crate::authorisation::Role;

/// The collection of accounts, each in its organisation's partition.
pub const ACCOUNTS: &str = "accounts";
/// The collection of reservations of addresses.
const ADDRESSES: &str = "account_addresses";
/// A reservation whose account is missing may be taken over after so long: its maker died between two writes.
const RESERVATION_GRACE: SignedDuration = SignedDuration::from_secs(60);
/// Documents read at once in a listing.
const PAGE: usize = 500;

/// What is kept of accounts.
pub const SHAPES: &[Shape] = &[
    Shape::sealed::<Account>(ACCOUNTS),
    Shape::plain::<Owner>(ADDRESSES),
    Shape::sealed::<Organisation>(holder::ORGANISATIONS),
    Shape::plain::<notified::Notified>(notified::NOTIFIED),
    Shape::plain::<api_keys::Record>(api_keys::API_KEYS),
    Shape::sealed::<api_keys::Listed>(api_keys::LISTS),
    Shape::sealed::<Duties>(duties::DUTIES),
    Shape::sealed::<devices::Devices>(devices::DEVICES),
    Shape::plain::<Owner>(passkeys::OWNERS),
    Shape::plain::<()>(passkeys::ANSWERS),
    Shape::plain::<people::Roster>(people::ROSTERS),
    Shape::sealed::<people::Invitation>(people::INVITATIONS),
    Shape::plain::<Session>(sessions::SESSIONS),
    Shape::plain::<u32>(sessions::GENERATIONS),
    Shape::sealed::<sign_up::SignUp>(sign_up::SIGN_UPS),
    Shape::plain::<sign_up::Done>(sign_up::SIGN_UPS),
];

/// An account, sealed at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `acc_…`; also whose key seals this document.
    pub id: String,
    /// `org_…`: the partition of everything that the organisation owns.
    pub organisation: String,
    /// The login.
    pub email: String,
    /// Argon2id, as a PHC string.
    pub password: String,
    /// What it may do.
    pub role: Role,
    /// Whether the address is known to be the holder's.
    pub verified: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Who holds it; unknown of those that staff made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holder: Option<Holder>,
    /// The terms that were accepted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accepted: Vec<Accepted>,
    /// When its holder last signed in: the last contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<Timestamp>,
    /// The language in which its holder signed up or last signed in.
    #[serde(default)]
    pub language: Language,
    /// When they were told that the term comes to its end, since the last contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warned: Option<Timestamp>,
    /// What it asks beside the password.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second_factor: Option<SecondFactor>,
    /// What its holder may sign in with instead.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub passkeys: Vec<Passkey>,
    /// An address that is to become the login.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moving: Option<Moving>,
    /// Addresses that were the login a short while ago.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left: Vec<Left>,
}

impl records::Document for Account {}

impl std::fmt::Debug for Account {
    /// Its id alone: no address and no hash in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.id)
    }
}

impl Account {
    /// Who it is that asks, for [`may`](crate::authorisation::may).
    pub fn actor(&self) -> Actor<'_> {
        Actor {
            account: &self.id,
            organisation: &self.organisation,
            role: self.role,
            elevated: None,
            scopes: None,
        }
    }
}

/// The account of whoever is signed in, and the version of its document; otherwise as [`require`].
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
async fn require_account(
    app: &App,
    headers: &http::HeaderMap,
    wanted: &str,
) -> Result<(Account, u64), SignInNeeded> {
    let session = require(app, headers, wanted).await?;
    versioned(app, &session.organisation, &session.account).await?.ok_or(SignInNeeded::To(None))
}

/// As [`require_proved_account`], for features that concern the holder alone.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub async fn require_holder(
    app: &App,
    headers: &http::HeaderMap,
    wanted: &str,
) -> Result<Account, SignInNeeded> {
    Ok(require_proved_account(app, headers, wanted).await?.0)
}

/// As [`require_account`], of somebody who [recently proved](recently_proved) who they are.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
async fn require_proved_account(
    app: &App,
    headers: &http::HeaderMap,
    wanted: &str,
) -> Result<(Account, u64), SignInNeeded> {
    require_proof(app, headers, wanted).await?;
    require_account(app, headers, wanted).await
}

/// What a new account is made of.
#[derive(Clone)]
pub struct NewAccount {
    /// The login.
    pub email: Email,
    /// In clear; hashed before anything is written.
    pub password: zeroize::Zeroizing<String>,
    /// What it may do.
    pub role: Role,
    /// Whether the address is known to be the holder's.
    pub verified: bool,
}

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// One account per address.
    #[error("an account has this address already")]
    Exists,
    /// The password is not taken.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No name can be drawn.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

impl From<PasswordError> for WebError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Unavailable(error.to_string()),
            PasswordError::Hash(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<random::NoRandomness> for WebError {
    fn from(error: random::NoRandomness) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The routes: sign-up, sign-in, sign-out, passwords, the client area.
pub fn routes() -> axum::Router<SharedApp> {
    sign_up::routes()
        .merge(sign_in::routes())
        .merge(password_reset::routes())
        .merge(password_change::routes())
        .merge(area::routes())
        .merge(journal::routes())
        .merge(second_factor::routes())
        .merge(passkeys::routes())
        .merge(devices::routes())
        .merge(proof::routes())
        .merge(address::routes())
        .merge(closing::routes())
        .merge(people::routes())
        .merge(api_keys::routes())
}

/// Makes an account in an organisation of its own and answers it.
///
/// # Errors
/// [`AccountError::Exists`] when the address has one; nothing is written on any error but a reservation that
/// a later call takes over.
pub async fn create(app: &App, new: NewAccount) -> Result<Account, AccountError> {
    password_policy::check(&new.password)?;
    let account = Account {
        id: format!("acc_{}", random::base62(20)?),
        organisation: format!("org_{}", random::base62(20)?),
        email: new.email.as_str().to_owned(),
        password: app.passwords.hash(&new.password).await?,
        role: new.role,
        verified: new.verified,
        created: app.clock.now(),
        holder: None,
        accepted: Vec::new(),
        seen: None,
        language: Language::default(),
        warned: None,
        second_factor: None,
        passkeys: Vec::new(),
        moving: None,
        left: Vec::new(),
    };
    establish(app, &account, None, None).await?;
    Ok(account)
}

/// Writes an account that has its ids: with its organisation, where that is known, and with a letter of welcome in a
/// language. A second time it changes nothing.
async fn establish(
    app: &App,
    account: &Account,
    organisation: Option<&Organisation>,
    welcome: Option<Language>,
) -> Result<(), AccountError> {
    reserve(app, account).await?;
    let mut batch = Batch::new(&account.organisation);
    if let Some(organisation) = organisation {
        holder::put(app, &mut batch, organisation).await?;
    }
    let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
    let expires = retained::expiry(app, account);
    records::put_sealed(&mut batch, &key, ACCOUNTS, &account.id, Expect::Absent, account, expires)?;
    audit::note(&mut batch, &Event::of(app, account, "account created", &account.id))?;
    if let Some(language) = welcome {
        let context = json!({ "link": sign_up::link(app, "/espace-client/", language) });
        outbox::enqueue(app, &mut batch, &key, &letter(account, "compte_bienvenue", language, context))?;
    }
    match app.store.commit(batch).await {
        Err(StoreError::Conflict(_)) if read(app, &account.organisation, &account.id).await?.is_some() => {}
        other => other?,
    }
    app.outbox.wake();
    Ok(())
}

/// A letter about the account's safety to its holder.
fn letter(account: &Account, template: &str, language: Language, context: Value) -> Mail {
    Mail {
        to: account.email.clone(),
        reply_to: None,
        template: template.to_owned(),
        language,
        purpose: Purpose::Security,
        context,
        unsubscribe: None,
        subject: account.id.clone(),
    }
}

/// Writes a letter to an account's holder.
async fn write_to(
    app: &App,
    account: &Account,
    template: &str,
    language: Language,
    context: Value,
) -> Result<(), RecordError> {
    let mut batch = Batch::new(&account.organisation);
    let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
    outbox::enqueue(app, &mut batch, &key, &letter(account, template, language, context))?;
    Ok(app.store.commit(batch).await?)
}

/// The account of an address, if there is one.
///
/// # Errors
/// [`RecordError`].
pub async fn find(app: &App, email: &Email) -> Result<Option<Account>, RecordError> {
    let Some((owner, _)) = records::read_plain::<Owner>(app, &reservation(app, email)).await? else {
        return Ok(None);
    };
    // One that was its login a short while ago signs nobody in.
    let found = read(app, &owner.organisation, &owner.account).await?;
    Ok(found.filter(|account| account.answers_to(email)))
}

/// An account by its organisation and id.
///
/// # Errors
/// [`RecordError`].
pub async fn read(app: &App, organisation: &str, id: &str) -> Result<Option<Account>, RecordError> {
    Ok(versioned(app, organisation, id).await?.map(|(account, _)| account))
}

/// As [`read`], with the version of the document; one whose term has passed is no more.
async fn versioned(app: &App, organisation: &str, id: &str) -> Result<Option<(Account, u64)>, RecordError> {
    let address = Address::new(ACCOUNTS, organisation, id);
    let found = records::read_sealed::<Account>(app, &address, id).await?;
    Ok(found.filter(|(account, _)| !retained::has_lapsed(app, account)))
}

/// Puts a changed account into a batch of its partition, sealed; answers its key.
async fn put(
    app: &App,
    batch: &mut Batch,
    account: &Account,
    version: u64,
) -> Result<SubjectKey, RecordError> {
    let key = records::subject_key(app, &account.organisation, &account.id, batch).await?;
    let expires = retained::expiry(app, account);
    records::put_sealed(batch, &key, ACCOUNTS, &account.id, Expect::Version(version), account, expires)?;
    Ok(key)
}

/// Every account, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Account>, RecordError> {
    let mut accounts = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection: ACCOUNTS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            accounts.extend(records::sound(read(app, &address.partition, &address.key).await)?.flatten());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    accounts.sort_by_key(|account| account.created);
    Ok(accounts)
}

/// The keyed hash under which an address is looked up and its failures counted.
fn lookup(app: &App, email: &Email) -> String {
    app.sealer.lookup("account-address", &email.folded())
}

fn reservation(app: &App, email: &Email) -> Address {
    let hash = lookup(app, email);
    // Spread over 256 partitions, so that no single one holds every address.
    Address::new(ADDRESSES, format!("addresses-{}", hash.get(..2).unwrap_or_default()), hash)
}

/// Whose an address is.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    organisation: String,
    account: String,
    reserved: Timestamp,
}

impl records::Document for Owner {}

async fn reserve(app: &App, account: &Account) -> Result<(), AccountError> {
    let email = Email::parse(&account.email).map_err(|_| AccountError::Exists)?;
    reserve_for(app, account, &email).await
}

/// Keeps an address for an account, for good.
async fn reserve_for(app: &App, account: &Account, email: &Email) -> Result<(), AccountError> {
    let (address, now) = (reservation(app, email), app.clock.now());
    let expect = match records::read_plain::<Owner>(app, &address).await? {
        None => Expect::Absent,
        Some((owner, version)) if owner.account == account.id => Expect::Version(version),
        Some((owner, version)) => {
            let fresh = now.duration_since(owner.reserved) < RESERVATION_GRACE;
            let theirs = read(app, &owner.organisation, &owner.account).await?;
            if fresh || theirs.is_some_and(|theirs| theirs.holds(email, now)) {
                return Err(AccountError::Exists);
            }
            Expect::Version(version)
        }
    };
    let owner =
        Owner { organisation: account.organisation.clone(), account: account.id.clone(), reserved: now };
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, ADDRESSES, &address.key, expect, &owner, None)?;
    match app.store.commit(batch).await {
        Err(StoreError::Conflict(_)) => match records::read_plain::<Owner>(app, &address).await? {
            Some((owner, _)) if owner.account == account.id => Ok(()),
            _ => Err(AccountError::Exists),
        },
        other => Ok(other?),
    }
}

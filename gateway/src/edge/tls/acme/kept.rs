//! What outlives a restart: the account and the certificate with its key, sealed in the store.

use instant_acme::AccountCredentials;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::AcmeError;
use crate::app::App;
use crate::email::Email;
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect};

const COLLECTION: &str = "acme";
const PARTITION: &str = "edge";
/// Whose key seals them.
const SUBJECT: &str = "acme";
const ACCOUNT: &str = "account";
const CERTIFICATE: &str = "certificate";

/// The account at one authority.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    pub(super) directory: String,
    pub(super) contact: Option<Email>,
    pub(super) credentials: AccountCredentials,
}

/// A certificate and its key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeptCertificate {
    pub(super) directory: String,
    pub(super) names: Vec<String>,
    /// PEM, leaf first.
    pub(super) chain: String,
    /// PKCS #8.
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) obtained: Timestamp,
    /// It may be in force until another has taken its place, and is never renewed by its dates.
    #[serde(default)]
    pub(super) revoked: bool,
}

pub(super) async fn account(app: &App) -> Result<Option<KeptAccount>, AcmeError> {
    read(app, ACCOUNT).await
}

pub(super) async fn certificate(app: &App) -> Result<Option<KeptCertificate>, AcmeError> {
    read(app, CERTIFICATE).await
}

pub(super) async fn keep_account(app: &App, account: &KeptAccount) -> Result<(), AcmeError> {
    keep(app, ACCOUNT, account).await
}

pub(super) async fn keep_certificate(app: &App, certificate: &KeptCertificate) -> Result<(), AcmeError> {
    keep(app, CERTIFICATE, certificate).await
}

/// Forgets the account, which its authority does not know.
pub(super) async fn forget_account(app: &App) -> Result<(), AcmeError> {
    let batch = Batch::new(PARTITION).delete(COLLECTION, ACCOUNT, Expect::Anything);
    app.store.commit(batch).await?;
    Ok(())
}

async fn read<T: DeserializeOwned>(app: &App, name: &str) -> Result<Option<T>, AcmeError> {
    let address = Address::new(COLLECTION, PARTITION, name);
    let (Some(key), Some(stored)) = (sealing_key(app).await?, app.store.read(&address).await?) else {
        return Ok(None);
    };
    let opened = key.open(&address, &stored.body)?;
    Ok(Some(serde_json::from_slice(&opened).map_err(|error| AcmeError::Kept(error.to_string()))?))
}

async fn keep(app: &App, name: &str, what: &impl Serialize) -> Result<(), AcmeError> {
    let plain = serde_json::to_vec(what).map_err(|error| AcmeError::Kept(error.to_string()))?;
    let plain = Zeroizing::new(plain);
    let mut batch = Batch::new(PARTITION);
    let key = match sealing_key(app).await? {
        Some(key) => key,
        None => {
            let (key, wrapped) = app.sealer.new_subject_key(SUBJECT)?;
            batch = batch.put("keys", SUBJECT, Expect::Absent, wrapped, None);
            key
        }
    };
    let sealed = key.seal(&Address::new(COLLECTION, PARTITION, name), &plain)?;
    app.store.commit(batch.put(COLLECTION, name, Expect::Anything, sealed, None)).await?;
    Ok(())
}

async fn sealing_key(app: &App) -> Result<Option<SubjectKey>, AcmeError> {
    let stored = app.store.read(&Address::new("keys", PARTITION, SUBJECT)).await?;
    Ok(stored.map(|wrapped| app.sealer.unwrap(SUBJECT, &wrapped.body)).transpose()?)
}

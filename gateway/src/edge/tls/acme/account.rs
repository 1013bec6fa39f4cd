//! The account at the authority: made once, kept sealed, and made anew only where the authority does not know it.

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::Deserialize;

use super::kept::{self, KeptAccount};
use super::order::Nonces;
use super::{Acme, AcmeError};
use crate::app::App;
use crate::email::Email;

impl Acme {
    /// The account at the directory, made when there is none.
    pub(super) async fn account(&self, app: &App) -> Result<Account, AcmeError> {
        // Two at once would make two accounts.
        let _alone = self.opening.lock().await;
        let wanted = self.wanted.load_full();
        let directory = self.config.directory.to_string();
        let Some(kept) = kept::account(app).await?.filter(|kept| kept.directory == directory) else {
            return self.register(app, directory, wanted.contact.clone()).await;
        };
        let again = copy(&kept.credentials)?;
        let account = self.http().from_credentials(kept.credentials).await?;
        if kept.contact != wanted.contact {
            let contacts = contacts(wanted.contact.as_ref());
            let contacts: Vec<_> = contacts.iter().map(String::as_str).collect();
            let mut nonces = Nonces::default();
            loop {
                let done = account.update_contacts(&contacts).await;
                if !nonces.refused(&done) {
                    break done?;
                }
            }
            let kept = KeptAccount { directory, contact: wanted.contact.clone(), credentials: again };
            kept::keep_account(app, &kept).await?;
        }
        Ok(account)
    }

    async fn register(
        &self,
        app: &App,
        directory: String,
        contact: Option<Email>,
    ) -> Result<Account, AcmeError> {
        let contacts = contacts(contact.as_ref());
        let contacts: Vec<_> = contacts.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: self.config.terms_agreed,
            only_return_existing: false,
        };
        let mut nonces = Nonces::default();
        let (account, credentials) = loop {
            let done = self.http().create(&new, directory.clone(), None).await;
            if !nonces.refused(&done) {
                break done?;
            }
        };
        kept::keep_account(app, &KeptAccount { directory, contact, credentials }).await?;
        tracing::info!(account = account.id(), "an account was made at the certificates' authority");
        Ok(account)
    }

    fn http(&self) -> instant_acme::AccountBuilder {
        Account::builder_with_http(Box::new(self.client.clone()))
    }
}

fn contacts(contact: Option<&Email>) -> Vec<String> {
    contact.map(|contact| format!("mailto:{contact}")).into_iter().collect()
}

/// The library takes credentials and does not give them back.
fn copy(credentials: &AccountCredentials) -> Result<AccountCredentials, AcmeError> {
    let wrong = |error: serde_json::Error| AcmeError::Kept(error.to_string());
    AccountCredentials::deserialize(serde_json::to_value(credentials).map_err(wrong)?).map_err(wrong)
}

//! An invitation: who is asked to join, as what, by whom; sealed under a key of its own, and gone with the key once it
//! is taken, withdrawn, or a week old.

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::{Role, random};
use crate::app::App;
use crate::email::Email;
use crate::records::{self, Document, KEYS, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan};

pub(in crate::accounts) const INVITATIONS: &str = "invitations";
/// The most invitations of an organisation that wait at once.
pub(super) const MOST: usize = 50;
/// What the link is signed for.
const PURPOSE: &str = "invitation";

/// An invitation that nobody took.
pub const INVITED: Retention = Retention {
    what: "invitation",
    term: Term::Days(7),
    from: "sending",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// Somebody who may join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::accounts) struct Invitation {
    /// Its name, and whose key seals it.
    pub(super) id: String,
    pub(super) organisation: String,
    pub(super) email: String,
    pub(super) role: Role,
    /// The account that invited.
    pub(super) by: String,
    /// The account that will be: of two takings at once, both would make the same.
    pub(super) account: String,
    pub(super) language: Language,
    pub(super) sent: Timestamp,
    pub(super) until: Timestamp,
}

impl Document for Invitation {}

impl Invitation {
    /// One that is to be sent.
    ///
    /// # Errors
    /// [`RecordError`] when no name can be drawn.
    pub(super) fn new(
        app: &App,
        organisation: &str,
        by: &str,
        email: &Email,
        role: Role,
        language: Language,
    ) -> Result<Self, RecordError> {
        let sent = app.clock.now();
        Ok(Self {
            id: format!("inv_{}", random::base62(20)?),
            organisation: organisation.to_owned(),
            email: email.as_str().to_owned(),
            role,
            by: by.to_owned(),
            account: format!("acc_{}", random::base62(20)?),
            language,
            sent,
            until: app.settings.retention.end(&INVITED, sent),
        })
    }

    /// The link's token.
    pub(super) fn token(&self, app: &App) -> String {
        app.tokens.sign(PURPOSE, &format!("{}/{}", self.organisation, self.id), self.until)
    }

    /// Whether it asks this address.
    pub(super) fn asks(&self, email: &Email) -> bool {
        Email::parse(&self.email).is_ok_and(|asked| asked.folded() == email.folded())
    }
}

/// The invitation that a token names, and its version; none once it is taken, withdrawn or over.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn named(app: &App, token: &str) -> Result<Option<(Invitation, u64)>, RecordError> {
    let Ok(subject) = app.tokens.verify(PURPOSE, token, app.clock.now()) else { return Ok(None) };
    let Some((organisation, id)) = subject.split_once('/') else { return Ok(None) };
    read(app, organisation, id).await
}

/// An invitation by its name.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Invitation, u64)>, RecordError> {
    records::read_sealed(app, &Address::new(INVITATIONS, organisation, id), id).await
}

/// Those of an organisation that wait, the oldest first.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn waiting(app: &App, organisation: &str) -> Result<Vec<(Invitation, u64)>, RecordError> {
    let scan = Scan {
        collection: INVITATIONS,
        partition: Some(organisation.to_owned()),
        prefix: String::new(),
        after: None,
        limit: MOST * 2,
    };
    let mut waiting = Vec::new();
    for (address, _) in app.store.scan(scan).await?.documents {
        waiting.extend(records::sound(read(app, organisation, &address.key).await)?.flatten());
    }
    waiting.sort_by_key(|(invitation, _)| invitation.sent);
    Ok(waiting)
}

/// A batch in which an invitation is no more, nor the letter of it that may still wait.
pub(super) fn without(batch: Batch, invitation: &Invitation, version: u64) -> Batch {
    batch.delete(INVITATIONS, &invitation.id, Expect::Version(version)).delete(
        KEYS,
        &invitation.id,
        Expect::Anything,
    )
}

//! Everything personal that is kept, feature by feature: what the retention engine carries out, and what the
//! privacy page tells. Like the router, it knows the features, and nothing else of them.

use serde_json::{Value, json};

use crate::accounts::{Account, Role};
use crate::app::App;
use crate::email::Email;
use crate::records::{self, Open, Place, RecordError, Shape};
use crate::retention::{self, Kept, Retention, TermError, Terms, Told};
use crate::{
    accounts, audience, audit, blobs, breach, calculations, checkout, client_audit, consent, contact,
    datasets, evidence, newsletter, outbox, processors, rights, suppression, webhooks,
};

/// What the engine carries out.
pub static KEPT: [&'static dyn Kept; 11] = [
    &calculations::Calculated,
    &datasets::Retained,
    &datasets::Drafts,
    &datasets::Uploads,
    &newsletter::Subscribers,
    &contact::Threads,
    &accounts::Accounts,
    &checkout::Orders,
    &checkout::Archive,
    &checkout::Invoices,
    &audit::Entries,
];

/// How what is kept is read, by collection.
pub static SHAPES: [&[Shape]; 22] = [
    blobs::SHAPES,
    records::TURN_SHAPES,
    datasets::SHAPES,
    accounts::SHAPES,
    audience::SHAPES,
    audit::SHAPES,
    calculations::SHAPES,
    calculations::ASSUMPTION_SHAPES,
    checkout::SHAPES,
    consent::SHAPES,
    contact::SHAPES,
    newsletter::SHAPES,
    outbox::SHAPES,
    retention::SHAPES,
    rights::SHAPES,
    breach::SHAPES,
    client_audit::SHAPES,
    evidence::SHAPES,
    processors::SHAPES,
    suppression::SHAPES,
    webhooks::SHAPES,
    records::RESTRICTION_SHAPES,
];

/// Every declaration, in the order of the privacy page.
const DECLARED: [&Retention; 30] = [
    &datasets::KEPT,
    &datasets::DRAFT,
    &datasets::UPLOAD,
    &accounts::LAPSED,
    &accounts::UNCONFIRMED,
    &accounts::INVITED,
    &accounts::KNOWN,
    &checkout::ORDER,
    &checkout::UNPAID,
    &checkout::ARCHIVED,
    &checkout::FILED,
    &newsletter::CLIENT,
    &newsletter::PROSPECT,
    &newsletter::PENDING,
    &newsletter::LEFT,
    &contact::CLIENT,
    &contact::PROSPECT,
    &suppression::SUPPRESSED,
    &outbox::UNDELIVERED,
    &consent::KEPT,
    &newsletter::LETTER,
    &rights::HANDLED,
    &rights::UNPROVED,
    &breach::KEPT,
    &client_audit::KEPT,
    &audit::KEPT,
    &calculations::CALCULATION,
    &calculations::ASSUMPTIONS,
    &webhooks::DELIVERY,
    &retention::PROOF,
];

/// The declarations as the privacy page tells them, with the terms in force.
///
/// # Errors
/// [`TermError`], when `[retention]` says what cannot be.
pub fn declared(terms: &Terms) -> Result<Vec<Told>, TermError> {
    terms.check(&DECLARED)?;
    Ok(DECLARED.iter().map(|retention| retention.told(terms)).collect())
}

/// The names of all declarations.
#[cfg(test)]
pub(crate) fn names() -> Vec<String> {
    DECLARED.iter().map(|retention| retention.name()).collect()
}

/// Everything that is kept about an account's holder, with the terms in force: what the organisation ordered and may use,
/// what they wrote to us, what they are sent.
///
/// # Errors
/// [`RecordError`].
pub async fn about(app: &App, account: &Account) -> Result<Value, RecordError> {
    // What is the organisation's is told to whoever answers for it.
    let open = match account.role {
        Role::Owner => Open::All,
        _ => Open::Naming(account.id.clone()),
    };
    let subjects = match account.role {
        Role::Owner => vec![account.id.clone(), account.organisation.clone()],
        _ => vec![account.id.clone()],
    };
    let mut places = vec![Place { partition: account.organisation.clone(), subjects, open }];
    if let Ok(email) = Email::parse(&account.email) {
        places.extend(addressed(app, &email).await?);
    }
    let mut copy = copied(app, &account.email, &places).await?;
    copy["account"] = json!(account.id);
    Ok(copy)
}

/// Everything that is kept of an address outside of accounts: for whoever has it and proved so by a link. What an
/// account holds wants a sign-in, with its second factor.
///
/// # Errors
/// [`RecordError`].
pub async fn about_address(app: &App, email: &Email) -> Result<Value, RecordError> {
    let places = addressed(app, email).await?;
    copied(app, email.as_str(), &places).await
}

/// Removes what is kept of an address outside of accounts, but that it is not written to, and that it asked for this.
///
/// # Errors
/// [`RecordError`]; what was not removed is there as it was.
pub async fn forget_address(app: &App, email: &Email) -> Result<(), RecordError> {
    // Notes of the audit log say nothing of anybody and must reach it.
    let audits = |shape: &Shape| audit::SHAPES.iter().any(|audit| audit.collection() == shape.collection());
    let shapes: Vec<&[Shape]> = SHAPES.into_iter().filter(|shapes| !shapes.iter().any(audits)).collect();
    for place in [newsletter::place(app, email), contact::place(app, email)] {
        records::forget(app, &shapes, &place).await?;
    }
    Ok(())
}

/// Closes what is kept of an address, and of the account that has it, to our own ends, for a request about it (GDPR
/// art. 18): it is stored, and otherwise read for its holder, their rights and the law alone.
///
/// # Errors
/// [`RecordError`]; a second call goes on.
pub async fn restrict(app: &App, email: &Email, request: &str) -> Result<(), RecordError> {
    let mut places = vec![newsletter::place(app, email), contact::place(app, email)];
    let account = accounts::find(app, email).await?;
    places.extend(account.map(|account| Place::of(account.organisation, account.id)));
    for place in places {
        records::restrict(app, &place, request, app.clock.now()).await?;
    }
    Ok(())
}

/// Where what is kept of an address stands.
async fn addressed(app: &App, email: &Email) -> Result<[Place; 4], RecordError> {
    Ok([
        newsletter::place(app, email),
        contact::place(app, email),
        suppression::place(app, email),
        rights::place(app, email).await?,
    ])
}

async fn copied(app: &App, address: &str, places: &[Place]) -> Result<Value, RecordError> {
    let records = records::told(app, &SHAPES, places).await?;
    let terms = DECLARED.iter().map(|retention| retention.told(&app.settings.retention));
    Ok(json!({
        "address": address,
        "made": app.clock.now(),
        "records": records,
        "terms": terms.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod reached;

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-direct-collection.
    #[test]
    fn every_declaration_has_a_name_of_its_own() {
        let mut names: Vec<String> = DECLARED.iter().map(|retention| retention.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), DECLARED.len());
    }
}

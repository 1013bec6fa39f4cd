//! Everything personal that is kept, feature by feature: what the retention engine carries out, and what the
//! privacy page tells. Like the router, it knows the features, and nothing else of them.

use serde_json::{Value, json};

use crate::accounts::{Account, Role};
use crate::app::App;
use crate::email::Email;
use crate::records::{self, Open, Place, RecordError, Shape};
use crate::retention::{self, Kept, Retention, TermError, Terms, Told};
use crate::{
    accounts, audience, audit, blobs, checkout, consent, contact, datasets, newsletter, outbox, suppression,
};

/// What the engine carries out.
pub static KEPT: [&'static dyn Kept; 9] = [
    &datasets::Retained,
    &datasets::Drafts,
    &newsletter::Subscribers,
    &contact::Threads,
    &accounts::Accounts,
    &checkout::Orders,
    &checkout::Archive,
    &checkout::Invoices,
    &audit::Entries,
];

/// How what is kept is read, by collection.
pub static SHAPES: [&[Shape]; 12] = [
    blobs::SHAPES,
    datasets::SHAPES,
    accounts::SHAPES,
    audience::SHAPES,
    audit::SHAPES,
    checkout::SHAPES,
    consent::SHAPES,
    contact::SHAPES,
    newsletter::SHAPES,
    outbox::SHAPES,
    retention::SHAPES,
    suppression::SHAPES,
];

/// Every declaration, in the order of the privacy page.
const DECLARED: [&Retention; 21] = [
    &datasets::KEPT,
    &datasets::DRAFT,
    &accounts::LAPSED,
    &accounts::UNCONFIRMED,
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
    &audit::KEPT,
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
        places.extend([
            newsletter::place(app, &email),
            contact::place(app, &email),
            suppression::place(app, &email),
        ]);
    }
    let records = records::told(app, &SHAPES, &places).await?;
    let terms = DECLARED.iter().map(|retention| retention.told(&app.settings.retention));
    Ok(json!({
        "account": account.id,
        "address": account.email,
        "made": app.clock.now(),
        "records": records,
        "terms": terms.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_has_a_name_of_its_own() {
        let mut names: Vec<String> = DECLARED.iter().map(|retention| retention.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), DECLARED.len());
    }
}

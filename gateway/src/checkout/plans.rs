//! What an organisation may use, and who of it.

use super::order::Plan;
use super::{PLANS, documents, seats};
use crate::app::App;
use crate::records::{self, RecordError, sound};
use crate::store::Scan;

/// Whether an organisation may use a module now.
///
/// # Errors
/// [`RecordError`] when the store cannot tell.
pub async fn may(app: &App, organisation: &str, module: &str) -> Result<bool, RecordError> {
    let now = app.clock.now();
    Ok(plans(app, organisation).await?.iter().any(|plan| plan.opens(module, now)))
}

/// The plans of an organisation.
///
/// # Errors
/// [`RecordError`].
pub async fn plans(app: &App, organisation: &str) -> Result<Vec<Plan>, RecordError> {
    documents(app, PLANS, Some(organisation)).await
}

/// The plans that one person of an organisation may use: those for everybody, and those in which they have a seat.
///
/// # Errors
/// [`RecordError`].
pub async fn plans_for(app: &App, organisation: &str, account: &str) -> Result<Vec<Plan>, RecordError> {
    let mut theirs = Vec::new();
    for (name, plan) in named(app, organisation).await? {
        if plan.seats.is_none() || seats::holders(app, organisation, &name).await?.contains(account) {
            theirs.push(plan);
        }
    }
    Ok(theirs)
}

/// The plans of an organisation with their names: that of an order is the order's.
pub(super) async fn named(app: &App, organisation: &str) -> Result<Vec<(String, Plan)>, RecordError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let partition = Some(organisation.to_owned());
        let scan = Scan { collection: PLANS, partition, prefix: String::new(), after, limit: super::PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let plan = sound(records::decode(&address, &stored.body))?;
            found.extend(plan.map(|plan| (address.key, plan)));
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

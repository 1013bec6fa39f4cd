//! Whose a customer of the payment processor is: one organisation's, for good.

use serde::{Deserialize, Serialize};

use super::shard;
use crate::app::App;
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};

/// Customer → organisation.
pub(super) const CUSTOMERS: &str = "payment_customers";

/// The organisation of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) organisation: String,
}

impl Document for Owner {}

/// The organisation of a customer; none when no order of ours was paid by them.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn owner(app: &App, customer: &str) -> Result<Option<String>, RecordError> {
    let found = records::read_plain::<Owner>(app, &address(customer)).await?;
    Ok(found.map(|(owner, _)| owner.organisation))
}

/// Gives a customer to an organisation; whether it is theirs.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn claim(app: &App, customer: &str, organisation: &str) -> Result<bool, RecordError> {
    let address = address(customer);
    let mut batch = Batch::new(&address.partition);
    let owner = Owner { organisation: organisation.to_owned() };
    records::put_plain(&mut batch, CUSTOMERS, &address.key, Expect::Absent, &owner, None)?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => {
            Ok(self::owner(app, customer).await?.is_some_and(|owner| owner == organisation))
        }
        Err(error) => Err(error.into()),
    }
}

fn address(customer: &str) -> Address {
    Address::new(CUSTOMERS, format!("payment-customers-{}", shard(customer)), customer)
}

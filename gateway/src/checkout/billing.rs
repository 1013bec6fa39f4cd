//! Where an organisation is established and its VAT number: what an invoice must say beyond the account (CGI annexe II
//! art. 242 nonies A), with the proof of the check.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Batch, Expect};
use crate::tax::VatNumber;

/// One for each organisation, in its partition, sealed under the organisation's key.
pub(super) const BILLING: &str = "billing";

/// What was said with an order, the last time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Billing {
    /// ISO 3166-1, two letters.
    pub(super) country: String,
    /// The number, and how it was checked.
    pub(super) number: Option<Checked>,
}

/// A VAT number with the proof of its check.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checked {
    pub(super) number: VatNumber,
    /// `form and check digits`: what was looked at.
    pub(super) by: String,
    pub(super) at: Timestamp,
    /// With which order.
    pub(super) order: String,
}

impl Document for Billing {}

impl Default for Billing {
    fn default() -> Self {
        Self { country: "FR".into(), number: None }
    }
}

/// What an organisation said last; France without a number, when nothing.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, organisation: &str) -> Result<Billing, RecordError> {
    let address = Address::new(BILLING, organisation, organisation);
    let found = records::read_sealed::<Billing>(app, &address, organisation).await?;
    Ok(found.map(|(billing, _)| billing).unwrap_or_default())
}

/// Puts what was said with an order into its batch.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn put(app: &App, batch: &mut Batch, billing: &Billing) -> Result<(), RecordError> {
    let organisation = batch.partition.clone();
    let key = records::subject_key(app, &organisation, &organisation, batch).await?;
    records::put_sealed(batch, &key, BILLING, &organisation, Expect::Anything, billing, None)
}

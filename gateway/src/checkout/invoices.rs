//! Invoices and credit notes in the legal archive: as they were issued, with everything that the law wants on them,
//! for ten years, whatever becomes of the account (`p-legal-archive`). They are sealed under a key of their own, which
//! no erasure of a person or an organisation destroys, and read by their organisation and by accounting alone.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::billing;
use super::order::Order;
use crate::accounts;
use crate::app::App;
use crate::payments::{Books, CreditNote, Invoice, InvoiceLine, InvoiceState};
use crate::records::{self, Document, RecordError, sound};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan, Stored};
use crate::tax::Tax;

/// The archive, in the organisations' partitions.
pub(super) const INVOICES: &str = "invoices";
/// Whose key seals it.
const SUBJECT: &str = "legal-archive";

/// An invoice or a credit note (Code de commerce, art. L. 123-22).
pub const FILED: Retention = Retention {
    what: "invoice",
    term: Term::Years(10),
    from: "issue",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// An invoice or a credit note as it was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// `in_…` or `cn_…`.
    pub id: String,
    /// Its number.
    pub number: String,
    /// Of a credit note, the number of the invoice that it corrects.
    pub corrects: Option<String>,
    /// When it was issued.
    pub issued: Timestamp,
    /// Where it stands.
    pub state: InvoiceState,
    /// Without tax.
    pub net_cents: i64,
    /// The tax.
    pub tax_cents: i64,
    /// In all.
    pub total_cents: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// What it is for.
    pub lines: Vec<InvoiceLine>,
    /// What the sale is, for VAT.
    pub tax: Tax,
    /// The order that it comes from.
    pub order: Option<String>,
    /// The organisation, as it was called.
    pub buyer: Buyer,
    /// The seller, as `[company]` said.
    pub seller: BTreeMap<String, String>,
    /// The seller's VAT number.
    pub seller_number: Option<String>,
    /// The processor's own PDF.
    pub pdf: Option<String>,
}

/// Whom it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// The company.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its country.
    pub country: String,
    /// Its VAT number.
    pub number: Option<String>,
}

impl Document for Filed {}

/// Puts into a batch what is not filed yet, or has changed its state; answers the invoices that are new and paid.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn file(
    app: &App,
    batch: &mut Batch,
    books: &Books,
    orders: &[Order],
) -> Result<Vec<Filed>, RecordError> {
    let organisation = batch.partition.clone();
    let filed = of(app, &organisation).await?;
    let known = |id: &str| filed.iter().find(|filed| filed.id == id);
    let mut now = Vec::new();
    for invoice in &books.invoices {
        let (Some(number), false) = (&invoice.number, invoice.state == InvoiceState::Draft) else { continue };
        match known(&invoice.id) {
            Some(before) if before.state == invoice.state => {}
            // What was issued stays as it was; only where it stands may change.
            Some(before) => now.push(Filed { state: invoice.state, ..before.clone() }),
            None => now.push(written(app, &organisation, invoice, number, orders).await?),
        }
    }
    for note in books.credit_notes.iter().filter(|note| known(&note.id).is_none()) {
        let corrected = now.iter().chain(&filed).find(|filed| filed.id == note.invoice).cloned();
        match corrected {
            Some(corrected) => now.push(credit(note, corrected)),
            None => tracing::warn!(note = %note.id, "a credit note corrects an invoice that we do not know"),
        }
    }
    if now.is_empty() {
        return Ok(Vec::new());
    }
    let key = records::subject_key(app, &organisation, SUBJECT, batch).await?;
    for one in &now {
        let until = retention::expiry(app.settings.retention.end(&FILED, one.issued));
        records::put_sealed(batch, &key, INVOICES, &one.id, Expect::Anything, one, until)?;
    }
    // A credit note is told with the refund.
    now.retain(|one| known(&one.id).is_none() && one.corrects.is_none() && one.state == InvoiceState::Paid);
    Ok(now)
}

async fn written(
    app: &App,
    organisation: &str,
    invoice: &Invoice,
    number: &str,
    orders: &[Order],
) -> Result<Filed, RecordError> {
    let from = orders.iter().find(|order| match &invoice.subscription {
        Some(subscription) => order.paid.subscription.as_ref() == Some(subscription),
        None => invoice.payment.is_some() && order.paid.payment == invoice.payment,
    });
    let holder = accounts::organisation(app, organisation).await?;
    let billing = billing::of(app, organisation).await?;
    Ok(Filed {
        id: invoice.id.clone(),
        number: number.to_owned(),
        corrects: None,
        issued: invoice.issued,
        state: invoice.state,
        net_cents: invoice.net_cents,
        tax_cents: invoice.tax_cents,
        total_cents: invoice.total_cents,
        currency: invoice.currency.clone(),
        lines: invoice.lines.clone(),
        tax: from.and_then(|order| order.sum.as_ref()).map(|sum| sum.tax).unwrap_or_default(),
        order: from.map(|order| order.id.clone()),
        buyer: Buyer {
            name: holder.as_ref().map_or_else(|| organisation.to_owned(), |one| one.raison_sociale.clone()),
            address: holder.map(|one| one.adresse).unwrap_or_default(),
            country: billing.country,
            number: billing.number.map(|checked| checked.number.to_string()),
        },
        seller: app.settings.company.clone(),
        seller_number: app.settings.tax.as_ref().map(|tax| tax.number.clone()),
        pdf: invoice.pdf.clone(),
    })
}

fn credit(note: &CreditNote, corrected: Filed) -> Filed {
    Filed {
        id: note.id.clone(),
        number: note.number.clone(),
        issued: note.issued,
        state: InvoiceState::Paid,
        net_cents: note.tax_cents - note.total_cents,
        tax_cents: -note.tax_cents,
        total_cents: -note.total_cents,
        pdf: note.pdf.clone(),
        lines: vec![InvoiceLine {
            text: corrected.number.clone(),
            quantity: 1,
            net_cents: note.tax_cents - note.total_cents,
        }],
        corrects: Some(corrected.number.clone()),
        ..corrected
    }
}

/// Invoices and credit notes of an organisation, the newest first.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, organisation: &str) -> Result<Vec<Filed>, RecordError> {
    let Some(wrapped) = app.store.read(&Address::new(records::KEYS, organisation, SUBJECT)).await? else {
        return Ok(Vec::new());
    };
    let key = app.sealer.unwrap(SUBJECT, &wrapped.body)?;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let partition = Some(organisation.to_owned());
        let scan = Scan { collection: INVOICES, partition, prefix: String::new(), after, limit: super::PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let opened = key.open(&address, &stored.body).map_err(RecordError::from);
            found.extend(sound(opened.and_then(|plain| records::decode::<Filed>(&address, &plain)))?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    found.sort_by(|one, other| (other.issued, &other.number).cmp(&(one.issued, &one.number)));
    Ok(found)
}

/// The archive, for the retention engine.
#[derive(Debug)]
pub struct Invoices;

#[async_trait]
impl Kept for Invoices {
    fn collection(&self) -> &'static str {
        INVOICES
    }

    async fn end(
        &self,
        _: &App,
        address: &Address,
        stored: &Stored,
        _: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let gone =
            Batch::new(&address.partition).delete(INVOICES, &address.key, Expect::Version(stored.version));
        Ok(Some(Ended { by: &FILED, batch: gone }))
    }
}

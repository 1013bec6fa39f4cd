//! What is asked of the payment processor: a first payment, a change of a subscription, a bill for what was used.

use aops_manifest::Language;

use crate::config::Period;
use crate::payments::{InvoiceLine, Promotion};
use crate::tax::Tax;

/// What is paid for, and where the buyer comes back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Basket {
    /// The order's id: it comes back in the events, and a repeated call opens one page.
    pub order: String,
    /// Whose order it is, which comes back as well.
    pub organisation: String,
    /// The offer's id, which comes back as well.
    pub offer: String,
    /// What the payment page shows.
    pub name: String,
    /// The price of one, without tax, in hundredths of the currency.
    pub unit_cents: u32,
    /// How many.
    pub quantity: u32,
    /// ISO 4217.
    pub currency: String,
    /// How often it is charged.
    pub period: Period,
    /// What the sale is, for VAT.
    pub tax: Tax,
    /// What is taken off.
    pub promotion: Option<Promotion>,
    /// The processor's name of the buyer, where it knows them already.
    pub customer: Option<String>,
    /// The buyer's address, typed in for them.
    pub email: String,
    /// The payment page's language.
    pub language: Language,
    /// Where the buyer goes once paid.
    pub success_url: String,
    /// Where the buyer goes instead of paying.
    pub cancel_url: String,
}

impl Basket {
    /// Without tax and before rebates.
    pub fn gross_cents(&self) -> i64 {
        i64::from(self.unit_cents) * i64::from(self.quantity)
    }

    /// What is taken off.
    pub fn rebate_cents(&self) -> i64 {
        self.promotion.as_ref().map_or(0, |promotion| promotion.off.of(self.gross_cents()))
    }

    /// Without tax, rebates taken off.
    pub fn net_cents(&self) -> i64 {
        self.gross_cents() - self.rebate_cents()
    }

    /// The tax, as far as we tell it.
    pub fn tax_cents(&self) -> i64 {
        self.tax.on(self.net_cents())
    }

    /// What is due first.
    pub fn total_cents(&self) -> i64 {
        self.net_cents() + self.tax_cents()
    }
}

/// Another offer or another number of seats for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The subscription.
    pub subscription: String,
    /// Its one line.
    pub item: String,
    /// The offer's id.
    pub offer: String,
    /// What invoices show.
    pub name: String,
    /// The price of one, without tax, in hundredths of the currency.
    pub unit_cents: u32,
    /// How many.
    pub quantity: u32,
    /// ISO 4217.
    pub currency: String,
    /// How often it is charged; as it was.
    pub period: Period,
    /// The second to which what is left is counted: the same for the preview and for what is done.
    pub at: jiff::Timestamp,
}

/// What a change costs now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Preview {
    /// What is credited and what is charged.
    pub lines: Vec<InvoiceLine>,
    /// Without tax.
    pub net_cents: i64,
    /// The tax.
    pub tax_cents: i64,
    /// In all; below zero when the next invoice will be so much less.
    pub total_cents: i64,
}

/// Calculations past those that the price includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The customer.
    pub customer: String,
    /// The subscription.
    pub subscription: String,
    /// Whether it is over, so that no other invoice comes.
    pub over: bool,
    /// How it is taxed.
    pub tax: Tax,
    /// What the invoice shows.
    pub text: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, without tax, in hundredths of the currency.
    pub unit_cents: u32,
    /// ISO 4217.
    pub currency: String,
}

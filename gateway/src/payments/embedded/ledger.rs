//! What the embedded side keeps, and what a customer or the gateway does to it. Time is [`super::clockwork`]'s.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::told::Told;
use crate::accounts::random::{self, NoRandomness};
use crate::config::Period;
use crate::payments::{
    Basket, Books, CreditNote, Invoice, InvoiceLine, InvoiceState, Lasting, Off, Payment, PaymentsError,
    Promotion, Standing, Subscription,
};
use crate::tax::Tax;

/// A payment page closes by itself after so long, as Stripe's do.
const OPEN: SignedDuration = SignedDuration::from_hours(24);
/// The codes that may be used, with how often in all.
const CODES: [(&str, Off, Lasting, Option<u32>); 3] = [
    ("ESSAI10", Off::BasisPoints(1_000), Lasting::Forever, None),
    ("UNIQUE50", Off::BasisPoints(5_000), Lasting::Once, Some(1)),
    ("OFFERT", Off::BasisPoints(10_000), Lasting::Once, None),
];

/// A means of payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Card {
    /// It pays.
    #[default]
    Pays,
    /// It has paid and pays no more.
    Refuses,
}

/// What the buyer does on a payment page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Pays now, with a card that pays, or not, later on.
    Pay(Card),
    /// Pays by a way that fails afterwards.
    Fail,
}

/// Why a payment page did not take the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsettled {
    /// No such page.
    Unknown,
    /// It was paid, or has closed.
    Closed,
    /// Its promotion was used up by somebody else meanwhile.
    CodeUsed,
}

/// A payment page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) basket: Basket,
    /// `open`, `complete` or `expired`.
    pub(super) state: String,
    pub(super) customer: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) invoice: Option<String>,
    pub(super) payment: Option<String>,
    pub(super) created: Timestamp,
    pub(super) expires: Timestamp,
}

/// A customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Customer {
    pub(super) email: String,
    pub(super) card: Card,
}

/// A subscription, and what its renewals need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) object: Subscription,
    pub(super) name: String,
    pub(super) period: Period,
    pub(super) tax: Tax,
    pub(super) promotion: Option<Promotion>,
    /// Periods since it began.
    pub(super) periods: i32,
    /// The invoice that could not be charged, how often it was tried, and when it is tried again.
    pub(super) overdue: Option<Overdue>,
}

/// An invoice that could not be charged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Overdue {
    pub(super) invoice: String,
    pub(super) tries: u32,
    pub(super) next: Timestamp,
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) customers: BTreeMap<String, Customer>,
    pub(super) subscriptions: BTreeMap<String, Held>,
    /// In the order of their numbers.
    pub(super) invoices: Vec<Invoice>,
    pub(super) credit_notes: Vec<CreditNote>,
    /// With the customer.
    pub(super) payments: Vec<(String, Payment)>,
    /// By subscription, what its next invoice will bear.
    pub(super) pending: BTreeMap<String, Vec<InvoiceLine>>,
    /// How often a code was used.
    pub(super) used: BTreeMap<String, u32>,
    /// Orders that have a page, and keys of changes that were done.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) events: VecDeque<Told>,
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        self.state == "open"
    }

    pub(super) fn payment_status(&self) -> &'static str {
        match (self.state.as_str(), &self.payment) {
            ("complete", Some(_)) => "paid",
            ("complete", None) => "no_payment_required",
            _ => "unpaid",
        }
    }
}

impl Ledger {
    /// Opens the page of an order; the same page however often it is asked for.
    pub(super) fn open(&mut self, basket: &Basket, now: Timestamp) -> Result<String, PaymentsError> {
        if let Some(session) = self.keys.get(&basket.order) {
            return match self.sessions.get(session) {
                Some(open) if open.basket == *basket => Ok(session.clone()),
                _ => Err(conflict(&basket.order)),
            };
        }
        if basket.customer.as_ref().is_some_and(|customer| !self.knows(customer)) {
            return Err(unknown(basket.customer.as_deref().unwrap_or_default()));
        }
        let id = format!("cs_test_{}", random::base62(40)?);
        let session = Session {
            id: id.clone(),
            basket: basket.clone(),
            state: "open".into(),
            customer: basket.customer.clone(),
            subscription: None,
            invoice: None,
            payment: None,
            created: now,
            expires: now.saturating_add(OPEN).unwrap_or(Timestamp::MAX),
        };
        self.keys.insert(basket.order.clone(), id.clone());
        self.sessions.insert(id.clone(), session);
        Ok(id)
    }

    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    pub(super) fn knows(&self, customer: &str) -> bool {
        self.customers.contains_key(customer)
    }

    /// What the buyer does on a page.
    pub(super) fn settle(
        &mut self,
        id: &str,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Result<Session, Unsettled>, PaymentsError> {
        let Some(mut session) = self.sessions.get(id).cloned() else {
            return Ok(Err(Unsettled::Unknown));
        };
        if !session.is_open() || session.expires <= now {
            return Ok(Err(Unsettled::Closed));
        }
        let card = match outcome {
            Outcome::Pay(card) => card,
            Outcome::Fail => {
                session.state = "expired".into();
                self.tell_session("async_payment_failed", &session, now)?;
                self.sessions.insert(session.id.clone(), session.clone());
                return Ok(Ok(session));
            }
        };
        if let Some(promotion) = &session.basket.promotion {
            if self.promotion(&promotion.code).is_none() {
                return Ok(Err(Unsettled::CodeUsed));
            }
            *self.used.entry(promotion.code.clone()).or_default() += 1;
        }
        let customer = match session.customer.take() {
            Some(customer) => customer,
            None => format!("cus_{}", random::base62(14)?),
        };
        self.customers.insert(customer.clone(), Customer { email: session.basket.email.clone(), card });
        session.customer = Some(customer.clone());
        session.state = "complete".into();
        let subscription = match session.basket.period.end(now) {
            Some(end) => Some(self.subscribe(&session.basket, &customer, now, end)?),
            None => None,
        };
        session.subscription = subscription.as_ref().map(|held| held.id.clone());
        let basket = &session.basket;
        let mut lines = vec![InvoiceLine {
            text: basket.name.clone(),
            quantity: basket.quantity,
            net_cents: basket.gross_cents(),
        }];
        lines.extend(rebate(basket.promotion.as_ref(), basket.rebate_cents()));
        let bill =
            Bill { customer: &customer, subscription: session.subscription.as_deref(), tax: basket.tax };
        let mut invoice = self.issue(&bill, lines, &basket.currency, now)?;
        if invoice.total_cents > 0 {
            session.payment = Some(self.pay(&mut invoice, now)?);
        } else {
            self.paid(&mut invoice, None, now)?;
        }
        session.invoice = Some(invoice.id);
        // The page is told last: whoever listens must not count on an order.
        self.tell_session("completed", &session, now)?;
        self.sessions.insert(session.id.clone(), session.clone());
        Ok(Ok(session))
    }

    fn subscribe(
        &mut self,
        basket: &Basket,
        customer: &str,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<Subscription, NoRandomness> {
        let object = Subscription {
            id: format!("sub_{}", random::base62(24)?),
            customer: customer.to_owned(),
            order: Some(basket.order.clone()),
            offer: Some(basket.offer.clone()),
            standing: Standing::Active,
            item: format!("si_{}", random::base62(14)?),
            unit_cents: basket.unit_cents.into(),
            quantity: basket.quantity,
            currency: basket.currency.to_ascii_lowercase(),
            period_start: now,
            period_end: end,
            cancel_at_period_end: false,
            ended: None,
            created: now,
        };
        let lasts = |promotion: &&Promotion| promotion.lasting == Lasting::Forever;
        let held = Held {
            object: object.clone(),
            name: basket.name.clone(),
            period: basket.period,
            tax: basket.tax,
            promotion: basket.promotion.as_ref().filter(lasts).cloned(),
            periods: 1,
            overdue: None,
        };
        self.tell_subscription("created", &object, now)?;
        self.subscriptions.insert(object.id.clone(), held);
        Ok(object)
    }

    /// Issues an invoice under the next number: numbers follow each other without a hole (CGI annexe II art. 242
    /// nonies A, I, 7°).
    pub(super) fn issue(
        &mut self,
        bill: &Bill<'_>,
        lines: Vec<InvoiceLine>,
        currency: &str,
        now: Timestamp,
    ) -> Result<Invoice, NoRandomness> {
        let net_cents = lines.iter().map(|line| line.net_cents).sum();
        let tax_cents = bill.tax.on(net_cents);
        let invoice = Invoice {
            id: format!("in_{}", random::base62(24)?),
            number: Some(format!("TEST-{:06}", self.invoices.len() + 1)),
            customer: bill.customer.to_owned(),
            subscription: bill.subscription.map(str::to_owned),
            state: InvoiceState::Open,
            net_cents,
            tax_cents,
            total_cents: net_cents + tax_cents,
            currency: currency.to_ascii_lowercase(),
            issued: now,
            lines,
            pdf: None,
            payment: None,
        };
        self.invoices.push(invoice.clone());
        Ok(invoice)
    }

    /// Charges an invoice to a card that pays.
    pub(super) fn pay(&mut self, invoice: &mut Invoice, now: Timestamp) -> Result<String, NoRandomness> {
        let payment = Payment {
            id: format!("pi_{}", random::base62(24)?),
            invoice: Some(invoice.id.clone()),
            amount_cents: invoice.total_cents,
            refunded_cents: 0,
            created: now,
        };
        self.payments.push((invoice.customer.clone(), payment.clone()));
        self.paid(invoice, Some(payment.id.clone()), now)?;
        Ok(payment.id)
    }

    pub(super) fn paid(
        &mut self,
        invoice: &mut Invoice,
        payment: Option<String>,
        now: Timestamp,
    ) -> Result<(), NoRandomness> {
        invoice.state = InvoiceState::Paid;
        invoice.payment = payment;
        self.replace(invoice);
        self.tell_invoice("paid", invoice, now)
    }

    pub(super) fn replace(&mut self, invoice: &Invoice) {
        if let Some(kept) = self.invoices.iter_mut().find(|kept| kept.id == invoice.id) {
            kept.clone_from(invoice);
        }
    }

    /// Gives a payment back whole, with a credit note (BOFiP BOI-TVA-DECLA-30-20-20-30).
    pub(super) fn refund(&mut self, payment: &str, now: Timestamp) -> Result<(), PaymentsError> {
        let found = self.payments.iter_mut().find(|(_, kept)| kept.id == payment);
        let Some((customer, kept)) = found else { return Err(unknown(payment)) };
        if kept.refunded_cents == kept.amount_cents {
            return Err(refused(400, "the payment was given back before"));
        }
        kept.refunded_cents = kept.amount_cents;
        let (customer, kept) = (customer.clone(), kept.clone());
        if let Some(invoice) = self.invoices.iter().find(|one| Some(&one.id) == kept.invoice.as_ref()) {
            self.credit_notes.push(CreditNote {
                id: format!("cn_{}", random::base62(24)?),
                number: format!("TEST-AV-{:06}", self.credit_notes.len() + 1),
                invoice: invoice.id.clone(),
                tax_cents: invoice.tax_cents,
                total_cents: invoice.total_cents,
                currency: invoice.currency.clone(),
                issued: now,
                pdf: None,
            });
        }
        Ok(self.tell_refund(&customer, &kept, now)?)
    }

    /// A code, unless it is used up.
    pub(super) fn promotion(&self, code: &str) -> Option<Promotion> {
        let (name, off, lasting, most) = CODES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(code))?;
        let used = self.used.get(*name).copied().unwrap_or_default();
        most.is_none_or(|most| used < most).then(|| Promotion {
            id: format!("promo_{name}"),
            code: (*name).to_owned(),
            off: *off,
            lasting: *lasting,
        })
    }

    /// Everything of a customer, the newest first.
    pub(super) fn books(&self, customer: &str) -> Books {
        let subscriptions = self.subscriptions.values().map(|held| &held.object);
        let invoices: Vec<Invoice> =
            self.invoices.iter().rev().filter(|one| one.customer == customer).cloned().collect();
        let notes = self.credit_notes.iter().rev();
        Books {
            subscriptions: subscriptions.filter(|one| one.customer == customer).cloned().collect(),
            credit_notes: notes
                .filter(|note| invoices.iter().any(|invoice| invoice.id == note.invoice))
                .cloned()
                .collect(),
            invoices,
            payments: self
                .payments
                .iter()
                .rev()
                .filter(|(of, _)| of == customer)
                .map(|(_, payment)| payment.clone())
                .collect(),
        }
    }

    /// Does a thing once by its key.
    pub(super) fn once(
        &mut self,
        key: &str,
        act: impl FnOnce(&mut Self) -> Result<(), PaymentsError>,
    ) -> Result<(), PaymentsError> {
        if self.keys.contains_key(key) {
            return Ok(());
        }
        act(self)?;
        self.keys.insert(key.to_owned(), String::new());
        Ok(())
    }

    pub(super) fn untaken(&self) -> Vec<Told> {
        self.events.iter().cloned().collect()
    }

    pub(super) fn taken(&mut self, event: &str) {
        self.events.retain(|told| told.id != event);
    }
}

/// For whom an invoice is, and how it is taxed.
#[derive(Debug)]
pub(super) struct Bill<'a> {
    pub(super) customer: &'a str,
    pub(super) subscription: Option<&'a str>,
    pub(super) tax: Tax,
}

/// The line of a rebate.
pub(super) fn rebate(promotion: Option<&Promotion>, cents: i64) -> Option<InvoiceLine> {
    let promotion = promotion.filter(|_| cents != 0)?;
    Some(InvoiceLine { text: promotion.code.clone(), quantity: 1, net_cents: -cents })
}

pub(super) fn unknown(name: &str) -> PaymentsError {
    refused(404, &format!("no such object: {name}"))
}

pub(super) fn refused(status: u16, message: &str) -> PaymentsError {
    PaymentsError::Refused { status, message: message.to_owned() }
}

fn conflict(key: &str) -> PaymentsError {
    refused(400, &format!("the key {key} was used for another call"))
}

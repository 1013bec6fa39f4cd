//! The events that the embedded side tells, in the shape of Stripe's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ledger::{Ledger, Session};
use crate::accounts::random::{self, NoRandomness};
use crate::payments::{Invoice, Payment, Subscription};

/// An event that waits for whoever takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `evt_…`.
    pub id: String,
    /// As it is signed and sent.
    pub body: String,
}

impl Ledger {
    /// Tells of a payment page.
    pub(super) fn tell_session(
        &mut self,
        what: &str,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), NoRandomness> {
        self.tell(&format!("checkout.session.{what}"), session.object(), now)
    }

    /// Tells of a subscription.
    pub(super) fn tell_subscription(
        &mut self,
        what: &str,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<(), NoRandomness> {
        let object = json!({
            "id": subscription.id,
            "object": "subscription",
            "customer": subscription.customer,
            "status": subscription.standing,
            "cancel_at_period_end": subscription.cancel_at_period_end,
            "metadata": { "order": subscription.order, "offer": subscription.offer },
        });
        self.tell(&format!("customer.subscription.{what}"), object, now)
    }

    /// Tells of an invoice.
    pub(super) fn tell_invoice(
        &mut self,
        what: &str,
        invoice: &Invoice,
        now: Timestamp,
    ) -> Result<(), NoRandomness> {
        let object = json!({
            "id": invoice.id,
            "object": "invoice",
            "number": invoice.number,
            "customer": invoice.customer,
            "status": invoice.state,
            "total": invoice.total_cents,
            "currency": invoice.currency,
            "parent": { "type": "subscription_details", "subscription_details": { "subscription": invoice.subscription } },
        });
        self.tell(&format!("invoice.{what}"), object, now)
    }

    /// Tells of a payment that was given back.
    pub(super) fn tell_refund(
        &mut self,
        customer: &str,
        payment: &Payment,
        now: Timestamp,
    ) -> Result<(), NoRandomness> {
        let object = json!({
            "id": format!("ch_{}", &payment.id[3..]),
            "object": "charge",
            "customer": customer,
            "payment_intent": payment.id,
            "amount": payment.amount_cents,
            "amount_refunded": payment.refunded_cents,
            "refunded": payment.refunded_cents == payment.amount_cents,
        });
        self.tell("charge.refunded", object, now)
    }

    fn tell(&mut self, kind: &str, object: Value, now: Timestamp) -> Result<(), NoRandomness> {
        let id = format!("evt_{}", random::base62(24)?);
        let event = json!({
            "id": id,
            "object": "event",
            "api_version": "2026-09-30.endive",
            "created": now.as_second(),
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
            "data": { "object": object },
        });
        self.events.push_back(Told { id, body: event.to_string() });
        Ok(())
    }
}

impl Session {
    /// A payment page as the API tells it, with every member that it asks for.
    pub(super) fn object(&self) -> Value {
        let basket = &self.basket;
        let recurs = basket.period.recurs();
        let seconds = self.created.as_second();
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": basket.gross_cents(),
            "amount_total": basket.total_cents(),
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "client_reference_id": basket.order,
            "created": seconds,
            "currency": basket.currency.to_ascii_lowercase(),
            "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null
            },
            "customer": self.customer,
            "expires_at": self.expires.as_second(),
            "invoice": self.invoice,
            "invoice_creation": null,
            "livemode": false,
            "metadata": { "order": basket.order, "organisation": basket.organisation, "offer": basket.offer },
            "mode": if recurs { "subscription" } else { "payment" },
            "payment_intent": self.payment.as_ref().filter(|_| !recurs),
            "payment_method_types": ["card"],
            "payment_status": self.payment_status(),
            "phone_number_collection": { "enabled": false },
            "shipping_options": [],
            "status": self.state,
            "subscription": self.subscription,
            "total_details": {
                "amount_discount": basket.rebate_cents(), "amount_shipping": 0, "amount_tax": basket.tax_cents()
            },
            "ui_mode": "hosted",
            "url": null,
        })
    }

    /// What is read of it.
    pub(super) fn read(&self) -> crate::payments::PaidObject {
        crate::payments::PaidObject::read(&self.object())
    }
}

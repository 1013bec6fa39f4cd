//! Payments played by ourselves, for development and tests: no money moves. The page is marked as a test,
//! and what it sends back is shaped and signed as Stripe would.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::accounts::random::{self, NoRandomness};
use crate::payments::{Basket, Opened, Payments, PaymentsError, WebhookSecrets};

/// The embedded side of the port. It remembers nothing: a session's order is known by whoever opened it.
#[derive(Debug)]
pub struct Embedded {
    base_url: String,
    secrets: WebhookSecrets,
}

impl Embedded {
    /// Payment pages under `base_url` (without a slash at the end).
    pub fn new(base_url: &str, secrets: WebhookSecrets) -> Self {
        Self { base_url: base_url.to_owned(), secrets }
    }
}

#[async_trait]
impl Payments for Embedded {
    async fn open(&self, _: &Basket) -> Result<Opened, PaymentsError> {
        let session = format!("cs_test_{}", random::base62(40)?);
        let url = format!("{}/paiement-test/{session}", self.base_url);
        Ok(Opened { session, url })
    }

    fn secrets(&self) -> &WebhookSecrets {
        &self.secrets
    }

    fn is_test(&self) -> bool {
        true
    }
}

/// The event that Stripe sends once a payment page is paid, with every field that its API asks for.
///
/// # Errors
/// [`NoRandomness`].
pub fn completed_event(
    session: &str,
    order: &str,
    amount_cents: u32,
    currency: &str,
    now: Timestamp,
) -> Result<String, NoRandomness> {
    let seconds = now.as_second();
    let event = json!({
        "id": format!("evt_{}", random::base62(24)?),
        "object": "event",
        "api_version": "2025-01-27.acacia",
        "created": seconds,
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": "checkout.session.completed",
        "data": { "object": {
            "id": session,
            "object": "checkout.session",
            "amount_subtotal": amount_cents,
            "amount_total": amount_cents,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "client_reference_id": order,
            "created": seconds,
            "currency": currency.to_ascii_lowercase(),
            "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null
            },
            "expires_at": seconds + 86_400,
            "invoice_creation": null,
            "livemode": false,
            "metadata": { "order": order },
            "mode": "payment",
            "payment_intent": format!("pi_{}", random::base62(24)?),
            "payment_method_types": ["card"],
            "payment_status": "paid",
            "phone_number_collection": { "enabled": false },
            "shipping_options": [],
            "status": "complete",
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted",
            "url": null,
        } },
    });
    Ok(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::Event;

    #[test]
    fn the_played_event_reads_as_a_paid_one_of_its_session() {
        let body = completed_event("cs_test_1", "ord_1", 49_000, "EUR", Timestamp::UNIX_EPOCH).unwrap();
        let event = Event::parse(&body).unwrap();
        assert_eq!(event.kind, "checkout.session.completed");
        assert_eq!(event.object.id.as_deref(), Some("cs_test_1"));
        assert_eq!(event.object.payment_status.as_deref(), Some("paid"));
        assert_eq!(
            (event.object.amount_total, event.object.currency.as_deref()),
            (Some(49_000), Some("eur"))
        );
    }

    #[test]
    fn the_played_event_has_the_shape_that_stripe_s_own_types_ask_for() {
        let body = completed_event("cs_test_1", "ord_1", 49_000, "EUR", Timestamp::UNIX_EPOCH).unwrap();
        let event = stripe_webhook::Webhook::insecure(&body).unwrap();
        let stripe_webhook::EventObject::CheckoutSessionCompleted(session) = event.data.object else {
            panic!("another object");
        };
        assert_eq!(session.amount_total, Some(49_000));
        assert_eq!(session.payment_status, stripe_checkout::CheckoutSessionPaymentStatus::Paid);
    }

    #[tokio::test]
    async fn each_page_has_an_id_of_its_own() {
        let payments = Embedded::new("https://localhost:8443", WebhookSecrets::generated().unwrap());
        let basket = Basket {
            order: "ord_1".into(),
            name: "Rente".into(),
            amount_cents: 1,
            currency: "EUR".into(),
            email: "a@example.com".into(),
            language: aops_manifest::Language::Fr,
            success_url: "https://localhost:8443/commande/merci".into(),
            cancel_url: "https://localhost:8443/commande/annulee".into(),
        };
        let first = payments.open(&basket).await.unwrap();
        assert_eq!(first.url, format!("https://localhost:8443/paiement-test/{}", first.session));
        assert_ne!(first, payments.open(&basket).await.unwrap());
    }
}

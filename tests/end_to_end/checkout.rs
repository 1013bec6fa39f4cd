//! A client buys: on the embedded test page, and at Stripe (a test server that speaks its API).

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Gateway, eventually};

const SECRET: &str = "whsec_test_secret";

#[tokio::test]
async fn without_a_stripe_key_a_page_marked_as_a_test_plays_its_part() {
    let gateway = Gateway::start().await;
    let (password, key) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let order = [("offre", "rente"), ("cgv", "accepte")];
    let answer = gateway.post_as("/commande", &order, Some(&cookie)).await;
    assert_eq!(answer.status(), 303);
    let payment = answer.headers()["location"].to_str().unwrap().to_owned();
    let payment = payment.strip_prefix(&gateway.url("")).unwrap_or(&payment).to_owned();
    assert!(payment.starts_with("/paiement-test/"), "{payment}");
    let page = gateway.get(&payment).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().to_lowercase().contains("test"));
    assert_eq!(gateway.admin(&["orders", "list"])[0]["state"], "pending");
    assert_eq!(status(&gateway, &key, "rente").await, 402);

    let paid = gateway.post_as(&payment, &[("action", "payer")], Some(&cookie)).await;
    assert_eq!(paid.status(), 303);
    eventually("a paid order", || (gateway.admin(&["orders", "list"])[0]["state"] == "paid").then_some(()))
        .await;
    assert_eq!(status(&gateway, &key, "rente").await, 200);
    assert_eq!(status(&gateway, &key, "provisionnement").await, 402, "only what was bought");
    gateway.mail_with(&["client@example.org", "Rentes viagères"]).await;
}

#[tokio::test]
async fn an_order_wants_a_client_a_known_offer_and_the_terms() {
    let gateway = Gateway::start().await;
    let away = gateway.post("/commande", &[("offre", "rente"), ("cgv", "accepte")]).await;
    assert_eq!(away.status(), 303);
    assert!(away.headers()["location"].to_str().unwrap().starts_with("/compte/connexion?suite="));
    let (password, _) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    for fields in [
        vec![("offre", "rente")],
        vec![("offre", "rente"), ("cgv", "non")],
        vec![("offre", "tout"), ("cgv", "accepte")],
        vec![],
    ] {
        assert_eq!(gateway.post_as("/commande", &fields, Some(&cookie)).await.status(), 422, "{fields:?}");
    }
    assert_eq!(gateway.admin(&["orders", "list"]), json!([]));
}

#[tokio::test]
async fn a_signed_event_grants_once_however_often_and_forged_or_late_ones_never() {
    let stripe = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/checkout/sessions"))
        .and(header("authorization", "Bearer sk_test_x"))
        .respond_with(ResponseTemplate::new(200).set_body_json(session("cs_test_1", 49_000)))
        .expect(1)
        .mount(&stripe)
        .await;
    let gateway = with_stripe(&stripe).await;
    let (password, key) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let answer = gateway.post_as("/commande", &[("offre", "rente"), ("cgv", "accepte")], Some(&cookie)).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "https://checkout.stripe.com/c/pay/cs_test_1");

    let event = event("evt_1", session_paid("cs_test_1", 49_000)).to_string();
    let now = now();
    assert_eq!(deliver(&gateway, &event, &signature(&event, now, "whsec_other")).await, 400);
    assert_eq!(
        deliver(&gateway, &event, &signature(&event, now - 400, SECRET)).await,
        400,
        "a replay after five minutes"
    );
    assert_eq!(deliver(&gateway, &event.replace("49000", "1"), &signature(&event, now, SECRET)).await, 400);
    assert_eq!(deliver(&gateway, &event, "").await, 400);
    assert_eq!(status(&gateway, &key, "rente").await, 402);

    let signed = signature(&event, now, SECRET);
    let deliveries = (0..8).map(|_| deliver(&gateway, &event, &signed));
    for delivered in futures_join(deliveries).await {
        assert_eq!(delivered, 200);
    }
    assert_eq!(status(&gateway, &key, "rente").await, 200);
    let orders = gateway.admin(&["orders", "list"]);
    assert_eq!(orders.as_array().unwrap().len(), 1);
    assert_eq!((&orders[0]["state"], &orders[0]["offer"]), (&json!("paid"), &json!("rente")));
    let confirmations = || gateway.mails().iter().filter(|mail| mail.contains("client@example.org")).count();
    eventually("the confirmation", || (confirmations() > 0).then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(confirmations(), 1, "told once");
}

#[tokio::test]
async fn another_amount_an_unpaid_or_an_unknown_session_grants_nothing() {
    let stripe = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(session("cs_test_1", 49_000));
    Mock::given(path("/v1/checkout/sessions")).respond_with(answer).mount(&stripe).await;
    let gateway = with_stripe(&stripe).await;
    let (password, key) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    gateway.post_as("/commande", &[("offre", "rente"), ("cgv", "accepte")], Some(&cookie)).await;
    let events = [
        event("evt_1", session("cs_test_1", 49_000)),
        event("evt_2", session_paid("cs_test_1", 1)),
        event("evt_3", session_paid("cs_unknown", 49_000)),
        json!({ "id": "evt_4", "object": "event", "type": "some.other.kind", "data": { "object": {} } }),
    ];
    for event in events {
        let body = event.to_string();
        assert_eq!(deliver(&gateway, &body, &signature(&body, now(), SECRET)).await, 200, "{body}");
    }
    assert_eq!(status(&gateway, &key, "rente").await, 402);
}

#[tokio::test]
async fn stripe_down_is_told_and_charges_nobody() {
    let stripe = MockServer::start().await;
    Mock::given(path("/v1/checkout/sessions")).respond_with(ResponseTemplate::new(500)).mount(&stripe).await;
    let gateway = with_stripe(&stripe).await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let answer = gateway.post_as("/commande", &[("offre", "rente"), ("cgv", "accepte")], Some(&cookie)).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("<html lang=\"fr\""));
}

pub(crate) async fn with_stripe(stripe: &MockServer) -> Gateway {
    Gateway::start_with(&[
        ("AOPS_LIMITS_FACTOR", "1000"),
        ("STRIPE_SECRET_KEY", "sk_test_x"),
        ("STRIPE_WEBHOOK_SECRET", &format!("whsec_old,{SECRET}")),
        ("STRIPE_API_BASE", &stripe.uri()),
    ])
    .await
}

pub(crate) async fn status(gateway: &Gateway, key: &str, module: &str) -> u16 {
    let request = match module {
        "rente" => {
            json!({ "lives": [{ "table": "TH 00-02", "age": 65 }], "benefit": "annuity", "rate": 0.02, "timing": "due" })
        }
        _ => json!({ "triangle": [[1.0, 2.0], [1.5, null]], "method": "chain_ladder" }),
    };
    let post = gateway
        .client()
        .post(gateway.url(&format!("/api/v1/compute/{module}")))
        .bearer_auth(key)
        .json(&request);
    post.send().await.unwrap().status().as_u16()
}

pub(crate) async fn deliver(gateway: &Gateway, body: &str, signature: &str) -> u16 {
    let post = gateway
        .client()
        .post(gateway.url("/webhooks/stripe"))
        .header("stripe-signature", signature)
        .header("content-type", "application/json")
        .body(body.to_owned());
    post.send().await.unwrap().status().as_u16()
}

pub(crate) fn signature(body: &str, at: i64, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let code: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={code}")
}

/// A Checkout session in the shape of Stripe's API reference, of version 2025.
pub(crate) fn session(id: &str, amount: u32) -> Value {
    json!({
        "id": id, "object": "checkout.session", "amount_subtotal": amount, "amount_total": amount,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "created": now(), "currency": "eur", "custom_fields": [], "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null
        },
        "expires_at": now() + 86_400, "livemode": false, "metadata": {}, "mode": "payment",
        "payment_method_types": ["card"], "payment_status": "unpaid", "status": "open",
        "shipping_options": [], "url": format!("https://checkout.stripe.com/c/pay/{id}")
    })
}

pub(crate) fn session_paid(id: &str, amount: u32) -> Value {
    let mut session = session(id, amount);
    session["payment_status"] = json!("paid");
    session["status"] = json!("complete");
    session
}

pub(crate) fn event(id: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2025-11-17.clover", "created": now(), "livemode": false,
        "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "type": "checkout.session.completed", "data": { "object": object }
    })
}

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    futures::future::join_all(futures).await
}

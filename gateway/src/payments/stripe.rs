//! Payments at Stripe, through async-stripe: Checkout by redirect, so that no card data reach us
//! (`p-stripe-cookie`).

use std::time::Duration;

use aops_manifest::Language;
use async_trait::async_trait;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    ProductData,
};
use stripe_checkout::{CheckoutSessionLocale, CheckoutSessionMode};
use stripe_types::Currency;
use url::{Host, Url};

use crate::payments::{Basket, Opened, Payments, PaymentsError, WebhookSecrets};

/// How long Stripe may take to open a page, before the buyer is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The production side of the port.
#[derive(Debug)]
pub struct Stripe {
    client: Client,
    secrets: WebhookSecrets,
}

impl Stripe {
    /// A client with this secret key, of Stripe or of a server that plays it at `base`.
    ///
    /// # Errors
    /// [`PaymentsError::Configuration`] when `base` is no URL, or is plain HTTP off loopback.
    pub fn new(key: &str, base: Option<&str>, secrets: WebhookSecrets) -> Result<Self, PaymentsError> {
        let mut builder = ClientBuilder::new(key).timeout(PATIENCE);
        if let Some(base) = base {
            builder = builder.url(usable_base(base)?);
        }
        let client = builder.build().map_err(|error| PaymentsError::Configuration(error.to_string()))?;
        Ok(Self { client, secrets })
    }
}

#[async_trait]
impl Payments for Stripe {
    async fn open(&self, basket: &Basket) -> Result<Opened, PaymentsError> {
        let key = IdempotencyKey::new(&basket.order)
            .map_err(|error| PaymentsError::Configuration(format!("the order's id: {error}")))?;
        let call =
            request(basket).build().customize::<Page>().request_strategy(RequestStrategy::Idempotent(key));
        let page = call.send(&self.client).await.map_err(told)?;
        let leads_to_payment =
            Url::parse(&page.url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        if page.id.is_empty() || page.id.len() > 255 || !leads_to_payment {
            return Err(PaymentsError::Answer("the session has no usable id or URL".into()));
        }
        Ok(Opened { session: page.id, url: page.url })
    }

    fn secrets(&self) -> &WebhookSecrets {
        &self.secrets
    }

    fn is_test(&self) -> bool {
        false
    }
}

/// The two members that we need of a page, whatever the API version that answers.
#[derive(miniserde::Deserialize)]
struct Page {
    id: String,
    url: String,
}

fn request(basket: &Basket) -> CreateCheckoutSession {
    // Infallible: what Stripe's list does not know is sent as it is, and Stripe refuses it.
    let currency: Currency = match basket.currency.to_ascii_lowercase().parse() {
        Ok(currency) => currency,
        Err(never) => match never {},
    };
    let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency);
    price.unit_amount = Some(i64::from(basket.amount_cents));
    price.product_data = Some(ProductData::new(basket.name.as_str()));
    let mut line = CreateCheckoutSessionLineItems::new();
    line.price_data = Some(price);
    line.quantity = Some(1);
    let locale = match basket.language {
        Language::Fr => CheckoutSessionLocale::Fr,
        Language::En => CheckoutSessionLocale::En,
    };
    CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .client_reference_id(basket.order.as_str())
        .customer_email(basket.email.as_str())
        .line_items(vec![line])
        .locale(locale)
        .success_url(basket.success_url.as_str())
        .cancel_url(basket.cancel_url.as_str())
}

fn told(error: StripeError) -> PaymentsError {
    match error {
        StripeError::Stripe(said, status) if status < 500 && status != 429 && status != 409 => {
            PaymentsError::Refused { status, message: said.message.unwrap_or_default() }
        }
        StripeError::Stripe(_, status) => PaymentsError::Unavailable(format!("status {status}")),
        StripeError::Timeout => PaymentsError::Unavailable(format!("no answer within {PATIENCE:?}")),
        StripeError::ClientError(why) => PaymentsError::Unavailable(why),
        StripeError::JSONDeserialize(why) => PaymentsError::Answer(why),
        StripeError::ConfigError(why) => PaymentsError::Configuration(why),
    }
}

/// `STRIPE_API_BASE` with a slash at its end, which async-stripe wants; plain HTTP only on loopback.
fn usable_base(base: &str) -> Result<String, PaymentsError> {
    let wrong = |why: &str| PaymentsError::Configuration(format!("STRIPE_API_BASE `{base}` {why}"));
    let mut url = Url::parse(base).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err(wrong("is plain http, which is taken on loopback only; use https")),
        _ => return Err(wrong("is neither https nor http")),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query or a fragment"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn basket() -> Basket {
        Basket {
            order: "ord_1".into(),
            name: "Rentes viagères".into(),
            amount_cents: 49_000,
            currency: "EUR".into(),
            email: "a@example.com".into(),
            language: Language::Fr,
            success_url: "https://localhost:8443/commande/merci".into(),
            cancel_url: "https://localhost:8443/commande/annulee".into(),
        }
    }

    /// A server that answers one call so and tells what was asked.
    async fn answering(
        status: &'static str,
        body: &'static str,
    ) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 16 * 1024];
            while !text.contains("cancel_url") {
                let read = stream.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            text
        });
        (base, asked)
    }

    async fn open_at(base: &str) -> Result<Opened, PaymentsError> {
        Stripe::new("sk_test_1", Some(base), WebhookSecrets::new(&[])).unwrap().open(&basket()).await
    }

    #[tokio::test]
    async fn a_page_is_opened_with_the_amount_the_order_and_its_id_as_idempotency_key() {
        let (base, asked) = answering(
            "200 OK",
            r#"{"id":"cs_test_9","object":"checkout.session","url":"https://pay.example/9"}"#,
        )
        .await;
        let opened = open_at(&base).await.unwrap();
        assert_eq!(opened, Opened { session: "cs_test_9".into(), url: "https://pay.example/9".into() });
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("POST /v1/checkout/sessions HTTP/1.1\r\n"), "{asked}");
        let lower = asked.to_lowercase();
        assert!(lower.contains("authorization: bearer sk_test_1\r\n"));
        assert!(lower.contains("idempotency-key: ord_1\r\n"));
        let form = percent_encoding::percent_decode_str(&asked).decode_utf8().unwrap().into_owned();
        for part in [
            "mode=payment",
            "client_reference_id=ord_1",
            "line_items[0][price_data][unit_amount]=49000",
            "line_items[0][price_data][currency]=eur",
            "line_items[0][quantity]=1",
        ] {
            assert!(form.contains(part), "{part} in {form}");
        }
    }

    #[tokio::test]
    async fn what_may_pass_later_is_told_from_what_will_not() {
        let (base, _asked) = answering("503 Service Unavailable", r#"{"error":{"type":"api_error"}}"#).await;
        assert!(matches!(open_at(&base).await, Err(PaymentsError::Unavailable(_))));
        let (base, _asked) = answering(
            "400 Bad Request",
            r#"{"error":{"type":"invalid_request_error","message":"no such currency"}}"#,
        )
        .await;
        assert!(matches!(open_at(&base).await, Err(PaymentsError::Refused { status: 400, .. })));
        let (base, _asked) = answering("200 OK", r#"{"id":"cs_1","url":"javascript:alert(1)"}"#).await;
        assert!(matches!(open_at(&base).await, Err(PaymentsError::Answer(_))));
        assert!(matches!(open_at("http://127.0.0.1:1").await, Err(PaymentsError::Unavailable(_))));
    }

    #[test]
    fn plain_http_is_taken_on_loopback_only() {
        for (base, expected) in [
            ("https://api.stripe.com", "https://api.stripe.com/"),
            ("http://127.0.0.1:9999", "http://127.0.0.1:9999/"),
            ("http://localhost:1/stripe", "http://localhost:1/stripe/"),
            ("http://[::1]:1/", "http://[::1]:1/"),
        ] {
            assert_eq!(usable_base(base).unwrap(), expected);
        }
        for base in
            ["http://api.stripe.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "x", "https://a/?b"]
        {
            assert!(matches!(usable_base(base), Err(PaymentsError::Configuration(_))), "{base}");
        }
    }
}

//! Payments at Stripe, through async-stripe: Checkout by redirect, so that no card data reach us
//! (`p-stripe-cookie`).

mod calls;
mod changes;
#[cfg(test)]
mod contract;

use std::collections::HashMap;
use std::time::Duration;

use aops_manifest::Language;
use async_trait::async_trait;
use serde_json::Value;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAutomaticTax, CreateCheckoutSessionCustomerCreation,
    CreateCheckoutSessionCustomerUpdate, CreateCheckoutSessionCustomerUpdateAddress,
    CreateCheckoutSessionCustomerUpdateName, CreateCheckoutSessionDiscounts,
    CreateCheckoutSessionInvoiceCreation, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionLineItemsPriceData, CreateCheckoutSessionLineItemsPriceDataRecurring,
    CreateCheckoutSessionLineItemsPriceDataRecurringInterval as Interval,
    CreateCheckoutSessionSubscriptionData, CreateCheckoutSessionTaxIdCollection, ProductData,
};
use stripe_checkout::{CheckoutSessionLocale, CheckoutSessionMode};
use stripe_types::Currency;
use url::{Host, Url};

use self::calls::Call;
use super::embedded::Embedded;
use super::objects::{CreditNote, Invoice, Payment, Subscription};
use crate::config::Period;
use crate::outbound::Gate;
use crate::payments::{
    Basket, Books, Change, End, Opened, PaidObject, Payments, PaymentsError, Preview, Promotion, Usage,
    WebhookSecrets,
};
use crate::tax::{Rules, Tax, TaxConfig};
use crate::trace;

/// How long Stripe may take to open a page, before the buyer is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where it must be, or on this machine.
const DOMAIN: &str = "stripe.com";

/// The production side of the port.
#[derive(Debug)]
pub struct Stripe {
    client: Client,
    secrets: WebhookSecrets,
    /// `txr_…`: our rate, as Stripe knows it.
    rate: Option<String>,
}

impl Stripe {
    /// A client with this secret key, of Stripe or of a server that plays it at `base`.
    ///
    /// # Errors
    /// [`PaymentsError::Configuration`] when `base` is no URL, or is plain HTTP off loopback.
    pub fn new(key: &str, base: Option<&str>, secrets: WebhookSecrets) -> Result<Self, PaymentsError> {
        let mut builder = ClientBuilder::new(key).timeout(PATIENCE);
        if let Some(base) = base {
            let base = usable_base(base)?;
            Gate::to_processor("stripe", DOMAIN, &base)
                .map_err(|error| PaymentsError::Configuration(format!("STRIPE_API_BASE: {error}")))?;
            builder = builder.url(base);
        }
        let client = builder.build().map_err(|error| PaymentsError::Configuration(error.to_string()))?;
        Ok(Self { client, secrets, rate: None })
    }

    /// The same, charging tax by our own rules.
    ///
    /// # Errors
    /// [`PaymentsError::Configuration`] when Stripe's name of the rate is missing: what is charged would be without tax.
    pub fn taxing(self, tax: Option<&TaxConfig>) -> Result<Self, PaymentsError> {
        let Some(tax) = tax.filter(|tax| tax.rules == Rules::French) else { return Ok(self) };
        match &tax.stripe_rate {
            Some(rate) => Ok(Self { rate: Some(rate.clone()), ..self }),
            None => Err(PaymentsError::Configuration(
                "[tax] rules = \"french\" needs stripe_rate: make an exclusive tax rate at Stripe and give its id (txr_…)"
                    .into(),
            )),
        }
    }
}

#[async_trait]
impl Payments for Stripe {
    async fn open(&self, basket: &Basket) -> Result<Opened, PaymentsError> {
        let key = IdempotencyKey::new(&basket.order)
            .map_err(|error| PaymentsError::Configuration(format!("the order's id: {error}")))?;
        let call = self
            .request(basket)
            .build()
            .customize::<Page>()
            .request_strategy(RequestStrategy::Idempotent(key));
        // Told to a collector, and not to Stripe: async-stripe takes no fields for one request.
        let traced = trace::Call::begin("stripe");
        let page = call.send(&self.client).await;
        traced.ended(status(&page));
        let page = page.map_err(told)?;
        let leads_to_payment =
            Url::parse(&page.url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        if page.id.is_empty() || page.id.len() > 255 || !leads_to_payment {
            return Err(PaymentsError::Answer("the session has no usable id or URL".into()));
        }
        Ok(Opened { session: page.id, url: page.url })
    }

    async fn session(&self, id: &str) -> Result<Option<PaidObject>, PaymentsError> {
        let found = self.known(Call::get(format!("/checkout/sessions/{}", segment(id)))).await?;
        Ok(found.map(|session| PaidObject::read(&session)))
    }

    async fn books(&self, customer: &str) -> Result<Books, PaymentsError> {
        let of = |path: &str| Call::get(path).with("customer", customer);
        let subscriptions = self.all(of("/subscriptions").with("status", "all")).await?;
        let invoices = self.all(of("/invoices").with("expand[]", "data.payments")).await?;
        let credit_notes = self.all(of("/credit_notes")).await?;
        let charges = self.all(of("/charges")).await?;
        Ok(Books {
            subscriptions: readable("subscription", &subscriptions, Subscription::read)?,
            invoices: readable("invoice", &invoices, Invoice::read)?,
            credit_notes: readable("credit note", &credit_notes, CreditNote::read)?,
            payments: charges.iter().filter_map(Payment::read).collect(),
        })
    }

    async fn promotion(&self, code: &str) -> Result<Option<Promotion>, PaymentsError> {
        let call = Call::get("/promotion_codes").with("code", code).with("active", "true");
        let found = self.send(call.with("expand[]", "data.promotion.coupon")).await?;
        let codes = found.get("data").and_then(Value::as_array);
        Ok(codes.and_then(|codes| codes.iter().find_map(Promotion::read)))
    }

    async fn end(&self, subscription: &str, end: End) -> Result<(), PaymentsError> {
        self.end_subscription(subscription, end).await
    }

    async fn preview(&self, change: &Change) -> Result<Preview, PaymentsError> {
        self.preview_change(change).await
    }

    async fn change(&self, change: &Change, key: &str) -> Result<(), PaymentsError> {
        self.carry_out_change(change, key).await
    }

    async fn bill(&self, usage: &Usage, key: &str) -> Result<(), PaymentsError> {
        self.bill_usage(usage, key).await
    }

    async fn refund(&self, payment: &str, key: &str) -> Result<(), PaymentsError> {
        let of = if payment.starts_with("ch_") { "charge" } else { "payment_intent" };
        self.send(Call::post("/refunds").with(of, payment).once(key)).await.map(drop)
    }

    async fn portal(&self, customer: &str, back: &str) -> Result<String, PaymentsError> {
        let call = Call::post("/billing_portal/sessions").with("customer", customer).with("return_url", back);
        let session = self.send(call).await?;
        let url = session.get("url").and_then(Value::as_str).filter(|url| Url::parse(url).is_ok());
        url.map(str::to_owned).ok_or_else(|| PaymentsError::Answer("the portal has no usable URL".into()))
    }

    fn secrets(&self) -> &WebhookSecrets {
        &self.secrets
    }

    fn embedded(&self) -> Option<&Embedded> {
        None
    }
}

/// The two members that we need of a page, whatever the API version that answers.
#[derive(miniserde::Deserialize)]
struct Page {
    id: String,
    url: String,
}

impl Stripe {
    fn request(&self, basket: &Basket) -> CreateCheckoutSession {
        // Infallible: what Stripe's list does not know is sent as it is, and Stripe refuses it.
        let currency: Currency = match basket.currency.to_ascii_lowercase().parse() {
            Ok(currency) => currency,
            Err(never) => match never {},
        };
        let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency);
        price.unit_amount = Some(i64::from(basket.unit_cents));
        price.product_data = Some(ProductData::new(basket.name.as_str()));
        price.recurring = interval(basket.period).map(CreateCheckoutSessionLineItemsPriceDataRecurring::new);
        let mut line = CreateCheckoutSessionLineItems::new();
        line.price_data = Some(price);
        line.quantity = Some(basket.quantity.into());
        let rate = self.rate.clone().filter(|_| matches!(basket.tax, Tax::At(_)));
        line.tax_rates = rate.clone().map(|rate| vec![rate]);
        let locale = match basket.language {
            Language::Fr => CheckoutSessionLocale::Fr,
            Language::En => CheckoutSessionLocale::En,
        };
        let metadata = HashMap::from([
            ("order".to_owned(), basket.order.clone()),
            ("organisation".to_owned(), basket.organisation.clone()),
            ("offer".to_owned(), basket.offer.clone()),
        ]);
        let mut request = CreateCheckoutSession::new()
            .client_reference_id(basket.order.as_str())
            .line_items(vec![line])
            .locale(locale)
            .success_url(basket.success_url.as_str())
            .cancel_url(basket.cancel_url.as_str())
            .metadata(metadata.clone());
        request = match &basket.customer {
            Some(customer) => request.customer(customer.as_str()),
            None => request.customer_email(basket.email.as_str()),
        };
        if basket.period.recurs() {
            let mut subscription = CreateCheckoutSessionSubscriptionData::new();
            subscription.metadata = Some(metadata);
            subscription.default_tax_rates = rate.map(|rate| vec![rate]);
            request = request.mode(CheckoutSessionMode::Subscription).subscription_data(subscription);
        } else {
            request = request
                .mode(CheckoutSessionMode::Payment)
                .invoice_creation(CreateCheckoutSessionInvoiceCreation::new(true));
            if basket.customer.is_none() {
                request = request.customer_creation(CreateCheckoutSessionCustomerCreation::Always);
            }
        }
        if let Some(promotion) = &basket.promotion {
            let mut discount = CreateCheckoutSessionDiscounts::new();
            discount.promotion_code = Some(promotion.id.clone());
            request = request.discounts(vec![discount]);
        }
        if basket.tax == Tax::ByStripe {
            request = request
                .automatic_tax(CreateCheckoutSessionAutomaticTax::new(true))
                .tax_id_collection(CreateCheckoutSessionTaxIdCollection::new(true));
            if basket.customer.is_some() {
                // What Stripe Tax asks for is kept with whoever is known already.
                let mut update = CreateCheckoutSessionCustomerUpdate::new();
                update.address = Some(CreateCheckoutSessionCustomerUpdateAddress::Auto);
                update.name = Some(CreateCheckoutSessionCustomerUpdateName::Auto);
                request = request.customer_update(update);
            }
        }
        request
    }
}

fn interval(period: Period) -> Option<Interval> {
    match period {
        Period::Once => None,
        Period::Month => Some(Interval::Month),
        Period::Year => Some(Interval::Year),
    }
}

/// Objects as we read them: one that we cannot read is told, and hides none of the others from a reader who would
/// take it for absent.
fn readable<T>(
    kind: &str,
    values: &[Value],
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, PaymentsError> {
    let one = |value: &Value| {
        read(value).ok_or_else(|| PaymentsError::Answer(format!("a {kind} lacks a member that we need")))
    };
    values.iter().map(one).collect()
}

/// An id as a segment of a path.
fn segment(id: &str) -> String {
    const RESERVED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'_').remove(b'-');
    percent_encoding::utf8_percent_encode(id, RESERVED).to_string()
}

fn status<T>(answer: &Result<T, StripeError>) -> Option<u16> {
    match answer {
        Ok(_) => Some(200),
        Err(StripeError::Stripe(_, status)) => Some(*status),
        Err(_) => None,
    }
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
            organisation: "org_1".into(),
            offer: "rente".into(),
            name: "Rentes viagères".into(),
            unit_cents: 49_000,
            quantity: 1,
            currency: "EUR".into(),
            period: Period::Once,
            tax: Tax::Untold,
            promotion: None,
            customer: None,
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
            while !text.contains("\r\n\r\n") || (text.starts_with("POST") && !text.contains("cancel_url")) {
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
            "invoice_creation[enabled]=true",
            "customer_creation=always",
            "metadata[organisation]=org_1",
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

    /// Proves p-transport-encryption.
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

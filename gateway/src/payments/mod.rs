//! The payments port: it opens payment pages, reads what the processor keeps of a client, changes subscriptions, and
//! believes signed events. It knows no order, no account and no plan.
//!
//! Stripe is the production side; the embedded side plays its part in development, on a page marked as a test.

mod basket;
mod embedded;
mod event;
mod objects;
mod signature;
mod stripe;

use async_trait::async_trait;

use crate::accounts::random::NoRandomness;
use crate::config::{Environment, Settings};

pub use self::basket::{Basket, Change, Preview, Usage};
pub use self::embedded::{Card, Embedded, Outcome, Unsettled};
pub use self::event::{Event, EventError, PaidObject};
pub use self::objects::{
    Books, CreditNote, Invoice, InvoiceLine, InvoiceState, Lasting, Off, Payment, Promotion, Standing,
    Subscription,
};
pub use self::signature::{SIGNATURE_HEADER, SignatureError, WebhookSecrets};
pub use self::stripe::Stripe;

/// A payment page that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The page's id, which its events name.
    pub session: String,
    /// Where the buyer goes to pay.
    pub url: String,
}

/// How a subscription comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the period that is paid.
    WithPeriod,
    /// Not, after all.
    Never,
    /// Now.
    Now,
}

/// Why the processor did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PaymentsError {
    /// What the environment says cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The processor did not answer in time, or not at all; the same call may succeed later.
    #[error("the payment processor does not answer: {0}")]
    Unavailable(String),
    /// The processor refused the call as it is.
    #[error("the payment processor refused the call (status {status}): {message}")]
    Refused {
        /// HTTP status; 402 when the means of payment was refused.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The answer is not what was agreed.
    #[error("the payment processor's answer cannot be used: {0}")]
    Answer(String),
    /// No name can be drawn.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Where payments happen. Calls that change something take a key: a second call of the same key does nothing more.
#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// Opens a payment page.
    async fn open(&self, basket: &Basket) -> Result<Opened, PaymentsError>;

    /// What became of a payment page; none when the processor knows no such one.
    async fn session(&self, id: &str) -> Result<Option<PaidObject>, PaymentsError>;

    /// Everything of a customer.
    async fn books(&self, customer: &str) -> Result<Books, PaymentsError>;

    /// A promotion code, if it may be used now.
    async fn promotion(&self, code: &str) -> Result<Option<Promotion>, PaymentsError>;

    /// Ends a subscription, or keeps it from ending.
    async fn end(&self, subscription: &str, end: End) -> Result<(), PaymentsError>;

    /// What a change would cost now: what is left of the period is credited and charged to the second.
    async fn preview(&self, change: &Change) -> Result<Preview, PaymentsError>;

    /// Changes a subscription as it was previewed; nothing changes when what is due cannot be charged.
    async fn change(&self, change: &Change, key: &str) -> Result<(), PaymentsError>;

    /// Puts what was used on the subscription's next invoice.
    async fn bill(&self, usage: &Usage, key: &str) -> Result<(), PaymentsError>;

    /// Gives a payment back whole.
    async fn refund(&self, payment: &str, key: &str) -> Result<(), PaymentsError>;

    /// Where a customer changes their means of payment; it leads back to `back`.
    async fn portal(&self, customer: &str, back: &str) -> Result<String, PaymentsError>;

    /// What signs the events that come back.
    fn secrets(&self) -> &WebhookSecrets;

    /// The side that is played by ourselves, for tests.
    fn embedded(&self) -> Option<&Embedded>;
}

/// Stripe when there is a key; otherwise, in development alone, payments played by ourselves.
///
/// # Errors
/// [`PaymentsError::Configuration`] when a key, a secret or the address is missing or wrong.
pub fn payments(settings: &Settings) -> Result<Box<dyn Payments>, PaymentsError> {
    let secrets = &settings.secrets;
    let production = settings.environment == Environment::Production;
    let Some(key) = &secrets.stripe_key else {
        if production {
            return Err(PaymentsError::Configuration(
                "STRIPE_SECRET_KEY is missing; the test payment page is refused in production".into(),
            ));
        }
        let signing = match secrets.stripe_webhook_secrets.is_empty() {
            true => WebhookSecrets::generated()?,
            false => WebhookSecrets::new(&secrets.stripe_webhook_secrets),
        };
        let file = settings.data.join(embedded::FILE);
        return Ok(Box::new(Embedded::open(&settings.platform_url, signing, settings.clock, Some(file))?));
    };
    let signing = WebhookSecrets::new(&secrets.stripe_webhook_secrets);
    if signing.is_empty() {
        if production {
            return Err(PaymentsError::Configuration(
                "STRIPE_WEBHOOK_SECRET is missing; without it no payment would ever be noticed".into(),
            ));
        }
        tracing::warn!("STRIPE_WEBHOOK_SECRET is missing: every webhook will be refused");
    }
    Ok(Box::new(Stripe::new(key, secrets.stripe_base.as_deref(), signing)?.taxing(settings.tax.as_ref())?))
}

/// For commands beside no gateway: the processor where it is configured, else a side that knows nobody and believes no
/// webhook.
///
/// # Errors
/// [`PaymentsError::Configuration`].
pub fn offline(settings: &Settings) -> Result<Box<dyn Payments>, PaymentsError> {
    if let Ok(configured) = payments(settings) {
        return Ok(configured);
    }
    let nobody = WebhookSecrets::new(&[]);
    Ok(Box::new(Embedded::open(&settings.platform_url, nobody, settings.clock, None)?))
}

//! The payments port: opens a page where someone pays, and proves that what comes back is from there. It
//! knows neither offers nor accounts.

mod embedded;
mod event;
mod signature;
mod stripe;

use aops_manifest::Language;
use async_trait::async_trait;

use crate::accounts::random::NoRandomness;
use crate::config::{Environment, Settings};

pub use self::embedded::{Embedded, completed_event};
pub use self::event::{Event, EventError, PaidObject};
pub use self::signature::{SIGNATURE_HEADER, SignatureError, WebhookSecrets};
pub use self::stripe::Stripe;

/// What is to be paid, and where to go from the payment page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// The order; also the idempotency key, so that a repeated call opens one page.
    pub order: String,
    /// What the payment page shows.
    pub name: String,
    /// In hundredths of the currency.
    pub amount_cents: u32,
    /// ISO 4217.
    pub currency: String,
    /// The buyer's address, typed in for them.
    pub email: String,
    /// The payment page's language.
    pub language: Language,
    /// Where the buyer goes once paid.
    pub success_url: String,
    /// Where the buyer goes instead of paying.
    pub cancel_url: String,
}

/// A payment page that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The page's id, which its events name.
    pub session: String,
    /// Where the buyer goes to pay.
    pub url: String,
}

/// Why there is no payment page.
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
        /// HTTP status.
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

/// Where payments happen.
#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// Opens a payment page.
    async fn open(&self, basket: &Basket) -> Result<Opened, PaymentsError>;

    /// What signs the events that come back.
    fn secrets(&self) -> &WebhookSecrets;

    /// Whether payments are played by ourselves, for tests.
    fn is_test(&self) -> bool;
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
        return Ok(Box::new(Embedded::new(&settings.base_url, signing)));
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
    Ok(Box::new(Stripe::new(key, secrets.stripe_base.as_deref(), signing)?))
}

/// A side for work that opens no payment page: it asks for no key and believes no webhook.
pub fn none(settings: &Settings) -> Box<dyn Payments> {
    Box::new(Embedded::new(&settings.base_url, WebhookSecrets::new(&[])))
}

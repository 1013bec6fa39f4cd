//! Payments played by ourselves, for development and tests: no money moves. Pages are marked as a test, and what is
//! sent back is shaped and signed as Stripe would.
//!
//! It is another house: what it keeps stands in a file of its own, so that the gateway's store may be lost, restored
//! or behind, and be mended from here as from Stripe. Time is the clock port's; when it moves over a renewal, the
//! renewal happens.

mod clockwork;
mod ledger;
mod told;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::files;
use crate::payments::{
    Basket, Books, Change, End, Opened, PaidObject, Payments, PaymentsError, Preview, Promotion, Usage,
    WebhookSecrets,
};

pub use self::ledger::{Card, Outcome, Unsettled};
use self::ledger::{Ledger, Session};
use self::told::Told;

/// The file of what it keeps, in the data folder.
pub(super) const FILE: &str = "embedded_payments.json";

/// The embedded side of the port.
#[derive(Debug)]
pub struct Embedded {
    base_url: String,
    secrets: WebhookSecrets,
    clock: Clock,
    file: Option<PathBuf>,
    ledger: Mutex<Ledger>,
}

impl Embedded {
    /// Payment pages under `base_url` (without a slash at the end); what is kept is in `file`, or nowhere.
    ///
    /// # Errors
    /// [`PaymentsError::Configuration`] when the file cannot be read.
    pub fn open(
        base_url: &str,
        secrets: WebhookSecrets,
        clock: Clock,
        file: Option<PathBuf>,
    ) -> Result<Self, PaymentsError> {
        let wrong = |path: &PathBuf, why: String| {
            PaymentsError::Configuration(format!("{}: {why}; remove it to begin anew", path.display()))
        };
        let mut ledger = Ledger::default();
        if let Some(path) = &file {
            match std::fs::read(path) {
                Ok(bytes) => {
                    ledger =
                        serde_json::from_slice(&bytes).map_err(|error| wrong(path, error.to_string()))?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(wrong(path, error.to_string())),
            }
        }
        Ok(Self { base_url: base_url.to_owned(), secrets, clock, file, ledger: Mutex::new(ledger) })
    }

    /// What a payment page is for, while it is open; none when there is no such page.
    pub fn page(&self, session: &str) -> Option<(Basket, bool)> {
        self.locked().session(session).map(|session| (session.basket.clone(), session.is_open()))
    }

    /// What the buyer does on a payment page.
    ///
    /// # Errors
    /// [`Unsettled`], a reason to tell; [`PaymentsError`] when it cannot be kept.
    pub fn settle(
        &self,
        session: &str,
        outcome: Outcome,
    ) -> Result<Result<PaidObject, Unsettled>, PaymentsError> {
        self.change_ledger(|ledger, now| Ok(ledger.settle(session, outcome, now)?.map(|paid| paid.read())))
    }

    /// The means of payment of a customer from now on; what is overdue is charged at once.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub fn use_card(&self, customer: &str, card: Card) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, now| {
            ledger.use_card(customer, card, now)?;
            ledger.advance(now)
        })
    }

    /// Whether it stands for a processor that is not configured: nothing is kept, and no webhook is believed.
    pub fn is_nobody(&self) -> bool {
        self.file.is_none() && self.secrets.is_empty()
    }

    /// Whether there is such a customer.
    pub fn knows(&self, customer: &str) -> bool {
        self.locked().knows(customer)
    }

    /// Carries out what time has brought, and answers the events that nobody has taken yet, oldest first.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub fn due(&self) -> Result<Vec<Told>, PaymentsError> {
        self.brought_on()?;
        Ok(self.locked().untaken())
    }

    fn brought_on(&self) -> Result<(), PaymentsError> {
        let due = self.locked().is_due(self.clock.now());
        if due { self.change_ledger(|ledger, now| ledger.advance(now)) } else { Ok(()) }
    }

    /// An event was taken: it is not told again.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub fn taken(&self, event: &str) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, _| {
            ledger.taken(event);
            Ok(())
        })
    }

    fn locked(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is kept: on the disk first, then in memory; on an error neither changes.
    fn change_ledger<T>(
        &self,
        change: impl FnOnce(&mut Ledger, Timestamp) -> Result<T, PaymentsError>,
    ) -> Result<T, PaymentsError> {
        let mut ledger = self.locked();
        let mut changed = ledger.clone();
        let answer = change(&mut changed, self.clock.now())?;
        if let Some(path) = &self.file {
            let kept = serde_json::to_vec(&changed)
                .map_err(|error| PaymentsError::Answer(error.to_string()))
                .and_then(|bytes| {
                    let written = files::write_private(path, &bytes);
                    written.map_err(|error| PaymentsError::Unavailable(error.to_string()))
                });
            kept?;
        }
        *ledger = changed;
        Ok(answer)
    }
}

#[async_trait]
impl Payments for Embedded {
    async fn open(&self, basket: &Basket) -> Result<Opened, PaymentsError> {
        let session = self.change_ledger(|ledger, now| ledger.open(basket, now))?;
        let url = format!("{}/paiement-test/{session}", self.base_url);
        Ok(Opened { session, url })
    }

    async fn session(&self, id: &str) -> Result<Option<PaidObject>, PaymentsError> {
        Ok(self.locked().session(id).map(Session::read))
    }

    async fn books(&self, customer: &str) -> Result<Books, PaymentsError> {
        self.brought_on()?;
        Ok(self.locked().books(customer))
    }

    async fn promotion(&self, code: &str) -> Result<Option<Promotion>, PaymentsError> {
        Ok(self.locked().promotion(code))
    }

    async fn end(&self, subscription: &str, end: End) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, now| ledger.end(subscription, end, now))
    }

    async fn preview(&self, change: &Change) -> Result<Preview, PaymentsError> {
        self.locked().preview(change)
    }

    async fn change(&self, change: &Change, key: &str) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, now| ledger.once(key, |ledger| ledger.change(change, now)))
    }

    async fn bill(&self, usage: &Usage, key: &str) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, now| ledger.once(key, |ledger| ledger.bill(usage, now)))
    }

    async fn refund(&self, payment: &str, key: &str) -> Result<(), PaymentsError> {
        self.change_ledger(|ledger, now| ledger.once(key, |ledger| ledger.refund(payment, now)))
    }

    async fn portal(&self, customer: &str, _: &str) -> Result<String, PaymentsError> {
        match self.knows(customer) {
            true => Ok(format!("{}/paiement-test/clients/{customer}", self.base_url)),
            false => Err(ledger::unknown(customer)),
        }
    }

    fn secrets(&self) -> &WebhookSecrets {
        &self.secrets
    }

    fn embedded(&self) -> Option<&Embedded> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;

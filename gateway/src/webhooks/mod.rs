//! Webhooks of clients: their own servers are told that a calculation came to its end, by its id, its module and its state,
//! signed as Standard Webhooks 1.0 has it. It knows no result and nobody's data.
//!
//! A message is recorded in the batch of what it tells of ([`announce`]) and delivered at least once afterwards
//! (`deliver`), to public addresses alone ([`crate::outbound::PublicGate`]). Who has one twice knows it by its name.

mod announce;
mod api;
mod deliver;
mod described;
mod document;
mod health;
mod keep;
mod pages;
mod secret;
mod send;
#[cfg(test)]
mod tests;
mod told;

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::Notify;

use crate::app::SharedApp;
use crate::config::Settings;
use crate::outbound::PublicGate;
use crate::store::Address;

pub use self::announce::{Ended, Recorded, announce};
pub use self::deliver::follow;
pub use self::described::{described, messages, schemas};
pub use self::document::{DELIVERY, SHAPES};
pub use self::keep::end_all;

/// The page of all.
const PAGE: &str = "/espace-client/webhooks";

/// The client of reqwest cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("webhooks cannot be called: {0}")]
pub struct WebhooksError(reqwest::Error);

/// What calls the webhooks, and what wakes it.
#[derive(Debug)]
pub struct Webhooks {
    gate: PublicGate,
    client: Client,
    wake: Notify,
    recorded: Mutex<Vec<(Address, Timestamp)>>,
    /// Whether other gateways read the same store: a message is then claimed before it is sent.
    shared: bool,
}

impl Webhooks {
    /// As configured.
    ///
    /// # Errors
    /// [`WebhooksError`].
    pub fn new(settings: &Settings) -> Result<Self, WebhooksError> {
        let gate = PublicGate::new("webhooks", &settings.webhooks_here);
        let client = gate.client().connect_timeout(send::TIMEOUT / 2).timeout(send::TIMEOUT).build();
        Ok(Self {
            gate,
            client: client.map_err(WebhooksError)?,
            wake: Notify::new(),
            recorded: Mutex::default(),
            shared: settings.store.is_some(),
        })
    }

    /// Tells that the batch that recorded these messages was committed.
    pub fn recorded(&self, recorded: Recorded) {
        if recorded.0.is_empty() {
            return;
        }
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).extend(recorded.0);
        self.wake.notify_one();
    }

    fn taken(&self) -> Vec<(Address, Timestamp)> {
        std::mem::take(&mut *self.recorded.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The routes of this feature.
pub fn routes() -> axum::Router<SharedApp> {
    api::routes().merge(pages::routes())
}

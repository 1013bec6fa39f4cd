//! The mail port: a letter goes out by SendGrid, or into a folder when no key is set. It knows no feature.

mod folder;
mod render;
mod sendgrid;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::folder::FolderMailer;
pub use self::render::{RenderError, render};
pub use self::sendgrid::SendGridMailer;
use crate::config::{Environment, Settings};

/// A mail ready to leave.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The outbox document: the same letter tried again bears the same id.
    pub id: String,
    /// Sender's address and name.
    pub from: (String, String),
    /// The recipient.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Where one click unsubscribes (RFC 8058).
    pub unsubscribe: Option<String>,
    /// Why it is sent.
    pub purpose: Purpose,
}

/// Why personal data are used: a closed list (`p-purposes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Accounts, orders, payments, subscriptions.
    Contract,
    /// Information that was asked for.
    Information,
    /// An answer to whoever wrote to us.
    Contact,
}

impl Purpose {
    /// The name in categories and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Information => "information",
            Self::Contact => "contact",
        }
    }
}

/// Why a letter did not leave.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// Later tries may succeed.
    #[error("{0}")]
    Temporary(String),
    /// No try will succeed.
    #[error("{0}")]
    Permanent(String),
}

/// Why mail cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// Production without a key.
    #[error("SENDGRID_API_KEY is not set: production needs it")]
    Missing,
    /// The key, the base address or the client.
    #[error("SendGrid cannot be used: {0}")]
    Configuration(String),
    /// The folder.
    #[error("{path}: {source}; mails are written there when SENDGRID_API_KEY is not set")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A way out for letters.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Gives a letter to whoever carries it.
    ///
    /// # Errors
    /// [`DeliveryError`]; never with an address in it, since errors are logged.
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError>;
}

/// The way out that the settings ask for.
///
/// # Errors
/// [`MailerError`].
pub fn mailer(settings: &Settings) -> Result<Box<dyn Mailer>, MailerError> {
    match (&settings.secrets.sendgrid_key, settings.environment) {
        (Some(key), _) => Ok(Box::new(SendGridMailer::new(key, settings.secrets.sendgrid_base.as_deref())?)),
        (None, Environment::Development) => Ok(Box::new(FolderMailer::new(settings.data.join("mail"))?)),
        (None, Environment::Production) => Err(MailerError::Missing),
    }
}

//! Where mail leaves: a folder in development, SendGrid otherwise. What a letter says is written in
//! [`render`]; that it leaves at all is the outbox's business.

mod folder;
pub mod issue;
mod markdown;
mod plain;
pub mod render;
mod sendgrid;

use async_trait::async_trait;

use crate::config::{Environment, Settings};

pub use self::folder::Folder;
pub use self::markdown::escape;
pub use self::sendgrid::SendGrid;

/// A letter ready to leave.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its own name, the same at each try; ASCII letters, digits and `-`.
    pub id: String,
    /// Why it is sent, a word of a closed list (`newsletter`, `contact`, `contract`, `security`).
    pub purpose: &'static str,
    /// The recipient's address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Where one click ends the subscription (RFC 8058).
    pub unsubscribe: Option<String>,
}

/// Letters are personal data: a debug print, which may reach a log, tells the name alone.
impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a letter did not leave. The texts bear no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Perhaps later.
    #[error("the letter could not leave yet: {0}")]
    Later(String),
    /// Never in this form.
    #[error("the letter is refused for good: {0}")]
    Never(String),
}

/// Why mail cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailerError {
    /// Production without a key.
    #[error("SENDGRID_API_KEY is not set: production sends mail through SendGrid; give its key")]
    Missing,
    /// Not an address that letters may be handed to.
    #[error("SENDGRID_API_BASE: {0}: give an https URL (http is allowed for this machine alone)")]
    Base(String),
    /// The sender.
    #[error("[mail] in site.toml: {0}: give an e-mail address")]
    Sender(String),
    /// The folder of letters.
    #[error("{0}; the folder of letters must be writable")]
    Folder(String),
}

/// Hands letters over; a letter is handed over when `send` says so.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands one letter over.
    ///
    /// # Errors
    /// [`MailError`], which says whether to try again.
    async fn send(&self, letter: &Letter) -> Result<(), MailError>;
}

/// SendGrid when its key is given, a folder otherwise; production accepts no folder.
///
/// # Errors
/// [`MailerError`].
pub fn mailer(settings: &Settings) -> Result<Box<dyn Mailer>, MailerError> {
    for address in [&settings.mail.from, &settings.mail.staff] {
        crate::email::Email::parse(address).map_err(|_| MailerError::Sender(address.clone()))?;
    }
    if let Some(key) = &settings.secrets.sendgrid_key {
        let base = settings.secrets.sendgrid_base.as_deref();
        return Ok(Box::new(SendGrid::new(key, base, &settings.mail)?));
    }
    if settings.environment == Environment::Production {
        return Err(MailerError::Missing);
    }
    Ok(Box::new(Folder::new(&settings.data.join("mail"), &settings.mail)?))
}

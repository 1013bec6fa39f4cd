//! Where mail leaves: a folder in development, SendGrid or a mail server otherwise. What a letter says is written in
//! [`render`]; that it leaves at all is the outbox's business.

mod folder;
mod markdown;
mod message;
mod plain;
pub mod render;
mod sendgrid;
mod smtp;

use std::time::Duration;

use async_trait::async_trait;

use crate::config::{Environment, Settings};

pub use self::folder::Folder;
pub use self::markdown::escape;
pub use self::sendgrid::SendGrid;
pub use self::smtp::{Security, Smtp, SmtpConfig};

/// A letter ready to leave.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its own name, the same at each try; ASCII letters, digits and `-`.
    pub id: String,
    /// Why it is sent, a word of a closed list (`newsletter`, `contact`, `contract`, `security`, …).
    pub purpose: &'static str,
    /// The recipient's address.
    pub to: String,
    /// Where an answer goes, when not to the sender.
    pub reply_to: Option<String>,
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
    /// Perhaps later; other letters may leave meanwhile.
    #[error("the letter could not leave yet: {0}")]
    Later(String),
    /// Nothing leaves now, whatever the letter.
    #[error("mail does not leave now: {why}")]
    Away {
        /// What the other side says or does.
        why: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// Never in this form.
    #[error("the letter is refused for good: {0}")]
    Never(String),
}

/// Why mail cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailerError {
    /// Production without a key.
    #[error(
        "SENDGRID_API_KEY is not set: production sends mail through SendGrid (give its key) or a server ([mail.smtp])"
    )]
    Missing,
    /// Not an address that letters may be handed to.
    #[error("SENDGRID_API_BASE: {0}: give an https URL (http is allowed for this machine alone)")]
    Base(String),
    /// Not a key.
    #[error("SENDGRID_API_KEY cannot stand in a header: give the key alone, in one line")]
    Key,
    /// The sender.
    #[error("[mail] in site.toml: {0}: give an e-mail address")]
    Sender(String),
    /// The mail server.
    #[error("[mail.smtp] in site.toml: {0}")]
    Smtp(String),
    /// The folder of letters.
    #[error("{0}; the folder of letters must be writable")]
    Folder(String),
}

/// One text for many readers. Where [`Bulk::MARK`] stands in it, each gets a word of their own.
#[derive(Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Its own name, the same at each try of the same readers.
    pub id: String,
    /// The issue that it carries.
    pub issue: String,
    /// Why it is sent.
    pub purpose: &'static str,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Where one click ends the subscription.
    pub unsubscribe: String,
    /// Who gets it.
    pub readers: Vec<Reader>,
}

/// One reader of many.
#[derive(Clone, PartialEq, Eq)]
pub struct Reader {
    /// The name of their letter, the same at each try.
    pub id: String,
    /// Their address.
    pub to: String,
    /// What stands for [`Bulk::MARK`].
    pub word: String,
}

impl Bulk {
    /// Stands where each reader's own word goes. Nothing that is typed as text may hold it.
    pub const MARK: &'static str = "-jeton-";

    /// The letter of one reader.
    pub fn letter(&self, reader: &Reader) -> Letter {
        let own = |text: &str| text.replace(Self::MARK, &reader.word);
        Letter {
            id: reader.id.clone(),
            purpose: self.purpose,
            to: reader.to.clone(),
            reply_to: None,
            subject: self.subject.clone(),
            text: own(&self.text),
            html: own(&self.html),
            unsubscribe: Some(own(&self.unsubscribe)),
        }
    }
}

/// What became of a text for many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    /// Those whose letter was taken, by their place among the readers.
    pub taken: Vec<usize>,
    /// Those whose letter is refused for good.
    pub refused: Vec<usize>,
    /// What kept the others from theirs.
    pub error: Option<MailError>,
}

/// Hands letters over; a letter is handed over when `send` says so.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// What metrics and logs call this side.
    fn name(&self) -> &'static str;

    /// Hands one letter over.
    ///
    /// # Errors
    /// [`MailError`], which says whether to try again.
    async fn send(&self, letter: &Letter) -> Result<(), MailError>;

    /// How many readers at once are best.
    fn bulk(&self) -> usize {
        20
    }

    /// Hands one text over for many readers, one by one where the side knows no better.
    async fn send_many(&self, bulk: &Bulk) -> Handed {
        let mut handed = Handed::default();
        for (place, reader) in bulk.readers.iter().enumerate() {
            match self.send(&bulk.letter(reader)).await {
                Ok(()) => handed.taken.push(place),
                Err(MailError::Never(_)) => handed.refused.push(place),
                Err(error) => {
                    handed.error = Some(error);
                    break;
                }
            }
        }
        handed
    }
}

/// The server of `[mail.smtp]`, else SendGrid when its key is given, else a folder, which production refuses.
///
/// # Errors
/// [`MailerError`].
pub fn mailer(settings: &Settings) -> Result<Box<dyn Mailer>, MailerError> {
    for address in [&settings.mail.from, &settings.mail.staff] {
        crate::email::Email::parse(address).map_err(|_| MailerError::Sender(address.clone()))?;
    }
    if let Some(smtp) = &settings.mail.smtp {
        let password = settings.secrets.smtp_password.as_deref();
        return Ok(Box::new(Smtp::new(smtp, password, &settings.mail)?));
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

/// Where mail would leave in a process that sends none: no key is needed.
///
/// # Errors
/// [`MailerError`].
pub fn offline(settings: &Settings) -> Result<Box<dyn Mailer>, MailerError> {
    match mailer(settings) {
        Err(MailerError::Missing) => Ok(Box::new(Folder::new(&settings.data.join("mail"), &settings.mail)?)),
        configured => configured,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::MailConfig;

    pub(crate) fn config() -> MailConfig {
        MailConfig {
            from: "a@example.org".into(),
            from_name: "A".into(),
            staff: "b@example.org".into(),
            smtp: None,
            readers_per_second: 500,
        }
    }

    pub(crate) fn letter(to: &str) -> Letter {
        Letter {
            id: "abc".into(),
            purpose: "newsletter",
            to: to.into(),
            reply_to: None,
            subject: "Objet".into(),
            text: "Été".into(),
            html: "<p>Été</p>".into(),
            unsubscribe: Some("https://localhost/u?jeton=x".into()),
        }
    }
}

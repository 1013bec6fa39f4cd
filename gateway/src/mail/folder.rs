//! Letters as `.eml` files, for development: what would have been sent, to be read.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::files::write_private;
use crate::mail::{DeliveryError, Letter, Mailer, MailerError};

/// Writes letters into a folder.
#[derive(Debug)]
pub struct FolderMailer {
    folder: PathBuf,
}

impl FolderMailer {
    /// A mailer over a folder, made when absent.
    ///
    /// # Errors
    /// [`MailerError::Folder`].
    pub fn new(folder: PathBuf) -> Result<Self, MailerError> {
        fs::create_dir_all(&folder).map_err(|source| MailerError::Folder { path: folder.clone(), source })?;
        Ok(Self { folder })
    }
}

#[async_trait]
impl Mailer for FolderMailer {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let bytes = formatted(letter)?;
        // The id makes the name, so that a letter tried twice is one file.
        let name: String = letter.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let path = self.folder.join(format!("{name}.eml"));
        let written = tokio::task::spawn_blocking(move || write_private(&path, &bytes)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::Temporary(error.to_string())),
            Err(error) => Err(DeliveryError::Temporary(error.to_string())),
        }
    }
}

/// The letter in the form of RFC 5322.
fn formatted(letter: &Letter) -> Result<Vec<u8>, DeliveryError> {
    let address = |text: &str| {
        text.parse::<Address>()
            .map_err(|_| DeliveryError::Permanent("an address that mail does not take".into()))
    };
    let (from, name) = &letter.from;
    let mut builder = Message::builder()
        .message_id(Some(format!("<{}@aops>", letter.id)))
        .from(Mailbox::new(Some(name.clone()), address(from)?))
        .to(Mailbox::new(None, address(&letter.to)?))
        .subject(&letter.subject);
    for (name, value) in headers(letter) {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    builder
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map(|message| message.formatted())
        .map_err(|error| DeliveryError::Permanent(error.to_string()))
}

/// Header fields beyond the usual ones (RFC 2369, RFC 8058).
pub(super) fn headers(letter: &Letter) -> Vec<(&'static str, String)> {
    match &letter.unsubscribe {
        Some(link) => vec![
            ("List-Unsubscribe", format!("<{link}>")),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Purpose;

    #[tokio::test]
    async fn a_letter_tried_twice_is_one_file_with_both_parts_and_one_click() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = FolderMailer::new(folder.path().join("mail")).unwrap();
        let letter = Letter {
            id: "17-ab".into(),
            from: ("a@aops.fr".into(), "AOPS Conseil".into()),
            to: "claire@example.org".into(),
            subject: "Été".into(),
            text: "Bonjour".into(),
            html: "<p>Bonjour</p>".into(),
            unsubscribe: Some("https://aops.fr/x?jeton=y".into()),
            purpose: Purpose::Information,
        };
        mailer.deliver(&letter).await.unwrap();
        mailer.deliver(&letter).await.unwrap();
        let files: Vec<_> = fs::read_dir(folder.path().join("mail")).unwrap().collect();
        assert_eq!(files.len(), 1);
        let mail = fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
        for wanted in [
            "To: claire@example.org",
            "text/plain",
            "text/html",
            "List-Unsubscribe: <https://aops.fr/x",
            "One-Click",
        ] {
            assert!(mail.contains(wanted), "{wanted} in\n{mail}");
        }
        assert!(!mail.contains("Subject: Été"), "the subject is encoded (RFC 2047)");
    }
}

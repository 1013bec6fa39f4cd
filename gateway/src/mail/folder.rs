//! Letters as `.eml` files in a folder, for development and tests.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;

use super::message::{message, sender};
use super::{Letter, MailError, Mailer, MailerError};
use crate::config::MailConfig;
use crate::files::write_private;

/// A folder that receives one file a letter; a letter sent twice is one file.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    from: Mailbox,
}

impl Folder {
    /// Makes the folder when it is not there, for this user alone.
    ///
    /// # Errors
    /// [`MailerError`].
    pub fn new(path: &Path, mail: &MailConfig) -> Result<Self, MailerError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| MailerError::Folder(format!("{}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), from: sender(mail)? })
    }
}

#[async_trait]
impl Mailer for Folder {
    fn bulk(&self) -> usize {
        100
    }

    fn name(&self) -> &'static str {
        "folder"
    }

    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let bytes = message(&self.from, letter)?.formatted();
        let path = self.path.join(format!("{}.eml", letter.id));
        let written = tokio::task::spawn_blocking(move || write_private(&path, &bytes)).await;
        let written = written.map_err(|error| MailError::Later(error.to_string()))?;
        written.map_err(|error| MailError::Later(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str) -> Letter {
        super::super::tests::letter(to)
    }

    fn folder(path: &Path) -> Folder {
        Folder::new(path, &super::super::tests::config()).unwrap()
    }

    #[tokio::test]
    async fn a_letter_sent_twice_is_one_whole_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        folder.send(&letter("c@example.org")).await.unwrap();
        folder.send(&letter("c@example.org")).await.unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        let text = fs::read_to_string(place.path().join("abc.eml")).unwrap();
        for part in [
            "To: c@example.org",
            "List-Unsubscribe: <https://localhost/u?jeton=x>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "multipart/alternative",
            "=C3=89t=C3=A9",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn a_recipient_that_breaks_the_header_is_refused_for_good() {
        let place = tempfile::tempdir().unwrap();
        let refused = folder(place.path()).send(&letter("c@example.org\r\nBcc: d@example.org")).await;
        assert!(matches!(refused, Err(MailError::Never(_))), "{refused:?}");
    }
}

//! Letters handed to SendGrid (its v3 mail send call).

use std::time::Duration;

use async_trait::async_trait;
use sendgrid::SendgridError;
use sendgrid::v3::{
    ClickTrackingSetting, Content, Email, Message, OpenTrackingSetting, Personalization, SGMap, Sender,
    TrackingSettings,
};
use url::{Host, Url};

use super::{Letter, MailError, Mailer, MailerError};
use crate::config::MailConfig;

const PRODUCTION: &str = "https://api.sendgrid.com";
const TIME_OUT: Duration = Duration::from_secs(15);

/// SendGrid, with one key.
pub struct SendGrid {
    sender: Sender<'static>,
    host: String,
    from: String,
    from_name: String,
}

impl SendGrid {
    /// SendGrid at `base`, or where it really is.
    ///
    /// # Errors
    /// [`MailerError::Base`] when the address is neither https nor of this machine.
    pub fn new(key: &str, base: Option<&str>, mail: &MailConfig) -> Result<Self, MailerError> {
        let base = checked(base.unwrap_or(PRODUCTION))?;
        Ok(Self {
            sender: Sender::new(key, None),
            host: format!("{base}/v3/mail/send"),
            from: mail.from.clone(),
            from_name: mail.from_name.clone(),
        })
    }
}

#[async_trait]
impl Mailer for SendGrid {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let mut person = Personalization::new(Email::new(&letter.to))
            .add_custom_args(&SGMap::from([("letter", letter.id.as_str())]));
        let unsubscribe = letter.unsubscribe.as_ref().map(|url| format!("<{url}>"));
        if let Some(url) = &unsubscribe {
            let headers = SGMap::from([
                ("List-Unsubscribe", url.as_str()),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ]);
            person = person.add_headers(&headers);
        }
        let message = Message::new(Email::new(&self.from).set_name(&self.from_name))
            .set_subject(&letter.subject)
            .add_content(Content::new().set_content_type("text/plain").set_value(&letter.text))
            .add_content(Content::new().set_content_type("text/html").set_value(&letter.html))
            .set_tracking_settings(untracked())
            .add_category(letter.purpose)
            .add_personalization(person);
        let mut sender: Sender<'_> = self.sender.clone();
        sender.set_host(&self.host);
        match tokio::time::timeout(TIME_OUT, sender.send(&message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(MailError::Later("SendGrid does not answer in time".into())),
        }
    }
}

/// Nobody's reading is followed.
fn untracked() -> TrackingSettings<'static> {
    TrackingSettings {
        click_tracking: Some(ClickTrackingSetting { enable: Some(false), enable_text: Some(false) }),
        open_tracking: Some(OpenTrackingSetting { enable: Some(false), substitution_tag: None }),
        subscription_tracking: None,
    }
}

/// SendGrid's answer may quote addresses: only its status is told.
fn judged(error: &SendgridError) -> MailError {
    match error {
        SendgridError::RequestNotSuccessful(answer) => by_status(answer.status.as_u16()),
        SendgridError::ReqwestError(_) | SendgridError::Io(_) => {
            MailError::Later("SendGrid cannot be reached".into())
        }
        _ => MailError::Never("the letter cannot be written as SendGrid wants it".into()),
    }
}

/// A key that is refused (401, 403) is ours to mend, after which the letter leaves: not the letter's fault.
fn by_status(status: u16) -> MailError {
    let why = format!("SendGrid answers {status}");
    match status {
        401 | 403 | 408 | 425 | 429 => MailError::Later(why),
        400..=499 => MailError::Never(why),
        _ => MailError::Later(why),
    }
}

fn checked(base: &str) -> Result<&str, MailerError> {
    let wrong = || MailerError::Base(base.to_owned());
    let url = Url::parse(base).map_err(|_| wrong())?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && here);
    if allowed { Ok(base.trim_end_matches('/')) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_leave_in_clear_for_this_machine_alone() {
        for base in
            ["https://api.sendgrid.com/", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"]
        {
            assert!(checked(base).is_ok(), "{base}");
        }
        for base in ["http://api.sendgrid.com", "http://127.0.0.1.example.org", "ftp://localhost", "x"] {
            assert!(checked(base).is_err(), "{base}");
        }
    }

    #[test]
    fn only_what_the_letter_is_guilty_of_ends_its_tries() {
        for later in [401, 403, 429, 500, 503] {
            assert!(matches!(by_status(later), MailError::Later(_)), "{later}");
        }
        for never in [400, 404, 413] {
            assert!(matches!(by_status(never), MailError::Never(_)), "{never}");
        }
    }
}

//! Letters by SendGrid's v3 interface, through its own client.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use sendgrid::SendgridError;
use sendgrid::v3::{
    ClickTrackingSetting, Content, Email, Message, OpenTrackingSetting, Personalization, SGMap, Sender,
    TrackingSettings,
};
use url::{Host, Url};

use crate::mail::folder::headers;
use crate::mail::{DeliveryError, Letter, Mailer, MailerError};

/// The longest that SendGrid may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
const BASE: &str = "https://api.sendgrid.com";

/// Sends by SendGrid.
#[derive(Debug)]
pub struct SendGridMailer {
    client: Client,
    endpoint: String,
    key: String,
}

impl SendGridMailer {
    /// A sender with this key, to SendGrid or to a server that plays it at `base`.
    ///
    /// # Errors
    /// [`MailerError::Configuration`] when the key is no header value, or `base` is plain HTTP off loopback.
    pub fn new(key: &str, base: Option<&str>) -> Result<Self, MailerError> {
        let wrong = |why: String| MailerError::Configuration(why);
        let base = base.unwrap_or(BASE).trim_end_matches('/');
        let url = Url::parse(base).map_err(|error| wrong(format!("SENDGRID_API_BASE: {error}")))?;
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(wrong(
                "SENDGRID_API_BASE must be https; plain http is taken on loopback only".into(),
            ));
        }
        let headers = Sender::get_headers(key)
            .map_err(|_| wrong("SENDGRID_API_KEY holds strange characters".into()))?;
        let client = Client::builder()
            .default_headers(headers)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { client, endpoint: format!("{base}/v3/mail/send"), key: key.to_owned() })
    }
}

#[async_trait]
impl Mailer for SendGridMailer {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let mut sender = Sender::new(&self.key, Some(self.client.clone()));
        sender.set_host(&self.endpoint);
        let headers = headers(letter);
        let headers: SGMap<'_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let marks = SGMap::from([("outbox", letter.id.as_str())]);
        let mut recipient = Personalization::new(Email::new(&letter.to)).add_custom_args(&marks);
        if !headers.is_empty() {
            recipient = recipient.add_headers(&headers);
        }
        let (from, name) = &letter.from;
        let message = Message::new(Email::new(from).set_name(name))
            .set_subject(&letter.subject)
            .add_content(Content::new().set_content_type("text/plain").set_value(&letter.text))
            .add_content(Content::new().set_content_type("text/html").set_value(&letter.html))
            .add_category(letter.purpose.label())
            // Nobody is followed: neither pixels nor rewritten links.
            .set_tracking_settings(TrackingSettings {
                click_tracking: Some(ClickTrackingSetting { enable: Some(false), enable_text: Some(false) }),
                open_tracking: Some(OpenTrackingSetting { enable: Some(false), substitution_tag: None }),
                subscription_tracking: None,
            })
            .add_personalization(recipient);
        sender.send(&message).await.map(drop).map_err(|error| told(&error))
    }
}

/// Whether another try may succeed. Bodies of answers are left out: they may quote addresses.
fn told(error: &SendgridError) -> DeliveryError {
    match error {
        SendgridError::RequestNotSuccessful(answer) => {
            let status = answer.status;
            let why = format!("SendGrid answered {status}");
            let temporary =
                status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 408 | 425 | 429);
            if temporary { DeliveryError::Temporary(why) } else { DeliveryError::Permanent(why) }
        }
        SendgridError::ReqwestError(error) => DeliveryError::Temporary(if error.is_timeout() {
            "SendGrid did not answer in time".into()
        } else {
            "SendGrid could not be reached".into()
        }),
        _ => DeliveryError::Temporary("SendGrid's answer could not be understood".into()),
    }
}

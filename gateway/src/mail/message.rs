//! A letter as an Internet message (RFC 5322), for the sides that hand over whole messages.

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::{Letter, MailError, MailerError};
use crate::config::MailConfig;
use crate::email::ascii_domain;

/// The sender of every letter.
///
/// # Errors
/// [`MailerError::Sender`].
pub(super) fn sender(mail: &MailConfig) -> Result<Mailbox, MailerError> {
    let address = mail.from.parse().map_err(|_| MailerError::Sender(mail.from.clone()))?;
    Ok(Mailbox::new(Some(mail.from_name.clone()), address))
}

/// A message whose id is the letter's: the same at each try, so that a receiver can tell a repetition.
///
/// # Errors
/// [`MailError::Never`] when an address cannot be written.
pub(super) fn message(from: &Mailbox, letter: &Letter) -> Result<Message, MailError> {
    let mailbox = |address: &str| {
        let parsed = ascii_domain(address).parse().map(|address| Mailbox::new(None, address));
        parsed.map_err(|_| MailError::Never("an address of the letter cannot be written".into()))
    };
    let mut builder = Message::builder()
        .from(from.clone())
        .to(mailbox(&letter.to)?)
        .subject(&letter.subject)
        .message_id(Some(format!("<{}@{}>", letter.id, from.email.domain())));
    if let Some(address) = &letter.reply_to {
        builder = builder.reply_to(mailbox(address)?);
    }
    if let Some(url) = &letter.unsubscribe {
        builder = builder
            .raw_header(header("List-Unsubscribe", format!("<{url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
    }
    let part = |kind: ContentType, body: &str| {
        SinglePart::builder()
            .header(kind)
            .header(ContentTransferEncoding::QuotedPrintable)
            .body(body.to_owned())
    };
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &letter.text))
        .singlepart(part(ContentType::TEXT_HTML, &letter.html));
    builder.multipart(parts).map_err(|error| MailError::Never(error.to_string()))
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

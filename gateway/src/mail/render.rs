//! A letter from the theme's templates: `mail/NAME.txt`, whose first line is the subject, and `mail/NAME.html`.

use serde_json::Value;

use crate::config::Settings;
use crate::mail::Letter;
use crate::outbox::Mail;
use crate::texts::Texts;

/// A template is missing or fails.
#[derive(Debug, thiserror::Error)]
#[error("mail/{template}: {why}")]
pub struct RenderError {
    template: String,
    why: String,
}

/// Writes a letter.
///
/// # Errors
/// [`RenderError`].
pub fn render(texts: &Texts, settings: &Settings, id: &str, mail: &Mail) -> Result<Letter, RenderError> {
    let fault = |why: String| RenderError { template: mail.template.clone(), why };
    let mut context = mail.context.clone();
    if let Value::Object(members) = &mut context {
        members.insert("lang".into(), mail.language.tag().into());
        members.insert("company".into(), serde_json::json!(settings.company));
        members.insert("unsubscribe_link".into(), serde_json::json!(mail.unsubscribe));
    }
    let part = |extension: &str| {
        texts.render(&format!("mail/{}.{extension}", mail.template), &context).map_err(|error| {
            let mut why = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                why = format!("{why}: {cause}");
                source = cause.source();
            }
            fault(why)
        })
    };
    let plain = part("txt")?;
    let (first, text) = plain.split_once('\n').unwrap_or((&plain, ""));
    let subject =
        first.strip_prefix("Subject:").ok_or_else(|| fault("the first line is no `Subject:`".into()))?;
    // A subject is one line whatever a name holds: no header can be added.
    let subject: String = subject.trim().chars().filter(|c| !c.is_control()).collect();
    Ok(Letter {
        id: id.to_owned(),
        from: (settings.mail.from.clone(), settings.mail.from_name.clone()),
        to: mail.to.to_string(),
        subject,
        text: text.trim_start().to_owned(),
        html: part("html")?,
        unsubscribe: mail.unsubscribe.clone(),
        purpose: mail.purpose,
    })
}

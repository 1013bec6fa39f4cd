//! From a template of the theme to the parts of a letter.

use aops_manifest::Language;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::texts::Texts;

/// What a mail template says.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// From the first line of the text, `Subject: …`.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// The theme's template does not give a letter.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the template mail/{template}: {why}")]
pub struct RenderError {
    template: String,
    why: String,
}

/// Renders `mail/NAME.txt` and `mail/NAME.html`.
///
/// # Errors
/// [`RenderError`] when a template is missing, faulty, or begins with no subject.
pub fn render(
    texts: &Texts,
    settings: &Settings,
    template: &str,
    language: Language,
    context: &Value,
    unsubscribe: Option<&str>,
) -> Result<Rendered, RenderError> {
    let fault = |why: String| RenderError { template: template.to_owned(), why };
    let mut all = json!({
        "lang": language.tag(),
        "company": settings.company,
        "base_url": settings.base_url,
        "unsubscribe_link": unsubscribe.unwrap_or_default(),
    });
    if let (Some(all), Value::Object(own)) = (all.as_object_mut(), context) {
        all.extend(own.clone());
    }
    let part = |kind: &str| {
        texts
            .render(&format!("mail/{template}.{kind}"), &all)
            .map_err(|error| fault(format!("{kind}: {error}")))
    };
    let text = part("txt")?;
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let subject = first.strip_prefix("Subject:").map(str::trim).filter(|subject| !subject.is_empty());
    let subject = subject.ok_or_else(|| fault("the first line is not `Subject: …`".into()))?;
    Ok(Rendered {
        // Visitors' words may stand in it; a header holds one line.
        subject: subject.chars().filter(|c| !c.is_control()).collect(),
        text: rest.trim_start_matches(['\r', '\n']).to_owned(),
        html: part("html")?,
    })
}

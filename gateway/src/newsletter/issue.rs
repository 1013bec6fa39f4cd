//! An issue as its readers get it: one letter in each language, made from the page that an editor published.

use aops_manifest::Language;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::mailing::{MailingError, Segment, published};
use super::sending::counted;
use super::subscriber::{LEAVE, id};
use crate::app::App;
use crate::email::Email;
use crate::mail::render::{Rendered, render};
use crate::mail::{Bulk, MailError};
use crate::outbox::{self, Mail, Purpose};
use crate::records;
use crate::store::Batch;

const TEMPLATE: &str = "newsletter_numero";
/// Where letters that staff send to themselves to look at wait.
const TESTS: &str = "newsletter-tests";

/// What would be sent, before anything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The language.
    pub language: Language,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// How many would get it.
    pub readers: u64,
}

/// A link of a letter to one of the newsletter's pages; `issue` is told where the link is one of an issue.
pub(super) fn link(app: &App, page: &str, token: &str, language: Language, issue: Option<&str>) -> String {
    let lang = if language == Language::En { "&lang=en" } else { "" };
    let issue = issue.map(|issue| format!("&lettre={issue}")).unwrap_or_default();
    format!("{}/newsletter/{page}?jeton={token}{issue}{lang}", app.settings.base_url)
}

/// The letter of an issue in a language, with a mark where each reader's own word goes; and the link that ends the
/// subscription, with the same mark.
///
/// # Errors
/// [`MailError::Later`]: the issue or the theme can be mended.
pub(super) fn letter(app: &App, issue: &str, language: Language) -> Result<(Rendered, String), MailError> {
    let later = |why: String| MailError::Later(why);
    let site = app.site.load_full();
    let missing = || later(format!("the site has no issue `{issue}` in this language"));
    let letter = site.manifest.letters.get(issue).and_then(|by| by.get(&language)).ok_or_else(missing)?;
    let unsubscribe = link(app, "desinscription", Bulk::MARK, language, Some(issue));
    let context = context(app, letter);
    let rendered = render(&site.texts, &app.settings, TEMPLATE, language, &context, Some(&unsubscribe));
    Ok((rendered.map_err(|error| later(error.to_string()))?, unsubscribe))
}

/// The language in which a reader gets an issue: their own, or French, in which every issue is written first.
pub(super) fn language_for(languages: &[Language], reader: Language) -> Option<Language> {
    [reader, Language::Fr].into_iter().find(|language| languages.contains(language))
}

/// What an issue looks like, and how many of a segment would get it.
///
/// # Errors
/// [`MailingError`].
pub async fn preview(app: &App, issue: &str, segment: &Segment) -> Result<Vec<Preview>, MailingError> {
    let counts = counted(app, issue, segment).await?;
    let mut previews = Vec::new();
    for language in published(app, issue)? {
        let (rendered, _) =
            letter(app, issue, language).map_err(|error| MailingError::Letter(error.to_string()))?;
        let readers = counts.get(&language).copied().unwrap_or_default();
        previews.push(Preview { language, subject: rendered.subject, text: rendered.text, readers });
    }
    Ok(previews)
}

/// Sends an issue to one address to be looked at, in every language of it; nothing is recorded.
///
/// # Errors
/// [`MailingError`].
pub async fn test(app: &App, issue: &str, to: &Email) -> Result<usize, MailingError> {
    let languages = published(app, issue)?;
    let mut batch = Batch::new(TESTS);
    let key = records::subject_key(app, TESTS, "test", &mut batch).await?;
    for language in &languages {
        let site = app.site.load_full();
        let Some(letter) = site.manifest.letters.get(issue).and_then(|by| by.get(language)) else { continue };
        // Following the link is no feat: it ends the subscription of this address, if it has one.
        let token = app.tokens.sign(LEAVE, &id(app, to), Timestamp::MAX);
        let mail = Mail {
            to: to.as_str().to_owned(),
            reply_to: None,
            template: TEMPLATE.into(),
            language: *language,
            purpose: Purpose::Staff,
            context: context(app, letter),
            unsubscribe: Some(link(app, "desinscription", &token, *language, None)),
            subject: "test".into(),
        };
        outbox::enqueue(app, &mut batch, &key, &mail)?;
    }
    app.store.commit(batch).await.map_err(records::RecordError::from)?;
    app.outbox.wake();
    Ok(languages.len())
}

fn context(app: &App, letter: &aops_manifest::Letter) -> serde_json::Value {
    let base = &app.settings.base_url;
    json!({
        "title": letter.title,
        "lead": letter.lead,
        "link": format!("{base}{}", letter.page),
        "text": absolute(&letter.text, base),
    })
}

/// Links to our own pages lead to our own host, from wherever they are read.
fn absolute(text: &str, base: &str) -> String {
    text.replace("](/", &format!("]({base}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_their_language_or_french_or_nothing() {
        let (fr, en) = (Language::Fr, Language::En);
        for (languages, reader, expected) in [
            (vec![fr, en], en, Some(en)),
            (vec![fr, en], fr, Some(fr)),
            (vec![fr], en, Some(fr)),
            (vec![en], fr, None),
            (vec![], fr, None),
        ] {
            assert_eq!(language_for(&languages, reader), expected, "{languages:?} {reader:?}");
        }
    }

    #[test]
    fn links_of_an_issue_lead_to_our_host() {
        let text = "[a](/articles/a/#x) [b](https://example.org/) [c](mailto:c@example.org)";
        let expected =
            "[a](https://aops.fr/articles/a/#x) [b](https://example.org/) [c](mailto:c@example.org)";
        assert_eq!(absolute(text, "https://aops.fr"), expected);
    }
}

//! The theme's templates and interface strings, as the gateway uses them for pages and mails.

use std::collections::BTreeMap;
use std::sync::Arc;

use aops_manifest::{Language, Manifest};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use tera::{Context, Kwargs, State, Tera, TeraResult};

type Strings = BTreeMap<Language, BTreeMap<String, String>>;

/// What templates in Markdown are named by: those of mails.
const MARKDOWN: &str = ".md";

/// Templates and strings of one built site.
pub struct Texts {
    tera: Tera,
    /// Apart, because an engine has one way to escape.
    markdown: Tera,
    strings: Arc<Strings>,
}

impl Texts {
    /// Reads the templates of a manifest.
    ///
    /// # Errors
    /// What the template engine says of a template that cannot be read.
    pub fn new(manifest: &Manifest) -> Result<Self, tera::Error> {
        let strings = Arc::new(manifest.strings.clone());
        let mut tera = engine(&strings);
        tera.autoescape_on([".html"]);
        tera.add_raw_templates(manifest.templates.iter().filter(|(name, _)| !name.ends_with(MARKDOWN)))?;
        let mut markdown = engine(&strings);
        markdown.autoescape_on([MARKDOWN]);
        markdown.set_escape_fn(crate::mail::escape);
        markdown.add_raw_templates(manifest.templates.iter().filter(|(name, _)| name.ends_with(MARKDOWN)))?;
        Ok(Self { tera, markdown, strings })
    }

    /// An interface string, with `{name}` replaced; the key itself when the theme has no such string.
    pub fn text(&self, language: Language, key: &str, arguments: &[(&str, &str)]) -> String {
        text(&self.strings, language, key, arguments)
    }

    /// A long date.
    pub fn day(&self, language: Language, day: Date) -> String {
        date(&self.strings, day, language)
    }

    /// A template with its context; values are escaped as the template's kind wants it (`.html`, `.md`).
    ///
    /// # Errors
    /// What the template engine says.
    pub fn render(&self, template: &str, context: &Value) -> Result<String, tera::Error> {
        self.engine_of(template).render(template, &Context::from_serialize(context)?)
    }

    /// Whether the theme has a template of this name.
    pub fn has(&self, template: &str) -> bool {
        self.engine_of(template).contains_template(template)
    }

    fn engine_of(&self, template: &str) -> &Tera {
        if template.ends_with(MARKDOWN) { &self.markdown } else { &self.tera }
    }
}

/// An engine without templates, which knows the strings and how numbers, amounts and dates are written.
fn engine(strings: &Arc<Strings>) -> Tera {
    let mut tera = Tera::new();
    let told = Arc::clone(strings);
    tera.register_function("t", move |arguments: Kwargs, state: &State| {
        let key: &str = arguments.must_get("key")?;
        let arguments: Vec<(String, String)> =
            arguments.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let arguments: Vec<(&str, &str)> =
            arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        TeraResult::Ok(text(&told, language(state)?, key, &arguments))
    });
    tera.register_filter("money", |cents: f64, _: Kwargs, state: &State| {
        TeraResult::Ok(money(cents.round() as i64, language(state)?))
    });
    tera.register_filter("number", |value: f64, arguments: Kwargs, state: &State| {
        let decimals = arguments.get::<u64>("decimals")?.unwrap_or(0).min(12);
        TeraResult::Ok(number(value, decimals as usize, language(state)?))
    });
    let months = Arc::clone(strings);
    tera.register_filter("date", move |text: &str, _: Kwargs, state: &State| {
        let day = text.get(..10).unwrap_or(text);
        let day: Date = day.parse().map_err(|_| tera::Error::message(format!("`{text}` is no date")))?;
        TeraResult::Ok(date(&months, day, language(state)?))
    });
    let months = Arc::clone(strings);
    tera.register_filter("moment", move |text: &str, _: Kwargs, state: &State| {
        let moment = text.parse().map_err(|_| tera::Error::message(format!("`{text}` is no moment")))?;
        TeraResult::Ok(moment_told(&months, moment, language(state)?))
    });
    tera
}

fn text(strings: &Strings, language: Language, key: &str, arguments: &[(&str, &str)]) -> String {
    let Some(text) = strings.get(&language).and_then(|strings| strings.get(key)) else {
        return key.to_owned();
    };
    arguments.iter().fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn language(state: &State) -> TeraResult<Language> {
    let tag: Option<String> = state.get("lang")?;
    Ok(if tag.as_deref() == Some("en") { Language::En } else { Language::Fr })
}

/// Numbers are written by language; the generator's pages write them likewise.
fn number(value: f64, decimals: usize, language: Language) -> String {
    let (group, point) = match language {
        Language::Fr => ('\u{202f}', ','),
        Language::En => (',', '.'),
    };
    let fixed = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let mut text = String::new();
    if value < 0.0 && fixed.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        text.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    text
}

/// An amount in euros, from its cents.
pub fn money(cents: i64, language: Language) -> String {
    let amount = number(cents as f64 / 100.0, 2, language);
    match language {
        Language::Fr => format!("{amount}\u{a0}€"),
        Language::En => format!("€{amount}"),
    }
}

/// A long date; the names of months are interface strings (`month.1` … `month.12`).
fn date(strings: &Strings, day: Date, language: Language) -> String {
    let month = text(strings, language, &format!("month.{}", day.month()), &[]);
    match (language, day.day()) {
        (Language::Fr, 1) => format!("1er {month} {}", day.year()),
        (_, number) => format!("{number} {month} {}", day.year()),
    }
}

/// A long date and the minute, in UTC; how they are joined is an interface string (`lang.moment`).
fn moment_told(strings: &Strings, moment: Timestamp, language: Language) -> String {
    let moment = moment.to_zoned_datetime(TimeZone::UTC);
    let (hour, minute) = (moment.hour().to_string(), format!("{:02}", moment.minute()));
    let arguments =
        [("date", &*date(strings, moment.date(), language)), ("hour", &hour), ("minute", &minute)];
    text(strings, language, "lang.moment", &arguments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts() -> Texts {
        let strings = |hello: &str, month: &str, moment: &str| {
            let strings = [("hello", hello), ("month.2", month), ("lang.moment", moment)];
            BTreeMap::from(strings.map(|(key, text)| (key.to_owned(), text.to_owned())))
        };
        let template = "{{ t(key=\"hello\", name=who) }} {{ 129000 | money }} {{ \"2026-02-01\" | date }}, \
                        {{ \"2026-02-13T09:05:59.9Z\" | moment }}";
        let manifest = Manifest {
            templates: [
                ("gateway/a.html".into(), template.into()),
                ("mail/a.md".into(), "{{ who }} {{ t(key=\"hello\", name=who) }}".into()),
            ]
            .into(),
            strings: [
                (Language::Fr, strings("Bonjour {name}", "février", "{date} à {hour} h {minute} UTC")),
                (Language::En, strings("Hello {name}", "February", "{date} at {hour}:{minute} UTC")),
            ]
            .into(),
            ..Manifest::default()
        };
        Texts::new(&manifest).unwrap()
    }

    #[test]
    fn a_template_speaks_the_language_of_its_context() {
        let page =
            |lang: &str| texts().render("gateway/a.html", &json!({ "lang": lang, "who": "Élise" })).unwrap();
        assert_eq!(
            page("fr"),
            "Bonjour Élise 1\u{202f}290,00\u{a0}€ 1er février 2026, 13 février 2026 à 9 h 05 UTC"
        );
        assert_eq!(page("en"), "Hello Élise €1,290.00 1 February 2026, 13 February 2026 at 9:05 UTC");
    }

    #[test]
    fn what_visitors_typed_is_text_in_pages_and_in_mails() {
        let context = json!({ "lang": "fr", "who": "<b>" });
        assert!(texts().render("gateway/a.html", &context).unwrap().starts_with("Bonjour &lt;b&gt;"));
        assert_eq!(texts().render("mail/a.md", &context).unwrap(), "\\<b\\> Bonjour \\<b\\>");
    }
}

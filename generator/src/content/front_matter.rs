//! What an author says at the head of a file: TOML between `+++` lines, or YAML between `---` lines.
//!
//! It is found, parsed, and every fault is given its place. It knows no other page.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::yaml;
use crate::diagnostics::{Diagnostic, Source, toml_fault};

/// What an author says of a page or section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontMatter {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    date: Option<Spanned<toml::Value>>,
    updated: Option<Spanned<toml::Value>>,
    publish_at: Option<Spanned<toml::Value>>,
    expires_at: Option<Spanned<toml::Value>>,
    pub(crate) slug: Option<Spanned<String>>,
    pub(crate) path: Option<Spanned<String>>,
    pub(crate) template: Option<Spanned<String>>,
    pub(crate) draft: Option<bool>,
    #[serde(default)]
    pub(crate) weight: i64,
    #[serde(default)]
    pub(crate) aliases: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) taxonomies: BTreeMap<Spanned<String>, Vec<String>>,
    /// Short for `taxonomies.tags`.
    pub(crate) tags: Option<Spanned<Vec<String>>>,
    /// Short for `taxonomies.categories`.
    pub(crate) categories: Option<Spanned<Vec<String>>>,
    pub(crate) series: Option<String>,
    #[serde(default)]
    pub(crate) authors: Vec<String>,
    pub(crate) translation_key: Option<Spanned<String>>,
    pub(crate) noindex: Option<bool>,
    pub(crate) in_search_index: Option<bool>,
    /// Whether the page has a file of its own.
    pub(crate) render: Option<bool>,
    /// Whether a picture for social networks is made.
    pub(crate) card: Option<bool>,
    #[serde(default)]
    pub(crate) extra: toml::Table,
    // For sections.
    pub(crate) sort_by: Option<SortBy>,
    #[serde(default, alias = "paginate_reversed")]
    pub(crate) sort_reversed: bool,
    pub(crate) paginate_by: Option<usize>,
    pub(crate) paginate_path: Option<String>,
    pub(crate) page_template: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) transparent: bool,
    pub(crate) redirect_to: Option<Spanned<String>>,
    #[serde(alias = "generate_feed")]
    pub(crate) generate_feeds: Option<bool>,
    pub(crate) cascade: Option<Cascade>,
    // Zola's, taken and without effect: every heading has its anchor.
    #[serde(rename = "insert_anchor_links")]
    _anchors: Option<String>,
}

/// What a section says for every page below it that says nothing itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cascade {
    pub(crate) template: Option<String>,
    pub(crate) draft: Option<bool>,
    pub(crate) noindex: Option<bool>,
    pub(crate) in_search_index: Option<bool>,
    pub(crate) card: Option<bool>,
    #[serde(default)]
    pub(crate) authors: Vec<String>,
    pub(crate) series: Option<String>,
    #[serde(default)]
    pub(crate) extra: toml::Table,
}

/// The order of a section's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SortBy {
    /// The newest first.
    Date,
    /// The last updated first.
    UpdateDate,
    /// The lightest first.
    Weight,
    /// By letters, accents folded.
    #[serde(alias = "title_bytes")]
    Title,
    /// By the last part of the address.
    Slug,
    /// By file name.
    None,
}

/// The days that front matter names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Days {
    pub(crate) date: Option<Date>,
    pub(crate) updated: Option<Date>,
    /// Not published before.
    pub(crate) publish_at: Option<Date>,
    /// Not published from then on.
    pub(crate) expires_at: Option<Date>,
}

/// Where a span of the parsed TOML stands in the file.
#[derive(Debug, Clone)]
pub(crate) enum Places {
    /// The TOML is the file's own, from this byte.
    Toml(usize),
    /// The TOML was made from YAML: for each key, where it stands in both.
    Yaml(Vec<(Range<usize>, Range<usize>)>),
}

/// Front matter, its days, and where things stand in the file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) front: FrontMatter,
    pub(crate) days: Days,
    pub(crate) places: Places,
    /// Where the text begins.
    pub(crate) body: usize,
}

impl Places {
    /// The span in the file.
    pub(crate) fn of(&self, span: Range<usize>) -> Range<usize> {
        match self {
            Self::Toml(offset) => span.start + offset..span.end + offset,
            Self::Yaml(keys) => {
                let own = keys.iter().find(|(toml, _)| toml.start <= span.start && span.start < toml.end);
                own.or(keys.first()).map_or(0..3, |(_, yaml)| yaml.clone())
            }
        }
    }
}

/// Reads the front matter of a file.
pub(crate) fn parse(source: &Source) -> Result<Parsed, Vec<Diagnostic>> {
    let text = &source.text;
    let first_line = text.lines().next().unwrap_or_default();
    let fence = match first_line.trim_end() {
        fence @ ("+++" | "---") => fence,
        _ => {
            return Err(vec![Diagnostic::error("front-matter-missing", &[]).at(source, 0..first_line.len())]);
        }
    };
    let offset = (first_line.len() + 1).min(text.len());
    let Some(inner) = closing(&text[offset..], fence) else {
        let fault = Diagnostic::error("front-matter-open", &[("fence", fence)]);
        return Err(vec![fault.at(source, 0..fence.len())]);
    };
    let body = (offset + inner.end).min(text.len());
    let written = offset..offset + inner.start;
    let (front, places) = match fence {
        "+++" => (toml::from_str(&text[written]), Places::Toml(offset)),
        _ => {
            let made = yaml::to_toml(source, written).map_err(|fault| vec![fault])?;
            (toml::from_str(&made.toml), Places::Yaml(made.keys))
        }
    };
    let front: FrontMatter =
        front.map_err(|error| vec![toml_fault(source, |span| places.of(span), &error)])?;
    let mut faults = Vec::new();
    let mut day = |written: &Option<Spanned<toml::Value>>| {
        let written = written.as_ref()?;
        let date = civil(written.get_ref());
        if date.is_none() {
            let value = written.get_ref().to_string();
            let fault = Diagnostic::error("date-invalid", &[("value", value.trim_matches('"'))]);
            faults.push(fault.at(source, places.of(written.span())));
        }
        date
    };
    let days = Days {
        date: day(&front.date),
        updated: day(&front.updated),
        publish_at: day(&front.publish_at),
        expires_at: day(&front.expires_at),
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Parsed { front, days, places, body })
}

/// The day of a TOML date, or of a text that begins with one.
fn civil(value: &toml::Value) -> Option<Date> {
    match value {
        toml::Value::Datetime(moment) => {
            let date = moment.date?;
            Date::new(date.year as i16, date.month as i8, date.day as i8).ok()
        }
        toml::Value::String(text) => {
            let (day, rest) = text.trim().split_at_checked(10)?;
            let ends = rest.is_empty() || rest.starts_with(['T', 't', ' ']);
            day.parse().ok().filter(|_| ends)
        }
        _ => None,
    }
}

/// Where the front matter ends, and where what follows the closing line begins.
fn closing(rest: &str, fence: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == fence {
            return Some(start..start + line.len());
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
        match parse(&Source::new("a.md", text)) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|f| (f.code, f.line, f.column)).collect(),
        }
    }

    #[test]
    fn the_text_begins_after_the_closing_line() {
        let source = Source::new("a.md", "+++\ntitle = \"A\"\ndate = 2026-01-25\n+++\n\nBonjour");
        let parsed = parse(&source).unwrap();
        assert_eq!(&source.text[parsed.body..], "\nBonjour");
        assert_eq!(parsed.days.date, Some(jiff::civil::date(2026, 1, 25)));
    }

    #[test]
    fn yaml_says_the_same_as_toml() {
        let source = Source::new(
            "a.md",
            "---\ntitle: \"A : b\"\ndate: 2026-01-25\nupdated: 2026-02-01T10:00:00+01:00\ntags: [x, y]\nweight: 3\nextra:\n  lead: |\n    Deux\n    lignes\n---\nBonjour",
        );
        let parsed = parse(&source).unwrap();
        assert_eq!(parsed.front.title.as_deref(), Some("A : b"));
        assert_eq!(parsed.days.updated, Some(jiff::civil::date(2026, 2, 1)));
        assert_eq!(parsed.front.tags.map(|tags| tags.into_inner().len()), Some(2));
        assert_eq!(parsed.front.extra["lead"].as_str(), Some("Deux\nlignes\n"));
        assert_eq!(&source.text[parsed.body..], "Bonjour");
    }

    #[test]
    fn faults_are_told_where_they_stand() {
        assert_eq!(codes("Bonjour"), [("front-matter-missing", 1, 1)]);
        assert_eq!(codes("+++\ntitle = \"A\"\n"), [("front-matter-open", 1, 1)]);
        assert_eq!(codes("+++\ntitle = \"A\"\ntilte = 1\n+++\n"), [("unknown-key", 3, 1)]);
        assert_eq!(codes("+++\ntitle = 3\n+++\n"), [("wrong-type", 2, 9)]);
        assert_eq!(codes("+++\ntitle = \"A\"\ndate = 2026-02-30\n+++\n").len(), 1);
        assert_eq!(codes("+++\ndate = \"demain\"\n+++\n"), [("date-invalid", 2, 8)]);
    }

    #[test]
    fn faults_of_yaml_are_told_at_their_key() {
        assert_eq!(codes("---\ntitle: A\ntilte: 1\n---\n"), [("unknown-key", 3, 1)]);
        assert_eq!(codes("---\ntitle: A\nweight: lourd\n---\n"), [("wrong-type", 3, 1)]);
        assert_eq!(codes("---\ntitle: A\ndate: 2026-02-30\n---\n"), [("date-invalid", 3, 1)]);
        assert_eq!(codes("---\ntitle: [A\n---\n")[0].0, "yaml");
        assert_eq!(codes("---\n- a\n---\n")[0].0, "yaml");
    }
}

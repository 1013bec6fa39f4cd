//! Front-matter keys of other generators in our words. What we have no word for goes to `extra`, where templates
//! find it; nothing is lost but `layout`.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use toml::value::Datetime;
use toml::{Table, Value};

use super::ImportFrom;
use super::pages::Said;

const OF_PAGES: [&str; 16] = [
    "title",
    "description",
    "date",
    "updated",
    "weight",
    "draft",
    "slug",
    "path",
    "aliases",
    "authors",
    "template",
    "translation_key",
    "noindex",
    "publish_at",
    "expires_at",
    "series",
];
const OF_SECTIONS: [&str; 8] = [
    "sort_by",
    "paginate_by",
    "paginate_path",
    "transparent",
    "page_template",
    "cascade",
    "generate_feeds",
    "redirect_to",
];
const DATES: [&str; 4] = ["date", "updated", "publish_at", "expires_at"];
const LISTS: [&str; 2] = ["aliases", "authors"];
const TEXTS: [&str; 6] = ["title", "description", "slug", "path", "series", "translation_key"];

/// Front matter in our words, in `table`.
#[derive(Debug, Default)]
pub(super) struct Converted {
    pub(super) table: Table,
    pub(super) troubles: Vec<Trouble>,
    taxonomies: Table,
    extra: Table,
}

/// A value that could not be taken; it is kept in `extra`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) key: String,
    pub(super) value: String,
}

/// What a key of another generator is to us.
enum Meaning {
    Key(&'static str),
    Description,
    Terms(&'static str),
    /// A table of keys for templates.
    Extra,
    /// `published: false`.
    Published,
    Dropped,
    Unknown,
}

/// Front matter of a page or section in our words; `said` fills what it leaves open.
pub(super) fn convert(from: ImportFrom, given: &Table, is_section: bool, said: &Said) -> Converted {
    let mut converted = Converted::default();
    // Keys in our own words come first, so that a synonym never takes their place.
    let (ours, others): (Vec<_>, Vec<_>) =
        given.iter().partition(|(key, _)| is_ours(key, is_section) || key.as_str() == "extra");
    for (key, value) in ours.into_iter().chain(others) {
        converted.take(from, key, value, is_section);
    }
    if let Some(date) = said.date.and_then(|date| datetime(&date.to_string()))
        && !converted.table.contains_key("date")
    {
        converted.set("date", Value::Datetime(date));
    }
    if let Some(slug) = said.slug.as_ref().filter(|_| !converted.table.contains_key("slug")) {
        converted.set("slug", Value::String(slug.clone()));
    }
    if said.draft {
        converted.set("draft", Value::Boolean(true));
    }
    for (key, inner) in [
        ("taxonomies", std::mem::take(&mut converted.taxonomies)),
        ("extra", std::mem::take(&mut converted.extra)),
    ] {
        if !inner.is_empty() {
            converted.set(key, Value::Table(inner));
        }
    }
    converted
}

impl Converted {
    fn take(&mut self, from: ImportFrom, key: &str, value: &Value, is_section: bool) {
        match meaning(from, key, is_section) {
            Meaning::Key(name) if !self.table.contains_key(name) => match taken(from, name, value) {
                Some(value) => self.set(name, value),
                None => {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    self.troubles.push(Trouble { key: key.to_owned(), value: value.clone() });
                    self.extra(key, &Value::String(value));
                }
            },
            Meaning::Description if !self.table.contains_key("description") && value.is_str() => {
                self.set("description", value.clone());
            }
            Meaning::Terms(taxonomy) => self.terms(from, taxonomy, value),
            Meaning::Extra => match value.as_table() {
                Some(inner) if key == "taxonomies" => {
                    for (taxonomy, value) in inner {
                        self.terms(from, taxonomy, value);
                    }
                }
                Some(inner) => inner.iter().for_each(|(key, value)| self.extra(key, value)),
                None => self.extra(key, value),
            },
            Meaning::Published if value.as_bool() == Some(false) => self.set("draft", Value::Boolean(true)),
            Meaning::Published | Meaning::Dropped => {}
            Meaning::Key(_) | Meaning::Description | Meaning::Unknown => self.extra(key, value),
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        self.table.insert(key.to_owned(), value);
    }

    fn extra(&mut self, key: &str, value: &Value) {
        self.extra.entry(key).or_insert_with(|| value.clone());
    }

    /// Adds terms to a taxonomy, each once.
    fn terms(&mut self, from: ImportFrom, taxonomy: &str, value: &Value) {
        let terms = match value {
            Value::Array(terms) => terms.iter().filter_map(text).collect(),
            // Jekyll parts words, but those of `category` and `tag`.
            Value::String(words) if from == ImportFrom::Jekyll => {
                words.split_whitespace().map(str::to_owned).collect()
            }
            value => Vec::from_iter(text(value)),
        };
        let kept = self.taxonomies.entry(taxonomy).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(kept) = kept {
            for term in terms.into_iter().filter(|term| !term.is_empty()).map(Value::String) {
                if !kept.contains(&term) {
                    kept.push(term);
                }
            }
        }
    }
}

fn is_ours(key: &str, is_section: bool) -> bool {
    OF_PAGES.contains(&key) || is_section && OF_SECTIONS.contains(&key)
}

fn meaning(from: ImportFrom, key: &str, is_section: bool) -> Meaning {
    let synonym = match from {
        ImportFrom::Hugo => of_hugo(&key.to_lowercase()),
        ImportFrom::Jekyll => of_jekyll(key),
        ImportFrom::Zola if key == "generate_feed" && is_section => Some(Meaning::Key("generate_feeds")),
        ImportFrom::Zola => None,
    };
    if matches!(key, "taxonomies" | "extra") {
        return Meaning::Extra;
    }
    synonym.unwrap_or_else(|| {
        let ours = OF_PAGES.into_iter().chain(OF_SECTIONS.into_iter().filter(|_| is_section));
        ours.into_iter().find(|known| *known == key).map_or(Meaning::Unknown, Meaning::Key)
    })
}

/// Hugo does not tell capitals from small letters in keys.
fn of_hugo(key: &str) -> Option<Meaning> {
    Some(match key {
        "lastmod" | "modified" => Meaning::Key("updated"),
        "url" => Meaning::Key("path"),
        "publishdate" | "pubdate" | "published" => Meaning::Key("publish_at"),
        "expirydate" | "unpublishdate" => Meaning::Key("expires_at"),
        "translationkey" => Meaning::Key("translation_key"),
        "author" => Meaning::Key("authors"),
        "summary" => Meaning::Description,
        "categories" => Meaning::Terms("categories"),
        "tags" => Meaning::Terms("tags"),
        "params" => Meaning::Extra,
        // Those of Hugo speak of its own layouts and of pages chosen by pattern.
        "cascade" | "template" => Meaning::Unknown,
        "path" => Meaning::Unknown,
        _ => return None,
    })
}

fn of_jekyll(key: &str) -> Option<Meaning> {
    Some(match key {
        "last_modified_at" => Meaning::Key("updated"),
        "permalink" => Meaning::Key("path"),
        "redirect_from" => Meaning::Key("aliases"),
        "author" => Meaning::Key("authors"),
        "excerpt" => Meaning::Description,
        "categories" | "category" => Meaning::Terms("categories"),
        "tags" | "tag" => Meaning::Terms("tags"),
        "published" => Meaning::Published,
        "layout" => Meaning::Dropped,
        "template" | "path" => Meaning::Unknown,
        _ => return None,
    })
}

/// A value of one of our keys, in the type that it has with us; none when it cannot be.
fn taken(from: ImportFrom, key: &str, value: &Value) -> Option<Value> {
    if DATES.contains(&key) {
        return match value {
            Value::Datetime(_) => Some(value.clone()),
            Value::String(text) => datetime(text).map(Value::Datetime),
            _ => None,
        };
    }
    if LISTS.contains(&key) {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let texts: Option<Vec<_>> = values.iter().map(text).collect();
        let taken = texts?.into_iter().map(|text| match key {
            "aliases" if !text.starts_with('/') => {
                // Hugo counts from the page's folder, the others from the top.
                (from != ImportFrom::Hugo).then(|| Value::String(format!("/{text}")))
            }
            _ => Some(Value::String(text)),
        });
        return taken.collect::<Option<Vec<_>>>().map(Value::Array);
    }
    if key == "path" && from == ImportFrom::Jekyll {
        // `/:year/:title/` and `pretty` are patterns.
        return value.as_str().filter(|path| path.starts_with('/') && !path.contains(':')).map(Value::from);
    }
    if TEXTS.contains(&key) {
        return match value {
            Value::Array(values) if values.len() == 1 => text(&values[0]).map(Value::String),
            value => text(value).map(Value::String),
        };
    }
    Some(value.clone())
}

/// A plain value as text; the name of an author written as a table.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(value.to_string()),
        Value::Table(table) => table.get("name").and_then(Value::as_str).map(str::to_owned),
        Value::Datetime(_) | Value::Array(_) => None,
    }
}

/// A date as people write it in YAML: `2024-01-05`, with a time, with an offset after a space.
fn datetime(written: &str) -> Option<Datetime> {
    let written = written.trim();
    if let Ok(datetime) = written.parse::<Datetime>()
        && datetime.date.is_some_and(|d| Date::new(d.year as i16, d.month as i8, d.day as i8).is_ok())
    {
        return Some(datetime);
    }
    for form in ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M %z", "%Y-%m-%dT%H:%M:%S%z"] {
        if let Ok(parsed) = strtime::parse(form, written)
            && let (Ok(civil), Some(offset)) = (parsed.to_datetime(), parsed.offset())
        {
            let minutes = offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
            return format!("{civil}{sign}{hours:02}:{minutes:02}").parse().ok();
        }
    }
    for form in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(civil) = DateTime::strptime(form, written) {
            return civil.to_string().parse().ok();
        }
    }
    ["%Y-%m-%d", "%Y/%m/%d", "%B %d, %Y"]
        .iter()
        .find_map(|form| Date::strptime(form, written).ok())
        .and_then(|date| date.to_string().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(from: ImportFrom, given: &str) -> String {
        let given = toml::from_str(given).unwrap();
        super::super::front_matter::written(&convert(from, &given, false, &Said::default()).table)
    }

    #[test]
    fn dates_are_taken_as_people_write_them() {
        for (written, taken) in [
            ("2024-01-05", Some("2024-01-05")),
            ("2024-01-05T10:00:00+01:00", Some("2024-01-05T10:00:00+01:00")),
            ("2024-01-05 10:00:00 +0100", Some("2024-01-05T10:00:00+01:00")),
            ("2024-01-05 10:00:00 -0330", Some("2024-01-05T10:00:00-03:30")),
            ("2024-01-05 10:00", Some("2024-01-05T10:00")),
            ("2024/01/05", Some("2024-01-05")),
            ("2024-02-30", None),
            ("hier", None),
        ] {
            assert_eq!(datetime(written).map(|d| d.to_string()).as_deref(), taken, "{written}");
        }
    }

    #[test]
    fn a_synonym_never_takes_the_place_of_our_own_word() {
        let given = "summary = \"S\"\ndescription = \"D\"\nlastmod = 2024-01-02\nupdated = 2024-01-01";
        let expected = "+++\ndescription = \"D\"\nupdated = 2024-01-01\n\n[extra]\nlastmod = 2024-01-02\n\
                        summary = \"S\"\n+++\n";
        assert_eq!(converted(ImportFrom::Hugo, given), expected);
    }

    #[test]
    fn an_old_address_counts_from_the_top_but_with_hugo() {
        let given = "aliases = [\"vieux/\"]";
        assert_eq!(converted(ImportFrom::Zola, given), "+++\naliases = [\"/vieux/\"]\n+++\n");
        assert!(converted(ImportFrom::Hugo, given).contains("[extra]"));
    }

    #[test]
    fn a_value_of_another_type_is_told_and_kept() {
        let given = toml::from_str("date = \"hier\"\npermalink = \"/:year/:title/\"").unwrap();
        let converted = convert(ImportFrom::Jekyll, &given, false, &Said::default());
        let keys: Vec<_> = converted.troubles.iter().map(|trouble| trouble.key.as_str()).collect();
        assert_eq!(keys, ["date", "permalink"]);
        assert_eq!(converted.table["extra"]["date"].as_str(), Some("hier"));
    }
}

//! What the generator is told: the `[site]` table of `site.toml`, and how this build is wanted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aops_manifest::Language;
use serde::Deserialize;

use crate::progress::Progress;

/// The `[site]` table of `site.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// The folder under `themes/`.
    pub theme: String,
    /// The site's name.
    pub title: String,
    /// Scheme and host, without a final `/`.
    pub base_url: String,
    /// Names under which pages may be classified.
    #[serde(default)]
    pub taxonomies: Vec<Taxonomy>,
    /// What the site is, by language.
    pub description: Localized,
    /// Whether the day of the last commit of a file is its `updated` when its front matter names none.
    #[serde(default)]
    pub updated_from_git: bool,
    /// Widths, in pixels, of the smaller forms of pictures.
    #[serde(default = "picture_widths")]
    pub picture_widths: Vec<u32>,
    /// How pictures for social networks are painted; without it none are made.
    pub card: Option<CardConfig>,
}

/// A way to classify pages: its name alone, or with how its terms are listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Taxonomy {
    /// Every page of a term on one page, and a feed.
    Name(String),
    /// As said.
    Settings(TaxonomySettings),
}

/// How the terms of a taxonomy are listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxonomySettings {
    /// Its name, as front matter uses it.
    pub name: String,
    /// Pages on one page of a term; all when it is left out.
    pub paginate_by: Option<usize>,
    /// Whether each term has feeds.
    #[serde(default = "yes")]
    pub feed: bool,
}

/// The colours of pictures for social networks, as `#rrggbb`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardConfig {
    /// Behind the text.
    pub ground: Colour,
    /// The text.
    pub ink: Colour,
    /// The bar beside it.
    pub accent: Colour,
}

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour(pub [u8; 3]);

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = number.ok_or_else(|| format!("`{text}` is not #rrggbb"))?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl Taxonomy {
    /// Its name, as front matter uses it.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Settings(settings) => &settings.name,
        }
    }

    /// Pages on one page of a term.
    pub fn paginate_by(&self) -> Option<usize> {
        match self {
            Self::Name(_) => None,
            Self::Settings(settings) => settings.paginate_by,
        }
    }

    /// Whether each term has feeds.
    pub fn feed(&self) -> bool {
        match self {
            Self::Name(_) => true,
            Self::Settings(settings) => settings.feed,
        }
    }
}

fn yes() -> bool {
    true
}

fn picture_widths() -> Vec<u32> {
    vec![480, 960, 1440]
}

/// A text in each language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    /// In French.
    pub fr: String,
    /// In English.
    pub en: String,
}

impl Localized {
    /// The text of one language.
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::Fr => &self.fr,
            Language::En => &self.en,
        }
    }
}

/// Sources by directive of a Content-Security-Policy.
pub type Sources = BTreeMap<String, Vec<String>>;

/// How a build is wanted.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The folder of `site.toml`, `content/` and `themes/`.
    pub root: PathBuf,
    /// The folder written, replaced as a whole.
    pub output: PathBuf,
    /// Instead of the one of `site.toml`.
    pub base_url: Option<String>,
    /// Whether drafts are published.
    pub drafts: bool,
    /// Leaves out compressed variants, the search index and made pictures.
    pub plain: bool,
    /// Leaves out compressed variants alone, as a site does that is served while it is written.
    pub uncompressed: bool,
    /// The day of the build, the only thing that is not a file: `security.txt` shows it (by month), and
    /// `publish_at` and `expires_at` are compared with it.
    pub today: jiff::civil::Date,
    /// What pages may load beside the site's own files, by directive of the Content-Security-Policy.
    pub page_sources: Sources,
    /// Tables that templates may read (`company`, `offers`, `consent`).
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Who is told how far the build is.
    pub progress: Progress,
}

impl BuildOptions {
    /// A plain build of a root folder into its `public/`, without drafts or data, on a day.
    pub fn new(root: impl Into<PathBuf>, today: jiff::civil::Date) -> Self {
        let root = root.into();
        Self {
            output: root.join("public"),
            root,
            base_url: None,
            drafts: false,
            plain: true,
            uncompressed: false,
            today,
            page_sources: Sources::new(),
            data: serde_json::Map::new(),
            progress: Progress::default(),
        }
    }
}

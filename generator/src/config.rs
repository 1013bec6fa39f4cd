//! What the generator is told: the `[site]` table of `site.toml`, and how this build is wanted.

use std::path::PathBuf;

use aops_manifest::Language;
use serde::Deserialize;

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
    pub taxonomies: Vec<String>,
    /// What the site is, by language.
    pub description: Localized,
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
    /// Leaves out the compressed variants.
    pub plain: bool,
    /// The day of the build: the only thing that is not a file, and only `security.txt` shows it (by month).
    pub today: jiff::civil::Date,
    /// Tables that templates may read (`company`, `offers`).
    pub data: serde_json::Map<String, serde_json::Value>,
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
            today,
            data: serde_json::Map::new(),
        }
    }
}

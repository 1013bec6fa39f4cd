//! The `[site]` table of `site.toml`.

use std::collections::BTreeMap;

use aops_manifest::Language;
use serde::Deserialize;

/// What the generator is told of the site as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// The folder of the theme under `themes/`.
    pub theme: String,
    /// The site's name.
    pub title: String,
    /// The address under which the site is served.
    pub base_url: String,
    /// The taxonomies that pages may name.
    #[serde(default)]
    pub taxonomies: Vec<String>,
    /// What the site is, by language.
    #[serde(default)]
    pub description: BTreeMap<Language, String>,
}

//! `list`: the documents of a site as an editor asks for them: drafts, scheduled, untranslated, oldest.

use std::collections::HashSet;

use aops_manifest::Language;
use jiff::civil::Date;
use serde::Serialize;

use crate::config::{BuildOptions, SiteConfig};
use crate::content::{self, Document};
use crate::diagnostics::Diagnostics;

/// A document, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The file, relative to the root folder.
    pub file: String,
    /// Its URL path.
    pub path: String,
    /// Its title.
    pub title: String,
    /// The language it is written in.
    pub language: Language,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it has a counterpart in the other language.
    pub translated: bool,
    /// Its date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// When it was last brought up to date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Date>,
    /// When it will be published, if that is to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Date>,
    /// When it is withdrawn, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Date>,
}

/// Every document, drafts and scheduled ones among them, in the order of files.
///
/// # Errors
/// Files that cannot be read.
pub fn list(config: &SiteConfig, options: &BuildOptions) -> Result<Vec<Listed>, Diagnostics> {
    let mut faults = Diagnostics::default();
    let loaded = content::load(options, config, &mut faults);
    if faults.has_errors() {
        return Err(faults.ordered());
    }
    let all: Vec<_> = loaded.documents.iter().chain(&loaded.unpublished).collect();
    let key = |document: &Document| {
        let key = document.front.translation_key.as_ref();
        key.map_or_else(|| document.relative.clone(), |key| key.get_ref().clone())
    };
    let keys: HashSet<(Language, String)> =
        all.iter().map(|document| (document.language, key(document))).collect();
    let mut listed: Vec<Listed> = all
        .into_iter()
        .map(|document| Listed {
            file: document.source.file.to_string(),
            path: document.path.clone(),
            title: document.title.clone(),
            language: document.language,
            draft: document.front.draft.unwrap_or(false),
            translated: Language::ALL.iter().all(|language| keys.contains(&(*language, key(document)))),
            date: document.days.date,
            updated: document.days.updated,
            publish_at: document.days.publish_at.filter(|day| *day > options.today),
            expires_at: document.days.expires_at,
        })
        .collect();
    listed.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(listed)
}

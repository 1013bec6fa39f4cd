//! A search index small enough to be sent to browsers, and the one rule by which it is asked there and here.
//!
//! Words are folded (no case, no accents), words that say nothing are dropped, the rest is stemmed by Snowball. The
//! rule that asks ([`Index::query`]) needs no stemmer, so that a script of a few lines answers the same: see
//! `themes/aops/scripts/search.js` and the fixture that both are held against. It knows no page, no file, no HTTP.

mod build;
mod query;
mod words;

use serde::{Deserialize, Serialize};

pub use build::{Entry, build};
pub use query::Hit;

/// What a language's pages say, by stem.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Path, title, and what is shown of each page, in the order of paths.
    pub pages: Vec<(String, String, String)>,
    /// Words that are not asked, folded, in the order of letters.
    pub empty: Vec<String>,
    /// In the order of letters.
    pub stems: Vec<String>,
    /// By stem: pairs of a page (the number of pages since the last one) and how much the stem weighs there.
    pub places: Vec<Vec<u32>>,
}

impl Index {
    /// As it is sent.
    pub fn to_json(&self) -> String {
        // A struct of strings and numbers always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As it was sent.
    ///
    /// # Errors
    /// What is no index.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

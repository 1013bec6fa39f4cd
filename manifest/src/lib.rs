//! What the generator tells the gateway about a built site, and the only thing the two share.
//!
//! The generator writes one [`Manifest`] as `public/.manifest.json`; the gateway serves what it says and
//! decides nothing again. It is plain data: no file is opened and no rule is applied here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of this format; a gateway refuses a manifest of another version.
pub const VERSION: u32 = 1;

/// The file name of the manifest inside the output folder.
pub const FILE_NAME: &str = ".manifest.json";

/// A built site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`] of the format.
    pub version: u32,
    /// Digest over all entries: changes when, and only when, the site changes.
    pub build: String,
    /// By decoded absolute URL path (`/`, `/offres/`, `/assets/site.3f2a.css`).
    pub entries: BTreeMap<String, Entry>,
    /// By decoded absolute URL path.
    pub redirects: BTreeMap<String, Redirect>,
    /// By language: the URL path (a key of `entries`) of the page for what does not exist.
    pub not_found: BTreeMap<Language, String>,
    /// By language: the page frame into which the gateway sets what it writes itself.
    pub shells: BTreeMap<Language, Shell>,
    /// By language: the search page and its index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub search: BTreeMap<Language, Search>,
    /// By name (`2026-11-24`), then by language: the issues of the newsletter that are published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letters: BTreeMap<String, BTreeMap<Language, Letter>>,
    /// Tera sources by name (`gateway/connexion.html`, `forms/contact.html`, `mail/contact_accuse.md`).
    pub templates: BTreeMap<String, String>,
    /// Interface strings by language, then by dotted key (`form.email.label`).
    pub strings: BTreeMap<Language, BTreeMap<String, String>>,
}

/// One file to serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path of the file, relative to the output folder, `/`-separated.
    pub file: String,
    /// The `Content-Type` field value.
    pub content_type: String,
    /// Bytes of the file as it stands (identity coding).
    pub length: u64,
    /// Strong entity tag of the identity coding, with its quotes.
    pub etag: String,
    /// How caches may keep it.
    pub cache: Cache,
    /// Whether byte ranges are answered.
    pub ranges: bool,
    /// The page's `Content-Security-Policy`, for HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csp: Option<String>,
    /// The language of the page, for HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// By content coding (`br`, `zstd`, `gzip`): the compressed forms made at build time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<Coding, Variant>,
}

/// A compressed form of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Path of the file, relative to the output folder.
    pub file: String,
    /// Bytes of the compressed file.
    pub length: u64,
    /// Strong entity tag of this form: never that of another (RFC 9110 § 8.8.3.3).
    pub etag: String,
}

/// A content coding (RFC 9110 § 8.4.1); the order is that of preference between equal q-values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// The token of `Accept-Encoding` and `Content-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// How caches may keep an entry (RFC 9111, RFC 8246).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// The name bears a digest of the bytes: a year, `immutable`.
    Immutable,
    /// Kept, but asked again each time: pages and feeds.
    Revalidate,
}

/// A page that moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// An absolute URL path of this site.
    pub to: String,
    /// 301 or 308.
    pub status: u16,
}

/// An issue of the newsletter: a page, and its text as mails want it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// The URL path of its page.
    pub page: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub lead: String,
    /// CommonMark; links to pages of the site are absolute paths.
    pub text: String,
}

/// Where a language is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The URL path of the search page, asked with `?q=`.
    pub page: String,
    /// The URL path of the index (a key of `entries`).
    pub index: String,
}

/// A page frame: a whole HTML page of the theme in which three marks stand once each.
///
/// The gateway replaces [`Shell::TITLE`] by an escaped title, [`Shell::MAIN`] by the HTML of the main
/// part and [`Shell::HEAD`] by nothing or by elements for the head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shell {
    /// The frame's HTML.
    pub html: String,
    /// Its `Content-Security-Policy`.
    pub csp: String,
}

impl Shell {
    /// Stands where the page's title goes, inside `<title>`.
    pub const TITLE: &'static str = "<!--shell:title-->";
    /// Stands where elements of the head go.
    pub const HEAD: &'static str = "<!--shell:head-->";
    /// Stands where the main part goes, inside `<main>`.
    pub const MAIN: &'static str = "<!--shell:main-->";
}

/// A language that the site is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French, at `/`.
    #[default]
    Fr,
    /// English, at `/en/`.
    En,
}

impl Language {
    /// Every language, the default one first.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }

    /// What its URL paths begin with: `/` or `/en/`.
    pub fn root(self) -> &'static str {
        match self {
            Self::Fr => "/",
            Self::En => "/en/",
        }
    }

    /// The language that a URL path belongs to.
    pub fn of_path(path: &str) -> Self {
        if path == "/en" || path.starts_with("/en/") { Self::En } else { Self::Fr }
    }
}

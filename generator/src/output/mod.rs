//! What is written: files by address, their compressed forms, and the manifest that tells the gateway of them.

mod compress;
mod feeds;
mod policy;
mod publish;

use std::collections::BTreeMap;
use std::fmt::Write;

use aops_manifest::{Cache, Entry, Language, Manifest, VERSION, Variant};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::files::media_type;

pub(crate) use self::compress::VariantCache;
pub(crate) use self::feeds::{Article, SitemapPage, atom, robots, security_txt, sitemap};
pub(crate) use self::policy::content_security_policy;
pub(crate) use self::publish::publish;

/// Everything of a site that is served as it stands.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// By address.
    pub(crate) files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Pages have one.
    pub(crate) language: Option<Language>,
}

/// A file ready to be written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Output {
    /// Adds a page at its address.
    pub(crate) fn page(&mut self, path: &str, html: String, language: Language) {
        self.files.insert(path.to_owned(), File { bytes: html.into_bytes(), language: Some(language) });
    }

    /// Adds any other file.
    pub(crate) fn file(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(path.into(), File { bytes, language: None });
    }

    /// Entries of the manifest and files to write. Without a cache, no compressed forms are made.
    pub(crate) fn finish(self, cache: Option<&VariantCache>) -> (BTreeMap<String, Entry>, Vec<Written>) {
        let finished: Vec<(String, Entry, Vec<Written>)> =
            self.files.into_par_iter().map(|(url, file)| finished(url, file, cache)).collect();
        let mut entries = BTreeMap::new();
        let mut written = Vec::new();
        for (url, entry, files) in finished {
            entries.insert(url, entry);
            written.extend(files);
        }
        (entries, written)
    }
}

/// The digest of a manifest's entries and templates: the site's version.
pub(crate) fn build_id(manifest: &Manifest) -> String {
    // A manifest is plain data: it can always be written.
    digest(&serde_json::to_vec(manifest).unwrap_or_default())[..16].to_owned()
}

/// An empty manifest of the current version.
pub(crate) fn manifest() -> Manifest {
    Manifest { version: VERSION, ..Manifest::default() }
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn finished(url: String, file: File, cache: Option<&VariantCache>) -> (String, Entry, Vec<Written>) {
    let path = match url.strip_suffix('/') {
        Some(folder) => format!("{}/index.html", folder).trim_start_matches('/').to_owned(),
        None => url.trim_start_matches('/').to_owned(),
    };
    let content_type = match (path.as_str(), file.language) {
        (_, Some(_)) => "text/html; charset=utf-8",
        (name, None) if name.ends_with("atom.xml") => "application/atom+xml; charset=utf-8",
        (name, None) => media_type(name),
    };
    let digest = digest(&file.bytes);
    let tag = &digest[..20];
    let mut written = Vec::new();
    let mut variants = BTreeMap::new();
    if let Some(cache) = cache.filter(|_| compressible(content_type)) {
        for (coding, bytes) in cache.variants(&digest, &file.bytes) {
            let variant = Variant {
                file: format!("{path}.{}", compress::extension(coding)),
                length: bytes.len() as u64,
                etag: format!("\"{tag}-{}\"", coding.token()),
            };
            written.push(Written { path: variant.file.clone(), bytes });
            variants.insert(coding, variant);
        }
    }
    let entry = Entry {
        file: path.clone(),
        content_type: content_type.to_owned(),
        length: file.bytes.len() as u64,
        etag: format!("\"{tag}\""),
        cache: if url.starts_with("/assets/") { Cache::Immutable } else { Cache::Revalidate },
        ranges: file.language.is_none(),
        csp: file.language.map(|_| content_security_policy(&file.bytes)),
        language: file.language,
        variants,
    };
    written.push(Written { path, bytes: file.bytes });
    (url, entry, written)
}

fn compressible(content_type: &str) -> bool {
    ["text/", "application/json", "application/xml", "application/atom+xml", "image/svg+xml", "application/toml"]
        .iter()
        .any(|kind| content_type.starts_with(kind))
}

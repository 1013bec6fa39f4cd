//! Compressed forms of text files, kept by content so that each is made once. It chooses; codecs compress.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aops_manifest::{Coding, Variant};
use flate2::{Compression, write::GzEncoder};

use super::{etag, write};
use crate::diagnostics::Diagnostic;
use crate::digest::{hex, sha256};

/// Below this, headers cost more than compression saves.
const SMALLEST: usize = 256;

/// Compresses, and remembers under a folder outside of the site.
#[derive(Debug)]
pub(crate) struct Compressor {
    cache: PathBuf,
}

impl Compressor {
    /// A compressor with its cache; a cache that cannot be written only costs time.
    pub(crate) fn new(cache: PathBuf) -> Self {
        let _ = fs::create_dir_all(&cache);
        Self { cache }
    }

    /// Writes the forms of a file that are smaller than the file.
    pub(crate) fn variants(
        &self,
        folder: &Path,
        file: &str,
        content_type: &str,
        bytes: &[u8],
        digest: &[u8; 32],
    ) -> Result<BTreeMap<Coding, Variant>, Diagnostic> {
        let mut variants = BTreeMap::new();
        if bytes.len() < SMALLEST || !is_text(content_type) {
            return Ok(variants);
        }
        for (coding, extension) in [(Coding::Br, "br"), (Coding::Zstd, "zst"), (Coding::Gzip, "gz")] {
            let Some(compressed) = self.form(coding, effort(content_type), bytes, digest) else { continue };
            if compressed.len() >= bytes.len() {
                continue;
            }
            let file = format!("{file}.{extension}");
            write(folder, &file, &compressed)?;
            let etag = etag(&sha256(&compressed));
            variants.insert(coding, Variant { file, length: compressed.len() as u64, etag });
        }
        Ok(variants)
    }

    fn form(&self, coding: Coding, effort: Effort, bytes: &[u8], digest: &[u8; 32]) -> Option<Vec<u8>> {
        let name = hex(&digest[..20]);
        let level = effort as u8;
        let path = self.cache.join(&name[..2]).join(format!("{}.{level}.{}", &name[2..], coding.token()));
        if let Ok(known) = fs::read(&path) {
            return Some(known);
        }
        let compressed = compress(coding, effort, bytes).ok()?;
        // Beside first, then renamed: a build that is killed leaves no half of a form behind.
        let beside = path.with_extension(format!("{}.{}", coding.token(), std::process::id()));
        let kept =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&beside, &compressed));
        if kept.and_then(|()| fs::rename(&beside, &path)).is_err() {
            let _ = fs::remove_file(&beside);
        }
        Some(compressed)
    }
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// Feeds, maps, indexes: programs fetch them, at their own pace.
    Fair = 0,
    /// What a reader waits for.
    Most = 1,
}

fn effort(content_type: &str) -> Effort {
    // A build for tests has no reader, and is made for each of them under another address: nothing is in the cache.
    if cfg!(debug_assertions) {
        return Effort::Fair;
    }
    let awaited = ["text/html", "text/css", "text/javascript", "image/svg+xml"];
    if awaited.iter().any(|awaited| content_type.starts_with(awaited)) { Effort::Most } else { Effort::Fair }
}

fn compress(coding: Coding, effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Br => {
            let mut out = Vec::new();
            let quality = if effort == Effort::Most { 11 } else { 9 };
            let parameters = brotli::enc::BrotliEncoderParams { quality, ..Default::default() };
            brotli::BrotliCompress(&mut &bytes[..], &mut out, &parameters)?;
            Ok(out)
        }
        Coding::Zstd => zstd::bulk::compress(bytes, if effort == Effort::Most { 19 } else { 12 }),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || matches!(essence, "application/json" | "application/xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_smaller_distinct_and_the_same_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let compressor = Compressor::new(folder.path().join("cache"));
        let bytes = b"<p>Bonjour</p>\n".repeat(100);
        let digest = sha256(&bytes);
        let make = || {
            compressor.variants(folder.path(), "a.html", "text/html; charset=utf-8", &bytes, &digest).unwrap()
        };
        let variants = make();
        let tags: std::collections::BTreeSet<_> = variants.values().map(|v| &v.etag).collect();
        assert_eq!((variants.len(), tags.len()), (3, 3));
        assert!(variants.values().all(|v| v.length < bytes.len() as u64));
        assert_eq!(make(), variants);
    }

    #[test]
    fn pictures_and_tiny_files_have_no_forms() {
        let folder = tempfile::tempdir().unwrap();
        let compressor = Compressor::new(folder.path().join("cache"));
        for (kind, bytes) in [("image/png", vec![0; 4000]), ("text/plain", b"x".repeat(20))] {
            let variants = compressor.variants(folder.path(), "a", kind, &bytes, &sha256(&bytes)).unwrap();
            assert!(variants.is_empty(), "{kind}");
        }
    }
}

//! Compressed forms, made at the highest level once and kept by content.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use aops_manifest::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Smaller files gain nothing: they travel in one packet anyway.
const WORTHWHILE: usize = 256;

/// Where compressed forms are kept between builds; a form that cannot be kept is made again next time.
#[derive(Debug)]
pub(crate) struct VariantCache {
    folder: PathBuf,
}

impl VariantCache {
    /// A cache in a folder of its own, made when first needed.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The forms that are smaller than the file itself.
    pub(crate) fn variants(&self, digest: &str, bytes: &[u8]) -> Vec<(Coding, Vec<u8>)> {
        if bytes.len() < WORTHWHILE {
            return Vec::new();
        }
        let made = [Coding::Br, Coding::Zstd, Coding::Gzip].into_iter().filter_map(|coding| {
            let form = self.kept(digest, coding).or_else(|| {
                let form = compressed(bytes, coding)?;
                self.keep(digest, coding, &form);
                Some(form)
            })?;
            (form.len() < bytes.len()).then_some((coding, form))
        });
        made.collect()
    }

    fn path(&self, digest: &str, coding: Coding) -> PathBuf {
        self.folder.join(&digest[..2]).join(format!("{digest}.{}", extension(coding)))
    }

    fn kept(&self, digest: &str, coding: Coding) -> Option<Vec<u8>> {
        fs::read(self.path(digest, coding)).ok()
    }

    fn keep(&self, digest: &str, coding: Coding, form: &[u8]) {
        let path = self.path(digest, coding);
        let beside = path.with_extension(format!("{}.{}", extension(coding), std::process::id()));
        // Only speed is lost when this fails; what stands there is always whole, since it is renamed into place.
        let kept = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&beside, form));
        if kept.and_then(|()| fs::rename(&beside, &path)).is_err() {
            let _ = fs::remove_file(&beside);
        }
    }
}

/// The ending of a compressed file's name.
pub(super) fn extension(coding: Coding) -> &'static str {
    match coding {
        Coding::Br => "br",
        Coding::Zstd => "zst",
        Coding::Gzip => "gz",
    }
}

fn compressed(bytes: &[u8], coding: Coding) -> Option<Vec<u8>> {
    let mut form = Vec::with_capacity(bytes.len() / 3);
    match coding {
        Coding::Br => {
            let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
            brotli::BrotliCompress(&mut &bytes[..], &mut form, &parameters).ok()?;
        }
        Coding::Zstd => form = zstd::bulk::compress(bytes, 19).ok()?,
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(&mut form, Compression::best());
            encoder.write_all(bytes).ok()?;
            encoder.finish().ok()?;
        }
    }
    Some(form)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_form_gives_the_bytes_back_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = VariantCache::new(folder.path().to_owned());
        let bytes = "une phrase qui revient souvent. ".repeat(200).into_bytes();
        let forms = cache.variants("abcd", &bytes);
        assert_eq!(forms.len(), 3);
        for (coding, form) in &forms {
            let mut back = Vec::new();
            match coding {
                Coding::Br => drop(brotli::Decompressor::new(&form[..], 4096).read_to_end(&mut back).unwrap()),
                Coding::Zstd => back = zstd::decode_all(&form[..]).unwrap(),
                Coding::Gzip => drop(flate2::read::GzDecoder::new(&form[..]).read_to_end(&mut back).unwrap()),
            }
            assert_eq!(back, bytes, "{coding:?}");
            assert_eq!(cache.kept("abcd", *coding).as_ref(), Some(form));
        }
        assert!(cache.variants("ef", b"court").is_empty());
    }
}

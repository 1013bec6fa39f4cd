//! Where pictures are made once and kept: the forms of a picture, and its card; nothing of how either is encoded.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Card, Facts, Form, Forms, Kind, Limits, PictureError, cache, card, clean_svg, decode, forms, inspect,
    metadata,
};

const INDEX: &str = "index.json";
const CARD: &str = "card.png";

/// Makes pictures, and remembers them by their content in a folder that may be emptied at any time.
#[derive(Debug, Clone)]
pub struct Studio {
    cache: PathBuf,
    limits: Limits,
}

impl Studio {
    /// A studio that keeps what it makes under `cache`, made when first needed, and refuses what passes `limits`.
    pub fn new(cache: PathBuf, limits: Limits) -> Self {
        Self { cache, limits }
    }

    /// The forms of a picture at the `widths` wanted, in pixels.
    ///
    /// Widths larger than the picture are left out; its own width, capped at the largest wanted, always is one.
    /// The same bytes and widths give the same forms, from the cache if they were made before.
    ///
    /// # Errors
    /// Those of [`inspect`] and [`clean_svg`]; [`PictureError::Truncated`] or [`PictureError::Codec`] where the
    /// pixels are incomplete or wrong.
    pub fn forms(&self, bytes: &[u8], widths: &[u32]) -> Result<Forms, PictureError> {
        let facts = inspect(bytes, self.limits)?;
        if facts.kind == Kind::Svg {
            return Ok(Forms { facts, original: clean_svg(bytes)?, forms: Vec::new() });
        }
        let widths = forms::widths(facts.width, widths);
        let wanted: Vec<u8> = widths.iter().flat_map(|width| width.to_le_bytes()).collect();
        let key = cache::key(&[forms::SETTINGS.as_bytes(), &wanted, bytes]);
        if let Some(kept) = self.kept(&key, bytes) {
            return Ok(kept);
        }
        let made = self.made(bytes, facts, &widths)?;
        self.keep(&key, bytes, &made);
        Ok(made)
    }

    /// The Open Graph picture of a page: a PNG of 1200 by 630 pixels, 60 kB at most.
    ///
    /// # Errors
    /// [`PictureError::Codec`] from the encoder.
    pub fn card(&self, card: &Card<'_>) -> Result<Vec<u8>, PictureError> {
        let key = cache::key(&card::identity(card));
        if let Some(kept) = cache::read(&self.cache, &key, CARD) {
            return Ok(kept);
        }
        let png = card::png(card)?;
        cache::keep(&self.cache, &key, &[(CARD.to_owned(), &png)]);
        Ok(png)
    }

    fn made(&self, bytes: &[u8], facts: Facts, widths: &[u32]) -> Result<Forms, PictureError> {
        let kind = facts.kind;
        let as_is = || Ok(metadata::stripped(bytes, kind)?.unwrap_or_else(|| bytes.to_vec()));
        if decode::is_animated(bytes, kind)? {
            return Ok(Forms { facts, original: as_is()?, forms: Vec::new() });
        }
        let Some(image) = decode::pixels(bytes, kind, self.limits)? else {
            return Ok(Forms { facts, original: as_is()?, forms: Vec::new() });
        };
        let original = match decode::orientation(bytes, kind)? {
            Some(_) => forms::upright(&image, kind)?,
            None => as_is()?,
        };
        Ok(Forms { facts, original, forms: forms::of(&image, widths)? })
    }

    fn kept(&self, key: &str, bytes: &[u8]) -> Option<Forms> {
        let index: Index = serde_json::from_slice(&cache::read(&self.cache, key, INDEX)?).ok()?;
        let original = match index.original {
            Some(name) => cache::read(&self.cache, key, &name)?,
            None => bytes.to_vec(),
        };
        let forms = index.forms.into_iter().map(|line| {
            let bytes = cache::read(&self.cache, key, &name(line.kind, line.width))?;
            Some(Form { kind: line.kind, width: line.width, height: line.height, bytes })
        });
        Some(Forms { facts: index.facts, original, forms: forms.collect::<Option<_>>()? })
    }

    fn keep(&self, key: &str, bytes: &[u8], made: &Forms) {
        let original = (made.original != bytes).then(|| format!("original.{}", made.facts.kind.extension()));
        let lines =
            made.forms.iter().map(|form| Line { kind: form.kind, width: form.width, height: form.height });
        let index = Index { facts: made.facts, original: original.clone(), forms: lines.collect() };
        let Ok(index) = serde_json::to_vec(&index) else { return };
        let mut files: Vec<(String, &[u8])> = vec![(INDEX.to_owned(), &index)];
        files.extend(original.map(|name| (name, made.original.as_slice())));
        files.extend(made.forms.iter().map(|form| (name(form.kind, form.width), form.bytes.as_slice())));
        cache::keep(&self.cache, key, &files);
    }
}

/// What an entry of the cache holds, beside the files themselves.
#[derive(Serialize, Deserialize)]
struct Index {
    facts: Facts,
    /// Name of the original's file, where it is not the bytes given.
    original: Option<String>,
    forms: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    kind: Kind,
    width: u32,
    height: u32,
}

fn name(kind: Kind, width: u32) -> String {
    format!("{width}.{}", kind.extension())
}

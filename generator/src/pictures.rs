//! The pictures of a site: which stand beside pages, what they are, and the smaller forms that are served.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aops_pictures::{Card, Facts, Form, Kind, Limits, PictureError, Studio, clean_svg, inspect};

use crate::config::CardConfig;
use crate::diagnostics::{Diagnostic, Source};
use crate::digest::short;
use crate::files;
use crate::markdown::slug::slugify;

/// The files that stand beside pages, and what looks at pictures among them.
#[derive(Debug)]
pub(crate) struct Beside {
    root: PathBuf,
    /// By file: the URL path under which it is published.
    published: HashMap<PathBuf, String>,
    /// By URL path: the file.
    by_path: HashMap<String, PathBuf>,
    /// Widths of the forms; none when no forms are made.
    widths: Vec<u32>,
    seen: Mutex<HashMap<PathBuf, Result<Arc<Picture>, Diagnostic>>>,
    studio: Studio,
}

/// A picture that a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) file: PathBuf,
    /// The URL path of the picture as it is.
    pub(crate) path: String,
    pub(crate) facts: Facts,
    /// What the URL paths of its forms begin with: it changes when the picture does.
    stem: String,
    /// Widths of its forms, the smallest first.
    widths: Vec<u32>,
}

impl Picture {
    /// The media type and `srcset` of each kind of form, the best first.
    pub(crate) fn sources(&self) -> Vec<(&'static str, String)> {
        if self.widths.is_empty() {
            return Vec::new();
        }
        let set = |kind: Kind| {
            let each = self.widths.iter().map(|width| format!("{} {width}w", self.form_path(kind, *width)));
            (kind.media_type(), each.collect::<Vec<_>>().join(", "))
        };
        vec![set(Kind::Avif), set(Kind::Webp)]
    }

    /// The URL path of every form.
    pub(crate) fn form_paths(&self) -> impl Iterator<Item = String> {
        let both = |width: &u32| [self.form_path(Kind::Avif, *width), self.form_path(Kind::Webp, *width)];
        self.widths.iter().flat_map(both).collect::<Vec<_>>().into_iter()
    }

    fn form_path(&self, kind: Kind, width: u32) -> String {
        format!("{}.{width}.{}", self.stem, kind.extension())
    }
}

impl Beside {
    /// What `copies` publishes (URL path to file); pictures among it get forms of these widths.
    pub(crate) fn new(root: &Path, copies: &BTreeMap<String, PathBuf>, widths: &[u32]) -> Self {
        Self {
            root: root.to_owned(),
            published: copies.iter().map(|(path, file)| (file.clone(), path.clone())).collect(),
            by_path: copies.iter().map(|(path, file)| (path.clone(), file.clone())).collect(),
            widths: widths.to_vec(),
            seen: Mutex::default(),
            studio: Studio::new(root.join(".cache/pictures"), Limits::default()),
        }
    }

    /// The URL path of a file, if it is published.
    pub(crate) fn path(&self, file: &Path) -> Option<&str> {
        self.published.get(file).map(String::as_str)
    }

    /// The file of a URL path.
    pub(crate) fn file(&self, path: &str) -> Option<&Path> {
        self.by_path.get(path).map(PathBuf::as_path)
    }

    /// The published files of a folder, as they are named from there.
    pub(crate) fn names(&self, folder: &Path) -> Vec<String> {
        let known = self.published.keys().filter_map(|file| file.strip_prefix(folder).ok());
        let mut known: Vec<String> = known.map(|file| file.to_string_lossy().into_owned()).collect();
        known.sort_unstable();
        known
    }

    /// The picture of a published file; each is looked at once.
    pub(crate) fn picture(&self, file: &Path) -> Result<Arc<Picture>, Diagnostic> {
        let known = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(file).cloned();
        if let Some(known) = known {
            return known;
        }
        let picture = self.look(file).map(Arc::new);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(file.to_owned()).or_insert(picture).clone()
    }

    fn look(&self, file: &Path) -> Result<Picture, Diagnostic> {
        let name = files::relative(&self.root, file);
        let bytes = std::fs::read(file).map_err(|error| files::unreadable(&name, &error))?;
        let facts = inspect(&bytes, Limits::default()).map_err(|error| fault(&name, &bytes, &error))?;
        if facts.kind == Kind::Svg {
            clean_svg(&bytes).map_err(|error| fault(&name, &bytes, &error))?;
        }
        let stem = file.file_stem().map(|stem| slugify(&stem.to_string_lossy())).unwrap_or_default();
        let widths = match facts.kind {
            Kind::Png | Kind::Jpeg => form_widths(&self.widths, facts.width),
            _ => Vec::new(),
        };
        let path = self.published.get(file).cloned().unwrap_or_default();
        let stem = format!("/pictures/{stem}.{}", short(&bytes));
        Ok(Picture { file: file.to_owned(), path, facts, stem, widths })
    }

    /// A published file as it is served: drawings without what could run, pictures without what they tell of
    /// who made them.
    pub(crate) fn served(&self, file: &Path) -> Result<Vec<u8>, Diagnostic> {
        let name = files::relative(&self.root, file);
        let bytes = std::fs::read(file).map_err(|error| files::unreadable(&name, &error))?;
        let extension = file.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let told = |error: PictureError| fault(&name, &bytes, &error);
        match extension.as_str() {
            "svg" => clean_svg(&bytes).map_err(told),
            "jpg" | "jpeg" | "png" if !self.widths.is_empty() => {
                let facts = inspect(&bytes, Limits::default()).map_err(told)?;
                let widths = form_widths(&self.widths, facts.width);
                self.studio.forms(&bytes, &widths).map(|forms| forms.original).map_err(told)
            }
            _ => Ok(bytes),
        }
    }

    /// The forms of a picture: URL path, and the form.
    pub(crate) fn forms(&self, picture: &Picture) -> Result<Vec<(String, Form)>, Diagnostic> {
        let name = files::relative(&self.root, &picture.file);
        let bytes = std::fs::read(&picture.file).map_err(|error| files::unreadable(&name, &error))?;
        let made = self.studio.forms(&bytes, &picture.widths);
        let forms = made.map_err(|error| fault(&name, &bytes, &error))?.forms;
        Ok(forms.into_iter().map(|form| (picture.form_path(form.kind, form.width), form)).collect())
    }

    /// The picture that social networks show of a page.
    pub(crate) fn card(
        &self,
        file: &str,
        (title, eyebrow, site): (&str, &str, &str),
        colours: &CardConfig,
    ) -> Result<Vec<u8>, Diagnostic> {
        let (ground, ink, accent) = (colours.ground.0, colours.ink.0, colours.accent.0);
        let card = Card { title, eyebrow, site, ground, ink, accent };
        self.studio.card(&card).map_err(|error| fault(file, &[], &error))
    }
}

/// The wanted widths below that of a picture, and its own where it is not the largest.
fn form_widths(wanted: &[u32], width: u32) -> Vec<u32> {
    let Some(largest) = wanted.iter().copied().max() else { return Vec::new() };
    let mut widths: Vec<u32> = wanted.iter().copied().filter(|wanted| *wanted < width).collect();
    widths.push(width.min(largest));
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// What is wrong with a picture, told to its editor.
fn fault(file: &str, bytes: &[u8], error: &PictureError) -> Diagnostic {
    match error {
        PictureError::NotAPicture => Diagnostic::error("picture-unknown", &[]).in_file(file),
        PictureError::Truncated => Diagnostic::error("picture-truncated", &[]).in_file(file),
        PictureError::TooManyBytes { bytes, limit } => {
            let values = [("bytes", bytes.to_string()), ("limit", limit.to_string())];
            let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
            Diagnostic::error("picture-heavy", &values).in_file(file)
        }
        PictureError::TooManyPixels { width, height, limit } => {
            let values =
                [("width", width.to_string()), ("height", height.to_string()), ("limit", limit.to_string())];
            let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
            Diagnostic::error("picture-large", &values).in_file(file)
        }
        PictureError::UnsafeSvg { what, line, column } => {
            let place = (*line as usize, (*column as usize).saturating_sub(1));
            in_drawing(Diagnostic::error("svg-unsafe", &[("what", what)]), file, bytes, place)
        }
        PictureError::MalformedSvg { what, line, column } => {
            let place = (*line as usize, (*column as usize).saturating_sub(1));
            in_drawing(Diagnostic::error("svg-malformed", &[("reason", what)]), file, bytes, place)
        }
        PictureError::Codec { message, .. } => {
            Diagnostic::error("picture-codec", &[("reason", message)]).in_file(file)
        }
    }
}

fn in_drawing(fault: Diagnostic, file: &str, bytes: &[u8], (line, column): (usize, usize)) -> Diagnostic {
    match std::str::from_utf8(bytes) {
        Ok(text) => fault.at_lines(&Source::new(file, text), (line, column), (line, column + 1)),
        Err(_) => fault.in_file(file),
    }
}

//! Files and pictures beside a page, as its Markdown and its shortcodes show them.
//!
//! It says which forms of a picture are wanted; they are made later, and only in a whole build.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::render::Renderer;
use super::writer::escape;
use crate::diagnostics::Diagnostic;
use crate::messages::nearest;

/// What stands beside pages.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// By file: the URL path under which it is published.
    pub(crate) published: HashMap<PathBuf, String>,
    pictures: Mutex<HashMap<PathBuf, Result<Arc<Picture>, Diagnostic>>>,
}

/// A picture that a page shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) file: PathBuf,
    /// The URL path of the picture as it is.
    pub(crate) path: String,
}

impl Beside {
    pub(crate) fn new(published: HashMap<PathBuf, String>) -> Self {
        Self { published, pictures: Mutex::default() }
    }

    /// The picture of a file; it is looked at once.
    fn picture(&self, file: &Path) -> Result<Arc<Picture>, Diagnostic> {
        let mut seen = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(file.to_owned())
            .or_insert_with(|| {
                let path = self.published.get(file).cloned().unwrap_or_default();
                Ok(Arc::new(Picture { file: file.to_owned(), path }))
            })
            .clone()
    }
}

impl Renderer<'_> {
    /// The address of a file beside the page; any other destination is left as it is.
    pub(super) fn beside(&mut self, destination: &str) -> String {
        match self.file_beside(destination) {
            Some(file) => match self.environment.beside.published.get(&file) {
                Some(path) => {
                    self.done.used.push(file);
                    path.clone()
                }
                None => destination.to_owned(),
            },
            None => destination.to_owned(),
        }
    }

    /// A picture with its alternative text.
    pub(super) fn picture(&mut self, destination: &str, alt: &str, title: &str, span: &Range<usize>) {
        let Some(file) = self.file_beside(destination) else {
            return self.image(destination, alt, title);
        };
        if !self.environment.beside.published.contains_key(&file) {
            let fault = self.missing(destination);
            return self.fault(fault, span.clone());
        }
        match self.environment.beside.picture(&file) {
            Ok(picture) => {
                self.image(&picture.path, alt, title);
                self.done.used.push(file);
                self.done.pictures.push(picture);
            }
            Err(fault) => self.fault(fault, span.clone()),
        }
    }

    fn image(&mut self, source: &str, alt: &str, title: &str) {
        self.out.push_str("<img src=\"");
        escape(source, &mut self.out);
        self.out.push_str("\" alt=\"");
        escape(alt, &mut self.out);
        if !title.is_empty() {
            self.out.push_str("\" title=\"");
            escape(title, &mut self.out);
        }
        self.out.push_str("\" loading=\"lazy\" decoding=\"async\">");
    }

    /// The file that a relative destination names; `None` for what is no relative path.
    fn file_beside(&self, destination: &str) -> Option<PathBuf> {
        let is_elsewhere = destination.is_empty()
            || destination.starts_with(['/', '#', '?'])
            || destination.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        if is_elsewhere || destination.ends_with('/') {
            return None;
        }
        let written = destination.split(['?', '#']).next().unwrap_or_default();
        let decoded = percent_encoding::percent_decode_str(written).decode_utf8().ok()?;
        let mut file = self.document.folder.clone();
        for part in Path::new(decoded.as_ref()).components() {
            match part {
                Component::Normal(name) => file.push(name),
                Component::CurDir => {}
                Component::ParentDir => {
                    file.pop();
                }
                _ => return None,
            }
        }
        Some(file)
    }

    fn missing(&self, destination: &str) -> Diagnostic {
        let folder = &self.document.folder;
        let known =
            self.environment.beside.published.keys().filter_map(|file| file.strip_prefix(folder).ok());
        let mut known: Vec<String> = known.map(|file| file.to_string_lossy().into_owned()).collect();
        known.sort_unstable();
        match nearest(destination, known.iter().map(String::as_str)) {
            Some(near) => Diagnostic::error("picture-missing", &[("src", destination), ("nearest", near)]),
            None => Diagnostic::error("picture-missing-alone", &[("src", destination)]),
        }
    }
}

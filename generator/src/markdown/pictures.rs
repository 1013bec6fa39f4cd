//! Files and pictures beside a page, as its Markdown and its shortcodes show them.
//!
//! It looks at headers alone, and says which forms of a picture are wanted; `crate::pictures` makes them.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::render::Renderer;
use super::writer::escape;
use crate::diagnostics::Diagnostic;
use crate::messages::nearest;
use crate::pictures::Picture;

/// How wide a picture is shown: the column of text, or the screen.
const SIZES: &str = "(min-width: 48rem) 46rem, 100vw";

/// What a picture is shown with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) alt: &'a str,
    pub(crate) title: &'a str,
    /// Whether it stands where the page opens, and is wanted at once.
    pub(crate) eager: bool,
}

/// The HTML of a picture whose file is known: with its size, and its forms where it has any.
pub(crate) fn html(picture: &Picture, shown: Shown<'_>, out: &mut String) {
    let sources = picture.sources();
    if !sources.is_empty() {
        out.push_str("<picture>");
        for (media_type, set) in &sources {
            out.push_str(&format!("<source type=\"{media_type}\" srcset=\""));
            escape(set, out);
            out.push_str(&format!("\" sizes=\"{SIZES}\">"));
        }
    }
    image(&picture.path, shown, Some((picture.facts.width, picture.facts.height)), out);
    if !sources.is_empty() {
        out.push_str("</picture>");
    }
}

/// The HTML of a picture by its address.
pub(crate) fn image(source: &str, shown: Shown<'_>, size: Option<(u32, u32)>, out: &mut String) {
    out.push_str("<img src=\"");
    escape(source, out);
    out.push_str("\" alt=\"");
    escape(shown.alt, out);
    if !shown.title.is_empty() {
        out.push_str("\" title=\"");
        escape(shown.title, out);
    }
    out.push('"');
    if let Some((width, height)) = size {
        out.push_str(&format!(" width=\"{width}\" height=\"{height}\""));
    }
    out.push_str(if shown.eager {
        " fetchpriority=\"high\">"
    } else {
        " loading=\"lazy\" decoding=\"async\">"
    });
}

impl Renderer<'_> {
    /// The address of a file beside the page; any other destination is left as it is.
    pub(super) fn beside(&mut self, destination: &str) -> String {
        let beside = self.environment.beside;
        match self.file_beside(destination).filter(|file| beside.path(file).is_some()) {
            Some(file) => {
                let path = beside.path(&file).unwrap_or_default().to_owned();
                let fragment = destination.find(['#', '?']).map_or("", |at| &destination[at..]);
                self.done.used.push(file);
                format!("{path}{fragment}")
            }
            None => destination.to_owned(),
        }
    }

    /// A picture with its alternative text.
    pub(super) fn picture(&mut self, destination: &str, alt: &str, title: &str, span: &Range<usize>) {
        let shown = Shown { alt, title, eager: false };
        let Some(file) = self.file_beside(destination) else {
            return image(destination, shown, None, &mut self.out);
        };
        if self.environment.beside.path(&file).is_none() {
            let fault = self.missing(destination);
            return self.fault(fault, span.clone());
        }
        match self.environment.beside.picture(&file) {
            Ok(picture) => {
                html(&picture, shown, &mut self.out);
                self.done.used.push(file);
                self.done.pictures.push(picture);
            }
            // What is wrong inside a drawing is told where it stands there.
            Err(fault) if fault.line > 0 => self.done.faults.push(fault),
            Err(fault) => self.fault(fault, span.clone()),
        }
    }

    /// The file that a relative destination names; `None` for what is no relative path.
    fn file_beside(&self, destination: &str) -> Option<PathBuf> {
        let is_elsewhere = destination.is_empty()
            || destination.starts_with(['/', '#', '?'])
            || destination.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        let written = destination.split(['?', '#']).next().unwrap_or_default();
        if is_elsewhere || written.ends_with('/') {
            return None;
        }
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
        let known = self.environment.beside.names(&self.document.folder);
        match nearest(destination, known.iter().map(String::as_str)) {
            Some(near) => Diagnostic::error("picture-missing", &[("src", destination), ("nearest", near)]),
            None => Diagnostic::error("picture-missing-alone", &[("src", destination)]),
        }
    }
}

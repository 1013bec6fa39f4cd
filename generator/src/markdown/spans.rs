//! Links and pictures in Markdown. It resolves them; the library and the files beside the page tell what there is.

use std::ops::Range;

use pulldown_cmark::Event;

use super::links::{self, InternalLink, href};
use super::render::Renderer;
use super::typography::Typographer;
use super::writer::escape;

/// A picture whose alternative text is being read.
pub(super) struct OpenImage {
    depth: usize,
    destination: String,
    title: String,
    text: String,
    span: Range<usize>,
}

impl OpenImage {
    pub(super) fn new(destination: String, title: String, span: Range<usize>) -> Self {
        Self { depth: 1, destination, title, text: String::new(), span }
    }
}

impl Renderer<'_> {
    pub(super) fn link(&mut self, destination: &str, title: &str, span: impl Fn() -> Range<usize>) {
        let library = self.environment.library;
        let href = if destination.starts_with("@/") {
            match links::resolve(library, self.language, destination) {
                Ok((target, anchor)) => {
                    let file = library.documents[target].source.file.clone();
                    self.done.links.push(InternalLink { target: file, anchor: anchor.clone(), span: span() });
                    href(library, target, anchor.as_deref())
                }
                Err(fault) => {
                    if !library.is_withheld(self.language, destination) {
                        self.fault(fault, span());
                    }
                    String::new()
                }
            }
        } else {
            if destination.starts_with("http://") || destination.starts_with("https://") {
                self.done.external.push((destination.to_owned(), span()));
            }
            self.beside(destination)
        };
        self.out.push_str("<a href=\"");
        escape(&href, &mut self.out);
        if !title.is_empty() {
            self.out.push_str("\" title=\"");
            escape(title, &mut self.out);
        }
        self.out.push_str("\">");
    }

    /// Inside a picture everything is its alternative text.
    pub(super) fn in_image(&mut self, event: Event<'_>) {
        let Some(image) = &mut self.alt else { return };
        match event {
            Event::Start(_) => image.depth += 1,
            Event::End(_) => image.depth -= 1,
            Event::Text(text) | Event::Code(text) => image.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => image.text.push(' '),
            _ => {}
        }
        if image.depth > 0 {
            return;
        }
        let Some(image) = self.alt.take() else { return };
        let mut alt = String::new();
        Typographer::new(self.language).write(&image.text, &mut alt);
        self.picture(&image.destination, &alt, &image.title, &image.span);
        self.typographer.pass();
    }
}

//! Footnotes: numbered as they are met, set at the end of the page. It renders no text itself.

use std::collections::HashMap;

use super::render::Renderer;

#[derive(Default)]
pub(super) struct Notes {
    numbers: HashMap<String, usize>,
    /// By number: the HTML of the definition.
    texts: HashMap<usize, String>,
    open: Vec<(usize, String)>,
}

impl Renderer<'_> {
    /// What follows is the text of a note, until it is closed.
    pub(super) fn open_note(&mut self, name: &str) {
        let number = self.note_number(name);
        let before = std::mem::take(&mut self.out);
        self.notes.open.push((number, before));
    }

    pub(super) fn close_note(&mut self) {
        if let Some((number, before)) = self.notes.open.pop() {
            let text = std::mem::replace(&mut self.out, before);
            self.notes.texts.insert(number, text);
        }
    }

    fn note_number(&mut self, name: &str) -> usize {
        let next = self.notes.numbers.len() + 1;
        *self.notes.numbers.entry(name.to_owned()).or_insert(next)
    }

    pub(super) fn note_reference(&mut self, name: &str) {
        let n = self.note_number(name);
        let id = self.ids.take(format!("fnref-{n}"));
        self.out.push_str(&format!(
            "<sup class=\"footnote-reference\" id=\"{id}\"><a href=\"#fn-{n}\">{n}</a></sup>"
        ));
        self.typographer.pass();
    }

    pub(super) fn write_notes(&mut self) {
        if self.notes.texts.is_empty() {
            return;
        }
        let mut notes: Vec<_> = std::mem::take(&mut self.notes.texts).into_iter().collect();
        notes.sort_by_key(|(number, _)| *number);
        self.out.push_str("<section class=\"footnotes\" role=\"doc-endnotes\">\n");
        for (n, text) in notes {
            self.out.push_str(&format!(
                "<div class=\"footnote-definition\" id=\"fn-{n}\"><sup class=\"footnote-definition-label\">{n}</sup>\n<div>{text}<a class=\"footnote-backref\" href=\"#fnref-{n}\" aria-label=\"{n}\">↩</a></div></div>\n"
            ));
        }
        self.out.push_str("</section>\n");
    }
}

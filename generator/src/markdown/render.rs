//! One document's Markdown to HTML, with what the rest of the site wants to know of it.
//!
//! Here events are told apart; blocks, spans and shortcodes are written in the modules beside.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use aops_manifest::Language;
use pulldown_cmark::{Alignment, Event, Parser, TextMergeWithOffset};
use tera::Tera;

use super::calls::Fragment;
use super::highlight::Highlighter;
use super::links::InternalLink;
use super::maths;
use super::notes::Notes;
use super::slug::UniqueIds;
use super::spans::OpenImage;
use super::toc::{self, Heading};
use super::typography::Typographer;
use super::writer::{escape, running_text};
use crate::content::{Document, Library};
use crate::diagnostics::Diagnostic;
use crate::pictures::{Beside, Picture};
use crate::templates::{Signatures, SiteFacts};

/// What rendering asks of the site.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub(crate) library: &'a Library,
    pub(crate) highlighter: &'a Highlighter,
    pub(crate) tera: &'a Tera,
    pub(crate) signatures: &'a Signatures,
    pub(crate) facts: &'a SiteFacts,
    pub(crate) beside: &'a Beside,
}

/// A rendered document.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    /// Text alone: what stands before `<!-- more -->`, or the beginning.
    pub(crate) summary: String,
    pub(crate) toc: Vec<Heading>,
    /// Every id in the HTML that a link may name.
    pub(crate) ids: Vec<String>,
    pub(crate) links: Vec<InternalLink>,
    /// Links to other sites, and where they stand in the source.
    pub(crate) external: Vec<(String, Range<usize>)>,
    pub(crate) pictures: Vec<Arc<Picture>>,
    pub(crate) words: usize,
    /// Files beside the page that it reads or shows.
    pub(crate) used: Vec<PathBuf>,
    /// Whether shortcodes were called: they may ask for other pages, for strings, for data.
    pub(crate) has_calls: bool,
    /// Whether their templates asked for other pages.
    pub(crate) asked: bool,
    pub(crate) faults: Vec<Diagnostic>,
}

/// Letters of an automatic summary.
const SUMMARY: usize = 240;

/// Renders the body of a document.
pub(crate) fn render(environment: Environment<'_>, document: &Document) -> Rendered {
    let mut renderer = Renderer::new(environment, document);
    renderer.fragment(document.body..document.source.text.len(), 0);
    renderer.finish()
}

pub(super) struct Renderer<'a> {
    pub(super) environment: Environment<'a>,
    pub(super) document: &'a Document,
    pub(super) language: Language,
    pub(super) out: String,
    pub(super) done: Rendered,
    pub(super) typographer: Typographer,
    pub(super) ids: UniqueIds,
    pub(super) headings: Vec<Heading>,
    pub(super) heading: Option<OpenHeading>,
    pub(super) plain: String,
    summary_closed: bool,
    pub(super) code: Option<(Option<String>, String)>,
    pub(super) alt: Option<OpenImage>,
    pub(super) table: Option<(Vec<Alignment>, usize, bool)>,
    raw_code: usize,
    pub(super) notes: Notes,
}

pub(super) struct OpenHeading {
    pub(super) id: Option<String>,
    pub(super) classes: Vec<String>,
    pub(super) before: String,
    pub(super) title: String,
}

impl<'a> Renderer<'a> {
    fn new(environment: Environment<'a>, document: &'a Document) -> Self {
        Self {
            environment,
            document,
            language: document.language,
            out: String::with_capacity((document.source.text.len() - document.body) * 3 / 2),
            done: Rendered::default(),
            typographer: Typographer::new(document.language),
            ids: UniqueIds::default(),
            headings: Vec::new(),
            heading: None,
            plain: String::new(),
            summary_closed: false,
            code: None,
            alt: None,
            table: None,
            raw_code: 0,
            notes: Notes::default(),
        }
    }

    fn finish(mut self) -> Rendered {
        self.write_notes();
        self.done.summary = summary(&self.plain, self.summary_closed);
        self.done.ids.extend(ids_in(&self.out));
        self.out.shrink_to_fit();
        self.done.html = self.out;
        self.done.toc = toc::nest(self.headings);
        self.done
    }

    /// Notes a fault at a place of the source.
    pub(super) fn fault(&mut self, fault: Diagnostic, at: Range<usize>) {
        self.done.faults.push(fault.at(&self.document.source, at));
    }

    pub(super) fn events(&mut self, text: &str, fragment: &Fragment, results: &[String]) {
        self.typographer.reset();
        let events = Parser::new_ext(text, super::options()).into_offset_iter();
        for (event, range) in TextMergeWithOffset::new(events) {
            if self.alt.is_some() {
                self.in_image(event);
                continue;
            }
            match event {
                Event::Start(tag) => {
                    self.start(tag, || fragment.origin(range.start)..fragment.origin(range.end))
                }
                Event::End(tag) => self.end(tag),
                Event::Text(words) => self.text(&words),
                Event::Code(code) => {
                    self.out.push_str("<code>");
                    escape(&code, &mut self.out);
                    self.out.push_str("</code>");
                    self.plain(&code);
                    self.typographer.pass();
                }
                Event::Html(html) => self.html(&html, results),
                Event::InlineHtml(html) => {
                    self.raw_code = match raw_code_change(&html) {
                        1 => self.raw_code + 1,
                        -1 => self.raw_code.saturating_sub(1),
                        _ => self.raw_code,
                    };
                    self.html(&html, results);
                }
                Event::SoftBreak => {
                    self.out.push('\n');
                    self.plain(" ");
                    self.typographer.space();
                }
                Event::HardBreak => {
                    self.out.push_str("<br>\n");
                    self.plain(" ");
                    self.typographer.space();
                }
                Event::Rule => self.out.push_str("<hr>\n"),
                Event::TaskListMarker(done) => {
                    let checked = if done { " checked" } else { "" };
                    self.out.push_str("<input type=\"checkbox\" disabled");
                    self.out.push_str(checked);
                    self.out.push_str("> ");
                }
                Event::FootnoteReference(name) => self.note_reference(&name),
                Event::InlineMath(formula) => self.formula(&formula, false, &range, fragment),
                Event::DisplayMath(formula) => self.formula(&formula, true, &range, fragment),
            }
        }
    }

    fn text(&mut self, words: &str) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(words);
            return;
        }
        if self.raw_code > 0 {
            escape(words, &mut self.out);
            return;
        }
        let mut set = String::with_capacity(words.len() + 8);
        self.typographer.write(words, &mut set);
        self.done.words += words.split_whitespace().count();
        running_text(&set, self.language, &mut self.out);
        self.plain(&set);
    }

    fn formula(&mut self, latex: &str, display: bool, range: &Range<usize>, fragment: &Fragment) {
        match maths::mathml(latex, display) {
            Ok(mathml) => self.out.push_str(&mathml),
            Err(fault) => {
                // The dollars stand before the formula.
                let start = fragment.origin(range.start) + if display { 2 } else { 1 };
                let place = start + fault.at.start..start + fault.at.end.max(fault.at.start + 1);
                self.fault(Diagnostic::error("formula", &[("reason", &fault.reason)]), place);
            }
        }
        self.plain(latex);
        self.typographer.pass();
    }

    /// Adds to the text of the open heading and of the summary.
    pub(super) fn plain(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading {
            heading.title.push_str(text);
        } else if !self.summary_closed && self.plain.len() < SUMMARY * 8 {
            self.plain.push_str(text);
        }
    }

    fn html(&mut self, html: &str, results: &[String]) {
        let trimmed = html.trim();
        if let Some(result) = trimmed
            .strip_prefix("<!--sc:")
            .and_then(|rest| rest.strip_suffix("-->")?.parse::<usize>().ok())
            .and_then(|index| results.get(index))
        {
            self.out.push_str(result);
            self.out.push('\n');
        } else if trimmed == "<!-- more -->" {
            self.summary_closed = true;
        } else {
            self.out.push_str(html);
        }
    }
}

/// Whether raw HTML opens (1) or closes (-1) an element whose text must be left alone.
fn raw_code_change(html: &str) -> i8 {
    let (name, change) = match html.strip_prefix("</") {
        Some(rest) => (rest, -1),
        None => (html.strip_prefix('<').unwrap_or_default(), 1),
    };
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if ["code", "pre", "kbd", "samp", "var", "script", "style", "math"].contains(&name) { change } else { 0 }
}

fn summary(plain: &str, closed: bool) -> String {
    let text = plain.split([' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if closed || text.chars().count() <= SUMMARY {
        return text;
    }
    let cut: String = text.chars().take(SUMMARY).collect();
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole);
    format!("{}…", whole.trim_end_matches([',', ';', ':', '.', '\u{A0}', '\u{202F}']))
}

/// The ids in written HTML, in order.
fn ids_in(html: &str) -> Vec<String> {
    html.split(" id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;

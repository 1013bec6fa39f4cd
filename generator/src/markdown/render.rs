//! One document's Markdown to HTML, with what the rest of the site wants to know of it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use aops_manifest::Language;
use pulldown_cmark::{
    Alignment, BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, Parser, Tag, TagEnd,
    TextMergeWithOffset,
};
use tera::{Context, Tera, Value};

use super::data;
use super::highlight::Highlighter;
use super::links::{self, InternalLink};
use super::shortcodes::{self, Call};
use super::slug::{UniqueIds, slugify};
use super::toc::{self, Heading};
use super::typography::Typographer;
use super::writer::{escape, running_text, without_tags};
use crate::content::{Document, Library};
use crate::diagnostics::Diagnostic;
use crate::messages::nearest;
use crate::templates;

/// What rendering asks of the site.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub(crate) library: &'a Library,
    pub(crate) highlighter: &'a Highlighter,
    pub(crate) tera: &'a Tera,
    /// What shortcodes see besides their arguments.
    pub(crate) context: &'a Context,
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
    pub(crate) words: usize,
    /// Data files that shortcodes read.
    pub(crate) used: Vec<PathBuf>,
    pub(crate) faults: Vec<Diagnostic>,
}

/// Shortcodes in shortcodes, at most.
const DEPTH: usize = 16;
/// Letters of an automatic summary.
const SUMMARY: usize = 240;
/// Where inline shortcodes stand in the text until they are set in: a plane that no script uses.
const MARK: u32 = 0xF_0000;

/// Renders the body of a document.
pub(crate) fn render(environment: Environment<'_>, document: &Document) -> Rendered {
    let mut renderer = Renderer::new(environment, document);
    renderer.fragment(document.body..document.source.text.len(), 0);
    renderer.finish()
}

/// Renders a short text (a line of front matter): no shortcodes, and no paragraph around a single one.
pub(crate) fn inline(text: &str, language: Language, library: &Library) -> Result<String, Diagnostic> {
    let mut html = String::new();
    let mut typographer = Typographer::new(language);
    let events = TextMergeWithOffset::new(Parser::new_ext(text, super::options()).into_offset_iter());
    let mut events: Vec<Event<'_>> = events.map(|(event, _)| event).collect();
    let paragraphs = events.iter().filter(|e| matches!(e, Event::Start(Tag::Paragraph))).count();
    if paragraphs == 1 {
        events.retain(|e| !matches!(e, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)));
    }
    for event in &mut events {
        match event {
            Event::Text(words) => {
                let mut set = String::new();
                typographer.write(words, &mut set);
                let mut raised = String::new();
                running_text(&set, language, &mut raised);
                *event = Event::Html(raised.into());
            }
            Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with("@/") => {
                let (id, anchor) = links::resolve(library, language, dest_url)?;
                *dest_url = href(library, id, anchor.as_deref()).into();
            }
            Event::SoftBreak | Event::HardBreak => typographer.space(),
            Event::Code(_) => typographer.pass(),
            _ => {}
        }
    }
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    Ok(html)
}

struct Renderer<'a> {
    environment: Environment<'a>,
    document: &'a Document,
    language: Language,
    out: String,
    done: Rendered,
    typographer: Typographer,
    ids: UniqueIds,
    headings: Vec<Heading>,
    heading: Option<OpenHeading>,
    plain: String,
    summary_closed: bool,
    code: Option<(Option<String>, String)>,
    alt: Option<OpenImage>,
    table: Option<(Vec<Alignment>, usize, bool)>,
    raw_code: usize,
    notes: Notes,
}

struct OpenHeading {
    id: Option<String>,
    classes: Vec<String>,
    before: String,
    title: String,
}

struct OpenImage {
    depth: usize,
    destination: String,
    title: String,
    text: String,
}

#[derive(Default)]
struct Notes {
    numbers: HashMap<String, usize>,
    /// By number less one: the HTML of the definition.
    texts: HashMap<usize, String>,
    open: Vec<(usize, String)>,
}

/// Markdown in which calls are replaced by marks, and where its bytes come from.
struct Fragment {
    text: String,
    /// (offset in `text`, offset in the file), in order.
    origins: Vec<(usize, usize)>,
}

impl Fragment {
    fn origin(&self, at: usize) -> usize {
        let index = self.origins.partition_point(|(here, _)| *here <= at).saturating_sub(1);
        self.origins.get(index).map_or(at, |(here, there)| there + (at - here))
    }
}

impl<'a> Renderer<'a> {
    fn new(environment: Environment<'a>, document: &'a Document) -> Self {
        Self {
            environment,
            document,
            language: document.language,
            out: String::with_capacity(document.source.text.len() * 3 / 2),
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
        self.done.html = self.out;
        self.done.toc = toc::nest(self.headings);
        self.done
    }

    /// Renders a range of the source file, shortcodes first.
    fn fragment(&mut self, range: Range<usize>, depth: usize) {
        let document = self.document;
        let calls = shortcodes::find(&document.source, range.clone(), &mut self.done.faults);
        if calls.is_empty() {
            let text = &document.source.text[range.clone()];
            let fragment = Fragment { text: String::new(), origins: vec![(0, range.start)] };
            return self.events(text, &fragment, &[]);
        }
        let results: Vec<String> = calls.iter().map(|call| self.call(call, depth)).collect();
        let (fragment, inline) = with_marks(&document.source.text, range, &calls);
        let start = self.out.len();
        self.events(&fragment.text, &fragment, &results);
        if inline {
            let written = self.out.split_off(start);
            set_in(&written, &results, &mut self.out);
            for heading in &mut self.headings {
                heading.title = without_marks(&heading.title, &results);
            }
            self.plain = without_marks(&self.plain, &results);
        }
    }

    /// The HTML of a call; a fault is noted and gives nothing.
    fn call(&mut self, call: &Call, depth: usize) -> String {
        let name = format!("shortcodes/{}.html", call.name);
        let source = &self.document.source;
        if !self.environment.tera.contains_template(&name) {
            let known: Vec<&str> = self
                .environment
                .tera
                .get_template_names()
                .filter_map(|name| name.strip_prefix("shortcodes/")?.strip_suffix(".html"))
                .collect();
            let near = nearest(&call.name, known.iter().copied()).unwrap_or("—");
            let fault = Diagnostic::error("shortcode-unknown", &[("name", &call.name), ("nearest", near)]);
            self.done.faults.push(fault.at(source, call.name_at.clone()));
            return String::new();
        }
        let mut context = self.environment.context.clone();
        for argument in &call.arguments {
            if argument.name == "data"
                && let Some(file) = argument.value.as_str()
            {
                match data::load(&self.document.folder, file) {
                    Ok((value, path)) => {
                        context.insert("data", &value);
                        self.done.used.push(path);
                    }
                    Err(fault) => {
                        self.done.faults.push(fault.at(source, argument.at.clone()));
                        return String::new();
                    }
                }
                continue;
            }
            context.insert(argument.name.clone(), &argument.value);
        }
        if let Some(body) = &call.body {
            if depth >= DEPTH {
                let fault = Diagnostic::error("shortcode-deep", &[("limit", &DEPTH.to_string())]);
                self.done.faults.push(fault.at(source, call.name_at.clone()));
                return String::new();
            }
            let before = std::mem::take(&mut self.out);
            let heading = self.heading.take();
            self.typographer.reset();
            self.fragment(body.clone(), depth + 1);
            self.heading = heading;
            let html = std::mem::replace(&mut self.out, before);
            context.insert_value("body", Value::safe_string(&html));
        }
        match self.environment.tera.render(&name, &context) {
            Ok(html) => html.trim().to_owned(),
            Err(error) => {
                let (reason, place) = templates::reason(&error);
                let reason = if place.is_empty() { reason } else { format!("{reason} ({place})") };
                let fault =
                    Diagnostic::error("shortcode-failed", &[("name", &call.name), ("reason", &reason)]);
                self.done.faults.push(fault.at(source, call.whole.start..call.name_at.end));
                String::new()
            }
        }
    }

    fn events(&mut self, text: &str, fragment: &Fragment, results: &[String]) {
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
                Event::InlineMath(formula) | Event::DisplayMath(formula) => escape(&formula, &mut self.out),
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

    /// Adds to the text of the open heading and of the summary.
    fn plain(&mut self, text: &str) {
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

    fn start(&mut self, tag: Tag<'_>, span: impl Fn() -> Range<usize>) {
        match tag {
            Tag::Paragraph => self.block("<p>"),
            Tag::Heading { id, classes, .. } => {
                self.typographer.reset();
                self.heading = Some(OpenHeading {
                    id: id.map(CowStr::into_string),
                    classes: classes.into_iter().map(CowStr::into_string).collect(),
                    before: std::mem::take(&mut self.out),
                    title: String::new(),
                });
            }
            Tag::BlockQuote(kind) => self.block(match kind {
                None => "<blockquote>\n",
                Some(BlockQuoteKind::Note) => "<blockquote class=\"markdown-alert-note\">\n",
                Some(BlockQuoteKind::Tip) => "<blockquote class=\"markdown-alert-tip\">\n",
                Some(BlockQuoteKind::Important) => "<blockquote class=\"markdown-alert-important\">\n",
                Some(BlockQuoteKind::Warning) => "<blockquote class=\"markdown-alert-warning\">\n",
                Some(BlockQuoteKind::Caution) => "<blockquote class=\"markdown-alert-caution\">\n",
            }),
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().map(str::to_lowercase),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language.filter(|l| !l.is_empty()), String::new()));
            }
            Tag::List(None) => self.block("<ul>\n"),
            Tag::List(Some(1)) => self.block("<ol>\n"),
            Tag::List(Some(start)) => self.block(&format!("<ol start=\"{start}\">\n")),
            Tag::Item => self.block("<li>"),
            Tag::DefinitionList => self.block("<dl>\n"),
            Tag::DefinitionListTitle => self.block("<dt>"),
            Tag::DefinitionListDefinition => self.block("<dd>"),
            Tag::Table(alignments) => {
                self.block("<div class=\"table-scroll\" tabindex=\"0\">\n<table>\n");
                self.table = Some((alignments, 0, true));
            }
            Tag::TableHead => self.out.push_str("<thead><tr>"),
            Tag::TableRow => {
                self.out.push_str("<tr>");
                if let Some((_, column, _)) = &mut self.table {
                    *column = 0;
                }
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.out.push_str("<em>"),
            Tag::Strong => self.out.push_str("<strong>"),
            Tag::Strikethrough => self.out.push_str("<del>"),
            Tag::Superscript => self.out.push_str("<sup>"),
            Tag::Subscript => self.out.push_str("<sub>"),
            Tag::Link { dest_url, title, .. } => self.link(&dest_url, &title, span),
            Tag::Image { dest_url, title, .. } => {
                self.alt = Some(OpenImage {
                    depth: 1,
                    destination: dest_url.into_string(),
                    title: title.into_string(),
                    text: String::new(),
                });
            }
            Tag::FootnoteDefinition(name) => {
                let number = self.note_number(&name);
                let before = std::mem::take(&mut self.out);
                self.notes.open.push((number, before));
            }
            Tag::HtmlBlock | Tag::MetadataBlock(_) => {}
        }
    }

    fn block(&mut self, opening: &str) {
        self.typographer.reset();
        if !self.plain.is_empty() && !self.plain.ends_with(' ') {
            self.plain.push(' ');
        }
        self.out.push_str(opening);
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.out.push_str("</p>\n"),
            TagEnd::Heading(level) => self.end_heading(level),
            TagEnd::BlockQuote(_) => self.out.push_str("</blockquote>\n"),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(true) => self.out.push_str("</ol>\n"),
            TagEnd::List(false) => self.out.push_str("</ul>\n"),
            TagEnd::Item => self.out.push_str("</li>\n"),
            TagEnd::DefinitionList => self.out.push_str("</dl>\n"),
            TagEnd::DefinitionListTitle => self.out.push_str("</dt>\n"),
            TagEnd::DefinitionListDefinition => self.out.push_str("</dd>\n"),
            TagEnd::Table => {
                self.out.push_str("</tbody>\n</table>\n</div>\n");
                self.table = None;
            }
            TagEnd::TableHead => {
                self.out.push_str("</tr></thead>\n<tbody>\n");
                if let Some((_, _, head)) = &mut self.table {
                    *head = false;
                }
            }
            TagEnd::TableRow => self.out.push_str("</tr>\n"),
            TagEnd::TableCell => {
                let head = self.table.as_ref().is_some_and(|(_, _, head)| *head);
                self.out.push_str(if head { "</th>" } else { "</td>" });
            }
            TagEnd::Emphasis => self.out.push_str("</em>"),
            TagEnd::Strong => self.out.push_str("</strong>"),
            TagEnd::Strikethrough => self.out.push_str("</del>"),
            TagEnd::Superscript => self.out.push_str("</sup>"),
            TagEnd::Subscript => self.out.push_str("</sub>"),
            TagEnd::Link => self.out.push_str("</a>"),
            TagEnd::FootnoteDefinition => {
                if let Some((number, before)) = self.notes.open.pop() {
                    let text = std::mem::replace(&mut self.out, before);
                    self.notes.texts.insert(number, text);
                }
            }
            TagEnd::Image | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let Some(heading) = self.heading.take() else { return };
        let inner = std::mem::replace(&mut self.out, heading.before);
        let id = self.ids.take(heading.id.unwrap_or_else(|| slugify(&heading.title)));
        let level = level as u8;
        self.out.push_str(&format!("<h{level} id=\""));
        escape(&id, &mut self.out);
        self.out.push('"');
        if !heading.classes.is_empty() {
            self.out.push_str(" class=\"");
            escape(&heading.classes.join(" "), &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
        self.out.push_str(&inner);
        if level > 1 {
            self.out.push_str("<a class=\"anchor\" href=\"#");
            escape(&id, &mut self.out);
            self.out.push_str("\" aria-labelledby=\"");
            escape(&id, &mut self.out);
            self.out.push_str("\"><span aria-hidden=\"true\">#</span></a>");
        }
        self.out.push_str(&format!("</h{level}>\n"));
        self.headings.push(Heading {
            level,
            id,
            title: heading.title.trim().to_owned(),
            children: Vec::new(),
        });
    }

    fn end_code(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        if let Some(language) = &language
            && let Some(html) = self.environment.highlighter.html(language, &code)
        {
            self.out.push_str(&html.replacen("<pre ", "<pre tabindex=\"0\" ", 1));
            self.out.push('\n');
            return;
        }
        self.out.push_str("<pre tabindex=\"0\"><code>");
        escape(&code, &mut self.out);
        self.out.push_str("</code></pre>\n");
    }

    fn cell(&mut self) {
        self.typographer.reset();
        let Some((alignments, column, head)) = &mut self.table else { return };
        let class = match alignments.get(*column) {
            Some(Alignment::Right) => " class=\"num\"",
            Some(Alignment::Center) => " class=\"center\"",
            _ => "",
        };
        *column += 1;
        self.out.push_str(if *head { "<th scope=\"col\"" } else { "<td" });
        self.out.push_str(class);
        self.out.push('>');
    }

    fn link(&mut self, destination: &str, title: &str, span: impl Fn() -> Range<usize>) {
        let library = self.environment.library;
        let href = if destination.starts_with("@/") {
            match links::resolve(library, self.language, destination) {
                Ok((target, anchor)) => {
                    let href = href(library, target, anchor.as_deref());
                    self.done.links.push(InternalLink { target, anchor, span: span() });
                    href
                }
                Err(fault) => {
                    if !library.is_withheld(self.language, destination) {
                        self.done.faults.push(fault.at(&self.document.source, span()));
                    }
                    String::new()
                }
            }
        } else {
            destination.to_owned()
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
    fn in_image(&mut self, event: Event<'_>) {
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
        self.out.push_str("<img src=\"");
        escape(&image.destination, &mut self.out);
        self.out.push_str("\" alt=\"");
        escape(&alt, &mut self.out);
        if !image.title.is_empty() {
            self.out.push_str("\" title=\"");
            escape(&image.title, &mut self.out);
        }
        self.out.push_str("\" loading=\"lazy\" decoding=\"async\">");
        self.typographer.pass();
    }

    fn note_number(&mut self, name: &str) -> usize {
        let next = self.notes.numbers.len() + 1;
        *self.notes.numbers.entry(name.to_owned()).or_insert(next)
    }

    fn note_reference(&mut self, name: &str) {
        let n = self.note_number(name);
        let id = self.ids.take(format!("fnref-{n}"));
        self.out.push_str(&format!(
            "<sup class=\"footnote-reference\" id=\"{id}\"><a href=\"#fn-{n}\">{n}</a></sup>"
        ));
        self.typographer.pass();
    }

    fn write_notes(&mut self) {
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

/// The address of a document and an anchor in it.
pub(super) fn href(library: &Library, id: usize, anchor: Option<&str>) -> String {
    let path = &library.documents[id].path;
    anchor.map_or_else(|| path.clone(), |anchor| format!("{path}#{anchor}"))
}

/// The text of a range with a mark for each call, and whether any mark is inline.
fn with_marks(text: &str, range: Range<usize>, calls: &[Call]) -> (Fragment, bool) {
    let mut fragment = Fragment { text: String::with_capacity(range.len()), origins: Vec::new() };
    let mut inline = false;
    let mut from = range.start;
    for (index, call) in calls.iter().enumerate() {
        fragment.origins.push((fragment.text.len(), from));
        fragment.text.push_str(&text[from..call.whole.start]);
        let line = text[range.start..call.whole.start].rsplit('\n').next().unwrap_or_default();
        let rest = text[call.whole.end..range.end].split('\n').next().unwrap_or_default();
        fragment.origins.push((fragment.text.len(), call.whole.start));
        if line.trim().is_empty() && rest.trim().is_empty() {
            fragment.text.push_str(&format!("<!--sc:{index}-->"));
        } else if let Some(mark) = u32::try_from(index).ok().and_then(|index| char::from_u32(MARK + index)) {
            inline = true;
            fragment.text.push(mark);
        }
        from = call.whole.end;
    }
    fragment.origins.push((fragment.text.len(), from));
    fragment.text.push_str(&text[from..range.end]);
    (fragment, inline)
}

/// The index of a mark.
fn marked(character: char) -> Option<usize> {
    u32::from(character).checked_sub(MARK).map(|index| index as usize)
}

fn set_in(written: &str, results: &[String], out: &mut String) {
    for character in written.chars() {
        match marked(character).and_then(|index| results.get(index)) {
            Some(result) => out.push_str(result),
            None => out.push(character),
        }
    }
}

fn without_marks(text: &str, results: &[String]) -> String {
    if !text.chars().any(|c| marked(c).is_some()) {
        return text.to_owned();
    }
    let mut set = String::new();
    for character in text.chars() {
        match marked(character).and_then(|index| results.get(index)) {
            Some(result) => set.push_str(&without_tags(result)),
            None => set.push(character),
        }
    }
    set
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

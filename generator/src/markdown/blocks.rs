//! Blocks of Markdown as HTML: paragraphs, headings, lists, tables, code, quotes. It follows no link.

use std::ops::Range;

use pulldown_cmark::{Alignment, BlockQuoteKind, CodeBlockKind, CowStr, HeadingLevel, Tag, TagEnd};

use super::render::{OpenHeading, Renderer};
use super::slug::slugify;
use super::spans::OpenImage;
use super::toc::Heading;
use super::writer::escape;
use crate::locale;

impl Renderer<'_> {
    pub(super) fn start(&mut self, tag: Tag<'_>, span: impl Fn() -> Range<usize>) {
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
            Tag::BlockQuote(None) => self.block("<blockquote>\n"),
            Tag::BlockQuote(Some(kind)) => self.alert(kind),
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
                self.alt = Some(OpenImage::new(dest_url.into_string(), title.into_string(), span()));
            }
            Tag::FootnoteDefinition(name) => {
                self.open_note(&name);
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

    pub(super) fn end(&mut self, tag: TagEnd) {
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
                self.close_note();
            }
            TagEnd::Image | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {}
        }
    }

    /// A quote that says in a word what it is for (GitHub's alerts).
    fn alert(&mut self, kind: BlockQuoteKind) {
        let name = match kind {
            BlockQuoteKind::Note => "note",
            BlockQuoteKind::Tip => "tip",
            BlockQuoteKind::Important => "important",
            BlockQuoteKind::Warning => "warning",
            BlockQuoteKind::Caution => "caution",
        };
        self.block(&format!("<blockquote class=\"markdown-alert markdown-alert-{name}\">\n"));
        self.out.push_str("<p class=\"markdown-alert-title\">");
        escape(locale::alert(name, self.language), &mut self.out);
        self.out.push_str("</p>\n");
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
}

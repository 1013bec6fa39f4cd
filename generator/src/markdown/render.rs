//! One Markdown text to HTML, with everything that the rest of the site wants to know of it.

use std::collections::HashSet;
use std::ops::Range;

use aops_manifest::Language;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;
use tera::Value;

use crate::content::slug;
use crate::diagnostics::Diagnostic;
use crate::markdown::highlight::highlighted;
use crate::markdown::shortcodes::{self, MARK_END, MARK_START, Marked, Shortcode};
use crate::markdown::typography::{Setting, typeset};

/// How deep shortcodes may stand inside one another.
const DEPTH_LIMIT: usize = 8;

/// Where a page's summary ends.
const MORE: &str = "<!-- more -->";

/// What rendering asks of the rest of the site.
pub(crate) struct Renderer<'a> {
    pub(crate) language: Language,
    /// The file, for diagnostics.
    pub(crate) file: &'a str,
    /// Its whole source, and where the Markdown begins in it.
    pub(crate) source: &'a str,
    pub(crate) offset: usize,
    /// The address of a file of the site, or the nearest one's name.
    pub(crate) resolve: &'a dyn Fn(&str) -> Result<String, Option<String>>,
    /// A shortcode's HTML.
    pub(crate) shortcode: &'a ShortcodeRenderer<'a>,
}

/// Renders a shortcode by name, arguments and rendered body.
pub(crate) type ShortcodeRenderer<'a> =
    dyn Fn(&str, &[(&str, Value)], Option<&str>) -> Result<String, Diagnostic> + 'a;

/// A rendered text.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) summary: Option<String>,
    pub(crate) toc: Vec<Heading>,
    pub(crate) ids: HashSet<String>,
    pub(crate) anchors: Vec<AnchorLink>,
    pub(crate) words: usize,
    pub(crate) faults: Vec<Diagnostic>,
}

/// A heading of the table of contents.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Heading {
    pub(crate) level: u8,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) children: Vec<Heading>,
}

/// A link to an anchor of a page of ours, to be checked once all pages are rendered.
#[derive(Debug, Clone)]
pub(crate) struct AnchorLink {
    /// The page's address; empty for this page.
    pub(crate) path: String,
    pub(crate) anchor: String,
    /// Where the link stands in the file.
    pub(crate) range: Range<usize>,
}

impl Renderer<'_> {
    /// Renders the Markdown of the file.
    pub(crate) fn render(&self) -> Rendered {
        let markdown = &self.source[self.offset..];
        let mut rendered = Rendered::default();
        let mut flat = Vec::new();
        rendered.html = self.text(markdown, self.offset, 0, &mut rendered, &mut flat);
        if let Some(at) = rendered.html.find(MORE) {
            rendered.summary = Some(rendered.html[..at].trim().to_owned());
        }
        rendered.toc = nested(flat);
        rendered
    }

    /// Renders a text that begins at `offset` of the source.
    fn text(&self, text: &str, offset: usize, depth: usize, out: &mut Rendered, flat: &mut Vec<Heading>) -> String {
        let mut faults = Vec::new();
        let marked = shortcodes::mark(text, &mut faults);
        out.faults.extend(faults.iter().map(|fault| {
            let range = fault.2.start + offset..fault.2.end + offset;
            shortcodes::told(fault, self.file).at(self.source, range)
        }));
        let place = |range: &Range<usize>| {
            offset + marked.original(range.start)..offset + marked.original(range.end.saturating_sub(1)) + 1
        };
        let events: Vec<(Event<'_>, Range<usize>)> =
            Parser::new_ext(&marked.text, options()).into_offset_iter().collect();
        let mut set = Vec::with_capacity(events.len());
        let mut setting = Setting::new(self.language);
        let mut at = 0;
        while let Some((event, range)) = events.get(at) {
            at += 1;
            match event {
                Event::Start(Tag::Paragraph) => {
                    setting = Setting::new(self.language);
                    // A shortcode alone in its paragraph is a block of its own.
                    if let [(Event::Text(only), _), (Event::End(TagEnd::Paragraph), _), ..] = &events[at..] {
                        if let Some(shortcode) = only_mark(only, &marked) {
                            let html = self.shortcode(shortcode, offset, depth, out, flat);
                            set.push(Event::Html(html.into()));
                            at += 2;
                            continue;
                        }
                    }
                    set.push(event.clone());
                }
                Event::Start(Tag::Heading { level, id, classes, attrs }) => {
                    let end = events[at..]
                        .iter()
                        .position(|(event, _)| matches!(event, Event::End(TagEnd::Heading(_))))
                        .map_or(events.len(), |end| at + end);
                    let title = plain(&events[at..end], &marked, self.language);
                    let id = self.unique_id(id.as_deref(), &title, place(range), out);
                    flat.push(Heading { level: number(*level), id: id.clone(), title, children: Vec::new() });
                    set.push(Event::Start(Tag::Heading {
                        level: *level,
                        id: Some(id.into()),
                        classes: classes.clone(),
                        attrs: attrs.clone(),
                    }));
                    setting = Setting::new(self.language);
                }
                Event::End(TagEnd::Heading(level)) => {
                    if let Some(heading) = flat.last() {
                        let anchor = format!("<a class=\"anchor\" href=\"#{}\" aria-hidden=\"true\" tabindex=\"-1\">#</a>", heading.id);
                        set.push(Event::InlineHtml(anchor.into()));
                    }
                    set.push(Event::End(TagEnd::Heading(*level)));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let mut code = String::new();
                    while let Some((Event::Text(text), _)) = events.get(at) {
                        code.push_str(text);
                        at += 1;
                    }
                    at += 1;
                    let language = match kind {
                        CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().unwrap_or_default(),
                        CodeBlockKind::Indented => "",
                    };
                    set.push(Event::Html(highlighted(&code, language).into()));
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                    let target = self.link(dest_url, *link_type, place(range), out);
                    set.push(Event::Start(Tag::Link {
                        link_type: *link_type,
                        dest_url: target.into(),
                        title: title.clone(),
                        id: id.clone(),
                    }));
                }
                Event::Text(text) => {
                    out.words += text.split_whitespace().count();
                    self.words(text, &marked, offset, depth, &mut setting, out, flat, &mut set);
                }
                Event::SoftBreak | Event::HardBreak => {
                    setting.line_break();
                    set.push(event.clone());
                }
                Event::Start(Tag::Item | Tag::TableCell | Tag::DefinitionListTitle | Tag::DefinitionListDefinition | Tag::FootnoteDefinition(_)) => {
                    setting = Setting::new(self.language);
                    set.push(event.clone());
                }
                Event::Code(_) | Event::InlineHtml(_) | Event::Html(_) | Event::FootnoteReference(_) => {
                    setting.skip();
                    set.push(event.clone());
                }
                _ => set.push(event.clone()),
            }
        }
        let mut page = String::with_capacity(marked.text.len() * 3 / 2);
        html::push_html(&mut page, set.into_iter());
        page
    }

    /// A run of text: set, and its marks replaced by what their shortcodes give.
    #[expect(clippy::too_many_arguments, reason = "the state of one text, used in this one place")]
    fn words<'e>(
        &self,
        text: &str,
        marked: &Marked<'_>,
        offset: usize,
        depth: usize,
        setting: &mut Setting,
        out: &mut Rendered,
        flat: &mut Vec<Heading>,
        set: &mut Vec<Event<'e>>,
    ) {
        let mut rest = text;
        while let Some(start) = rest.find(MARK_START) {
            let Some(end) = rest[start..].find(MARK_END) else { break };
            let index = rest[start + MARK_START.len_utf8()..start + end].parse::<usize>();
            if start > 0 {
                set.push(Event::Text(setting.text(&rest[..start]).into()));
            }
            if let Some(shortcode) = index.ok().and_then(|index| marked.shortcodes.get(index)) {
                let html = self.shortcode(shortcode, offset, depth, out, flat);
                set.push(Event::InlineHtml(html.trim_end_matches('\n').to_owned().into()));
                setting.skip();
            }
            rest = &rest[start + end + MARK_END.len_utf8()..];
        }
        if !rest.is_empty() {
            set.push(Event::Text(setting.text(rest).into()));
        }
    }

    fn shortcode(
        &self,
        shortcode: &Shortcode<'_>,
        offset: usize,
        depth: usize,
        out: &mut Rendered,
        flat: &mut Vec<Heading>,
    ) -> String {
        let place = shortcode.range.start + offset..shortcode.range.end + offset;
        if depth >= DEPTH_LIMIT {
            out.faults.push(Diagnostic::new("shortcode_depth", self.file, &[]).at(self.source, place));
            return String::new();
        }
        let body = shortcode.body.map(|(body, start)| self.text(body, offset + start, depth + 1, out, flat));
        if let Some((_, Some(id))) = shortcode.arguments.iter().find(|(key, _)| *key == "id").map(|(k, v)| (k, v.as_str())) {
            out.ids.insert(id.to_owned());
        }
        match (self.shortcode)(shortcode.name, &shortcode.arguments, body.as_deref()) {
            Ok(html) => html,
            Err(fault) => {
                out.faults.push(fault.at(self.source, place));
                String::new()
            }
        }
    }

    fn unique_id(&self, given: Option<&str>, title: &str, place: Range<usize>, out: &mut Rendered) -> String {
        if let Some(given) = given {
            if !out.ids.insert(given.to_owned()) {
                let fault = Diagnostic::new("duplicate_id", self.file, &[("id", given)]);
                out.faults.push(fault.at(self.source, place));
            }
            return given.to_owned();
        }
        let base = match slug(title) {
            empty if empty.is_empty() => "section".to_owned(),
            slug => slug,
        };
        let numbered = (2..).map(|n| format!("{base}-{n}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|id| !out.ids.contains(id));
        let id = free.unwrap_or(base);
        out.ids.insert(id.clone());
        id
    }

    fn link(&self, target: &str, kind: LinkType, place: Range<usize>, out: &mut Rendered) -> String {
        if matches!(kind, LinkType::Email) {
            return format!("mailto:{target}");
        }
        let (page, anchor) = target.split_once('#').map_or((target, None), |(page, anchor)| (page, Some(anchor)));
        let path = match page.strip_prefix("@/") {
            Some(file) => match (self.resolve)(file) {
                Ok(path) => path,
                Err(near) => {
                    let mut values = vec![("target", target)];
                    let near = near.map(|near| format!("@/{near}"));
                    values.extend(near.as_deref().map(|near| ("nearest", near)));
                    out.faults.push(Diagnostic::new("link_target", self.file, &values).at(self.source, place));
                    return target.to_owned();
                }
            },
            None if page.is_empty() => String::new(),
            None => return target.to_owned(),
        };
        match anchor {
            Some(anchor) => {
                out.anchors.push(AnchorLink { path: path.clone(), anchor: anchor.to_owned(), range: place });
                format!("{path}#{anchor}")
            }
            None => path,
        }
    }
}

/// A text without its formatting, as a title is told.
fn plain(events: &[(Event<'_>, Range<usize>)], marked: &Marked<'_>, language: Language) -> String {
    let mut text = String::new();
    for (event, _) in events {
        match event {
            Event::Text(piece) | Event::Code(piece) => text.push_str(piece),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    if marked.shortcodes.is_empty() { typeset(&text, language) } else { typeset(&without_marks(&text), language) }
}

fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            MARK_START => inside = true,
            MARK_END => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// The shortcode of a text that holds its mark and nothing else.
fn only_mark<'m>(text: &CowStr<'_>, marked: &'m Marked<'_>) -> Option<&'m Shortcode<'m>> {
    let index = text.trim().strip_prefix(MARK_START)?.strip_suffix(MARK_END)?;
    marked.shortcodes.get(index.parse::<usize>().ok()?)
}

/// Headings in a row, put under the ones that they belong to.
fn nested(flat: Vec<Heading>) -> Vec<Heading> {
    let mut roots = Vec::new();
    for heading in flat {
        put_under(&mut roots, heading);
    }
    roots
}

fn put_under(level: &mut Vec<Heading>, heading: Heading) {
    match level.last_mut() {
        Some(last) if last.level < heading.level => put_under(&mut last.children, heading),
        _ => level.push(heading),
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
        | Options::ENABLE_DEFINITION_LIST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Rendered {
        let resolve = |file: &str| match file {
            "offres/ifc.md" => Ok("/offres/ifc/".to_owned()),
            _ => Err(Some("offres/ifc.md".to_owned())),
        };
        let shortcode = |name: &str, _: &[(&str, Value)], body: Option<&str>| {
            Ok(format!("<{name}>{}</{name}>", body.unwrap_or_default()))
        };
        let renderer = Renderer {
            language: Language::Fr,
            file: "a.md",
            source,
            offset: 0,
            resolve: &resolve,
            shortcode: &shortcode,
        };
        renderer.render()
    }

    #[test]
    fn text_is_set_and_code_links_and_html_are_not() {
        let html = render("Quoi ? `a ?` [b](https://a.fr/?c) <i title=\"d ?\">e !</i>").html;
        assert!(html.contains("Quoi\u{202f}?") && html.contains("<code>a ?</code>"), "{html}");
        assert!(html.contains("https://a.fr/?c") && html.contains("title=\"d ?\""), "{html}");
        assert!(html.contains("e\u{202f}!"), "{html}");
    }

    #[test]
    fn headings_get_unique_ids_and_a_nested_contents() {
        let rendered = render("## Été\n\n### Un {#p-x}\n\n## Été\n\n#### Bas\n");
        let told: Vec<(&str, usize)> = rendered.toc.iter().map(|h| (h.id.as_str(), h.children.len())).collect();
        assert_eq!(told, [("ete", 1), ("ete-2", 1)]);
        assert!(rendered.html.contains("<h3 id=\"p-x\">"), "{}", rendered.html);
    }

    #[test]
    fn links_of_ours_are_resolved_and_broken_ones_told_with_their_place() {
        let rendered = render("Un [bon](@/offres/ifc.md#prix) lien.\n\nUn [mauvais](@/offres/icf.md).\n");
        assert!(rendered.html.contains("href=\"/offres/ifc/#prix\""));
        assert_eq!(rendered.anchors[0].anchor, "prix");
        assert_eq!((rendered.faults[0].code, rendered.faults[0].line), ("link_target", 3));
    }

    #[test]
    fn shortcodes_stand_as_blocks_or_inline_and_their_headings_count() {
        let rendered = render("{{ un() }}\n\nDans {{ deux() }} le texte.\n\n{% trois() %}\n## Titre\n\n{{ quatre() }}\n{% end %}\n");
        assert!(rendered.html.starts_with("<un></un>"), "{}", rendered.html);
        assert!(rendered.html.contains("<p>Dans <deux></deux> le texte.</p>"), "{}", rendered.html);
        assert!(rendered.html.contains("<trois><h2 id=\"titre\">"), "{}", rendered.html);
        assert!(rendered.html.contains("<quatre></quatre>"));
        assert_eq!(rendered.toc[0].id, "titre");
    }

    #[test]
    fn hostile_nesting_neither_overflows_nor_hangs() {
        for source in [">".repeat(100_000), "[".repeat(100_000), "*a ".repeat(50_000), "{% a() %}".repeat(2_000)] {
            let rendered = render(&source);
            assert!(rendered.html.len() < source.len() * 40);
        }
    }
}

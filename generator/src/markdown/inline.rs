//! Short texts of one line as HTML: titles, sources, whatever front matter says in Markdown. No shortcodes.

use aops_manifest::Language;
use pulldown_cmark::{Event, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::links::{self, href};
use super::typography::Typographer;
use super::writer::running_text;
use crate::content::Library;
use crate::diagnostics::Diagnostic;

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

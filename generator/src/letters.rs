//! The issues of the newsletter as mails want them: their Markdown, its links leading to the site's pages. What a
//! mail looks like is the gateway's business.

use std::collections::BTreeMap;
use std::ops::Range;

use aops_manifest::{Language, Letter};
use pulldown_cmark::{Event, Parser, Tag, TextMergeWithOffset};

use crate::content::{Document, Kind, Library};
use crate::markdown::links::{self, href};
use crate::markdown::typography::Typographer;

/// The folder of the issues, in each language.
const FOLDER: &str = "lettres/";

/// The issues that have a page, by their file's name; the two languages of one issue bear the same.
pub(crate) fn published(library: &Library) -> BTreeMap<String, BTreeMap<Language, Letter>> {
    let mut letters: BTreeMap<String, BTreeMap<Language, Letter>> = BTreeMap::new();
    for document in &library.documents {
        let name = document.relative.strip_prefix(FOLDER).and_then(|rest| rest.strip_suffix(".md"));
        let Some(name) = name.map(|name| name.strip_suffix("/index").unwrap_or(name)) else { continue };
        if document.kind == Kind::Section || !document.is_rendered() {
            continue;
        }
        let letter = Letter {
            page: document.path.clone(),
            title: document.title.clone(),
            lead: document.description.clone().unwrap_or_default(),
            text: text(library, document),
        };
        letters.entry(name.to_owned()).or_default().insert(document.language, letter);
    }
    letters
}

/// The body with links to pages resolved and its words set as on the page. A link that leads nowhere is a fault of
/// the page, told when that is rendered.
fn text(library: &Library, document: &Document) -> String {
    let source = document.source.text.get(document.body..).unwrap_or_default();
    let mut replaced: Vec<(Range<usize>, String)> = Vec::new();
    let mut typographer = Typographer::new(document.language);
    for (event, range) in TextMergeWithOffset::new(Parser::new(source).into_offset_iter()) {
        match event {
            Event::Text(words) if source.get(range.clone()) == Some(words.as_ref()) => {
                let mut set = String::new();
                typographer.write(&words, &mut set);
                replaced.push((range, set));
            }
            Event::SoftBreak | Event::HardBreak => typographer.space(),
            Event::Code(_) => typographer.pass(),
            Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with("@/") => {
                let place = source.get(range.clone()).and_then(|link| link.rfind(dest_url.as_ref()));
                if let (Some(place), Ok((id, anchor))) =
                    (place, links::resolve(library, document.language, &dest_url))
                {
                    let start = range.start + place;
                    let to = href(library, id, anchor.as_deref());
                    replaced.push((start..start + dest_url.len(), to));
                }
            }
            _ => {}
        }
    }
    replaced.sort_by_key(|(range, _)| range.start);
    let (mut text, mut end) = (String::with_capacity(source.len()), 0);
    for (range, words) in replaced {
        text.push_str(source.get(end..range.start).unwrap_or_default());
        text.push_str(&words);
        end = range.end;
    }
    text.push_str(source.get(end..).unwrap_or_default());
    text.trim().to_owned()
}

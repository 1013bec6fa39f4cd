//! Markdown to HTML: CommonMark with the extensions of the house, headings with anchors, checked links,
//! typography, coloured code, shortcodes. It knows the library to resolve links, and nothing of output.

mod data;
pub(crate) mod highlight;
pub(crate) mod links;
mod render;
pub(crate) mod shortcodes;
pub(crate) mod slug;
mod toc;
pub(crate) mod typography;
mod writer;

use pulldown_cmark::Options;

pub(crate) use render::{Environment, Rendered, inline, render};

pub(crate) use writer::escape;

/// The Markdown that authors write.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
        | Options::ENABLE_DEFINITION_LIST
}

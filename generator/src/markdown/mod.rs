//! Markdown to HTML: CommonMark with the extensions of the house, headings with anchors, checked links,
//! typography, coloured code, shortcodes. It knows the library to resolve links, and nothing of output.

mod blocks;
mod calls;
pub(crate) mod data;
pub(crate) mod highlight;
mod inline;
pub(crate) mod links;
mod maths;
mod notes;
pub(crate) mod pictures;
mod render;
pub(crate) mod shortcodes;
pub(crate) mod slug;
mod spans;
mod toc;
pub(crate) mod typography;
mod writer;

use pulldown_cmark::Options;

pub(crate) use inline::inline;
pub(crate) use render::{Environment, Rendered, render};

pub(crate) use toc::Heading;
pub(crate) use writer::{escape, without_tags};

/// The Markdown that authors write.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_MATH
}

//! From Markdown to HTML: CommonMark by pulldown-cmark, with our links, headings, shortcodes and typography.

mod highlight;
mod render;
mod shortcodes;
mod typography;

pub(crate) use self::highlight::stylesheet;
pub(crate) use self::render::{Rendered, Renderer};
pub(crate) use self::typography::typeset;

//! From files to documents: front matter, addresses, sections, translations. Nothing is rendered here.

mod document;
mod front_matter;
mod library;
mod slug;

pub(crate) use self::document::{Document, Kind};
pub(crate) use self::library::Library;
pub(crate) use self::slug::slug;
